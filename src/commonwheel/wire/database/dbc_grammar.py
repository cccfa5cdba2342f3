"""The grammar of DBC, one regular expression per statement.

Patterns accept what files in the field contain, not only what the format allows: what a pattern lets
through beyond the format, the reader of that statement reports. Where a pattern repeats, it does so
without backtracking, so that no text takes long to refuse.
"""

from __future__ import annotations

import re

from commonwheel.wire.database.names import KEYWORDS

__all__ = ["KEYWORD", "LINE_START", "NUMBER", "PATTERNS", "WITH_SEMICOLON"]

_WORDS = "|".join(sorted(KEYWORDS, key=len, reverse=True))
_ANY = rf"(?:{_WORDS})(?![A-Za-z0-9_])"
_H = r"[^\S\n]*+"  # blanks within a line
_TEXT = r'"(?:[^"\\]++|\\"|\\)*+"'
_GAP = rf"[^\"; \t\n]++|[ \t]++|\n(?![ \t]*{_ANY})"  # anything but a text, the end, or the next statement
_ID = r"0[xX][0-9A-Fa-f]{1,8}|\d{1,10}"
_TOKEN = rf"(?!{_ANY})[^\s\";]++"

KEYWORD = re.compile(_ANY)
"""A word that begins a statement."""
LINE_START = re.compile(rf"^[^\S\n]*(?={_ANY})", re.MULTILINE)
"""Where a statement begins at the start of a line: the place to go on after text that cannot be read."""
NUMBER = re.compile(r"[-+]?(?:\d{1,400}\.?\d{0,400}|(?P<bare>\.\d{1,400}))(?:[eE][-+]?\d{1,6})?", re.ASCII)
"""A number; ``bare`` holds what DBC does not allow, a number without a digit before the point."""

_SYMBOLS = (
    rf"NS_{_H}:?(?:{_H}(?![A-Z_]++{_H}[:\"\d])[A-Z_]++(?<=_)(?!\w))*+{_H}"
    rf"(?:\n{_H}(?:[A-Z_]++(?<=_)|FILTER)?{_H}(?=\n|\Z))*+"
)
_MESSAGE = (
    rf"BO_{_H}(?P<id>{_ID})[^\S\n]++"
    rf"(?:(?P<name>[^\s:\"]++(?:[^\S\n]++[^\s:\"]++)*+){_H}:{_H}|(?P<bare>[^\s:\"]++)[^\S\n]++)"
    rf"(?P<size>\d{{1,5}})(?!\w)(?:[^\S\n]++(?P<sender>(?!{_ANY})[\w.-]++))?"
)
_SIGNAL = (
    rf"SG_[^\S\n]++(?P<head>[^:\n\"]++):{_H}(?P<start>\d{{1,5}}){_H}\|{_H}(?P<length>\d{{1,5}}){_H}@{_H}"
    rf"(?P<order>[01]){_H}(?P<sign>[-+]){_H}\((?P<factor>[^,()\n\"]*),(?P<offset>[^,()\n\"]*)\){_H}"
    rf"(?P<range>\[(?P<minimum>[^\]|\n\"]*)\|(?P<maximum>[^\]|\n\"]*)\])?{_H}"
    rf"(?P<unit>\"(?:[^\"\\\n]++|\\\"|\\)*+\")?{_H}"
    rf"(?P<receivers>(?!{_ANY})[\w.-]++(?:{_H},\s*+(?!{_ANY})[\w.-]++)*+)?"
)
_COMMENT = rf"CM_\s*+(?:(?P<kind>SG_|BO_|BU_|EV_)(?!\w)\s*+)?(?P<refs>(?:{_GAP})*+)(?P<text>{_TEXT})\s*+;"
_VALUES = (
    rf"VAL_\s++(?:(?P<id>{_ID})\s++(?![-+]?[\w.]++\s*+\"))?(?P<name>{_TOKEN})"
    rf"(?P<pairs>(?:\s*+[-+]?[\w.]++\s*+{_TEXT})*+)\s*+(?P<table>{_TOKEN})?\s*+;"
)
_TABLE = rf"VAL_TABLE_\s++(?P<name>{_TOKEN})(?P<pairs>(?:\s*+[-+]?[\w.]++\s*+{_TEXT})*+)\s*+;"
_ATTRIBUTE = (
    r'BA_\s*+"(?P<name>[^"\n]*+)"\s*+(?:(?P<kind>BO_|SG_|BU_|EV_)(?!\w)\s*+)?'
    rf"(?P<refs>(?:{_TOKEN}\s++)*?)(?P<value>{_TEXT}|{_TOKEN})\s*+;"
)
_DEFINITION = rf'BA_DEF_\s++(?:(?:BO_|SG_|BU_|EV_)\s++)?"(?P<name>[^"\n]*+)"(?:{_GAP}|{_TEXT})*+;'
_DEFAULT = rf'BA_DEF_DEF_\s++"(?P<name>[^"\n]*+)"\s*+(?P<value>{_TEXT}|{_TOKEN})\s*+;'
_FLOATS = rf"SIG_VALTYPE_\s++(?P<id>{_ID})\s++(?P<name>[^\s\":;]++)\s*+:?\s*+(?P<type>\d{{1,3}})\s*+;"
_SELECTED = rf"SG_MUL_VAL_\s++(?P<id>{_ID})\s++(?P<name>{_TOKEN})\s++(?P<selector>{_TOKEN})\s++(?P<ranges>[\d\s,-]++);"

_SPECIAL = {
    "VERSION": rf"VERSION(?:{_H}\"[^\"\n]*+\")?",
    "NS_": _SYMBOLS,
    "BS_": rf"BS_{_H}:?[\d:, \t]*+;?",
    "BU_": rf"BU_{_H}:?(?:[\s,]++|(?!{_ANY})[\w.-]++)*+",
    "BO_": _MESSAGE,
    "SG_": _SIGNAL,
    "CM_": _COMMENT,
    "VAL_": _VALUES,
    "VAL_TABLE_": _TABLE,
    "BA_": _ATTRIBUTE,
    "BA_DEF_": _DEFINITION,
    "BA_DEF_DEF_": _DEFAULT,
    "SIG_VALTYPE_": _FLOATS,
    "SG_MUL_VAL_": _SELECTED,
}

PATTERNS: dict[str, re.Pattern[str]] = {
    word: re.compile(_SPECIAL.get(word, rf"{word}(?:{_GAP}|{_TEXT})*+;"), re.ASCII) for word in sorted(KEYWORDS)
}
"""The statement that each word begins."""

WITH_SEMICOLON: frozenset[str] = KEYWORDS - {"VERSION", "NS_", "BS_", "BU_", "BO_", "SG_"}
"""The statements that end with a semicolon."""
