"""Change each number of the limits of the cars that drive: python -m tools.mutate_tables.

Numbers of ``control.yaml`` are changed as text: by a thousandth either way, by one in the last place either way, in
sign; and points of curves are left out. Each mutant is compiled in a process of its own. It is killed when it does not
compile, or when ``tools/bounds.py`` finds a limit beyond its bound, which is what ``tests/guard/test_bounds.py`` tests;
else it is tighter at every point (harmless), or looser and yet within the bound, which makes the run fail.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, NoReturn

from commonwheel.control import description_file
from commonwheel.control.description import load_control
from commonwheel.errors import DescriptionError
from commonwheel.guard.envelope import Curve, Envelope
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.description import SHIPPED
from tools.bounds import beyond, load_bounds
from tools.mutate import kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonwheel.guard import CarEnvelope
    from commonwheel.vehicles.vehicle import Vehicle
    from tools.bounds import Bounds

__all__ = ["FILES", "Change", "changes", "looser"]

FILES = {
    "nissan/propilot": ("nissan/leaf_ze1", "nissan/x_trail_2017"),
    "honda/sensing": ("honda/civic_touring_2016", "honda/civic_gen10_bosch"),
    "honda/civic_touring_2016": ("honda/civic_touring_2016",),
    "honda/civic_gen10_bosch": ("honda/civic_gen10_bosch",),
    "nissan/leaf_ze1": ("nissan/leaf_ze1",),
    "nissan/x_trail_2017": ("nissan/x_trail_2017",),
}
"""The cars that each file's limits are those of."""
_NUMBER = re.compile(r"(?<![\w./^-])-?\d+(?:\.\d+)?(?=[ ,}\]]|$)")
_POINT = re.compile(r"-?[\d.]+ m/s: [^,}]+(?:, )?")
_SKIPPED = ("adapters", "format", "note", "cannot", "variants")
_CONTENT = re.compile(r"\b(source|note|always|idle|acting|held|none|within|period)\b")
"""Lines that state no limit; what fields hold is tested where frames are."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a file."""

    line: int
    what: str
    text: str
    """The file, changed."""


def _numbers(text: str) -> Iterator[str]:
    value = float(text)
    places = len(text.partition(".")[2])
    least = 10.0**-places
    for other in (value * 1.001, value * 0.999, value + least, value - least, -value):
        if other != value:
            yield f"{other:.12g}"


def _stated(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that state limits, without their comments."""
    section, deeper = "", 99
    for number, line in enumerate(text.splitlines()):
        bare = line.split(" #")[0].rstrip()
        indent = len(line) - len(line.lstrip())
        if not bare or bare.lstrip().startswith("#") or (indent > deeper):
            continue
        deeper = indent if bare.endswith(">-") else 99
        if not indent:
            section = bare.partition(":")[0]
        if section not in _SKIPPED and not bare.endswith(">-") and not re.search(r"^\s*(source|note):", bare):
            yield number, bare


def changes(text: str) -> Iterator[Change]:
    """Yield every change of a file."""
    lines = text.splitlines()

    def changed(number: int, line: str, what: str) -> Change:
        return Change(number + 1, what, "\n".join([*lines[:number], line, *lines[number + 1 :]]) + "\n")

    for number, line in _stated(text):
        points = list(_POINT.finditer(line))
        for point in points if len(points) > 1 else []:
            less = (line[: point.start()] + line[point.end() :]).replace(", }", "}")
            yield changed(number, less, f"without {point[0].strip(', ')}")
        if _CONTENT.search(line) and "least_period" not in line:
            continue
        for found in _NUMBER.finditer(line):
            for other in _numbers(found[0]):
                yield changed(number, line[: found.start()] + other + line[found.end() :], f"{found[0]} -> {other}")


_TIGHTER_IF_MORE = {"least_period_ns", "window_ns"}
_TIGHTER_IF_LESS = {
    "max_age_ns", "tolerance_ns", "frozen_ns", "override_most_ns", "release_ns", "request_timeout_ns",
    "consent_most_ns", "late_ns", "clock_step_ns", "armed_ns", "timeout_ns", "release_rate", "window_change",
    "acceleration_mps2", "jerk_mps3", "tolerance", "for_ns", "most_in_window", "high", "rate_up", "rate_down",
}  # fmt: skip


def looser(before: object, after: object, name: str = "") -> list[str]:  # noqa: PLR0911 - one a kind
    """Return each place where a limit is other than before, and not tighter at every speed."""
    if before == after:
        return []
    if isinstance(before, Curve) and isinstance(after, Curve):
        speeds = sorted({0.0, 99.0, *(speed for curve in (before, after) for speed, _ in curve.points)})
        sign = -1.0 if name.endswith("low") else 1.0
        worse = any(sign * after.at(speed) > sign * before.at(speed) + 1e-12 for speed in speeds)
        return [name] if worse else []
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        return [each for one, other in zip(before, after, strict=True) for each in looser(one, other, name)]
    if is_dataclass(before) and type(before) is type(after):
        of = getattr(before, "name", "") or getattr(before, "path", "") or getattr(before, "text", "")
        return [
            each
            for field in fields(before)
            if not (field.name == "release_rate" and _switch(before) and _switch(after))
            for each in looser(getattr(before, field.name), getattr(after, field.name), f"{name}/{of}.{field.name}")
        ]
    last = name.rpartition(".")[2]
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        if last in _TIGHTER_IF_LESS and after < before:
            return []
        if (last in _TIGHTER_IF_MORE or last == "low") and after > before:
            return []
    return [f"{name}: {before} -> {after}"]


def _switch(limits: object) -> bool:
    """Whether something is on or off: it is released in one step at any rate."""
    return isinstance(limits, Envelope) and (limits.low.points, limits.high.points) == (((0.0, 0.0),), ((0.0, 1.0),))


def _child(file: str, text: str, before: dict[str, tuple[Vehicle, CarEnvelope]], bounds: Bounds, out: int) -> NoReturn:
    """Judge a mutant and leave: 0 as before, 1 beyond a bound, 2 it does not compile, 3 tighter, 4 looser."""
    code = 5
    try:
        path, whole = SHIPPED / file / "control.yaml", description_file.load_tree
        description_file.load_tree = lambda at, data, faults: whole(at, text.encode() if at == path else data, faults)  # type: ignore[assignment]
        codes: list[int] = []
        for car, (vehicle, unchanged) in before.items():
            try:
                control = load_control(vehicle, car)
            except DescriptionError:
                codes.append(2)
                break
            if control is None or beyond(control, car, bounds):
                codes.append(1)
                break
            worse = looser(unchanged, control.envelope)
            if worse:
                os.write(out, f"{car}: {'; '.join(worse)}\n".encode()[:400])
            codes.append(4 if worse else 3 if control.envelope != unchanged else 0)
        code = next((each for each in (2, 1, 4, 3) if each in codes), 0)
    finally:
        os._exit(code)


_FATES = {0: "unchanged", 1: "beyond", 2: "refused", 3: "tighter", 4: "looser"}


def _fate(file: str, change: Change, before: dict[str, tuple[Vehicle, CarEnvelope]], bounds: Bounds) -> tuple[str, str]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(file, change.text, before, bounds, writing)
    os.close(writing)
    with os.fdopen(reading) as told:
        why = told.read().strip()
    _, status = os.waitpid(pid, 0)
    return _FATES.get(os.waitstatus_to_exitcode(status), "crashed"), why


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants of the cars' files; returns 1 if a looser one is not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutate_tables", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("files", nargs="*", default=list(FILES), help="maker/car whose control.yaml is changed")
    options = parser.parse_args(arguments)
    bounds = load_bounds()
    counts: dict[str, dict[str, int]] = {}
    missed = 0
    for file in options.files:
        before: dict[str, tuple[Vehicle, CarEnvelope]] = {}
        for car in FILES[file]:
            vehicle = load_vehicle(car)
            control = load_control(vehicle, car)
            if control is None or beyond(control, car, bounds):
                print(f"{car}: unchanged it is not within its bounds: nothing to measure")
                return 1
            before[car] = vehicle, control.envelope
        count = dict.fromkeys((*_FATES.values(), "crashed"), 0)
        for change in changes((SHIPPED / file / "control.yaml").read_text(encoding="utf-8")):
            fate, why = _fate(file, change, before, bounds)
            count[fate] += 1
            if fate in {"looser", "crashed"}:
                missed += 1
                print(f"  {fate}: {file}:{change.line}: {change.what} ({why})", flush=True)
        counts[file] = count
        print(f"{file}: {count}", flush=True)
        kept("tables", file, count)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
