"""The envelope: everything that limits how one car may act, as data. No field has a default.

A limit that there is none of is stated as ``Without`` with the reason, so none can be forgotten. The guard takes an
envelope as it is and knows nothing of descriptions; ``problems`` says what is wrong with one before it is used.

Units: seconds and nanoseconds as named, speeds of curves in m/s, everything else in the unit that is stated with it.
"""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass

__all__ = [
    "Axis",
    "CarEnvelope",
    "Ceiling",
    "Condition",
    "Curve",
    "Ending",
    "Envelope",
    "FieldKind",
    "FieldRule",
    "FrameRule",
    "Geometry",
    "Input",
    "Lateral",
    "Measured",
    "OnBad",
    "Stock",
    "Tracking",
    "Without",
]


@dataclass(frozen=True, slots=True)
class Without:
    """There is no such limit, and this is why."""

    why: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A value by speed, straight in between, held beyond both ends."""

    points: tuple[tuple[float, float], ...]
    """(m/s, value), speeds rising; one point is a constant."""

    def at(self, speed_mps: float) -> float:
        """Return the value at a speed."""
        points = self.points
        if speed_mps <= points[0][0]:
            return points[0][1]
        for (left, low), (right, high) in itertools.pairwise(points):
            if speed_mps < right:
                return low + (high - low) * (speed_mps - left) / (right - left)
        return points[-1][1]


class OnBad(enum.Enum):
    """What happens when an input is of no use."""

    RELEASE = "release"
    """The axes that rely on it are released, and may be engaged again when it is good."""
    FAULT = "fault"
    """They are released and faulted."""


@dataclass(frozen=True, slots=True)
class Input:
    """A standard signal that the guard relies on."""

    path: str
    axes: tuple[str, ...]
    """Those that rely on it."""
    max_age_ns: int
    """A reading that arrived longer ago is STALE, whatever its quality was."""
    low: float
    high: float
    """A value outside is INVALID."""
    frozen_ns: int | Without
    """A value that has not changed at all for so long while the car moves is INVALID: for signals that always do."""
    tolerance_ns: int
    """Bad quality that is over within so long has no effect."""
    stale: OnBad
    invalid: OnBad
    corrupt: OnBad
    missing: OnBad


class Ending(enum.Enum):
    """How commands end that a condition ends."""

    RAMP = "ramp"
    """They are led to neutral by ``release_rate``, within ``release_ns``: nobody may be ready for what failed."""
    CUT = "cut"
    """They are neutral from the next frame on: the driver acts, and is not to be worked against for a moment."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds while a signal is good and within limits (both included; enumerations as codes, booleans as 0 and 1)."""

    path: str
    low: float
    high: float
    for_ns: int
    """It is taken to have changed only when it has been otherwise for so long."""
    ending: Ending
    """Of consent and ``keep``: when it no longer holds. Of ``override``: when it begins to. Of ``engage``: unused."""
    text: str
    """What it means to a person: 'the driver's door is closed'."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What is engaged and released as one: the car's speed, its steering, or its comfort."""

    name: str
    consent: Condition | Without
    """The driver's own word: engaging takes that it begins to hold while armed. Without: armed is enough."""
    consent_most_ns: int | Without
    """So long after it began it still engages; later it is another drive, and takes consent anew."""
    engage: tuple[Condition, ...]
    """All have to hold when it is engaged."""
    keep: tuple[Condition, ...]
    """When one of them no longer holds it is released; engaging takes them too."""
    override: tuple[Condition, ...]
    """While one of them holds the driver acts."""
    override_most_ns: int
    """A driver who acts for longer has taken over: it goes back to armed."""
    release_ns: int
    """A release is over within this time."""
    request_timeout_ns: int
    """Without a valid request for so long it is released."""


@dataclass(frozen=True, slots=True)
class Lateral:
    """Limits of what steering does to the people in the car, at the car's speed by its geometry."""

    acceleration_mps2: float
    jerk_mps3: float


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is measured has to follow what is commanded; if it does not, the axis is released and faulted."""

    path: str
    """The signal that shows it."""
    scale: float
    """Measured value = scale times command, both in their units."""
    tolerance: float
    """In the signal's unit."""
    for_ns: int
    """It may be further off for so long."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Neutral is what is there now: a steering wheel that is told to be at the angle where it is does not move.

    A fixed neutral would turn the wheel straight when a release ends in a bend, and jerk it when it begins there.
    """

    path: str
    """The input that shows it; while it is of no use, its last good value stands."""
    scale: float
    """Neutral = scale times the measured value, within ``low`` and ``high``."""
    tolerance: float
    """So far off what was measured within the last 50 ms a frame's neutral may be, in the envelope's unit."""
    centre: float
    """Rates up and down are away from and towards this value, since what is measured moves."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Limits of one quantity: a standard target, or a command in the unit of its field."""

    name: str
    axis: str
    unit: str
    low: Curve
    high: Curve
    """Between these, included."""
    neutral: float | Measured
    """What it is while nothing acts; a number, or what is measured."""
    rate_up: Curve | Without
    """Away from neutral (or the centre of a measured one), per second."""
    rate_down: Curve | Without
    """Towards neutral (or the centre of a measured one), per second."""
    window_ns: int
    window_change: float | Without
    """Within any such time it changes by so much at most, whatever the steps in between were."""
    timeout_ns: int
    """A wish that is not renewed for so long is released."""
    release_rate: float
    """Towards neutral, per second, while it is released."""
    lateral: Lateral | Without
    tracking: Tracking | Without
    source: str
    """Where the limits come from."""


class FieldKind(enum.Enum):
    """What a field of a frame may hold."""

    LIMITED = "limited"
    """A quantity, within its envelope; neutral unless its axis acts."""
    ACTIVE = "active"
    """``allowed`` while its axis is engaged or being released, else only ``idle``."""
    FIXED = "fixed"
    """Always one of ``allowed``."""
    COUNTER = "counter"
    """Counts up by one, from frame to frame of this message that leaves."""
    CHECKSUM = "checksum"
    """Whatever the receiver checks; wrong ones are ignored there."""
    HELD = "held"
    """As the car's own controller last sent it; one of ``allowed`` while it has sent none."""
    FREE = "free"
    """Anything: it moves nothing; ``why`` says so."""


class Ceiling(enum.Enum):
    """How far from neutral a limited field goes, beside its envelope."""

    NONE = "none"
    """As far as that."""
    STOCK = "stock"
    """No farther than what the car's own controller asks for now; where that asks for nothing, it is neutral."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where a field is in its frame, and what it may hold. Layouts are those of a DBC file."""

    name: str
    start: int
    length: int
    big_endian: bool
    signed: bool
    factor: float
    offset: float
    kind: FieldKind
    envelope: str
    """LIMITED: of which quantity; '' else."""
    axis: str
    """ACTIVE: whose; '' else."""
    allowed: frozenset[int]
    """Raw values; ACTIVE, FIXED and HELD. LIMITED: if any, it is neutral or between the least and the greatest of
    these: for fields in which neutral stands apart, as a number that means none."""
    idle: frozenset[int]
    """Raw values; ACTIVE."""
    why: str
    """FREE: why nothing can come of it; '' else."""
    ceiling: Ceiling
    """LIMITED; NONE else."""


class Stock(enum.Enum):
    """What becomes of the message of the same id that the car's own controller sends."""

    BLOCKED = "blocked"
    """Kept off the bus; one that shows up all the same is a fault."""
    MIXED = "mixed"
    """It goes on; ours come besides."""
    REPLACED = "replaced"
    """It goes on until ours come, which take its place on the way: a bridge between the controller and the rest."""
    NONE = "none"
    """No controller of the car sends it; one that shows up all the same is a fault."""


@dataclass(frozen=True, slots=True)
class FrameRule:
    """A message that may leave. Bits that no field covers are zero."""

    name: str
    """bus/Message, for people."""
    bus: int
    can_id: int
    """As frames have it: an extended one with the flag of SocketCAN."""
    size: int
    fields: tuple[FieldRule, ...]
    least_period_ns: int
    """Frames come no closer than this."""
    window_ns: int
    most_in_window: int
    """So many within a window at most."""
    stock: Stock
    source: str


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a steering wheel's angle turns the car: a bicycle model's steady state."""

    wheelbase_m: float
    steering_ratio: float
    understeer_s2_per_m: float
    """K of: curvature = steered angle / (wheelbase + K v^2)."""


@dataclass(frozen=True, slots=True)
class CarEnvelope:
    """Everything that limits one car."""

    car: str
    speed: str
    """Path of the input that tells the speed, in km/h."""
    steering: str | Without
    """Path of the input that tells the steering wheel's angle, in degrees, left positive."""
    geometry: Geometry | Without
    measured_lateral: Lateral | Without
    """More than this, by measured speed and angle, releases the lateral axis."""
    inputs: tuple[Input, ...]
    axes: tuple[Axis, ...]
    envelopes: tuple[Envelope, ...]
    frames: tuple[FrameRule, ...]
    late_ns: int
    """The loop comes around at least this often, or the car is faulted."""
    clock_step_ns: int
    """Both clocks agree on the time that passes, to within this, or the car is faulted."""
    armed_ns: int
    """It is armed for so long at most, without being engaged."""
