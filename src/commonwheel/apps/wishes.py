"""What an app asks for in one run, and who in it waits to hear how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonwheel.apps.sink import Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from commonwheel.apps.calls import Calls
    from commonwheel.apps.clock import Clock
    from commonwheel.apps.sink import Sink
    from commonwheel.apps.terms import Terms
    from commonwheel.broker.values import Value
    from commonwheel.client.requests import Outcome

__all__ = ["Asked", "Wishes"]


class Asked:
    """A request that is under way. Await it for its outcome."""

    def __init__(self, calls: Calls) -> None:
        self.outcome: Outcome | None = None
        """How it ended; None while it has not, and for one that was renewed while nobody waited for it."""
        self._calls = calls
        self._told: list[Callable[[Outcome], object]] = []

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits to hear how it ends."""
        return bool(self._told)

    def tell(self, then: Callable[[Outcome], object]) -> None:
        """Have something called with the outcome."""
        self._told.append(then)

    def end(self, outcome: Outcome) -> None:
        """Take in how it ended."""
        self.outcome = outcome
        for tell in self._told:
            tell(outcome)

    def __await__(self) -> Generator[Any, None, Outcome]:
        if self.outcome is None:
            future = self._calls.loop.create_future()
            self.tell(lambda outcome: future.done() or future.set_result(outcome))
            return (yield from future.__await__())
        return self.outcome


class Wishes:
    """Of one run. A request that is renewed and that nobody waits for is forgotten: one actuator, one wish."""

    def __init__(self, calls: Calls, clock: Clock, sink: Sink) -> None:
        self._calls, self._clock, self._sink = calls, clock, sink
        self._under_way: dict[int, tuple[str, Asked]] = {}
        self._newest: dict[str, int] = {}
        """Number of the newest request, by path."""
        self._count = 0

    @property
    def under_way(self) -> int:
        """How many are remembered."""
        return len(self._under_way)

    def ask(self, path: str, value: Value, terms: Terms, then: Callable[[Outcome], object] | None) -> Asked:
        """Ask; what is returned can be awaited, and *then* is called with the outcome."""
        before = self._newest.get(path, 0)
        known = self._under_way.get(before)
        if known is not None and not known[1].is_awaited:
            del self._under_way[before]
        asked = Asked(self._calls)
        if then is not None:
            asked.tell(then)
        self._count += 1
        number = self._count
        self._under_way[number] = path, asked
        self._newest[path] = number
        self._sink.request(Wish(number, self._clock.now_ns, path, value, terms))
        return asked

    def withdraw(self, path: str) -> None:
        """Want nothing of an actuator any more."""
        self._sink.withdraw(self._clock.now_ns, path)

    def answer(self, number: int, outcome: Outcome) -> None:
        """Tell who waits how a request ended; one that nobody waits for is let be."""
        path, asked = self._under_way.pop(number, ("", None))
        if self._newest.get(path) == number:
            del self._newest[path]
        if asked is not None:
            asked.end(outcome)
