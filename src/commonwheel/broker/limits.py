"""How much each client may ask, and who asks how much now: beyond a limit that client is told so, and nobody else.

A client is a name: its token's subject, its certificate's name, or its address. What it holds open (connections,
streams, subscriptions) is counted while it is open; requests flow out of a bucket that refills. ``Clients`` forgets
those who hold nothing and whose bucket is full again: they are as if they had never come.
"""

from __future__ import annotations

import enum
import functools
import math
import threading
import time
import weakref
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Client", "Clients", "Hold", "Kind", "Limits", "peer_name"]

BURST_S = 2.0
"""Seconds of requests that a client that was quiet may ask at once."""
_SWEEP_FROM = 64
"""Fewer clients than these are not worth looking through."""


class Kind(enum.Enum):
    """What a client holds open."""

    CONNECTION = "connections"
    STREAM = "streams"
    SUBSCRIPTION = "subscriptions"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may ask."""

    message_bytes: int = 4 * 1024 * 1024
    streams: int = 100
    """Open streams at once."""
    subscriptions: int = 1000
    """Subscriptions at once."""
    requests_per_second: float = 10_000.0
    """Requests (not: messages of a stream) per second, over a few seconds."""
    connections: int = 100
    """Open connections at once."""

    def __post_init__(self) -> None:
        """Refuse limits that let nothing through.

        Raises:
            BrokerError: INVALID; says which limit.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                message = f"the limit {field.name} has to be more than 0, not {value}"
                raise BrokerError(Reason.INVALID, message)

    def most(self, kind: Kind) -> int:
        """How many of a kind one client may hold open at once."""
        if kind is Kind.STREAM:
            return self.streams
        return self.subscriptions if kind is Kind.SUBSCRIPTION else self.connections


class Client:
    """One client's account. Made by ``Clients``; every method may be called from any thread."""

    def __init__(self, name: str, limits: Limits, registry: Clients) -> None:
        self.name = name
        self.limits = limits
        self.refused = 0
        """How often a limit was said to it."""
        self._registry = registry
        self._lock = threading.Lock()
        self._open: dict[Kind, int] = dict.fromkeys(Kind, 0)
        self._burst = max(limits.requests_per_second * BURST_S, 1.0)
        self._rate = limits.requests_per_second
        self._left = self._burst
        self._at = time.monotonic()
        self.kept = False
        """Whether the registry keeps it alive; the registry's own business."""

    def request(self, cost: float = 1.0) -> None:
        """Count a request.

        Args:
            cost: how many requests it counts as.

        Raises:
            BrokerError: LIMIT; too many a second.
        """
        if self._rate == math.inf:
            return
        with self._lock:
            now = time.monotonic()
            left = min(self._left + (now - self._at) * self._rate, self._burst)
            self._at = now
            fits = left >= 1.0
            self._left = max(left - cost, -self._burst) if fits else left
            kept = self.kept
        if not kept:
            self._registry.keep(self)
        if not fits:
            what = f"more than {self._rate:g} requests a second; ask less often"
            raise self._refuse(what)

    def message(self, size: int) -> None:
        """Check a message's size in bytes.

        Raises:
            BrokerError: LIMIT; too long.
        """
        if size > self.limits.message_bytes:
            what = f"a message of {size} bytes; {self.limits.message_bytes} are the most"
            raise self._refuse(what)

    def connection(self) -> Hold:
        """Count a connection as open until the hold is closed; see ``hold``."""
        return self.hold(Kind.CONNECTION)

    def stream(self) -> Hold:
        """Count a stream as open until the hold is closed; see ``hold``."""
        return self.hold(Kind.STREAM)

    def subscription(self) -> Hold:
        """Count a subscription as open until the hold is closed; see ``hold``."""
        return self.hold(Kind.SUBSCRIPTION)

    def hold(self, kind: Kind) -> Hold:
        """Count something as open until the hold is closed (it is a context manager as well).

        Raises:
            BrokerError: LIMIT; too many are open.
        """
        most = self.limits.most(kind)
        with self._lock:
            fits = self._open[kind] < most
            self._open[kind] += fits
            kept = self.kept
        if not kept:
            self._registry.keep(self)
        if not fits:
            what = f"more than {most} {kind.value} at once; close some first"
            raise self._refuse(what)
        return Hold(self, kind)

    def release(self, kind: Kind) -> None:
        """Count something as closed; ``Hold.close`` does."""
        with self._lock:
            self._open[kind] -= 1

    def count(self, kind: Kind) -> int:
        """How many of a kind it holds open."""
        return self._open[kind]

    def forget(self) -> bool:
        """Give up being kept, when nothing tells it from one that never came; ``Clients`` calls this."""
        with self._lock:
            full = self._rate == math.inf or self._left + (time.monotonic() - self._at) * self._rate >= self._burst
            self.kept = self.kept and not (full and not any(self._open.values()))
            return not self.kept

    def _refuse(self, what: str) -> BrokerError:
        with self._lock:
            self.refused += 1
        self._registry.count_refused()
        return BrokerError(Reason.LIMIT, f"{self.name} asks for {what}")


class Hold:
    """Something that counts as open until it is closed; closing twice does no harm."""

    __slots__ = ("_client", "_kind")

    def __init__(self, client: Client, kind: Kind) -> None:
        self._client: Client | None = client
        self._kind = kind

    def close(self) -> None:
        """Count it as closed."""
        client, self._client = self._client, None
        if client is not None:
            client.release(self._kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Clients:
    """Everyone who is here, or was a moment ago."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kept: dict[str, Client] = {}
        """Those who have asked lately or hold something open."""
        self._known: weakref.WeakValueDictionary[str, Client] = weakref.WeakValueDictionary()
        """And those whom a server still knows, so that one name is one client."""
        self._lock = threading.Lock()
        self._sweep_at = _SWEEP_FROM
        self.refused = 0
        """How often a limit was said to anyone."""

    def client(self, name: str) -> Client:
        """Return the client of a name, the same one each time while it is here."""
        found = self._kept.get(name)
        return self._meet(name) if found is None else found

    def _meet(self, name: str) -> Client:
        with self._lock:
            client = self._known.get(name)
            if client is None:
                client = self._known[name] = Client(name, self._limits, self)
        self.keep(client)
        return client

    def keep(self, client: Client) -> None:
        """Remember a client that asks for something; ``Client`` calls this."""
        with self._lock:
            if len(self._kept) >= self._sweep_at:
                self._sweep()
                self._sweep_at = max(_SWEEP_FROM, 2 * len(self._kept))
            self._kept[client.name] = client
            client.kept = True

    def _sweep(self) -> None:
        for client in [client for client in self._kept.values() if client.forget()]:
            del self._kept[client.name]

    def count_refused(self) -> None:
        """Count that a limit was said; ``Client`` calls this."""
        with self._lock:
            self.refused += 1

    def facts(self) -> dict[str, float]:
        """Return counts for the metrics: ``clients``, ``connections``, ``streams``, ``subscriptions``, ``refused``."""
        with self._lock:
            self._sweep()
            clients = tuple(self._kept.values())
        held = {kind.value: float(sum(client.count(kind) for client in clients)) for kind in Kind}
        return {"clients": float(len(clients)), **held, "refused": float(self.refused)}


@functools.lru_cache(maxsize=4096)
def peer_name(peer: str) -> str:
    """Return the name of a client that has no token: its address without the port, which changes each time.

    Takes ``host:port``, ``[host]:port`` and gRPC's ``ipv4:host:port``, ``ipv6:[host]:port`` and ``unix:…``.
    """
    family, _, rest = peer.partition(":")
    if family == "unix":
        return "unix"
    address = rest.replace("%5B", "[").replace("%5D", "]") if family in {"ipv4", "ipv6"} else peer
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else address
