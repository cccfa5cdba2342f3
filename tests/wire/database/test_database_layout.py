"""Bits and overlaps of signals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.wire.database import Message, Multiplexed, Signal, outside, overlaps, signal_bits


def _signal(name: str, start: int, length: int, *, big: bool = False, mux: Multiplexed | None = None) -> Signal:
    return Signal(name, start, length, big, multiplexed=mux)


def _message(*signals: Signal, size: int = 8) -> Message:
    return Message("M", 1, extended=False, size=size, signals=signals)


def _names(pairs: list[tuple[Signal, Signal]]) -> list[str]:
    return [f"{first.name}-{second.name}" for first, second in pairs]


def _walk(start: int, length: int, *, big: bool) -> int:
    """Return the bits of a field by stepping from bit to bit, as a person would on a grid."""
    mask, bit = 0, start
    for _ in range(length):
        mask |= 1 << bit
        if not big:
            bit += 1
        elif bit % 8:
            bit -= 1
        else:
            bit += 15
    return mask


@given(st.integers(0, 511), st.integers(1, 64), st.booleans())
def test_bits_are_those_found_by_walking_the_grid(start: int, length: int, big: bool) -> None:  # noqa: FBT001
    assert signal_bits(_signal("S", start, length, big=big)) == _walk(start, length, big=big)


def test_fields_side_by_side_do_not_overlap_in_either_byte_order() -> None:
    assert overlaps(_message(_signal("A", 0, 12), _signal("B", 12, 4), _signal("C", 23, 12, big=True))) == []


def test_one_shared_bit_is_an_overlap() -> None:
    little, big = _signal("A", 0, 13), _signal("B", 12, 2, big=True)
    assert _names(overlaps(_message(little, big))) == ["A-B"]


def test_alternatives_of_one_selector_do_not_overlap() -> None:
    one = _signal("A", 8, 8, mux=Multiplexed("S", ((0, 3),)))
    two = _signal("B", 8, 8, mux=Multiplexed("S", ((4, 7), (9, 9))))
    assert overlaps(_message(_signal("S", 0, 8), one, two)) == []


def test_alternatives_that_share_a_selector_value_overlap() -> None:
    one = _signal("A", 8, 8, mux=Multiplexed("S", ((0, 4),)))
    two = _signal("B", 8, 8, mux=Multiplexed("S", ((4, 7),)))
    assert _names(overlaps(_message(_signal("S", 0, 8), one, two))) == ["A-B"]


def test_a_field_that_is_always_there_overlaps_a_multiplexed_one() -> None:
    one = _signal("A", 8, 8, mux=Multiplexed("S", ((0, 4),)))
    assert _names(overlaps(_message(_signal("S", 0, 8), one, _signal("B", 15, 2)))) == ["A-B"]


def test_different_selectors_cannot_keep_fields_apart() -> None:
    one = _signal("A", 16, 8, mux=Multiplexed("S", ((0, 0),)))
    two = _signal("B", 16, 8, mux=Multiplexed("T", ((1, 1),)))
    assert _names(overlaps(_message(_signal("S", 0, 8), _signal("T", 8, 8), one, two))) == ["A-B"]


def test_nested_selectors_keep_fields_apart_by_the_outer_one() -> None:
    inner = _signal("T", 8, 8, mux=Multiplexed("S", ((0, 0),)))
    deep = _signal("A", 16, 8, mux=Multiplexed("T", ((5, 5),)))
    flat = _signal("B", 16, 8, mux=Multiplexed("S", ((1, 1),)))
    assert overlaps(_message(_signal("S", 0, 8), inner, deep, flat)) == []


def test_selectors_in_a_circle_do_not_hang() -> None:
    one = _signal("A", 0, 8, mux=Multiplexed("B", ((0, 0),)))
    two = _signal("B", 0, 8, mux=Multiplexed("A", ((0, 0),)))
    assert _names(overlaps(_message(one, two))) == ["A-B"]


def test_outside_tells_the_last_bit_inside_from_the_first_one_outside() -> None:
    inside, beyond = _signal("A", 56, 8), _signal("B", 57, 8)
    big_inside, big_beyond = _signal("C", 63, 8, big=True), _signal("D", 62, 8, big=True)
    assert [signal.name for signal in outside(_message(inside, beyond, big_inside, big_beyond))] == ["B", "D"]


def test_every_field_is_outside_of_an_empty_message() -> None:
    assert [signal.name for signal in outside(_message(_signal("A", 0, 1), size=0))] == ["A"]
