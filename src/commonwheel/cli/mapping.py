"""Import and export KUKSA's mappings, the dbc2vss and vss2dbc keys of its CAN provider.

'import' makes a description of a mapping (VSS JSON or an overlay) and its CAN databases; 'export' makes
of a description a mapping and a DBC to use it with. What the other side cannot express is said on
standard error, one line each; nothing is dropped in silence.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from commonwheel.vehicles.kuksa_source import Remark

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="import|export")
    given = actions.add_parser("import", help="make a description of a mapping and its databases")
    given.add_argument("mapping", type=Path, help="VSS JSON with dbc2vss, dbc or vss2dbc keys, or an overlay in YAML")
    given.add_argument("--dbc", action="append", type=Path, required=True, metavar="FILE",
                       help="CAN database (DBC, KCD, SYM or ARXML); may be given several times")  # fmt: skip
    given.add_argument("--vehicle", metavar="MAKER/CAR", help="name of the car; default: imported/<mapping's name>")
    given.add_argument("--brand", help="brand as sold; default: made from the maker's name")
    given.add_argument("--model", help="model as sold; default: made from the car's name")
    given.add_argument("--powertrain", help="battery-electric, plug-in-hybrid, hybrid or combustion; default: a guess")
    given.add_argument("--catalog", type=Path, metavar="FILE", help="a VSS tree (JSON) other than the shipped standard")
    given.add_argument("--keep-going", action="store_true", help="leave out what is wrong instead of refusing the file")
    given.add_argument("--force", action="store_true", help="overwrite a description that is there already")
    given.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="default: maker/car in this folder")
    asked = actions.add_parser("export", help="make a mapping and a DBC of a description")
    asked.add_argument("car", help="maker/car, maker/car:variant, a folder or a vehicle.yaml")
    asked.add_argument("--cars", action="append", type=Path, metavar="FOLDER", help="also descriptions in this folder")
    asked.add_argument("--format", choices=("json", "overlay"), default="json", help="VSS JSON (default) or overlay")
    asked.add_argument("--catalog", type=Path, metavar="FILE", help="a VSS tree (JSON) other than the shipped standard")
    asked.add_argument("--interval-ms", type=int, default=0, metavar="N",
                       help="least time between two values of a signal; default 0, every frame")  # fmt: skip
    asked.add_argument("--with-personal", action="store_true", help="also what tells who the car or its user is")
    asked.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: <car>.json or <car>.vspec")
    for action in (given, asked):
        action.add_argument("--strict", action="store_true", help="exit with 1 when anything had to be left out")
        action.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(args: argparse.Namespace) -> int:
    """Translate; returns the exit status."""
    remarks = _import(args) if args.action == "import" else _export(args)
    return PROBLEMS if args.strict and any(remark.left_out for remark in remarks) else FINE


def _import(args: argparse.Namespace) -> Sequence[Remark]:
    from commonwheel.catalog import load_catalog
    from commonwheel.vehicles.kuksa_import import import_mapping
    from commonwheel.vehicles.newfolder import Identity, slug

    name = args.vehicle or f"imported/{slug(args.mapping.stem)}"
    identity = Identity.of(name, args.brand, args.model, args.powertrain or "")
    done = import_mapping(
        args.mapping,
        args.dbc,
        args.output or Path(*name.split("/")),
        identity,
        catalog=load_catalog(args.catalog) if args.catalog else None,
        keep_going=args.keep_going,
        force=args.force,
    )
    facts = {"vehicle": done.vehicle, "folder": str(done.folder), "signals": done.signals, "requests": done.requests}
    what = f"{done.folder / 'vehicle.yaml'}: {_counted(done.signals, done.requests)} of {args.mapping}"
    return _tell(args, facts, what, done.remarks, f"{args.mapping}:")


def _export(args: argparse.Namespace) -> Sequence[Remark]:
    from commonwheel.catalog import load_catalog
    from commonwheel.vehicles import SHIPPED
    from commonwheel.vehicles.kuksa_export import export_mapping
    from commonwheel.vehicles.kuksa_write import FORMATS, write_export
    from commonwheel.vehicles.newfolder import slug

    if args.interval_ms < 0:
        from commonwheel.errors import OutputError

        message = f"--interval-ms is a time of 0 or more, not {args.interval_ms}"
        raise OutputError(message)
    export = export_mapping(
        args.car,
        catalog=load_catalog(args.catalog) if args.catalog else None,
        folders=(*(args.cars or ()), SHIPPED),
        interval_ms=args.interval_ms,
        with_personal=args.with_personal,
    )
    output = args.output or Path(slug(export.vehicle.partition("/")[2]) + FORMATS[args.format])
    files = [str(path) for path in write_export(export, output, args.format)]
    facts = {"vehicle": export.vehicle, "files": files, "signals": export.signals, "requests": export.requests}
    what = f"{', '.join(files) or 'nothing written'}: {_counted(export.signals, export.requests)} of {export.vehicle}"
    return _tell(args, facts, what, export.remarks, "")


def _counted(signals: int, requests: int) -> str:
    return f"{signals} signal{'s' * (signals != 1)}, {requests} request{'s' * (requests != 1)}"


def _tell(
    args: argparse.Namespace, facts: dict[str, Any], what: str, remarks: Sequence[Remark], place: str
) -> Sequence[Remark]:
    """Print the outcome: what was made on standard output, what to know of it on standard error."""
    if args.json:
        listed = [{"path": r.path, "line": r.line, "left_out": r.left_out, "message": r.message} for r in remarks]
        show.print_json(facts | {"remarks": listed})
        return remarks
    for remark in remarks:
        show.note(f"{place}{remark.line}: {remark}" if place and remark.line else str(remark))
    left = sum(remark.left_out for remark in remarks)
    print(what + (f"; {left} left out" if left else ""))
    return remarks
