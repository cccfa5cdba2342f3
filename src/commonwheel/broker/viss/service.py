"""What a client may ask of the broker at once: get and set; and where a subscription leads. No sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.access import peer_name
from commonwheel.broker.rights import Action, Rights
from commonwheel.broker.updates import Updates
from commonwheel.broker.viss.clock import stamp
from commonwheel.broker.viss.data import Shape, Writer
from commonwheel.broker.viss.dialect import Version
from commonwheel.broker.viss.faults import Fault, VissError, fault_of
from commonwheel.broker.viss.filters import Capabilities, Dynamic, History, Metadata
from commonwheel.broker.viss.messages import to_json_text
from commonwheel.broker.viss.metadata import Tree, capabilities, server_tree
from commonwheel.broker.viss.paths import Atlas, Place
from commonwheel.broker.viss.requests import Get, Unsubscribe
from commonwheel.broker.viss.texts import from_text
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from commonwheel.broker.access import Access
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.faults import BrokerError
    from commonwheel.broker.limits import Client
    from commonwheel.broker.viss.requests import Request, Set

__all__ = ["Service", "refusal"]

_MOST_HISTORY = 100_000
"""Recorded values of one answer."""
_VERSION_BRANCH = "Vehicle.VersionVSS."
"""Which version of the standard the tree is of may be read by anyone, the specification says."""
_RATE_SAMPLES = 50
_SECOND = 1_000_000_000


def refusal(error: BrokerError, token: str | None) -> VissError:
    """Return a broker's refusal as one of VISS."""
    fault = fault_of(error)
    if fault is Fault.TOKEN_INVALID and not token:
        fault = Fault.TOKEN_MISSING
    return VissError(fault, str(error))


def _is_open(request: Request) -> bool:
    """Whether a request is for everyone: what the tree and the server say of themselves, and the end of one's own."""
    if isinstance(request, Unsubscribe):
        return True
    if not isinstance(request, Get):
        return False
    known = isinstance(request.filters.other, Metadata | Capabilities)
    return known or request.path.startswith(("Server.", _VERSION_BRANCH))


class Service:
    """Answers requests from a broker."""

    def __init__(self, broker: Broker, access: Access) -> None:
        self.broker = broker
        self.access = access
        self.atlas = Atlas(broker.table)
        self.writer = Writer(broker.table)
        self.port = 0
        """Where the server listens; known when it does."""
        self._tree = Tree(broker.table.catalog)
        self._written: dict[object, str] = {}

    def enter(self, request: Request, token: str | None, peer: str) -> tuple[Rights, Client]:
        """Count a request; return the rights of who asks, and its account.

        What is for everyone (see ``_is_open``) needs no token, and one that is shown is not looked at.

        Args:
            request: what is asked.
            token: bearer token; None for none.
            peer: the other side's address.

        Raises:
            BrokerError: UNAUTHENTICATED, EXPIRED, LIMIT.
        """
        if self.access.authority is None or not _is_open(request):
            return self.access.enter(token, peer)
        return Rights(peer_name(peer), {}), self.count(peer)

    def count(self, peer: str, cost: float = 1.0) -> Client:
        """Count a request that no token has anything to do with; returns the account of the address it came from.

        Raises:
            BrokerError: LIMIT.
        """
        client = self.access.client(peer_name(peer))
        client.request(cost)
        return client

    # ---- reading ----------------------------------------------------------------------------------------------------

    def get(self, request: Get, rights: Rights, version: Version) -> str:
        """Return the members of the answer to a get.

        Raises:
            VissError: it is refused.
            BrokerError: the rights ended.
        """
        other = request.filters.other
        if isinstance(other, Metadata):
            return self._metadata(request, other, version)
        if isinstance(other, Capabilities):
            return self._capabilities(request.path)
        if version is Version.V3 and request.path.startswith("Server."):
            return self._server(request.path)
        place = self.place(request, rights, version)
        if isinstance(other, History):
            return self._history(place, other, version)
        if isinstance(other, Dynamic):
            return self._dynamic(place, other)
        return self._values(place, version)

    def place(self, request: Get, rights: Rights, version: Version) -> Place:
        """Return the signals a request is about, all of which may be read.

        Raises:
            VissError: UNKNOWN_PATH, BRANCH, FORBIDDEN (names what may not be read), BAD_REQUEST.
            BrokerError: EXPIRED.
        """
        place = self.atlas.find(request.path, request.filters.paths, version)
        if self.access.authority is not None:
            self._check(place, rights)
        return place

    def _check(self, place: Place, rights: Rights) -> None:
        rights.require_valid()
        signals = self.broker.table.signals
        refused = [
            signals[number].path
            for number in place.numbers
            if not rights.allow(Action.READ, signals[number].path)
            and not signals[number].path.startswith(_VERSION_BRANCH)
        ]
        if refused:
            more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""  # noqa: PLR2004 - a few are enough
            raise VissError(Fault.FORBIDDEN, f"{rights.client} may not read {', '.join(refused[:5])}{more}")

    def shape(self, place: Place, version: Version) -> Shape:
        """Return how the data of a place is written.

        Version 3 says in line what is not available, but not where tokens are asked for. Version 2 has no such words:
        there the value of a signal that nobody has given one is null, as its clients know it from KUKSA's databroker.
        """
        old = version is Version.V2
        inline = not old and place.many and self.access.authority is None
        return Shape(place.many, inline, empty_arrays=old, nulls=old)

    def _values(self, place: Place, version: Version) -> str:
        batch = self.broker.snapshot(place.numbers)
        shape = self.shape(place, version)
        points = self.writer.values(batch, shape)
        missing = [number for number, point in points if point is None]
        strict = place.named if version is Version.V2 else frozenset(place.numbers)
        wanting = [number for number in missing if number in strict]
        nothing = not shape.nulls and bool((batch.quality != Quality.GOOD).all())
        if wanting or len(missing) == len(points) or nothing:
            raise VissError(Fault.NO_DATA, self._explain(wanting or missing or place.numbers))
        return f'"data":{self.writer.data(batch, shape)}'

    def _explain(self, numbers: list[int] | tuple[int, ...]) -> str:
        parts = [
            f"{self.broker.table[number].path} ({self.broker.get(number).quality.name.lower()})"
            for number in numbers[:5]
        ]
        more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""  # noqa: PLR2004 - a few are enough
        return f"no value of {', '.join(parts)}{more}"

    def _history(self, place: Place, wanted: History, version: Version) -> str:
        since = max(time.time_ns() - wanted.span_ns, 0)
        shape = self.shape(place, version)
        current = self.broker.snapshot(place.numbers)
        parts: list[Updates] = []
        left = _MOST_HISTORY
        for number, t_ns in zip(current.signal.tolist(), current.t_ns.tolist(), strict=True):
            if not t_ns or left <= 0:
                continue
            past = self.broker.history(number, since, most=left)[:-1]  # the current value is no history
            good = past[past.quality == Quality.GOOD]
            if len(good):
                parts.append(good)
                left -= len(good)
        data = self.writer.series(Updates.concat(parts), shape) if parts else None
        if data is None:
            raise VissError(Fault.NO_DATA, "nothing was recorded in that time")
        return f'"data":{data}'

    # ---- what is known of signals -----------------------------------------------------------------------------------

    def _metadata(self, request: Get, wanted: Metadata, version: Version) -> str:
        paths = request.filters.paths
        key = (request.path, paths, wanted)
        found = self._written.get(key)
        if found is None:
            if len(self._written) >= 64:  # noqa: PLR2004 - whole trees: few are worth keeping
                self._written.clear()
            found = self._written[key] = to_json_text(self._describe(request, wanted, version))
        return f'"metadata":{found}'

    def _describe(self, request: Get, wanted: Metadata, version: Version) -> dict[str, object]:
        path = request.path
        if path not in self._tree:
            raise VissError(Fault.UNKNOWN_PATH, self.atlas.explain(path))
        if request.filters.paths is None:
            return {path.rpartition(".")[2]: self._tree.of(path, wanted)}
        found: dict[str, object] = {}
        for part in request.filters.paths:
            if f"{path}.{part}" in self._tree:
                found[part] = self._tree.of(f"{path}.{part}", wanted)
                continue
            for number in self.atlas.find(path, (part,), version).numbers:
                full = self.broker.table[number].path
                found[full.removeprefix(f"{path}.")] = self._tree.of(full, wanted)
        return found

    def _capabilities(self, path: str) -> str:
        if path not in self.broker.table.catalog.branches or "." in path:
            raise VissError(Fault.BAD_REQUEST, "the server's capabilities are asked for at the root of the tree")
        secure, authorized = self._security
        return f'"metadata":{to_json_text(capabilities(secure=secure, authorized=authorized))}'

    @property
    def _security(self) -> tuple[bool, bool]:
        return self.access.tls is not None, self.access.authority is not None

    def _server(self, path: str) -> str:
        secure, authorized = self._security
        value = server_tree(secure=secure, authorized=authorized, port=self.port).get(path)
        if value is None:
            raise VissError(Fault.UNKNOWN_PATH, f"{path!r} is not said by this server")
        point = {"value": value, "ts": stamp(time.time_ns())}
        return f'"data":{to_json_text({"path": path, "dp": point})}'

    def _dynamic(self, place: Place, wanted: Dynamic) -> str:
        found: list[tuple[int, str]] = []
        batch = self.broker.snapshot(place.numbers)
        for number, quality in zip(batch.signal.tolist(), batch.quality.tolist(), strict=True):
            text = self._known(number, Quality(quality), wanted)
            if text is not None:
                found.append((number, text))
        if not found:
            raise VissError(Fault.NO_DATA, f"no {wanted.value} is known here")
        parts = [self.writer.constant(number, text) for number, text in found]
        return f'"data":[{",".join(parts)}]' if place.many else f'"data":{parts[0]}'

    def _known(self, number: int, quality: Quality, wanted: Dynamic) -> str | None:
        if wanted is Dynamic.VALIDATE:
            return "read-write" if self.access.authority is not None else None
        if wanted is Dynamic.SAMPLE_RATE:
            return self._rate(number)
        if quality == Quality.GOOD:
            return "available"
        return "error" if quality == Quality.CORRUPT else "unavailable"

    def _rate(self, number: int) -> str | None:
        """Return how often a signal came lately, in Hz; None where that cannot be told."""
        t_ns = self.broker.history(number, most=_RATE_SAMPLES).t_ns
        span = int(t_ns[-1] - t_ns[0]) if len(t_ns) > 1 else 0
        return f"{np.float32((len(t_ns) - 1) * _SECOND / span):.4g}" if span > 0 else None

    # ---- asking actuators -------------------------------------------------------------------------------------------

    def set(self, request: Set, rights: Rights, version: Version) -> None:
        """Ask an actuator to reach a value.

        Version 2 takes the wish as KUKSA's databroker does, whether or not anyone makes the actuator act: it is noted
        as the target, for providers that read targets. Version 3 refuses where nobody would hear of it.

        Raises:
            VissError: it is refused.
            BrokerError: FORBIDDEN, EXPIRED, or what the broker or the provider says.
        """
        number = self._settable(request.path, version)
        signal = self.broker.table[number]
        with self.broker.refusing(rights.client, signal.path):
            rights.require(Action.ACTUATE, signal.path)
            if not signal.is_actuator:
                raise VissError(Fault.READ_ONLY, f"{signal.path} is a {signal.leaf.kind.value}")
            value = from_text(signal, request.value)
            need = version is Version.V3 and not self.broker.is_heard(number)
            actuations = self.broker.actuate({number: value}, rights.client, need_provider=need)
        for actuation in actuations:
            if actuation.refusal is not None:  # at once: the car is not armed, say
                raise actuation.refusal

    def _settable(self, path: str, version: Version) -> int:
        number = self.broker.table.numbers.get(path)
        if number is not None:
            return number
        if "*" not in path and self.atlas.is_branch(path):
            fault = Fault.BRANCH if version is Version.V3 else Fault.BAD_REQUEST
            raise VissError(fault, f"{path!r} is a branch; a set takes one signal")
        raise VissError(Fault.UNKNOWN_PATH, self.atlas.explain(path))
