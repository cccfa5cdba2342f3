"""Shipped cars at a test's command: what they show, cycle by cycle, while the control acts on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwheel.control import CYCLE_NS, CarControl, Cycle, Request
from commonwheel.guard import Guard, State, Without
from commonwheel.vehicles.samples import Quality, Samples
from tests.guard.cars import acting
from tests.guard.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control import Phase

__all__ = ["MOTION", "Bench"]

MOTION = ("honda/civic_touring_2016", "honda/civic_gen10_bosch", "nissan/leaf_ze1", "nissan/x_trail_2017")
"""Cars that steer and drive, each in a manner of its own."""

_STIR = 0.013


class Bench:
    """A car that stays as it is, whatever it is told: readings come each cycle, and a test changes them."""

    def __init__(self, name: str, speed_kmh: float = 60.0, axes: tuple[str, ...] = ("longitudinal", "lateral")) -> None:
        """Begin with everything off; *axes* are those whose conditions are met."""
        vehicle, control = acting(name)
        self.control = CarControl(vehicle, control)
        self.rig = Rig(control.envelope, speed_kmh, axes)
        self.axes = axes
        self.values = self.rig.values
        """What each input of the guard shows."""
        self.values |= {"Vehicle.Acceleration.Longitudinal": 0.0, "Vehicle.ADAS.CruiseControl.SpeedSet": speed_kmh}
        self.t_ns = 1_000_000_000_000
        self.steady_ns = 5_000_000_000
        self.heard: list[Cycle] = []
        self.number = 0

    @property
    def guard(self) -> Guard:
        """The guard."""
        return self.control.guard

    def samples(self, quality: Quality = Quality.GOOD) -> Samples:
        """Return what the car shows now."""
        numbers = self.control.vehicle.numbers
        shown = [(numbers[path], value + self._stir(path)) for path, value in self.values.items() if path in numbers]
        return Samples(
            np.full(len(shown), self.t_ns, np.int64), np.array([number for number, _ in shown], np.int32),
            np.array([value for _, value in shown], np.float64), np.full(len(shown), quality, np.uint8),
            self.control.vehicle.signals,
        )  # fmt: skip

    def _stir(self, path: str) -> float:
        """Return how much a value is off in this cycle: what never rests on a car that moves does not rest here."""
        one = self.rig.inputs.get(path)
        rests = one is None or isinstance(one.frozen_ns, Without)
        return 0.0 if rests else _STIR * (self.t_ns // CYCLE_NS % 2)

    def cycle(self, wishes: Mapping[str, float] | None = None, *, source: str = "app", priority: int = 0) -> Cycle:
        """Go through one cycle with these targets."""
        self.t_ns += CYCLE_NS
        self.steady_ns += CYCLE_NS
        self.control.take(self.samples())
        for path, value in (wishes or {}).items():
            self.number += 1
            self.control.request(
                Request(path, value, source, self.t_ns, 200_000_000, priority, number=self.number)
            )  # fmt: skip
        cycle = self.control.step(self.t_ns, self.steady_ns)
        self.heard.append(cycle)
        return cycle

    def cycles(self, count: int, wishes: Mapping[str, float] | None = None) -> list[Cycle]:
        """Go through cycles with the same targets."""
        return [self.cycle(wishes) for _ in range(count)]

    def engage(self, wishes: Mapping[str, float]) -> None:
        """Arm it, let the driver consent, and go on until what is asked for acts."""
        self.rig.consent(given=False)
        self.cycles(20)
        self.control.arm(self.t_ns, "test")
        self.cycles(5, wishes)
        self.rig.consent(given=True)
        served = self.control.control.served
        axes = {served[path].axis for path in wishes}
        for _ in range(100):
            self.cycle(wishes)
            if all(self.guard.state(axis) is State.ENGAGED for axis in axes):
                return
        message = f"not engaged: {[(axis, self.guard.state(axis)) for axis in axes]}"
        raise AssertionError(message)

    def phases(self, source: str = "app") -> list[Phase]:
        """Return the phases of the requests of a source since the last call."""
        found = [each.phase for cycle in self.heard for each in cycle.progress if each.request.source == source]
        self.heard = []
        return found
