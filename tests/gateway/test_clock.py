"""The gateway's time: nothing grows old or stays young because somebody set the clock."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.gateway.clock import SPAN_NS, Stamps, SteadyClock

MS = 1_000_000
SECOND = 1000 * MS
HOUR = 3600 * SECOND
START = 1_700_000_000 * SECOND


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.utc_ns, self.monotonic_ns = START, 5 * SECOND
        self.clock = SteadyClock(lambda: self.utc_ns, lambda: self.monotonic_ns)
        self.stamps = Stamps(self.clock)

    def passes(self, ns: int) -> None:
        self.utc_ns += ns
        self.monotonic_ns += ns

    def steady(self, *stamps: int) -> list[int]:
        return self.stamps.steady(np.array(stamps, np.int64)).tolist()

    def utc(self, *steady: int) -> list[int]:
        return self.clock.to_utc(np.array(steady, np.int64)).tolist()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_it_begins_as_utc_and_goes_on_with_the_monotonic_clock(machine: Machine) -> None:
    assert machine.clock.now_ns() == START
    machine.passes(7 * SECOND)
    assert machine.clock.now_ns() == START + 7 * SECOND
    assert machine.clock.check() == 0


def test_stamps_of_the_interface_are_kept(machine: Machine) -> None:
    machine.passes(SECOND)
    stamps = [START + SECOND - 3 * MS, START + SECOND - MS]
    assert machine.steady(*stamps) == stamps
    assert machine.utc(*stamps) == stamps


@pytest.mark.parametrize("step", [HOUR, -HOUR, 30 * MS, -30 * MS])
def test_a_clock_that_is_set_moves_what_is_published_and_nothing_else(machine: Machine, step: int) -> None:
    machine.passes(SECOND)
    before = machine.clock.now_ns()
    machine.utc_ns += step
    assert machine.clock.check() == step
    assert machine.clock.now_ns() == before
    assert machine.utc(before) == [before + step]
    assert machine.clock.check() == 0
    assert machine.clock.steps == 1
    assert machine.steady(machine.utc_ns - MS) == [before - MS]


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_that_only_the_stamps_show_is_noticed_there(machine: Machine, step: int) -> None:
    machine.passes(SECOND)
    machine.steady(machine.utc_ns)
    machine.utc_ns += step
    assert machine.steady(machine.utc_ns - MS) == [START + SECOND - MS]
    assert machine.clock.shift_ns == step


@pytest.mark.parametrize("off", [-START, 12 * SECOND - START, -HOUR, HOUR, 2 * SECOND, -50 * MS])
def test_a_clock_of_the_interfaces_own_is_taken_for_what_it_is(machine: Machine, off: int) -> None:
    """Its frames came just now; between them is the time that it says."""
    machine.passes(SECOND)
    assert machine.steady(machine.utc_ns + off) == [START + SECOND]
    machine.passes(30 * MS)
    now = machine.utc_ns
    assert machine.steady(now + off - 20 * MS, now + off) == [now - 20 * MS, now]
    assert machine.clock.steps == 0


def test_a_clock_that_drifts_away_is_followed(machine: Machine) -> None:
    """A second in 1000 s: frames stay as young as they are, within what it drifts in some seconds."""
    for i in range(4000):
        machine.passes(250 * MS)
        (found,) = machine.steady(machine.utc_ns - i * MS // 4)
        assert machine.utc_ns - 20 * MS <= found <= machine.utc_ns


def test_frames_that_waited_while_the_process_slept_are_as_old_as_they_are(machine: Machine) -> None:
    for _ in range(100):
        machine.passes(100 * MS)
        machine.steady(machine.utc_ns - MS)
    machine.passes(30 * SECOND)
    now = machine.utc_ns
    assert machine.steady(now - 30 * SECOND, now - 29 * SECOND) == [now - 30 * SECOND, now - 29 * SECOND]
    assert machine.steady(now - 28 * SECOND, now - 2 * MS) == [now - 28 * SECOND, now - 2 * MS]


def test_what_is_always_old_is_not_taken_for_new_where_the_stamps_are_the_machines(machine: Machine) -> None:
    """Frames that are read more slowly than they come wait longer and longer; a guard relies on their age."""
    stamps = Stamps(machine.clock, certain=True)
    for _ in range(200):
        machine.passes(100 * MS)
        old = machine.utc_ns - 300 * MS
        assert stamps.steady(np.array([old, old + MS])).tolist() == [old, old + MS]
    machine.utc_ns += HOUR  # set, which all that comes after it shows
    assert stamps.steady(np.array([machine.utc_ns - 300 * MS])).tolist() == [machine.utc_ns - HOUR - 300 * MS]


@pytest.mark.parametrize("stamp", [0, -(2**63), 2**63 - 1, -5])
def test_stamps_that_are_nonsense_give_way_to_the_time_of_arrival(machine: Machine, stamp: int) -> None:
    machine.passes(SECOND)
    assert machine.steady(machine.utc_ns) == [START + SECOND]
    machine.passes(SECOND)
    assert machine.steady(machine.utc_ns - MS, stamp, machine.utc_ns)[1] == START + 2 * SECOND
    machine.passes(SPAN_NS)
    machine.steady(machine.utc_ns, stamp)
    machine.passes(2 * SPAN_NS)
    machine.steady(machine.utc_ns)
    machine.passes(2 * SPAN_NS)
    machine.steady(machine.utc_ns)
    machine.passes(MS)
    assert machine.steady(machine.utc_ns - MS) == [machine.utc_ns - MS]


def test_a_batch_half_before_and_half_after_a_step_comes_now_at_the_latest(machine: Machine) -> None:
    machine.passes(SECOND)
    machine.steady(machine.utc_ns)
    old = machine.utc_ns
    machine.utc_ns -= HOUR
    assert machine.steady(old - MS, machine.utc_ns) == [START + SECOND] * 2


def test_no_frame_comes_from_the_future(machine: Machine) -> None:
    """Two readings of two clocks differ a little; order and the present are kept."""
    machine.passes(SECOND)
    now = START + SECOND
    assert machine.steady(now - MS, now + MS) == [now - MS, now]


def test_a_reading_that_was_interrupted_is_no_step() -> None:
    """Between the two clocks the thread lost the processor for a second."""
    ticks = iter([5 * SECOND, 6 * SECOND, 7 * SECOND])
    clock = SteadyClock(lambda: START, lambda: next(ticks))
    assert clock.check() == 0
    assert clock.shift_ns == 0
