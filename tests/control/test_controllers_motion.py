"""Speed and acceleration in closed loop: on cars that are heavier, weaker, later or uphill than their tables say."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace

import pytest

from commonwheel.control import standard
from commonwheel.control.controllers_motion import AccelerationController, PedalsController, Slope
from commonwheel.control.manners import Acceleration, Pedals
from tests.control.world import DT, SPEED, Line, Shown

_ACCELERATION = Acceleration(
    accel="accel", gas="gas", brake_request="brake_request", hold="hold", release="release",
    gas_table=((0.0, 0.0), (2.0, 1600.0)), gas_off=-30000.0, brake_below=-0.2, brake_hysteresis=0.1,
    proportional=0.3, integral_per_s=0.4, trim_limit=1.2, lag_s=0.3, standstill_kmh=0.5, hold_accel=-1.5,
    start_accel=0.2, speed_gain=0.6, speed_up=1.5, speed_down=-2.5,
)  # fmt: skip
_PEDALS = Pedals(
    gas="gas", brake="brake", speed="speed", brake_request="brake_request", pump="pump",
    coast=((0.0, 0.5), (2.0, 0.0), (35.0, -0.7)), gas_per_mps2=((0.0, 100.0),), brake_per_mps2=((0.0, 50.0),),
    hysteresis=0.08, gas_resolution=1.0, brake_resolution=1.0, brake_gap=3.0, pump_s=0.2, pump_every_s=20.0,
    speed_lead=((0.0, 0.0), (0.2, 7.0), (2.0, 18.0)), proportional=0.3, integral_per_s=0.4, trim_limit=1.2, lag_s=0.3,
    standstill_kmh=0.5, hold_brake=120.0, start_accel=0.2, speed_gain=0.6, speed_up=1.5, speed_down=-2.5,
)  # fmt: skip


@dataclass
class Car:
    """A mass on a slope behind an actuator that is late, slow, and off its gain."""

    gain: float = 1.0
    delay_s: float = 0.2
    lag_s: float = 0.3
    slope: float = 0.0
    """What the road adds, m/s^2."""
    speed: float = 15.0
    coast: bool = False
    """Whether it drags by itself, as the pedals' table says."""
    force: float = 0.0
    line: Line = field(init=False)
    shown: Shown = field(default_factory=Shown)

    def __post_init__(self) -> None:
        self.line = Line(self.delay_s)

    def go(self, force: float) -> None:
        """Drive on for a cycle; *force* is an acceleration, m/s^2."""
        due = self.gain * self.line.through(force)
        self.force += (due - self.force) * (1.0 - math.exp(-DT / self.lag_s))
        drag = (0.5 if self.speed < 1.0 else 0.0 if self.speed < 2.0 else -0.0212 * (self.speed - 2.0)) * self.coast
        self.speed = max(0.0, self.speed + (self.force + self.slope + drag) * DT)


def _drive(
    car: Car, controller: AccelerationController | PedalsController, target: float, seconds: float,
    *, path: str = standard.ACCELERATION, most: float = math.inf,
) -> list[dict[str, float]]:  # fmt: skip
    """Drive with one target; returns the commands. *most* is what a guard lets through, in m/s^2."""
    commands = list[dict[str, float]]()
    for _ in range(round(seconds / DT)):
        now = car.shown.show({SPEED: car.speed * 3.6})
        wanted = controller.command(controller.reference(path, target, now, DT), now, DT)
        if isinstance(controller, AccelerationController):
            wanted["accel"] = min(wanted["accel"], most)
            force = wanted["accel"]
        else:
            wanted["gas"] = min(wanted["gas"], most * 100.0)
            force = wanted["gas"] / 100.0 - wanted["brake"] / 50.0
        controller.sent(wanted, now)
        car.go(force)
        commands.append(wanted)
    return commands


def _both() -> list[tuple[AccelerationController | PedalsController, bool]]:
    """Return a controller of either manner, and whether its car drags by itself."""
    return [(AccelerationController(_ACCELERATION, 0.2), False), (PedalsController(_PEDALS, 0.2), True)]


_CARS = [
    pytest.param({}, id="as its tables say"),
    pytest.param({"gain": 0.7}, id="weaker by 30 %"),
    pytest.param({"gain": 1.3}, id="stronger by 30 %"),
    pytest.param({"slope": -0.6}, id="uphill by 6 %"),
    pytest.param({"slope": 0.6}, id="downhill by 6 %"),
    pytest.param({"delay_s": 0.35, "lag_s": 0.5}, id="late and slow"),
]


@pytest.mark.parametrize("how", _CARS)
@pytest.mark.parametrize("target", [1.0, -1.5])
def test_an_acceleration_is_reached_whatever_the_car(how: dict[str, float], target: float) -> None:
    for controller, coast in (
        (AccelerationController(_ACCELERATION, 0.2), False),
        (PedalsController(_PEDALS, 0.2), True),
    ):
        car = Car(**how, coast=coast)  # pyright: ignore[reportArgumentType]
        controller.reset(car.shown.show({SPEED: car.speed * 3.6}))
        _drive(car, controller, target, 5.0)
        before = car.speed
        _drive(car, controller, target, 1.0)
        assert car.speed - before == pytest.approx(target, abs=0.2)


@pytest.mark.parametrize("how", _CARS)
def test_a_target_speed_is_reached_without_a_swing(how: dict[str, float]) -> None:
    for controller, coast in (
        (AccelerationController(_ACCELERATION, 0.2), False),
        (PedalsController(_PEDALS, 0.2), True),
    ):
        car = Car(**how, coast=coast)  # pyright: ignore[reportArgumentType]
        controller.reset(car.shown.show({SPEED: car.speed * 3.6}))
        _drive(car, controller, 72.0, 18.0, path=standard.SPEED)
        speeds = list[float]()
        for _ in range(60):
            _drive(car, controller, 72.0, 0.1, path=standard.SPEED)
            speeds.append(car.speed * 3.6)
        assert max(speeds) < 72.8
        assert min(speeds) > 71.2


def test_what_the_guard_holds_back_does_not_wind_up() -> None:
    car, controller = Car(), AccelerationController(_ACCELERATION, 0.2)
    controller.reset(car.shown.show({SPEED: car.speed * 3.6}))
    _drive(car, controller, 2.0, 8.0, most=0.5)  # much asked for, little let through, for long
    commands = _drive(car, controller, 0.0, 1.0)
    assert abs(commands[0]["accel"]) < 0.4  # nothing of it was saved up


def test_a_release_of_a_car_that_does_not_answer_is_bounded() -> None:
    """An actuator that does nothing winds the trim up to its limit and no further."""
    car, controller = Car(gain=0.0), AccelerationController(_ACCELERATION, 0.2)
    commands = _drive(car, controller, 1.0, 12.0)
    assert commands[-1]["accel"] == pytest.approx(1.0 + _ACCELERATION.trim_limit)


def test_the_pedals_are_never_both_pressed_and_do_not_tick() -> None:
    car, controller = Car(coast=True), PedalsController(_PEDALS, 0.2)
    controller.reset(car.shown.show({SPEED: car.speed * 3.6}))
    commands = _drive(car, controller, 0.0, 5.0) + _drive(car, controller, -0.28, 25.0)  # just about rolling freely
    assert not [each for each in commands if each["gas"] > 0 and each["brake"] > 0]
    settled = commands[-1000:]
    pressed = [(each["gas"] > 0) - (each["brake"] > 0) for each in settled]
    changes = sum(a * b < 0 for a, b in itertools.pairwise(pressed))
    assert changes == 0


def test_at_standstill_the_car_is_held_until_it_is_to_start() -> None:
    for controller in (AccelerationController(_ACCELERATION, 0.2), PedalsController(_PEDALS, 0.2)):
        car = Car(speed=3.0, slope=-0.1)
        controller.reset(car.shown.show({SPEED: car.speed * 3.6}))
        held = _drive(car, controller, -1.0, 10.0)[-1]
        assert car.speed == 0.0
        assert held["brake_request"] == 1.0
        assert held.get("hold", 1.0) == 1.0
        still = _drive(car, controller, 0.1, 1.0)[-1]
        assert still["brake_request"] == 1.0  # less than it takes to start
        started = _drive(car, controller, 1.0, 4.0)
        assert started[0]["brake_request"] == 0.0
        assert car.speed > 1.0


def test_a_slope_steeper_than_what_holds_on_the_level_is_held_too() -> None:
    """What holds on the level lets it roll there; so what the slope took is kept, and grows while it rolls."""
    pedals = PedalsController(replace(_PEDALS, hold_brake=60.0), 0.2)
    for controller in (AccelerationController(_ACCELERATION, 0.2), pedals):
        car = Car(speed=2.0, slope=1.8, coast=controller is pedals)
        controller.reset(car.shown.show({SPEED: car.speed * 3.6}))
        _drive(car, controller, -1.0, 13.0)
        for _ in range(80):
            _drive(car, controller, -1.0, 0.1)
            assert car.speed < 0.05, "it does not creep into what is ahead"
        _drive(car, controller, 1.0, 4.0)
        assert car.speed > 1.0, "what held it does not keep it from starting"


def test_a_car_that_is_not_told_its_gas_is_told_nothing_of_it() -> None:
    alone = replace(_ACCELERATION, gas="", gas_table=())
    without_speed = replace(_PEDALS, speed="", speed_lead=())
    for controller in (AccelerationController(alone, 0.2), PedalsController(without_speed, 0.2)):
        car = Car(coast=isinstance(controller, PedalsController))
        for target in (1.0, -1.0):
            commands = _drive(car, controller, target, 1.0)[-1]
            assert "" not in commands
            assert commands.keys().isdisjoint({"gas"} if isinstance(controller, AccelerationController) else {"speed"})


def test_gas_goes_off_while_it_brakes() -> None:
    car, controller = Car(), AccelerationController(_ACCELERATION, 0.2)
    commands = _drive(car, controller, -1.0, 1.0)
    assert {each["gas"] for each in commands} == {-30000.0}
    commands = _drive(car, controller, 1.0, 3.0)
    assert commands[-1]["gas"] > 0


def test_the_pump_runs_when_the_brake_rises_and_now_and_then() -> None:
    manner = replace(_PEDALS, proportional=0.0, integral_per_s=0.0, pump_every_s=5.0)
    car, controller = Car(speed=60.0, slope=1.0), PedalsController(manner, 0.2)
    commands = _drive(car, controller, -1.0, 12.0)
    runs = [i for i in range(1, len(commands)) if commands[i]["pump"] > commands[i - 1]["pump"]]
    assert commands[0]["pump"] == 1.0
    assert commands[round((manner.pump_s + 0.1) / DT)]["pump"] == 0.0
    assert len(runs) in {2, 3}


def test_the_slope_of_a_step_comes_to_the_step() -> None:
    slope = Slope()
    slope.follow(0.0, DT)
    assert sum(slope.follow(3.0, DT) * DT for _ in range(1000)) == pytest.approx(3.0, rel=0.02)


def test_a_changing_speed_is_followed_closely() -> None:
    """A ramp of 1 m/s^2: what a plain proportional controller would lag behind by 1.7 m/s."""
    car, controller = Car(speed=10.0), AccelerationController(_ACCELERATION, 0.2)
    controller.reset(car.shown.show({SPEED: car.speed * 3.6}))
    target = 10.0
    for _ in range(100):
        target += 0.1
        _drive(car, controller, target * 3.6, 0.1, path=standard.SPEED)
    assert target - car.speed < 0.6
