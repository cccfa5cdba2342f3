"""A small car for tests of the guard: three axes, every kind of limit and field, round numbers; and a drive in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from commonwheel.guard import Ending, Guard, Measured, Reading, State, Transition, Verdict, Without
from commonwheel.guard.envelope import (
    Axis,
    CarEnvelope,
    Ceiling,
    Condition,
    Curve,
    Envelope,
    FieldKind,
    FieldRule,
    FrameRule,
    Geometry,
    Input,
    Lateral,
    OnBad,
    Stock,
    Tracking,
)
from commonwheel.vehicles.samples import Quality

Changed: TypeAlias = Any
"""A field of an envelope, of whatever kind."""

__all__ = ["CAR", "MS", "Drive", "S", "constant", "one_of", "with_one"]

MS = 1_000_000
S = 1_000_000_000
NO = Without("not in this car")


def constant(value: float) -> Curve:
    """Return a curve that is the same at every speed."""
    return Curve(((0.0, value),))


def _input(path: str, axes: str, low: float, high: float, **changes: Changed) -> Input:
    return replace(
        Input(
            path=path,
            axes=tuple(axes.split()),
            max_age_ns=100 * MS,
            low=low,
            high=high,
            frozen_ns=NO,
            tolerance_ns=50 * MS,
            stale=OnBad.RELEASE,
            invalid=OnBad.RELEASE,
            corrupt=OnBad.RELEASE,
            missing=OnBad.FAULT,
        ),
        **changes,
    )


def _when(path: str, low: float, high: float, text: str, ending: Ending = Ending.RAMP, for_ns: int = 0) -> Condition:
    return Condition(path, low, high, for_ns, ending, text)


CRUISE = _when("Cruise", 1, 1, "cruise control is active", Ending.CUT)
NO_BRAKE = _when("Brake", 0, 0, "the brake is not pressed", Ending.CUT)
DOOR = _when("Door", 0, 0, "the door is closed", for_ns=100 * MS)
PEDAL = _when("Pedal", 5, 100, "the accelerator is pressed", Ending.CUT)
BELT = _when("Belt", 1, 1, "the belt is on")
HANDS = _when("Hands", 3, 100, "the driver turns the wheel", for_ns=50 * MS)

AXES = (
    Axis("longitudinal", CRUISE, 5 * S, (BELT,), (NO_BRAKE, DOOR), (PEDAL,), S, S, 500 * MS),
    Axis("lateral", CRUISE, 5 * S, (), (NO_BRAKE,), (HANDS,), 2 * S, S, 500 * MS),
    Axis("comfort", NO, NO, (), (), (), 0, 200 * MS, S),
)

INPUTS = (
    _input("Speed", "longitudinal lateral", 0, 180, frozen_ns=2 * S, tolerance_ns=100 * MS, corrupt=OnBad.FAULT),
    _input("Cruise", "longitudinal lateral", 0, 1),
    _input("Brake", "longitudinal lateral", 0, 1, tolerance_ns=0),
    _input("Door", "longitudinal", 0, 1),
    _input("Belt", "longitudinal", 0, 1),
    _input("Pedal", "longitudinal", 0, 100),
    _input("Accel", "longitudinal", -10, 10),
    _input("Hands", "lateral", 0, 100),
    _input("Wheel", "lateral", -720, 720, invalid=OnBad.FAULT),
)

ACCEL = Envelope(
    name="accel",
    axis="longitudinal",
    unit="m/s^2",
    low=constant(-3.5),
    high=Curve(((5.0, 4.0), (25.0, 2.0))),
    neutral=0.0,
    rate_up=Curve(((5.0, 5.0), (20.0, 2.5))),
    rate_down=constant(10.0),
    window_ns=S,
    window_change=4.0,
    timeout_ns=300 * MS,
    release_rate=5.0,
    lateral=NO,
    tracking=Tracking("Accel", 1.0, 2.5, 500 * MS),
    source="round numbers",
)
ANGLE = replace(
    ACCEL,
    name="angle",
    axis="lateral",
    unit="degrees",
    low=Curve(((0.0, -400.0), (20.0, -100.0))),
    high=Curve(((0.0, 400.0), (20.0, 100.0))),
    neutral=Measured("Wheel", 1.0, 0.2, 0.0),
    rate_up=constant(100.0),
    rate_down=constant(200.0),
    window_change=NO,
    release_rate=300.0,
    lateral=Lateral(3.0, 5.0),
    tracking=NO,
)
TORQUE = replace(
    ACCEL,
    name="torque",
    axis="lateral",
    unit="",
    low=constant(-2560.0),
    high=constant(2560.0),
    rate_up=constant(7680.0),
    rate_down=NO,
    window_change=NO,
    release_rate=3000.0,
    tracking=NO,
)
CURVATURE = replace(
    ANGLE,
    name="curvature",
    unit="1/m",
    low=constant(-0.1),
    high=constant(0.1),
    neutral=0.0,
    rate_up=NO,
    rate_down=NO,
    release_rate=0.2,
)
WARMTH = replace(
    TORQUE,
    name="warmth",
    axis="comfort",
    unit="degrees Celsius",
    low=constant(16.0),
    high=constant(28.0),
    neutral=20.0,
    rate_up=NO,
    release_rate=100.0,
    timeout_ns=S,
)

FIELD = FieldRule(
    name="",
    start=0,
    length=1,
    big_endian=False,
    signed=False,
    factor=1.0,
    offset=0.0,
    kind=FieldKind.FREE,
    envelope="",
    axis="",
    allowed=frozenset(),
    idle=frozenset(),
    why="",
    ceiling=Ceiling.NONE,
)


def _field(name: str, start: int, length: int, kind: FieldKind, **changes: Changed) -> FieldRule:
    return replace(FIELD, name=name, start=start, length=length, kind=kind, **changes)


ON, OFF = frozenset({1}), frozenset({0})
DRIVE = FrameRule(
    name="car/Drive",
    bus=0,
    can_id=0x100,
    size=8,
    fields=(
        _field("Accel", 0, 12, FieldKind.LIMITED, signed=True, factor=0.01, envelope="accel"),
        _field("Active", 12, 1, FieldKind.ACTIVE, axis="longitudinal", allowed=ON, idle=OFF),
        _field("Mode", 13, 3, FieldKind.FIXED, allowed=frozenset({2, 5})),
        _field("Counter", 16, 2, FieldKind.COUNTER),
        _field("Sum", 18, 4, FieldKind.CHECKSUM),
        _field("Shown", 22, 2, FieldKind.FREE, why="a lamp"),
    ),
    least_period_ns=15 * MS,
    window_ns=200 * MS,
    most_in_window=20,
    stock=Stock.BLOCKED,
    source="round numbers",
)
STEER = replace(
    DRIVE,
    name="car/Steer",
    bus=1,
    can_id=0x200,
    size=6,
    fields=(
        _field("Angle", 7, 16, FieldKind.LIMITED, big_endian=True, factor=-0.1, offset=1310.0, envelope="angle"),
        _field("Torque", 23, 13, FieldKind.LIMITED, big_endian=True, signed=True, envelope="torque"),
        _field("Active", 26, 1, FieldKind.ACTIVE, big_endian=True, axis="lateral", allowed=ON, idle=OFF),
        _field("Counter", 25, 2, FieldKind.COUNTER, big_endian=True, allowed=frozenset({0, 1, 2})),
    ),
    least_period_ns=5 * MS,
    window_ns=100 * MS,
    most_in_window=12,
)
WARM = replace(
    DRIVE,
    name="car/Warm",
    can_id=0x98FF0001,
    size=2,
    fields=(_field("Warmth", 4, 6, FieldKind.LIMITED, factor=0.5, offset=10.0, envelope="warmth"),),
    least_period_ns=50 * MS,
    window_ns=S,
    most_in_window=4,
    stock=Stock.NONE,
)
HUD = replace(
    DRIVE,
    name="car/Hud",
    can_id=0x300,
    size=1,
    fields=(_field("Lamp", 0, 8, FieldKind.FREE, why="a lamp"),),
    least_period_ns=0,
    window_ns=100 * MS,
    most_in_window=2,
    stock=Stock.BLOCKED,
)

CAR = CarEnvelope(
    car="test/little",
    speed="Speed",
    steering="Wheel",
    geometry=Geometry(wheelbase_m=2.5, steering_ratio=15.0, understeer_s2_per_m=0.002),
    measured_lateral=Lateral(5.0, 30.0),
    inputs=INPUTS,
    axes=AXES,
    envelopes=(ACCEL, ANGLE, TORQUE, CURVATURE, WARMTH),
    frames=(DRIVE, STEER, WARM, HUD),
    late_ns=30 * MS,
    clock_step_ns=15 * MS,
    armed_ns=60 * S,
)


def with_one(car: CarEnvelope, what: str, named: str, **changes: Changed) -> CarEnvelope:
    """Return a car with one of its inputs, axes, envelopes or frames changed."""
    rows = getattr(car, what)
    assert sum(named in {getattr(row, "name", ""), getattr(row, "path", "")} for row in rows) == 1
    changed = [
        replace(row, **changes) if named in {getattr(row, "name", ""), getattr(row, "path", "")} else row
        for row in rows
    ]
    return replace(car, **{what: tuple(changed)})


def one_of(frame: FrameRule, named: str, **changes: Changed) -> FrameRule:
    """Return a frame with one of its fields changed."""
    return replace(frame, fields=tuple(replace(f, **changes) if f.name == named else f for f in frame.fields))


@dataclass
class Drive:
    """The little car on its way; readings come in every cycle of 10 ms, and so does a request for each axis."""

    car: CarEnvelope = CAR
    t_ns: int = 1_700_000_000 * S
    steady_ns: int = 77 * S
    wanted: bool = True
    readings: dict[str, float] = field(
        default_factory=lambda: {
            "Speed": 36.0, "Cruise": 0.0, "Brake": 0.0, "Door": 0.0, "Belt": 1.0,
            "Pedal": 0.0, "Accel": 0.0, "Hands": 0.0, "Wheel": 0.0,
        }
    )  # fmt: skip
    quality: dict[str, Quality] = field(default_factory=dict[str, Quality])
    silent: set[str] = field(default_factory=set[str])
    counts: dict[int, int] = field(default_factory=dict[int, int])
    said: list[Transition] = field(default_factory=list[Transition])
    cycles: int = 0

    def __post_init__(self) -> None:
        self.guard = Guard(self.car)

    def cycle(self, count: int = 1, *, step_ns: int = 10 * MS, **readings: float) -> list[Transition]:
        """Go through cycles, with other readings from now on; returns what changed."""
        self.readings |= readings
        changed: list[Transition] = []
        for _ in range(count):
            self.t_ns += step_ns
            self.steady_ns += step_ns
            self.cycles += 1
            for path, value in self.readings.items():
                if path not in self.silent:
                    shown = value + 1e-3 * (self.cycles % 2) if path == "Speed" and value else value
                    self.guard.observe(path, Reading(self.t_ns, shown, self.quality.get(path, Quality.GOOD)))
            if self.wanted:
                for axis in self.car.axes:
                    self.guard.wanted(self.t_ns, axis.name)
            changed += self.guard.tick(self.t_ns, self.steady_ns)
        self.said += changed
        return changed

    def engaged(self) -> Drive:
        """Arm it and let the driver consent."""
        self.cycle(12)
        self.guard.arm(self.t_ns, "test")
        self.cycle(2)
        self.cycle(Cruise=1.0)
        assert [self.state(axis) for axis in ("longitudinal", "lateral", "comfort")] == [State.ENGAGED] * 3
        return self

    def state(self, axis: str = "longitudinal") -> State:
        """Return an axis's state."""
        return self.guard.state(axis)

    def ask(self, name: str, asked: float | None) -> Verdict:
        """Ask for a quantity, once in this cycle."""
        return self.guard.limit(self.t_ns, name, asked)

    def led(self, name: str, asked: float | None, count: int) -> list[float]:
        """Ask for a quantity in each of so many cycles; returns what was allowed."""
        allowed: list[float] = []
        for _ in range(count):
            self.cycle()
            allowed.append(self.ask(name, asked).allowed)
        return allowed

    def drive(self, accel: float = 0.0, *, active: int | None = None, **changes: int) -> Verdict:
        """Send a frame of the drive."""
        acts = self.guard.acts("longitudinal") if active is None else bool(active)
        raws = {"mode": 2, "count": self.counts.get(0x100, -1) + 1, "sum": 9, "shown": 1, "stray": 0} | changes
        word = round(accel / 0.01) & 0xFFF | acts << 12 | raws["mode"] << 13
        word |= (raws["count"] & 3) << 16 | raws["sum"] << 18 | raws["shown"] << 22 | raws["stray"] << 24
        return self._sent(0, 0x100, word.to_bytes(8, "little"), raws["count"])

    def steer(
        self, angle: float = 0.0, torque: int = 0, *, active: int | None = None, count: int | None = None
    ) -> Verdict:
        """Send a frame of the steering."""
        acts = self.guard.acts("lateral") if active is None else bool(active)
        number = self.counts.get(0x200, -1) + 1 if count is None else count
        word = round((angle - 1310.0) / -0.1) << 32 | (torque & 0x1FFF) << 19 | acts << 18 | (number % 3) << 16
        return self._sent(1, 0x200, word.to_bytes(6, "big"), number)

    def _sent(self, bus: int, can_id: int, payload: bytes, count: int) -> Verdict:
        verdict = self.guard.check(self.t_ns, bus, can_id, payload)
        if verdict.passed:
            self.counts[can_id] = count
        return verdict
