"""Compile descriptions and print every fault at once, each with file, line and remedy; then what they cover.

The parameters of a car's physics are checked with it, where it has any. Without a path every shipped description is
checked. Exit status 1 when there is any fault.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    import argparse

    from commonwheel.catalog.profiles import Profile
    from commonwheel.errors import DescriptionError
    from commonwheel.vehicles import Vehicle

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument(
        "path", nargs="*", help="maker/car[:variant], a description's folder, or a folder with makers or cars in it"
    )
    parser.add_argument("--catalog", type=Path, metavar="FILE", help="a VSS tree of your own, as JSON")
    parser.add_argument("--json", action="store_true", help="print faults and coverage as JSON")


def run(args: argparse.Namespace) -> int:
    """Check; returns the exit status."""
    from commonwheel.catalog import load_catalog
    from commonwheel.catalog.profiles import load_profiles
    from commonwheel.errors import DescriptionError
    from commonwheel.vehicles.compiler import compile_vehicle

    catalog = load_catalog(args.catalog)
    profiles = load_profiles()
    names = _names(args.path)
    checked: list[dict[str, Any]] = []
    for name in names:
        entry: dict[str, Any] = {"car": str(name), "faults": [], "coverage": None, "repairs": []}
        try:
            vehicle, _ = compile_vehicle(name, catalog)
        except DescriptionError as error:
            entry["faults"] = _told(error)
        else:
            served, faults = _acting(name, vehicle)
            coverage = _coverage(vehicle, profiles, served)
            entry |= {"car": vehicle.name, "coverage": coverage, "repairs": list(vehicle.repairs)}
            entry["faults"] = [*_physics(name), *faults]
        checked.append(entry)
    if args.json:
        show.print_json(checked)
    else:
        _print(checked, profiles)
    return PROBLEMS if any(entry["faults"] for entry in checked) else FINE


def _told(error: DescriptionError) -> list[dict[str, Any]]:
    return [{"file": str(fault.file), "line": fault.line, "message": fault.message} for fault in error.faults]


def _physics(name: str) -> list[dict[str, Any]]:
    """Return the faults of the parameters of a car's physics; none where it has no parameters."""
    from commonwheel.errors import DescriptionError
    from commonwheel.twin.parameters_file import has_parameters, load_parameters

    try:
        if has_parameters(name):
            load_parameters(name)
    except DescriptionError as error:
        return _told(error)
    return []


def _acting(name: str, vehicle: Vehicle) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return what the car can be asked for, and the faults of what says so; none where it does not act."""
    from commonwheel.control.capabilities import capabilities
    from commonwheel.control.description import load_control
    from commonwheel.errors import DescriptionError

    try:
        control = load_control(vehicle, name)
    except DescriptionError as error:
        return {}, _told(error)
    return {} if control is None else {each.path: each.text for each in capabilities(control)}, []


def _names(paths: list[str]) -> list[str]:
    """Return every description that is meant; a folder of makers, or of one maker's cars, stands for all in it.

    Raises:
        DescriptionError: there is none.
    """
    from commonwheel.vehicles.description import SHIPPED, find

    names: list[str] = []
    for path in paths or [str(SHIPPED)]:
        folder = Path(path) if Path(path).name else Path(path).absolute()  # '.' has no name to look for
        inside = _inside(folder) or [n for n in _inside(folder.parent) if Path(n).parent == folder]
        if not inside:
            find(path)
        names += inside or [path]
    return names


def _inside(folder: Path) -> list[str]:
    from commonwheel.vehicles.description import car_names, unreadable

    return [str(folder / name) for name in car_names(folder)] + [str(file.parent) for file in unreadable(folder)]


def _coverage(vehicle: Vehicle, profiles: dict[str, Profile], served: dict[str, str]) -> dict[str, Any]:
    evidence = [signal.evidence.partition(" ")[0] for signal in vehicle.signals]
    from commonwheel.vehicles.compare import compare

    found = compare([vehicle], profiles.values(), {vehicle.name: served})
    counts = {group.name: list(group.count(0)) for group in found.groups if group.name in profiles}
    return {
        "signals": len(vehicle.signals),
        "attributes": len(vehicle.attributes),
        "requests": len({request.path for request in vehicle.requests} | served.keys()),
        "messages": len(vehicle.messages),
        "verified": evidence.count("verified"),
        "documented": evidence.count("documented"),
        "assumed": evidence.count("assumed"),
        "profiles": counts,
    }


def _print(checked: list[dict[str, Any]], profiles: dict[str, Profile]) -> None:
    for entry in checked:
        for fault in entry["faults"]:
            print(f"{fault['file']}:{fault['line']}: {fault['message']}")
        for repair in entry["repairs"]:
            print(f"note: {repair}")
    rows = [_row(entry, profiles) for entry in checked]
    columns = ["car", "faults", "signals", "verified", "documented", "assumed", "requests", "messages", *profiles]
    show.table(columns, rows, right=tuple(range(1, len(columns))))
    faults = sum(len(entry["faults"]) for entry in checked)
    cars = f"{len(checked)} description{'s' if len(checked) != 1 else ''}"
    print(f"{cars} checked: " + (f"{faults} fault{'s' if faults != 1 else ''}" if faults else "no faults"))


def _row(entry: dict[str, Any], profiles: dict[str, Profile]) -> list[str]:
    cover = entry["coverage"]
    if cover is None:
        return [entry["car"], str(len(entry["faults"])), *[""] * (6 + len(profiles))]
    numbers = [cover[key] for key in ("signals", "verified", "documented", "assumed", "requests", "messages")]
    shares = ["{}/{}".format(*cover["profiles"][name]) for name in profiles]
    return [entry["car"], str(len(entry["faults"])), *map(str, numbers), *shares]
