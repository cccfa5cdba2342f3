"""The traction battery: an equivalent circuit, its charge, its limits, its cells and its temperature.

The open-circuit voltage E follows from the charge; behind it are a resistance R and one resistance with a capacitor,
whose voltage p settles with its time constant. Power P at the terminals (into the battery positive) gives the current
from P = I (E + p + I R), solved for the root near zero. The charge counts the current; what is put in counts
by its coulombic efficiency. All of it is deterministic; the cells' differences come from the seed.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from commonwheel.twin.tables import Table

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Battery
    from commonwheel.twin.start import Start
    from commonwheel.twin.state import State

__all__ = ["Pack"]

_COLDEST_C, _WARMEST_C = -40.0, 100.0
_MARGIN = 0.98
"""Share of the power at which a source of this voltage and resistance gives the most."""
_J_PER_KWH = 3.6e6
_SETTLED_V = 0.001


class Pack:
    """A traction battery. ``draw`` every step; ``rest`` now and then, for what changes slowly."""

    def __init__(self, battery: Battery, start: Start, state: State) -> None:
        series = battery.cells_series
        self.battery = battery
        self.capacity_c = battery.capacity_ah * 3600.0 * start.health
        """Coulombs from empty to full."""
        self._ocv = Table.of(tuple((x, v * series) for x, v in battery.open_circuit_v), 0.0, 1.0)
        self._by_charge = Table.of(battery.resistance_by_charge, 0.0, 1.0)
        self._by_temperature = Table.of(battery.resistance_by_temperature, _COLDEST_C, _WARMEST_C, 280)
        self._gives = Table.of(battery.discharge_by_charge, 0.0, 1.0)
        self._takes = Table.of(battery.charge_by_charge, 0.0, 1.0)
        self._gives_at = Table.of(battery.discharge_by_temperature, _COLDEST_C, _WARMEST_C, 280)
        self._takes_at = Table.of(battery.charge_by_temperature, _COLDEST_C, _WARMEST_C, 280)
        self._energy = _integral(self._ocv, self.capacity_c)
        self._aged = 2.0 - start.health
        """An aged cell has as much more resistance as it has lost capacity."""
        self._polarised_v: float = 0.0
        self._dt_s = 0.0
        self._decay = 1.0
        self._ocv_v = 0.0
        self._ohm = battery.resistance_ohm
        self._heat_j: float = 0.0
        self.heat_j = 0.0
        """Lost in the battery since the start."""
        self.chemical_j = 0.0
        """Taken out of the cells since the start, less what was put in."""
        chance = random.Random(start.seed)  # noqa: S311 - cells are no secret
        self.cells = [chance.gauss(0.0, battery.spread_v) for _ in range(series)]
        """How far each cell is off the mean at rest, in volts."""
        self._lowest, self._highest = min(self.cells), max(self.cells)
        state.charge = min(1.0, max(0.0, start.charge))
        state.health = start.health
        state.pack_c = start.soak_c
        self._ocv_v = self._ocv.at(state.charge)
        state.pack_v = self._ocv_v
        self.rest(state, start.air_c, 0.0)

    def draw(self, state: State, power_w: float, dt_s: float) -> float:
        """Put power in at the terminals (negative: take it out) for one step; return what it really was.

        What it cannot give or take is left; the limits in the state keep what asks within that.
        """
        if dt_s != self._dt_s:
            self._dt_s = dt_s
            self._decay = math.exp(-dt_s / self.battery.settling_s)
        ohm = self._ohm
        behind = self._ocv_v + self._polarised_v
        most = behind * behind / (4.0 * ohm) * _MARGIN
        power_w = max(power_w, -most)
        amps = (math.sqrt(behind * behind + 4.0 * ohm * power_w) - behind) / (2.0 * ohm)
        charge = state.charge
        if amps < 0.0:
            moved = amps * dt_s / self.capacity_c
            if charge + moved < 0.0:
                moved = -charge
                amps = moved * self.capacity_c / dt_s
                power_w = amps * (behind + amps * ohm)
        else:
            moved = amps * dt_s * self.battery.coulombic / self.capacity_c
            if charge + moved > 1.0:
                moved = 1.0 - charge
                amps = moved * self.capacity_c / (dt_s * self.battery.coulombic)
                power_w = amps * (behind + amps * ohm)
        chemical = moved * self.capacity_c * self._ocv_v
        state.charge = charge = charge + moved
        decay = self._decay
        self._polarised_v = self._polarised_v * decay + self.battery.polarisation_ohm * amps * (1.0 - decay)
        heat = power_w * dt_s - chemical
        self._heat_j += heat
        self.heat_j += heat
        self.chemical_j -= chemical
        self._ocv_v = self._ocv.at(charge)
        state.pack_a = amps
        state.pack_v = behind + amps * ohm
        state.pack_w = power_w
        state.drawn_kwh -= power_w * dt_s / _J_PER_KWH
        return power_w

    def rest(self, state: State, air_c: float, dt_s: float) -> None:
        """Bring resistance, limits, temperature and energy up to date, after *dt_s* of steps."""
        battery = self.battery
        charge, warmth = state.charge, state.pack_c
        if dt_s > 0.0:
            flow = battery.cooling_w_per_k * (air_c - warmth)
            state.pack_c = warmth = warmth + (self._heat_j + flow * dt_s) / battery.heat_j_per_k
            self._heat_j = 0.0
        self._ohm = battery.resistance_ohm * self._by_charge.at(charge) * self._by_temperature.at(warmth) * self._aged
        self._limits(state, charge, warmth)
        usable = self._energy.at(charge) - self._energy.at(battery.reserve)
        state.energy_kwh = max(0.0, usable) / _J_PER_KWH
        self._cells(state)

    def _limits(self, state: State, charge: float, warmth: float) -> None:
        """State what the pack gives and takes now, within its cells' voltages."""
        battery, behind, ohm = self.battery, self._ocv_v + self._polarised_v, self._ohm
        series = battery.cells_series
        span = 1.0 - battery.reserve
        above = max(0.0, (charge - battery.reserve) / span)
        low, high = battery.cell_low_v * series, battery.cell_high_v * series
        from_v = low * (behind - low) / ohm if behind > low else 0.0
        into_v = high * (high - behind) / ohm if high > behind else 0.0
        gives = battery.discharge_w * self._gives.at(above) * self._gives_at.at(warmth)
        takes = battery.charge_w * self._takes.at(charge) * self._takes_at.at(warmth)
        state.discharge_limit_w = min(gives, from_v, behind * behind / (4.0 * ohm) * 0.9)
        state.charge_limit_w = min(takes, into_v)

    def _cells(self, state: State) -> None:
        """State the lowest and the highest cell: under load the weak ones fall further."""
        mean = state.pack_v / self.battery.cells_series
        state.cell_low_v = mean + self._lowest
        state.cell_high_v = mean + self._highest

    @property
    def at_rest(self) -> bool:
        """Whether its voltage has settled after the last load."""
        return abs(self._polarised_v) < _SETTLED_V

    @property
    def ohm(self) -> float:
        """Resistance at this charge, temperature and age."""
        return self._ohm

    @property
    def behind_v(self) -> float:
        """Voltage behind the resistance."""
        return self._ocv_v + self._polarised_v

    def takes_w(self, charge: float, warmth_c: float) -> float:
        """Return what the battery takes at a charge and temperature, but for its voltage's limit."""
        return self.battery.charge_w * self._takes.at(charge) * self._takes_at.at(warmth_c)

    def energy_j(self, charge: float) -> float:
        """Return what the cells hold at a charge, without losses."""
        return self._energy.at(charge)


def _integral(ocv: Table, capacity_c: float) -> Table:
    """Return the energy from empty to each charge."""
    total, values = 0.0, [0.0]
    for low, high in zip(ocv.values, ocv.values[1:], strict=False):
        total += (low + high) / 2.0 / ocv.scale * capacity_c
        values.append(total)
    return Table(0.0, 1.0, values, ocv.scale)
