"""Decoded samples to panels: one per signal, states as lanes, many instances of one signal together."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.report.model import Axis, Panel, Series
from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from commonwheel.vehicles.model import SignalInfo
    from commonwheel.vehicles.samples import Samples

__all__ = ["Timeline", "by_path", "labels_of", "panels_of", "series_of", "short", "unfold"]

FOLD_FROM = 3
"""So many instances of one signal (cells, modules) share a panel."""

JUMP_NS = 10**9
"""A clock that steps back by more than this has jumped."""

_BOOLEAN: Mapping[int, str] = {0: "false", 1: "true"}
_GEARS: Mapping[int, str] = {-1: "reverse", 0: "neutral", 126: "park", 127: "drive"}
"""VSS explains these codes of its gears in words only; other numbers are gears."""
_GEAR_SIGNALS = frozenset({"SelectedGear", "CurrentGear"})
_NUMBER = re.compile(r"\d+")


def short(path: str) -> str:
    """Return a path without the level that all have in common."""
    return path.removeprefix("Vehicle.")


def labels_of(info: SignalInfo) -> Mapping[int, str] | None:
    """Return names for a signal's codes; None for one that is a number."""
    if info.labels:
        return dict(enumerate(info.labels))
    if info.datatype == "boolean":
        return _BOOLEAN
    if info.path.rpartition(".")[2] in _GEAR_SIGNALS:
        return {**{gear: f"gear {gear}" for gear in range(1, 12)}, **_GEARS}
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """What the times of a batch become on the axis of a chart."""

    axis: Axis
    start_ns: int
    """What the axis calls zero."""
    places: npt.NDArray[np.int64] | None = None
    """The times that occur, where they only give an order: a sample's place among them is its time."""

    @classmethod
    def of(cls, samples: Samples, start_ns: int) -> Timeline:
        """Return the timeline that holds all samples."""
        if samples.clock is Clock.ORDER:
            places = np.unique(samples.t_ns)
            caption = "frames in order of arrival: the log has no usable times"
            return cls(Axis(0.0, float(max(1, len(places) - 1)), timed=False, caption=caption), 0, places)
        caption = "time since the first frame"
        if samples.clock is Clock.UTC:
            caption = f"time since {datetime.fromtimestamp(start_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if not len(samples):
            return cls(Axis(0.0, 1.0, caption=caption), start_ns)
        ends = (int(samples.t_ns.min()), int(samples.t_ns.max()))
        first, last = ((end - start_ns) / 1e9 for end in ends)
        return cls(Axis(first, last, caption=caption), start_ns)

    def at(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return where times lie on the axis."""
        if self.places is not None:
            return np.searchsorted(self.places, t_ns).astype(np.float64)
        return (t_ns - self.start_ns) / 1e9


def unfold(samples: Samples) -> tuple[Samples, int]:
    """Put what follows a jump back of the clock right behind what came before; also returns how many jumps there are.

    Small steps back, as between the buses of one log, stay: they are sorted.
    """
    if samples.clock is Clock.ORDER or len(samples) < 2:  # noqa: PLR2004 - a step needs two
        return samples, 0
    steps = np.diff(samples.t_ns)
    jumps = steps < -JUMP_NS
    if not jumps.any():
        return samples, 0
    shift = np.r_[0, np.cumsum(np.where(jumps, -steps, 0))]
    return replace(samples, t_ns=samples.t_ns + shift), int(jumps.sum())


def by_path(samples: Samples) -> dict[str, Samples]:
    """Return the samples of each signal that occurs, in the order of time; texts are left out."""
    narrow = samples.signal.astype(np.int16) if len(samples.table) < 2**15 else samples.signal  # sorts much faster
    order = np.argsort(narrow, kind="stable")
    edges = np.searchsorted(samples.signal[order], np.arange(len(samples.table) + 1))
    parts: dict[str, Samples] = {}
    for number, info in enumerate(samples.table):
        mine = order[edges[number] : edges[number + 1]]
        if len(mine) and info.how != "text":
            t_ns = samples.t_ns[mine]
            if (np.diff(t_ns) < 0).any():
                mine = mine[np.argsort(t_ns, kind="stable")]
            parts[info.path] = samples[mine]
    return parts


def series_of(mine: Samples, timeline: Timeline) -> Series:
    """Return one signal's samples, as ``by_path`` gives them, as a series."""
    info = mine.table[int(mine.signal[0])]
    return Series(short(info.path), timeline.at(mine.t_ns), mine.value, mine.quality, labels=labels_of(info))


def panels_of(parts: Mapping[str, Samples], paths: Iterable[str], timeline: Timeline) -> list[Panel]:
    """Return panels for signals, in the order of *paths*; instances of one signal share a panel."""
    groups: dict[str, list[tuple[str, Series, SignalInfo]]] = {}
    found: list[tuple[str, Series, SignalInfo]] = []
    for path in paths:
        mine = parts[path]
        found.append((path, series_of(mine, timeline), mine.table[int(mine.signal[0])]))
        if found[-1][1].labels is None:
            groups.setdefault(_NUMBER.sub("#", path), []).append(found[-1])
    panels: dict[str, Panel] = {}
    for path, series, info in found:
        pattern = _NUMBER.sub("#", path)
        members = groups.get(pattern, [])
        if len(members) >= FOLD_FROM and series.labels is None:
            panels.setdefault(pattern, _folded(pattern, members))
        else:
            panels[path] = Panel(short(path), (series,), info.unit)
    return list(panels.values())


def _folded(pattern: str, members: list[tuple[str, Series, SignalInfo]]) -> Panel:
    """Return one panel with all instances; each is named by what tells it from the others."""
    colored = tuple(
        Series(".".join(_NUMBER.findall(path)), s.t, s.value, s.quality, i) for i, (path, s, _) in enumerate(members)
    )
    return Panel(f"{short(pattern)} ({len(members)} of them)", colored, members[0][2].unit)
