"""The report of the proving ground as a page: the cars' traces laid over each other, verdicts, and the fault table."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from commonwheel.guard import Transition
from commonwheel.proving.measures import MEASURES
from commonwheel.proving.table import fault_rows
from commonwheel.proving.traces import asked_of, chart_of, short_names
from commonwheel.report import card, el, facts, page, table
from commonwheel.report.figure import figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonwheel.proving.campaign import Probe
    from commonwheel.proving.proof import Proof, Trial
    from commonwheel.proving.run import Run
    from commonwheel.report import Markup

__all__ = ["report"]

_ABOUT = {one.name: one for one in MEASURES}
_MOST_SAID = 60


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


_STYLE = (
    ".verdict-good{color:var(--good);font-weight:600}.verdict-bad{color:var(--bad);font-weight:600}"
    ".figure{white-space:nowrap}td.w{min-width:20ch;overflow-wrap:anywhere}.scroll{margin-top:14px}details{margin-top:10px}summary{cursor:pointer;color:var(--accent);font-weight:500}"
)


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
    shown = [one for one in driven if one.run is not None]
    runs = [one.run for one in shown if one.run is not None]
    if runs:
        content.append(figure(chart_of(trial, shown)))
    if any(one.releases for one in driven):
        content.append(_releases(driven))
    if driven:
        content.append(_figures(driven))
    content += [_asked(trial, run) for run in runs]
    if runs:
        content.append(_folded("What the guard and the apps said", _said(runs)))
    return card(trial.name, *content, name=trial.name)


def _folded(title: str, *content: Markup) -> Markup:
    return el("details", el("summary", title), *content)


def _asked(trial: Trial, run: Run) -> Markup:
    chart = asked_of(trial, run, _units())
    shown = el("p", "Nothing was asked of it.") if chart is None else figure(chart)
    return _folded(f"{run.car}: asked, allowed, sent and measured", shown)


@functools.cache
def _units() -> Mapping[str, str]:
    from commonwheel.catalog import load_catalog

    return {path: leaf.unit or "" for path, leaf in load_catalog().leaves.items()}


def _figures(proofs: Sequence[Proof]) -> Markup:
    names = [one.name for one in MEASURES if any(one.name in proof.figures for proof in proofs)]
    limits = {found.criterion.measure: found.criterion for proof in proofs for found in proof.findings}
    rows: list[list[Markup | str]] = []
    for name in names:
        about, limit = _ABOUT[name], limits.get(name)
        bound = "" if limit is None else str(limit).removeprefix(f"{name} ").removesuffix(f" {about.unit}")
        cells = [_value(proof, name) for proof in proofs]
        unit = f", {about.unit}" if about.unit else ""
        shown = el("span", f"{about.name.replace('_', ' ')}{unit}", title=about.about, class_="figure")
        rows.append([shown, bound, *cells, limit.source if limit else ""])
    shorter = short_names(proof.car for proof in proofs)
    columns = ["figure", "has to be", *(shorter[proof.car] for proof in proofs), "limit from"]
    numeric = range(1, 2 + len(proofs))
    return table(columns, rows, caption="What was measured", numeric=tuple(numeric), wide=(2 + len(proofs),))


def _value(proof: Proof, name: str) -> Markup | str:
    value = proof.figures.get(name, math.nan)
    shown = "–" if math.isnan(value) else f"{round(value, 3) + 0.0:.3g}"
    if any(not found.passed for found in proof.findings if found.criterion.measure == name):
        return el("span", shown, class_="verdict-bad")
    return shown


def _releases(proofs: Sequence[Proof]) -> Markup:
    shorter = short_names(proof.car for proof in proofs)
    rows = [
        [
            shorter[proof.car],
            one.axis,
            f"{handover.at_s:g}",
            f"{_seconds(one.noticed_s)} / {_seconds(handover.noticed_s)}",
            f"{_seconds(one.released_s)} / {_seconds(one.stated_s)}",
            one.cause,
        ]
        for proof in proofs
        for handover, one in zip(proof.handovers, proof.releases, strict=True)
    ]
    columns = ["car", "axis", "at (s)", "noticed / within (s)", "released / within (s)", "cause"]
    return table(columns, rows, caption="How the car was let go", numeric=(2, 3, 4), wide=(5,))


def _seconds(time_s: float | None) -> str:
    return "–" if time_s is None or math.isnan(time_s) else f"{time_s:.2f}"


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
