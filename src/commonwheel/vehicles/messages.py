"""A description's messages: every message of its databases, with the checks the description names."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.vehicles.model import Field
from commonwheel.vehicles.model import Message as MessageInfo
from commonwheel.vehicles.yamltree import suggest
from commonwheel.wire.checksums import COUNTERS, compile_check
from commonwheel.wire.layouts import MAX_COUNTER_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.vehicles.buses import BusData, Buses
    from commonwheel.vehicles.description import Description
    from commonwheel.vehicles.yamltree import Node, Reader
    from commonwheel.wire.checksums import Check
    from commonwheel.wire.database import Message, Signal
    from commonwheel.wire.tables import TableBuilder

__all__ = ["Messages", "compile_messages"]

KEYS = ("checksum", "counter", "period", "timeout", "evidence", "defaults", "optional", "note")
MS = 1_000_000
PERIODS_UNTIL_STALE = 10
SHORTEST_TIMEOUT_NS = 100 * MS
LONGEST_PERIOD_MS = 1e9
"""Eleven days; a database that states more states no period."""


@dataclass(slots=True)
class Messages:
    """Compiled messages: their numbers in the tables, by (bus, name)."""

    infos: list[MessageInfo] = field(default_factory=list[MessageInfo])
    index: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    evidence: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """Default evidence of the rows that use a message."""


def compile_messages(described: Description, buses: Buses, builder: TableBuilder, reader: Reader) -> Messages:
    """Add every message of every bus to the tables."""
    rows: dict[tuple[str, str], tuple[Node, dict[str, Node]]] = {}
    for reference, node in described.rows["messages"].items():
        found = buses.message(node, reference)
        entries = reader.mapping(node, f"message '{reference}'", KEYS)
        if found is not None:
            rows[found[0].name, found[1].name] = node, entries
    result = Messages()
    for bus in buses.by_name.values():
        for message in bus.messages.values():
            node, entries = rows.get((bus.name, message.name), (described.root, {}))
            info = _compile(bus, message, node, entries, builder, buses, reader)
            result.index[bus.name, message.name] = len(result.infos)
            result.infos.append(info)
            if "evidence" in entries:
                result.evidence[bus.name, message.name] = reader.text(entries["evidence"], "'evidence'")
    return result


def _compile(
    bus: BusData,
    message: Message,
    node: Node,
    entries: dict[str, Node],
    builder: TableBuilder,
    buses: Buses,
    reader: Reader,
) -> MessageInfo:
    stated_ms = message.period_ms or 0.0
    stated_ns = round(stated_ms * MS) if 0 < stated_ms <= LONGEST_PERIOD_MS else 0
    period_ns = reader.duration_ns(entries.get("period"), "'period'", stated_ns)
    default = max(PERIODS_UNTIL_STALE * period_ns, SHORTEST_TIMEOUT_NS) if period_ns else 0
    timeout_ns = reader.duration_ns(entries.get("timeout"), "'timeout'", default)
    if period_ns and 0 < timeout_ns <= period_ns:
        reader.fault(entries.get("timeout", node), f"the timeout is not longer than the period ({period_ns / MS:g} ms)")
    name, check = _checksum(entries.get("checksum"), message, reader)
    counter, modulo = _counter(entries.get("counter"), bus, message, buses, reader)
    if check is not None and check.suffix and counter is None:
        reader.fault(node, f"checksum '{name}' depends on the counter: name it under 'counter'")
        check = None
    index = builder.message(
        bus=bus.index,
        can_id=message.id,
        extended=message.extended,
        size=message.size,
        timeout_ns=timeout_ns,
        counter=counter,
        modulo=modulo,
        check=check,
    )
    return MessageInfo(
        bus=bus.index,
        name=message.name,
        id=message.id,
        extended=message.extended,
        size=message.size,
        period_ns=period_ns,
        timeout_ns=timeout_ns,
        checksum=name if check else "",
        check=builder.check_of(index),
        counter=counter.name if counter else "",
        modulo=modulo or (1 << counter.length if counter else 0),
        personal=False,
        optional=reader.boolean(entries.get("optional"), "'optional'"),
        fields=tuple(_field(signal) for signal in message.signals),
        defaults=_defaults(entries.get("defaults"), bus, message, buses, reader),
    )


def _field(signal: Signal) -> Field:
    return Field(
        signal.name,
        signal.start,
        signal.length,
        signal.big_endian,
        signal.signed,
        signal.is_float,
        signal.factor,
        signal.offset,
        signal.unit,
        dict(signal.choices),
        signal.initial,
    )


def _checksum(node: Node | None, message: Message, reader: Reader) -> tuple[str, Check | None]:
    if node is None:
        return "", None
    parameters: dict[str, int | Sequence[int]] = {}
    if isinstance(node.value, str):
        name = node.value
    else:
        entries = reader.mapping(node, "'checksum'")
        if "name" not in entries:
            reader.fault(node, "'checksum' is a name, or a mapping with 'name' and the algorithm's parameters")
            return "", None
        name = reader.text(entries.pop("name"), "'name'")
        for key, value in entries.items():
            listed = isinstance(value.value, list)
            items = [reader.whole(item, f"'{key}'", 0) for item in reader.items(value, f"'{key}'")]
            parameters[key] = items if listed or len(items) != 1 else items[0]
    try:
        check = compile_check(name, can_id=message.id, extended=message.extended, parameters=parameters)
    except ValueError as error:
        reader.fault(node, str(error))
        return "", None
    if check.minimum > message.size:
        reader.fault(node, f"'{message.name}' has {message.size} bytes, too few for checksum '{name}'")
        return "", None
    return name, check


def _counter(
    node: Node | None, bus: BusData, message: Message, buses: Buses, reader: Reader
) -> tuple[Signal | None, int]:
    if node is None:
        return None, 0
    if isinstance(node.value, str):
        return _narrow(node, buses.of_message(node, bus, message, node.value), reader), 0
    entries = reader.mapping(node, "'counter'", ("signal", "modulo", "name"))
    if "signal" not in entries:
        reader.fault(node, "'counter' is a signal's name, or a mapping with 'signal'")
        return None, 0
    named = entries["signal"]
    signal = _narrow(named, buses.of_message(named, bus, message, reader.text(named, "'signal'")), reader)
    name = reader.text(entries.get("name"), "'name'", "increment")
    if name not in COUNTERS:
        hint = suggest(name, COUNTERS)
        reader.fault(entries["name"], f"counter '{name}' is not known{hint}; known are {', '.join(COUNTERS)}")
    modulo = reader.whole(entries.get("modulo"), "'modulo'", COUNTERS.get(name, 0))
    if signal is not None and modulo and not 1 < modulo <= 1 << signal.length:
        reader.fault(node, f"a counter of {signal.length} bits cannot count modulo {modulo}")
        modulo = 0
    return signal, modulo


def _narrow(node: Node, signal: Signal | None, reader: Reader) -> Signal | None:
    if signal is not None and (signal.is_float or signal.length > MAX_COUNTER_BITS):
        reader.fault(node, f"'{signal.name}' cannot be a counter: a whole number of at most {MAX_COUNTER_BITS} bits is")
        return None
    return signal


def _defaults(node: Node | None, bus: BusData, message: Message, buses: Buses, reader: Reader) -> dict[str, float]:
    """Return raw values by field."""
    if node is None:
        return {}
    result: dict[str, float] = {}
    for name, value in reader.mapping(node, "'defaults'").items():
        signal = buses.of_message(value, bus, message, name)
        number = reader.number(value, f"the default of '{name}'", 0.0)
        if signal is None:
            continue
        if signal.is_float:
            result[name] = number
            continue
        raw = (number - signal.offset) / signal.factor if signal.factor else math.inf
        low, high = (-(1 << signal.length - 1), 1 << signal.length - 1) if signal.signed else (0, 1 << signal.length)
        if low - 0.5 <= raw < high - 0.5:
            result[name] = round(raw)
        else:
            reader.fault(value, f"the default {number:g} of '{name}' does not fit into its {signal.length} bits")
    return result
