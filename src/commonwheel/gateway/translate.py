"""From a car's signal numbers to its broker's: what is decoded becomes a batch of updates.

The broker may hold another catalog than the car was described with. What that one lacks, or means otherwise, is
left out, and ``left_out`` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from commonwheel.broker.signals import Signal, SignalTable
    from commonwheel.vehicles.model import SignalInfo
    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Translation"]

_INVALID = np.uint8(Quality.INVALID)


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """How one car's samples become one broker's updates. Immutable."""

    numbers: npt.NDArray[np.int32]
    """The broker's number of each of the car's signals; -1 for those left out."""
    paths: tuple[str, ...]
    """The signals that are handed on; the decoder is to yield no others."""
    codes: Mapping[int, npt.NDArray[np.float64]]
    """Signals whose labels have another order at the broker: the broker's code of each of the car's, NaN for none."""
    texts: npt.NDArray[np.bool_] | None
    """Which of the car's signals are texts; None when none is."""
    attributes: Mapping[int, object]
    """The car's fixed facts, by the broker's number."""
    left_out: tuple[str, ...]
    """What is left out, and why."""

    @classmethod
    def between(cls, vehicle: Vehicle, table: SignalTable, *, with_personal: bool = False) -> Translation:
        """Compare a car's signals with a broker's."""
        numbers = np.full(len(vehicle.signals), -1, np.int32)
        codes: dict[int, npt.NDArray[np.float64]] = {}
        left_out: list[str] = []
        chosen: list[int] = vehicle.select(with_personal=with_personal).tolist()
        for i in chosen:
            info = vehicle.signals[i]
            why = _mismatch(info, table)
            if why:
                left_out.append(f"{info.path} ({why})")
                continue
            numbers[i] = number = table.numbers[info.path]
            if info.labels and info.labels != table[number].labels:
                codes[i] = _recode(info, table[number])
        attributes: dict[int, object] = {}
        for path, value in vehicle.attributes.items():
            if path in table.numbers:
                attributes[table.numbers[path]] = value
            else:
                left_out.append(f"{path} (the catalog lacks it)")
        paths = tuple(info.path for info, number in zip(vehicle.signals, numbers.tolist(), strict=True) if number >= 0)
        texts = np.zeros(len(vehicle.signals), bool)
        texts[[text.signal for text in vehicle.texts]] = True
        texts &= numbers >= 0
        return cls(numbers, paths, codes, texts if texts.any() else None, attributes, tuple(left_out))

    @property
    def claimed(self) -> list[int]:
        """The broker's numbers of the signals and attributes that this car provides."""
        return sorted({*self.numbers[self.numbers >= 0].tolist(), *self.attributes})

    def apply(self, samples: Samples, t_ns: npt.NDArray[np.int64]) -> Updates:
        """Return samples as updates, with these times (UTC)."""
        number = self.numbers.take(samples.signal)
        if not self.codes and self.texts is None:
            return Updates(number, t_ns, samples.value, samples.quality)
        value, quality = self._recoded(samples)
        value, objects = self._with_texts(samples, value)
        return Updates(number, t_ns, value, quality, objects)

    def _recoded(self, samples: Samples) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Return values with the broker's codes; those that it has none for are INVALID."""
        signal, value, quality = samples.signal, samples.value, samples.quality
        for i, table in self.codes.items():
            rows = np.flatnonzero((signal == i) & ~np.isnan(samples.value))
            if len(rows):
                value, quality = value.copy(), quality.copy()
                value[rows] = table[np.clip(value[rows], 0, len(table) - 1).astype(np.intp)]
                quality[rows] = np.where(np.isnan(value[rows]), np.maximum(quality[rows], _INVALID), quality[rows])
        return value, quality

    def _with_texts(
        self, samples: Samples, value: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.object_] | None]:
        """Return values without the numbers of texts, and the texts."""
        rows = np.flatnonzero(self.texts[samples.signal]) if self.texts is not None else ()
        if not len(rows):
            return value, None
        objects: npt.NDArray[np.object_] = np.full(len(value), None, object)
        value = value.copy()
        for row in map(int, rows):
            objects[row] = None if math.isnan(value[row]) else samples.texts[int(value[row])]
            value[row] = math.nan
        return value, objects


def _mismatch(info: SignalInfo, table: SignalTable) -> str:
    """Return why a signal cannot be handed on; '' when it can."""
    number = table.numbers.get(info.path)
    if number is None:
        return "the catalog lacks it"
    signal = table[number]
    leaf = signal.leaf
    if leaf.is_array or leaf.is_struct or _family(leaf.datatype) != _family(info.datatype):
        return f"it is {info.datatype}, in the catalog {leaf.datatype}"
    if (leaf.unit or "") != info.unit:
        return f"its unit is '{info.unit}', in the catalog '{leaf.unit or ''}'"
    if bool(info.labels) != bool(signal.labels):
        return "only one of car and catalog lists its allowed values"
    if info.labels and not set(info.labels) & set(signal.labels):
        return "none of its values is allowed in the catalog"
    return ""


def _family(datatype: str) -> str:
    return datatype if datatype in {"string", "boolean"} else "number"


def _recode(info: SignalInfo, signal: Signal) -> npt.NDArray[np.float64]:
    return np.array([signal.codes.get(label, math.nan) for label in info.labels], np.float64)
