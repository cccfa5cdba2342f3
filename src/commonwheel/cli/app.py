"""Write, check, run and test apps: functions written once that run on every car that gives what they need.

  commonwheel app new my-trip                                     a file to begin with, and its test
  commonwheel app check my_trip.py                                which cars can run it, and what stands in the way
  commonwheel app run my_trip.py --replay drive.log               over a recording, at full speed
  commonwheel app run trip --car nissan/leaf_aze0 --virtual town  over a simulated drive
  commonwheel app run trip --connect localhost:55555              on a car that 'commonwheel run' serves
  commonwheel app test my_trip.py                                 what my_trip.test.yaml expects of it
  commonwheel app list                                            the apps that can be had by name

APP is a shipped app's name, that of an app of an installed package, or a file. docs/apps.md says how to write one.
Exit status: 0 fine, 1 found problems (of the app), 2 cannot run.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.cli import FINE, show
from commonwheel.cli.options import length_of_time

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    from commonwheel.cli import app_run

    actions = parser.add_subparsers(dest="action", required=True, metavar="new|check|run|test|list")
    new = actions.add_parser("new", help="write an app to begin with, and its test")
    new.add_argument("name", help="small letters, digits and hyphens, as in my-trip")
    new.add_argument("--dir", type=Path, default=Path(), metavar="FOLDER", help="where to; default: here")
    check = actions.add_parser("check", help="hold apps against the standard and the described cars")
    check.add_argument("app", nargs="+", metavar="APP", help="a name or a file")
    check.add_argument("--car", action="append", metavar="CAR", help="only these cars; default: all that are described")
    check.add_argument("--why", action="store_true", help="tell of several apps, too, what stands in the way of each")
    check.add_argument("--no-sensors", action="store_true", help="the cars as they are, no camera, radar or map fitted")
    check.add_argument("--require", action="append", default=[], metavar="CAR", help="it has to run on this car")
    check.add_argument("--full", action="store_true", help="on the cars of --require with every signal, not reduced")
    check.add_argument("--cars", action="append", type=Path, metavar="FOLDER", help="also descriptions in this folder")
    app_run.configure(actions.add_parser("run", help="run an app"))
    test = actions.add_parser("test", help="hold apps against what is expected of them")
    test.add_argument("app", nargs="+", metavar="APP", help="a name, a file, or the file of what is expected")
    test.add_argument("--case", action="append", metavar="TEXT", help="only cases whose name has this in it")
    test.add_argument(
        "--seconds", type=length_of_time, default=300.0, metavar="S", help="longest that a case may take (300)"
    )
    actions.add_parser("list", help="list the apps that can be had by name")
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    if args.action == "new":
        return _new(args)
    if args.action == "list":
        return _list(args)
    return int(importlib.import_module(f"commonwheel.cli.app_{args.action}").run(args))


def _new(args: argparse.Namespace) -> int:
    from commonwheel.apps.scaffold import write_new

    app, test = write_new(args.name, args.dir)
    if args.json:
        show.print_json({"app": str(app), "test": str(test)})
    else:
        print(f"{app}: the app\n{test}: what is expected of it")
        print(f"next: commonwheel app check {app}; commonwheel app test {app}")
    return FINE


def _list(args: argparse.Namespace) -> int:
    from commonwheel.apps.loading import app_names, load_app
    from commonwheel.errors import AppError

    found: list[dict[str, str]] = []
    for name, place in app_names().items():
        entry = {"app": name, "version": "", "about": "", "place": place}
        try:
            manifest = load_app(name).manifest
        except AppError as error:
            entry["about"] = f"cannot be loaded: {error}"
        else:
            entry |= {"version": manifest.version, "about": manifest.about}
        found.append(entry)
    if args.json:
        show.print_json(found)
    else:
        show.table(["app", "version", "what it does"], [[one["app"], one["version"], one["about"]] for one in found])
    return FINE
