"""Which signals a request is about: its path, and the relative paths of a paths filter.

By the specification ``*`` stands for one level, and a path that ends at a branch means every signal below it. As in
KUKSA's databroker ``**`` stands for any number of levels. Levels are parted by dots or slashes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.viss.dialect import Version
from commonwheel.broker.viss.faults import Fault, VissError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.broker.signals import SignalTable

__all__ = ["LONGEST_PATH", "MOST_PATHS", "Atlas", "Place", "normal_path"]

LONGEST_PATH = 1000
"""Characters; as KUKSA's databroker limits it."""
MOST_PATHS = 1000
"""Relative paths of one filter."""
MOST_WILDCARDS = 100
"""Relative paths with wildcards of one filter; each is compared with many signals."""
_MOST_DEEP = 3
"""``**`` of one path: each more multiplies the ways a path may match."""
_REMEMBERED = 512
_LEVEL = re.compile(r"[^\s.:*/]+")


@dataclass(frozen=True, slots=True)
class Place:
    """What a request is about."""

    numbers: tuple[int, ...]
    """Numbers of the signals, each once, in the order they were asked for."""
    many: bool
    """Whether the answer is an array: the request may be about several."""
    named: frozenset[int]
    """Those that were asked for by their own path, not by a wildcard or a branch."""
    trigger: int | None
    """The signal whose value decides, for change and range filters: the first path's; None when that is several."""


def normal_path(text: object) -> str:
    """Return a path with dots between its levels.

    Raises:
        VissError: BAD_REQUEST; it is no path.
    """
    if not isinstance(text, str) or not text:
        raise VissError(Fault.BAD_REQUEST, f"Missing or invalid path: it has to be a text, not {text!r:.40}")
    if len(text) > LONGEST_PATH:
        message = f"Missing or invalid path: {len(text)} characters are too many, {LONGEST_PATH} are the most"
        raise VissError(Fault.BAD_REQUEST, message)
    return text.replace("/", ".")


class Atlas:
    """Finds signals of a table by path; remembers what was asked."""

    def __init__(self, table: SignalTable) -> None:
        self._table = table
        self._paths = [signal.path for signal in table.signals]  # sorted: a branch is a stretch of it
        self._known: dict[tuple[str, tuple[str, ...] | None, Version], Place] = {}

    def find(self, path: str, relative: Sequence[str] | None, version: Version) -> Place:
        """Return what a request is about.

        Args:
            path: its path, normal.
            relative: the paths filter; None for none.
            version: of VISS: version 3 has no reading of a branch without a paths filter.

        Raises:
            VissError: UNKNOWN_PATH, BAD_REQUEST, BRANCH; says which path.
        """
        key = (path, None if relative is None else tuple(relative), version)
        place = self._known.get(key)
        if place is None:
            place = self._plain(path, version) if relative is None else self._filtered(path, relative, version)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = place
        return place

    def below(self, path: str) -> range:
        """Return the numbers of the signals below a branch."""
        return range(bisect_left(self._paths, f"{path}."), bisect_left(self._paths, f"{path}/"))  # '/' follows '.'

    def explain(self, path: str) -> str:
        """Return why a path is not known, and which are close, unless very many ask that at once."""
        return f"{path!r:.200} addresses nothing" if "*" in path else self._table.explain(path)

    def is_branch(self, path: str) -> bool:
        """Whether signals are below it."""
        return len(self.below(path)) > 0

    def _plain(self, path: str, version: Version) -> Place:
        if "*" in path:
            if version is Version.V2:
                raise VissError(Fault.UNKNOWN_PATH)
            message = f"Missing or invalid path: {path!r} has a wildcard, which belongs in a paths filter"
            raise VissError(Fault.BAD_REQUEST, message)
        number = self._table.numbers.get(path)
        if number is not None:
            return Place((number,), many=False, named=frozenset((number,)), trigger=number)
        below = self.below(path)
        if not below:
            raise VissError(Fault.UNKNOWN_PATH, self.explain(path))
        if version is Version.V3:
            message = f"{path!r} is a branch; name what is wanted of it with a paths filter"
            raise VissError(Fault.BRANCH, message)
        return Place(tuple(below), many=True, named=frozenset(), trigger=None)

    def _filtered(self, path: str, relative: Sequence[str], version: Version) -> Place:
        if "*" in path:
            return self._plain(path, version)  # raises
        if path not in self._table.numbers and not self.is_branch(path):
            raise VissError(Fault.UNKNOWN_PATH, self.explain(path))
        if sum("*" in part for part in relative) > MOST_WILDCARDS:
            raise VissError(Fault.BAD_REQUEST, f"more than {MOST_WILDCARDS} paths with wildcards in one filter")
        numbers: dict[int, None] = {}
        named: set[int] = set()
        trigger: int | None = None
        for i, part in enumerate(relative):
            full = f"{path}.{part}"
            number = self._table.numbers.get(full)
            if number is not None:
                named.add(number)
                trigger = number if i == 0 else trigger
                numbers[number] = None
            else:
                numbers.update(dict.fromkeys(self._several(path, part)))
        return Place(tuple(numbers), many=True, named=frozenset(named), trigger=trigger)

    def _several(self, path: str, part: str) -> Sequence[int]:
        """Return what a relative path with wildcards, or of a branch, addresses."""
        full = f"{path}.{part}"
        if "*" not in part:
            found: Sequence[int] = self.below(full)
        else:
            matches = re.compile(_expression(full)).fullmatch
            found = [number for number in self.below(path) if matches(self._paths[number])]
        if not found:
            raise VissError(Fault.UNKNOWN_PATH, self.explain(full))
        return found


def _expression(pattern: str) -> str:
    """Translate a path with wildcards to a regular expression over full paths.

    Raises:
        VissError: BAD_REQUEST; an asterisk stands for a part of a name, or the pattern is no path.
    """
    levels: list[str] = []
    for level in pattern.split("."):
        if level not in {"*", "**"} and not _LEVEL.fullmatch(level):
            message = f"Missing or invalid filter: {pattern!r:.80} is not a path; an asterisk stands for a whole level"
            raise VissError(Fault.BAD_REQUEST, message)
        if level != "**" or levels[-1] != "**":
            levels.append(level)
    if levels.count("**") > _MOST_DEEP:
        message = f"Missing or invalid filter: {pattern!r:.80} has more than {_MOST_DEEP} '**'"
        raise VissError(Fault.BAD_REQUEST, message)
    parts: list[str] = []
    for i, level in enumerate(levels[1:]):
        if level == "**":
            parts.append(r"(?:\.[^.]+)+" if i == len(levels) - 2 else r"(?:\.[^.]+)*")
        else:
            parts.append(r"\.[^.]+" if level == "*" else rf"\.{re.escape(level)}")
    return re.escape(levels[0]) + "".join(parts) + r"(?:\..+)?"
