"""What an app is told of the car that it runs on: which of the signals that it declares there are.

The signals have the numbers of a table, which may be the broker's own or one of only those that the app declares:
the app's process need not know the whole standard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.signals import SignalTable
from commonwheel.catalog.patterns import compile_pattern
from commonwheel.catalog.tree import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.apps.manifest import Manifest
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Declared", "Facts", "declared", "facts_of", "rates_of", "table_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """A car, as far as an app has to know it."""

    name: str
    """What the car is called."""
    table: SignalTable
    """The signals, and what their numbers in batches mean; holds at least all that the app declares."""
    given: frozenset[str]
    """Signals that the car gives values of, fixed facts included."""
    asked: frozenset[str]
    """Actuators that the car can be asked to move."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The signals that a manifest selects, all with their full paths."""

    reads: Mapping[str, float]
    """Updates per second at most; 0: every update."""
    keeps: Mapping[str, float]
    """Seconds that can be looked back at."""
    provides: frozenset[str]
    requests: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every signal that is declared for whatever use."""
        return frozenset(self.reads) | self.provides | self.requests


def declared(manifest: Manifest, paths: Iterable[str]) -> Declared:
    """Return the signals, of these, that a manifest selects.

    A path that is spelled out has the rate stated with it; of several patterns that select a signal, the highest
    rate holds.

    Raises:
        CatalogError: a pattern is not one.
    """
    known = list(paths)
    return Declared(
        rates_of({**manifest.may_use, **manifest.requires}, known),
        rates_of(manifest.keeps, known),
        frozenset(rates_of(dict.fromkeys(manifest.provides, 0.0), known)),
        frozenset(rates_of(dict.fromkeys(manifest.requests, 0.0), known)),
    )


def rates_of(stated: Mapping[str, float], paths: Iterable[str]) -> dict[str, float]:
    """Return the number stated for each of the paths that are selected; 0 counts as the highest.

    Raises:
        CatalogError: a pattern is not one.
    """
    found: dict[str, float] = {}
    tests = [(compile_pattern(pattern), number) for pattern, number in stated.items()]
    for path in paths:
        if path in stated:
            found[path] = stated[path]
            continue
        numbers = [number for test, number in tests if test(path)]
        if numbers:
            found[path] = 0.0 if 0 in numbers else max(numbers)
    return found


def table_of(names: Iterable[str], catalog: Catalog) -> SignalTable:
    """Return a table of only these signals; names that a catalog lacks are left out."""
    return SignalTable(Catalog({name: leaf for name in names if (leaf := catalog.get(name))}, {}, catalog.source))


def facts_of(
    vehicle: Vehicle,
    manifest: Manifest,
    catalog: Catalog | None = None,
    *,
    with_personal: bool = False,
    given: Iterable[str] = (),
    asked: Iterable[str] = (),
) -> Facts:
    """Return what an app is told of a described car.

    Args:
        vehicle: the car.
        manifest: the app's.
        catalog: the standard; None is the shipped one.
        with_personal: whether the car also gives what tells who it or its user is.
        given: signals that others give values of: sensors that were fitted, the guard.
        asked: actuators that others move than those of its description.

    Raises:
        CatalogError: a pattern of the manifest is not one.
    """
    if catalog is None:
        from commonwheel.catalog import load_catalog

        catalog = load_catalog()
    table = table_of(declared(manifest, catalog.leaves).all, catalog)
    gives = {info.path for info in vehicle.signals if with_personal or not info.personal}
    gives |= {*vehicle.attributes, *given}
    acts = {request.path for request in vehicle.requests} | {*asked}
    here = table.numbers.keys()
    return Facts(vehicle.name, table, frozenset(gives & here), frozenset(acts & here))
