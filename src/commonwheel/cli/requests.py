"""What a car that is served was asked to do, what its guard allowed, what was really sent, and what was measured.

  commonwheel requests                                 side by side, as it is now
  commonwheel requests --follow                        and on, until Ctrl-C
  commonwheel requests --connect localhost:55556 --json
  commonwheel requests --last 20                       with the guard's last verdicts and transitions

Reads only. It needs a car that is run with --actuate; with tokens, the right to read the actuators.
Exit status: 0 shown, 1 nothing makes this car act, 2 cannot run.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.cli.arm import guard_of
from commonwheel.cli.connecting import add_connect_options, connected

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from commonwheel.client import Car

__all__ = ["configure", "run"]

_ACTING = "guard.acting"
_SAID = ("guard.", "actuation.", "request.")
_ROUND_S = 1.5
"""Every actuator is told of twice a second."""
_EVERY_S = 0.5
_QUANTITIES = ("asked", "allowed", "sent", "measured")


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    add_connect_options(parser)
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--last", type=int, default=0, metavar="N", help="also the last so many events of the guard")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON; with --follow, a line each time")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    with connected(args, "--read") as car:
        guard = guard_of(car)
        if not guard["acts"]:
            show.note(
                f"{args.connect}: nothing makes this car act; it is run without --actuate, or has no control.yaml"
            )
            return PROBLEMS
        served = {signal.path: signal.unit or "" for signal in car.signals("Vehicle") if signal.actor is not None}
        _follow(car, args, served)
    return FINE


def _follow(car: Car, args: argparse.Namespace, served: Mapping[str, str]) -> None:
    """Gather what is told, and print it: once when every actuator was told of, or again and again."""
    doing: dict[str, dict[str, Any]] = {}
    with car.events(last=10_000 if args.last > 0 else 0) as reader:
        said: list[dict[str, Any]] = []
        due = time.monotonic() + _ROUND_S
        while True:
            event = reader.take(max(0.0, due - time.monotonic()))
            if event is not None and event.kind == _ACTING:
                doing[str(event.facts["signal"])] = dict(event.facts)
            elif event is not None and event.kind.startswith(_SAID):
                said.append({"t_ns": event.t_ns, "kind": event.kind, **event.facts})
            complete = len(doing) >= len(served) - 1  # arming is one of them, and does nothing itself
            if not (time.monotonic() >= due or (complete and not args.follow)):
                continue
            waits = {str(facts["axis"]): str(facts["waits"]) for facts in doing.values() if facts["waits"]}
            _print(guard_of(car) | {"waits": waits}, [_row(doing[path], served) for path in sorted(doing)], said, args)
            if not args.follow:
                return
            said.clear()
            due = time.monotonic() + _EVERY_S


def _row(facts: Mapping[str, Any], served: Mapping[str, str]) -> dict[str, Any]:
    path = str(facts["signal"])
    values = {key: None if math.isnan(facts[key]) else float(facts[key]) for key in _QUANTITIES}
    return {"signal": path, "unit": served.get(path, ""), "source": facts["source"], "state": facts["state"], **values}


def _print(
    guard: Mapping[str, Any], rows: list[dict[str, Any]], said: list[dict[str, Any]], args: argparse.Namespace
) -> None:
    last = said if args.follow else said[-args.last :] if args.last else []
    if args.json:
        show.print_json({"guard": guard, "actuators": rows, "said": last})
        return
    states = ", ".join(f"{axis} {state.lower()}" for axis, state in guard["axes"].items())
    columns = ["actuator", "state", "source", *_QUANTITIES, "unit"]
    cells = [
        [row["signal"].removeprefix("Vehicle."), row["state"], row["source"] or "-",
         *(show.number(row[key], 5) for key in _QUANTITIES), row["unit"] or "-"]
        for row in rows
    ]  # fmt: skip
    title = f"{guard['car']}: {'armed' if guard['armed'] else 'not armed'}; {states}"
    show.table(columns, cells, title=title, right=[3, 4, 5, 6])
    for axis, what in guard["waits"].items():
        print(f"{axis} waits for {what}")
    for one in last:
        print(f"{time.strftime('%H:%M:%S', time.gmtime(one['t_ns'] / 1e9))}  {one['kind']}  {_said(one)}")


def _said(event: Mapping[str, Any]) -> str:
    """Return an event's facts as a person reads them: of what, what, by whom, why."""
    kind, signal = str(event["kind"]), str(event.get("signal", "")).removeprefix("Vehicle.")
    if kind == "guard.verdict":
        subject = str(event["subject"]).removeprefix("Vehicle.")
        return f"{subject} {event['outcome']}: {event['text'] or 'as asked'}"
    if "after" in event:
        return f"{event['axis']} from {event['before']} to {event['after']}: {event['cause']}"
    words = [signal]
    if isinstance(event.get("target"), float):
        words.append(f"to {show.number(event['target'], 5)}")
    elif "target" in event:
        words.append(f"to {event['target']}")
    words.append(f"by {event['requester']}" if event.get("requester") else "")
    why = event.get("why") or event.get("reason")
    return " ".join(filter(None, words)) + (f": {why}" if why else "")
