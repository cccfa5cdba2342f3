"""The compiler: a description and a catalog in; a vehicle, or every fault at once, out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from commonwheel.catalog import Kind, load_catalog
from commonwheel.errors import DescriptionError
from commonwheel.vehicles.buses import Buses
from commonwheel.vehicles.description import SHIPPED, read_description
from commonwheel.vehicles.extras import compile_attributes, compile_personal, compile_requests, compile_sold_as
from commonwheel.vehicles.messages import compile_messages
from commonwheel.vehicles.model import Bus
from commonwheel.vehicles.rows import INSTANCES, expand_instances, parse_row
from commonwheel.vehicles.signals import SignalCompiler
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.vehicles.yamltree import Reader
from commonwheel.wire.tables import TableBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.catalog import Catalog, Leaf
    from commonwheel.vehicles.description import Description
    from commonwheel.vehicles.rows import Row
    from commonwheel.wire.tables import Tables

__all__ = ["compile_vehicle"]


def compile_vehicle(
    name: str | Path, catalog: Catalog | None = None, folders: tuple[Path, ...] = (SHIPPED,)
) -> tuple[Vehicle, dict[Path, str]]:
    """Compile a description; also returns every file read, with its content's SHA-256.

    Raises:
        DescriptionError: with every fault found, in the order of files and lines.
    """
    reader = Reader()
    described = read_description(name, folders, reader)
    if described.abstract:
        reader.fault(described.root, f"'{described.name}' is abstract: it holds rows for others and is no car itself")
        raise DescriptionError(reader.faults)
    vehicle = _compile(described, catalog or load_catalog(), reader)
    if reader.faults:
        raise DescriptionError(set(reader.faults))
    return vehicle, described.files


def _compile(described: Description, catalog: Catalog, reader: Reader) -> Vehicle:
    buses = Buses(described, reader)
    builder = TableBuilder(len(buses.by_name))
    messages = compile_messages(described, buses, builder, reader)
    rows = _rows(described, catalog, reader)
    signals = SignalCompiler(rows, described, buses, messages, builder, reader)
    signals.compile_all()
    sold_as, powertrain = compile_sold_as(described, reader)
    attributes = compile_attributes(described, catalog, signals, reader)
    requests = compile_requests(described, catalog, buses, messages, signals, reader)
    signals.check_overlaps()
    personal, private = compile_personal(described, buses, signals, reader)
    hidden = {messages.index[key] for key in personal}
    replace = msgspec.structs.replace
    return Vehicle(
        name=described.name,
        sold_as=sold_as,
        powertrain=powertrain,
        buses=tuple(Bus(bus.name, bus.bitrate, bus.fd, bus.complete) for bus in buses.by_name.values()),
        messages=tuple(replace(info, personal=True) if i in hidden else info for i, info in enumerate(messages.infos)),
        signals=tuple(replace(info, personal=True) if info.path in private else info for info in signals.infos),
        attributes=attributes,
        requests=requests,
        writers=signals.writers,
        texts=signals.texts,
        tables=_build(builder, described, reader),
        repairs=tuple(
            f"{database.path.name}:{repair.line}: {repair.what}"
            for bus in buses.by_name.values()
            for database in bus.databases
            for repair in database.repairs
        ),
    )


def _build(builder: TableBuilder, described: Description, reader: Reader) -> Tables:
    """Lay the tables out; with faults the numbers of the rows may have holes, and the vehicle is thrown away."""
    if not reader.faults:
        try:
            return builder.build()
        except ValueError as error:
            reader.fault(described.root, f"its databases cannot be worked with: {error}")
    return TableBuilder(0).build()


def _rows(described: Description, catalog: Catalog, reader: Reader) -> dict[str, tuple[Leaf, Row]]:
    """Return every signal row by its path, instances expanded, with its leaf of the standard."""
    stated: dict[str, tuple[Leaf, Row]] = {}
    expanded: dict[str, tuple[Leaf, Row]] = {}
    for pattern, node in described.rows["signals"].items():
        into = expanded if INSTANCES.search(pattern) else stated
        for path, instance in expand_instances(pattern, node, reader):
            leaf = catalog.get(path)
            if leaf is None:
                near = catalog.suggest(path, 1)
                hint = f" (did you mean '{near[0]}'?)" if near else ""
                kind = "a branch of the standard, not a signal" if path in catalog.branches else "not in the standard"
                reader.fault(node, f"'{path}' is {kind}{hint}")
            row = parse_row(instance, reader)
            if leaf is None or row is None:
                continue
            if leaf.kind is Kind.ATTRIBUTE and leaf.is_array:
                reader.fault(node, f"'{path}' is a fixed {leaf.datatype}; state it under 'attributes'")
                continue
            into[path] = (leaf, row)
    return {**expanded, **stated}  # a row of its own wins over an instance of a pattern
