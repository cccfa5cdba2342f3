"""A first description of a car, scaffolded from its CAN databases and, where there is one, a log.

The file compiles at once. It maps nothing: what a field is, only a person who looks at the car can tell.
But every likely row stands there as a comment, the likeliest first, and each of them compiles when its
'# ' is taken away. What a log proves without anyone's judgement, checksums and counters, is stated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.catalog import load_catalog
from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.vehicles.description import FILE
from commonwheel.vehicles.newfolder import guess_powertrain, head, place_databases, slug, staged
from commonwheel.vehicles.scaffold_log import busiest_bus, survey, unknown_ids
from commonwheel.vehicles.scaffold_match import Matcher
from commonwheel.vehicles.scaffold_words import is_checksum, is_counter, words
from commonwheel.vehicles.yamlwrite import commented, folded, row
from commonwheel.wire.database import load_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from commonwheel.catalog import Catalog
    from commonwheel.vehicles.newfolder import Identity
    from commonwheel.vehicles.scaffold_log import Seen
    from commonwheel.vehicles.scaffold_match import Candidate
    from commonwheel.vehicles.yamlwrite import Value
    from commonwheel.wire.database import Database, Message, Signal
    from commonwheel.wire.frames import Frames

__all__ = ["Scaffold", "name_buses", "scaffold"]

ONLY_BUS = "can"
"""Name of the bus of a car with one database, unless it is given one."""
MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What came of scaffolding."""

    vehicle: str
    folder: Path
    messages: int
    """Of the databases; with a log, those on it."""
    fields: int
    """Of these messages."""
    candidates: int
    """Fields that some signal of the standard may be."""
    checksums: int
    """Proved by the log."""
    counters: int
    absent: int
    """Messages of the databases that are not on the log."""
    unknown: int
    """Ids on the log that the databases lack."""


@dataclass(slots=True)
class _Bus:
    name: str
    database: Database
    seen: Mapping[str, Seen] | None
    """By message, where there is a log."""
    unknown: Mapping[int, int]

    @property
    def messages(self) -> list[Message]:
        """The messages to look at, in the order of their ids."""
        listed = [m for m in self.database.messages if self.seen is None or m.name in self.seen]
        return sorted(listed, key=lambda message: (message.extended, message.id))


def name_buses(given: Sequence[str]) -> list[tuple[str, Path]]:
    """Return (bus, file) for every 'FILE' or 'BUS=FILE'.

    Raises:
        DescriptionError: two files are of one bus, or a name is none.
    """
    pairs: list[tuple[str, Path]] = []
    for text in given:
        bus, equals, file = text.partition("=")
        path = Path(file if equals else text)
        name = bus if equals else ONLY_BUS if len(given) == 1 else slug(path.stem)
        if not name or slug(name) != name.lower():
            message = f"'{name}' is no name for a bus: letters, digits and '_'"
            raise DescriptionError([Fault(path, 0, message)])
        if name in {known for known, _ in pairs}:
            message = f"there are two databases for bus '{name}'; name the buses: --dbc BUS={path}"
            raise DescriptionError([Fault(path, 0, message)])
        pairs.append((name, path))
    return pairs


def scaffold(
    databases: Sequence[tuple[str, Path]],
    folder: Path,
    identity: Identity,
    *,
    log: Path | None = None,
    catalog: Catalog | None = None,
    force: bool = False,
) -> Scaffold:
    """Write a first description into a folder.

    Args:
        databases: bus and CAN database of each.
        folder: where the description goes.
        identity: who the car is; without a powertrain, that is guessed from the fields.
        log: traffic of the car; only messages on it are listed, and what it proves is stated.
        catalog: None is the shipped one.
        force: overwrite a description that is in the folder.

    Raises:
        DescriptionError: a database holds what cannot be compiled.
        DatabaseError: a database cannot be read.
        LogError: the log cannot be read.
        OutputError: the folder cannot be written, or holds a description.
    """
    catalog = catalog or load_catalog()
    loaded = [(bus, load_database(path)) for bus, path in databases]
    frames = None if log is None else _read(log)
    buses = [_bus(name, database, frames) for name, database in loaded]
    matcher = Matcher(catalog, identity.powertrain)
    fields: list[Candidate | None] = []
    listed = ["", "signals:", *(line for bus in buses for line in _fields(bus, matcher, fields))]
    guess = "" if identity.powertrain else "  ## a guess from the fields' names"
    if guess:
        identity = replace(identity, powertrain=guess_powertrain(best.leaf.path for best in fields if best))
    with staged(identity.name, folder, force=force) as scratch:
        files = place_databases([database for _, database in loaded], scratch)
        sources = " and ".join(database.path.name for _, database in loaded)
        lines = _introduction(identity.name, sources, log)
        places = [(bus.name, [file]) for bus, file in zip(buses, files, strict=True)]
        top = head(identity, places, f"assumed (scaffolded from {sources}; not checked)")
        lines += [line + guess if line.startswith("powertrain:") else line for line in top]
        lines += ["", "messages:", *(line for bus in buses for line in _checks(bus, log))]
        lines += listed
        lines += [line for bus in buses for line in _rest(bus)]
        (scratch / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
        compile_vehicle(scratch / FILE, catalog)
    proved = [seen for bus in buses for seen in (bus.seen or {}).values()]
    return Scaffold(
        identity.name,
        folder,
        messages=sum(len(bus.messages) for bus in buses),
        fields=len(fields),
        candidates=sum(best is not None for best in fields),
        checksums=sum(seen.checksum is not None for seen in proved),
        counters=sum(seen.counter is not None for seen in proved),
        absent=sum(len(bus.database.messages) - len(bus.messages) for bus in buses),
        unknown=sum(len(bus.unknown) for bus in buses),
    )


def _read(log: Path) -> Frames:
    from commonwheel.wire.logs import read_log

    return read_log(log)[0]


def _bus(name: str, database: Database, frames: Frames | None) -> _Bus:
    if frames is None:
        return _Bus(name, database, None, {})
    mine = frames[frames.bus == busiest_bus(frames, database)]
    return _Bus(name, database, survey(mine, database), unknown_ids(mine, database))


def _introduction(name: str, sources: str, log: Path | None) -> list[str]:
    text = f"First description of {name}, scaffolded from {sources}" + (
        f" with the traffic of {log.name}" if log else ""
    )
    return [
        *folded(text + ".", 0, "# "),
        "# Lines with '##' are remarks. Lines with '#' are rows, guessed from names, units and values, the likeliest",
        "# first: take the '# ' away from those that are right. Each path once. Then 'commonwheel check' this folder,",
        "# decode a log, compare with the car, and replace the evidence: 'verified (on what, and how)'.",
    ]


def _checks(bus: _Bus, log: Path | None) -> Iterator[str]:
    """Yield rows of messages: proved ones, and guesses as comments."""
    for message in bus.messages:
        key = f"{bus.name}/{message.name}"
        seen = None if bus.seen is None else bus.seen[message.name]
        proved = {} if seen is None or log is None else _proved(message, seen, log)
        if proved:
            yield from row(key, proved)
        counters = [s.name for s in message.signals if is_counter(s.name)]
        if counters and "counter" not in proved:
            yield from commented(row(key, {"counter": counters[0]}))
        checksums = [s.name for s in message.signals if is_checksum(s.name)]
        if checksums and "checksum" not in proved:
            tried = "; none that has a name here holds on the log" if seen is not None and seen.frames > 1 else ""
            yield f"  ## {key}: '{checksums[0]}' may be its checksum: state its algorithm{tried}"
        if "vin" in {word for name in (message.name, *(s.name for s in message.signals)) for word in words(name)}:
            yield f"  ## {key} may tell who the car is: list it under 'personal:'"


def _proved(message: Message, seen: Seen, log: Path) -> dict[str | int, Value]:
    """Return what the log shows of a message, with how often it held."""
    stated: dict[str | int, Value] = {}
    notes: list[str] = []
    if seen.checksum is not None:
        stated["checksum"] = seen.checksum.row
        notes.append(f"the checksum holds in {seen.checksum.held} of {seen.checksum.frames} frames")
    if seen.counter is not None:
        name, modulo = seen.counter.signal, seen.counter.modulo
        stated["counter"] = {"signal": name, "modulo": modulo} if modulo else name
        notes.append(f"the counter steps by one in {seen.counter.stepped} of {seen.counter.frames - 1} steps")
    if seen.period_ms is not None and not message.period_ms:
        stated["period"] = f"{seen.period_ms:.3g} ms"
        notes.append("the period is measured")
    return {**stated, "note": f"{log.name}: {', '.join(notes)}"} if notes else {}


def _fields(bus: _Bus, matcher: Matcher, best: list[Candidate | None]) -> Iterator[str]:
    """Yield the candidates of every field, grouped by message; notes the best one of each field."""
    matcher.learn(bus.messages)
    for message in bus.messages:
        yield ""
        yield from folded(_about(bus, message), 2, "## ")
        plain: list[str] = []
        for signal in message.signals:
            candidates = [] if is_checksum(signal.name) or is_counter(signal.name) else matcher.candidates(
                bus.name, message, signal
            )  # fmt: skip
            best.append(candidates[0] if candidates else None)
            if candidates:
                yield from folded(f"{signal.name}: {_layout(signal)}", 2, "## ")
                for candidate in candidates:
                    yield from _candidate(candidate)
            else:
                plain.append(signal.name)
        if plain:
            yield from folded(f"without a likely signal: {', '.join(plain)}", 2, "## ")


def _about(bus: _Bus, message: Message) -> str:
    parts = [f"{bus.name}/{message.name}: 0x{message.id:X}", f"{message.size} bytes"]
    seen = None if bus.seen is None else bus.seen.get(message.name)
    period = message.period_ms or (seen.period_ms if seen else None)
    if period:
        parts.append(f"every {period:.3g} ms")
    if seen is not None:
        parts.append(f"{seen.frames} frame{'s' * (seen.frames != 1)} on the log")
    return ", ".join(parts) + (f" ({' '.join(message.comment.split())})" if message.comment else "")


def _layout(signal: Signal) -> str:
    """Return what the database says of a field, in a line."""
    parts = [f"{signal.length} bit{'s' * (signal.length != 1)}"]
    scale = "" if (signal.factor, signal.offset) == (1.0, 0.0) else f"x {signal.factor:g}"
    scale += f" {'+' if signal.offset > 0 else '-'} {abs(signal.offset):g}" if signal.offset else ""
    parts += [part for part in (scale.strip(), signal.unit) if part]
    if signal.minimum is not None and signal.maximum is not None:
        parts.append(f"{signal.minimum:g} to {signal.maximum:g}")
    if signal.choices:
        named = [f"{raw} {name}" for raw, name in sorted(signal.choices.items())[:MOST_NAMES]]
        parts.append("; ".join(named) + (" …" if len(signal.choices) > MOST_NAMES else ""))
    return ", ".join(parts) + (f" ({' '.join(signal.comment.split())})" if signal.comment else "")


def _candidate(candidate: Candidate) -> Iterator[str]:
    value: Value = candidate.row if len(candidate.row) > 1 else candidate.row["from"]
    lines = row(candidate.leaf.path, value)
    if candidate.remark:
        lines[0] += f"  # {candidate.remark}"
    yield from commented(lines)


def _rest(bus: _Bus) -> Iterator[str]:
    """Yield what is on one side only."""
    absent = [m.name for m in bus.database.messages if bus.seen is not None and m.name not in bus.seen]
    if absent:
        yield ""
        yield from folded(f"{bus.name}: not on the log: {', '.join(absent)}", 0, "## ")
    if bus.unknown:
        listed = [f"0x{can_id & 0x1FFF_FFFF:X} ({count})" for can_id, count in bus.unknown.items()]
        yield ""
        yield from folded(f"{bus.name}: on the log, not in the database (frames): {', '.join(listed)}", 0, "## ")
