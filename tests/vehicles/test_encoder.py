"""From standard values to frames: times, defaults, turns, and what does not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from commonwheel.errors import EncodeError
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.frames import EXTENDED_FLAG, Clock, Frames
from tests.vehicles.workshop import HEAD, Workshop

MS = 1_000_000
SPEED, AIR, BEAM = "Vehicle.Speed", "Vehicle.Exterior.AirTemperature", "Vehicle.Body.Lights.Beam.Low.IsOn"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
VOLTAGE = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
POWER = "Vehicle.Powertrain.TractionBattery.CurrentPower"


def constant(value: float) -> Track:
    return Track(np.zeros(1, np.int64), np.array([value]))


def rows(frames: Frames) -> list[tuple[float, int, str]]:
    """Return (ms, id, payload) of each frame."""
    columns = zip(frames.t_ns.tolist(), frames.id.tolist(), frames.size.tolist(), frames.data, strict=True)
    return [(t / MS, can_id, bytes(data[:size]).hex()) for t, can_id, size, data in columns]


@pytest.fixture
def car(workshop: Workshop) -> Vehicle:
    return workshop.signals(
        f"""
        {SPEED}: car/Motion.Speed
        {AIR}: {{from: car/Motion.Air, invalid: [255]}}
        {GEAR}: {{from: car/Motion.Gear, values: {{P: 126, R: -1, N: 0, D: 127}}}}
        {VOLTAGE}: car/Power.Voltage
        {POWER}: {{compute: v * 1, with: {{v: car/Power.Voltage}}}}
        """.replace(POWER, "Vehicle.LowVoltageBattery.CurrentVoltage")
    )


def test_every_message_is_sent_at_its_own_period(car: Vehicle) -> None:
    """Motion has 20 ms; Power has no period and gets 100 ms, a little later than the first."""
    frames = VehicleEncoder(car).encode({SPEED: constant(1.0), VOLTAGE: constant(50.0)}, 0, 200 * MS)
    assert frames.clock is Clock.RELATIVE
    motion = [t for t, can_id, _ in rows(frames) if can_id == 0x100]
    power = [t for t, can_id, _ in rows(frames) if can_id == 0x200]
    assert motion == [20.0 * i for i in range(10)]
    assert power == [0.137, 100.137]
    assert (np.diff(frames.t_ns) >= 0).all()


def test_a_value_holds_until_the_next(car: Vehicle) -> None:
    track = Track(np.array([30 * MS, 50 * MS]), np.array([1.0, 2.0]))
    payloads = [payload[:4] for _, _, payload in rows(VehicleEncoder(car).encode({SPEED: track}, 0, 100 * MS))]
    assert payloads == ["0064", "0064", "0064", "00c8", "00c8"]  # at 0, 20, 40, 60, 80 ms


def test_only_messages_that_carry_a_track_are_sent_unless_all_are_asked_for(car: Vehicle) -> None:
    encoder = VehicleEncoder(car)
    tracks = {SPEED: constant(1.0)}
    assert set(encoder.encode(tracks, 0, 100 * MS).id.tolist()) == {0x100}
    assert set(encoder.encode(tracks, 0, 100 * MS, idle=True).id.tolist()) == {0x100, 0x200, 0x300, 0x400}
    assert not len(encoder.encode({}, 0, 100 * MS))


def test_several_values_of_one_message_share_its_frames(car: Vehicle) -> None:
    payload = VehicleEncoder(car).encode_message(0, {SPEED: 300.0, AIR: -40.0, GEAR: 127})
    assert payload.hex() == "7530030000000000"


def test_no_value_is_sent_by_its_code_where_there_is_one(car: Vehicle) -> None:
    encoder = VehicleEncoder(car)
    assert encoder.encode_message(0, {AIR: math.nan})[3] == 255
    with pytest.raises(EncodeError, match=r"'Vehicle\.Speed' has no code for 'no value' on the wire"):
        encoder.encode_message(0, {SPEED: math.nan})


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        ({SPEED: 656.0}, "'Vehicle.Speed' does not fit into Speed (16 bits): raw 65600 is outside 0..65535"),
        ({SPEED: -0.01}, "raw -1 is outside 0..65535"),
        ({SPEED: math.inf}, "raw inf is outside"),
        ({GEAR: 5.0}, "'Vehicle.Powertrain.Transmission.SelectedGear' cannot be 5; it can be 126, -1, 0, 127"),
        ({VOLTAGE: 5.0}, "is not carried by Motion of acme/one"),
        ({"Vehicle.LowVoltageBattery.CurrentVoltage": 5.0}, "is computed: set what it is computed from"),
        ({"Vehicle.Sped": 5.0}, "'Vehicle.Sped' is not described"),
    ],
)
def test_what_cannot_be_put_on_the_wire_is_refused(car: Vehicle, values: dict[str, float], phrase: str) -> None:
    with pytest.raises(EncodeError) as caught:
        VehicleEncoder(car).encode_message(0, values)
    assert phrase in str(caught.value)
    assert str(caught.value).startswith(("acme/one: ", "'"))


def test_the_paths_that_can_be_encoded_are_told(car: Vehicle) -> None:
    assert VehicleEncoder(car).encodable == [SPEED, AIR, GEAR, VOLTAGE]


def test_a_message_can_be_sent_with_nothing_but_its_defaults(workshop: Workshop) -> None:
    vehicle = workshop.build("messages: {car/Motion: {defaults: {Air: 20, Count: 3}, counter: Count}}")
    encoder = VehicleEncoder(vehicle)
    assert [encoder.encode_message(0, {})[3:5].hex() for _ in range(3)] == ["3c00", "3c01", "3c02"]


def test_a_value_wins_over_the_default_of_its_field(workshop: Workshop) -> None:
    vehicle = workshop.build(
        f"messages: {{car/Motion: {{defaults: {{Air: 20, Beam: 1}}}}}}\nsignals: {{{AIR}: car/Motion.Air}}"
    )
    assert VehicleEncoder(vehicle).encode_message(0, {AIR: 0.0})[2:4].hex() == "1028"


def test_start_values_of_the_database_stand_where_nothing_else_does(workshop: Workshop) -> None:
    database = (
        'BO_ 256 Motion: 8 X\n SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X\n SG_ Idle : 23|8@0+ (1,0) [0|0] "" X\n'
        'BA_DEF_ SG_ "GenSigStartValue" FLOAT 0 1000;\nBA_DEF_DEF_ "GenSigStartValue" 0;\n'
        'BA_ "GenSigStartValue" SG_ 256 Idle 85;\n'
    )
    vehicle = workshop.signals(f"{SPEED}: car/Motion.Speed", car=database)
    assert VehicleEncoder(vehicle).encode_message(0, {SPEED: 1.0})[:3].hex() == "006455"


def test_counters_go_on_from_call_to_call(workshop: Workshop) -> None:
    vehicle = workshop.build(
        f"messages: {{car/Motion: {{counter: {{signal: Count, modulo: 3}}}}}}\nsignals: {{{SPEED}: car/Motion.Speed}}"
    )
    encoder = VehicleEncoder(vehicle)
    counts = [
        payload[9]
        for begin in (0, 100)
        for _, _, payload in rows(encoder.encode({SPEED: constant(0)}, begin * MS, (begin + 100) * MS))
    ]
    assert counts == list("0120120120")
    assert encoder.encode_message(0, {SPEED: 0.0})[4] == 1


def test_multiplexed_values_take_turns(workshop: Workshop) -> None:
    """Each frame has one page; what needs none is in all of them."""
    left, right = (f"Vehicle.Chassis.Axle.Row1.Wheel.{side}.Speed" for side in ("Left", "Right"))
    vehicle = workshop.signals(
        f"""
        {left}: {{from: car/Wheels.Speed, when: {{Which: 1}}}}
        {right}: {{from: car/Wheels.Speed, when: {{Which: 2}}}}
        {SPEED}: car/Wheels.SpeedLeft
        """
    )
    tracks = {left: constant(10.0), right: constant(20.0), SPEED: constant(30.0)}
    payloads = [payload for _, _, payload in rows(VehicleEncoder(vehicle).encode(tracks, 0, 400 * MS))]
    assert payloads == ["010064012c000000", "0200c8012c000000"] * 2


def test_flags_say_that_the_value_is_one(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{SPEED}: {{from: car/Motion.Speed, valid_if: {{Beam: 1}}}}")
    assert VehicleEncoder(vehicle).encode_message(0, {SPEED: 1.0})[:3].hex() == "006410"


def test_of_several_paths_on_one_field_the_first_sets_it(workshop: Workshop) -> None:
    left = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed"
    vehicle = workshop.signals(f"{SPEED}: car/Motion.Speed\n{left}: car/Motion.Speed")
    encoder = VehicleEncoder(vehicle)
    assert encoder.encode_message(0, {left: 1.0, SPEED: 2.0})[:2].hex() == "0064"
    assert encoder.encode_message(0, {SPEED: 2.0, left: 1.0})[:2].hex() == "00c8"


def test_ids_sizes_and_buses_are_those_of_the_description(workshop: Workshop) -> None:
    second = f'BO_ {0x98FEF100} Long: 12 X\n SG_ Air : 95|8@0+ (1,0) [0|0] "degC" X\n'
    head = HEAD.replace(
        "{car: {database: car.dbc}}", "{car: {database: car.dbc}, body: {database: second.dbc, fd: true}}"
    )
    vehicle = workshop.build(f"signals: {{{AIR}: body/Long.Air}}", head=head, second=second)
    frames = VehicleEncoder(vehicle).encode({AIR: constant(9.0)}, 0, 100 * MS)
    assert (frames.width, frames.size.tolist(), frames.bus.tolist()) == (64, [12], [1])
    assert frames.id.tolist() == [0x18FEF100 | EXTENDED_FLAG]
    assert frames.data[0, 11] == 9


def test_floats_are_written_as_floats(workshop: Workshop) -> None:
    database = 'BO_ 256 Motion: 8 X\n SG_ Speed : 0|32@1- (2,1) [0|0] "km/h" X\nSIG_VALTYPE_ 256 Speed : 1;\n'
    vehicle = workshop.signals(f"{SPEED}: car/Motion.Speed", car=database)
    payload = VehicleEncoder(vehicle).encode_message(0, {SPEED: 4.0})
    assert np.frombuffer(payload[:4], "<f4").tolist() == [1.5]
