"""Parameter sections as data types: from a struct's annotations to checked values out of a file.

A section is a frozen ``msgspec.Struct``. Numbers are annotated with ``unit``; a field without a default has to be
stated. The key in the file is the field's name without its unit: ``mass_kg: Annotated[float, unit("kg")]`` is written
``mass: 1493 kg``. A tuple of numbers is written as a list, a tuple of pairs (a curve) as a mapping, an enumeration by
its value, a name as it is, and names with codes as a mapping. A struct's method ``wrong()``, where it has one, says
what is wrong with the values together.
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import math
import typing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.yamltree import Node, Reader, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Field", "Kind", "Points", "fields_of", "read_section", "unit"]

Points = tuple[tuple[float, float], ...]
"""A curve: (x, y) with rising x; straight between the points, level beyond them."""

FEWEST = 2
"""Points of a curve."""

_ANY = Bounds()

_Section = TypeVar("_Section", bound=msgspec.Struct)


def unit(text: str = "", low: float = 0.0, high: float = math.inf) -> Meta:
    """Return the annotation of a number that is written with this unit and lies between these bounds."""
    return Meta(ge=low, le=high if math.isfinite(high) else None, extra={"unit": text})


class Kind(enum.Enum):
    """How a value is written."""

    QUANTITY = enum.auto()
    WHOLE = enum.auto()
    BOOLEAN = enum.auto()
    CHOICE = enum.auto()
    TEXT = enum.auto()
    CODES = enum.auto()
    """Names, each with a whole number."""
    LIST = enum.auto()
    CURVE = enum.auto()


@dataclass(frozen=True, slots=True)
class Field:
    """What a field holds, and how a file states it."""

    kind: Kind
    name: str = ""
    key: str = ""
    """How the file calls it."""
    required: bool = False
    unit: str = ""
    within: Bounds = _ANY
    choices: type[enum.Enum] | None = None
    parts: tuple[Field, ...] = ()
    """Of a curve: x and y; of a list: its members, or the one that all are like."""
    any_length: bool = False

    @property
    def expected(self) -> str:
        """What to write, for a message."""
        shown = _SHOWN.get(self.unit, self.unit)
        if self.kind is Kind.CURVE:
            return f"a curve {{{self.parts[0].expected}: {self.parts[1].expected}, ...}}"
        if self.kind is Kind.LIST:
            count = "" if self.any_length else f"{len(self.parts)} "
            return f"a list of {count}values, each {self.parts[0].expected}"
        if self.choices is not None:
            return "one of " + ", ".join(str(member.value) for member in self.choices)
        return _FORMS.get(self.kind, f"a quantity in {shown}")


_FORMS = {
    Kind.WHOLE: "a whole number",
    Kind.BOOLEAN: "true or false",
    Kind.TEXT: "a name",
    Kind.CODES: "names with whole numbers {name: 1, ...}",
}
_SHOWN = {"": "plain numbers or %", "Celsius": "degC"}
_SUFFIXES = {"": "", "m/s": "_mps", "Celsius": "_c"}
_NO_SIGNS = str.maketrans("", "", "^*")


def _suffix(text: str) -> str:
    """Return how a field's name ends that holds this unit."""
    return _SUFFIXES.get(text, "_" + text.lower().replace("/", "_per_").translate(_NO_SIGNS))


@functools.cache
def fields_of(section: type[msgspec.Struct]) -> Mapping[str, Field]:
    """Return a section's fields by the key that the file has for them."""
    hints = typing.get_type_hints(section, include_extras=True)
    found: dict[str, Field] = {}
    for info in msgspec.structs.fields(section):
        field = _field(hints[info.name], None)
        ending = _suffix(field.unit)
        key = info.name.removesuffix(ending) if ending else info.name
        if key in found:
            message = f"{section.__name__} has two fields that a file would call '{key}'"
            raise TypeError(message)
        found[key] = replace(field, name=info.name, key=key, required=info.required)
    return found


def _field(hint: Any, meta: Meta | None) -> Field:  # noqa: ANN401 - what typing gives
    """Return what a type hint stands for."""
    if typing.get_origin(hint) is Annotated:
        inner, *extras = typing.get_args(hint)
        return _field(inner, next((extra for extra in extras if isinstance(extra, Meta)), meta))
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return _many(arguments)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return Field(Kind.CHOICE, choices=hint)
    if typing.get_origin(hint) is collections.abc.Mapping:
        return Field(Kind.CODES)
    kinds = {float: Kind.QUANTITY, int: Kind.WHOLE, bool: Kind.BOOLEAN, str: Kind.TEXT}
    if hint not in kinds:
        message = f"a parameter cannot be of type {hint}"
        raise TypeError(message)
    return _number(kinds[hint], meta or Meta())


def _many(arguments: tuple[Any, ...]) -> Field:
    """Return what a tuple of these stands for."""
    if arguments[-1] is not Ellipsis:
        parts = tuple(_field(argument, None) for argument in arguments)
        return Field(Kind.LIST, unit=parts[0].unit, parts=parts)
    if typing.get_origin(arguments[0]) is tuple:
        x, y = (_field(argument, None) for argument in typing.get_args(arguments[0]))
        return Field(Kind.CURVE, unit=y.unit, parts=(x, y))
    part = _field(arguments[0], None)
    return Field(Kind.LIST, unit=part.unit, parts=(part,), any_length=True)


def _number(kind: Kind, meta: Meta) -> Field:
    low = -math.inf if meta.ge is None else float(meta.ge)
    high = math.inf if meta.le is None else float(meta.le)
    return Field(kind, unit=str((meta.extra or {}).get("unit", "")), within=Bounds(low, high))


def read_section(
    section: type[_Section], name: str, where: Node, values: Mapping[str, Node], reader: Reader
) -> _Section | None:
    """Return a section made of the values stated for it.

    Args:
        section: what it is.
        name: what the file calls it.
        where: its place, for faults of the section as a whole.
        values: key to value; keys that it does not have were told before.
        reader: takes the faults.

    Returns:
        the section; None after a fault in it.
    """
    faults = len(reader.faults)
    taken: dict[str, object] = {}
    for key, field in fields_of(section).items():
        if key in values:
            taken[field.name] = _value(values[key], f"'{name}: {key}'", field, reader)
        elif field.required:
            reader.fault(where, f"'{name}' needs '{key}', {field.expected}")
    if len(reader.faults) > faults:
        return None
    made = section(**taken)
    check = cast("Callable[[], str | None] | None", getattr(made, "wrong", None))
    wrong = check() if check else None
    if wrong:
        reader.fault(where, f"'{name}': {wrong}")
        return None
    return made


def _value(node: Node, what: str, field: Field, reader: Reader) -> object:
    if field.kind is Kind.CURVE:
        return _curve(node, what, field, reader)
    if field.kind is Kind.LIST:
        return _list(node, what, field, reader)
    if field.kind is Kind.WHOLE:
        value = reader.whole(node, what, 0)
        if isinstance(node.value, int) and value not in field.within:
            reader.fault(node, f"{what} is {field.within.describe('')}, not {value}")
        return value
    return _word(node, what, field, reader)


def _word(node: Node, what: str, field: Field, reader: Reader) -> object:
    """Return a value that is no list and no whole number."""
    if field.kind is Kind.TEXT:
        return reader.text(node, what)
    if field.kind is Kind.CODES:
        return _codes(node, what, reader)
    if field.kind is Kind.BOOLEAN:
        return reader.boolean(node, what)
    if field.choices is not None:
        return _choice(node, what, field.choices, reader)
    return _quantity(node, what, field, reader)


def _quantity(node: Node, what: str, field: Field, reader: Reader) -> float:
    return quantity(reader, node, what, field.unit, within=field.within)


def _choice(node: Node, what: str, choices: type[enum.Enum], reader: Reader) -> enum.Enum | None:
    known = {member.value: member for member in choices}
    if node.value not in known:
        reader.fault(node, f"{what} is one of {', '.join(map(str, known))}{suggest(node.value, known)}")
        return None
    return known[node.value]


def _codes(node: Node, what: str, reader: Reader) -> Mapping[str, int]:
    rows = reader.mapping(node, what)
    return {key: reader.whole(value, f"{what}: {key}", 0) for key, value in rows.items()}


def _list(node: Node, what: str, field: Field, reader: Reader) -> tuple[object, ...]:
    if not isinstance(node.value, list) or not (field.any_length or len(node.value) == len(field.parts)):
        reader.fault(node, f"{what} is {field.expected}")
        return ()
    parts = field.parts * len(node.value) if field.any_length else field.parts
    return tuple(_value(item, what, part, reader) for item, part in zip(node.value, parts, strict=True))


def _curve(node: Node, what: str, field: Field, reader: Reader) -> Points:
    faults = len(reader.faults)
    if not isinstance(node.value, dict) or len(node.value) < FEWEST:
        reader.fault(node, f"{what} is {field.expected}, with at least {FEWEST} points")
        return ()
    points: list[tuple[float, float]] = []
    for key, value in node.value.items():
        x = _quantity(Node(key, value.file, value.line), f"{what}, left of the colon,", field.parts[0], reader)
        y = _quantity(value, what, field.parts[1], reader)
        if points and x <= points[-1][0] and len(reader.faults) == faults:
            reader.fault(value, f"{what}: '{key}' is not above the point before it; state the points in rising order")
        points.append((x, y))
    return tuple(points)
