"""The gateway's time: nothing grows old or stays young because somebody set the clock."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.gateway.clock import OLDEST_NS, SteadyClock

MS = 1_000_000
SECOND = 1000 * MS
HOUR = 3600 * SECOND
START = 1_700_000_000 * SECOND


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.utc_ns, self.monotonic_ns = START, 5 * SECOND
        self.clock = SteadyClock(lambda: self.utc_ns, lambda: self.monotonic_ns)

    def passes(self, ns: int) -> None:
        self.utc_ns += ns
        self.monotonic_ns += ns

    def steady(self, *stamps: int) -> list[int]:
        return self.clock.steady(np.array(stamps, np.int64)).tolist()

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
    machine.utc_ns += step
    assert machine.steady(machine.utc_ns - MS) == [START + SECOND - MS]
    assert machine.clock.shift_ns == step


@pytest.mark.parametrize("stamp", [0, 12 * SECOND, START - HOUR, START + HOUR, -5, 2**62])
def test_stamps_of_another_clock_give_way_to_the_time_of_arrival(machine: Machine, stamp: int) -> None:
    machine.passes(SECOND)
    assert machine.steady(stamp, stamp + MS) == [START + SECOND] * 2
    assert machine.clock.steps == 0


def test_a_batch_half_before_and_half_after_a_step_arrives_now(machine: Machine) -> None:
    machine.passes(SECOND)
    old = machine.utc_ns
    machine.utc_ns += HOUR
    assert machine.steady(old - MS, machine.utc_ns) == [START + SECOND] * 2


def test_no_frame_comes_from_the_future(machine: Machine) -> None:
    """Two readings of two clocks differ a little; order and the present are kept."""
    machine.passes(SECOND)
    now = START + SECOND
    assert machine.steady(now - MS, now + MS) == [now - MS, now]


def test_frames_that_waited_long_are_as_old_as_they_are(machine: Machine) -> None:
    machine.passes(10 * SECOND)
    now = START + 10 * SECOND
    assert machine.steady(now - OLDEST_NS, now) == [now - OLDEST_NS, now]


def test_a_reading_that_was_interrupted_is_no_step() -> None:
    """Between the two clocks the thread lost the processor for a second."""
    ticks = iter([5 * SECOND, 6 * SECOND, 7 * SECOND])
    clock = SteadyClock(lambda: START, lambda: next(ticks))
    assert clock.check() == 0
    assert clock.shift_ns == 0
