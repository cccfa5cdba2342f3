"""A car's own cruise control: switches, conditions, and how it keeps a speed and a gap, on the physics themselves."""

from __future__ import annotations

import math

import pytest

from commonwheel.twin.body import Body
from commonwheel.twin.cruise import CruiseControl
from commonwheel.twin.feel import feel_of
from commonwheel.twin.inputs import CruiseSwitch, Gear, Inputs
from commonwheel.twin.propulsion import Propulsion
from commonwheel.twin.traffic import Traffic
from tests.twin.bodies import car, driving, parameters

LEAF, XTRAIL = "nissan/leaf_ze1", "nissan/x_trail_2017"
NONE, MAIN, SET, RESUME, CANCEL = (
    CruiseSwitch.NONE,
    CruiseSwitch.MAIN,
    CruiseSwitch.SET,
    CruiseSwitch.RESUME,
    CruiseSwitch.CANCEL,
)


class Drive:
    """A car with its cruise control, and a hand that presses switches."""

    def __init__(self, name: str = LEAF, kmh: float = 80.0, lead: Traffic | None = None) -> None:
        self.body: Body = car(name, speed_mps=kmh / 3.6)
        cruise = parameters(name).cruise
        assert cruise is not None
        self.cruise = CruiseControl(cruise)
        self.propulsion = Propulsion(feel_of(parameters(name)))
        self.inputs: Inputs = driving()
        self.lead = lead

    @property
    def state(self):  # noqa: ANN201 - of the body
        return self.body.state

    def go(self, seconds: float, switch: CruiseSwitch = NONE) -> None:
        for _ in range(round(seconds * 100)):
            wanted = self.cruise.step(switch, self.state, self.inputs, self.lead, 0.01)
            if wanted is None:
                self.propulsion.release()
                self.inputs.throttle = self.inputs.braking = 0.0
            else:
                self.inputs.throttle, self.inputs.braking = self.propulsion.pedals(wanted, self.state, 0.01)
            self.body.step(self.inputs, 0.01)
            if self.lead is not None:
                lead = self.lead
                lead.lead_mps = max(0.0, lead.lead_mps + lead.lead_mps2 * 0.01)
                lead.lead_mps2 = lead.lead_mps2 if lead.lead_mps > 0.0 else 0.0
                lead.gap_m += (lead.lead_mps - self.state.speed_mps) * 0.01

    def press(self, *switches: CruiseSwitch) -> None:
        for switch in switches:
            self.go(0.1, switch)
            self.go(0.1)


@pytest.mark.parametrize("name", [LEAF, XTRAIL])
def test_it_keeps_the_speed_that_it_was_set_to_up_a_hill_too(name: str) -> None:
    drive = Drive(name)
    drive.press(MAIN, SET)
    assert drive.state.cruise_active
    assert drive.state.cruise_set_kmh == 80.0
    drive.go(15)
    assert drive.state.speed_mps * 3.6 == pytest.approx(80.0, abs=0.5)
    drive.inputs.grade = 0.05
    drive.go(20)
    assert drive.state.speed_mps * 3.6 == pytest.approx(80.0, abs=1.0)


def test_a_short_press_is_one_step_and_a_long_one_is_more() -> None:
    drive = Drive()
    drive.press(MAIN, SET, RESUME, RESUME, SET)
    assert drive.state.cruise_set_kmh == pytest.approx(81.0)
    drive.go(1.3, RESUME)
    assert drive.state.cruise_set_kmh == pytest.approx(90.0)  # 82 at once, 85 after 0.6 s, 90 after 1.2 s
    drive.go(20, RESUME)
    assert drive.state.cruise_set_kmh == pytest.approx(144.0)
    for _ in range(3):
        drive.go(20, SET)
        drive.go(0.1)
    assert drive.state.cruise_set_kmh == pytest.approx(30.0)


def test_a_change_of_the_set_speed_leads_there_within_its_limits() -> None:
    drive = Drive(kmh=60.0)
    drive.press(MAIN, SET)
    drive.go(5)
    hardest = [drive.state.acceleration_mps2]
    for _ in range(30):
        drive.press(RESUME)
        hardest.append(drive.state.acceleration_mps2)
    drive.go(20)
    assert drive.state.speed_mps * 3.6 == pytest.approx(90.0, abs=0.7)
    assert max(hardest) < 1.35


@pytest.mark.parametrize("what", ["brake", "gear", "door", "belt", "parking", "cancel", "main"])
def test_it_ends_whatever_the_driver_does_against_it_and_takes_up_again_when_told(what: str) -> None:
    drive = Drive()
    drive.press(MAIN, SET)
    drive.go(1)
    match what:
        case "brake":
            drive.inputs.brake = 0.1
        case "gear":
            drive.inputs.gear = Gear.NEUTRAL
        case "door":
            drive.inputs.stated["Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"] = 1.0
        case "belt":
            drive.inputs.stated["Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted"] = 0.0
        case "parking":
            drive.inputs.parking_brake = True
        case "cancel":
            drive.press(CANCEL)
        case _:
            drive.press(MAIN)
    drive.go(0.3)
    assert not drive.state.cruise_active
    assert drive.inputs.throttle == 0.0
    drive.inputs.brake, drive.inputs.gear, drive.inputs.parking_brake = 0.0, Gear.DRIVE, False
    drive.inputs.stated.clear()
    drive.go(0.3)
    drive.press(RESUME)
    assert drive.state.cruise_active is (what != "main")
    assert drive.state.cruise_set_kmh == (0.0 if what == "main" else 80.0)


def test_it_is_not_set_while_it_is_off_or_the_car_too_slow_unless_somebody_is_ahead() -> None:
    drive = Drive()
    drive.press(SET)
    assert not drive.state.cruise_active
    slow = Drive(kmh=20.0)
    slow.press(MAIN, SET)
    assert not slow.state.cruise_active
    behind = Drive(kmh=20.0, lead=Traffic(gap_m=20.0, lead_mps=5.0, lead_mps2=0.0, in_sight=True))
    behind.press(MAIN, SET)
    assert behind.state.cruise_active
    assert behind.state.cruise_set_kmh == 30.0
    assert behind.state.lead_detected


@pytest.mark.parametrize("name", [LEAF, XTRAIL])
def test_it_follows_with_its_time_gap_stands_behind_and_moves_off_again(name: str) -> None:
    lead = Traffic(gap_m=50.0, lead_mps=15.0, lead_mps2=0.0, in_sight=True)
    drive = Drive(name, 80.0, lead)
    drive.press(MAIN, SET)
    drive.go(60)
    assert drive.state.speed_mps == pytest.approx(15.0, abs=0.2)
    assert lead.gap_m == pytest.approx(4.0 + 1.8 * 15.0, abs=2.0)
    lead.lead_mps2 = -3.0
    drive.go(25)
    assert drive.state.speed_mps == 0.0
    assert 1.5 < lead.gap_m < 9.0
    lead.lead_mps = 8.0
    drive.go(10)
    assert drive.state.speed_mps == 0.0  # it has waited too long to move off by itself
    drive.press(RESUME)
    drive.go(10)
    assert drive.state.speed_mps > 4.0


def test_a_short_stop_is_left_without_a_word() -> None:
    lead = Traffic(gap_m=6.0, lead_mps=0.0, lead_mps2=0.0, in_sight=True)
    drive = Drive(LEAF, 1.0, lead)
    drive.press(MAIN, SET)
    for _ in range(30):
        drive.go(0.5)
        if drive.state.speed_mps == 0.0:
            break
    assert drive.state.speed_mps == 0.0
    lead.lead_mps = 8.0
    drive.go(8)
    assert drive.state.speed_mps > 3.0


def test_the_lower_controller_gives_the_acceleration_that_is_wanted() -> None:
    for name, wanted in ((LEAF, 0.8), (LEAF, -1.5), (XTRAIL, 0.5), (XTRAIL, -1.5), ("honda/civic_touring_2016", 0.5)):
        body, inputs = car(name, speed_mps=20.0), driving()
        propulsion = Propulsion(feel_of(parameters(name)))
        given = []
        for step in range(400):
            inputs.throttle, inputs.braking = propulsion.pedals(wanted, body.state, 0.01)
            body.step(inputs, 0.01)
            if step >= 200:
                given.append(body.state.acceleration_mps2)
        assert sum(given) / len(given) == pytest.approx(wanted, abs=0.15), name


def test_the_energy_of_a_car_that_cruise_control_drives_adds_up() -> None:
    """What the battery gave is motion, height, and heat of tyres, air, brakes and drive, whoever has the pedals."""
    drive = Drive(LEAF, 50.0, Traffic(gap_m=60.0, lead_mps=16.0, lead_mps2=0.0, in_sight=True))
    body = drive.body
    powertrain = body.powertrain

    def total() -> tuple[float, float]:
        parts = body.kinetic_j + body.road_j + body.brake_j + body.climb_j + powertrain.lost_j
        return parts, powertrain.battery_j  # type: ignore[attr-defined]

    before = total()
    drive.press(MAIN, SET, RESUME, RESUME, RESUME)
    drive.inputs.grade = 0.03
    drive.go(20)
    assert drive.lead is not None
    drive.lead.lead_mps = 3.0
    drive.go(20)
    after = total()
    assert math.isclose(after[0] - before[0], after[1] - before[1], rel_tol=0.002, abs_tol=200.0)
