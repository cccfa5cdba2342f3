"""One bus of a car: a thread that opens it, reads it in batches, and opens it again when it fails.

Said once when it fails and once when it is back, in the log and to whoever listens; tried again after 0.1 s, then
ever later, up to every 5 s. A bus that cannot be opened at the start is a bus that failed. One that opens and fails
again at once is not back.
"""

from __future__ import annotations

import enum
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.gateway.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.gateway.port import Port
    from commonwheel.wire.frames import Frames

__all__ = ["Backoff", "BusFacts", "BusReader", "BusState", "Window"]

_LOG = logging.getLogger(__name__)
POLL_S = 0.05
"""A reader without frames looks this often whether it is to stop."""
HEALTHY_S = 1.0
"""A bus that lasted this long is tried again at once when it fails."""


class BusState(enum.Enum):
    """How a bus is."""

    OPENING = "opening"
    UP = "up"
    DOWN = "down"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a bus is opened again."""

    first_s: float = 0.1
    factor: float = 2.0
    longest_s: float = 5.0

    def after(self, delay_s: float) -> float:
        """Return the delay that follows this one."""
        return min(delay_s * self.factor, self.longest_s)


@dataclass(frozen=True, slots=True)
class Window:
    """How close two batches of a bus may come: what arrives in between is one batch.

    Waking up costs more than decoding, so a quiet bus (where that is most of the cost) is read less often.
    """

    quiet_s: float = 0.001_2
    busy_s: float = 0.000_5
    busy_frames: int = 8
    """A batch of so many frames is one of a busy bus."""

    def after(self, frames: int) -> float:
        """Return how long to wait after the beginning of a batch of so many frames."""
        return self.busy_s if frames >= self.busy_frames else self.quiet_s


@dataclass(frozen=True, slots=True)
class BusFacts:
    """What happened on a bus so far."""

    name: str
    source: str
    state: BusState
    frames: int
    dropped: int
    """Frames lost before they were read, as far as the interface tells."""
    garbage: int
    """What came in and was no frame."""
    reconnects: int
    """Times it came back."""
    errors: int
    """Times it could not be opened or read."""
    error: str
    """Why it failed last; '' if it never did."""
    waiting: int
    """Frames that were found waiting when the bus was read last."""


class BusReader(Worker):
    """Reads one bus in a thread of its own."""

    def __init__(
        self,
        name: str,
        source: object,
        opener: Callable[[], Port],
        take: Callable[[Frames], None],
        changed: Callable[[BusReader], None],
        *,
        window: Window,
        backoff: Backoff,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            name: the car's name of the bus.
            source: what to call where it comes from.
            opener: opens it; may raise anything.
            take: called with each batch, in the bus's thread.
            changed: called when the bus has come up or failed, in the bus's thread.
            window: how close two batches may come.
            backoff: when to try again.
        """
        super().__init__(f"bus {name}")
        self.bus, self._source = name, source
        self._opener, self._take, self._changed = opener, take, changed
        self._window, self._backoff = window, backoff
        self.port: Port | None = None
        """The open bus; None while it is down."""
        self.state = BusState.OPENING
        self.error = ""
        self._frames = self._waiting = self._reconnects = self._failures = 0
        self._lost = self._bad = 0

    def facts(self) -> BusFacts:
        """Return what happened so far."""
        port = self.port
        dropped, garbage = (0, 0) if port is None else (port.dropped, port.garbage)
        return BusFacts(
            self.bus,
            str(self._source),
            self.state,
            self._frames,
            self._lost + dropped,
            self._bad + garbage,
            self._reconnects,
            self._failures,
            self.error,
            self._waiting,
        )

    def _run(self) -> None:
        delay = self._backoff.first_s
        while not self._stop.is_set():
            opened = time.monotonic()
            failure = self._session()
            if failure is None:
                break
            self._set_down(failure)
            if time.monotonic() - opened > HEALTHY_S:
                delay = self._backoff.first_s
            self._stop.wait(delay)
            delay = self._backoff.after(delay)
        self.state = BusState.STOPPED

    def _session(self) -> Exception | None:
        """Open the bus and read it until it fails (returns why) or is to stop (None)."""
        try:
            port = self._opener()
        except Exception as error:  # noqa: BLE001 - drivers raise what they like, and one bus is not the car
            return error
        self.port = port
        if self.state is BusState.OPENING:
            self._set_up()
        try:
            self._read(port)
        except Exception as error:  # noqa: BLE001 - the same
            return error
        finally:
            self._close(port)
        return None

    def _read(self, port: Port) -> None:
        stop, window = self._stop.is_set, self._window.after
        proven_at = time.monotonic() + HEALTHY_S
        while not stop():
            frames = port.read(POLL_S)
            if self.state is BusState.DOWN and (frames is not None or time.monotonic() > proven_at):
                self._set_up()
            if frames is None:
                self._waiting = 0
                continue
            began = time.monotonic()
            self._waiting = len(frames)
            self._frames += len(frames)
            self._take(frames)
            pause = window(len(frames)) - (time.monotonic() - began)
            if pause > 0:
                time.sleep(pause)

    def _close(self, port: Port) -> None:
        self.port = None
        self._lost += port.dropped
        self._bad += port.garbage
        try:
            port.close()
        except Exception as error:  # noqa: BLE001 - a driver that cannot even be closed
            _LOG.warning("bus %s (%s): closing it failed: %s", self.bus, self._source, error)

    def _set_up(self) -> None:
        """Say that the bus is open; after a failure only when it has brought a frame, or lasted a while."""
        again = self.state is BusState.DOWN
        self.state = BusState.UP
        self._reconnects += again
        if again:
            _LOG.warning("bus %s (%s): is back", self.bus, self._source)
        else:
            _LOG.info("bus %s (%s): open", self.bus, self._source)
        self._changed(self)

    def _set_down(self, error: Exception) -> None:
        was = self.state
        self.error = str(error) or type(error).__name__
        self.state = BusState.DOWN
        self._waiting = 0
        self._failures += 1
        if was is not BusState.DOWN:
            _LOG.warning("bus %s (%s): failed, trying again: %s", self.bus, self._source, self.error)
            self._changed(self)
