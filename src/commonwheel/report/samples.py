"""Decoded samples to panels: one per signal, states as lanes, many instances of one signal together."""

from __future__ import annotations

import re
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

__all__ = ["axis_of", "labels_of", "panels_of", "series_of", "short"]

FOLD_FROM = 3
"""So many instances of one signal (cells, modules) share a panel."""

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


def series_of(
    samples: Samples, path: str, start_ns: int = 0, places: npt.NDArray[np.int64] | None = None
) -> Series | None:
    """Return one signal of a batch in the order of time; None when it does not occur or is a text.

    Where *places* is given, its times become their places in it.
    """
    mine = samples.of(path)
    if not len(mine):
        return None
    info = samples.table[int(mine.signal[0])]
    if info.how == "text":
        return None
    order = np.argsort(mine.t_ns, kind="stable")
    stamps = mine.t_ns[order]
    t = (stamps - start_ns) / 1e9 if places is None else np.searchsorted(places, stamps).astype(np.float64)
    return Series(short(path), t, mine.value[order], mine.quality[order], labels=labels_of(info))


def axis_of(samples: Samples, start_ns: int) -> Axis:
    """Return the axis that holds all samples; its zero is at *start_ns*."""
    if not len(samples):
        return Axis(0.0, 1.0)
    places = _places(samples)
    if places is not None:
        caption = "frames in order of arrival: the log has no usable times"
        return Axis(0.0, float(len(places) - 1), timed=False, caption=caption)
    caption = "time since the first frame"
    if samples.clock is Clock.UTC:
        caption = f"time since {datetime.fromtimestamp(start_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    first, last = int(samples.t_ns.min()), int(samples.t_ns.max())
    return Axis((first - start_ns) / 1e9, (last - start_ns) / 1e9, caption=caption)


def panels_of(samples: Samples, paths: Iterable[str], start_ns: int) -> list[Panel]:
    """Return panels for signals that occur, in the order of *paths*; instances of one signal share a panel."""
    infos = {info.path: info for info in samples.table}
    places = _places(samples)
    groups: dict[str, list[tuple[str, Series, SignalInfo]]] = {}
    found: list[tuple[str, Series, SignalInfo]] = []
    for path in paths:
        series = series_of(samples, path, start_ns, places)
        if series is not None:
            found.append((path, series, infos[path]))
            if series.labels is None:
                groups.setdefault(_NUMBER.sub("#", path), []).append(found[-1])
    panels: dict[str, Panel] = {}
    for path, series, info in found:
        pattern = _NUMBER.sub("#", path)
        members = groups.get(pattern, [])
        if len(members) >= FOLD_FROM:
            panels.setdefault(pattern, _folded(pattern, members))
        else:
            panels[path] = Panel(short(path), (series,), info.unit)
    return list(panels.values())


def _places(samples: Samples) -> npt.NDArray[np.int64] | None:
    """Return the times that occur, where they only give an order: a sample's place among them is its time."""
    return np.unique(samples.t_ns) if samples.clock is Clock.ORDER else None


def _folded(pattern: str, members: list[tuple[str, Series, SignalInfo]]) -> Panel:
    """Return one panel with all instances; each is named by what tells it from the others."""
    colored = tuple(
        Series(".".join(_NUMBER.findall(path)), s.t, s.value, s.quality, i) for i, (path, s, _) in enumerate(members)
    )
    return Panel(f"{short(pattern)} ({len(members)} of them)", colored, members[0][2].unit)
