"""What streams from a server, each followed by a task: updates and events over any number of connections, and steps.

A lost connection is made again, less and less often, and asked for the same; the reader sees that there was a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol

from google.protobuf.message import DecodeError
from grpc import aio

from commonwheel.broker.actuation import Step
from commonwheel.broker.events import Event
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter
from commonwheel.broker.rpc.companion_columns import decode_columns, decode_value
from commonwheel.broker.rpc.companion_messages import STAGES, encode_filter, encode_queue
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.subscription import Subscription
from commonwheel.client.faults import error_of, is_expired
from commonwheel.client.sources import Batches, Inbox
from commonwheel.errors import CommonwheelError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.broker.signals import SignalTable
    from commonwheel.client.credentials import Token
    from commonwheel.client.plans import Plan

__all__ = ["EOF", "Caller", "EventStream", "Feed", "Follower", "StepStream"]

EOF: Final[Proto] = vars(aio)["EOF"]
"""What a call reads at its end; the types of gRPC do not know it."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0


class Caller(Protocol):
    """What a stream needs of its link."""

    where: str
    token: Token
    timeout_s: float

    def stream(self, name: str, request: Proto = None) -> Proto:
        """Begin a streaming call."""
        ...

    async def known(self, fingerprint: int) -> SignalTable:
        """Return the table of a fingerprint."""
        ...

    def forget(self, stream: Follower) -> None:
        """Hold on to a stream no longer: it is over."""
        ...


class Follower(ABC):
    """A task that follows one stream, in the event loop that made it."""

    def __init__(self, link: Caller) -> None:
        self.link = link
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._pause_s = _FIRST_PAUSE_S

    async def open(self) -> None:
        """Begin, and wait for the server's first word.

        Raises:
            CommonwheelError: why it does not begin.
        """
        self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(self.link.timeout_s):
                await asyncio.shield(self._opened)
        except TimeoutError:
            await self.close()
            message_ = f"{self.link.where} did not answer within {self.link.timeout_s:g} s"
            raise UnreachableError(message_) from None
        except BaseException:
            await self.close()
            raise

    async def _run(self) -> None:
        """Follow one connection after the other, until there is a reason to stop."""
        error: CommonwheelError | None = None
        try:
            while True:
                error = await self._connection()
                if not self._opened.done():
                    self._opened.set_exception(error)
                    return
                if not self._goes_on(error):
                    return
                await asyncio.sleep(self._pause_s)
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        except CommonwheelError as stop:  # a token that cannot be renewed
            error = stop
        finally:
            self._opened.cancel()
            self.end(error)
            self.link.forget(self)

    async def _connection(self) -> CommonwheelError:
        """Follow one connection to its end; returns why it ended."""
        where = self.link.where
        try:
            await self.follow()
        except aio.AioRpcError as error:
            return error_of(error, where)
        except (CommonwheelError, aio.UsageError) as error:
            return error if isinstance(error, CommonwheelError) else UnreachableError(f"{where}: {error}")
        except DecodeError as error:
            return CommonwheelError(f"{where} answers what is none of Commonwheel's messages ({error})")
        return UnreachableError(f"{where} ended the stream")

    def _goes_on(self, error: CommonwheelError) -> bool:
        """Whether to connect again."""
        if is_expired(error):
            return self.link.token.renew()
        if isinstance(error, BrokerError):
            return error.reason in {Reason.CLOSED, Reason.STOPPING, Reason.LIMIT}
        return isinstance(error, UnreachableError)

    def opened(self) -> None:
        """Note that the server has taken it up."""
        self._pause_s = _FIRST_PAUSE_S
        if not self._opened.done():
            self._opened.set_result(None)

    @abstractmethod
    async def follow(self) -> None:
        """Follow one connection."""

    @abstractmethod
    def end(self, error: CommonwheelError | None) -> None:
        """Tell the reader that nothing follows."""

    def stop(self) -> None:
        """Stop following; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the task with it
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Stop following, and wait for it."""
        self._cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._opened.cancel()


class Feed(Follower):
    """A subscription."""

    def __init__(self, link: Caller, plan: Plan, wake: Callable[[], None]) -> None:
        super().__init__(link)
        self._plan = plan
        self._wake = wake
        self.source = Batches(wake, self.stop, lambda: None)
        self._request = message("commonwheel.v1.SubscribeRequest")(
            patterns=plan.patterns, skip_initial=not plan.initial, targets=plan.targets
        )
        encode_filter(self._request.filter, plan.rule)
        encode_queue(self._request.queue, plan.queue)

    async def follow(self) -> None:
        """Put updates into a queue of this connection's own."""
        call = self.link.stream("Subscribe", self._request)
        try:
            first = await call.read()
            if first is EOF:
                return
            table = await self.link.known(first.opening.table)
            queue = Subscription(list(first.opening.signals), len(table), Filter(), self._plan.queue, self._wake)
            self.source.follow(queue, table)
            self.opened()
            while (answer := await call.read()) is not EOF:
                self.source.lose(answer.dropped)
                if queue.put(decode_columns(answer.columns)):
                    queue.wake()
        finally:
            call.cancel()

    def end(self, error: CommonwheelError | None) -> None:
        """See ``Follower``."""
        self.source.end(error)


class EventStream(Follower):
    """The event log."""

    def __init__(self, link: Caller, last: int, wake: Callable[[], None]) -> None:
        super().__init__(link)
        self._last = last
        self.source: Inbox[Event] = Inbox(wake, closing=self.stop)

    async def follow(self) -> None:
        """Put events into the inbox; that the connection was lost is one."""
        lost = self._opened.done()
        call = self.link.stream("Watch", message("commonwheel.v1.WatchRequest")(last=self._last))
        try:
            while (answer := await call.read()) is not EOF:
                if lost:
                    self.source.put(Event(time.time_ns(), "client.reconnected", {}))
                    lost = False
                self.opened()
                for told in answer.events:
                    facts = {name: decode_value(value) for name, value in told.facts.items()}
                    self.source.put(Event(told.t_ns, told.kind, facts))
        finally:
            call.cancel()
            self._last = 0

    def end(self, error: CommonwheelError | None) -> None:
        """See ``Follower``."""
        self.source.end(error)


class StepStream(Follower):
    """The life of actuations that were asked for. It is not asked for again when the connection is lost."""

    def __init__(self, link: Caller, request: Proto, wake: Callable[[], None]) -> None:
        super().__init__(link)
        self._request = request
        self._finished = False
        self.source: Inbox[tuple[str, Step]] = Inbox(wake, closing=self.stop)

    async def follow(self) -> None:
        """Put steps into the inbox."""
        call = self.link.stream("Actuate", self._request)
        try:
            while (answer := await call.read()) is not EOF:
                self.opened()
                for told in answer.steps:
                    step = Step(STAGES[told.stage], told.t_ns, told.why)
                    self.source.put((self._request.targets[told.target].path, step))
            self._finished = True
        finally:
            call.cancel()

    def _goes_on(self, error: CommonwheelError) -> bool:
        del error
        return False

    def end(self, error: CommonwheelError | None) -> None:
        """See ``Follower``."""
        if isinstance(error, UnreachableError) and not self._finished:
            message_ = f"{error}; what became of the actuation is not known"
            self.source.end(UnreachableError(message_))
        else:
            self.source.end(None if self._finished else error)
