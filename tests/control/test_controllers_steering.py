"""A steering wheel that is turned by torque, and one that takes an angle, on cars that are not what their data say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest

from commonwheel.control import standard
from commonwheel.control.controllers import DirectController
from commonwheel.control.controllers_steering import TorqueController
from commonwheel.control.manners import Direct, Torque
from commonwheel.guard.envelope import Geometry
from tests.control.world import ANGLE, DT, SPEED, Line, Shown

_TORQUE = Torque(
    command="torque", scale=-1.0, angle=ANGLE, rate="",
    aligning=((0.0, 0.0), (10.0, 15.0), (20.0, 61.0), (30.0, 138.0)), saturation_deg=40.0,
    friction=100.0, friction_deg=1.0, proportional=((0.0, 60.0), (30.0, 200.0)),
    integral=((0.0, 60.0), (30.0, 200.0)), integral_limit=1500.0, damping=((0.0, 10.0), (30.0, 30.0)),
    deadband_deg=0.1, resolution=1.0, lag_s=0.15,
)  # fmt: skip
_GEOMETRY = standard.Steering(Geometry(wheelbase_m=2.7, steering_ratio=15.0, understeer_s2_per_m=0.002))


@dataclass
class Wheel:
    """A steering wheel with inertia, friction, damping, and tyres that bring it back."""

    speed: float = 20.0
    aligning: float = 61.0
    """Torque per degree."""
    gain: float = 1.0
    """Of the motor."""
    offset: float = 0.0
    """Torque that the road puts in: crown, wind."""
    friction: float = 80.0
    delay_s: float = 0.05
    angle: float = 0.0
    rate: float = 0.0
    shown: Shown = field(default_factory=Shown)

    def __post_init__(self) -> None:
        self.line = Line(self.delay_s)

    def go(self, torque: float) -> None:
        """Go on by a cycle; Coulomb friction holds the wheel where the rest is too weak to move it."""
        due = self.gain * self.line.through(torque) + self.offset - self.aligning * self.angle - 20.0 * self.rate
        if abs(self.rate) < 0.5 and abs(due) < self.friction:
            self.rate = 0.0
            return
        due -= math.copysign(self.friction, self.rate or due)
        self.rate += due / 3.0 * DT
        self.angle += self.rate * DT


def _steer(
    wheel: Wheel, controller: TorqueController, target: float, seconds: float, most: float = 2560.0
) -> list[float]:
    """Steer towards a target; returns the angles."""
    angles = list[float]()
    for _ in range(round(seconds / DT)):
        now = wheel.shown.show({SPEED: wheel.speed * 3.6, ANGLE: wheel.angle})
        torque = -controller.command(controller.reference(standard.ANGLE, target, now, DT), now, DT)["torque"]
        torque = max(-most, min(most, torque))
        controller.sent({"torque": -torque}, now)
        wheel.go(torque)
        angles.append(wheel.angle)
    return angles


_WHEELS = [
    pytest.param({}, id="as its data say"),
    pytest.param({"gain": 0.7}, id="weaker by 30 %"),
    pytest.param({"gain": 1.3}, id="stronger by 30 %"),
    pytest.param({"aligning": 80.0}, id="stiffer tyres"),
    pytest.param({"offset": 300.0}, id="a road that falls off"),
    pytest.param({"friction": 160.0}, id="twice the friction"),
    pytest.param({"delay_s": 0.08}, id="late"),
]


@pytest.mark.parametrize("how", _WHEELS)
def test_an_angle_is_reached_and_kept(how: dict[str, float]) -> None:
    wheel, controller = Wheel(**how), TorqueController(_TORQUE, _GEOMETRY)  # pyright: ignore[reportArgumentType]
    controller.reset(wheel.shown.show({SPEED: wheel.speed * 3.6, ANGLE: 0.0}))
    _steer(wheel, controller, 10.0, 4.0)
    kept = _steer(wheel, controller, 10.0, 3.0)
    assert max(kept) < 10.6
    assert min(kept) > 9.4


@pytest.mark.parametrize("how", _WHEELS)
def test_a_step_does_not_overshoot_by_much(how: dict[str, float]) -> None:
    wheel, controller = Wheel(**how), TorqueController(_TORQUE, _GEOMETRY)  # pyright: ignore[reportArgumentType]
    assert max(_steer(wheel, controller, 10.0, 3.0)) < 12.5


def test_a_wheel_that_stands_in_a_bend_is_taken_over_without_a_jerk() -> None:
    wheel, controller = Wheel(angle=12.0), TorqueController(_TORQUE, _GEOMETRY)
    now = wheel.shown.show({SPEED: 72.0, ANGLE: 12.0})
    controller.reset(now)
    torque = -controller.command(12.0, now, DT)["torque"]
    assert torque == pytest.approx(12.0 * 61.0, rel=0.01)  # what the tyres bring back, and nothing else


def test_torque_that_the_guard_holds_back_does_not_wind_up() -> None:
    wheel, controller = Wheel(), TorqueController(_TORQUE, _GEOMETRY)
    _steer(wheel, controller, 20.0, 8.0, most=300.0)  # far from enough
    back = _steer(wheel, controller, 0.0, 2.0)
    assert abs(back[-1]) < 1.0
    assert min(back) > -2.0


def test_what_a_torque_amounts_to_is_the_angle_that_would_have_given_it() -> None:
    wheel, controller = Wheel(), TorqueController(_TORQUE, _GEOMETRY)
    now = wheel.shown.show({SPEED: 72.0, ANGLE: 0.0})
    controller.reset(now)
    asked = controller.command(10.0, now, DT)["torque"]
    assert controller.sent({"torque": asked}, now) == pytest.approx(10.0 * (1.0 - math.exp(-DT / 0.15)))
    assert 0.0 < controller.sent({"torque": asked * 0.95}, now) < 10.0 * (1.0 - math.exp(-DT / 0.15))
    assert controller.sent({"torque": 0.0}, now) == pytest.approx(0.0, abs=1e-9)


def test_commands_are_multiples_of_what_the_car_tells_apart() -> None:
    wheel, controller = Wheel(), TorqueController(replace(_TORQUE, resolution=16.0), _GEOMETRY)
    now = wheel.shown.show({SPEED: 72.0, ANGLE: 0.0})
    assert {controller.command(float(target), now, DT)["torque"] % 16.0 for target in range(-9, 9)} == {0.0}


@pytest.mark.parametrize("speed", [5.0, 20.0, 35.0])
def test_a_curvature_becomes_the_angle_that_drives_it(speed: float) -> None:
    wheel = Wheel(speed=speed)
    now = wheel.shown.show({SPEED: speed * 3.6, ANGLE: 0.0})
    for controller in (TorqueController(_TORQUE, _GEOMETRY), DirectController(_DIRECT, 0.1, _GEOMETRY)):
        angle = controller.reference(standard.CURVATURE, 0.01, now, DT)
        assert angle == pytest.approx(math.degrees(0.01 * (2.7 + 0.002 * speed * speed)) * 15.0, rel=1e-3)
        assert controller.express(standard.CURVATURE, angle, now) == pytest.approx(0.01)
        assert controller.rank(standard.CURVATURE, 0.01, now) == angle


_DIRECT = Direct(command="angle", scale=1.0, offset=0.0, measured=ANGLE, trim_per_s=0.5, trim_limit=3.0, lag_s=0.1)


@pytest.mark.parametrize(("offset", "left"), [(0.0, 0.0), (2.0, 0.0), (-2.0, 0.0), (5.0, 2.0)])
def test_a_wheel_that_is_always_off_is_trimmed_within_bounds(offset: float, left: float) -> None:
    controller, shown, line = DirectController(_DIRECT, 0.1, _GEOMETRY), Shown(), Line(0.1)
    angle = offset
    controller.reset(shown.show({SPEED: 72.0, ANGLE: angle}))
    for cycle in range(2500):
        now = shown.show({SPEED: 72.0, ANGLE: angle})
        command = controller.command(10.0 if cycle > 100 else 0.0, now, DT)
        assert controller.sent(command, now) == pytest.approx(10.0 if cycle > 100 else 0.0)
        angle += (line.through(command["angle"]) + offset - angle) * (1.0 - math.exp(-DT / 0.1))
    assert angle == pytest.approx(10.0 + left, abs=0.15)


def test_a_step_is_no_error_of_a_car_that_takes_its_time() -> None:
    """The trim stays where it is while the car does what it is known to do."""
    controller, shown, line = DirectController(_DIRECT, 0.1, _GEOMETRY), Shown({ANGLE: 1e-6}), Line(0.1)
    angle = 0.0
    controller.reset(shown.show({SPEED: 72.0, ANGLE: angle}))
    most = 0.0
    for _ in range(300):
        now = shown.show({SPEED: 72.0, ANGLE: angle})
        command = controller.command(20.0, now, DT)
        controller.sent(command, now)
        most = max(most, abs(command["angle"] - 20.0))
        angle += (line.through(command["angle"]) - angle) * (1.0 - math.exp(-DT / 0.1))
    assert most < 0.15
