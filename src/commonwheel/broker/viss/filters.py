"""The filters of a request, read strictly: at most one of paths, and at most one of the others.

Version 2 calls a filter's kind ``type``, version 3 ``variant``. Numbers are texts in both; whole JSON numbers are
taken as well, as clients in the field send them. A range's comparison is called ``boundary-op`` by version 2 and
``logic-op`` by version 3's schema; either is taken in both.
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from commonwheel.broker.filters import MOST_BUFFERED, Boundary, Change, Compare, Curvelog
from commonwheel.broker.viss.clock import parse_duration
from commonwheel.broker.viss.dialect import Version
from commonwheel.broker.viss.faults import Fault, VissError
from commonwheel.broker.viss.paths import LONGEST_PATH, MOST_PATHS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Capabilities", "Dynamic", "Filters", "History", "Metadata", "Other", "Range", "Timebased", "read_filters"]

SHORTEST_PERIOD_MS = 10
"""A shorter period is taken as this one (a server may send fewer events than asked for), and a larger buffer of a
curve as the largest there is: its points come in smaller portions."""
_LONGEST_PERIOD_MS = 7 * 24 * 3600 * 1000
_MOST_KEYS = 50
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Timebased:
    """An event each period."""

    period_ms: int


@dataclass(frozen=True, slots=True)
class Range:
    """An event while the value is within one boundary, or within both or either of two."""

    boundaries: tuple[Boundary, ...]
    any_of: bool


@dataclass(frozen=True, slots=True)
class History:
    """What was recorded in the time before now."""

    span_ns: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the tree says of signals."""

    keys: tuple[str, ...]
    """The members wanted; () for all."""
    depth: int
    """How many generations, the addressed node the first; 0 for all."""


class Dynamic(enum.Enum):
    """What is known of signals beyond the tree (version 2); the value is the filter's parameter."""

    AVAILABILITY = "availability"
    SAMPLE_RATE = "samplerate"
    VALIDATE = "validate"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server can do (version 2)."""


Other: TypeAlias = Timebased | Change | Range | Curvelog | History | Metadata | Dynamic | Capabilities


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of one request."""

    paths: tuple[str, ...] | None = None
    other: Other | None = None


def read_filters(value: object, version: Version) -> Filters:
    """Read the ``filter`` member of a request; None for none.

    Raises:
        VissError: BAD_REQUEST or BAD_DURATION; says what is wrong.
    """
    if value is None:
        return Filters()
    parts = cast("list[object]", value) if isinstance(value, list) else [value]
    if not 1 <= len(parts) <= 2:  # noqa: PLR2004 - the specification's number
        raise _bad(why=f"one or two filters may be given, not {len(parts)}")
    found = [_read_one(part, version) for part in parts]
    paths = [part for part in found if isinstance(part, tuple)]
    others = [part for part in found if not isinstance(part, tuple)]
    if len(paths) > 1 or len(others) > 1:
        raise _bad(why="two filters have to be one of paths and one of another kind")
    other = others[0] if others else None
    if isinstance(other, Capabilities) and paths:
        raise _bad(why="the server's capabilities cannot be combined with paths")
    return Filters(paths[0] if paths else None, other)


def _read_one(value: object, version: Version) -> Other | tuple[str, ...]:
    if not isinstance(value, dict):
        raise _bad(why=f"a filter is an object, not {value!r:.40}")
    members = cast("Mapping[str, object]", value)
    key = version.filter_key
    name = members.get(key)
    reader = _READERS[version].get(name) if isinstance(name, str) else None
    if reader is None:
        known = ", ".join(_READERS[version])
        raise _bad(why=f"a filter needs a '{key}' of {known}, not {name!r:.40}")
    if "parameter" in members:
        return reader(members["parameter"])
    if name == "timebased" and "period" in members:  # as KUKSA's databroker took it at first
        return reader(members)
    raise _bad(why=f"the filter '{name}' needs a 'parameter'")


def _paths(value: object) -> tuple[str, ...]:
    parts = cast("list[object]", value) if isinstance(value, list) else [value]
    if not 1 <= len(parts) <= MOST_PATHS:
        raise _bad(why=f"a paths filter takes 1 to {MOST_PATHS} paths, not {len(parts)}")
    found: list[str] = []
    for part in parts:
        if not isinstance(part, str) or not part or len(part) > LONGEST_PATH:
            raise _bad(why=f"a relative path is a text of 1 to {LONGEST_PATH} characters, not {part!r:.40}")
        found.append(part.replace("/", "."))
    return tuple(found)


def _timebased(value: object) -> Timebased:
    period = _whole(_member(value, "period"), "period")
    if not 0 < period <= _LONGEST_PERIOD_MS:
        raise _bad(why=f"a period is 1 to {_LONGEST_PERIOD_MS} milliseconds, not {period}")
    return Timebased(max(period, SHORTEST_PERIOD_MS))


def _change(value: object) -> Change:
    return Change(_compare(_member(value, "logic-op")), _number(_member(value, "diff"), "diff"))


def _range(value: object) -> Range:
    parts = cast("list[object]", value) if isinstance(value, list) else [value]
    if isinstance(value, list) and len(parts) != 2:  # noqa: PLR2004 - the specification's number
        raise _bad(why=f"an array of boundaries has two, not {len(parts)}")
    found = [_boundary(part) for part in parts]
    combined = {cast("Mapping[str, object]", part).get("combination-op", "AND") for part in parts[:1]}
    if not combined <= {"AND", "OR"}:
        raise _bad(why="a 'combination-op' is 'AND' or 'OR'")
    return Range(tuple(found), any_of=combined == {"OR"} and len(found) > 1)


def _boundary(value: object) -> Boundary:
    members = _members(value)
    operators = [members[key] for key in ("logic-op", "boundary-op") if key in members]
    if len(operators) != 1:
        raise _bad(why="a boundary needs one 'logic-op'")
    return Boundary(_compare(operators[0]), _number(_member(value, "boundary"), "boundary"))


def _curvelog(value: object) -> Curvelog:
    error = _number(_member(value, "maxerr"), "maxerr")
    size = _whole(_member(value, "bufsize"), "bufsize")
    if error < 0 or size < 2:  # noqa: PLR2004 - a line has two ends
        raise _bad(why="curvelog needs a 'maxerr' of 0 or more and a 'bufsize' of 2 or more")
    return Curvelog(error, min(size, MOST_BUFFERED))


def _history(value: object) -> History:
    return History(parse_duration(value))


def _metadata(value: object) -> Metadata:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    parts = cast("list[object]", value) if isinstance(value, list) else [value]
    if len(parts) > _MOST_KEYS:
        raise _bad(why=f"{len(parts)} names of metadata are too many; {_MOST_KEYS} are the most")
    keys: list[str] = []
    depth = 0
    for part in parts:
        if not isinstance(part, str):
            raise _bad(why=f"metadata takes a number of generations, a name, or names, not {part!r:.40}")
        if _WHOLE.fullmatch(part):
            depth = int(part)
        elif part:
            keys.append(part)
    return Metadata(tuple(keys), depth)


def _dynamic(value: object) -> Dynamic | Capabilities:
    parts = cast("list[object]", value) if isinstance(value, list) else [value]
    names = {kind.value: kind for kind in Dynamic}
    if parts == ["server_capabilities"]:
        return Capabilities()
    if len(parts) == 1 and isinstance(parts[0], str) and parts[0] in names:
        return names[parts[0]]
    raise _bad(why=f"dynamic-metadata takes one of server_capabilities, {', '.join(names)}, not {value!r:.40}")


def _members(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _bad(why=f"a parameter of this filter is an object, not {value!r:.40}")
    return cast("Mapping[str, object]", value)


def _member(value: object, name: str) -> object:
    members = _members(value)
    if name not in members:
        raise _bad(why=f"its parameter needs '{name}'")
    return members[name]


def _compare(value: object) -> Compare:
    try:
        return Compare(value)
    except ValueError:
        known = ", ".join(each.value for each in Compare)
        raise _bad(why=f"an operator is one of {known}, not {value!r:.40}") from None


def _number(value: object, name: str) -> float:
    if isinstance(value, str) and len(value) <= 64 and _NUMBER.fullmatch(value):  # noqa: PLR2004 - digits enough
        number = float(value)
    elif isinstance(value, str) and value in {"true", "false"}:
        number = float(value == "true")
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:  # noqa: PLR2004
        number = float(value)
    else:
        raise _bad(why=f"'{name}' is a number as a text, not {value!r:.40}")
    if not math.isfinite(number):
        raise _bad(why=f"'{name}' is too large: {value!r:.40}")
    return number


def _whole(value: object, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**18 else ""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise _bad(why=f"'{name}' is a whole number as a text, not {value!r:.40}")
    return int(value)


def _bad(*, why: str) -> VissError:
    return VissError(Fault.BAD_REQUEST, f"Missing or invalid filter: {why}")


_BOTH: dict[str, Callable[[object], Other | tuple[str, ...]]] = {
    "paths": _paths,
    "timebased": _timebased,
    "range": _range,
    "change": _change,
    "curvelog": _curvelog,
    "history": _history,
}
_READERS = {
    Version.V2: {**_BOTH, "static-metadata": _metadata, "dynamic-metadata": _dynamic},
    Version.V3: {**_BOTH, "metadata": _metadata},
}
