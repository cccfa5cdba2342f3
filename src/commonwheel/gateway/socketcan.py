"""Linux' own CAN sockets, read in bulk: one system call brings all frames that are there, with the kernel's times.

The frames' structures (``struct can_frame`` and ``struct canfd_frame`` of <linux/can.h>) land in one array and become
columns there; no object is made per frame. The kernel also tells how many frames it had to drop.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.gateway.clock import Stamps
from commonwheel.gateway.port import CLASSIC, LONGEST, MOST_FRAMES
from commonwheel.wire.frames import Frames

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.gateway.clock import SteadyClock
    from commonwheel.gateway.sources import BusSource

__all__ = ["SocketCanOutlet", "SocketCanPort", "can_read", "open_socket"]

OPTIONS = frozenset({"fd", "bitrate"})
"""What a source may say and still be read here; the bit rate is that of the network interface."""
CLASSIC_BYTES, FD_BYTES = 16, 72
"""Sizes of the two structures; the kernel says by them which one it is."""
UNSENT_BYTES = 8 << 10
"""The kernel takes twice that, and counts nearly a kilobyte for a frame: some twenty of them."""
QUEUE_BYTES = 4 << 20
SO_RCVBUFFORCE, SO_TIMESTAMPNS, SO_RXQ_OVFL, MSG_WAITFORONE = 33, 35, 40, 0x10000
SOL_CAN_RAW, CAN_RAW_ERR_FILTER, CAN_RAW_FD_FRAMES, EVERY_ERROR = 101, 2, 5, 0x1FFF_FFFF
FDF = 0x04
NOTED_TIME, NOTED_DROPS = 32, 52
"""Bytes the kernel has written beside a frame, when it wrote the time, and the drops as well."""
_FRAME = np.dtype([("id", "<u4"), ("size", "u1"), ("flags", "u1"), ("pad", "V2"), ("data", "u1", LONGEST)])
_NOTE = np.dtype({
    "names": ["level", "type", "s", "ns", "level2", "type2", "drops2"],
    "formats": ["<i4", "<i4", "<i8", "<i8", "<i4", "<i4", "<u4"],
    "offsets": [8, 12, 16, 24, 40, 44, 48],
    "itemsize": 64,
})  # fmt: skip
"""Room for the two notes the kernel puts beside a frame: its time, and how many were dropped so far."""
_HEADER = np.dtype({
    "names": ["iov", "iovlen", "control", "controllen", "length"],
    "formats": ["<u8", "<u8", "<u8", "<u8", "<u4"],
    "offsets": [16, 24, 32, 40, 56],
    "itemsize": 64,
})  # fmt: skip
"""``struct mmsghdr`` on 64-bit Linux."""
_VECTOR = np.dtype([("base", "<u8"), ("length", "<u8")])
_FILLED = np.array([(1 << 8 * n) - 1 for n in range(CLASSIC)] + [(1 << 64) - 1], np.uint64)
"""Which bits of a payload are its own, by its size."""


def can_read(source: BusSource) -> bool:
    """Whether a source can be read here; python-can reads the others."""
    return (
        source.interface == "socketcan"
        and sys.platform == "linux"
        and sys.byteorder == "little"
        and sys.maxsize > 1 << 32
        and hasattr(socket, "AF_CAN")
        and OPTIONS.issuperset(source.options)
    )


def open_socket(source: BusSource) -> socket.socket:
    """Open a network interface.

    Raises:
        OSError: there is no such interface, or no CAN in this kernel.
    """
    sock = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    try:
        sock.setsockopt(SOL_CAN_RAW, CAN_RAW_ERR_FILTER, EVERY_ERROR)
        if source.options.get("fd"):
            sock.setsockopt(SOL_CAN_RAW, CAN_RAW_FD_FRAMES, 1)
        sock.bind((source.channel,))
    except BaseException:
        sock.close()
        raise
    return sock


def _enlarge(sock: socket.socket) -> None:
    """Let the kernel keep some thousand frames for us: beyond its own limit where we may, else up to it."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE_BYTES)


class SocketCanPort:
    """A CAN socket, or any socket of datagrams that hold the same structures."""

    def __init__(self, sock: socket.socket, number: int, clock: SteadyClock) -> None:
        """Take a socket over; *number* is the bus number that its frames get."""
        self._socket, self._clock, self._stamped = sock, clock, Stamps(clock, certain=True)
        sock.settimeout(None)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        _enlarge(sock)
        self._wait_s = 0.0
        self._bus = np.full(MOST_FRAMES, number, np.uint8)
        frames, notes = np.zeros(MOST_FRAMES, _FRAME), np.zeros(MOST_FRAMES, _NOTE)
        vectors, headers = np.zeros(MOST_FRAMES, _VECTOR), np.zeros(MOST_FRAMES, _HEADER)
        index = np.arange(MOST_FRAMES, dtype=np.uint64)
        vectors["base"] = frames.ctypes.data + index * np.uint64(_FRAME.itemsize)
        vectors["length"] = _FRAME.itemsize
        headers["iov"] = vectors.ctypes.data + index * np.uint64(_VECTOR.itemsize)
        headers["iovlen"] = 1
        headers["control"] = notes.ctypes.data + index * np.uint64(_NOTE.itemsize)
        headers["controllen"] = _NOTE.itemsize
        self._kept = frames, notes, vectors, headers
        # Views of what is read each time, made once: making one costs as much as reading it.
        self._id, self._size, self._data = frames["id"], frames["size"], frames["data"]
        self._words: npt.NDArray[np.uint64] = np.ndarray(MOST_FRAMES, np.uint64, frames, 8, (_FRAME.itemsize,))
        self._lengths, self._rooms = headers["length"], headers["controllen"]
        self._notes, self._seconds, self._nanoseconds = notes, notes["s"], notes["ns"]
        self._receive: Any = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._arguments = ctypes.c_int(sock.fileno()), ctypes.c_void_p(headers.ctypes.data), MOST_FRAMES
        self.dropped = 0
        self.garbage = 0

    def read(self, wait_s: float) -> Frames | None:
        """See ``Port.read``.

        Raises:
            OSError: the interface is down or gone.
        """
        if wait_s != self._wait_s:
            limit = struct.pack("ll", int(wait_s), max(1, round(wait_s % 1.0 * 1e6)))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._wait_s = wait_s
        n = self._receive(*self._arguments, MSG_WAITFORONE, None)
        if n < 0:
            code = ctypes.get_errno()
            if code in {errno.EAGAIN, errno.EINTR}:
                return None
            raise OSError(code, os.strerror(code))
        return self._taken(n)

    def _taken(self, n: int) -> Frames | None:
        t_ns = self._stamps(n)
        self._rooms[:n] = _NOTE.itemsize
        size, ids = self._size[:n].copy(), self._id[:n].copy()
        classic = self._lengths[:n] == CLASSIC_BYTES
        if classic.all():
            np.minimum(size, CLASSIC, out=size)
            data = (self._words[:n] & _FILLED[size]).view(np.uint8).reshape(n, CLASSIC)
            return Frames(t_ns, self._bus[:n], ids, size, data)
        np.minimum(size, np.where(classic, CLASSIC, LONGEST), out=size, casting="unsafe")
        data = self._data[:n] * (np.arange(LONGEST) < size[:, None])
        frames = Frames(t_ns, self._bus[:n], ids, size, data)
        proper = classic | (self._lengths[:n] == FD_BYTES)
        if proper.all():
            return frames
        self.garbage += n - int(np.count_nonzero(proper))
        return frames[proper] if proper.any() else None

    def _stamps(self, n: int) -> npt.NDArray[np.int64]:
        """Return the frames' steady times, and note what was dropped."""
        room = int(self._rooms[n - 1])
        if room < NOTED_TIME:
            return np.full(n, self._clock.now_ns(), np.int64)
        last = self._notes[n - 1]
        if room >= NOTED_DROPS and (last["level2"], last["type2"]) == (socket.SOL_SOCKET, SO_RXQ_OVFL):
            self.dropped = int(last["drops2"])
        return self._stamped.steady(self._seconds[:n] * 1_000_000_000 + self._nanoseconds[:n])

    def close(self) -> None:
        """See ``Port.close``."""
        self._socket.close()


class SocketCanOutlet(SocketCanPort):
    """A CAN socket that may be sent on.

    The kernel keeps few frames for it: on a bus that takes none for a while, commands of then must not leave later.
    """

    def __init__(self, sock: socket.socket, number: int, clock: SteadyClock) -> None:
        """See ``SocketCanPort``."""
        super().__init__(sock, number, clock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES)

    def send(self, can_id: int, payload: bytes) -> None:
        """See ``Outlet.send``.

        Raises:
            OSError: the interface is down, or its queue is full.
        """
        long = len(payload) > CLASSIC
        room = LONGEST if long else CLASSIC
        frame = struct.pack(f"<IBBxx{room}s", can_id, len(payload), FDF if long else 0, payload)
        self._socket.send(frame, socket.MSG_DONTWAIT)
