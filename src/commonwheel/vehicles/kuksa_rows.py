"""KUKSA's mapping of one signal, as a row of a description.

KUKSA's value of a DBC signal is its physical value or, for a code that has a name, the name: it compares
equal to that name only and cannot be calculated with. What lies outside the database's limits is dropped,
and so is what no pair of a mapping matches or a formula fails on: such codes are ``INVALID`` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.catalog.units import conversion
from commonwheel.errors import CatalogError
from commonwheel.vehicles.fields import CAPACITY, holds, limits_of
from commonwheel.vehicles.kuksa_codes import code_row, request_codes
from commonwheel.vehicles.kuksa_expressions import InexpressibleError, affine, compares_only, nearest
from commonwheel.vehicles.kuksa_math import to_compute
from commonwheel.vehicles.kuksa_source import LeftOutError, WrongError, is_flag, literal, ranges, raw_code, tidy
from commonwheel.wire.tables import MAX_TABLE_BITS

if TYPE_CHECKING:
    from commonwheel.vehicles.kuksa_expressions import Formula
    from commonwheel.vehicles.kuksa_source import Row, Source
    from commonwheel.vehicles.yamlwrite import Value

__all__ = ["request_row", "signal_row"]

_SAME = 1e-9  # relative: two scalings that differ by less are one


def signal_row(source: Source) -> Row:
    """Return the row of a dbc2vss mapping.

    Raises:
        LeftOutError: a description cannot say it.
        WrongError: KUKSA would not take it either.
    """
    link, leaf = source.link, source.leaf
    if link.inexpressible:
        raise LeftOutError(link.inexpressible)
    if leaf.datatype not in CAPACITY and not (leaf.datatype == "string" and leaf.allowed):
        what = "a text without a list of allowed ones" if leaf.datatype == "string" else leaf.datatype
        message = f"the standard's signal is {what}, which no single field can give"
        raise LeftOutError(message)
    when = _filters(source)
    formula, signal = link.math, source.signal
    plain = leaf.datatype != "boolean" and not leaf.allowed and link.mapping is None
    if plain and not _looks_at_names(source):
        row = _number_row(source)
    elif is_flag(signal) and leaf.datatype == "boolean" and link.mapping is None and formula is None:
        row: Row = {"from": source.reference}
    elif formula is not None and (signal.is_float or signal.length > MAX_TABLE_BITS):
        row = _computed_row(source, formula)
    else:
        row = code_row(source)
    if when and "compute" in row:
        row["with"] = {"x": {**_input(source, row), "when": when}}
    elif when:
        row["when"] = when
    return row


def _input(source: Source, row: Row) -> Row:
    """Return the input of a computed row in its long form."""
    inputs = row["with"]
    item = inputs["x"] if isinstance(inputs, Mapping) else ""
    return dict(item.items()) if isinstance(item, Mapping) else {"from": source.reference}


def _looks_at_names(source: Source) -> bool:
    """Whether the formula looks at codes that have a name, which only a table can tell apart."""
    formula = source.link.math
    return formula is not None and formula.op != "x" and bool(source.signal.choices) and compares_only(formula)


def _filters(source: Source) -> dict[str | int, Value]:
    """Return 'when' for KUKSA's 'multiplexer'."""
    when: dict[str | int, Value] = {}
    for name, value in source.link.filters:
        selector = source.message.signal(name)
        if selector is None:
            message = (
                f"the multiplexer '{name}' is not in '{source.message.name}', the message of '{source.signal.name}'"
            )
            raise WrongError(message)
        raw = raw_code(selector, value)
        if raw is None:
            message = f"the multiplexer '{name}' can never be {value}"
            raise LeftOutError(message)
        if raw in selector.choices:
            what = f"'{name}' has the name '{selector.choices[raw]}' for {value}, so KUKSA never finds it equal"
            source.say(f"{what}; taken as meant")
        if name in when and when[name] != raw:
            message = f"the multiplexer '{name}' has to be two values at once"
            raise LeftOutError(message)
        when[name] = raw
    return when


def _number_row(source: Source) -> Row:
    formula = source.link.math
    scaling = (1.0, 0.0) if formula is None else affine(formula)
    if scaling is None and formula is not None and source.entry.datatype in INTEGER_RANGES:
        scaling = nearest(formula)
        if scaling is not None:
            source.say("KUKSA rounds to whole numbers; the row keeps the wire's resolution, interfaces round")
    if scaling is None and formula is not None:
        return _computed_row(source, formula)
    if scaling is None or scaling[0] == 0:
        message = f"the formula '{source.link.formula}' is a constant; state it under 'attributes'"
        raise LeftOutError(message)
    row: Row = {"from": source.reference, **_scaled(source, scaling)}
    invalid = _named(source)
    if invalid:
        row["invalid"] = invalid
    limits = _limits(source, scaling)
    if limits:
        row["range"] = list(limits)
    return row


def _scaled(source: Source, scaling: tuple[float, float]) -> Row:
    """Return 'unit', 'scale' and 'offset' as far as they are needed."""
    unit, signal = source.unit, source.signal
    to_standard = source.conversion
    own = _convert(signal.unit, source.leaf.unit or "")
    meant = scaling[0] * to_standard[0], scaling[1] * to_standard[0] + to_standard[1]
    if own is not None and (signal.unit or not source.leaf.unit) and _close(own, meant):
        return {}  # the database's own unit says it all
    row: Row = {}
    if (signal.unit or unit) and (_convert(signal.unit, unit) != (1.0, 0.0) or not signal.unit):
        row["unit"] = unit
        if signal.unit and source.link.math is None:
            what = f"the database says {signal.unit}, KUKSA takes the number as {unit or 'one without unit'}"
            source.say(f"{what}; kept so: check it")
    if scaling[0] != 1:
        row["scale"] = tidy(scaling[0])
    if scaling[1] != 0:
        row["offset"] = tidy(scaling[1])
    return row


def _named(source: Source) -> list[Value]:
    """Return the codes with names that KUKSA drops, or would pass on as something they do not mean."""
    signal, formula = source.signal, source.link.math
    if not signal.choices:
        return []
    if formula is not None and formula.op != "x":
        return ranges(signal.choices)
    if (signal.factor, signal.offset) != (1.0, 0.0):
        names = ", ".join(f"{raw} ('{name}')" for raw, name in sorted(signal.choices.items())[:3])
        source.say(f"KUKSA passes codes with names, such as {names}, on without scaling; here they are INVALID")
        return ranges(signal.choices)
    low, high = signal.minimum, signal.maximum
    if low is not None and high is not None and low < high:
        beyond = [raw for raw in signal.choices if not low <= raw <= high]
        if beyond:
            what = f"KUKSA passes codes {beyond} on, which have names, although they lie outside of {low:g}..{high:g}"
            source.say(f"{what}; here they are INVALID")
    return []


def _limits(source: Source, scaling: tuple[float, float]) -> tuple[float, float] | None:
    """Return a 'range', where the database's limits are wider than what the standard's datatype can hold."""
    signal, leaf = source.signal, source.leaf
    if signal.minimum is None or signal.maximum is None or signal.minimum >= signal.maximum:
        return None
    factor, offset = source.conversion
    ends = sorted((limit * scaling[0] + scaling[1]) * factor + offset for limit in (signal.minimum, signal.maximum))
    if holds(leaf.datatype, *ends):
        return None
    allowed = limits_of(leaf)
    low, high = max(ends[0], allowed[0]), min(ends[1], allowed[1])
    if low > high:
        message = f"the database's limits, {ends[0]:g} to {ends[1]:g}, lie outside of what the standard allows"
        raise LeftOutError(message)
    return tidy(low), tidy(high)


def _computed_row(source: Source, formula: Formula) -> Row:
    """Return a 'compute' row."""
    try:
        text = to_compute(formula)
    except InexpressibleError as error:
        raise LeftOutError(str(error)) from error
    factor, offset = source.conversion
    inner = affine(formula.args[0]) if formula.op in {"floor", "ceil", "round"} else None
    invertible = inner is not None and inner[0] != 0 and (factor, offset) == (1.0, 0.0)
    # A formula knows no units. What only scales and rounds keeps its value's unit, so that it can be inverted.
    unit = source.unit if invertible else ""
    if (factor, offset) != (1.0, 0.0):
        text = f"({text}) * {literal(tidy(factor))}" + (f" + {literal(tidy(offset))}" if offset else "")
    item: Row = {"from": source.reference}
    if unit != source.signal.unit:
        item["unit"] = unit
    invalid = ranges(source.signal.choices) if source.signal.choices else []
    if invalid:
        item["invalid"] = invalid
    inputs: Row = {"x": item if len(item) > 1 else source.reference}
    row: Row = {"compute": text, "with": inputs}
    if inner is not None and invertible:
        # Any value of the step that is rounded to 'value' would do; its middle is safe from rounding errors.
        middle = {"floor": 0.5, "ceil": -0.5, "round": 0.0}[formula.op] - inner[1]
        shifted = f"(value {'+' if middle > 0 else '-'} {literal(tidy(abs(middle)))})" if middle else "value"
        row["back"] = {"x": shifted if inner[0] == 1 else f"{shifted} / {literal(tidy(inner[0]))}"}
    return row


def request_row(source: Source) -> Row:
    """Return the row of a vss2dbc mapping, without its 'confirm'.

    Raises:
        LeftOutError: a description cannot say it.
    """
    link, leaf = source.link, source.leaf
    if link.inexpressible:
        raise LeftOutError(link.inexpressible)
    flag = leaf.datatype == "boolean" and is_flag(source.signal) and link.math is None
    if link.mapping is not None or leaf.allowed or (leaf.datatype == "boolean" and not flag):
        row = request_codes(source)
    elif leaf.datatype not in CAPACITY:
        message = f"the standard's signal is {leaf.datatype}, which no single field can carry"
        raise LeftOutError(message)
    elif flag:
        row: Row = {}
    else:
        row = _inverse(source)
    return {"to": source.reference, **row}


def _inverse(source: Source) -> Row:
    formula = source.link.math
    scaling = (1.0, 0.0) if formula is None else affine(formula)
    if scaling is None or scaling[0] == 0:
        message = f"'{source.link.formula}' is no 'x * scale + offset', and requests know nothing else"
        raise LeftOutError(message)
    row = _scaled(source, (1 / scaling[0], -scaling[1] / scaling[0]))
    limits = _limits(source, (1 / scaling[0], -scaling[1] / scaling[0]))
    return {**row, "range": list(limits)} if limits else row


def _convert(unit: str, target: str) -> tuple[float, float] | None:
    try:
        return conversion(unit, target)
    except CatalogError:
        return None


def _close(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= _SAME * max(1.0, abs(a), abs(b)) for a, b in zip(one, other, strict=True))
