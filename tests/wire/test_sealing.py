"""Checksums of one message, frame by frame: the same as those of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.vehicles import load_vehicle
from commonwheel.wire.codec import seal
from commonwheel.wire.sealing import Sealer

if TYPE_CHECKING:
    from commonwheel.wire.tables import Tables

_CARS = ("honda/civic_touring_2016", "nissan/leaf_ze1", "mitsubishi/outlander_phev")
_SEALED = [
    (vehicle.tables, message.check, message.size)
    for vehicle in map(load_vehicle, _CARS)
    for message in vehicle.messages
    if message.check >= 0
]


@given(st.sampled_from(_SEALED), st.binary(min_size=64, max_size=64))
def test_a_frame_is_sealed_as_in_a_batch(sealed: tuple[Tables, int, int], content: bytes) -> None:
    tables, check, size = sealed
    data = np.zeros((1, 8 if size <= 8 else 64), np.uint8)
    data[0, :size] = np.frombuffer(content[:size], np.uint8)
    seal(tables, check, data, size)
    sealer = Sealer(tables, check, size)
    assert sealer(content[:size]) == data[0, :size].tobytes()


@pytest.mark.parametrize("size", [1, 5, 8, 20, 64])
def test_it_is_asked_for_one_size(size: int) -> None:
    tables, check, _ = _SEALED[0]
    sealer = Sealer(tables, check, size)
    with pytest.raises(ValueError, match=f"have {size} bytes, not {size + 1}"):
        sealer(bytes(size + 1))
    assert len(sealer(bytes(size))) == size


def test_there_is_none_of_what_is_not() -> None:
    tables, _, _ = _SEALED[0]
    with pytest.raises(ValueError, match="no checksum -1 of payloads of 8 bytes"):
        Sealer(tables, -1, 8)
    with pytest.raises(ValueError, match="no checksum 0 of payloads of 65 bytes"):
        Sealer(tables, 0, 65)
