"""From a description to KUKSA's mapping, with a database made to go with it.

KUKSA's CAN provider reads one bus, so every bus gets a mapping and a database of its own. What KUKSA cannot
express is left out and reported, one remark each.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.catalog import load_catalog
from commonwheel.vehicles.buses import Buses
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.vehicles.description import SHIPPED, read_description
from commonwheel.vehicles.kuksa_database import BusDatabase
from commonwheel.vehicles.kuksa_math import affine_math
from commonwheel.vehicles.kuksa_source import LeftOutError, Remark, physical, tidy
from commonwheel.vehicles.kuksa_uses import label, use_of
from commonwheel.vehicles.rows import expand_instances, parse_row
from commonwheel.vehicles.yamltree import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from commonwheel.catalog import Catalog, Leaf
    from commonwheel.vehicles.description import Description
    from commonwheel.vehicles.kuksa_uses import Rows, Use
    from commonwheel.vehicles.model import Request
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.database import Database, Signal

__all__ = ["BusExport", "Export", "Link", "export_mapping"]

Link = dict[str, object]
"""The content of 'dbc2vss' or 'vss2dbc'."""


@dataclass(frozen=True, slots=True)
class BusExport:
    """What one instance of KUKSA's CAN provider needs."""

    bus: str
    links: Mapping[str, Mapping[str, Link]]
    """Path to its 'dbc2vss' and 'vss2dbc'."""
    database: Database
    defaults: Mapping[str, float]
    """DBC signal to the value that KUKSA sends where nothing was asked for; empty without requests."""


@dataclass(frozen=True, slots=True)
class Export:
    """A description, as far as KUKSA can express it."""

    vehicle: str
    catalog: Catalog
    buses: tuple[BusExport, ...]
    remarks: tuple[Remark, ...]

    @property
    def signals(self) -> int:
        """How many signals are mapped."""
        return sum("dbc2vss" in links for bus in self.buses for links in bus.links.values())

    @property
    def requests(self) -> int:
        """How many signals can be asked for."""
        return sum("vss2dbc" in links for bus in self.buses for links in bus.links.values())


class _Report:
    """Collects remarks, each once."""

    def __init__(self) -> None:
        self.remarks: list[Remark] = []

    def say(self, path: str, what: str, *, left_out: bool = False) -> None:
        """Note something; *path* is '' where it concerns no one signal."""
        remark = Remark(0, path, what, left_out)
        if remark not in self.remarks:
            self.remarks.append(remark)


def export_mapping(
    name: str | Path,
    *,
    catalog: Catalog | None = None,
    folders: tuple[Path, ...] = (SHIPPED,),
    interval_ms: int = 0,
    with_personal: bool = False,
) -> Export:
    """Return what KUKSA's CAN provider needs to do as a description does.

    Args:
        name: 'maker/car', 'maker/car:variant', a folder or a ``vehicle.yaml``.
        catalog: None is the shipped one.
        folders: where 'maker/car' is looked for.
        interval_ms: least time between two values of a signal; 0 is every frame, as here.
        with_personal: also what tells who the car or its user is.

    Raises:
        DescriptionError: there is no such description, or it has faults.
    """
    catalog = catalog or load_catalog()
    vehicle, _ = compile_vehicle(name, catalog, folders)
    described, reader, report = read_description(name, folders), Reader(), _Report()
    buses, rows = Buses(described, reader), _rows(described, catalog, reader)
    uses: list[Use] = []
    order = {path: i for i, path in enumerate(catalog)}
    for info in sorted(vehicle.signals, key=lambda info: order[info.path]):
        if info.personal and not with_personal:
            report.say(info.path, "personal; ask for it with --with-personal", left_out=True)
            continue
        try:
            uses.append(use_of(info.path, rows, buses, reader, functools.partial(report.say, info.path)))
        except LeftOutError as error:
            report.say(info.path, str(error), left_out=True)
    done = [_bus(bus.name, uses, vehicle, buses, catalog, interval_ms, report) for bus in vehicle.buses]
    exported = tuple(bus for bus in done if bus.links)
    _say_the_rest(vehicle, exported, report)
    return Export(vehicle.name, catalog, exported, tuple(report.remarks))


def _rows(described: Description, catalog: Catalog, reader: Reader) -> Rows:
    """Return every signal row by its path, as the compiler sees them."""
    stated: Rows = {}
    expanded: Rows = {}
    for pattern, node in described.rows["signals"].items():
        for path, instance in expand_instances(pattern, node, reader):
            row = parse_row(instance, reader)
            if row is not None:
                (stated if path == pattern else expanded)[path] = (catalog[path], row)
    return {**expanded, **stated}


def _bus(
    bus: str, uses: Sequence[Use], vehicle: Vehicle, buses: Buses, catalog: Catalog, interval_ms: int, report: _Report
) -> BusExport:
    """Return the mapping of one bus."""
    mine = [use for use in uses if use.reference.bus == bus]
    requests = [request for request in vehicle.requests if request.source.startswith(f"{bus}/")]
    database = BusDatabase(bus, report.say)
    for use in mine:
        database.use(use)
    for request in requests:
        writer = request.writer
        message = buses.by_name[bus].messages[vehicle.messages[writer.message].name]
        database.send(message, {name for name, _ in (*writer.present, *writer.valid)})
    built = database.build()
    links: dict[str, dict[str, Link]] = {}
    for use in mine:
        links[use.path] = {"dbc2vss": _read(use, database, interval_ms)}
    defaults: dict[str, float] = {}
    for request in requests:
        links.setdefault(request.path, {})["vss2dbc"] = _write(request, catalog[request.path], vehicle, database)
        defaults |= {key: value for key, value in _defaults(request, vehicle, database).items() if key not in defaults}
        confirm, within = request.confirm, request.within_ns / 1e6
        report.say(request.path, f"KUKSA does not look whether {confirm} confirms a request within {within:g} ms")
    order = {path: i for i, path in enumerate(catalog)}
    return BusExport(bus, {path: links[path] for path in sorted(links, key=order.__getitem__)}, built, defaults)


def _read(use: Use, database: BusDatabase, interval_ms: int) -> Link:
    """Return 'dbc2vss'."""
    message = use.reference.message.name
    signal = database.signal(message, use.reference.signal.name)
    # KUKSA spends a signal's interval before it looks at the filters, so a filtered one must not have any.
    link: Link = {"signal": signal.name, "interval_ms": 0 if use.filters else interval_ms}
    if use.filters:
        selectors = [(database.signal(message, selector.name), raw) for selector, raw in use.filters]
        link["multiplexer"] = [{"signal": s.name, "value": int(physical(s, raw))} for s, raw in selectors]
    if use.table is not None:
        link["transform"] = {"mapping": [{"from": _word(signal, raw), "to": value} for raw, value in use.table]}
    elif use.formula:
        link["transform"] = {"math": use.formula}
    return link


def _word(signal: Signal, raw: int) -> str | float:
    """Return a raw code as KUKSA sees it: its name where it has one, else its physical value."""
    return signal.choices.get(raw, physical(signal, raw))


def _write(request: Request, leaf: Leaf, vehicle: Vehicle, database: BusDatabase) -> Link:
    """Return 'vss2dbc'."""
    writer = request.writer
    signal = database.signal(vehicle.messages[writer.message].name, writer.field)
    link: Link = {"signal": signal.name}
    codes = writer.codes or (((0.0, 0), (1.0, 1)) if leaf.datatype == "boolean" else ())
    if codes:
        pairs = [{"from": label(value, leaf), "to": _word(signal, raw)} for value, raw in codes]
        link["transform"] = {"mapping": pairs}
        return link
    scale = signal.factor / writer.factor
    text = affine_math(tidy(scale), tidy(signal.offset - writer.offset * scale))
    if text:
        link["transform"] = {"math": text}
    return link


def _defaults(request: Request, vehicle: Vehicle, database: BusDatabase) -> dict[str, float]:
    """Return the value of every field of a request's message while nothing was asked for."""
    info, writer = vehicle.messages[request.writer.message], request.writer
    forced = dict((*writer.present, *writer.valid))
    values: dict[str, float] = {}
    for field in info.fields:
        signal = database.signal(info.name, field.name)
        start = signal.initial if signal.initial is not None else 0.0
        raw = forced.get(field.name, info.defaults.get(field.name, start))
        values[signal.name] = raw if signal.is_float else physical(signal, int(raw))
    return values


def _say_the_rest(vehicle: Vehicle, buses: Sequence[BusExport], report: _Report) -> None:
    """Say what KUKSA has no words for, whatever the signal."""
    sent = {request.writer.message for request in vehicle.requests}
    for number, message in enumerate(vehicle.messages):
        bus = vehicle.buses[message.bus].name
        used = any(message.name == m.name for export in buses if export.bus == bus for m in export.database.messages)
        checked = " and ".join(
            f"{what} '{name}'" for what, name in (("checksum", message.checksum), ("counter", message.counter)) if name
        )
        if not used or not checked:
            continue
        report.say("", f"{bus}/{message.name}: KUKSA does not check its {checked}; wrong frames pass as right ones")
        if number in sent:
            report.say("", f"{bus}/{message.name}: KUKSA sends it without its {checked}; the car will refuse it")
    if any(message.timeout_ns for message in vehicle.messages):
        report.say("", "KUKSA has no STALE: a value stays when its message stops coming")
    if vehicle.attributes:
        count = len(vehicle.attributes)
        report.say("", f"{count} attributes are fixed facts, not CAN: give them to the broker as defaults of its VSS")
    if len(buses) > 1:
        listed = ", ".join(export.bus for export in buses)
        report.say("", f"the car has several buses ({listed}): start one provider for each")
