"""One car, made to act: requests in the standard come in, frames that the guard lets pass go out, in cycles of 10 ms.

Pure in the guard's sense: no I/O, no threads, no clock of its own. The gateway calls it in real time, the proving
ground in simulated time, and both get the same frames for the same input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.control.model import Control
    from commonwheel.control.request import Progress, Request
    from commonwheel.guard import Guard, Transition, Verdict
    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["CYCLE_NS", "Acting", "CarControl", "Cycle", "Leaving"]

CYCLE_NS = 10_000_000


@dataclass(frozen=True, slots=True)
class Leaving:
    """A frame that the guard let pass."""

    bus: int
    can_id: int
    """As frames have it."""
    payload: bytes


@dataclass(frozen=True, slots=True)
class Acting:
    """What one actuator does now, side by side; in the standard's unit."""

    path: str
    source: str
    """Whose request it follows; '' none."""
    asked: float
    allowed: float
    """By the guard."""
    sent: float
    """What the frames say, read back from their bytes."""
    measured: float
    """What the signal that proves it shows; NaN where it shows nothing."""


@dataclass(slots=True)
class Cycle:
    """What one cycle brought."""

    t_ns: int
    frames: list[Leaving] = field(default_factory=list["Leaving"])
    progress: list[Progress] = field(default_factory=list["Progress"])
    said: list[Verdict | Transition] = field(default_factory=list["Verdict | Transition"])


class CarControl:
    """See the module. Not for several threads at once."""

    def __init__(self, vehicle: Vehicle, control: Control) -> None:
        """Begin with everything off."""
        self.vehicle, self.control = vehicle, control
        self.guard: Guard
        raise NotImplementedError

    @property
    def actuators(self) -> Sequence[str]:
        """The standard paths that can be asked for."""
        raise NotImplementedError

    @property
    def acting(self) -> Mapping[str, Acting]:
        """What each actuator does now, by path."""
        raise NotImplementedError

    def hear(self, frames: Frames) -> None:
        """Take in frames of the car's buses (the car's bus numbers): what its controllers send, to hold or to miss."""
        raise NotImplementedError

    def take(self, samples: Samples) -> None:
        """Take in what was decoded of them: the vehicle's signal numbers, all qualities, in order of time."""
        raise NotImplementedError

    def request(self, request: Request) -> None:
        """Take in a wish; what becomes of it is in the next cycles' ``progress``."""
        raise NotImplementedError

    def withdraw(self, source: str, path: str | None = None) -> None:
        """End what a source asks for: of one actuator, or of all."""
        raise NotImplementedError

    def arm(self, t_ns: int, who: str) -> None:
        """Let axes be engaged."""
        raise NotImplementedError

    def disarm(self, t_ns: int, who: str) -> None:
        """Release everything."""
        raise NotImplementedError

    def step(self, t_ns: int, steady_ns: int) -> Cycle:
        """Go through one cycle; an exception inside faults the guard, and the frames that release the car still come.

        Args:
            t_ns: now, on the clock of frames and samples.
            steady_ns: now, on a clock that nobody sets.
        """
        raise NotImplementedError
