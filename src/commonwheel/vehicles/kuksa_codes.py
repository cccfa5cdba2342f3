"""KUKSA's mappings of codes: what each raw code of a field means to KUKSA, as ``values`` of a row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from commonwheel.vehicles.fields import limits_of
from commonwheel.vehicles.kuksa_expressions import evaluate
from commonwheel.vehicles.kuksa_mapping import YAML_WORDS
from commonwheel.vehicles.kuksa_source import LeftOutError, codes, is_flag, physical, ranges, raw_code, tidy
from commonwheel.vehicles.rows import parse_range
from commonwheel.wire.tables import MAX_TABLE_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.vehicles.kuksa_source import Row, Source
    from commonwheel.vehicles.yamltree import Scalar
    from commonwheel.vehicles.yamlwrite import Value
    from commonwheel.wire.database import Signal

__all__ = ["code_row", "request_codes"]

OTHERWISE_FROM = 8
"""Unnamed codes of one meaning, from which on they are worth an 'otherwise'."""
_SAME = 1e-9
_NAME = object()
"""Stands for a value that has a name, with which a formula cannot calculate."""


def code_row(source: Source) -> Row:
    """Return a row with 'values' for a dbc2vss mapping.

    Raises:
        LeftOutError: the field is too wide, or none of its codes means anything that the standard allows.
    """
    signal = source.signal
    if signal.is_float or signal.length > MAX_TABLE_BITS:
        message = f"{source.reference} has {signal.length} bits; an enumeration has at most {MAX_TABLE_BITS}"
        raise LeftOutError(message)
    possible, pairs = codes(signal), _Pairs(source)
    meant = {raw: value for raw in possible if (value := _standard(_kuksa(source, raw, pairs), source)) is not None}
    pairs.report()
    if not meant:
        message = f"no code of {source.reference} is mapped to a value that the standard allows"
        raise LeftOutError(message)
    row: Row = {"from": source.reference}
    if is_flag(signal) and source.leaf.datatype == "boolean" and meant == {0: False, 1: True}:
        return row
    values, otherwise = _values(meant, signal, complete=len(meant) == len(possible))
    if values or otherwise is None:
        row["values"] = values
    if otherwise is not None:
        row |= {"values": values, "otherwise": otherwise}
    left = [raw for raw in signal.choices if raw in possible and raw not in meant]
    if left:
        row["invalid"] = ranges(left)
    return row


class _Pairs:
    """A mapping's from/to pairs, and which of them ever matched."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pairs = source.link.mapping or ()
        self._used: set[int] = set()
        self._meant: set[int] = set()

    def find(self, raw: int, name: str | None, value: float) -> Scalar:
        """Return what a code is mapped to; the first pair that matches wins."""
        for i, (given, to, _) in enumerate(self._pairs):
            if given == name if name is not None else self._equal(given, value):
                self._used.add(i)
                return to
        for i, (given, to, _) in enumerate(self._pairs):
            if name is not None and isinstance(given, int | float) and given == raw:
                self._meant.add(i)
                return to
        return None

    def _equal(self, given: Scalar, value: float) -> bool:
        """Whether a pair's 'from' is this number."""
        if isinstance(given, str):
            bare = self._source.link.in_yaml and given not in self._source.signal.choices.values()
            given = YAML_WORDS.get(given.lower()) if bare else None
        return isinstance(given, int | float) and abs(given - value) <= _SAME * max(1.0, abs(value))

    def report(self) -> None:
        """Say which pairs mean nothing, or not what they seem to."""
        seen: dict[Scalar, Scalar] = {}
        for i, (given, to, _) in enumerate(self._pairs):
            if given in seen and seen[given] != to:
                self._source.say(f"'from: {given}' is mapped twice; the first wins, as in KUKSA")
            elif i in self._meant:
                name = self._source.signal.choices[int(given)]  # pyright: ignore[reportArgumentType]
                what = f"code {given} has the name '{name}', so KUKSA never finds it equal to {given}"
                self._source.say(f"{what}; taken as meant")
            elif i not in self._used and given not in seen:
                self._source.say(f"'from: {given}' is no value of {self._source.reference}; it never occurs")
            seen.setdefault(given, to)


def _kuksa(source: Source, raw: int, pairs: _Pairs) -> Scalar:
    """Return KUKSA's value of a raw code; None where it drops it."""
    signal, link, leaf = source.signal, source.link, source.leaf
    name, value = signal.choices.get(raw), physical(signal, raw)
    outside = (signal.minimum is not None and value < signal.minimum) or (
        signal.maximum is not None and value > signal.maximum
    )
    if name is None and outside:
        return None
    if link.mapping is not None:
        return pairs.find(raw, name, value)
    if link.math is not None and link.math.op != "x":
        return evaluate(link.math, value if name is None else _NAME)
    if leaf.datatype == "string":
        return name
    return value if name is None else raw


def _standard(value: Scalar, source: Source) -> Scalar:
    """Return the standard's value for KUKSA's; None where it allows no such value."""
    leaf = source.leaf
    if value is None or leaf.datatype == "string":
        return str(value) if value is not None and str(value) in leaf.allowed else None
    if isinstance(value, str):
        words: Mapping[str, bool] = {**YAML_WORDS, "true": True, "false": False}
        value = words.get(value.lower(), _float(value))
    if leaf.datatype == "boolean" or value is None:
        return None if value is None else bool(value)
    factor, offset = source.conversion
    number = tidy(float(value) * factor + offset)
    low, high = limits_of(leaf)
    return number if low <= number <= high and (not leaf.allowed or number in leaf.allowed) else None


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _values(meant: Mapping[int, Scalar], signal: Signal, *, complete: bool) -> tuple[dict[str | int, Value], Scalar]:
    """Return ('values', 'otherwise'): codes by name where they have one, runs of codes as ranges."""
    otherwise: Scalar = None
    if complete:
        common = Counter(value for raw, value in meant.items() if raw not in signal.choices).most_common(1)
        if common and common[0][1] > OTHERWISE_FROM:
            otherwise = common[0][0]
    names = Counter(signal.choices.values())
    values: dict[str | int, Value] = {}
    run: list[int] = []

    def flush() -> None:
        if run:
            key = run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}"
            values[key] = _plain(meant[run[0]])
            run.clear()

    for raw, value in meant.items():
        name = signal.choices.get(raw)
        if run and (raw != run[-1] + 1 or value != meant[run[0]] or name is not None):
            flush()
        if value == otherwise and type(value) is type(otherwise):
            continue
        if name is None:
            run.append(raw)
        else:
            # A name that is taken twice, or that reads as a number, is no key.
            key = name if names[name] == 1 and parse_range(name) is None else raw
            values[key] = _plain(value)
    flush()
    return values, otherwise


def _plain(value: Scalar) -> Value:
    return "" if value is None else value


def request_codes(source: Source) -> Row:
    """Return 'values' for a vss2dbc mapping of codes: raw code to the standard's value.

    Raises:
        LeftOutError: none of its pairs can be sent.
    """
    leaf, signal = source.leaf, source.signal
    values: dict[str | int, Value] = {}
    taken: dict[int, Scalar] = {}
    for given, to in _asked(source):
        value = _standard(given, source)
        raw = _raw(signal, to, in_yaml=source.link.in_yaml)
        if value is None:
            source.say(f"'from: {given}' is no value of {leaf.path}; left out")
        elif raw is None:
            source.say(f"'to: {to}' is no value of {source.reference}; left out")
        elif raw in taken and taken[raw] != value:
            source.say(f"'{value}' and '{taken[raw]}' are both sent as {to}; a request keeps the first")
        else:
            taken[raw] = value
            name = signal.choices.get(raw)
            known = name is not None and list(signal.choices.values()).count(name) == 1 and parse_range(name) is None
            values[name if known and name is not None else raw] = value
    if not values:
        message = f"no value of {leaf.path} is mapped to a code of {source.reference}"
        raise LeftOutError(message)
    return {"values": values}


def _asked(source: Source) -> list[tuple[Scalar, Scalar]]:
    """Return (value of KUKSA's, value of the database's) for every value that can be asked for."""
    link, leaf = source.link, source.leaf
    if link.mapping is not None:
        return [(given, to) for given, to, _ in link.mapping]
    possible: tuple[Scalar, ...] = (False, True) if leaf.datatype == "boolean" else leaf.allowed
    if link.math is None:
        return [(value, value) for value in possible]
    pairs = [(value, evaluate(link.math, _NAME if isinstance(value, str) else value)) for value in possible]
    return [(given, to) for given, to in pairs if to is not None]


def _raw(signal: Signal, to: Scalar, *, in_yaml: bool) -> int | None:
    """Return the raw code that KUKSA sends for a name or a physical value."""
    if isinstance(to, str):
        by_name = {name: raw for raw, name in signal.choices.items()}
        if to in by_name:
            return by_name[to]
        to = YAML_WORDS.get(to.lower()) if in_yaml else None
    return None if to is None else raw_code(signal, to)
