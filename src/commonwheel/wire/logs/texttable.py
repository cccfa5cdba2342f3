"""Lines of text from columns of numbers, without a loop over the lines.

A piece of a line is a pair: characters of shape (n, width), and which of them to keep, of the same shape.
``join`` puts pieces beside each other and returns the kept characters, line after line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Piece", "choice", "decimal", "hexadecimal", "join", "literal", "only"]

Piece: TypeAlias = "tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]"

_ZERO, _BLANK = ord("0"), ord(" ")
_HEX = np.frombuffer(b"0123456789ABCDEF", np.uint8)


def literal(n: int, text: str) -> Piece:
    """Return the same text for *n* lines."""
    characters = np.frombuffer(text.encode("ascii"), np.uint8)
    shape = n, len(characters)
    return np.broadcast_to(characters, shape), np.broadcast_to(np.True_, shape)


def decimal(values: npt.NDArray[np.integer[Any]], width: int, fill: str = "") -> Piece:
    """Return numbers in *width* digits at most; leading zeros become *fill*, or go away without one."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    rest = values.astype(np.int64)[:, None] // powers
    digits = (rest % 10 + _ZERO).astype(np.uint8)
    leading = rest == 0
    leading[:, -1] = False
    if fill == "0":
        leading[:] = False
    elif fill:
        digits[leading] = ord(fill)
        leading[:] = False
    return digits, ~leading


def hexadecimal(values: npt.NDArray[np.integer[Any]], width: int) -> Piece:
    """Return numbers in *width* hexadecimal digits."""
    shifts = 4 * np.arange(width - 1, -1, -1, dtype=np.int64)
    digits = _HEX[(values.astype(np.int64)[:, None] >> shifts) & 15]
    return digits, np.ones(digits.shape, np.bool_)


def choice(index: npt.NDArray[np.integer[Any]], words: Sequence[str]) -> Piece:
    """Return for each line the word its index names; words may differ in length."""
    width = max(map(len, words))
    table = np.array([list(word.encode("ascii").ljust(width)) for word in words], np.uint8).reshape(len(words), width)
    lengths = np.array([len(word) for word in words])
    return table[index], np.arange(width) < lengths[index][:, None]


def only(piece: Piece, where: npt.NDArray[np.bool_]) -> Piece:
    """Return a piece that is there only in some lines (shape (n,)) or characters (shape (n, width))."""
    characters, keep = piece
    return characters, keep & (where if where.ndim == keep.ndim else where[:, None])


def join(pieces: Sequence[Piece]) -> bytes:
    """Return the lines, each made of all pieces in order."""
    characters = np.hstack([piece[0] for piece in pieces])
    keep = np.hstack([piece[1] for piece in pieces])
    return characters[keep].tobytes()
