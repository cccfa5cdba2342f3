"""What a chart shows: panels of series over one axis that all of them share.

Plain immutable values; ``panels.py`` draws them, ``samples.py`` makes them of decoded samples.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["BAND", "QUALITY_WORDS", "SHADED", "Axis", "Chart", "Mark", "Panel", "Series", "Stroke", "Tone"]

SHADED = (Quality.STALE, Quality.INVALID, Quality.CORRUPT)
"""Qualities that are shown as shaded spans."""

QUALITY_WORDS: Mapping[Quality, str] = {
    Quality.GOOD: "received in time and intact",
    Quality.STALE: "no frame within the timeout",
    Quality.INVALID: "the sender's own 'no value', or out of range",
    Quality.CORRUPT: "checksum or counter wrong",
    Quality.MISSING: "this car cannot give it",
}


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line is drawn, beside its colour."""

    wide: bool = False
    """A broad pale band that thinner lines can lie on."""
    dash: tuple[float, float, float] | None = None
    """Pixels drawn, pixels left out, pixels by which the pattern starts later."""


BAND = Stroke(wide=True)


class Tone(enum.Enum):
    """What a state means to a reader: how its stretch of a lane is coloured."""

    OFF = "off"
    READY = "ready"
    ACTS = "acts"
    YIELDS = "yields"
    ENDS = "ends"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One signal over time."""

    name: str
    t: npt.NDArray[np.float64]
    """Shape (n,), seconds (or the number of the frame), not falling."""
    value: npt.NDArray[np.float64]
    """Shape (n,), NaN for none."""
    quality: npt.NDArray[np.uint8]
    """``Quality`` codes, shape (n,)."""
    color: int = 0
    """Number of its colour in the palette."""
    stroke: Stroke = Stroke()
    labels: Mapping[int, str] | None = None
    """Names of codes; a series that has them is drawn as a lane of states."""
    tones: Mapping[int, Tone] | None = None
    """What the codes mean; the lane then has its name in the series' colour."""

    @classmethod
    def of(cls, name: str, t: npt.NDArray[np.float64], value: npt.NDArray[np.float64], color: int = 0) -> Series:
        """Return a series whose every sample is GOOD."""
        return cls(name, t, value, np.zeros(len(t), np.uint8), color)

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """Which samples are drawn: GOOD numbers."""
        return (self.quality == Quality.GOOD) & np.isfinite(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Series that share a vertical axis, or lanes of states."""

    title: str
    series: tuple[Series, ...]
    unit: str = ""
    legend: bool = True
    """Whether its lines are named; where a panel above names the same ones only broad bands are."""
    shows: tuple[float, float] | None = None
    """Values that its axis reaches at least, so that what is tiny looks tiny."""

    @property
    def lanes(self) -> bool:
        """Whether its series are states, not numbers."""
        return all(series.labels is not None for series in self.series)


@dataclass(frozen=True, slots=True)
class Axis:
    """The horizontal axis of all panels of a chart."""

    first: float
    last: float
    timed: bool = True
    """Seconds; else numbers of frames, as the source has no usable times."""
    caption: str = ""

    @property
    def span(self) -> float:
        """Its length, never zero."""
        return max(self.last - self.first, 1e-9)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, at a place of the horizontal axis; drawn through all panels, named in the first."""

    text: str
    first: float
    last: float = math.nan
    """Where it was over; NaN for what has no end."""


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """Panels one below the other, over one axis."""

    title: str
    """Said to those who cannot see it."""
    panels: tuple[Panel, ...]
    axis: Axis
    marks: tuple[Mark, ...] = ()
    columns: int = 500
    """How many columns of a page's script know a value of each line: each its highest and lowest."""

    @property
    def qualities(self) -> list[Quality]:
        """The shaded qualities that occur."""
        found = {int(q) for panel in self.panels for series in panel.series for q in np.unique(series.quality)}
        return [quality for quality in SHADED if quality in found]
