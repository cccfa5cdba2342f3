"""Scaffold a first description of a car from its CAN databases.

The description compiles at once and lists, as comments, which signals of the standard each field may be.
With a log it lists only what is on it, and states the checksums and counters that the log proves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.cli import FINE, show

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("--dbc", action="append", required=True, metavar="[BUS=]FILE",
                        help="CAN database (DBC, KCD, SYM or ARXML); once per bus")  # fmt: skip
    parser.add_argument("--log", type=Path, help="traffic of the car, in any of the log formats")
    parser.add_argument("--vehicle", metavar="MAKER/CAR", help="name of the car; default: made from brand and model")
    parser.add_argument("--brand", help="brand as sold; default: made from the maker's name")
    parser.add_argument("--model", help="model as sold; default: made from the car's name")
    parser.add_argument("--powertrain", help="battery-electric, plug-in-hybrid, hybrid or combustion; default: a guess")
    parser.add_argument(
        "--catalog", type=Path, metavar="FILE", help="a VSS tree (JSON) other than the shipped standard"
    )
    parser.add_argument("--force", action="store_true", help="overwrite a description that is there already")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="default: maker/car in this folder")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(args: argparse.Namespace) -> int:
    """Scaffold; returns the exit status."""
    from commonwheel.catalog import load_catalog
    from commonwheel.vehicles.newfolder import Identity, slug
    from commonwheel.vehicles.scaffold import name_buses, scaffold

    databases = name_buses(args.dbc)
    name = args.vehicle or f"{slug(args.brand or 'my')}/{slug(args.model or databases[0][1].stem)}"
    identity = Identity.of(name, args.brand, args.model, args.powertrain or "")
    done = scaffold(
        databases,
        args.output or Path(*name.split("/")),
        identity,
        log=args.log,
        catalog=load_catalog(args.catalog) if args.catalog else None,
        force=args.force,
    )
    if args.json:
        show.print_json({**{key: getattr(done, key) for key in done.__slots__}, "folder": str(done.folder)})
        return FINE
    what = f"{done.candidates} of {_counted(done.fields, 'field')} in {_counted(done.messages, 'message')}"
    print(f"{done.folder / 'vehicle.yaml'}: {what} with likely signals, as comments")
    if args.log:
        proved = f"{_counted(done.checksums, 'checksum')}, {_counted(done.counters, 'counter')}"
        missing = f"{_counted(done.absent, 'message')} not on it, {_counted(done.unknown, 'id')} not in the databases"
        print(f"{args.log}: proves {proved}; {missing}")
    print(f"next: take the '# ' off the rows that are right, then: commonwheel check {done.folder}")
    return FINE


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
