"""The engine: when an app's functions are called, in which order, with what, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import gc
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps import App, AppError, Event, Output, Setting
from commonwheel.apps.loop import MOST_STEPS
from commonwheel.apps.places import short
from commonwheel.broker.updates import Updates
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.vehicles.samples import Quality
from tests.apps.running import CAPACITY, GEAR, LIGHT, RANGE, SPEED, STATE, VOLTAGE, Run, S


def app_with(**parts: object) -> App:
    parts = {"requires": {SPEED: 0}, **parts}
    return App("tried", "1", "An app of a test.", **parts)  # type: ignore[arg-type]


def seconds_of(pairs: list[tuple[float, object]]) -> list[float]:
    return [seconds for seconds, _ in pairs]


# ---- readings -------------------------------------------------------------------------------------------------------


def test_a_reading_is_typed_and_carries_quality_time_unit_and_path() -> None:
    app = app_with(requires={SPEED: 0, GEAR: 0, LIGHT: 0, STATE: 0})
    seen: list[tuple[object, ...]] = []

    @app.on(SPEED, GEAR, LIGHT, STATE)
    def note(_car: object, reading: object) -> None:
        seen.append(tuple(reading))  # type: ignore[arg-type]

    Run(app).start().feed(
        (1, SPEED, 12.5), (2, GEAR, 127), (3, LIGHT, True), (4, STATE, "ON"), (5, SPEED, 3.0, Quality.STALE)
    )
    assert seen == [
        (12.5, Quality.GOOD, 1 * S, SPEED, "km/h"),
        (127, Quality.GOOD, 2 * S, GEAR, None),
        (True, Quality.GOOD, 3 * S, LIGHT, None),
        ("ON", Quality.GOOD, 4 * S, STATE, None),
        (3.0, Quality.STALE, 5 * S, SPEED, "km/h"),
    ]


def test_functions_for_one_signal_are_called_in_the_order_of_the_file() -> None:
    app = app_with()
    order: list[str] = []
    for name in "abc":
        app.on(SPEED)(lambda _car, _reading, name=name: order.append(name))
    Run(app).start().feed((1, SPEED, 1.0), (2, SPEED, 2.0))
    assert "".join(order) == "abcabc"


def test_a_pattern_selects_among_the_declared_signals_only() -> None:
    app = app_with(requires={SPEED: 0, VOLTAGE: 0})
    seen: list[str] = []
    app.on("Vehicle.**")(lambda _car, reading: seen.append(reading.path))
    Run(app).start().feed((1, SPEED, 1.0), (1, VOLTAGE, 380.0))
    assert seen == [SPEED, VOLTAGE]


def test_values_are_current_before_any_function_sees_a_reading_of_the_same_instant() -> None:
    app = app_with(requires={SPEED: 0, VOLTAGE: 0})
    seen: list[object] = []
    app.on(SPEED)(lambda car, reading: seen.append((reading.value, car.value(VOLTAGE))))
    Run(app).start().feed((1, VOLTAGE, 380.0), (1, SPEED, 5.0), (2, VOLTAGE, 390.0), (2, SPEED, 6.0))
    assert seen == [(5.0, 380.0), (6.0, 390.0)]


def test_what_is_not_good_has_the_default_as_its_value_and_is_read_with_its_quality() -> None:
    app = app_with()
    run = Run(app).start()
    assert run.engine.car.value(SPEED) is None
    assert run.engine.car.read(SPEED).quality is Quality.MISSING
    run.feed((1, SPEED, 50.0, Quality.CORRUPT))
    assert run.engine.car.value(SPEED, -1) == -1
    assert run.engine.car.read(SPEED).quality is Quality.CORRUPT
    run.feed((2, SPEED, 50.0))
    assert run.engine.car.value(SPEED, -1) == 50.0


# ---- rates ----------------------------------------------------------------------------------------------------------


def count_at(rate: float, times: list[float]) -> list[float]:
    app = app_with(requires={SPEED: rate})
    seen: list[float] = []
    app.on(SPEED)(lambda _car, reading: seen.append(reading.t_ns / S))
    Run(app).start().feed(*((t, SPEED, t) for t in times))
    return seen


def test_a_rate_of_nought_tells_every_update() -> None:
    assert count_at(0, [0.1, 0.1001, 0.1002]) == [0.1, 0.1001, 0.1002]


def test_a_sender_that_is_faster_is_thinned_to_the_rate() -> None:
    assert count_at(10, [i / 100 for i in range(1, 101)]) == pytest.approx([0.01, *(0.09 + i / 10 for i in range(10))])


def test_a_sender_that_jitters_around_the_rate_loses_next_to_nothing() -> None:
    times = [i / 10 + (0.004 if i % 2 else -0.004) for i in range(1, 101)]
    assert len(count_at(10, times)) == 100


@given(st.lists(st.floats(0.0001, 1.0), min_size=1, max_size=60), st.floats(0.5, 100.0))
def test_no_window_of_time_has_more_updates_than_the_rate_allows(gaps: list[float], rate: float) -> None:
    """One that comes late and one that comes early may be close; no more than that."""
    times = list(itertools.accumulate(gaps))
    seen = count_at(rate, times)
    assert seen[0] == pytest.approx(times[0])
    for i, j in itertools.combinations(range(len(seen)), 2):
        assert j - i <= (seen[j] - seen[i]) * rate + 1.25 + 1e-6


def test_a_change_of_quality_is_always_told() -> None:
    app = app_with(requires={SPEED: 1})
    seen: list[Quality] = []
    app.on(SPEED)(lambda _car, reading: seen.append(reading.quality))
    Run(app).start().feed((1, SPEED, 1.0), (1.01, SPEED, 1.0, Quality.STALE), (1.02, SPEED, 1.0), (1.03, SPEED, 1.0))
    assert seen == [Quality.GOOD, Quality.STALE, Quality.GOOD]


# ---- time -----------------------------------------------------------------------------------------------------------


def test_a_period_is_kept_to_the_nanosecond_and_its_time_is_the_apps_time() -> None:
    app = app_with()
    ticks: list[int] = []
    app.every(0.1)(lambda car: ticks.append(car.now_ns))
    Run(app).start(at=5).to(505).to(1005)
    assert ticks == [5 * S + i * S // 10 for i in range(1, 10_001)]


def test_at_one_instant_samples_come_before_what_is_due() -> None:
    app = app_with()
    order: list[object] = []
    app.on(SPEED)(lambda _car, reading: order.append(reading.value))
    app.every(1.0)(lambda _car: order.append("tick"))
    Run(app).start().each(
        (0.5, SPEED, 1.0), (1.0, SPEED, 2.0), (1.0, SPEED, 3.0), (1.1, SPEED, 4.0), (2.0, SPEED, 5.0)
    ).to(2)
    assert order == [1.0, 2.0, 3.0, "tick", 4.0, 5.0, "tick"]


@given(st.lists(st.tuples(st.floats(0, 0.7), st.sampled_from([SPEED, VOLTAGE])), max_size=25), st.data())
def test_what_is_called_does_not_depend_on_how_samples_are_cut_into_batches(
    gaps: list[tuple[float, str]], data: st.DataObject
) -> None:
    rows = [
        (t, path, float(i))
        for i, (t, path) in enumerate(
            zip(itertools.accumulate(gap for gap, _ in gaps), (path for _, path in gaps), strict=True)
        )
    ]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    whole, parts = _Trace(), _Trace()
    whole.run.feed(*rows) if rows else None
    for start, end in itertools.pairwise([0, *cuts, len(rows)]):
        if start < end:
            parts.run.feed(*rows[start:end])
    whole.run.engine.stop()
    parts.run.engine.stop()
    assert whole.calls == parts.calls
    assert not whole.run.errors


class _Trace:
    """An app that uses everything, and notes each call."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        app = app_with(requires={SPEED: 4, VOLTAGE: 0}, keeps={SPEED: 1.0})
        note = self.calls.append
        app.start(lambda car: note(("start", car.now_ns)))
        app.stop(lambda car: note(("stop", car.now_ns)))
        app.every(0.5)(lambda car: note(("tick", car.now_ns, car.value(SPEED), len(car.history(SPEED, 1.0)))))
        app.when(VOLTAGE, test=lambda v: v % 3 == 0, lasts=0.3)(lambda car, v: note(("when", car.now_ns, v)))

        @app.on(SPEED)
        def later(car, reading) -> None:  # noqa: ANN001
            note(("on", car.now_ns, reading.value))
            car.after(0.25, lambda car: note(("after", car.now_ns)))

        @app.on(VOLTAGE)
        async def waits(car, reading) -> None:  # noqa: ANN001
            note(("async", car.now_ns, reading.value))
            await asyncio.sleep(0.4)
            note(("woke", car.now_ns, car.value(VOLTAGE)))

        self.run = Run(app).start()


def test_time_that_goes_back_leaves_the_apps_time_where_it_is() -> None:
    app = app_with()
    seen: list[tuple[int, int]] = []
    app.on(SPEED)(lambda car, reading: seen.append((car.now_ns, reading.t_ns)))
    Run(app).start().feed((5, SPEED, 1.0), (3, SPEED, 2.0), (6, SPEED, 3.0))
    assert seen == [(5 * S, 5 * S), (5 * S, 3 * S), (6 * S, 6 * S)]


def test_time_that_jumps_is_not_lived_through() -> None:
    """A wrong time in a recording must not make an app tick through a thousand years."""
    app = app_with()
    ticks: list[float] = []
    woken: list[float] = []
    app.every(1.0)(lambda car: ticks.append(car.elapsed_s))

    @app.start
    async def wakes(car) -> None:  # noqa: ANN001
        while True:
            await car.sleep(1.0)
            woken.append(car.elapsed_s)

    jump = 1e9 + 0.5
    run = Run(app).start().each((1.5, SPEED, 1.0), (jump, SPEED, 2.0), (jump + 2.2, SPEED, 3.0))
    run.engine.stop()
    assert ticks == pytest.approx([1.0, jump, 1e9 + 1, 1e9 + 2], rel=1e-12)
    assert woken == pytest.approx([1.0, jump, jump + 1, jump + 2], rel=1e-12)


@pytest.mark.parametrize("jump_s", [600.5, 3599.97, 3600.0, 3600.1])
def test_a_clock_that_is_set_ahead_lets_what_is_due_happen_once(jump_s: float) -> None:
    app = app_with()
    ticks: list[float] = []
    app.every(0.05)(lambda car: ticks.append(car.elapsed_s))
    Run(app).start().each((0.11, SPEED, 1.0), (0.11 + jump_s, SPEED, 2.0))
    assert ticks == pytest.approx([0.05, 0.1, 0.11 + jump_s], abs=1e-6)


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1), st.floats(), st.integers(0, 4), st.sampled_from([SPEED, GEAR, STATE])
        ),
        max_size=20,
    )
)
def test_whatever_samples_come_an_app_is_told_or_not_but_nothing_breaks(
    rows: list[tuple[int, float, int, str]],
) -> None:
    app = app_with(requires={SPEED: 10, GEAR: 0, STATE: 3}, keeps={SPEED: 2.0, GEAR: 5.0})
    app.on("Vehicle.**")(lambda car, _reading: car.history(SPEED))
    app.on_batch("Vehicle.**")(lambda _car, batch: list(batch))
    app.every(60.0)(lambda _car: None)
    app.when(SPEED, GEAR, test=lambda kmh, gear: kmh > gear, lasts=1.0)(lambda _car, *_values: None)
    run = Run(app).start()
    for t_ns, value, quality, path in rows:
        run.engine.feed(Updates.build([(run.table.number(path), t_ns, value, quality, None)]))
    run.engine.stop()
    assert not run.errors


def test_after_is_called_once_with_the_car_unless_it_is_cancelled() -> None:
    app = app_with()
    seen: list[object] = []

    @app.start
    def begin(car) -> None:  # noqa: ANN001
        car.after(1.0, lambda car: seen.append(car.elapsed_s))
        car.after(2.0, lambda _car: seen.append("never")).cancel()

    Run(app).start(at=100).to(110)
    assert seen == [1.0]


def test_what_is_put_off_by_nothing_again_and_again_still_lets_time_pass() -> None:
    app = app_with()
    count = 0

    @app.start
    def again(car) -> None:  # noqa: ANN001
        nonlocal count
        count += 1
        car.after(0, again)

    Run(app).start().to(1)
    assert count == 1001


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_span_that_is_none_is_refused(seconds: float) -> None:
    run = Run(app_with()).start()
    with pytest.raises(AppError, match="0 seconds or more"):
        run.engine.car.after(seconds, lambda _car: None)


def test_who_runs_the_app_is_told_when_something_is_due() -> None:
    app = app_with()
    app.every(2.0)(lambda _car: None)
    run = Run(app).start(at=1)
    assert run.engine.next_due_ns == 3 * S
    assert run.to(3).engine.next_due_ns == 5 * S
    run.engine.stop()
    assert run.engine.next_due_ns is None


# ---- start and stop -------------------------------------------------------------------------------------------------


def test_what_the_car_has_already_can_be_read_at_the_start_and_is_told_then() -> None:
    app = app_with(requires={SPEED: 0}, may_use={CAPACITY: 0})
    order: list[object] = []
    app.start(lambda car: order.append(("start", car.value(CAPACITY), car.value(SPEED))))
    app.on(CAPACITY)(lambda _car, reading: order.append(("on", reading.value)))
    Run(app).start((0, CAPACITY, 24.0), (0, SPEED, None, Quality.MISSING)).feed((1, SPEED, 1.0))
    assert order == [("start", 24.0, None), ("on", 24.0)]


def test_what_is_due_at_the_end_still_happens_and_nothing_after_it() -> None:
    app = app_with()
    order: list[str] = []
    app.every(1.0)(lambda _car: order.append("tick"))
    app.stop(lambda _car: order.append("stop"))
    run = Run(app).start().feed((3, SPEED, 1.0))
    run.engine.stop()
    run.engine.stop()
    run.feed((9, SPEED, 1.0)).to(20)
    assert order == ["tick", "tick", "tick", "stop"]


def test_what_waits_at_the_end_is_cancelled_and_may_clean_up() -> None:
    app = app_with()
    order: list[str] = []

    @app.start
    async def wait(car) -> None:  # noqa: ANN001
        try:
            await car.sleep(100)
        finally:
            order.append("cleaned")

    app.stop(lambda _car: order.append("stop"))
    run = Run(app).start().to(1)
    run.engine.stop()
    assert order == ["stop", "cleaned"]
    assert not run.errors


@pytest.mark.parametrize("stopped", [True, False])
def test_what_waits_still_when_a_run_is_over_is_let_go_in_silence(stopped: bool) -> None:  # noqa: FBT001
    """Else it would be told whenever memory is tidied up, and a second run would not do the same as the first."""
    app = app_with()

    @app.start
    async def wait(car) -> None:  # noqa: ANN001
        try:
            await car.sleep(100)
        except asyncio.CancelledError:
            await car.sleep(5)

    run = Run(app).start().to(1)
    did = run.did
    if stopped:
        run.engine.stop()
    del run
    gc.collect()
    assert did.failures == []


def test_an_async_function_that_is_cancelled_at_the_end_does_not_begin_again_with_what_came_meanwhile() -> None:
    app = app_with()
    seen: list[object] = []

    @app.on(SPEED)
    async def slow(car, reading) -> None:  # noqa: ANN001
        seen.append(reading.value)
        await car.sleep(100)

    run = Run(app).start().feed((1, SPEED, 1.0), (2, SPEED, 2.0))
    run.engine.stop()
    assert seen == [1.0]
    assert not run.errors


# ---- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_is_columns_of_what_the_pattern_selects() -> None:
    app = app_with(requires={SPEED: 0}, may_use={VOLTAGE: 0})
    seen: list[object] = []
    app.on_batch(SPEED)(lambda _car, batch: seen.append((batch.value.tolist(), batch.t_ns.tolist(), batch.paths)))
    Run(app).start().feed((1, SPEED, 1.0), (2, VOLTAGE, 380.0), (3, SPEED, 2.0))
    assert seen == [([1.0, 2.0], [S, 3 * S], [SPEED])]


def test_timers_cut_a_batch_where_they_are_due() -> None:
    app = app_with()
    order: list[object] = []
    app.on_batch(SPEED)(lambda _car, batch: order.append(batch.value.tolist()))
    app.every(1.0)(lambda car: order.append(car.value(SPEED)))
    Run(app).start().feed((0.5, SPEED, 1.0), (0.7, SPEED, 2.0), (1.0, SPEED, 3.0), (1.5, SPEED, 4.0), (2.5, SPEED, 5.0))
    assert order == [[1.0, 2.0, 3.0], 3.0, [4.0], 4.0, [5.0]]


def test_a_signal_in_batches_is_thinned_as_well() -> None:
    app = app_with(requires={SPEED: 10})
    seen: list[float] = []
    app.on_batch(SPEED)(lambda _car, batch: seen.extend(batch.value))
    run = Run(app).start().feed(*((i / 100, SPEED, float(i)) for i in range(1, 101)))
    assert seen == [1.0, *(9.0 + 10 * i for i in range(10))]
    assert run.engine.car.value(SPEED) == 99.0


def test_a_signal_may_be_wanted_in_batches_and_one_by_one() -> None:
    app = app_with()
    order: list[object] = []
    app.on(SPEED)(lambda _car, reading: order.append(reading.value))
    app.on_batch(SPEED)(lambda _car, batch: order.append(len(batch)))
    Run(app).start().feed((1, SPEED, 1.0), (2, SPEED, 2.0))
    assert order == [1.0, 2.0, 2]


# ---- conditions -----------------------------------------------------------------------------------------------------


def condition(rows: list[tuple[object, ...]], lasts: float = 0.0, to: float = 0.0) -> list[tuple[float, float]]:
    app = app_with()
    seen: list[tuple[float, float]] = []
    app.when(SPEED, test=lambda kmh: kmh > 130, lasts=lasts)(lambda car, kmh: seen.append((car.elapsed_s, kmh)))
    Run(app).start().feed(*((row[0], SPEED, *row[1:]) for row in rows)).to(to)  # type: ignore[arg-type]
    return seen


def test_a_condition_is_told_once_when_it_begins_to_hold() -> None:
    assert condition([(1, 120.0), (2, 131.0), (3, 140.0), (4, 120.0), (5, 135.0)]) == [(2, 131.0), (5, 135.0)]


def test_a_condition_that_has_to_last_is_told_when_it_has_with_the_values_of_then() -> None:
    assert condition([(1, 131.0), (2, 132.0), (3.9, 133.0)], lasts=3.0, to=10) == [(4.0, 133.0)]
    assert condition([(1, 131.0), (3, 120.0), (3.5, 131.0)], lasts=3.0, to=6) == []


def test_a_value_that_is_not_good_decides_nothing_but_what_was_to_last_begins_anew() -> None:
    stale = Quality.STALE
    assert condition([(1, 131.0), (2, 131.0, stale), (3, 132.0)]) == [(1, 131.0)]
    assert condition([(1, 131.0), (2, 131.0, stale), (3, 132.0)], lasts=2.0, to=9) == [(5.0, 132.0)]


def test_a_condition_over_several_signals_waits_for_all_of_them() -> None:
    app = app_with(requires={SPEED: 0, LIGHT: 0})
    seen: list[object] = []
    app.when(SPEED, LIGHT, test=lambda kmh, lit: kmh > 0 and not lit)(lambda _car, *values: seen.append(values))
    Run(app).start().feed((1, SPEED, 10.0), (2, LIGHT, False), (3, LIGHT, True), (4, LIGHT, False))
    assert seen == [(10.0, False), (10.0, False)]


def test_a_test_that_raises_is_told_and_decides_nothing() -> None:
    app = app_with()
    app.when(SPEED, test=lambda kmh: 1 / kmh > 0)(lambda _car, _kmh: None)
    run = Run(app).start().feed((1, SPEED, 0.0), (2, SPEED, 1.0))
    assert run.errors == ["ZeroDivisionError: float division by zero"]
    assert run.did.failures[0].handler == "the test of <lambda>"


def test_a_test_that_wants_to_exit_has_failed() -> None:
    app = app_with()
    app.when(SPEED, test=lambda _kmh: exit(3))(lambda _car, _kmh: None)  # noqa: PLR1722
    assert Run(app).start().feed((1, SPEED, 0.0)).errors == ["SystemExit: 3"]


# ---- async ----------------------------------------------------------------------------------------------------------


def test_async_functions_wait_in_the_apps_time() -> None:
    app = app_with()
    seen: list[object] = []

    @app.start
    async def begin(car) -> None:  # noqa: ANN001
        await car.sleep(1.5)
        seen.append(car.elapsed_s)
        await asyncio.sleep(2)
        seen.append(car.elapsed_s)
        one, two = await asyncio.gather(asyncio.sleep(1, "a"), asyncio.sleep(3, "b"))
        seen.append((car.elapsed_s, one, two))
        try:
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append(car.elapsed_s)

    run = Run(app).start(at=1000).to(1020)
    assert seen == [1.5, 3.5, (6.5, "a", "b"), 11.5]
    assert not run.errors


def test_an_async_function_that_waits_is_not_entered_again_and_gets_the_newest_of_each_signal_then() -> None:
    app = app_with(requires={SPEED: 0, VOLTAGE: 0})
    seen: list[object] = []

    @app.on(SPEED, VOLTAGE)
    async def slow(car, reading) -> None:  # noqa: ANN001
        seen.append((car.elapsed_s, reading.value))
        await car.sleep(10)

    rows = [(1, SPEED, 1.0), (2, SPEED, 2.0), (3, VOLTAGE, 300.0), (4, SPEED, 3.0)]
    Run(app).start().feed(*rows).to(100)
    assert seen == [(1.0, 1.0), (11.0, 3.0), (21.0, 300.0)]


def test_an_async_period_that_still_waits_misses_its_turn() -> None:
    app = app_with()
    seen: list[float] = []

    @app.every(1.0)
    async def slow(car) -> None:  # noqa: ANN001
        seen.append(car.elapsed_s)
        await car.sleep(2.5)

    Run(app).start().to(10)
    assert seen == [1.0, 4.0, 7.0, 10.0]


def test_a_coroutine_that_waits_for_next_to_nothing_still_lets_time_pass() -> None:
    app = app_with()
    woken: list[float] = []

    @app.start
    async def again(car) -> None:  # noqa: ANN001
        while True:
            await asyncio.sleep(1e-10)
            woken.append(car.elapsed_s)

    run = Run(app).start().to(0.01)
    run.engine.stop()
    assert woken == pytest.approx([i / 1000 for i in range(1, 11)])


def test_a_coroutine_that_never_lets_time_pass_is_stopped_and_told() -> None:
    app = app_with()

    @app.start
    async def spin(_car: object) -> None:
        for _ in itertools.count():  # what an app must not do
            await asyncio.sleep(0)

    run = Run(app).start().to(1)
    assert len(run.errors) == 1
    assert f"spin went on for {MOST_STEPS} steps" in run.errors[0]
    run.engine.stop()


@pytest.mark.parametrize(
    "call",
    [
        lambda: asyncio.open_connection("localhost", 1),
        lambda: asyncio.to_thread(int),
        lambda: asyncio.create_subprocess_exec("true"),
    ],
)
def test_an_app_has_no_network_threads_or_processes(call: object) -> None:
    app = app_with()

    @app.start
    async def begin(_car: object) -> None:
        await call()  # type: ignore[operator]

    run = Run(app).start()
    run.engine.stop()
    assert len(run.errors) == 1
    assert "commonwheel.errors.AppError: an app has no" in run.errors[0]


def test_the_apps_loop_leaves_a_loop_around_it_alone() -> None:
    app = app_with()
    seen: list[object] = []

    @app.on(SPEED)
    async def note(car, _reading) -> None:  # noqa: ANN001
        await car.sleep(0.5)
        seen.append(asyncio.get_running_loop().time())

    async def around() -> None:
        run = Run(app).start().feed((1, SPEED, 1.0)).to(2)
        await asyncio.sleep(0)
        run.engine.stop()

    asyncio.run(around())
    assert seen == [1.5]


# ---- what the app puts out ------------------------------------------------------------------------------------------


def test_outputs_events_and_lines_have_the_apps_time() -> None:
    app = app_with(
        outputs={
            "km": Output("km"),
            "n": Output(datatype="integer"),
            "on": Output(datatype="boolean"),
            "word": Output(datatype="string"),
        },
        events={"fast": Event("It is fast.", "warning")},
    )

    @app.on(SPEED)
    def note(car, reading) -> None:  # noqa: ANN001
        car.show(km=reading.value, n=np.int64(3), on=np.bool_(1), word="x")
        car.report("fast", speed=reading.value, row=np.arange(3), t=(1, {"a": None}), nan=float("nan"))
        car.log("said", "warning")

    run = Run(app).start().feed((7, SPEED, 5))
    assert run.did.shown == [(7 * S, "km", 5.0), (7 * S, "n", 3), (7 * S, "on", True), (7 * S, "word", "x")]
    (event,) = run.did.events
    assert (event.t_ns, event.name, event.severity) == (7 * S, "fast", "warning")
    assert event.data == {"speed": 5.0, "row": [0, 1, 2], "t": [1, {"a": None}], "nan": None}
    (line,) = run.did.logs
    assert (line.t_ns, line.level, line.text) == (7 * S, "warning", "said")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda car: car.read("Vehicle.Nothing"), "'Vehicle.Nothing' is not declared: add \"Vehicle.Nothing\": 0"),
        (lambda car: car.value(VOLTAGE), "'requires' or 'may_use'"),
        (lambda car: car.has(VOLTAGE), "'requires' or 'may_use'"),
        (lambda car: car.history(SPEED, 3), "add \"Vehicle.Speed\": 3 to 'keeps'"),
        (lambda car: car.show(km=1), 'add "km": Output('),
        (lambda car: car.report("x"), 'add "x": Event('),
        (lambda car: car.publish({RANGE: 1}), "to 'provides'"),
        (lambda car: car.request(LIGHT, value=True), "to 'requests'"),
        (lambda car: car.settings["x"], 'add "x": Setting('),
        (lambda car: car.log("x", "loud"), "one of debug, error, info, warning"),
    ],
)
def test_what_is_not_declared_raises_and_says_what_to_add_and_where(call: object, says: str) -> None:
    app = app_with()
    app.start(call)  # type: ignore[arg-type]
    run = Run(app).start()
    assert len(run.errors) == 1
    assert says in run.errors[0]
    if "one of" not in says:
        assert f"(tests/apps/test_engine.py:{app.line})".removeprefix("(tests/apps/") in run.errors[0]


@pytest.mark.parametrize(
    ("datatype", "value"),
    [("float", "x"), ("float", True), ("integer", 1.5), ("boolean", 1), ("string", 1), ("string", [])],
)
def test_an_output_of_another_datatype_is_refused(datatype: str, value: object) -> None:
    run = Run(app_with(outputs={"it": Output(datatype=datatype)})).start()
    with pytest.raises(AppError, match=f"the output 'it' is {datatype}"):
        run.engine.car.show(it=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400, 1e30])
def test_a_whole_number_that_no_process_can_be_told_is_refused_at_the_line_that_says_it(value: float) -> None:
    app = app_with(outputs={"count": Output("", "A number.", "integer")}, events={"seen": Event("It was.")})

    @app.on(SPEED)
    def tell(car, reading) -> None:  # noqa: ANN001
        car.show(count=2**63 - 1 if reading.value == 1 else value)

    @app.on(SPEED)
    def report(car, reading) -> None:  # noqa: ANN001
        car.report("seen", numbers=[1, int(value)] if reading.value > 1 else [2**63 - 1, -(2**63)])

    run = Run(app).start().each((1, SPEED, 1.0), (2, SPEED, 2.0))
    assert [error.partition(": ")[2].rpartition("' ")[2] for error in run.errors] == [
        "takes whole numbers of 64 bits, and one is larger"
    ] * 2
    assert run.did.value("count") == 2**63 - 1
    assert run.did.count("seen") == 1
    assert {failure.line > 0 for failure in run.did.failures} == {True}


def test_half_a_character_is_written_out_wherever_an_app_says_it() -> None:
    """The names of files may hold such; neither a log nor a message can."""
    app = app_with(outputs={"text": Output("", "A text.", "string")}, events={"seen": Event("It was.")})

    @app.on(SPEED)
    def tell(car, _reading) -> None:  # noqa: ANN001
        car.show(text="\udc80ä")
        car.report("seen", **{"\udc80": ["\udc80"]})
        car.log("\udc80")
        raise ValueError(*["\udc80"])

    run = Run(app).start().feed((1, SPEED, 1.0))
    assert run.did.value("text") == "\\udc80ä"
    assert run.did.events[0].data == {"\\udc80": ["\\udc80"]}
    assert run.said == ["\\udc80"]
    assert run.errors == ["ValueError: \\udc80"]


def test_a_text_without_end_is_cut() -> None:
    app = app_with(outputs={"text": Output("", "A text.", "string")})
    app.on(SPEED)(lambda car, _reading: car.show(text="x" * 3_000_000))
    assert len(str(Run(app).start().feed((1, SPEED, 1.0)).did.value("text"))) == 4001


def test_data_that_is_no_data_is_refused() -> None:
    run = Run(app_with(events={"x": Event()})).start()
    deep: list[object] = []
    deep.append(deep)
    for data, says in ((object(), "not object"), (deep, "without end"), ({1, 2}, "not set")):
        with pytest.raises(AppError, match=says):
            run.engine.car.report("x", data=data)


def test_the_past_that_is_kept_can_be_looked_back_at() -> None:
    run = Run(app_with(keeps={SPEED: 3.0})).start()
    run.feed(*((i / 2, SPEED, float(i)) for i in range(1, 21)))
    assert run.engine.car.history(SPEED).value.tolist() == [14, 15, 16, 17, 18, 19, 20]
    assert run.engine.car.history(SPEED, 1.0).value.tolist() == [18, 19, 20]
    assert [reading.value for reading in run.engine.car.history(SPEED, 0.5)] == [19.0, 20.0]
    with pytest.raises(AppError, match=r"only 3 s of 'Vehicle\.Speed' are kept, not 5"):
        run.engine.car.history(SPEED, 5)


def test_a_signal_that_falls_silent_is_forgotten_by_time_all_the_same() -> None:
    run = Run(app_with(keeps={SPEED: 3.0})).start().feed((1, SPEED, 1.0)).to(60)
    assert len(run.engine.car.history(SPEED)) == 0


# ---- providing and asking -------------------------------------------------------------------------------------------


def test_values_are_published_where_the_car_has_none_itself() -> None:
    app = app_with(provides=(RANGE,))
    app.on(SPEED)(lambda car, reading: car.publish({RANGE: reading.value * 1000}))
    run = Run(app, given=[SPEED]).start().feed((1, SPEED, 2.0))
    assert run.did.published == [(S, RANGE, 2000.0)]
    own = Run(app, given=[SPEED, RANGE]).start().feed((1, SPEED, 2.0), (2, SPEED, 2.0))
    assert own.did.published == []
    assert own.said == [f"the car gives {RANGE} itself; what the app says of it is left out"]


def test_a_value_that_does_not_fit_its_signal_is_refused() -> None:
    run = Run(app_with(provides=(RANGE,)), given=[SPEED]).start()
    with pytest.raises(Exception, match="Range") as caught:
        run.engine.car.publish({RANGE: "far"})
    assert "takes" in str(caught.value)
    assert run.did.published == []


def test_a_request_can_be_awaited_or_called_back_and_a_recording_refuses_it() -> None:
    app = app_with(requests=(LIGHT,))
    seen: list[object] = []

    @app.on(SPEED)
    async def ask(car, _reading) -> None:  # noqa: ANN001
        outcome = await car.request(LIGHT, value=True)
        seen.append((bool(outcome), outcome.why))

    app.start(lambda car: car.request(LIGHT, value=True, then=lambda _car, outcome: seen.append(outcome.stage.value)))
    run = Run(app)
    run.did.answer = run.engine.answer
    run.start().feed((1, SPEED, 1.0))
    assert seen == ["refused", (False, "a recording cannot be asked to act")]
    assert run.did.requested == [(0, LIGHT, True), (S, LIGHT, True)]


def test_an_answer_that_comes_later_wakes_who_waits_for_it() -> None:
    app = app_with(requests=(LIGHT,))
    seen: list[object] = []

    @app.start
    async def ask(car) -> None:  # noqa: ANN001
        seen.append((await car.request(LIGHT, value=True)).confirmed)

    run = Run(app).start().to(3)
    assert seen == []
    run.engine.answer(1, Outcome(LIGHT, 1, (Step(Stage.CONFIRMED, 3 * S),)))
    run.engine.answer(1, Outcome(LIGHT, 1, (Step(Stage.FAILED, 3 * S),)))
    run.engine.answer(99, Outcome(LIGHT, 1, ()))
    assert seen == [True]


# ---- settings -------------------------------------------------------------------------------------------------------


def test_settings_are_the_manifests_own_unless_their_user_says_otherwise() -> None:
    app = app_with(settings={"price": Setting(0.3), "word": Setting("x"), "on": Setting(default=False)})
    assert Run(app).engine.car.settings == {"price": 0.3, "word": "x", "on": False}
    assert Run(app, settings={"price": "0.5", "on": "yes", "word": "y"}).engine.car.settings == {
        "price": 0.5,
        "word": "y",
        "on": True,
    }


@pytest.mark.parametrize(
    ("given_settings", "says"),
    [
        ({"prise": 1}, "has no setting 'prise'; it has price, on"),
        ({"price": "much"}, r"'price' is a number \(EUR\), not 'much'"),
        ({"price": float("nan")}, "is a number"),
        ({"price": True}, "is a number"),
        ({"on": 3}, "true or false, not 3"),
        ({"on": "perhaps"}, "true or false"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(given_settings: dict[str, object], says: str) -> None:
    app = app_with(settings={"price": Setting(0.3, "EUR"), "on": Setting(default=True)})
    with pytest.raises(AppError, match=says):
        Run(app, settings=given_settings)


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_a_function_that_raises_is_told_with_the_apps_own_line_and_the_others_go_on() -> None:
    app = app_with()
    seen: list[object] = []

    def helper(value: float) -> float:
        return 1 / value

    @app.on(SPEED)
    def bad(_car: object, reading) -> None:  # noqa: ANN001
        helper(reading.value)

    app.on(SPEED)(lambda _car, reading: seen.append(reading.value))
    run = Run(app).start().feed((1, SPEED, 0.0), (2, SPEED, 1.0))
    assert seen == [0.0, 1.0]
    (failure,) = run.did.failures
    assert failure.error == "ZeroDivisionError: float division by zero"
    assert (failure.handler, failure.code, failure.t_ns) == ("bad", "return 1 / value", S)
    assert failure.line == helper.__code__.co_firstlineno + 1
    assert str(failure).startswith(f"{short(__file__)}:{failure.line}: bad() raised ZeroDivisionError")
    assert "commonwheel/apps" not in failure.trace
    assert (run.engine.failed, run.engine.called) == (1, 4)


def test_an_error_raised_by_the_platform_is_shown_at_the_apps_line_that_called_it() -> None:
    app = app_with()

    @app.start
    def begin(car) -> None:  # noqa: ANN001
        car.value("Vehicle.Nothing")

    (failure,) = Run(app).start().did.failures
    assert failure.file == __file__
    assert failure.code == 'car.value("Vehicle.Nothing")'


def test_an_async_function_that_raises_is_told_too() -> None:
    app = app_with()

    @app.start
    async def begin(car) -> None:  # noqa: ANN001
        await car.sleep(1)
        raise ValueError("no")  # noqa: EM101

    run = Run(app).start().to(2)
    assert run.errors == ["ValueError: no"]
    assert run.did.failures[0].handler == "begin"
    assert run.did.failures[0].t_ns == S


def test_an_app_that_wants_to_exit_has_failed() -> None:
    app = app_with()
    app.start(lambda _car: exit(3))  # noqa: PLR1722
    assert Run(app).start().errors == ["SystemExit: 3"]


def test_the_result_of_a_cancelled_task_is_the_apps_error() -> None:
    app = app_with()
    tasks: list[asyncio.Future[None]] = []

    @app.start
    async def begin(_car: object) -> None:
        tasks.append(asyncio.get_running_loop().create_future())
        tasks[0].cancel()

    @app.on(SPEED)
    def look(_car: object, _reading: object) -> None:
        tasks[0].result()

    @app.every(1.0)
    def again(_car: object) -> None:
        tasks[0].result()

    run = Run(app).start().feed((0.5, SPEED, 1.0)).to(1.5)
    assert run.errors == ["asyncio.exceptions.CancelledError"] * 2


def test_tasks_are_cancelled_in_the_order_in_which_they_began() -> None:
    """Their names count on from run to run: by these, the tenth would come before the second."""
    app = app_with()

    @app.start
    async def begin(car) -> None:  # noqa: ANN001
        for name in ("Task-9", "Task-10", "Task-8", "Task-11"):
            asyncio.get_running_loop().create_task(wait(car, name), name=name)

    async def wait(car, name: str) -> None:  # noqa: ANN001
        try:
            await car.sleep(100)
        finally:
            car.log(name)

    run = Run(app).start().to(1)
    run.engine.stop()
    assert run.said == ["Task-9", "Task-10", "Task-8", "Task-11"]


def test_an_interrupt_is_not_the_apps_error() -> None:
    app = app_with()

    @app.start
    def begin(_car: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Run(app).start()


def test_an_error_without_end_is_told_short() -> None:
    app = app_with()

    @app.start
    def begin(_car: object) -> None:
        raise ValueError("x" * 10**6)

    (failure,) = Run(app).start().did.failures
    assert len(failure.error) <= 500


def test_counts_say_how_many_updates_and_calls_there_were() -> None:
    app = app_with()
    app.on(SPEED)(lambda _car, _reading: None)
    run = Run(app).start().feed((1, SPEED, 1.0), (2, SPEED, 1.0))
    assert (run.engine.received, run.engine.called) == (2, 2)


def test_a_car_has_what_it_gives_and_what_it_can_be_asked() -> None:
    app = app_with(may_use={VOLTAGE: 0}, requests=(LIGHT,))
    car = Run(app, given=[SPEED], asked=[]).engine.car
    assert (car.name, car.has(SPEED), car.has(VOLTAGE), car.has(LIGHT)) == ("test/car", True, False, False)
    assert Run(app, asked=[LIGHT]).engine.car.has(LIGHT)


def test_a_car_has_a_pattern_when_it_gives_any_signal_of_it() -> None:
    pattern, door = "Vehicle.Cabin.Door.*.*.IsOpen", "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"
    app = app_with(may_use={pattern: 0})
    assert Run(app, given=[SPEED, door]).engine.car.has(pattern)
    assert Run(app, given=[SPEED, door]).engine.car.has("Vehicle.Cabin.Door")
    assert not Run(app, given=[SPEED]).engine.car.has(pattern)
    with pytest.raises(AppError, match=r"is not declared"):
        Run(app).engine.car.has("Vehicle.Cabin.Seat.**")
    with pytest.raises(AppError, match=r"selects many signals; name one of them here, such as 'Vehicle\.Cabin\.Door\."):
        Run(app).engine.car.value(pattern)
