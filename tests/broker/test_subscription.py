"""A reader's queue keeps its bounds, counts what it loses, and wakes its reader when there is something, always."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter
from commonwheel.broker.subscription import Overflow, Queue, Subscription, Taken
from commonwheel.broker.updates import Updates
from tests.broker.reference import SIGNALS, Row, cut, cuts, plain, rows_of, updates

WAIT_S = 30.0


def batch(first: int, count: int, signal: int = 0) -> Updates:
    """Updates whose values count on."""
    return Updates.build((signal, i, float(i), 0, None) for i in range(first, first + count))


def reader(overflow: Overflow = Overflow.NEWEST, *, batches: int = 1000, updates: int = 100_000) -> Subscription:
    queue = Queue(batches, updates, overflow)
    return Subscription(range(SIGNALS), SIGNALS, Filter(), queue, lambda: None)


def values(taken: Taken) -> list[float]:
    return [value for part in taken.batches for value in part.value.tolist()]


def test_what_is_put_in_is_taken_out_in_order() -> None:
    queue = reader()
    one, two = batch(0, 2), batch(2, 1)
    queue.put(one)
    queue.put(two)
    taken = queue.take()
    assert taken.batches == [one, two]  # the very same objects
    assert (taken.dropped, taken.numbers) == (0, [0, 2])
    assert (queue.depth, queue.delivered, queue.offered) == (0, 3, 3)
    assert queue.take() == Taken([], 0, [])


def test_newest_wins() -> None:
    queue = reader(Overflow.NEWEST, updates=5)
    for first in (0, 2, 4):
        queue.put(batch(first, 2))
    taken = queue.take()
    assert (values(taken), taken.dropped, taken.numbers) == ([2, 3, 4, 5], 2, [2, 4])


def test_newest_wins_within_one_batch() -> None:
    queue = reader(Overflow.NEWEST, updates=5)
    queue.put(batch(0, 3))
    queue.put(batch(3, 8))
    taken = queue.take()
    assert (values(taken), taken.dropped, taken.numbers) == ([6, 7, 8, 9, 10], 6, [6])


def test_newest_wins_by_the_number_of_batches() -> None:
    queue = reader(Overflow.NEWEST, batches=2)
    for first in range(4):
        queue.put(batch(first, 1))
    taken = queue.take()
    assert (values(taken), taken.dropped, taken.numbers) == ([2, 3], 2, [2, 3])


def test_oldest_are_kept() -> None:
    queue = reader(Overflow.OLDEST, updates=5)
    for first in (0, 2, 4, 6):
        queue.put(batch(first, 2))
    taken = queue.take()
    assert (values(taken), taken.dropped, taken.numbers) == ([0, 1, 2, 3, 4], 3, [0, 2, 4])
    queue.put(batch(8, 1))
    assert queue.take().numbers == [8]  # the gap is seen: the batch before ended at 5


def test_oldest_are_kept_by_the_number_of_batches() -> None:
    queue = reader(Overflow.OLDEST, batches=2)
    for first in range(4):
        queue.put(batch(first, 1))
    taken = queue.take()
    assert (values(taken), taken.dropped) == ([0, 1], 2)


def test_only_the_latest_of_each_signal_waits() -> None:
    queue = reader(Overflow.LATEST)
    queue.put(batch(0, 2, signal=0))
    queue.put(Updates.build([(1, 10, 10.0, 0, None), (0, 11, 11.0, 1, None)]))
    queue.put(Updates.build([(2, 12, math.nan, 0, "a"), (1, 13, 13.0, 0, None)]))
    assert queue.depth == 3
    taken = queue.take()
    assert taken.dropped == 3
    assert taken.numbers == [3]
    assert rows_of(taken.batches[0]) == [(0, 11, 11.0, 1, None), (2, 12, None, 0, "a"), (1, 13, 13.0, 0, None)]
    assert (queue.depth, queue.delivered, queue.dropped) == (0, 3, 3)


def test_a_reader_of_the_latest_that_keeps_up_gets_what_was_published() -> None:
    queue = reader(Overflow.LATEST)
    for first in range(3):
        one = batch(first, 2)
        queue.put(one)
        taken = queue.take()
        assert taken.batches[0] is one
        assert taken.numbers == [2 * first]
    assert queue.dropped == 0


def test_losses_are_told_once_and_to_who_lost() -> None:
    slow, quick = reader(updates=1), reader()
    for first in range(3):
        slow.put(batch(first, 1))
        quick.put(batch(first, 1))
    assert slow.take().dropped == 2
    assert slow.take().dropped == 0
    assert slow.dropped == 2
    assert quick.take().dropped == 0


@given(
    st.sampled_from(list(Overflow)),
    st.integers(1, 5),
    st.integers(1, 12),
    st.lists(st.one_of(st.integers(1, 9), st.sampled_from([-1, -2, 0])), max_size=40),
)
def test_nothing_is_lost_without_being_counted(overflow: Overflow, batches: int, most: int, plan: list[int]) -> None:
    """Puts (of so many updates) and takes (0 everything, else so many batches), in any order."""
    queue = reader(overflow, batches=batches, updates=most)
    put = 0
    seen: list[int] = []
    dropped = 0
    for step in [*plan, 0]:
        if step > 0:
            queue.put(batch(put, step, signal=put % SIGNALS))
            put += step
            if overflow is Overflow.LATEST:
                assert queue.depth <= max(SIGNALS, 9)
            else:
                assert queue.depth <= most
            continue
        taken = queue.take(-step if step else None)
        assert overflow is Overflow.LATEST or len(taken.batches) <= batches
        dropped += taken.dropped
        for part, number in zip(taken.batches, taken.numbers, strict=True):
            if overflow is not Overflow.LATEST:
                assert part.t_ns.tolist() == list(range(number, number + len(part)))
            seen.extend(part.t_ns.tolist())
        assert queue.offered == put == queue.delivered + queue.dropped + queue.depth
    assert len(seen) + dropped == put
    assert seen == sorted(set(seen))


@given(updates(objects=True), cuts)
def test_the_latest_are_those_of_plain_python(rows: list[Row], lengths: list[int]) -> None:
    queue = reader(Overflow.LATEST)
    for part in cut(rows, lengths):
        queue.put(part)
    taken = queue.take()
    parts = [part for part in cut(rows, lengths) if len(part)]
    if len(parts) > 1:  # else it is handed on as it is
        last: dict[int, Row] = {}
        for row in rows:
            last.pop(row[0], None)
            last[row[0]] = plain(row)
        assert rows_of(Updates.concat(taken.batches)) == list(last.values())
        assert taken.dropped == len(rows) - len(last)


@pytest.mark.parametrize("queue", [Queue(0), Queue(updates=0), Queue(-1, -1)])
def test_a_queue_that_nothing_fits_in_is_refused(queue: Queue) -> None:
    with pytest.raises(BrokerError) as caught:
        Subscription([0], 1, Filter(), queue, lambda: None)
    assert caught.value.reason is Reason.INVALID


def test_its_reader_is_to_be_woken_when_it_was_empty_only() -> None:
    queue = reader()
    assert queue.put(batch(0, 1))
    assert not queue.put(batch(1, 1))
    queue.take()
    assert queue.put(batch(2, 1))
    assert not queue.put(batch(0, 0))


def test_a_reader_that_leaves_something_is_woken_again() -> None:
    woken: list[int] = []
    queue = Subscription([0], 1, Filter(), Queue(), lambda: woken.append(1))
    for first in range(3):
        queue.put(batch(first, 1))
    queue.take(2)
    assert len(woken) == 1
    queue.take(2)
    assert len(woken) == 1


def test_an_ended_subscription_gives_what_waits_and_then_says_why() -> None:
    woken: list[int] = []
    queue = Subscription([0], 1, Filter(), Queue(), lambda: woken.append(1))
    queue.put(batch(0, 1))
    queue.close(BrokerError(Reason.EXPIRED, "the token has expired"))
    assert len(woken) == 1
    assert not queue.put(batch(1, 1))
    assert values(queue.take()) == [0]
    assert len(woken) == 2  # else its reader would wait for ever
    with pytest.raises(BrokerError, match="the token has expired"):
        queue.take()
    queue.close()
    with pytest.raises(BrokerError, match="the token has expired"):
        queue.take()


def test_what_a_reader_raises_is_returned_to_who_wakes_it() -> None:
    fault = RuntimeError("its loop is closed")

    def fail() -> None:
        raise fault

    assert Subscription([0], 1, Filter(), Queue(), fail).wake() is fault
    assert reader().wake() is None


@pytest.mark.parametrize("overflow", list(Overflow))
def test_no_update_and_no_waking_is_lost_between_threads(overflow: Overflow) -> None:
    """Two publishers and one reader that waits only to be woken; it sees everything or is told what is missing."""
    each, step = 3000, 3
    ready = threading.Event()
    queue = Subscription(range(SIGNALS), SIGNALS, Filter(), Queue(20, 50, overflow), ready.set)
    lock = threading.Lock()

    def publish(signal: int) -> None:
        for first in range(0, each, step):
            with lock:  # the broker's
                if queue.put(batch(first, step, signal)):
                    queue.wake()

    publishers = [threading.Thread(target=publish, args=(signal,)) for signal in (0, 1)]
    last = {0: -1, 1: -1}
    seen = dropped = 0
    for thread in publishers:
        thread.start()
    while seen + dropped < 2 * each:
        assert ready.wait(WAIT_S), "the reader was not woken"
        ready.clear()
        taken = queue.take(7)
        dropped += taken.dropped
        for part in taken.batches:
            seen += len(part)
            for signal in (0, 1):
                own = part.t_ns[part.signal == signal]
                assert not len(own) or (own[0] > last[signal] and (np.diff(own) > 0).all())
                last[signal] = int(own[-1]) if len(own) else last[signal]
    for thread in publishers:
        thread.join()
    assert queue.offered == 2 * each
    assert queue.dropped == dropped


def test_few_updates_go_over_many_that_wait() -> None:
    signals = 10_000
    queue = Subscription(range(signals), signals, Filter(), Queue(overflow=Overflow.LATEST), lambda: None)
    everything = Updates.build((i, 0, 0.0, 0, None) for i in range(signals))
    queue.put(everything)
    queue.put(everything)
    for i in range(1000):
        queue.put(Updates.build([(i, 1, 1.0, 0, None)]))
        assert queue.depth == signals
    taken = queue.take()
    assert taken.batches[0].value.sum() == 1000
    assert taken.dropped == signals + 1000
