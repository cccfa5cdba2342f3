"""A car, for programs with threads: read, subscribe, ask, provide, near or far by the same calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Unpack

from commonwheel.client.calls import Steps, answering, past, publish, read, unasked
from commonwheel.client.listeners import Listener
from commonwheel.client.plans import NO_TERMS, claim_of, each, plan_of, terms_of
from commonwheel.client.providing import Providing
from commonwheel.client.readers import Reader
from commonwheel.client.sources import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from commonwheel.broker.actuation import Step, Terms
    from commonwheel.broker.events import Event
    from commonwheel.broker.session import SignalFacts
    from commonwheel.client.link import Link
    from commonwheel.client.loop import Runner
    from commonwheel.client.plans import Asking, Claim, Confirm, Options
    from commonwheel.client.readings import Batch, Reading
    from commonwheel.client.requests import Outcome, Request

__all__ = ["Car"]


class Car:
    """Made by ``connect``. Any thread may use it; ``close`` it, or use it as a context manager.

    Whatever was begun on it ends with it. Every method raises ``BrokerError`` when the car refuses (``reason`` says
    why: UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED, ...) and ``UnreachableError`` when its server cannot be reached.
    """

    def __init__(self, link: Link, runner: Runner) -> None:
        self._link = link
        self._runner = runner
        self._begun: set[Listener[Batch] | Providing] = set()
        self._closed = False

    @property
    def name(self) -> str:
        """What the car is called."""
        return self._link.name

    # ---- reading ----------------------------------------------------------------------------------------------------

    def get(self, path: str, *, target: bool = False) -> Reading:
        """Return a signal's current reading, or what was last asked of it; MISSING where there was never a value."""
        return self._runner.run(read(self._link, (path,), targets=target))[0]

    def get_many(self, paths: Iterable[str], *, target: bool = False) -> list[Reading]:
        """Return the current readings of several signals, in their order: all, or an error."""
        return self._runner.run(read(self._link, tuple(paths), targets=target))

    def signals(self, *patterns: str) -> list[SignalFacts]:
        """Return what the standard says about the signals that patterns select, and what this car does; none: all."""
        return self._runner.run(self._link.describe(patterns))

    def history(self, path: str, seconds: float | None = None, *, most: int | None = None) -> Batch:
        """Return the updates of a signal that are kept, of the last so many seconds, the last *most*, oldest first."""
        return self._runner.run(past(self._link, path, seconds, most))

    def subscribe(self, *patterns: str, **options: Unpack[Options]) -> Reader[Batch]:
        """Subscribe to the signals that patterns select: ``for batch in car.subscribe("Vehicle.Powertrain.**")``.

        Begins with the current state of all of them. Goes on when the server was away; ``Batch.reconnected`` tells.
        """
        plan = plan_of(patterns, options)
        return Reader(self._runner, lambda wake: self._link.subscribe(plan, wake))

    def on(
        self, patterns: str | Iterable[str], callback: Callable[[Reading], object], **options: Unpack[Options]
    ) -> Listener[Batch]:
        """Call a function with each reading, in a thread of its own, until the listener is closed.

        When it raises, that is logged and counted, and it is called with the next. When it is slow, it loses only its
        own readings, by its own queue.
        """
        return self._listen(each(patterns), callback, options, iter)

    def on_batch(
        self, patterns: str | Iterable[str], callback: Callable[[Batch], object], **options: Unpack[Options]
    ) -> Listener[Batch]:
        """Call a function with each batch; see ``on``."""
        return self._listen(each(patterns), callback, options, lambda batch: (batch,))

    def _listen(
        self,
        patterns: tuple[str, ...],
        callback: Callable[..., object],
        options: Options,
        parts: Callable[[Batch], Iterable[object]],
    ) -> Listener[Batch]:
        listener = Listener(self.subscribe(*patterns, **options), callback, ", ".join(patterns), parts)
        self._keep(listener)
        return listener

    def _keep(self, begun: Listener[Batch] | Providing) -> None:
        self._begun = {begun, *(other for other in self._begun if not other.closed)}

    def events(self, last: int = 0) -> Reader[Event]:
        """Tell what happens at the broker, beginning with the last so many events."""
        return Reader(self._runner, lambda wake: self._link.watch(last, wake))

    # ---- asking -----------------------------------------------------------------------------------------------------

    def request(
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
            on_step: called with each step, in this thread.
            asking: on what terms; see ``Asking``.
        """
        terms = terms_of(asking)
        outcomes = self._request({path: value}, timeout_s, lambda told: on_step(told[1]) if on_step else None, terms)
        return outcomes[path]

    def request_many(self, targets: Mapping[str, object], *, timeout_s: float | None = None) -> dict[str, Outcome]:
        """Ask several actuators, all of them or none, and wait; see ``request``."""
        return self._request(dict(targets), timeout_s, lambda _told: None)

    def _request(
        self,
        targets: dict[str, object],
        timeout_s: float | None,
        tell: Callable[[tuple[str, Step]], object],
        terms: Terms = NO_TERMS,
    ) -> dict[str, Outcome]:
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        steps = Steps(targets)
        with self.steps(targets, terms) as reader:
            while (told := reader.take(None if ends is None else ends - time.monotonic())) is not None:
                steps.add(told)
                tell(told)
        return steps.outcomes

    def steps(self, targets: Mapping[str, object], terms: Terms = NO_TERMS) -> Reader[tuple[str, Step]]:
        """Ask actuators to reach values, all of them or none, and read path and step until all have ended."""
        wanted = dict(targets)
        return Reader(self._runner, lambda wake: self._link.actuate(wanted, wake, terms))

    def withdraw(self, *paths: str) -> None:
        """Take back what you asked of actuators that several may ask: of these, or of all."""
        self._runner.run(self._link.withdraw(paths))

    # ---- providing --------------------------------------------------------------------------------------------------

    def publish(self, values: Mapping[str, object], *, t_ns: int | None = None) -> None:
        """Give values to signals that nobody owns; None: the signal has none.

        When some are refused, the others are taken nevertheless, and the error tells all.
        """
        self._runner.run(publish(self._link, values, t_ns))

    def provide(
        self,
        signals: str | Iterable[str] = (),
        *,
        actuators: Iterable[str] | Mapping[str, Confirm] = (),
        on_request: Callable[[Request], object] | None = None,
        name: str = "",
    ) -> Providing:
        """Own signals and actuators, until it is closed: ``with car.provide(["Vehicle.Speed"]) as speed``.

        Args:
            signals: patterns of those whose values you give.
            actuators: paths of those that you make act, or what confirms each.
            on_request: called with each request, in a thread of its own. When it raises, the request has failed.
            name: what to call you.
        """
        claim = claim_of(signals, actuators, name)
        if on_request is None:
            providing = Providing(self._runner.run(self._link.provide(claim, unasked)), self._runner, None)
        else:
            providing = self._provide_asked(claim, answering(on_request))
        self._keep(providing)
        return providing

    def _provide_asked(self, claim: Claim, on_request: Callable[[Request], object]) -> Providing:
        inboxes: list[Inbox[Request]] = []

        async def begin(wake: Callable[[], None]) -> Inbox[Request]:
            inboxes.append(Inbox(wake))
            return inboxes[0]

        reader: Reader[Request] = Reader(self._runner, begin)
        place = self._runner.run(self._link.provide(claim, inboxes[0].put))
        listener = Listener(reader, on_request, claim.name or "requests", lambda asked: (asked,))
        return Providing(place, self._runner, listener)

    def close(self) -> None:
        """End whatever was begun, and the connection; closing twice does no harm."""
        if self._closed:
            return
        self._closed = True
        for begun in self._begun:
            begun.close()
        self._runner.run(self._link.close())
        self._runner.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
