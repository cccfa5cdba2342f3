"""From ``control.yaml`` to frames: each is stated once, and becomes the guard's rule and the adapter's carrier.

Layouts are those of the vehicle's databases. A message's counter and checksum are taken from its description; every
other field of it is stated, one way or another::

    AccelCommand: {carries: acceleration}   a quantity, within its envelope
    ControlOn: {idle: 0, acting: 5}         raw values while the axis does not act, and while it does
    Constant03: {always: 3}                 one raw value
    FcmOff: {held: [0, 1]}                  as the car's own controller last sent it, if that is one of these
    Icons: {held: why}                      ... whatever that is; the guard holds it against what it heard
    GasCommand: {carries: gas, within: [0, 2000]}   neutral, or between these raw values: neutral stands apart
    ChargePower: {carries: power, under: stock}   no farther from neutral than what the car's own controller asks for

A field that shares its bits with stated ones needs no word of its own. Bits that no field covers are zero.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from commonwheel.control.model import Carrier
from commonwheel.guard.envelope import Ceiling, FieldKind, FieldRule, FrameRule, Stock
from commonwheel.vehicles.bits import bits_of, check_bits
from commonwheel.vehicles.yamltree import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.description_values import Row, Values
    from commonwheel.guard.envelope import Envelope
    from commonwheel.vehicles.model import Field, Message
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.vehicles.yamltree import Node

__all__ = ["Frame", "default_raw", "frames_of"]

_FIELD_KEYS = ("carries", "within", "under", "idle", "acting", "also", "always", "held", "note")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message that is sent."""

    rule: FrameRule
    carrier: Carrier
    adapter: str
    node: Node


@dataclass(slots=True)
class _Parts:
    """What a message's fields are made of, as they are read."""

    rules: list[FieldRule] = field(default_factory=list[FieldRule])
    commands: dict[str, str] = field(default_factory=dict[str, str])
    active: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    held: list[str] = field(default_factory=list[str])
    constant: dict[str, int] = field(default_factory=dict[str, int])
    capped: list[str] = field(default_factory=list[str])


def frames_of(
    rows: Mapping[str, Node], axes: Mapping[str, str], envelopes: Mapping[str, Envelope], values: Values
) -> tuple[Frame, ...]:
    """Return what is sent.

    Args:
        rows: the file's rows, by bus/Message.
        axes: axis by adapter.
        envelopes: by name.
        values: takes values and notes faults.
    """
    made = (_frame(name, node, axes, envelopes, values) for name, node in rows.items())
    return tuple(frame for frame in made if frame is not None)


def _frame(
    name: str, node: Node, axes: Mapping[str, str], envelopes: Mapping[str, Envelope], values: Values
) -> Frame | None:
    keys = ("adapter", "stock", "period", "least_period", "burst", "fields", "source")
    row = values.row(node, f"frame '{name}'", keys)
    number = _message(name, node, values)
    adapter = row.text("adapter")
    if adapter and adapter not in axes:
        values.reader.fault(row.entries["adapter"], f"there is no adapter '{adapter}'{suggest(adapter, axes)}")
    burst = row.get("burst")
    if number is None or burst is None:
        return None
    message = values.vehicle.messages[number]
    parts = _fields(row, message, axes.get(adapter, ""), envelopes)
    within = values.row(burst, row.name("burst"), ("time", "most"))
    period_ns = row.ns("period", least_s=1e-3)
    least_ns = row.ns("least_period", least_s=1e-4)
    if least_ns > period_ns:
        values.reader.fault(node, f"{row.what}: 'least_period' is longer than 'period'")
    most, window_ns = values.reader.whole(within.get("most"), within.name("most"), 1), within.ns("time", least_s=1e-3)
    stock = row.choice("stock", Stock)
    if most * period_ns < window_ns and stock is not Stock.MIXED:  # beside the car's own, they come now and then
        values.reader.fault(node, f"{row.what}: 'burst' has no room for a frame in each 'period'")
    rule = FrameRule(
        name=name,
        bus=message.bus,
        can_id=message.frame_id,
        size=message.size,
        fields=tuple(parts.rules),
        least_period_ns=least_ns,
        window_ns=window_ns,
        most_in_window=most,
        stock=stock,
        source=row.text("source"),
    )
    carrier = Carrier(
        number, period_ns, parts.commands, parts.active, tuple(parts.held), parts.constant, tuple(parts.capped)
    )
    return Frame(rule, carrier, adapter, node)


def _message(name: str, node: Node, values: Values) -> int | None:
    """Return the number of a message, by bus/Message."""
    names = [f"{values.vehicle.buses[message.bus].name}/{message.name}" for message in values.vehicle.messages]
    if name in names:
        return names.index(name)
    values.reader.fault(node, f"{values.vehicle.name} has no message '{name}'{suggest(name, names)}")
    return None


def _fields(row: Row, message: Message, axis: str, envelopes: Mapping[str, Envelope]) -> _Parts:
    parts, reader = _Parts(), row.values.reader
    fields = {field.name: field for field in message.fields}
    sealing = _sealing(message, row.values.vehicle)
    stated = reader.mapping(row.entries["fields"], row.name("fields")) if "fields" in row else {}
    for name, node in stated.items():
        if name not in fields:
            reader.fault(node, f"'{message.name}' has no field '{name}'{suggest(name, fields)}")
        elif name in sealing:
            reader.fault(node, f"'{name}' is the {sealing[name].value} of '{message.name}'; it is kept by itself")
        else:
            _field(_FieldRow(row, node, fields[name], message, axis), parts, envelopes)
    for name, kind in sealing.items():
        parts.rules.append(_rule(fields[name], kind))
    _account(row, message, parts)
    return parts


def _sealing(message: Message, vehicle: Vehicle) -> dict[str, FieldKind]:
    """Return the fields that count and check, and what they do."""
    sealed = check_bits(vehicle, message)
    found = {field.name: FieldKind.CHECKSUM for field in message.fields if sealed and bits_of(field) == sealed}
    return found | {field.name: FieldKind.COUNTER for field in message.fields if field.name == message.counter}


def _account(row: Row, message: Message, parts: _Parts) -> None:
    """Note fields that nothing is said of, and stated ones that share bits."""
    masks = {field.name: bits_of(field) for field in message.fields}
    stated = [rule.name for rule in parts.rules]
    node = row.entries.get("fields", row.node)
    for one, other in itertools.combinations(stated, 2):
        if masks[one] & masks[other]:
            row.values.reader.fault(node, f"{row.what}: '{one}' and '{other}' share bits; state one of them")
    taken = 0
    for name in stated:
        taken |= masks[name]
    left = [name for name, bits in masks.items() if bits & ~taken]
    if check_bits(row.values.vehicle, message) & ~taken:
        row.values.reader.fault(node, f"{row.what}: its checksum is no field of the database; add it there")
    if left and "fields" in row:
        named = ", ".join(f"'{name}'" for name in left)
        row.values.reader.fault(node, f"{row.what} does not say what {named} may hold; state every field of it")


@dataclass(frozen=True, slots=True)
class _FieldRow:
    """A field's row, and where it belongs."""

    frame: Row
    node: Node
    field: Field
    message: Message
    axis: str

    @property
    def what(self) -> str:
        return f"'{self.field.name}' of {self.frame.what}"

    def fault(self, message: str) -> None:
        self.frame.values.reader.fault(self.node, f"{self.what} {message}")

    def raws(self, node: Node, what: str) -> frozenset[int]:
        """Return raw values that the field can hold; labels of the database are taken too."""
        return frozenset(self.raw(item, what) for item in self.frame.values.reader.items(node, what))

    def raw(self, node: Node, what: str) -> int:
        reader, labels = self.frame.values.reader, {text: raw for raw, text in self.field.choices.items()}
        if isinstance(node.value, str) and node.value in labels:
            return labels[node.value]
        value = reader.whole(node, what, 0)
        low, high = _raw_limits(self.field)
        if not low <= value <= high:
            reader.fault(node, f"{what} is from {low} to {high}, the raw values of {self.field.length} bits")
        return value


def _field(row: _FieldRow, parts: _Parts, envelopes: Mapping[str, Envelope]) -> None:
    entries = row.frame.values.reader.mapping(row.node, row.what, _FIELD_KEYS)
    if row.field.is_float:
        row.fault("is a floating-point number, which the guard does not check")
        return
    ways = [key for key in ("carries", "acting", "always", "held") if key in entries]
    odd = ("also" in entries and ways != ["acting"]) or (entries.keys() & {"within", "under"} and ways != ["carries"])
    if len(ways) != 1 or ("acting" in entries) != ("idle" in entries) or odd:
        row.fault("is one of {carries: envelope}, {idle: raw, acting: raw}, {always: raw} and {held: raws or why}")
        return
    match ways[0]:
        case "carries":
            within = row.raws(entries["within"], "'within'") if "within" in entries else frozenset[int]()
            ceiling = _ceiling(row, entries["under"]) if "under" in entries else Ceiling.NONE
            _carries(
                row,
                entries["carries"],
                parts,
                envelopes,
                _rule(row.field, FieldKind.LIMITED, allowed=within, ceiling=ceiling),
            )
        case "acting":
            idle, acting = row.raw(entries["idle"], "'idle'"), row.raw(entries["acting"], "'acting'")
            also = row.raws(entries["also"], "'also'") if "also" in entries else frozenset[int]()
            parts.active[row.field.name] = (idle, acting)
            allowed = frozenset({idle, acting}) | also
            rule = _rule(row.field, FieldKind.ACTIVE, axis=row.axis, allowed=allowed, idle=frozenset({idle}))
            parts.rules.append(rule)
        case "always":
            raw = row.raw(entries["always"], "'always'")
            parts.constant[row.field.name] = raw
            parts.rules.append(_rule(row.field, FieldKind.FIXED, allowed=frozenset({raw})))
        case _:
            _held(row, entries["held"], parts)


def _ceiling(row: _FieldRow, node: Node) -> Ceiling:
    text = row.frame.values.reader.text(node, f"'under' of {row.what}")
    if text and text != Ceiling.STOCK.value:
        row.fault(f"is under '{text}'; there is 'stock': what the car's own controller sends")
    return Ceiling.STOCK


def _carries(row: _FieldRow, node: Node, parts: _Parts, envelopes: Mapping[str, Envelope], rule: FieldRule) -> None:
    name = row.frame.values.reader.text(node, f"'carries' of {row.what}")
    if name not in envelopes:
        row.fault(f"carries '{name}', which is no envelope{suggest(name, envelopes)}")
        return
    parts.commands[row.field.name] = name
    parts.rules.append(replace(rule, envelope=name))
    if rule.ceiling is Ceiling.STOCK:
        parts.capped.append(row.field.name)


def _held(row: _FieldRow, node: Node, parts: _Parts) -> None:
    parts.held.append(row.field.name)
    default = default_raw(row.message, row.field)
    if isinstance(node.value, str) and node.value.strip():
        parts.rules.append(_rule(row.field, FieldKind.HELD, allowed=frozenset({default})))
        return
    allowed = row.raws(node, f"'held' of {row.what}")
    if default not in allowed:
        row.fault(f"is {default} where the car's own controller never sent it, which 'held' does not list")
    parts.rules.append(_rule(row.field, FieldKind.FIXED, allowed=allowed))


def default_raw(message: Message, item: Field) -> int:
    """Return the raw value of a field that nothing sets."""
    return int(message.defaults.get(item.name, item.initial or 0))


def _rule(
    item: Field,
    kind: FieldKind,
    *,
    envelope: str = "",
    axis: str = "",
    allowed: frozenset[int] = frozenset(),
    idle: frozenset[int] = frozenset(),
    why: str = "",
    ceiling: Ceiling = Ceiling.NONE,
) -> FieldRule:
    return FieldRule(
        item.name, item.start, item.length, item.big_endian, item.signed, item.factor, item.offset, kind, envelope,
        axis, allowed, idle, why, ceiling,
    )  # fmt: skip


def _raw_limits(item: Field) -> tuple[int, int]:
    span = 1 << item.length
    return (-(span >> 1), (span >> 1) - 1) if item.signed else (0, span - 1)
