"""What an app's host and its process tell each other, and how it is cut out of a stream of bytes.

A message is eight bytes (two little-endian lengths), a head and a body. The head is msgpack, tagged by what it is;
the body are columns, as they lie in memory. Neither side trusts the other to keep to that: what cannot be read is a
``Garbled``, and nothing that is read can do anything but be one of these values.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeAlias

import msgspec
import numpy as np

from commonwheel.apps.limits import Rates
from commonwheel.apps.manifest import Manifest
from commonwheel.apps.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = [
    "Answer",
    "Asked",
    "Begin",
    "Ended",
    "Feed",
    "FromApp",
    "Garbled",
    "Jumped",
    "LeftOut",
    "Loaded",
    "Outputs",
    "Ping",
    "Prepare",
    "Published",
    "Raised",
    "Refused",
    "Reported",
    "Running",
    "Said",
    "SignalRow",
    "Stop",
    "Taken",
    "ToApp",
    "Unpacker",
    "Withdrawn",
    "columns_of",
    "garbled",
    "pack",
    "pack_columns",
]

Scalar: TypeAlias = bool | int | float | str | None
Told: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A time that an app's process tells, nanoseconds UTC: one that a column holds, or the message is none."""

_LENGTHS = struct.Struct("<II")
_ROW_BYTES = 8 + 8 + 4 + 1


class Garbled(Exception):  # noqa: N818 - told as what a process did, not as an error of ours
    """What came is no message, or one that an honest process would not send; says why."""


def garbled(why: str) -> NoReturn:
    """Raise ``Garbled``."""
    raise Garbled(why)


# ---- to the app -----------------------------------------------------------------------------------------------------


class Prepare(msgspec.Struct, frozen=True, array_like=True, tag="prepare"):
    """Load an app, within bounds."""

    app: str
    memory_bytes: int
    file_bytes: int
    message_bytes: int
    rates: Rates
    confine: bool
    """Whether the process is the app's own, and to be bounded."""
    check: bool
    """Whether to hold it against the standard that is shipped."""


class SignalRow(msgspec.Struct, frozen=True, array_like=True):
    """One signal that the app declares, as the car's standard says it."""

    path: str
    kind: str
    datatype: str
    unit: str | None
    minimum: float | None
    maximum: float | None
    allowed: list[str | float | bool]
    pattern: str | None
    arraysize: int | None
    description: str
    given: bool
    """Whether the car gives it a value."""
    asked: bool
    """Whether the car can be asked to move it."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """Begin, on this car."""

    car: str
    standard: str
    """What the car's standard is called."""
    signals: list[SignalRow]
    """Numbers in columns are places in this list."""
    settings: dict[str, Scalar]
    t_ns: int
    """The time, nanoseconds UTC."""
    objects: dict[int, object]
    """As in ``Feed``; the body are the values that the car has already."""


class Feed(msgspec.Struct, frozen=True, array_like=True, tag="feed"):
    """Updates; the columns are the body."""

    number: int
    objects: dict[int, object]
    """By row, what a float64 cannot hold."""
    dropped: int
    reconnected: bool


class Ping(msgspec.Struct, frozen=True, array_like=True, tag="ping"):
    """Are you there?"""

    number: int


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """How a request ended."""

    number: int
    path: str
    value: object
    steps: list[tuple[str, int, str]]
    """Stage, time and reason of each step of its life."""


class Stop(msgspec.Struct, frozen=True, array_like=True, tag="stop"):
    """Say your last words, and end."""


ToApp: TypeAlias = Prepare | Begin | Feed | Ping | Answer | Stop


# ---- from the app ---------------------------------------------------------------------------------------------------


class Loaded(msgspec.Struct, frozen=True, array_like=True, tag="loaded"):
    """The app is there."""

    manifest: Manifest
    file: str
    """Its file, as errors name it."""
    unbounded: list[str]
    """What the platform has no bound for."""


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """The app cannot be loaded, or cannot be run on this car."""

    why: str


class Running(msgspec.Struct, frozen=True, array_like=True, tag="running"):
    """It has begun."""


class Taken(msgspec.Struct, frozen=True, array_like=True, tag="taken"):
    """A feed or a ping was dealt with."""

    number: int


class Outputs(msgspec.Struct, frozen=True, array_like=True, tag="outputs"):
    """Values of outputs."""

    t_ns: Told
    values: dict[str, Scalar]


class Reported(msgspec.Struct, frozen=True, array_like=True, tag="reported"):
    """An event."""

    t_ns: Told
    name: str
    data: dict[str, object]


class Said(msgspec.Struct, frozen=True, array_like=True, tag="said"):
    """A line of its log."""

    t_ns: Told
    level: str
    text: str


class Published(msgspec.Struct, frozen=True, array_like=True, tag="published"):
    """Values for signals that it provides."""

    t_ns: Told
    values: dict[str, object]


class Asked(msgspec.Struct, frozen=True, array_like=True, tag="asked"):
    """A request that an actuator reach a value."""

    number: int
    path: str
    value: object
    terms: Terms = Terms()


class Withdrawn(msgspec.Struct, frozen=True, array_like=True, tag="withdrawn"):
    """It asks for nothing of an actuator any more."""

    path: str


class Raised(msgspec.Struct, frozen=True, array_like=True, tag="raised"):
    """A function of the app raised an error."""

    t_ns: Told
    why: str


class Jumped(msgspec.Struct, frozen=True, array_like=True, tag="jumped"):
    """The car's time has gone on (or back: less than 0) by so much at once that the app has to begin anew."""

    seconds: float


class LeftOut(msgspec.Struct, frozen=True, array_like=True, tag="left out"):
    """What it wanted to say beyond its rates, by kind."""

    counts: dict[str, int]


class Ended(msgspec.Struct, frozen=True, array_like=True, tag="ended"):
    """It has said its last words."""


FromApp: TypeAlias = (
    Loaded
    | Refused
    | Running
    | Taken
    | Outputs
    | Reported
    | Said
    | Published
    | Asked
    | Withdrawn
    | Raised
    | Jumped
    | LeftOut
    | Ended
)


_encoder = msgspec.msgpack.Encoder()


def pack(head: ToApp | FromApp, body: bytes = b"") -> bytes:
    """Return a message as it is sent.

    Raises:
        TypeError, ValueError, OverflowError, RecursionError: it holds what cannot be sent.
    """
    encoded = _encoder.encode(head)
    return _LENGTHS.pack(len(encoded), len(body)) + encoded + body


def pack_columns(
    signal: npt.NDArray[np.int32],
    t_ns: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint8],
) -> bytes:
    """Return columns of one length as a body."""
    return t_ns.tobytes() + value.tobytes() + signal.tobytes() + quality.tobytes()


Columns: TypeAlias = (
    "tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.uint8]]"
)


def columns_of(body: bytes) -> Columns:
    """Return signal, time, value and quality of a body; read-only.

    Raises:
        Garbled: its length is not that of columns.
    """
    count, rest = divmod(len(body), _ROW_BYTES)
    if rest:
        message = f"{len(body)} bytes are no columns"
        raise Garbled(message)
    return (
        np.frombuffer(body, np.int32, count, 16 * count),
        np.frombuffer(body, np.int64, count),
        np.frombuffer(body, np.float64, count, 8 * count),
        np.frombuffer(body, np.uint8, count, 20 * count),
    )


class Unpacker:
    """Cuts a stream of bytes into messages of some types."""

    def __init__(self, kinds: object, most_bytes: int) -> None:
        """Make one for a union of message types; a message of more than so many bytes is refused."""
        self._decoder = msgspec.msgpack.Decoder(kinds)
        self._most = most_bytes
        self._buffer = bytearray()
        self.size = 0
        """Bytes of the message that was given out last."""

    def feed(self, data: bytes) -> Iterator[tuple[object, bytes]]:
        """Take in what came; yields each whole message, head and body.

        Raises:
            Garbled: what came is no message.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= _LENGTHS.size:
                head, body = _LENGTHS.unpack_from(buffer, at)
                if head + body > self._most:
                    message = f"a message of {head + body} bytes ({self._most} are the most)"
                    raise Garbled(message)
                begin = at + _LENGTHS.size
                end = begin + head + body
                if len(buffer) < end:
                    return
                at = end
                self.size = head + body
                yield self._decode(bytes(buffer[begin : begin + head])), bytes(buffer[begin + head : end])
        finally:
            del buffer[:at]

    def _decode(self, head: bytes) -> object:
        try:
            return self._decoder.decode(head)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            message = f"what cannot be read ({error})"
            raise Garbled(message) from error
