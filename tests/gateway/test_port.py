"""Buses read through python-can."""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import time
from collections.abc import Iterator

import can
import pytest

from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.opening import open_port
from commonwheel.gateway.port import MOST_FRAMES, CanPort, Outlet
from commonwheel.gateway.sources import BusSource, Option
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG

NAMES = (f"port-{i}" for i in itertools.count())
SOON = 0.02


class Bus:
    """A virtual bus and a port that reads it."""

    def __init__(self, *, may_send: bool = False) -> None:
        name = next(NAMES)
        self.clock = SteadyClock()
        self.port = open_port(BusSource("virtual", name), 2, self.clock, may_send=may_send)
        self.peer = can.Bus(name, "virtual", preserve_timestamps=True)

    def put(self, *messages: can.Message) -> None:
        for message in messages:
            self.peer.send(message)

    def close(self) -> None:
        self.port.close()
        self.peer.shutdown()


@pytest.fixture
def bus() -> Iterator[Bus]:
    made = Bus()
    yield made
    made.close()


def frame(can_id: int, data: bytes = b"", **more: object) -> can.Message:
    options: dict[str, object] = {"is_extended_id": False, "timestamp": time.time(), **more}
    return can.Message(arbitration_id=can_id, data=data, **options)  # type: ignore[arg-type]


def test_messages_become_frames(bus: Bus) -> None:
    bus.put(
        frame(0x7FF, b"\1\2\3"),
        frame(0x123, b"12345678", is_extended_id=True),
        frame(0x10, dlc=4, is_remote_frame=True),
        frame(0x4, is_error_frame=True),
    )
    frames = bus.port.read(1.0)
    assert frames is not None
    assert frames.id.tolist() == [0x7FF, 0x123 | EXTENDED_FLAG, 0x10 | REMOTE_FLAG, 0x4 | ERROR_FLAG]
    assert frames.size.tolist() == [3, 8, 4, 0]
    assert frames.data[:2].tobytes() == b"\1\2\3" + bytes(5) + b"12345678"
    assert frames.bus.tolist() == [2] * 4
    assert frames.width == 8


def test_fd_messages_widen_their_batch_and_no_other(bus: Bus) -> None:
    bus.put(frame(1, b"a"), frame(2, bytes(range(48)), is_fd=True))
    frames = bus.port.read(1.0)
    assert frames is not None
    assert frames.data[1].tobytes() == bytes(range(48)) + bytes(16)
    bus.put(frame(1, b"b"))
    frames = bus.port.read(1.0)
    assert frames is not None
    assert frames.data.tobytes() == b"b" + bytes(7)


def test_times_are_the_interfaces_where_they_can_be_right(bus: Bus) -> None:
    now = time.time()
    bus.put(frame(1, timestamp=now))
    bus.port.read(1.0)
    bus.put(frame(1, timestamp=now - 0.25), frame(1, timestamp=now - 0.125))
    frames = bus.port.read(1.0)
    assert frames is not None
    assert frames.t_ns.tolist() == pytest.approx([(now - 0.25) * 1e9, (now - 0.125) * 1e9], abs=1000)


@pytest.mark.parametrize("stamp", [12.5, float("nan"), float("inf"), -1e300])
def test_the_first_frame_comes_now_whatever_its_stamp(bus: Bus, stamp: float) -> None:
    """Seconds since the adapter was plugged in, or nothing at all."""
    bus.put(frame(1, timestamp=stamp))
    frames = bus.port.read(1.0)
    assert frames is not None
    assert 0 <= bus.clock.now_ns() - int(frames.t_ns[0]) < 5_000_000_000


def test_none_comes_none_is_returned(bus: Bus) -> None:
    assert bus.port.read(SOON) is None


def test_a_batch_is_bounded(bus: Bus) -> None:
    bus.put(*[frame(1)] * (MOST_FRAMES + 10))
    sizes = [len(bus.port.read(1.0) or ()) for _ in range(2)]
    assert sizes == [MOST_FRAMES, 10]


def test_a_closed_bus_raises(bus: Bus) -> None:
    bus.port.close()
    with pytest.raises(can.CanOperationError):
        bus.port.read(SOON)


def test_only_a_port_made_for_it_can_send(bus: Bus) -> None:
    assert not isinstance(bus.port, Outlet)
    other = Bus(may_send=True)
    assert isinstance(other.port, Outlet)
    other.port.send(0x18DAF110 | EXTENDED_FLAG, b"\1\2")
    message = other.peer.recv(1.0)
    assert message is not None
    assert (message.arbitration_id, message.is_extended_id, bytes(message.data)) == (0x18DAF110, True, b"\1\2")
    other.port.send(0x123, bytes(12))
    message = other.peer.recv(1.0)
    assert message is not None
    assert (message.is_extended_id, message.is_fd, message.dlc) == (False, True, 12)
    other.close()


def test_an_interface_whose_driver_is_not_installed_says_what_it_needs() -> None:
    missing = next((name for name in ("neovi", "ixxat", "vector", "pcan") if not _installed(name)), None)
    if missing is None:
        pytest.skip("every driver is installed here")
    with pytest.raises(GatewayError, match=f"'{missing}' needs its driver"):
        open_port(BusSource(missing, "0"), 0, SteadyClock())


def _installed(interface: str) -> bool:
    try:
        can.Bus("0", interface).shutdown()
    except can.CanInterfaceNotImplementedError:
        return False
    except Exception:  # noqa: BLE001 - the driver is there, the device is not
        return True
    return True


def test_packets_that_are_no_frames_are_counted_and_the_bus_goes_on() -> None:
    """On a network anybody may send anything to the group's port."""
    pytest.importorskip("msgpack")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    source = BusSource(
        "udp_multicast", "239.74.163.2", {"port": free, "hop_limit": 0}
    )  # within this machine: no hop is allowed
    port = open_port(source, 0, SteadyClock())
    assert isinstance(port, CanPort)
    with (
        can.Bus("239.74.163.2", "udp_multicast", port=free, hop_limit=0) as peer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anyone,
    ):
        anyone.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        anyone.sendto(b"rubbish", ("239.74.163.2", free))
        peer.send(frame(0x123, b"\1"))
        found: list[int] = []
        end = time.monotonic() + 10
        while time.monotonic() < end and not (found and port.garbage):
            frames = port.read(SOON)
            found += [] if frames is None else frames.id.tolist()
    port.close()
    assert found == [0x123]
    assert port.garbage == 1


@pytest.mark.skipif(sys.platform != "linux", reason="others keep groups apart, or have no way to")
def test_two_groups_at_one_port_are_two_buses() -> None:
    """The frames of one multicast bus are never taken for another's."""
    pytest.importorskip("msgpack")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        options: dict[str, Option] = {"port": probe.getsockname()[1], "hop_limit": 0}
    clock = SteadyClock()
    ports = [open_port(BusSource("udp_multicast", f"239.74.163.{n}", options), n, clock) for n in (2, 3)]
    found: dict[int, list[int]] = {0: [], 1: []}
    with contextlib.ExitStack() as peers:
        for port in ports:
            peers.callback(port.close)
        for n in (2, 3):
            peer = can.Bus(f"239.74.163.{n}", "udp_multicast", port=options["port"], hop_limit=0)
            peers.callback(peer.shutdown)
            for number in (n * 16, n * 16 + 1):
                peer.send(frame(number, b"\1"))
        end = time.monotonic() + 10
        while time.monotonic() < end and not all(0x31 in ids or 0x21 in ids for ids in found.values()):
            for which, port in enumerate(ports):
                frames = port.read(SOON)
                found[which] += [] if frames is None else frames.id.tolist()
    assert found == {0: [0x20, 0x21], 1: [0x30, 0x31]}
