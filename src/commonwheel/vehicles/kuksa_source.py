"""What one mapping of KUKSA's rests on, and small facts about fields that several modules here need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.catalog.units import conversion
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from commonwheel.catalog import Leaf
    from commonwheel.vehicles.kuksa_mapping import Entry, Link
    from commonwheel.vehicles.yamlwrite import Value
    from commonwheel.wire.database import Message, Signal

__all__ = [
    "LeftOutError",
    "Remark",
    "Row",
    "Source",
    "WrongError",
    "codes",
    "is_flag",
    "literal",
    "physical",
    "ranges",
    "raw_code",
    "tidy",
]

Row = dict["str | int", "Value"]
"""A row of a description."""

_EXACT = 1e15
_NOISE = 1e-14  # relative
_STEP = 1e-6  # of one raw step


class LeftOutError(ValueError):
    """A description cannot say it; holds why."""


class WrongError(ValueError):
    """KUKSA's CAN provider would refuse it too; holds why."""


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """Something that a person should know of a translation."""

    line: int
    """Of the file that was translated; 0 when it concerns no line."""
    path: str
    """The standard's signal, or '' when it concerns none."""
    message: str
    left_out: bool = False
    """Whether it is about something that is not in the result."""

    def __str__(self) -> str:
        return (f"{self.path}: " if self.path else "") + ("left out: " if self.left_out else "") + self.message


@dataclass(frozen=True, slots=True)
class Source:
    """What a row is made of: the mapping, the database's field and the standard's leaf."""

    entry: Entry
    link: Link
    reference: str
    """bus/Message.Signal."""
    message: Message
    signal: Signal
    leaf: Leaf
    say: Callable[[str], None]
    """Takes what is worth a line in the report."""

    @property
    def unit(self) -> str:
        """Unit of KUKSA's value: that of its VSS leaf."""
        return self.entry.unit if self.entry.unit is not None else self.leaf.unit or ""

    @property
    def conversion(self) -> tuple[float, float]:
        """(factor, offset) from KUKSA's unit to the standard's.

        Raises:
            LeftOutError: there is none.
        """
        try:
            return conversion(self.unit, self.leaf.unit)
        except CatalogError as error:
            message = f"KUKSA's file has it in '{self.unit}', the standard in '{self.leaf.unit or ''}': {error}"
            raise LeftOutError(message) from error


def physical(signal: Signal, raw: int) -> float:
    """Return the physical value of a raw code, computed as cantools computes it."""
    value = raw * signal.factor + signal.offset
    return int(value) if float(value).is_integer() and abs(value) < _EXACT else value


def raw_code(signal: Signal, value: float) -> int | None:
    """Return the raw code whose physical value this is, or None when there is none."""
    if signal.factor == 0 or signal.is_float:
        return None
    exact = (value - signal.offset) / signal.factor
    raw = round(exact)
    return raw if abs(exact - raw) <= _STEP and raw in codes(signal) else None


def codes(signal: Signal) -> range:
    """Return every raw code that a field can hold."""
    half = 1 << signal.length - 1
    return range(-half, half) if signal.signed else range(2 * half)


def is_flag(signal: Signal) -> bool:
    """Whether a field is one bit that means false and true, and its database says nothing else."""
    plain = signal.length == 1 and not signal.signed and (signal.factor, signal.offset) == (1.0, 0.0)
    limits = (signal.minimum or 0.0, signal.maximum or 0.0)
    return plain and not signal.unit and min(limits) >= 0 and max(limits) <= 1


def ranges(codes: Iterable[int]) -> list[Value]:
    """Return raw codes as the language lists them: numbers, and 'low..high' for three and more in a row."""
    spans: list[list[int]] = []
    for raw in sorted(codes):
        if spans and raw == spans[-1][1] + 1:
            spans[-1][1] = raw
        else:
            spans.append([raw, raw])
    listed: list[Value] = []
    for low, high in spans:
        listed += [f"{low}..{high}"] if high - low > 1 else list(range(low, high + 1))
    return listed


def tidy(value: float) -> float:
    """Return a number without the noise of binary fractions in its last digits."""
    short = float(f"{value:.13g}")
    return short if abs(short - value) <= _NOISE * abs(value) else value


def literal(value: float) -> str:
    """Return a number as text, whole ones without a point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < _EXACT else repr(float(value))
