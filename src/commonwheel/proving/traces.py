"""The pictures of drives: the cars' traces laid over each other, and what each was asked, allowed and sent.

Lines of later cars are dashed, so that cars that do the same can all be seen. Axes of small figures are never so narrow
that noise looks like something; what does not move at all is left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.guard import State
from commonwheel.proving.intervention import Kind
from commonwheel.proving.run import STATES
from commonwheel.report import Axis, Chart, Mark, Panel, Series, Stroke, Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.proving.intervention import Intervention
    from commonwheel.proving.proof import Proof, Trial
    from commonwheel.proving.run import Run

__all__ = ["asked_of", "chart_of", "short_names"]

_BAND = Stroke(wide=True)
_STROKES = (Stroke(), Stroke(dash=(9.0, 4.0, 0.0)), Stroke(dash=(5.0, 5.0, 0.0)), Stroke(dash=(2.2, 4.4, 0.0)))
"""Of the first to the fourth car."""
_LETTING_GO = len(STATES)
_LABELS: Mapping[int, str] = {code: state.value for code, state in enumerate(STATES)} | {_LETTING_GO: "letting go"}
_TONES: Mapping[State, Tone] = {
    State.OFF: Tone.OFF,
    State.ARMED: Tone.READY,
    State.ENGAGED: Tone.ACTS,
    State.OVERRIDING: Tone.YIELDS,
    State.FAULTED: Tone.FAILED,
}
_CODE_TONES = {code: _TONES[state] for code, state in enumerate(STATES)} | {_LETTING_GO: Tone.ENDS}
_PANELS: tuple[tuple[str, str, str, float, float, bool], ...] = (
    ("Speed", "speed_mps", "km/h", 3.6, 10.0, False),
    ("Gap to the vehicle ahead", "gap_m", "m", 1.0, 10.0, True),
    ("Acceleration", "acceleration_mps2", "m/s²", 1.0, 1.0, True),
    ("Off the middle of the lane", "offset_m", "m, left +", 1.0, 0.5, True),
    ("Lateral acceleration", "lateral_mps2", "m/s², left +", 1.0, 1.0, True),
    ("Steering wheel", "steering_deg", "°, left +", 1.0, 10.0, True),
)
"""Title, quantity, unit, factor; the least that the axis shows: to either side of zero, or as a span (speed)."""
_STILL = {"offset_m": 0.01, "lateral_mps2": 0.05, "steering_deg": 0.5}
"""A quantity across the road that stays within this is left out: nothing moved."""
_SAME_LEAD_MPS = 0.5
_LEAST = {"m/s^2": 1.0, "1/m": 0.001, "degrees": 10.0}
"""To either side of zero, the least that an axis of what was asked shows, by the unit."""
_COLUMNS = 120
"""Values that the page knows of each line of what was asked: there are many such lines."""


def short_names(cars: Iterable[str]) -> dict[str, str]:
    """Return the shortest names that tell cars apart: without their maker and variant, where that is enough."""
    wanted = list(dict.fromkeys(cars))
    shorter = [car.rpartition("/")[2] for car in wanted]
    shortest = [name.partition(":")[0] for name in shorter]
    for names in (shortest, shorter):
        if len(set(names)) == len(names):
            return dict(zip(wanted, names, strict=True))
    return {car: car for car in wanted}


def chart_of(trial: Trial, proofs: Sequence[Proof]) -> Chart:
    """Return the traces of a trial's drives over one axis of time; what is meant, and who is ahead, as pale bands."""
    driven = [(one, one.run) for one in proofs if one.run is not None]
    runs = [run for _, run in driven]
    names = short_names(run.car for run in runs)
    panels = [panel for row in _PANELS if (panel := _panel(row, runs, names)) is not None]
    panels = [Panel(one.title, one.series, one.unit, not at, one.shows) for at, one in enumerate(panels)]
    for axis in dict.fromkeys(axis for run in runs for axis in run.states if axis != "comfort"):
        lanes = [
            _lane(names[run.car], run, axis, _let_go(one, axis), color)
            for color, (one, run) in enumerate(driven)
            if axis in run.states
        ]
        panels.append(Panel(f"{axis.capitalize()} state", tuple(lanes)))
    last = max(float(run.t_s[-1]) for run in runs)
    return Chart(trial.name, tuple(panels), Axis(0.0, last, caption="since the beginning"), _marks(trial))


def _line(name: str, run: Run, value: npt.NDArray[np.float64], color: int, stroke: Stroke) -> Series:
    return Series(name, run.t_s, value, np.zeros(len(value), np.uint8), color, stroke)


def _panel(
    row: tuple[str, str, str, float, float, bool], runs: Sequence[Run], names: Mapping[str, str]
) -> Panel | None:
    title, quantity, unit, factor, least, from_zero = row
    series = [
        _line(names[run.car], run, run[quantity] * factor, color, _STROKES[color % len(_STROKES)])
        for color, run in enumerate(runs)
        if np.isfinite(run[quantity]).any()
    ]
    if not series:
        return None
    most = max(float(np.nanmax(np.abs(one.value))) for one in series)
    if most < _STILL.get(quantity, 0.0):
        return None
    middle = float(np.nanmean(series[0].value))
    shows = (-least if quantity != "gap_m" else 0.0, least) if from_zero else (middle - least / 2, middle + least / 2)
    return Panel(title, (*_bands(quantity, factor, runs), *series), unit, shows=shows)


def _bands(quantity: str, factor: float, runs: Sequence[Run]) -> list[Series]:
    """Return what a panel's traces are to be read against."""
    run, color = runs[0], len(runs)
    if quantity == "lateral_mps2":
        needed = run["speed_mps"] ** 2 * run["curvature"]
        return [_line("what the bend takes", run, needed, color, _BAND)] if np.nanmax(np.abs(needed)) > 0 else []
    if quantity != "speed_mps":
        return []
    found: list[Series] = []
    if np.isfinite(run["target_mps"]).any():
        found.append(_line("what is meant", run, run["target_mps"] * factor, color, _BAND))
    if np.isfinite(run["lead_mps"]).any() and _same_lead(runs):
        found.append(_line("vehicle ahead", run, run["lead_mps"] * factor, color, _BAND))
    return found


def _same_lead(runs: Sequence[Run]) -> bool:
    """Whether every car had the same vehicle ahead at every time."""
    first = runs[0]["lead_mps"]
    for run in runs[1:]:
        rows = min(len(first), len(run["lead_mps"]))
        off = np.abs(first[:rows] - run["lead_mps"][:rows])
        if (off > _SAME_LEAD_MPS).any():
            return False
    return True


def _let_go(proof: Proof, axis: str) -> tuple[float, float]:
    """Return from when to when an axis was led to neutral; NaN for what is not known."""
    for handover, one in zip(proof.handovers, proof.releases, strict=True):
        if one.axis == axis and one.acted and one.noticed:
            begin = handover.at_s + one.noticed_s
            return begin, begin + one.released_s
    return math.nan, math.nan


def _lane(name: str, run: Run, axis: str, let_go: tuple[float, float], color: int) -> Series:
    codes = run.states[axis].astype(np.float64)
    codes[(run.t_s >= let_go[0] - 1e-9) & (run.t_s < let_go[1] - 1e-9)] = _LETTING_GO
    quality = np.zeros(len(codes), np.uint8)
    return Series(name, run.t_s, codes, quality, color, labels=_LABELS, tones=_CODE_TONES)


def _marks(trial: Trial) -> tuple[Mark, ...]:
    """Return when a trial does something to the drive, and when the car has to be let go without that."""
    spans: dict[tuple[Kind, float, float], list[str]] = {}
    for one in trial.interventions:
        spans.setdefault((one.kind, one.from_s, _until(one)), []).append(one.of)
    marks = [Mark(_said(kind, of), first, last) for (kind, first, last), of in spans.items()]
    begun = {mark.first for mark in marks}
    others = dict.fromkeys(one.at_s for one in trial.handovers if one.at_s not in begun)
    return (*marks, *(Mark(trial.name.replace("-", " "), at_s) for at_s in others))


def _until(one: Intervention) -> float:
    if one.kind is Kind.LATE:
        return one.from_s + one.amount
    return one.to_s if math.isfinite(one.to_s) else math.nan


def _said(kind: Kind, of: Sequence[str]) -> str:
    named = [name.rpartition(".")[2] for name in of if name]
    if kind is Kind.LOST and not named:
        return "nothing is heard"
    return " ".join((" and ".join(named), kind.value)).strip()


def asked_of(trial: Trial, run: Run, units: Mapping[str, str]) -> Chart | None:
    """Return what a car was asked for, what the guard allowed, what frames said and what it showed; None for nothing.

    Args:
        trial: what was driven.
        run: the drive.
        units: of the actuators' paths.
    """
    panels: list[Panel] = []
    for path, trace in run.acting.items():
        if not np.isfinite(trace.asked).any():
            continue
        series = [_line("allowed", run, trace.allowed, 0, _BAND), _line("sent", run, trace.sent, 0, Stroke())]
        series.append(_line("asked", run, trace.asked, 1, _STROKES[1]))
        if np.isfinite(trace.measured).any():
            series.append(_line("measured", run, trace.measured, 2, _STROKES[2]))
        title = path.removeprefix("Vehicle.").removeprefix("MotionManagement.")
        unit = units.get(path, "")
        least = _LEAST.get(unit)
        panels.append(Panel(title, tuple(series), unit, shows=None if least is None else (-least, least)))
    if not panels:
        return None
    last = float(run.t_s[-1])
    axis = Axis(0.0, last, caption="since the beginning")
    return Chart(f"What {run.car} was asked", tuple(panels), axis, _marks(trial), _COLUMNS)
