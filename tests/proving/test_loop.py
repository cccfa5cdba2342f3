"""The closed loop on a real car's description: it acts, it is deterministic, and whatever is done to it ends gently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commonwheel.errors import CommonwheelError
from commonwheel.guard import Rule, State, Transition
from commonwheel.proving.forked import CAN_FORK, forked
from commonwheel.proving.intervention import Intervention, Kind
from commonwheel.proving.loop import Loop
from commonwheel.proving.measures import measure
from commonwheel.proving.release import release
from commonwheel.proving.run import STATES, Run
from tests.proving.drives import LEAF, car, loop

ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
CURVATURE = "Vehicle.MotionManagement.CurvatureTarget"
FAULT_S = 4.0
pytestmark = pytest.mark.skipif(not CAN_FORK, reason="drives are copied with their process, which this system cannot")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The drive with nothing done to it."""
    return loop(tmp_path_factory.mktemp("sound")).run()


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """The same drive up to where things go wrong."""
    found = loop(tmp_path_factory.mktemp("drive"))
    found.until(FAULT_S)
    return found


def spoilt(drive: Loop, *what: Intervention, for_s: float = 1.5) -> Run:
    """Go on with the drive, in a copy of it."""

    def go_on() -> Run:
        for one in what:
            drive.intervene(one)
        drive.until(FAULT_S + for_s)
        return drive.result()

    return forked(go_on)


def fault(kind: Kind, of: str = "", amount: float = 0.0) -> Intervention:
    return Intervention(kind, of, FAULT_S, amount=amount)


def released(run: Run, axis: str = "lateral") -> tuple[float, float, str]:
    """Return when the axis let go and how long that took; it has to be in time."""
    found = release(run, car()[1].envelope, axis, FAULT_S)
    assert found.noticed
    assert found.in_time, found
    return found.noticed_s, found.released_s, found.rule


def test_both_axes_are_engaged_and_act(sound: Run) -> None:
    assert not sound.failures
    for axis in ("longitudinal", "lateral"):
        assert sound.engaged(axis).mean() > 0.75
    assert {STATES[code] for code in sound.states["lateral"].tolist()} == {State.OFF, State.ARMED, State.ENGAGED}
    assert measure(sound)["gap_least"] > 30.0
    steering = sound.acting[CURVATURE]
    assert np.nanmax(steering.sent) == pytest.approx(1 / 600, rel=0.25)
    assert np.abs(sound["offset_m"]).max() < 0.4


def test_everything_that_is_said_and_sent_is_kept(sound: Run) -> None:
    assert [said.after for said in sound.said if isinstance(said, Transition) and said.axis == "lateral"] == [
        State.ARMED, State.ENGAGED,
    ]  # fmt: skip
    rules = {(rule.bus, rule.can_id) for rule in car()[1].envelope.frames}
    assert set(zip(sound.emitted.bus.tolist(), sound.emitted.id.tolist(), strict=True)) <= rules
    assert (np.diff(sound.emitted.t_ns) >= 0).all()
    assert len(sound.received) > 7_000
    assert len(sound.t_s) == 700
    assert all(len(column) == 700 for column in sound.truth.values())


def test_the_same_setup_leads_to_the_same_frames(drive: Loop, sound: Run) -> None:
    early = sound.emitted[sound.emitted.t_ns <= FAULT_S * 1e9]
    run = drive.result()
    assert np.array_equal(run.emitted.data, early.data)
    assert np.array_equal(run.emitted.t_ns, early.t_ns)


def test_a_lost_input_releases_what_relies_on_it(drive: Loop) -> None:
    run = spoilt(drive, fault(Kind.LOST, "Vehicle.Chassis.SteeringWheel.Angle"), for_s=2.0)
    noticed, _, rule = released(run)
    assert noticed <= 0.2
    assert rule == Rule.INPUT_QUALITY.value
    assert run.states["longitudinal"][-1] == STATES.index(State.ENGAGED), "it does not rely on the steering"


def test_apps_that_are_killed_or_hang_are_released(drive: Loop) -> None:
    killed = released(spoilt(drive, fault(Kind.KILLED), for_s=2.0))
    hung = released(spoilt(drive, fault(Kind.HUNG), for_s=2.5))
    assert killed[0] < hung[0] <= 0.7
    assert killed[2] == hung[2] == Rule.REQUEST_TIMEOUT.value


@pytest.mark.parametrize(
    ("kind", "amount", "rule"),
    [
        (Kind.LATE, 0.3, Rule.LATE_LOOP),
        (Kind.CLOCK_STEP, 5.0, Rule.CLOCK_STEP),
        (Kind.EXCEPTION, 0.0, Rule.EXCEPTION),
    ],
)
def test_a_platform_that_fails_releases_both_axes(drive: Loop, kind: Kind, amount: float, rule: Rule) -> None:
    run = spoilt(drive, fault(kind, amount=amount), for_s=2.5)
    for axis in ("longitudinal", "lateral"):
        noticed, _, why = released(run, axis)
        assert noticed <= amount * (kind is Kind.LATE) + 0.02
        assert why == rule.value


@pytest.mark.slow
def test_a_flood_and_a_rival_do_not_move_the_car_beyond_its_limits(drive: Loop) -> None:
    run = spoilt(drive, fault(Kind.FLOOD, ANGLE, 20), fault(Kind.RIVAL, ACCELERATION, 1.5))
    assert run.engaged("lateral")[-1]
    assert run.engaged("longitudinal")[-1]
    figures = measure(run)
    assert figures["lateral_jerk_most"] < 5.0
    assert figures["jerk_share"] < 100.0
    assert np.nanmax(run.acting[ACCELERATION].sent[410:]) < 1.0, "the lower of two accelerations wins"


def test_what_is_asked_of_a_copy_does_not_change_the_drive(drive: Loop, sound: Run) -> None:
    spoilt(drive, fault(Kind.LOST, "fcan"), for_s=0.2)
    assert drive.t_ns == FAULT_S * 1e9
    run = spoilt(drive, for_s=1.0)
    until = sound.emitted[sound.emitted.t_ns <= (FAULT_S + 1.0) * 1e9]
    assert np.array_equal(run.emitted.data, until.data), "and it goes on as one that was never copied"


def test_a_copy_that_raises_says_what() -> None:
    with pytest.raises(CommonwheelError, match="ZeroDivisionError"):
        forked(lambda: 1 // 0)


@pytest.mark.slow
def test_the_same_apps_drive_a_car_that_steers_by_angle_and_drives_by_buttons(tmp_path: Path) -> None:
    leaf = loop(tmp_path, name=LEAF)
    leaf.until(6.0)
    run = leaf.result()
    assert not run.failures
    assert run.engaged("longitudinal")[-1]
    assert run.engaged("lateral")[-1]
    assert np.abs(run["offset_m"]).max() < 0.4
