"""Batches of updates to and from the maps of data points of kuksa.val.v2, as bytes.

A map holds a signal once, so a batch in which one occurs several times becomes several messages: a reader that keeps
up loses nothing. A batch is encoded once for all who read the same of it.
"""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING, cast

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.convert import fill, read_time, read_value, row_value
from commonwheel.broker.rpc.interface import message
from commonwheel.broker.rpc.v2_kernels import Kernels
from commonwheel.broker.values import to_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.rpc.v2_kernels import Points
    from commonwheel.broker.signals import Signal, SignalTable
    from commonwheel.broker.updates import Updates
    from commonwheel.broker.values import Reading, Value

__all__ = ["Entries", "Key", "check_count", "point_row"]


class Key(enum.Enum):
    """What a map's keys are; the value is the message that holds it."""

    PATH = "kuksa.val.v2.SubscribeResponse"
    NUMBER = "kuksa.val.v2.SubscribeByIdResponse"


_MOST_SIGNALS = 10_000


def check_count(count: int) -> None:
    """Refuse a request for more signals than cars have: it would keep all others waiting.

    Raises:
        BrokerError: LIMIT.
    """
    if count > _MOST_SIGNALS:
        message_ = f"a request for {count} signals is too large; {_MOST_SIGNALS} are the most, ask several times"
        raise BrokerError(Reason.LIMIT, message_)


def point_row(signal: Signal, point: Proto, now_ns: int) -> tuple[int, int, float, int, object]:
    """Return a data point as a row for ``Updates.build``; one without a value is INVALID: the provider has none.

    Raises:
        BrokerError: WRONG_TYPE, OUT_OF_RANGE, NOT_ALLOWED, or INVALID for its time.
    """
    value = read_value(point.value, "typed_value", signal)
    given = read_time(point)
    t_ns = now_ns if given is None else given
    if value is None:
        return signal.number, t_ns, np.nan, Quality.INVALID, None
    inside, item = to_inside(signal, value)
    return signal.number, t_ns, inside, Quality.GOOD, item


class Entries:
    """Encodes for one table of signals."""

    def __init__(self, table: SignalTable) -> None:
        self._table = table
        self._since_ns = time.time_ns()
        self._kernels = Kernels(table)

    def point(self, updates: Updates, row: int, into: Proto) -> None:
        """Put a row of a batch into a data point: its time, and its value if it is a good one."""
        signal = self._table[int(updates.signal[row])]
        self._fill(into, signal, int(updates.t_ns[row]), row_value(signal, updates, row))

    def reading(self, signal: Signal, reading: Reading, into: Proto) -> None:
        """Put a reading into a data point, as ``point`` does."""
        self._fill(into, signal, reading.t_ns, reading.good)

    def _fill(self, into: Proto, signal: Signal, t_ns: int, value: Value | None) -> None:
        timestamp = into.timestamp
        # A signal that never had a value has none since we began.
        timestamp.seconds, timestamp.nanos = divmod(t_ns or self._since_ns, 1_000_000_000)
        if value is not None:
            fill(into.value, signal, value)

    def encode(self, updates: Updates, key: Key) -> list[bytes]:
        """Return a batch as messages, in the order of its updates."""
        known = updates.encoded.get(key)
        if known is None:
            known = updates.encoded[key] = list(self._encode(updates, key))
        return cast("list[bytes]", known)

    def _encode(self, updates: Updates, key: Key) -> Iterator[bytes]:
        objects = updates.objects
        by_hand = None if objects is None else np.array([item is not None for item in objects], bool)
        start, count = 0, len(updates)
        while start < count:
            written, end = self._kernels.write(updates, start, by_hand, self._since_ns, by_number=key is Key.NUMBER)
            if by_hand is not None and (rows := start + np.flatnonzero(by_hand[start:end])).size:
                written += self._encode_rows(updates, rows.tolist(), key)
            yield written
            start = end

    def _encode_rows(self, updates: Updates, rows: list[int], key: Key) -> bytes:
        """Return entries for some rows, whatever they hold."""
        response = message(key.value)()
        for row in rows:
            number = int(updates.signal[row])
            self.point(updates, row, response.entries[self._table[number].path if key is Key.PATH else number])
        return response.SerializeToString()

    def read(self, data: bytes, now_ns: int) -> Points | None:
        """Take a request of a provider apart; see ``Kernels.read``."""
        return self._kernels.read(data, now_ns)
