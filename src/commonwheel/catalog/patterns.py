"""Path patterns, by the rules that KUKSA's databroker documents for its subscriptions.

===================  ==============================================================
pattern              selects
===================  ==============================================================
empty                every signal
``Vehicle.Cabin``    the signal of this path, or everything below the branch
``Vehicle.Cabin.*``  the signals right below the branch: one level, whatever its name
``Vehicle.**.Speed``  ``**`` stands for any number of levels, none included
===================  ==============================================================

An asterisk stands for whole levels; a part of a name cannot be left open.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING

from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compile_pattern"]

_LEVEL = re.compile(r"[^\s.:*]+")
"""A level by name: anything but spaces, dots, colons and asterisks."""


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether a signal's full path matches the pattern.

    Raises:
        CatalogError: the pattern is not one; says at which level.
    """
    if not pattern:
        return _everything
    levels = pattern.split(".")
    for level in levels:
        _check(level, pattern)
    expression = _expression(levels) if "*" in pattern else re.escape(pattern) + r"(?:\..+)?"
    match = re.compile(expression).fullmatch
    return lambda path: match(path) is not None


def _everything(_path: str) -> bool:
    return True


def _check(level: str, pattern: str) -> None:
    if level in {"*", "**"} or _LEVEL.fullmatch(level):
        return
    if not level:
        what = "an empty level (a dot too many)"
    elif "*" in level:
        what = f"the level {level!r}; an asterisk stands for a whole level"
    else:
        what = f"the level {level!r}; names have no spaces or colons"
    message = f"{pattern!r} is not a path pattern: it has {what}"
    raise CatalogError(message)


def _expression(levels: list[str]) -> str:
    """Translate levels to a regular expression over ``path``; runs of ``**`` are one."""
    parts: list[str] = []
    levels = _without_choices(levels)
    last = len(levels) - 1
    for i, level in enumerate(levels):
        if level == "**":
            if i and levels[i - 1] == "**":
                continue
            parts.append(r"[^.]+(?:\.[^.]+)*" if _only(levels, i) else r"(?:[^.]+\.)*")
        else:
            parts.append((r"[^.]+" if level == "*" else re.escape(level)) + (r"\." if i < last else ""))
    return "".join(parts)


def _without_choices(levels: list[str]) -> list[str]:
    """Return levels in which each run of asterisks with a ``**`` says only how many levels it takes at least.

    ``**.*.**.*`` could be matched in many ways, all of which a pattern that fits nothing would try.
    """
    runs = itertools.groupby(enumerate(levels), lambda pair: pair[1] in {"*", "**"})
    parted: list[str] = []
    for wild, pairs in runs:
        places, run = zip(*pairs, strict=True)
        if wild and "**" in run and "*" in run:
            needs_one = run[-1] == "**" and places[-1] == len(levels) - 1
            run = ("**", *["*"] * (run.count("*") + needs_one))
        parted.extend(run)
    return parted


def _only(levels: list[str], i: int) -> bool:
    """True when nothing but ``**`` follows: at the end it needs one level at least."""
    return all(level == "**" for level in levels[i:])
