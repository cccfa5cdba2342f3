"""The DBC reader: text in, messages out, whatever the text has gone through.

Statement by statement: first the messages and their signals, then what other statements say of them,
then multiplexing. A fault costs the statement it is in and no more, and each is said in *repairs*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.errors import DatabaseError
from commonwheel.wire.database.dbc_fields import message_draft, signal_draft, signal_name
from commonwheel.wire.database.dbc_notes import HANDLERS, Notes, read_defaults
from commonwheel.wire.database.dbc_scan import Statement, excerpt, scan
from commonwheel.wire.database.finish import finish
from commonwheel.wire.database.model import Database, Repair
from commonwheel.wire.database.multiplex import resolve_multiplexing

if TYPE_CHECKING:
    import re
    from pathlib import Path

    from commonwheel.wire.database.drafts import MessageDraft

__all__ = ["read_dbc"]


def read_dbc(text: str, path: Path, repairs: list[Repair]) -> Database:
    """Return the database that a DBC text holds; lines end with a newline, *repairs* is added to.

    Raises:
        DatabaseError: the text has messages, and not one of them can be read.
    """
    statements = list(scan(text, repairs))
    drafts = _read_fields(statements, repairs)
    if not drafts:
        _refuse_unreadable(statements, path, repairs)
    notes = Notes(drafts, repairs)
    for keyword, handler in HANDLERS.items():
        for statement in statements:
            if statement.keyword == keyword and statement.match is not None:
                handler(statement.match, statement.line, notes)
    read_defaults(notes)
    for draft in filter(lambda draft: draft.kept, drafts):
        resolve_multiplexing(draft, notes.selected.get(draft.key, {}), repairs)
    messages = finish(drafts, repairs)
    return Database(path, messages, tuple(repairs))


def _read_fields(statements: list[Statement], repairs: list[Repair]) -> list[MessageDraft]:
    """Return the drafts of all messages with their signals; say what cannot be read."""
    drafts: list[MessageDraft] = []
    current: MessageDraft | None = None
    for statement in statements:
        if statement.match is None:
            what = f"{statement.text!r} cannot be read as a {statement.keyword} statement; left out"
            repairs.append(Repair(statement.line, "unreadable", what))
            current = None if statement.keyword == "BO_" else current
        elif statement.keyword == "BO_":
            current = message_draft(statement.match, statement.line, repairs)
            if current is not None:
                drafts.append(current)
        elif statement.keyword == "SG_":
            _add_signal(current, statement.match, statement.line, repairs)
        elif statement.keyword == "VERSION" and drafts:
            repairs.append(Repair(statement.line, "order", "VERSION stands behind messages; the format wants it first"))
    return drafts


def _add_signal(current: MessageDraft | None, match: re.Match[str], line: int, repairs: list[Repair]) -> None:
    """Add the signal of a statement to the message it follows."""
    if current is None:
        what = f"{excerpt(match[0])!r} follows no message that can be read; left out"
        repairs.append(Repair(line, "orphan", what))
        return
    signal = signal_draft(match, line, repairs)
    if signal is not None:
        current.signals.append(signal)
    else:
        current.left_out.add(signal_name(match))


def _refuse_unreadable(statements: list[Statement], path: Path, repairs: list[Repair]) -> None:
    """Raise where a text without messages was not meant to have none."""
    first = next((statement for statement in statements if statement.keyword in {"BO_", "SG_"}), None)
    if first is not None:
        text = first.text or excerpt(first.match[0] if first.match else "")
        what = f"{path}:{first.line}: no message can be read, not even this: {text!r}: "
        fault = f"{what}a message begins with 'BO_ <id> <name>: <bytes> <sender>'"
        raise DatabaseError(fault)
    odd = next((repair for repair in repairs if repair.kind in {"stray", "unreadable"}), None)
    if odd is not None:
        what = f"{path}:{odd.line}: there is no message, and {odd.what}: "
        fault = f"{what}a DBC file has 'BO_' and 'SG_' lines"
        raise DatabaseError(fault)
