"""What a scenario breaks on purpose: which fault, of what, from when to when."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

__all__ = ["FaultKind", "Injection"]


class FaultKind(enum.Enum):
    """What goes wrong. The first kinds are of frames, the others of a standard signal before it is encoded."""

    SILENT = "silent"
    """Frames are not sent."""
    LOST = "lost"
    """A share of the frames (``amount``, 0..1) is not sent; counters go on."""
    DELAYED = "delayed"
    """Frames come later by up to ``amount`` seconds."""
    FROZEN = "frozen"
    """The payload stays what it was, checksum and counter too."""
    STUCK_COUNTER = "stuck-counter"
    """The counter stands still; the checksum is right."""
    BAD_CHECKSUM = "bad-checksum"
    """The checksum of a share of the frames (``amount``, 0..1) is wrong."""
    DRIFT = "drift"
    """The value moves away by ``amount`` per second, in the standard's unit."""
    BIAS = "bias"
    """The value is off by ``amount``, in the standard's unit."""
    NOISE = "noise"
    """The value trembles with a standard deviation of ``amount``, in the standard's unit."""
    STUCK = "stuck"
    """The value stays what it was."""
    NO_VALUE = "no-value"
    """The sender says that it has none, where its message has a code for that."""

    @property
    def is_of_signal(self) -> bool:
        """Whether it changes a value; the others change frames."""
        return self in {
            FaultKind.DRIFT,
            FaultKind.BIAS,
            FaultKind.NOISE,
            FaultKind.STUCK,
            FaultKind.NO_VALUE,
        }


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault of a scenario. Exactly one of signal, message and bus says what it is of."""

    kind: FaultKind
    signal: str = ""
    """A standard path: faults of frames are of the messages that carry it on this car, whichever those are."""
    message: str = ""
    """bus/Message of the car's description; a car without it has no such fault."""
    bus: str = ""
    from_s: float = 0.0
    """Since the scenario's beginning."""
    to_s: float = math.inf
    amount: float = 1.0
    """See the kinds."""
