"""One trial on one car: driven, measured, and held against what it has to hold."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from commonwheel.control.manners import Buttons
from commonwheel.errors import AppError
from commonwheel.proving.criteria import ALWAYS, Finding, judge
from commonwheel.proving.cycle import cycle_target, scenario_of
from commonwheel.proving.ending import ended
from commonwheel.proving.loop import AppUse, Loop, Setup
from commonwheel.proving.measures import measure
from commonwheel.proving.release import Release, release
from commonwheel.proving.stated import noticed_within_s
from commonwheel.proving.varied import varied
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.control import Control
    from commonwheel.proving.criteria import Criterion
    from commonwheel.proving.cycle import Cycle, Target
    from commonwheel.proving.intervention import Intervention
    from commonwheel.proving.run import Run
    from commonwheel.proving.varied import Factors
    from commonwheel.twin.parameters import Parameters

__all__ = ["Handover", "Proof", "Trial", "drive", "prove", "setup_of", "summary"]

_ENGAGED = "engaged_"
"""Begins the names of figures that say how long an axis acted."""
_LONGITUDINAL = ("Vehicle.MotionManagement.AccelerationTarget", "Vehicle.MotionManagement.SpeedTarget")


@dataclass(frozen=True, slots=True)
class Handover:
    """The car has to be let go after something that the scenario has."""

    axis: str
    at_s: float
    """When it happens."""
    noticed_s: float | None
    """Within which the axis is no longer engaged; None: as the car's own data state it for what is done to the drive,
    and where they state no time, since the car cannot tell, it is not asked for."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is driven, with which apps, and what it has to hold; of no car."""

    name: str
    about: str
    scenario: str
    """A shipped scenario's name, or a file."""
    apps: tuple[AppUse, ...]
    criteria: tuple[Criterion, ...] = ()
    """Beside those of every drive."""
    handovers: tuple[Handover, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    speeds_kmh: tuple[float, float] = (0.0, 0.0)
    """The car has to be able to keep speeds between these; (0, 0): none."""
    cycle: Cycle | None = None
    """A speed schedule that the first app is given as its plan; it is driven in place of a scenario."""
    factors: Factors | None = None
    """How the car differs from what is known of it; None: not at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What came of a trial on a car."""

    car: str
    trial: Trial
    left_out: str = ""
    """Why it was not driven; '' where it was."""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    findings: tuple[Finding, ...] = ()
    releases: tuple[Release, ...] = ()
    """Of the trial's handovers, in their order."""
    run: Run | None = None
    driven_s: float = 0.0
    took_s: float = 0.0
    handovers: tuple[Handover, ...] = ()
    """Those of the trial that are asked of this car, each with its time; ``releases`` has one for each."""
    ends: Mapping[str, str] = field(default_factory=dict[str, str])
    """By axis, what ended it, or kept it from acting at all; see ``ending.ended``."""

    @property
    def faults(self) -> list[str]:
        """Everything that was not held, in words."""
        found = [f"{one.criterion}: {one.value:.3g}{self._why(one)}" for one in self.findings if not one.passed]
        for handover, one in zip(self.handovers, self.releases, strict=True):
            within_s = math.inf if handover.noticed_s is None else handover.noticed_s
            if not one.acted:
                why = self.ends.get(one.axis, "") or "was not engaged"
                found.append(f"{one.axis} did not act any more at {handover.at_s:g} s: it {why}")
            elif not one.noticed:
                found.append(f"{one.axis} was not released after {handover.at_s:g} s")
            elif one.noticed_s > within_s + 1e-9:
                found.append(f"{one.axis} let go after {one.noticed_s:.2f} s, not {within_s:g} s")
            elif not one.in_time:
                found.append(f"{one.axis} was released in {one.released_s:.2f} s, not {one.stated_s:g} s")
        return found

    def _why(self, finding: Finding) -> str:
        """Return why an axis did not act for as long as it has to; '' of other figures."""
        axis = finding.criterion.measure.removeprefix(_ENGAGED)
        why = self.ends.get(axis, "")
        return f" ({axis} {why})" if why else ""

    @property
    def passed(self) -> bool:
        """Whether everything was held; a trial that was left out is neither."""
        return not self.left_out and not self.faults


def prove(
    car: str, trial: Trial, *, seed: int = 0, parameters: Parameters | None = None, keep_run: bool = True
) -> Proof:
    """Drive a trial on a car.

    Args:
        car: its name.
        trial: what to drive.
        seed: of all chance.
        parameters: of the car's physics; those that are shipped unless given.
        keep_run: whether the proof has the whole drive in it; figures are there in any case.

    Raises:
        CommonwheelError: the car, the scenario or an app does not exist, or has faults.
    """
    began = time.perf_counter()
    setup, why = setup_of(car, trial, seed=seed, parameters=parameters)
    if setup is None:
        return Proof(car, trial, why)
    setup = replace(setup, keep_frames=keep_run or bool(trial.handovers))
    try:
        loop = Loop(setup)
    except AppError as error:
        return Proof(car, trial, str(error))
    run = loop.run()
    figures = measure(run)
    handovers = _asked(trial, setup)
    releases = tuple(release(run, setup.control.envelope, one.axis, one.at_s) for one in handovers)
    return Proof(
        car,
        trial,
        "",
        figures,
        judge(figures, (*ALWAYS, *trial.criteria)),
        releases,
        run if keep_run else None,
        loop.t_ns / 1e9,
        time.perf_counter() - began,
        handovers,
        {axis: why for axis in run.states if (why := ended(run, axis))},
    )


def _asked(trial: Trial, setup: Setup) -> tuple[Handover, ...]:
    """Return a trial's handovers as they are asked of a car: with the times that its own data state."""
    found: list[Handover] = []
    for one in trial.handovers:
        if one.noticed_s is not None:
            found.append(one)
            continue
        times = [
            noticed_within_s(setup.vehicle, setup.control.envelope, one.axis, what) for what in trial.interventions
        ]
        known = [time_s for time_s in times if time_s is not None]
        if known:
            found.append(replace(one, noticed_s=min(known)))
    return tuple(found)


def setup_of(
    car: str, trial: Trial, *, seed: int = 0, parameters: Parameters | None = None
) -> tuple[Setup | None, str]:
    """Return how a trial is driven on a car; None, and why, where the car cannot.

    Raises:
        CommonwheelError: the car or the scenario does not exist, or has faults.
    """
    from commonwheel.control.description import load_control
    from commonwheel.twin.parameters_file import load_parameters
    from commonwheel.twin.scenario_file import load_scenario
    from commonwheel.vehicles import load_vehicle

    vehicle = load_vehicle(car)
    control = load_control(vehicle, car)
    if control is None:
        return None, "it cannot be made to act: it has no control.yaml"
    why = _cannot_keep(control, trial.speeds_kmh)
    if why:
        return None, why
    apps = trial.apps
    target: Target | None = None
    if trial.cycle is not None:
        target = cycle_target(trial.cycle)
        apps = (replace(apps[0], settings=(*apps[0].settings, ("plan", target.plan))), *apps[1:])
    physics = parameters if parameters is not None else load_parameters(car)
    if trial.factors is not None:
        physics = varied(physics, trial.factors)
    scenario = load_scenario(trial.scenario) if target is None else scenario_of(trial.name, target)
    return Setup(vehicle, control, scenario, apps, physics, seed, trial.interventions, target), ""


def _cannot_keep(control: Control, speeds_kmh: tuple[float, float]) -> str:
    """Return why a car cannot keep speeds; '' where it can."""
    low, high = speeds_kmh
    if high <= 0.0:
        return ""
    serving = [adapter for path in _LONGITUDINAL if (adapter := control.served.get(path)) is not None]
    if not serving:
        return "it takes neither an acceleration nor a speed"
    manner = serving[0].manner
    if isinstance(manner, Buttons) and (low < manner.low_kmh or high > manner.high_kmh):
        return f"its cruise control keeps {manner.low_kmh:g} to {manner.high_kmh:g} km/h, not {low:g} to {high:g} km/h"
    return ""


def drive(task: tuple[str, Trial, int, bool]) -> Proof:
    """Drive a trial on a car: car, trial, seed, and whether the drive itself is wanted; for many at once.

    Raises:
        CommonwheelError: see ``prove``.
    """
    car, trial, seed, keep_run = task
    proof = prove(car, trial, seed=seed, keep_run=keep_run)
    if proof.run is None:
        return proof
    empty = Frames.empty(clock=Clock.RELATIVE)
    return replace(proof, run=replace(proof.run, emitted=empty, received=empty))


def summary(proofs: Sequence[Proof]) -> str:
    """Return in a line what came of trials."""
    driven = [one for one in proofs if not one.left_out]
    failed = [one for one in driven if not one.passed]
    left = len(proofs) - len(driven)
    return f"{len(driven) - len(failed)} of {len(driven)} drives held what they have to; {left} left out"
