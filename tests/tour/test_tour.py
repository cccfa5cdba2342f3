"""The tour: every car gives the drive back, and its frames show where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonwheel.catalog.profiles import load_profiles
from commonwheel.errors import OutputError
from commonwheel.tour import CARS, Drive, Passage, synthesise, tour
from commonwheel.tour.bits import CHECKSUM, COUNTER, pictures
from commonwheel.tour.page import tour_page
from commonwheel.tour.tour import Deviation
from commonwheel.vehicles import Quality
from commonwheel.vehicles.compare import compare
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from tests.twin.fakes import DESCRIPTION, DRIVE, POWER

SPEED, ANGLE = "Vehicle.Speed", "Vehicle.Chassis.SteeringWheel.Angle"


@pytest.fixture(scope="module")
def drive() -> Drive:
    return synthesise(stop.car for stop in CARS)


@pytest.fixture(scope="module")
def passages(drive: Drive, tmp_path_factory: pytest.TempPathFactory) -> list[Passage]:
    return list(tour(drive, tmp_path_factory.mktemp("tour")))


def test_every_log_is_told_its_own_car(passages: Sequence[Passage]) -> None:
    assert [passage.told for passage in passages] == [stop.car for stop in CARS]


def test_everything_comes_back_within_half_a_step(passages: Sequence[Passage]) -> None:
    for passage in passages:
        wrong = [deviation for deviation in passage.deviations if not deviation.holds]
        assert not wrong, passage.vehicle.name
        assert passage.right


def test_what_was_sent_comes_back(passages: Sequence[Passage]) -> None:
    for passage in passages:
        assert set(passage.sent) <= {deviation.path for deviation in passage.deviations}
        assert not (passage.samples.quality == Quality.CORRUPT).any()
        assert not (passage.samples.quality == Quality.STALE).any()


def test_all_three_share_what_matters(passages: Sequence[Passage]) -> None:
    common = set.intersection(*(set(passage.sent) for passage in passages))
    assert {SPEED, ANGLE, "Vehicle.Chassis.Accelerator.PedalPosition", "Vehicle.Chassis.Brake.IsPressed"} <= common
    assert len(common) >= 12


def test_a_frame_s_bits_add_up_to_the_value(drive: Drive, passages: Sequence[Passage]) -> None:
    at = 73 * 10**9
    index = int(np.searchsorted(drive.t_ns, at))
    for passage in passages:
        shown = pictures(passage, (SPEED, ANGLE), at)
        carried = {one.path: one for picture in shown for one in picture.carried}
        assert carried[SPEED].value == pytest.approx(drive.signals[SPEED][index], abs=0.02)
        assert carried[ANGLE].value == pytest.approx(drive.signals[ANGLE][index], abs=0.3)
        for picture in shown:
            owners = [mark for byte in picture.marks for mark in byte]
            for one in picture.carried:
                assert owners.count(one.path) == one.field.length


def test_counter_and_checksum_are_marked(passages: Sequence[Passage]) -> None:
    honda = pictures(passages[0], (SPEED,), 73 * 10**9)[0]
    owners = [mark for byte in honda.marks for mark in byte]
    assert owners[-4:] == [CHECKSUM] * 4
    assert owners.count(COUNTER) == 2


def test_no_frame_before_the_first(passages: Sequence[Passage]) -> None:
    assert pictures(passages[0], (SPEED,), -1) == []


def test_a_frame_of_29_bits_is_found(passages: Sequence[Passage], tmp_path: Path) -> None:
    texts = (("drive.dbc", DRIVE.replace("BO_ 256", f"BO_ {0x8000_0100}")), ("power.dbc", POWER))
    for name, text in (*texts, ("vehicle.yaml", DESCRIPTION)):
        (tmp_path / name).write_text(text)
    car = compile_vehicle(tmp_path, folders=(tmp_path,))[0]
    frames = VehicleEncoder(car).encode({SPEED: Track(np.zeros(1, np.int64), np.array([72.5]))}, 0, 10**9)
    (shown,) = pictures(replace(passages[0], vehicle=car, frames=frames), (SPEED,), 10**8)
    assert shown.message.extended
    assert [one.value for one in shown.carried] == [pytest.approx(72.5)]


@pytest.mark.parametrize(
    ("largest", "step", "state", "bad", "holds"),
    [
        (0.05, 0.1, False, 0, True),
        (0.051, 0.1, False, 0, False),
        (9.0, 0.0, False, 0, True),
        (0.0, 0.0, True, 0, True),
        (1.0, 0.0, True, 0, False),
        (0.0, 0.1, False, 1, False),
    ],
)
def test_half_a_step_is_the_limit(largest: float, step: float, state: bool, bad: int, holds: bool) -> None:  # noqa: FBT001 - parameters
    assert Deviation("x", "", 10, largest, step, state, bad).holds is holds


def test_the_page_shows_it_all_and_says_that_it_is_synthetic(drive: Drive, passages: Sequence[Passage]) -> None:
    text = tour_page(drive, passages, compare([p.vehicle for p in passages], load_profiles().values()))
    total = sum(deviation.judged for passage in passages for deviation in passage.deviations)
    assert "This traffic is synthetic" in text
    assert "commonwheel decode YOUR.log" in text
    assert f"{total} of {total} signals came back" in text
    assert (
        len(re.findall(r'<i class="b-speed">[01]</i>', text)) == 48 + 1
    )  # three frames of sixteen bits, and the legend
    assert text.count('class="band"') >= 12
    assert "✗" not in text


def test_a_folder_that_cannot_be_written_is_named(drive: Drive, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"honda\.log"):
        list(tour(drive, tmp_path / "missing"))
