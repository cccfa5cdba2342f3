"""What sets a car's variant apart, in words; and the folding of texts that differ in a number only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.vehicles.model import SignalInfo
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["FOLD_FROM", "NUMBER", "changes_of", "common", "told"]

NUMBER = re.compile(r"\d+")
FOLD_FROM = 3
"""As many and more that differ in a number are told as one."""


def told(value: object) -> str:
    """Return a fixed fact's value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(told(item) for item in cast("list[object]", value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def common(texts: Sequence[str]) -> str:
    """Return texts that differ in numbers as one, with '#' for each number that differs."""
    numbers = [NUMBER.findall(text) for text in texts]
    if any(len(found) != len(numbers[0]) for found in numbers):
        return texts[0]
    differ = [len(set(column)) > 1 for column in zip(*numbers, strict=True)]
    parts = NUMBER.split(texts[0])
    kept = ["#" if other else number for number, other in zip(numbers[0], differ, strict=True)]
    return parts[0] + "".join(number + part for number, part in zip(kept, parts[1:], strict=True))


def changes_of(car: Vehicle, variant: Vehicle) -> tuple[str, ...]:
    """Return what sets a variant apart from its car, a change in each text."""
    return (
        *_signal_changes(car, variant),
        *(f"{path} = {told(value)}" for path, value in variant.attributes.items() if car.attributes.get(path) != value),
        *(f"without {path}" for path in car.attributes if path not in variant.attributes),
        *_message_changes(car, variant),
    )


def _signal_changes(car: Vehicle, variant: Vehicle) -> list[str]:
    mine, other = ({info.path: info for info in one.signals} for one in (car, variant))
    changes = [f"also {path}" for path in _folded([path for path in other if path not in mine])]
    changes += [f"without {path}" for path in _folded([path for path in mine if path not in other])]
    for path in mine.keys() & other.keys():
        if _read_as(mine[path]) != _read_as(other[path]) or not _written_alike(car, variant, path):
            changes.append(f"{path} is read otherwise: {', '.join(other[path].sources)}")
    return sorted(changes)


def _folded(paths: Sequence[str]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(NUMBER.sub("#", path), []).append(path)
    shown: list[str] = []
    for members in groups.values():
        together = len(members) >= FOLD_FROM
        shown += [f"{common(members)} ({len(members)} signals)"] if together else members
    return shown


def _read_as(info: SignalInfo) -> tuple[object, ...]:
    return info.how, info.sources, info.unit, info.resolution, info.low, info.high, info.labels


def _written_alike(car: Vehicle, variant: Vehicle, path: str) -> bool:
    """Whether a value lies in the same fields, by the same arithmetic; the messages' numbers do not matter."""
    mine, other = (
        [(w.field, w.factor, w.offset, w.codes) for w in one.writers.get(path, ())] for one in (car, variant)
    )
    return mine == other


def _message_changes(car: Vehicle, variant: Vehicle) -> list[str]:
    mine, other = ({(one.buses[m.bus].name, m.name): m for m in one.messages} for one in (car, variant))
    told: list[str] = []
    for word, keys in (("also sends", other.keys() - mine.keys()), ("does not send", mine.keys() - other.keys())):
        told += [f"{word} {bus}/{name}" for bus, name in sorted(keys)]
    changed = [key for key in mine.keys() & other.keys() if mine[key].fields != other[key].fields]
    return told + [f"other fields in {bus}/{name}" for bus, name in sorted(changed)]
