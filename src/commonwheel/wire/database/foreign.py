"""KCD, SYM and ARXML: read by cantools, turned into drafts here.

cantools numbers start bits as DBC does in every format. Its checks for overlaps and lengths are left
off, since real cars break them; they are reported as findings instead. These formats have no lines that
could be named, so their remarks carry line 0.
"""

from __future__ import annotations

import logging
import math
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from commonwheel.errors import DatabaseError
from commonwheel.wire.database.drafts import MessageDraft, Presence, SignalDraft, merge_ranges
from commonwheel.wire.database.finish import finish
from commonwheel.wire.database.model import Database, Repair
from commonwheel.wire.database.multiplex import break_circles

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from cantools.database.can.message import Message
    from cantools.database.can.signal import Signal

    from commonwheel.wire.database.recognise import Format

__all__ = ["read_foreign"]

_LONGEST_SIGNAL = 64
_ENTITY = re.compile(r"<!ENTITY", re.IGNORECASE)
_LINE = re.compile(r"\bline (\d+)")
_ABSURD = re.compile(
    r"""\b(?:length|offset)\s*=\s*["']\d{6}"""
    r"|<(?:LENGTH|START-POSITION|FRAME-LENGTH)>\s*\d{6}"
    r"|^[^\S\n]*Len[^\S\n]*=[^\S\n]*\d{6}"
    r"|^[^\S\n]*(?:Sig|Var|Mux)[^\S\n]*=[^\S\n]*\S+[^\S\n]+(?:[a-zA-Z]\w*[^\S\n]+)?(?:\d+[^\S\n]*,[^\S\n]*)?\d{6}",
    re.MULTILINE,
)
"""Lengths and positions of a million bits, for which cantools would take as much memory as they ask for."""
_ID_RANGE = re.compile(r"^[^\S\n]*ID[^\S\n]*=[^\S\n]*([0-9A-Fa-f]{1,16})h[^\S\n]*-([0-9A-Fa-f]{1,16})h", re.MULTILINE)
_MOST_IDS = 4096


def read_foreign(text: str, path: Path, file_format: Format, repairs: list[Repair]) -> Database:
    """Return the database that a KCD, SYM or ARXML text holds; *repairs* is added to.

    Raises:
        DatabaseError: cantools cannot read it.
    """
    with _remarks(repairs), _said(path, file_format):
        loaded = _load(text, path, file_format)
        drafts = [draft for message in loaded if (draft := _message(message, repairs)) is not None]
    buses = sorted({message.bus_name for message in loaded if message.bus_name})
    if len(buses) > 1:
        what = f"the file describes {len(buses)} buses ({', '.join(buses)}); their messages stand side by side"
        repairs.append(Repair(0, "several-buses", what))
    messages = finish(drafts, repairs)
    return Database(path, messages, tuple(repairs))


def _load(text: str, path: Path, file_format: Format) -> list[Message]:
    """Return the messages that cantools reads."""
    from cantools.database.can.formats import arxml, kcd, sym

    if _ENTITY.search(text):
        fault = f"{path}: an XML file with entities of its own, which are not read: expand them first"
        raise DatabaseError(fault)
    _refuse_absurd(text, path)
    readers = {"KCD": kcd.load_string, "SYM": sym.load_string, "ARXML": arxml.load_string}
    return readers[file_format.value](text, strict=False, sort_signals=None).messages


def _refuse_absurd(text: str, path: Path) -> None:
    """Raise where reading a text would take more memory than any database is worth."""
    absurd = _ABSURD.search(text)
    if absurd is None:
        ranges = _ID_RANGE.finditer(text)
        absurd = next((found for found in ranges if int(found[2], 16) - int(found[1], 16) > _MOST_IDS), None)
    if absurd is not None:
        line = text.count("\n", 0, absurd.start()) + 1
        fault = f"{path}:{line}: {absurd[0].strip()!r} is more than any frame or bus can hold: correct it"
        raise DatabaseError(fault)


@contextmanager
def _said(path: Path, file_format: Format) -> Generator[None]:
    """Say in one way whatever is wrong with a file."""
    try:
        yield
    except DatabaseError:
        raise
    except ET.ParseError as error:
        fault = f"{path}:{error.position[0]}: no well-formed XML ({error}): export the file again"
        raise DatabaseError(fault) from error
    except Exception as error:  # the parsers raise whatever a damaged file makes them stumble on
        found = _LINE.search(str(error))
        place = f"{path}:{found[1]}" if found else f"{path}"
        reason = str(error) or type(error).__name__
        what = f"{place}: cannot be read as {file_format.value} ({reason})"
        fault = f"{what}: correct what it names, or export the file again"
        raise DatabaseError(fault) from error


class _Collector(logging.Handler):
    """Turns what cantools would only log into remarks."""

    def __init__(self, repairs: list[Repair]) -> None:
        super().__init__(logging.WARNING)
        self.repairs = repairs

    def emit(self, record: logging.LogRecord) -> None:
        """Add one record."""
        self.repairs.append(Repair(0, "unsupported", record.getMessage()))


@contextmanager
def _remarks(repairs: list[Repair]) -> Generator[None]:
    """Collect what cantools logs while a file is read."""
    logger = logging.getLogger("cantools")
    collector, propagate, level = _Collector(repairs), logger.propagate, logger.level
    logger.addHandler(collector)
    logger.propagate = False
    logger.setLevel(logging.WARNING)  # whatever the program wants to see of them
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
        logger.setLevel(level)


def _message(source: Message, repairs: list[Repair]) -> MessageDraft | None:
    """Return the draft of one message, or None for a container of other PDUs."""
    if source.is_container:
        what = f"message {source.name!r} is a container of other PDUs; left out"
        repairs.append(Repair(0, "container", what))
        return None
    if not source.name or not all(signal.name for signal in source.signals):
        fault = f"the message with id {source.frame_id:#x}, or a signal of it, has no name"
        raise ValueError(fault)
    draft = MessageDraft(
        written=source.name,
        id=source.frame_id,
        extended=source.is_extended_frame,
        size=source.length,
        comment=source.comment or "",
        period_ms=float(source.cycle_time) if source.cycle_time else None,
    )
    kept: list[tuple[Signal, SignalDraft]] = []
    for signal in source.signals:
        if not 1 <= signal.length <= _LONGEST_SIGNAL:
            what = f"signal {signal.name!r} has {signal.length} bits; only 1 to {_LONGEST_SIGNAL} can be decoded"
            repairs.append(Repair(0, "length", f"{what}; left out"))
        elif not math.isfinite(signal.scale) or not math.isfinite(signal.offset) or signal.start < 0:
            what = f"signal {signal.name!r} has no usable start, factor or offset; left out"
            repairs.append(Repair(0, "unreadable", what))
        else:
            kept.append((signal, _signal(signal, repairs)))
    by_name = {signal.name: field for signal, field in reversed(kept)}
    for signal, field in kept:
        selector = by_name.get(signal.multiplexer_signal or "")
        if selector is not None and selector is not field and signal.multiplexer_ids:
            field.presence = Presence(selector, merge_ranges((code, code) for code in signal.multiplexer_ids))
    draft.signals = [field for _, field in kept]
    break_circles(draft, repairs)
    return draft


def _signal(source: Signal, repairs: list[Repair]) -> SignalDraft:
    """Return the draft of one signal, without its multiplexing."""
    minimum, maximum = source.minimum, source.maximum
    if minimum is not None and maximum is not None and not minimum <= maximum:
        what = f"signal {source.name!r} has impossible limits {minimum} to {maximum}; taken as no limits"
        repairs.append(Repair(0, "range", what))
        minimum = maximum = None
    return SignalDraft(
        written=source.name,
        start=source.start,
        length=source.length,
        big_endian=source.byte_order == "big_endian",
        signed=source.is_signed and not source.is_float,
        is_float=source.is_float,
        factor=float(source.scale),
        offset=float(source.offset),
        minimum=None if minimum is None else float(minimum),
        maximum=None if maximum is None else float(maximum),
        unit=source.unit or "",
        choices={int(code): str(label) for code, label in (source.choices or {}).items()},
        comment=source.comment or "",
        initial=None if source.raw_initial is None else float(source.raw_initial),
    )
