"""A speed schedule as a drive: an app is given it as its plan, and the driver only switches the cruise control on."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from commonwheel.twin.cycles import find_cycle
from commonwheel.twin.inputs import CruiseSwitch, Gear, Ignition
from commonwheel.twin.plan import Leg, Pedals, Plan
from commonwheel.twin.scenario import Action, Deed, Event, Scenario, Trigger
from commonwheel.twin.start import Start

__all__ = ["Cycle", "Target", "cycle_target", "scenario_of"]

_BEGIN_S = 8.0
"""The schedule begins after so long: the car is switched on and engaged by then, at its first speed."""
_MAIN_S, _SET_S = 2.5, 3.5
_PRESSED_S = 0.3
_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """A schedule by its name, or a stretch of it."""

    name: str
    from_s: float = 0.0
    to_s: float = 1e9


@dataclass(frozen=True, slots=True)
class Target:
    """Speeds that are meant, straight in between and held beyond both ends."""

    t_s: tuple[float, ...]
    """Since the drive's beginning."""
    speed_mps: tuple[float, ...]

    def at(self, t_s: float) -> float:
        """Return the speed that is meant at a time, in m/s."""
        return float(np.interp(t_s, self.t_s, self.speed_mps))

    @property
    def plan(self) -> str:
        """The same as apps take it: JSON, seconds and km/h."""
        return json.dumps([[t, round(v * 3.6, 4)] for t, v in zip(self.t_s, self.speed_mps, strict=True)])


def cycle_target(cycle: Cycle) -> Target:
    """Return the speeds of a schedule, from ``_BEGIN_S`` on.

    Raises:
        DescriptionError: there is none of this name.
    """
    schedule = find_cycle(cycle.name)
    points = [
        (t - cycle.from_s + _BEGIN_S, v)
        for t, v in zip(schedule.t_s, schedule.speed_mps, strict=True)
        if cycle.from_s <= t <= cycle.to_s
    ]
    times, speeds = zip((0.0, points[0][1]), *points, strict=True)
    return Target(times, speeds)


def scenario_of(name: str, target: Target) -> Scenario:
    """Return a drive whose driver switches cruise control on, and then has hands and feet off."""
    speed, length_s = target.speed_mps[0], target.t_s[-1] + _AFTER_S
    events = [_pressed(_MAIN_S, CruiseSwitch.MAIN), _pressed(_SET_S, CruiseSwitch.SET)]
    if speed > 0.0:
        parts = (Leg((0.0, _SET_S), (speed, speed)), Pedals(length_s - _SET_S, 0.0, 0.0))
    else:
        off = Pedals(length_s - _SET_S + 0.2, 0.0, 0.0)
        parts = (Pedals(_SET_S - 0.2, 0.0, 0.3), off)
        events.append(Event(Trigger(at_s=0.0), Action(ignition=Ignition.ON, parking_brake=False)))
        events.append(Event(Trigger(at_s=1.0), Action(gear=Gear.DRIVE)))
    return Scenario(
        name,
        f"The speeds of {name}, kept by an app.",
        Plan(parts),
        start=Start(speed_mps=speed),
        events=tuple(events),
        length_s=length_s,
    )


def _pressed(at_s: float, switch: CruiseSwitch) -> Event:
    return Event(Trigger(at_s=at_s), Action(deeds=(Deed(_PRESSED_S, switch=switch),)))
