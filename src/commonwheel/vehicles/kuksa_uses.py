"""A description's rows, seen as KUKSA could use them: each a field, a formula or codes, and filters.

KUKSA drops values outside of the database's limits, so what a row takes for INVALID becomes limits where
it lies at an end of the raw range. What stands in the middle, and everything else that KUKSA has no words
for, is refused or said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.catalog.units import conversion, to_pint
from commonwheel.vehicles.expressions import compile_expression
from commonwheel.vehicles.fields import compile_field
from commonwheel.vehicles.kuksa_math import affine_math, steps_math
from commonwheel.vehicles.kuksa_source import LeftOutError, codes, literal, physical, tidy
from commonwheel.vehicles.rows import ComputeRow, FieldRow, FirstRow
from commonwheel.wire.tables import Op

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.catalog import Leaf
    from commonwheel.vehicles.buses import Buses, Reference
    from commonwheel.vehicles.expressions import Step
    from commonwheel.vehicles.fields import CompiledField
    from commonwheel.vehicles.rows import Row
    from commonwheel.vehicles.yamltree import Reader
    from commonwheel.wire.database import Signal

__all__ = ["Rows", "Use", "label", "use_of"]

MOST_CODES = 300
"""From/to pairs that one mapping may take."""
MOST_RUNS = 8
"""Comparisons that one formula may take instead."""
_WHOLE = 1e-9
_LARGEST = 3.4e38  # of a binary32; DBC has no word for 'no limit' on one side

Rows = dict[str, "tuple[Leaf, Row]"]
Span = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Use:
    """How KUKSA makes one signal out of one field."""

    path: str
    leaf: Leaf
    reference: Reference
    formula: str = ""
    """Transform math; '' for the physical value itself."""
    table: tuple[tuple[int, str | float | bool], ...] | None = None
    """Raw code to the standard's value, for codes."""
    filters: tuple[tuple[Signal, int], ...] = ()
    """Fields of the same message and the raw code each must hold."""
    span: Span = None
    """Raw codes (of a float: physical values) that carry a value, first and last; None: all."""


@dataclass(frozen=True, slots=True)
class _Context:
    rows: Rows
    buses: Buses
    reader: Reader
    say: Callable[[str], None]


def use_of(path: str, rows: Rows, buses: Buses, reader: Reader, say: Callable[[str], None]) -> Use:
    """Return how KUKSA gets a path of a description that compiles.

    Raises:
        LeftOutError: KUKSA has no words for it.
    """
    leaf, row = rows[path]
    context = _Context(rows, buses, reader, say)
    if isinstance(row, FieldRow):
        return _field(path, leaf, row, context)
    if isinstance(row, FirstRow):
        others = ", ".join(source.source for source in row.sources[1:])
        use = _field(path, leaf, row.sources[0], context)
        say(f"KUKSA has no fallbacks: only {row.sources[0].source} is taken, not {others}")
        return use
    if isinstance(row, ComputeRow):
        return _computed(path, leaf, row, context)
    message = "KUKSA cannot join characters of several frames into a text"
    raise LeftOutError(message)


def _field(path: str, leaf: Leaf, row: FieldRow, context: _Context) -> Use:
    field = _compiled(row, leaf, context)
    filters = _filters(row, field, context)
    if field.row.table or leaf.datatype == "boolean":
        table = _table(field, leaf)
        if len(table) <= MOST_CODES:
            return Use(path, leaf, field.reference, table=table, filters=filters)
        text, span = _steps(table, field)
        return Use(path, leaf, field.reference, text, filters=filters, span=span)
    span = _span(field, context.say)
    scale, shift = _scaling(row, field, leaf)
    text = affine_math(tidy(scale), tidy(shift))
    if leaf.datatype in INTEGER_RANGES and not all(map(_is_whole, (field.row.factor, field.row.offset))):
        # KUKSA cuts decimals off where the datatype is an integer; this rounds.
        text = f"floor({text or 'x'} + 0.5)"
    return Use(path, leaf, field.reference, text, filters=filters, span=span)


def _compiled(row: FieldRow, leaf: Leaf | None, context: _Context) -> CompiledField:
    field = compile_field(row, leaf, context.buses, context.reader)
    if field is None:
        message = "the row does not compile"
        raise LeftOutError(message)
    return field


def _scaling(row: FieldRow, field: CompiledField, leaf: Leaf | None) -> tuple[float, float]:
    """Return (factor, offset) from the database's physical value to the standard's."""
    if leaf is None:
        return row.scale, row.offset
    unit = field.reference.signal.unit if row.unit is None else row.unit
    factor, offset = conversion(unit, leaf.unit or "")
    return row.scale * factor, row.offset * factor + offset


def _filters(row: FieldRow, field: CompiledField, context: _Context) -> tuple[tuple[Signal, int], ...]:
    """Return 'when' and 'valid_if' as conditions that KUKSA knows: a field of the message equals one value."""
    found: list[tuple[Signal, int]] = []
    for key, stated in (("when", row.when), ("valid_if", row.valid_if)):
        for name, spans in stated.items():
            if len(spans) != 1 or spans[0][0] != spans[0][1]:
                message = f"'{key}' lets several values of '{name}' through; KUKSA's 'multiplexer' knows one"
                raise LeftOutError(message)
            selector = field.reference.message.signal(name)
            if selector is None:
                message = f"'{name}' is not in the message"
                raise LeftOutError(message)
            raw = _signed(spans[0][0], selector)
            if not _is_whole(raw * selector.factor + selector.offset):
                message = f"'{name}' has a fraction where '{key}' asks for it; KUKSA compares whole numbers"
                raise LeftOutError(message)
            found.append((selector, raw))
            if key == "valid_if":
                context.say(f"where '{name}' does not hold KUKSA has no sample, instead of an INVALID one")
    return tuple(found)


def _signed(bits: int, signal: Signal) -> int:
    """Return unsigned bits as the raw code they stand for."""
    bits &= (1 << signal.length) - 1
    return bits - (1 << signal.length) if signal.signed and bits >> signal.length - 1 else bits


def _table(field: CompiledField, leaf: Leaf) -> tuple[tuple[int, str | float | bool], ...]:
    signal, row = field.reference.signal, field.row
    invalid = [raw for low, high in row.invalid for raw in range(low, high + 1)]
    values: Mapping[int, float] = (
        dict(enumerate(row.table)) if row.table else {0: row.offset, 1: row.factor + row.offset}
    )
    return tuple(
        (_signed(bits, signal), label(value, leaf))
        for bits, value in values.items()
        if not math.isnan(value) and bits not in invalid
    )


def _steps(table: tuple[tuple[int, str | float | bool], ...], field: CompiledField) -> tuple[str, Span]:
    """Return codes too many to list as a formula of comparisons, and the codes that carry a value."""
    signal, pairs = field.reference.signal, sorted(table)
    runs: list[tuple[int, str | float | bool]] = []  # the last code of each run, and its value
    for raw, value in pairs:
        if runs and runs[-1][1] == value:
            runs.pop()
        runs.append((raw, value))
    gapless = pairs[-1][0] - pairs[0][0] == len(pairs) - 1
    if len(runs) > MOST_RUNS or not gapless or signal.factor <= 0 or any(isinstance(value, str) for _, value in runs):
        message = f"{len(pairs)} codes have a meaning; KUKSA's mapping would list them one by one"
        raise LeftOutError(message)
    text = literal(float(runs[-1][1]))
    for last, value in reversed(runs[:-1]):
        edge = tidy(physical(signal, last) + signal.factor / 2)
        text = f"if(x < {literal(edge)}, {literal(float(value))}, {text})"
    every = codes(signal)
    return text, None if len(pairs) == len(every) else (pairs[0][0], pairs[-1][0])


def label(code: float, leaf: Leaf) -> str | float | bool:
    """Return the standard's value for a code: a label, a boolean or a number."""
    if leaf.datatype == "boolean":
        return bool(code)
    if leaf.datatype == "string":
        return str(leaf.allowed[int(code)])
    return int(code) if code.is_integer() else code


def _span(field: CompiledField, say: Callable[[str], None]) -> Span:
    """Return the raw codes that carry a value, and say which of them do not."""
    row, signal = field.row, field.reference.signal
    if signal.is_float:
        ends = sorted(
            (limit - row.offset) / row.factor * signal.factor + signal.offset for limit in (row.low, row.high)
        )
        if row.invalid:
            say("its INVALID bit patterns are no limits of a float; KUKSA takes them for values")
        low, high = max(ends[0], -_LARGEST), min(ends[1], _LARGEST)
        return None if (low, high) == (-_LARGEST, _LARGEST) else (low, high)
    every = codes(signal)
    bounds = sorted(
        (limit + side * _WHOLE * max(1.0, abs(limit)) - row.offset) / row.factor
        for limit, side in ((row.low, -1), (row.high, 1))
    )
    first = every[0] if bounds[0] < every[0] else math.ceil(bounds[0])
    last = every[-1] if bounds[1] > every[-1] else math.floor(bounds[1])
    invalid = sorted(_signed_spans(row.invalid, signal))
    for low, high in invalid:
        if low <= first <= high:
            first = high + 1
    for low, high in reversed(invalid):
        if low <= last <= high:
            last = low - 1
    inside = [f"{low}..{high}" if low < high else str(low) for low, high in invalid if first < low and high < last]
    if inside:
        say(f"raw codes {', '.join(inside)} are INVALID in the middle of the range; KUKSA takes them for values")
    if first > last:
        message = "no raw code carries a value"
        raise LeftOutError(message)
    return None if (first, last) == (every[0], every[-1]) else (first, last)


def _signed_spans(spans: tuple[tuple[int, int], ...], signal: Signal) -> list[tuple[int, int]]:
    half = 1 << signal.length - 1
    result: list[tuple[int, int]] = []
    for low, high in spans:
        if signal.signed and low < half <= high:  # a range of bits across the sign is two ranges of numbers
            result += [(low, half - 1), (-half, _signed(high, signal))]
        else:
            result.append((_signed(low, signal), _signed(high, signal)))
    return result


def _computed(path: str, leaf: Leaf, row: ComputeRow, context: _Context) -> Use:
    if len(row.inputs) != 1:
        listed = ", ".join(item.source for item in row.inputs.values())
        message = f"computed from several signals ({listed}); KUKSA's formulas have one"
        raise LeftOutError(message)
    ((name, item),) = row.inputs.items()
    source: Leaf | None = None
    if "/" not in item.source:
        source, other = context.rows[item.source]
        if isinstance(other, FirstRow):
            context.say(f"of '{item.source}', which it is computed from, only {other.sources[0].source} is taken")
            other = other.sources[0]
        if not isinstance(other, FieldRow):
            message = f"computed from '{item.source}', which is no single field"
            raise LeftOutError(message)
        item = other
    field = _compiled(item, source, context)
    if field.row.table:
        message = "computed from codes; KUKSA has either codes or a formula"
        raise LeftOutError(message)
    filters = _filters(item, field, context)
    unit = field.unit
    expression = compile_expression(row.expression, {name: to_pint(unit) if unit else None})
    steps = expression.steps
    if expression.unit is not None and leaf.datatype != "boolean":
        steps = _scaled(steps, *conversion(expression.unit, leaf.unit))
    text = steps_math(steps, affine_math(*map(tidy, _scaling(item, field, source))) or "x")
    if leaf.datatype in INTEGER_RANGES and steps[-1][0] not in {Op.FLOOR, Op.ROUND}:
        text = f"floor({text} + 0.5)"
    if row.limits is not None:
        context.say(f"KUKSA does not limit the result to {row.limits[0]:g}..{row.limits[1]:g}")
    return Use(path, leaf, field.reference, text, filters=filters, span=_span(field, context.say))


def _scaled(steps: tuple[Step, ...], factor: float, offset: float) -> tuple[Step, ...]:
    if factor != 1:
        steps = (*steps, (Op.CONSTANT, factor), (Op.MUL, 0))
    return (*steps, (Op.CONSTANT, offset), (Op.ADD, 0)) if offset else steps


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) <= _WHOLE * max(1.0, abs(value))
