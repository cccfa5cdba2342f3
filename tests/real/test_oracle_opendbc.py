"""opendbc's CarState as an independent judge of four cars, both ways, and of Honda's recordings.

Frames that our encoder makes of random standard values are read by opendbc; frames that opendbc's packer
makes of random raw values are read by us; both ways both have to say the same after every 10 ms.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.wire.codec import decode_database
from commonwheel.wire.database import Database, Signal
from commonwheel.wire.frames import Clock, Frames
from tests.real.opendbc_cars import BLINK, CARS, DOORS, STEP_NS, TYPE_R, WHEELS, Car, Pair
from tests.real.recordings import Load, databases

pytest.importorskip("opendbc")
pytestmark = pytest.mark.oracle

HOLD = 60
"""Steps for which a random state lasts."""
STATES = 12
WARM_UP = 30
"""Steps until every message has come: before that, a fallback may speak here that opendbc does not have."""
LONG_ENOUGH = 3
"""Steps for which packed values last: opendbc believes a brake switch that was on twice."""
BOOLEANS = [
    "Chassis.Brake.IsPressed", "Chassis.Brake.IsHoldActive", "Chassis.ParkingBrake.IsEngaged", "ADAS.ESC.IsEnabled",
    "ADAS.CruiseControl.IsActive", "ADAS.CruiseControl.IsEnabled", "ADAS.CruiseControl.IsAdaptive", *DOORS,
    "Cabin.Seat.Row1.DriverSide.IsBelted", "Cabin.IsSeatBeltWarningOn", "ADAS.LaneKeepingAssist.IsEnabled",
    "ADAS.ObstacleDetection.Front.Center.IsWarning", "Body.Lights.DirectionIndicator.Left.IsSignaling",
    "Body.Lights.DirectionIndicator.Right.IsSignaling", "ADAS.LaneKeepingAssist.IsError",
]  # fmt: skip
NUMBERS = {
    "Chassis.SteeringWheel.Angle": (-500, 500),
    "Chassis.SteeringWheel.AngularSpeed": (-400, 400),
    "Chassis.SteeringWheel.Torque": (-10, 10),
    "Chassis.Accelerator.PedalPosition": (0, 100),
    "DisplayedSpeed": (0, 200),
    "Powertrain.CombustionEngine.Speed": (0, 6000),
}


SPANS = {"XMISSION_SPEED": (0, 250), "STEER_ANGLE": (-600, 600), "ACCEL_COMMAND": (-5, 2), "CRUISE_SPEED": (0, 255)}


def _random_states(car: Car, encoder: VehicleEncoder, random: np.random.Generator) -> list[dict[str, float]]:
    """Return standard values of a car in traffic, one set per state, only what can be put on its wire."""
    states: list[dict[str, float]] = []
    for _ in range(STATES):
        speed = float(random.choice([0.0, random.uniform(1, 25), random.uniform(25, 180)]))
        state: dict[str, float] = {wheel: speed * random.uniform(0.97, 1.03) for wheel in WHEELS}
        state |= {path: float(random.integers(0, 2)) for path in BOOLEANS}
        state |= {path: random.uniform(*span) for path, span in NUMBERS.items()}
        state["ADAS.CruiseControl.SpeedSet"] = float(random.integers(30, 150))
        state["Powertrain.Transmission.SelectedGear"] = float(random.choice([126, -1, 0, 127]))
        if car.brand == "honda":
            state["Speed"] = speed
        states.append({p: v for p, v in state.items() if f"Vehicle.{p}" in encoder.encodable})
    return states


def _tracks(states: list[dict[str, float]]) -> dict[str, Track]:
    t_ns = np.arange(len(states), dtype=np.int64) * HOLD * STEP_NS
    return {f"Vehicle.{path}": Track(t_ns, np.array([state[path] for state in states])) for path in states[0]}


def _steps(frames: Frames) -> list[Frames]:
    edges = np.searchsorted(frames.t_ns, np.arange(1, STATES * HOLD + 1, dtype=np.int64) * STEP_NS)
    return [frames[begin:end] for begin, end in zip([0, *edges[:-1]], edges, strict=True)]


@pytest.mark.parametrize("name", CARS)
def test_opendbc_reads_what_we_encode(name: str) -> None:
    """After every step both agree; after every state CarState is what was asked for, within half a step of the wire."""
    pair = Pair(CARS[name])
    encoder = VehicleEncoder(pair.vehicle)
    states = _random_states(pair.car, encoder, np.random.default_rng(7))
    frames = encoder.encode(_tracks(states), 0, STATES * HOLD * STEP_NS, idle=True)
    tried = 0
    for number, batch in enumerate(_steps(frames)):
        pair.step(batch, (number + 1) * STEP_NS)
        if number < WARM_UP:
            pair.align()
            continue
        assert pair.differences() == []
        assert (pair.state.vEgo, pair.state.aEgo) == pytest.approx(pair.smoothed(), abs=1e-4, rel=1e-5)
        if (number + 1) % HOLD == 0:
            tried += _check_asked(pair, states[number // HOLD])
    derived = {"standstill", "stockAeb", "gasPressed"}  # from what was encoded, not encodable itself
    asked = sum(rule.name not in derived for rule in pair.car.rules)
    assert tried >= STATES * asked
    assert pair.state.canValid or pair.car.brand == "nissan"  # checksums and counters; Nissan's parsers need nothing
    for parser in pair.theirs.can_parsers.values():
        assert not [
            state.name for state in parser.message_states.values() if state.counter_fail > 1 and state.timestamps
        ]


def _check_asked(pair: Pair, asked: dict[str, float]) -> int:
    """Hold CarState against the values that were encoded; returns how many rules that were."""
    if "Speed" not in asked:
        asked = {**asked, "Speed": (asked[WHEELS[2]] + asked[WHEELS[3]]) / 2}  # as Nissans have it
    step = {path: pair.vehicle.signals[number].resolution for path, number in pair.vehicle.numbers.items()}
    step["Vehicle.Speed"] = step[f"Vehicle.{WHEELS[2]}"]
    tried = 0
    for rule in pair.car.rules:
        if not all(path in asked for path in rule.needs):
            continue
        expected, got = float(rule.ours(asked)), float(rule.theirs(pair.state))
        slack = max((step[f"Vehicle.{path}"] for path in rule.needs), default=0.0) / 2
        assert abs(expected - got) <= slack + 1e-4 * max(1, abs(got)), f"{rule.name}: asked {expected}, got {got}"
        tried += 1
    return tried


@pytest.mark.parametrize("name", [name for name in CARS if name.startswith("honda")])
def test_blinkers_of_the_hondas_outlast_the_stalk_in_opendbc_only(name: str) -> None:
    """It holds them for 2.5 s; the standard signal is the stalk's."""
    pair = Pair(CARS[name])
    encoder = VehicleEncoder(pair.vehicle)
    left, right = (f"Vehicle.Body.Lights.DirectionIndicator.{side}.IsSignaling" for side in ("Left", "Right"))
    t_ns = np.array([0, 20, 60], np.int64) * STEP_NS
    tracks = {left: Track(t_ns, np.array([0.0, 1, 0])), right: Track(t_ns, np.array([0.0, 0, 0]))}
    frames = encoder.encode(tracks, 0, 400 * STEP_NS)
    for number in range(400):
        inside = (frames.t_ns >= number * STEP_NS) & (frames.t_ns < (number + 1) * STEP_NS)
        pair.step(frames[inside], (number + 1) * STEP_NS)
        ours = pair.values.get("Body.Lights.DirectionIndicator.Left.IsSignaling", 0)
        assert pair.state.leftBlinker >= ours
        if number > 60 + BLINK:
            assert pair.state.leftBlinker == ours == 0
        assert not pair.state.rightBlinker
    assert pair.values["Body.Lights.DirectionIndicator.Left.IsSignaling"] == 0


@pytest.mark.parametrize("name", CARS)
def test_we_read_what_opendbc_packs(name: str) -> None:
    """Every message of its database that CarState looks at, with random raw values, packed by its own packer."""
    pair = Pair(CARS[name])
    packer = _Packers(pair)
    random = np.random.default_rng(7)
    tried: set[str] = set()
    for number in range(400):
        t_ns = (number + 1) * STEP_NS
        if number % LONG_ENOUGH == 0:
            packer.choose(random)
        pair.step(packer.frames(t_ns), t_ns)
        if number % LONG_ENOUGH == LONG_ENOUGH - 1:
            assert pair.differences() == []
        assert (pair.state.vEgo, pair.state.aEgo) == pytest.approx(pair.smoothed(), abs=1e-4, rel=1e-5)
        tried |= {rule.name for rule in pair.car.rules if all(path in pair.values for path in rule.needs)}
    assert tried == {rule.name for rule in pair.car.rules}


class _Packers:
    """opendbc's packers, one per bus, over the messages that its CarState asks for."""

    def __init__(self, pair: Pair) -> None:
        from opendbc.can import CANPacker

        self._jobs: list[tuple[int, Any, Any]] = []
        self._values: list[dict[str, float]] = []
        self._choices: dict[tuple[int, str], list[int]] = {}
        self._pace = 0.0
        ours = {(m.bus, m.id) for m in pair.vehicle.messages}
        for index, bus in enumerate(pair.vehicle.buses):
            parsers = [p for p in pair.theirs.can_parsers.values() if p.bus in pair.car.buses[bus.name]]
            addresses = sorted({address for parser in parsers for address in parser.message_states})
            packer = CANPacker(parsers[0].dbc_name) if parsers else None
            for address in addresses:
                if packer is not None and (index, address) in ours:
                    self._jobs.append((index, packer, packer.dbc.addr_to_msg[address]))
            for value in packer.dbc.vals if packer else ():
                self._choices[value.address, value.name] = [int(word) for word in value.def_val.split()[::2]]

    def choose(self, random: np.random.Generator) -> None:
        """Take new values for every signal of every message; wheels of one car turn nearly alike."""
        self._pace = float(random.uniform(0, 240))
        self._values = [
            {
                name: self._random(message.address, signal, random)
                for name, signal in message.sigs.items()
                if name not in {"CHECKSUM", "COUNTER"}
            }
            for _, _, message in self._jobs
        ]

    def frames(self, t_ns: int) -> Frames:
        """Return one frame of each message."""
        jobs = zip(self._jobs, self._values, strict=True)
        rows = [(t_ns, bus, m.address, bytes(packer.pack(m.address, values))) for (bus, packer, m), values in jobs]
        return Frames.build(rows, clock=Clock.RELATIVE)

    def _random(self, address: int, signal: Any, random: np.random.Generator) -> float:  # noqa: ANN401
        """Return a value of a car in traffic, else a named one where there are names, else anything at all."""
        if signal.name in SPANS:
            return float(random.uniform(*SPANS[signal.name]))
        if signal.name.startswith("WHEEL_SPEED"):
            return self._pace + float(random.uniform(0, 9))
        if (address, signal.name) in self._choices:
            return float(random.choice(self._choices[address, signal.name])) * signal.factor + signal.offset
        raw = int(random.integers(0, 1 << min(signal.size, 62)))
        raw -= (raw >> (signal.size - 1)) << signal.size if signal.is_signed else 0
        return raw * signal.factor + signal.offset


@pytest.mark.real
def test_the_recorded_type_r_is_told_as_opendbc_tells_it(load: Load) -> None:
    """Over 1,758 steps of a lossy recording; only a brake switch that was on for one frame is told apart.

    opendbc believes it at the second frame, and lets frames go by while counters jump.
    """
    pair, frames = Pair(TYPE_R), load("type_r").frames
    t_ns = frames.t_ns - frames.t_ns[0]
    tried: Counter[str] = Counter()
    different: Counter[str] = Counter()
    for number in np.unique(t_ns // STEP_NS):
        pair.step(frames[t_ns // STEP_NS == number], int(number + 1) * STEP_NS)
        different.update(difference.partition(":")[0] for difference in pair.differences())
        tried.update(rule.name for rule in pair.car.rules if all(path in pair.values for path in rule.needs))
    assert different == {"brakePressed": 6}
    assert pair.steps == 1_758
    assert {name for name, count in tried.items() if count > 1_700} == {
        "steeringAngleDeg", "steeringRateDeg", "standstill", "brakePressed", "gasPressed", "vEgoRaw", "espDisabled",
        "cruiseState.enabled", "cruiseState.available", "parkingBrake", "doorOpen", "seatbeltUnlatched",
        "brakeHoldActive",
    }  # fmt: skip
    assert tried["gearShifter"] > 250  # while in reverse


LAYOUTS = [
    (
        "honda/civic_touring_2016", "fcan", "honda_civic_touring_2016_can_generated", 235,
        {"EngineStatus.CoolantTemperature", "EngineStatus.IntakeAirTemperature"},
        {"Kinematics.YawRate", "HudSetting.Counter", "HudSetting.Checksum", "RoughWheelSpeeds.SumComplement"},
    ),
    (
        "honda/civic_gen10_bosch", "fcan", "honda_civic_hatchback_ex_2017_can_generated", 300,
        {"EngineStatus.CoolantTemperature", "EngineStatus.IntakeAirTemperature"},
        {"Kinematics.YawRate", "RoughWheelSpeeds.SumComplement",
         *(f"BoschSupplemental.Constant{word}" for word in ("00", "04", "10", "80"))},
    ),
    ("nissan/leaf_ze1", "car", "nissan_leaf_2018_generated", 60, set[str](), {"SteeringSensor.Rate"}),
    ("nissan/leaf_ze1", "adas", "nissan_leaf_2018_generated", 35, set[str](), set[str]()),
    (
        "nissan/x_trail_2017", "car", "nissan_x_trail_2017_generated", 75, {"SteeringForce.NotTouched"},
        {"SteeringSensor.Rate", "PedalsAndCruise.Buttons"},
    ),
    ("nissan/x_trail_2017", "adas", "nissan_x_trail_2017_generated", 35, set[str](), set[str]()),
    ("nissan/x_trail_2017", "cam", "nissan_x_trail_2017_generated", 5, set[str](), set[str]()),
]  # fmt: skip
"""Car, bus, opendbc's database, at least so many fields alike, those with another scale, those it does not have."""


@pytest.mark.parametrize(("car", "bus", "theirs", "alike", "rescaled", "own"), LAYOUTS)
def test_fields_lie_where_opendbc_has_them(
    car: str, bus: str, theirs: str, alike: int, rescaled: set[str], own: set[str]
) -> None:
    """Decoded from random payloads by both; every difference is known, and stated in the pages on these cars."""
    database = databases(car)[bus]
    found = _compare(database, theirs, _random_frames(database))
    assert len(found["alike"]) >= alike
    assert found["rescaled"] == rescaled
    if car == "nissan/leaf_ze1":  # whose messages are known from others as well
        assert own <= found["own"]
    else:
        assert found["own"] == own


@pytest.mark.real
def test_fields_of_the_recorded_type_r_are_as_in_opendbc(load: Load) -> None:
    frames = load("type_r").frames
    found = _compare(databases("honda/civic_gen10_bosch:type_r")["fcan"], LAYOUTS[1][2], frames)
    assert len(found["alike"]) > 100
    assert found["rescaled"] == LAYOUTS[1][4]


def _random_frames(database: Database) -> Frames:
    random = np.random.default_rng(13)
    rows = [(i, 0, m.id, random.bytes(m.size)) for m in database.messages for i in range(40) if not m.extended]
    return Frames.build(rows, clock=Clock.RELATIVE)


def _compare(database: Database, theirs: str, frames: Frames) -> dict[str, set[str]]:
    """Return our fields by what opendbc has in their place, after decoding the same frames with both."""
    from opendbc.can.dbc import DBC
    from opendbc.can.parser import get_raw_value

    known, decoded = DBC(theirs).addr_to_msg, decode_database(database, frames)
    found: dict[str, set[str]] = {"alike": set(), "rescaled": set(), "own": set()}
    for message in database.messages:
        mine = frames[frames.id == message.id]
        if message.id not in known or not len(mine):
            continue
        payloads = [mine.data[i, : mine.size[i]].tobytes() for i in range(len(mine))]
        for signal in message.signals:
            name = f"{message.name}.{signal.name}"
            match = next((s for s in known[message.id].sigs.values() if _same_place(signal, s)), None)
            if match is None:
                found["own"].add(name)
                continue
            raw = np.array([get_raw_value(payload, match) for payload in payloads])
            raw -= (raw >> (match.size - 1) << match.size) if match.is_signed else 0
            same = np.allclose(decoded[message.name, signal.name].value, raw * match.factor + match.offset, rtol=1e-12)
            found["alike" if same else "rescaled"].add(name)
    return found


def _same_place(ours: Signal, theirs: Any) -> bool:  # noqa: ANN401 - opendbc's Signal
    order = ours.length == 1 or ours.big_endian != theirs.is_little_endian
    return (ours.start, ours.length) == (theirs.start_bit, theirs.size) and order
