"""When to charge: the least cost that is done in time, exactly. Pure: no car, no clock.

Time is cut into steps of one length, each with its price. Charging takes so many steps, of which the first draw the
most: near full, a battery takes less. That a step draws more or less depends on how many came before it and not on
when it is, so the best choice is found exactly by going through the steps backwards with the number of steps that are
done (dynamic programming; Bellman 1957): ``cost(t, k) = min(charge now, wait)``. Without a taper and without a price of
starting this is the same as to take the cheapest steps, which a test holds it against, and every choice there is.

Of plans that cost the same the earlier is taken: what is charged cannot be missed any more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Battery", "Charge", "Plan", "plan_of"]

_EARLY = 1e-9
"""Of the price: what it is worth to charge a step earlier."""


@dataclass(frozen=True, slots=True)
class Battery:
    """How a car charges."""

    capacity_kwh: float
    power_kw: float
    """From the grid, far from full."""
    efficiency: float = 0.9
    """What of it reaches the battery."""
    taper_from: float = 85.0
    """State of charge in percent from which on it takes less, in a straight line ..."""
    taper_to: float = 0.25
    """... to this part of the power when it is full."""

    def power_at(self, percent: float) -> float:
        """Return the power from the grid at a state of charge, kW."""
        if percent <= self.taper_from:
            return self.power_kw
        part = min(1.0, (percent - self.taper_from) / (100.0 - self.taper_from))
        return self.power_kw * (1.0 - part * (1.0 - self.taper_to))

    def steps(self, percent: float, target: float, step_s: float) -> list[float]:
        """Return what each step of charging draws from the grid, kWh, from one state of charge to another."""
        drawn: list[float] = []
        hours, charge = step_s / 3600.0, percent
        while charge < target - 1e-9 and len(drawn) < _MOST_STEPS:
            grid = self.power_at(charge) * hours
            gained = grid * self.efficiency / self.capacity_kwh * 100.0
            if charge + gained > target:
                grid *= (target - charge) / gained
                gained = target - charge
            drawn.append(grid)
            charge += gained
        return drawn


_MOST_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be charged, from now on."""

    drawn_kwh: list[float]
    """By each step of charging, from the grid."""
    at_once: int = 0
    """So many of the first steps, whatever they cost."""
    is_on: bool = False
    """Whether it charges now: to go on is no start."""
    start_cost: float = 0.0
    """What a start costs: wear, and the time until the power is there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which steps to charge in."""

    on: tuple[bool, ...]
    """By step, from now on."""
    cost: float
    """Of the energy, in the currency of the prices."""
    drawn_kwh: float
    missing_steps: int
    """Steps of charging that there is no time for; 0 where it is done in time."""

    @property
    def now(self) -> bool:
        """Whether to charge now."""
        return bool(self.on) and self.on[0]


def plan_of(charge: Charge, prices: list[float]) -> Plan:
    """Return the plan of least cost.

    Args:
        charge: what is to be charged.
        prices: per kWh, of each step from now until it has to be done.

    Raises:
        ValueError: a price is not a number.
    """
    if not all(map(math.isfinite, prices)):
        message = "a price is a number"
        raise ValueError(message)
    n, wanted = len(prices), len(charge.drawn_kwh)
    count = min(wanted, n)
    forced = min(charge.at_once, count)
    on = _chosen(charge, prices, count, forced)
    drawn = iter(charge.drawn_kwh)
    cost = kwh = 0.0
    for price, is_on in zip(prices, on, strict=True):
        if is_on:
            step = next(drawn)
            cost, kwh = cost + price * step, kwh + step
    return Plan(tuple(on), cost, kwh, wanted - count)


def _chosen(charge: Charge, prices: list[float], count: int, forced: int) -> list[bool]:
    """Return the steps to charge in: the first *forced*, then those that cost least."""
    n = len(prices)
    if count == 0:
        return [False] * n
    drawn = np.array(charge.drawn_kwh[:count])
    scale = max(1e-6, *map(abs, prices))
    # waiting[k], going[k]: what is left to pay from here on with k steps done, having waited or charged just before.
    waiting, going = np.full(count + 1, np.inf), np.full(count + 1, np.inf)
    waiting[count] = going[count] = 0.0
    choices = np.zeros((n, 2, count), bool)
    for t in range(n - 1, forced - 1, -1):
        go_on = prices[t] * drawn + (_EARLY * scale * t) + going[1:]
        begin = go_on + charge.start_cost
        wait = waiting[:count]
        np.less_equal(begin, wait, out=choices[t, 0])
        np.less_equal(go_on, wait, out=choices[t, 1])
        np.minimum(go_on, wait, out=going[:count])
        np.minimum(begin, wait, out=waiting[:count])
    on = [True] * forced
    done, state = forced, 1 if forced or charge.is_on else 0
    for t in range(forced, n):
        goes = done < count and bool(choices[t, state, done])
        on.append(goes)
        done, state = done + goes, int(goes)
    return on
