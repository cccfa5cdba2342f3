"""What a page looks at, and when it is sent the next update: when it has drawn the last one, and not too soon.

Nothing is queued here. A view keeps what is latest; a page that draws slowly is asked for less often, and what it
gets is as of now.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.errors import CommonwheelError
from commonwheel.web.protocol import Failed, Opened, Update, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.web.registry import Registry
    from commonwheel.web.views import Params, View, Viewer

__all__ = ["MOST_VIEWS", "Feed", "told"]

_LOG = logging.getLogger(__name__)

MOST_VIEWS = 16
"""Views that one page looks at at once."""
FASTEST_HZ = 20.0


@dataclass(slots=True)
class _Slot:
    view: View
    due: float
    """When it may be asked again, by the monotonic clock."""


def told(error: Exception, what: str) -> tuple[str, str]:
    """Return the reason and the words that a page is told of an error; one of the dashboard's own is logged.

    Args:
        error: what was raised.
        what: what was being done, for the log.
    """
    if isinstance(error, BrokerError):
        return error.reason.value, str(error)
    if isinstance(error, CommonwheelError):
        return "refused", str(error)
    if isinstance(error, msgspec.DecodeError | UnicodeError):
        return Reason.INVALID.value, f"wrong question: {error}"
    _LOG.error("%s failed", what, exc_info=error)
    return "internal", f"the dashboard failed here ({type(error).__name__}); its log says more"


class Feed:
    """The views of one page. Not for several threads at once: whoever calls takes turns."""

    def __init__(self, viewer: Viewer, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a view.

        Args:
            viewer: who looks.
            registry: what there is to look at.
            clock: seconds, monotonic.
        """
        self._viewer = viewer
        self._registry = registry
        self._clock = clock
        self._slots: dict[int, _Slot] = {}
        self._count = 0
        self.bytes_sent = 0
        """Of updates."""

    @property
    def updates(self) -> int:
        """How many updates were composed so far; the number of the last one."""
        return self._count

    def __len__(self) -> int:
        return len(self._slots)

    def open(self, number: int, name: str, params: Params) -> str:
        """Open a view; returns what the page is told."""
        what = f"the view {name:.40}"
        try:
            view = self._make(number, name, params)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page is told, and nobody else suffers
            return encode(Failed(number, *told(error, what)))
        self._slots[number] = _Slot(view, self._clock())
        try:
            return encode(Opened(number, view.first()))
        except Exception as error:  # noqa: BLE001 - the same
            return self._failed(number, error, what)

    def _make(self, number: int, name: str, params: Params) -> View:
        maker = self._registry.views.get(name)
        if maker is None:
            message = f"there is no view {name!r:.80}; there are {', '.join(self._registry.views)}"
            raise BrokerError(Reason.INVALID, message)
        if number in self._slots:
            raise BrokerError(Reason.INVALID, f"a view {number} is open already; close it first")
        if len(self._slots) >= MOST_VIEWS:
            raise BrokerError(Reason.LIMIT, f"a page looks at {MOST_VIEWS} views at most; close one first")
        self._viewer.rights.require_valid()
        return maker(self._viewer, params)

    def tell(self, number: int, params: Params) -> str | None:
        """Tell a view what to show; returns what the page is told, where there is something."""
        slot = self._slots.get(number)
        if slot is None:
            return None
        try:
            slot.view.tell(params)
        except Exception as error:  # noqa: BLE001 - see open
            return self._failed(number, error, "a view's tell")
        slot.due = min(slot.due, self._clock())
        return None

    def close(self, number: int) -> None:
        """Close a view; one that is not open is let be."""
        slot = self._slots.pop(number, None)
        if slot is not None:
            self._end(slot.view)

    def close_all(self) -> None:
        """Close all that is open."""
        for number in tuple(self._slots):
            self.close(number)

    def _end(self, view: View) -> None:
        try:
            view.close()
        except Exception:  # noqa: BLE001 - the other views have to be closed as well
            _LOG.exception("a view cannot be closed")

    def _failed(self, number: int, error: Exception, what: str) -> str:
        self.close(number)
        reason, message = told(error, what)
        return encode(Failed(number, reason, message))

    def wait_s(self) -> float:
        """Return how long until a view is due; a short while where there is none."""
        if not self._slots:
            return 1.0 / FASTEST_HZ
        return max(0.0, min(slot.due for slot in self._slots.values()) - self._clock())

    def take(self) -> tuple[list[str], str | None]:
        """Ask every view that is due; returns what failed, and the update, where anything has changed."""
        now = self._clock()
        failed: list[str] = []
        changes: list[tuple[int, object]] = []
        for number, slot in tuple(self._slots.items()):
            if slot.due > now:
                continue
            slot.due = now + 1.0 / min(FASTEST_HZ, slot.view.hz)
            try:
                change = slot.view.take()
            except Exception as error:  # noqa: BLE001 - one view's fault is not the others'
                failed.append(self._failed(number, error, "a view"))
                continue
            if change is not None:
                changes.append((number, change))
        if not changes:
            return failed, None
        self._count += 1
        text = encode(Update(self._count, time.time_ns(), changes))
        self.bytes_sent += len(text)
        return failed, text
