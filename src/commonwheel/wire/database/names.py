"""Names: what a message or signal may be called, and how other names are made fit.

Names are identifiers of ASCII letters, digits and ``_``, none of them a word of the DBC format, unique
among the messages of a database and among the signals of a message. So a description can refer to each
by name, and each can be written to a DBC.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["KEYWORDS", "identifier", "is_identifier", "unique"]

_WORDS = """
    BA_ BA_DEF_ BA_DEF_DEF_ BA_DEF_DEF_REL_ BA_DEF_REL_ BA_DEF_SGTYPE_ BA_REL_ BA_SGTYPE_ BO_ BO_TX_BU_ BS_ BU_
    BU_BO_REL_ BU_EV_REL_ BU_SG_REL_ CAT_ CAT_DEF_ CM_ ENVVAR_DATA_ EV_ EV_DATA_ FILTER NS_ NS_DESC_ SG_
    SG_MUL_VAL_ SGTYPE_ SGTYPE_VAL_ SIG_GROUP_ SIG_TYPE_REF_ SIG_VALTYPE_ SIGTYPE_VALTYPE_ VAL_ VAL_TABLE_ VERSION
"""
KEYWORDS = frozenset(_WORDS.split())
"""The words with which a DBC file begins its statements."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER = re.compile(r"[^A-Za-z0-9_]")


def is_identifier(name: str) -> bool:
    """Tell whether a name needs no change."""
    return _IDENTIFIER.fullmatch(name) is not None and name not in KEYWORDS


def identifier(name: str) -> str:
    """Return the name as an identifier: accents dropped, other characters as ``_``, never a digit first."""
    if is_identifier(name):
        return name
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    plain = _OTHER.sub("_", plain)
    return plain if is_identifier(plain) else f"_{plain}"


def unique(name: str, taken: set[str]) -> str:
    """Return the name, or the first of ``name_2``, ``name_3``, … that is not taken."""
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
