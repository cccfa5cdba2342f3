"""What is left of many samples shows every peak of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.report.reduce import Runs, columns_covered, extremes, runs, thin


@given(st.integers(0, 2**32 - 1), st.integers(1, 4000), st.integers(1, 60))
def test_no_column_loses_its_extremes(seed: int, n: int, columns: int) -> None:
    """Per column of pixels the lowest, highest, first and last value survive."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 10, n))
    value = rng.choice([-1.0, 0.0, 1.0, 7.5], n)
    kept = extremes(t, value, 0.0, 10.0, columns)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= max(4 * columns, n if n <= 4 * columns else 0)
    column = np.clip(t / 10 * columns, 0, columns - 1).astype(int)
    for k in np.unique(column):
        mine, left = value[column == k], value[kept][column[kept] == k]
        assert (left.min(), left.max(), left[0], left[-1]) == (mine.min(), mine.max(), mine[0], mine[-1])


def test_one_peak_among_a_million_is_kept() -> None:
    value = np.zeros(1_000_000)
    value[765_432] = 9.0
    kept = extremes(np.arange(1e6), value, 0, 1e6, 900)
    assert 765_432 in kept
    assert len(kept) <= 3600


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=30))
def test_a_thinned_line_covers_the_same_points(points: list[tuple[int, int]]) -> None:
    x, y = (np.array(column, np.int64) for column in zip(*points, strict=True))
    kept = thin(x, y)
    assert (x[kept[0]], y[kept[0]]) == (x[0], y[0])
    assert (x[kept[-1]], y[kept[-1]]) == (x[-1], y[-1])
    assert (x.min(), x.max(), y.min(), y.max()) == (x[kept].min(), x[kept].max(), y[kept].min(), y[kept].max())


def test_a_straight_run_is_its_two_ends() -> None:
    assert thin(np.arange(9), 2 * np.arange(9)).tolist() == [0, 8]


def test_a_way_there_and_back_keeps_its_turning_point() -> None:
    assert thin(np.array([0, 0, 0]), np.array([0, 5, 1])).tolist() == [0, 1, 2]


def test_runs_last_until_the_next_and_the_last_until_the_end() -> None:
    found = runs(np.array([0.0, 1.0, 2.0, 5.0]), np.array([3.0, 3.0, np.nan, np.nan]), 9.0)
    assert (found.start.tolist(), found.end.tolist()) == ([0.0, 2.0], [2.0, 9.0])
    assert found.code[0] == 3.0
    assert np.isnan(found.code[1])


def test_no_samples_are_no_runs() -> None:
    assert len(runs(np.array([]), np.array([]), 1.0)) == 0


def test_spans_cover_whole_columns_and_meet() -> None:
    """A span narrower than a pixel is still to be seen, and neighbours are one."""
    spans = Runs(np.array([1.01, 2.0, 8.0, 99.0]), np.array([1.02, 3.0, 8.0, 120.0]), np.ones(4))
    assert columns_covered(spans, 0.0, 10.0, 10) == [(1, 3), (8, 9)]
