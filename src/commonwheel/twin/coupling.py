"""What joins an engine to a gearbox while they turn at different speeds: a torque converter or a clutch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from commonwheel.twin.engine import RADIANS_PER_RPM
from commonwheel.twin.parameters_engine import GearboxKind

if TYPE_CHECKING:
    from commonwheel.twin.parameters_engine import Gearbox

__all__ = ["Clutch", "Converter", "Coupling", "coupling_of"]

COUPLED: Final = 0.87
"""Ratio of a converter's speeds from which it no longer raises the torque."""


class Converter:
    """A torque converter: the pump's torque grows with the square of its speed and falls as the turbine catches up."""

    def __init__(self, gearbox: Gearbox) -> None:
        self._capacity = gearbox.coupling_nm / (gearbox.launch_rpm * RADIANS_PER_RPM) ** 2
        self._gain = gearbox.gain - 1

    def transfer(self, engine_rps: float, output_rps: float, idle_rps: float, creep: float) -> tuple[float, float]:
        """Return (torque taken from the engine, torque given at the output).

        Args:
            engine_rps: speed of the engine.
            output_rps: speed of the gearbox's input; negative where the car rolls against its gear.
            idle_rps: speed at which the engine idles.
            creep: 1 where the car may creep, 0 where the driver holds it.
        """
        del idle_rps, creep
        if output_rps > engine_rps:
            over = min(1.0, 2 * (output_rps - engine_rps) / output_rps)
            taken = -0.5 * self._capacity * output_rps * output_rps * over
            return taken, taken
        if engine_rps <= 0.0:
            return 0.0, 0.0
        ratio = max(0.0, output_rps / engine_rps)
        taken = self._capacity * engine_rps * engine_rps * (1 - ratio**4)
        return taken, taken * (1 + self._gain * max(0.0, 1 - ratio / COUPLED))


class Clutch:
    """A dry or wet clutch that is let in as the engine rises above its idle speed."""

    def __init__(self, gearbox: Gearbox) -> None:
        self._most_nm = gearbox.coupling_nm
        self._creep_nm = gearbox.creep_nm
        self._full_rps = gearbox.launch_rpm * RADIANS_PER_RPM

    def transfer(self, engine_rps: float, output_rps: float, idle_rps: float, creep: float) -> tuple[float, float]:
        """Return (torque taken from the engine, torque given at the output); see ``Converter.transfer``."""
        let_in = (engine_rps - idle_rps) / max(1.0, self._full_rps - idle_rps)
        most = self._most_nm * min(1.0, max(0.0, let_in)) + self._creep_nm * creep
        # Over the last of the slip the torque fades, so that it does not swing about zero.
        taken = most * min(1.0, max(-1.0, (engine_rps - output_rps) / 12.0))
        return taken, taken


Coupling = Converter | Clutch


def coupling_of(gearbox: Gearbox) -> Coupling:
    """Return what a gearbox has in front of it."""
    return Converter(gearbox) if gearbox.kind in {GearboxKind.CVT, GearboxKind.AUTOMATIC} else Clutch(gearbox)
