"""The way to a car's broker, near or far: what both faces of the client stand on.

Every method is a coroutine. Those of a link in this process never wait, so that a thread can run them to their end
without an event loop; those of a link to a server run in the loop that opened it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.broker.actuation import Step, Terms
    from commonwheel.broker.events import Event
    from commonwheel.broker.faults import BrokerError
    from commonwheel.broker.session import SignalFacts
    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.updates import Updates
    from commonwheel.client.plans import Claim, Plan
    from commonwheel.client.readings import Batch
    from commonwheel.client.requests import Request
    from commonwheel.client.sources import Source

__all__ = ["Link", "Place"]


class Place(Protocol):
    """A provider's place at the broker."""

    @property
    def table(self) -> SignalTable:
        """What the numbers of signals mean."""
        ...

    @property
    def owned(self) -> Sequence[int]:
        """Numbers of the signals whose values it gives."""
        ...

    def push(self, updates: Updates) -> bool:
        """Hand on a batch that was checked, from any thread; False when the car is away.

        Raises:
            CommonwheelError: the place was lost for good.
        """
        ...

    @property
    def crowded(self) -> bool:
        """Whether so much waits to be sent that it is time to wait for ``sent``."""
        ...

    async def sent(self) -> None:
        """Wait until everything was handed on."""
        ...

    async def close(self) -> None:
        """Hand on what waits, and give everything up."""
        ...


class Link(Protocol):
    """What a car's broker can be asked."""

    @property
    def name(self) -> str:
        """What the car is called."""
        ...

    @property
    def table(self) -> SignalTable:
        """The car's signals, as they were last known."""
        ...

    async def describe(self, patterns: Sequence[str]) -> list[SignalFacts]:
        """See ``Session.describe``."""
        ...

    async def read(self, paths: Sequence[str], *, targets: bool) -> Updates:
        """See ``Session.read``."""
        ...

    async def history(self, path: str, start_ns: int, end_ns: int, most: int | None) -> Batch:
        """See ``Session.history``."""
        ...

    async def subscribe(self, plan: Plan, wake: Callable[[], None]) -> Source[Batch]:
        """Subscribe; *wake* is called, from any thread, when there is something to poll."""
        ...

    async def actuate(
        self, targets: Mapping[str, object], wake: Callable[[], None], terms: Terms = ...
    ) -> Source[tuple[str, Step]]:
        """Ask actuators to reach values, all or none; the source gives path and step until all have ended."""
        ...

    async def withdraw(self, paths: Sequence[str]) -> None:
        """See ``Session.withdraw``."""
        ...

    async def publish(self, values: Mapping[str, object], t_ns: int | None) -> dict[str, BrokerError]:
        """See ``Session.publish``."""
        ...

    async def provide(self, claim: Claim, on_request: Callable[[Request], None]) -> Place:
        """Own signals and actuators; *on_request* is called from any thread, and must not wait."""
        ...

    async def watch(self, last: int, wake: Callable[[], None]) -> Source[Event]:
        """Tell what happens at the broker, beginning with the last so many events."""
        ...

    async def close(self) -> None:
        """End everything that was begun on it."""
        ...
