"""Arm a car that is served, or disarm it: the explicit step without which nothing acts.

  commonwheel arm --reason 'bench 3, wheels off the ground'
  commonwheel arm --connect localhost:55556 --reason 'lane centring on the test track'
  commonwheel arm --disarm --reason 'done for today'
  commonwheel arm --show                                       only what its guard says now

For simulation, benches and research vehicles only. The car has to be run with --actuate, and has to say how it acts and
within which limits (its control.yaml). Who armed it and why is logged and kept. Armed, an axis is engaged when the
driver's own word and a request come; see docs/act.md. Exit status: 0 done, 1 refused, 2 cannot run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.cli.connecting import add_connect_options, connected

if TYPE_CHECKING:
    import argparse

    from commonwheel.client import Car

__all__ = ["configure", "guard_of", "run"]

_GUARD = "Vehicle.MotionManagement.Guard"
_ARMED = f"{_GUARD}.IsArmed"
_AXES = ("Longitudinal", "Lateral", "Comfort")
_PATIENCE_S = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    add_connect_options(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--disarm", action="store_true", help="release everything, and let nothing act any more")
    what.add_argument("--show", action="store_true", help="change nothing; print how it is")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; needed to arm, logged and kept")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    from commonwheel.errors import CommonwheelError

    reason: str = args.reason.strip()
    if not (args.show or args.disarm or reason):
        message = "say why it is armed: --reason TEXT; it is logged and kept"
        raise CommonwheelError(message)
    with connected(args, f"--actuate {_GUARD}") as car:
        guard = guard_of(car)
        if not guard["acts"]:
            message = f"{args.connect}: nothing makes this car act; it is run without --actuate, or has no control.yaml"
            raise CommonwheelError(message)
        done, why = True, ""
        if not args.show:
            outcome = car.request(_ARMED, not args.disarm, timeout_s=_PATIENCE_S, reason=reason)
            done, why = outcome.confirmed, outcome.why or outcome.stage.value
            guard = guard_of(car)
    _print(guard | {"done": done, "why": "" if done else why}, as_json=args.json)
    return FINE if done else PROBLEMS


def guard_of(car: Car) -> dict[str, Any]:
    """Return what the guard of a car says now: who it is, whether it is armed, each axis's state, and why."""
    facts = {signal.path: signal for signal in car.signals(_GUARD)}
    actor = facts[_ARMED].actor if _ARMED in facts else None
    if actor is None:
        return {"car": car.name, "acts": False, "armed": False, "axes": {}, "cause": ""}
    paths = [f"{_GUARD}.{axis}State" for axis in _AXES]
    *states, cause, armed = car.get_many([*paths, f"{_GUARD}.Cause", _ARMED])
    axes = {axis.lower(): state.good for axis, state in zip(_AXES, states, strict=True) if state.good is not None}
    return {"car": car.name, "acts": True, "armed": armed.good is True, "axes": axes, "cause": cause.good or ""}


def _print(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.print_json(facts)
        return
    if facts["why"]:
        show.note(f"refused: {facts['why']}")
    rows = [[axis, state.lower()] for axis, state in facts["axes"].items()]
    show.table(["axis", "state"], rows, title=f"{facts['car']}: {'armed' if facts['armed'] else 'not armed'}")
    print(f"last cause: {facts['cause'] or '-'}")
