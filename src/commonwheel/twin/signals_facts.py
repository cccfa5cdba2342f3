"""What getters of standard values need of a car beside its state: facts worked out once from its parameters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from commonwheel.twin.inputs import Inputs
from commonwheel.twin.parameters_engine import GearboxKind
from commonwheel.twin.state import State

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Battery, Parameters

__all__ = ["Facts", "Getter", "facts_of", "tables"]


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one car; what it lacks is 0, but for what is divided by."""

    degrees_per_m: float
    """A wheel turns by so much per metre."""
    cells: float
    """Of the traction battery, in series."""
    reserve: float
    """Share of the traction battery's charge that the driver never sees."""
    capacity_ah: float
    """Of the traction battery when new."""
    capacity_kwh: float
    """What the new battery can give."""
    warmest_k: float
    """The warmest place in the battery is so much above its mean, and the coldest so much below."""
    charger_w: float
    """The most the on-board charger draws."""
    quick: bool
    """Whether it can be charged with direct current."""
    tank_l: float
    idle_rpm: float
    cold_idle_rpm: float
    by_hand: bool
    """Whether the driver changes the gears."""


Getter: TypeAlias = Callable[[State, Inputs, Facts], float]
"""Returns the value of one signal in the standard's unit; enumerations as codes."""


def tables(getters: Mapping[str, Getter]) -> dict[str, Getter]:
    """Return getters by whole path."""
    return {f"Vehicle.{path}": getter for path, getter in getters.items()}


def facts_of(car: Parameters) -> Facts:
    """Return the facts of a car."""
    battery, charger, engine = car.battery, car.charger, car.engine
    return Facts(
        degrees_per_m=360.0 / car.chassis.tyre_circumference_m,
        cells=battery.cells_series if battery else 1.0,
        reserve=battery.reserve if battery else 0.0,
        capacity_ah=battery.capacity_ah if battery else 0.0,
        capacity_kwh=_capacity_kwh(battery) if battery else 0.0,
        warmest_k=battery.temperature_spread_k / 2 if battery else 0.0,
        charger_w=charger.power_w if charger else 0.0,
        quick=charger is not None and charger.quick_w > 0,
        tank_l=engine.tank_l if engine else 0.0,
        idle_rpm=engine.idle_rpm if engine else 0.0,
        cold_idle_rpm=engine.cold_idle_rpm if engine else 0.0,
        by_hand=car.gearbox is not None and car.gearbox.kind is GearboxKind.MANUAL,
    )


def _capacity_kwh(battery: Battery) -> float:
    """Return the energy between full and empty, by the area under the open-circuit voltage."""
    points = battery.open_circuit_v
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points))
    return battery.cells_series * area * battery.capacity_ah * (1 - battery.reserve) / 1000
