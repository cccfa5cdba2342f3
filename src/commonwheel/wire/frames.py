"""Frames: a columnar batch of CAN frames.

A log is one big batch cut in chunks, a live bus a stream of small ones; one shape serves both. All
columns have the same length *n* and describe frame *i* at index *i*, in order of arrival.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["ERROR_FLAG", "EXTENDED_FLAG", "ID_MASK", "REMOTE_FLAG", "Clock", "Frames"]

EXTENDED_FLAG = 0x8000_0000
"""Set in ``id`` for a 29-bit identifier, as SocketCAN does (CAN_EFF_FLAG)."""
REMOTE_FLAG = 0x4000_0000
"""Set in ``id`` for a remote frame (CAN_RTR_FLAG); it has a size but no payload."""
ERROR_FLAG = 0x2000_0000
"""Set in ``id`` for a bus error frame (CAN_ERR_FLAG)."""
ID_MASK = 0x1FFF_FFFF
"""The identifier without its flags."""


class Clock(enum.Enum):
    """What the time column of a batch means."""

    UTC = "utc"
    """Nanoseconds since 1970-01-01 UTC."""
    RELATIVE = "relative"
    """Nanoseconds since the first frame of the log."""
    ORDER = "order"
    """The source has no usable times: only the order of the frames counts. No staleness, no rates."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """A batch of *n* CAN frames, as a structure of arrays."""

    t_ns: npt.NDArray[np.int64]
    """Time of arrival, shape (n,), nanoseconds; ``clock`` says since when."""
    bus: npt.NDArray[np.uint8]
    """Bus number as the log or the gateway counts them, shape (n,)."""
    id: npt.NDArray[np.uint32]
    """Arbitration id with SocketCAN's flag bits, shape (n,)."""
    size: npt.NDArray[np.uint8]
    """Payload length in bytes (0..8, CAN FD to 64), shape (n,)."""
    data: npt.NDArray[np.uint8]
    """Payloads, shape (n, 8) for classic CAN or (n, 64) with CAN FD; zero behind ``size``."""
    clock: Clock = Clock.UTC

    def __len__(self) -> int:
        return len(self.t_ns)

    def __getitem__(self, index: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Frames:
        """Return the frames a slice, mask or index array selects; a slice without steps shares their memory."""
        if isinstance(index, slice) and index.step not in {None, 1}:
            index = np.arange(len(self))[index]  # columns with gaps are nothing for the kernels
        return Frames(
            self.t_ns[index],
            self.bus[index],
            self.id[index],
            self.size[index],
            self.data[index],
            self.clock,
        )

    @property
    def width(self) -> int:
        """Bytes reserved per payload: 8 (classic CAN) or 64 (CAN FD)."""
        return self.data.shape[1]

    @classmethod
    def empty(cls, n: int = 0, *, width: int = 8, clock: Clock = Clock.UTC) -> Frames:
        """Return *n* zeroed frames."""
        return cls(
            np.zeros(n, np.int64),
            np.zeros(n, np.uint8),
            np.zeros(n, np.uint32),
            np.zeros(n, np.uint8),
            np.zeros((n, width), np.uint8),
            clock,
        )

    @classmethod
    def build(
        cls,
        rows: Iterable[tuple[int, int, int, bytes]],
        *,
        clock: Clock = Clock.UTC,
    ) -> Frames:
        """Build a batch from rows of (t_ns, bus, id, payload); for small batches and tests."""
        table = list(rows)
        width = 64 if any(len(row[3]) > 8 for row in table) else 8  # noqa: PLR2004 - classic CAN
        frames = cls.empty(len(table), width=width, clock=clock)
        for i, (t_ns, bus, can_id, payload) in enumerate(table):
            frames.t_ns[i] = t_ns
            frames.bus[i] = bus
            frames.id[i] = can_id
            frames.size[i] = len(payload)
            frames.data[i, : len(payload)] = np.frombuffer(payload, np.uint8)
        return frames

    @classmethod
    def concat(cls, parts: Iterable[Frames]) -> Frames:
        """Join batches in the order given; classic payloads are widened when a part is CAN FD."""
        batches = list(parts)
        if not batches:
            return cls.empty()
        width = max(batch.width for batch in batches)
        widened = [batch.widen(width) for batch in batches]
        return cls(
            np.concatenate([batch.t_ns for batch in widened]),
            np.concatenate([batch.bus for batch in widened]),
            np.concatenate([batch.id for batch in widened]),
            np.concatenate([batch.size for batch in widened]),
            np.concatenate([batch.data for batch in widened]),
            batches[0].clock,
        )

    def widen(self, width: int) -> Frames:
        """Return the same frames with at least *width* bytes reserved per payload."""
        if self.width >= width:
            return self
        data = np.zeros((len(self), width), np.uint8)
        data[:, : self.width] = self.data
        return Frames(self.t_ns, self.bus, self.id, self.size, data, self.clock)

    def sorted_by_time(self) -> Frames:
        """Return the frames in time order; frames of one instant keep their order of arrival."""
        return self[np.argsort(self.t_ns, kind="stable")]
