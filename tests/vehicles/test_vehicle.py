"""A compiled vehicle, its decoder, and batches of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import commonwheel
from commonwheel.errors import CatalogError, DescriptionError
from commonwheel.vehicles import Quality, Samples, Vehicle, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.frames import ERROR_FLAG, Clock, Frames
from tests.vehicles.workshop import CAR, HEAD, Workshop, frame

MS = 1_000_000
SPEED, AIR = "Vehicle.Speed", "Vehicle.Exterior.AirTemperature"
LEFT = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed"
TWO_BUSES = HEAD.replace("{car: {database: car.dbc}}", "{car: {database: car.dbc}, copy: {database: car.dbc}}")
ROWS = f"""
signals:
  {SPEED}: car/Motion.Speed
  {AIR}: copy/Motion.Air
  {LEFT}: car/Wheels.SpeedLeft
"""


@pytest.fixture
def car(workshop: Workshop) -> Vehicle:
    return workshop.build(ROWS, head=TWO_BUSES)


def paths(samples: Samples) -> list[str]:
    return [samples.table[number].path for number in samples.signal.tolist()]


# ---- the vehicle ----------------------------------------------------------------------------------------------------


def test_a_vehicle_tells_what_it_is(car: Vehicle) -> None:
    assert repr(car) == "<Vehicle acme/one: 3 signals, 2 buses>"
    assert (car.title, car.powertrain) == ("Acme One", "battery-electric")
    assert car.numbers == {SPEED: 0, AIR: 1, LEFT: 2}
    assert car.provided == {SPEED, AIR, LEFT}
    assert car.bus_index("copy") == 1


def test_a_bus_that_is_not_there_is_told_with_the_known_ones(car: Vehicle) -> None:
    with pytest.raises(DescriptionError, match=r"no bus 'cpy' \(did you mean 'copy'\?\); its buses are car, copy"):
        car.bus_index("cpy")


@pytest.mark.parametrize(
    ("patterns", "numbers"),
    [
        (None, [0, 1, 2]),
        ([], []),
        ([SPEED], [0]),
        (["Vehicle.Chassis"], [2]),
        (["Vehicle.**.Speed"], [0, 2]),
        (["Vehicle.*"], [0]),
        ([AIR, SPEED], [0, 1]),
        (["Vehicle.Cabin"], []),
    ],
)
def test_patterns_select_signals_in_the_order_of_the_table(
    car: Vehicle, patterns: list[str] | None, numbers: list[int]
) -> None:
    assert car.select(patterns).tolist() == numbers


def test_a_wrong_pattern_is_refused(car: Vehicle) -> None:
    with pytest.raises(CatalogError, match="is not a path pattern"):
        car.select(["Vehicle..Speed"])


def test_repairs_of_the_databases_are_told(workshop: Workshop) -> None:
    database = 'BO_ 256 Motion: 8 X\n SG_ Speed : 7|16@0+ (0,0) [0|0] "km/h" X\n'
    assert "car.dbc:2: signal 'Speed' of message 'Motion' has factor 0" in workshop.build("", car=database).repairs[0]


def test_messages_that_no_frame_can_be_are_left_out_and_told(workshop: Workshop) -> None:
    database = "".join(
        f'BO_ {can_id} {name}: {size} X\n SG_ S : 7|8@0+ (1,0) [0|0] "" X\n'
        for can_id, name, size in ((1, "Fits", 8), (2, "Long", 65), (0xFFFFFFFF, "Far", 8))
    )
    vehicle = workshop.build("", car=database)
    assert [message.name for message in vehicle.messages] == ["Fits"]
    assert len(vehicle.repairs) == 2


def test_loading_takes_a_name_a_folder_or_a_file(workshop: Workshop) -> None:
    home = workshop.write(ROWS, head=TWO_BUSES)
    for name in (CAR, home, home / "vehicle.yaml"):
        assert load_vehicle(name, folders=(workshop.folder,)).name == CAR
    with pytest.raises(DescriptionError, match="there is no car"):
        load_vehicle("acme/none", folders=(workshop.folder,))
    with pytest.raises(CatalogError, match="cannot be read"):
        load_vehicle(CAR, folders=(workshop.folder,), catalog=Path("/no/such/tree.json"))


def test_the_package_gives_what_it_lists() -> None:
    assert all(getattr(commonwheel, name) is not None for name in commonwheel.__all__)
    assert set(commonwheel.__all__) <= set(dir(commonwheel))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = commonwheel.nothing


# ---- the decoder ----------------------------------------------------------------------------------------------------

FRAMES = [
    frame(0x100, "0064003c00000000", bus=0),
    frame(0x100, "0064003c00000000", bus=1),
    frame(0x400, "0000000064000000", bus=0),
]


def test_without_a_map_the_buses_are_the_cars_in_order(car: Vehicle) -> None:
    samples = VehicleDecoder(car).decode(Frames.build(FRAMES))
    assert paths(samples) == [SPEED, AIR, LEFT]
    assert samples.value.tolist() == [1.0, 20.0, 10.0]


def test_a_map_puts_recorded_buses_on_the_cars_by_name(car: Vehicle) -> None:
    decoder = VehicleDecoder(car, buses={0: "copy", 5: "car"})
    assert paths(decoder.decode(Frames.build([*FRAMES, frame(0x100, "0064003c00000000", bus=5)]))) == [AIR, SPEED]
    assert (decoder.counts.known, decoder.counts.unknown) == (3, 1)
    with pytest.raises(DescriptionError, match="no bus 'engine'"):
        VehicleDecoder(car, buses={0: "engine"})


def test_a_car_of_one_bus_takes_any(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{SPEED}: car/Motion.Speed")
    frames = Frames.build(frame(0x100, "0064000000000000", bus=bus) for bus in (0, 7, 255))
    assert len(VehicleDecoder(vehicle).decode(frames)) == 3


def test_only_the_signals_asked_for_are_told(car: Vehicle) -> None:
    decoder = VehicleDecoder(car, signals=["Vehicle.Chassis", AIR])
    assert paths(decoder.decode(Frames.build(FRAMES))) == [AIR, LEFT]
    assert not len(VehicleDecoder(car, signals=[]).decode(Frames.build(FRAMES)))


def test_messages_that_were_seen_are_counted(car: Vehicle) -> None:
    decoder = VehicleDecoder(car)
    decoder.decode(Frames.build([*FRAMES, frame(0x100, "0064", bus=0), (0, 0, ERROR_FLAG, b"")]))
    counts = {(count.bus, count.name): count for count in decoder.message_counts}
    assert set(counts) == {("car", "Motion"), ("copy", "Motion"), ("car", "Wheels")}
    motion = counts["car", "Motion"]
    assert (motion.frames, motion.shorter, motion.checked) == (2, 1, False)
    assert decoder.counts.other == 1


def test_late_messages_are_told_when_asked(car: Vehicle) -> None:
    decoder = VehicleDecoder(car)
    decoder.decode(Frames.build(FRAMES))
    late = decoder.expire(10**9)
    assert paths(late) == [SPEED, AIR]
    assert set(late.quality.tolist()) == {Quality.STALE}
    assert late.t_ns.tolist() == [200 * MS] * 2
    assert not len(VehicleDecoder(car, clock=Clock.ORDER).expire(10**9))


# ---- samples --------------------------------------------------------------------------------------------------------


def test_samples_are_selected_by_path_by_quality_and_by_index(car: Vehicle) -> None:
    samples = VehicleDecoder(car).decode(Frames.build([*FRAMES, frame(0x100, "01")]))
    assert samples.paths == [SPEED, AIR, LEFT]
    assert samples.of(SPEED).quality.tolist() == [Quality.GOOD, Quality.INVALID]
    assert len(samples.of("Vehicle.Cabin")) == 0
    assert len(samples.good) == 3
    assert paths(samples[samples.value > 5]) == [AIR, LEFT]
    assert paths(samples[np.array([2, 0])]) == [LEFT, SPEED]
    assert paths(samples[1:2]) == [AIR]


def test_batches_of_one_stream_are_joined_in_order(car: Vehicle) -> None:
    decoder = VehicleDecoder(car, clock=Clock.RELATIVE)
    parts = [decoder.decode(Frames.build([row])) for row in FRAMES]
    joined = Samples.concat(parts)
    assert paths(joined) == [SPEED, AIR, LEFT]
    assert joined.clock is Clock.RELATIVE
    assert Samples.concat(parts[:1]) is parts[0]
    assert len(Samples.concat([])) == 0
    assert Samples.concat([]).paths == []


def test_a_worse_quality_is_a_larger_code() -> None:
    assert sorted(Quality) == [Quality.GOOD, Quality.STALE, Quality.INVALID, Quality.CORRUPT, Quality.MISSING]
