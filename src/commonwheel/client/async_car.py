"""A car, for programs with an event loop: the calls of ``Car``, awaited."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Unpack

from commonwheel.client.beginning import Beginning
from commonwheel.client.calls import Steps, answering, past, publish, read, unasked
from commonwheel.client.listeners import AsyncListener
from commonwheel.client.plans import NO_TERMS, claim_of, each, plan_of, terms_of
from commonwheel.client.providing import AsyncProviding
from commonwheel.client.readers import AsyncReader
from commonwheel.client.sources import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from commonwheel.broker.actuation import Step, Terms
    from commonwheel.broker.events import Event
    from commonwheel.broker.session import SignalFacts
    from commonwheel.client.link import Link
    from commonwheel.client.plans import Asking, Claim, Confirm, Options
    from commonwheel.client.readings import Batch, Reading
    from commonwheel.client.requests import Outcome, Request

__all__ = ["AsyncCar"]


class AsyncCar:
    """Made by ``connect_async``, for the event loop that made it; ``close`` it, or use it as a context manager.

    Whatever was begun on it ends with it. Every method raises ``BrokerError`` when the car refuses (``reason`` says
    why: UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED, ...) and ``UnreachableError`` when its server cannot be reached.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._begun: set[AsyncListener[Batch] | AsyncProviding] = set()
        self._closed = False

    @property
    def name(self) -> str:
        """What the car is called."""
        return self._link.name

    # ---- reading ----------------------------------------------------------------------------------------------------

    async def get(self, path: str, *, target: bool = False) -> Reading:
        """Return a signal's current reading, or what was last asked of it; MISSING where there was never a value."""
        return (await read(self._link, (path,), targets=target))[0]

    async def get_many(self, paths: Iterable[str], *, target: bool = False) -> list[Reading]:
        """Return the current readings of several signals, in their order: all, or an error."""
        return await read(self._link, tuple(paths), targets=target)

    async def signals(self, *patterns: str) -> list[SignalFacts]:
        """Return what the standard says about the signals that patterns select, and what this car does; none: all."""
        return await self._link.describe(patterns)

    async def history(self, path: str, seconds: float | None = None, *, most: int | None = None) -> Batch:
        """Return the updates of a signal that are kept, of the last so many seconds, the last *most*, oldest first."""
        return await past(self._link, path, seconds, most)

    def subscribe(self, *patterns: str, **options: Unpack[Options]) -> AsyncReader[Batch]:
        """Subscribe to the signals that patterns select: ``async for batch in car.subscribe("Vehicle.Powertrain.**")``.

        Begins with the current state of all of them. Goes on when the server was away; ``Batch.reconnected`` tells.
        """
        plan = plan_of(patterns, options)
        return AsyncReader(lambda wake: self._link.subscribe(plan, wake))

    async def on(
        self, patterns: str | Iterable[str], callback: Callable[[Reading], object], **options: Unpack[Options]
    ) -> AsyncListener[Batch]:
        """Call a function, or a coroutine function, with each reading, in a task of its own; see ``Car.on``."""
        return await self._listen(each(patterns), callback, options, iter)

    async def on_batch(
        self, patterns: str | Iterable[str], callback: Callable[[Batch], object], **options: Unpack[Options]
    ) -> AsyncListener[Batch]:
        """Call a function, or a coroutine function, with each batch; see ``on``."""
        return await self._listen(each(patterns), callback, options, lambda batch: (batch,))

    async def _listen(
        self,
        patterns: tuple[str, ...],
        callback: Callable[..., object],
        options: Options,
        parts: Callable[[Batch], Iterable[object]],
    ) -> AsyncListener[Batch]:
        reader = await self.subscribe(*patterns, **options).open()
        listener = AsyncListener(reader, callback, ", ".join(patterns), parts)
        self._keep(listener)
        return listener

    def _keep(self, begun: AsyncListener[Batch] | AsyncProviding) -> None:
        self._begun = {begun, *(other for other in self._begun if not other.closed)}

    def events(self, last: int = 0) -> AsyncReader[Event]:
        """Tell what happens at the broker, beginning with the last so many events."""
        return AsyncReader(lambda wake: self._link.watch(last, wake))

    # ---- asking -----------------------------------------------------------------------------------------------------

    async def request(
        self,
        path: str,
        value: object,
        *,
        timeout_s: float | None = None,
        on_step: Callable[[Step], object] | None = None,
        **asking: Unpack[Asking],
    ) -> Outcome:
        """Ask an actuator to reach a value, and wait until it is confirmed, refused, or its time is over.

        Args:
            path: the actuator.
            value: the target.
            timeout_s: how long to wait; None until it has ended, as it always does. It goes on without you.
            on_step: called with each step.
            asking: on what terms; see ``Asking``.
        """
        terms = terms_of(asking)
        outcomes = await self._request(
            {path: value}, timeout_s, lambda told: on_step(told[1]) if on_step else None, terms
        )
        return outcomes[path]

    async def request_many(
        self, targets: Mapping[str, object], *, timeout_s: float | None = None
    ) -> dict[str, Outcome]:
        """Ask several actuators, all of them or none, and wait; see ``request``."""
        return await self._request(dict(targets), timeout_s, lambda _told: None)

    async def _request(
        self,
        targets: dict[str, object],
        timeout_s: float | None,
        tell: Callable[[tuple[str, Step]], object],
        terms: Terms = NO_TERMS,
    ) -> dict[str, Outcome]:
        steps = Steps(targets)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self.steps(targets, terms) as reader:
                async for told in reader:
                    steps.add(told)
                    tell(told)
        return steps.outcomes

    def steps(self, targets: Mapping[str, object], terms: Terms = NO_TERMS) -> AsyncReader[tuple[str, Step]]:
        """Ask actuators to reach values, all of them or none, and read path and step until all have ended."""
        wanted = dict(targets)
        return AsyncReader(lambda wake: self._link.actuate(wanted, wake, terms))

    async def withdraw(self, *paths: str) -> None:
        """Take back what you asked of actuators that several may ask: of these, or of all."""
        await self._link.withdraw(paths)

    # ---- providing --------------------------------------------------------------------------------------------------

    async def publish(self, values: Mapping[str, object], *, t_ns: int | None = None) -> None:
        """Give values to signals that nobody owns; None: the signal has none.

        When some are refused, the others are taken nevertheless, and the error tells all.
        """
        await publish(self._link, values, t_ns)

    def provide(
        self,
        signals: str | Iterable[str] = (),
        *,
        actuators: Iterable[str] | Mapping[str, Confirm] = (),
        on_request: Callable[[Request], object] | None = None,
        name: str = "",
    ) -> Beginning[AsyncProviding]:
        """Own signals and actuators, until it is closed: ``async with car.provide("Vehicle.Speed") as speed``.

        Args:
            signals: patterns of those whose values you give.
            actuators: paths of those that you make act, or what confirms each.
            on_request: a function, or a coroutine function, called with each request. When it raises, the request
                has failed.
            name: what to call you.
        """
        claim = claim_of(signals, actuators, name)
        return Beginning(self._provide(claim, on_request and answering(on_request)))

    async def _provide(self, claim: Claim, on_request: Callable[[Request], object] | None) -> AsyncProviding:
        if on_request is None:
            providing = AsyncProviding(await self._link.provide(claim, unasked), None)
        else:
            providing = await self._provide_asked(claim, on_request)
        self._keep(providing)
        return providing

    async def _provide_asked(self, claim: Claim, on_request: Callable[[Request], object]) -> AsyncProviding:
        inboxes: list[Inbox[Request]] = []

        async def begin(wake: Callable[[], None]) -> Inbox[Request]:
            inboxes.append(Inbox(wake))
            return inboxes[0]

        reader: AsyncReader[Request] = await AsyncReader(begin).open()
        place = await self._link.provide(claim, inboxes[0].put)
        listener = AsyncListener(reader, on_request, claim.name or "requests", lambda asked: (asked,))
        return AsyncProviding(place, listener)

    async def close(self) -> None:
        """End whatever was begun, and the connection; closing twice does no harm."""
        if self._closed:
            return
        self._closed = True
        for begun in self._begun:
            await begun.close()
        await self._link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
