"""The calls of Arrow Flight on a broker: read (``DoGet``), give (``DoPut``), ask (``DoAction``), look round.

Every call runs in a thread of Arrow's. A stream waits in its own thread for its own queue, so a reader that stops
reading holds up nobody, and a publisher never waits.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from pyarrow import flight

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.flight.columns import Encoder, decode, encoder
from commonwheel.broker.flight.want import Offered, Queried, Want, parse, want_of
from commonwheel.broker.session import Session
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import from_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from commonwheel.broker.access import Access
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.limits import Client
    from commonwheel.broker.subscription import Subscription, Taken

__all__ = ["Service"]

_LOG = logging.getLogger(__name__)

_TOKEN = "token"  # noqa: S105 - the name of a middleware
_LOOK_S = 0.25
"""How often a stream that has nothing to send looks whether its client is still there."""

_ERRORS: dict[Reason, type[flight.FlightError]] = {
    Reason.UNAUTHENTICATED: flight.FlightUnauthenticatedError,
    Reason.EXPIRED: flight.FlightUnauthenticatedError,
    Reason.FORBIDDEN: flight.FlightUnauthorizedError,
    Reason.LIMIT: flight.FlightUnavailableError,
    Reason.CLOSED: flight.FlightUnavailableError,
    Reason.STOPPING: flight.FlightUnavailableError,
    Reason.NO_PROVIDER: flight.FlightUnavailableError,
}
"""What a client sees for each reason; the general one for all others. Arrow's own errors (ArrowInvalid, …) would take a
traceback with them. The error's extra information names the reason."""


class _Token(flight.ServerMiddleware):
    """The bearer token of one call."""

    def __init__(self, token: str | None) -> None:
        super().__init__()
        self.token = token


class _Tokens(flight.ServerMiddlewareFactory):
    """Reads the bearer token of each call."""

    def start_call(self, info: object, headers: dict[str, list[str] | list[bytes]]) -> _Token:  # noqa: ARG002
        """Return what is kept of a call's headers."""
        for name, values in headers.items():
            if name.lower() == "authorization" and values:
                first = values[0]
                value = first.decode("utf-8", "replace") if isinstance(first, bytes) else first
                kind, _, token = value.strip().partition(" ")
                return _Token(token.strip() if kind.lower() == "bearer" else value.strip())
        return _Token(None)


class Service(flight.FlightServerBase):
    """Arrow's server with our calls; serves from the moment it is made until ``shutdown``."""

    def __init__(self, broker: Broker, access: Access, location: str, options: dict[str, Any]) -> None:
        super().__init__(location, middleware={_TOKEN: _Tokens()}, **options)
        self._broker, self._access = broker, access
        self.stopping = threading.Event()
        self._requests = self._refused = 0
        self._streams: set[Subscription] = set()
        self._lock = threading.Lock()

    def counts(self) -> dict[str, float]:
        """Return how much was asked, and how many streams are open."""
        return {
            "requests": float(self._requests),
            "refused": float(self._refused),
            "streams": float(len(self._streams)),
        }

    # ---- who asks ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        """Turn what goes wrong into Flight's errors."""
        try:
            yield
        except BrokerError as error:
            self._refuse()
            kind = _ERRORS.get(error.reason, flight.FlightServerError)
            raise kind(str(error), error.reason.name.encode()) from error

    def _refuse(self) -> None:
        with self._lock:
            self._refused += 1

    def _enter(self, context: Any) -> tuple[Session, Client]:  # noqa: ANN401 - Arrow's contexts are not typed
        with self._lock:
            self._requests += 1
        if self.stopping.is_set():
            raise BrokerError(Reason.CLOSED, "the server stops")
        middleware = context.get_middleware(_TOKEN)
        rights, client = self._access.enter(middleware.token if middleware else None, context.peer())
        return Session(self._broker, rights), client

    # ---- reading ----------------------------------------------------------------------------------------------------

    def do_get(self, context: Any, ticket: flight.Ticket) -> flight.FlightDataStream:  # noqa: ANN401
        """Send updates as they come, or the history or the current values and no more; see ``Want``."""
        with self._told():
            session, client = self._enter(context)
            want = parse(ticket.ticket, Want)
            want.check()
            signals = session.wanted(want.signals, want.rule, want.bounds)
            schema = self._form(want, signals).schema
            feed = self._feed(context, session, client, want, signals)
            # What is refused is refused before the stream begins; a finished stream never comes to its generator.
            if want.snapshot or want.history_s is not None:
                feed = self._once(session, want, signals)
        return flight.GeneratorStream(schema, feed)

    def _form(self, want: Want, signals: Sequence[int]) -> Encoder:
        return encoder(self._broker.table, tuple(signals), names=want.names)

    def _once(self, session: Session, want: Want, signals: Sequence[int]) -> Iterator[Any]:
        broker, form = session.broker, self._form(want, signals)
        if want.snapshot:
            updates = broker.snapshot(signals)
        else:
            start = time.time_ns() - round((want.history_s or 0) * 1e9)
            updates = Updates.concat([broker.history(number, start) for number in signals])
            updates = updates[updates.t_ns.argsort(kind="stable")]
        for at in range(0, len(updates), want.rows):
            yield form.encode(updates[at : at + want.rows])

    def _feed(
        self,
        context: Any,  # noqa: ANN401
        session: Session,
        client: Client,
        want: Want,
        signals: Sequence[int],
    ) -> Iterator[Any]:
        """Yield batches until the client goes, the rights end, or the server stops."""
        form, ready = self._form(want, signals), threading.Event()
        with self._told(), client.stream(), client.subscription():
            subscription = self._broker.subscribe(
                signals, rule=want.rule, queue=want.bounds, wake=ready.set, initial=want.initial
            )
            with self._lock:
                self._streams.add(subscription)
            try:
                while self._wait(context, session, ready):
                    if want.linger_ms:
                        self.stopping.wait(want.linger_ms / 1e3)
                    ready.clear()
                    taken = subscription.take()
                    yield from _pieces(taken, want.rows, form)
            finally:
                with self._lock:
                    self._streams.discard(subscription)
                self._broker.unsubscribe(subscription)

    def _wait(self, context: Any, session: Session, ready: threading.Event) -> bool:  # noqa: ANN401
        """Wait until there is something to send; False when the client has gone.

        Raises:
            BrokerError: EXPIRED, or CLOSED when the server stops.
        """
        while True:
            come = ready.wait(_LOOK_S)
            if self.stopping.is_set():
                raise BrokerError(Reason.CLOSED, "the server stops")
            session.rights.require_valid()
            if come:
                return True
            if context.is_cancelled():
                return False

    # ---- giving -----------------------------------------------------------------------------------------------------

    def do_put(self, context: Any, descriptor: flight.FlightDescriptor, reader: Any, writer: Any) -> None:  # noqa: ANN401
        """Own signals while the stream lasts, and give them values; see ``Offered`` and ``columns``.

        A batch that is wrong is answered with its error (JSON) and left out; the stream goes on. A batch with
        metadata is answered with the same metadata once it was taken in.
        """
        with self._told():
            session, client = self._enter(context)
            command = descriptor.command
            offered = (
                parse(command, Offered)
                if command is not None
                else Offered(want_of(descriptor.path or (), None).signals)
            )
            with client.stream(), contextlib.closing(session.provide(offered.name, _act_on_nothing)) as place:
                place.claim(offered.signals)
                while not self.stopping.is_set():
                    try:
                        chunk = reader.read_chunk()
                    except StopIteration:
                        return
                    self._give(place, chunk, writer)

    def _give(self, place: Any, chunk: Any, writer: Any) -> None:  # noqa: ANN401
        try:
            place.publish(decode(self._broker.table, chunk.data))
        except BrokerError as error:
            if error.reason in {Reason.EXPIRED, Reason.CLOSED}:
                raise
            self._refuse()
            answer = {"error": error.reason.name, "message": str(error), "rows": chunk.data.num_rows}
            writer.write(msgspec.json.encode(answer))
        else:
            if chunk.app_metadata is not None:
                writer.write(chunk.app_metadata)

    # ---- looking round ----------------------------------------------------------------------------------------------

    def get_flight_info(self, context: Any, descriptor: flight.FlightDescriptor) -> flight.FlightInfo:  # noqa: ANN401
        """Return the schema and the ticket of what a path (patterns) or a command (JSON) wants."""
        with self._told():
            session, _ = self._enter(context)
            return self._info(session, want_of(descriptor.path or (), descriptor.command), descriptor)

    def get_schema(  # pyright: ignore[reportIncompatibleMethodOverride] - Arrow asks for this type, its stubs for another
        self,
        context: Any,  # noqa: ANN401
        descriptor: flight.FlightDescriptor,
    ) -> flight.SchemaResult:
        """Return the schema of what a descriptor wants."""
        return flight.SchemaResult(self.get_flight_info(context, descriptor).schema)

    def list_flights(  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        self,
        context: Any,  # noqa: ANN401
        criteria: bytes,
    ) -> Iterator[flight.FlightInfo]:
        """Yield each signal that a pattern (criteria; empty: all) selects and that may be read."""
        with self._told():
            session, _ = self._enter(context)
            pattern = criteria.decode("utf-8", "replace")
            infos: list[flight.FlightInfo] = []
            for number in session.select([pattern]):
                path = self._broker.table[number].path
                descriptor = flight.FlightDescriptor.for_path(path)
                infos.append(self._info(session, Want(signals=(path,)), descriptor))
        return iter(infos)

    def _info(self, session: Session, want: Want, descriptor: flight.FlightDescriptor) -> flight.FlightInfo:
        want.check()
        signals = session.wanted(want.signals, want.rule, want.bounds)
        ticket = flight.Ticket(msgspec.json.encode(want))
        # No location: where the client is now.
        endpoint = flight.FlightEndpoint(ticket, [])
        schema = self._form(want, signals).schema
        return flight.FlightInfo(schema, descriptor, [endpoint], -1, -1)

    def list_actions(  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        self,
        context: Any,  # noqa: ANN401
    ) -> list[tuple[str, str]]:
        """Return the actions there are."""
        with self._told():
            self._enter(context)
        return [
            ("get", 'current values as JSON; body: {"signals": [patterns]}'),
            ("signals", 'what the signals are, and who gives them, as JSON; body: {"signals": [patterns]}'),
        ]

    def do_action(  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        self,
        context: Any,  # noqa: ANN401
        action: flight.Action,
    ) -> Iterator[flight.Result]:
        """Carry out ``get`` or ``signals``; the result is JSON."""
        with self._told():
            session, _ = self._enter(context)
            body = action.body.to_pybytes()
            if action.type == "get":
                answer = self._get(session, parse(body, Queried))
            elif action.type == "signals":
                answer = self._signals(session, parse(body, Queried))
            else:
                message = f"there is no action '{action.type:.40}'; there are 'get' and 'signals'"
                raise BrokerError(Reason.INVALID, message)
        return iter([flight.Result(pa.py_buffer(msgspec.json.encode(answer)))])

    def _get(self, session: Session, query: Queried) -> list[dict[str, object]]:
        table = self._broker.table
        batch = self._broker.snapshot(session.select(query.signals))
        return [
            {
                "path": table[number].path,
                "value": from_inside(table[number], value, None if batch.objects is None else batch.objects[row]),
                "quality": Quality(quality).name,
                "time_ns": t_ns,
            }
            for row, (number, value, quality, t_ns) in enumerate(
                zip(batch.signal.tolist(), batch.value.tolist(), batch.quality.tolist(), batch.t_ns.tolist(),
                    strict=True)
            )
        ]  # fmt: skip

    def _signals(self, session: Session, query: Queried) -> list[dict[str, object]]:
        return [
            {
                "path": facts.path,
                "unit": facts.unit,
                "datatype": facts.datatype,
                "kind": facts.leaf.kind.value,
                "labels": self._broker.table[facts.number].labels,
                "provider": facts.owner,
                "actor": facts.actor,
                "evidence": facts.offer.evidence if facts.offer else None,
                "rights": sorted(action.value for action in facts.rights),
            }
            for facts in session.describe(query.signals)
        ]


def _act_on_nothing(_: object) -> None:
    """Be asked for nothing: a stream of values has no actuators."""


def _pieces(taken: Taken, rows: int, form: Any) -> Iterator[Any]:  # noqa: ANN401 - an Encoder
    """Yield what was taken as batches with metadata: the number of the first update, and how many were lost."""
    number = taken.numbers[0] if taken.numbers else -1
    lost = taken.dropped
    updates = Updates.concat(taken.batches)
    for at in range(0, max(len(updates), 1 if lost else 0), rows):
        piece = updates if len(updates) <= rows else updates[at : at + rows]
        yield form.encode(piece), pa.py_buffer(msgspec.json.encode({"number": number + at, "dropped": lost}))
        lost = 0
