"""The report of the proving ground as a page: the cars' traces laid over each other, verdicts, and the fault table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.guard import Transition
from commonwheel.proving.measures import MEASURES
from commonwheel.proving.run import STATES
from commonwheel.proving.table import fault_rows
from commonwheel.report import Axis, Chart, Panel, Series, Stroke, card, el, facts, page, table
from commonwheel.report.figure import figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonwheel.proving.campaign import Probe
    from commonwheel.proving.proof import Proof, Trial
    from commonwheel.proving.run import Run
    from commonwheel.report import Markup

__all__ = ["chart_of", "report"]

_ABOUT = {one.name: one for one in MEASURES}
_LABELS = {code: state.value for code, state in enumerate(STATES)}
_MOST_SAID = 60
_DASHED = Stroke(dash=(5.0, 4.0, 0.0))
_PANELS: tuple[tuple[str, str, str, float], ...] = (
    ("Speed", "speed_mps", "km/h", 3.6),
    ("Gap to the vehicle ahead", "gap_m", "m", 1.0),
    ("Acceleration", "acceleration_mps2", "m/s²", 1.0),
    ("Off the middle of the lane", "offset_m", "m", 1.0),
    ("Lateral acceleration", "lateral_mps2", "m/s²", 1.0),
    ("Steering wheel", "steering_deg", "°", 1.0),
)
"""Title, quantity, unit, factor."""


def report(proofs: Sequence[Proof], probes: Sequence[Probe] = ()) -> str:
    """Return the whole page."""
    trials = list(dict.fromkeys(one.trial for one in proofs))
    cars = list(dict.fromkeys(one.car for one in proofs))
    driven = [one for one in proofs if not one.left_out]
    failed = [one for one in driven if not one.passed]
    content: list[Markup] = []
    if proofs:
        head = facts(
            {
                "Cars": str(len(cars)),
                "Trials": str(len(trials)),
                "Drives": str(len(driven)),
                "Held what they have to": f"{len(driven) - len(failed)} of {len(driven)}",
                "Driven": f"{sum(one.driven_s for one in driven) / 60:.0f} min",
            }
        )
        content.append(card("Results", head, _matrix(trials, cars, proofs), name="results"))
        content += [_trial(trial, [one for one in proofs if one.trial == trial]) for trial in trials]
    if probes:
        content.append(_faults(probes))
    return page(
        "The proving ground",
        *content,
        lead="The same apps on simulated cars of several makers, in closed loop through each car's own frames.",
        scripts=("chart.js",),
        style=_STYLE,
    )


_STYLE = ".verdict-good{color:var(--good);font-weight:600}.verdict-bad{color:var(--bad);font-weight:600}"


def _mark(proof: Proof | None) -> Markup:
    if proof is None:
        return el("span", "–")
    if proof.left_out:
        return el("span", "left out", title=proof.left_out)
    return el("span", "held", class_="verdict-good") if proof.passed else el("span", "not held", class_="verdict-bad")


def _matrix(trials: Sequence[Trial], cars: Sequence[str], proofs: Iterable[Proof]) -> Markup:
    by_place = {(one.trial.name, one.car): one for one in proofs}
    rows = [
        [el("a", trial.name, href=f"#{trial.name}"), *(_mark(by_place.get((trial.name, car))) for car in cars)]
        for trial in trials
    ]
    return table(["trial", *cars], rows, caption="Which car held what in which trial")


def _trial(trial: Trial, proofs: Sequence[Proof]) -> Markup:
    driven = [one for one in proofs if not one.left_out]
    content: list[Markup] = [el("p", trial.about)]
    content += [el("p", f"{one.car}: left out, {one.left_out}", class_="note") for one in proofs if one.left_out]
    content += [el("p", f"{one.car}: {fault}", class_="note bad") for one in driven for fault in one.faults]
    runs = [one.run for one in driven if one.run is not None]
    if runs:
        content.append(figure(chart_of(trial.name, runs)))
    if driven:
        content.append(_figures(driven))
    if any(one.releases for one in driven):
        content.append(_releases(trial, driven))
    if runs:
        content.append(_said(runs))
    return card(trial.name, *content, name=trial.name)


def chart_of(title: str, runs: Sequence[Run]) -> Chart:
    """Return the traces of drives over one axis of time, a colour for each car; what is meant is dashed."""
    panels: list[Panel] = []
    for name, quantity, unit, factor in _PANELS:
        series = [
            Series.of(run.car, run.t_s, run[quantity] * factor, color)
            for color, run in enumerate(runs)
            if np.isfinite(run[quantity]).any()
        ]
        if quantity == "speed_mps" and np.isfinite(runs[0]["target_mps"]).any():
            target = runs[0]["target_mps"] * factor
            good = np.zeros(len(target), np.uint8)
            series.append(Series("what is meant", runs[0].t_s, target, good, len(runs), _DASHED))
        if series:
            panels.append(Panel(name, tuple(series), unit))
    axes = dict.fromkeys(axis for run in runs for axis in run.states if axis != "comfort")
    for axis in axes:
        lanes = [
            Series(
                run.car.rpartition("/")[2],
                run.t_s,
                run.states[axis].astype(np.float64),
                np.zeros(len(run.t_s), np.uint8),
                color,
                labels=_LABELS,
            )
            for color, run in enumerate(runs)
            if axis in run.states
        ]
        panels.append(Panel(f"{axis.capitalize()} state", tuple(lanes)))
    last = max(float(run.t_s[-1]) for run in runs)
    return Chart(title, tuple(panels), Axis(0.0, last, caption="since the beginning"))


def _figures(proofs: Sequence[Proof]) -> Markup:
    names = [one.name for one in MEASURES if any(one.name in proof.figures for proof in proofs)]
    limits = {found.criterion.measure: found.criterion for proof in proofs for found in proof.findings}
    rows: list[list[Markup | str]] = []
    for name in names:
        about, limit = _ABOUT[name], limits.get(name)
        bound = "" if limit is None else str(limit).removeprefix(f"{name} ").removesuffix(f" {about.unit}")
        cells = [_value(proof, name) for proof in proofs]
        rows.append(
            [
                el("span", about.name.replace("_", " "), title=about.about),
                about.unit,
                bound,
                *cells,
                limit.source if limit else "",
            ]
        )
    columns = ["figure", "unit", "has to be", *(proof.car.rpartition("/")[2] for proof in proofs), "limit from"]
    numeric = range(2, 3 + len(proofs))
    return table(columns, rows, caption="What was measured", numeric=tuple(numeric), wide=(3 + len(proofs),))


def _value(proof: Proof, name: str) -> Markup | str:
    value = proof.figures.get(name, math.nan)
    shown = "–" if math.isnan(value) else f"{value:.3g}"
    if any(not found.passed for found in proof.findings if found.criterion.measure == name):
        return el("span", shown, class_="verdict-bad")
    return shown


def _releases(trial: Trial, proofs: Sequence[Proof]) -> Markup:
    rows = [
        [
            proof.car,
            one.axis,
            f"{handover.at_s:g}",
            "–" if not one.noticed else f"{one.noticed_s:.2f}",
            "–" if not one.noticed else f"{one.released_s:.2f}",
            f"{one.stated_s:g}",
            one.cause,
        ]
        for proof in proofs
        for handover, one in zip(trial.handovers, proof.releases, strict=True)
    ]
    columns = ["car", "axis", "at (s)", "noticed after (s)", "released in (s)", "stated (s)", "cause"]
    return table(columns, rows, caption="How the car was let go", numeric=(2, 3, 4, 5), wide=(6,))


def _said(runs: Sequence[Run]) -> Markup:
    rows = [
        [run.car, f"{said.t_ns / 1e9:.2f}", said.axis, f"{said.before.value} → {said.after.value}", said.cause]
        for run in runs
        for said in [one for one in run.said if isinstance(one, Transition)][:_MOST_SAID]
    ]
    heard = [
        [run.car, f"{event.t_ns / 1e9:.2f}", app, event.name, str(event.data.get("text", ""))]
        for run in runs
        for app, event in run.events[:_MOST_SAID]
    ]
    both = sorted([*rows, *heard], key=lambda row: (row[0], float(row[1])))
    columns = ["car", "at (s)", "axis or app", "what", "cause"]
    return table(columns, both, caption="What the guard and the apps said", numeric=(1,), wide=(4,))


def _faults(probes: Sequence[Probe]) -> Markup:
    failed = [one for one in probes if not one.passed]
    head = facts(
        {
            "Faults": str(len({one.key[:3] + one.key[4:] for one in probes})),
            "Axes that acted": str(len(probes)),
            "Within the stated time": f"{len(probes) - len(failed)} of {len(probes)}",
        }
    )
    columns, rows = fault_rows(probes)
    shown = table(columns, rows, caption="Seconds until noticed and released", numeric=tuple(range(3, len(columns))))
    return card("Faults", head, shown, name="faults")
