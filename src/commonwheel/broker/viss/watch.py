"""Who subscribed to one signal is told when the provider that gave it its value is gone.

Its value is no longer good then, which is no event by itself: a reader would wait for what nobody sends.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from commonwheel.broker.broker import Broker
    from commonwheel.broker.events import Event
    from commonwheel.broker.providers import Provider

__all__ = ["Watch"]


class Watch:
    """The owners of signals, as they were last seen. Used in the server's event loop only."""

    def __init__(self, broker: Broker, loop: asyncio.AbstractEventLoop) -> None:
        self._broker = broker
        self._loop = loop
        self._owners: dict[Callable[[], None], tuple[int, Provider | None]] = {}
        self._stop: Callable[[], None] | None = None

    def add(self, number: int, tell: Callable[[], None]) -> None:
        """Call *tell* whenever a signal loses its provider, until it is taken out again."""
        self._owners[tell] = number, self._broker.owner(number)
        if self._stop is None:
            self._stop = self._broker.events.listen(self._heard)

    def remove(self, tell: Callable[[], None]) -> None:
        """Take out what was put in, if it was."""
        self._owners.pop(tell, None)
        if not self._owners and self._stop is not None:
            self._stop()
            self._stop = None

    def _heard(self, event: Event) -> None:
        if event.kind in {"provider.claimed", "provider.gone"}:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        for tell, (number, before) in tuple(self._owners.items()):
            now = self._broker.owner(number)
            if now is before:
                continue
            self._owners[tell] = number, now
            if before is not None:
                tell()
