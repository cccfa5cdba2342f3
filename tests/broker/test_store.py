"""The store keeps the last update of every signal, and the end of its history, within its bounds."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.signals import SignalTable
from commonwheel.broker.store import History, Store
from commonwheel.broker.updates import Updates
from commonwheel.catalog import load_catalog
from commonwheel.vehicles.samples import Quality
from tests.broker.reference import SIGNALS, Row, cut, cuts, leaf, plain, rows_of, table_of, updates

EVER = (-(2**63), 2**63 - 1)
TABLE = table_of(*(leaf(f"S{i}", "float") for i in range(SIGNALS)))


def store(**bounds: float) -> Store:
    return Store(TABLE, History(**bounds))  # type: ignore[arg-type]


def one(*rows: tuple[int, float]) -> Updates:
    """Updates of signal 0."""
    return Updates.build((0, t_ns, value, 0, None) for t_ns, value in rows)


@given(updates(objects=True), cuts, st.integers(0, 7))
def test_what_is_current_and_what_was_are_the_last_rows(rows: list[Row], lengths: list[int], depth: int) -> None:
    """However the updates are cut, and whatever times they carry."""
    kept = store(depth=depth, seconds=math.inf)
    for batch in cut(rows, lengths):
        kept.put(batch)
    for number in range(SIGNALS):
        own = [plain(row) for row in rows if row[0] == number]
        now = rows_of(kept.snapshot([number]))[0]
        assert now == (own[-1] if own else (number, 0, None, Quality.MISSING, None))
        newest = own[-depth:] if depth else []
        inside = [row for row in newest if row[1] >= newest[-1][1] - 2**62 and row[1] < 2**63 - 1]
        assert rows_of(kept.history(number, *EVER)) == inside


@given(st.lists(st.integers(-20, 20), max_size=30), st.integers(-20, 20), st.integers(0, 20), st.integers(0, 5))
def test_history_is_asked_for_by_time(times: list[int], start: int, length: int, most: int) -> None:
    kept = store(depth=100, seconds=math.inf)
    kept.put(one(*((t, 1.0) for t in times)))
    inside = [t for t in times if start <= t < start + length]
    assert kept.history(0, start, start + length).t_ns.tolist() == inside
    assert kept.history(0, start, start + length, most).t_ns.tolist() == (inside[-most:] if most else [])


def test_history_ends_some_time_before_the_newest_update() -> None:
    kept = store(depth=10, seconds=1e-9 * 5)
    kept.put(one(*((t, 1.0) for t in (10, 11, 15, 17, 18))))
    assert kept.history(0, *EVER).t_ns.tolist() == [15, 17, 18]


def test_an_update_with_an_older_time_is_the_newer_one() -> None:
    """The clock was set back: what arrived last counts, and history keeps the order of arrival."""
    kept = store(depth=10, seconds=1000)
    kept.put(one((3600 * 10**9, 1.0), (5, 2.0)))
    assert kept.reading(0).value == 2.0
    assert kept.reading(0).t_ns == 5
    assert kept.history(0, *EVER).value.tolist() == [1.0, 2.0]


def test_a_signal_without_a_value_is_missing() -> None:
    assert store().reading(1) == (None, Quality.MISSING, 0)
    assert not len(store().history(1, *EVER))


def test_nothing_of_a_bad_batch_is_kept() -> None:
    kept = store()
    good = [(0, 1, 1.0, 0, None), (1, 1, 1.0, 0, None)]
    for bad, reason in (
        ((-1, 1, 1.0, 0, None), Reason.UNKNOWN_SIGNAL),
        ((SIGNALS, 1, 1.0, 0, None), Reason.UNKNOWN_SIGNAL),
        ((1, 1, 1.0, 5, None), Reason.INVALID),
    ):
        with pytest.raises(BrokerError) as caught:
            kept.put(Updates.build([*good, bad]))
        assert caught.value.reason is reason
    assert kept.snapshot(range(SIGNALS)).quality.tolist() == [Quality.MISSING] * SIGNALS


def test_columns_that_do_not_fit_each_other_are_refused() -> None:
    signal, t_ns, value, quality = np.zeros(2, np.int32), np.zeros(2, np.int64), np.zeros(2), np.zeros(2, np.uint8)
    for batch in (
        Updates(signal, t_ns[:1], value, quality),
        Updates(signal, t_ns, np.zeros((2, 1)), quality),
        Updates(signal, t_ns, value, quality, np.full(1, None, object)),
    ):
        with pytest.raises(BrokerError) as caught:
            store().put(batch)
        assert caught.value.reason is Reason.INVALID


def test_columns_of_any_layout_are_taken() -> None:
    """Views with steps, other types and read-only memory are as good as new arrays."""
    kept = store()
    value = np.arange(8.0)
    value.flags.writeable = False
    kept.put(Updates(np.zeros(4, np.int64), np.arange(8)[::2], value[::2], np.zeros(4, np.int8)))  # type: ignore[arg-type]
    assert kept.history(0, *EVER).value.tolist() == [0, 2, 4, 6]
    assert kept.history(0, *EVER).t_ns.tolist() == [0, 2, 4, 6]


def test_only_the_owner_gives_a_signal_its_value() -> None:
    owners = np.array([1, 1, 2, 0], np.int32)
    kept = Store(TABLE, History(), owners)
    kept.put(Updates.build([(0, 1, 1.0, 0, None), (1, 1, 1.0, 0, None)]), 1)
    with pytest.raises(BrokerError, match="S2 was not claimed") as caught:
        kept.put(Updates.build([(0, 1, 9.0, 0, None), (2, 1, 9.0, 0, None)]), 1)
    assert caught.value.reason is Reason.NOT_CLAIMED
    assert kept.reading(0).value == 1.0
    owners[2] = 1
    kept.put(Updates.build([(2, 1, 9.0, 0, None)]), 1)


def test_texts_and_arrays_are_kept_with_their_times() -> None:
    texts = table_of(leaf("A", "string"), leaf("B", "string[]"))
    kept = Store(texts, History(depth=3))
    for t_ns, text in enumerate("abcde"):
        kept.put(Updates.build([(0, t_ns, math.nan, 0, text), (1, t_ns, math.nan, 0, [text, text])]))
    assert kept.reading(0).value == "e"
    assert kept.reading(1).value == ["e", "e"]
    past = kept.history(1, *EVER, 2)
    assert past.t_ns.tolist() == [3, 4]
    assert past.objects is not None
    assert past.objects.tolist() == [["d", "d"], ["e", "e"]]


def test_a_reader_cannot_change_the_array_that_is_kept() -> None:
    kept = Store(table_of(leaf("B", "uint8[]")), History())
    kept.put(Updates.build([(0, 1, math.nan, 0, [1, 2])]))
    value = kept.reading(0).value
    assert isinstance(value, list)
    value.clear()
    assert kept.reading(0).value == [1, 2]


def test_a_text_is_gone_when_there_is_no_value_any_more() -> None:
    kept = Store(table_of(leaf("A", "string")), History())
    kept.put(Updates.build([(0, 1, math.nan, 0, "a")]))
    kept.put(Updates.build([(0, 2, math.nan, 2, None)]))
    assert kept.reading(0) == (None, Quality.INVALID, 2)
    assert rows_of(kept.history(0, *EVER)) == [(0, 1, None, 0, "a"), (0, 2, None, 2, None)]


def test_history_of_texts_is_bounded_in_bytes() -> None:
    kept = Store(table_of(leaf("A", "string")), History(depth=1000, object_bytes=100_000))
    for t_ns in range(100):
        kept.put(Updates.build([(0, t_ns, math.nan, 0, chr(65 + t_ns % 26) * 30_000)]))
    past = kept.history(0, *EVER)
    assert past.t_ns.tolist() == [97, 98, 99]
    assert past.objects is not None
    assert all(len(text) == 30_000 for text in past.objects)
    kept.put(Updates.build([(0, 100, math.nan, 0, "x" * 200_000)]))
    assert kept.history(0, *EVER).t_ns.tolist() == [100]


def test_memory_does_not_grow_with_what_is_published() -> None:
    kept = store(depth=100)
    batch = Updates.build((i % SIGNALS, i, 1.0, 0, None) for i in range(1000))
    kept.put(batch)
    tracemalloc.start()
    try:
        for _ in range(100):
            kept.put(batch)
        grown, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 10_000


def test_the_shipped_catalog_takes_at_most_twenty_five_megabytes() -> None:
    """Full history of every signal; what was never written costs no memory on systems that hand it out when used."""
    kept = Store(SignalTable(load_catalog()), History())
    assert kept.nbytes < 25_000_000


@pytest.mark.parametrize("bounds", [{"depth": -1}, {"seconds": -1.0}, {"seconds": math.nan}])
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(BrokerError) as caught:
        store(**bounds)
    assert caught.value.reason is Reason.INVALID


def test_signals_become_stale_once() -> None:
    kept = store()
    kept.put(Updates.build([(0, 1, 1.5, 0, None), (1, 1, 2.5, 1, None), (2, 1, 3.5, 3, None)]))
    assert rows_of(kept.stale(range(SIGNALS), 9)) == [(0, 9, 1.5, 1, None), (2, 9, 3.5, 1, None)]
    assert kept.reading(0).quality is Quality.GOOD
