"""One message's frames for a page: its layout once, and a frame's fields as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from commonwheel.vehicles.bits import raw_of, value_of
from commonwheel.web.signal_values import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.vehicles.model import Field, Message
    from commonwheel.web.car_facts import CarFacts
    from commonwheel.web.frame_monitor import FrameMonitor

__all__ = ["FieldCard", "FieldNow", "FrameNow", "MessageCard", "frame_now", "latest_of", "message_card"]


class FieldCard(msgspec.Struct, frozen=True):
    """A field of a message, as its layout is."""

    name: str
    start: int
    length: int
    big_endian: bool
    signed: bool
    is_float: bool
    factor: float
    offset: float
    unit: str
    role: str
    """counter, checksum, selector or ''."""
    condition: str
    """When it is there, for a multiplexed field."""
    comment: str
    paths: list[str]
    """The standard signals that rest on it."""


class MessageCard(msgspec.Struct, frozen=True):
    """A message, as the description has it."""

    key: int
    id: str
    bus: str
    name: str
    size: int
    period_ms: float
    """0: none is known."""
    timeout_ms: float
    checksum: str
    counter: str
    modulo: int
    comment: str
    note: str
    place: str
    """File and line of its row; '' without one."""
    fields: list[FieldCard]


class FieldNow(msgspec.Struct, frozen=True, array_like=True):
    """A field in a frame."""

    raw: int | None
    """None: it is not in this frame."""
    value: float | str | None
    """In the field's own unit, or the name of its code."""


class FrameNow(msgspec.Struct, frozen=True):
    """The last frame of a message."""

    t_ms: float
    count: int
    payload: str
    """Hexadecimal."""
    owners: list[int]
    """The owner of each bit, most significant first: a field's number, -1 nobody, -2 the checksum."""
    fields: list[FieldNow]


def message_card(facts: CarFacts, number: int) -> MessageCard:
    """Return what a page shows of a message once."""
    message = facts.vehicle.messages[number]
    reference = facts.reference(number)
    known = facts.provenance
    place = known.messages.get(reference)
    return MessageCard(
        message.key,
        message.id_text,
        facts.vehicle.buses[message.bus].name,
        message.name,
        message.size,
        message.period_ns / 1e6,
        message.timeout_ns / 1e6,
        message.checksum,
        message.counter,
        message.modulo,
        known.comments.get(reference, ""),
        known.notes.get(reference, ""),
        str(place or ""),
        _field_cards(facts, message, reference),
    )


def _field_cards(facts: CarFacts, message: Message, reference: str) -> list[FieldCard]:
    from commonwheel.report.reference import role_of

    known = facts.provenance
    conditions = known.conditions
    selectors = {found.selector for key, found in conditions.items() if key.startswith(f"{reference}.")}
    return [
        FieldCard(
            field.name,
            field.start,
            field.length,
            field.big_endian,
            field.signed,
            field.is_float,
            field.factor,
            field.offset,
            field.unit,
            role_of(facts.vehicle, message, field, selectors),
            str(conditions.get(f"{reference}.{field.name}", "")),
            known.comments.get(f"{reference}.{field.name}", ""),
            facts.paths_of(f"{reference}.{field.name}"),
        )
        for field in message.fields
    ]


def latest_of(facts: CarFacts, monitor: FrameMonitor, number: int) -> tuple[int, bytes, int] | None:
    """Return a message's last frame: when (nanoseconds UTC), its payload, its count; None: none came."""
    return monitor.payload(facts.vehicle.messages[number].key)


def frame_now(facts: CarFacts, number: int, frame: tuple[int, bytes, int], first: Sequence[int] = ()) -> FrameNow:
    """Return a frame as a page shows it; *first* are fields drawn over all others."""
    t_ns, payload, count = frame
    fields = facts.vehicle.messages[number].fields
    return FrameNow(
        t_ns / 1e6,
        count,
        payload.hex(),
        list(facts.owners(number, payload, first)),
        [_field_now(facts, number, field, payload) for field in fields],
    )


def _field_now(facts: CarFacts, number: int, field: Field, payload: bytes) -> FieldNow:
    if not facts.is_there(number, field, payload):
        return FieldNow(None, None)
    raw = raw_of(payload, field)
    return FieldNow(raw, field.choices.get(raw) or finite(value_of(raw, field)))
