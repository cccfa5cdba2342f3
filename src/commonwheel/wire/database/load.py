"""Load: the one way in, from a file in any of the formats to the messages of a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.errors import DatabaseError
from commonwheel.wire.database.dbc import read_dbc
from commonwheel.wire.database.recognise import Format, decode, recognise

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.wire.database.model import Database, Repair

__all__ = ["load_database"]


def load_database(path: Path) -> Database:
    """Return the messages of a CAN database file: DBC, KCD, SYM or ARXML, told by its content.

    What a DBC file needed before it could be read, and what is odd about it, is in ``repairs`` of the
    result, in order of lines; ``commonwheel.wire.database.KINDS`` explains each kind. No repair changes
    a start bit, length, byte order, sign, factor, offset or id.

    Raises:
        DatabaseError: there is no such file, or it holds no database that can be read.
    """
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        fault = f"{path}: a folder: name one of the database files in it"
        raise DatabaseError(fault) from error
    except FileNotFoundError as error:
        fault = f"{path}: no such file: check the path"
        raise DatabaseError(fault) from error
    except (OSError, ValueError) as error:
        fault = f"{path}: cannot be opened ({error}): check its name and its permissions"
        raise DatabaseError(fault) from error
    repairs: list[Repair] = []
    text = decode(data, path, repairs)
    if not text.strip():
        fault = f"{path}: an empty file: get it again"
        raise DatabaseError(fault)
    file_format = recognise(text, path)
    if file_format is Format.DBC:
        return read_dbc(text, path, repairs)
    from commonwheel.wire.database.foreign import read_foreign

    # XML may begin with a byte order mark; only a DBC may not.
    mended = [repair for repair in repairs if repair.kind != "byte-order-mark"]
    return read_foreign(text, path, file_format, mended)
