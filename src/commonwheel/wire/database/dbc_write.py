"""The DBC writer: messages in, text out, such that reading the text gives the same messages.

What DBC cannot say is refused rather than bent: names that are no identifiers or not unique, numbers
that are not finite, selectors with negative values. Two things it has no words for are lost: a limit
without its counterpart is written as the end of the raw range, and limits 0 to 0 mean 'none'.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.errors import OutputError
from commonwheel.wire.database.names import is_identifier
from commonwheel.wire.database.recognise import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonwheel.wire.database.model import Database, Message, Repair, Signal

__all__ = ["dbc_text", "write_dbc"]

_FLAG = 0x8000_0000
_EXACT = 1e15  # whole numbers below need no exponent
_FLOAT_TYPES = {16: 1, 32: 1, 64: 2}
_HEADER = ('VERSION ""', "", "NS_ :", "", "BS_:", "", "BU_:", "")


def write_dbc(database: Database, path: Path) -> None:
    """Write the messages of a database to a DBC file, in cp1252 where that can hold its texts, else in UTF-8.

    Raises:
        OutputError: DBC cannot say what the database holds, or the file cannot be written.
    """
    text = dbc_text(database)
    for encoding in ("cp1252", "utf-8"):
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        unread: list[Repair] = []
        if decode(data, path, unread) == text and not unread:
            break
    else:
        fault = f"{path}: a text of this database has characters that no file can hold: take them out"
        raise OutputError(fault)
    try:
        path.write_bytes(data)
    except OSError as error:
        fault = f"{path}: cannot be written ({error}): check the folder and its permissions"
        raise OutputError(fault) from error


def dbc_text(database: Database) -> str:
    """Return a database as DBC text.

    Raises:
        OutputError: DBC cannot say what the database holds.
    """
    _check(database)
    parts = (_HEADER, _layouts(database), _comments(database), _attributes(database), _notes(database))
    return "".join(f"{line}\n" for part in parts for line in part)


def _check(database: Database) -> None:
    """Raise where names or numbers cannot be written."""
    _check_names([message.name for message in database.messages], "message", f"{database.path}")
    for message in database.messages:
        where = f"{database.path}: message {message.name!r}"
        _check_names([signal.name for signal in message.signals], "signal", where)
        names = {signal.name for signal in message.signals}
        for signal in message.signals:
            numbers = (signal.factor, signal.offset, signal.minimum or 0, signal.maximum or 0, signal.initial or 0)
            if not all(math.isfinite(number) for number in numbers):
                fault = f"{where}: signal {signal.name!r} has a number that is not finite: DBC has none"
                raise OutputError(fault)
            presence = signal.multiplexed
            if presence is None:
                continue
            if presence.selector not in names or presence.selector == signal.name:
                fault = f"{where}: signal {signal.name!r} has selector {presence.selector!r}: name another"
                raise OutputError(fault)
            if not presence.values or any(not 0 <= low <= high for low, high in presence.values):
                fault = f"{where}: signal {signal.name!r} has selector values that DBC cannot state"
                raise OutputError(fault)


def _check_names(names: list[str], what: str, where: str) -> None:
    """Raise where a name is no identifier, or not the only one."""
    for name in names:
        if not is_identifier(name):
            fault = f"{where}: {what} name {name!r} is no identifier: rename it"
            raise OutputError(fault)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        fault = f"{where}: {what} name {twice!r} stands there twice: rename one"
        raise OutputError(fault)


def _key(message: Message) -> int:
    """Return the id as DBC writes it."""
    return message.id | _FLAG if message.extended else message.id


def _layouts(database: Database) -> Iterator[str]:
    """Yield the messages with their signals."""
    for message in database.messages:
        yield f"BO_ {_key(message)} {message.name}: {message.size} Vector__XXX"
        selectors = _selectors(message)
        for signal in message.signals:
            marker = "" if signal.multiplexed is None else f"m{signal.multiplexed.values[0][0]}"
            marker += "M" if signal.name in selectors else ""
            head = f"{signal.name} {marker}".rstrip()
            order, sign = "0" if signal.big_endian else "1", "-" if signal.signed else "+"
            scale = f"({_number(signal.factor)},{_number(signal.offset)})"
            low, high = _limits(signal)
            limits = f"[{_number(low)}|{_number(high)}]"
            place = f"{signal.start}|{signal.length}@{order}{sign}"
            yield f" SG_ {head} : {place} {scale} {limits} {_quote(signal.unit, one_line=True)} Vector__XXX"
        yield ""


def _selectors(message: Message) -> set[str]:
    """Return the names of the signals that let others in."""
    return {signal.multiplexed.selector for signal in message.signals if signal.multiplexed is not None}


def _is_plain(message: Message) -> bool:
    """Tell whether the marks behind the names say all there is to say of multiplexing."""
    values = [signal.multiplexed.values for signal in message.signals if signal.multiplexed is not None]
    return len(_selectors(message)) <= 1 and all(len(ranges) == 1 and ranges[0][0] == ranges[0][1] for ranges in values)


def _limits(signal: Signal) -> tuple[float, float]:
    """Return the limits as DBC states them: both, or 0 and 0."""
    if signal.minimum is None and signal.maximum is None:
        return 0.0, 0.0
    bits = signal.length - 1 if signal.signed else signal.length
    ends = [(-(1 << bits) if signal.signed else 0), (1 << bits) - 1]
    low, high = sorted(raw * signal.factor + signal.offset for raw in ends)
    low = low if signal.minimum is None else signal.minimum
    high = high if signal.maximum is None else signal.maximum
    return min(low, high), max(low, high)


def _comments(database: Database) -> Iterator[str]:
    """Yield the comments."""
    for message in database.messages:
        if message.comment:
            yield f"CM_ BO_ {_key(message)} {_quote(message.comment)};"
        for signal in message.signals:
            if signal.comment:
                yield f"CM_ SG_ {_key(message)} {signal.name} {_quote(signal.comment)};"


def _attributes(database: Database) -> Iterator[str]:
    """Yield the periods and start values, with the definitions they need."""
    yield 'BA_DEF_ BO_ "GenMsgCycleTime" FLOAT 0 3600000;'
    yield 'BA_DEF_ SG_ "GenSigStartValue" FLOAT -1E+20 1E+20;'
    yield 'BA_DEF_DEF_ "GenMsgCycleTime" 0;'
    yield 'BA_DEF_DEF_ "GenSigStartValue" 0;'
    for message in database.messages:
        if message.period_ms is not None and message.period_ms > 0:
            yield f'BA_ "GenMsgCycleTime" BO_ {_key(message)} {_number(message.period_ms)};'
        for signal in message.signals:
            if signal.initial is not None:
                yield f'BA_ "GenSigStartValue" SG_ {_key(message)} {signal.name} {_number(signal.initial)};'


def _notes(database: Database) -> Iterator[str]:
    """Yield value tables, float types and multiplexer values."""
    for message in database.messages:
        plain = _is_plain(message)
        for signal in message.signals:
            about = f"{_key(message)} {signal.name}"
            if signal.choices:
                entries = " ".join(f"{raw} {_quote(label)}" for raw, label in signal.choices.items())
                yield f"VAL_ {about} {entries} ;"
            if signal.is_float and signal.length in _FLOAT_TYPES:
                yield f"SIG_VALTYPE_ {about} : {_FLOAT_TYPES[signal.length]};"
            if signal.multiplexed is not None and not plain:
                ranges = ", ".join(f"{low}-{high}" for low, high in signal.multiplexed.values)
                yield f"SG_MUL_VAL_ {about} {signal.multiplexed.selector} {ranges};"


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < _EXACT else repr(float(value))


def _quote(text: str, *, one_line: bool = False) -> str:
    """Return a text in quotation marks; one at its very end may not be a backslash, which would undo them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n", " ") if one_line else text
    return '"' + text.replace('"', '\\"') + (' "' if text.endswith("\\") else '"')
