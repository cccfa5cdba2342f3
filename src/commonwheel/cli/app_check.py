"""``commonwheel app check``: the portability matrix, and exactly which signals stand in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    import argparse

    from commonwheel.apps.manifest import Manifest
    from commonwheel.apps.matrix import Cell, Matrix
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["run"]

_WORDS = {"full": "full", "reduced": "reduced", "none": "no"}


def run(args: argparse.Namespace) -> int:
    """Check; returns the exit status."""
    from commonwheel.apps.matrix import matrix
    from commonwheel.errors import AppError

    manifests: list[Manifest] = []
    faults: list[str] = []
    for name in dict.fromkeys(args.app):
        try:
            manifests.append(_manifest(name))
        except AppError as error:
            faults += str(error).splitlines()
    found = matrix(manifests, _cars(args), sensors=not args.no_sensors)
    failing = [cell for row in found.rows for cell in row if cell.car in args.require and not _passes(cell, args)]
    if args.json:
        show.print_json(_facts(found, faults, failing))
    else:
        _print(found, faults, failing, _shown(found, args), every_reason=bool(args.why) or len(found.apps) == 1)
    return PROBLEMS if faults or failing else FINE


def _manifest(name: str) -> Manifest:
    from commonwheel.apps.checks import check
    from commonwheel.apps.loading import load_app

    app = load_app(name)
    check(app)
    return app.manifest


def _cars(args: argparse.Namespace) -> list[Vehicle]:
    """Return the cars to hold the apps against, those that are required among them.

    Raises:
        DescriptionError: a car does not exist or has faults.
    """
    from commonwheel.cli.cars import described, folders_of
    from commonwheel.vehicles import load_vehicle

    cars = (
        [load_vehicle(name, folders=folders_of(args)) for name in dict.fromkeys(args.car)]
        if args.car
        else list(described(args))
    )
    here = {car.name for car in cars}
    required = [load_vehicle(name, folders=folders_of(args)) for name in dict.fromkeys(args.require)]
    args.require = [car.name for car in required]
    args.named = {car.name for car in (*(cars if args.car else ()), *required)}
    return cars + [car for car in required if car.name not in here]


def _passes(cell: Cell, args: argparse.Namespace) -> bool:
    from commonwheel.apps.status import Fitness

    return cell.fitness is Fitness.FULL or (cell.fitness is Fitness.REDUCED and not args.full)


def _shown(found: Matrix, args: argparse.Namespace) -> list[int]:
    """Return which cars have a line: a variant with which no app does otherwise than with its car needs none."""
    place = {car: i for i, car in enumerate(found.cars)}

    def alike(i: int, other: int) -> bool:
        return all((row[i].fitness, row[i].lacks) == (row[other].fitness, row[other].lacks) for row in found.rows)

    return [
        i
        for car, i in place.items()
        if car in args.named or (line := place.get(car.partition(":")[0], i)) == i or not alike(i, line)
    ]


def _print(found: Matrix, faults: list[str], failing: list[Cell], shown: list[int], *, every_reason: bool) -> None:
    for fault in faults:
        print(fault)
    if found.apps and found.cars:
        columns = ["car", *(manifest.name for manifest in found.apps)]
        rows = [[found.cars[i], *(_short(row[i]) for row in found.rows)] for i in shown]
        show.table(columns, rows, title="Which cars can run which apps, with how many of the signals")
        if len(shown) < len(found.cars):
            print("(a car stands for its variants; one on which an app does otherwise has a line of its own)")
        if found.sensors and any(_senses(manifest) for manifest in found.apps):
            print("(with a camera, a radar and a map fitted; --no-sensors for the cars as they are)")
    if every_reason:
        for row in found.rows:
            _print_lacks([row[i] for i in shown])
    elif any(cell.lacks for row in found.rows for cell in row):
        print("\nWhat stands in the way is told of one app alone, or with --why.")
    for cell in failing:
        print(f"{cell.app} has to run on {cell.car}, and {_sentence(cell)}")


def _senses(manifest: Manifest) -> bool:
    """Whether an app wants what a camera, a radar or a map gives."""
    from commonwheel.apps.facts import rates_of
    from commonwheel.apps.fitted import SENSED

    return bool(rates_of(dict.fromkeys((*manifest.requires, *manifest.may_use), 0.0), SENSED))


def _short(cell: Cell) -> str:
    return f"{_WORDS[cell.fitness.value]} {cell.given}/{cell.stated}"


def _sentence(cell: Cell) -> str:
    return "cannot" if cell.fitness.value == "none" else "can only in a reduced form"


def _print_lacks(row: list[Cell]) -> None:
    """Print what stands in an app's way, the cars together that lack the same."""
    cars: dict[tuple[str, str, str], list[str]] = {}
    for cell in row:
        for lack in cell.lacks:
            cars.setdefault((lack.need.value, lack.pattern, lack.words), []).append(cell.car)
    if not cars:
        return
    print()
    here = [cell.car for cell in row]
    rows = [[need, pattern, why, _named(names, here)] for (need, pattern, why), names in cars.items()]
    order = {cells[3]: i for i, cells in reversed(list(enumerate(rows)))}
    rows.sort(key=lambda cells: (cells[0] not in {"requires", "needs to request"}, order[cells[3]]))
    named = [cells[3] for cells in rows]
    for cells, before in zip(rows[1:], named, strict=False):
        cells[3] = "as above" if cells[3] == before and len(before) > len("as above") else cells[3]
    show.table(["it", "signal", "why not", "cars"], rows, title=f"What stands in the way of {row[0].app}")


def _named(names: list[str], here: list[str]) -> str:
    """Return some of the cars in few words; a car stands for its variants where it and all of them are meant."""
    others = [name for name in here if name not in names]
    if not others:
        return "all" if len(here) > 1 else names[0]
    if len(others) < len(names):
        return f"all but {', '.join(_folded(others, here))}"
    return ", ".join(_folded(names, here))


def _folded(names: list[str], here: list[str]) -> list[str]:
    """Leave the variants out of a car that is named with all of them."""
    lines = [name for name in names if ":" not in name]
    whole = {line for line in lines if all(one in names for one in here if one.startswith(f"{line}:"))}
    return [name for name in names if name in lines or name.partition(":")[0] not in whole]


def _facts(found: Matrix, faults: list[str], failing: list[Cell]) -> dict[str, Any]:
    return {
        "faults": faults,
        "apps": [
            {
                "app": manifest.name,
                "version": manifest.version,
                "cars": {cell.car: _cell(cell) for cell in row},
            }
            for manifest, row in zip(found.apps, found.rows, strict=True)
        ],
        "failing": [{"app": cell.app, "car": cell.car, "fitness": cell.fitness.value} for cell in failing],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "fitness": cell.fitness.value,
        "given": cell.given,
        "stated": cell.stated,
        "lacks": [{"need": lack.need.value, "signal": lack.pattern, "why": lack.words} for lack in cell.lacks],
    }
