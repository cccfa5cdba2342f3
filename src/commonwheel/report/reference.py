"""A car's reference: everything that its description says, in the order in which people look for it.

Made of the compiled vehicle and of what is written about it; ``reference_page`` and ``reference_text`` show it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.report.reference_variants import FOLD_FROM, NUMBER, changes_of, common, told
from commonwheel.vehicles import SHIPPED, load_vehicle
from commonwheel.vehicles.bits import bits_of, check_bits, owners_of, runs_of
from commonwheel.vehicles.provenance import provenance_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from commonwheel.vehicles.bits import Run
    from commonwheel.vehicles.model import Field, Message, SignalInfo
    from commonwheel.vehicles.provenance import Condition, Place, Provenance
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = [
    "Drawing",
    "FieldLine",
    "MessageSheet",
    "Reference",
    "Served",
    "SignalLine",
    "VariantLine",
    "label_of",
    "reference_of",
    "role_of",
    "told",
]

_MOST_DRAWINGS = 12
"""Of one message with many multiplexed layouts; the table of its fields has them all."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class SignalLine:
    """A standard signal, or several alike (cells, modules) in one."""

    path: str
    """With '#' for the numbers in which several differ."""
    members: tuple[SignalInfo, ...]
    sources: tuple[str, ...]
    """The fields, as bus/Message.Field; with '#' where they differ."""
    place: Place | None
    note: str

    @property
    def info(self) -> SignalInfo:
        """The signal, or the first of them."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field of a message."""

    label: str
    """What it is called where bits are drawn."""
    field: Field
    role: str
    """'counter', 'checksum' or 'selector' where it is one; else ''."""
    paths: tuple[str, ...]
    """The standard signals that rest on it."""
    condition: Condition | None
    comment: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The bits of a message; of one of its layouts where fields are multiplexed."""

    title: str
    """What selects it; '' where there is only one."""
    rows: tuple[tuple[Run, ...], ...]
    """For each byte its runs, whose owners are numbers of fields."""


@dataclass(frozen=True, slots=True)
class MessageSheet:
    """A message with everything about it."""

    reference: str
    """bus/Message."""
    bus: str
    message: Message
    fields: tuple[FieldLine, ...]
    drawings: tuple[Drawing, ...]
    left_out: int
    """Layouts that are not drawn, being too many."""
    requests: tuple[str, ...]
    """The standard paths that are asked for through it."""
    comment: str
    note: str
    place: Place | None


@dataclass(frozen=True, slots=True)
class VariantLine:
    """What sets a variant apart."""

    car: Vehicle
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """One actuator that a car can be asked for, as the page tells it."""

    path: str
    manner: str
    limits: str
    proven: str
    """The signal that proves it; '' for none."""
    evidence: str
    source: str
    """Where the limits come from."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything about one car."""

    car: Vehicle
    provenance: Provenance
    signals: tuple[SignalLine, ...]
    messages: tuple[MessageSheet, ...]
    variants: tuple[VariantLine, ...]
    served: tuple[Served, ...] = ()
    """What the platform makes the car do, when asked."""
    cannot: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it cannot be asked for, and why."""

    def groups(self) -> Mapping[str, Sequence[SignalLine]]:
        """Return the signals by the first level of their path, 'Vehicle' for those right below it."""
        found: dict[str, list[SignalLine]] = {}
        for line in self.signals:
            levels = line.path.split(".")
            found.setdefault(levels[1] if len(levels) > 2 else levels[0], []).append(line)  # noqa: PLR2004 - a branch between root and leaf
        return found

    @property
    def asked(self) -> int:
        """How much the car can be asked for."""
        return len({request.path for request in self.car.requests} | {one.path for one in self.served})

    def evidence(self) -> dict[str, int]:
        """Return how many signals are verified, documented, assumed."""
        counts: dict[str, int] = {"verified": 0, "documented": 0, "assumed": 0}
        for signal in self.car.signals:
            word = signal.evidence.partition(" ")[0]
            counts[word] = counts.get(word, 0) + 1
        return counts


def reference_of(name: str | Path, folders: tuple[Path, ...] = (SHIPPED,)) -> Reference:
    """Return the reference of a car.

    Args:
        name: 'maker/car', 'maker/car:variant', a folder or a ``vehicle.yaml``.
        folders: where 'maker/car' is looked for.

    Raises:
        DescriptionError: there is no such description, or it has faults.
    """
    car, provenance = load_vehicle(name, folders=folders), provenance_of(name, folders)
    with_variant = car.name.partition(":")[2]
    variants = () if with_variant else provenance.variants
    return Reference(
        car,
        provenance,
        _signal_lines(car, provenance),
        tuple(_sheet(car, provenance, number) for number in _order(car)),
        tuple(_variant(car, load_vehicle(f"{name}:{variant}", folders=folders)) for variant in variants),
    )


def _variant(car: Vehicle, variant: Vehicle) -> VariantLine:
    return VariantLine(variant, changes_of(car, variant))


def label_of(number: int) -> str:
    """Return what a field is called where bits are drawn: a to z, then aa, ab and on."""
    text = ""
    while True:
        number, letter = divmod(number, len(_LETTERS))
        text = _LETTERS[letter] + text
        if not number:
            return text
        number -= 1


# ---- signals ----------------------------------------------------------------------------------------------------


def _signal_lines(car: Vehicle, provenance: Provenance) -> tuple[SignalLine, ...]:
    """Return the signals, three and more that differ in a number only put together."""
    groups: dict[tuple[object, ...], list[SignalInfo]] = {}
    for info in car.signals:
        alike = (info.unit, info.how, info.evidence, info.resolution, info.low, info.high, info.labels, info.personal)
        sources = tuple(NUMBER.sub("#", source) for source in info.sources)
        groups.setdefault((NUMBER.sub("#", info.path), sources, alike), []).append(info)
    lines: list[SignalLine] = []
    for members in groups.values():
        parts = [tuple(members)] if len(members) >= FOLD_FROM else [(one,) for one in members]
        lines += [_signal_line(part, provenance) for part in parts]
    return tuple(lines)


def _signal_line(members: tuple[SignalInfo, ...], provenance: Provenance) -> SignalLine:
    first = members[0]
    texts = [common([member.path for member in members])]
    texts += [common(list(same)) for same in zip(*(member.sources for member in members), strict=True)]
    place, note = provenance.signals.get(first.path), provenance.notes.get(first.path, "")
    return SignalLine(texts[0], members, tuple(texts[1:]), place, note)


# ---- messages ---------------------------------------------------------------------------------------------------


def _order(car: Vehicle) -> list[int]:
    """Return the numbers of the messages, by bus and id."""
    return sorted(range(len(car.messages)), key=lambda i: (car.messages[i].bus, car.messages[i].id))


@functools.lru_cache(maxsize=8)
def _users(car: Vehicle) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the standard paths that rest on each field, and the requests that go through each message."""
    read: dict[str, list[str]] = {}
    asked: dict[str, list[str]] = {}
    for info in car.signals:
        for source in info.sources:
            read.setdefault(source, []).append(info.path)
    for request in car.requests:
        asked.setdefault(request.source.rpartition(".")[0], []).append(request.path)
    return read, asked


def _sheet(car: Vehicle, provenance: Provenance, number: int) -> MessageSheet:
    message = car.messages[number]
    bus = car.buses[message.bus].name
    reference = f"{bus}/{message.name}"
    read, asked = _users(car)
    check = check_bits(car, message)
    selectors = {
        provenance.conditions[key].selector for key in provenance.conditions if key.startswith(f"{reference}.")
    }
    lines = tuple(
        FieldLine(
            label_of(i),
            field,
            role_of(car, message, field, selectors),
            tuple(read.get(f"{reference}.{field.name}", ())),
            provenance.conditions.get(f"{reference}.{field.name}"),
            provenance.comments.get(f"{reference}.{field.name}", ""),
        )
        for i, field in enumerate(message.fields)
    )
    drawings = _drawings(message, lines, check)
    return MessageSheet(
        reference,
        bus,
        message,
        lines,
        drawings[:_MOST_DRAWINGS],
        max(0, len(drawings) - _MOST_DRAWINGS),
        tuple(asked.get(reference, ())),
        provenance.comments.get(reference, ""),
        provenance.notes.get(reference, ""),
        provenance.messages.get(reference),
    )


def role_of(car: Vehicle, message: Message, field: Field, selectors: Collection[str] = ()) -> str:
    """Return 'counter', 'checksum' or 'selector' for a field that is one, else ''; *selectors* are their names."""
    if field.name == message.counter:
        return "counter"
    if message.check >= 0 and bits_of(field) == check_bits(car, message):
        return "checksum"
    return "selector" if field.name in selectors else ""


def _drawings(message: Message, lines: Sequence[FieldLine], check: int) -> tuple[Drawing, ...]:
    """Return one drawing, or one for each condition under which fields are there."""
    conditions = list(dict.fromkeys(str(line.condition) for line in lines if line.condition))
    found: list[Drawing] = []
    for title in conditions or [""]:
        shown = [i for i, line in enumerate(lines) if line.condition is None or str(line.condition) == title]
        found.append(Drawing(title, runs_of(message, owners_of(message, check, shown))))
    return tuple(found)
