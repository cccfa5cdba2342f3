"""A million samples to what a chart of a thousand pixels can show, and no peak lost.

Per column of pixels the first, last, lowest and highest sample is kept, so a line drawn through what is kept covers
the same pixels as one through all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Runs", "columns_covered", "extremes", "runs", "thin"]


def extremes(
    t: npt.NDArray[np.float64], value: npt.NDArray[np.float64], first: float, last: float, columns: int
) -> npt.NDArray[np.intp]:
    """Return the indices of the samples to draw, rising.

    Args:
        t: times, shape (n,), not falling.
        value: finite values, shape (n,).
        first: left end of the axis.
        last: right end of the axis.
        columns: pixels between them.
    """
    n = len(t)
    if n <= 4 * columns:
        return np.arange(n)
    column = np.clip((t - first) / max(last - first, 1e-12) * columns, 0, columns - 1).astype(np.intp)
    starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    ends = np.r_[starts[1:], n] - 1
    turn = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, n]))
    lowest = _first_equal(value, np.minimum.reduceat(value, starts), turn)
    highest = _first_equal(value, np.maximum.reduceat(value, starts), turn)
    return np.unique(np.concatenate([starts, ends, lowest, highest]))


def _first_equal(
    value: npt.NDArray[np.float64], extreme: npt.NDArray[np.float64], turn: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Return for each column the index of its first sample with the column's extreme value."""
    at = np.flatnonzero(value == extreme[turn])
    _, first = np.unique(turn[at], return_index=True)
    return at[first]


def thin(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return the indices of the points that a line cannot do without: no repeats, none inside a straight run."""
    keep = np.flatnonzero(np.r_[True, (np.diff(x) != 0) | (np.diff(y) != 0)])
    if len(keep) < 3:  # noqa: PLR2004 - a line's two ends
        return keep
    dx, dy = np.diff(x[keep]), np.diff(y[keep])
    straight = (dx[1:] * dy[:-1] == dx[:-1] * dy[1:]) & (dx[1:] * dx[:-1] + dy[1:] * dy[:-1] > 0)
    return keep[np.r_[True, ~straight, True]]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Stretches of equal codes, shape (n,) each."""

    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    code: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)


def runs(t: npt.NDArray[np.float64], code: npt.NDArray[np.float64], until: float) -> Runs:
    """Return the stretches in which a held value stays the same; the last one lasts until *until*."""
    if not len(t):
        return Runs(t, t, code)
    same = (code[1:] == code[:-1]) | (np.isnan(code[1:]) & np.isnan(code[:-1]))
    starts = np.flatnonzero(np.r_[True, ~same])
    return Runs(t[starts], np.r_[t[starts[1:]], max(until, float(t[-1]))], code[starts])


def columns_covered(spans: Runs, first: float, last: float, columns: int) -> list[tuple[int, int]]:
    """Return [from, to) pixel columns that the spans touch, joined where they meet."""
    scale = columns / max(last - first, 1e-12)
    inside = (spans.end >= first) & (spans.start <= last)
    begin = np.clip(np.floor((spans.start[inside] - first) * scale), 0, columns - 1).astype(np.intp)
    end = np.clip(np.ceil((spans.end[inside] - first) * scale), begin + 1, columns).astype(np.intp)
    depth = np.zeros(columns + 1, np.int64)
    np.add.at(depth, begin, 1)
    np.add.at(depth, end, -1)
    covered = np.cumsum(depth)[:-1] > 0
    edges = np.flatnonzero(np.diff(np.r_[False, covered, False]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
