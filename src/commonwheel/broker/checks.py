"""Columns that a client gives, checked in one pass against datatype, range and allowed values."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import from_inside, to_inside
from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.broker.signals import Signal, SignalTable

__all__ = ["Checker", "checker"]

_FLOAT_MAX = 3.4028234663852886e38


class Checker:
    """The limits of every signal of a table as columns; use ``checker(table)``."""

    def __init__(self, table: SignalTable) -> None:
        self._table = table
        limits = [_limits(signal) for signal in table.signals]
        self._low = np.array([low for low, _high in limits])
        self._high = np.array([high for _low, high in limits])
        self._plain = np.array([signal.is_plain for signal in table.signals], bool)
        self._whole = np.array([_is_whole(signal) for signal in table.signals], bool)
        self._listed = np.array([bool(signal.leaf.allowed) and not signal.labels for signal in table.signals], bool)

    def check(self, updates: Updates, now_ns: int | None = None) -> Updates:
        """Return the updates as the broker takes them; a time of 0 becomes now.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, WRONG_TYPE, OUT_OF_RANGE or NOT_ALLOWED; about the first row that
                is wrong.
        """
        self._check_columns(updates)
        good = updates.quality == Quality.GOOD
        has = _has_object(updates)
        signal, value = updates.signal, updates.value
        with np.errstate(invalid="ignore"):
            fits = (value >= self._low[signal]) & (value <= self._high[signal])
            fits &= ~self._whole[signal] | (np.floor(value) == value)
        wrong = good & ~has & ~(fits & self._plain[signal])
        if wrong.any():
            raise self._wrong(updates, int(np.flatnonzero(wrong)[0]))
        for row in np.flatnonzero(has | (good & self._listed[signal])).tolist():
            self._check_row(updates, row)
        if updates.t_ns.all():
            return updates
        now = time.time_ns() if now_ns is None else now_ns
        t_ns = np.where(updates.t_ns == 0, np.int64(now), updates.t_ns)
        return Updates(signal, t_ns, value, updates.quality, updates.objects)

    def _check_columns(self, updates: Updates) -> None:
        strange = (updates.signal < 0) | (updates.signal >= len(self._table))
        if strange.any():
            number = int(updates.signal[strange][0])
            message = f"there is no signal number {number}; they are 0 to {len(self._table) - 1}"
            raise BrokerError(Reason.UNKNOWN_SIGNAL, message)
        if len(updates) and int(updates.quality.max()) > max(Quality):
            message = f"there is no quality {int(updates.quality.max())}; they are 0 to {max(Quality):d}"
            raise BrokerError(Reason.INVALID, message)
        if len(updates) and int(updates.t_ns.min()) < 0:
            raise BrokerError(Reason.INVALID, "a time is negative; times are nanoseconds since 1970, UTC")

    def _check_row(self, updates: Updates, row: int) -> None:
        """Check a row whose value is an object, or one of a list of numbers."""
        signal = self._table[int(updates.signal[row])]
        item = None if updates.objects is None else updates.objects[row]
        if item is None:
            item = from_inside(signal, float(updates.value[row]), None)
        elif signal.labels:
            message = f"{signal.path} is given by the place of its text among those allowed, not by the text"
            raise BrokerError(Reason.WRONG_TYPE, message, signal=signal.number)
        to_inside(signal, item)

    def _wrong(self, updates: Updates, row: int) -> BrokerError:
        signal, value = self._table[int(updates.signal[row])], float(updates.value[row])
        if not signal.is_plain:
            message = f"{signal.path} is {signal.leaf.datatype}; its value has to be given beside the columns"
            return BrokerError(Reason.WRONG_TYPE, message, signal=signal.number)
        if signal.labels:
            message = f"{signal.path} has no value number {value:g}; they are 0 to {len(signal.labels) - 1}"
            return BrokerError(Reason.NOT_ALLOWED, message, signal=signal.number)
        if signal.leaf.datatype == "boolean":
            message = f"{signal.path} is a boolean, 0 or 1, not {value:g}"
            return BrokerError(Reason.WRONG_TYPE, message, signal=signal.number)
        try:
            to_inside(signal, value)
        except BrokerError as error:
            return error
        return BrokerError(Reason.OUT_OF_RANGE, f"{signal.path} cannot be {value!r}", signal=signal.number)


@functools.lru_cache(maxsize=16)
def checker(table: SignalTable) -> Checker:
    """Return the checker of a table; made once."""
    return Checker(table)


def _has_object(updates: Updates) -> npt.NDArray[np.bool_]:
    if updates.objects is None:
        return np.zeros(len(updates), np.bool_)
    return np.array([item is not None for item in updates.objects.tolist()], np.bool_)


def _is_whole(signal: Signal) -> bool:
    return bool(signal.labels) or signal.leaf.datatype == "boolean" or signal.leaf.datatype in INTEGER_RANGES


def _limits(signal: Signal) -> tuple[float, float]:
    """Return the least and the largest value of a signal; nothing lies between where it is no plain number."""
    leaf = signal.leaf
    if not signal.is_plain:
        return np.inf, -np.inf
    if signal.labels:
        return 0.0, len(signal.labels) - 1.0
    if leaf.datatype == "boolean":
        return 0.0, 1.0
    if leaf.datatype in INTEGER_RANGES:
        low, high = map(float, INTEGER_RANGES[leaf.datatype])
    else:
        high = _FLOAT_MAX if leaf.datatype == "float" else float(np.finfo(np.float64).max)
        low = -high
    low = low if leaf.minimum is None else max(low, leaf.minimum)
    high = high if leaf.maximum is None else min(high, leaf.maximum)
    return low, high
