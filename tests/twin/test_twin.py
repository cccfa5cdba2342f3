"""A twin: periods, values held, how it is cut in time, chance, what it is asked for."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonwheel.twin.inputs import Inputs
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.state import State
from commonwheel.twin.trace import run
from commonwheel.twin.twin import STEP_NS, Twin, sent_by
from commonwheel.vehicles import car_names, load_vehicle
from commonwheel.vehicles.encoder import VehicleEncoder
from commonwheel.wire.frames import Clock, Frames
from tests.twin.fakes import LEFT, SMALL, SPEED, VOLTAGE, WHEEL, scenario, small_twin, two

MS, S = 10**6, 10**9
COLUMNS = ("t_ns", "bus", "id", "size", "data")
load = functools.cache(load_vehicle)
DRIVES = ("nissan/leaf_aze0:30kwh", "honda/civic_touring_2016", "mitsubishi/imiev")


def same(one: Frames, other: Frames) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def of(frames: Frames, can_id: int, bus: int = 0) -> Frames:
    return frames[(frames.id == can_id) & (frames.bus == bus)]


def test_every_message_is_sent_at_its_own_period_by_its_own_bus(tmp_path: Path) -> None:
    frames = small_twin(tmp_path).advance(S)
    assert frames.clock is Clock.RELATIVE
    assert (np.diff(frames.t_ns) >= 0).all()
    for bus, can_id, period in ((0, 0x100, 10), (0, 0x101, 20), (1, 0x100, 100)):
        own = of(frames, can_id, bus)
        assert len(own) == 1000 // period
        assert set(np.diff(own.t_ns).tolist()) == {period * MS}
        assert own.t_ns[0] < 10 * MS
    assert set(zip(frames.bus.tolist(), frames.id.tolist(), strict=True)) == {(0, 0x100), (0, 0x101), (1, 0x100)}


def test_optional_messages_are_sent_only_where_a_signal_would_be_missing_without(tmp_path: Path) -> None:
    vehicle = two(tmp_path)
    assert [vehicle.messages[i].name for i in sent_by(vehicle)] == ["Motion", "Wheel", "Battery"]
    described = (tmp_path / "vehicle.yaml").read_text()
    (tmp_path / "vehicle.yaml").write_text(described.replace("drive/Wheel: {", "drive/Wheel: {optional: true, "))
    from commonwheel.vehicles.compiler import compile_vehicle

    vehicle = compile_vehicle(tmp_path, folders=(tmp_path,))[0]
    assert [vehicle.messages[i].name for i in sent_by(vehicle)] == ["Motion", "Wheel", "Battery"]


@pytest.mark.parametrize("car", [pytest.param(car, marks=[pytest.mark.slow] * (":" in car)) for car in car_names()])
def test_no_signal_of_a_shipped_car_is_left_without_a_message(car: str) -> None:
    vehicle = load(car)
    sent = set(sent_by(vehicle))
    assert all({writer.message for writer in writers} & sent for writers in vehicle.writers.values())


def test_a_frame_holds_the_values_of_the_last_step(tmp_path: Path) -> None:
    """The speed is 0.01 km/h more after each step: it can be told from every frame which step it is of."""
    twin = small_twin(tmp_path)
    frames = of(twin.advance(2 * S), 0x100)
    speeds = frames.data[:, 0].astype(int) << 8 | frames.data[:, 1]
    assert speeds.tolist() == (frames.t_ns // STEP_NS).tolist()
    assert twin.truth[SPEED] == pytest.approx(2.0)
    assert twin.paths == (SPEED, LEFT, WHEEL, VOLTAGE)


def test_what_comes_does_not_depend_on_how_time_is_cut(tmp_path: Path) -> None:
    whole = small_twin(tmp_path).advance(8 * S)
    rng = np.random.default_rng(3)
    twin, at, parts = small_twin(tmp_path), 0, []
    while at < 8 * S:
        at = min(8 * S, at + int(rng.choice([0, 1, 999, 137_000, 10 * MS, 33 * MS, 700 * MS])))
        parts.append(twin.advance(at))
        assert twin.t_ns == at
    assert same(whole, Frames.concat(parts))


@pytest.mark.parametrize("car", DRIVES)
def test_a_drive_is_the_same_under_a_seed_however_it_is_cut(car: str) -> None:
    drive = load_scenario("town")
    whole = Twin(load(car), drive, seed=5).advance(15 * S)
    twin = Twin(load(car), drive, seed=5)
    assert same(whole, Frames.concat([twin.advance((i + 1) * 37 * MS) for i in range(405)] + [twin.advance(15 * S)]))
    assert not same(whole, Twin(load(car), load_scenario("country"), seed=5).advance(15 * S))


def test_time_does_not_go_back(tmp_path: Path) -> None:
    twin = small_twin(tmp_path)
    twin.advance(S)
    assert not len(twin.advance(S))
    assert not len(twin.advance(0))
    assert twin.t_ns == S


def test_it_is_finished_when_its_scenario_is_and_goes_on_sending(tmp_path: Path) -> None:
    twin = small_twin(tmp_path, length_s=1.0)
    twin.advance(990 * MS)
    assert not twin.finished
    assert twin.length_ns == S
    twin.advance(S)
    assert twin.finished
    assert len(twin.advance(2 * S)) > 100


def test_again_is_the_same_drive_and_counters_go_on(tmp_path: Path) -> None:
    twin = small_twin(tmp_path)
    first = of(twin.advance(95 * MS), 0x100)
    twin.again()
    assert (twin.t_ns, twin.finished, twin.state.t_s) == (0, False, 0.0)
    second = of(twin.advance(95 * MS), 0x100)
    counts = [int(row[6]) & 15 for row in (*first.data, *second.data)]
    assert counts == [i % 16 for i in range(20)]
    assert (first.data[:, :6] == second.data[:, :6]).all()
    assert (first.t_ns == second.t_ns).all()


def test_values_that_do_not_fit_are_counted_and_never_stop_a_car(tmp_path: Path) -> None:
    class Mad:
        def write(self, _: State, __: Inputs, row: list[float]) -> None:
            row[:] = [1e9, -1e9, float("nan"), float("inf")]

    twin = Twin(two(tmp_path), scenario(), models=replace(SMALL, standard=lambda *_: Mad()))
    frames = twin.advance(100 * MS)
    assert of(frames, 0x100).data[0, :4].tolist() == [255, 255, 0, 0]
    assert of(frames, 0x101).data[0, :2].tolist() == [0, 0]
    assert of(frames, 0x100, bus=1).data[0, :2].tolist() == [0xFF, 0xFE]  # 0xFFFF means that there is none
    assert twin.clamped == 10 * 2 + 1


def test_requests_of_others_are_read_when_they_are_intact(tmp_path: Path) -> None:
    twin = small_twin(tmp_path)
    (request,) = twin.vehicle.requests
    encoder = VehicleEncoder(twin.vehicle)
    payload = encoder.encode_request(request, -12.5)
    twin.advance(300 * MS)
    twin.receive(Frames.build([(twin.t_ns, 0, 0x200, payload)]))
    assert twin.asked[request.path].value == pytest.approx(-12.5)
    assert twin.asked[request.path].t_ns == 300 * MS
    spoilt = bytes([*encoder.encode_request(request, 40.0)[:7], 0])
    twin.receive(Frames.build([(twin.t_ns, 0, 0x200, spoilt), (twin.t_ns, 0, 0x7FF, b""), (twin.t_ns, 3, 0x200, b"")]))
    assert twin.asked[request.path].value == pytest.approx(-12.5)


def test_a_trace_is_the_truth_without_frames(tmp_path: Path) -> None:
    trace = run(small_twin(tmp_path), 100 * MS)
    assert trace.t_ns.tolist() == list(range(0, 10 * S + 1, 100 * MS))
    assert trace.of(SPEED) == pytest.approx(trace.t_ns / S)
    assert (trace.of(VOLTAGE) == 12.5).all()
    with pytest.raises(KeyError, match=r"Vehicle\.Nothing"):
        trace.of("Vehicle.Nothing")
    assert len(run(small_twin(tmp_path), 300 * MS, S).t_ns) == 5
