"""What the guard knows of the car: of each input whether it is of use, and of each condition whether it holds.

An input is of use while its last reading is GOOD, young enough, within its range, and not frozen. One that is of no use
for less than its tolerance has no effect: conditions keep what they were. After that its envelope says what happens.
All is judged once per tick, in the guard's own time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.guard.envelope import OnBad, Without
from commonwheel.guard.span import Span
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from commonwheel.guard.envelope import Condition, Input

__all__ = ["RECENT_NS", "Judged", "Watch"]

NEAR_NS = 50_000_000
"""A neutral that is measured is what was measured within this time."""
RECENT_NS = 100_000_000
"""Limits count with all that was measured within this time."""


class Watch:
    """One input."""

    def __init__(self, rule: Input) -> None:
        self.rule = rule
        self._arrived_ns = 0
        self._value = math.nan
        self._quality = Quality.MISSING
        self._changed_ns = 0
        self._bad_since_ns: int | None = 0
        self._recent = Span(RECENT_NS)
        self._near = Span(NEAR_NS)
        self.good: float | None = None
        """The last good value; None before the first."""
        self.good_ns = 0
        """When that arrived."""
        self.quality = Quality.MISSING
        """How the input was at the last tick."""

    def take(self, t_ns: int, value: float, quality: Quality) -> None:
        """Take in a reading; one that is older than the last is passed over."""
        if t_ns < self._arrived_ns:
            return
        self._arrived_ns, self._value, self._quality = t_ns, value, quality
        if quality != Quality.GOOD:
            return
        if self.rule.low <= value <= self.rule.high:
            if value != self.good:  # what comes in between and is of no use does not make it move
                self._changed_ns = t_ns
            self.good, self.good_ns = value, t_ns
            self._recent.add(t_ns, value)
            self._near.add(t_ns, value)
        else:
            self._quality = Quality.INVALID

    def judge(self, now_ns: int, *, moving: bool) -> None:
        """Find out of how much use the input is now."""
        if not moving:
            self._changed_ns = now_ns
        self.quality = self._judged(now_ns)
        if self.quality == Quality.GOOD:
            self._bad_since_ns = None
        elif self._bad_since_ns is None:
            self._bad_since_ns = now_ns

    def _judged(self, now_ns: int) -> Quality:
        if self._quality != Quality.GOOD:
            return self._quality
        if now_ns - self._arrived_ns > self.rule.max_age_ns:
            return Quality.STALE
        frozen_ns = self.rule.frozen_ns
        if not isinstance(frozen_ns, Without) and now_ns - self._changed_ns > frozen_ns:
            return Quality.INVALID
        return Quality.GOOD

    def failed(self, now_ns: int) -> OnBad | None:
        """Return what has to happen because the input is of no use; None while nothing has to."""
        since = self._bad_since_ns
        if since is None or now_ns - since < self.rule.tolerance_ns:
            return None
        rule = self.rule
        actions = {Quality.STALE: rule.stale, Quality.INVALID: rule.invalid, Quality.MISSING: rule.missing}
        return actions.get(self.quality, rule.corrupt)

    def recent(self, now_ns: int) -> tuple[float, float] | None:
        """Return the least and greatest good value of late; the last good one if that is older; None without any."""
        found = self._recent.at(now_ns)
        return found if found is not None or self.good is None else (self.good, self.good)

    def near(self, now_ns: int) -> tuple[float, float] | None:
        """Return what ``recent`` does, of a shorter time."""
        found = self._near.at(now_ns)
        return found if found is not None or self.good is None else (self.good, self.good)

    def usable(self, now_ns: int) -> bool:
        """Whether the last good value may still be counted with: it is not older than is tolerated."""
        return self.good is not None and now_ns - self.good_ns <= self.rule.max_age_ns + self.rule.tolerance_ns

    def __str__(self) -> str:
        frozen = self._quality == Quality.GOOD and self.quality == Quality.INVALID
        return f"{self.rule.path} is {'frozen' if frozen else self.quality.name} (value {self._value:g})"


class Judged:
    """One condition: whether it holds, after its time; None before anything good is known."""

    def __init__(self, rule: Condition, watch: Watch) -> None:
        self.rule = rule
        self._watch = watch
        self._other_since_ns: int | None = None
        self.holds: bool | None = None
        self.began = False
        """It began to hold at the last tick."""

    def judge(self, now_ns: int) -> None:
        """Find out whether it holds now."""
        self.began = False
        value = self._watch.good
        if value is None or self._watch.quality != Quality.GOOD:
            return
        seen = self.rule.low <= value <= self.rule.high
        if seen == self.holds:
            self._other_since_ns = None
            return
        if self._other_since_ns is None:
            self._other_since_ns = now_ns
        if self.holds is None or now_ns - self._other_since_ns >= self.rule.for_ns:
            self.began = self.holds is False
            self.holds, self._other_since_ns = seen, None

    def __str__(self) -> str:
        low, high, value = self.rule.low, self.rule.high, self._watch.good
        wanted = f"{low:g}" if low == high else f"from {low:g} to {high:g}"
        seen = "unknown" if value is None else f"{value:g}"
        but = "" if value is not None and low <= value <= high else f", not {wanted}"
        return f"{self.rule.text} ({self.rule.path} is {seen}{but})"
