"""Cars held against each other: which offers which signals, how alike they are, what each lacks.

Two figures say how alike two cars are. **Signals in common** (Jaccard): of all signals that either offers, the share
that both offer. **Same bytes**: of the signals that both read from the wire, the share that lie in a frame of the
same id, in the same bits, with the same scale; that much of a decoder written for one by hand would serve the other.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonwheel.catalog.profiles import Profile
    from commonwheel.vehicles.model import Message, Writer
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["OTHER", "Comparison", "Group", "Offer", "Pair", "Row", "compare", "fold", "layout_of", "offer_of"]

OTHER = "other"
"""Name of the group with the signals of no profile."""

_NOTHING: Mapping[str, Mapping[str, str]] = {}
_NUMBER = re.compile(r"\d+")
FOLD_FROM = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """How one car offers one signal."""

    how: str
    """from, compute, first_of or text; 'fixed' for a fact of the description, 'request' when it is only asked for."""
    evidence: str = ""
    """'verified (…)', 'documented (…)' or 'assumed (…)'; '' for fixed facts."""
    sources: tuple[str, ...] = ()
    value: str = ""
    """Of a fixed fact."""
    request: str = ""
    """The field that a request goes to, or how and within which limits it is met; '' when it cannot be asked for."""

    @property
    def rests_on(self) -> str:
        """The evidence in one word: verified, documented, assumed or fixed."""
        return self.evidence.partition(" ")[0] or "fixed"


@dataclass(frozen=True, slots=True)
class Row:
    """One signal over all cars."""

    path: str
    offers: tuple[Offer | None, ...]
    """One per car; None: it does not offer it."""
    required: bool | None = None
    """Whether the profile requires it; None outside of profiles."""
    reason: str = ""
    asked: bool = False
    """Whether the profile has it as a request, which reading alone does not meet."""

    def met(self, car: int) -> bool:
        """Whether this car gives what the profile has it for."""
        offer = self.offers[car]
        return offer is not None and (not self.asked or bool(offer.request))


@dataclass(frozen=True, slots=True)
class Group:
    """The signals of a profile, or those of none."""

    name: str
    summary: str
    rows: tuple[Row, ...]

    def count(self, car: int, *, required: bool | None = None) -> tuple[int, int]:
        """Return how many signals a car gives, of how many; only required or optional ones where asked."""
        rows = [row for row in self.rows if required is None or row.required is required]
        return sum(row.met(car) for row in rows), len(rows)

    def lacking(self, car: int, *, required: bool) -> list[str]:
        """Return the paths that a car would have to add."""
        return [row.path for row in self.rows if row.required is required and not row.met(car)]


@dataclass(frozen=True, slots=True)
class Pair:
    """How alike two cars are."""

    first: int
    second: int
    common: Mapping[str, tuple[int, int]]
    """Group name ('' for all signals) to (offered by both, offered by either)."""
    same_bytes: tuple[int, int]
    """(laid out the same, read from the wire by both)."""

    def share(self, group: str = "") -> float | None:
        """Return the share of signals in common; None where neither offers any."""
        both, either = self.common[group]
        return both / either if either else None

    @property
    def same_share(self) -> float | None:
        """The share of common signals in the same bytes; None without common signals."""
        same, both = self.same_bytes
        return same / both if both else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Cars, their signals by group, and every pair of cars."""

    cars: tuple[Vehicle, ...]
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]

    def pair(self, first: int, second: int) -> Pair:
        """Return what is known of two different cars, in whichever order."""
        low, high = sorted((first, second))
        return next(pair for pair in self.pairs if (pair.first, pair.second) == (low, high))


def compare(
    cars: Sequence[Vehicle], profiles: Iterable[Profile], served: Mapping[str, Mapping[str, str]] = _NOTHING
) -> Comparison:
    """Hold cars against profiles and each other; signals of no profile form the last group.

    Args:
        cars: what is compared.
        profiles: what they are held against.
        served: by the cars' names, actuators that the platform serves, and in which manner and within which limits.
    """
    groups = [_group(cars, profile, served) for profile in profiles]
    placed = {row.path for group in groups for row in group.rows}
    others = {path: None for car in cars for path in _paths(car, served) if path not in placed}
    rows = tuple(Row(path, _offers(cars, path, served)) for path in others)
    groups.append(Group(OTHER, "Every other signal that one of the cars offers.", rows))
    pairs = tuple(_pair(cars, groups, *two) for two in combinations(range(len(cars)), 2))
    return Comparison(tuple(cars), tuple(groups), pairs)


def _paths(car: Vehicle, served: Mapping[str, Mapping[str, str]]) -> list[str]:
    asked = [*(request.path for request in car.requests), *served.get(car.name, ())]
    return list(dict.fromkeys([*car.numbers, *car.attributes, *asked]))


def _group(cars: Sequence[Vehicle], profile: Profile, served: Mapping[str, Mapping[str, str]]) -> Group:
    asked = {request for signal in profile.signals for request in signal.confirms}
    rows = tuple(
        Row(signal.path, _offers(cars, signal.path, served), signal.required, signal.reason, signal.path in asked)
        for signal in profile.signals
    )
    return Group(profile.name, profile.summary, rows)


def _offers(
    cars: Sequence[Vehicle], path: str, served: Mapping[str, Mapping[str, str]]
) -> tuple[Offer | None, ...]:  # fmt: skip
    return tuple(offer_of(car, path, served.get(car.name, {}).get(path, "")) for car in cars)


def offer_of(car: Vehicle, path: str, served: str = "") -> Offer | None:
    """Return how a car offers a signal; None when it does not.

    Args:
        car: the car.
        path: the signal.
        served: how the platform serves it as an actuator; '' where it does not.
    """
    request = next((request for request in car.requests if request.path == path), None)
    field = served or (request.source if request else "")
    if path in car.numbers:
        info = car.signals[car.numbers[path]]
        return Offer(info.how, info.evidence, info.sources, request=field)
    if path in car.attributes:
        return Offer("fixed", value=str(car.attributes[path]), request=field)
    if served:
        return Offer("request", request=served)
    return Offer("request", request.evidence, request=field) if request else None


def _pair(cars: Sequence[Vehicle], groups: Sequence[Group], first: int, second: int) -> Pair:
    mine, yours = cars[first], cars[second]
    common = {"": _overlap(mine.provided, yours.provided)}
    for group in groups:
        paths = {row.path for row in group.rows}
        common[group.name] = _overlap(mine.provided & paths, yours.provided & paths)
    both = mine.numbers.keys() & yours.numbers.keys()
    same = sum(_same(mine, yours, path) for path in both)
    return Pair(first, second, common, (same, len(both)))


def _overlap(mine: frozenset[str], yours: frozenset[str]) -> tuple[int, int]:
    return len(mine & yours), len(mine | yours)


def _same(mine: Vehicle, yours: Vehicle, path: str) -> bool:
    """Whether two cars send a signal in the same bytes; of several sources to choose from, one is enough."""
    here, there = layout_of(mine, path), layout_of(yours, path)
    choice = any(car.signals[car.numbers[path]].how == "first_of" for car in (mine, yours))
    return bool(here & there) if choice else bool(here) and here == there


def layout_of(car: Vehicle, path: str) -> frozenset[tuple[object, ...]]:
    """Return where a signal lies on the wire: (id, bits, scale, codes, what selects it) of each of its fields."""
    writers = car.writers.get(path)
    if writers:
        return frozenset(_written(car.messages[writer.message], writer) for writer in writers)
    fields = _fields(car)
    sources = car.signals[car.numbers[path]].sources
    return frozenset(fields[source] for source in sources if source in fields)


def _written(message: Message, writer: Writer) -> tuple[object, ...]:
    field = next(field for field in message.fields if field.name == writer.field)
    bits = (field.start, field.length, field.big_endian, field.signed, field.is_float)
    selected = tuple(sorted(raw for _, raw in writer.present))
    return (message.id, message.extended, bits, writer.factor, writer.offset, writer.codes, selected)


@functools.lru_cache(maxsize=64)
def _fields(car: Vehicle) -> dict[str, tuple[object, ...]]:
    return {
        f"{car.buses[message.bus].name}/{message.name}.{field.name}": (
            message.id,
            message.extended,
            (field.start, field.length, field.big_endian, field.signed, field.is_float),
            field.factor,
            field.offset,
        )
        for message in car.messages
        for field in message.fields
    }


def fold(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Put instances of one signal (cells, modules) together where every car offers all of them alike.

    Returns (path with '#' for the numbers that differ, rows); a row that stands alone keeps its path.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        alike = tuple(None if o is None else (o.how, o.rests_on, bool(o.request)) for o in row.offers)
        groups.setdefault((_NUMBER.sub("#", row.path), row.required, alike), []).append(row)
    folded: list[tuple[str, list[Row]]] = []
    for (pattern, *_), members in groups.items():
        if len(members) >= FOLD_FROM:
            folded.append((str(pattern), members))
        else:
            folded += [(row.path, [row]) for row in members]
    return folded
