"""What a log's stamps are taken for, and what is said of a clock that cannot be trusted."""

from __future__ import annotations

import pytest

from commonwheel.wire.frames import Clock
from tests.wire.logs.samples import read_bytes


def _candump(*stamps: str, ids: tuple[int, ...] = (0x100,)) -> bytes:
    lines = (f"({stamp}) can0 {ids[i % len(ids)]:03X}#00\n" for i, stamp in enumerate(stamps))
    return "".join(lines).encode()


@pytest.mark.parametrize(
    ("stamp", "clock"),
    [
        ("0.0", Clock.RELATIVE),
        ("338.194004", Clock.RELATIVE),
        ("946684799.999999999", Clock.RELATIVE),
        ("946684800.0", Clock.UTC),
        ("1747949265.530411", Clock.UTC),
        ("4102444799.999999999", Clock.UTC),
        ("4102444800.0", Clock.RELATIVE),
    ],
)
def test_stamps_between_2000_and_2100_are_wall_clock_time(stamp: str, clock: Clock) -> None:
    frames, report = read_bytes(_candump(stamp))
    assert report.clock is frames.clock is clock
    assert (frames.t_ns[0] == 0) == (clock is Clock.RELATIVE)


def test_times_count_from_the_first_frame_where_they_are_relative() -> None:
    frames, report = read_bytes(_candump("10.5", "10.75", "12.0"))
    assert frames.t_ns.tolist() == [0, 250_000_000, 1_500_000_000]
    assert (report.first_stamp, report.last_stamp) == ("10.5", "12.0")


@pytest.mark.parametrize("chunk_bytes", [None, 40, 1000])
def test_a_made_up_time_axis_counts_only_as_an_order(chunk_bytes: int | None) -> None:
    stamps = [f"{100 + i * 0.005:.6f}" for i in range(1001)]
    frames, report = read_bytes(_candump(*stamps, ids=(0x100, 0x200)), chunk_bytes=chunk_bytes)
    assert report.clock is frames.clock is Clock.ORDER
    assert frames.t_ns[-1] == 5_000_000_000
    assert "exactly 5000 us" in report.notes[0]


@pytest.mark.parametrize(
    ("n", "gap", "ids"),
    [
        (1000, 0.005, (0x100, 0x200)),  # one gap too few to tell
        (1500, 0.005, (0x100,)),  # one message may well be as regular
        (1500, 0.0, (0x100, 0x200)),  # frames of one burst
    ],
)
def test_a_regular_time_axis_is_not_always_made_up(n: int, gap: float, ids: tuple[int, ...]) -> None:
    stamps = [f"{100 + i * gap:.6f}" for i in range(n)]
    assert read_bytes(_candump(*stamps, ids=ids))[1].clock is Clock.RELATIVE


def test_one_different_gap_makes_a_time_axis_real() -> None:
    stamps = [f"{100 + i * 0.005 + (i > 700) * 0.000001:.6f}" for i in range(1500)]
    assert read_bytes(_candump(*stamps, ids=(0x100, 0x200)))[1].clock is Clock.RELATIVE


def test_a_clock_that_jumps_back_is_told_and_never_sorted() -> None:
    frames, report = read_bytes(_candump("10.0", "11.0", "10.4", "10.5", "10.1"))
    steps = report.backward_steps
    assert frames.t_ns.tolist() == [0, 10**9, 4 * 10**8, 5 * 10**8, 10**8]
    assert (steps.count, steps.within_bus, steps.largest_ns) == (2, 2, 600_000_000)
    assert steps.first_lines == [3, 5]
    assert report.notes == []


def test_steps_between_buses_are_told_from_steps_within_one() -> None:
    content = b"(10.0) can0 100#\n(9.9) can1 100#\n(10.1) can0 100#\n(9.95) can1 100#\n"
    _, report = read_bytes(content)
    assert (report.backward_steps.count, report.backward_steps.within_bus) == (2, 0)
    assert "never within a bus" in report.notes[0]


@pytest.mark.parametrize(
    ("before", "after"), [("4294.967295", "0.000005"), ("4294.000000", "0.100000"), ("4877.057420", "4295.284352")]
)
def test_a_counter_of_32_bits_that_starts_over_is_named(before: str, after: str) -> None:
    _, report = read_bytes(_candump(before, after))
    assert "32-bit counter" in report.notes[-1]


def test_line_numbers_of_steps_count_all_lines() -> None:
    _, report = read_bytes(b"# one\n(10.0) can0 100#\n\n(9.9) can0 100#\n", chunk_bytes=5)
    assert report.backward_steps.first_lines == [4]
