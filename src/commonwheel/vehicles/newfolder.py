"""The folder of a new description: who the car is, its databases, and the file, put in place at once.

Used by what makes descriptions out of something else. Nothing is overwritten unless that is asked for.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError, Fault, OutputError
from commonwheel.vehicles.description import FILE, FORMAT
from commonwheel.vehicles.extras import POWERTRAINS
from commonwheel.vehicles.yamlwrite import flow, row
from commonwheel.wire.database import FINDINGS, write_dbc

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from commonwheel.wire.database import Database

__all__ = ["Identity", "guess_powertrain", "head", "place_databases", "slug", "staged"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a new car is."""

    name: str
    """maker/car."""
    brand: str
    model: str
    powertrain: str
    """'' while it is not known."""

    @classmethod
    def of(cls, name: str, brand: str | None = None, model: str | None = None, powertrain: str = "") -> Identity:
        """Fill in brand and model from the name where they are not given.

        Raises:
            DescriptionError: the name is not maker/car, or the powertrain is not known.
        """
        if not _NAME.fullmatch(name):
            message = f"a vehicle's name is maker/car, in letters, digits, '_', '-' and '.'; not '{name}'"
            raise DescriptionError([Fault(Path(name), 0, message)])
        if powertrain and powertrain not in POWERTRAINS:
            message = f"a powertrain is one of {', '.join(POWERTRAINS)}; not '{powertrain}'"
            raise DescriptionError([Fault(Path(name), 0, message)])
        maker, car = name.split("/")
        return cls(name, brand or _title(maker), model or _title(car), powertrain)


def _title(part: str) -> str:
    return re.sub(r"[_.-]+", " ", part).strip().title() or part


def slug(text: str) -> str:
    """Return a text as a part of a vehicle's name: 'Leaf e+' is 'leaf_e'."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "car"


def guess_powertrain(paths: Iterable[str]) -> str:
    """Return the powertrain that a set of standard paths speaks for."""
    listed = list(paths)
    electric = any(".TractionBattery." in path or ".ElectricMotor." in path for path in listed)
    engine = any(".CombustionEngine." in path or ".FuelSystem." in path for path in listed)
    plug = any(".Charging." in path for path in listed)
    if electric and engine:
        return "plug-in-hybrid" if plug else "hybrid"
    return "battery-electric" if electric else "combustion"


def head(identity: Identity, buses: Sequence[tuple[str, Sequence[str]]], evidence: str) -> list[str]:
    """Return the first lines of the file, from 'format' to the buses.

    Args:
        identity: the car.
        buses: name and database files of each bus.
        evidence: what the rows rest on that say nothing else.
    """
    lines = [f"format: {FORMAT}", f"vehicle: {identity.name}", "sold_as:"]
    lines.append("  - " + flow({"brand": identity.brand, "model": identity.model}))
    lines.append(f"powertrain: {identity.powertrain}")
    lines += row("evidence", evidence, 0)
    lines.append("buses:")
    for bus, files in buses:
        lines += row(bus, {"database": files[0] if len(files) == 1 else list(files)})
    return lines


def place_databases(databases: Sequence[Database], folder: Path) -> list[str]:
    """Copy databases into a folder; one that needed repairs is written anew as DBC. Returns their file names.

    Raises:
        OutputError: a file cannot be written.
    """
    names: list[str] = []
    for database in databases:
        repaired = any(repair.kind not in FINDINGS for repair in database.repairs)
        suffix = ".dbc" if repaired else database.path.suffix.lower() or ".dbc"
        stem, number = slug(database.path.stem), 2
        name = f"{stem}{suffix}"
        while name in names:
            name, number = f"{stem}_{number}{suffix}", number + 1
        names.append(name)
        try:
            if repaired and _written(database, folder / name):
                continue
            shutil.copyfile(database.path, folder / name)
        except OSError as error:
            message = f"{folder / name}: cannot be written ({error.strerror or error})"
            raise OutputError(message) from error
    return names


def _written(database: Database, path: Path) -> bool:
    try:
        write_dbc(database, path)
    except OutputError:
        return False  # it holds what DBC cannot say: the file as it is has to do
    return True


@contextmanager
def staged(name: str, target: Path, *, force: bool) -> Generator[Path]:
    """Yield a scratch folder maker/car to fill; its files are put into *target* when all went well.

    Raises:
        OutputError: there is a description in *target* already, or it cannot be written.
    """
    if (target / FILE).exists() and not force:
        message = f"{target / FILE}: there is a description already; name another folder with -o, or say --force"
        raise OutputError(message)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, *name.split("/"))
        folder.mkdir(parents=True)
        yield folder
        try:
            target.mkdir(parents=True, exist_ok=True)
            for file in sorted(folder.iterdir()):
                shutil.copyfile(file, target / file.name)
        except OSError as error:
            message = f"{target}: cannot be written ({error.strerror or error})"
            raise OutputError(message) from error
