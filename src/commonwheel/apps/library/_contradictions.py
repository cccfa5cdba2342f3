"""Whether a car's signals contradict each other: what is held against what, and for how long it has to last."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from commonwheel.apps.library._battery import CHARGING, POWER, number
from commonwheel.apps.library._checks import Check, Checks, Level
from commonwheel.apps.library._motion import Axle, Rolling
from commonwheel.apps.library._sense import Conflict, Ratio, Tremble, cells_conflict, shown_conflict

if TYPE_CHECKING:
    from commonwheel.apps import Car

__all__ = ["CHECKS", "READS", "SPEED", "Contradictions"]

SPEED = "Vehicle.Speed"
_SHOWN = "Vehicle.DisplayedSpeed"
_GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
_ACCELERATOR, _BRAKE = "Vehicle.Chassis.Accelerator.PedalPosition", "Vehicle.Chassis.Brake.IsPressed"
_CELL_MAX, _CELL_MIN = (f"Vehicle.Powertrain.TractionBattery.CellVoltage.{which}" for which in ("Max", "Min"))
_WHEELS = {
    (kind, row): tuple(f"Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.{kind}" for side in ("Left", "Right"))
    for kind in ("Speed", "AngularSpeed")
    for row in (1, 2)
}
_MOTORS = {
    "Vehicle.Powertrain.ElectricMotor.Speed": "motor",
    "Vehicle.MotionManagement.ElectricAxle.Row1.RotationalSpeed": "front motor",
    "Vehicle.MotionManagement.ElectricAxle.Row2.RotationalSpeed": "rear motor",
}

READS = dict.fromkeys(
    [_SHOWN, _GEAR, _ACCELERATOR, _BRAKE, *POWER, _CELL_MAX, _CELL_MIN, CHARGING, *_MOTORS]
    + [path for pair in _WHEELS.values() for path in pair],
    10,
)
"""What is read, beside the speed; at most so often per second."""

CHECKS = (
    Check("no speed", lasts_s=2),
    Check("speed trembles", lasts_s=2),
    Check("wheel speeds", lasts_s=2),
    Check("wheel turns", lasts_s=3),
    *(Check(name, lasts_s=3) for name in _MOTORS.values()),
    Check("speedometer", lasts_s=5),
    Check("one axle", lasts_s=2),
    Check("axles apart", lasts_s=3),
    Check("moves in park", Level.ALARM, 2),
    Check("direction", lasts_s=2),
    Check("both pedals", lasts_s=3),
    Check("cells", lasts_s=3),
    Check("power", lasts_s=3),
    Check("charges while driving", Level.ALARM, 2),
)

_PARK, _REVERSE, _DRIVE = 126, -1, 127
"""Of SelectedGear, as the standard says."""
_CREEP_KMH, _SLOW_KMH, _REVERSE_KMH = 5.0, 10.0, 40.0
_TURNS_RPM = 150.0
_TREMBLE_KMH = 2.5
_FAST_KMH, _APART_KMH, _APART = 20.0, 5.0, 0.15
"""From where axles turn alike, and how far apart they may be: below it a tight bend sets them further apart."""
_PEDAL = 20.0
_AGREE = 20
_CELL_V = (2.5, 4.3)


class Contradictions:
    """Judges a car some times per second, by the values of the moment."""

    def __init__(self, checks: Checks) -> None:
        """Tell *checks*, which are to have ``CHECKS``."""
        self._checks = checks
        self._rolling = Rolling()
        self._motors = {path: Ratio(name, "rpm") for path, name in _MOTORS.items()}
        self._turns = Ratio("wheels", "deg/s")
        self._tremble = Tremble(_TREMBLE_KMH)
        self._counted: list[int] = []
        self._cells: int | None = None

    @property
    def learned(self) -> list[str]:
        """What the speed is held against by a factor that was learned."""
        factors = {name: self._motors[path].factor for path, name in _MOTORS.items()}
        known = [f"{name} {factor:.1f} rpm per km/h" for name, factor in factors.items() if factor]
        return [*known, *([f"wheels {self._turns.factor:.1f} deg/s per km/h"] if self._turns.factor else [])]

    def speed(self, t_ns: int, kmh: float) -> None:
        """Take each good reading of the speed."""
        self._tremble.add(t_ns, kmh)

    def judge(self, car: Car, t_ns: int) -> None:
        """Hold the signals against each other."""
        kmh = number(car.read(SPEED))
        self._judge_wheels(car, t_ns, kmh)
        self._judge_motion(car, t_ns, kmh)
        self._judge_battery(car, t_ns)

    def _say(self, t_ns: int, name: str, conflict: Conflict) -> None:
        self._checks.judge(t_ns, name, conflict.holds, conflict.reason)

    def _judge_wheels(self, car: Car, t_ns: int, kmh: float | None) -> None:
        """Judge the speed by wheels, motors and speedometer."""
        speeds, turns = _axles(car, "Speed"), _axles(car, "AngularSpeed")
        unheard = not car.read(SPEED).t_ns and bool(speeds or turns)
        self._checks.judge(t_ns, "no speed", unheard, "the wheels' speeds come, but the car's own speed never did")
        self._say(t_ns, "speed trembles", self._tremble.conflict)
        self._say(t_ns, "wheel speeds", _wheels_conflict(kmh, speeds))
        self._say(t_ns, "axles apart", _axles_conflict(speeds))
        means = [(axle.left + axle.right) / 2 for axle in turns.values()]
        self._say(t_ns, "wheel turns", self._turns.update(kmh, max(means, default=None)))
        for path, ratio in self._motors.items():
            if car.has(path):
                self._say(t_ns, _MOTORS[path], ratio.update(kmh, number(car.read(path))))
        shown = number(car.read(_SHOWN)) if car.has(_SHOWN) else None
        self._say(t_ns, "speedometer", shown_conflict(kmh, shown))
        if kmh is not None:
            self._rolling.update(t_ns, kmh, speeds or turns)
            reason = "one axle turns and the other has not since the car stood: on rollers, or sensors broken"
            self._checks.judge(t_ns, "one axle", self._rolling.suspect, reason)

    def _judge_motion(self, car: Car, t_ns: int, kmh: float | None) -> None:
        """Judge gear, pedals and charging by the speed."""
        gear = car.value(_GEAR) if car.has(_GEAR) else None
        parked = None if gear is None or kmh is None else gear == _PARK and kmh > _CREEP_KMH
        self._checks.judge(t_ns, "moves in park", parked, f"it moves at {kmh} km/h in park")
        self._say(t_ns, "direction", _direction_conflict(car, gear, kmh))
        pedal = number(car.read(_ACCELERATOR)) if car.has(_ACCELERATOR) else None
        brake = car.value(_BRAKE) if car.has(_BRAKE) else None
        both = None
        if pedal is not None and brake is not None and kmh is not None:
            both = pedal > _PEDAL and brake is True and kmh > _SLOW_KMH
        reason = f"the accelerator is pressed to {pedal} % and the brake as well, at {kmh} km/h"
        self._checks.judge(t_ns, "both pedals", both, reason)
        charging = car.value(CHARGING) if car.has(CHARGING) else None
        driving = None if charging is None or kmh is None else charging is True and kmh > _CREEP_KMH
        self._checks.judge(t_ns, "charges while driving", driving, f"it says that it charges, at {kmh} km/h")

    def _judge_battery(self, car: Car, t_ns: int) -> None:
        """Judge the battery's voltage by its cells, and its power by voltage and current."""
        watts, volts, amperes = (number(car.read(path)) if car.has(path) else None for path in POWER)
        if volts is not None and amperes is not None and watts is not None:
            by = volts * amperes
            reason = f"the battery's power is {watts:.0f} W, by voltage and current {by:.0f} W"
            self._checks.judge(t_ns, "power", abs(watts - by) > max(2000.0, 0.2 * abs(by)), reason)
        low, high = (number(car.read(path)) if car.has(path) else None for path in (_CELL_MIN, _CELL_MAX))
        self._count_cells(volts, low, high)
        self._say(t_ns, "cells", cells_conflict(volts, low, high, self._cells))

    def _count_cells(self, volts: float | None, low: float | None, high: float | None) -> None:
        """Learn how many cells are in series, from the first readings that agree."""
        if self._cells is not None or volts is None or low is None or high is None:
            return
        if not (_CELL_V[0] < low <= high < _CELL_V[1]):
            return
        self._counted.append(round(volts / ((low + high) / 2)))
        if len(self._counted) >= _AGREE:
            count = statistics.mode(self._counted)
            self._cells = count if self._counted.count(count) > _AGREE / 2 else None
            self._counted.clear()


def _axles(car: Car, kind: str) -> dict[int, Axle]:
    """Return the axles of which both wheels' speeds are good."""
    axles: dict[int, Axle] = {}
    for (of, row), pair in _WHEELS.items():
        if of == kind and all(map(car.has, pair)):
            left, right = (number(car.read(path)) for path in pair)
            if left is not None and right is not None:
                axles[row] = Axle(abs(left), abs(right))
    return axles


def _wheels_conflict(kmh: float | None, axles: dict[int, Axle]) -> Conflict:
    """Return whether the speed is that of no axle."""
    if kmh is None or not axles:
        return Conflict(None)
    nearest = min(((axle.left + axle.right) / 2 for axle in axles.values()), key=lambda mean: abs(mean - kmh))
    reason = f"the speed is {kmh:.0f} km/h, by the wheels {nearest:.0f}"
    return Conflict(abs(nearest - kmh) > max(5.0, 0.08 * kmh), reason)


def _axles_conflict(axles: dict[int, Axle]) -> Conflict:
    """Return whether both axles turn, and not alike; one that never turns is told otherwise."""
    if len(axles) < 2:  # noqa: PLR2004 - there is nothing to hold it against
        return Conflict(None)
    front, rear = ((axles[row].left + axles[row].right) / 2 for row in (1, 2))
    slower, faster = sorted((front, rear))
    if slower <= _CREEP_KMH or faster < _FAST_KMH:
        return Conflict(holds=False)
    reason = f"the front wheels turn as at {front:.0f} km/h, the rear ones as at {rear:.0f}"
    return Conflict(faster - slower > max(_APART_KMH, _APART * faster), reason)


def _direction_conflict(car: Car, gear: int | None, kmh: float | None) -> Conflict:
    """Return whether gear and motion contradict each other."""
    if gear is None or kmh is None:
        return Conflict(None)
    if gear == _REVERSE and kmh > _REVERSE_KMH:
        return Conflict(holds=True, reason=f"it moves at {kmh:.0f} km/h in reverse")
    turns = [rpm for path in _MOTORS if car.has(path) and (rpm := number(car.read(path))) is not None]
    fastest = max(turns, key=abs, default=0.0)
    wrong = (gear == _DRIVE and fastest < -_TURNS_RPM) or (gear == _REVERSE and fastest > _TURNS_RPM)
    way = "drive" if gear == _DRIVE else "reverse"
    return Conflict(wrong, f"the selector is in {way}, the motor turns the other way with {fastest:.0f} rpm")
