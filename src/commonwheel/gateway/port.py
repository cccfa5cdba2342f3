"""An open bus, read in batches: waits for the first frame, then takes all that are there.

``CanPort`` reads through python-can, whatever the interface; ``socketcan.py`` reads Linux' own sockets without an
object per frame. A port only reads. One that also sends is made by ``open_port`` when the car may be actuated, and
only then.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from commonwheel.gateway.clock import Stamps
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, ID_MASK, REMOTE_FLAG, Frames

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.gateway.clock import SteadyClock
    from commonwheel.gateway.sources import BusSource

__all__ = ["MOST_FRAMES", "CanOutlet", "CanPort", "Outlet", "Port", "Records"]

MOST_FRAMES = 1024
"""Frames in a batch, at most: a flooded bus comes in many small batches, so that other buses have their turn."""
STANDARD_MASK = 0x7FF
LONGEST, CLASSIC = 64, 8
LATEST_S = 4_000_000_000.0
"""Stamps beyond this are none."""
GARBAGE = ("udp_multicast",)
"""Interfaces that raise for each packet that is no frame, though the bus is well."""
_MULTICAST_ALL = {socket.AF_INET: (socket.IPPROTO_IP, 49), socket.AF_INET6: (socket.IPPROTO_IPV6, 29)}
"""Linux' IP_MULTICAST_ALL and IPV6_MULTICAST_ALL, which Python has no names for."""


class Port(Protocol):
    """An open bus."""

    dropped: int
    """Frames that were lost before they could be read, as far as the interface tells."""
    garbage: int
    """What came in and was no frame."""

    def read(self, wait_s: float) -> Frames | None:
        """Return the frames that are there, at most ``MOST_FRAMES``; None when none came within *wait_s*.

        Raises what its driver raises when the bus has failed.
        """
        ...

    def close(self) -> None:
        """Give the bus back."""
        ...


@runtime_checkable
class Outlet(Protocol):
    """A port that may also send."""

    def send(self, can_id: int, payload: bytes) -> None:
        """Send a frame; *can_id* is flagged as SocketCAN does. It does not wait."""
        ...


class Records:
    """Room for the frames of one batch, written one by one and handed on as columns."""

    DTYPE = np.dtype([("t_ns", "<i8"), ("id", "<u4"), ("size", "u1"), ("pad", "V3"), ("data", "u1", LONGEST)])
    _ROW = struct.Struct(f"<qIB3x{LONGEST}s")

    def __init__(self, bus: int) -> None:
        """Prepare; *bus* is the number that the frames get."""
        self._bytes = bytearray(self.DTYPE.itemsize * MOST_FRAMES)
        self._rows: npt.NDArray[np.void] = np.frombuffer(self._bytes, self.DTYPE)
        self._bus = np.full(MOST_FRAMES, bus, np.uint8)
        self._longest = 0
        self.count = 0

    def put(self, t_ns: int, can_id: int, size: int, payload: bytes | bytearray) -> None:
        """Append a frame; the payload is cut at 64 bytes and filled up with zeroes."""
        self._ROW.pack_into(self._bytes, self.count * self._ROW.size, t_ns, can_id, min(size, LONGEST), payload)
        self.count += 1
        self._longest = max(self._longest, size)

    def take(self, stamps: Stamps) -> Frames:
        """Return what was put in since the last call, with steady times."""
        n, self.count = self.count, 0
        width = CLASSIC if self._longest <= CLASSIC else LONGEST
        self._longest = 0
        rows = self._rows[:n]
        return Frames(
            stamps.steady(rows["t_ns"].copy()),
            self._bus[:n],
            rows["id"].copy(),
            rows["size"].copy(),
            rows["data"][:, :width].copy(),
        )


class CanPort:
    """A bus opened with python-can."""

    def __init__(self, source: BusSource, number: int, clock: SteadyClock) -> None:
        """Open it; raises what its driver raises."""
        import can

        self._error = can.CanOperationError if source.interface in GARBAGE else ()
        self._records = Records(number)
        self._stamps = Stamps(clock)
        options: dict[str, Any] = dict(source.options)
        self.bus: can.BusABC = can.Bus(source.channel, source.interface, ignore_config=True, **options)
        if source.interface == "udp_multicast" and sys.platform == "linux":
            _leave_other_groups(self.bus.fileno())
        self.dropped = 0
        self.garbage = 0

    def read(self, wait_s: float) -> Frames | None:
        """See ``Port.read``."""
        records, until = self._records, 0.0
        while records.count < MOST_FRAMES:
            try:
                message = self.bus.recv(wait_s)
            except self._error:
                self.garbage += 1
                until = until or time.monotonic() + wait_s
                wait_s = max(0.0, min(wait_s, until - time.monotonic()))
                if self.garbage % MOST_FRAMES == 0:
                    break  # whoever floods the bus with garbage does not keep us here
                continue
            if message is None:
                break
            wait_s = 0.0
            records.put(_ns(message.timestamp), *_flat(message))
        return records.take(self._stamps) if records.count else None

    def close(self) -> None:
        """See ``Port.close``."""
        self.bus.shutdown()


def _leave_other_groups(fileno: int) -> None:
    """Take in what is sent to the socket's own group only.

    Linux otherwise gives a socket what comes for any group that anybody on this machine has joined at its port: the
    frames of one bus would be decoded as another's.
    """
    with (
        contextlib.suppress(OSError),  # an old kernel has no such option for IPv6
        socket.socket(fileno=os.dup(fileno)) as same,
    ):
        same.setsockopt(*_MULTICAST_ALL[same.family], 0)


class CanOutlet(CanPort):
    """A bus opened with python-can that may be sent on."""

    def send(self, can_id: int, payload: bytes) -> None:
        """See ``Outlet.send``."""
        import can

        extended = bool(can_id & EXTENDED_FLAG)
        self.bus.send(
            can.Message(
                arbitration_id=can_id & ID_MASK,
                is_extended_id=extended,
                data=payload,
                is_fd=len(payload) > CLASSIC,
                check=True,
            ),
            timeout=0,
        )


def _ns(seconds: float) -> int:
    """Return a stamp in nanoseconds; 0 for what is none."""
    return int(seconds * 1e9) if -LATEST_S < seconds < LATEST_S else 0


def _flat(message: Any) -> tuple[int, int, bytes | bytearray]:  # noqa: ANN401 - python-can's Message, from any driver
    """Return the flagged id, the size and the payload of python-can's message."""
    can_id: int = message.arbitration_id
    data: bytes | bytearray = message.data
    if message.is_extended_id:
        can_id = can_id & ID_MASK | EXTENDED_FLAG
    else:
        can_id &= STANDARD_MASK
    if message.is_error_frame:
        return can_id & ID_MASK | ERROR_FLAG, 0, b""
    if message.is_remote_frame:
        return can_id | REMOTE_FLAG, message.dlc, b""
    return can_id, len(data), data
