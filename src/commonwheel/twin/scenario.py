"""A scenario: how a virtual car begins, what its driver means to do, what the road is like, what happens, what breaks.

Immutable, and of no car: the same scenario drives every car. ``scenario_file`` reads it, ``driving`` acts it out.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.twin.start import Start
from commonwheel.twin.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.twin.driving import Driving
    from commonwheel.twin.injection import Injection
    from commonwheel.twin.inputs import CruiseSwitch, Gear, Ignition
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.plan import Plan

__all__ = [
    "STYLES",
    "Action",
    "Bend",
    "Charger",
    "Climate",
    "Course",
    "Deed",
    "Event",
    "Measure",
    "Road",
    "Scenario",
    "Style",
    "Trigger",
]


class Measure(enum.Enum):
    """What a condition can be about, by the word that scenario files use."""

    SPEED = "speed"
    """In m/s."""
    CHARGE = "charge"
    """Of the traction battery, 0..1."""
    FUEL = "fuel"
    """Litres burnt since the start."""
    PACK_TEMPERATURE = "pack-temperature"
    """In degrees Celsius."""
    COOLANT_TEMPERATURE = "coolant-temperature"
    """In degrees Celsius."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """When an event happens: at a time, after a distance, or once something is above or below a limit."""

    at_s: float = math.inf
    after_m: float = math.inf
    measure: Measure | None = None
    limit: float = 0.0
    above: bool = True


@dataclass(frozen=True, slots=True)
class Climate:
    """How the air in the car is to be."""

    on: bool
    target_c: float = 21.0
    fan: float = 0.3


@dataclass(frozen=True, slots=True)
class Charger:
    """A charging point the car is connected to."""

    power_w: float
    limit: float = 1.0
    """State of charge at which charging ends, 0..1."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What the driver does by hand or foot for a while, whatever else is meant."""

    for_s: float
    accelerator: float | None = None
    """Pedal, 0..1."""
    brake: float | None = None
    torque_nm: float = 0.0
    """At the steering wheel, left is positive; against whoever else turns it."""
    switch: CruiseSwitch | None = None
    """Of cruise control."""


@dataclass(frozen=True, slots=True)
class Action:
    """What an event does; None leaves a thing as it is."""

    stated: Mapping[str, float] = field(default_factory=dict[str, float])
    """Standard signals by path; enumerations as codes."""
    gear: Gear | None = None
    ignition: Ignition | None = None
    parking_brake: bool | None = None
    climate: Climate | None = None
    charger: Charger | None = None
    unplug: bool = False
    hands: bool | None = None
    """Whether the driver's hands are on the steering wheel from now on."""
    deeds: tuple[Deed, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once."""

    trigger: Trigger
    action: Action
    for_s: float = math.inf
    """Stated signals are as before after so long."""


class Course(enum.Enum):
    """What a bend is made of."""

    RADIUS = "radius"
    """``amount`` is a curvature in 1/m; left is positive."""
    LANE = "lane"
    """``amount`` is the way to the side in m; left is positive."""
    WHEEL = "wheel"
    """``amount`` is an angle of the steering wheel in degrees; left is positive."""


@dataclass(frozen=True, slots=True)
class Bend:
    """A stretch that is not straight, entered and left smoothly."""

    course: Course
    amount: float
    at_s: float = math.inf
    after_m: float = math.inf
    """Where it begins: a time or a distance."""
    for_s: float = 0.0
    over_m: float = 0.0
    """How long it is, in the same terms."""


@dataclass(frozen=True, slots=True)
class Road:
    """The road and the air above it, by distance from the start."""

    grade: tuple[tuple[float, float], ...] = ()
    """(m, rise over run), straight in between; () flat, or as the schedule says."""
    wind_mps: float = 0.0
    """Against the car."""
    friction: float = 0.9


@dataclass(frozen=True, slots=True)
class Style:
    """How a driver drives."""

    preview_s: float = 0.6
    """How far ahead the driver looks at the plan."""
    feet_s: float = 0.15
    """Time constant of the feet."""
    firmness: float = 0.9
    """How strongly a speed that is off is corrected, in 1/s."""


_USUAL, _PLAIN, _NORMAL, _ALONE = Start(), Road(), Style(), Surroundings()
STYLES: Mapping[str, Style] = {
    "calm": Style(1.2, 0.3, 0.5),
    "normal": _NORMAL,
    "sporty": Style(0.3, 0.08, 1.6),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """See the module."""

    name: str
    about: str
    plan: Plan
    start: Start = _USUAL
    style: Style = _NORMAL
    bends: tuple[Bend, ...] = ()
    road: Road = _PLAIN
    surroundings: Surroundings = _ALONE
    hands: bool = True
    """Whether the driver's hands are on the steering wheel at the beginning."""
    events: tuple[Event, ...] = ()
    faults: tuple[Injection, ...] = ()
    length_s: float = 0.0
    """How long it lasts; at least as long as the plan."""
    file: str = ""
    """Where it was read."""

    @property
    def lets_go(self) -> bool:
        """Whether the driver's hands leave the steering wheel, or turn it against somebody."""
        actions = [event.action for event in self.events]
        return (
            not self.hands
            or any(action.hands is False for action in actions)
            or any(deed.torque_nm for action in actions for deed in action.deeds)
        )

    def begin(self, parameters: Parameters) -> Driving:
        """Return a run of it on a car with these parameters."""
        from commonwheel.twin.driving import Driving
        from commonwheel.twin.feel import feel_of

        return Driving(self, feel_of(parameters))
