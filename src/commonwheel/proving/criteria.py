"""What a drive has to hold, and whether it did: figures against limits, each limit with where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.proving.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ALWAYS", "Criterion", "Finding", "judge"]

_UNITS = {one.name: one.unit for one in MEASURES}


@dataclass(frozen=True, slots=True)
class Criterion:
    """A limit of one figure. A drive that does not have the figure does not meet it."""

    measure: str
    most: float = math.inf
    least: float = -math.inf
    source: str = ""
    """Where the limit comes from."""
    where_measured: bool = False
    """Holds only for drives that have the figure."""

    def __str__(self) -> str:
        unit = _UNITS.get(self.measure, "")
        bounds = [
            f"<= {self.most:g}" if self.most < math.inf else "",
            f">= {self.least:g}" if self.least > -math.inf else "",
        ]
        return f"{self.measure} {' and '.join(filter(None, bounds))} {unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure held against its limit."""

    criterion: Criterion
    value: float
    """NaN where the drive does not have it."""

    @property
    def passed(self) -> bool:
        """Whether the limit is kept."""
        if math.isnan(self.value):
            return self.criterion.where_measured
        return self.criterion.least <= self.value <= self.criterion.most


ALWAYS: tuple[Criterion, ...] = (
    Criterion("collisions", most=0, source="a car that acts runs into nothing"),
    Criterion("app_failures", most=0, source="an app that raises has an error"),
    Criterion("jerk_share", most=100, source="ISO 15622:2018, operational limits", where_measured=True),
    Criterion("braking_share", most=100, source="ISO 15622:2018, operational limits", where_measured=True),
    Criterion("acceleration_share", most=100, source="ISO 15622:2018, operational limits", where_measured=True),
    Criterion("lateral_most", most=3.0, source="ISO 11270:2014, 5.4", where_measured=True),
    Criterion("lateral_jerk_most", most=5.0, source="ISO 11270:2014, 5.4", where_measured=True),
)
"""What every drive has to hold."""


def judge(figures: Mapping[str, float], criteria: Iterable[Criterion]) -> tuple[Finding, ...]:
    """Hold the figures of a drive against limits."""
    return tuple(Finding(one, figures.get(one.measure, math.nan)) for one in criteria)
