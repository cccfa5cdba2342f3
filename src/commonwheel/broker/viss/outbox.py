"""What waits to be sent to one client: answers in order, and events, of which the oldest go when it reads too slowly.

All of it happens in the event loop. Nobody who puts something in waits, but for the client's own next request: it is
not read while too many answers wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Outbox"]

_MOST_EVENTS = 1000
_MOST_ANSWERS = 100
_MOST_CHARACTERS = 8 * 1024 * 1024


class Outbox:
    """A bounded queue of messages."""

    def __init__(self, most_events: int = _MOST_EVENTS, most_characters: int = _MOST_CHARACTERS) -> None:
        """Make an empty one.

        Args:
            most_events: that wait.
            most_characters: of the events that wait; one event is kept however long it is.
        """
        self._most_events = most_events
        self._most_characters = most_characters
        self._characters = 0
        self._waiting: deque[tuple[str, Callable[[], None] | None]] = deque()
        self._events = 0
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()

    def answer(self, text: str) -> None:
        """Put in what is never dropped: an answer, or the end of a subscription."""
        self._waiting.append((text, None))
        self._filled.set()
        if len(self._waiting) - self._events > _MOST_ANSWERS:
            self._roomy.clear()

    def event(self, text: str, dropped: Callable[[], None]) -> None:
        """Put in an event; *dropped* is called if it has to go before it was sent."""
        room = self._most_characters - len(text)
        while self._events and (self._events >= self._most_events or self._characters > room):
            self._drop()
        self._waiting.append((text, dropped))
        self._events += 1
        self._characters += len(text)
        self._filled.set()

    def _drop(self) -> None:
        """Drop the oldest event."""
        for i, (text, dropped) in enumerate(self._waiting):
            if dropped is not None:
                del self._waiting[i]
                self._events -= 1
                self._characters -= len(text)
                dropped()
                return

    async def room(self) -> None:
        """Wait until not too many answers wait."""
        await self._roomy.wait()

    async def take(self) -> str:
        """Wait until there is something, and return the oldest."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        text, dropped = self._waiting.popleft()
        if dropped is not None:
            self._events -= 1
            self._characters -= len(text)
        if not self._roomy.is_set() and len(self._waiting) - self._events <= _MOST_ANSWERS // 2:
            self._roomy.set()
        return text
