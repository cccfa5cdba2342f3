"""The broker keeps what providers publish and hands on to each reader what it asked for, and nothing else."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.broker import Broker, BrokerError, Filter, Overflow, Provider, Queue, Reason, Subscription, Updates
from commonwheel.broker.filters import Boundary, Change, Compare, Curvelog
from commonwheel.broker.store import History
from commonwheel.catalog import Kind, load_catalog
from commonwheel.vehicles.samples import Quality
from tests.broker.reference import Reference, Row, catalog_of, leaf, plain, rows_of, rules, updates

WAIT_S = 30.0
COUNT = 4


def broker_of(count: int = COUNT, **bounds: int) -> tuple[Broker, Provider]:
    """A broker of float signals, and the provider of all of them."""
    broker = Broker(catalog_of(*(leaf(f"S{i:04}") for i in range(count))), history=History(**bounds))
    provider = broker.provider("a test")
    provider.claim(range(count))
    return broker, provider


def batch(*rows: tuple[int, float], t_ns: int = 1) -> Updates:
    return Updates.build((number, t_ns, value, 0, None) for number, value in rows)


def taken(reader: Subscription) -> list[Row]:
    return [row for part in reader.take().batches for row in rows_of(part)]


# ---- the first state and what follows -------------------------------------------------------------------------------


def test_a_reader_begins_with_what_is_current() -> None:
    broker, provider = broker_of()
    provider.publish(batch((0, 1.5)))
    reader = broker.subscribe([1, 0, 1])
    provider.publish(batch((0, 2.5), (2, 9.0)))
    assert taken(reader) == [(1, 0, None, 4, None), (0, 1, 1.5, 0, None), (0, 1, 2.5, 0, None)]


def test_a_reader_may_begin_with_what_follows() -> None:
    broker, provider = broker_of()
    provider.publish(batch((0, 1.5)))
    reader = broker.subscribe([0], initial=False)
    assert not reader.depth
    provider.publish(batch((0, 2.5)))
    assert [row[2] for row in taken(reader)] == [2.5]


def test_the_first_state_and_the_updates_have_no_gap_and_nothing_twice() -> None:
    """Readers come while another thread publishes: each sees every value from its first on, once."""
    broker, provider = broker_of()
    stop = threading.Event()

    def publish() -> None:
        value = 0
        while not stop.is_set():
            value += 1
            provider.publish(batch((0, float(value)), (1, float(value))))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        for _ in range(200):
            reader = broker.subscribe([0], queue=Queue(10**6, 10**6))
            deadline = time.monotonic() + WAIT_S
            while reader.depth < 5:
                assert time.monotonic() < deadline
                time.sleep(0)
            broker.unsubscribe(reader)
            values = [-1.0 if row[2] is None else row[2] for row in taken(reader)]
            first = values[0] if values[0] > 0 else values[1] - 1
            assert values[1:] == [first + 1 + i for i in range(len(values) - 1)]
    finally:
        stop.set()
        thread.join()


# ---- who gets what --------------------------------------------------------------------------------------------------


def test_readers_of_the_same_signals_share_one_batch() -> None:
    broker, provider = broker_of()
    one, two = (broker.subscribe([0, 1], initial=False) for _ in range(2))
    other = broker.subscribe([1, 0], initial=False)
    everything = broker.subscribe(range(COUNT), initial=False)
    published = batch((0, 1.0), (2, 2.0), (1, 3.0))
    provider.publish(published)
    (part,) = one.take().batches
    assert rows_of(part) == rows_of(published)[::2]
    assert two.take().batches[0] is part
    assert other.take().batches[0] is part
    assert everything.take().batches[0] is published


def test_a_reader_that_wants_nothing_of_a_batch_is_left_alone() -> None:
    broker, provider = broker_of()
    woken: list[int] = []
    reader = broker.subscribe([3], wake=lambda: woken.append(1), initial=False)
    provider.publish(batch((0, 1.0), (1, 1.0)))
    assert (reader.offered, woken) == (0, [])


@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, COUNT - 1)).map(sorted), st.none() | rules, st.booleans()),
        max_size=6,
    ),
    st.lists(updates(objects=False, signals=COUNT), max_size=5),
    st.data(),
)
@settings(max_examples=50)
def test_each_reader_gets_its_signals_through_its_filter(
    wanted: list[tuple[list[int], Filter | None, bool]], parts: list[list[Row]], data: st.DataObject
) -> None:
    """Readers come, and some go, between batches."""
    broker, provider = broker_of()
    readers: list[tuple[Subscription, Reference, list[int], list[Row]]] = []
    for rows in parts:
        if wanted and data.draw(st.booleans()):
            signals, rule, initial = wanted.pop()
            expected: list[Row] = []
            reference = Reference(rule or Filter())
            if initial:
                expected = [row for row in rows_of(broker.snapshot(signals)) if reference.passes(back(row))]
            readers.append((broker.subscribe(signals, rule=rule, initial=initial), reference, signals, expected))
        if readers and data.draw(st.integers(0, 3)) == 0:
            reader, _, _, expected = readers.pop(0)
            broker.unsubscribe(reader)
            assert (taken(reader) if reader.depth else []) == expected
        provider.publish(Updates.build(rows))
        for _, reference, signals, expected in readers:
            expected.extend(plain(row) for row in rows if row[0] in signals and reference.passes(row))
    for reader, _, _, expected in readers:
        assert taken(reader) == expected
    assert len(broker.readers) == len(readers)


def back(row: Row) -> Row:
    return (row[0], row[1], math.nan if row[2] is None else row[2], row[3], row[4])


def test_hundreds_of_readers_of_different_signals_come_and_go() -> None:
    count = 300
    broker, provider = broker_of(count)
    readers = [broker.subscribe([i, (i + 1) % count], initial=False) for i in range(count)]
    for reader in readers[::2]:
        broker.unsubscribe(reader)
    readers[::2] = [broker.subscribe([i], initial=False) for i in range(0, count, 2)]
    provider.publish(batch(*((i, float(i)) for i in range(count))))
    for i, reader in enumerate(readers):
        expected = {i} if i % 2 == 0 else {i, (i + 1) % count}
        assert {row[0] for row in taken(reader)} == expected
        broker.unsubscribe(reader)
    assert broker.readers == ()
    assert broker.totals()["delivered"] == count + count // 2


def test_filters_are_each_readers_own() -> None:
    broker, provider = broker_of()
    high = broker.subscribe([0], rule=Filter(within=(Boundary(Compare.GT, 5),)), initial=False)
    rising = broker.subscribe([0], rule=Filter(change=Change(Compare.GT, 2)), initial=False)
    for value in (1.0, 6.0, 4.0, 7.0):
        provider.publish(batch((0, value)))
    assert [row[2] for row in taken(high)] == [6.0, 7.0]
    assert [row[2] for row in taken(rising)] == [1.0, 6.0, 7.0]


# ---- curves ---------------------------------------------------------------------------------------------------------


def test_what_is_left_of_a_curve_comes_at_its_end() -> None:
    broker, provider = broker_of()
    reader = broker.subscribe([0], rule=Filter(curvelog=Curvelog(0.1, 100)), initial=False)
    for t_ns, value in enumerate((0.0, 1.0, 2.0, 0.0)):
        provider.publish(batch((0, value), t_ns=t_ns))
    assert [row[2] for row in taken(reader)] == [0.0]
    broker.unsubscribe(reader)
    assert [row[2] for row in taken(reader)] == [2.0, 0.0]
    with pytest.raises(BrokerError) as caught:
        reader.take()
    assert caught.value.reason is Reason.CLOSED


def test_a_tick_hands_on_what_waits_too_long() -> None:
    broker, provider = broker_of()
    woken: list[int] = []
    rule = Filter(curvelog=Curvelog(0.1, 100, max_age_s=1e-9))
    reader = broker.subscribe([0], rule=rule, initial=False, wake=lambda: woken.append(1))
    provider.publish(batch((0, 1.0), (0, 1.0)))
    reader.take()
    woken.clear()
    deadline = time.monotonic() + WAIT_S
    while not woken:
        assert time.monotonic() < deadline
        broker.tick()
    assert [row[2] for row in taken(reader)] == [1.0]


# ---- readers that fail ----------------------------------------------------------------------------------------------


def test_a_reader_that_cannot_be_woken_harms_nobody_and_is_let_go() -> None:
    broker, provider = broker_of()
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        if len(calls) > 1:
            message = "its loop is closed"
            raise RuntimeError(message)

    bad = broker.subscribe([0], wake=fail)
    bad.take()
    good = broker.subscribe([0], initial=False)
    provider.publish(batch((0, 1.0)))
    provider.publish(batch((0, 2.0)))
    assert [row[2] for row in taken(good)] == [1.0, 2.0]
    assert broker.readers == (good,)
    assert [event.kind for event in broker.events.last(1)] == ["reader.failed"]
    assert taken(bad) == [(0, 1, 1.0, 0, None)]
    with pytest.raises(BrokerError, match="RuntimeError: its loop is closed"):
        bad.take()


def test_what_a_reader_publishes_when_woken_comes_behind_for_everybody() -> None:
    """Nobody sees the answer before the question."""
    broker, provider = broker_of()
    first = broker.subscribe([0, 1], initial=False, wake=lambda: provider.publish(batch((1, 1.0))) and None)
    second = broker.subscribe([0, 1], initial=False)
    provider.publish(batch((0, 1.0)))
    assert [row[0] for row in taken(first)] == [0, 1]
    assert [row[0] for row in taken(second)] == [0, 1]


def test_a_reader_that_stops_reading_costs_itself_only() -> None:
    broker, provider = broker_of()
    slow = broker.subscribe([0], initial=False, queue=Queue(updates=10))
    latest = broker.subscribe([0], initial=False, queue=Queue(overflow=Overflow.LATEST))
    quick = broker.subscribe([0], initial=False)
    got = 0
    for i in range(1000):
        provider.publish(batch((0, float(i))))
        got += len(taken(quick))
    assert (got, quick.dropped) == (1000, 0)
    assert (slow.depth, slow.dropped) == (10, 990)
    assert [row[2] for row in taken(latest)] == [999.0]


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [-1, COUNT, 10**9])
def test_signals_that_are_none_are_refused_everywhere(number: int) -> None:
    broker, provider = broker_of()
    for call in (
        lambda: broker.get(number),
        lambda: broker.target(number),
        lambda: broker.snapshot([0, number]),
        lambda: broker.history(number),
        lambda: broker.subscribe([0, number]),
        lambda: provider.publish(batch((0, 1.0), (number, 1.0))),
    ):
        with pytest.raises(BrokerError) as caught:
            call()
        assert caught.value.reason is Reason.UNKNOWN_SIGNAL
    assert broker.get(0).value is None
    assert broker.readers == ()


def test_a_batch_with_a_signal_of_somebody_else_is_refused_as_a_whole() -> None:
    broker, provider = broker_of()
    other = broker.provider("another")
    reader = broker.subscribe([0], initial=False)
    with pytest.raises(BrokerError) as caught:
        other.publish(batch((0, 1.0)))
    assert caught.value.reason is Reason.NOT_CLAIMED
    provider.close()
    with pytest.raises(BrokerError) as caught:
        provider.publish(batch((0, 1.0)))
    assert caught.value.reason is Reason.CLOSED
    assert (reader.offered, broker.published) == (0, 0)


def test_bad_filters_and_queues_leave_nothing_behind() -> None:
    broker, _ = broker_of()
    with pytest.raises(BrokerError):
        broker.subscribe([0], rule=Filter(deadband=-1))
    with pytest.raises(BrokerError):
        broker.subscribe([0], queue=Queue(0))
    assert broker.readers == ()


# ---- values, history, targets ---------------------------------------------------------------------------------------


def test_values_are_checked_and_the_good_ones_taken() -> None:
    broker = Broker(catalog_of(leaf("A", "uint8"), leaf("B", "string"), leaf("C", "float", maximum=5.0)))
    reader = broker.subscribe([0, 1, 2], initial=False)
    faults = broker.publish_values({0: 7, 1: 8, 2: 9.0, 5: 1}, t_ns=3)
    assert {number: fault.reason for number, fault in faults.items()} == {
        1: Reason.WRONG_TYPE,
        2: Reason.OUT_OF_RANGE,
        5: Reason.UNKNOWN_SIGNAL,
    }
    assert broker.get(0) == (7, Quality.GOOD, 3)
    assert taken(reader) == [(0, 3, 7.0, 0, None)]
    assert not broker.publish_values({1: "text", 2: None}, t_ns=4)
    assert broker.get(1).value == "text"
    assert broker.get(2) == (None, Quality.INVALID, 4)


def test_history_is_kept_per_signal() -> None:
    broker, provider = broker_of(depth=3)
    for t_ns in range(5):
        provider.publish(batch((0, float(t_ns)), t_ns=t_ns))
    provider.publish(batch((1, 7.0), t_ns=9))
    assert broker.history(0).value.tolist() == [2.0, 3.0, 4.0]
    assert broker.history(0, 3).value.tolist() == [3.0, 4.0]
    assert broker.history(0, 0, 4, most=1).value.tolist() == [3.0]
    assert broker.history(1).value.tolist() == [7.0]
    assert not len(broker.history(2))


def test_attributes_take_the_catalogs_value_when_asked_to_and_without_one() -> None:
    broker = Broker(
        catalog_of(
            leaf("A", "string", kind=Kind.ATTRIBUTE, default="x"),
            leaf("B", "uint8[]", kind=Kind.ATTRIBUTE, default=[1, 2]),
            leaf("C", "uint8", kind=Kind.ATTRIBUTE, default="not a number"),
            leaf("D", "uint8", kind=Kind.ATTRIBUTE, default=4),
            leaf("E", "uint8", default=4),
        )
    )
    assert not broker.publish_values({3: 5})
    assert broker.get(0).quality is Quality.MISSING
    broker.assume_defaults()
    assert [broker.get(number).good for number in range(5)] == ["x", [1, 2], None, 5, None]
    assert broker.get(2).quality is Quality.MISSING


def test_the_catalogs_own_version_is_there_from_the_beginning() -> None:
    broker = Broker(load_catalog())
    assert broker.get(broker.table.number("Vehicle.VersionVSS.Major")).good == 6
    assert broker.get(broker.table.number("Vehicle.Height")).quality is Quality.MISSING


def test_readers_of_targets_hear_of_targets_only() -> None:
    broker = Broker(catalog_of(leaf("A", "uint8", kind=Kind.ACTUATOR)))
    values, targets = broker.subscribe([0], initial=False), broker.subscribe([0], initial=False, targets=True)
    broker.actuate({0: 5}, "a test", need_provider=False)
    broker.publish_values({0: 4})
    assert [row[2] for row in taken(targets)] == [5.0]
    assert [row[2] for row in taken(values)] == [4.0]
    assert (broker.target(0).value, broker.get(0).value) == (5, 4)
    broker.unsubscribe(targets)
    broker.unsubscribe(values)
    assert broker.readers == ()


def test_every_signal_of_the_shipped_catalog_can_be_subscribed_to() -> None:
    broker = Broker(load_catalog())
    reader = broker.subscribe(range(len(broker.table)))
    (first,) = reader.take().batches
    assert len(first) == len(broker.table)
    assert set(np.unique(first.quality).tolist()) <= {Quality.GOOD, Quality.MISSING}
