"""A simulated drive as standard signals: pull away, bends, a stop, reverse into a space, park.

One car drives it, the Leaf of the shipped parameters, so that what three makers' wires bring back can be held against
one truth. The same every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.twin.body import Body
from commonwheel.twin.inputs import Inputs
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.signals import Standard
from commonwheel.vehicles import load_vehicle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    Values = npt.NDArray[np.float64]

__all__ = ["CAR", "STEP_S", "Drive", "synthesise"]

CAR = "nissan/leaf_aze0"
"""The car whose physics it is."""
SCENARIO = Path(__file__).with_name("drive.yaml")
STEP_S = 0.01
POWER = "Vehicle.Powertrain.TractionBattery.CurrentPower"
"""No wire has it: it is computed from what the wires have."""
UNSIGNED = ("Speed", "AngularSpeed")
"""Last parts of the names of signals that these cars send without a sign."""


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """Standard signals over time."""

    t_ns: npt.NDArray[np.int64]
    """Shape (n,), nanoseconds since the start."""
    signals: Mapping[str, Values]
    """Path to values in the standard's unit, shape (n,) each; enumerations as codes."""

    @property
    def end_ns(self) -> int:
        """End of the drive."""
        return int(self.t_ns[-1]) + round(STEP_S * 1e9)


def synthesise(cars: Iterable[str]) -> Drive:
    """Return the drive, with every signal that one of the cars has room for on its wire."""
    paths = sorted({path for car in cars for path in load_vehicle(car).writers} | {POWER})
    scenario, parameters = load_scenario(SCENARIO), load_parameters(CAR)
    body, driving, inputs = Body(parameters, scenario.start), scenario.begin(parameters), Inputs()
    standard = Standard(parameters, paths)
    n = round(scenario.length_s / STEP_S)
    rows = np.zeros((n, len(paths)))
    row = [0.0] * len(paths)
    for i in range(n):
        driving.act(body.state, inputs, STEP_S)
        body.step(inputs, STEP_S)
        standard.write(body.state, inputs, row)
        rows[i] = row
    known = [i for i, path in enumerate(paths) if path not in standard.unknown and np.isfinite(rows[:, i]).all()]
    signals = {paths[i]: np.abs(rows[:, i]) if _unsigned(paths[i]) else rows[:, i].copy() for i in known}
    return Drive(np.arange(n, dtype=np.int64) * round(STEP_S * 1e9), signals)


def _unsigned(path: str) -> bool:
    return path.rpartition(".")[2] in UNSIGNED and (
        "Wheel." in path or path.startswith(("Vehicle.Speed", "Vehicle.Disp"))
    )
