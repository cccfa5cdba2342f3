"""From the physics to the standard: every path that a shipped car can put on its wire, with values it can carry."""

from __future__ import annotations

import itertools
import math
from array import array

import numpy as np
import pytest

from commonwheel.catalog import load_catalog
from commonwheel.twin import signals_energy, signals_motion
from commonwheel.twin.body import Body
from commonwheel.twin.inputs import Gear, Ignition, Inputs
from commonwheel.twin.signals import Standard, resting
from commonwheel.twin.signals_facts import facts_of
from commonwheel.twin.signals_motion import RUNOUT
from commonwheel.twin.start import Start
from commonwheel.twin.state import State
from commonwheel.vehicles import car_names, load_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from tests.twin.bodies import driving, go, parameters

LEAF, IMIEV, LANCER = "nissan/leaf_aze0:30kwh", "mitsubishi/imiev", "mitsubishi/lancer:ralliart"
GETTERS = signals_motion.FAST | signals_motion.SLOW | signals_energy.FAST | signals_energy.SLOW
CELLS = [
    f"Vehicle.Powertrain.TractionBattery.Module.M{m}.Cell.C{c}.Voltage"
    for m in range(1, 13)
    for c in range(1, 5 if m in {6, 12} else 9)
]


def values(
    car: str, paths: list[str], state: State | None = None, inputs: Inputs | None = None, *, wire: bool = False
) -> dict[str, float]:
    row = [math.nan] * len(paths)
    vehicle = load_vehicle(car) if wire else None
    Standard(parameters(car), paths, vehicle=vehicle).write(state or State(), inputs or Inputs(), row)
    return dict(zip(paths, row, strict=True))


@pytest.mark.parametrize("name", [pytest.param(car, marks=[pytest.mark.slow] * (":" in car)) for car in car_names()])
def test_all_that_a_car_can_send_is_known_and_fits_on_its_wire(name: str) -> None:
    """Standing, driving, reversing and charging: no path is unknown, no value is refused by the encoder."""
    vehicle, car = load_vehicle(name), parameters(name)
    encoder = VehicleEncoder(vehicle)
    paths = encoder.encodable
    standard = Standard(car, paths, vehicle=vehicle)
    assert standard.unknown == ()
    body = Body(car, Start(charge=0.5))
    situations = (
        Inputs(),
        driving(accelerator=0.3, steering_deg=30, climate=True),
        driving(brake=0.3),
        driving(gear=Gear.REVERSE, accelerator=0.2),
        Inputs(plugged=True, charge_power_w=3000),
    )
    for inputs in situations:
        for _ in range(8):
            go(body, inputs, 0.5, dt_s=0.05)
            row = [math.nan] * len(paths)
            standard.write(body.state, inputs, row)
            tracks = {
                path: Track(np.zeros(1, np.int64), np.array([value]))
                for path, value in zip(paths, row, strict=True)
                if not math.isnan(value)
            }
            encoder.encode(tracks, 0, 100_000_000)


def test_every_path_is_of_the_standard() -> None:
    catalog = load_catalog()
    assert [path for path in (*GETTERS, *resting(), *CELLS) if path not in catalog] == []
    assert GETTERS.keys() & resting().keys() == set()


def test_units_are_the_standards() -> None:
    state = State(
        speed_mps=10, yaw_rate_rps=0.1, pack_v=350, pack_a=-20, pack_w=-7000, charge=0.5, wheel_mps=[10, 10, 10, 10],
        discharge_limit_w=80_000, charge_left_s=60, range_m=1500, odometer_m=12_345, accelerator=0.25, motor_w=5000,
        brake_pressure_bar=30,
    )  # fmt: skip
    inputs = Inputs(air_c=-3, fan=0.5, climate=True, charge_limit=0.8)
    expected = {
        "Vehicle.Speed": 36,
        "Vehicle.AngularVelocity.Yaw": math.degrees(0.1),
        "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed": 36,
        "Vehicle.Chassis.Axle.Row1.Wheel.Left.AngularSpeed": 3600 / parameters(LEAF).chassis.tyre_circumference_m,
        "Vehicle.Chassis.Accelerator.PedalPosition": 25,
        "Vehicle.Chassis.Brake.Pressure": 3000,
        "Vehicle.Powertrain.TractionBattery.CurrentVoltage": 350,
        "Vehicle.Powertrain.TractionBattery.CurrentCurrent": -20,
        "Vehicle.Powertrain.TractionBattery.CurrentPower": -7000,
        "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": 50,
        "Vehicle.Powertrain.TractionBattery.MaximumDischargePower": 80,
        "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit": 80,
        "Vehicle.Powertrain.TractionBattery.Charging.TimeToComplete": 60,
        "Vehicle.Powertrain.ElectricMotor.Power": 5,
        "Vehicle.Powertrain.Range": 1500,
        "Vehicle.TraveledDistance": 12_345,
        "Vehicle.Exterior.AirTemperature": -3,
        "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed": 50,
    }
    assert values(LEAF, list(expected), state, inputs) == pytest.approx(expected, rel=1.01 * RUNOUT)


def test_a_wheels_sensor_never_tells_an_even_speed() -> None:
    """Which is what a speed that stays the same in every bit is recognised by as frozen."""
    path = "Vehicle.Chassis.Axle.Row2.Wheel.Left.Speed"
    told = [
        values(LEAF, [path], State(speed_mps=20, wheel_mps=[20] * 4, odometer_m=0.4 * step))[path] for step in range(50)
    ]
    windows = [{round(value / 0.005) for value in told[begin : begin + 20]} for begin in range(30)]  # 400 ms each
    assert all(len(window) > 1 for window in windows)
    assert max(told) == pytest.approx(72 * (1 + RUNOUT), rel=RUNOUT / 10)
    assert sum(told) / len(told) == pytest.approx(72, rel=RUNOUT / 10)
    assert values(LEAF, [path], State(odometer_m=0.3))[path] == 0


def test_enumerations_are_codes_of_their_labels() -> None:
    catalog = load_catalog()
    lever = "Vehicle.Powertrain.Transmission.ShiftLeverPosition"
    for gear in Gear:
        code = values(LEAF, [lever], State(gear=gear))[lever]
        assert catalog[lever].allowed[int(code)] == gear.name
    power = "Vehicle.LowVoltageSystemState"
    for ignition, label in zip(Ignition, ("OFF", "ACC", "ON"), strict=True):
        code = values(LEAF, [power], inputs=Inputs(ignition=ignition))[power]
        assert catalog[power].allowed[int(code)] == label
    supply = "Vehicle.Powertrain.TractionBattery.Charging.SupplyType"
    for state, power_w, label in ((State(), 0, "NONE"), (State(charging=True), 3000, "AC")):
        code = values(LEAF, [supply], state, Inputs(plugged=True, charge_power_w=power_w))[supply]
        assert catalog[supply].allowed[int(code)] == label
    code = values(LEAF, [supply], State(charging=True), Inputs(plugged=True, charge_power_w=45_000))[supply]
    assert catalog[supply].allowed[int(code)] == "DC"
    unit = "Vehicle.Cabin.Infotainment.HMI.SpeedUnit"
    assert catalog[unit].allowed[int(values(LEAF, [unit])[unit])] == "KILOMETERS_PER_HOUR"


def test_cells_lie_around_their_mean_and_reach_lowest_and_highest() -> None:
    state = State(pack_v=88 * 3.9, cell_low_v=3.88, cell_high_v=3.93)
    found = list(values(IMIEV, CELLS, state).values())
    assert len(found) == 88
    assert min(found) == pytest.approx(3.88)
    assert max(found) == pytest.approx(3.93)
    assert sum(found) == pytest.approx(state.pack_v, rel=1e-3)
    assert len(set(found)) == 88


def test_cells_of_a_car_without_a_traction_battery_have_no_voltage() -> None:
    assert set(values("mitsubishi/lancer", CELLS).values()) == {0.0}


def test_cells_differ_by_the_seed_only() -> None:
    state, rows = State(pack_v=343, cell_low_v=3.88, cell_high_v=3.93), []
    for seed in (1, 1, 2):
        row = [0.0] * len(CELLS)
        Standard(parameters(IMIEV), CELLS, seed=seed).write(state, Inputs(), row)
        rows.append(row)
    assert rows[0] == rows[1] != rows[2]


def test_backwards_is_positive_where_the_wire_has_no_sign() -> None:
    state = State(speed_mps=-2, wheel_mps=[-2, -2, -2, -2])
    path = "Vehicle.Speed"
    assert values(LANCER, [path], state, wire=True)[path] == pytest.approx(7.2)
    assert values(LANCER, [path], state)[path] == pytest.approx(7.2)


def test_what_a_wire_has_no_code_for_is_no_value() -> None:
    """The Type R tells only reverse."""
    path, car = "Vehicle.Powertrain.Transmission.SelectedGear", "honda/civic_gen10_bosch:type_r"
    assert values(car, [path], State(gear=Gear.REVERSE), wire=True)[path] == -1
    assert math.isnan(values(car, [path], State(gear=Gear.DRIVE), wire=True)[path])


def test_what_a_scenario_states_wins() -> None:
    door, speed, lever = (
        "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen",
        "Vehicle.Speed",
        "Vehicle.Powertrain.Transmission.ShiftLeverPosition",
    )
    inputs = Inputs(stated={door: 1.0, speed: 50.0, "Vehicle.Not.Wanted": 1.0})
    found = values(LEAF, [door, speed, lever], State(), inputs)
    assert found == {door: 1, speed: 50, lever: 1}


def test_a_path_that_nobody_knows_is_said_to_be_and_left_alone() -> None:
    path = "Vehicle.Body.Windshield.Front.Wiping.Intensity"
    standard, row = Standard(parameters(LEAF), [path, "Vehicle.Speed"]), [7.0, 0.0]
    standard.write(State(speed_mps=1), Inputs(), row)
    assert standard.unknown == (path,)
    assert row == [7.0, 3.6]
    standard.write(State(), Inputs(stated={path: 2.0}), row)
    assert row[0] == 2.0


def test_slow_signals_are_written_ten_times_a_second_and_into_any_new_row() -> None:
    path = "Vehicle.Powertrain.TractionBattery.StateOfHealth"
    standard, state, row = Standard(parameters(LEAF), [path]), State(), [0.0]
    seen: list[float] = []
    for step, health in zip(range(25), itertools.count(1), strict=False):
        state.t_s, state.health = step * 0.01, health / 100
        standard.write(state, Inputs(), row)
        seen.append(row[0])
    assert sorted(set(seen)) == pytest.approx([1, 11, 21])
    other = memoryview(array("d", [0.0])).cast("B").cast("d")
    standard.write(state, Inputs(), other)
    assert other[0] == pytest.approx(25)


def test_belts_and_lights_follow_what_the_driver_does() -> None:
    belt, warning, brake, back = (
        "Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted",
        "Vehicle.Cabin.IsSeatBeltWarningOn",
        "Vehicle.Body.Lights.Brake.IsActive",
        "Vehicle.Body.Lights.Backup.IsOn",
    )
    paths = [belt, warning, brake, back]
    off = values(LEAF, paths)
    parked = values(LEAF, paths, State(brake=0.3), Inputs(ignition=Ignition.ON))
    backing = values(LEAF, paths, State(gear=Gear.REVERSE), Inputs(ignition=Ignition.ON))
    assert list(off.values()) == [0, 0, 0, 0]
    assert list(parked.values()) == [0, 1, 1, 0]
    assert list(backing.values()) == [1, 0, 0, 1]


def test_facts_follow_from_the_parameters() -> None:
    facts = facts_of(parameters(LEAF))
    assert 26 < facts.capacity_kwh < 31
    assert facts.tank_l == 0
    assert not facts.by_hand
    assert facts_of(parameters("honda/civic_gen8")).by_hand
    assert facts_of(parameters(LANCER)).tank_l == 59
