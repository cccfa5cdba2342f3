"""Whether frames are this car's at all: said once for each bus or recording of which none is known.

Else nothing tells its user why no value ever comes: another car, another of its buses, another bit rate.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.wire.frames import Frames

__all__ = ["Doubt"]

_LOG = logging.getLogger(__name__)
ENOUGH = 500
"""Frames of which one should be known …"""
LONG_NS = 2_000_000_000
"""… when they came over so long: most messages are sent each second, beside many that are not described."""


class Doubt:
    """Watches one source of frames until one of them is known, or it has said that none is."""

    def __init__(self, car: str, source: str, advice: str) -> None:
        """Name the car, where the frames come from, and what its user should look at."""
        self._car, self._source, self._advice = car, source, advice
        self._frames = 0
        self._first_ns: int | None = None
        self.settled = False
        """Nothing is left to be said."""

    def look(self, frames: Frames, known: int) -> None:
        """Take note of a batch, and how many of its frames the car knows."""
        if known:
            self.settled = True
        if self.settled or not len(frames):
            return
        self._frames += len(frames)
        if self._first_ns is None:
            self._first_ns = int(frames.t_ns[0])
        if self._frames >= ENOUGH and int(frames.t_ns[-1]) - self._first_ns >= LONG_NS:
            self.conclude()

    def conclude(self) -> None:
        """Say it now, however few they were, unless one was known or it was said."""
        if self.settled or not self._frames:
            return
        self.settled = True
        _LOG.warning(
            "%s: none of the first %s frames of %s is this car's; %s",
            self._car, self._frames, self._source, self._advice,
        )  # fmt: skip
