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

    def compose(self, data: str, now: str, lost: int) -> str:
        """Return an event as it is sent.

        Args:
            data: the fragment of its data.
            now: its time, written.
            lost: events and updates of this source that were lost before it.
        """
        ...


class _Entry:
    """A message that waits: an answer, or an event that is put together when it goes."""

    __slots__ = ("dropped", "lost", "now", "source", "text")

    def __init__(self, text: str, source: Source | None = None, now: str = "", lost: int = 0) -> None:
        self.text = text
        """An answer's; an event's data."""
        self.source = source
        """None for an answer."""
        self.now = now
        self.lost = lost
        self.dropped = False


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
        self._closed = False
        self._gaps = 0
        """Entries that were dropped and still stand in the queue."""
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()

    def __len__(self) -> int:
        return self._answers + sum(map(len, self._by_source.values()))

    def answer(self, text: str) -> None:
        """Put in what is never dropped: an answer, or the end of a subscription."""
        self._waiting.append(_Entry(text))
        self._answers += 1
        self._filled.set()
        if self._answers > _MOST_ANSWERS and not self._closed:
            self._roomy.clear()

    def event(self, source: Source, data: str, now: str, lost: int = 0) -> None:
        """Put in an event; the oldest of its source go to make room, and the next of them tells how many.

        Args:
            source: whose it is.
            data: the fragment of its data.
            now: its time, written.
            lost: updates that were lost before they came to be events.
        """
        own = self._by_source.get(source)
        if own is None:
            own = self._by_source[source] = deque()
        entry = _Entry(data, source, now, lost)
        self._waiting.append(entry)
        own.append(entry)
        self._characters += len(data)
        while len(own) > 1 and (len(own) > self._most_events or self._characters > self._most_characters):
            self._drop(own)
        self._filled.set()

    def _drop(self, own: deque[_Entry]) -> None:
        oldest = own.popleft()
        own[0].lost += oldest.lost + 1
        oldest.dropped = True
        self._characters -= len(oldest.text)
        self._gaps += 1
        if self._gaps > _MOST_GAPS and self._gaps > len(self._waiting) // 2:
            self._waiting = deque(entry for entry in self._waiting if not entry.dropped)
            self._gaps = 0

    def close(self) -> None:
        """Let nobody wait for room any more: nothing will be sent."""
        self._closed = True
        self._roomy.set()

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
            if entry.dropped:
                self._gaps -= 1
            elif entry.source is None:
                self._answers -= 1
                if self._answers <= _MOST_ANSWERS // 2:
                    self._roomy.set()
                return entry.text
            else:
                return self._composed(entry, entry.source)

    def _composed(self, entry: _Entry, source: Source) -> str:
        self._characters -= len(entry.text)
        own = self._by_source[source]
        own.popleft()
        if not own:
            del self._by_source[source]
        return source.compose(entry.text, entry.now, entry.lost)
