"""The ``drive`` of a scenario file: steps one after the other, from which the plan is made."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError
from commonwheel.twin.cycles import find_cycle, read_schedule
from commonwheel.twin.plan import Leg, Pedals, Plan
from commonwheel.vehicles.quantities import Bounds, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.twin.cycles import Schedule
    from commonwheel.vehicles.yamltree import Node, Reader

__all__ = ["STEPS", "plan_of"]

FASTEST, SLOWEST_MPS = 110.0, -12.0
HARDEST_MPS2 = 12.0
"""No tyre on a road does more."""
MOST_PARTS = 10_000
DEEPEST = 5
_SPEED = Bounds(SLOWEST_MPS, FASTEST)
_TIME = Bounds(0.01, 7 * 86400.0)
_SHARE = Bounds(0.0, 1.0)

STEPS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "wait": ((), "stand for so long: wait: 8 s"),
    "to": (("in",), "change the speed smoothly: {to: 50 km/h, in: 11 s}"),
    "hold": ((), "keep the speed for so long: hold: 20 s"),
    "plan": ((), "points of time and speed, without a kink: plan: [[0 s, 0 km/h], [11 s, 50 km/h]]"),
    "cycle": ((), "a schedule by its name: cycle: udds"),
    "file": ((), "a schedule from a CSV file: file: mine.csv"),
    "accelerator": (("brake", "for"), "hold the pedals, whatever the speed: {accelerator: 100 %, for: 12 s}"),
    "brake": (("accelerator", "for"), "hold the pedals: {brake: 60 %, for: 3 s}"),
    "repeat": (("drive",), "drive the same again: {repeat: 3, drive: [...]}"),
}
"""What a step may be, by its first key: the keys that go with it, and how it is written."""


def plan_of(reader: Reader, node: Node, speed_mps: float = 0.0) -> Plan:
    """Return the plan that steps of 'drive' make from a speed on; wrong steps become faults of *reader*."""
    steps = _Steps(reader, speed_mps)
    steps.take(node, 0)
    if not steps.parts and not reader.faults:
        reader.fault(node, "'drive' has no step; to stand still for a minute is 'wait: 1 min'")
    return Plan(tuple(steps.parts))


class _Steps:
    """Makes legs of steps; each begins with the speed the last one ended with."""

    def __init__(self, reader: Reader, speed_mps: float) -> None:
        self._reader = reader
        self.parts: list[Leg | Pedals] = []
        self._speed = speed_mps
        self._find, self._read = functools.cache(find_cycle), functools.cache(read_schedule)
        """Each schedule is read once, however often it is driven."""

    def take(self, node: Node, depth: int) -> None:
        """Take a list of steps."""
        if depth > DEEPEST:
            self._reader.fault(node, f"'repeat' goes at most {DEEPEST} deep")
            return
        for item in self._reader.items(node, "'drive'"):
            self._step(item, depth)

    def _step(self, node: Node, depth: int) -> None:
        keys = self._reader.mapping(node, "a step of 'drive'")
        kind = next((name for name in STEPS if name in keys), "")
        if not kind:
            forms = "; ".join(form for _, form in STEPS.values())
            said = f"'{next(iter(keys))}' is" if keys else "this is"
            self._reader.fault(node, f"{said} no step of 'drive'; a step is one of: {forms}")
            return
        others, form = STEPS[kind]
        for key, item in keys.items():
            if key != kind and key not in others:
                self._reader.fault(item, f"'{key}' does not go with '{kind}'; {form}")
        if len(self.parts) >= MOST_PARTS:
            self._reader.fault(node, f"a drive has at most {MOST_PARTS:,} steps, repeated ones included")
            return
        makers: Mapping[str, Callable[[Mapping[str, Node]], None]] = {
            "wait": self._wait,
            "to": self._to,
            "hold": self._hold,
            "plan": self._plan,
            "cycle": self._cycle,
            "file": self._file,
            "accelerator": self._pedals,
            "brake": self._pedals,
        }
        if kind == "repeat":
            self._repeat(node, keys, depth)
        else:
            makers[kind](keys)

    def _time(self, keys: Mapping[str, Node], key: str, owner: str) -> float:
        if key not in keys:
            self._reader.fault(keys[owner], f"'{owner}' needs '{key}'; {STEPS[owner][1]}")
            return 1.0
        return quantity(self._reader, keys[key], f"'{key}'", "s", within=_TIME, default=1.0)

    def _wait(self, keys: Mapping[str, Node]) -> None:
        if abs(self._speed) > 0.0:
            said = f"{self._speed * 3.6:.0f} km/h"
            self._reader.fault(
                keys["wait"], f"'wait' stands still, but the car does {said} here; brake with 'to' first"
            )
        self._leg((0.0, self._time(keys, "wait", "wait")), (0.0, 0.0))

    def _hold(self, keys: Mapping[str, Node]) -> None:
        self._leg((0.0, self._time(keys, "hold", "hold")), (self._speed, self._speed))

    def _to(self, keys: Mapping[str, Node]) -> None:
        faults = len(self._reader.faults)
        speed = quantity(self._reader, keys["to"], "'to'", "m/s", within=_SPEED)
        seconds = self._time(keys, "in", "to")
        if len(self._reader.faults) == faults:  # what stands for a wrong number is not to be blamed, too
            self._check(keys["to"], self._speed, speed, seconds)
        self._leg((0.0, seconds), (self._speed, speed))

    def _check(self, node: Node, begin: float, end: float, seconds: float) -> None:
        hardest = 1.5708 * abs(end - begin) / seconds  # of a half cosine, in its middle
        if hardest > HARDEST_MPS2:
            said = f"from {begin * 3.6:.0f} to {end * 3.6:.0f} km/h in {seconds:g} s"
            limit = f"{HARDEST_MPS2:g} m/s2, more than any tyre holds"
            self._reader.fault(node, f"{said} needs {hardest:.1f} m/s2; the limit is {limit}")

    def _plan(self, keys: Mapping[str, Node]) -> None:
        node = keys["plan"]
        points: list[tuple[float, float]] = []
        for item in self._reader.items(node, "'plan'"):
            pair = item.value if isinstance(item.value, list) else []
            if len(pair) != 2:  # noqa: PLR2004 - a time and a speed
                self._reader.fault(item, "'plan' is a list of times and speeds, such as [11 s, 50 km/h]")
                continue
            t_s = quantity(self._reader, pair[0], "a time", "s", within=Bounds(0.0, _TIME.high))
            speed = quantity(self._reader, pair[1], "a speed", "m/s", within=_SPEED)
            if points and t_s <= points[-1][0]:
                self._reader.fault(item, f"the times of 'plan' rise; {t_s:g} s comes after {points[-1][0]:g} s")
                continue
            if points:
                self._check(item, points[-1][1], speed, t_s - points[-1][0])
            points.append((t_s, speed))
        if points and points[0][0] > 0:
            points.insert(0, (0.0, self._speed))
        if len(points) < 2:  # noqa: PLR2004 - from one to another
            self._reader.fault(node, "'plan' has at least two points, such as [[0 s, 0 km/h], [11 s, 50 km/h]]")
            return
        times, speeds = zip(*points, strict=True)
        self._leg(times, speeds)

    def _cycle(self, keys: Mapping[str, Node]) -> None:
        node = keys["cycle"]
        name = self._reader.text(node, "'cycle'")
        if name:
            self._schedule(node, lambda: self._find(name, node.file.parent))

    def _file(self, keys: Mapping[str, Node]) -> None:
        node = keys["file"]
        name = self._reader.text(node, "'file'")
        if name:
            self._schedule(node, lambda: self._read(node.file.parent / name))

    def _schedule(self, node: Node, find: Callable[[], Schedule]) -> None:
        try:
            found = find()
        except DescriptionError as error:
            for fault in error.faults:
                self._reader.fault(node, fault.message if fault.line == 0 else str(fault))
            return
        self.parts.append(Leg(found.t_s, found.speed_mps, smooth=False, grade=found.grade))
        self._speed = found.speed_mps[-1]

    def _pedals(self, keys: Mapping[str, Node]) -> None:
        owner = "accelerator" if "accelerator" in keys else "brake"
        gas = quantity(self._reader, keys.get("accelerator"), "'accelerator'", "", within=_SHARE)
        foot = quantity(self._reader, keys.get("brake"), "'brake'", "", within=_SHARE)
        self.parts.append(Pedals(self._time(keys, "for", owner), gas, foot))

    def _repeat(self, node: Node, keys: Mapping[str, Node], depth: int) -> None:
        times = self._reader.whole(keys["repeat"], "'repeat'", 1)
        if not 1 <= times <= MOST_PARTS:
            self._reader.fault(keys["repeat"], f"'repeat' is a number of times, 1 to {MOST_PARTS:,}, not {times}")
            return
        if "drive" not in keys:
            self._reader.fault(node, f"'repeat' needs 'drive'; {STEPS['repeat'][1]}")
            return
        for _ in range(times):
            faults, parts = len(self._reader.faults), len(self.parts)
            self.take(keys["drive"], depth + 1)
            if len(self._reader.faults) > faults:
                return
            if len(self.parts) == parts:
                self._reader.fault(node, f"there is no step to 'repeat'; {STEPS['repeat'][1]}")
                return

    def _leg(self, t_s: tuple[float, ...], speed_mps: tuple[float, ...]) -> None:
        self.parts.append(Leg(t_s, speed_mps))
        self._speed = speed_mps[-1]
