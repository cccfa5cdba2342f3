"""A recording played as if the car drove now: paced by its own times, published with the present ones.

Decoding keeps the recording's time, so that what is late is late at any rate; what is published is stamped with the
time at which it was due. A player that falls behind by seconds (a machine that slept) goes on from there.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.errors import CommonwheelError
from commonwheel.gateway.doubt import Doubt
from commonwheel.gateway.line import RisingLine
from commonwheel.gateway.pipeline import Pipeline
from commonwheel.gateway.worker import HeldWorker
from commonwheel.vehicles.reading import LogDecoder, Selection, ahead
from commonwheel.wire.frames import Clock
from commonwheel.wire.logs import open_log
from commonwheel.wire.sent import own_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from commonwheel.broker import Broker
    from commonwheel.gateway.sources import ReplaySource
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["PlayTime", "Player", "car_of"]

_LOG = logging.getLogger(__name__)
CHUNK_BYTES = 1 << 20
MOST_FRAMES = 2000
"""Frames in a batch, at most."""
WINDOW_S = 0.000_5
TICK_NS = 50_000_000
BEHIND_NS = 2_000_000_000
"""A player that is this far behind does not hurry after the time that is lost."""
PATIENCE_S = 0.02
"""How long a player at full speed waits for readers to empty their queues, per batch: one that hangs stops nobody."""


@dataclass(slots=True)
class PlayTime:
    """Recorded time to UTC: at *t_ns* it is *utc_ns*, and time goes on *scale* times as fast."""

    t_ns: int
    utc_ns: int
    scale: float = 1.0

    def to_utc(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return recorded times as UTC."""
        if self.scale == 1.0:
            return t_ns + (self.utc_ns - self.t_ns)
        return ((t_ns - self.t_ns) * self.scale).astype(np.int64) + self.utc_ns


def car_of(source: ReplaySource, catalog: Path | None = None) -> Vehicle:
    """Return the car that made a recording.

    Args:
        source: the recording.
        catalog: a VSS tree of the user's own.

    Raises:
        LogError: the recording cannot be read, or none of the described cars made it.
    """
    with LogDecoder(source.path, None, Selection(buses=source.buses), catalog) as opened:
        return opened.vehicle


class Player(HeldWorker):
    """Plays one recording, in a thread of its own."""

    def __init__(
        self,
        source: ReplaySource,
        vehicle: Vehicle,
        broker: Broker,
        *,
        with_personal: bool,
        on_ready: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        """Open the recording once, to find out which of its buses is which of the car's.

        Raises:
            LogError: it cannot be read.
            DescriptionError: the car has no such bus.
        """
        super().__init__(f"player {vehicle.name}")
        self._source, self._broker, self._car = source, broker, vehicle.name
        with LogDecoder(source.path, vehicle, Selection(buses=source.buses)) as opened:
            buses, timed = opened.buses, opened.report.clock is not Clock.ORDER
        now = time.time_ns()
        self._line = RisingLine(now, round(1e9 / source.frames_per_second))
        self._time = PlayTime(now, now, 1.0 / source.rate if source.rate else 0.0)
        self._began_ns = 0
        self.pipeline = Pipeline(
            vehicle, broker, self._time, buses=buses, clock=Clock.UTC if timed else Clock.ORDER,
            with_personal=with_personal,
        )  # fmt: skip
        self._on_ready, self._on_end = on_ready, on_end
        self._looked_ns = 0
        self._loops = 0
        self._error = ""
        self._doubt = Doubt(vehicle.name, str(source.path), "'commonwheel identify' tells whose they are")
        self.latest_ns = 0
        """How late a frame was at most, in ns."""

    def facts(self) -> dict[str, object]:
        """Return what there is to say of a recording."""
        return {
            "replay": str(self._source),
            "loops": self._loops,
            "latest_s": self.latest_ns / 1e9,
            "error": self._error,
        }

    # ---- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        chunks = ahead(self._chunks())
        try:
            for frames in chunks:
                if not self._began_ns:
                    self._begin()
                if not self._stop.is_set():
                    self._play(frames)
                    self._doubt.conclude()
                if self._stop.is_set():
                    break
        except CommonwheelError as error:
            self._error = str(error)
            _LOG.error("%s: the recording cannot be played on: %s", self._car, error)
        finally:
            chunks.close()
        if not self._began_ns:
            self._begin()
        if not self._stop.is_set():
            _LOG.info("%s: the recording was played to its end", self._car)
            self._on_end()
        self._linger()

    def _begin(self) -> None:
        """Be ready, and begin when it is time to."""
        self._on_ready()
        self._go.wait()
        self._began_ns = time.monotonic_ns()
        self._time.utc_ns = time.time_ns()

    def _chunks(self) -> Iterator[Frames]:
        """Yield the recording's frames on a rising line, again and again when it loops; in the reading thread."""
        while not self._stop.is_set():
            empty = True
            with open_log(self._source.path, chunk_bytes=CHUNK_BYTES) as reader:
                for read in reader:
                    frames = own_frames(read, reader.report.buses)
                    if len(frames):
                        empty = False
                        yield self._line.place(frames)
            if not self._source.loop or empty:
                return
            self._line.restart()
            self._loops += 1

    def _play(self, frames: Frames) -> None:
        """Hand on the frames of a chunk, each when it is due."""
        if self._source.rate is None:
            self._play_at_once(frames)
            return
        due = self._due(np.maximum.accumulate(frames.t_ns))
        at, count = 0, len(frames)
        while at < count and not self._stop.is_set():
            now = time.monotonic_ns()
            wait = int(due[at]) - now
            if wait > 0:
                self._wait(wait, now)
                continue
            if -wait > BEHIND_NS:
                self._began_ns -= wait
                self._time.utc_ns -= wait
                due -= wait
                continue
            self.latest_ns = max(self.latest_ns, -wait)
            end = min(int(np.searchsorted(due, now, "right")), at + MOST_FRAMES)
            self.pipeline.take(frames[at:end], self._doubt)
            self._looked_ns = now
            at = end
            time.sleep(WINDOW_S)

    def _due(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return when recorded times are due, on the monotonic clock."""
        return ((t_ns - self._time.t_ns) * self._time.scale).astype(np.int64) + self._began_ns

    def _wait(self, wait_ns: int, now: int) -> None:
        """Wait for the next frame, or a while; make stale what is late meanwhile."""
        if wait_ns < TICK_NS // 10:
            time.sleep(wait_ns / 1e9)
            return
        self._stop.wait(min(wait_ns - TICK_NS // 50, TICK_NS) / 1e9)
        if now - self._looked_ns >= TICK_NS:
            self._looked_ns = now
            self.pipeline.expire(self._recorded(now))

    def _recorded(self, monotonic_ns: int) -> int:
        """Return the recorded time that it is now."""
        return self._time.t_ns + round((monotonic_ns - self._began_ns) * (self._source.rate or 1.0))

    def _play_at_once(self, frames: Frames) -> None:
        """Hand on the frames of a chunk as fast as they are decoded and published; their times are those of that."""
        for at in range(0, len(frames), MOST_FRAMES):
            if self._stop.is_set():
                return
            batch = frames[at : at + MOST_FRAMES]
            last, now = int(batch.t_ns.max()), time.time_ns()
            playtime = self._time
            playtime.scale = max(0, now - playtime.utc_ns) / max(1, last - playtime.t_ns)
            self.pipeline.take(batch, self._doubt)
            playtime.t_ns, playtime.utc_ns = last, max(now, playtime.utc_ns)
            self._breathe()

    def _breathe(self) -> None:
        """Let readers take what they have, for a moment."""
        end = time.monotonic() + PATIENCE_S
        time.sleep(0)
        while time.monotonic() < end and not self._stop.is_set():
            if all(2 * reader.depth <= reader.queue.updates for reader in self._broker.readers):
                return
            time.sleep(WINDOW_S)

    def _linger(self) -> None:
        """After the end, time goes on: everything grows stale in its turn."""
        ended = time.monotonic_ns()
        if self._source.rate is None:
            self._time.scale = 1.0
        while not self._stop.wait(TICK_NS / 1e9):
            passed = round((time.monotonic_ns() - ended) * (self._source.rate or 1.0))
            self.pipeline.expire(self._line.end_ns + passed)
