"""From an acceleration to pedals: what a car's own lower controller does for a cruise control.

It knows the car about as well as a driver does (``Feel``): from the acceleration that is wanted follows a force, and
from that what to ask of the drive or of the brakes, never both. What stays off (a slope, a load, wind) is learned from
the acceleration that is measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.driver import Feel
    from commonwheel.twin.state import State

__all__ = ["Propulsion"]

LEARNING = 1.2
"""How fast a lasting difference is learned, in 1/s."""
MOST_LEARNED_MPS2 = 2.5
REACTION_S = 0.25
"""Drive and brakes answer within about so long; what they still owe is not learned from."""
STANDING_MPS = 0.05
HELD = 0.25
"""How far the brake is applied while the car is held, as a share of its force."""
SLOWEST_PULL_MPS = 2.0


class Propulsion:
    """Drives and brakes one car."""

    def __init__(self, feel: Feel) -> None:
        self._feel = feel
        self._due_mps2 = 0.0
        """What should be measured by now."""
        self._learned_mps2 = 0.0

    def release(self) -> None:
        """Forget what was learned; somebody else drives."""
        self._learned_mps2 = self._due_mps2 = 0.0

    def pedals(self, wanted_mps2: float, state: State, dt_s: float) -> tuple[float, float]:
        """Return (what is asked of the drive, what is asked of the brakes), 0..1, of which one is 0."""
        feel, speed = self._feel, state.speed_mps
        if wanted_mps2 <= 0.0 and speed <= STANDING_MPS:
            self.release()
            return 0.0, HELD
        self._due_mps2 += (wanted_mps2 - self._due_mps2) * dt_s / (REACTION_S + dt_s)
        force = feel.mass_kg * (wanted_mps2 + self._learned_mps2) + feel.resistance_n(max(speed, 0.0))
        coast = feel.coast_n(max(speed, 0.0))
        gas = brake = 0.0
        if force > -coast:
            pull = feel.pull_n(max(speed, SLOWEST_PULL_MPS)) + coast
            gas = (force + coast) / pull
        else:
            brake = (-force - coast) / feel.brake_n
        if gas <= 1.0 and brake <= 1.0:  # what cannot be given is not learned from
            error = self._due_mps2 - state.acceleration_mps2
            learned = self._learned_mps2 + LEARNING * error * dt_s
            self._learned_mps2 = math.copysign(min(MOST_LEARNED_MPS2, abs(learned)), learned)
        return min(1.0, gas), min(1.0, brake)

    def gas(self, wanted_mps2: float, state: State) -> float:
        """Return what to ask of the drive for an acceleration on the level, as a share of a pedal; nothing learned."""
        feel, speed = self._feel, max(state.speed_mps, 0.0)
        force = feel.mass_kg * wanted_mps2 + feel.coast_n(speed)
        return min(1.0, max(0.0, force / (feel.pull_n(max(speed, SLOWEST_PULL_MPS)) + feel.coast_n(speed))))
