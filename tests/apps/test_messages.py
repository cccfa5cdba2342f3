"""What a host and an app's process tell each other: whole in any pieces, and never more than a refusal for garbage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps.manifest import Manifest, Output
from commonwheel.apps.messages import (
    Asked,
    Ended,
    Feed,
    FromApp,
    Garbled,
    Jumped,
    LeftOut,
    Loaded,
    Outputs,
    Ping,
    Published,
    Raised,
    Refused,
    Reported,
    Running,
    Said,
    Taken,
    ToApp,
    Unpacker,
    columns_of,
    pack,
    pack_columns,
)

MESSAGES: list[FromApp] = [
    Loaded(Manifest(name="x", version="1", outputs={"n": Output("km")}), "x.py", ["memory"]),
    Running(),
    Taken(3),
    Outputs(5, {"n": 1.5, "text": None, "on": True, "word": "w"}),
    Reported(6, "seen", {"a": [1, {"b": None}]}),
    Said(7, "info", "täxt"),
    Published(8, {"Vehicle.Speed": 3.0}),
    Asked(1, "Vehicle.Speed", [1, 2]),
    Raised(9, "why"),
    LeftOut({"log lines": 4}),
    Ended(),
]


@given(st.lists(st.sampled_from(MESSAGES), max_size=8), st.lists(st.integers(1, 60), min_size=1))
def test_messages_come_whole_whatever_pieces_they_come_in(messages: list[FromApp], sizes: list[int]) -> None:
    data = b"".join(map(pack, messages))
    unpacker, found, at, turn = Unpacker(FromApp, 10_000), list[object](), 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += [message for message, _ in unpacker.feed(data[at : at + size])]
        at, turn = at + size, turn + 1
    assert found == messages


@given(st.binary(max_size=400), st.sampled_from(["before", "after", "alone"]))
def test_garbage_is_refused_and_nothing_else_happens(garbage: bytes, where: str) -> None:
    data = {"before": garbage + pack(Running()), "after": pack(Running()) + garbage, "alone": garbage}[where]
    found = list[object]()
    try:
        found += [message for message, _ in Unpacker(FromApp, 10_000).feed(data)]
    except Garbled as error:
        found.append(str(error))
    known = (*map(type, MESSAGES), Jumped, Refused, str)
    assert all(isinstance(one, known) for one in found)
    if where == "after":
        assert found[0] == Running() or isinstance(found[0], str)


@given(st.sampled_from(MESSAGES), st.data())
def test_damaged_messages_are_refused_or_read_as_another(message: FromApp, data: st.DataObject) -> None:
    packed = bytearray(pack(message))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        list(Unpacker(FromApp, 10_000).feed(bytes(packed)))
    except Garbled:
        return


def test_message_beyond_the_bound_is_refused_before_it_has_come() -> None:
    with pytest.raises(Garbled, match="10000 are the most"):
        list(Unpacker(FromApp, 10_000).feed(pack(Said(1, "info", "x" * 10_000))[:8]))


def test_what_is_for_the_other_side_is_garbage() -> None:
    with pytest.raises(Garbled):
        list(Unpacker(FromApp, 10_000).feed(pack(Ping(1))))
    assert list(Unpacker(ToApp, 10_000).feed(pack(Ping(1)))) == [(Ping(1), b"")]


@pytest.mark.parametrize("t_ns", [-1, 2**63, 2**64 - 1])
def test_time_that_no_column_holds_is_garbage(t_ns: int) -> None:
    for message in (Outputs(t_ns, {}), Reported(t_ns, "seen", {}), Said(t_ns, "info", ""), Published(t_ns, {})):
        with pytest.raises(Garbled):
            list(Unpacker(FromApp, 10_000).feed(pack(message)))


def test_messages_that_nest_without_end_are_refused() -> None:
    head = b"\x94\xa8reported\x01\xa1x" + b"\x81\xa1a" * 50_000 + b"\xc0"
    with pytest.raises(Garbled):
        list(Unpacker(FromApp, 10**6).feed(len(head).to_bytes(4, "little") + bytes(4) + head))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2**62), st.floats(), st.integers(0, 4)), max_size=50))
def test_columns_come_back_as_they_were(rows: list[tuple[int, int, float, int]]) -> None:
    signal = np.array([row[0] for row in rows], np.int32)
    t_ns = np.array([row[1] for row in rows], np.int64)
    value = np.array([row[2] for row in rows], np.float64)
    quality = np.array([row[3] for row in rows], np.uint8)
    message = pack(Feed(1, {}, 0, reconnected=False), pack_columns(signal, t_ns, value, quality))
    [(_, body)] = Unpacker(ToApp, 10_000).feed(message)
    for found, given_ in zip(columns_of(body), (signal, t_ns, value, quality), strict=True):
        assert np.array_equal(found, given_, equal_nan=found.dtype == np.float64)


@given(st.binary(max_size=100))
def test_a_body_of_another_length_is_no_columns(body: bytes) -> None:
    if len(body) % 21:
        with pytest.raises(Garbled):
            columns_of(body)
    else:
        assert len(columns_of(body)[0]) == len(body) // 21
