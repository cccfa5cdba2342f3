"""Batches of updates are built, cut and joined without losing what a float64 cannot hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker.updates import Updates
from tests.broker.reference import Row, cut, cuts, plain, rows_of, updates


@given(updates(objects=True), cuts)
def test_a_batch_that_was_cut_is_joined_to_the_same(rows: list[Row], lengths: list[int]) -> None:
    assert rows_of(Updates.concat(cut(rows, lengths))) == [plain(row) for row in rows]


@given(updates(objects=True), st.data())
def test_rows_are_selected_by_slice_mask_and_number(rows: list[Row], data: st.DataObject) -> None:
    batch = Updates.build(rows)
    expected = [plain(row) for row in rows]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool)
    assert rows_of(batch[mask]) == [row for row, keep in zip(expected, mask, strict=True) if keep]
    assert rows_of(batch[np.flatnonzero(mask)]) == rows_of(batch[mask])
    assert rows_of(batch[1:-1]) == expected[1:-1]


def test_an_empty_batch_has_columns_of_the_right_types() -> None:
    for batch in (Updates.build(()), Updates.concat([])):
        assert len(batch) == 0
        assert [column.dtype for column in (batch.signal, batch.t_ns, batch.value, batch.quality)] == [
            np.dtype(np.int32),
            np.dtype(np.int64),
            np.dtype(np.float64),
            np.dtype(np.uint8),
        ]
        assert batch.bound.count == 0


def test_one_batch_alone_is_not_copied() -> None:
    batch = Updates.build([(0, 1, 1.0, 0, None)])
    assert Updates.concat([batch]) is batch


def test_arrays_of_one_length_stay_arrays() -> None:
    batch = Updates.build([(0, 1, math.nan, 0, [1, 2]), (0, 2, math.nan, 0, [3, 4])])
    assert batch.objects is not None
    assert batch.objects.tolist() == [[1, 2], [3, 4]]
    assert Updates.build([(0, 1, 1.0, 0, None)]).objects is None


def test_the_kernels_view_is_made_once() -> None:
    batch = Updates.build([(0, 1, 1.0, 0, None)])
    assert batch.bound is batch.bound


def test_every_batch_has_its_own_place_for_encodings() -> None:
    batch = Updates.build([(0, 1, 1.0, 0, None)])
    batch.encoded["json"] = b"{}"
    assert not batch[:1].encoded


def test_columns_of_different_lengths_have_no_view() -> None:
    with pytest.raises(ValueError, match="of one length"):
        _ = Updates(np.zeros(1, np.int32), np.zeros(2, np.int64), np.zeros(1), np.zeros(1, np.uint8)).bound
