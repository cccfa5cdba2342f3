"""Vehicles: the description language, its compiler, and one data folder per maker and car.

There is no code for a maker or a car here: their folders hold data only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.vehicles.description import SHIPPED, car_names, find
from commonwheel.vehicles.samples import Quality, Samples
from commonwheel.vehicles.vehicle import Vehicle

if TYPE_CHECKING:
    from commonwheel.catalog import Catalog

__all__ = ["SHIPPED", "Quality", "Samples", "Vehicle", "car_names", "load_vehicle"]


def load_vehicle(
    name: str | Path, *, catalog: Path | Catalog | None = None, folders: tuple[Path, ...] = (SHIPPED,)
) -> Vehicle:
    """Return a compiled vehicle, from the cache when nothing it rests on has changed.

    Args:
        name: 'maker/car', 'maker/car:variant', a folder or a ``vehicle.yaml``.
        catalog: a VSS tree of the user's own (a JSON file, or one loaded already); None is the shipped one.
        folders: where 'maker/car' is looked for.

    Raises:
        DescriptionError: there is no such description, or it has faults (all of them are listed).
        CatalogError: the catalog cannot be read.
    """
    from commonwheel.catalog import Catalog
    from commonwheel.vehicles import cache

    path, variant = find(name, folders)
    if isinstance(catalog, Catalog):
        return _compile(path, variant, catalog, folders, None)
    from commonwheel.catalog.tree import SHIPPED as SHIPPED_CATALOG

    tree = SHIPPED_CATALOG if catalog is None else Path(catalog)
    key = "|".join([str(path.absolute()), variant, str(tree.absolute()), *(str(folder) for folder in folders)])
    vehicle = cache.load(key)
    if vehicle is not None:
        return vehicle
    from commonwheel.catalog import load_catalog

    return _compile(path, variant, load_catalog(None if catalog is None else tree), folders, (key, tree))


def _compile(
    path: Path, variant: str, catalog: Catalog, folders: tuple[Path, ...], store: tuple[str, Path] | None
) -> Vehicle:
    import hashlib

    from commonwheel.vehicles import cache
    from commonwheel.vehicles.compiler import compile_vehicle

    vehicle, files = compile_vehicle(f"{path}:{variant}" if variant else path, catalog, folders)
    if store is not None:
        key, tree = store
        files[tree] = hashlib.sha256(tree.read_bytes()).hexdigest()
        cache.save(key, vehicle, files)
    return vehicle
