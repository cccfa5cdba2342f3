"""What happened at the broker, in order: claims, actuations step by step, ends of readers. Bounded."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Event", "EventLog"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    t_ns: int
    """Nanoseconds UTC."""
    kind: str
    """What it was about, in dotted words: ``actuation.confirmed``, ``provider.gone``."""
    facts: Mapping[str, object]


class EventLog:
    """The last events, and whoever listens to them."""

    def __init__(self, depth: int = 10_000) -> None:
        self._events: deque[Event] = deque(maxlen=depth)
        self._listeners: list[Callable[[Event], None]] = []
        self._lock = threading.Lock()

    def add(self, kind: str, **facts: object) -> None:
        """Note an event, now."""
        event = Event(time.time_ns(), kind, facts)
        with self._lock:
            self._events.append(event)
        self._hand_on(event)

    def tell(self, kind: str, **facts: object) -> None:
        """Tell whoever listens now; it is not kept: how things are, over and over."""
        self._hand_on(Event(time.time_ns(), kind, facts))

    def _hand_on(self, event: Event) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - what listens must not harm what happens
                _LOG.exception("a listener failed at %s", event.kind)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call *listener* with each event from now on, in the thread it happens in; returns how to stop.

        It must not wait. What it raises is logged and harms nobody.
        """
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def last(self, count: int | None = None) -> list[Event]:
        """Return the last events, the oldest first."""
        with self._lock:
            events = list(self._events)
        return events if count is None else events[-count:] if count else []
