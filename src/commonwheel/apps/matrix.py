"""The portability matrix: which cars can run which apps, fully, in a reduced form, or not, and what stands in the way.

A pattern is met by a car that gives any of the signals it selects, or any that the app can use instead. What an app
asks for and a car cannot be asked reduces the app, as a signal does that it may use.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.apps.facts import rates_of
from commonwheel.apps.fitted import GUARD, SENSED, acted, unacted
from commonwheel.apps.status import Fitness
from commonwheel.control.capabilities import why_not
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonwheel.apps.facts import Facts
    from commonwheel.apps.manifest import Manifest
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Cell", "Lack", "Matrix", "Need", "Why", "cell_of", "fitness", "matrix", "require"]


class Need(enum.Enum):
    """What an app wants a signal for."""

    REQUIRED = "requires"
    OPTIONAL = "may use"
    NEEDED = "needs to request"
    REQUEST = "requests"


class Why(enum.Enum):
    """Why an app does not have a signal."""

    NO_ROW = "the car's description has no row for it"
    NONE_OF_ITS = "the car's description has no row for any signal that it selects"
    PERSONAL = "the car gives it only when personal signals are asked for"
    CANNOT = "the car cannot be asked for it"
    NOT_ASKED = "the car gives it, and cannot be asked to move it"


@dataclass(frozen=True, slots=True)
class Lack:
    """A signal, or a pattern of some, that an app wants and a car does not give."""

    pattern: str
    need: Need
    why: Why
    because: str = ""
    """Why the car cannot be asked for it, as its description says; '' where it says nothing."""

    @property
    def words(self) -> str:
        """Why, in a line."""
        return self.because or self.why.value

    def __str__(self) -> str:
        return f"{self.need.value} {self.pattern}: {self.words}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One app on one car."""

    app: str
    car: str
    fitness: Fitness
    lacks: tuple[Lack, ...]
    """What stands in the way, required signals first."""
    given: int
    """Signals and requests, of those that the manifest states, that the car has ..."""
    stated: int
    """... of how many."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The signals and patterns that stand in the way."""
        return tuple(lack.pattern for lack in self.lacks)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Apps by cars."""

    apps: tuple[Manifest, ...]
    cars: tuple[str, ...]
    """Names, in the order they were given."""
    rows: tuple[tuple[Cell, ...], ...]
    """One row per app, one cell per car."""
    sensors: bool = True
    """Whether the cars count as fitted with a camera, a radar and a map."""

    def cell(self, app: str, car: str) -> Cell:
        """Return how an app does on a car, by their names."""
        names = [manifest.name for manifest in self.apps]
        return self.rows[names.index(app)][self.cars.index(car)]


def matrix(
    apps: Iterable[Manifest], vehicles: Sequence[Vehicle], *, with_personal: bool = False, sensors: bool = True
) -> Matrix:
    """Hold apps against cars.

    Args:
        apps: their manifests, checked.
        vehicles: the cars.
        with_personal: whether the cars also give what tells who they or their users are.
        sensors: whether they are fitted with a camera, a radar and a map.
    """
    manifests = tuple(apps)
    rows = tuple(
        tuple(cell_of(manifest, vehicle, with_personal=with_personal, sensors=sensors) for vehicle in vehicles)
        for manifest in manifests
    )
    return Matrix(manifests, tuple(vehicle.name for vehicle in vehicles), rows, sensors)


def cell_of(manifest: Manifest, vehicle: Vehicle, *, with_personal: bool = False, sensors: bool = True) -> Cell:
    """Return how an app does on a described car; see ``matrix``."""
    personal = frozenset(info.path for info in vehicle.signals if info.personal and not with_personal)
    given = frozenset(vehicle.provided) - personal
    asked = frozenset(request.path for request in vehicle.requests)
    if sensors:
        given |= SENSED
    if manifest.requests and (served := acted(vehicle)):
        given, asked = given | GUARD, asked | served
    return _cell(manifest, vehicle.name, given, asked, personal, unacted(vehicle) if manifest.requests else {})


def fitness(manifest: Manifest, facts: Facts) -> Cell:
    """Return how an app does on the car that it is told of."""
    return _cell(manifest, facts.name, facts.given, facts.asked, frozenset(), {})


def require(manifest: Manifest, facts: Facts) -> None:
    """See that a car gives what an app cannot do without.

    Raises:
        AppError: it does not; says what it lacks.
    """
    found = fitness(manifest, facts)
    if found.fitness is Fitness.NONE:
        lacking = [lack.pattern for lack in found.lacks if lack.need is Need.REQUIRED]
        unasked = [lack.pattern for lack in found.lacks if lack.need is Need.NEEDED]
        why = [f"does not give {', '.join(lacking)}"] if lacking else []
        why += [f"cannot be asked for {', '.join(unasked)}"] if unasked else []
        message = (
            f"'{manifest.name}' cannot run on {facts.name}, which {' and '.join(why)}; "
            "'commonwheel app check' tells where it can"
        )
        raise AppError(message)


def _cell(
    manifest: Manifest,
    car: str,
    given: frozenset[str],
    asked: frozenset[str],
    personal: frozenset[str],
    cannot: Mapping[str, str],
) -> Cell:
    lacks: list[Lack] = []
    wanted: tuple[tuple[Need, Iterable[str], frozenset[str]], ...] = (
        (Need.REQUIRED, manifest.requires, given),
        (Need.OPTIONAL, manifest.may_use, given),
        (Need.NEEDED, manifest.needs, asked),
        (Need.REQUEST, [pattern for pattern in manifest.requests if pattern not in manifest.needs], asked),
    )
    stated = 0
    for need, patterns, has in wanted:
        for pattern in patterns:
            stated += 1
            others = manifest.instead.get(pattern, ())
            if not rates_of(dict.fromkeys((pattern, *others), 0.0), has):
                because = why_not(pattern, cannot) if has is asked else ""
                lacks.append(Lack(pattern, need, _why(pattern, need, given, personal), because))
    stopping = any(lack.need in {Need.REQUIRED, Need.NEEDED} for lack in lacks)
    fit = Fitness.NONE if stopping else Fitness.REDUCED if lacks else Fitness.FULL
    return Cell(manifest.name, car, fit, tuple(lacks), stated - len(lacks), stated)


def _why(pattern: str, need: Need, given: frozenset[str], personal: frozenset[str]) -> Why:
    if need in {Need.REQUEST, Need.NEEDED}:
        return Why.NOT_ASKED if rates_of({pattern: 0.0}, given) else Why.CANNOT
    if rates_of({pattern: 0.0}, personal):
        return Why.PERSONAL
    return Why.NONE_OF_ITS if "*" in pattern else Why.NO_ROW
