"""The cycle of a car: requests in, frames out, and the way it ends when something fails."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as HypothesisPhase
from hypothesis import strategies as st

from commonwheel.control import CarControl, Phase, Request, standard
from commonwheel.control.standard import ACCELERATION, ANGLE, CURVATURE, SPEED
from commonwheel.guard import State, Transition, Verdict, Without
from commonwheel.guard.frames import Layout
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.samples import Quality
from commonwheel.wire.frames import Frames
from tests.control.cars import MOTION, Bench

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.control import Cycle

_NIDEC = "honda/civic_touring_2016"
_SPEED = "Vehicle.Speed"


def _frames(cycles: list[Cycle]) -> Frames:
    return Frames.build(
        [(cycle.t_ns, frame.bus, frame.can_id, frame.payload) for cycle in cycles for frame in cycle.frames]
    )


@pytest.mark.parametrize("name", MOTION)
def test_nothing_leaves_before_it_is_armed(name: str) -> None:
    bench = Bench(name)
    cycles = bench.cycles(50, {ACCELERATION: 1.0, CURVATURE: 0.002})
    assert not [frame for cycle in cycles for frame in cycle.frames]
    assert all(math.isnan(each.sent) for each in bench.control.acting.values())
    assert bench.control.acting[ACCELERATION].source == "app"
    assert bench.control.acting[ACCELERATION].asked == 1.0


@pytest.mark.parametrize("name", MOTION)
def test_armed_alone_sends_neutral_frames_that_the_car_reads_as_intact(name: str) -> None:
    bench = Bench(name)
    bench.rig.consent(given=False)
    bench.cycles(20)
    bench.control.arm(bench.t_ns, "test")
    cycles = bench.cycles(100, {ACCELERATION: 1.0, ANGLE: 5.0})
    frames = _frames(cycles)
    assert len(frames) >= 100
    decoder = VehicleDecoder(
        bench.control.vehicle, buses={i: bus.name for i, bus in enumerate(bench.control.vehicle.buses)}
    )
    samples = decoder.decode(frames)
    assert not (samples.quality == Quality.CORRUPT).any()
    assert not bench.guard.acts("longitudinal")


@pytest.mark.parametrize("name", MOTION)
def test_what_is_asked_allowed_and_sent_stand_side_by_side(name: str) -> None:
    bench = Bench(name)
    bench.engage({ACCELERATION: 0.5, ANGLE: 2.0})
    bench.cycles(150, {ACCELERATION: 0.5, ANGLE: 2.0})
    acting = bench.control.acting
    for path, value in ((ACCELERATION, 0.5), (ANGLE, 2.0)):
        each = acting[path]
        assert (each.source, each.asked) == ("app", value)
        assert each.allowed == pytest.approx(value)
        assert each.sent == pytest.approx(value, abs=0.65)  # a step of a set speed is as much as 0.56 m/s^2
    assert acting[SPEED].source == ""
    assert math.isnan(acting[SPEED].asked)
    assert acting[ANGLE].measured == 0.0


@pytest.mark.parametrize("name", MOTION)
def test_engaged_in_a_bend_by_a_curvature_it_steers_on_from_where_the_wheel_is(name: str) -> None:
    """It does not turn the wheel straight first, which a limit of its own with a neutral of none would make it do."""
    bench = Bench(name, 40.0)
    bench.values["Vehicle.Chassis.SteeringWheel.Angle"] = 30.0
    bend = bench.control.control.envelope.geometry
    assert not isinstance(bend, Without)
    curvature = standard.Steering(bend).curvature(30.0, 40.0 / 3.6)
    bench.engage({CURVATURE: curvature})
    allowed = [bench.control.acting[CURVATURE].allowed]
    for _ in range(20):
        bench.cycle({CURVATURE: curvature})
        allowed.append(bench.control.acting[CURVATURE].allowed)
    assert allowed == pytest.approx([curvature] * 21, rel=0.01)


def test_where_only_the_command_is_limited_what_is_allowed_is_what_it_says() -> None:
    bench = Bench("nissan/leaf_ze1", 90.0)
    control = bench.control.control
    adapters = [
        replace(each, serves=dict.fromkeys(each.serves, "")) if each.axis == "lateral" else each
        for each in control.adapters
    ]
    bench.control = CarControl(bench.control.vehicle, replace(control, adapters=tuple(adapters)))
    bench.engage({ANGLE: 300.0})
    bench.cycles(3, {ANGLE: 300.0})
    acting = bench.control.acting[ANGLE]
    assert acting.asked == 300.0
    assert 0.0 < acting.allowed < 2.0
    assert acting.allowed == acting.sent
    bench.cycles(20, {ANGLE: 0.0})
    assert bench.control.acting[ANGLE].allowed == pytest.approx(0.0, abs=0.5)


def test_the_life_of_a_request_that_is_met() -> None:
    bench = Bench(_NIDEC)
    bench.values["Vehicle.Chassis.SteeringWheel.Angle"] = 1.0
    bench.engage({ANGLE: 1.0})
    bench.cycles(5, {ANGLE: 1.0})
    bench.phases()
    bench.cycles(5, {ANGLE: 5.0})
    found = list(dict.fromkeys(bench.phases()))
    assert found == [Phase.REQUESTED, Phase.ARBITRATED, Phase.LIMITED, Phase.SENT, Phase.ENDED]  # and renewed
    bench.values["Vehicle.Chassis.SteeringWheel.Angle"] = 5.0
    bench.cycles(40, {ANGLE: 5.0})
    assert bench.phases()[-1] is Phase.CONFIRMED


def test_a_request_is_not_met_while_the_guard_still_leads_towards_it() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ANGLE: 0.0})
    bench.phases()
    bench.cycles(3, {ANGLE: 30.0})  # what is allowed so far is within the tolerance of where the wheel is
    assert abs(bench.control.acting[ANGLE].allowed) < 2.0
    assert Phase.CONFIRMED not in bench.phases()


def test_a_request_that_the_car_does_not_follow_times_out() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ANGLE: 8.0})
    for _ in range(150):
        bench.cycle({ANGLE: 8.0})
    assert Phase.TIMED_OUT in bench.phases()


def test_a_request_that_falls_silent_ends_and_the_car_is_released() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ACCELERATION: 0.5})
    bench.phases()
    cycles = bench.cycles(60)
    assert bench.phases()[-1] is Phase.ENDED
    (released,) = [each for cycle in cycles for each in cycle.said if isinstance(each, Transition)]
    assert (released.before, released.after) == (State.ENGAGED, State.ARMED)
    assert "no valid request" in released.cause


@pytest.mark.parametrize(
    ("name", "quantity", "switch"),
    [(_NIDEC, "ComputerBrake", "ComputerBrakeRequest"), ("honda/civic_gen10_bosch", "AccelCommand", "BrakeRequest")],
)
def test_brakes_are_asked_for_until_they_are_let_go(name: str, quantity: str, switch: str) -> None:
    """A brake whose request went before its pressure would be let go at once, and not on a ramp."""
    bench = Bench(name)
    bench.engage({ACCELERATION: -2.0})
    bench.cycles(200, {ACCELERATION: -2.0})
    bench.control.disarm(bench.t_ns, "test")
    rule = next(
        each for each in bench.control.control.envelope.frames if any(one.name == switch for one in each.fields)
    )
    layouts = {one.name: Layout(one, rule.size) for one in rule.fields}
    frames = [each for cycle in bench.cycles(250) for each in cycle.frames if each.can_id == rule.can_id]
    shown = [(layouts[quantity].raw(each.payload), layouts[switch].raw(each.payload)) for each in frames]
    assert shown[0][0] != 0
    assert all(on for value, on in shown if value)
    assert shown[-1] == (0, 0)


def test_a_release_ends_the_request() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ACCELERATION: 0.5})
    bench.phases()
    bench.control.disarm(bench.t_ns, "test")
    bench.cycles(2, {})
    assert bench.phases() == [Phase.ENDED]
    assert [each.why for cycle in bench.heard for each in cycle.progress] == []


def test_a_limit_is_told_with_its_rule() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ACCELERATION: 0.0})
    bench.cycles(5, {ACCELERATION: 9.0})
    limited = [each for cycle in bench.heard for each in cycle.progress if each.phase is Phase.LIMITED]
    assert "rather than 9, by its" in limited[-1].why
    assert 0.0 < limited[-1].value < 1.0


def test_of_two_apps_the_one_that_asks_for_less_drives() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ACCELERATION: 0.5})
    for _ in range(50):
        bench.control.request(Request(SPEED, 40.0, "limiter", bench.t_ns, 200_000_000))
        bench.cycle({ACCELERATION: 0.5})
    acting = bench.control.acting
    assert acting[SPEED].source == "limiter"
    assert acting[ACCELERATION].source == ""
    assert acting[SPEED].sent < 60.0
    assert Phase.OUTVOTED in bench.phases()


def test_a_source_that_withdraws_gives_way_at_once() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ACCELERATION: 0.5})
    bench.control.request(Request(ACCELERATION, -1.0, "brake", bench.t_ns, 10**9, 1))
    bench.cycle({ACCELERATION: 0.5})
    assert bench.control.acting[ACCELERATION].source == "brake"
    bench.control.withdraw("brake")
    bench.cycle({ACCELERATION: 0.5})
    assert bench.control.acting[ACCELERATION].source == "app"


@pytest.mark.parametrize("name", MOTION)
def test_steering_is_taken_over_where_the_wheel_is(name: str) -> None:
    bench = Bench(name)
    bench.values["Vehicle.Chassis.SteeringWheel.Angle"] = 9.0
    bench.engage({ANGLE: 9.0})
    first = bench.control.acting[ANGLE]
    assert first.allowed == pytest.approx(9.0)
    assert first.sent == pytest.approx(9.0, abs=4.0)  # torque takes its time to build up; an angle is there at once


# ---------------------------------------------------------------------------------------------------- what fails


class _BrokenError(Exception):
    """What a test lets fail."""


def _fail(*_: object, **__: object) -> None:
    message = "on purpose"
    raise _BrokenError(message)


def _spoil_arbiter(bench: Bench) -> tuple[object, str]:
    return bench.control._arbiter, "tick"  # pyright: ignore[reportPrivateUsage]


def _spoil_controller(bench: Bench) -> tuple[object, str]:
    return bench.control._by_path[ACCELERATION].controller, "command"  # pyright: ignore[reportPrivateUsage]


def _spoil_reading_back(bench: Bench) -> tuple[object, str]:
    return bench.control._by_path[ANGLE].controller, "sent"  # pyright: ignore[reportPrivateUsage]


def _spoil_measured(bench: Bench) -> tuple[object, str]:
    return bench.control._measured, "take"  # pyright: ignore[reportPrivateUsage]


def _spoil_follower(bench: Bench) -> tuple[object, str]:
    followers = bench.control._followers  # pyright: ignore[reportPrivateUsage]
    return followers[bench.control.control.served[ACCELERATION].name], "follow"


def _spoil_drain(bench: Bench) -> tuple[object, str]:
    return bench.control._arbiter, "drain"  # pyright: ignore[reportPrivateUsage]


_SPOILS = [_spoil_arbiter, _spoil_controller, _spoil_reading_back, _spoil_measured, _spoil_follower, _spoil_drain]


@pytest.mark.parametrize(
    ("name", "frames", "for_good"), [(_NIDEC, 80, True), ("nissan/leaf_ze1", 50, False)], ids=["for good", "twice"]
)
@pytest.mark.parametrize("spoil", _SPOILS)
def test_whatever_fails_faults_the_guard_and_the_release_comes_out(
    spoil: Callable[[Bench], tuple[object, str]],
    name: str,
    frames: int,
    for_good: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wishes = {ACCELERATION: 0.5, ANGLE: 2.0}
    bench = Bench(name)
    bench.engage(wishes)
    bench.cycles(10, wishes)
    where, what = spoil(bench)
    monkeypatch.setattr(where, what, _fail)
    cycles = bench.cycles(2, wishes)
    if not for_good:
        monkeypatch.undo()
    cycles += bench.cycles(208, wishes)
    assert [bench.guard.state(axis) for axis in bench.axes] == [State.FAULTED, State.FAULTED]
    assert not any(bench.guard.acts(axis) for axis in bench.axes)
    assert len(_frames(bench.cycles(50, wishes))) == frames  # neutral ones, at their periods
    assert "on purpose" in caplog.text
    if not (spoil is _spoil_drain and for_good):  # what cannot be told is not
        faults = [each for cycle in cycles for each in cycle.said if isinstance(each, Transition)]
        assert "on purpose" in faults[0].cause


def test_a_guard_that_fails_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(_NIDEC)
    bench.engage({ACCELERATION: 0.5})
    monkeypatch.setattr(bench.guard, "tick", _fail)
    monkeypatch.setattr(bench.guard, "fail", _fail)
    assert not _frames(bench.cycles(5, {ACCELERATION: 0.5}))
    monkeypatch.undo()
    bench.cycles(3, {ACCELERATION: 0.5})
    assert bench.guard.state("longitudinal") is State.FAULTED


def test_frames_of_a_controller_that_is_to_be_blocked_are_a_fault() -> None:
    bench = Bench(_NIDEC)
    bench.engage({ACCELERATION: 0.5})
    for _ in range(20):
        bench.control.hear(Frames.build([(bench.t_ns, 0, 0x1FA, bytes(8))]))
        bench.cycle({ACCELERATION: 0.5})
    assert bench.guard.state("longitudinal") is State.FAULTED


# ------------------------------------------------------------------------------------------------ anything at all


class _Step(NamedTuple):
    """What happens next."""

    path: str
    value: float
    source: str
    priority: int
    offset_ns: int
    valid_ns: int
    speed: float
    armed: bool
    quality: Quality


_STEPS = st.lists(
    st.builds(
        _Step,
        path=st.sampled_from([ACCELERATION, SPEED, ANGLE, CURVATURE, "Vehicle.Wings"]),
        value=st.one_of(st.floats(-10, 10), st.floats(), st.sampled_from([1e300, -1e300, 0.0])),
        source=st.sampled_from("ab"),
        priority=st.integers(-1, 1),
        offset_ns=st.integers(-(10**9), 10**9),
        valid_ns=st.integers(0, 10**9),
        speed=st.floats(0, 160),
        armed=st.booleans(),
        quality=st.sampled_from(list(Quality)),
    ),
    max_size=15,
)


@pytest.mark.parametrize("name", MOTION)
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], phases=[HypothesisPhase.generate])
@given(_STEPS)
def test_whatever_is_asked_the_guard_refuses_no_frame(name: str, steps: list[_Step]) -> None:
    bench = Bench(name)
    bench.engage({ACCELERATION: 0.2, ANGLE: 0.0})
    for step in steps:
        bench.values[_SPEED] = step.speed
        bench.control.take(bench.samples(step.quality))
        t_ns = bench.t_ns + step.offset_ns
        bench.control.request(Request(step.path, step.value, step.source, t_ns, step.valid_ns, step.priority))
        if not step.armed:
            bench.control.disarm(bench.t_ns, "test")
            bench.control.arm(bench.t_ns, "test")
        for cycle in bench.cycles(4, {ACCELERATION: 0.2}):
            for said in cycle.said:
                if isinstance(said, Verdict) and "/" in said.subject:
                    assert said.passed, said
                assert not isinstance(said, Transition) or "Error" not in said.cause, said
