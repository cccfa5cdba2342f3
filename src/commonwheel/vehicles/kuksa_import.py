"""From KUKSA's mapping and CAN databases to a description that compiles.

What a description cannot say is left out and reported, one remark each, in the result and at the end of
the file; so is whatever the compiler refuses of what was taken. KUKSA knows one bus and signals by their
bare names; a name that several messages carry becomes a ``first_of``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from commonwheel.catalog import load_catalog
from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.vehicles.description import FILE
from commonwheel.vehicles.kuksa_mapping import read_mapping
from commonwheel.vehicles.kuksa_rows import request_row, signal_row
from commonwheel.vehicles.kuksa_source import LeftOutError, Remark, Source, WrongError
from commonwheel.vehicles.newfolder import Identity, guess_powertrain, head, place_databases, staged
from commonwheel.vehicles.yamltree import suggest
from commonwheel.vehicles.yamlwrite import folded, row
from commonwheel.wire.database import load_database

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from commonwheel.catalog import Catalog, Leaf
    from commonwheel.vehicles.kuksa_mapping import Entry, Link
    from commonwheel.vehicles.kuksa_source import Row
    from commonwheel.vehicles.yamlwrite import Value
    from commonwheel.wire.database import Database, Message, Signal

__all__ = ["BUS", "Imported", "import_mapping"]

BUS = "can"
"""Name of the one bus that KUKSA knows."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import."""

    vehicle: str
    folder: Path
    signals: int
    requests: int
    remarks: tuple[Remark, ...]


@dataclass(slots=True)
class _Import:
    """An import under way."""

    mapping: Path
    catalog: Catalog
    fields: dict[str, list[tuple[Message, Signal]]]
    """Bare signal name to where it occurs."""
    files: str
    signals: dict[str, Row] = field(default_factory=dict[str, "Row"])
    requests: dict[str, Row] = field(default_factory=dict[str, "Row"])
    lines: dict[str, int] = field(default_factory=dict[str, int])
    remarks: list[Remark] = field(default_factory=list[Remark])
    faults: list[Fault] = field(default_factory=list[Fault])


def import_mapping(
    mapping: Path,
    databases: Sequence[Path],
    folder: Path,
    identity: Identity,
    *,
    catalog: Catalog | None = None,
    keep_going: bool = False,
    force: bool = False,
) -> Imported:
    """Write the description that a mapping file and its databases amount to.

    Args:
        mapping: VSS JSON or an overlay in YAML.
        databases: CAN databases; later ones add or replace messages.
        folder: where the description goes.
        identity: who the car is; without a powertrain, that is guessed from the signals.
        catalog: None is the shipped one.
        keep_going: leave out mappings with faults instead of refusing the file.
        force: overwrite a description that is in the folder.

    Raises:
        DescriptionError: the mapping has faults (all of them are listed).
        DatabaseError: a database cannot be read.
        OutputError: the folder cannot be written, or holds a description.
    """
    entries, faults = read_mapping(mapping)
    loaded = [load_database(path) for path in databases]
    names = ", ".join(database.path.name for database in loaded)
    work = _Import(mapping, catalog or load_catalog(), _fields(loaded), names, faults=list(faults))
    for entry in entries:
        _take(entry, work)
    if work.faults and not keep_going:
        raise DescriptionError(work.faults)
    work.remarks += [Remark(fault.line, "", fault.message, left_out=True) for fault in work.faults]
    if not identity.powertrain:
        identity = replace(identity, powertrain=guess_powertrain(work.signals))
        what = f"the powertrain, {identity.powertrain}, is a guess from the signals; correct it"
        work.remarks.append(Remark(0, "", what))
    with staged(identity.name, folder, force=force) as scratch:
        files = place_databases(loaded, scratch)
        for database, file in zip(loaded, files, strict=True):
            if database.repairs:
                what = f"{database.path.name} needed repairs or has oddities ({len(database.repairs)}); see '{file}'"
                work.remarks.append(Remark(0, "", what))
        _settle(identity, files, scratch / FILE, work)
    return Imported(identity.name, folder, len(work.signals), len(work.requests), tuple(sorted(work.remarks)))


def _fields(databases: Sequence[Database]) -> dict[str, list[tuple[Message, Signal]]]:
    """Return every signal by its bare name; later databases replace messages of the same id or name."""
    messages: dict[str, Message] = {}
    for database in databases:
        for message in database.messages:
            for other in [m for m in messages.values() if (m.id, m.extended) == (message.id, message.extended)]:
                del messages[other.name]
            messages[message.name] = message
    fields: dict[str, list[tuple[Message, Signal]]] = {}
    for message in messages.values():
        for signal in message.signals:
            fields.setdefault(signal.name, []).append((message, signal))
    return fields


def _take(entry: Entry, work: _Import) -> None:
    work.lines[entry.path] = entry.node.line
    leaf = work.catalog.get(entry.path)
    if leaf is None:
        near = work.catalog.suggest(entry.path, 1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        work.remarks.append(Remark(entry.node.line, entry.path, f"not in the standard{hint}", left_out=True))
        return
    if entry.read is not None:
        made = _row(entry, entry.read, leaf, work, _signal)
        if made is not None:
            work.signals[entry.path] = made
    if entry.write is None:
        return
    made = _row(entry, entry.write, leaf, work, _request)
    if made is None:
        return
    if entry.path in work.signals:
        work.requests[entry.path] = {**made, "confirm": entry.path}
    else:
        what = (
            "vss2dbc: a request needs a signal that proves it ('confirm'), and this one has no dbc2vss that was taken"
        )
        work.remarks.append(Remark(entry.write.node.line, entry.path, what, left_out=True))


def _row(entry: Entry, link: Link, leaf: Leaf, work: _Import, make: Callable[[list[Source]], Row]) -> Row | None:
    """Return a mapping's row; None when it was left out or is wrong, which is noted."""
    line = link.node.line
    places = work.fields.get(link.signal, [])
    if not places:
        hint = suggest(link.signal, work.fields)
        what = f"{entry.path}: the DBC signal '{link.signal}' is not in {work.files}{hint}"
        work.faults.append(Fault(work.mapping, line, what))
        return None

    def say(message: str) -> None:
        remark = Remark(line, entry.path, message)
        if remark not in work.remarks:
            work.remarks.append(remark)

    for key in link.ignored:
        say(f"'{key}' means nothing to KUKSA here and is left out")
    sources = [
        Source(entry, link, f"{BUS}/{message.name}.{signal.name}", message, signal, leaf, say)
        for message, signal in places
    ]
    try:
        return make(sources)
    except LeftOutError as error:
        work.remarks.append(Remark(line, entry.path, str(error), left_out=True))
    except WrongError as error:
        work.faults.append(Fault(work.mapping, line, f"{entry.path}: {error}"))
    return None


def _signal(sources: list[Source]) -> Row:
    rows = [signal_row(source) for source in sources]
    first = sources[0]
    made: Row = dict(rows[0])
    if len(rows) > 1:
        listed = ", ".join(source.message.name for source in sources)
        if any("compute" in each for each in rows):
            message = f"'{first.signal.name}' is in several messages ({listed}), and its formula needs one of them"
            raise LeftOutError(message)
        first.say(f"'{first.signal.name}' is in several messages ({listed}): KUKSA takes whichever came last")
        listed_rows: list[Value] = [each["from"] if len(each) == 1 else each for each in rows]
        made.clear()
        made["first_of"] = listed_rows
    every_frame = first.link.delivery in {"", "interval_ms 0"}  # as it is here
    notes = [] if every_frame else [f"KUKSA: {first.link.delivery}"]
    if not first.signal.unit and "unit" in rows[0]:
        notes.append("the database states no unit; KUKSA takes the standard's")
    if notes:
        made["note"] = "; ".join(notes)
    return made


def _request(sources: list[Source]) -> Row:
    if len(sources) > 1:
        listed = ", ".join(source.message.name for source in sources)
        message = f"vss2dbc: '{sources[0].signal.name}' is in several messages ({listed}); a request names one"
        raise LeftOutError(message)
    try:
        return request_row(sources[0])
    except LeftOutError as error:
        message = f"vss2dbc: {error}"
        raise LeftOutError(message) from error


def _settle(identity: Identity, files: list[str], path: Path, work: _Import) -> None:
    """Write the file, leaving out what the compiler refuses, until it compiles."""
    while True:
        text, owners = _render(identity, files, work)
        path.write_text(text, encoding="utf-8")
        try:
            compile_vehicle(path, work.catalog)
        except DescriptionError as error:
            found = {owners[fault.line]: fault for fault in reversed(error.faults) if fault.line in owners}
            if not found:
                raise
            for (section, key), fault in found.items():
                del (work.signals if section == "signals" else work.requests)[key]
                what = ("vss2dbc: " if section == "requests" else "") + fault.message
                work.remarks.append(Remark(work.lines.get(key, 0), key, what, left_out=True))
            continue
        return


def _render(identity: Identity, files: list[str], work: _Import) -> tuple[str, dict[int, tuple[str, str]]]:
    """Return the file's text, and which row each of its lines belongs to."""
    lines = folded(f"Made from KUKSA's mapping {work.mapping.name} with {work.files}.", 0, "# ")
    lines += head(identity, [(BUS, files)], f"documented (KUKSA mapping file {work.mapping.name})")
    owners: dict[int, tuple[str, str]] = {}
    for section, rows in (("signals", work.signals), ("requests", work.requests)):
        if rows:
            lines += ["", f"{section}:"]
        for key, made in rows.items():
            written = row(key, made["from"] if set(made) == {"from"} else made)
            owners |= {len(lines) + 1 + i: (section, key) for i in range(len(written))}
            lines += written
    left = sorted({str(remark) for remark in work.remarks if remark.left_out})
    if left:
        lines += ["", "# What the mapping says and this description does not:"]
        lines += [line for remark in left for line in folded(remark, 0, "# ")]
    return "\n".join(lines) + "\n", owners
