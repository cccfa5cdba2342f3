"""Prove that apps act well on cars: drive them in closed loop on simulated ones, and hold what comes of it to limits.

  commonwheel prove                                             every trial, on every car that acts
  commonwheel prove --car nissan/leaf_ze1:40kwh --scenario cut-in
  commonwheel prove --scenario my.yaml --app adaptive-cruise --app lane-centring
  commonwheel prove --report prove.html                         the cars' traces laid over each other, as a page
  commonwheel prove --scenario bends --campaign faults.jsonl    each input spoiled at each step, and what came of it
  commonwheel prove --list                                      the trials

A campaign that is broken off goes on where it was when it is started again with the same file.
Exit status: 0 everything was held, 1 something was not, 2 it cannot be driven.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.cli.options import length_of_time

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from commonwheel.proving.campaign import Probe
    from commonwheel.proving.proof import Proof, Trial

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("--car", action="append", metavar="CAR", help="maker/car[:variant]; default: all that act")
    parser.add_argument("--scenario", action="append", metavar="NAME|FILE", help="a trial, or any scenario")
    parser.add_argument("--app", action="append", metavar="APP", help="only trials with it; of other scenarios: run it")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what chance there is (0)")
    parser.add_argument("--campaign", type=Path, metavar="FILE", help="spoil everything in turn; results go there")
    parser.add_argument("--every", type=length_of_time, default=5.0, metavar="S", help="of a campaign: at each S (5)")
    parser.add_argument("--report", type=Path, metavar="PAGE", help="write a page (.html)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="of a campaign: write the table in Markdown")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes at once; default: one per core")
    parser.add_argument("--list", action="store_true", help="list the trials, and drive nothing")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(args: argparse.Namespace) -> int:
    """Drive; returns the exit status."""
    from commonwheel.errors import CommonwheelError
    from commonwheel.proving.plan import CARS, chosen

    if args.table is not None and args.campaign is None:
        message = "--table is of a campaign; name the file that its results go to: --campaign FILE"
        raise CommonwheelError(message)
    trials = chosen(args.scenario or (), args.app or ())
    if args.list:
        _list(trials, as_json=args.json)
        return FINE
    from commonwheel.proving.many import cores
    from commonwheel.report import check_target

    for target in filter(None, (args.report, args.table, args.campaign)):
        check_target(target)
    _check(args.car or (), trials)
    cars, jobs = args.car or CARS, args.jobs if args.jobs > 0 else cores()
    if args.campaign is not None:
        return _campaign(args, cars, trials, jobs)
    return _prove(args, cars, trials, jobs)


def _check(cars: Sequence[str], trials: Sequence[Trial]) -> None:
    """See that there are such cars and scenarios, before any process begins to drive.

    Raises:
        DescriptionError: there are not, or they have faults.
    """
    from commonwheel.control.description import load_control
    from commonwheel.twin.scenario_file import load_scenario
    from commonwheel.vehicles import load_vehicle

    for car in cars:
        load_control(load_vehicle(car), car)
    for trial in trials:
        if trial.cycle is None:
            load_scenario(trial.scenario)


def _list(trials: Sequence[Trial], *, as_json: bool) -> None:
    rows = [
        {"trial": one.name, "scenario": one.scenario, "apps": [app.name for app in one.apps], "about": one.about}
        for one in trials
    ]
    if as_json:
        show.print_json(rows)
    else:
        cells = [[one.name, ", ".join(app.name for app in one.apps), one.about] for one in trials]
        show.table(["trial", "apps", "what is driven"], cells)


def _prove(args: argparse.Namespace, cars: Sequence[str], trials: Sequence[Trial], jobs: int) -> int:
    from commonwheel.proving.proof import drive, summary

    tasks = [(car, trial, args.seed, args.report is not None) for trial in trials for car in cars]
    proofs = _ordered(drive, tasks, jobs, f"{len(tasks)} drives")
    if args.report is not None:
        from commonwheel.proving.page import report
        from commonwheel.report import write

        write(args.report, report(proofs))
    if args.json:
        show.print_json([_facts(one) for one in proofs])
    else:
        _table(proofs)
        print(summary(proofs))
    return PROBLEMS if any(one.faults for one in proofs) else FINE


def _ordered(work: Any, tasks: Sequence[Any], jobs: int, what: str) -> list[Any]:  # noqa: ANN401 - as the work has it
    """Return the results in the order of the tasks, showing how far it is."""
    from commonwheel.proving.many import spread

    results: dict[int, Any] = {}
    places = {id(task): at for at, task in enumerate(tasks)}
    with show.progress(what, len(tasks)) as tell:
        for task, result in spread(work, tasks, jobs):
            results[places[id(task)]] = result
            tell(len(results))
    return [results[at] for at in range(len(tasks))]


def _table(proofs: Sequence[Proof]) -> None:
    names = ("speed_rms", "gap_least", "headway_least", "offset_rms", "jerk_share", "lateral_jerk_most")
    rows = [
        [
            one.trial.name,
            one.car,
            "left out" if one.left_out else "held" if one.passed else "NOT HELD",
            *(show.number(one.figures.get(name), 3) for name in names),
            one.left_out or "; ".join(one.faults),
        ]
        for one in proofs
    ]
    columns = [
        "trial",
        "car",
        "result",
        "speed rms km/h",
        "least gap m",
        "headway s",
        "offset rms m",
        "jerk %",
        "lat. jerk m/s^3",
        "why",
    ]
    show.table(columns, rows, right=tuple(range(3, 9)))


def _facts(proof: Proof) -> dict[str, Any]:
    return {
        "trial": proof.trial.name,
        "car": proof.car,
        "passed": proof.passed,
        "left_out": proof.left_out,
        "faults": proof.faults,
        "figures": dict(proof.figures),
        "releases": [
            {"axis": one.axis, "noticed_s": one.noticed_s, "released_s": one.released_s, "stated_s": one.stated_s}
            for one in proof.releases
        ],
        "driven_s": proof.driven_s,
        "took_s": proof.took_s,
    }


def _campaign(args: argparse.Namespace, cars: Sequence[str], trials: Sequence[Trial], jobs: int) -> int:
    from commonwheel.proving.results import Results, campaign_tasks, probe_part

    results = Results(args.campaign)
    tasks = campaign_tasks(cars, trials, every_s=args.every, seed=args.seed, done=results.done)
    with show.progress(f"{len(tasks)} parts of drives", len(tasks)) as tell:
        from commonwheel.proving.many import spread

        for count, (_, probes) in enumerate(spread(probe_part, tasks, jobs), 1):
            results.add(probes)
            tell(count)
    probes = results.probes
    _write_campaign(args, probes)
    failed = [one for one in probes if not one.passed]
    if args.json:
        from commonwheel.proving.table import rows_of

        show.print_json({"probes": len(probes), "not_held": failed, "table": rows_of(probes)})
    else:
        from commonwheel.proving.table import fault_rows

        columns, rows = fault_rows(probes)
        show.table(columns, rows, right=tuple(range(3, len(columns))))
        for one in failed[:20]:
            what, why = f"{one.of} {one.kind}".strip(), one.cause or "it went on"
            print(f"not held: {one.car}, {one.scenario} at {one.t_s:g} s, {what}, {one.axis}: {why}")
        print(f"{len(probes) - len(failed)} of {len(probes)} were noticed and released within the stated times")
    return PROBLEMS if failed else FINE


def _write_campaign(args: argparse.Namespace, probes: Sequence[Probe]) -> None:
    from commonwheel.report import write

    if args.report is not None:
        from commonwheel.proving.page import report

        write(args.report, report((), probes))
    if args.table is not None:
        from commonwheel.proving.table import markdown

        write(args.table, markdown(probes))
