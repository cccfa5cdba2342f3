"""The Apps page: every app on every car, how it is, what it says, and starting and stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.web.app_cards import values_of, visible
from commonwheel.web.event_facts import facts_of

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from commonwheel.apps.manifest import Manifest
    from commonwheel.apps.status import AppEvent, Hosted, LogLine
    from commonwheel.web.views import Params, Viewer

__all__ = ["AppsView", "start", "stop"]

_T = TypeVar("_T")


class _Which(msgspec.Struct, frozen=True):
    """What a page asks to be started or stopped."""

    app: str
    car: str


class AppsView:
    """Every hosted app that the viewer may see."""

    hz = 5.0

    def __init__(self, viewer: Viewer, _params: Params) -> None:
        """Look at all apps."""
        self._viewer = viewer
        self._rows = [_Row(hosted) for hosted in viewer.scene.apps if visible(viewer, hosted)]

    def first(self) -> object:
        """Return what stands still: the manifests, and how fit each car is for each app."""
        manifests: dict[str, Manifest] = {}
        for row in self._rows:
            manifests.setdefault(row.hosted.manifest.name, row.hosted.manifest)
        hidden = len(self._viewer.scene.apps) - len(self._rows)
        return {
            "hosted": self._viewer.scene.hosting is not None,
            "hidden": hidden,
            "apps": list(manifests.values()),
            "rows": [row.card() for row in self._rows],
        }

    def take(self) -> object | None:
        """Return what has changed, by the row's place."""
        changes = {str(at): change for at, row in enumerate(self._rows) if (change := row.take())}
        return changes or None

    def tell(self, params: Params) -> None:
        """Nothing can be chosen."""

    def close(self) -> None:
        """There is nothing to give back."""


class _Row:
    """One app on one car, and what the page was told of it."""

    def __init__(self, hosted: Hosted) -> None:
        self.hosted = hosted
        self._told: dict[str, object] = {}
        self._event: AppEvent | None = None
        self._line: LogLine | None = None

    def card(self) -> object:
        """Return what stands still."""
        hosted = self.hosted
        return {
            "app": hosted.manifest.name,
            "car": hosted.car,
            "fitness": hosted.fitness.value,
            "missing": list(hosted.missing),
            "lacks": [path for path in hosted.missing if path in hosted.manifest.requires],
        }

    def take(self) -> dict[str, object]:
        """Return what has changed."""
        status = self.hosted.status
        now: dict[str, object] = {
            "state": status.state.value,
            "since_ns": status.since_ns,
            "restarts": status.restarts,
            "error": status.error,
            "cpu_s": round(status.cpu_s, 1),
            "memory_bytes": status.memory_bytes,
            "received": status.received,
            "dropped": status.dropped,
            "outputs": values_of(self.hosted),
        }
        change = {key: value for key, value in now.items() if self._told.get(key, self) != value}
        self._told = now
        events, self._event = _since(status.events, self._event)
        lines, self._line = _since(status.logs, self._line)
        if events:
            change["events"] = [
                {"t_ns": one.t_ns, "name": one.name, "severity": one.severity, "data": facts_of(one.data)}
                for one in events
            ]
        if lines:
            change["logs"] = [{"t_ns": one.t_ns, "level": one.level, "text": one.text} for one in lines]
        return change


def _since(kept: deque[_T], last: _T | None) -> tuple[Sequence[_T], _T | None]:
    """Return what came behind the last one that was told, and what is the last one now."""
    items = list(kept.copy())  # a copy is made at once; whoever appends meanwhile would break an iteration
    for at in range(len(items) - 1, -1, -1):
        if items[at] is last:
            return items[at + 1 :], items[-1]
    return items, items[-1] if items else last


def start(viewer: Viewer, params: Params) -> object:
    """Start an app on a car.

    Raises:
        BrokerError: FORBIDDEN, EXPIRED; INVALID: there is no such app there.
    """
    _find(viewer, params, "start an app").start()
    return None


def stop(viewer: Viewer, params: Params) -> object:
    """Stop an app on a car; it is not started again by itself.

    Raises:
        BrokerError: FORBIDDEN, EXPIRED; INVALID: there is no such app there.
    """
    _find(viewer, params, "stop an app").stop()
    return None


def _find(viewer: Viewer, params: Params, what: str) -> Hosted:
    asked = msgspec.convert(params, _Which)
    viewer.require_operator(viewer.scene.car(asked.car), what)
    for hosted in viewer.scene.apps:
        if hosted.car == asked.car and hosted.manifest.name == asked.app and visible(viewer, hosted):
            return hosted
    message = f"there is no app {asked.app!r:.80} on {asked.car}"
    raise BrokerError(Reason.INVALID, message)
