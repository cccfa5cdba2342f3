"""Filters deliver what their rules say: by example, and as plain Python does it, however the updates are cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Boundary, Change, Compare, Curvelog, Filter
from commonwheel.broker.rows import Rows
from commonwheel.broker.sieve import Sieve
from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality
from tests.broker.reference import (
    SIGNALS,
    CurveReference,
    Reference,
    Row,
    cut,
    cuts,
    plain,
    rows_of,
    rules,
    steps,
    updates,
)

SECOND = 1_000_000_000
GOOD, STALE, MISSING = int(Quality.GOOD), int(Quality.STALE), int(Quality.MISSING)


def sieve(rule: Filter, signals: int = SIGNALS) -> Sieve:
    return Sieve(rule, range(signals), signals, Rows())


def values_through(rule: Filter, *values: float) -> list[float]:
    """The values of one signal that come through, a second apart."""
    batch = Updates.build((0, i * SECOND, value, GOOD, None) for i, value in enumerate(values))
    return sieve(rule, 1).apply(batch).value.tolist()


# ---- by example -----------------------------------------------------------------------------------------------------


def test_a_filter_that_asks_for_nothing_lets_everything_through() -> None:
    assert Filter().is_open
    assert not Filter(on_change=True).is_open
    assert values_through(Filter(), 1, 1, 2) == [1, 1, 2]


def test_changes_only() -> None:
    assert values_through(Filter(on_change=True), 1, 1, 2, 2, 1) == [1, 2, 1]


def test_no_value_after_no_value_is_no_change() -> None:
    through = values_through(Filter(on_change=True), math.nan, math.nan, 1, math.nan)
    assert [str(value) for value in through] == ["nan", "1.0", "nan"]
    assert len(values_through(Filter(deadband=1), math.nan, math.nan, 1, math.nan)) == 3


def test_a_deadband_is_counted_from_the_value_delivered() -> None:
    assert values_through(Filter(deadband=2), 0, 1, 2, 3, 4, 0) == [0, 3, 0]


@pytest.mark.parametrize(
    ("compare", "expected"),
    [
        (Compare.GT, [0, 1, 1]),  # on, and on again
        (Compare.LT, [0, 0, 0]),  # off twice; the first value always comes
        (Compare.NE, [0, 1, 0, 1, 0]),
    ],
)
def test_a_switch_is_followed_as_viss_asks(compare: Compare, expected: list[float]) -> None:
    assert values_through(Filter(change=Change(compare, 0)), 0, 0, 1, 1, 0, 0, 1, 0) == expected


def test_a_rise_counts_from_the_lowest_value_since() -> None:
    rule = Filter(change=Change(Compare.GT, 10))
    assert values_through(rule, 50, 55, 40, 45, 51, 52, 61.5, 62) == [50, 51, 61.5]


def test_a_fall_counts_from_the_highest_value_since() -> None:
    rule = Filter(change=Change(Compare.LTE, -10))
    assert values_through(rule, 50, 60, 51, 50, 45, 40, 39) == [50, 50, 40]


def test_equality_is_that_with_the_value_before() -> None:
    assert values_through(Filter(change=Change(Compare.EQ, 0)), 1, 2, 2, 3, 3, 3) == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Filter(within=(Boundary(Compare.GT, 5),)), [6, 10, 11]),
        (Filter(within=(Boundary(Compare.GTE, 5), Boundary(Compare.LT, 10))), [5, 6]),
        (Filter(within=(Boundary(Compare.LT, 5), Boundary(Compare.GT, 10)), any_of=True), [4, 11]),
        (Filter(within=(Boundary(Compare.EQ, 5),)), [5]),
        (Filter(within=(Boundary(Compare.NE, 5), Boundary(Compare.LTE, 10))), [4, 6, 10]),
    ],
)
def test_a_range_holds_for_the_first_value_too(rule: Filter, expected: list[float]) -> None:
    assert values_through(rule, 4, 5, 6, 10, 11) == expected


def test_a_quality_that_gets_worse_is_always_delivered() -> None:
    rule = Filter(min_interval_ns=SECOND, on_change=True, within=(Boundary(Compare.GT, 5),))
    rows: list[Row] = [
        (0, 0, math.nan, MISSING, None),  # what is there at first
        (0, 1, 3.0, GOOD, None),  # outside
        (0, 2, 7.0, GOOD, None),
        (0, 3, 7.0, STALE, None),
        (0, 4, 7.0, STALE, None),  # said already
        (0, 5, 3.0, GOOD, None),  # outside
        (0, 6, 7.0, GOOD, None),
    ]
    through = sieve(rule, 1).apply(Updates.build(rows))
    assert through.t_ns.tolist() == [0, 2, 3, 6]


def test_updates_come_no_closer_than_the_interval() -> None:
    batch = Updates.build((0, t_ns, 1.0, GOOD, None) for t_ns in (0, 5, 9, 10, 11, 25))
    assert sieve(Filter(min_interval_ns=10), 1).apply(batch).t_ns.tolist() == [0, 10, 25]


@pytest.mark.parametrize("back_s", [1, 60, 3600, 10**6])
def test_a_clock_set_back_holds_updates_up_for_less_than_two_intervals(back_s: int) -> None:
    interval = 2 * SECOND
    before = [(0, t * SECOND, 0.0, GOOD, None) for t in range(10**7, 10**7 + 10)]
    after = [(0, (10**7 + 9 - back_s + t) * SECOND, 1.0, GOOD, None) for t in range(10)]
    through = rows_of(sieve(Filter(min_interval_ns=interval), 1).apply(Updates.build([*before, *after])))
    first = next(row for row in through if row[2] == 1.0)
    assert first[1] - after[0][1] < 2 * interval
    assert len([row for row in through if row[2] == 1.0]) >= 4


def test_signals_are_filtered_each_on_its_own() -> None:
    batch = Updates.build((number, i, 1.0, GOOD, None) for i, number in enumerate((0, 1, 0, 2, 1)))
    assert sieve(Filter(on_change=True), 3).apply(batch).signal.tolist() == [0, 1, 2]


def test_updates_of_other_signals_are_left_out() -> None:
    chosen = Sieve(Filter(on_change=True), [2], 5, Rows())
    batch = Updates.build((number, 0, 1.0, GOOD, None) for number in range(5))
    assert chosen.apply(batch).signal.tolist() == [2]


def test_a_batch_of_which_everything_passes_is_handed_on_as_it_is() -> None:
    batch = Updates.build([(0, 0, 1.0, GOOD, None), (1, 0, 1.0, GOOD, None)])
    assert sieve(Filter(on_change=True)).apply(batch) is batch


def test_texts_and_arrays_are_compared_as_such() -> None:
    texts = ["a", "a", "b", "b", ["a"], ["a"], ["a", "b"], "b"]
    batch = Updates.build((0, i, math.nan, GOOD, text) for i, text in enumerate(texts))
    assert sieve(Filter(on_change=True), 1).apply(batch).t_ns.tolist() == [0, 2, 4, 6, 7]
    assert sieve(Filter(deadband=5), 1).apply(batch).t_ns.tolist() == [0, 2, 4, 6, 7]


# ---- nonsense -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        Filter(min_interval_ns=-1),
        Filter(min_interval_ns=2**63),
        Filter(deadband=-1),
        Filter(deadband=math.nan),
        Filter(deadband=math.inf),
        Filter(change=Change(Compare.GT, math.nan)),
        Filter(within=(Boundary(Compare.GT, math.inf),)),
        Filter(within=(Boundary(Compare.GT, 1),) * 3),
        Filter(curvelog=Curvelog(-1, 10)),
        Filter(curvelog=Curvelog(math.nan, 10)),
        Filter(curvelog=Curvelog(1, 1)),
        Filter(curvelog=Curvelog(1, 10**9)),
        Filter(curvelog=Curvelog(1, 10, max_age_s=0)),
        Filter(curvelog=Curvelog(1, 10, max_age_s=math.nan)),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(rule: Filter) -> None:
    with pytest.raises(BrokerError) as caught:
        sieve(rule)
    assert caught.value.reason is Reason.INVALID


def test_curves_that_need_too_much_memory_are_refused() -> None:
    with pytest.raises(BrokerError, match="more than 1000000 points") as caught:
        sieve(Filter(curvelog=Curvelog(1, 2000)), signals=1000)
    assert caught.value.reason is Reason.LIMIT


# ---- as plain Python does it ----------------------------------------------------------------------------------------


@given(rules, updates() | steps, cuts)
@example(Filter(change=Change(Compare.GT, 0.0)), [(0, 0, math.nan, 0, None), (0, 0, 1.0, 0, None)], [])
def test_the_kernel_agrees_with_plain_python(rule: Filter, rows: list[Row], lengths: list[int]) -> None:
    chosen, reference = sieve(rule), Reference(rule)
    found = [row for batch in cut(rows, lengths) for row in rows_of(chosen.apply(batch))]
    assert found == [plain(row) for row in rows if reference.passes(row)]


@given(rules, updates(objects=True), cuts)
def test_objects_and_numbers_together_agree_with_plain_python(
    rule: Filter, rows: list[Row], lengths: list[int]
) -> None:
    """Each signal carries either objects or numbers, as signals do."""
    rows = [row for row in rows if (row[4] is not None) == (row[0] % 2 == 1)]
    chosen, reference = sieve(rule), Reference(rule)
    found = [row for batch in cut(rows, lengths) for row in rows_of(chosen.apply(batch))]
    assert found == [plain(row) for row in rows if reference.passes(row)]


@given(updates(objects=True), cuts)
def test_a_signal_may_have_objects_now_and_then(rows: list[Row], lengths: list[int]) -> None:
    rule = Filter(on_change=True)
    chosen, reference = sieve(rule), Reference(rule)
    found = [row for batch in cut(rows, lengths) for row in rows_of(chosen.apply(batch))]
    assert found == [plain(row) for row in rows if reference.passes(row)]


# ---- curves ---------------------------------------------------------------------------------------------------------

curve_rules = st.builds(
    Filter,
    curvelog=st.builds(
        Curvelog,
        st.sampled_from([0.0, 0.5, 2.0]),
        st.integers(2, 8),
        st.sampled_from([1e-9, 5e-9, 100.0]),
    ),
    deadband=st.sampled_from([0.0, 0.0, 0.0, 1.0]),
)


@given(curve_rules, updates(), cuts, st.lists(st.integers(0, 10), min_size=6, max_size=6))
def test_curves_agree_with_plain_python(rule: Filter, rows: list[Row], lengths: list[int], pauses: list[int]) -> None:
    chosen, reference = sieve(rule), CurveReference(rule)
    now_ns = 0
    for batch, pause in zip(cut(rows, lengths), pauses, strict=False):
        now_ns += pause
        expected = [out for row in rows_of(batch) for out in reference.offer(back(row), now_ns)]
        assert rows_of(chosen.apply(batch, now_ns)) == expected
    assert rows_of(chosen.flush()) == [row for signal in range(SIGNALS) for row in reference.flush(signal)]
    assert not len(chosen.flush())


def back(row: Row) -> Row:
    return (row[0], row[1], math.nan if row[2] is None else row[2], row[3], row[4])


@given(
    st.lists(st.floats(-1000, 1000), min_size=1, max_size=300),
    st.floats(0, 50),
    st.integers(2, 40),
    st.integers(1, 30),
)
def test_a_curve_is_never_farther_from_a_point_than_its_error(
    values: list[float], most: float, buffer: int, batch: int
) -> None:
    rows: list[Row] = [(0, 7 * i * SECOND, value, GOOD, None) for i, value in enumerate(values)]
    chosen = sieve(Filter(curvelog=Curvelog(most, buffer)), 1)
    parts = [chosen.apply(Updates.build(rows[i : i + batch])) for i in range(0, len(rows), batch)]
    curve = Updates.concat([*parts, chosen.flush()])
    assert (np.diff(curve.t_ns) > 0).all()
    drawn = np.interp([row[1] for row in rows], curve.t_ns, curve.value)
    assert np.abs(drawn - values).max() <= most + 1e-9
    assert len(curve) <= len(rows)


def test_a_straight_line_is_its_ends() -> None:
    rows: list[Row] = [(0, i, 2.0 * i, GOOD, None) for i in range(101)]
    curve = sieve(Filter(curvelog=Curvelog(0.5, 50)), 1).apply(Updates.build(rows))
    assert curve.t_ns.tolist() == [0, 50, 100]


def test_a_corner_is_delivered_when_the_buffer_is_full() -> None:
    rows: list[Row] = [(0, i, float(min(i, 6)), GOOD, None) for i in range(11)]
    chosen = sieve(Filter(curvelog=Curvelog(0.1, 10)), 1)
    assert chosen.apply(Updates.build(rows[:10])).t_ns.tolist() == [0]
    assert chosen.apply(Updates.build(rows[10:])).t_ns.tolist() == [6, 10]


def test_what_waits_is_delivered_before_a_worse_quality() -> None:
    chosen = sieve(Filter(curvelog=Curvelog(0.1, 10)), 1)
    rows: list[Row] = [(0, 0, 0.0, GOOD, None), (0, 1, 5.0, GOOD, None), (0, 2, 0.0, GOOD, None)]
    chosen.apply(Updates.build(rows))
    curve = chosen.apply(Updates.build([(0, 3, 0.0, STALE, None), (0, 4, 1.0, GOOD, None)]))
    assert rows_of(curve) == [(0, 1, 5.0, 0, None), (0, 2, 0.0, 0, None), (0, 3, 0.0, 1, None), (0, 4, 1.0, 0, None)]


def test_what_waits_is_delivered_when_the_time_goes_back() -> None:
    chosen = sieve(Filter(curvelog=Curvelog(0.1, 10)), 1)
    chosen.apply(Updates.build([(0, 100, 0.0, GOOD, None), (0, 101, 5.0, GOOD, None)]))
    curve = chosen.apply(Updates.build([(0, 50, 1.0, GOOD, None)]))
    assert curve.t_ns.tolist() == [101, 50]


def test_what_waits_too_long_is_delivered() -> None:
    chosen = sieve(Filter(curvelog=Curvelog(0.1, 10, max_age_s=10)), 2)
    begin: list[Row] = [(0, 0, 0.0, GOOD, None), (1, 0, 0.0, GOOD, None)]
    chosen.apply(Updates.build(begin), 0)
    chosen.apply(Updates.build([(0, 1, 0.0, GOOD, None)]), 1 * SECOND)
    chosen.apply(Updates.build([(1, 1, 0.0, GOOD, None)]), 5 * SECOND)
    assert not len(chosen.flush_late(10 * SECOND))
    assert rows_of(chosen.flush_late(11 * SECOND)) == [(0, 1, 0.0, 0, None)]
    assert rows_of(chosen.apply(Updates.build([(1, 2, 0.0, GOOD, None)]), 16 * SECOND)) == [(1, 2, 0.0, 0, None)]


def test_many_buffers_that_fill_at_once_are_all_delivered() -> None:
    """More points come out than the batch has rows."""
    signals = 300
    chosen = sieve(Filter(curvelog=Curvelog(0, 8)), signals)
    batches = [Updates.build((number, t, float(t % 2), GOOD, None) for number in range(signals)) for t in range(9)]
    for batch in batches[:-1]:
        chosen.apply(batch)
    assert len(chosen.apply(batches[-1])) == 8 * signals
    for batch in batches[1:4]:
        later = Updates(batch.signal, batch.t_ns + 100, batch.value, batch.quality)
        assert not len(chosen.apply(later))
    assert len(chosen.flush()) == 3 * signals


def test_texts_have_no_curve_and_come_when_they_change() -> None:
    chosen = sieve(Filter(curvelog=Curvelog(0.1, 10)), 2)
    rows: list[Row] = [(0, 0, math.nan, GOOD, "a"), (0, 1, math.nan, GOOD, "a"), (0, 2, math.nan, GOOD, "b")]
    assert [row[4] for row in rows_of(chosen.apply(Updates.build([*rows, (1, 3, 1.0, GOOD, None)])))] == [
        None,
        "a",
        "b",
    ]
