"""List the described cars: how they are sold, what drives them, their buses and what they offer.

commonwheel cars                                    a line for each
commonwheel cars nissan/leaf_ze0                    its signals
commonwheel cars nissan/leaf_ze0 --html leaf.html   everything about it as a page, its messages bit by bit
commonwheel cars --pages FOLDER                     such a page for every car, and one that leads to them
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from commonwheel.control.capabilities import Capability
    from commonwheel.vehicles import Vehicle

__all__ = ["configure", "described", "folders_of", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("car", nargs="?", help="show this car's signals, with the fields and the evidence they rest on")
    parser.add_argument("--cars", action="append", type=Path, metavar="FOLDER", help="also descriptions in this folder")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write everything about the car as one page")
    parser.add_argument("--pages", type=Path, metavar="FOLDER", help="write such a page for every car, with an index")
    parser.add_argument("--markdown", action="store_true", help="write --html or --pages as Markdown")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """List, or write pages; returns the exit status."""
    from commonwheel.vehicles import load_vehicle

    if args.html or args.pages:
        from commonwheel.cli.pages import write_pages

        return write_pages(args)
    if args.car:
        vehicle = load_vehicle(args.car, folders=folders_of(args))
        if args.json:
            show.print_json(_facts(vehicle, args) | {"table": [_signal(s) for s in vehicle.signals]})
        else:
            _print_signals(vehicle, _able(vehicle, args))
        return FINE
    cars = described(args)
    if args.json:
        show.print_json([_facts(car, args) for car in cars])
        return FINE
    rows = [
        [
            car.name,
            "; ".join(f"{s.brand} {s.model}" + (f" {s.years}" if s.years else "") for s in car.sold_as),
            car.powertrain,
            ", ".join(bus.name for bus in car.buses),
            str(len(car.signals)),
            str(len(_asked(car, args))),
        ]
        for car in cars
    ]
    show.table(["car", "sold as", "powertrain", "buses", "signals", "requests"], rows, right=(4, 5))
    return FINE


def folders_of(args: argparse.Namespace) -> tuple[Path, ...]:
    """Return where descriptions are looked for: the folders of --cars, then what is shipped.

    Raises:
        DescriptionError: one of them is no folder.
    """
    from commonwheel.errors import DescriptionError, Fault
    from commonwheel.vehicles import SHIPPED

    own: list[Path] = args.cars or []
    missing = [Fault(folder, 0, "there is no such folder; --cars takes one with maker/car/vehicle.yaml in it")
               for folder in own if not folder.is_dir()]  # fmt: skip
    if missing:
        raise DescriptionError(missing)
    return (*own, SHIPPED)


def described(args: argparse.Namespace) -> list[Vehicle]:
    """Return every car that is described without faults; says which of --cars are not.

    Raises:
        DescriptionError: a folder of --cars is none.
    """
    from commonwheel.vehicles.description import car_names, unreadable
    from commonwheel.vehicles.identify import load_cars

    folders = folders_of(args)
    cars = load_cars(folders)
    loaded = {car.name for car in cars}
    for folder in folders[:-1]:
        faulty = [folder / name for name in car_names(folder) if name not in loaded and ":" not in name]
        for path in [*faulty, *(file.parent for file in unreadable(folder))]:
            show.note(f"note: {path} has faults and is left out; 'commonwheel check {path}' tells them")
    return cars


def _print_signals(vehicle: Vehicle, able: Sequence[Capability]) -> None:
    rows = [
        [s.path.removeprefix("Vehicle."), s.unit, s.how, ", ".join(s.sources), s.evidence + (", personal" * s.personal)]
        for s in vehicle.signals
    ]
    show.table(["signal", "unit", "how", "fields", "evidence"], rows, title=f"{vehicle.title} ({vehicle.name})")
    if vehicle.requests:
        asked = [[r.path.removeprefix("Vehicle."), r.unit, r.source, r.confirm, r.evidence] for r in vehicle.requests]
        show.table(["request", "unit", "field", "confirmed by", "evidence"], asked)
    if able:
        rows = [
            [each.path.removeprefix("Vehicle."), each.manner, each.limits, each.proven.removeprefix("Vehicle.")]
            for each in able
        ]
        show.table(["actuator", "manner", "limits", "confirmed by"], rows)
    for path, value in vehicle.attributes.items():
        print(f"{path.removeprefix('Vehicle.')} = {value}")


def _able(car: Vehicle, args: argparse.Namespace) -> tuple[Capability, ...]:
    """Return the actuators of a car that the platform serves; none where it does not act, or not without faults."""
    from commonwheel.control.capabilities import capabilities
    from commonwheel.control.description import load_control
    from commonwheel.errors import DescriptionError

    try:
        control = load_control(car, args.car, folders_of(args))
    except DescriptionError as error:
        show.note(f"note: {car.name} is taken as not acting; its control.yaml has faults: {error.faults[0]}")
        return ()
    return () if control is None else capabilities(control)


def _asked(car: Vehicle, args: argparse.Namespace) -> list[str]:
    """Return everything that a car can be asked for."""
    return list(dict.fromkeys([*(r.path for r in car.requests), *(each.path for each in _able(car, args))]))


def _facts(car: Vehicle, args: argparse.Namespace) -> dict[str, Any]:
    return {
        "car": car.name,
        "sold_as": [{"brand": s.brand, "model": s.model, "years": s.years} for s in car.sold_as],
        "powertrain": car.powertrain,
        "buses": [bus.name for bus in car.buses],
        "signals": len(car.signals),
        "requests": _asked(car, args),
        "attributes": dict(car.attributes),
    }


def _signal(info: Any) -> dict[str, Any]:  # noqa: ANN401 - a SignalInfo
    keys = ("path", "unit", "datatype", "kind", "how", "sources", "evidence", "personal", "note")
    return {key: getattr(info, key) for key in keys}
