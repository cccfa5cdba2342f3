"""Words and numbers of a car's reference, the same on a page and as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.report.reference import told
from commonwheel.report.samples import short

if TYPE_CHECKING:
    from commonwheel.report.reference import FieldLine, MessageSheet, Reference, SignalLine
    from commonwheel.vehicles.model import Field, Request, Sold

__all__ = [
    "HOW",
    "arithmetic",
    "attributes",
    "condition",
    "layout",
    "limits",
    "message_facts",
    "number",
    "resolution",
    "sold",
    "summary",
    "within",
]

HOW = {
    "from": "",
    "compute": "computed from",
    "first_of": "the first good one of",
    "text": "put together from",
}
_MOST_CODES = 8
"""Of a field's value table that are told in full."""


def number(value: float) -> str:
    """Return a number without needless digits, with a true minus."""
    return f"{value:.7g}".replace("-", "−")


def sold(one: Sold) -> str:
    """Return brand, model and years."""
    return " ".join(filter(None, (one.brand, one.model, one.years)))


def limits(line: SignalLine) -> str:
    """Return the values between which a signal lies, or those that it can have."""
    info = line.info
    if info.labels:
        return ", ".join(info.labels)
    if info.datatype == "boolean":
        return "no, yes"
    if math.isinf(info.low) and math.isinf(info.high):
        return ""
    low = "" if math.isinf(info.low) else number(info.low)
    high = "" if math.isinf(info.high) else number(info.high)
    return f"{low}..{high}"


def resolution(line: SignalLine) -> str:
    """Return the step of the wire in the signal's unit; '' where it has none."""
    plain = line.info.resolution and line.info.datatype != "boolean"
    return number(line.info.resolution) if plain else ""


def layout(field: Field) -> str:
    """Return where a field lies."""
    order = "big-endian" if field.big_endian else "little-endian"
    kind = "float" if field.is_float else "signed" if field.signed else "unsigned"
    bits = "1 bit" if field.length == 1 else f"{field.length} bits, {order}, {kind}"
    return f"bit {field.start}, {bits}"


def arithmetic(field: Field) -> str:
    """Return how a field's number becomes its value; '' where it is the value."""
    if (field.factor, field.offset) == (1.0, 0.0):
        return field.unit
    offset = f" {'−' if field.offset < 0 else '+'} {number(abs(field.offset))}" if field.offset else ""
    return f"× {number(field.factor)}{offset} {field.unit}".rstrip()


def condition(line: FieldLine) -> str:
    """Return what a field is besides a value, when it is there, and its value table."""
    parts = [line.role] if line.role else []
    if line.condition is not None:
        parts.append(f"when {line.condition}")
    codes = [f"{raw} {name}" for raw, name in sorted(line.field.choices.items())]
    if codes:
        more = f", and {len(codes) - _MOST_CODES} more" if len(codes) > _MOST_CODES else ""
        parts.append(", ".join(codes[:_MOST_CODES]) + more)
    if line.comment:
        parts.append(line.comment)
    return "; ".join(parts)


def message_facts(sheet: MessageSheet) -> str:
    """Return a message's bus, size, period, checksum and counter in one line."""
    message = sheet.message
    parts = [f"bus {sheet.bus}", f"{message.size} byte{'s' if message.size != 1 else ''}"]
    parts.append(f"every {_ms(message.period_ns)}" if message.period_ns else "no period known")
    if message.timeout_ns:
        parts.append(f"stale after {_ms(message.timeout_ns)}")
    if message.checksum:
        parts.append(f"checksum {message.checksum}")
    if message.counter:
        parts.append(f"counter {message.counter} 0..{message.modulo - 1}")
    if message.extended:
        parts.append("extended id")
    if message.optional:
        parts.append("not in every car")
    if message.personal:
        parts.append("personal")
    return ", ".join(parts)


def _ms(t_ns: int) -> str:
    return f"{number(t_ns / 1e6)} ms" if t_ns < 1_000_000_000 else f"{number(t_ns / 1e9)} s"  # noqa: PLR2004 - a second


def within(request: Request) -> str:
    """Return what proves that a request was met."""
    return f"{short(request.confirm)} within {_ms(request.within_ns)}" if request.confirm else ""


def attributes(reference: Reference) -> list[tuple[str, str]]:
    """Return the fixed facts by short path."""
    return [(short(path), told(value)) for path, value in reference.car.attributes.items()]


def summary(reference: Reference) -> str:
    """Return what the page is about in a sentence."""
    car = reference.car
    counts = ", ".join(f"{n} {word}" for word, n in reference.evidence().items() if n)
    return (
        f"{', '.join(sold(one) for one in car.sold_as)}. {car.powertrain.capitalize()}. {len(car.signals)} signals "
        f"({counts}) from {len(car.messages)} messages on {len(car.buses)} bus{'es' if len(car.buses) > 1 else ''}."
    )
