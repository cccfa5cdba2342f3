"""The broker's kernels once more in plain Python, one update at a time, as what they are held against."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field

from hypothesis import strategies as st

from commonwheel.broker.filters import Boundary, Change, Compare, Curvelog, Filter
from commonwheel.broker.signals import SignalTable
from commonwheel.broker.updates import Updates
from commonwheel.catalog import Catalog, Kind, Leaf

Row = tuple[int, int, float, int, object]
"""Signal, time, value, quality, object."""

OPERATORS = {
    Compare.EQ: operator.eq,
    Compare.NE: operator.ne,
    Compare.GT: operator.gt,
    Compare.GTE: operator.ge,
    Compare.LT: operator.lt,
    Compare.LTE: operator.le,
}


def table_of(*leaves: Leaf) -> SignalTable:
    """Return a signal table of these leaves."""
    return SignalTable(catalog_of(*leaves))


def catalog_of(*leaves: Leaf) -> Catalog:
    """Return a catalog of these leaves."""
    return Catalog({leaf.path: leaf for leaf in leaves}, {}, "a test")


def leaf(name: str, datatype: str = "float", **facts: object) -> Leaf:
    """Return a leaf of a test's catalog."""
    kind = facts.pop("kind", Kind.SENSOR)
    return Leaf(f"Vehicle.{name}", kind, datatype, **facts)  # type: ignore[arg-type]


def rows_of(updates: Updates) -> list[Row]:
    """Return a batch row by row; NaN as None, so that rows compare."""
    items = [None] * len(updates) if updates.objects is None else updates.objects.tolist()
    columns = (updates.signal.tolist(), updates.t_ns.tolist(), updates.value.tolist(), updates.quality.tolist())
    return [plain((*row, item)) for *row, item in zip(*columns, items, strict=True)]


def plain(row: Row) -> Row:
    """Return a row that compares with others."""
    return (row[0], row[1], None if math.isnan(row[2]) else row[2], row[3], row[4])  # type: ignore[return-value]


@dataclass
class Last:
    """What was delivered last of one signal."""

    t_ns: int
    value: float
    reference: float
    quality: int
    item: object


@dataclass
class Reference:
    """A filter by its rules, without curves."""

    rule: Filter
    last: dict[int, Last] = field(default_factory=dict[int, Last])

    def passes(self, row: Row) -> bool:
        signal, t_ns, value, quality, item = row
        last = self.last.get(signal)
        if last is None or last.quality != quality:
            good = quality != 0 or self.in_range(value, item)
        else:
            good = self.differs(last, t_ns, value, item)
            if not good:
                self.follow(last, value)
        if good:
            self.last[signal] = Last(t_ns, value, value, quality, item)
        return good

    def differs(self, last: Last, t_ns: int, value: float, item: object) -> bool:
        rule = self.rule
        nan = math.isnan(value) and math.isnan(last.value)
        same = item == last.item and (item is not None or value == last.value or nan)
        if abs(t_ns - last.t_ns) < rule.min_interval_ns:
            return False
        if (rule.on_change or rule.deadband) and same:
            return False
        if rule.deadband and abs(value - last.value) <= rule.deadband:
            return False
        if rule.change and (item is not None or last.item is not None):
            return rule.change.compare is (Compare.EQ if same else Compare.NE) and self.in_range(value, item)
        if rule.change and not math.isnan(last.reference):
            step = value - last.reference
            if math.isnan(value) or not OPERATORS[rule.change.compare](step, rule.change.diff):
                return False
        return self.in_range(value, item)

    def in_range(self, value: float, item: object) -> bool:
        number = math.nan if item is not None else value
        tests = [OPERATORS[limit.compare](number, limit.boundary) for limit in self.rule.within]
        return not tests or (any(tests) if self.rule.any_of else all(tests))

    def follow(self, last: Last, value: float) -> None:
        how = self.rule.change.compare if self.rule.change else None
        if how in {Compare.GT, Compare.GTE} and value < last.reference:
            last.reference = value
        if how in {Compare.LT, Compare.LTE} and value > last.reference:
            last.reference = value
        if how is Compare.EQ and not math.isnan(value):
            last.reference = value


def corners(points: list[tuple[int, float]], most: float) -> set[int]:
    """Return the points between the ends that a line with this error needs, by Ramer, Douglas and Peucker."""

    def between(first: int, end: int) -> set[int]:
        (t0, v0), (t1, v1) = points[first], points[end]
        slope = (v1 - v0) / float(t1 - t0) if t1 > t0 else 0.0
        worst, at = most, None
        for i in range(first + 1, end):
            error = abs(points[i][1] - (v0 + slope * float(points[i][0] - t0)))
            if error > worst:
                worst, at = error, i
        return set() if at is None else between(first, at) | {at} | between(at, end)

    return between(0, len(points) - 1)


@dataclass
class Bend:
    """The curve of one signal."""

    anchor: tuple[int, float] | None = None
    waiting: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    since_ns: int = 0


class CurveReference:
    """A filter with a curve, by its rules."""

    def __init__(self, rule: Filter) -> None:
        assert rule.curvelog is not None
        self.curve: Curvelog = rule.curvelog
        self.filter = Reference(rule)
        self.bends: dict[int, Bend] = {}

    def offer(self, row: Row, now_ns: int) -> list[Row]:
        signal, t_ns, value, quality, _ = row
        last = self.filter.last.get(signal)
        known = last is not None and last.quality == quality
        bend = self.bends.setdefault(signal, Bend())
        if (known and quality != 0) or not self.filter.passes(row):
            return []
        number = quality == 0 and math.isfinite(value)
        newest = bend.waiting[-1] if bend.waiting else bend.anchor
        if known and number and newest is not None and t_ns >= newest[0]:
            bend.since_ns = bend.since_ns if bend.waiting else now_ns
            bend.waiting.append((t_ns, value))
            late = now_ns - bend.since_ns >= self.curve.max_age_s * 1e9 and now_ns > bend.since_ns
            return self.flush(signal) if late or len(bend.waiting) == self.curve.buffer else []
        out = [*self.flush(signal), plain(row)]
        bend.anchor = (t_ns, value) if number else None
        return out

    def flush(self, signal: int) -> list[Row]:
        bend = self.bends.get(signal)
        if bend is None or not bend.waiting or bend.anchor is None:
            return []
        points = [bend.anchor, *bend.waiting]
        kept = sorted(corners(points, self.curve.max_error) | {len(points) - 1})
        bend.anchor, bend.waiting = points[-1], []
        return [(signal, *points[i], 0, None) for i in kept]


# ---- what is tried --------------------------------------------------------------------------------------------------

SIGNALS = 4
values = st.one_of(
    st.integers(-3, 3).map(float),
    st.sampled_from([0.1, 0.2, 0.30000000000000004, 1e300, -1e300, 5e-324, math.nan, math.inf, -math.inf, -0.0]),
    st.floats(width=16),
)
times = st.one_of(st.integers(0, 50), st.sampled_from([-(2**63), 2**63 - 1, 10**15]))
items = st.sampled_from([None, None, "a", "b", ["a"], ["a", "b"]])


def updates(*, objects: bool = False, signals: int = SIGNALS) -> st.SearchStrategy[list[Row]]:
    """Return batches of rows; with objects, some of them carry one."""
    rows = st.tuples(
        st.integers(0, signals - 1),
        times,
        values,
        st.sampled_from([0, 0, 0, 1, 2, 3, 4]),
        items if objects else st.none(),
    )
    fix = rows.map(lambda row: row if row[4] is None else (row[0], row[1], math.nan, row[3], row[4]))
    return st.lists(fix, max_size=60)


finite = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([0.1, 0.2, 100.0]))
compares = st.sampled_from(list(Compare))
changes = st.builds(Filter, change=st.builds(Change, compares, finite), min_interval_ns=st.sampled_from([0, 2]))
"""Rules that only look at the steps of values."""
rules = changes | st.builds(
    Filter,
    min_interval_ns=st.sampled_from([0, 0, 1, 5, 2**63 - 1]),
    on_change=st.booleans(),
    deadband=st.sampled_from([0.0, 0.0, 0.1, 2.0]),
    change=st.none() | st.builds(Change, compares, finite),
    within=st.lists(st.builds(Boundary, compares, finite), max_size=2).map(tuple),
    any_of=st.booleans(),
)


def cut(rows: list[Row], lengths: list[int]) -> list[Updates]:
    """Return rows as batches of these lengths, the rest as the last."""
    batches: list[Updates] = []
    for length in lengths:
        batches.append(Updates.build(rows[:length]))
        rows = rows[length:]
    return [*batches, Updates.build(rows)]


steps = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(-3, 3).map(float), st.just(0), st.none()),
    min_size=10,
    max_size=60,
)
"""Rows that differ by little, so that the rules of changes are met often."""
cuts = st.lists(st.integers(0, 20), max_size=5)
