"""The extremes of the last while are those of a plain search through it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.guard.span import Span


def test_extremes_of_what_is_young_enough() -> None:
    span = Span(100)
    assert span.at(0) is None
    for t_ns, value in ((0, 5.0), (10, 1.0), (20, 3.0), (30, 4.0)):
        span.add(t_ns, value)
    assert span.at(30) == (1.0, 5.0)
    assert span.at(100) == (1.0, 5.0)
    assert span.at(101) == (1.0, 4.0)
    assert span.at(111) == (3.0, 4.0)
    assert span.at(130) == (4.0, 4.0)
    assert span.at(131) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-5, 5)), max_size=40), st.integers(1, 60))
def test_it_finds_what_a_search_finds(steps: list[tuple[int, int]], within: int) -> None:
    span, kept, now = Span(within), list[tuple[int, float]](), 0
    for step, value in steps:
        now += step
        span.add(now, value)
        kept.append((now, value))
        young = [each for t, each in kept if now - t <= within]
        assert span.at(now) == (min(young), max(young))
