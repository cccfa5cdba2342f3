"""A scenario acted out on one car: before each step of the physics it says what driver, road and air do.

The driver switches on, selects a gear and lets go of the parking brake when the plan wants to move, and leaves the car
as it was found at the end, unless the scenario's events do that themselves.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from commonwheel.twin.driver import STANDING_MPS, Driver, Feel, Steerer
from commonwheel.twin.inputs import CruiseSwitch, Gear, Ignition
from commonwheel.twin.scenario import Course, Measure
from commonwheel.twin.tables import interpolate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.plan import Profile
    from commonwheel.twin.scenario import Action, Bend, Deed, Event, Scenario
    from commonwheel.twin.state import State

__all__ = ["Driving"]

SWITCHING_S = 1.0
"""The driver switches on so long after the beginning, ..."""
SHIFTING_S = 1.2
"""... and selects a gear so long before the car is to move."""
LEAVING_S = 1.5
"""So long after the car was stopped for good, the driver selects park; and switches off after as long again."""
LOOKING_S = 0.1
"""Conditions are looked at so often."""
_MEASURES: dict[Measure, Callable[[State], float]] = {
    Measure.SPEED: lambda state: abs(state.speed_mps),
    Measure.CHARGE: lambda state: state.charge,
    Measure.FUEL: lambda state: state.fuel_used_l,
    Measure.PACK_TEMPERATURE: lambda state: state.pack_c,
    Measure.COOLANT_TEMPERATURE: lambda state: state.coolant_c,
}


class Driving:
    """One run of a scenario. ``act`` before every step; the same calls do the same."""

    def __init__(self, scenario: Scenario, feel: Feel) -> None:
        self.scenario = scenario
        self._profile = scenario.plan.compile()
        self._driver = Driver(self._profile, feel, scenario.style)
        self._deeds = _Deeds()
        self._happening = _Happening(scenario.events, self._deeds)
        self._route = _Route(scenario.bends, Steerer(feel))
        self._seat = _Seat(scenario, self._profile)
        self._road = scenario.road
        self._air_c = scenario.start.air_c
        self._t_s = 0.0

    @property
    def finished(self) -> bool:
        """Whether the scenario is over."""
        return self._t_s >= self.scenario.length_s

    @property
    def target_mps(self) -> float:
        """The speed that is meant now; NaN while the pedals are held, whatever the speed."""
        return self._profile.speed(self._t_s) if self._profile.held(self._t_s) is None else math.nan

    def act(self, state: State, inputs: Inputs, dt_s: float) -> None:
        """Say what is done to the car for the next *dt_s* seconds.

        Args:
            state: how the car is now.
            inputs: written.
            dt_s: length of the step.
        """
        t_s = self._t_s
        self._t_s = t_s + dt_s
        if t_s == 0.0:
            self._begin(inputs)
        self._happening.act(t_s, state, inputs)
        self._seat.act(t_s, state, inputs)
        held = self._profile.held(t_s)
        if held is not None:
            inputs.accelerator, inputs.brake = held.accelerator, held.brake
            self._driver.release(inputs)
        else:
            self._driver.act(t_s, state, inputs, dt_s)
        inputs.steering_deg = self._route.wheel_deg(t_s, state, dt_s)
        grade = self._road.grade
        inputs.grade = interpolate(grade, state.distance_m) if grade else self._profile.grade(t_s)
        if self._deeds.some and self._deeds.act(t_s, inputs):
            self._driver.release(inputs)

    def _begin(self, inputs: Inputs) -> None:
        inputs.air_c, inputs.wind_mps, inputs.friction = self._air_c, self._road.wind_mps, self._road.friction
        inputs.hands = self.scenario.hands
        if self.scenario.start.speed_mps > 0.0:
            inputs.ignition, inputs.gear, inputs.parking_brake = Ignition.ON, Gear.DRIVE, False


class _Seat:
    """Whoever sits there switches on, selects gears and leaves, unless the scenario's events do."""

    def __init__(self, scenario: Scenario, profile: Profile) -> None:
        events = scenario.events
        self._switches = all(event.action.ignition is None for event in events)
        self._shifts = all(event.action.gear is None for event in events)
        self._parks = all(event.action.parking_brake is None for event in events)
        self._plan, self._held = profile.speed, profile.held
        self._over_s = _last_motion(profile)

    def act(self, t_s: float, state: State, inputs: Inputs) -> None:
        """Do what is due."""
        leaving = t_s > self._over_s + LEAVING_S and abs(state.speed_mps) < STANDING_MPS
        if self._switches:
            if t_s >= SWITCHING_S and not (leaving and t_s > self._over_s + 2 * LEAVING_S):
                inputs.ignition = Ignition.ON
            elif leaving:
                inputs.ignition = Ignition.OFF
        if abs(state.speed_mps) > STANDING_MPS:
            return
        held = self._held(t_s + SHIFTING_S)
        ahead = held.accelerator if held is not None else self._plan(t_s + SHIFTING_S)
        wanted = Gear.PARK if leaving else Gear.DRIVE if ahead > 0.0 else Gear.REVERSE if ahead < 0.0 else inputs.gear
        if self._shifts and wanted is not inputs.gear and inputs.ignition is Ignition.ON:
            inputs.gear = wanted
        if self._parks:
            inputs.parking_brake = inputs.gear is Gear.PARK


def _last_motion(profile: Profile) -> float:
    """Return when the plan comes to rest for good; never for one that ends with held pedals or rolling."""
    length = profile.length_s
    if profile.speed(length + 1.0) != 0.0 or profile.held(max(0.0, length - 0.01)) is not None:
        return math.inf
    t_s = length
    while t_s > 0.0 and profile.speed(t_s) == 0.0:
        t_s -= 0.1
    return max(0.0, t_s)


class _Deeds:
    """What the driver does by hand or foot for a while; the last deed of a kind is the one that is done."""

    def __init__(self) -> None:
        self._doing: list[tuple[float, Deed]] = []
        self.some = False
        """Whether there is anything to do, or to leave."""

    def begin(self, t_s: float, deed: Deed) -> None:
        """Do something from now on."""
        self._doing.append((t_s + deed.for_s, deed))
        self.some = True

    def act(self, t_s: float, inputs: Inputs) -> bool:
        """Do what is being done; return whether a foot moved that would have done something else."""
        self._doing = [one for one in self._doing if one[0] > t_s]
        self.some = bool(self._doing)
        inputs.torque_nm, inputs.cruise = 0.0, CruiseSwitch.NONE
        moved = False
        for _, deed in self._doing:
            if deed.torque_nm:
                inputs.torque_nm = deed.torque_nm
            if deed.switch is not None:
                inputs.cruise = deed.switch
            if deed.accelerator is not None:
                inputs.accelerator, inputs.brake, moved = deed.accelerator, 0.0, True
            if deed.brake is not None:
                inputs.accelerator, inputs.brake, moved = 0.0, deed.brake, True
        return moved


class _Happening:
    """The events that are still to come, and those that pass."""

    def __init__(self, events: Sequence[Event], deeds: _Deeds) -> None:
        self._deeds = deeds
        timed = [event for event in events if math.isfinite(event.trigger.at_s)]
        placed = [event for event in events if math.isfinite(event.trigger.after_m)]
        self._timed = deque(sorted(timed, key=lambda event: event.trigger.at_s))
        self._placed = deque(sorted(placed, key=lambda event: event.trigger.after_m))
        self._watched = [event for event in events if event.trigger.measure is not None]
        self._cable: list[Event] = []
        """Those that plug in a cable, and wait for the car to stand."""
        self._stating: list[tuple[float, Mapping[str, float]]] = []
        """What events state, the latest last, and until when: where two state the same, the later one is right."""
        self._next_end_s = math.inf
        self._look_s = 0.0

    def act(self, t_s: float, state: State, inputs: Inputs) -> None:
        """Do what is due."""
        while self._timed and self._timed[0].trigger.at_s <= t_s:
            self._do(self._timed.popleft(), t_s, state, inputs)
        while self._placed and self._placed[0].trigger.after_m <= state.distance_m:
            self._do(self._placed.popleft(), t_s, state, inputs)
        if t_s >= self._next_end_s:
            self._end(t_s, inputs)
        if self._watched and t_s >= self._look_s:
            self._look_s = t_s + LOOKING_S
            due = [event for event in self._watched if _holds(event, state)]
            self._watched = [event for event in self._watched if event not in due]
            for event in due:
                self._do(event, t_s, state, inputs)
        if self._cable and abs(state.speed_mps) < STANDING_MPS:
            self._do(self._cable.pop(), t_s, state, inputs)

    def _do(self, event: Event, t_s: float, state: State, inputs: Inputs) -> None:
        action = event.action
        if action.charger is not None or action.unplug:
            moves = action.charger is not None and abs(state.speed_mps) >= STANDING_MPS
            self._cable = [event] if moves else []
            if moves:
                return
        if action.stated:
            self._stating.append((t_s + event.for_s, action.stated))
            self._next_end_s = min(self._next_end_s, t_s + event.for_s)
            inputs.stated.update(action.stated)
        for deed in action.deeds:
            self._deeds.begin(t_s, deed)
        _apply(action, inputs)

    def _end(self, t_s: float, inputs: Inputs) -> None:
        """Take back what is over, and state again what it stood before."""
        for end_s, stated in self._stating:
            if end_s <= t_s:
                for path in stated:
                    inputs.stated.pop(path, None)
        self._stating = [one for one in self._stating if one[0] > t_s]
        self._next_end_s = min((end_s for end_s, _ in self._stating), default=math.inf)
        for _, stated in self._stating:
            inputs.stated.update(stated)


def _holds(event: Event, state: State) -> bool:
    trigger = event.trigger
    if trigger.measure is None:
        return False
    value = _MEASURES[trigger.measure](state)
    return value > trigger.limit if trigger.above else value < trigger.limit


def _apply(action: Action, inputs: Inputs) -> None:
    if action.gear is not None:
        inputs.gear = action.gear
    if action.ignition is not None:
        inputs.ignition = action.ignition
    if action.parking_brake is not None:
        inputs.parking_brake = action.parking_brake
    if action.climate is not None:
        inputs.climate, inputs.cabin_target_c, inputs.fan = (
            action.climate.on,
            action.climate.target_c,
            action.climate.fan,
        )
    if action.charger is not None:
        inputs.plugged = True
        inputs.charge_power_w, inputs.charge_limit = action.charger.power_w, action.charger.limit
    if action.hands is not None:
        inputs.hands = action.hands
    if action.unplug:
        inputs.plugged, inputs.charge_power_w = False, 0.0


class _Route:
    """Where the road turns, and where the wheel is turned for it."""

    RAMP = 0.3
    """Share of a bend in which it tightens, and in which it opens."""

    def __init__(self, bends: Sequence[Bend], steerer: Steerer) -> None:
        self._bends = bends
        self._steerer = steerer

    def wheel_deg(self, t_s: float, state: State, dt_s: float) -> float:
        """Return where the wheel is turned to now."""
        curvature, wheel, open_loop = 0.0, 0.0, False
        for bend in self._bends:
            length = bend.for_s or bend.over_m
            gone = t_s - bend.at_s if bend.for_s else state.distance_m - bend.after_m
            if not 0.0 <= gone <= length:
                continue
            part = gone / length
            if bend.course is Course.LANE:
                way = length if bend.over_m else max(length * abs(state.speed_mps), 1.0)
                curvature += bend.amount * 2.0 * math.pi / (way * way) * math.sin(2.0 * math.pi * part)
            elif bend.course is Course.RADIUS:
                curvature += bend.amount * self._shape(part)
            else:
                wheel += bend.amount * self._shape(part)
                open_loop = True
        turned = self._steerer.wheel_deg(curvature, state, dt_s)
        return wheel if open_loop else turned

    def _shape(self, part: float) -> float:
        edge = min(part, 1.0 - part) / self.RAMP
        return 1.0 if edge >= 1.0 else (1.0 - math.cos(math.pi * edge)) / 2.0
