"""Tell which described car made a log, with the evidence.

Says 'none of these' for a car that is not described. Exit status 0 when a car was found, 1 when none was.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    import argparse

    from commonwheel.vehicles.identify import BusFit, Candidate, Identification
    from commonwheel.wire.frames import Frames

__all__ = ["configure", "run"]

SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("log", type=Path, help="the log; its format is recognised, also compressed")
    parser.add_argument("--cars", action="append", type=Path, metavar="FOLDER", help="also descriptions in this folder")
    parser.add_argument("--all", action="store_true", help="show every car, not only the nearest")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Identify; returns the exit status."""
    from commonwheel.cli.cars import described
    from commonwheel.vehicles.identify import identify

    found = identify(_beginning(args.log), described(args))
    if args.json:
        show.print_json(_facts(args.log, found))
    else:
        _print(found, None if args.all else SHOWN)
    return FINE if found.best else PROBLEMS


def _beginning(path: Path) -> Frames:
    from commonwheel.vehicles.identify import ENOUGH_FRAMES
    from commonwheel.wire.frames import Frames
    from commonwheel.wire.logs import open_log
    from commonwheel.wire.sent import own_frames

    parts: list[Frames] = []
    with open_log(path) as log:
        for frames in log:
            parts.append(own_frames(frames, log.report.buses))
            if sum(map(len, parts)) >= ENOUGH_FRAMES:
                break
    return Frames.concat(parts)


def _print(found: Identification, most: int | None) -> None:
    best = found.best
    if best is None:
        print(f"none of these: no described car made this traffic ({found.frames:,} frames looked at)")
    else:
        print(f"{best.car} ({best.title})")
        for log_bus, name in best.assignment.items():
            print(f"  bus {log_bus} of the log is its bus '{name}'")
        if found.alike:
            print(f"  fits as well: {', '.join(c.car for c in found.alike)}")
        unassigned = [bus for bus in found.buses if bus not in best.assignment]
        if unassigned:
            print(f"  not told: bus {', '.join(map(str, unassigned))} of the log")
    rows = [row for candidate in found.candidates[:most] for row in _rows(candidate)]
    columns = ["car", "fits", "score", "bus", "expected, found", "on log, known", "lengths", "periods", "checksums"]
    show.table(columns, rows, right=(2,))


def _rows(candidate: Candidate) -> list[list[str]]:
    rows: list[list[str]] = []
    for i, bus in enumerate(candidate.buses):
        first = [candidate.car, "yes" if candidate.fits else "no", f"{candidate.score:.1f}"] if i == 0 else ["", "", ""]
        right = sum(m.size_fits for m in bus.messages)
        rows.append(
            [
                *first,
                f"{bus.log_bus} = {bus.bus}",
                f"{bus.found} of {bus.expected}",
                f"{bus.known} of {bus.seen}",
                f"{right} of {len(bus.messages)} agree",
                "{} of {} agree".format(*bus.periods),
                "{} of {} hold".format(*bus.checks),
            ]
        )
    return rows


def _facts(log: Path, found: Identification) -> dict[str, Any]:
    return {
        "log": str(log),
        "car": found.best.car if found.best else None,
        "buses": found.best.assignment if found.best else {},
        "alike": [candidate.car for candidate in found.alike],
        "frames": found.frames,
        "candidates": [
            {
                "car": candidate.car,
                "title": candidate.title,
                "fits": candidate.fits,
                "score": candidate.score,
                "buses": [_bus_facts(bus) for bus in candidate.buses],
            }
            for candidate in found.candidates
        ],
    }


def _bus_facts(bus: BusFit) -> dict[str, Any]:
    return {
        "log_bus": bus.log_bus,
        "bus": bus.bus,
        "fits": bus.fits,
        "expected": bus.expected,
        "found": bus.found,
        "seen": bus.seen,
        "known": bus.known,
        "checksums": dict(zip(("hold", "tried"), bus.checks, strict=True)),
        "periods": dict(zip(("agree", "measured"), bus.periods, strict=True)),
        "messages": [
            {
                "name": m.name,
                "id": m.id,
                "frames": m.frames,
                "length_agrees": m.size_fits,
                "period_agrees": m.period_fits,
                "checksums_tried": m.checked,
                "checksums_held": m.held,
            }
            for m in bus.messages
        ],
    }
