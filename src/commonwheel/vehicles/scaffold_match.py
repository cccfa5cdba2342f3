"""Which signals of the standard a database's field may be: by its name, its unit, its values.

A candidate's row compiles: its unit converts, its codes are mapped or said to be no value. That it *means*
what its name says is for a person to find out.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.catalog.units import conversion, to_pint
from commonwheel.errors import CatalogError
from commonwheel.vehicles.fields import CAPACITY, holds, limits_of
from commonwheel.vehicles.scaffold_values import guess_values
from commonwheel.vehicles.scaffold_words import opposites, phrases, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.catalog import Catalog, Leaf
    from commonwheel.vehicles.yamlwrite import Value
    from commonwheel.wire.database import Message, Signal

__all__ = ["Candidate", "Matcher"]

FOREIGN = {
    "battery-electric": (".CombustionEngine.", ".FuelSystem.", ".RangeExtender.", ".Generator."),
    "combustion": (".TractionBattery.", ".ElectricMotor.", ".ElectricAxle.", ".RangeExtender.", ".Generator."),
}
"""Powertrain to parts of paths that it does not have."""
LIKELY = 0.5
"""Score from which on a candidate is worth a line."""
MOST = 3
"""Candidates that a field gets."""
NEAR = 0.75
"""Others have to come this near to the best one."""
MESSAGE_WEIGHT = 0.5
"""Of a word in the message's name, against one in the field's."""
STRANGE = 2.5
"""Weight of a word that no signal of the standard has."""
UNIT_FITS, NO_UNIT, UNIT_MISSING = 1.15, 1.0, 0.85


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signal of the standard that a field may be."""

    leaf: Leaf
    score: float
    """1 is a full match of words; a unit that fits raises it."""
    row: dict[str | int, Value]
    """Row of a description that compiles."""
    remark: str = ""
    """What the row takes for granted."""


class Matcher:
    """Finds candidates in one catalog."""

    def __init__(self, catalog: Catalog, powertrain: str = "") -> None:
        """Take the catalog's signals, but for those that a car of this powertrain cannot have."""
        self._phrases: list[tuple[Leaf, tuple[str, ...], str]] = []
        for leaf in catalog.leaves.values():
            if leaf.is_array or leaf.is_struct or (leaf.datatype == "string" and not leaf.allowed):
                continue
            foreign = any(part in leaf.path for part in FOREIGN.get(powertrain, ()))
            if foreign or ".Module." in leaf.path or leaf.kind.value == "attribute":
                continue
            for phrase in phrases(leaf):
                self._phrases += [(leaf, each, remark) for each, remark in _sides(phrase, leaf)]
        often = Counter(word for _, phrase, _ in self._phrases for word in set(phrase))
        total = len(self._phrases)
        self._weights = {word: math.log(1 + total / count) for word, count in often.items()}
        self._strange: dict[str, float] = {}
        self._by_word: dict[str, list[int]] = {}
        for i, (_, phrase, _) in enumerate(self._phrases):
            for word in phrase:
                self._by_word.setdefault(word, []).append(i)

    def learn(self, messages: Iterable[Message]) -> None:
        """Note the words of a database: what stands in many names there (a prefix) says little."""
        often = Counter(word for message in messages for signal in message.signals for word in words(signal.name))
        self._strange = {word: STRANGE / (1 + math.log(count)) for word, count in often.items()}

    def candidates(self, bus: str, message: Message, signal: Signal) -> list[Candidate]:
        """Return the likely candidates of a field, the best first."""
        found: dict[str, Candidate] = {}
        own, around = words(signal.name), words(message.name)
        for leaf, score, remark in sorted(self._scored(own, around), key=lambda item: -item[1]):
            factor = _unit_factor(signal, leaf)
            if leaf.path in found or score * factor < LIKELY:
                continue
            row = _row(f"{bus}/{message.name}.{signal.name}", signal, leaf)
            if row is not None:
                said = "; ".join(filter(None, (remark, row[1])))
                found[leaf.path] = Candidate(leaf, score * factor, row[0], said)
        ranked = sorted(found.values(), key=lambda candidate: (-candidate.score, len(candidate.leaf.path)))
        return [candidate for candidate in ranked[:MOST] if candidate.score >= NEAR * ranked[0].score]

    def _scored(self, own: tuple[str, ...], around: tuple[str, ...]) -> Iterable[tuple[Leaf, float, str]]:
        """Yield what shares words with a field's and its message's name: leaf, score, remark."""
        said = sum(self._weights.get(word, self._strange.get(word, STRANGE)) for word in own)
        for i in {i for word in own for i in self._by_word.get(word, ())}:
            leaf, phrase, remark = self._phrases[i]
            here = {*own, *around}
            if any(_opposed(a, b, phrase, here) or _opposed(b, a, phrase, here) for a, b in opposites()):
                continue
            wanted = sum(self._weights[word] for word in phrase)
            met = sum(self._weights[word] * (1.0 if word in own else MESSAGE_WEIGHT) for word in phrase if word in here)
            explained = sum(self._weights[word] for word in own if word in phrase)
            yield leaf, (met / wanted) ** 0.6 * (explained / said) ** 0.5, remark


def _opposed(a: str, b: str, phrase: tuple[str, ...], here: set[str]) -> bool:
    return a in phrase and b not in phrase and b in here and a not in here


def _sides(phrase: tuple[str, ...], leaf: Leaf) -> list[tuple[tuple[str, ...], str]]:
    """Return a phrase, and with 'left' and 'right' where its path has the driver's and the passenger's side."""
    remark = "taken for a left-hand drive"
    swap = {"driver": "left", "passenger": "right"}
    if "Side." not in leaf.path or not swap.keys() & set(phrase):
        return [(phrase, "")]
    return [(phrase, ""), (tuple(swap.get(word, word) for word in phrase), remark)]


@functools.lru_cache(maxsize=4096)
def _unit(text: str) -> str | None:
    """Return a database's unit, or None where it states none that is known."""
    try:
        to_pint(text)
    except CatalogError:
        return None
    return text or None


@functools.lru_cache(maxsize=4096)
def _converts(unit: str, target: str) -> bool:
    try:
        conversion(unit, target)
    except CatalogError:
        return False
    return True


def _unit_factor(signal: Signal, leaf: Leaf) -> float:
    """Return how far the units speak for a match; 0 when they speak against it."""
    unit = _unit(signal.unit)
    if leaf.unit and unit:
        return UNIT_FITS if _converts(unit, leaf.unit) else 0.0
    if leaf.unit:
        return UNIT_MISSING if signal.length > 2 and not _is_list(signal) else 0.0  # noqa: PLR2004 - two bits are a state
    return NO_UNIT if not unit or _converts(unit, "") else 0.0


def _is_list(signal: Signal) -> bool:
    """Whether most codes of a field have names, so that it is no number."""
    return len(signal.choices) > 2 and len(signal.choices) * 2 >= 1 << min(signal.length, 8)  # noqa: PLR2004 - more than SNA


def _row(reference: str, signal: Signal, leaf: Leaf) -> tuple[dict[str | int, Value], str] | None:
    """Return a row that compiles, and what it takes for granted; None when there is none."""
    row: dict[str | int, Value] = {"from": reference}
    if leaf.allowed or leaf.datatype == "boolean" or (not leaf.unit and signal.choices):
        guessed = guess_values(signal, leaf)
        return None if guessed is None else ({**row, **guessed[0]}, guessed[1])
    # Park and drive have codes of the standard's own, which no raw number is.
    if leaf.datatype not in CAPACITY or signal.length == 1 or signal.factor == 0 or leaf.name == "SelectedGear":
        return None
    remark = ""
    if leaf.unit and _unit(signal.unit) is None:
        row["unit"] = leaf.unit
        remark = f"the database's unit, '{signal.unit}', is not known" if signal.unit else "the database states no unit"
    if signal.choices:
        row["invalid"] = sorted(signal.choices)
        remark = "; ".join(filter(None, (remark, "codes with names taken for no value")))
    limits = _limits(signal, leaf)
    if limits is not None:
        low, high = limits
        if low >= high:
            return None
        row["range"] = [low, high]
    return row, remark


def _limits(signal: Signal, leaf: Leaf) -> tuple[float, float] | None:
    """Return the database's limits in the standard's unit, cut to what the datatype holds; None where they fit."""
    if signal.minimum is None or signal.maximum is None or signal.minimum >= signal.maximum:
        return None
    factor, offset = conversion(_unit(signal.unit) or leaf.unit, leaf.unit)
    ends = sorted((signal.minimum * factor + offset, signal.maximum * factor + offset))
    allowed = limits_of(leaf)
    low, high = max(ends[0], allowed[0]), min(ends[1], allowed[1])
    return None if holds(leaf.datatype, *ends) and low < high else (low, high)
