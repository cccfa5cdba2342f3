"""Decoded samples become panels: the right times, names and groups."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.report.samples import Timeline, by_path, labels_of, panels_of, series_of, unfold
from commonwheel.vehicles import Samples
from commonwheel.vehicles.model import SignalInfo
from commonwheel.wire.frames import Clock

SECOND = 10**9


def _info(path: str, **more: object) -> SignalInfo:
    given = {"unit": "V", "datatype": "float", "how": "from", **more}
    return SignalInfo(path=path, kind="sensor", sources=("a/B.C",), evidence="assumed (test)", **given)  # pyright: ignore[reportArgumentType]


def _samples(
    t_s: list[float], signal: list[int], table: tuple[SignalInfo, ...], clock: Clock = Clock.RELATIVE
) -> Samples:
    t_ns = np.array([round(t * SECOND) for t in t_s], np.int64)
    n = len(t_ns)
    return Samples(
        t_ns, np.array(signal, np.int32), np.arange(n, dtype=np.float64), np.zeros(n, np.uint8), table, clock
    )


SPEED = _info("Vehicle.Speed", unit="km/h")
BRAKE = _info("Vehicle.Chassis.Brake.IsPressed", datatype="boolean")
VIN = _info("Vehicle.VehicleIdentification.VIN", datatype="string", how="text")


def test_signals_are_parted_in_the_order_of_time_without_texts() -> None:
    parts = by_path(_samples([0, 2, 1, 3, 4], [1, 0, 0, 2, 1], (SPEED, BRAKE, VIN)))
    assert list(parts) == [SPEED.path, BRAKE.path]
    assert parts[SPEED.path].t_ns.tolist() == [SECOND, 2 * SECOND]
    assert parts[SPEED.path].value.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("info", "labels"),
    [
        (SPEED, None),
        (BRAKE, {0: "false", 1: "true"}),
        (_info("Vehicle.X", datatype="string", labels=("OFF", "ON")), {0: "OFF", 1: "ON"}),
    ],
)
def test_states_have_names_and_numbers_none(info: SignalInfo, labels: dict[int, str] | None) -> None:
    assert labels_of(info) == labels


def test_gears_are_named_as_the_standard_explains_them() -> None:
    labels = labels_of(_info("Vehicle.Powertrain.Transmission.SelectedGear", datatype="int8"))
    assert labels is not None
    assert (labels[126], labels[-1], labels[0], labels[127], labels[3]) == (
        "park",
        "reverse",
        "neutral",
        "drive",
        "gear 3",
    )


def test_times_count_from_the_log_s_first_frame() -> None:
    timeline = Timeline.of(_samples([12, 14], [0, 0], (SPEED,)), 10 * SECOND)
    assert (timeline.axis.first, timeline.axis.last) == (2.0, 4.0)
    assert timeline.at(np.array([13 * SECOND])).tolist() == [3.0]


def test_wall_clock_time_is_named() -> None:
    start = 1_767_254_400
    timeline = Timeline.of(_samples([start, start + 1], [0, 0], (SPEED,), Clock.UTC), start * SECOND)
    assert timeline.axis.caption == "time since 2026-01-01 08:00:00 UTC"


def test_order_is_counted_by_places() -> None:
    samples = _samples([0, 5, 5, 10], [0, 0, 1, 0], (SPEED, BRAKE), Clock.ORDER)
    timeline = Timeline.of(samples, 0)
    assert not timeline.axis.timed
    assert series_of(by_path(samples)[SPEED.path], timeline).t.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("clock", list(Clock))
def test_nothing_has_an_axis_all_the_same(clock: Clock) -> None:
    axis = Timeline.of(_samples([], [], (SPEED,), clock), 0).axis
    assert axis.last > axis.first


def test_a_clock_that_jumps_back_goes_on() -> None:
    samples, jumps = unfold(_samples([100, 101, 5, 6, 2], [0] * 5, (SPEED,)))
    assert jumps == 2
    assert (samples.t_ns // SECOND).tolist() == [100, 101, 101, 102, 102]


def test_small_steps_back_and_mere_order_stay_as_they_are() -> None:
    small = _samples([1.0, 0.97, 1.1], [0] * 3, (SPEED,))
    ordered = _samples([9, 1], [0, 0], (SPEED,), Clock.ORDER)
    assert unfold(small) == (small, 0)
    assert unfold(ordered) == (ordered, 0)


def test_instances_of_one_signal_share_a_panel_from_three_on() -> None:
    cells = tuple(_info(f"Vehicle.Cell{i}.Voltage") for i in (1, 2, 3))
    wheels = tuple(_info(f"Vehicle.Row{i}.Speed") for i in (1, 2))
    samples = _samples([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], (*cells[:2], *wheels, cells[2]))
    parts = by_path(samples)
    panels = panels_of(parts, parts, Timeline.of(samples, 0))
    assert [panel.title for panel in panels] == ["Cell#.Voltage (3 of them)", "Row1.Speed", "Row2.Speed"]
    assert [series.name for series in panels[0].series] == ["1", "2", "3"]


def test_states_never_share_a_panel() -> None:
    doors = tuple(_info(f"Vehicle.Row{i}.IsOpen", datatype="boolean") for i in (1, 2, 3))
    samples = _samples([0, 1, 2], [0, 1, 2], doors)
    parts = by_path(samples)
    assert len(panels_of(parts, parts, Timeline.of(samples, 0))) == 3
