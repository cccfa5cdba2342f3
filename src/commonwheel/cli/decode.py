"""Turn a CAN log into standard signals.

Without --car the car is told from the traffic. Without -o only the summary is shown: per signal the number
of samples, their rate, range, last value and share of each quality.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from commonwheel.vehicles.decoder import MessageCount
    from commonwheel.vehicles.export import SampleWriter
    from commonwheel.vehicles.reading import LogDecoder, Selection
    from commonwheel.wire.logs import LogReport

__all__ = ["add_log_options", "bus_option", "configure", "run", "selection_of"]

MOST_MESSAGES_SHOWN = 8
TROUBLES = {
    "corrupt": "fail their checksum",
    "lost": "lost by the counter",
    "stuck": "with a stuck counter",
    "shorter": "too short",
    "stale": "times silent",
}
"""What may be wrong with the frames of a message, in words."""
MOST_SECONDS = 1e9


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    add_log_options(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write samples: .parquet .arrow .csv .jsonl")
    parser.add_argument(
        "--wide",
        type=milliseconds_option,
        nargs="?",
        const=100.0,
        metavar="MS",
        help="one column per signal, every MS milliseconds (100), instead of one row per sample",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """State the options of every verb that decodes a log."""
    parser.add_argument("log", type=Path, help="the log; its format is recognised, also compressed")
    parser.add_argument(
        "--car", metavar="CAR", help="maker/car[:variant], or a description's folder; default: find out"
    )
    parser.add_argument("--signals", action="append", metavar="PATTERN", help="only these: a path, a branch, * or **")
    parser.add_argument(
        "--bus", action="append", type=bus_option, metavar="N=NAME", help="bus N of the log is the car's bus NAME"
    )
    for option, name, text in (
        ("--from", "start", "from this second of the log on"),
        ("--to", "end", "up to this one"),
    ):
        parser.add_argument(option, dest=name, type=seconds_option, metavar="S", help=text)
    parser.add_argument("--catalog", type=Path, metavar="FILE", help="a VSS tree of your own, as JSON")
    parser.add_argument(
        "--with-personal", action="store_true", help="also signals that tell who the car or its user is"
    )


def bus_option(text: str) -> tuple[int, str]:
    """Read '1=ev'."""
    number, _, name = text.partition("=")
    if not name or not number.isdigit() or int(number) > 255:  # noqa: PLR2004 - a byte in Frames
        message = f"'{text}' is not N=NAME, such as 1=ev"
        raise argparse.ArgumentTypeError(message)
    return int(number), name


def seconds_option(text: str) -> float:
    """Read a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= MOST_SECONDS:
        message = f"'{text}' is not a number of seconds"
        raise argparse.ArgumentTypeError(message)
    return value


def milliseconds_option(text: str) -> float:
    """Read the period of a wide table."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= MOST_SECONDS:
        message = f"'{text}' is not a period in milliseconds"
        raise argparse.ArgumentTypeError(message)
    return value


def selection_of(args: argparse.Namespace) -> Selection:
    """Return what the options select.

    Raises:
        CatalogError: a pattern of signals selects nothing in the standard.
        LogError: the span of time ends before it begins.
    """
    from commonwheel.errors import LogError
    from commonwheel.vehicles.reading import Selection

    if args.start is not None and args.end is not None and args.start >= args.end:
        message = f"--from {args.start:g} is not before --to {args.end:g}; both count seconds from the first frame"
        raise LogError(message)
    if args.signals:
        _check_patterns(args.signals, args.catalog)
    return Selection(
        tuple(args.signals) if args.signals else None,
        dict(args.bus) if args.bus else None,
        args.start,
        args.end,
        args.with_personal,
    )


def _check_patterns(patterns: list[str], path: Path | None) -> None:
    from commonwheel.catalog import load_catalog
    from commonwheel.errors import CatalogError

    catalog = load_catalog(path)
    for pattern in patterns:
        if not catalog.match(pattern):
            raise CatalogError(catalog.explain(pattern))


def _check_output(args: argparse.Namespace) -> None:
    from commonwheel.errors import OutputError

    if args.wide is not None and args.output is None:
        message = "--wide lays out the samples that -o writes; name a file with -o"
        raise OutputError(message)
    if args.output is not None and args.output.exists() and args.log.exists() and args.output.samefile(args.log):
        message = f"{args.output} is the log itself; name another file with -o"
        raise OutputError(message)


def run(args: argparse.Namespace) -> int:
    """Decode; returns the exit status."""
    import contextlib

    from commonwheel.vehicles.reading import LogDecoder
    from commonwheel.vehicles.samples import Samples
    from commonwheel.wire.codec import Summaries

    _check_output(args)
    total = args.log.stat().st_size if args.log.is_file() else None
    with contextlib.ExitStack() as stack:
        tell = stack.enter_context(show.progress(f"decoding {args.log.name}", total))
        decoder = stack.enter_context(LogDecoder(args.log, args.car, selection_of(args), args.catalog, tell))
        writer = stack.enter_context(_writer(args.output)) if args.output else None
        summaries = Summaries(len(decoder.vehicle.signals))
        kept: list[Samples] = []
        for samples in decoder:
            summaries.add(samples)
            if writer is not None:
                writer.clock = samples.clock
                if args.wide is None:
                    writer.write(samples)
                else:
                    kept.append(samples)
        if writer is not None and args.wide is not None:
            writer.write_table(Samples.concat(kept).wide(args.wide))
    _report(args, decoder, summaries.rows, writer)
    return PROBLEMS if decoder.warnings or decoder.report.damage else FINE


def _writer(path: Path) -> SampleWriter:
    from commonwheel.vehicles.export import SampleWriter  # pyarrow takes a while to import

    return SampleWriter(path)


def _report(
    args: argparse.Namespace, decoder: LogDecoder, rows: npt.NDArray[np.void], writer: SampleWriter | None
) -> None:
    facts = _facts(decoder, rows)
    if args.json:
        show.print_json(facts | {"output": str(args.output) if args.output else None})
        return
    table = [
        [
            row["path"].removeprefix("Vehicle."),
            f"{row['count']:,}",
            show.number(row["rate_hz"], 3),
            _value(row, "min"),
            _value(row, "max"),
            _value(row, "last"),
            row["unit"],
            _shares(row),
        ]
        for row in facts["signals"]
    ]
    columns = ["signal", "samples", "Hz", "min", "max", "last", "unit", "quality"]
    show.table(
        columns, table, title=f"{decoder.vehicle.title} ({decoder.vehicle.name}), {args.log}", right=(1, 2, 3, 4, 5)
    )
    for line in _account(decoder.report):
        print(line)
    counts = facts["frames"]
    told = {"known": "described", "unknown": "not described", "other": "without payload"}
    print("frames: " + ", ".join(f"{counts[key]:,} {words}" for key, words in told.items()))
    if decoder.buses:
        print("buses: " + ", ".join(f"{number} = {name}" for number, name in decoder.buses.items()))
    if facts["messages"]:
        listed = "; ".join(_trouble(message) for message in facts["messages"][:MOST_MESSAGES_SHOWN])
        more = len(facts["messages"]) - MOST_MESSAGES_SHOWN
        print(f"messages: {listed}" + (f"; and {more} more (--json lists all)" if more > 0 else ""))
    missing = facts["missing"]
    if missing:
        print(f"MISSING on this car: {', '.join(missing)}")
    if facts["left_out"]:
        print(f"left out as personal: {', '.join(facts['left_out'])} (--with-personal shows them)")
    for warning in facts["warnings"]:
        show.note(f"warning: {warning}")
    if writer is not None:
        print(f"written: {writer.rows:,} rows to {writer.path}")


def _shares(row: dict[str, Any]) -> str:
    """Return the qualities that occur: a bare name for all, a share for GOOD, numbers for the rest."""
    shares = row["quality"]
    if len(shares) == 1:
        return next(iter(shares))
    counts = {name: round(share * row["count"]) for name, share in shares.items()}
    return ", ".join(f"{shares[name]:.2%} GOOD" if name == "GOOD" else f"{n:,} {name}" for name, n in counts.items())


def _value(row: dict[str, Any], key: str) -> str:
    value = row[key]
    labels = row["labels"]
    if key != "last" and (labels or row["datatype"] == "boolean"):
        return ""
    if value is not None and labels and 0 <= value < len(labels):
        return labels[int(value)]
    if value is not None and row["datatype"] == "boolean":
        return "true" if value else "false"
    return show.number(value)


def _account(report: LogReport) -> list[str]:
    """Return what became of the log's lines, in words."""
    seconds = f", {report.time_unit}" if report.time_unit else ""
    lines = [f"log: {report.format.value}{seconds}, {report.lines:,} lines, {report.frames:,} frames"]
    for kind, problem in report.problems.items():
        where = ", ".join(map(str, problem.first_lines))
        lines.append(f"  {problem.count:,} {kind.value}{'' if problem.benign else ' (bad)'}: line {where}")
    steps = report.backward_steps
    if steps.count:
        lines.append(f"  the clock steps back {steps.count:,} times, by up to {steps.largest_ns / 1e9:.6g} s")
    lines += [f"  {note}" for note in report.notes]
    if report.damage:
        lines.append(f"  damaged: {report.damage}")
    return lines


def _trouble(message: dict[str, Any]) -> str:
    told = ", ".join(f"{message[key]:,} {text}" for key, text in TROUBLES.items() if message[key])
    return f"{message['name']} {told} (of {message['frames']:,})"


def _facts(decoder: LogDecoder, rows: npt.NDArray[np.void]) -> dict[str, Any]:
    """Return the summary as plain values."""
    from commonwheel.vehicles.samples import Quality
    from commonwheel.wire.frames import Clock

    vehicle, selection = decoder.vehicle, decoder.selection
    ordered = decoder.report.clock is Clock.ORDER
    signals: list[dict[str, Any]] = []
    for info, row in zip(vehicle.signals, rows, strict=True):
        count = int(row["counts"].sum())
        if not count:
            continue
        span = (int(row["last_ns"]) - int(row["first_ns"])) / 1e9
        good = int(row["counts"][Quality.GOOD])
        number = info.how != "text"
        texts = decoder.decoder.texts
        signals.append(
            {
                "path": info.path,
                "unit": info.unit,
                "datatype": info.datatype,
                "labels": list(info.labels) if number else texts,
                "count": count,
                "rate_hz": (count - 1) / span if span > 0 and not ordered else None,
                "min": float(row["low"]) if good and number else None,
                "max": float(row["high"]) if good and number else None,
                "last": float(row["last"]) if good else None,
                "quality": {q.name: int(row["counts"][q]) / count for q in Quality if row["counts"][q]},
                "sources": list(info.sources),
                "evidence": info.evidence,
            }
        )
    counts = decoder.decoder.counts
    found = {signal["path"] for signal in signals}
    return {
        "log": decoder.report.to_dict(),
        "car": vehicle.name,
        "buses": dict(decoder.buses) if decoder.buses else None,
        "frames": {"known": counts.known, "unknown": counts.unknown, "other": counts.other},
        "signals": signals,
        "messages": _troubled(decoder.decoder.message_counts),
        "missing": _missing(decoder, found),
        "left_out": [s.path for s in vehicle.signals if s.personal] if not selection.with_personal else [],
        "warnings": decoder.warnings,
    }


def _troubled(messages: list[MessageCount]) -> list[dict[str, Any]]:
    """Return the messages that something was wrong with, the worst first."""
    rows: list[tuple[int, dict[str, Any]]] = []
    for m in messages:
        found: dict[str, int] = {key: getattr(m, key) for key in TROUBLES}
        if any(found.values()):
            rows.append((-sum(found.values()), {"bus": m.bus, "name": m.name, "id": m.id, "frames": m.frames, **found}))
    return [row for _, row in sorted(rows, key=lambda row: row[0])]


def _missing(decoder: LogDecoder, found: set[str]) -> list[str]:
    """Return the signals that were asked for by name and that this car cannot give."""
    asked = decoder.selection.signals
    if not asked:
        return []
    from commonwheel.catalog import load_catalog

    catalog = load_catalog(decoder.catalog)
    provided = decoder.vehicle.provided
    return [path for path in dict.fromkeys(asked) if path in catalog and path not in found and path not in provided]
