"""Faults of a scenario on the wire: what each does, to whom, from when to when, and to nobody else."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.twin.faults import SignalFaults, WireFaults, hit_by
from commonwheel.twin.injection import FaultKind, Injection
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import car_names, load_vehicle
from commonwheel.vehicles.decoder import MessageCount, VehicleDecoder
from commonwheel.vehicles.samples import Quality, Samples
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.frames import Clock, Frames
from tests.twin.fakes import LEFT, SPEED, VOLTAGE, WHEEL, by_name, small_twin, two

MS, S = 10**6, 10**9
MOTION = 0x100
COLUMNS = ("t_ns", "bus", "id", "size", "data")
load = functools.cache(load_vehicle)
WIRE_KINDS = [kind for kind in FaultKind if not kind.is_of_signal]


def decode(vehicle: Vehicle, frames: Frames) -> tuple[Samples, dict[str, MessageCount]]:
    decoder = VehicleDecoder(vehicle, buses={i: bus.name for i, bus in enumerate(vehicle.buses)}, clock=Clock.RELATIVE)
    return decoder.decode(frames), {count.name: count for count in decoder.message_counts}


def motion(frames: Frames) -> Frames:
    return frames[(frames.id == MOTION) & (frames.bus == 0)]


def others(frames: Frames) -> Frames:
    return frames[(frames.id != MOTION) | (frames.bus != 0)]


def same(one: Frames, other: Frames) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def hurt(folder: Path, kind: FaultKind, amount: float = 1.0, *, seed: int = 0) -> tuple[Frames, Frames, Vehicle]:
    """Return four seconds of the small car, sound and with a fault of its speed from 1 s to 2 s."""
    fault = Injection(kind, signal=SPEED, from_s=1.0, to_s=2.0, amount=amount)
    twin = small_twin(folder, fault, seed=seed)
    sound, faulty = small_twin(folder).advance(4 * S), twin.advance(4 * S)
    assert same(others(sound), others(faulty)), "a fault is of nobody else"
    before, after = (motion(faulty).t_ns < S), (motion(faulty).t_ns >= 2 * S)
    assert same(motion(faulty)[before], motion(sound)[motion(sound).t_ns < S]), "a fault is not before its time"
    assert same(motion(faulty)[after], motion(sound)[motion(sound).t_ns >= 2 * S]), "a fault is not after its time"
    return motion(sound), motion(faulty), twin.vehicle


def test_a_silent_message_is_not_sent_and_grows_stale(tmp_path: Path) -> None:
    sound, faulty, vehicle = hurt(tmp_path, FaultKind.SILENT)
    assert len(sound) - len(faulty) == 100
    assert not ((faulty.t_ns >= S) & (faulty.t_ns < 2 * S)).any()
    samples, counts = decode(vehicle, faulty)
    assert counts["Motion"].stale == 1
    assert int((samples.of(SPEED).quality == Quality.STALE).sum()) == 1


def test_lost_frames_leave_gaps_in_the_counter(tmp_path: Path) -> None:
    sound, faulty, vehicle = hurt(tmp_path, FaultKind.LOST, 0.3)
    lost = len(sound) - len(faulty)
    assert 15 <= lost <= 45
    assert decode(vehicle, faulty)[1]["Motion"].lost == lost
    assert set(faulty.t_ns.tolist()) < set(sound.t_ns.tolist())


def test_chance_is_the_seeds(tmp_path: Path) -> None:
    times = [hurt(tmp_path, FaultKind.LOST, 0.3, seed=seed)[1].t_ns.tolist() for seed in (1, 1, 2, -1)]
    assert times[0] == times[1] != times[2] != times[3]


def test_delayed_frames_come_later_in_order(tmp_path: Path) -> None:
    fault = Injection(FaultKind.DELAYED, message="drive/Motion", from_s=1.0, to_s=2.0, amount=0.03)
    frames = small_twin(tmp_path, fault).advance(4 * S)
    assert (np.diff(frames.t_ns) >= 0).all()
    own = motion(frames)
    sound = motion(small_twin(tmp_path).advance(4 * S))
    assert (own.data == sound.data).all()  # none overtakes another
    late = own.t_ns - sound.t_ns
    assert late.min() == 0
    assert 20 * MS < late.max() <= 30 * MS
    assert not late[sound.t_ns < S].any()
    assert not late[sound.t_ns >= 2 * S + 30 * MS].any()


def test_frozen_frames_repeat_the_first(tmp_path: Path) -> None:
    _, faulty, vehicle = hurt(tmp_path, FaultKind.FROZEN)
    during = faulty[(faulty.t_ns >= S) & (faulty.t_ns < 2 * S)]
    assert len(during) == 100
    assert (during.data == during.data[0]).all()
    assert decode(vehicle, faulty)[1]["Motion"].stuck > 90


def test_a_stuck_counter_stands_still_and_the_checksum_holds(tmp_path: Path) -> None:
    sound, faulty, vehicle = hurt(tmp_path, FaultKind.STUCK_COUNTER)
    during = faulty[(faulty.t_ns >= S) & (faulty.t_ns < 2 * S)]
    assert len(set((during.data[:, 6] & 15).tolist())) == 1
    assert (during.data[:, :6] == sound.data[100:200, :6]).all()
    assert not (faulty.data.sum(axis=1) % 256).any()
    counts = decode(vehicle, faulty)[1]["Motion"]
    assert counts.stuck > 90
    assert not counts.corrupt


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 100, 100), (0.25, 10, 40), (0.0, 0, 0)])
def test_a_bad_checksum_is_of_a_share_of_the_frames(tmp_path: Path, share: float, low: int, high: int) -> None:
    sound, faulty, vehicle = hurt(tmp_path, FaultKind.BAD_CHECKSUM, share)
    assert (faulty.data[:, :7] == sound.data[:, :7]).all()
    samples, counts = decode(vehicle, faulty)
    assert low <= counts["Motion"].corrupt <= high
    corrupt = samples.of(SPEED).quality == Quality.CORRUPT
    assert int(corrupt.sum()) == counts["Motion"].corrupt


def test_faults_of_messages_without_counter_or_checksum_do_nothing(tmp_path: Path) -> None:
    for kind in (FaultKind.STUCK_COUNTER, FaultKind.BAD_CHECKSUM):
        fault = Injection(kind, message="drive/Wheel", from_s=0.2)
        assert same(small_twin(tmp_path, fault).advance(S), small_twin(tmp_path).advance(S))


def test_a_fault_is_of_a_signal_a_message_or_a_bus(tmp_path: Path) -> None:
    vehicle = two(tmp_path)
    names = by_name(small_twin(tmp_path))
    cases = {
        Injection(FaultKind.SILENT, signal=WHEEL): ["Wheel"],
        Injection(FaultKind.SILENT, signal="Vehicle.Nothing"): [],
        Injection(FaultKind.SILENT, signal="Vehicle.Chassis"): ["Motion", "Wheel"],
        Injection(FaultKind.SILENT, signal="Vehicle.**.Angle"): ["Wheel"],
        Injection(FaultKind.SILENT, message="power/Battery"): ["Battery"],
        Injection(FaultKind.SILENT, message="power/Motion"): [],
        Injection(FaultKind.SILENT, bus="drive"): ["Motion", "Wheel", "Rare", "Steer"],
        Injection(FaultKind.SILENT, bus="radar"): [],
    }
    for injection, expected in cases.items():
        assert sorted(hit_by(vehicle, injection)) == sorted(names[name] for name in expected)
    frames = small_twin(tmp_path, Injection(FaultKind.SILENT, bus="drive")).advance(S)
    assert set(frames.bus.tolist()) == {1}
    assert len(small_twin(tmp_path, Injection(FaultKind.SILENT, bus="radar")).advance(S)) == 160


@pytest.mark.parametrize("car", [pytest.param(car, marks=[pytest.mark.slow] * (":" in car)) for car in car_names()])
def test_a_fault_of_the_speed_hits_every_shipped_car(car: str) -> None:
    vehicle = load(car)
    for path in ("Vehicle.Speed", "Vehicle.IsMoving"):  # the second is computed everywhere
        assert hit_by(vehicle, Injection(FaultKind.SILENT, signal=path)), path


@settings(max_examples=25)
@given(
    faults=st.lists(
        st.builds(
            Injection,
            st.sampled_from(WIRE_KINDS),
            signal=st.sampled_from([SPEED, WHEEL, VOLTAGE]),
            from_s=st.floats(0, 2),
            to_s=st.floats(0, 3),
            amount=st.floats(0, 1),
        ),
        max_size=4,
    ),
    cuts=st.lists(st.integers(0, 2 * S), max_size=12),
)
def test_faults_do_not_depend_on_how_time_is_cut(
    tmp_path_factory: pytest.TempPathFactory, faults: list[Injection], cuts: list[int]
) -> None:
    """Nor do frames get lost or come twice between two batches, in whatever mixture of faults."""
    folder = tmp_path_factory.getbasetemp() / "two"
    whole = small_twin(folder, *faults).advance(2 * S)
    twin = small_twin(folder, *faults)
    parts = [twin.advance(until) for until in [*sorted(cuts), 2 * S]]
    assert same(whole, Frames.concat(parts))
    assert (np.diff(whole.t_ns) >= 0).all()


def test_frames_that_are_late_come_after_the_fault_is_over(tmp_path: Path) -> None:
    fault = Injection(FaultKind.DELAYED, bus="drive", from_s=0.0, to_s=0.5, amount=0.4)
    twin = small_twin(tmp_path, fault)
    frames = Frames.concat([twin.advance(490 * MS), twin.advance(2 * S)])
    assert len(frames) == len(small_twin(tmp_path).advance(2 * S))


@pytest.mark.parametrize("step", [10 * MS, 70 * MS, 1000 * MS])
def test_what_is_late_does_not_depend_on_the_batches(tmp_path: Path, step: int) -> None:
    """What waits behind late frames when the fault is over does so in the next batch, too; so do two faults."""
    faults = (
        Injection(FaultKind.DELAYED, bus="drive", from_s=0.3, to_s=1.0, amount=0.5),
        Injection(FaultKind.DELAYED, message="drive/Motion", from_s=1.05, to_s=1.5, amount=0.2),
    )
    whole, twin = small_twin(tmp_path, *faults).advance(3 * S), small_twin(tmp_path, *faults)
    assert same(Frames.concat([twin.advance(min(t + step, 3 * S)) for t in range(0, 3 * S, step)]), whole)
    order = motion(whole).data[:, 0].astype(int) << 8 | motion(whole).data[:, 1]
    assert (np.diff(order) >= 0).all(), "the speed rises: none has overtaken another"


# ---- faults of values -----------------------------------------------------------------------------------------------


def values(kind: FaultKind, amount: float = 1.0, seed: int = 0) -> list[float]:
    """Return what is said of a value that is 10 more every second, at each second up to 5 s; the fault: 2 s to 4 s."""
    faults = SignalFaults(["Vehicle.A", SPEED], [Injection(kind, signal=SPEED, from_s=2, to_s=4, amount=amount)], seed)
    said = [faults.apply(t * S, [7.0, 10.0 * t]) for t in range(6)]
    assert all(row[0] == 7.0 for row in said)
    return [row[1] for row in said]


def test_faults_of_values() -> None:
    assert values(FaultKind.DRIFT, 0.5) == [0, 10, 20, 30.5, 40, 50]
    assert values(FaultKind.BIAS, -3.0) == [0, 10, 17, 27, 40, 50]
    assert values(FaultKind.STUCK) == [0, 10, 20, 20, 40, 50]
    said = values(FaultKind.NO_VALUE)
    assert np.isnan(said[2:4]).all()
    assert [*said[:2], *said[4:]] == [0, 10, 40, 50]


def test_noise_trembles_about_the_value_as_the_seed_has_it() -> None:
    faults = SignalFaults([SPEED], [Injection(FaultKind.NOISE, signal=SPEED, amount=0.5)], 3)
    said = np.array([faults.apply(t, [100.0])[0] for t in range(4000)])
    assert abs(said.mean() - 100.0) < 0.05
    assert abs(said.std() - 0.5) < 0.03
    assert values(FaultKind.NOISE, seed=1) == values(FaultKind.NOISE, seed=1) != values(FaultKind.NOISE, seed=2)


def test_the_row_itself_stays_as_it_is() -> None:
    faults = SignalFaults([SPEED], [Injection(FaultKind.BIAS, signal=SPEED, from_s=1)], 0)
    row = [3.0]
    assert faults.apply(0, row) is row
    assert faults.apply(2 * S, row) == [4.0]
    assert row == [3.0]


def test_faults_of_what_a_car_does_not_say_do_nothing(tmp_path: Path) -> None:
    assert not SignalFaults([SPEED], [Injection(FaultKind.BIAS, signal="Vehicle.Other")], 0)
    assert not SignalFaults([SPEED], [Injection(FaultKind.SILENT, signal=SPEED)], 0)
    frames = small_twin(tmp_path).advance(S)
    assert WireFaults(two(tmp_path), [Injection(FaultKind.BIAS, signal=SPEED)], 0).apply(frames, S) is frames


@pytest.mark.parametrize("car", [pytest.param(car, marks=[pytest.mark.slow] * (":" in car)) for car in car_names()])
def test_a_bias_of_the_speed_is_seen_on_every_shipped_car(car: str) -> None:
    """Also where the speed is computed of wheels' speeds, which have signals of their own in the same fields."""
    vehicle = load(car)
    faults = (Injection(FaultKind.BIAS, signal="Vehicle.Speed", from_s=0.5, amount=20.0),)
    twin = Twin(vehicle, replace(load_scenario("town"), faults=faults))
    said = decode(vehicle, twin.advance(S))[0].of("Vehicle.Speed")
    assert said.value[said.t_ns < S // 2].max() < 0.1
    assert said.value[said.t_ns > S * 6 // 10].min() == pytest.approx(20.0, abs=0.3)


def test_no_value_is_sent_by_cars_that_have_a_code_for_it_only() -> None:
    """Others would say nought in its stead, which is another fault; it is told that theirs does nothing."""
    fault = Injection(FaultKind.NO_VALUE, signal="Vehicle.Speed", from_s=0.5)
    for car, works in (("honda/civic_touring_2016", False), ("mitsubishi/imiev", True)):
        twin = Twin(load(car), replace(load_scenario("town"), faults=(fault,)))
        sound = Twin(load(car), replace(load_scenario("town"), faults=()))
        assert bool(twin.without_effect) is not works
        assert same(twin.advance(S), sound.advance(S)) is not works


def test_faults_without_effect_are_told(tmp_path: Path) -> None:
    real = [
        Injection(FaultKind.SILENT, bus="drive"),
        Injection(FaultKind.BAD_CHECKSUM, signal=SPEED),
        Injection(FaultKind.STUCK_COUNTER, bus="drive"),
        Injection(FaultKind.NOISE, signal=SPEED),
    ]
    idle = [
        Injection(FaultKind.SILENT, bus="radar"),
        Injection(FaultKind.LOST, message="drive/None"),
        Injection(FaultKind.BAD_CHECKSUM, signal=WHEEL),
        Injection(FaultKind.STUCK_COUNTER, message="power/Battery"),
        Injection(FaultKind.BIAS, signal="Vehicle.Other"),
    ]
    assert small_twin(tmp_path, *real).without_effect == []
    assert small_twin(tmp_path, *idle).without_effect == [
        "silent of radar",
        "lost of drive/None",
        "bad-checksum of Vehicle.Chassis.SteeringWheel.Angle",
        "stuck-counter of power/Battery",
        "bias of Vehicle.Other",
    ]


def test_a_car_says_what_its_sensor_says_and_knows_what_is_true(tmp_path: Path) -> None:
    bias = Injection(FaultKind.BIAS, signal=SPEED, from_s=0.5, to_s=1.0, amount=10.0)
    none = Injection(FaultKind.NO_VALUE, signal=VOLTAGE, from_s=0.5, to_s=1.0)
    twin = small_twin(tmp_path, bias, none)
    samples, _ = decode(twin.vehicle, twin.advance(2 * S))
    speed = samples.of(SPEED)
    wrong = (speed.t_ns >= 500 * MS) & (speed.t_ns < S)
    assert speed.value == pytest.approx(speed.t_ns // (10 * MS) / 100 + 10.0 * wrong, abs=0.006)
    assert samples.of(LEFT).value == pytest.approx(speed.t_ns // (10 * MS) / 50, abs=0.006)
    assert (samples.of(VOLTAGE).quality == Quality.INVALID).sum() == 5
    assert twin.truth[SPEED] == pytest.approx(2.0)


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if not kind.is_of_signal])
@pytest.mark.parametrize("length_ms", [50, 5000])
def test_every_fault_of_frames_has_an_end_after_which_all_is_as_without_it(
    tmp_path: Path, kind: FaultKind, length_ms: int
) -> None:
    """All of the buses at once, for a moment and for long."""
    amount = 0.03 if kind is FaultKind.DELAYED else 1.0
    hits = Injection(kind, signal="Vehicle", from_s=0.5, to_s=0.5 + length_ms / 1000, amount=amount)
    spoilt, sound = small_twin(tmp_path, hits), small_twin(tmp_path)
    before, plain = spoilt.advance(500 * 10**6), sound.advance(500 * 10**6)
    assert (before.data == plain.data).all()
    during, plain = (twin.advance((550 + length_ms) * 10**6) for twin in (spoilt, sound))
    assert len(during) != len(plain) or (during.data != plain.data).any() or (during.t_ns != plain.t_ns).any()
    after, plain = (twin.advance((1550 + length_ms) * 10**6) for twin in (spoilt, sound))
    assert after.t_ns.tolist() == plain.t_ns.tolist()
    assert (after.data == plain.data).all()
