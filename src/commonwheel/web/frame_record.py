"""Record a live car's frames from the Traffic page: one recording per car, bounded in size and time.

It goes on when the page is closed, and ends by itself at its bounds; everybody who sees the car's frames sees how it
is. Where it is written is the operator's choice (``--record-frames``), else a folder beside where the service runs.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.errors import OutputError
from commonwheel.gateway.record_frames import FrameRecorder
from commonwheel.gateway.recording import interfaces_of
from commonwheel.gateway.rotation import Rotation
from commonwheel.web.scene import vehicle_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.gateway.live import LiveCar
    from commonwheel.web.scene import Scene
    from commonwheel.web.views import Params, Viewer
    from commonwheel.wire.frames import Frames

__all__ = ["FOLDER", "Bounds", "PageRecording", "RecordStatus", "end_recordings", "record", "recording_of"]

_LOG = logging.getLogger(__name__)

FOLDER = Path("recordings")
"""Where to write unless the operator says: below the folder in which the service runs."""
_FILE_BYTES = 64 * 1024 * 1024
_LOOK_S = 1.0
_STOP_S = 10.0


class Bounds(msgspec.Struct, frozen=True):
    """When a recording ends by itself."""

    size_bytes: int = 256 * 1024 * 1024
    seconds: float = 1800.0


class RecordStatus(msgspec.Struct, frozen=True):
    """How a recording is."""

    running: bool
    folder: str
    """Where it writes, or would."""
    files: list[str] = []
    """Names of the files that are whole."""
    written: int = 0
    """Frames."""
    lost: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    why: str = ""
    """Why it ended, or cannot go on; '' while all is well."""
    most_bytes: int = 0
    most_seconds: float = 0.0


class PageRecording:
    """A car's recording. Any thread."""

    def __init__(self, car: LiveCar, folder: Path, names: dict[int, str], hidden: frozenset[int] = frozenset()) -> None:
        """Prepare; nothing is written before ``start``.

        Args:
            car: whose frames.
            folder: where to.
            names: bus numbers to names in the log.
            hidden: ids of frames that are left out, being personal.
        """
        self._car = weakref.ref(car)
        self._name = car.name
        self._folder, self._names = folder, names
        self._hidden = np.array(sorted(hidden), np.uint32)
        self.bounds = Bounds()
        self._lock = threading.RLock()
        self._recorder: FrameRecorder | None = None
        self._deaf: Callable[[], None] | None = None
        self._began = self._looked = 0.0
        self._last = RecordStatus(running=False, folder=str(folder.absolute()))

    def start(self) -> None:
        """Begin; nothing happens when it goes on already.

        Raises:
            BrokerError: INVALID; nothing can be written there.
        """
        car = self._car()
        with self._lock:
            if self._recorder is not None or car is None or car.gateway is None:
                return
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                rotation = Rotation(_FILE_BYTES, self.bounds.seconds)
                recorder = FrameRecorder(self._folder, rotation, prefix=f"{self._name}-page", interfaces=self._names)
            except (OSError, OutputError) as error:
                raise BrokerError(Reason.INVALID, f"nothing can be recorded: {error}") from error
            self._recorder = recorder
            self._began = self._looked = time.monotonic()
            self._deaf = car.gateway.listen(self._put)  # under the lock: who stops it meanwhile has to find it
        _LOG.info("%s: a page began to record frames in %s", self._name, self._folder)

    def _put(self, frames: Frames) -> None:
        """Record a batch; in the thread that brings it."""
        recorder = self._recorder
        if recorder is None:
            return
        if len(self._hidden):
            frames = frames[~np.isin(frames.id, self._hidden)]
        if len(frames):
            recorder.put(frames)
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        why = self._over(recorder, now)
        if why:  # in a thread of its own: this one must not wait for the disk, nor stop listening to itself
            threading.Thread(target=self.stop, args=(why,), name=f"record-end-{self._name}", daemon=True).start()

    def _over(self, recorder: FrameRecorder, now: float) -> str:
        if recorder.counts.size_bytes >= self.bounds.size_bytes:
            return f"it reached its most, {self.bounds.size_bytes / 2**20:.0f} MiB"
        return f"it reached its most, {self.bounds.seconds:.0f} s" if now - self._began >= self.bounds.seconds else ""

    def stop(self, why: str = "") -> None:
        """End, and finish the file; nothing happens when none goes on."""
        with self._lock:
            recorder, self._recorder = self._recorder, None
            deaf, self._deaf = self._deaf, None
            seconds = time.monotonic() - self._began
            if recorder is not None:
                self._last = self._status(recorder, seconds, why, running=False)
        if deaf is not None:
            deaf()
        if recorder is None:
            return
        recorder.close(_STOP_S)
        with self._lock:
            self._last = self._status(recorder, seconds, why or recorder.fault, running=False)
        _LOG.info("%s: the recording of frames in %s has ended%s", self._name, self._folder, f": {why}" if why else "")

    def status(self) -> RecordStatus:
        """Return how it is."""
        with self._lock:
            recorder = self._recorder
            if recorder is None:
                return self._last
            return self._status(recorder, time.monotonic() - self._began, recorder.fault, running=True)

    def _status(self, recorder: FrameRecorder, seconds: float, why: str, *, running: bool) -> RecordStatus:
        counts = recorder.counts
        return RecordStatus(
            running,
            str(self._folder.absolute()),
            [path.name for path in recorder.files],
            counts.written,
            counts.dropped,
            counts.size_bytes,
            round(seconds),
            why,
            self.bounds.size_bytes,
            self.bounds.seconds,
        )


_RECORDINGS: weakref.WeakKeyDictionary[LiveCar, PageRecording] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def recording_of(scene: Scene, car: LiveCar) -> PageRecording:
    """Return the one recording of a car that pages start and stop."""
    with _LOCK:
        found = _RECORDINGS.get(car)
        if found is None:
            settings, vehicle = scene.settings_of(car), vehicle_of(car)
            names = interfaces_of(settings, vehicle) if settings and vehicle else {}
            hidden: frozenset[int] = frozenset()
            if vehicle and not scene.shows_personal(car):
                hidden = frozenset(message.frame_id for message in vehicle.messages if message.personal)
            found = PageRecording(car, scene.settings.record_frames or FOLDER, names, hidden)
            _RECORDINGS[car] = found
        return found


def end_recordings(scene: Scene) -> None:
    """End the recordings of all of a scene's cars: the service stops."""
    with _LOCK:
        found = [_RECORDINGS[car] for car in scene.cars if car in _RECORDINGS]
    for recording in found:
        recording.stop("the service stopped")


class _Wants(msgspec.Struct):
    car: str
    on: bool


def record(viewer: Viewer, params: Params) -> RecordStatus:
    """Start or stop the recording of a car's frames; a call of pages.

    Raises:
        BrokerError: INVALID, FORBIDDEN or EXPIRED; it takes the right to operate the car, and to see its frames.
    """
    from commonwheel.web.traffic_view import monitored

    wants = msgspec.convert(params, _Wants)
    car, _, _ = monitored(viewer, wants.car)
    viewer.require_operator(car, "record frames")
    recording = recording_of(viewer.scene, car)
    if wants.on:
        recording.start()
    else:
        recording.stop()
    return recording.status()
