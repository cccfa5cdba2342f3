"""What the proving ground does to a drive: an input is spoiled, an app dies, the loop is late, somebody floods it.

Immutable; ``inputs`` and ``loop`` act them out. A scenario's own faults are of the car; these are of the platform and
of all that it relies on, and can be begun at any step of a drive.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

__all__ = ["FRAME_KINDS", "INPUT_KINDS", "Intervention", "Kind"]


class Kind(enum.Enum):
    """What is done. ``of`` says to what, ``amount`` how much."""

    LOST = "lost"
    """No frame that carries an input arrives any more. ``of``: a standard path, a bus, bus/Message; '' all of them."""
    FROZEN = "frozen"
    """Its frames stay as they were, counter and checksum too."""
    STUCK = "stuck"
    """Its value stays as it was; counters and checksums go on and are right."""
    CORRUPTED = "corrupted"
    """Bits of it are flipped, and its checksum, where it has one, is wrong."""
    COUNTER_STUCK = "counter stuck"
    """Counters stand still; values go on and checksums are right. Frames without a counter are as ever."""
    CHECKSUM_WRONG = "checksum wrong"
    """The checksum alone is wrong; frames without one are as ever."""
    DELAYED = "delayed"
    """It arrives ``amount`` seconds late."""
    COMMANDS_LOST = "commands lost"
    """Nothing that the platform sends reaches the car."""
    KILLED = "killed"
    """An app is dead: it asks for nothing more, and what it asked for is withdrawn. ``of``: its name; '' all."""
    HUNG = "hung"
    """An app does nothing more, and nobody has noticed."""
    RIVAL = "rival"
    """Another app asks for ``amount`` of the actuator ``of``, in every cycle, at the same priority."""
    FLOOD = "flood"
    """Another app sends ``amount`` requests of the actuator ``of`` in every cycle, of all values, from many sources."""
    LATE = "late"
    """The loop does not come around for ``amount`` seconds, once."""
    CLOCK_STEP = "clock step"
    """The clock of frames is set forward by ``amount`` seconds."""
    EXCEPTION = "exception"
    """Something inside the control raises, in every cycle."""


INPUT_KINDS = (Kind.LOST, Kind.FROZEN, Kind.STUCK, Kind.CORRUPTED, Kind.DELAYED)
"""Those that an input can suffer, on its wire or as it is seen."""
FRAME_KINDS = (Kind.COUNTER_STUCK, Kind.CHECKSUM_WRONG)
"""Those of frames alone."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One thing that is done, from when to when."""

    kind: Kind
    of: str = ""
    from_s: float = 0.0
    """Since the drive's beginning."""
    to_s: float = math.inf
    amount: float = 0.0
    """See the kinds."""

    def holds(self, t_ns: int) -> bool:
        """Whether it is done at a time."""
        return self.from_s * 1e9 <= t_ns < self.to_s * 1e9

    def __str__(self) -> str:
        what = f"{self.of} {self.kind.value}" if self.of else self.kind.value
        return f"{what} at {self.from_s:g} s"
