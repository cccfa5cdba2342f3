"""The fault campaign: every fault of every input at a time, within what is stated; resumable; and its table."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from commonwheel.errors import OutputError
from commonwheel.guard.envelope import Without
from commonwheel.proving.campaign import Probe, campaign, faults_of, grid
from commonwheel.proving.intervention import INPUT_KINDS, Intervention, Kind
from commonwheel.proving.loop import Loop, Setup
from commonwheel.proving.results import Results
from commonwheel.proving.stated import noticed_within_s
from commonwheel.proving.table import fault_rows, markdown, rows_of
from tests.proving.drives import BOTH, car, loop, scenario

ANGLE, SPEED = "Vehicle.Chassis.SteeringWheel.Angle", "Vehicle.Speed"


def probe(of: str, noticed: float | None, released: float | None = 0.5, *, within: float | None = 0.2) -> Probe:
    return Probe("a/car", "x", 1.0, "lateral", "lost", of, noticed, released, within, 1.0, "r", "c", "armed")


def test_a_grid_lies_on_whole_cycles() -> None:
    assert grid(1.0, 2.0, 0.333) == [1.0, 1.33, 1.67, 2.0]
    assert grid(5.0, 4.0, 1.0) == []


def test_a_probe_passes_only_within_both_stated_times() -> None:
    assert probe(SPEED, 0.2, 1.0).passed
    assert not probe(SPEED, 0.21, 1.0).passed
    assert not probe(SPEED, 0.2, 1.02).passed
    assert not probe(SPEED, None, None).passed
    assert probe(SPEED, None, None, within=None).passed, "what cannot be told need not be noticed"


def test_every_input_of_the_guard_is_spoiled_in_every_way_that_reaches_it(tmp_path: Path) -> None:
    drive = loop(tmp_path)
    faults = faults_of(drive)
    spoiled = {(fault.of, fault.kind) for fault in faults}
    for one in drive.setup.control.envelope.inputs:
        assert {(one.path, kind) for kind in INPUT_KINDS} <= spoiled
    kinds = {fault.kind for fault in faults}
    assert {Kind.KILLED, Kind.HUNG, Kind.LATE, Kind.CLOCK_STEP, Kind.EXCEPTION, Kind.COMMANDS_LOST} <= kinds
    assert {"Vehicle.ADAS.Lane", "Vehicle.ADAS.ObstacleDetection.Front.Center"} <= {fault.of for fault in faults}


def test_stated_times_come_from_the_envelope() -> None:
    vehicle, control = car()
    (angle,) = (one for one in control.envelope.inputs if one.path == ANGLE)
    lost = noticed_within_s(vehicle, control.envelope, "lateral", Intervention(Kind.LOST, ANGLE))
    assert lost is not None
    assert lost * 1e9 == pytest.approx(angle.max_age_ns + angle.tolerance_ns, abs=4e7)
    assert isinstance(angle.frozen_ns, Without)
    assert noticed_within_s(vehicle, control.envelope, "lateral", Intervention(Kind.STUCK, ANGLE)) is None
    assert noticed_within_s(vehicle, control.envelope, "longitudinal", Intervention(Kind.LOST, ANGLE)) is None
    late = Intervention(Kind.LATE, amount=0.3)
    assert noticed_within_s(vehicle, control.envelope, "lateral", late) == pytest.approx(0.32)


def test_a_short_campaign_is_noticed_and_released_in_time_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [
        Intervention(Kind.LOST, ANGLE),
        Intervention(Kind.CORRUPTED, SPEED),
        Intervention(Kind.KILLED, "lane-centring"),
        Intervention(Kind.EXCEPTION),
    ]
    monkeypatch.setattr("commonwheel.proving.campaign.faults_of", lambda _: few)
    vehicle, control = car()
    setup = Setup(vehicle, control, scenario(tmp_path), BOTH, arm_s=0.2)
    file = tmp_path / "faults.jsonl"
    for one in campaign(setup, [3.0]):
        Results(file).add([one])
    found = Results(file)
    assert all(one.passed for one in found.probes), [one for one in found.probes if not one.passed]
    noticed = {(one.kind, one.axis): one.noticed_s for one in found.probes}
    assert noticed["lost", "lateral"] is not None
    assert noticed["lost", "longitudinal"] is None
    assert noticed["killed", "longitudinal"] is None
    for axis in ("longitudinal", "lateral"):
        assert noticed["exception", axis] is not None
        assert noticed["corrupted", axis] is not None
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "intervene", lambda *_: pytest.fail("what is known is not driven again"))
        assert not list(campaign(setup, [3.0], found.done))


def test_a_file_that_was_cut_off_goes_on_behind_its_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "faults.jsonl"
    Results(file).add([probe(SPEED, 0.1), probe(ANGLE, 0.2)])
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    again = Results(file)
    assert [one.of for one in again.probes] == [SPEED]
    again.add([probe(ANGLE, 0.2)])
    assert file.read_bytes() == whole


def test_a_file_of_something_else_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "faults.jsonl"
    file.write_bytes(msgspec.json.encode(probe(SPEED, 0.1)) + b'\n{"not": "one"}\n')
    with pytest.raises(OutputError, match=r"faults\.jsonl:2: no result of a campaign"):
        Results(file)


def test_the_table_has_least_median_and_most() -> None:
    probes = [probe(SPEED, 0.1, 0.3), probe(SPEED, 0.2, 0.4), probe(SPEED, 0.6, 0.5), probe(ANGLE, None, None)]
    speed = next(row for row in rows_of(probes) if row.of == SPEED)
    assert (speed.tried, speed.noticed, speed.failed) == (3, 3, 1)
    assert speed.noticed_s == (0.1, 0.2, 0.6)
    assert speed.released_s == (0.3, 0.4, 0.5)
    columns, rows = fault_rows(probes)
    assert all(len(row) == len(columns) for row in rows)
    assert markdown(probes).splitlines()[3].startswith("| Speed | lost | lateral | 3 | 3 | 0.10 | 0.20 | 0.60 | 0.20 |")
