"""What a page can look at (views), ask to be done (calls) and fetch (files); ``registry`` lists them all.

A view is made when a page opens it and closed when the page leaves. In between ``take`` is called whenever the page
has drawn what it had before, at most ``hz`` times a second: a view keeps what is latest, and never queues. All of one
page's views and calls come one at a time, in a thread of the dashboard's own: they may take some milliseconds and need
no locks against each other, but must not wait for anything. Files come beside them, in another of these threads.

What these raise is told to the page that asked: a ``CommonwheelError`` in its own words, a ``msgspec``
``ValidationError`` as a wrong question, anything else as a fault of the dashboard (and logged). It harms nobody else.

Rights: a view shows only what ``viewer.rights`` let read, and a call does only what they allow. They can end while a
view is open; then the whole client is ended, so a view need not look again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action
from commonwheel.broker.session import Session

if TYPE_CHECKING:
    from commonwheel.broker.rights import Rights
    from commonwheel.gateway.live import LiveCar
    from commonwheel.web.scene import Scene

__all__ = ["Call", "File", "FileMaker", "Params", "View", "ViewMaker", "Viewer"]

Params = Mapping[str, object]
"""What a page asks with: a JSON object that nobody has checked. ``msgspec.convert`` makes a struct of it."""


class View(Protocol):
    """Something that a page looks at."""

    hz: float
    """Most updates a second: up to 20 for numbers, up to 10 for lists."""

    def first(self) -> object:
        """Return what the page needs once, at the beginning; JSON as ``msgspec`` writes it."""
        ...

    def take(self) -> object | None:
        """Return what has changed since it was taken last (at first: all that there is); None: nothing."""
        ...

    def tell(self, params: Params) -> None:
        """Take note that the page wants to see something else of the same kind."""
        ...

    def close(self) -> None:
        """Give back what it holds: subscriptions, taps. Called once."""
        ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: one page in one browser."""

    scene: Scene
    """What there is to see."""
    rights: Rights

    def session(self, car: LiveCar) -> Session:
        """Return a car's broker, within the rights."""
        return Session(car.broker, self.rights)

    def sees_any(self, car: LiveCar) -> bool:
        """Whether any signal of a car may be read."""
        return bool(self.rights.mask(car.broker.table, Action.READ).any())

    def sees_all(self, car: LiveCar) -> bool:
        """Whether every signal of a car may be read: only then may its frames be seen, which carry any of them."""
        return bool(self.rights.mask(car.broker.table, Action.READ).all())

    def operates(self, car: LiveCar) -> bool:
        """Whether what runs on a car may be started and stopped: the right to actuate all of it (scope ``actuate``)."""
        return bool(self.rights.mask(car.broker.table, Action.ACTUATE).all())

    def require_operator(self, car: LiveCar, what: str) -> None:
        """Raise unless the viewer operates a car.

        Args:
            car: the car.
            what: what is asked for, as in 'stop an app'.

        Raises:
            BrokerError: FORBIDDEN or EXPIRED.
        """
        self.rights.require_valid()
        if not self.operates(car):
            message = f"{self.rights.client} may not {what} on {car.name}: it takes the scope 'actuate', without a path"
            raise BrokerError(Reason.FORBIDDEN, message)


@dataclass(frozen=True, slots=True)
class File:
    """Something to download."""

    name: str
    """Proposed to the user; letters, digits, '.', '_' and '-'."""
    content: bytes
    kind: str = "application/octet-stream"
    """Its media type."""


ViewMaker = Callable[[Viewer, Params], View]
Call = Callable[[Viewer, Params], object]
"""Does something, and returns what the page is told: JSON as ``msgspec`` writes it."""
FileMaker = Callable[[Viewer, Params], File]
