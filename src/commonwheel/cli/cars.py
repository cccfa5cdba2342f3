"""List the described cars: how they are sold, what drives them, their buses and what they offer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, show

if TYPE_CHECKING:
    import argparse

    from commonwheel.vehicles import Vehicle

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("car", nargs="?", help="show this car's signals, with the fields and the evidence they rest on")
    parser.add_argument("--cars", action="append", type=Path, metavar="FOLDER", help="also descriptions in this folder")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """List; returns the exit status."""
    from commonwheel.vehicles import SHIPPED, load_vehicle
    from commonwheel.vehicles.identify import load_cars

    folders = (*(args.cars or ()), SHIPPED)
    if args.car:
        vehicle = load_vehicle(args.car, folders=folders)
        if args.json:
            show.print_json(_facts(vehicle) | {"table": [_signal(s) for s in vehicle.signals]})
        else:
            _print_signals(vehicle)
        return FINE
    cars = load_cars(folders)
    if args.json:
        show.print_json([_facts(car) for car in cars])
        return FINE
    rows = [
        [
            car.name,
            "; ".join(f"{s.brand} {s.model}" + (f" {s.years}" if s.years else "") for s in car.sold_as),
            car.powertrain,
            ", ".join(bus.name for bus in car.buses),
            str(len(car.signals)),
            str(len(car.requests)),
        ]
        for car in cars
    ]
    show.table(["car", "sold as", "powertrain", "buses", "signals", "requests"], rows, right=(4, 5))
    return FINE


def _print_signals(vehicle: Vehicle) -> None:
    rows = [
        [s.path.removeprefix("Vehicle."), s.unit, s.how, ", ".join(s.sources), s.evidence + (", personal" * s.personal)]
        for s in vehicle.signals
    ]
    show.table(["signal", "unit", "how", "fields", "evidence"], rows, title=f"{vehicle.title} ({vehicle.name})")
    if vehicle.requests:
        asked = [[r.path.removeprefix("Vehicle."), r.unit, r.source, r.confirm, r.evidence] for r in vehicle.requests]
        show.table(["request", "unit", "field", "confirmed by", "evidence"], asked)
    for path, value in vehicle.attributes.items():
        print(f"{path.removeprefix('Vehicle.')} = {value}")


def _facts(car: Vehicle) -> dict[str, Any]:
    return {
        "car": car.name,
        "sold_as": [{"brand": s.brand, "model": s.model, "years": s.years} for s in car.sold_as],
        "powertrain": car.powertrain,
        "buses": [bus.name for bus in car.buses],
        "signals": len(car.signals),
        "requests": [r.path for r in car.requests],
        "attributes": dict(car.attributes),
    }


def _signal(info: Any) -> dict[str, Any]:  # noqa: ANN401 - a SignalInfo
    keys = ("path", "unit", "datatype", "kind", "how", "sources", "evidence", "personal", "note")
    return {key: getattr(info, key) for key in keys}
