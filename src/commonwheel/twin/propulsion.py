"""From an acceleration to pedals: what a car's own lower controller does for a cruise control.

It knows the car about as well as a driver does (``Feel``): from the acceleration that is wanted follows a force, and
from that what to ask of the drive or of the brakes, never both. What stays off (a slope, a load, wind) is learned from
the acceleration that is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.driver import Feel
    from commonwheel.twin.state import State

__all__ = ["Propulsion"]

LEARNING = 1.2
"""How fast a lasting difference is learned of the drive, in 1/s."""
LEARNING_BRAKES = 3.0
"""The same of the brakes, which answer at once."""
MOST_LEARNED_MPS2 = 2.5
REACTION_S = 0.25
"""The drive answers within about so long; what it still owes is not learned from."""
STANDING_MPS = 0.05
HELD = 0.25
"""How far the brake is applied while the car is held, as a share of its force."""
SLOWEST_PULL_MPS = 2.0
CREEPING_MPS = 4.0
"""Slower, a drive that idles pulls; brakes have to hold against that, and a drive that is asked for more does not."""


class Propulsion:
    """Drives and brakes one car."""

    def __init__(self, feel: Feel) -> None:
        self._feel = feel
        self._due_mps2 = 0.0
        """What should be measured by now."""
        self._learned_mps2 = 0.0
        self._creep_mps2 = 0.0
        """What the brakes have to hold besides, at walking pace."""

    def release(self) -> None:
        """Forget what was learned; somebody else drives."""
        self._learned_mps2 = self._creep_mps2 = self._due_mps2 = 0.0

    def pedals(
        self, wanted_mps2: float, state: State, dt_s: float, *, drives: bool = True, brakes: bool = True
    ) -> tuple[float, float]:
        """Return (what is asked of the drive, what is asked of the brakes), 0..1, of which one is 0.

        Args:
            wanted_mps2: the acceleration.
            state: of the car.
            dt_s: since the last call.
            drives: whether the drive may be asked for something; from what is not given, nothing is learned.
            brakes: whether the brakes may.
        """
        feel, speed = self._feel, state.speed_mps
        if wanted_mps2 <= 0.0 and speed <= STANDING_MPS:
            self.release()
            return 0.0, HELD if brakes else 0.0
        self._due_mps2 += (wanted_mps2 - self._due_mps2) * dt_s / (REACTION_S + dt_s)
        coast = feel.coast_n(max(speed, 0.0))
        force = feel.mass_kg * (wanted_mps2 + self._learned_mps2) + feel.resistance_n(max(speed, 0.0)) + coast
        if speed > CREEPING_MPS:
            self._creep_mps2 = 0.0
        gas = brake = 0.0
        if force > 0.0:
            gas = force / (feel.pull_n(max(speed, SLOWEST_PULL_MPS)) + coast)
        else:
            brake = max(0.0, (feel.mass_kg * -self._creep_mps2 - force) / feel.brake_n)
        given = gas <= 1.0 and brake <= 1.0 and (drives if force > 0.0 else brakes)
        if given:  # what cannot be given is not learned from
            if force > 0.0:
                step = LEARNING * (self._due_mps2 - state.acceleration_mps2) * dt_s
            else:
                step = LEARNING_BRAKES * (wanted_mps2 - state.acceleration_mps2) * dt_s
            self._learn(step, creeps=force <= 0.0 and speed <= CREEPING_MPS)
        return min(1.0, gas) if drives else 0.0, min(1.0, brake) if brakes else 0.0

    def _learn(self, step: float, *, creeps: bool) -> None:
        if creeps and (step < 0.0 or self._creep_mps2 < 0.0):
            self._creep_mps2 = max(-MOST_LEARNED_MPS2, min(0.0, self._creep_mps2 + step))
        else:
            self._learned_mps2 = max(-MOST_LEARNED_MPS2, min(MOST_LEARNED_MPS2, self._learned_mps2 + step))

    def gas(self, wanted_mps2: float, state: State) -> float:
        """Return what to ask of the drive for an acceleration on the level, as a share of a pedal; nothing learned."""
        feel, speed = self._feel, max(state.speed_mps, 0.0)
        force = feel.mass_kg * wanted_mps2 + feel.coast_n(speed)
        return min(1.0, max(0.0, force / (feel.pull_n(max(speed, SLOWEST_PULL_MPS)) + feel.coast_n(speed))))
