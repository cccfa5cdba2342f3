"""One drive through three makers' wires, and back into one standard.

Makes up a drive, encodes it with three cars' descriptions, writes three logs, tells the cars from the traffic alone,
decodes, and shows on one page that the same signals come back. Needs nothing but the installed package.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from commonwheel.tour.drive import Drive
    from commonwheel.tour.tour import Passage

__all__ = ["configure", "run"]

FOLDER = Path("commonwheel-tour")
COLUMNS = ("car", "log", "frames", "Vehicle.Speed on the wire", "decoded", "told as", "came back")
NUMERIC = (2,)
HINT = "This traffic is synthetic. For a real log: commonwheel decode YOUR.log"


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument(
        "-o", "--output", type=Path, default=FOLDER, metavar="FOLDER", help=f"where to put page and logs ({FOLDER})"
    )
    parser.add_argument("--no-open", action="store_true", help="do not open the page in a browser")
    parser.add_argument("--json", action="store_true", help="print what came back as JSON")


def run(args: argparse.Namespace) -> int:
    """Show the tour; returns the exit status."""
    from commonwheel.catalog.profiles import load_profiles
    from commonwheel.report import write
    from commonwheel.tour import CARS, synthesise, tour
    from commonwheel.tour.page import tour_page
    from commonwheel.vehicles.compare import compare

    began = time.perf_counter()
    folder = _folder(args.output)
    drive = synthesise(stop.car for stop in CARS)
    passages: list[Passage] = []
    with _live(drive, [stop.car for stop in CARS], quiet=args.json) as tell:
        for passage in tour(drive, folder):
            passages.append(passage)
            tell(passages)
    compared = compare([passage.vehicle for passage in passages], load_profiles().values())
    page = folder / "index.html"
    write(page, tour_page(drive, passages, compared))
    seconds = time.perf_counter() - began
    if args.json:
        show.print_json(_facts(drive, passages, page, seconds))
    else:
        print(f"{HINT}\n{page} ({page.stat().st_size / 1000:,.0f} kB, {seconds:.1f} s)")
        if show.has_window() and not args.no_open:
            show.open_in_browser(page.resolve().as_uri())
    return FINE if all(passage.right for passage in passages) else PROBLEMS


def _folder(path: Path) -> Path:
    """Make the folder where there is none.

    Raises:
        OutputError: that cannot be done.
    """
    from commonwheel.errors import OutputError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{path}: the folder cannot be made: {error.strerror or error}; choose another with -o"
        raise OutputError(message) from error
    return path


@contextlib.contextmanager
def _live(drive: Drive, cars: list[str], *, quiet: bool) -> Generator[Callable[[list[Passage]], None]]:
    """Yield what takes the passages so far: a table that fills on a terminal, one at the end elsewhere."""
    title = f"One drive of {drive.end_ns / 1e9:.0f} s on {len(cars)} makers' wires and back"
    done: list[Passage] = []
    if quiet:
        yield done.extend
    elif not show.terminal():
        yield lambda passages: done.append(passages[-1])
        show.table(COLUMNS, [_row(passage) for passage in done], title=title, right=NUMERIC)
    else:
        from rich.live import Live

        with Live(_rich(title, cars, []), auto_refresh=False) as live:
            yield lambda passages: live.update(_rich(title, cars, passages), refresh=True)


def _rich(title: str, cars: list[str], passages: list[Passage]) -> Any:  # noqa: ANN401 - rich is imported late
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for i, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if i in NUMERIC else "left", overflow="fold")
    for passage in passages:
        *cells, verdict = _row(passage)
        table.add_row(*cells, f"[{'green' if passage.right else 'red'}]{verdict}[/]")
    for car in cars[len(passages) :]:
        table.add_row(car, "[dim]…[/]")
    return table


def _row(passage: Passage) -> list[str]:
    from commonwheel.tour.bits import pictures
    from commonwheel.tour.page import INSTANT_S, SPEED

    picture = pictures(passage, (SPEED,), round(INSTANT_S * 1e9))[0]
    speed = picture.carried[0]
    return [
        passage.vehicle.name,
        passage.log.name,
        f"{len(passage.frames):,}",
        f"{picture.message.id:03X}#{picture.payload.hex().upper()}",
        f"{speed.value:.2f} {speed.unit}",
        "itself" if passage.told == passage.vehicle.name else passage.told,
        "{} of {} signals".format(*passage.exact),
    ]


def _facts(drive: Drive, passages: list[Passage], page: Path, seconds: float) -> dict[str, Any]:
    return {
        "synthetic": True,
        "page": str(page),
        "page_bytes": page.stat().st_size,
        "seconds": seconds,
        "drive_seconds": drive.end_ns / 1e9,
        "cars": [
            {
                "car": passage.vehicle.name,
                "told": passage.told,
                "log": str(passage.log),
                "format": passage.format,
                "frames": len(passage.frames),
                "samples": len(passage.samples),
                "corrupt": passage.corrupt,
                "sent": list(passage.sent),
                "right": passage.right,
                "signals": [
                    {
                        "path": d.path,
                        "unit": d.unit,
                        "samples": d.samples,
                        "largest_deviation": d.largest,
                        "step": d.step,
                        "state": d.state,
                        "not_good": d.bad,
                        "holds": d.holds,
                    }
                    for d in passage.deviations
                ],
            }
            for passage in passages
        ],
    }
