"""The shipped apps over real recordings: figures that agree with the recordings' own, and no false alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import commonwheel as cw
from tests.apps.library.drives import over_log

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

LOGS = {
    "rollers": ("honda/civic_gen8", "honda-civic-8gen/vsslog.log"),
    "revs": ("honda/civic_gen8", "honda-civic-8gen/revlog.log"),
    "turn": ("honda/civic_gen8", "honda-civic-8gen/startandturnwheel.trc"),
    "no engine": ("honda/civic_gen8", "honda-civic-8gen/noecu.log"),
    "type r": ("honda/civic_gen10_bosch:type_r", "honda-civic-type-r-2019/turnonanddrive.log"),
    "circle": ("nissan/leaf_ze0", "nissan-leaf-2011/leaf_on_Driveincircle_off.txt"),
    "ten metres": ("nissan/leaf_ze0", "nissan-leaf-2011/leafon_driveforward10m_stop_leafoff.csv"),
    "brake": ("nissan/leaf_ze0", "nissan-leaf-2011/pumpbrake5timesinpark.csv"),
    "phev": ("mitsubishi/outlander_phev", "mitsubishi-outlander-phev/DRIVING1.csv"),
    "wheel": ("mitsubishi/outlander_phev", "mitsubishi-outlander-phev/202109061515-steering-lock-to-lock.csv"),
    "fan": ("mitsubishi/imiev", "mitsubishi-imiev/iCarSoft-Max-Actuate-5x-Fan-High.log"),
    "lot": ("mitsubishi/lancer:ralliart", "mitsubishi-lancer-ralliart/smalldriveinlot.log"),
    "reverse": ("mitsubishi/lancer:ralliart", "mitsubishi-lancer-ralliart/shiftintoreverse.log"),
    "pedal": ("mitsubishi/lancer:ralliart", "mitsubishi-lancer-ralliart/realpedalupdown.log"),
}
BATTERY = "Vehicle.Powertrain.TractionBattery"


def place(shared: Path, name: str) -> tuple[Path, str]:
    car, log = LOGS[name]
    return shared / "logs" / log, car


@pytest.mark.parametrize(
    ("name", "metres", "near"),
    [("circle", 191.9, 1.5), ("ten metres", 8.48, 0.1), ("lot", 63.0, 0.3), ("rollers", 431.3, 1.0)],
)
def test_distance_is_that_of_the_recording(shared: Path, name: str, metres: float, near: float) -> None:
    """What the wheels counted, or the integral of the speed that is known of the recording."""
    trip = over_log("trip", *place(shared, name))
    assert float(trip.value("distance") or 0) * 1000 == pytest.approx(metres, abs=near)
    assert trip.value("trips") == 1
    assert trip.value("missed") == 0


@pytest.mark.parametrize("name", ["circle", "ten metres"])
def test_energy_is_voltage_times_current(shared: Path, name: str) -> None:
    """Between drive and park, by every reading of the recording itself."""
    trip = over_log("trip", *place(shared, name))
    (ended,) = (event for event in trip.events if event.name == "ended")
    began_ns, ended_ns = (int(str(ended.data[key])) for key in ("began_ns", "ended_ns"))
    log, car = place(shared, name)
    samples = cw.read(log, car, signals=[f"{BATTERY}.CurrentVoltage", f"{BATTERY}.CurrentCurrent"])
    volts, amperes = (samples.of(f"{BATTERY}.Current{what}").good for what in ("Voltage", "Current"))
    within = (amperes.t_ns >= began_ns) & (amperes.t_ns <= ended_ns)
    watts = amperes.value[within] * np.interp(amperes.t_ns[within], volts.t_ns, volts.value)
    kwh = -np.trapezoid(watts, amperes.t_ns[within] / 1e9) / 3.6e6
    net = float(trip.value("used") or 0) - float(trip.value("regenerated") or 0)
    assert net == pytest.approx(kwh, rel=0.01)
    assert trip.value("duration") == pytest.approx((ended_ns - began_ns) / 1e9)


def test_the_circle_is_one_trip_from_drive_to_park(shared: Path) -> None:
    """It left park 6.73 s and was back 80.09 s after the recording began, and moved from 10.0 to 77.7 s."""
    trip = over_log("trip", *place(shared, "circle"))
    (ended,) = (event for event in trip.events if event.name == "ended")
    assert int(str(ended.data["began_ns"])) / 1e9 == pytest.approx(6.73, abs=0.02)
    assert int(str(ended.data["ended_ns"])) / 1e9 == pytest.approx(80.09, abs=0.02)
    assert trip.value("moving") == pytest.approx(67.7, abs=0.3)
    assert trip.value("max_speed") == pytest.approx(22.88, abs=0.05)


def test_holes_of_a_recording_are_not_driven_over(shared: Path) -> None:
    """The Type R's recorder lost 48 of 65 s: what is not known is not in the distance, and said."""
    trip = over_log("trip", *place(shared, "type r"))
    assert 20 < float(trip.value("distance") or 0) * 1000 < 30
    assert float(trip.value("missed") or 0) > 25
    assert "no speed for" in str(trip.value("note"))


@pytest.mark.parametrize("name", [name for name in LOGS if name not in {"rollers", "no engine", "type r"}])
def test_no_alarm_on_a_healthy_recording(shared: Path, name: str) -> None:
    """Eleven recordings of cars that are well: not one warning of any of the four apps that warn."""
    told = [
        (app, event.name, event.data)
        for app in ("health", "driving-events", "battery-care", "range")
        if app in {"health", "driving-events"} or LOGS[name][0].startswith(("nissan", "mitsubishi/i", "mitsubishi/o"))
        for event in over_log(app, *place(shared, name)).events
    ]
    assert told == []


@pytest.mark.parametrize(
    ("name", "checks", "named"),
    [
        ("rollers", ["one axle"], "on rollers"),
        ("no engine", ["no speed"], "never did"),
        ("type r", ["signals lost"], "no longer come"),
    ],
)
def test_what_is_wrong_in_a_recording_is_said(shared: Path, name: str, checks: list[str], named: str) -> None:
    """Front wheels on rollers, an engine computer that is unplugged, a recorder with holes: each one warning."""
    told = [event for event in over_log("health", *place(shared, name)).events if event.name == "warning"]
    assert [event.data["check"] for event in told] == checks
    assert named in str(told[0].data["reason"])


def test_a_car_on_rollers_is_not_judged_by_its_speed(shared: Path) -> None:
    """125 km/h within seconds while the rear wheels stand is no harsh driving."""
    events = over_log("driving-events", *place(shared, "rollers"))
    assert not events.events
    assert "rollers" in str(events.value("note"))


def test_battery_care_sees_what_the_recordings_say(shared: Path) -> None:
    """88 cells of the i-MiEV within 20 mV and 3 K; the Outlander's within 10 mV, while it is driven."""
    imiev = over_log("battery-care", *place(shared, "fan"))
    assert imiev.value("spread") == pytest.approx(0.02, abs=0.001)
    assert (imiev.value("hottest"), imiev.value("coldest")) == (25.0, 22.0)
    assert imiev.value("charge") == 96.5
    phev = over_log("battery-care", *place(shared, "phev"))
    assert 0 <= float(phev.value("spread") or 0) < 0.01
    assert abs(float(phev.value("resistance_spread") or 9)) < 0.5


def test_range_agrees_with_what_the_cars_say_themselves(shared: Path) -> None:
    """Before much is driven, the range is the car's own, which begins the estimate."""
    for name in ("circle", "fan"):
        found = over_log("range", *place(shared, name))
        assert found.value("range") == pytest.approx(float(found.value("own") or 0), rel=0.05)
        assert not found.published, "the car gives its range itself"


def test_range_is_provided_where_the_car_has_none(shared: Path) -> None:
    """The Outlander tells no range; with a capacity that its owner states, it gets one."""
    found = over_log("range", *place(shared, "wheel"), capacity=13.8)
    assert found.published
    _t_ns, path, metres = found.published[-1]
    assert path == "Vehicle.Powertrain.Range"
    assert metres == pytest.approx(0.6 * 13.8 / 0.17 * 1000, rel=0.1)
    assert "nobody knows" in str(over_log("range", *place(shared, "wheel")).value("note"))
