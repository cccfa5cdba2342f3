"""How well each signal of a car is received: lost, corrupt, or without a value, since when and how often.

Works on what changes of quality tell, which reach an app whatever rate it asked for: so that what comes of it depends
neither on rates nor on how readings are batched.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.apps import Quality

if TYPE_CHECKING:
    from commonwheel.apps import Reading

__all__ = ["Qualities", "Signal"]

_NS = 1_000_000_000
_ESTABLISHED_NS = 3 * _NS
_RECENT_NS = 10 * _NS
_OFTEN = 3
_LASTS_NS = _NS


@dataclass(slots=True)
class Signal:
    """What is known of one signal's quality."""

    quality: Quality
    since_ns: int
    unit: str | None
    good_ns: int = 0
    """Time it was good."""
    bad_ns: int = 0
    """Time it was stale or corrupt."""
    corrupted: deque[int] = field(default_factory=lambda: deque[int](maxlen=_OFTEN))
    """When it last became corrupt."""

    def take(self, t_ns: int, quality: Quality) -> None:
        """Take a reading's quality."""
        if quality is self.quality or t_ns < self.since_ns:
            return
        self._close(t_ns)
        self.quality, self.since_ns = quality, t_ns
        if quality is Quality.CORRUPT:
            self.corrupted.append(t_ns)

    def _close(self, t_ns: int) -> None:
        if self.quality is Quality.GOOD:
            self.good_ns += t_ns - self.since_ns
        elif self.quality in {Quality.STALE, Quality.CORRUPT}:
            self.bad_ns += t_ns - self.since_ns

    def bad_share(self, t_ns: int) -> float:
        """Return the share of the time that it was stale or corrupt."""
        running = t_ns - self.since_ns
        good = self.good_ns + (running if self.quality is Quality.GOOD else 0)
        bad = self.bad_ns + (running if self.quality in {Quality.STALE, Quality.CORRUPT} else 0)
        return bad / (good + bad) if good + bad else 0.0


class Qualities:
    """Every signal that was ever heard."""

    def __init__(self) -> None:
        """Begin without any."""
        self.signals: dict[str, Signal] = {}
        self.corrupt_times = 0
        """How often signals became corrupt."""
        self.heard_ns = 0
        """When any signal last came in whatever quality but stale."""

    def take(self, reading: Reading) -> None:
        """Take a reading of any signal."""
        if reading.quality is Quality.MISSING:
            return
        if reading.quality is not Quality.STALE:
            self.heard_ns = max(self.heard_ns, reading.t_ns)
        signal = self.signals.get(reading.path)
        if signal is None:
            signal = self.signals[reading.path] = Signal(Quality.GOOD, reading.t_ns, reading.unit)
        if reading.quality is Quality.CORRUPT and signal.quality is not Quality.CORRUPT:
            self.corrupt_times += 1
        signal.take(reading.t_ns, reading.quality)

    def lost(self) -> list[str]:
        """Return the signals that were heard well and are stale now."""
        return [
            path
            for path, signal in self.signals.items()
            if signal.quality is Quality.STALE and signal.good_ns >= _ESTABLISHED_NS
        ]

    def corrupt(self, t_ns: int) -> list[str]:
        """Return the signals that are corrupt for a second by now, or became so several times in the last ten."""
        return [path for path, signal in self.signals.items() if _is_corrupt(signal, t_ns)]

    def valueless(self) -> list[str]:
        """Return the quantities that had values for some seconds, and whose sender says now that it has none."""
        return [
            path
            for path, signal in self.signals.items()
            if signal.quality is Quality.INVALID and signal.unit and signal.good_ns >= _ESTABLISHED_NS
        ]


def _is_corrupt(signal: Signal, t_ns: int) -> bool:
    if signal.quality is Quality.CORRUPT and t_ns - signal.since_ns >= _LASTS_NS:
        return True
    return len(signal.corrupted) == _OFTEN and t_ns - signal.corrupted[0] <= _RECENT_NS
