"""What an app says, held against its manifest before anybody sees it; the process that it comes from is not trusted."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, cast

from commonwheel.apps.limits import Allowance
from commonwheel.apps.messages import garbled
from commonwheel.apps.status import AppEvent, LogLine, Shown

if TYPE_CHECKING:
    from commonwheel.apps.limits import Rates
    from commonwheel.apps.manifest import Manifest
    from commonwheel.apps.messages import LeftOut, Outputs, Reported, Said, Scalar
    from commonwheel.apps.status import Status

__all__ = ["Vetting"]

_LEVELS = frozenset({"debug", "info", "warning", "error"})
_LONGEST_TEXT = 5000
_MOST_EVENT_BYTES = 4 << 20
"""Of the data of all events that are kept, about."""
_DEEPEST = 16
_KINDS = {"float": float, "integer": int, "boolean": bool, "string": str}
_NAMES = ("log lines", "events", "published values", "requests")


class Vetting:
    """Puts what is right into a status. What is wrong raises ``Garbled``: an honest process never says it."""

    slack = 2.0
    """How much more is let through here than in the app's own process, which keeps to its rates if it is honest."""

    def __init__(self, manifest: Manifest, status: Status, rates: Rates) -> None:
        self._manifest, self.status = manifest, status
        self._logs = Allowance(rates.logs * self.slack)
        self._events = Allowance(rates.events * self.slack)
        self._shows = Allowance(rates.outputs * self.slack)
        self.rates = rates
        self.reported = 0
        """Events so far."""
        self._sizes: deque[int] = deque(maxlen=status.events.maxlen)

    def show(self, message: Outputs) -> None:
        """Take outputs in."""
        outputs = self._manifest.outputs
        if not self._shows.take():
            return
        for name, value in message.values.items():
            output = outputs.get(name)
            if output is None:
                garbled(f"an output '{name[:80]}' that its manifest does not declare")
            kind = _KINDS.get(output.datatype, float)
            if value is not None and type(value) is not kind:
                garbled(f"a value of the output '{name}' that is not {output.datatype}")
            self.status.outputs[name] = Shown(_bounded(value), output.unit, message.t_ns)

    def report(self, message: Reported, size: int) -> AppEvent | None:
        """Take an event in, whose message has so many bytes; None where it is one too many."""
        event = self._manifest.events.get(message.name)
        if event is None:
            garbled(f"an event '{message.name[:80]}' that its manifest does not declare")
        if not _is_plain(message.data):
            garbled(f"data of the event '{message.name}' that are not numbers, texts, lists and mappings")
        if not self._events.take():
            return None
        found = AppEvent(message.t_ns, message.name, event.severity, message.data)
        self.reported += 1
        events = self.status.events
        events.append(found)
        self._sizes.append(size)
        while sum(self._sizes) > _MOST_EVENT_BYTES and len(events) > 1:
            events.popleft()
            self._sizes.popleft()
        return found

    def say(self, message: Said) -> None:
        """Take a line of its log in."""
        if message.level not in _LEVELS:
            garbled(f"a line of the level '{message.level[:80]}'")
        if self._logs.take():
            self.status.logs.append(LogLine(message.t_ns, message.level, message.text[:_LONGEST_TEXT]))

    def leave_out(self, message: LeftOut) -> None:
        """Tell what the app wanted to say beyond its rates."""
        rates = self.rates
        most = dict(zip(_NAMES, (rates.logs, rates.events, rates.publishes, rates.requests), strict=True))
        for what, count in message.counts.items():
            if what not in most:
                garbled("counts of what nobody knows")
            self.note("warning", f"{count} {what} were left out: {most[what]:g} a second are the most")

    def note(self, level: str, text: str) -> None:
        """Write a line about the app, in its host's own name."""
        self.status.logs.append(LogLine(time.time_ns(), level, text))


def _bounded(value: Scalar) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value


def _is_plain(value: object, depth: int = 0) -> bool:
    """Whether JSON can hold a value."""
    if value is None or isinstance(value, bool | int | str):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if depth >= _DEEPEST:
        return False
    if isinstance(value, list):
        return all(_is_plain(item, depth + 1) for item in cast("list[object]", value))
    if isinstance(value, dict):
        entries = cast("dict[object, object]", value)
        return all(isinstance(key, str) and _is_plain(item, depth + 1) for key, item in entries.items())
    return False
