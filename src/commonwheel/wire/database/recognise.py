"""Recognise: which format a file is in, by what it holds; a name's ending may be wrong.

Bytes become text here (DBC editors write cp1252, others UTF-8 or UTF-16), and what is no database, or
one of a format that is not read, is told apart so that the remedy can be said.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from commonwheel.errors import DatabaseError
from commonwheel.wire.database.model import Repair
from commonwheel.wire.database.names import KEYWORDS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Format", "decode", "recognise"]


class Format(enum.Enum):
    """A format that can be read."""

    DBC = "DBC"
    KCD = "KCD"
    SYM = "SYM"
    ARXML = "ARXML"


_REMEDY = "export it as DBC, KCD, SYM or ARXML"

_BINARY: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", f"a ZIP or Excel file: unpack it, or {_REMEDY}"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ\x00", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"MDF ", "a measurement (MDF): it is a log, not a database"),
    (b"LOGG", "a Vector BLF log: it is a log, not a database"),
    (b"%PDF", f"a PDF document: {_REMEDY}"),
    (b"\x7fELF", f"a program: {_REMEDY}"),
    (b"SQLite format 3", f"an SQLite file: {_REMEDY}"),
)
"""First bytes of files that are no text, and what to say of them."""

_ROOTS: dict[str, Format | str] = {
    "AUTOSAR": Format.ARXML,
    "NetworkDefinition": Format.KCD,
    "CANDELA": f"a CANdela diagnostic description (CDD): {_REMEDY}",
    "FIBEX": f"a FIBEX description: {_REMEDY}",
    "ODX": f"an ODX diagnostic description: {_REMEDY}",
    "html": "a web page, perhaps one that shows the database: save the file itself",
}
"""Root elements of XML files."""

_OPENINGS: tuple[tuple[re.Pattern[str], Format | str], ...] = (
    (re.compile(r"^[^\S\n]*FormatVersion[^\S\n]*=", re.MULTILINE), Format.SYM),
    (
        re.compile(r"^[^\S\n]*\[(?:DATABASE_VERSION|BUSMASTER_VERSION|START_MSG)\]", re.MULTILINE),
        f"a BUSMASTER database (DBF), which is not read: {_REMEDY}, in BUSMASTER by 'Format Converters'",
    ),
    (
        re.compile(r"^[^\S\n]*LIN_description_file", re.MULTILINE),
        "a LIN description (LDF): only CAN databases are read",
    ),
    (re.compile(r"^[^\S\n]*ASAP2_VERSION", re.MULTILINE), f"an A2L calibration description: {_REMEDY}"),
    (re.compile(rf"^[^\S\n]*(?:{'|'.join(sorted(KEYWORDS, key=len, reverse=True))})(?!\w)", re.MULTILINE), Format.DBC),
    (re.compile(r"^\s*[{\[]"), f"JSON: {_REMEDY}"),
)
"""What text files hold, in the order in which it is looked for."""

_ROOT = re.compile(r"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*>\s*)*+<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_FEW = 8
_SPARSE = 50


def decode(data: bytes, path: Path, repairs: list[Repair]) -> str:
    """Return the text of a file with lines that end in a newline; what was mended is added to *repairs*.

    Raises:
        DatabaseError: the bytes are no text.
    """
    for magic, what in _BINARY:
        if data.startswith(magic):
            fault = f"{path}: {what}"
            raise DatabaseError(fault)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
        repairs.append(Repair(1, "encoding", "the file is UTF-16; read as such"))
    else:
        text = _decode_bytes(data)
    if text.startswith("\ufeff"):
        text = text[1:]
        repairs.append(Repair(1, "byte-order-mark", "the file begins with a byte order mark; skipped"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = _CONTROLS.search(text)
    if first is None:
        return text
    plain, count = _CONTROLS.subn("", text)
    if count > _FEW and count * _SPARSE > len(text):
        fault = f"{path}: a binary file: {_REMEDY}"
        raise DatabaseError(fault)
    line = text.count("\n", 0, first.start()) + 1
    repairs.append(Repair(line, "control", f"{count} control characters taken out, here the first"))
    return plain


def _decode_bytes(data: bytes) -> str:
    """Return text from UTF-8, where it is that, else from cp1252, the code page of DBC editors."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # The five bytes that cp1252 leaves open are read as Latin-1 has them, so that nothing is lost.
        return "".join(_cp1252(byte) for byte in data) if any(b in data for b in _OPEN) else data.decode("cp1252")


_OPEN = b"\x81\x8d\x8f\x90\x9d"


def _cp1252(byte: int) -> str:
    """Return the character of one byte."""
    return chr(byte) if byte in _OPEN else bytes((byte,)).decode("cp1252")


def recognise(text: str, path: Path) -> Format:
    """Return the format of a text.

    Raises:
        DatabaseError: the text is in no format that can be read.
    """
    found = _find(text)
    if isinstance(found, Format):
        return found
    fault = f"{path}: {found}"
    raise DatabaseError(fault)


def _find(text: str) -> Format | str:
    """Return the format of a text, or what else it is and what to do."""
    unknown = f"no CAN database that can be read: {_REMEDY}"
    if text.lstrip().startswith("<"):
        root = _ROOT.match(text)
        name = root[1] if root else ""
        return _ROOTS.get(name) or _ROOTS.get(name.lower()) or f"an XML file with root <{name}>, {unknown}"
    return next((found for opening, found in _OPENINGS if opening.search(text)), unknown)
