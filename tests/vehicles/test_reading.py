"""Reading a whole log in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import commonwheel as cw
from commonwheel.errors import CommonwheelWarning, LogError
from commonwheel.wire.logs import write_candump

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lancer_log(tmp_path: Path) -> Path:
    """Two seconds of everything that a Lancer sends."""
    path = tmp_path / "lancer.log"
    write_candump(path, cw.VehicleEncoder(cw.load_vehicle("mitsubishi/lancer")).encode({}, 0, 2_000_000_000, idle=True))
    return path


def test_a_log_is_read_without_naming_its_car(lancer_log: Path) -> None:
    samples = cw.read(lancer_log)
    assert len(samples.of("Vehicle.Speed")) == 100


def test_a_log_of_another_car_is_read_with_a_warning(lancer_log: Path) -> None:
    with pytest.warns(CommonwheelWarning, match="another car"):
        cw.read(lancer_log, car="honda/civic_gen8")


def test_a_log_of_no_described_car_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "strange.log"
    rows = [(i * 10_000_000, 0, 0x400 + i % 9, bytes(8)) for i in range(500)]
    write_candump(path, cw.Frames.build(rows))
    with pytest.raises(LogError, match="none of the described cars"):
        cw.read(path)
