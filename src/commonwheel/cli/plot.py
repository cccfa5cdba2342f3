"""Draw signals of a log over time, as one HTML page, as SVG or as PNG.

Without --signals a handful is chosen for the car: what every car has to offer (profile core), then what electric cars
do, those first that change. Spans that are not to be trusted are shaded by their quality.
"""

from __future__ import annotations

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


def run(args: argparse.Namespace) -> int:
    """Draw; returns the exit status."""
    from commonwheel.errors import OutputError
    from commonwheel.report import check_target, write

    target = args.output or Path(f"{args.log.name.partition('.')[0] or 'plot'}.html")
    if target.suffix.lower() not in SUFFIXES:
        message = f"{target}: the suffix '{target.suffix}' is no picture; use one of {', '.join(SUFFIXES)}"
        raise OutputError(message)
    check_target(target)
    decoder, samples = _decode(args)
    paths, left_out = _paths(args, decoder, samples)
    chart = _chart(decoder, samples, paths)
    write(target, _drawn(target, decoder, samples, chart, paths, left_out))
    if args.json:
        show.print_json(_facts(target, decoder, samples, paths, left_out))
    else:
        print(target)
        for warning in _warnings(decoder, left_out):
            show.note(f"note: {warning}")
    return PROBLEMS if decoder.warnings or decoder.report.damage else FINE


def _decode(args: argparse.Namespace) -> tuple[LogDecoder, Samples]:
    """Return the samples of what is wanted, or of what may be chosen from."""
    import dataclasses

    from commonwheel.vehicles import Samples
    from commonwheel.vehicles.reading import LogDecoder

    selection = selection_of(args)
    if not args.signals:
        selection = dataclasses.replace(selection, signals=tuple(_candidates()))
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


def _paths(args: argparse.Namespace, decoder: LogDecoder, samples: Samples) -> tuple[list[str], int]:
    """Return what is drawn, and how many signals were left out as they are too many.

    Raises:
        OutputError: nothing that was asked for is in the log.
    """
    from commonwheel.errors import OutputError

    found = [path for path in samples.paths if any(s.path == path and s.how != "text" for s in samples.table)]
    if not found:
        asked = f"of {', '.join(args.signals)} " if args.signals else ""
        message = f"{args.log}: nothing {asked}is there to draw; 'commonwheel decode' shows what the log holds"
        raise OutputError("; ".join([message, *decoder.warnings]))
    if args.signals:
        return found[: MOST_PANELS * 4], max(0, len(found) - MOST_PANELS * 4)
    candidates = [path for path in _candidates() if path in found]
    changing = [path for path in candidates if _changes(samples, path)]
    chosen = (changing or candidates)[:A_HANDFUL]
    return [path for path in candidates if path in chosen], 0


def _changes(samples: Samples, path: str) -> bool:
    value = samples.of(path).good.value
    return len(value) > 0 and bool((value != value[0]).any())


def _chart(decoder: LogDecoder, samples: Samples, paths: list[str]) -> Chart:
    from commonwheel.report import Chart, axis_of, panels_of

    zero = decoder.first_ns
    panels = tuple(panels_of(samples, paths, zero))
    return Chart(f"{decoder.vehicle.title}, {decoder.path.name}", panels, axis_of(samples, zero))


def _drawn(
    target: Path, decoder: LogDecoder, samples: Samples, chart: Chart, paths: list[str], left_out: int
) -> str | bytes:
    from commonwheel.report import picture, png

    if target.suffix.lower() == ".html":
        return _page(decoder, samples, chart, paths, left_out)
    svg = picture(chart, chart.title, " ".join(_warnings(decoder, left_out)))
    return png(svg) if target.suffix.lower() == ".png" else svg


def _warnings(decoder: LogDecoder, left_out: int) -> list[str]:
    from commonwheel.wire.frames import Clock

    said = list(decoder.warnings)
    if decoder.report.clock is Clock.ORDER:
        said.append("the log has no usable times: the axis is the order of its frames")
    if decoder.report.damage:
        said.append(f"the log is damaged: {decoder.report.damage}")
    if left_out:
        said.append(f"{left_out} more signals were asked for than can be drawn; narrow them with --signals")
    return said


def _page(decoder: LogDecoder, samples: Samples, chart: Chart, paths: list[str], left_out: int) -> str:
    from commonwheel.report import card, el, facts, figure, page

    report = decoder.report
    head = facts(
        {
            "Car": decoder.vehicle.name,
            "Log": decoder.path.name,
            "Format": report.format.value,
            "Frames": f"{report.frames:,}".replace(",", " "),
            "Samples drawn": f"{len(samples):,}".replace(",", " "),
        }
    )
    notes = [el("p", warning, class_="note bad") for warning in _warnings(decoder, left_out)]
    return page(
        f"{decoder.vehicle.title}",
        card("Signals over time", head, *notes, figure(chart), name="chart"),
        card("What was drawn", _table(samples, paths), name="signals"),
        lead=f"{len(paths)} standard signal{'s' if len(paths) != 1 else ''} from {decoder.path.name}.",
        scripts=("chart.js",),
    )


def _table(samples: Samples, paths: list[str]) -> Markup:
    from commonwheel.report import table

    rows = [
        [
            row["path"].removeprefix("Vehicle."),
            row["unit"],
            f"{row['samples']:,}".replace(",", " "),
            row["min"],
            row["max"],
            row["last"],
            ", ".join(f"{_share(share)} {name}" for name, share in row["quality"].items()),
            ", ".join(row["sources"]),
            row["evidence"],
        ]
        for row in _rows(samples, paths)
    ]
    columns = ["signal", "unit", "samples", "lowest", "highest", "last", "quality", "fields", "rests on"]
    return table(
        columns,
        rows,
        caption="Each signal with its range, its quality and what it rests on",
        numeric=(2, 3, 4, 5),
        wide=(7, 8),
    )


def _share(percent: float) -> str:
    """Return a share so that neither a rare fault nor a rare good sample is rounded away."""
    if 0.005 <= percent <= 99.995:  # noqa: PLR2004 - what two digits can tell from none and all
        return f"{percent:.2f} %"
    return f"{percent:.0f} %" if percent in {0, 100} else f"{percent:.4g} %"


def _rows(samples: Samples, paths: list[str]) -> list[dict[str, Any]]:
    """Return what is known of each signal that is drawn."""
    from commonwheel.report.samples import labels_of
    from commonwheel.report.ticks import format_number
    from commonwheel.vehicles import Quality

    infos = {info.path: info for info in samples.table}
    rows: list[dict[str, Any]] = []
    for path in paths:
        mine, info = samples.of(path), infos[path]
        good = mine.good.value
        labels = labels_of(info)

        def told(value: float, labels: Any = labels) -> str:  # noqa: ANN401 - as labels_of gives them
            return labels.get(int(value), f"{value:g}") if labels and value == value else format_number(value)  # noqa: PLR0124 - NaN

        rows.append(
            {
                "path": path,
                "unit": info.unit,
                "samples": len(mine),
                "min": told(good.min()) if len(good) and not labels else "–",
                "max": told(good.max()) if len(good) and not labels else "–",
                "last": told(good[-1]) if len(good) else "–",
                "quality": {
                    q.name: 100 * float((mine.quality == q).mean()) for q in Quality if (mine.quality == q).any()
                },
                "sources": list(info.sources),
                "evidence": info.evidence,
            }
        )
    return rows


def _facts(target: Path, decoder: LogDecoder, samples: Samples, paths: list[str], left_out: int) -> dict[str, Any]:
    return {
        "output": str(target),
        "bytes": target.stat().st_size,
        "log": str(decoder.path),
        "car": decoder.vehicle.name,
        "clock": decoder.report.clock.value,
        "signals": _rows(samples, paths),
        "left_out": left_out,
        "warnings": _warnings(decoder, left_out),
    }
