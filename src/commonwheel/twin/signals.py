"""From the physics to the standard: the values of a car's signals at one instant.

``Standard`` is made once for the signals wanted and then writes their values into a row, step after step. A signal is
the physics' (``signals_motion``, ``signals_energy``, the cells of a battery), else it rests (``resting.yaml``). What a
scenario states wins over both.
"""

from __future__ import annotations

import functools
import math
import random
import re
from importlib import resources
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from commonwheel.catalog import load_catalog
from commonwheel.twin import signals_energy, signals_motion
from commonwheel.twin.signals_facts import Facts, Getter, facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.state import State
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Row", "Standard", "resting"]

SLOW_S: Final = 0.1
"""How often signals are worked out that change slowly."""
_CELL = re.compile(r"Vehicle\.Powertrain\.TractionBattery\.Module\.M(\d+)\.Cell\.C(\d+)\.Voltage")
_SENSOR = re.compile(r"Vehicle\.Powertrain\.TractionBattery\.Module\.M(\d+)\.Temperature(\d+)")


Row: TypeAlias = "list[float] | memoryview[float]"
"""Where values are written to; of doubles, where it is a memoryview."""


@functools.cache
def resting() -> Mapping[str, float]:
    """Return the resting values by path; enumerations as codes, no value as NaN."""
    text = resources.files("commonwheel.twin").joinpath("resting.yaml").read_bytes()
    stated = msgspec.yaml.decode(text, type=dict[str, bool | float | str | None])
    catalog = load_catalog()
    found: dict[str, float] = {}
    for short, value in stated.items():
        path = f"Vehicle.{short}"
        if value is None:
            found[path] = math.nan
        else:
            found[path] = float(catalog[path].allowed.index(value) if isinstance(value, str) else value)
    return found


class Standard:
    """Writes the standard's values of a car's state.

    Args:
        car: parameters of the car's physics.
        paths: the signals, in the order of the row.
        vehicle: the car as described. With it, a direction that its wire cannot tell is left out (backwards counts as
            positive), and a value that its wire has no code for is NaN, which is 'no value' on the wire.
        seed: of the differences between a battery's cells.

    The attribute ``unknown`` holds the paths that neither the physics nor the resting values know; their places in a
    row are written only when a scenario states them.
    """

    def __init__(
        self, car: Parameters, paths: Sequence[str], *, vehicle: Vehicle | None = None, seed: int = 0
    ) -> None:  # fmt: skip
        self.paths = tuple(paths)
        self._places = {path: place for place, path in enumerate(self.paths)}
        self._facts: Facts = facts_of(car)
        self._row: Row | None = None
        self._due_s = -math.inf
        wire = _Wire(vehicle)
        cells = _cells(self.paths, seed) | _sensors(self.paths, seed)
        slow = signals_energy.SLOW | signals_motion.SLOW | cells
        fast = signals_energy.FAST | signals_motion.FAST
        self._fast = [(place, wire.fit(path, fast[path])) for path, place in self._places.items() if path in fast]
        self._slow = [(place, wire.fit(path, slow[path])) for path, place in self._places.items() if path in slow]
        known = fast.keys() | slow.keys()
        self._rest = [
            (place, wire.value(path, resting()[path]))
            for path, place in self._places.items()
            if path not in known and path in resting()
        ]
        self.unknown = tuple(path for path in self.paths if path not in known and path not in resting())
        self._stated = wire.value

    def write(self, state: State, inputs: Inputs, row: Row) -> None:
        """Write the values at their places.

        Slow signals are written ten times a second of the state's time, and whenever *row* is another object than
        the last time.
        """
        facts = self._facts
        for place, get in self._fast:
            row[place] = get(state, inputs, facts)
        if row is not self._row:
            self._row, self._due_s = row, -math.inf
        if state.t_s >= self._due_s:
            self._due_s = state.t_s + SLOW_S - 1e-6
            for place, get in self._slow:
                row[place] = get(state, inputs, facts)
            for place, value in self._rest:
                row[place] = value
        if inputs.stated:
            for path, value in inputs.stated.items():
                place = self._places.get(path)
                if place is not None:
                    row[place] = self._stated(path, value)


class _Wire:
    """What a car's wire can tell of a value."""

    def __init__(self, vehicle: Vehicle | None) -> None:
        self._unsigned: set[str] = set(signals_motion.SIGNED) if vehicle is None else set()
        self._codes: dict[str, frozenset[float]] = {}
        if vehicle is None:
            return
        for path, writers in vehicle.writers.items():
            if path in signals_motion.SIGNED and any(writer.low >= 0 or writer.steps for writer in writers):
                self._unsigned.add(path)
            codes = frozenset(code for writer in writers for code, _ in writer.codes)
            if codes:
                self._codes[path] = codes

    def fit(self, path: str, get: Getter) -> Getter:
        """Return a getter of what the wire can tell."""
        if path in self._unsigned:
            return lambda state, inputs, facts: abs(get(state, inputs, facts))
        if path not in self._codes:
            return get
        codes = {code: code for code in self._codes[path]}
        return lambda state, inputs, facts: codes.get(get(state, inputs, facts), math.nan)

    def value(self, path: str, value: float) -> float:
        """Return what the wire can tell of a value."""
        if path in self._unsigned:
            return abs(value)
        codes = self._codes.get(path)
        return value if codes is None or value in codes else math.nan


def _cells(paths: Sequence[str], seed: int) -> dict[str, Getter]:
    """Return getters of cell voltages around their mean, from the lowest to the highest."""
    cells = [path for path in paths if _CELL.fullmatch(path)]
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    offsets = [chance.gauss(0.0, 1.0) for _ in cells]
    mean = math.fsum(offsets) / max(1, len(offsets))
    offsets = [offset - mean for offset in offsets]
    lowest, highest = min(offsets, default=0.0), max(offsets, default=0.0)
    return {
        path: _cell(offset / highest, above=True) if offset > 0 else _cell(offset / (lowest or 1.0), above=False)
        for path, offset in zip(cells, offsets, strict=True)
    }


def _cell(share: float, *, above: bool) -> Getter:
    """Return a getter of one cell, so far from the mean to the highest or to the lowest."""
    if above:
        return lambda s, _inputs, f: s.pack_v / f.cells + share * (s.cell_high_v - s.pack_v / f.cells)
    return lambda s, _inputs, f: s.pack_v / f.cells - share * (s.pack_v / f.cells - s.cell_low_v)


def _sensors(paths: Sequence[str], seed: int) -> dict[str, Getter]:
    chance = random.Random(seed + 1)  # noqa: S311 - not for secrets
    return {path: _sensor(chance.uniform(-1.0, 1.0)) for path in paths if _SENSOR.fullmatch(path)}


def _sensor(place: float) -> Getter:
    return lambda state, _inputs, facts: state.pack_c + place * facts.warmest_k
