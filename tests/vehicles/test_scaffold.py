"""A scaffolded description compiles at once; its guesses are likely and compile too; what a log proves is stated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from commonwheel.catalog import load_catalog
from commonwheel.errors import DatabaseError, DescriptionError, LogError, OutputError
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.newfolder import Identity
from commonwheel.vehicles.scaffold import Scaffold, name_buses, scaffold
from commonwheel.vehicles.scaffold_log import busiest_bus, survey, unknown_ids
from commonwheel.vehicles.scaffold_match import Matcher
from commonwheel.vehicles.scaffold_values import guess_values
from commonwheel.vehicles.scaffold_words import is_checksum, is_counter, words
from commonwheel.wire.checksums import CHECKSUMS, compile_check
from commonwheel.wire.codec import seal
from commonwheel.wire.database import Database, Message, Multiplexed, Signal, load_database, write_dbc
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.logs import write_candump
from commonwheel.wire.tables import TableBuilder

ME = Identity.of("acme/one")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / "cache"))


def field(name: str, start: int, length: int = 8, **more: object) -> Signal:
    return Signal(name, start, length, big_endian=False, **more)  # pyright: ignore[reportArgumentType]


def message(*signals: Signal, name: str = "M", can_id: int = 0x10, **more: object) -> Message:
    return Message(name, can_id, extended=False, size=8, signals=signals, **more)  # pyright: ignore[reportArgumentType]


def written(tmp_path: Path, *messages: Message, name: str = "one.dbc") -> Path:
    path = tmp_path / name
    write_dbc(Database(path, messages), path)
    return path


CAR = (
    message(
        field("ENGINE_RPM", 0, 16, factor=0.25, unit="rpm", comment="of the crankshaft"),
        field("COOLANT_TEMP", 16, offset=-40, unit="degC"),
        field("GAS_PEDAL", 24, factor=0.4),
        field("COUNTER", 32, 4),
        field("CHECKSUM", 56),
        name="ENGINE",
        period_ms=10.0,
        comment="from the engine\ncontrol",
    ),
    message(
        field("VEHICLE_SPEED", 0, 16, factor=0.01, unit="km/h", minimum=0, maximum=300),
        field("GEAR", 16, 4, choices={0: "P", 1: "R", 2: "N", 3: "D", 4: "S", 15: "SNA"}),
        field("LEFT_BLINKER", 20, 1),
        field("DOOR_OPEN_FL", 21, 1),
        field("WIPER_MODE", 24, 3, choices={0: "OFF", 1: "SLOW", 2: "FAST"}),
        field("XYZZY", 32),
        field("BELT_DRIVER_UNLATCHED", 40, 1),
        name="BODY",
        can_id=0x20,
    ),
    message(field("VIN_PART", 0), name="IDENT", can_id=0x30),
)


def scaffolded(tmp_path: Path, *messages: Message, log: Path | None = None, who: Identity = ME) -> tuple[Scaffold, str]:
    folder = tmp_path / "acme" / "one"
    done = scaffold([("can", written(tmp_path, *messages))], folder, who, log=log, force=True)
    return done, (folder / "vehicle.yaml").read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Candidates by field, the best first: the path of each."""
    found: dict[str, list[str]] = {}
    at = ""
    for line in text.splitlines():
        about = re.match(r"  ## (\w+): \d+ bits?", line)
        at = about[1] if about else at
        row = re.match(r"  # (Vehicle\.[\w.]+):", line)
        if row:
            found.setdefault(at, []).append(row[1].removeprefix("Vehicle."))
    return found


def uncommented(text: str) -> str:
    """The file with the first row of every path taken in."""
    taken: set[str] = set()
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        row = re.match(r"  # (Vehicle\.[\w.]+):", line)
        if row:
            inside = row[1] not in taken
            taken.add(row[1])
        elif not line.startswith("  #   "):
            inside = line.startswith("  # ")
        lines.append(line.replace("# ", "", 1) if inside else line)
    return "\n".join(lines) + "\n"


def test_the_file_compiles_at_once_and_maps_nothing(tmp_path: Path) -> None:
    done, text = scaffolded(tmp_path, *CAR)
    vehicle = load_vehicle(tmp_path / "acme" / "one")
    assert vehicle.signals == ()
    assert vehicle.powertrain == "combustion"
    assert (done.messages, done.fields, done.candidates) == (3, 13, 9)
    assert "evidence: assumed (scaffolded from one.dbc; not checked)" in text


def test_every_guess_compiles_when_its_mark_is_taken_away(tmp_path: Path) -> None:
    _, text = scaffolded(tmp_path, *CAR)
    file = tmp_path / "acme" / "one" / "vehicle.yaml"
    file.write_text(uncommented(text), encoding="utf-8")
    vehicle = load_vehicle(file)
    assert len(vehicle.signals) >= 9
    assert vehicle.messages
    assert vehicle.messages[0].counter == "COUNTER"


def test_the_likeliest_signal_comes_first(tmp_path: Path) -> None:
    best = {name: paths[0] for name, paths in rows(scaffolded(tmp_path, *CAR)[1]).items()}
    assert best == {
        "ENGINE_RPM": "Powertrain.CombustionEngine.Speed",
        "COOLANT_TEMP": "Powertrain.CombustionEngine.EngineCoolant.Temperature",
        "GAS_PEDAL": "Chassis.Accelerator.PedalPosition",
        "VEHICLE_SPEED": "Speed",
        "GEAR": best["GEAR"],
        "LEFT_BLINKER": "Body.Lights.DirectionIndicator.Left.IsSignaling",
        "DOOR_OPEN_FL": "Cabin.Door.Row1.DriverSide.IsOpen",
        "WIPER_MODE": "Body.Windshield.Front.Wiping.Mode",
        "BELT_DRIVER_UNLATCHED": "Cabin.Seat.Row1.DriverSide.IsBelted",
    }
    assert "Powertrain.Transmission.SelectedGear" in rows(scaffolded(tmp_path, *CAR)[1])["GEAR"]


def test_what_a_row_takes_for_granted_is_said(tmp_path: Path) -> None:
    _, text = scaffolded(tmp_path, *CAR)
    assert "unit: percent}  # the database states no unit" in text
    assert "# taken for a left-hand drive" in text
    assert "values: {0: true, 1: false}}  # turned round, as the field's name has it" in text
    assert "not placed, so INVALID: 4 'S'" in text
    assert "## ENGINE_RPM: 16 bits, x 0.25, rpm (of the crankshaft)" in text
    assert "## can/ENGINE: 0x10, 8 bytes, every 10 ms (from the engine control)" in text
    assert "## without a likely signal: XYZZY" in text


def test_counters_checksums_and_personal_messages_are_suggested(tmp_path: Path) -> None:
    _, text = scaffolded(tmp_path, *CAR)
    assert "  # can/ENGINE: {counter: COUNTER}" in text
    assert "  ## can/ENGINE: 'CHECKSUM' may be its checksum: state its algorithm\n" in text
    assert "  ## can/IDENT may tell who the car is" in text


def test_the_powertrain_is_guessed_unless_it_is_given(tmp_path: Path) -> None:
    battery = message(field("HV_BATT_VOLTAGE", 0, 16, unit="V"), field("BATT_SOC", 16, unit="%"))
    _, text = scaffolded(tmp_path, battery)
    assert "powertrain: battery-electric  ## a guess from the fields' names" in text
    _, text = scaffolded(tmp_path, battery, who=Identity.of("acme/one", powertrain="combustion"))
    assert "TractionBattery" not in text


def test_several_databases_are_several_buses(tmp_path: Path) -> None:
    one, other = written(tmp_path, CAR[0], name="power.dbc"), written(tmp_path, CAR[1], name="body.dbc")
    pairs = name_buses([str(one), f"comfort={other}"])
    assert pairs == [("power", one), ("comfort", other)]
    scaffold(pairs, tmp_path / "acme" / "one", ME)
    assert [bus.name for bus in load_vehicle(tmp_path / "acme" / "one").buses] == ["power", "comfort"]
    assert name_buses(["x/any thing.dbc"]) == [("can", Path("x/any thing.dbc"))]


@pytest.mark.parametrize("given", [["a.dbc", "b/a.dbc"], ["x=a.dbc", "x=b.dbc"], ["a b=c.dbc"], ["=c.dbc"]])
def test_buses_need_names_of_their_own(given: list[str]) -> None:
    with pytest.raises(DescriptionError, match="bus"):
        name_buses(given)


# ------------------------------------------------------------------------------------------------- with a log


def traffic(
    *,
    checksum: str | dict[str, int] = "",
    count: int = 60,
    size: int = 8,
    modulo: int = 16,
    can_id: int = 0x10,
    step: int = 1,
) -> Frames:
    """Frames of one message, 10 ms apart: random bytes, a counter in byte 4, a checksum where it belongs."""
    dice = np.random.default_rng(1)
    data = np.zeros((count, 8), np.uint8)
    data[:, :size] = dice.integers(0, 256, (count, size))
    data[:, 4] = np.arange(count) * step % modulo
    if checksum:
        given = dict(checksum) if isinstance(checksum, dict) else {}
        name = "crc8" if given else str(checksum)
        check = compile_check(name, can_id=can_id, extended=False, parameters=given)
        builder = TableBuilder(1)
        index = builder.message(bus=0, can_id=can_id, extended=False, size=8, check=check)
        seal(builder.build(), builder.check_of(index), data, size)
    frames = Frames.empty(count, clock=Clock.RELATIVE)
    frames.t_ns[:] = np.arange(count) * 10_000_000
    frames.id[:], frames.size[:] = can_id, size
    frames.data[:] = data
    return frames


def database(*messages: Message) -> Database:
    return Database(Path("one.dbc"), messages)


@pytest.mark.parametrize("name", [name for name, row in CHECKSUMS.items() if not row.parameters])
def test_an_algorithm_with_a_name_is_found_by_its_name(name: str) -> None:
    seen = survey(traffic(checksum=name), database(CAR[0]))["ENGINE"]
    assert seen.checksum is not None
    assert (seen.checksum.row, seen.checksum.held, seen.checksum.frames) == (name, 60, 60)


@pytest.mark.parametrize(
    "given",
    [
        {"poly": 0x1D, "init": 0x55, "xorout": 0xAA},
        {"poly": 0x2F, "init": 0xFF, "at": 0},
        {"poly": 0x07},
        {"poly": 0x9B, "at": 0},
    ],
)
def test_any_crc8_is_found_by_trying_all(given: dict[str, int]) -> None:
    """The start value and the inversion cannot be told apart: the row holds their joint constant."""
    frames = traffic(checksum=given, size=6)
    seen = survey(frames, database(CAR[0]))["ENGINE"]
    assert seen.checksum is not None
    assert isinstance(seen.checksum.row, dict)
    assert seen.checksum.row["poly"] == given["poly"]
    assert seen.checksum.row.get("at", -1) == given.get("at", -1)
    assert seen.checksum.held == len(frames)


def test_an_xor_is_found() -> None:
    frames = traffic()
    frames.data[:, 7] = np.bitwise_xor.reduce(frames.data[:, :7], axis=1) ^ 0x5A
    seen = survey(frames, database(CAR[0]))["ENGINE"]
    assert seen.checksum is not None
    assert seen.checksum.row == {"name": "xor", "init": 0x5A}


def test_no_checksum_is_believed_on_chance_or_on_too_little() -> None:
    assert survey(traffic(), database(CAR[0]))["ENGINE"].checksum is None
    assert survey(traffic(checksum="nissan-crc8", count=15), database(CAR[0]))["ENGINE"].checksum is None
    still = traffic(checksum="nissan-crc8")
    still.data[:] = still.data[0]
    assert survey(still, database(CAR[0]))["ENGINE"].checksum is None
    broken = traffic(checksum="nissan-crc8")
    broken.data[::10, 0] ^= 1
    assert survey(broken, database(CAR[0]))["ENGINE"].checksum is None


def test_a_rare_broken_frame_does_not_hide_a_checksum() -> None:
    frames = traffic(checksum="honda", count=400)
    frames.data[7, 0] ^= 1
    seen = survey(frames, database(CAR[0]))["ENGINE"].checksum
    assert seen is not None
    assert (seen.held, seen.frames) == (399, 400)


@pytest.mark.parametrize(("modulo", "stated"), [(16, 0), (15, 15), (8, 8)])
def test_a_counter_and_what_it_counts_through_are_found(modulo: int, stated: int) -> None:
    counter = survey(traffic(modulo=modulo), database(CAR[0]))["ENGINE"].counter
    assert counter is not None
    assert (counter.signal, counter.modulo, counter.stepped, counter.frames) == ("COUNTER", stated, 59, 60)


def test_what_steps_by_two_or_only_toggles_is_no_counter() -> None:
    assert survey(traffic(step=2), database(CAR[0]))["ENGINE"].counter is None
    assert survey(traffic(modulo=2), database(CAR[0]))["ENGINE"].counter is None
    multiplexed = message(field("Which", 0), field("N", 32, 4, multiplexed=Multiplexed("Which", ((0, 255),))))
    assert survey(traffic(), database(multiplexed))["M"].counter is None


def test_a_field_that_is_called_a_counter_wins_over_others_that_count() -> None:
    both = message(field("Odd", 32, 3), field("Rolling_Counter", 32, 4))
    counter = survey(traffic(), database(both))["M"].counter
    assert counter is not None
    assert counter.signal == "Rolling_Counter"


def test_periods_are_measured_where_they_are_steady() -> None:
    assert survey(traffic(), database(CAR[0]))["ENGINE"].period_ms == pytest.approx(10)
    uneven = traffic()
    uneven.t_ns[::2] += 9_000_000
    assert survey(uneven, database(CAR[0]))["ENGINE"].period_ms is None
    ordered = Frames(uneven.t_ns, uneven.bus, uneven.id, uneven.size, uneven.data, Clock.ORDER)
    assert survey(ordered, database(CAR[0]))["ENGINE"].period_ms is None


def test_the_bus_of_a_log_is_the_one_with_the_databases_ids() -> None:
    one, other = traffic(can_id=0x999 & 0x7FF), traffic(can_id=0x20, count=5)
    other.bus[:] = 3
    frames = Frames.concat([one, other])
    assert busiest_bus(frames, database(*CAR)) == 3
    assert unknown_ids(frames, database(*CAR)) == {0x199: 60}


def test_what_a_log_proves_is_stated_with_how_often_it_held(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    frames = Frames.concat([traffic(checksum="honda"), traffic(can_id=0x7AA, count=3)])
    write_candump(log, frames.sorted_by_time(), start_ns=10**18)
    done, text = scaffolded(tmp_path, *CAR, log=log)
    (engine,) = [m for m in load_vehicle(tmp_path / "acme" / "one").messages if m.name == "ENGINE"]
    assert (engine.checksum, engine.counter) == ("honda", "COUNTER")
    assert "drive.log: the checksum holds in 60 of 60 frames, the counter steps by one in 59 of 59 steps" in text
    assert (done.messages, done.checksums, done.counters, done.absent, done.unknown) == (1, 1, 1, 2, 1)
    assert "## can: not on the log: BODY, IDENT" in text
    assert "0x7AA (3)" in text
    assert "ENGINE: 0x10, 8 bytes, every 10 ms, 60 frames on the log" in text
    assert "VEHICLE_SPEED" not in text


def test_a_period_that_the_database_lacks_is_stated_as_measured(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    write_candump(log, traffic(can_id=0x20), start_ns=10**18)
    _, text = scaffolded(tmp_path, *CAR, log=log)
    assert "period: 10 ms" in text or 'period: "10 ms"' in text
    assert "the period is measured" in text
    assert "none that has a name here holds on the log" not in text


def test_a_checksum_field_that_nothing_explains_is_still_mentioned(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    write_candump(log, traffic(), start_ns=10**18)
    _, text = scaffolded(tmp_path, *CAR, log=log)
    assert "'CHECKSUM' may be its checksum: state its algorithm; none that has a name here holds on the log" in text


# ------------------------------------------------------------------------------------------- names and values


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("WHEEL_SPEED_FL", "wheel speed front left"), ("wheelspeedfl", "wheel speed front left"),
        ("VehSpdAvg", "vehicle speed average"), ("AccelPedal", "accelerator pedal"), ("OilTemp", "oil temperature"),
        ("HVBatt_Curr", "traction battery amperes"), ("NEW_SIGNAL_1", ""), ("PRNDL", "selector gear"), ("x", ""),
    ],
)  # fmt: skip
def test_names_are_taken_apart(name: str, expected: str) -> None:
    assert " ".join(words(name)) == expected


@pytest.mark.parametrize("name", ["CHECKSUM", "CRC8", "ESP_CRC", "CR_Lkas_Chksum", "Checksum_2"])
def test_checksums_are_told_by_their_names(name: str) -> None:
    assert is_checksum(name)
    assert not is_counter(name)


@pytest.mark.parametrize("name", ["COUNTER", "MsgCounter", "Cntr1", "ACC_BZ", "AliveCounterTCS", "rolling_cnt"])
def test_counters_are_told_by_their_names(name: str) -> None:
    assert is_counter(name)
    assert not is_checksum(name)


@pytest.mark.parametrize("name", ["Discount", "ECS", "Encrypted", "CountryCode", "Speed"])
def test_names_that_only_sound_alike_are_neither(name: str) -> None:
    assert not is_counter(name)
    assert not is_checksum(name)


GEARS = {0: "P", 1: "R", 2: "N", 3: "D", 9: "Invalid"}


@pytest.mark.parametrize(
    ("path", "choices", "values", "invalid"),
    [
        ("Powertrain.Transmission.SelectedGear", GEARS, {0: 126, 1: -1, 2: 0, 3: 127}, [9]),
        (
            "Powertrain.Transmission.CurrentGear",
            {0: "N", 1: "First", 2: "Gear 2", 3: "R"},
            {0: 0, 1: 1, 2: 2, 3: -1},
            None,
        ),
        ("Cabin.Door.Row1.DriverSide.IsOpen", {0: "closed", 1: "ajar", 2: "SNA"}, {0: False, 1: True}, [2]),
        ("Cabin.Door.Row1.DriverSide.IsLocked", {0: "Unlocked", 1: "Locked"}, {0: False, 1: True}, None),
        ("Chassis.Brake.IsPressed", {0: "NOT_PRESSED", 1: "PRESSED"}, {0: False, 1: True}, None),
        ("Body.Windshield.Front.Wiping.Mode", {0: "OFF", 1: "INT", 2: "LO"}, None, None),
        (
            "Body.Windshield.Front.Wiping.Mode",
            {0: "Off", 1: "Interval", 2: "Fast"},
            {0: "OFF", 1: "INTERVAL", 2: "FAST"},
            None,
        ),
        ("Chassis.Brake.IsPressed", {0: "Red", 1: "Green"}, None, None),
        ("Speed", {0: "P", 1: "R"}, None, None),
    ],
)
def test_codes_are_placed_by_their_names(
    path: str, choices: dict[int, str], values: dict[int, object] | None, invalid: list[int] | None
) -> None:
    guessed = guess_values(field("S", 0, 4, choices=choices), load_catalog()[f"Vehicle.{path}"])
    if values is None:
        assert guessed is None or set(guessed[0]["values"]) != set(choices)  # pyright: ignore[reportArgumentType]
        return
    assert guessed is not None
    assert guessed[0]["values"] == values
    assert guessed[0].get("invalid") == invalid


def test_a_field_of_another_dimension_is_no_candidate() -> None:
    matcher = Matcher(load_catalog())
    for unit, found in (("km/h", True), ("V", False), ("mph", True), ("", True), ("furlong", True)):
        of = matcher.candidates("can", CAR[1], field("VEHICLE_SPEED", 0, 16, unit=unit))
        assert any(candidate.leaf.path == "Vehicle.Speed" for candidate in of) == found
    assert (
        matcher.candidates("can", CAR[1], field("VEHICLE_SPEED", 0, 16, minimum=5000, maximum=6000, unit="degC")) == []
    )


# ----------------------------------------------------------------------------------------------- against others

WHEEL, DOOR = "Chassis.Axle.{}.Wheel.{}.Speed", "Cabin.Door.{}.{}.IsOpen"
KNOWN: dict[str, dict[str, str]] = {
    "hyundai_kia_generic": {
        "WHL_SPD_FL": WHEEL.format("Row1", "Left"), "WHL_SPD_RR": WHEEL.format("Row2", "Right"),
        "SAS_Angle": "Chassis.SteeringWheel.Angle", "CF_Clu_Odometer": "TraveledDistance",
        "LAT_ACCEL": "Acceleration.Lateral", "YAW_RATE": "AngularVelocity.Yaw",
        "MAP": "Powertrain.CombustionEngine.MAP", "PBRAKE_ACT": "Chassis.ParkingBrake.IsEngaged",
        "CR_Mdps_StrTq": "Chassis.SteeringWheel.Torque",
        "PRESSURE_FL": "Chassis.Axle.Row1.Wheel.Left.Tire.Pressure", "CF_Gway_HoodSw": "Body.Hood.IsOpen",
        "CF_Gway_TurnSigLh": "Body.Lights.DirectionIndicator.Left.IsSignaling",
        "BAT_SOH": "Powertrain.TractionBattery.StateOfHealth",
        "CF_Gway_DrvSeatBeltSw": "Cabin.Seat.Row1.DriverSide.IsBelted", "ABS_ACT": "ADAS.ABS.IsEngaged",
    },
    "chrysler_cusw": {
        "WHEEL_SPEED_FL": WHEEL.format("Row1", "Left"), "DOOR_OPEN_FL": DOOR.format("Row1", "DriverSide"),
        "DOOR_OPEN_RR": DOOR.format("Row2", "PassengerSide"), "TORQUE_DRIVER": "Chassis.SteeringWheel.Torque",
        "PRNDL": "Powertrain.Transmission.SelectedGear", "STEER_ANGLE": "Chassis.SteeringWheel.Angle",
        "DRIVER_BRAKE_PRESSURE": "Chassis.Brake.Pressure", "VEHICLE_SPEED": "Speed", "SPEEDOMETER": "DisplayedSpeed",
        "ACTUAL_GEAR": "Powertrain.Transmission.CurrentGear", "GAS_HUMAN": "Chassis.Accelerator.PedalPosition",
        "SEATBELT_DRIVER_UNLATCHED": "Cabin.Seat.Row1.DriverSide.IsBelted", "TRUNK": "Body.Trunk.Rear.IsOpen",
    },
    "volvo_v60_2015_pt": {
        "EngineRpm": "Powertrain.CombustionEngine.Speed", "WhlSpdLR": WHEEL.format("Row2", "Left"),
        "BrakePressed": "Chassis.Brake.IsPressed", "GasPedal": "Chassis.Accelerator.PedalPosition",
        "SteeringWheelRateOfChange": "Chassis.SteeringWheel.AngularSpeed", "High_Beam": "Body.Lights.Beam.High.IsOn",
        "DriverDoorClosed": DOOR.format("Row1", "DriverSide"), "Wipers": "Body.Windshield.Front.Wiping.System.IsWiping",
    },
    "ford_fusion_2018_pt": {
        "Door_RL_Open": DOOR.format("Row2", "DriverSide"), "SteeringColumnTorque": "Chassis.SteeringWheel.Torque",
        "VehYaw_W_Actl": "AngularVelocity.Yaw", "VehLat_A_Actl": "Acceleration.Lateral",
        "Set_Speed": "ADAS.CruiseControl.SpeedSet", "WhlFl_W_Meas": "Chassis.Axle.Row1.Wheel.Left.AngularSpeed",
    },
}  # fmt: skip
"""Database to fields whose meaning their names tell."""


@pytest.mark.oracle
def test_most_fields_of_foreign_databases_are_recognised() -> None:
    opendbc = pytest.importorskip("opendbc", reason="opendbc is not installed")
    matcher, first, among, total = Matcher(load_catalog()), 0, 0, 0
    for name, expected in KNOWN.items():
        base = load_database(Path(opendbc.__file__).parent / "dbc" / f"{name}.dbc")
        matcher.learn(base.messages)
        for signal_name, path in expected.items():
            of, signal = next((m, s) for m in base.messages for s in m.signals if s.name == signal_name)
            paths = [c.leaf.path.removeprefix("Vehicle.") for c in matcher.candidates("can", of, signal)]
            first, among, total = first + (paths[:1] == [path]), among + (path in paths), total + 1
    assert among >= 0.9 * total
    assert first >= 0.85 * total


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("name", [*KNOWN, "mazda_2017", "gwm_haval_h6_phev_2024", "vw_mqb", "tesla_model3_vehicle"])
def test_every_guess_for_a_foreign_database_compiles(name: str, tmp_path: Path) -> None:
    opendbc = pytest.importorskip("opendbc", reason="opendbc is not installed")
    folder = tmp_path / "acme" / "one"
    scaffold([("can", Path(opendbc.__file__).parent / "dbc" / f"{name}.dbc")], folder, ME)
    file = folder / "vehicle.yaml"
    file.write_text(uncommented(file.read_text(encoding="utf-8")), encoding="utf-8")
    # Two guesses may share bits where the database has overlapping fields; that is for a person to settle.
    assert [fault for fault in faults(file) if "share bits" not in fault] == []


def faults(file: Path) -> list[str]:
    try:
        load_vehicle(file)
    except DescriptionError as error:
        return [fault.message for fault in error.faults]
    return []


@pytest.mark.real
@pytest.mark.parametrize(
    ("car", "log", "checksums"),
    [
        (
            "nissan/leaf/ev.dbc",
            "nissan-leaf-2011/leafon_driveforward10m_stop_leafoff.csv",
            {"BatteryPower": "nissan-crc8"},
        ),
        ("honda/civic_gen8/civic.dbc", "honda-civic-8gen/vsslog.log", {"ScmFeedback": "honda"}),
        (
            "mitsubishi/outlander_phev/main.dbc",
            "mitsubishi-outlander-phev/202109061515-steering-lock-to-lock.csv",
            {"Checked32F": {"name": "crc8", "poly": 0x1D, "xorout": 0xC2, "at": 0}},
        ),
    ],
)
def test_recorded_traffic_proves_what_the_descriptions_state(
    shared: Path, car: str, log: str, checksums: dict[str, object]
) -> None:
    from commonwheel.vehicles import SHIPPED
    from commonwheel.wire.logs import read_log

    frames, _ = read_log(shared / "logs" / log)
    base = load_database(SHIPPED / car)
    seen = survey(frames[frames.bus == busiest_bus(frames, base)], base)
    for name, row in checksums.items():
        checked = seen[name].checksum
        assert checked is not None
        assert checked.row == row
        assert checked.held == checked.frames


def test_what_cannot_be_scaffolded_is_said(tmp_path: Path) -> None:
    good = written(tmp_path, *CAR)
    with pytest.raises(DatabaseError):
        scaffold([("can", tmp_path / "none.dbc")], tmp_path / "a", ME)
    with pytest.raises(LogError):
        scaffold([("can", good)], tmp_path / "a", ME, log=tmp_path / "none.log")
    scaffold([("can", good)], tmp_path / "a", ME)
    with pytest.raises(OutputError, match="--force"):
        scaffold([("can", good)], tmp_path / "a", ME)
