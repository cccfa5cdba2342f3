"""The rest of a description: brands, attributes, requests, personal data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from commonwheel.catalog import Kind
from commonwheel.vehicles.fields import CAPACITY, compile_field, limits_of
from commonwheel.vehicles.model import Request, Sold
from commonwheel.vehicles.rows import FIELD_KEYS, FieldRow, parse_row
from commonwheel.vehicles.signals import evidence_of
from commonwheel.vehicles.yamltree import Node, suggest

if TYPE_CHECKING:
    from commonwheel.catalog import Catalog, Leaf
    from commonwheel.vehicles.buses import Buses
    from commonwheel.vehicles.description import Description
    from commonwheel.vehicles.messages import Messages
    from commonwheel.vehicles.signals import SignalCompiler
    from commonwheel.vehicles.yamltree import Key, Reader, Scalar

__all__ = ["AttributeValue", "compile_attributes", "compile_personal", "compile_requests", "compile_sold_as"]

POWERTRAINS = ("battery-electric", "plug-in-hybrid", "hybrid", "combustion")
DEFAULT_WITHIN_NS = 1_000_000_000

AttributeValue = str | float | bool | list[str | float]


def compile_sold_as(described: Description, reader: Reader) -> tuple[tuple[Sold, ...], str]:
    """Return the brands a car is sold as, and its powertrain."""
    sold: list[Sold] = []
    node = described.plain.get("sold_as")
    if node is None:
        reader.fault(described.root, "'sold_as' is missing: the brands and models this car is sold as")
    else:
        for item in reader.items(node, "'sold_as'"):
            entries = reader.mapping(item, "an entry of 'sold_as'", ("brand", "model", "years", "note"))
            for key in ("brand", "model"):
                if key not in entries:
                    reader.fault(item, f"an entry of 'sold_as' needs '{key}'")
            years = entries.get("years")
            sold.append(
                Sold(
                    reader.text(entries.get("brand"), "'brand'"),
                    reader.text(entries.get("model"), "'model'"),
                    "" if years is None or years.value is None else str(years.value),
                )
            )
    power = described.plain.get("powertrain")
    powertrain = reader.text(power, "'powertrain'")
    if powertrain not in POWERTRAINS:
        hint = suggest(powertrain, POWERTRAINS)
        listed = ", ".join(POWERTRAINS)
        reader.fault(power or described.root, f"'powertrain' is one of {listed}, not '{powertrain}'{hint}")
    return tuple(sold), powertrain


def compile_attributes(
    described: Description, catalog: Catalog, signals: SignalCompiler, reader: Reader
) -> dict[str, AttributeValue]:
    """Return the fixed facts, checked against the standard's datatypes."""
    result: dict[str, AttributeValue] = {}
    for path, node in described.rows["attributes"].items():
        leaf = catalog.get(path)
        if leaf is None:
            reader.fault(node, f"'{path}' is not in the standard{_near(catalog, path)}")
            continue
        if signals.info(path) is not None:
            reader.fault(node, f"'{path}' is a signal of this car already; an attribute is a fixed fact")
        value: AttributeValue | None
        if leaf.is_array:
            items = [_attribute(item, leaf, reader) for item in reader.items(node, "the attribute")]
            value = [item for item in items if item is not None]  # pyright: ignore[reportAssignmentType]
        else:
            value = _attribute(node, leaf, reader)
        if value is not None:
            result[path] = value
    return result


def _attribute(node: Node, leaf: Leaf, reader: Reader) -> str | float | bool | None:
    value: Scalar = node.value if not isinstance(node.value, dict | list) else None
    if leaf.element == "string":
        fits = isinstance(value, str)
    elif leaf.element == "boolean":
        fits = isinstance(value, bool)
    else:
        low, high = limits_of(leaf) if not leaf.is_array else CAPACITY.get(leaf.element, (0.0, 0.0))
        whole = leaf.element.startswith(("int", "uint"))
        fits = (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and low <= value <= high
            and (not whole or float(value).is_integer())
        )
    if not fits:
        reader.fault(node, f"{leaf.path} is {leaf.datatype}; '{value}' is no such value")
        return None
    if leaf.allowed and value not in leaf.allowed:
        hint = suggest(value, leaf.allowed)
        reader.fault(
            node, f"'{value}' is not allowed for {leaf.path}{hint}; allowed are {', '.join(map(str, leaf.allowed))}"
        )
        return None
    return value


def compile_requests(
    described: Description, catalog: Catalog, buses: Buses, messages: Messages, signals: SignalCompiler, reader: Reader
) -> tuple[Request, ...]:
    """Return what may be asked of the car."""
    result: list[Request] = []
    for path, node in described.rows["requests"].items():
        leaf = catalog.get(path)
        if leaf is None:
            reader.fault(node, f"'{path}' is not in the standard{_near(catalog, path)}")
            continue
        if leaf.kind is not Kind.ACTUATOR:
            reader.fault(node, f"'{path}' is a {leaf.kind.value}; only actuators can be asked for")
        keys = ("to", "confirm", "within", *(key for key in FIELD_KEYS if key not in {"from", "select", "invalid"}))
        entries = reader.mapping(node, f"request '{path}'", keys)
        row = _target(node, entries, reader)
        field = compile_field(row, leaf, buses, reader, written_only=True) if row else None
        confirm = _confirm(entries.get("confirm"), node, leaf, catalog, signals, reader)
        within_ns = reader.duration_ns(entries.get("within"), "'within'", DEFAULT_WITHIN_NS)
        if field is None or row is None:
            continue
        message = signals.use(field.reference, node)
        source = str(field.reference)
        evidence = evidence_of(row.evidence, (source,), node, messages, described, reader)
        writer = msgspec.structs.replace(field.writer, message=message)
        result.append(
            Request(path, leaf.unit or "", writer, source, confirm, within_ns, evidence, field.row.low, field.row.high)
        )
    return tuple(result)


def _target(node: Node, entries: dict[str, Node], reader: Reader) -> FieldRow | None:
    """Return the row of the field that carries a request."""
    if "to" not in entries:
        reader.fault(node, "a request needs 'to': the field that carries it (bus/Message.Signal)")
        return None
    rest: dict[Key, Node] = {key: value for key, value in entries.items() if key not in {"to", "confirm", "within"}}
    row = parse_row(Node({"from": entries["to"], **rest}, node.file, node.line), reader)
    return row if isinstance(row, FieldRow) else None


def _near(catalog: Catalog, path: str) -> str:
    near = catalog.suggest(path, 1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _confirm(
    node: Node | None, row: Node, leaf: Leaf, catalog: Catalog, signals: SignalCompiler, reader: Reader
) -> str:
    from commonwheel.catalog.units import conversion
    from commonwheel.errors import CatalogError

    if node is None:
        reader.fault(row, "a request needs 'confirm': the signal that proves it happened")
        return ""
    path = reader.text(node, "'confirm'")
    proof = catalog.get(path)
    if proof is None or signals.info(path) is None:
        known = [info.path for info in signals.infos]
        reader.fault(
            node, f"'confirm' {path} cannot be read back: this description has no such row{suggest(path, known)}"
        )
        return path
    try:
        conversion(leaf.unit, proof.unit)
    except CatalogError as error:
        reader.fault(node, f"'confirm' {path} cannot prove {leaf.path}: {error}")
    if bool(leaf.allowed) != bool(proof.allowed) or (leaf.datatype == "boolean") != (proof.datatype == "boolean"):
        reader.fault(node, f"'confirm' {path} is {proof.datatype}, and {leaf.path} is {leaf.datatype}")
    return path


def compile_personal(
    described: Description, buses: Buses, signals: SignalCompiler, reader: Reader
) -> tuple[set[tuple[str, str]], set[str]]:
    """Return ((bus, message) that are personal as a whole, paths of personal signals)."""
    messages: set[tuple[str, str]] = set()
    fields: set[str] = set()
    for node in described.personal:
        reference = reader.text(node, "an entry of 'personal'")
        if "/" in reference and "." not in reference:
            found = buses.message(node, reference)
            if found is not None:
                messages.add((found[0].name, found[1].name))
        elif "/" in reference:
            field = buses.field(node, reference)
            if field is not None:
                fields.add(str(field))
        elif signals.info(reference) is None:
            reader.fault(node, f"'{reference}' is neither bus/Message, bus/Message.Signal nor a row here")
        else:
            fields.add(reference)
    prefixes = tuple(f"{bus}/{message}." for bus, message in messages)
    paths = {
        info.path
        for info in signals.infos
        if info.path in fields or any(s in fields or s.startswith(prefixes) for s in info.sources if prefixes or fields)
    }
    return messages, paths
