"""The scanner: DBC text in, statements out, each with the line it begins on.

A statement that its pattern accepts is handed on as it is. One that it refuses is mended, where one of
a few known slips explains it, else handed on unread (without a match). Text between statements is
skipped and said. Whatever happens, the scan goes on at the next line that begins a statement.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.wire.database.dbc_grammar import KEYWORD, LINE_START, PATTERNS, WITH_SEMICOLON
from commonwheel.wire.database.model import Repair

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Statement", "excerpt", "scan"]

_EXCERPT = 60  # characters; fits a line of a report
_BLANK = re.compile(r"(?:\s++|//[^\n]*+)*+")
_AGAIN = re.compile(r"(?<!\w)(?:BO_|SG_)(?=[^\S\n])", re.ASCII)
_PAIR = re.compile(r'([-+]?\d{1,20})\s*"([^"\n]*)"')
_QUOTED_TEXT = re.compile(r'((?:CM_[^"]*|BA_\s*"[^"\n]*"[^"]*))"(.*)"\s*;?', re.DOTALL)
_OPEN_TEXT = re.compile(r'((?:CM_[^"]*|BA_\s*"[^"\n]*"[^"]*))"([^"]*)')
_PAIRS = re.compile(r"(VAL_(?:TABLE_)?\s+(?:\d+\s+)?[^\s\";]+)\s(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a DBC file."""

    line: int
    keyword: str
    match: re.Match[str] | None
    """Its parts, named as in its pattern; None where it cannot be read."""
    text: str = ""
    """The beginning of what cannot be read."""


def scan(text: str, repairs: list[Repair]) -> Iterator[Statement]:
    """Yield the statements of a DBC text in order; what was mended or skipped is added to *repairs*."""
    newlines = [match.start() for match in re.finditer("\n", text)]
    position = _skip_blank(text, 0)
    while position < len(text):
        line = bisect_right(newlines, position - 1) + 1
        word = KEYWORD.match(text, position)
        if word is None:
            end = _resume(text, position)
            what = f"{excerpt(text[position:end])!r} is no statement of a DBC file; skipped"
            repairs.append(Repair(line, "stray", what))
        elif (match := PATTERNS[word[0]].match(text, position)) is not None:
            end = match.end()
            yield Statement(line, word[0], match)
        else:
            statement, end = _mend(text, position, word[0], line, repairs)
            yield statement
        position = _skip_blank(text, end)


def _skip_blank(text: str, position: int) -> int:
    """Return where the next statement, or what should be one, begins."""
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def excerpt(text: str) -> str:
    """Return the beginning of a piece of text, on one line."""
    first = " ".join(text[: 2 * _EXCERPT].split())
    return first if len(first) <= _EXCERPT else f"{first[: _EXCERPT - 3]}..."


def _resume(text: str, position: int) -> int:
    """Return where to go on after text that is no statement, at least one character further."""
    following = LINE_START.search(text, position + 1)
    end = following.start() if following else len(text)
    for again in _AGAIN.finditer(text, position + 1, end):
        if PATTERNS[again[0]].match(text, again.start()):
            return again.start()
    return end


def _mend(text: str, position: int, keyword: str, line: int, repairs: list[Repair]) -> tuple[Statement, int]:
    """Return a statement that its pattern refused, mended or unread, and where it ends."""
    following = LINE_START.search(text, position + len(keyword))
    end = following.start() if following else len(text)
    whole = text[position:end].rstrip()
    first_line = whole.split("\n", 1)[0].rstrip()
    for candidate in dict.fromkeys((whole, first_line)):
        for kind, what, mended in _slips(keyword, candidate):
            match = PATTERNS[keyword].fullmatch(mended)
            if match is not None:
                if kind:
                    repairs.append(Repair(line, kind, f"{keyword} {what}: {excerpt(candidate)!r}"))
                return Statement(line, keyword, match), position + len(candidate)
    return Statement(line, keyword, None, excerpt(whole)), end


def _slips(keyword: str, text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the slips that may explain a text: the kind, what was done, and the text without the slip."""
    if keyword in {"BO_", "SG_"}:
        yield "", "", " ".join(text.split())  # DBC lets a statement run over several lines
    if keyword not in WITH_SEMICOLON:
        return
    yield "semicolon", "does not end with a semicolon; ended before the next statement", f"{text};"
    if keyword in {"CM_", "BA_"}:
        if (match := _QUOTED_TEXT.fullmatch(text)) is not None:
            inner = match[2].replace('\\"', '"').replace('"', '\\"')
            yield "quote", "has quotation marks inside its text; kept as text", f'{match[1]}"{inner}";'
        if (match := _OPEN_TEXT.fullmatch(text.removesuffix(";").rstrip())) is not None:
            yield "open-text", "does not close its text; closed at its end", f'{match[1]}"{match[2]}";'
    elif keyword in {"VAL_", "VAL_TABLE_"} and (match := _PAIRS.fullmatch(text)) is not None:
        pairs = _PAIR.findall(match[2])
        if pairs:
            entries = " ".join(f'{number} "{name}"' for number, name in pairs)
            what = f"has entries that cannot be read; the {len(pairs)} others are kept"
            yield "values", what, f"{match[1]} {entries} ;"
