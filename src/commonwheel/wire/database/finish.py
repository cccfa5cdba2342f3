"""Finish: drafts become messages, with every name settled and every oddity said.

Duplicates are joined where they say the same and renamed where they do not; nothing is merged that
differs in layout. What no repair touches, such as overlapping signals, is reported as a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.wire.database.drafts import Presence, merge_ranges
from commonwheel.wire.database.layout import outside, overlaps
from commonwheel.wire.database.model import Message, Multiplexed, Repair, Signal
from commonwheel.wire.database.names import identifier, unique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.wire.database.drafts import MessageDraft, SignalDraft

__all__ = ["finish"]

_STANDARD_IDS = 0x7FF
_EXTENDED_IDS = 0x1FFF_FFFF
_LONGEST_FRAME = 64


def finish(drafts: Sequence[MessageDraft], repairs: list[Repair]) -> tuple[Message, ...]:
    """Return the messages that the drafts describe; what had to be settled is added to *repairs*."""
    kept = [draft for draft in drafts if draft.kept]
    for draft in kept:
        _join_duplicate_signals(draft, repairs)
    kept = _drop_repeated(kept, repairs)
    _name_messages(kept, repairs)
    messages: list[Message] = []
    for draft in kept:
        _name_signals(draft, repairs)
        message = _freeze(draft)
        messages.append(message)
        _report_message(message, draft, repairs)
    _report_ids(kept, repairs)
    repairs.sort(key=lambda repair: repair.line)
    return tuple(messages)


def _join_duplicate_signals(message: MessageDraft, repairs: list[Repair]) -> None:
    """Leave out signals that repeat an earlier one; join those that differ in their selector's values only."""
    kept: list[SignalDraft] = []
    by_name: dict[str, list[SignalDraft]] = {}
    for signal in message.signals:
        earlier = by_name.setdefault(signal.written, [])
        twin = next((other for other in earlier if _same_field(other, signal)), None)
        if twin is None:
            earlier.append(signal)
            kept.append(signal)
            continue
        what = f"signal {signal.written!r} of message {message.written!r} stands there twice and says the same"
        if twin.presence is not None and signal.presence is not None:
            twin.presence = Presence(
                twin.presence.selector, merge_ranges(twin.presence.values + signal.presence.values)
            )
        repairs.append(Repair(signal.line, "duplicate-signal", f"{what}; taken as one"))
    message.signals = kept


def _same_field(one: SignalDraft, other: SignalDraft) -> bool:
    """Tell whether two drafts of one name are the same field, under the same selector if any."""
    if one.layout != other.layout:
        return False
    if one.presence is None or other.presence is None:
        return one.presence is other.presence
    return one.presence.selector is other.presence.selector


def _drop_repeated(drafts: list[MessageDraft], repairs: list[Repair]) -> list[MessageDraft]:
    """Leave out messages that repeat an earlier one in every respect."""
    kept: list[MessageDraft] = []
    by_name: dict[str, list[MessageDraft]] = {}
    for draft in drafts:
        earlier = by_name.setdefault(draft.written, [])
        if any(_same_message(other, draft) for other in earlier):
            what = f"message {draft.written!r} stands there twice and says the same; taken as one"
            repairs.append(Repair(draft.line, "duplicate-message", what))
            continue
        earlier.append(draft)
        kept.append(draft)
    return kept


def _same_message(one: MessageDraft, other: MessageDraft) -> bool:
    """Tell whether two drafts of one name are the same message."""
    return (one.id, one.extended, one.size, _fields(one)) == (other.id, other.extended, other.size, _fields(other))


def _fields(message: MessageDraft) -> list[tuple[object, ...]]:
    """Return the names, layouts and marks of a message's signals."""
    return [(signal.written, signal.layout, signal.marker) for signal in message.signals]


def _name_messages(drafts: list[MessageDraft], repairs: list[Repair]) -> None:
    """Settle the names of all messages."""
    taken: set[str] = set()
    for draft in drafts:
        name = identifier(draft.name)
        if name != draft.name:
            what = f"message name {draft.name!r} cannot be referred to; called {name!r}"
            repairs.append(Repair(draft.line, "name", what))
        draft.name = unique(name, taken)
        if draft.name != name:
            what = f"there is a message {name!r} already; this one, id {draft.id:#x}, is called {draft.name!r}"
            repairs.append(Repair(draft.line, "duplicate-message", what))
        taken.add(draft.name)


def _name_signals(message: MessageDraft, repairs: list[Repair]) -> None:
    """Settle the names of one message's signals."""
    taken: set[str] = set()
    for draft in message.signals:
        name = identifier(draft.name)
        if name != draft.name:
            what = f"signal name {draft.name!r} of message {message.name!r} cannot be referred to; called {name!r}"
            repairs.append(Repair(draft.line, "name", what))
        draft.name = unique(name, taken)
        if draft.name != name:
            what = f"message {message.name!r} has a signal {name!r} already; this one is called {draft.name!r}"
            repairs.append(Repair(draft.line, "duplicate-signal", what))
        taken.add(draft.name)


def _freeze(draft: MessageDraft) -> Message:
    """Return the message of a draft."""
    return Message(
        name=draft.name,
        id=draft.id,
        extended=draft.extended,
        size=draft.size,
        signals=tuple(_freeze_signal(signal) for signal in draft.signals),
        period_ms=draft.period_ms,
        comment=draft.comment,
    )


def _freeze_signal(draft: SignalDraft) -> Signal:
    """Return the signal of a draft."""
    presence = draft.presence
    return Signal(
        name=draft.name,
        start=draft.start,
        length=draft.length,
        big_endian=draft.big_endian,
        signed=draft.signed,
        is_float=draft.is_float,
        factor=draft.factor,
        offset=draft.offset,
        minimum=draft.minimum,
        maximum=draft.maximum,
        unit=draft.unit,
        choices=draft.choices,
        multiplexed=None if presence is None else Multiplexed(presence.selector.name, presence.values),
        comment=draft.comment,
        initial=draft.initial,
    )


def _report_message(message: Message, draft: MessageDraft, repairs: list[Repair]) -> None:
    """Report what a message says that no frame can hold, or that says two things of one bit."""
    lines = {signal.name: signal.line for signal in draft.signals}
    if message.size > _LONGEST_FRAME:
        what = f"message {message.name!r} has {message.size} bytes; a frame carries {_LONGEST_FRAME} at most"
        repairs.append(Repair(draft.line, "long-message", what))
    for signal in outside(message):
        what = f"signal {signal.name!r} reaches beyond the {message.size} bytes of message {message.name!r}"
        repairs.append(Repair(lines[signal.name], "outside", what))
    for first, second in overlaps(message):
        what = f"signals {first.name!r} and {second.name!r} of message {message.name!r} share bits"
        repairs.append(Repair(lines[second.name], "overlap", what))
    for signal in message.signals:
        if signal.factor == 0:
            what = f"signal {signal.name!r} of message {message.name!r} has factor 0: it cannot be encoded"
            repairs.append(Repair(lines[signal.name], "zero-factor", what))


def _report_ids(drafts: list[MessageDraft], repairs: list[Repair]) -> None:
    """Report ids that two messages share, and ids that no frame can carry."""
    holders: dict[tuple[int, bool], str] = {}
    for draft in drafts:
        if draft.id > (_EXTENDED_IDS if draft.extended else _STANDARD_IDS):
            what = f"id {draft.id:#x} of message {draft.name!r} is too long for a frame; it will never be seen"
            repairs.append(Repair(draft.line, "long-id", what))
        holder = holders.setdefault((draft.id, draft.extended), draft.name)
        if holder != draft.name:
            what = f"messages {holder!r} and {draft.name!r} have the same id {draft.id:#x}"
            repairs.append(Repair(draft.line, "duplicate-id", what))
