"""The steering column as it turns by itself: hands, power steering and tyres pull at it, friction and damping hold it.

    inertia d2(angle)/dt2 = torque - aligning torque - damping d(angle)/dt - friction

in the driver's terms: every torque is what it is worth at the steering wheel, with the power steering's help in it.
Friction only resists: it stops a wheel that is slow enough, and then holds it up to its own strength. A car that hardly
moves has the tyres' scrubbing on top. Each step solves for the rate at its end, which is stable at any step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from commonwheel.twin.schema import unit

if TYPE_CHECKING:
    from commonwheel.twin.state import State

__all__ = ["LOCK_DEG", "Column"]

LOCK_DEG: Final = 540.0
"""How far the steering wheel turns from the middle: a turn and a half, as most cars have it."""
SCRUBBING_MPS: Final = 0.5
"""The tyres' scrubbing is half as strong at this speed as at standstill, and fades with its square."""
_DEGREES: Final = 180.0 / math.pi


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Steering wheel, column, and what turns with them."""

    inertia_kgm2: Annotated[float, unit("kg*m^2", 0.005, 1.0)] = 0.06
    """Of the wheel (about 0.035 kg m2), and of the power steering's motor and the rack as the wheel feels them."""
    damping_nms_per_rad: Annotated[float, unit("Nm*s/rad", 0.0, 20.0)] = 0.8
    """Torque per rate. The power steering damps a wheel that is let go, so that it returns without swinging."""
    friction_nm: Annotated[float, unit("Nm", 0.0, 5.0)] = 0.18
    """What the aligning torque has to overcome to turn the wheel back, with the power steering's help."""
    scrubbing_nm: Annotated[float, unit("Nm", 0.0, 20.0)] = 3.0
    """More of it at standstill, where the tyres are turned on the spot."""

    def turn(self, torque_nm: float, state: State, dt_s: float) -> None:
        """Turn the wheel for one step.

        Args:
            torque_nm: of hands and power steering; left is positive.
            state: has angle and rate, which change, and the tyres' aligning torque of the step before.
            dt_s: length of the step.
        """
        slow = state.speed_mps / SCRUBBING_MPS
        friction = self.friction_nm + self.scrubbing_nm / (1.0 + slow * slow)
        inertia = self.inertia_kgm2 / dt_s
        pull = inertia * state.steering_rate_dps / _DEGREES + torque_nm - state.aligning_nm
        if -friction <= pull <= friction:
            state.steering_rate_dps = 0.0
            return
        rate = (pull - math.copysign(friction, pull)) / (inertia + self.damping_nms_per_rad)
        angle = state.steering_deg + rate * _DEGREES * dt_s
        state.steering_rate_dps = rate * _DEGREES
        state.steering_deg = angle
        if not -LOCK_DEG <= angle <= LOCK_DEG:
            state.steering_deg = math.copysign(LOCK_DEG, angle)
            state.steering_rate_dps = 0.0
