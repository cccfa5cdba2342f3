"""Linux' CAN sockets, read in bulk; here a pair of local sockets carries the same structures."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from commonwheel.broker import Broker
from commonwheel.catalog import load_catalog
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.opening import open_port
from commonwheel.gateway.port import MOST_FRAMES, Outlet
from commonwheel.gateway.socketcan import SocketCanOutlet, SocketCanPort, can_read, open_socket
from commonwheel.gateway.sources import BusSource
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG, Frames
from tests.gateway.kit import SPEED, small_car, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux' own sockets")
SOON = 0.02


def classic(can_id: int, data: bytes, *, size: int | None = None) -> bytes:
    return struct.pack("<IBxxx8s", can_id, len(data) if size is None else size, data)


def fd(can_id: int, data: bytes, *, size: int | None = None) -> bytes:
    return struct.pack("<IBBxx64s", can_id, len(data) if size is None else size, 4, data)


class Pair:
    """A bus: what is put in at one end is read at the other."""

    def __init__(self) -> None:
        here, self.there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.clock = SteadyClock()
        self.port = SocketCanOutlet(here, 3, self.clock)

    def put(self, *structures: bytes) -> None:
        for structure in structures:
            self.there.send(structure)

    def read(self) -> Frames:
        frames = self.port.read(1.0)
        assert frames is not None
        return frames


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.port.close()
    made.there.close()


def test_all_frames_that_are_there_come_as_one_batch(pair: Pair) -> None:
    pair.put(*(classic(0x100 + i, bytes([i] * (i % 9))) for i in range(100)))
    frames = pair.read()
    assert frames.id.tolist() == list(range(0x100, 0x164))
    assert frames.size.tolist() == [i % 9 for i in range(100)]
    assert frames.bus.tolist() == [3] * 100
    assert frames.data[17].tobytes() == bytes([17] * 8)
    assert frames.data.shape == (100, 8)


def test_without_frames_it_waits_as_long_as_it_is_told(pair: Pair) -> None:
    began = time.monotonic()
    assert pair.port.read(SOON) is None
    assert time.monotonic() - began >= SOON / 2
    pair.put(classic(1, b""))
    assert len(pair.read()) == 1


def test_what_lies_behind_the_end_of_a_frame_is_zero(pair: Pair) -> None:
    """Also where a longer frame lay before, and whatever the sender left there."""
    pair.put(fd(1, bytes(range(1, 65))))
    pair.read()
    pair.put(classic(2, b"\1\2\xff\xff\xff\xff\xff\xff", size=2), fd(3, bytes([7] * 64), size=12))
    frames = pair.read()
    assert frames.size.tolist() == [2, 12]
    assert frames.data[0].tobytes() == b"\1\2" + bytes(62)
    assert frames.data[1].tobytes() == bytes([7] * 12) + bytes(52)
    pair.put(classic(2, b"\1\2\xff\xff\xff\xff\xff\xff", size=2))
    assert pair.read().data[0].tobytes() == b"\1\2" + bytes(6)


def test_ids_keep_their_flags(pair: Pair) -> None:
    ids = [0x7FF, 0x123 | EXTENDED_FLAG, 0x10 | REMOTE_FLAG, 0x4 | ERROR_FLAG]
    pair.put(*(classic(can_id, b"") for can_id in ids))
    assert pair.read().id.tolist() == ids


def test_a_wrong_length_is_cut_and_what_is_no_frame_is_counted(pair: Pair) -> None:
    pair.put(classic(1, b"12345678", size=200), b"", b"abc", bytes(17), fd(2, bytes(64), size=255))
    frames = pair.read()
    assert frames.id.tolist() == [1, 2]
    assert frames.size.tolist() == [8, 64]
    assert pair.port.garbage == 3
    pair.put(b"x")
    assert pair.port.read(SOON) is None
    assert pair.port.garbage == 4


def test_a_flood_comes_in_batches_of_bounded_size(pair: Pair) -> None:
    pair.there.setblocking(False)  # noqa: FBT003 - a socket's own way to say it
    sent = 0
    sizes: list[int] = []
    while sent < 3 * MOST_FRAMES:
        try:
            pair.put(classic(sent & 0x7FF, bytes(8)))
            sent += 1
        except BlockingIOError:
            sizes.append(len(pair.read()))
    while sum(sizes) < sent:
        sizes.append(len(pair.read()))
    assert max(sizes) <= MOST_FRAMES
    assert sum(sizes) == sent


def test_frames_carry_the_kernels_time(pair: Pair) -> None:
    before = pair.clock.now_ns()
    pair.put(classic(1, b""), classic(2, b""))
    frames = pair.read()
    assert before - 1_000_000 <= frames.t_ns[0] <= frames.t_ns[1] <= pair.clock.now_ns()


def test_a_batch_stays_when_the_next_one_comes(pair: Pair) -> None:
    pair.put(classic(1, b"first"))
    first = pair.read()
    kept = first.data.copy(), first.id.copy(), first.t_ns.copy()
    pair.put(classic(2, b"second"))
    pair.read()
    for column, before in zip((first.data, first.id, first.t_ns), kept, strict=True):
        np.testing.assert_array_equal(column, before)


def test_a_bus_that_is_gone_raises() -> None:
    pair = Pair()
    pair.port.close()
    pair.there.close()
    with pytest.raises(OSError, match="file descriptor"):
        pair.port.read(SOON)


def test_frames_are_sent_as_the_kernel_takes_them(pair: Pair) -> None:
    pair.port.send(0x123, b"\1\2\3")
    assert pair.there.recv(100) == classic(0x123, b"\1\2\3")
    pair.port.send(0x123 | EXTENDED_FLAG, bytes(range(12)))
    assert pair.there.recv(100) == fd(0x123 | EXTENDED_FLAG, bytes(range(12)))


def test_a_bus_that_takes_nothing_keeps_few_frames_to_send_later(pair: Pair) -> None:
    """Commands of seconds ago must not reach the car when its bus comes back: it is told at once that it takes none."""
    taken = 0
    with contextlib.suppress(BlockingIOError):
        for taken in range(100):  # noqa: B007 - how many it took before it was full
            pair.port.send(0x200, bytes(8))
    assert 8 <= taken <= 40


def test_a_port_that_only_reads_has_nothing_to_send_with(pair: Pair) -> None:
    other = SocketCanPort(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), 0, pair.clock)
    assert not isinstance(other, Outlet)
    assert isinstance(pair.port, Outlet)
    other.close()


@pytest.mark.parametrize(
    ("source", "here"),
    [
        (BusSource("socketcan", "can0"), True),
        (BusSource("socketcan", "can0", {"fd": True, "bitrate": 500_000}), True),
        (BusSource("socketcan", "can0", {"receive_own_messages": True}), False),
        (BusSource("virtual", "a"), False),
    ],
)
def test_only_what_is_fully_understood_is_read_here(source: BusSource, here: bool) -> None:  # noqa: FBT001
    assert can_read(source) is here


def test_an_interface_that_is_not_there_is_an_error_that_says_so() -> None:
    """There may be no CAN in this kernel at all, which is another error; nothing stays open in both cases."""
    source = BusSource("socketcan", "no-such-can")
    with pytest.raises(OSError, match=r".+"):
        open_socket(source)
    with pytest.raises(OSError, match=r".+"):
        open_port(source, 0, SteadyClock())


def test_a_whole_car_on_such_a_bus(tmp_path: Path) -> None:
    """Ten thousand frames: every one is decoded, and the last one's value stands."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    def opener(_source: BusSource, number: int, clock: SteadyClock, *, may_send: bool) -> SocketCanPort:
        assert not may_send
        return SocketCanPort(here, number, clock)

    broker = Broker(load_catalog())
    gateway = CarGateway(small_car(tmp_path), broker, {"drive": BusSource("socketcan", "pair")}, opener=opener)
    gateway.start()
    for i in range(10_000):
        there.send(classic(0x100, struct.pack(">H6x", i)))
    until(lambda: gateway.facts()["frames"] == 10_000)
    number = broker.table.number(SPEED)
    assert broker.get(number).value == pytest.approx(99.99)
    assert gateway.facts()["known"] == 10_000
    gateway.stop()
    there.close()
    assert here.fileno() == -1  # given back
