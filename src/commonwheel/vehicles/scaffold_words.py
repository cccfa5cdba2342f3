"""Words: what names in CAN databases and paths of the standard are about, in one vocabulary.

``words`` takes a name apart (``WHEEL_SPEED_FL``, ``VehSpdAvg``, ``wheelspeedfl``) and puts what is left
into the vocabulary: 'wheel', 'speed', 'front', 'left'. ``phrases`` does so with a path, and adds the names
under which engineers know it.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from commonwheel.catalog import Leaf

__all__ = ["is_checksum", "is_counter", "opposites", "phrases", "words"]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    """``scaffold_words.yaml``, which says what each part is."""

    spellings: dict[str, list[str]]
    noise: frozenset[str]
    places: frozenset[str]
    opposites: tuple[tuple[str, str], ...]
    aliases: dict[str, list[str]]


@functools.cache
def _table() -> _Table:
    return msgspec.yaml.decode(Path(__file__).with_suffix(".yaml").read_bytes(), type=_Table)


_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CHECKSUM = re.compile(r"check_?sum|chk_?sum|cks|(?<![a-z])(crc|chk|cs)(?![a-z])", re.IGNORECASE)
_COUNTER = re.compile(
    r"(msg|message|frame|rolling|alive|live)_?(cnt|ctr|counter|count)|(?<![a-z])(counter|cntr|cnt|ctr|mc|bz|zaehler|alive)\d?(?![a-z])",
    re.IGNORECASE,
)


def opposites() -> tuple[tuple[str, str], ...]:
    """Return pairs of words of which a name that has the one does not mean the other."""
    return _table().opposites


def is_checksum(name: str) -> bool:
    """Whether a field's name says that it holds a checksum."""
    return bool(_CHECKSUM.search(_parted(name)))


def is_counter(name: str) -> bool:
    """Whether a field's name says that it counts frames."""
    return bool(_COUNTER.search(_parted(name)))


def _parted(name: str) -> str:
    """Return a name with its camel humps parted by underscores."""
    return "_".join(_SPLIT.findall(name))


@functools.cache
def _vocabulary() -> dict[str, tuple[str, ...]]:
    """Return spelling to words."""
    table: dict[str, tuple[str, ...]] = {}
    for meaning, spellings in _table().spellings.items():
        meant = tuple(meaning.split())
        if len(meant) == 1:
            table.setdefault(meant[0], meant)
        table |= dict.fromkeys(spellings, meant)
    return table


@functools.lru_cache(maxsize=16384)
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, in its order, without those that say nothing."""
    parts = [part.lower() for part in _SPLIT.findall(name)]
    found: list[str] = []
    for part in parts:
        for word in _meaning(part):
            if word not in _table().noise and len(word) > 1 and not word.isdigit() and word not in found:
                found.append(word)
    if "pedal" in found:  # AccelPedal and ACC_PEDAL are the accelerator's
        found = ["accelerator" if word in {"acceleration", "cruise"} else word for word in found]
    return tuple(found)


@functools.lru_cache(maxsize=16384)
def _meaning(part: str) -> tuple[str, ...]:
    table = _vocabulary()
    if part in table:
        return table[part]
    if part in _table().noise or len(part) < 6:  # noqa: PLR2004 - too short to be two words
        return (part,)
    pieces = _pieces(part)
    return tuple(word for piece in pieces for word in table.get(piece, (piece,))) if pieces else (part,)


def _pieces(part: str) -> list[str] | None:
    """Take a word without parts ('wheelspeedfl') apart into known ones, the longest first."""
    table = _vocabulary()
    if not part:
        return []
    for length in range(len(part), 1, -1):
        piece = part[:length]
        known = piece in table or piece in _table().noise
        if known and (length > 2 or length == len(part)):  # noqa: PLR2004 - two letters only at the end
            rest = _pieces(part[length:])
            if rest is not None:
                return [piece, *rest]
    return None


def phrases(leaf: Leaf) -> tuple[tuple[str, ...], ...]:
    """Return the word sets that a path may be known under, its own first."""
    path = leaf.path.removeprefix("Vehicle.")
    own: list[str] = []
    parts = path.replace("Row1", "Front").replace("Row2", "Rear").split(".")
    for part in parts:
        # 'Current' means 'present' in front of a quantity; 'CurrentCurrent' is in amperes.
        name = re.sub(r"Current$", "Amperes", re.sub(r"^Current(?=[A-Z])", "", part))
        for word in words(re.sub(r"^Is(?=[A-Z])", "", name).replace("Side", "")):
            if word not in _table().places and word not in own:
                own.append(word)
    known = [tuple(own)]
    known += [tuple(name.split()) for name in _table().aliases.get(path, ())]
    return tuple(known)
