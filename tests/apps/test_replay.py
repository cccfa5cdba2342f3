"""Apps over recordings and simulated drives: all of it, in the app's own time, the same each time."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonwheel.apps import App, AppError, Event, Output
from commonwheel.apps.replay import Drive, Recorded, drive_of_log, drive_of_samples, drive_of_twin, run_over
from commonwheel.errors import LogError
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import Quality, Vehicle, load_vehicle
from commonwheel.vehicles.reading import LogDecoder
from commonwheel.vehicles.samples import Samples
from commonwheel.wire.frames import Clock
from tests.apps.running import CAPACITY, SPEED, VIN, VOLTAGE, S

if TYPE_CHECKING:
    from pathlib import Path

LEAF = "logs/nissan-leaf-2011/leaf_on_Driveincircle_off.txt"
LANCER = "logs/mitsubishi-lancer-ralliart/smalldriveinlot.log"
CIVIC = "logs/honda-civic-8gen/vsslog.log"


@pytest.fixture(scope="module")
def leaf() -> Vehicle:
    return load_vehicle("nissan/leaf_ze0")


def busy(*, batches: bool = False) -> App:
    """Return an app that uses every kind of function, and tells of each call."""
    app = App(
        "busy",
        "1",
        requires={SPEED: 0},
        may_use={"Vehicle.Powertrain.**": 5, "Vehicle.Chassis.**": 0},
        keeps={SPEED: 5.0},
        outputs={"km": Output("km"), "count": Output(datatype="integer")},
        events={"moves": Event(), "tick": Event()},
    )
    count = 0

    @app.on("Vehicle.**")
    def each(car, reading) -> None:  # noqa: ANN001
        nonlocal count
        count += 1
        if count % 100 == 0:
            car.log(f"{count} {reading}")

    @app.when(SPEED, test=lambda kmh: kmh > 5, lasts=0.5)
    async def moves(car, kmh) -> None:  # noqa: ANN001
        car.report("moves", kmh=kmh, past=car.history(SPEED, 2.0).value)
        await asyncio.sleep(0.7)
        car.log(f"moved {car.value(SPEED)}")

    @app.every(1.0)
    def tick(car) -> None:  # noqa: ANN001
        car.report("tick", history=len(car.history(SPEED)))
        car.show(count=count)

    if batches:
        app.on_batch("Vehicle.Chassis.**")(
            lambda car, batch: car.log(f"batch {len(batch)} {float(np.nansum(batch.value))}")
        )
    return app


def doings(did: Recorded) -> list[object]:
    return [did.shown, did.events, did.logs, did.published, did.failures, did.start_ns, did.end_ns, did.called]


@pytest.mark.real
@pytest.mark.parametrize("log", [LEAF, LANCER, CIVIC])
def test_a_recording_leads_to_the_same_doings_each_time(shared: Path, log: str) -> None:
    runs: list[list[object]] = []
    for _ in range(2):
        app = busy(batches=True)
        with drive_of_log(shared / log, None, app) as drive:
            did = run_over(app, drive)
        assert not did.failures
        assert did.called > 1000
        runs.append(doings(did))
    assert runs[0] == runs[1]


@pytest.mark.real
@pytest.mark.parametrize("log", [LEAF, LANCER])
def test_what_an_app_does_does_not_depend_on_how_the_log_was_read(shared: Path, log: str) -> None:
    """The same samples in one batch, and in batches of odd sizes."""
    with LogDecoder(shared / log) as decoder:
        parts = list(decoder)
        vehicle = decoder.vehicle
    samples = Samples.concat(parts)
    whole = run_over(busy(), drive_of_samples(vehicle, samples))
    rng = np.random.default_rng(1)
    cuts = [0, *np.sort(rng.integers(0, len(samples), 50)).tolist(), len(samples)]
    pieces = [samples[a:b] for a, b in itertools.pairwise(cuts)]
    cut = run_over(busy(), Drive(vehicle, pieces, start_ns=whole.start_ns))
    assert doings(whole) == doings(cut)


@pytest.mark.real
def test_an_app_gets_every_sample_that_it_declares_and_no_other(shared: Path, leaf: Vehicle) -> None:
    seen: list[tuple[str, int, object]] = []
    app = App("all", "1", requires={SPEED: 0}, may_use={VOLTAGE: 0})
    app.on("Vehicle.**")(lambda _car, reading: seen.append((reading.path, reading.t_ns, reading.quality)))
    with drive_of_log(shared / LEAF, leaf, app) as drive:
        did = run_over(app, drive)
    with LogDecoder(shared / LEAF, leaf) as decoder:
        samples = Samples.concat(list(decoder))
    wanted = samples[np.isin(samples.signal, [leaf.numbers[SPEED], leaf.numbers[VOLTAGE]])]
    assert len(seen) == len(wanted) == did.received
    assert [t for _, t, _ in seen] == wanted.t_ns.tolist()


@pytest.mark.real
def test_a_run_lasts_as_long_as_the_recording_whatever_the_app_reads(shared: Path, leaf: Vehicle) -> None:
    lengths: set[tuple[int, int]] = set()
    for wanted in ({SPEED: 0.0}, {"Vehicle.Chassis.**": 0.0}):
        app = App("tried", "1", requires=wanted)
        with drive_of_log(shared / LEAF, leaf, app) as drive:
            did = run_over(app, drive)
        lengths.add((did.start_ns, did.end_ns))
    assert len(lengths) == 1
    app = App("tried", "1", requires={SPEED: 0})
    with drive_of_log(shared / LEAF, leaf, app, seconds=10.0) as drive:
        did = run_over(app, drive)
    assert 9.9 < (did.end_ns - did.start_ns) / S <= 10.0


def test_fixed_facts_are_there_at_the_start(leaf: Vehicle) -> None:
    app = App("tried", "1", requires={CAPACITY: 0}, outputs={"kwh": Output("kWh")})
    app.start(lambda car: car.show(kwh=car.value(CAPACITY)))
    did = run_over(app, drive_of_samples(leaf, samples_of(leaf, [])))
    assert did.value("kwh") == 24.0


def samples_of(vehicle: Vehicle, rows: list[tuple[float, str, float, Quality]]) -> Samples:
    return Samples(
        np.array([round(t * S) for t, *_ in rows], np.int64),
        np.array([vehicle.numbers[path] for _, path, *_ in rows], np.int32),
        np.array([value for *_, value, _ in rows], float),
        np.array([quality for *_, quality in rows], np.uint8),
        vehicle.signals,
        Clock.UTC,
        ["JN1TESTVIN"],
    )


def test_qualities_and_gaps_come_through(leaf: Vehicle) -> None:
    app = App("tried", "1", requires={SPEED: 0})
    seen: list[object] = []
    app.on(SPEED)(lambda car, reading: seen.append((car.elapsed_s, reading.value, reading.quality)))
    rows = [
        (1.0, SPEED, 3.0, Quality.GOOD),
        (400.0, SPEED, 3.0, Quality.STALE),
        (400.5, SPEED, float("nan"), Quality.INVALID),
    ]
    run_over(app, drive_of_samples(leaf, samples_of(leaf, rows)))
    assert seen == [(0.0, 3.0, Quality.GOOD), (399.0, 3.0, Quality.STALE), (399.5, None, Quality.INVALID)]


def test_what_is_personal_stays_out_unless_asked_for(leaf: Vehicle) -> None:
    personal = [info.path for info in leaf.signals if info.personal]
    app = App("nosy", "1", requires={SPEED: 0}, may_use=dict.fromkeys([*personal, VIN], 0.0))
    for with_personal in (False, True):
        drive = Drive(leaf, (samples_of(leaf, [(1.0, SPEED, 3.0, Quality.GOOD)]),), with_personal)
        assert all(_has(app, drive, path) is with_personal for path in personal)


def _has(app: App, drive: Drive, path: str) -> bool:
    found: list[bool] = []
    app.handlers.clear()
    app.start(lambda car: found.append(car.has(path)))
    run_over(app, drive)
    return found[0]


def test_a_car_that_lacks_what_is_required_is_not_run_on(leaf: Vehicle) -> None:
    app = App("tried", "1", requires={"Vehicle.Powertrain.CombustionEngine.Speed": 0})
    with pytest.raises(AppError, match="cannot run on nissan/leaf_ze0, which does not give"):
        run_over(app, drive_of_samples(leaf, samples_of(leaf, [])))


def test_a_recording_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("nothing\n")
    app = App("tried", "1", requires={SPEED: 0})
    with pytest.raises(LogError), drive_of_log(path, None, app):
        pass


def test_a_pace_changes_nothing_of_what_an_app_does(leaf: Vehicle) -> None:
    rows = [(i / 100, SPEED, float(i), Quality.GOOD) for i in range(30)]
    runs = [
        doings(run_over(busy(), drive_of_samples(leaf, samples_of(leaf, rows)), rate=rate)) for rate in (None, 20.0)
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("car", ["honda/e", "nissan/leaf_aze0", "mitsubishi/imiev"])
def test_a_simulated_drive_leads_to_the_same_doings_each_time_however_it_is_cut(car: str) -> None:
    vehicle, scenario = load_vehicle(car), load_scenario("town")
    runs: list[list[object]] = []
    for _ in range(2):
        app = busy()
        did = run_over(app, drive_of_twin(Twin(vehicle, scenario, seed=3), app, seconds=20.0))
        assert not did.failures
        assert did.count("tick") == 20
        assert (did.start_ns, did.end_ns) == (0, 20 * S)
        runs.append(doings(did))
    assert runs[0] == runs[1]


def test_a_simulated_drive_ends_with_its_scenario() -> None:
    app = App("tried", "1", requires={SPEED: 1})
    twin = Twin(load_vehicle("mitsubishi/imiev"), load_scenario("fault-silent"))
    did = run_over(app, drive_of_twin(twin, app))
    assert did.end_ns / S == pytest.approx(twin.scenario.length_s, abs=1.0)
