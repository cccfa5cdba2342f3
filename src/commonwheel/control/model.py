"""How one car is made to act, compiled from its ``control.yaml``: adapters for controllers, an envelope for the guard.

An adapter serves standard actuators in the car's own manner. The manners are few and know no car: what differs between
cars is data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.manners import Manner
    from commonwheel.guard.envelope import CarEnvelope

__all__ = ["Adapter", "Carrier", "Control", "Proven"]


@dataclass(frozen=True, slots=True)
class Proven:
    """What proves that a request was met."""

    path: str
    tolerance: float
    """In the standard's unit."""
    within_ns: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """A message that is sent for an adapter, complete."""

    message: int
    """Number of the vehicle's message."""
    period_ns: int
    fields: Mapping[str, str]
    """Field to the name of the command that it carries (as the manner calls it): an envelope of the guard."""
    active: Mapping[str, tuple[int, int]]
    """Field to its raw values while the axis does not act, and while it acts."""
    held: tuple[str, ...]
    """Fields that stay as the car's own controller last sent them; where it sent none, at their default."""
    constant: Mapping[str, int]
    """Field to the raw value that it always has; fields that are named nowhere have their default."""
    capped: tuple[str, ...] = ()
    """Fields of commands that go no farther from neutral than what the car's own controller last sent."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Serves actuators of one axis."""

    name: str
    axis: str
    serves: Mapping[str, str]
    """Standard path to the envelope that limits what it asks for; '' where the controller's own target is limited, or
    the command."""
    manner: Manner
    carriers: tuple[Carrier, ...]
    proven: Mapping[str, Proven]
    """By the served path."""
    delay_ns: int
    """From a frame to the car's first reaction."""
    evidence: str


@dataclass(frozen=True, slots=True)
class Control:
    """One car."""

    car: str
    adapters: tuple[Adapter, ...]
    envelope: CarEnvelope
    file: str = ""
    cannot: Mapping[str, str] = field(default_factory=dict[str, str])
    """Standard path of an actuator to why this car cannot be asked for it."""

    @property
    def served(self) -> Mapping[str, Adapter]:
        """Standard path to the adapter that serves it."""
        return {path: adapter for adapter in self.adapters for path in adapter.serves}
