"""What a decoder remembers between batches, and what it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire._kernels import CState, address
from commonwheel.wire.arena import lease
from commonwheel.wire.layouts import MESSAGE_STATE, SLOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.wire.tables import Tables

__all__ = ["TALLIES", "UNSEEN", "Columns", "Counts", "DecoderState", "allocate", "join"]

UNSEEN = 4
"""Quality code of a slot that nothing was put into yet."""
TALLIES = ("frames", "corrupt", "lost", "stuck", "shorter", "stale")
"""The columns of a message's state that only count up."""
LONG_AGO, NEVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Decoded values: *n* samples as four columns, in the order of the frames they came from."""

    t_ns: npt.NDArray[np.int64]
    signal: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.t_ns)

    def __getitem__(self, index: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Columns:
        """Return the samples that a slice, mask or index array selects."""
        return Columns(self.t_ns[index], self.signal[index], self.value[index], self.quality[index])


def allocate(capacity: int) -> Columns:
    """Return uninitialised columns for *capacity* samples, over memory that is used again."""
    return Columns(*lease(capacity, (np.int64, np.int32, np.float64, np.uint8)))


def join(parts: Sequence[Columns]) -> Columns:
    """Return batches as one; the parts themselves when there is one only."""
    if len(parts) == 1:
        return parts[0]
    joined = allocate(sum(map(len, parts)))
    at = 0
    for part in parts:
        for name in ("t_ns", "signal", "value", "quality"):
            getattr(joined, name)[at : at + len(part)] = getattr(part, name)
        at += len(part)
    return joined


@dataclass(frozen=True, slots=True)
class Counts:
    """What a decoder has seen so far."""

    known: int
    """Frames of messages in the tables."""
    unknown: int
    other: int
    """Remote and error frames, which carry no payload."""
    messages: npt.NDArray[np.void]
    """One row per message: ``frames``, ``corrupt`` (checksum), ``lost`` (counter skipped), ``stuck`` (counter
    stood still), ``shorter`` (than declared), ``stale`` (times it fell silent)."""


@dataclass(slots=True, eq=False)
class DecoderState:
    """Last values, counters and ages of one stream; the kernels change it in place."""

    messages: npt.NDArray[np.void]
    slots: npt.NDArray[np.void]
    chosen: npt.NDArray[np.int32]
    bus_ns: npt.NDArray[np.int64]
    c: CState

    @classmethod
    def fresh(cls, tables: Tables, *, watch: bool) -> DecoderState:
        """Return the state before the first frame; *watch*: late messages make their signals stale."""
        state = cls(
            np.zeros(len(tables.messages), MESSAGE_STATE),
            np.full(tables.slots, np.array((np.nan, UNSEEN), SLOT)),
            np.full(tables.slots, -1, np.int32),
            np.full(max(1, tables.buses), LONG_AGO, np.int64),
            CState(deadline_ns=NEVER, watch=int(watch)),
        )
        return state.bound()

    def copy(self) -> DecoderState:
        """Return the same state, on its own."""
        c = CState.from_buffer_copy(self.c)
        return DecoderState(self.messages.copy(), self.slots.copy(), self.chosen.copy(), self.bus_ns.copy(), c).bound()

    def bound(self) -> DecoderState:
        """Point the kernels' view at the arrays; returns the state itself."""
        for name in ("messages", "slots", "chosen", "bus_ns"):
            setattr(self.c, name, address(getattr(self, name)))
        return self

    @property
    def qualities(self) -> npt.NDArray[np.uint64]:
        """Quality code of each slot."""
        return self.slots["mark"] & np.uint64(0xFF)

    @property
    def counts(self) -> Counts:
        """What was seen so far."""
        return Counts(int(self.c.known), int(self.c.unknown), int(self.c.other), self.messages.copy())
