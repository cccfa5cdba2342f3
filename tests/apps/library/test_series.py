"""Integrals, slopes, lasting conditions and episodes: exact, robust, and told once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps.library._cells import Spread
from commonwheel.apps.library._checks import Check, Checks, Level
from commonwheel.apps.library._episodes import Episodes, Surroundings
from commonwheel.apps.library._series import Change, Integral, Lasting, Slope

S = 1_000_000_000
numbers = st.integers(-(10**7), 10**7).map(lambda thousandths: thousandths / 1000)


@given(st.lists(st.tuples(st.integers(1, S), numbers), min_size=2, max_size=40))
def test_integral_is_exact_between_readings_of_any_spacing(points: list[tuple[int, float]]) -> None:
    """The parts above and below zero make the trapezoids, and time is covered or missed, never both or neither."""
    integral, t_ns, before = Integral(), 0, None
    for gap_ns, value in points:
        t_ns += gap_ns
        piece = integral.add(t_ns, value)
        if before is not None:
            seconds = gap_ns / S
            assert piece.above - piece.below == pytest.approx((before + value) / 2 * seconds, abs=1e-6, rel=1e-9)
            assert min(piece.above, piece.below) >= 0
            assert (piece.seconds, piece.missed_s) == (seconds, 0)
            if before * value >= 0:
                assert min(piece.above, piece.below) == 0
        before = value


def test_integral_does_not_cross_holes() -> None:
    """A second is a hole among readings ten times a second, not among readings that always come so rarely."""
    integral = Integral()
    for i in range(10):
        integral.add(i * S // 10, 10.0)
    hole = integral.add(3 * S, 10.0)
    assert (hole.above, hole.seconds, hole.missed_s) == (0.0, 0.0, pytest.approx(2.1))
    rare = Integral()
    pieces = [rare.add(i * 2 * S, 1.0) for i in range(12)]
    assert [piece.missed_s for piece in pieces[1:6]] == [2.0] * 5
    assert [piece.above for piece in pieces[6:]] == [2.0] * 6


def test_integral_begins_anew_when_time_goes_back() -> None:
    """A clock that is set back gives neither a negative time nor a hole."""
    integral = Integral()
    integral.add(10 * S, 5.0)
    assert integral.add(2 * S, 5.0) == (0, 0, 0, 0)
    assert integral.add(2 * S + S // 2, 5.0).above == 2.5


@given(st.floats(-10, 10), st.floats(-100, 100), st.integers(0, 9), st.floats(-1e3, 1e3))
def test_slope_does_not_follow_a_single_wrong_reading(rate: float, start: float, wrong: int, by: float) -> None:
    """One of ten readings that is off by whatever leaves the slope of the others."""
    slope, found = Slope(), None
    for i in range(10):
        value = start + rate * i * 0.05 + (by if i == wrong else 0.0)
        found = slope.add(i * S // 20, value)
    assert found == pytest.approx(rate, abs=1e-6) or abs(by) < 100
    assert found is not None


def test_slope_says_nothing_before_it_knows() -> None:
    """Half a window and three readings are needed, and again after a hole."""
    slope = Slope()
    assert [slope.add(int(t * S), t) is None for t in (0.0, 0.1, 0.2, 0.3)] == [True, True, True, False]
    assert slope.add(2 * S, 0.0) is None
    assert slope.middle_ns == 2 * S


def test_a_condition_lasts_before_it_begins_and_before_it_ends() -> None:
    """Not knowing changes nothing and starts no clock."""
    lasting = Lasting(2.0, 1.0)
    script = [(0, True), (1, True), (2, True), (3, None), (4, False), (5, True), (6, False), (7, False)]
    told = [lasting.update(t * S, holds) for t, holds in script]
    assert told == [None, None, Change.BEGAN, None, None, None, None, Change.ENDED]
    assert Lasting(0.0).update(5, True) is Change.BEGAN  # noqa: FBT003 - the condition


def test_a_value_at_its_threshold_does_not_chatter() -> None:
    """What began above the limit is over below the easier one only."""
    checks = Checks([Check("hot", Level.ALARM, 0.0)])
    for t, value in enumerate((49.0, 51.0, 49.0, 51.0, 48.0, 46.0, 49.0)):
        checks.above(t * S, "hot", value, 50.0, 47.0, f"{value}")
    assert [(finding.change, finding.t_ns // S) for finding in checks.findings] == [
        (Change.BEGAN, 1),
        (Change.ENDED, 5),
    ]
    assert checks.level is Level.GOOD
    checks.above(9 * S, "hot", 60.0, 50.0, 47.0, "60.0")
    assert (checks.level, checks.reasons) == (Level.ALARM, ["60.0"])


def magnitudes(*parts: tuple[float, float | None]) -> list[tuple[int, float | None]]:
    """Return a magnitude ten times a second: seconds of each value."""
    rows: list[tuple[int, float | None]] = []
    for seconds, value in parts:
        rows += [((len(rows) + i) * S // 10, value) for i in range(round(seconds * 10))]
    return rows


def test_two_peaks_of_one_manoeuvre_are_one_episode() -> None:
    """It goes on while it is not below half the threshold for a second, and has the greater peak."""
    episodes = Episodes(3.0)
    told = [episodes.update(*row) for row in magnitudes((1, 0), (1, 4), (0.8, 1), (1, 5), (0.5, 2), (2, 0))]
    (only,) = [episode for episode in told if episode is not None]
    assert (only.peak, only.began_ns, only.ended_ns) == (5, S, 37 * S // 10)


@pytest.mark.parametrize("parts", [((0.4, 4),), ((0.4, 4), (0.3, 1), (0.4, 4)), ((0.3, 4), (3, None))])
def test_what_is_too_short_is_no_episode(parts: tuple[tuple[float, float | None], ...]) -> None:
    """Less than half a second at the threshold, or nobody knows."""
    episodes = Episodes(3.0)
    assert not any(episodes.update(*row) for row in magnitudes((1, 0), *parts, (3, 0)))
    assert episodes.end() is None


def test_surroundings_are_thinned_and_bounded() -> None:
    """Columns of one length, so many rows per second, within the time that is kept."""
    around = Surroundings(("speed",), 10.0)
    for i in range(400):
        around.add(i * S // 20, float(i))
    columns = around.cut(12 * S, 15 * S, 13 * S, 5)
    assert columns["t"][0] == -1.0
    assert columns["t"][-1] == 2.0
    assert len(columns["t"]) == len(columns["speed"]) == 16
    assert around.cut(0, S, 0, 5)["t"] == []


@given(st.floats(0.0, 0.2), st.floats(0.0, 5e-4))
def test_spread_of_cells_is_told_from_what_the_current_adds(rest: float, ohm: float) -> None:
    """Spread at rest and difference of resistance come back out of readings under load."""
    spread = Spread()
    for i in range(200):
        drawn = 60.0 * ((i * 7) % 11) / 10
        spread.add(rest + ohm * drawn, drawn)
        spread.add(9.9, -50.0)  # charging tells nothing of it
    assert spread.at_rest_v == pytest.approx(rest, abs=1e-6)
    assert spread.slope_ohm == pytest.approx(ohm, abs=1e-8)


def test_spread_under_an_even_load_cannot_be_told() -> None:
    """At 50 A all the time nobody knows what it is at rest; without current it is what it is."""
    loaded, resting = Spread(), Spread()
    for _ in range(100):
        loaded.add(0.08, 50.0)
        resting.add(0.02, 0.5)
    assert (loaded.at_rest_v, loaded.slope_ohm) == (None, None)
    assert resting.at_rest_v == pytest.approx(0.02)
