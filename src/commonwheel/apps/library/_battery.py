"""What a car's traction battery gives, from whatever it tells of it: power, and what is left in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

__all__ = ["CAPACITY", "CHARGING", "LEFT", "POWER", "Left", "Power", "number"]

_BATTERY = "Vehicle.Powertrain.TractionBattery"
_WATTS, _VOLTS, _AMPERES = f"{_BATTERY}.CurrentPower", f"{_BATTERY}.CurrentVoltage", f"{_BATTERY}.CurrentCurrent"
_ENERGY = f"{_BATTERY}.StateOfCharge.CurrentEnergy"
_SHOWN, _CHARGE = f"{_BATTERY}.StateOfCharge.Displayed", f"{_BATTERY}.StateOfCharge.Current"
_NET, _GROSS = f"{_BATTERY}.NetCapacity", f"{_BATTERY}.GrossCapacity"
_HEALTH = f"{_BATTERY}.StateOfHealth"
_AMPERE_HOURS, _NOMINAL = f"{_BATTERY}.ChargeCapacity", f"{_BATTERY}.NominalVoltage"

POWER = (_WATTS, _VOLTS, _AMPERES)
"""Signals that tell its power."""
LEFT = (_ENERGY, _SHOWN, _CHARGE)
"""Signals that tell what is left in it."""
CAPACITY = (_NET, _GROSS, _AMPERE_HOURS, _NOMINAL, _HEALTH)
"""Signals that tell what it holds."""
CHARGING = f"{_BATTERY}.Charging.IsCharging"

_NS = 1_000_000_000
_USABLE = 0.93
"""Of the gross capacity, where no usable one is told."""


def number(reading: Reading) -> float | None:
    """Return a good reading's number, else None."""
    value = reading.good
    return float(value) if isinstance(value, int | float) else None


class Power:
    """The battery's power, into the battery is positive: as told, else voltage times current."""

    def __init__(self) -> None:
        """Begin without a voltage."""
        self._volts: Reading | None = None

    @staticmethod
    def known(car: Car) -> bool:
        """Return whether a car tells it."""
        return car.has(_WATTS) or (car.has(_VOLTS) and car.has(_AMPERES))

    def take(self, car: Car, reading: Reading) -> float | None:
        """Take a reading of one of ``POWER``; returns the power of its time in watts, where it is known by it."""
        value = number(reading)
        if reading.path == _WATTS:
            return value
        if reading.path == _VOLTS:
            self._volts = reading
            return None
        volts = self._volts
        if car.has(_WATTS) or value is None or volts is None or reading.t_ns - volts.t_ns > _NS:
            return None
        by = number(volts)
        return None if by is None else by * value


class Left:
    """The energy left in the battery, in kWh: as told, else by charge and capacity.

    What is told comes in steps. Between them it is what was left at the last step less what was drawn since.
    """

    def __init__(self, capacity_kwh: float = 0.0) -> None:
        """Begin; *capacity_kwh*: what it holds, 0 where only the car knows."""
        self._stated = capacity_kwh
        self._told: float | None = None
        self._drawn_at = 0.0

    def capacity_kwh(self, car: Car) -> float | None:
        """Return what the battery holds when full; None: nobody knows."""
        if self._stated > 0:
            return self._stated
        net, gross = car.value(_NET), car.value(_GROSS)
        health = car.value(_HEALTH, 100.0) / 100
        if net:
            return net
        hours, volts = car.value(_AMPERE_HOURS), car.value(_NOMINAL)
        if hours and volts:
            return hours * volts / 1000
        return gross * _USABLE * health if gross else None

    def kwh(self, car: Car, drawn_kwh: float) -> float | None:
        """Return what is left.

        Args:
            car: as it is now.
            drawn_kwh: what was drawn since the beginning, less what came back.
        """
        told = self._now(car)
        if told is None:
            return None
        if told != self._told:
            self._told, self._drawn_at = told, drawn_kwh
        return max(0.0, told - (drawn_kwh - self._drawn_at))

    def _now(self, car: Car) -> float | None:
        energy = car.value(_ENERGY)
        if energy is not None:
            return energy
        charge, capacity = car.value(_SHOWN, car.value(_CHARGE)), self.capacity_kwh(car)
        return None if charge is None or capacity is None else charge / 100 * capacity
