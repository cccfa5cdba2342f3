"""What waits to be sent to one client: answers in order, and events, of which the oldest go when it reads too slowly.

All of it happens in the event loop. Nobody who puts something in waits, but for the client's own next request: it is
not read while too many answers wait. A subscription loses its own events, so that a busy one does not silence others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

__all__ = ["Outbox", "Source"]

_MOST_EVENTS = 200
_MOST_ANSWERS = 100
_MOST_GAPS = 1000
_MOST_CHARACTERS = 8 * 1024 * 1024


class Source(Protocol):
    """Whose events they are."""

    def lost(self, count: int) -> None:
        """Take note of events that were dropped."""
        ...


class _Entry:
    """A message that waits."""

    __slots__ = ("count", "source", "text")

    def __init__(self, text: str, source: Source | None, count: int) -> None:
        self.text: str | None = text
        """None: it was dropped."""
        self.source = source
        """None for an answer."""
        self.count = count
        """How many events are lost with it."""


class Outbox:
    """A bounded queue of messages."""

    def __init__(self, most_events: int = _MOST_EVENTS, most_characters: int = _MOST_CHARACTERS) -> None:
        """Make an empty one.

        Args:
            most_events: that wait, of one source.
            most_characters: of all events that wait; one of each source is kept however long it is.
        """
        self._most_events = most_events
        self._most_characters = most_characters
        self._waiting: deque[_Entry] = deque()
        self._by_source: dict[Source, deque[_Entry]] = {}
        self._characters = 0
        self._answers = 0
        self._gaps = 0
        """Entries that were dropped and still stand in the queue."""
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()

    def __len__(self) -> int:
        return self._answers + sum(map(len, self._by_source.values()))

    def answer(self, text: str) -> None:
        """Put in what is never dropped: an answer, or the end of a subscription."""
        self._waiting.append(_Entry(text, None, 0))
        self._answers += 1
        self._filled.set()
        if self._answers > _MOST_ANSWERS:
            self._roomy.clear()

    def event(self, text: str, source: Source, lost_before: int = 0) -> None:
        """Put in an event; the oldest of its source go to make room.

        Args:
            text: the message.
            source: whose it is.
            lost_before: how many lost ones it tells of: they are lost again if it is.
        """
        own = self._by_source.get(source)
        if own is None:
            own = self._by_source[source] = deque()
        while own and (len(own) >= self._most_events or self._characters + len(text) > self._most_characters):
            dropped = own.popleft()
            self._characters -= len(dropped.text or "")
            dropped.text = None
            self._gaps += 1
            source.lost(dropped.count)
        entry = _Entry(text, source, lost_before + 1)
        self._waiting.append(entry)
        own.append(entry)
        self._characters += len(text)
        self._filled.set()
        if self._gaps > _MOST_GAPS and self._gaps > len(self._waiting) // 2:
            self._waiting = deque(entry for entry in self._waiting if entry.text is not None)
            self._gaps = 0

    async def room(self) -> None:
        """Wait until not too many answers wait."""
        await self._roomy.wait()

    async def take(self) -> str:
        """Wait until there is something, and return the oldest."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            entry = self._waiting.popleft()
            if entry.text is not None:
                self._took(entry, len(entry.text))
                return entry.text
            self._gaps -= 1

    def _took(self, entry: _Entry, length: int) -> None:
        if entry.source is None:
            self._answers -= 1
            if self._answers <= _MOST_ANSWERS // 2:
                self._roomy.set()
            return
        self._characters -= length
        own = self._by_source[entry.source]
        own.popleft()
        if not own:
            del self._by_source[entry.source]
