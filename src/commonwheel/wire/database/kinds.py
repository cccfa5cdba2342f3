"""What the loader may say of a file: one row per kind of repair and per kind of finding.

A **repair** mends or leaves out text that does not follow its format. A **finding** leaves the text as
it is: the file says something that no frame can hold, or that two fields claim the same bits. Neither
changes a layout: start, length, byte order, sign, factor, offset and id are always those of the file.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FINDINGS", "KINDS", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of remark on a file, as it stands in ``Repair.kind``."""

    name: str
    meaning: str
    finding: bool = False
    """True when nothing was changed or left out."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("byte-order-mark", "a mark of the encoding before the first statement; skipped"),
        Kind("encoding", "the file is UTF-16; read as such"),
        Kind("control", "NUL and other control characters; taken out"),
        Kind("stray", "text that belongs to no statement, or an unknown section; skipped"),
        Kind("semicolon", "a statement without the semicolon that ends it; ended at the next statement"),
        Kind("quote", "quotation marks inside a text; taken as part of the text"),
        Kind("open-text", "a text without its closing quotation mark; ended with its statement"),
        Kind("colon", "a message without the colon behind its name; read without"),
        Kind("missing", "a range, unit, sender or receiver that the format wants and decoding does not need"),
        Kind("number", "a number in another notation, such as .25 or 0x1A; read as what it says"),
        Kind("range", "limits that are no numbers, or the lower above the upper; no limits"),
        Kind("name", "a name that is no identifier, or a word of the format; made one"),
        Kind("duplicate-message", "a second message of the same name; renamed, or left out where identical"),
        Kind("duplicate-signal", "a second signal of the same name; renamed, joined or left out where identical"),
        Kind("extended-flag", "an id above 0x7FF without the flag of a 29-bit id; taken as a 29-bit id"),
        Kind("comment-target", "a comment that does not say what it is about; given to its message"),
        Kind("dangling", "a statement about a message or signal that is not there; left out"),
        Kind("values", "a value table with entries that cannot be read; the others are kept"),
        Kind("attribute", "an attribute without definition, or with a value that is no number; used if it can be"),
        Kind("selector", "a selector that is missing, unmarked or one of several; the likely one taken, if any"),
        Kind("float-type", "a float type that does not fit the length; the length decides"),
        Kind("length", "a signal of no bits or of more than 64; left out"),
        Kind("orphan", "a signal that follows no message; left out"),
        Kind("unreadable", "a statement that cannot be read; left out"),
        Kind("unassigned", "signals that the file itself keeps outside of any message; left out"),
        Kind("container", "a container of other PDUs, whose parts have no place of their own; left out"),
        Kind("unsupported", "something in a KCD, SYM or ARXML file that cantools does not read; left out"),
        Kind("order", "VERSION stands behind messages, where the format wants it first", finding=True),
        Kind("overlap", "two signals that can be present together share bits", finding=True),
        Kind("outside", "a signal reaches beyond the end of its message", finding=True),
        Kind("duplicate-id", "two messages have the same id", finding=True),
        Kind("long-id", "an id that needs more than 29 bits: no frame can carry it", finding=True),
        Kind("long-message", "more than the 64 bytes of a CAN FD frame", finding=True),
        Kind("zero-factor", "a factor of 0: every raw value means the same", finding=True),
        Kind("several-buses", "the file describes several buses; their messages stand side by side", finding=True),
    )
}
"""Every kind by its name, repairs first."""

FINDINGS: frozenset[str] = frozenset(kind.name for kind in KINDS.values() if kind.finding)
"""The kinds that changed nothing and left nothing out."""
