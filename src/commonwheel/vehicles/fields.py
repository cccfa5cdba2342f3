"""One field of a message seen as one standard signal: units, enumerations, limits, and the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.errors import CatalogError
from commonwheel.vehicles.model import Writer
from commonwheel.vehicles.rows import parse_range
from commonwheel.vehicles.yamltree import suggest
from commonwheel.wire.tables import MAX_TABLE_BITS, Condition, SignalRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.catalog import Leaf
    from commonwheel.vehicles.buses import BusData, Buses, Reference
    from commonwheel.vehicles.rows import FieldRow, Ranges
    from commonwheel.vehicles.yamltree import Key, Node, Reader, Scalar
    from commonwheel.wire.database import Message, Signal

__all__ = ["CAPACITY", "CompiledField", "compile_field", "holds", "limits_of", "multiplexed"]

CAPACITY: Mapping[str, tuple[float, float]] = {
    **INTEGER_RANGES,
    "boolean": (0, 1),
    "float": (-math.inf, math.inf),
    "double": (-math.inf, math.inf),
}
"""What each numeric datatype of the standard can hold."""


@dataclass(frozen=True, slots=True)
class CompiledField:
    """A field ready for the tables, and how to write it."""

    reference: Reference
    row: SignalRow
    """Without its emit number, which is -1."""
    writer: Writer
    """Without its message number, which is -1."""
    unit: str
    resolution: float


def holds(datatype: str, low: float, high: float) -> bool:
    """Whether a datatype can hold every value between two limits, up to rounding."""
    floor, ceiling = CAPACITY.get(datatype, (-math.inf, math.inf))
    return floor - 0.5 <= low and high <= ceiling + 0.5


def limits_of(leaf: Leaf) -> tuple[float, float]:
    """Return the values the standard allows: its own limits, and what its datatype can hold."""
    low, high = CAPACITY.get(leaf.datatype, (-math.inf, math.inf))
    return (
        low if leaf.minimum is None else max(low, float(leaf.minimum)),
        high if leaf.maximum is None else min(high, float(leaf.maximum)),
    )


def compile_field(
    row: FieldRow, leaf: Leaf | None, buses: Buses, reader: Reader, *, written_only: bool = False
) -> CompiledField | None:
    """Compile a 'from' row for a leaf of the standard, or (None) for an expression, in the wire's own unit.

    A field that is only written (a request's) need not map every code that it can hold.
    """
    reference = buses.field(row.node, row.source)
    if reference is None:
        return None
    bus, signal = buses.by_name[reference.bus], reference.signal
    present = [*multiplexed(reference.message, signal), *_conditions(row.when, bus, reference.message, row, buses)]
    valid = _conditions(row.valid_if, bus, reference.message, row, buses)
    invalid = _bits(row.invalid, signal)
    for low, high in row.invalid:
        if not _fits(low, signal) or not _fits(high, signal):
            reader.fault(row.node, f"'invalid' {low}..{high} cannot occur in {signal.length} bits of {reference}")
    unit = signal.unit if row.unit is None else row.unit
    values = row.values
    if values is None and leaf is not None and not _numeric(leaf, signal, row, reference, reader):
        return None
    wire_row = SignalRow(signal, -1, invalid=invalid, present=tuple(present), valid=tuple(valid))
    selectors = tuple((condition.signal.name, condition.values[0][0]) for condition in present)
    flags = tuple((condition.signal.name, condition.values[0][0]) for condition in valid)
    no_value = invalid[0][0] if invalid else None
    if values is not None or (leaf is not None and leaf.allowed):
        table, codes = _enumeration(row, leaf, reference, reader, holes=written_only)
        writer = Writer(-1, signal.name, codes=codes, present=selectors, valid=flags, invalid=no_value)
        return CompiledField(reference, replace(wire_row, table=table), writer, leaf.unit or "" if leaf else unit, 0.0)
    target = unit if leaf is None else leaf.unit or ""
    conversion = _convert(unit, target, row.node, reference, reader)
    if conversion is None:
        return None
    scale, shift = row.scale * conversion[0], row.offset * conversion[0] + conversion[1]
    factor, offset = signal.factor * scale, signal.offset * scale + shift
    if factor == 0 or not math.isfinite(factor) or not math.isfinite(offset):
        reader.fault(row.node, f"{reference} has no usable factor ({signal.factor:g})")
        return None
    low, high = _limits(row, leaf, reference, (scale, shift), reader)
    writer = Writer(
        -1, signal.name, factor, offset, present=selectors, valid=flags, invalid=no_value, low=low, high=high
    )
    wire_row = replace(wire_row, factor=factor, offset=offset, low=low, high=high)
    return CompiledField(reference, wire_row, writer, target, 0.0 if signal.is_float else abs(factor))


def _numeric(leaf: Leaf, signal: Signal, row: FieldRow, reference: Reference, reader: Reader) -> bool:
    """Whether a row without 'values' can serve the leaf; note a fault when not."""
    if leaf.datatype == "boolean" and signal.length != 1:
        reader.fault(
            row.node, f"{leaf.path} is boolean and {reference} has {signal.length} bits; map them with 'values'"
        )
        return False
    if leaf.allowed or leaf.datatype in CAPACITY:
        return True
    hint = "use 'text'" if leaf.datatype == "string" else "this datatype cannot come from one field"
    reader.fault(row.node, f"{leaf.path} is {leaf.datatype}; {hint}")
    return False


def _convert(unit: str, target: str, node: Node, reference: Reference, reader: Reader) -> tuple[float, float] | None:
    from commonwheel.catalog.units import conversion

    if unit == target:
        return 1.0, 0.0
    if not unit:
        reader.fault(node, f"{reference} has no unit in its database and the standard asks for {target}: state 'unit'")
        return None
    try:
        return conversion(unit, target)
    except CatalogError as error:
        what = f"the standard asks for {target}" if target else "the standard has no unit there"
        reader.fault(node, f"{reference} is in {unit} and {what}: {error}")
        return None


def _limits(
    row: FieldRow, leaf: Leaf | None, reference: Reference, scaling: tuple[float, float], reader: Reader
) -> tuple[float, float]:
    """Return the plausible range in the standard's unit: stated by the row, else by database and standard."""
    signal = reference.signal
    stated = row.limits
    if stated is None and signal.minimum is not None and signal.maximum is not None and signal.minimum < signal.maximum:
        ends = [limit * scaling[0] + scaling[1] for limit in (signal.minimum, signal.maximum)]
        stated = min(ends), max(ends)
    if leaf is None:
        return stated or (-math.inf, math.inf)
    allowed = limits_of(leaf)
    if stated is None:
        return allowed
    if not holds(leaf.datatype, *stated):
        text = f"{leaf.datatype} of {leaf.path} cannot hold {stated[0]:g}..{stated[1]:g} {leaf.unit or ''}".rstrip()
        reader.fault(row.node, f"{text} that {reference} can carry; state a 'range' it can hold")
    low, high = max(stated[0], allowed[0]), min(stated[1], allowed[1])
    if low > high:
        reader.fault(row.node, f"no value of {stated[0]:g}..{stated[1]:g} is allowed by {leaf.path}")
    return low, high


def _enumeration(
    row: FieldRow, leaf: Leaf | None, reference: Reference, reader: Reader, *, holes: bool
) -> tuple[tuple[float, ...], tuple[tuple[float, int], ...]]:
    """Return (value for each raw code, raw code for each value) of an enumeration."""
    signal = reference.signal
    if signal.is_float or signal.length > MAX_TABLE_BITS:
        reader.fault(row.node, f"{reference} has {signal.length} bits; an enumeration has at most {MAX_TABLE_BITS}")
        return (), ()
    size = 1 << signal.length
    table = [math.nan] * size
    codes: dict[float, int] = {}
    if row.values is None:
        mapped: dict[int, float | None] = _by_name(leaf, signal) if leaf else {}
        if not mapped:
            reader.fault(
                row.node, f"{leaf.path if leaf else row.source} has allowed values: map raw codes with 'values'"
            )
    else:
        mapped = _mapped(row.values, leaf, reference, reader)
    no_values = [range(low, high + 1) for low, high in _bits(row.invalid, signal)]
    if row.otherwise is not None:
        code = _code(row.otherwise, leaf, row.node, reader)
        rest = (raw for raw in range(size) if raw not in mapped and not any(raw in span for span in no_values))
        mapped |= dict.fromkeys(rest, code)
    elif not holes:
        _check_holes(row, mapped, reference, reader)
    for raw, code in mapped.items():
        if any(raw in span for span in no_values):
            reader.fault(row.node, f"raw code {raw} of {reference} is mapped and 'invalid' at once")
        elif code is not None:
            table[raw] = code
            codes.setdefault(code, raw)
    last = max((raw for raw in range(size) if not math.isnan(table[raw])), default=-1)
    return tuple(table[: last + 1]) or (math.nan,), tuple(codes.items())


def _by_name(leaf: Leaf, signal: Signal) -> dict[int, float | None]:
    if not leaf.datatype.startswith("string"):
        return {}
    labels = [str(label) for label in leaf.allowed]
    named = {raw: labels.index(name) for raw, name in signal.choices.items() if name in labels}
    return {_code_bits(raw, signal): float(code) for raw, code in named.items() if _fits(raw, signal)}


def _mapped(
    values: Mapping[Key, Node], leaf: Leaf | None, reference: Reference, reader: Reader
) -> dict[int, float | None]:
    """Return the standard's code for each raw one; None where it is stated wrongly."""
    signal = reference.signal
    names = {name: raw for raw, name in signal.choices.items()}
    mapped: dict[int, float | None] = {}
    for key, node in values.items():
        span = parse_range(key) or ((names[key], names[key]) if isinstance(key, str) and key in names else None)
        if span is None:
            hint = suggest(key, names)
            reader.fault(node, f"'{key}' is neither a raw code nor a value name of {reference}{hint}")
            continue
        if not (_fits(span[0], signal) and _fits(span[1], signal)):
            reader.fault(node, f"raw code {key} cannot occur in {signal.length} bits of {reference}")
            continue
        if isinstance(node.value, dict | list):
            reader.fault(node, "a plain value of the standard is expected here")
            continue
        code = _code(node.value, leaf, node, reader)
        raws = range(span[0], span[1] + 1)
        twice = next((raw for raw in raws if _code_bits(raw, signal) in mapped), None)
        if twice is not None:
            reader.fault(node, f"raw code {twice} of {reference} is mapped twice")
        mapped |= {_code_bits(raw, signal): code for raw in raws}
    return mapped


def _code(value: Scalar, leaf: Leaf | None, node: Node, reader: Reader) -> float | None:
    """Return the standard's code for a label, a boolean or a number."""
    if leaf is not None and leaf.allowed and leaf.datatype.startswith("string"):
        labels = [str(label) for label in leaf.allowed]
        if str(value) in labels:
            return float(labels.index(str(value)))
        hint = suggest(value, labels)
        reader.fault(node, f"'{value}' is not allowed for {leaf.path}{hint}; allowed are {', '.join(labels)}")
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, bool) and (leaf is None or leaf.datatype == "boolean"):
            return float(value)
        reader.fault(node, f"'{value}' is not a value of {leaf.path if leaf else 'this input'}")
        return None
    low, high = limits_of(leaf) if leaf else (-math.inf, math.inf)
    if not low <= value <= high or (leaf and leaf.allowed and value not in leaf.allowed):
        reader.fault(node, f"{value} is not a value of {leaf.path if leaf else 'this input'}")
        return None
    return float(value)


def _check_holes(row: FieldRow, mapped: Mapping[int, float | None], reference: Reference, reader: Reader) -> None:
    signal = reference.signal
    invalid = _bits(row.invalid, signal)
    holes = [
        f"{raw} ('{name}')"
        for raw, name in sorted(signal.choices.items())
        if _fits(raw, signal)
        and _code_bits(raw, signal) not in mapped
        and not any(low <= _code_bits(raw, signal) <= high for low, high in invalid)
    ]
    if holes:
        listed = ", ".join(holes[:4]) + (" …" if len(holes) > 4 else "")  # noqa: PLR2004 - enough to find the rest
        reader.fault(
            row.node, f"{reference} can be {listed}, which 'values' leaves out: map it, or list it under 'invalid'"
        )


def multiplexed(message: Message, signal: Signal) -> list[Condition]:
    """Return the conditions of a multiplexed field, its outermost selector first."""
    conditions: list[Condition] = []
    at = signal
    while at.multiplexed is not None and len(conditions) < len(message.signals):
        selector = message.signal(at.multiplexed.selector)
        if selector is None:
            break
        conditions.insert(0, Condition(selector, at.multiplexed.values))
        at = selector
    return conditions


def _conditions(
    stated: Mapping[str, Ranges], bus: BusData, message: Message, row: FieldRow, buses: Buses
) -> list[Condition]:
    conditions: list[Condition] = []
    for name, spans in stated.items():
        signal = buses.of_message(row.node, bus, message, name)
        if signal is not None and spans:
            conditions.append(Condition(signal, _bits(spans, signal)))
    return conditions


def _fits(raw: int, signal: Signal) -> bool:
    return -(1 << signal.length - 1) <= raw < 1 << signal.length


def _code_bits(raw: int, signal: Signal) -> int:
    """Return a raw code as unsigned bits; a negative one is meant in two's complement."""
    return raw & ((1 << signal.length) - 1)


def _bits(spans: Ranges, signal: Signal) -> Ranges:
    """Return raw codes as unsigned bits; a span across zero is two spans there."""
    parts: list[tuple[int, int]] = []
    for low, high in spans:
        parts += [(low, -1), (0, high)] if low < 0 <= high else [(low, high)]
    return tuple((_code_bits(low, signal), _code_bits(high, signal)) for low, high in parts)
