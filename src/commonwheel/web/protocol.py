"""What a page and the server say to each other on the WebSocket ``/live``: JSON texts, each an object with a ``type``.

A page says ``hello`` first, with its token where one is needed (never in an address, which is kept in histories and
logs), and is told ``welcome`` with the cars that it may see; or ``refused``, and the connection ends. From then on:

=========  ===================================  ===================================================================
page       server                               meaning
=========  ===================================  ===================================================================
open       opened, or failed                    look at a view, under a number of the page's own
tell                                            see something else in it
close                                           look no longer
ask        answer, or denied                    have something done
..         update                               what has changed in all views that are due, in one message
drawn                                           the update of this number is on the screen; only now comes the next
visible                                         whether anybody can see the page: while nobody does, nothing is sent
..         ended                                the rights have ended, or the server stops; the connection closes
=========  ===================================  ===================================================================

So a page that is slow gets fewer updates, each the latest, and nothing waits for it anywhere. ``update.views`` is a
list of ``[number of the view, what has changed]``.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from commonwheel.broker.faults import BrokerError, Reason

__all__ = [
    "PROTOCOL",
    "Answer",
    "Ask",
    "CarCard",
    "Close",
    "Denied",
    "Drawn",
    "Ended",
    "Failed",
    "FromPage",
    "Hello",
    "Open",
    "Opened",
    "Refused",
    "Tell",
    "ToPage",
    "Update",
    "Visible",
    "Welcome",
    "decode",
    "encode",
]

PROTOCOL = 1
"""Version of all this: a page that was loaded from an older server loads itself anew."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
Name = Annotated[str, msgspec.Meta(max_length=100)]
Token = Annotated[str, msgspec.Meta(max_length=16 * 1024)]


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message."""

    protocol: int
    token: Token = ""


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Look at a view."""

    id: Number
    """The page's own; free again when the view is closed."""
    view: Name
    params: dict[str, object] = {}


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """See something else in a view."""

    id: Number
    params: dict[str, object]


class Close(msgspec.Struct, frozen=True, tag="close"):
    """Look at a view no longer."""

    id: Number


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Have something done."""

    id: Number
    """The page's own; the answer repeats it."""
    call: Name
    params: dict[str, object] = {}


class Drawn(msgspec.Struct, frozen=True, tag="drawn"):
    """An update is on the screen."""

    n: Number


class Visible(msgspec.Struct, frozen=True, tag="visible"):
    """Whether anybody can see the page."""

    visible: bool


FromPage = Hello | Open | Tell | Close | Ask | Drawn | Visible


class CarCard(msgspec.Struct, frozen=True):
    """A car, and what this page may do with it."""

    name: str
    vehicle: str
    """maker/car; '' without a description."""
    brand: str
    model: str
    title: str
    powertrain: str
    live: bool
    """Whether frames come in."""
    frames: bool
    """Whether its frames may be seen."""
    operate: bool
    """Whether what runs on it may be started and stopped."""
    why: str
    """Why not; '' if it may."""


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """Who comes in, and to what."""

    protocol: int
    run: str
    """Another one after each start of the server."""
    version: str
    """Commonwheel's."""
    client: str
    """Whom the server takes the page for."""
    expires_ns: int | None
    """When its rights end, nanoseconds UTC; None never."""
    authorized: bool
    """Whether the server asks for tokens."""
    apps: bool
    """Whether apps run here."""
    cars: list[CarCard]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why a page is not let in."""

    reason: str
    message: str


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A view's beginning."""

    id: int
    value: object


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Why a view cannot be had, or has ended."""

    id: int
    reason: str
    message: str


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """What came of what was asked."""

    id: int
    value: object


class Denied(msgspec.Struct, frozen=True, tag="denied"):
    """Why nothing came of it."""

    id: int
    reason: str
    message: str


class Update(msgspec.Struct, frozen=True, tag="update"):
    """What has changed."""

    n: int
    t_ns: int
    """When it was put together, nanoseconds UTC."""
    views: list[tuple[int, object]]


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Why the connection closes."""

    reason: str
    message: str


ToPage = Welcome | Refused | Opened | Failed | Answer | Denied | Update | Ended

_DECODER: msgspec.json.Decoder[FromPage] = msgspec.json.Decoder(FromPage)
_ENCODER = msgspec.json.Encoder()
_SHOWN = 200


def decode(text: str | bytes) -> FromPage:
    """Read a page's message.

    Raises:
        BrokerError: INVALID; it is none.
    """
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BrokerError(Reason.INVALID, f"no message of the dashboard: {error!s:.{_SHOWN}}") from error


def encode(message: ToPage) -> str:
    """Return a message as text. What is no JSON (NaN, infinities) becomes null."""
    return _ENCODER.encode(message).decode()
