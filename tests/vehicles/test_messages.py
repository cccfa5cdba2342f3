"""Rows of messages: checks, counters, times, defaults."""

from __future__ import annotations

import pytest

from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.encoder import VehicleEncoder
from commonwheel.vehicles.model import Message
from commonwheel.vehicles.samples import Quality
from commonwheel.wire.frames import Frames
from tests.vehicles.workshop import HEAD, Workshop, frame

MS = 1_000_000
SIGNALS = "\nsignals: {Vehicle.Speed: car/Motion.Speed}\n"


def motion(workshop: Workshop, row: str) -> Message:
    """Return the message Motion with this row."""
    return workshop.build(f"messages: {{car/Motion: {row}}}{SIGNALS}").messages[0]


def fault(workshop: Workshop, row: str, message: str = "car/Motion") -> str:
    return "\n".join(text for _, text in workshop.faults(f"messages: {{{message}: {row}}}{SIGNALS}"))


def test_a_message_without_a_row_is_what_its_database_says(workshop: Workshop) -> None:
    vehicle = workshop.build(SIGNALS)
    one, *others = vehicle.messages
    assert (one.name, one.id, one.extended, one.size, one.bus) == ("Motion", 256, False, 8, 0)
    assert (one.checksum, one.check, one.counter, one.modulo, one.optional) == ("", -1, "", 0, False)
    assert [m.name for m in others] == ["Power", "Vin", "Wheels"]
    assert one.fields[1].choices == {0: "P", 1: "R", 2: "N", 3: "D"}


@pytest.mark.parametrize(
    ("row", "period_ms", "timeout_ms"),
    [
        ("{}", 20, 200),  # ten periods
        ("{period: 5 ms}", 5, 100),  # at least 100 ms
        ("{period: 1 s}", 1000, 10_000),
        ("{timeout: 70 ms}", 20, 70),
        ("{period: 50 ms, timeout: 60 ms}", 50, 60),
    ],
)
def test_period_and_timeout(workshop: Workshop, row: str, period_ms: int, timeout_ms: int) -> None:
    message = motion(workshop, row)
    assert (message.period_ns, message.timeout_ns) == (period_ms * MS, timeout_ms * MS)


@pytest.mark.parametrize("stated", ["1e308", "-20", "0", "1e10"])
def test_a_period_that_cannot_be_is_none(workshop: Workshop, stated: str) -> None:
    database = (
        'BO_ 256 Motion: 8 X\n SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X\n'
        'BA_DEF_ BO_ "GenMsgCycleTime" FLOAT 0 0;\nBA_DEF_DEF_ "GenMsgCycleTime" 0;\n'
        f'BA_ "GenMsgCycleTime" BO_ 256 {stated};\n'
    )
    message = workshop.build(SIGNALS, car=database).messages[0]
    assert (message.period_ns, message.timeout_ns) == (0, 0)


def test_without_a_period_nothing_is_ever_late(workshop: Workshop) -> None:
    power = workshop.build(SIGNALS).messages[1]
    assert (power.period_ns, power.timeout_ns) == (0, 0)


def test_a_checksum_that_fails_makes_its_samples_corrupt(workshop: Workshop) -> None:
    vehicle = workshop.build(f"messages: {{car/Motion: {{checksum: zero-sum, counter: Count}}}}{SIGNALS}")
    decoder = VehicleDecoder(vehicle)
    samples = decoder.decode(Frames.build([frame(0x100, "01000000000000ff"), frame(0x100, "01000000010000ff")]))
    assert samples.quality.tolist() == [Quality.GOOD, Quality.CORRUPT]
    (count,) = decoder.message_counts
    assert (count.bus, count.name, count.id, count.frames, count.corrupt) == ("car", "Motion", 0x100, 2, 1)
    assert count.checked


def test_a_checksum_may_have_parameters(workshop: Workshop) -> None:
    row = f"{{checksum: {{name: autosar-e2e-p2, data_id: {[7] * 16}}}, counter: Count}}"
    message = motion(workshop, row)
    assert (message.checksum, message.check, message.counter, message.modulo) == ("autosar-e2e-p2", 0, "Count", 16)


def test_a_counter_may_count_fewer_values(workshop: Workshop) -> None:
    assert motion(workshop, "{counter: {signal: Count, modulo: 15}}").modulo == 15
    assert motion(workshop, "{counter: {signal: Count, name: autosar-e2e-p1}}").modulo == 15
    assert motion(workshop, "{counter: {signal: Count}}").modulo == 16


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        ("{checksum: nissan}", "checksum 'nissan' is not known (did you mean 'nissan-crc8'?)"),
        ("{checksum: {poly: 7}}", "'checksum' is a name, or a mapping with 'name'"),
        ("{checksum: 5}", "'checksum' is a mapping, not a whole number"),
        ("{checksum: {name: crc8}}", "checksum 'crc8' needs 'poly'"),
        ("{checksum: {name: crc8, poly: 300}}", "checksum 'crc8': 'poly' is one whole number from 1 to 255, not 300"),
        ("{checksum: {name: crc8, poly: seven}}", "'poly' is a whole number, not text"),
        ("{checksum: {name: crc8, poly: 7, at: 20}}", "'Motion' has 8 bytes, too few for checksum 'crc8'"),
        ("{checksum: {name: autosar-e2e-p2, data_id: 1}}", "depends on the counter: name it under 'counter'"),
        ("{counter: Cuont}", "did you mean 'Count'?"),
        ("{counter: [Count]}", "'counter' is a mapping, not a list"),
        ("{counter: {modulo: 3}}", "'counter' is a signal's name, or a mapping with 'signal'"),
        ("{counter: {signal: Count, modulo: 17}}", "a counter of 4 bits cannot count modulo 17"),
        ("{counter: {signal: Count, modulo: 1}}", "cannot count modulo 1"),
        ("{counter: {signal: Count, name: up}}", "counter 'up' is not known; known are increment"),
        ("{timeout: 20 ms}", "the timeout is not longer than the period (20 ms)"),
        ("{timeout: 100}", "'timeout' is a duration such as '100 ms'"),
        ("{period: often}", "'period' is a duration"),
        ("{optional: 1}", "'optional' is true or false"),
        ("{defaults: {Sped: 1}}", "did you mean 'Speed'?"),
        ("{defaults: {Speed: fast}}", "the default of 'Speed' is a number, not text"),
        ("{defaults: {Speed: 656}}", "the default 656 of 'Speed' does not fit into its 16 bits"),
        ("{defaults: {Count: -1}}", "the default -1 of 'Count' does not fit into its 4 bits"),
        ("{defaults: [1]}", "'defaults' is a mapping, not a list"),
        ("{cheksum: honda}", "'cheksum' is not known in message 'car/Motion' (did you mean 'checksum'?)"),
        ("5", "message 'car/Motion' is a mapping, not a whole number"),
    ],
)
def test_what_a_message_cannot_have_is_a_fault(workshop: Workshop, row: str, phrase: str) -> None:
    assert phrase in fault(workshop, row)


@pytest.mark.parametrize(
    ("message", "phrase"),
    [
        ("car/Moton", "message 'car/Moton' is not in car.dbc (did you mean 'Motion'?)"),
        ("can/Motion", "there is no bus 'can' (did you mean 'car'?)"),
        ("Motion", "'Motion' is not a reference; write bus/Message"),
        ("car/", "'car/' is not a reference"),
    ],
)
def test_a_message_that_is_not_there_is_a_fault(workshop: Workshop, message: str, phrase: str) -> None:
    assert phrase in fault(workshop, "{optional: true}", message)


@pytest.mark.parametrize(
    "field", ['Wide : 0|31@1+ (1,0) [0|0] ""', 'Wide : 0|32@1- (1,0) [0|0] ""'], ids=["31 bits", "a float"]
)
def test_a_counter_is_a_narrow_whole_number(workshop: Workshop, field: str) -> None:
    database = (
        f'BO_ 256 Motion: 8 X\n SG_ {field} X\n SG_ Speed : 39|8@0+ (1,0) [0|0] "km/h" X\nSIG_VALTYPE_ 256 Wide : 1;\n'
    )
    if "31" in field:
        database = database.replace("SIG_VALTYPE_ 256 Wide : 1;\n", "")
    faults = workshop.faults(f"messages: {{car/Motion: {{counter: Wide}}}}{SIGNALS}", car=database)
    assert "'Wide' cannot be a counter" in "\n".join(message for _, message in faults)


def test_defaults_are_what_the_encoder_puts_where_no_signal_does(workshop: Workshop) -> None:
    vehicle = workshop.build(f"messages: {{car/Motion: {{defaults: {{Air: 20.4, Level: -1}}}}}}{SIGNALS}")
    payload = VehicleEncoder(vehicle).encode_message(0, {"Vehicle.Speed": 1.0})
    assert payload.hex() == "0064603c00000000"


def test_evidence_of_a_message_is_inherited_by_its_rows(workshop: Workshop) -> None:
    """A row's own wins over its message's, and that over the file's; of several messages the weakest counts."""
    vehicle = workshop.build(
        """
        messages:
          car/Motion: {evidence: verified (drive.log)}
          car/Power: {evidence: documented (a book)}
        signals:
          Vehicle.Speed: car/Motion.Speed
          Vehicle.Exterior.AirTemperature: {from: car/Motion.Air, evidence: assumed (its name)}
          Vehicle.Body.Lights.Beam.Low.IsOn: {compute: b and v > 1, with: {b: car/Motion.Beam, v: car/Power.Voltage}}
          Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed: car/Wheels.SpeedLeft
        """
    )
    assert [s.evidence for s in vehicle.signals] == [
        "verified (drive.log)", "assumed (its name)", "documented (a book)", "assumed (a test)",
    ]  # fmt: skip


def test_evidence_has_to_say_on_what_it_rests(workshop: Workshop) -> None:
    assert "'verified' is no evidence: state 'verified (…)'" in fault(workshop, "{evidence: verified}")
    assert "'evidence' is text, not a whole number" in fault(workshop, "{evidence: 5}")


def test_can_fd_messages_of_64_bytes(workshop: Workshop) -> None:
    database = 'BO_ 256 Motion: 64 X\n SG_ Speed : 447|16@0+ (1,0) [0|0] "km/h" X\n'
    head = HEAD.replace("database: car.dbc", "database: car.dbc, fd: true")
    vehicle = workshop.build(f"messages: {{car/Motion: {{checksum: toyota}}}}{SIGNALS}", head=head, car=database)
    payload = VehicleEncoder(vehicle).encode_message(0, {"Vehicle.Speed": 513.0})
    assert vehicle.buses[0].fd
    assert (len(payload), payload[55:57].hex()) == (64, "0201")
    samples = VehicleDecoder(vehicle).decode(Frames.build([(0, 0, 256, payload)]))
    assert (samples.value.tolist(), samples.quality.tolist()) == ([513.0], [Quality.GOOD])
