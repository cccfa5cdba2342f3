"""Guesses at enumerations: what the names of a field's codes mean in the standard."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from commonwheel.vehicles.kuksa_source import is_flag, ranges
from commonwheel.wire.tables import MAX_TABLE_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.catalog import Leaf
    from commonwheel.vehicles.yamlwrite import Value
    from commonwheel.wire.database import Signal

__all__ = ["guess_values"]

Row = dict["str | int", "Value"]

_YES = frozenset(
    {
        *("on", "active", "yes", "true", "pressed", "open", "opened", "ajar", "engaged", "enabled", "buckled"),
        *("latched", "belted", "fastened", "locked", "applied", "lit", "signaling", "running", "connected"),
        *("detected", "ready", "set", "depressed", "lighted", "flash", "blink", "driving", "braking"),
    }
)
_NO = frozenset(
    {
        *("off", "inactive", "no", "false", "released", "closed", "shut", "disengaged", "disabled"),
        *("unbuckled", "unlatched", "unbelted", "unfastened", "unlocked", "unlit", "stopped", "disconnected"),
        *("undetected", "idle", "none", "normal", "clear", "cleared", "inactiv", "unpressed"),
    }
)
_NO_VALUE = frozenset(
    {
        *("invalid", "sna", "error", "err", "fault", "faulty", "init", "initializing", "unknown", "undefined"),
        *("reserved", "unavailable", "na", "available", "initial", "failure", "unused"),
    }
)
_PARK, _DRIVE = 126, 127
_GEARS: Mapping[str, int] = {
    **dict.fromkeys(("p", "park", "parking"), _PARK), **dict.fromkeys(("r", "reverse", "rev"), -1),
    **dict.fromkeys(("n", "neutral"), 0), **dict.fromkeys(("d", "drive", "forward"), _DRIVE),
}  # fmt: skip
"""The standard's codes for gears; other forward gears are their numbers."""
_LABELS: Mapping[str, str] = {"p": "park", "r": "reverse", "n": "neutral", "d": "drive", "s": "sport", "l": "low",
                              "auto": "auto", "int": "interval", "lo": "low", "hi": "high", "acc": "acc"}  # fmt: skip
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def guess_values(signal: Signal, leaf: Leaf) -> tuple[Row, str] | None:
    """Return ('values' and 'invalid' of a row, what they take for granted), or None where nothing is likely."""
    if signal.is_float or signal.length > MAX_TABLE_BITS:
        return None
    if not signal.choices:
        state = signal.length <= 2 and not signal.signed and leaf.datatype in {"boolean", "string"}  # noqa: PLR2004
        return _unnamed(signal, leaf) if state else None
    values: dict[str | int, Value] = {}
    left: list[int] = []
    for raw, name in sorted(signal.choices.items()):
        if not -(1 << signal.length - 1) <= raw < 1 << signal.length:
            continue
        value = _value(name, leaf)
        if value is None:
            left.append(raw)
        else:
            values[raw] = value
    if len(set(values.values())) < 2:  # noqa: PLR2004 - one value is no enumeration  # pyright: ignore[reportArgumentType]
        return None
    if leaf.datatype == "boolean" and is_flag(signal) and values == {0: False, 1: True}:
        return {}, ""
    row: Row = {"values": values}
    doubtful = [raw for raw in left if not _NO_VALUE & _words(signal.choices[raw])]
    if left:
        row["invalid"] = ranges(left)
    named = ", ".join(f"{raw} '{signal.choices[raw]}'" for raw in doubtful[:4]) + (", …" if len(doubtful) > 4 else "")  # noqa: PLR2004
    return row, f"not placed, so INVALID: {named}" if doubtful else ""


def _unnamed(signal: Signal, leaf: Leaf) -> tuple[Row, str] | None:
    """Guess from the field's own name: a bit is true when it is set, unless it is called after the opposite."""
    said = _words(signal.name)
    truth = _truth({"yes"}, leaf), _truth(said & (_NO | {"open", "closed"}), leaf)
    inverted = bool(said & {"not", "inv", "inverted"}) or truth[1] is False
    if leaf.datatype == "string":
        labels = [str(label) for label in leaf.allowed]
        off, on = ([label for label in labels if _words(label) & known] for known in (_NO, _YES))
        if signal.length > 1 or len(labels) > 3 or len(off) != 1 or len(on) != 1:  # noqa: PLR2004 - off, on and one more
            return None
        return {"values": {0: off[0], 1: on[0]}}, "the codes have no names: 1 is taken for yes"
    if inverted:
        return {"values": {0: True, 1: False}}, "turned round, as the field's name has it"
    if is_flag(signal):
        return {}, ""
    return {"values": {0: False, 1: True}}, "" if signal.length == 1 else "the codes have no names: 1 is taken for yes"


def _words(name: str) -> set[str]:
    parts = [part.lower() for part in _PART.findall(name)]
    joined = [a + b for a, b in itertools.pairwise(parts)]
    return {*parts, *joined}


def _value(name: str, leaf: Leaf) -> Value | None:
    """Return the standard's value for a code's name, or None."""
    said = _words(name)
    if _NO_VALUE & said or ("not" in said and "available" in said):
        return None
    if leaf.datatype == "boolean":
        return _truth(said, leaf)
    if leaf.datatype == "string":
        return _label(said, leaf)
    if "Gear" in leaf.name:
        return _gear(said, leaf)
    return None


def _truth(said: set[str], leaf: Leaf) -> bool | None:
    negated = bool({"not", "no", "un"} & said) and said != {"no"}
    yes, no = bool(_YES & said), bool(_NO & said - ({"no"} if negated else set()))
    if leaf.name.endswith("Closed"):
        yes, no = "closed" in said, "open" in said
    if "Unlocked" in leaf.name:
        yes, no = no, yes
    if yes == no:
        return None
    return yes != negated


def _label(said: set[str], leaf: Leaf) -> str | None:
    """Return the allowed label that shares the most words with a name, if there is only one."""
    meant = {_LABELS.get(word, word) for word in said}
    scored = sorted(
        ((len(meant & _words(str(label))), -len(_words(str(label))), str(label)) for label in leaf.allowed),
        reverse=True,
    )
    if not scored or scored[0][0] == 0 or (len(scored) > 1 and scored[0][:2] == scored[1][:2]):
        return None
    return scored[0][2]


def _gear(said: set[str], leaf: Leaf) -> int | None:
    """Return the standard's code; only the selector knows park and drive, a gear that is engaged has a number."""
    known = {_GEARS[word] for word in said if word in _GEARS}
    if leaf.name != "SelectedGear":
        known = {code for code in known if code < min(_PARK, _DRIVE)}
    if len(known) == 1:
        return known.pop()
    numbers = [int(word) for word in said if word.isdigit() and 1 <= int(word) <= 10]  # noqa: PLR2004 - gears a car has
    ordinals = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6}
    numbers += [ordinals[word] for word in said if word in ordinals]
    return numbers[0] if len(numbers) == 1 and not known else None
