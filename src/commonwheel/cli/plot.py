"""Draw signals of a log over time, as one HTML page, as SVG or as PNG.

Without --signals a handful is chosen for the car: what every car has to offer (profile core), then what electric cars
do, those first that change. Spans that are not to be trusted are shaded by their quality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.cli.decode import add_log_options, selection_of

if TYPE_CHECKING:
    import argparse

    from commonwheel.report import Chart, Markup
    from commonwheel.vehicles import Samples
    from commonwheel.vehicles.reading import LogDecoder

__all__ = ["configure", "run"]

SUFFIXES = (".html", ".svg", ".png")
A_HANDFUL, MOST_PANELS = 8, 60
DEFAULT_PROFILES = ("core", "electric")


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    add_log_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where to: .html .svg .png; default: beside you, named as the log",
    )
    parser.add_argument("--json", action="store_true", help="print what was drawn as JSON")


@dataclass(frozen=True, slots=True, eq=False)
class _Drawing:
    """What is drawn, and what is to be said of it."""

    decoder: LogDecoder
    samples: int
    parts: dict[str, Samples]
    """The samples of each signal that is drawn."""
    chart: Chart
    notes: list[str]


def run(args: argparse.Namespace) -> int:
    """Draw; returns the exit status."""
    from commonwheel.errors import OutputError
    from commonwheel.report import check_target, write

    target = args.output or Path(f"{args.log.name.partition('.')[0] or 'plot'}.html")
    if target.suffix.lower() not in SUFFIXES:
        message = f"{target}: the suffix '{target.suffix}' is no picture; use one of {', '.join(SUFFIXES)}"
        raise OutputError(message)
    check_target(target)
    drawing = _draw(args, *_decode(args))
    write(target, _content(target, drawing))
    if args.json:
        show.print_json(_facts(target, drawing))
    else:
        print(target)
        for note in drawing.notes:
            show.note(f"note: {note}")
    return PROBLEMS if drawing.decoder.warnings or drawing.decoder.report.damage else FINE


def _decode(args: argparse.Namespace) -> tuple[LogDecoder, Samples]:
    """Return the samples of what is wanted, or of what may be chosen from."""
    from commonwheel.vehicles import Samples
    from commonwheel.vehicles.reading import LogDecoder

    selection = selection_of(args)
    if not args.signals:
        selection = replace(selection, signals=tuple(_candidates()))
    total = args.log.stat().st_size if args.log.is_file() else None
    with (
        show.progress(f"decoding {args.log.name}", total) as tell,
        LogDecoder(args.log, args.car, selection, args.catalog, tell) as decoder,
    ):
        return decoder, Samples.concat(decoder)


def _candidates() -> list[str]:
    from commonwheel.catalog.profiles import load_profiles

    profiles = load_profiles()
    return list(dict.fromkeys(signal.path for name in DEFAULT_PROFILES for signal in profiles[name].signals))


def _draw(args: argparse.Namespace, decoder: LogDecoder, samples: Samples) -> _Drawing:
    """Choose and lay out.

    Raises:
        OutputError: nothing that was asked for is in the log.
    """
    from commonwheel.errors import OutputError
    from commonwheel.report import Chart, Timeline, by_path, panels_of, unfold

    samples, jumps = unfold(samples)
    parts = by_path(samples)
    if not parts:
        asked = f"of {', '.join(args.signals)} " if args.signals else ""
        message = f"{args.log}: nothing {asked}is there to draw; 'commonwheel decode' shows what the log holds"
        raise OutputError("; ".join([message, *decoder.warnings]))
    if not args.signals:
        parts = _handful(parts)
    timeline = Timeline.of(samples, decoder.first_ns)
    panels = panels_of(parts, parts, timeline)
    chart = Chart(f"{decoder.vehicle.title}, {decoder.path.name}", tuple(panels[:MOST_PANELS]), timeline.axis)
    return _Drawing(decoder, len(samples), parts, chart, _notes(decoder, jumps, len(panels) - MOST_PANELS))


def _handful(parts: dict[str, Samples]) -> dict[str, Samples]:
    """Return a few signals, in the order of the profiles: those that change, where any does."""
    found = [path for path in _candidates() if path in parts]
    changing = [path for path in found if _changes(parts[path])]
    return {path: parts[path] for path in (changing or found)[:A_HANDFUL]}


def _changes(mine: Samples) -> bool:
    value = mine.good.value
    return len(value) > 0 and bool((value != value[0]).any())


def _notes(decoder: LogDecoder, jumps: int, left_out: int) -> list[str]:
    from commonwheel.wire.frames import Clock

    said = list(decoder.warnings)
    if decoder.report.clock is Clock.ORDER:
        said.append("the log has no usable times: the axis is the order of its frames")
    if jumps:
        times = "once" if jumps == 1 else f"{jumps} times"
        said.append(f"the log's clock jumps back {times}: what follows is drawn right behind what came before")
    if decoder.report.damage:
        said.append(f"the log is damaged: {decoder.report.damage}")
    if left_out > 0:
        said.append(f"{left_out} panels more were asked for than can be drawn; narrow them with --signals")
    return said


def _content(target: Path, drawing: _Drawing) -> str | bytes:
    from commonwheel.report import picture, png

    if target.suffix.lower() == ".html":
        return _page(drawing)
    svg = picture(drawing.chart, drawing.chart.title, "; ".join(drawing.notes))
    return png(svg) if target.suffix.lower() == ".png" else svg


def _page(drawing: _Drawing) -> str:
    from commonwheel.report import card, el, facts, figure, page

    decoder, count = drawing.decoder, len(drawing.parts)
    head = facts(
        {
            "Car": decoder.vehicle.name,
            "Log": decoder.path.name,
            "Format": decoder.report.format.value,
            "Frames": _grouped(decoder.report.frames),
            "Samples decoded": _grouped(drawing.samples),
        }
    )
    notes = [el("p", note, class_="note bad") for note in drawing.notes]
    return page(
        decoder.vehicle.title,
        card("Signals over time", head, *notes, figure(drawing.chart), name="chart"),
        card("What was drawn", _table(drawing), name="signals"),
        lead=f"{count} standard signal{'s' if count != 1 else ''} from {decoder.path.name}.",
        scripts=("chart.js",),
    )


def _table(drawing: _Drawing) -> Markup:
    from commonwheel.report import table

    rows = [
        [
            row["path"].removeprefix("Vehicle."),
            row["unit"],
            _grouped(row["samples"]),
            row["min"],
            row["max"],
            row["last"],
            ", ".join(f"{_share(share)} {name}" for name, share in row["quality"].items()),
            ", ".join(row["sources"]),
            row["evidence"],
        ]
        for row in map(_row, drawing.parts.values())
    ]
    columns = ["signal", "unit", "samples", "lowest", "highest", "last", "quality", "fields", "rests on"]
    caption = "Each signal with its range, its quality and what it rests on"
    return table(columns, rows, caption=caption, numeric=(2, 3, 4, 5), wide=(7, 8))


def _share(percent: float) -> str:
    """Return a share so that neither a rare fault nor a rare good sample is rounded away."""
    return f"{percent:.0f} %" if percent in {0, 100} else f"{min(99.99, max(0.01, percent)):.2f} %"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _row(mine: Samples) -> dict[str, Any]:
    """Return what is known of a signal that is drawn."""
    from commonwheel.report.samples import labels_of
    from commonwheel.report.ticks import format_number
    from commonwheel.vehicles import Quality

    info = mine.table[int(mine.signal[0])]
    good, labels = mine.good.value, labels_of(info)
    good = good[good == good]  # noqa: PLR0124 - what is not NaN
    last = None if not len(good) else float(good[-1])
    named = labels.get(int(last), f"{last:g}") if labels and last is not None else format_number(last)
    ranged = len(good) > 0 and not labels
    return {
        "path": info.path,
        "unit": info.unit,
        "samples": len(mine),
        "min": format_number(float(good.min())) if ranged else "–",
        "max": format_number(float(good.max())) if ranged else "–",
        "last": named,
        "quality": {q.name: 100 * float((mine.quality == q).mean()) for q in Quality if (mine.quality == q).any()},
        "sources": list(info.sources),
        "evidence": info.evidence,
    }


def _facts(target: Path, drawing: _Drawing) -> dict[str, Any]:
    decoder = drawing.decoder
    return {
        "output": str(target),
        "bytes": target.stat().st_size,
        "log": str(decoder.path),
        "car": decoder.vehicle.name,
        "clock": decoder.report.clock.value,
        "panels": len(drawing.chart.panels),
        "signals": [_row(mine) for mine in drawing.parts.values()],
        "notes": drawing.notes,
    }
