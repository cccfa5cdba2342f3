"""The way to a server: one gRPC channel, calls of ``commonwheel.v1.Car`` on it, in the event loop that opened it.

What only reads waits for a server that restarts, for as long as the time limit says, and is asked again; what acts is
tried once, for a late actuation is worse than none.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from grpc import aio

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.companion_columns import decode_columns, encode_value
from commonwheel.broker.rpc.companion_messages import decode_signal
from commonwheel.broker.rpc.interface import Method, Proto, message, methods
from commonwheel.broker.signals import SignalTable
from commonwheel.catalog import Catalog
from commonwheel.client.credentials import Token, credentials
from commonwheel.client.faults import error_of, is_expired
from commonwheel.client.plans import NO_TERMS
from commonwheel.client.readings import Batch
from commonwheel.client.remote_place import RemotePlace
from commonwheel.client.remote_streams import EventStream, Feed, Follower, StepStream
from commonwheel.errors import CommonwheelError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.broker.actuation import Step, Terms
    from commonwheel.broker.events import Event
    from commonwheel.broker.session import SignalFacts
    from commonwheel.broker.updates import Updates
    from commonwheel.client.credentials import TlsSource, TokenSource
    from commonwheel.client.plans import Claim, Plan
    from commonwheel.client.requests import Request
    from commonwheel.client.sources import Source

__all__ = ["RemoteLink"]

_OPTIONS: Final = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 10_000),  # a server whose machine is gone is noticed
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.use_local_subchannel_pool", 1),
]
_METHODS: Final = {method.name: method for method in methods("commonwheel.v1.Car")}
_RETRY_S: Final = 0.05
_DRAIN_S: Final = 0.005
"""How long the last words of cancelled calls are waited for: gRPC logs an error for those that find the loop closed."""


class RemoteLink:
    """See ``Link``. To be made and used in one event loop."""

    def __init__(self, target: str, token: TokenSource | None, tls: TlsSource, timeout_s: float) -> None:
        """Prepare a link; ``open`` it.

        Args:
            target: ``host:port``, ``[address]:port`` or ``unix:/path``.
            token: see ``Token``.
            tls: see ``credentials``.
            timeout_s: how long a call may take.

        Raises:
            CommonwheelError: a file cannot be read.
        """
        self.where = target
        self.token = Token(token)
        self.timeout_s = timeout_s
        self.name = ""
        self.table = SignalTable(Catalog({}, {}, target))
        self.fingerprint = 0
        secret, options = credentials(tls)
        made = [*_OPTIONS, *options]
        self._channel = (
            aio.insecure_channel(target, made) if secret is None else aio.secure_channel(target, secret, made)
        )
        self._calls = {name: self._call(method) for name, method in _METHODS.items()}
        self._streams: set[Follower] = set()
        self._closed = False

    def _call(self, method: Method) -> Proto:
        kind = f"{'stream' if method.streams_in else 'unary'}_{'stream' if method.streams_out else 'unary'}"
        return getattr(self._channel, kind)(
            f"/{method.service}/{method.name}",
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )

    async def open(self, wait_s: float | None) -> None:
        """Learn the car's signals.

        Args:
            wait_s: how long to wait for a server that is not there yet; None for ever.

        Raises:
            UnreachableError: it is not there. BrokerError: it does not let us in. CommonwheelError: it is another.
        """
        request = message("commonwheel.v1.DescribeRequest")()
        if wait_s == 0.0:
            await self._learn(await self._once("Describe", request, self.timeout_s, wait=False))
            return
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    try:
                        await self._learn(await self._once("Describe", request, None, wait=True))
                    except UnreachableError:
                        await asyncio.sleep(_RETRY_S)
                    else:
                        return
        except TimeoutError:
            message_ = f"{self.where} could not be reached for {wait_s:g} s; is 'commonwheel run' running there?"
            raise UnreachableError(message_) from None

    async def _learn(self, described: Proto) -> list[SignalFacts]:
        facts = [decode_signal(signal) for signal in described.signals]
        table = SignalTable(Catalog({signal.path: signal.leaf for signal in facts}, {}, described.catalog))
        if any(table.numbers[signal.path] != signal.number for signal in facts):
            message_ = f"{self.where} numbers its signals in another way; is it of a later version?"
            raise CommonwheelError(message_)
        self.name, self.table, self.fingerprint = described.car, table, described.table
        return facts

    async def known(self, fingerprint: int) -> SignalTable:
        """Return the table of a fingerprint, learnt anew when it is not the one that is known.

        Raises:
            CommonwheelError: it cannot be had.
        """
        if fingerprint != self.fingerprint:
            await self._learn(await self.ask("Describe", message("commonwheel.v1.DescribeRequest")()))
        return self.table

    async def ask(self, name: str, request: Proto, *, retry: bool = True) -> Proto:
        """Make a unary call.

        Args:
            name: of the call.
            request: its message.
            retry: wait for a server that is away, and ask again when the connection is lost.

        Raises:
            CommonwheelError: see ``error_of``.
        """
        if self._closed:
            raise BrokerError(Reason.CLOSED, "the car was closed; connect again")
        ends = asyncio.get_running_loop().time() + self.timeout_s
        while True:
            left = ends - asyncio.get_running_loop().time()
            try:
                return await self._once(name, request, max(left, 0.001), wait=retry)
            except UnreachableError:
                if not retry or asyncio.get_running_loop().time() + _RETRY_S >= ends:
                    raise
                await asyncio.sleep(_RETRY_S)
            except BrokerError as error:
                if not is_expired(error) or not self.token.renew():
                    raise

    async def _once(self, name: str, request: Proto, timeout_s: float | None, *, wait: bool) -> Proto:
        try:
            return await self._calls[name](
                request, timeout=timeout_s, metadata=self.token.metadata, wait_for_ready=wait
            )
        except aio.AioRpcError as error:
            raise error_of(error, self.where) from None
        except DecodeError as error:
            message_ = f"{self.where} answers what is none of Commonwheel's messages ({error})"
            raise CommonwheelError(message_) from error

    def stream(self, name: str, request: Proto = None) -> Proto:
        """Begin a streaming call; it waits for a server that is away, but an actuation."""
        arguments = () if request is None else (request,)
        return self._calls[name](*arguments, metadata=self.token.metadata, wait_for_ready=name != "Actuate")

    def forget(self, stream: Follower) -> None:
        """Hold on to a stream no longer: it is over."""
        self._streams.discard(stream)

    def _live(self) -> None:
        if self._closed:
            raise BrokerError(Reason.CLOSED, "the car was closed; connect again")

    async def describe(self, patterns: Sequence[str]) -> list[SignalFacts]:
        """See ``Link``."""
        answer = await self.ask("Describe", message("commonwheel.v1.DescribeRequest")(patterns=patterns))
        return [decode_signal(signal) for signal in answer.signals]

    async def read(self, paths: Sequence[str], *, targets: bool) -> Updates:
        """See ``Link``."""
        answer = await self.ask("Read", message("commonwheel.v1.ReadRequest")(paths=paths, targets=targets))
        if answer.table != self.fingerprint:
            await self.known(answer.table)
        return decode_columns(answer.columns)

    async def history(self, path: str, start_ns: int, end_ns: int, most: int | None) -> Batch:
        """See ``Link``."""
        request = message("commonwheel.v1.ReadHistoryRequest")(
            path=path, start_ns=start_ns, end_ns=end_ns, most=most or 0
        )
        answer = await self.ask("ReadHistory", request)
        return Batch(decode_columns(answer.columns), await self.known(answer.table))

    async def subscribe(self, plan: Plan, wake: Callable[[], None]) -> Source[Batch]:
        """See ``Link``."""
        self._live()
        feed = Feed(self, plan, wake)
        self._streams.add(feed)
        await feed.open()
        return feed.source

    async def actuate(
        self, targets: Mapping[str, object], wake: Callable[[], None], terms: Terms = NO_TERMS
    ) -> Source[tuple[str, Step]]:
        """See ``Link``."""
        self._live()
        terms.check()
        request = message("commonwheel.v1.ActuateRequest")()
        if terms != NO_TERMS:
            request.terms.valid_ns, request.terms.priority = terms.valid_ns, terms.priority
            request.terms.unit, request.terms.reason = terms.unit, terms.reason
        for path, value in targets.items():
            encode_value(request.targets.add(path=path).value, value)
        steps = StepStream(self, request, wake)
        self._streams.add(steps)
        await steps.open()
        return steps.source

    async def withdraw(self, paths: Sequence[str]) -> None:
        """See ``Link``."""
        await self.ask("Withdraw", message("commonwheel.v1.WithdrawRequest")(paths=paths))

    async def publish(self, values: Mapping[str, object], t_ns: int | None) -> dict[str, BrokerError]:
        """See ``Link``."""
        request = message("commonwheel.v1.PublishRequest")(t_ns=t_ns or 0)
        faults: dict[str, BrokerError] = {}
        for path, value in values.items():
            try:
                encode_value(request.values.add(path=path).value, value)
            except BrokerError as error:
                del request.values[-1]
                faults[path] = error
        answer = await self.ask("Publish", request, retry=False)
        for fault in answer.faults:
            reason = Reason[fault.reason] if fault.reason in Reason.__members__ else Reason.INVALID
            faults[fault.path] = BrokerError(reason, fault.message)
        return faults

    async def provide(self, claim: Claim, on_request: Callable[[Request], None]) -> RemotePlace:
        """See ``Link``."""
        self._live()
        place = RemotePlace(self, claim, on_request)
        self._streams.add(place)
        await place.open()
        return place

    async def watch(self, last: int, wake: Callable[[], None]) -> Source[Event]:
        """See ``Link``."""
        self._live()
        events = EventStream(self, last, wake)
        self._streams.add(events)
        await events.open()
        return events.source

    async def close(self) -> None:
        """See ``Link``."""
        self._closed = True
        for stream in list(self._streams):
            await stream.close()
        await self._channel.close()
        await asyncio.sleep(_DRAIN_S)
