"""What any drive is to the body: a force at the tyres, and what it costs.

The body asks ``drive`` for the force of a step before it moves, and calls ``settle`` with the mean speed that came of
it, so that work and losses are those of the very same step. ``rest`` follows every tenth of a second, for what is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.state import State

__all__ = ["Powertrain"]


class Powertrain(Protocol):
    """A drive, from pedals to tyres."""

    braked_n: float
    """Of the force that the brake pedal asked for in this step, what the drive takes on itself."""
    rotating_kg: float
    """Inertia of what turns with the wheels now, beyond the chassis' own share, as a mass."""

    def drive(self, inputs: Inputs, state: State, brake_n: float, grip_n: float, dt_s: float) -> float:
        """Return the force at the tyres for this step; forward is positive.

        Args:
            inputs: the driver's.
            state: before the step; the pedals are already in it.
            brake_n: force that the brake pedal asks for.
            grip_n: the most that the driven tyres carry.
            dt_s: length of the step.
        """
        ...

    def settle(self, state: State, mean_mps: float, dt_s: float) -> None:
        """Account for the step, in which the car moved at *mean_mps*."""
        ...

    def rest(self, inputs: Inputs, state: State, dt_s: float) -> None:
        """Bring up to date what changes slowly, after *dt_s* of steps."""
        ...

    @property
    def lost_j(self) -> float:
        """What the drive has lost since the start: in motors, gears, and what else draws power."""
        ...
