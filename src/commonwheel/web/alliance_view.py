"""The Alliance page: all cars side by side in the same instruments, the frames underneath, and what apps make of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from commonwheel.broker.rights import Action
from commonwheel.web.app_cards import outputs_of, visible
from commonwheel.web.frame_queue import FrameQueue
from commonwheel.web.instruments import ROLES, choose, scale
from commonwheel.web.lanes import candidates, chosen
from commonwheel.web.scene import vehicle_of
from commonwheel.web.values import Values

if TYPE_CHECKING:
    from commonwheel.gateway.live import LiveCar
    from commonwheel.web.views import Params, Viewer

__all__ = ["AllianceView"]

_FACTS_S = 1.0
"""How often a gateway's counts are shown: people read no faster."""
_APPS_S = 0.5


class AllianceView:
    """Every car that the viewer may see."""

    hz = 20.0

    def __init__(self, viewer: Viewer, _params: Params) -> None:
        """Look at all cars.

        Raises:
            BrokerError: EXPIRED.
        """
        self._cars = [_Column(viewer, car) for car in viewer.scene.cars if viewer.sees_any(car)]

    def first(self) -> object:
        """Return what stands still: for each car what its instruments read."""
        return {"cars": [column.card() for column in self._cars]}

    def take(self) -> object | None:
        """Return what has changed, by car."""
        changes = {column.name: change for column in self._cars if (change := column.take())}
        return changes or None

    def tell(self, params: Params) -> None:
        """Nothing can be chosen."""

    def close(self) -> None:
        """Listen to no frames any more."""
        for column in self._cars:
            column.close()


class _Column:
    """One car."""

    def __init__(self, viewer: Viewer, car: LiveCar) -> None:
        self.name = car.name
        self._viewer, self._car = viewer, car
        vehicle = vehicle_of(car)
        table = car.broker.table
        may = viewer.rights.mask(table, Action.READ)
        given = {
            signal.path
            for signal in table.signals
            if may[signal.number] and (vehicle is None or signal.path in vehicle.provided)
        }
        self._roles = {role.name: path for role in ROLES if (path := choose(role, given)) is not None}
        self._values = Values(viewer, car, self._roles)
        self._apps = [hosted for hosted in viewer.scene.apps if hosted.car == car.name and visible(viewer, hosted)]
        self._told_apps: list[object] = []
        self._lanes = []
        self._queue: FrameQueue | None = None
        if vehicle is not None and car.gateway is not None and viewer.sees_all(car):
            wired = {role.name: self._roles[role.name] for role in ROLES if role.wire and role.name in self._roles}
            wired = {role: path for role, path in wired.items() if path in vehicle.numbers}
            self._lanes = candidates(vehicle, wired, with_personal=viewer.scene.shows_personal(car))
            self._queue = FrameQueue(car.gateway)
        self._shown = chosen(self._lanes)
        self._facts_at = self._apps_at = 0.0
        self._frames_before: tuple[float, int] | None = None

    def card(self) -> object:
        """Return what stands still."""
        table = self._car.broker.table
        roles: dict[str, object] = {}
        for role in ROLES:
            if (path := self._roles.get(role.name)) is not None:
                unit, factor = scale(role, path, table[table.numbers[path]].leaf.unit or "")
                roles[role.name] = {"path": path, "unit": unit, "factor": factor}
        return {"name": self.name, "roles": roles, "lanes": [lane.card for lane in self._shown]}

    def take(self) -> dict[str, object]:
        """Return what has changed: values, lanes, frames, counts, apps; those that have not are left out."""
        change: dict[str, object] = {}
        values = self._values.take()
        if values:
            change["values"] = values
        self._look(change)
        now = time.monotonic()
        if now >= self._facts_at:
            self._facts_at = now + _FACTS_S
            change["facts"] = self._facts(now)
        if self._apps and now >= self._apps_at:
            self._apps_at = now + _APPS_S
            apps: list[object] = [outputs_of(hosted) for hosted in self._apps]
            if apps != self._told_apps:
                self._told_apps = apps
                change["apps"] = apps
        return change

    def _look(self, change: dict[str, object]) -> None:
        """Look at the frames that came."""
        frames = None if self._queue is None else self._queue.take()
        if frames is None:
            return
        unheard = sum(not lane.total for lane in self._lanes)
        for lane in self._lanes:
            lane.look(frames)
        if unheard != sum(not lane.total for lane in self._lanes):
            shown = chosen(self._lanes)
            if shown != self._shown:
                self._shown = shown
                change["lanes"] = [lane.card for lane in shown]
        taken = {str(at): news for at, lane in enumerate(self._shown) if (news := lane.take()) is not None}
        if taken:
            change["frames"] = taken

    def _facts(self, now: float) -> dict[str, object]:
        """Return how the car's buses are."""
        facts = self._car.gateway_facts()
        frames = facts.get("frames")
        total = frames if isinstance(frames, int) else 0
        before, self._frames_before = self._frames_before, (now, total)
        rate = None if before is None or now <= before[0] else (total - before[1]) / (now - before[0])
        shown = {key: facts[key] for key in ("lost", "corrupt", "stale", "unknown") if key in facts}
        buses = facts.get("buses")
        if isinstance(buses, dict):
            states = cast("dict[str, dict[str, object]]", buses)
            shown["buses"] = {name: bus["state"] for name, bus in states.items()}
        return {"rate": rate, **shown}

    def close(self) -> None:
        """Listen to no frames any more."""
        if self._queue is not None:
            self._queue.close()
