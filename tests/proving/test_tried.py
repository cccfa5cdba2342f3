"""Cases of apps' tests in which the car acts are driven in closed loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.apps.expectations import Case, Expected
from commonwheel.errors import AppError
from commonwheel.proving.tried import tried
from tests.proving.drives import CIVIC, scenario

ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
CALM = """\
from commonwheel.apps import App, Output, Setting
app = App("calm", "1", "Slows down.", requires={{"Vehicle.Speed": 0}}, requests=("{path}",),
          outputs={{"speed": Output("km/h", "Now.")}}, settings={{"by": Setting(1.0, "m/s^2")}})

@app.every(0.1)
def slow(car):
    car.show(speed=car.value("Vehicle.Speed"))
    car.request("{path}", -car.settings["by"], valid_s=0.3)
"""


def case(**more: object) -> Case:
    return Case("a case", 1, Expected(1), acts=True, **more)  # type: ignore[arg-type]


def test_the_car_does_what_the_app_asks_and_it_is_told_what_the_drive_was_like(tmp_path: Path) -> None:
    app = tmp_path / "calm.py"
    app.write_text(CALM.format(path=ACCELERATION))
    did = tried(case(settings={"by": 1.5}, seconds=4.0), str(app), CIVIC, scenario(tmp_path))
    assert did.end_ns == 4 * 10**9
    assert did.units == {"speed": "km/h"}
    assert {(path, value) for _t, path, value in did.requested} == {(ACCELERATION, -1.5)}
    assert did.figures["speed_end"] == pytest.approx(float(str(did.value("speed"))), abs=1.0)
    assert did.figures["speed_end"] < 76.0
    assert "charge_end" not in did.figures
    assert not did.failures


def test_others_ask_beside_it_and_the_lower_counts(tmp_path: Path) -> None:
    app = tmp_path / "calm.py"
    app.write_text(CALM.format(path=ACCELERATION))
    did = tried(
        case(settings={"by": -1.0}, seconds=4.0, beside=("adaptive-cruise",)), str(app), CIVIC, scenario(tmp_path)
    )
    assert did.figures["speed_end"] < 81.0


def test_a_car_that_cannot_act_says_so(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="honda/e cannot be made to act"):
        tried(case(), "speed-limiter", "honda/e", scenario(tmp_path))
