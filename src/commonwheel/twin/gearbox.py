"""Which gear is in, and with which ratio: gears in steps, or a belt between pulleys.

Both follow the same aim, that of a driver or a control unit with the fuel in mind: the lowest engine speed at which the
engine still gives what the pedal asks for. The pedal asks for a force at the wheels, so that is what they are told.
"""

from __future__ import annotations

import bisect
import itertools
from typing import TYPE_CHECKING, Final

from commonwheel.twin.engine import RADIANS_PER_RPM
from commonwheel.twin.parameters_engine import GearboxKind

if TYPE_CHECKING:
    from commonwheel.twin.engine import Combustion
    from commonwheel.twin.parameters_engine import Gearbox

__all__ = ["BestLine", "Gears", "Stepless", "Transmission", "transmission_of"]

DWELL_S: Final = 0.7
"""The least time in a gear, unless the engine would stall or overrun."""
ABOVE_DOWN: Final = 1.1
"""After changing up the engine turns so many times faster than where it would change down again."""
ABOVE_IDLE: Final = 1.08
"""In gear an engine turns so many times faster than it idles: else what holds its idle speed would drive the car."""
POINTS: Final = 64
SLOWEST_MPS: Final = 0.5


class Gears:
    """Gears in steps, changed one after the other."""

    def __init__(self, gearbox: Gearbox, turns: float, engine: Combustion) -> None:
        self._engine = engine
        self._up, self._down = gearbox.up_rpm * RADIANS_PER_RPM, gearbox.down_rpm * RADIANS_PER_RPM
        self._full = gearbox.up_full_rpm * RADIANS_PER_RPM
        self._eco = gearbox.eco_load
        self._efficiency = gearbox.efficiency
        self._turns = [ratio * gearbox.final * turns for ratio in gearbox.ratios]
        self._since_s = 0.0
        self.gear = 1

    @property
    def turns(self) -> float:
        """Radians of the engine per metre."""
        return self._turns[self.gear - 1]

    @property
    def _least(self) -> float:
        """The engine speed below which a lower gear is taken, which for a cold engine is a higher one."""
        return max(self._down, self._engine.idle_rps * ABOVE_IDLE)

    def reset(self) -> None:
        """Take the first gear."""
        self.gear = 1
        self._since_s = 0.0

    def choose(self, along_mps: float, wish_n: float, dt_s: float, *, held: bool) -> None:
        """Change the gear if another one is better.

        Args:
            along_mps: speed.
            wish_n: force asked for at the wheels.
            dt_s: length of the step.
            held: whether the brake is pressed; then it does not change up.
        """
        self._since_s += dt_s
        gear = self.gear
        speed = along_mps * self._turns[gear - 1]
        if gear > 1 and speed < self._least:
            self._take(gear - 1)
            return
        if gear < len(self._turns) and self._is_up_better(speed, along_mps * self._turns[gear], wish_n, held=held):
            self._take(self._above(along_mps))
            return
        if gear > 1 and self._since_s >= DWELL_S and not self._gives(gear, speed, wish_n, 1.0):
            after = along_mps * self._turns[gear - 2]
            if after < 0.97 * self._full:
                self._take(gear - 1)

    def _above(self, along_mps: float) -> int:
        """Return the next gear, or where it is put in at speed, the first that does not overrun the engine."""
        gears = range(self.gear + 1, len(self._turns))
        return next((gear for gear in gears if along_mps * self._turns[gear - 1] < self._full), len(self._turns))

    def _is_up_better(self, speed_rps: float, after_rps: float, wish_n: float, *, held: bool) -> bool:
        """Say whether to change up, to an engine speed of *after_rps*."""
        if speed_rps >= self._full:
            return True
        if held or self._since_s < DWELL_S or speed_rps < self._up or after_rps < self._least * ABOVE_DOWN:
            return False
        return self._gives(self.gear + 1, after_rps, wish_n, self._eco)

    def _gives(self, gear: int, speed_rps: float, wish_n: float, load: float) -> bool:
        """Say whether a gear's force is enough at a share of the engine's full load."""
        most_n = self._engine.most_nm(speed_rps) * load * self._turns[gear - 1] * self._efficiency
        return wish_n <= most_n

    def _take(self, gear: int) -> None:
        self.gear = gear
        self._since_s = 0.0


class Stepless:
    """A belt between pulleys: the engine runs where it gives the power at high load and low speed."""

    def __init__(self, gearbox: Gearbox, turns: float, engine: Combustion) -> None:
        short, long = (ratio * gearbox.final * turns for ratio in gearbox.ratios)
        self._short, self._long = short, long
        self._lag_s = gearbox.ratio_lag_s
        self._efficiency = gearbox.efficiency
        self._engine = engine
        self._line = BestLine(engine, gearbox.eco_rpm, gearbox.eco_load)
        self.turns = short
        """Radians of the engine per metre."""
        self.gear = 1

    def reset(self) -> None:
        """Go back to the shortest ratio."""
        self.turns = self._short

    def choose(self, along_mps: float, wish_n: float, dt_s: float, *, held: bool) -> None:
        """Move the ratio towards the best; see ``Gears.choose``."""
        del held
        if along_mps < SLOWEST_MPS:
            aim = self._short
        else:
            speed = self._line.speed(wish_n * along_mps / self._efficiency)
            speed = max(speed, self._engine.idle_rps * ABOVE_IDLE)
            aim = min(self._short, max(self._long, speed / along_mps))
        self.turns += (aim - self.turns) * dt_s / (self._lag_s + dt_s)


class BestLine:
    """At which speed an engine gives a power with the least fuel: at high load and the lowest speed that does it."""

    def __init__(self, engine: Combustion, lowest_rpm: float, load: float) -> None:
        lowest = lowest_rpm * RADIANS_PER_RPM
        limit = engine.engine.limit_rpm * RADIANS_PER_RPM
        speeds = [lowest + (limit - lowest) * i / POINTS for i in range(POINTS)]
        powers = [speed * engine.most_nm(speed) for speed in speeds]
        top = max(range(POINTS), key=powers.__getitem__)
        # Towards the most power the load rises to the full one.
        loads = (load + (1 - load) * i / max(1, top) for i in range(top + 1))
        shares = (power * part for power, part in zip(powers, loads, strict=False))
        self._powers = list(itertools.accumulate(shares, lambda before, power: max(before + 1.0, power)))
        self._speeds = speeds[: top + 1]

    def speed(self, power_w: float) -> float:
        """Return the speed for a power, in radians per second."""
        powers, speeds = self._powers, self._speeds
        i = bisect.bisect_right(powers, power_w)
        if i == 0:
            return speeds[0]
        if i == len(powers):
            return speeds[-1]
        share = (power_w - powers[i - 1]) / (powers[i] - powers[i - 1])
        return speeds[i - 1] + share * (speeds[i] - speeds[i - 1])


Transmission = Gears | Stepless


def transmission_of(gearbox: Gearbox, turns: float, engine: Combustion) -> Transmission:
    """Return the gears of a gearbox.

    Args:
        gearbox: its parameters.
        turns: radians of the wheels per metre.
        engine: in front of it.
    """
    return (Stepless if gearbox.kind is GearboxKind.CVT else Gears)(gearbox, turns, engine)
