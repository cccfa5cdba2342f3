"""When a file of a recording is ended, and how people write it: ``100MB``, ``10min``.

>>> rotation_of(["100MB", "10min"])
Rotation(size_bytes=100000000, age_s=600.0)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Rotation", "duration_of", "rotation_of"]

_SIZES: Mapping[str, float] = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30,
}  # fmt: skip
_TIMES: Mapping[str, float] = {"S": 1, "MIN": 60, "H": 3600}
_MEASURE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([A-Za-z]*)")
_LEAST = 1e-3
"""A millisecond, and less than a byte."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is ended and the next one begun."""

    size_bytes: int = 256 * 1024 * 1024
    """When it is larger than this, as it lies on the disk ..."""
    age_s: float = 3600.0
    """... or older than this."""


def rotation_of(texts: Sequence[str], option: str = "rotation") -> Rotation:
    """Return when to begin a new file, from texts like ``100MB`` and ``10min``.

    Args:
        texts: sizes and times; the last of each counts.
        option: what an error calls them.

    Raises:
        OutputError: one is neither a size nor a time.
    """
    size_bytes, age_s = Rotation().size_bytes, Rotation().age_s
    for text in texts:
        value, unit = _measure(text, {**_SIZES, **_TIMES}, f"{option} '{text}'", "100MB, 256MiB, 10min or 1h")
        if unit in _SIZES:
            size_bytes = max(1, round(value))
        else:
            age_s = value
    return Rotation(size_bytes, age_s)


def duration_of(text: str, option: str = "duration") -> float:
    """Return the seconds of a text like ``30s``, ``10min`` or ``1h``.

    Raises:
        OutputError: it is none.
    """
    return _measure(text, _TIMES, f"{option} '{text}'", "30s, 10min or 1h")[0]


def _measure(text: str, units: Mapping[str, float], what: str, examples: str) -> tuple[float, str]:
    """Return a quantity in bytes or seconds, and the unit it was given in."""
    found = _MEASURE.fullmatch(text.strip())
    unit = found[2].upper() if found else ""
    value = float(found[1]) * units[unit] if found and unit in units else 0.0
    if value < _LEAST:
        message = f"{what} is none; write {examples}"
        raise OutputError(message)
    return value, unit
