"""Each actuator's answer to a step of its command, against its closed form; and what is dropped."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from commonwheel.errors import DescriptionError
from commonwheel.twin.actuation import Actuation, varied
from commonwheel.twin.actuators import (
    AccelerationActuator,
    AngleActuator,
    BrakeActuator,
    ButtonActuator,
    ChargeActuator,
    GasActuator,
    TorqueActuator,
    lagged,
)
from commonwheel.twin.commands import Commands, Line
from commonwheel.twin.inputs import CruiseSwitch
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.state import State
from commonwheel.twin.surroundings import Variation
from commonwheel.vehicles import Vehicle, load_vehicle
from commonwheel.vehicles.emission import layout_of
from commonwheel.wire.codec import pack, seal
from commonwheel.wire.frames import Frames

NIDEC, BOSCH, LEAF = "honda/civic_touring_2016", "honda/civic_gen10_bosch", "nissan/leaf_ze1"
OUTLANDER = "mitsubishi/outlander_phev"
MS = 10**6
STEP_S = 0.01
vehicle = functools.cache(load_vehicle)
parameters = functools.cache(load_parameters)


def frame(car: Vehicle, name: str, raws: Mapping[str, int], count: int = 0) -> tuple[int, int, bytes]:
    """Return (bus, id, payload) of a whole frame: counter and checksum are right."""
    bus, _, message = name.partition("/")
    number = next(i for i, one in enumerate(car.messages) if one.name == message and car.buses[one.bus].name == bus)
    one = car.messages[number]
    values = {**raws, **({one.counter: count % one.modulo} if one.counter else {})}
    fields = [field for field in one.fields if field.name in values]
    data = np.zeros((1, 8), np.uint8)
    bits = [np.array([values[field.name] & ((1 << field.length) - 1)], np.uint64) for field in fields]
    pack(data, [layout_of(field) for field in fields], bits)
    if one.check >= 0:
        seal(car.tables, one.check, data, one.size)
    return one.bus, one.frame_id, data[0, : one.size].tobytes()


class Bus:
    """Sends one message again and again, and has it read."""

    def __init__(self, car: str, actuator: object) -> None:
        self.car, self.actuator = vehicle(car), actuator
        self.commands = Commands(self.car, actuator.hearing.fields)  # type: ignore[attr-defined]
        self.count = 0

    def send(self, t_ns: int, name: str, **raws: int) -> None:
        row = frame(self.car, name, raws, self.count)
        self.count += 1
        for command in self.commands.take(Frames.build([(t_ns, *row)])):
            self.actuator.hear(command)  # type: ignore[attr-defined]


def test_what_follows_with_a_time_constant_is_exact_whatever_the_step() -> None:
    fine = coarse = 0.0
    for _ in range(100):
        fine = lagged(fine, 1.0, 0.3, 0.01)
    for _ in range(4):
        coarse = lagged(coarse, 1.0, 0.3, 0.25)
    assert fine == pytest.approx(coarse) == pytest.approx(1 - math.exp(-1 / 0.3))
    assert lagged(0.0, 1.0, 0.0, 0.01) == 1.0


def test_a_line_is_late_by_its_delay_and_dead_after_its_timeout() -> None:
    line: Line[float] = Line(0.05, 0.1)
    assert line.at(0) is None
    line.put(10 * MS, 1.0)
    line.put(20 * MS, 2.0)
    assert line.at(59 * MS) is None
    assert line.at(60 * MS) == 1.0
    assert line.at(75 * MS) == 2.0
    assert line.at(170 * MS) == 2.0
    assert line.at(171 * MS) is None


def test_a_steering_torque_comes_after_its_delay_at_its_rate() -> None:
    steering = parameters(NIDEC).steering_torque
    assert steering is not None
    actuator, state = TorqueActuator(steering, vehicle(NIDEC)), State(speed_mps=20.0)
    bus = Bus(NIDEC, actuator)
    for step in range(40):
        bus.send(step * 10 * MS, "fcan/SteeringControl", SteerTorque=-2000, SteerTorqueRequest=1)
        assert actuator.step(step * 10 * MS, state, STEP_S) is (step >= 6)
        after = max(0, step - 5) * STEP_S
        assert actuator.torque_nm == pytest.approx(min(2000 * 0.00047, 12.0 * after))
    for step in range(40, 80):
        actuator.step(step * 10 * MS, state, STEP_S)
    assert actuator.torque_nm == 0.0


def test_a_steering_torque_is_not_given_at_walking_pace_nor_without_its_request() -> None:
    steering = parameters(NIDEC).steering_torque
    assert steering is not None
    for speed, asked in ((1.0, 1), (20.0, 0)):
        actuator, bus = TorqueActuator(steering, vehicle(NIDEC)), None
        bus = Bus(NIDEC, actuator)
        for step in range(20):
            bus.send(step * 10 * MS, "fcan/SteeringControl", SteerTorque=-2000, SteerTorqueRequest=asked)
            assert not actuator.step(step * 10 * MS, State(speed_mps=speed), STEP_S)
        assert actuator.torque_nm == 0.0


def test_a_steering_angle_is_followed_with_its_lag_and_no_faster_than_its_rate() -> None:
    steering = parameters(LEAF).steering_angle
    assert steering is not None
    actuator, state = AngleActuator(steering, vehicle(LEAF)), State(speed_mps=20.0)
    bus, expected = Bus(LEAF, actuator), 0.0
    for step in range(60):
        bus.send(step * 10 * MS, "car/LaneKeepCommand", DesiredAngle=131000 - 4000, Active=1, MaximumTorque=100)
        angle = actuator.step(step * 10 * MS, 0.0, state, STEP_S)
        if step < 4:
            assert angle is None
            continue
        # at its rate while that is the less, then exponentially
        expected = min(expected + 3.0, 40.0 - (40.0 - expected) * math.exp(-STEP_S / 0.08))
        assert angle == pytest.approx(expected)
        state.steering_deg = expected
    assert expected == pytest.approx(40.0, abs=0.1)
    assert actuator.step(600 * MS, 1.01, state, STEP_S) is None  # the driver's torque is above the command's 1 Nm


def test_a_steering_angle_that_counts_to_the_right_turns_the_wheel_there() -> None:
    steering = parameters(LEAF).steering_angle
    assert steering is not None
    turned = AngleActuator(msgspec.structs.replace(steering, gain_deg=-0.5), vehicle(LEAF))
    bus, state = Bus(LEAF, turned), State(speed_mps=20.0)
    for step in range(60):
        bus.send(step * 10 * MS, "car/LaneKeepCommand", DesiredAngle=131000 - 4000, Active=1, MaximumTorque=100)
        state.steering_deg = turned.step(step * 10 * MS, 0.0, state, STEP_S) or 0.0
    assert state.steering_deg == pytest.approx(-20.0, abs=0.1)


def test_a_brake_pressure_brakes_with_its_lag() -> None:
    braking = parameters(NIDEC).braking
    assert braking is not None
    actuator = BrakeActuator(braking, vehicle(NIDEC))
    bus = Bus(NIDEC, actuator)
    for step in range(80):
        if step % 2 == 0:
            bus.send(step * 10 * MS, "fcan/BrakeCommand", ComputerBrake=20, ComputerBrakeRequest=1)
        force = actuator.step(step * 10 * MS, STEP_S)
        after = max(0, step - 9) * STEP_S
        assert force == pytest.approx(20 * 28.0 * (1 - math.exp(-after / 0.12)), rel=1e-6)


def test_gas_drives_up_to_the_speed_beside_it_and_only_in_cruise() -> None:
    gas = parameters(NIDEC).gas
    assert gas is not None
    actuator, state = GasActuator(gas, vehicle(NIDEC)), State(speed_mps=20.0, cruise_active=True)
    bus = Bus(NIDEC, actuator)
    for step in range(300):
        if step % 10 == 0:
            bus.send(step * 10 * MS, "fcan/AccHud", PcmGas=99, PcmSpeed=9000)
        given = actuator.step(step * 10 * MS, state, STEP_S)
        after = max(0, step - 19) * STEP_S
        assert given == pytest.approx(0.5 * 1.15 * (1 - math.exp(-after / 0.25)), rel=1e-6)
    state.speed_mps, given = 25.0, math.nan
    for step in range(300, 500):
        if step % 10 == 0:
            bus.send(step * 10 * MS, "fcan/AccHud", PcmGas=99, PcmSpeed=9000)
        given = actuator.step(step * 10 * MS, state, STEP_S)
    assert given == pytest.approx(0.0, abs=2e-3)
    state.speed_mps, state.cruise_active = 20.0, False
    for step in range(500, 700):
        if step % 10 == 0:
            bus.send(step * 10 * MS, "fcan/AccHud", PcmGas=99, PcmSpeed=9000)
        given = actuator.step(step * 10 * MS, state, STEP_S)
    assert given == 0.0


def test_an_acceleration_needs_both_of_its_messages_and_drives_by_its_gas() -> None:
    one = parameters(BOSCH).acceleration
    assert one is not None
    actuator, state = AccelerationActuator(one, vehicle(BOSCH)), State(speed_mps=20.0, cruise_active=True)
    bus = Bus(BOSCH, actuator)
    other = Bus(BOSCH, actuator)
    other.commands = bus.commands  # both messages go over one bus

    def drive(first: int, count: int, *, on: bool, **raws: int) -> float:
        said = None
        for step in range(first, first + count):
            if step % 2 == 0:
                if on:
                    other.send(step * 10 * MS, "fcan/AccControlOn", ControlOn=1)
                bus.send(step * 10 * MS, "fcan/AccControl", ControlOn=5, **raws)
            said = actuator.step(step * 10 * MS, state, STEP_S)
        return math.nan if said is None else said.mps2

    assert math.isnan(drive(0, 100, on=False, AccelCommand=100, GasCommand=409))
    assert drive(100, 200, on=True, AccelCommand=100, GasCommand=409) == pytest.approx(1.0, abs=0.01)
    assert drive(300, 200, on=True, AccelCommand=-200, GasCommand=-30000, BrakeRequest=1) == pytest.approx(
        -2.0, abs=0.01
    )
    assert drive(500, 200, on=True, AccelCommand=-600, GasCommand=-30000, BrakeRequest=1) == pytest.approx(
        -3.5, abs=0.01
    )
    assert drive(700, 200, on=True, AccelCommand=100, GasCommand=-30000) == pytest.approx(0.0, abs=0.01)
    state.cruise_active = False
    assert math.isnan(drive(900, 100, on=True, AccelCommand=100, GasCommand=409))


def test_a_switch_counts_once_it_was_pressed_for_long_enough_and_no_longer_than_frames_come() -> None:
    buttons = parameters(LEAF).buttons
    assert buttons is not None
    actuator = ButtonActuator(buttons, vehicle(LEAF))
    bus = Bus(LEAF, actuator)
    seen = []
    for step in range(30):
        if step % 2 == 0 and step < 14:
            bus.send(step * 10 * MS, "car/PedalsAndCruise", Buttons=16 if step >= 2 else 32)
        seen.append(actuator.step(step * 10 * MS))
    assert seen == [CruiseSwitch.NONE] * 6 + [CruiseSwitch.RESUME] * 17 + [CruiseSwitch.NONE] * 7


def test_a_frame_with_a_wrong_checksum_or_a_counter_that_stands_still_commands_nothing() -> None:
    car = vehicle(NIDEC)
    commands = Commands(car, ["fcan/SteeringControl.SteerTorque"])
    bus, can_id, payload = frame(car, "fcan/SteeringControl", {"SteerTorque": 500}, 0)
    spoilt = bytes([*payload[:-1], payload[-1] ^ 0x01])
    assert len(commands.take(Frames.build([(0, bus, can_id, payload)]))) == 1
    assert not commands.take(Frames.build([(10 * MS, bus, can_id, spoilt)]))
    assert not commands.take(Frames.build([(20 * MS, bus, can_id, payload[:3])]))
    assert not commands.take(Frames.build([(20 * MS, bus, can_id + 1, payload)]))
    taken = [len(commands.take(Frames.build([(t * 10 * MS, bus, can_id, payload)]))) for t in range(3, 20)]
    assert taken[-1] == 0  # the same counter again and again


def test_all_fields_of_a_frame_come_together_and_each_frame_apart() -> None:
    car = vehicle(NIDEC)
    names = ["fcan/SteeringControl.SteerTorque", "fcan/SteeringControl.SteerTorqueRequest"]
    rows = [frame(car, "fcan/SteeringControl", {"SteerTorque": -3 - i, "SteerTorqueRequest": 1}, i) for i in range(3)]
    found = Commands(car, names).take(Frames.build([(7, *row) for row in rows]))
    assert [one.raw for one in found] == [{names[0]: -3.0 - i, names[1]: 1.0} for i in range(3)]


def test_a_field_that_the_car_does_not_have_is_told() -> None:
    with pytest.raises(DescriptionError, match=r"field 'SteerTork' .*did you mean 'SteerTorque'"):
        Commands(vehicle(NIDEC), ["fcan/SteeringControl.SteerTork"])
    with pytest.raises(DescriptionError, match="message 'fcan/Steering'"):
        Commands(vehicle(NIDEC), ["fcan/Steering.SteerTorque"])


@pytest.mark.parametrize(
    ("car", "field", "raw", "most"),
    [(LEAF, "ev/ChargeCommand.ChargePower", 110, 1_000.0), (OUTLANDER, "ev/ChargeRequest.Current", 40, 4.0)],
)
def test_a_charger_heeds_a_limit_after_its_delay_and_forgets_it_after_its_timeout(
    car: str, field: str, raw: int, most: float
) -> None:
    one = parameters(car).charge_command
    assert one is not None
    actuator = ChargeActuator(one, vehicle(car))
    message, _, name = field.rpartition(".")
    assert actuator.step(0) == math.inf
    Bus(car, actuator).send(0, message, **{name: raw})
    delay_ns, timeout_ns = round(one.delay_s * 1e9), round(one.timeout_s * 1e9)
    assert actuator.step(delay_ns - 1) == math.inf
    assert actuator.step(delay_ns) == pytest.approx(most)
    assert actuator.step(delay_ns + timeout_ns) == pytest.approx(most)
    assert actuator.step(delay_ns + timeout_ns + 1) == math.inf


@pytest.mark.parametrize("car", [NIDEC, BOSCH, LEAF, OUTLANDER, "nissan/x_trail_2017"])
def test_what_a_shipped_car_says_of_its_actuators_is_on_its_wire(car: str) -> None:
    for harness in (False, True):
        Actuation(vehicle(car), parameters(car), harness=harness)


def test_a_car_may_obey_later_and_less() -> None:
    usual, other = parameters(NIDEC), varied(parameters(NIDEC), Variation(0.2, 0.8))
    assert varied(usual, Variation()) is usual
    for one, changed in ((usual.steering_torque, other.steering_torque), (usual.braking, other.braking)):
        assert one is not None
        assert changed is not None
        assert changed.delay_s == pytest.approx(one.delay_s + 0.2)
    assert other.braking is not None
    assert other.braking.gain_n == pytest.approx(28.0 * 0.8)
    assert varied(parameters(LEAF), Variation(0.1, 0.5)).steering_angle.delay_s == pytest.approx(0.14)  # type: ignore[union-attr]
    assert varied(parameters(BOSCH), Variation(0.1, 0.5)).acceleration.gain == pytest.approx(0.5)  # type: ignore[union-attr]
