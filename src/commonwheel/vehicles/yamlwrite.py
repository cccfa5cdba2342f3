"""Descriptions written: values as YAML text that ``yamltree`` reads back as the same values.

Rows are one line where they fit, a block where they do not. Nothing here knows what a row means.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["WIDTH", "Hex", "Value", "commented", "flow", "folded", "row", "scalar"]

WIDTH = 118
"""Columns that a line may take."""

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = "Scalar | Sequence[Value] | Mapping[str | int, Value]"
"""What can be written."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: \([A-Za-z0-9_ .;/-]*\))?|\d+(?:\.\d+)? (?:ms|s)")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_EXACT = 1e15  # whole numbers below need no exponent
_BYTE, _PLANE = 0xFF, 0xFFFF


class Hex(int):
    """A whole number that is written as 0x1D."""


def scalar(value: Scalar) -> str:
    """Return a plain value as YAML, quoted where it has to be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Hex):
        return f"0x{value:02X}"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else '"' + "".join(map(_escaped, value)) + '"'
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, int) or (value.is_integer() and abs(value) < _EXACT):
        return str(int(value))
    mantissa, exponent, power = repr(value).partition("e")
    # YAML 1.1 takes a number with an exponent but without a point or a sign for text.
    whole = mantissa if "." in mantissa else mantissa + ".0"
    return whole + (f"e{'' if power[0] in '+-' else '+'}{power}" if exponent else "")


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code <= _BYTE else f"\\u{code:04x}" if code <= _PLANE else f"\\U{code:08x}"


def flow(value: Value) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def row(key: str | int, value: Value, indent: int = 2) -> list[str]:
    """Return 'key: value' as lines: one where it fits, else a block."""
    head = f"{' ' * indent}{scalar(key)}:"
    line = f"{head} {flow(value)}"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(value, Mapping) and value:
        return [head, *(text for inner, item in value.items() for text in row(inner, item, indent + 2))]
    if isinstance(value, str):
        foldable = value.isprintable() and value == " ".join(value.split())
        return [head + " >-", *folded(value, indent + 2)] if foldable else [line]
    if isinstance(value, Sequence) and value:
        return [head, *(f"{' ' * indent}  - {flow(item)}" for item in value)]
    return [line]


def folded(text: str, indent: int, lead: str = "") -> list[str]:
    """Return a text broken into lines of a folded block or, with the lead '# ', of a comment."""
    margin = " " * indent + lead
    return textwrap.wrap(
        text, WIDTH, initial_indent=margin, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )


def commented(lines: Sequence[str], indent: int = 2) -> list[str]:
    """Return lines as comments: taking '# ' away gives the lines again."""
    lead = " " * indent
    return [f"{lead}# {line.removeprefix(lead)}" for line in lines]
