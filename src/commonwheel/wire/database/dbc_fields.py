"""Messages and signals of a DBC: one statement in, one draft out.

The tables ``_MESSAGE_SLIPS`` and ``_SIGNAL_SLIPS`` list what files leave out or write otherwise than
the format wants. None of it decides a layout; a statement whose layout cannot be read gives no draft.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from commonwheel.wire.database.dbc_grammar import NUMBER
from commonwheel.wire.database.drafts import MessageDraft, SignalDraft
from commonwheel.wire.database.model import Repair

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UNASSIGNED", "integer", "message_draft", "number", "signal_draft", "signal_name"]

UNASSIGNED = "VECTOR__INDEPENDENT_SIG_MSG"
"""The message under which DBC editors keep signals that belong to no message."""

_FLAG = 0x8000_0000
_STANDARD_IDS = 0x7FF
_EXTENDED_IDS = 0x1FFF_FFFF
_ID_BITS = 32
_LONGEST_SIGNAL = 64
_LONGEST_INTEGER = 20  # digits of a 64-bit number
_MARKER = re.compile(r"M|m\d{0,20}M?", re.ASCII)

_Slip = tuple[str, str, "Callable[[re.Match[str]], object]"]

_MESSAGE_SLIPS: tuple[_Slip, ...] = (
    ("colon", "has no colon behind its name", lambda match: match["bare"]),
    ("missing", "names no sender", lambda match: not match["sender"]),
    ("number", "writes its id in hexadecimal", lambda match: match["id"][:2] in {"0x", "0X"}),
)
_SIGNAL_SLIPS: tuple[_Slip, ...] = (
    ("missing", "states no range", lambda match: not match["range"]),
    ("missing", "states no unit", lambda match: match["unit"] is None),
    ("missing", "names no receiver", lambda match: not match["receivers"]),
    (
        "number",
        "has a number without a digit before its point; read as if it had a 0",
        lambda match: any(_is_bare(match[part]) for part in ("factor", "offset", "minimum", "maximum")),
    ),
)


def integer(text: str | None) -> int | None:
    """Return the whole number that a text says, decimal or ``0x``, or None."""
    if text is None or len(text) > _LONGEST_INTEGER or not text.isascii() or "_" in text:
        return None
    try:
        return int(text, 16) if text[:2] in {"0x", "0X"} else int(text)
    except ValueError:
        value = number(text)
        return int(value) if value is not None and value.is_integer() and abs(value) <= 1 << 64 else None


def number(text: str | None) -> float | None:
    """Return the finite number that a text says, or None."""
    if text is None or NUMBER.fullmatch(text.strip()) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def message_draft(match: re.Match[str], line: int, repairs: list[Repair]) -> MessageDraft | None:
    """Return the message of a ``BO_`` statement, or None where its id fits no frame format."""
    key = integer(match["id"])
    written = match["name"] or match["bare"]
    if key is None or key >> _ID_BITS:
        what = f"message {written!r} has an id of more than 32 bits; left out with its signals"
        repairs.append(Repair(line, "unreadable", what))
        return None
    draft = MessageDraft(
        written=written,
        id=key & ~_FLAG,
        extended=bool(key & _FLAG) or key > _STANDARD_IDS,
        size=int(match["size"]),
        key=key,
        line=line,
        kept=written != UNASSIGNED,
    )
    if not draft.kept:
        repairs.append(Repair(line, "unassigned", f"the signals under {written} belong to no message; left out"))
        return draft
    if _STANDARD_IDS < key <= _EXTENDED_IDS:
        what = f"message {written!r} has id {key:#x} without the flag of a 29-bit id; taken as a 29-bit id"
        repairs.append(Repair(line, "extended-flag", what))
    for kind, what, slipped in _MESSAGE_SLIPS:
        if slipped(match):
            repairs.append(Repair(line, kind, f"message {written!r} {what}"))
    return draft


def signal_draft(match: re.Match[str], line: int, repairs: list[Repair]) -> SignalDraft | None:
    """Return the signal of an ``SG_`` statement, or None where its layout cannot be used."""
    written, marker = _head(match["head"])
    factor, offset = number(match["factor"]), number(match["offset"])
    length = int(match["length"])
    if factor is None or offset is None:
        what = f"signal {written!r}: ({match['factor']},{match['offset']}) is no factor and offset; left out"
        repairs.append(Repair(line, "unreadable", what))
        return None
    if not 1 <= length <= _LONGEST_SIGNAL:
        what = f"signal {written!r} has {length} bits; only 1 to {_LONGEST_SIGNAL} can be decoded; left out"
        repairs.append(Repair(line, "length", what))
        return None
    minimum, maximum = _limits(match, written, line, repairs)
    for kind, what, slipped in _SIGNAL_SLIPS:
        if slipped(match):
            repairs.append(Repair(line, kind, f"signal {written!r} {what}"))
    return SignalDraft(
        written=written,
        start=int(match["start"]),
        length=length,
        big_endian=match["order"] == "0",
        signed=match["sign"] == "-",
        factor=factor,
        offset=offset,
        minimum=minimum,
        maximum=maximum,
        unit=(match["unit"] or '""')[1:-1].replace('\\"', '"'),
        line=line,
        marker=marker,
    )


def signal_name(match: re.Match[str]) -> str:
    """Return the name of an ``SG_`` statement as the file writes it."""
    return _head(match["head"])[0]


def _head(text: str) -> tuple[str, str]:
    """Split what stands before the colon into name and multiplexing mark."""
    words = text.split()
    if len(words) > 1 and _MARKER.fullmatch(words[-1]):
        return " ".join(words[:-1]), words[-1]
    return " ".join(words), ""


def _is_bare(text: str | None) -> bool:
    """Tell whether a number lacks the digit before its point."""
    match = NUMBER.fullmatch(text.strip()) if text is not None else None
    return match is not None and match["bare"] is not None


def _limits(match: re.Match[str], written: str, line: int, repairs: list[Repair]) -> tuple[float | None, float | None]:
    """Return the limits of a signal; none where the file states none (``[0|0]``) or impossible ones."""
    minimum, maximum = number(match["minimum"]), number(match["maximum"])
    if not match["range"] or (minimum == 0 and maximum == 0):
        return None, None
    if minimum is None or maximum is None or minimum > maximum:
        what = f"signal {written!r} has impossible limits {match['range']}; taken as no limits"
        repairs.append(Repair(line, "range", what))
        return None, None
    return minimum, maximum
