"""Frames in, updates out: one decoder and one provider, whoever brings the frames.

Safe to call from several threads: batches are decoded and published one at a time, in the order they come.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from commonwheel.broker.offers import offers_of
from commonwheel.gateway.translate import Translation
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.sent import SENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from commonwheel.broker import Broker, Provider
    from commonwheel.gateway.doubt import Doubt
    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Clock, Frames

__all__ = ["Pipeline", "Timeline", "Totals"]

_LOG = logging.getLogger(__name__)
NAMED = 5
"""Signals that are not served are named, up to so many."""


class Timeline(Protocol):
    """How the decoder's times become those that are published."""

    def to_utc(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return nanoseconds UTC, shape as given."""
        ...


@dataclass(slots=True)
class Totals:
    """What went through so far."""

    batches: int = 0
    largest: int = 0
    """Frames in the largest batch."""
    samples: int = 0
    decode_ns: int = 0
    publish_ns: int = 0
    faults: int = 0
    """Batches whose publishing failed."""


class Pipeline:
    """From frames to the broker."""

    def __init__(
        self,
        vehicle: Vehicle,
        broker: Broker,
        timeline: Timeline,
        *,
        buses: Mapping[int, str] | None,
        clock: Clock,
        with_personal: bool,
    ) -> None:
        """Prepare.

        Args:
            vehicle: the car.
            broker: where its values go.
            timeline: from the frames' times to UTC.
            buses: the frames' bus numbers to the car's buses; None as the car has them.
            clock: what the frames' times mean.
            with_personal: also signals that tell who the car or its user is.
        """
        self._vehicle, self._broker, self._timeline = vehicle, broker, timeline
        self.buses = None if buses is None else dict(buses)
        """The frames' bus numbers to the car's buses; None as the car has them."""
        self._translation = Translation.between(vehicle, broker.table, with_personal=with_personal)
        self._decoder = VehicleDecoder(
            vehicle, buses=buses, signals=self._translation.paths, with_personal=with_personal, clock=clock
        )
        self._lock = threading.Lock()
        self._taps: tuple[Callable[[Frames], None], ...] = ()
        self.provider: Provider = broker.provider(vehicle.name)
        self.totals = Totals()
        self.act: Callable[[Frames | None, Samples], None] | None = None
        """Called with each batch of frames (None: something is late) and what was decoded of it, on the frames' clock,
        before it is published. It must not wait."""

    def open(self) -> None:
        """Become the provider of the car's signals, and publish its fixed facts.

        Raises:
            BrokerError: ALREADY_CLAIMED; another provides one of them.
        """
        translation = self._translation
        self.provider.claim(translation.claimed)
        self.provider.offers.update(offers_of(self._vehicle, self._broker.table))
        refused = self.provider.publish_values(translation.attributes)
        left_out = [*translation.left_out, *(str(fault) for fault in refused.values())]
        if left_out:
            shown = "; ".join(left_out[:NAMED]) + (", …" if len(left_out) > NAMED else "")
            _LOG.warning("%s: %d signals are not served: %s", self._vehicle.name, len(left_out), shown)

    def close(self) -> None:
        """Give the signals up; they become STALE."""
        with self._lock:
            self.provider.close()

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        """Call *tap* with each batch of frames (times UTC) before it is decoded; returns how to stop.

        Frames that were sent from here come too, on bus numbers of their own (``wire.sent``), and up to a moment later
        than others of their time. It is called in the thread that brings the frames, and must not wait.
        """
        with self._lock:
            self._taps = (*self._taps, tap)

        def stop() -> None:
            with self._lock:
                self._taps = tuple(one for one in self._taps if one is not tap)

        return stop

    def take(self, frames: Frames, doubt: Doubt | None = None) -> None:
        """Decode a batch and publish what it says; *doubt* is told whether it is this car's."""
        with self._lock:
            if self._taps:
                self._tell(frames)
            doubtful = doubt is not None and not doubt.settled
            known = self._decoder.counts.known if doubtful else 0
            began = time.perf_counter_ns()
            samples = self._decoder.decode(frames)
            decoded = time.perf_counter_ns()
            if doubt is not None and doubtful:
                doubt.look(frames, self._decoder.counts.known - known)
            self._publish(samples, frames)
            totals = self.totals
            totals.batches += 1
            totals.largest = max(totals.largest, len(frames))
            totals.decode_ns += decoded - began
            totals.publish_ns += time.perf_counter_ns() - decoded

    def _tell(self, frames: Frames) -> None:
        heard = replace(frames, t_ns=self._timeline.to_utc(frames.t_ns))
        for tap in self._taps:
            try:
                tap(heard)
            except Exception:  # noqa: BLE001 - whatever it is, it is neither the bus nor the other listeners
                _LOG.exception("%s: who listens to frames has failed, and is not told of any more", self._vehicle.name)
                self._taps = tuple(one for one in self._taps if one is not tap)

    def tell_sent(self, frames: Frames) -> None:
        """Tell those who listen to frames what was sent from here, on the car's bus numbers; it is not decoded."""
        with self._lock:
            if self._taps:
                self._tell(replace(frames, bus=frames.bus + np.uint8(SENT)))

    def expire(self, now_ns: int) -> None:
        """Make stale what is late at *now_ns*, on the frames' clock."""
        with self._lock:
            self._publish(self._decoder.expire(now_ns))

    def silence(self, bus: str, now_ns: int) -> None:
        """Make all signals of one of the car's buses stale."""
        with self._lock:
            self._publish(self._decoder.silence(bus, now_ns))

    def _publish(self, samples: Samples, frames: Frames | None = None) -> None:
        if self.act is not None:
            self.act(frames, samples)
        if not len(samples) or self.provider.closed:
            return
        self.totals.samples += len(samples)
        try:
            self.provider.publish(self._translation.apply(samples, self._timeline.to_utc(samples.t_ns)))
        except Exception:  # noqa: BLE001 - a reader's callback: not the bus, and the others have what was published
            self.totals.faults += 1
            if self.totals.faults == 1:
                _LOG.exception("%s: publishing has failed; said once, then only counted", self._vehicle.name)

    def facts(self) -> dict[str, object]:
        """Return counts of frames, batches and times."""
        with self._lock:
            counts, totals, late = self._decoder.counts, self.totals, self._decoder.late
            return {
                "frames": counts.known + counts.unknown + counts.other,
                "known": counts.known,
                "unknown": counts.unknown,
                "other": counts.other,
                "corrupt": int(counts.messages["corrupt"].sum()),
                "lost": int(counts.messages["lost"].sum()),
                "samples": totals.samples,
                "batches": totals.batches,
                "largest_batch": totals.largest,
                "decode_s": totals.decode_ns / 1e9,
                "publish_s": totals.publish_ns / 1e9,
                "faults": totals.faults,
                "stale": late,
            }
