"""A whole virtual car in traffic: what is cut off, what acts, who has the wheel, and that all of it follows a seed."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import pytest

from commonwheel.errors import DescriptionError
from commonwheel.twin.inputs import CruiseSwitch, Wheel
from commonwheel.twin.perception import DISTANCE, LIMIT, OFFSET, PATHS
from commonwheel.twin.scenario import Scenario
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.frames import Clock, Frames
from tests.twin.bodies import changed, parameters
from tests.twin.test_actuators import frame

NIDEC, LEAF = "honda/civic_touring_2016", "nissan/leaf_ze1"
MS, S = 10**6, 10**9
vehicle = functools.cache(load_vehicle)
BEGIN = "format: 1\nscenario: own\nabout: A test.\nstart: {speed: 72 km/h}\n"
COAST = BEGIN + "drive: [{accelerator: 0 %, for: 60 s}]\n"
HOLD = BEGIN + "drive: [{hold: 60 s}]\n"


@pytest.fixture
def own(tmp_path: Path):  # noqa: ANN201 - a function
    def loaded(text: str) -> Scenario:
        path = tmp_path / "own.yaml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)

    return loaded


def steer(twin: Twin, angle: float, count: int, *, active: int = 1, limit: int = 100) -> None:
    """Command an angle of the steering wheel."""
    raw = round((1310.0 - angle) * 100)
    row = frame(
        twin.vehicle, "car/LaneKeepCommand", {"DesiredAngle": raw, "Active": active, "MaximumTorque": limit}, count
    )
    twin.receive(Frames.build([(twin.t_ns, *row)]))


def test_a_harness_cuts_off_what_the_cars_own_camera_sends_and_nothing_else(own) -> None:  # noqa: ANN001
    car = vehicle(NIDEC)
    names = {number: car.messages[number].name for number in range(len(car.messages))}
    plain, fitted = (Twin(car, own(HOLD), harness=harness) for harness in (False, True))
    assert {names[i] for i in set(plain.messages) - set(fitted.messages)} == {"BrakeCommand", "AccHud"}
    ids = set(fitted.advance(S).id.tolist())
    assert not ids & {0x0E4, 0x1FA, 0x30C}
    assert 0x17C in ids


def test_without_a_harness_commands_do_nothing(own) -> None:  # noqa: ANN001
    twin = Twin(vehicle(LEAF), own(HOLD + "driver: {hands: off}\n"))
    for step in range(100):
        steer(twin, 30.0, step)
        twin.advance((step + 1) * 10 * MS)
    assert twin.state.steering_deg == 0.0
    assert not twin.state.lane_keeping


def test_an_angle_is_followed_by_a_wheel_that_nobody_holds_and_let_go_of_when_no_more_comes(own) -> None:  # noqa: ANN001
    twin = Twin(vehicle(LEAF), own(HOLD + "driver: {hands: off}\n"), harness=True)
    for step in range(150):
        steer(twin, 8.0, step)
        twin.advance((step + 1) * 10 * MS)
    assert twin.state.steering_deg == pytest.approx(8.0, abs=0.01)
    assert twin.state.lane_keeping
    assert twin.truth["Vehicle.ADAS.LaneKeepingAssist.IsEngaged"] == 1.0
    assert twin.truth["Vehicle.Chassis.SteeringWheel.Torque"] == 0.0
    twin.advance(1650 * MS)
    assert not twin.state.lane_keeping
    assert twin.inputs.wheel is Wheel.FREE


def test_hands_that_hold_the_wheel_are_stronger(own) -> None:  # noqa: ANN001
    twin = Twin(vehicle(LEAF), own(HOLD), harness=True)
    for step in range(100):
        steer(twin, 30.0, step)
        twin.advance((step + 1) * 10 * MS)
    assert twin.state.steering_deg == 0.0


def test_a_driver_who_turns_the_wheel_harder_than_the_command_allows_has_it(own) -> None:  # noqa: ANN001
    text = HOLD + "driver: {hands: off}\nevents: [{at: 1 s, steer: {torque: -2.5 Nm, for: 1 s}}]\n"
    twin = Twin(vehicle(LEAF), own(text), harness=True)
    angles = []
    for step in range(300):
        steer(twin, 5.0, step)
        twin.advance((step + 1) * 10 * MS)
        angles.append(twin.state.steering_deg)
        if step == 150:
            assert twin.truth["Vehicle.Chassis.SteeringWheel.Torque"] == -2.5
            assert not twin.state.lane_keeping
    assert angles[95] == pytest.approx(5.0, abs=0.01)
    assert min(angles[100:200]) < 0.0
    assert angles[-1] == pytest.approx(5.0, abs=0.1)


def test_a_command_with_a_bad_checksum_or_too_old_brakes_nothing(own) -> None:  # noqa: ANN001
    twin = Twin(vehicle(NIDEC), own(COAST), harness=True)
    for step in range(50):
        bus, can_id, payload = frame(
            twin.vehicle, "fcan/BrakeCommand", {"ComputerBrake": 150, "ComputerBrakeRequest": 1}, step
        )
        twin.receive(Frames.build([(twin.t_ns, bus, can_id, bytes([*payload[:-1], payload[-1] ^ 1]))]))
        twin.advance((step + 1) * 20 * MS)
    assert twin.state.braking == 0.0
    for step in range(50):
        row = frame(twin.vehicle, "fcan/BrakeCommand", {"ComputerBrake": 150, "ComputerBrakeRequest": 1}, step)
        twin.receive(Frames.build([(twin.t_ns, *row)]))
        twin.advance(S + (step + 1) * 20 * MS)
    assert twin.state.braking == pytest.approx(150 * 28.0 / parameters(NIDEC).brakes.force_n, rel=0.01)
    assert twin.state.acceleration_mps2 < -2.5
    assert twin.state.brake == 0.0
    assert twin.truth["Vehicle.Chassis.Brake.IsPressed"] == 0.0
    twin.advance(4 * S)
    assert twin.state.braking == 0.0


def test_the_pedal_on_the_wire_is_the_drivers_while_cruise_control_drives(own) -> None:  # noqa: ANN001
    text = COAST + "events: [{at: 0.5 s, cruise: main}, {at: 1 s, cruise: {press: set}}]\n"
    twin = Twin(vehicle(LEAF), own(text), harness=True)
    frames = twin.advance(20 * S)
    assert twin.state.throttle > 0.05
    assert twin.truth["Vehicle.Chassis.Accelerator.PedalPosition"] == 0.0
    assert twin.state.speed_mps * 3.6 == pytest.approx(twin.state.cruise_set_kmh, abs=0.5)
    decoder = VehicleDecoder(
        twin.vehicle, buses={i: bus.name for i, bus in enumerate(twin.vehicle.buses)}, clock=Clock.RELATIVE
    )
    samples = decoder.decode(frames)
    number = twin.vehicle.numbers["Vehicle.ADAS.CruiseControl.SpeedSet"]
    told = samples.value[samples.signal == number]
    assert np.isnan(told[:10]).all()
    assert told[-1] == twin.state.cruise_set_kmh


def test_a_driver_who_steps_on_the_accelerator_is_faster_than_cruise_control_and_then_is_not() -> None:
    twin = Twin(vehicle(LEAF), load_scenario("takeover-accelerator"))
    twin.advance(19 * S)
    assert twin.state.speed_mps * 3.6 == pytest.approx(70.0, abs=0.7)
    twin.advance(23 * S)
    assert twin.state.speed_mps * 3.6 > 75.0
    assert twin.state.cruise_active
    twin.advance(30 * S)
    assert twin.state.speed_mps * 3.6 < 74.0


def test_switches_that_somebody_else_presses_on_the_bus_are_those_of_cruise_control(own) -> None:  # noqa: ANN001
    text = COAST + "events: [{at: 0.5 s, cruise: main}, {at: 1 s, cruise: {press: set}}]\n"
    twin = Twin(vehicle("nissan/x_trail_2017"), own(text), harness=True)
    twin.advance(2 * S)
    before = twin.state.cruise_set_kmh
    for step in range(60):  # five presses of 100 ms
        raw = 16 if step % 10 < 5 and step < 50 else 32
        row = frame(twin.vehicle, "car/PedalsAndCruise", {"Buttons": raw}, step)
        twin.receive(Frames.build([(twin.t_ns, *row)]))
        twin.advance(2 * S + (step + 1) * 20 * MS)
    assert twin.state.cruise_set_kmh == pytest.approx(before + 5)
    assert twin.inputs.cruise is CruiseSwitch.NONE


def test_a_driver_with_hands_on_the_wheel_keeps_to_the_lane(own) -> None:  # noqa: ANN001
    lane = "lane: {offset: 0.5 m, bends: [{after: 150 m, over: 250 m, turn: left, radius: 180 m, clothoid: 50 m}]}\n"
    for car in (LEAF, NIDEC, "mitsubishi/imiev"):
        twin = Twin(vehicle(car), own(HOLD + lane))
        offsets = []
        for step in range(1, 240):
            twin.advance(step * 100 * MS)
            offsets.append(twin.traffic.offset_m)
        assert offsets[0] == pytest.approx(0.5, abs=0.02)
        assert max(map(abs, offsets[60:])) < 0.2, car


def test_the_sensors_say_where_the_vehicle_ahead_is_and_the_truth_says_it_exactly(own) -> None:  # noqa: ANN001
    text = COAST.replace("72 km/h", "36 km/h") + (
        "lead:\n  - {gap: 30 m, speed: 36 km/h, drive: [{hold: 2 s}, {to: 54 km/h, in: 4 s}], until: 12 s}\n"
        "  - {at: 10 s, gap: 12 m, speed: 40 km/h}\nlimit: [[0 m, 50 km/h], [60 m, 80 km/h]]\n"
    )
    twin = Twin(vehicle("nissan/leaf_aze0:30kwh"), own(text))
    assert twin.perceivable == PATHS
    twin.advance(2 * S)
    way = twin.state.distance_m
    assert twin.traffic.gap_m == pytest.approx(30.0 + 10.0 * 2 - way, abs=0.11)
    assert twin.perceived[LIMIT] == pytest.approx(50.0)
    assert twin.perceived_version == 39  # the last one is still on its way
    twin.advance(11 * S)
    assert twin.traffic.gap_m < 30.0  # the nearer one counts
    assert twin.traffic.lead_mps == pytest.approx(40 / 3.6)
    assert twin.perceived[DISTANCE] == pytest.approx(twin.traffic.gap_m, abs=0.6)
    assert twin.perceived[LIMIT] == pytest.approx(80.0)


def test_running_into_somebody_is_told_and_stays_so(own) -> None:  # noqa: ANN001
    twin = Twin(vehicle(LEAF), own(HOLD + "lead: {gap: 15 m, speed: 50 km/h, until: 20 s}\n"))
    twin.advance(5 * S)
    assert twin.traffic.collided
    twin.advance(25 * S)
    assert twin.traffic.collided
    assert math.isnan(twin.traffic.gap_m)
    twin.again()
    assert not twin.traffic.collided


def test_a_car_alone_has_nothing_around_it() -> None:
    twin = Twin(vehicle("nissan/leaf_aze0:30kwh"), load_scenario("town"))
    twin.advance(S)
    assert twin.perceived == {}
    assert (twin.perceived_version, list(twin.perceivable)) == (0, [])
    assert math.isnan(twin.traffic.gap_m)


def test_faults_of_what_is_seen_have_an_effect_and_those_of_what_is_not_are_told(own) -> None:  # noqa: ANN001
    faults = f"faults: [{{bias: {DISTANCE}, by: 5 m}}, {{silent: {OFFSET}, from: 1 s}}]\n"
    seen = Twin(vehicle(LEAF), own(HOLD + "lane: {}\nlead: {gap: 50 m, speed: 72 km/h}\n" + faults))
    assert list(seen.without_effect) == []
    seen.advance(3 * S)
    assert seen.perceived[DISTANCE] == pytest.approx(seen.traffic.gap_m + 5.0, abs=0.05)
    assert OFFSET not in seen.perceived
    assert len(list(Twin(vehicle(LEAF), own(HOLD + faults)).without_effect)) == 2


@pytest.mark.parametrize("name", ["slippery", "motorway-lane"])
def test_a_drive_in_traffic_follows_from_its_seed_however_it_is_cut(name: str) -> None:
    def drive(seed: int, step_ms: int) -> tuple[bytes, list[tuple[int, float | None]]]:
        twin, seen, frames = Twin(vehicle(LEAF), load_scenario(name), seed=seed, harness=True), [], []
        for i in range(1, 6000 // step_ms + 1):
            frames.append(twin.advance(i * step_ms * MS))
            seen.append((twin.perceived_ns, twin.perceived.get(OFFSET)))
        return Frames.concat(frames).data.tobytes(), seen[-1:]

    assert drive(3, 10) == drive(3, 250)
    if name == "motorway-lane":
        assert drive(3, 250) != drive(4, 250)


def test_a_car_that_begins_at_a_speed_goes_on_as_if_it_had_gone_for_long(own) -> None:  # noqa: ANN001
    for car in (LEAF, NIDEC, "nissan/x_trail_2017", "mitsubishi/outlander_phev"):
        twin = Twin(vehicle(car), own(HOLD))
        assert twin.state.speed_mps == pytest.approx(20.0)
        assert (twin.state.t_s, twin.state.distance_m, twin.state.x_m) == (0.0, 0.0, 0.0)
        hardest = 0.0
        for step in range(1, 301):
            twin.advance(step * 10 * MS)
            hardest = max(hardest, abs(twin.state.acceleration_mps2))
        assert hardest < 0.6, car
        assert twin.state.speed_mps == pytest.approx(20.0, abs=0.4)


def test_what_names_a_message_that_the_car_does_not_have_is_told(own) -> None:  # noqa: ANN001
    wrong = changed(parameters(NIDEC), "harness", blocked=("fcan/BrakeComand",))
    with pytest.raises(DescriptionError, match=r"did you mean 'fcan/BrakeCommand'"):
        Twin(vehicle(NIDEC), own(HOLD), parameters=wrong, harness=True)
    assert Twin(vehicle(NIDEC), own(HOLD), parameters=wrong)


def test_friction_changes_on_the_way(own) -> None:  # noqa: ANN001
    twin = Twin(vehicle(LEAF), own(HOLD + "road: {friction: [[0 m, 0.9], [100 m, 0.3]]}\n"))
    twin.advance(4 * S)
    assert twin.inputs.friction == 0.9
    twin.advance(6 * S)
    assert twin.inputs.friction == 0.3


def test_a_parked_car_is_cooled_when_its_telematics_unit_says_so_and_draws_on_its_battery(own) -> None:  # noqa: ANN001
    text = "format: 1\nscenario: own\nabout: A test.\nstart: {air: 33 degC, soak: 45 degC}\ndrive: [{wait: 100 s}]\n"
    text += "events: [{at: 0 s, ignition: off}]\n"
    twin = Twin(vehicle("nissan/leaf_aze0:30kwh"), own(text), harness=True)
    active = "Vehicle.Cabin.HVAC.IsAirConditioningActive"

    def say(code: int, begin_s: int, count: int) -> None:
        for step in range(count):
            twin.advance((begin_s * 10 + step) * 100 * MS)
            row = frame(twin.vehicle, "ev/TelematicsCommand", {"Command": code})
            twin.receive(Frames.build([(twin.t_ns, *row)]))
        twin.advance((begin_s + 20) * S)

    charge = twin.state.charge
    say(0x4E, 1, 5)  # too short
    assert twin.truth[active] == 0.0
    assert twin.state.charge == pytest.approx(charge, abs=1e-6)
    say(0x4E, 25, 25)
    assert twin.truth[active] == 1.0
    assert not twin.state.ready
    assert twin.state.cabin_c < 45.0
    assert twin.state.charge < charge - 1e-4
    say(0x56, 50, 25)
    assert twin.truth[active] == 0.0
