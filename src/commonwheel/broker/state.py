"""Last values that survive a restart: one small JSON file per car, whole at any instant.

The file is written beside its place, flushed to the disk, and renamed over the old one, so a kill or a power cut
leaves either the old file or the new one. What is read back is STALE until it is fresh, with the time it had.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
import zlib
from typing import TYPE_CHECKING

import msgspec

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.locking import Lock
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import from_inside, to_inside
from commonwheel.errors import OutputError
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.broker.broker import Broker

__all__ = ["StateFile"]

_LOG = logging.getLogger(__name__)

FORMAT = 1
EVERY_S = 10.0
SOON_S = 1.0
"""When values are saved first: a service that is killed soon has kept some."""


class _Kept(msgspec.Struct, frozen=True):
    """One signal's last value."""

    datatype: str
    value: bool | int | float | str | list[bool | int | float | str]
    t_ns: int


class _State(msgspec.Struct, frozen=True):
    car: str
    saved_ns: int
    signals: dict[str, _Kept]


class _File(msgspec.Struct, frozen=True):
    format: int
    crc32: int
    """Of the bytes of ``state``."""
    state: msgspec.Raw


class StateFile:
    """Where one broker's last values are kept. ``start`` it, let it ``keep``, ``stop`` it.

    Personal signals are left out unless asked for: the file outlives the drive.
    """

    def __init__(
        self, directory: Path, broker: Broker, *, every_s: float = EVERY_S, with_personal: bool = False
    ) -> None:
        """Take a place in *directory*, which is made when it is not there.

        Args:
            directory: where the file is.
            broker: whose values.
            every_s: how often they are saved, in seconds, once ``keep`` has begun to.
            with_personal: also signals that tell who the car or its user is.

        Raises:
            OutputError: it cannot be made.
        """
        self._broker = broker
        self._with_personal = with_personal
        self.path = directory / f"{re.sub(r'[^A-Za-z0-9-]+', '_', broker.name).strip('_') or 'car'}.state.json"
        self._every_s = every_s
        self._saved = -1
        self._lock = threading.Lock()
        self._life = threading.RLock()
        self._owner = Lock(self.path.with_suffix(".lock"))
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._started = False
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{directory}: cannot be made for the state ({error.strerror or error}); give another --state"
            raise OutputError(message) from error

    def load(self) -> int:
        """Put the kept values in as STALE where the broker has none yet; returns how many.

        A file that cannot be used is put aside (``.bad``) with a warning, and the broker starts without.
        """
        for left in self.path.parent.glob(f"{self.path.name}.*.part"):  # by a run that was killed while it saved
            with contextlib.suppress(OSError):
                left.unlink()
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return 0
        except OSError as error:
            _LOG.warning("%s: the kept values cannot be read (%s); starting without", self.path, error)
            return 0
        try:
            state = _read(data)
        except (msgspec.DecodeError, ValueError) as error:
            aside = self.path.with_name(f"{self.path.name}.bad")
            _LOG.warning("%s: not a file of kept values (%s); put aside as %s", self.path, error, aside.name)
            with contextlib.suppress(OSError):
                self.path.replace(aside)
            return 0
        return self._restore(state)

    def _restore(self, state: _State) -> int:
        table = self._broker.table
        rows: list[tuple[int, int, float, int, object]] = []
        strange: list[str] = []
        for path, kept in state.signals.items():
            number = table.numbers.get(path)
            if number is None or table[number].leaf.datatype != kept.datatype:
                strange.append(path)
                continue
            try:
                inside, item = to_inside(table[number], kept.value)
            except BrokerError:
                strange.append(path)
                continue
            rows.append((number, kept.t_ns, inside, Quality.STALE, item))
        if strange:
            _LOG.warning("%s: %d kept values do not fit the catalog (%s ...)", self.path, len(strange), strange[0])
        return self._broker.restore(Updates.build(rows))

    def save(self) -> bool:
        """Write the file when a value came since it was written last; returns whether it was.

        Raises:
            OutputError: it cannot be written. The old file is as it was.
        """
        with self._lock:
            published = self._broker.published
            if published == self._saved:
                return False
            state = msgspec.json.encode(self._state())
            data = msgspec.json.encode(_File(FORMAT, zlib.crc32(state), msgspec.Raw(state)))
            try:
                _write(self.path, data)
            except OSError as error:
                message = f"{self.path}: the values cannot be kept ({error.strerror or error})"
                raise OutputError(message) from error
            self._saved = published
            return True

    def _state(self) -> _State:
        broker = self._broker
        batch = broker.snapshot(range(len(broker.table)))
        personal: set[int] = set()
        if not self._with_personal:
            personal.update(n for p in broker.providers for n, offer in p.offers.items() if offer.personal)
        kept: dict[str, _Kept] = {}
        for i in range(len(batch)):
            signal = broker.table[i]
            if batch.quality[i] > Quality.STALE or i in personal:
                continue
            value = from_inside(signal, float(batch.value[i]), None if batch.objects is None else batch.objects[i])
            if value is not None:
                kept[signal.path] = _Kept(signal.leaf.datatype, value, int(batch.t_ns[i]))  # type: ignore[arg-type]
        return _State(broker.name, time.time_ns(), kept)

    def start(self) -> None:
        """Make the file ours, and load.

        Raises:
            OutputError: another process keeps this car's values there; says which.
        """
        with self._life:
            try:
                self._owner.acquire()
            except OutputError as error:
                of = f" for '{self._broker.name}'" if self._broker.name else ""
                message = f"{error}{of}; give another --state"
                raise OutputError(message) from error
            self._started = True
            self.load()

    def keep(self) -> None:
        """Save soon, and then now and then, in a thread of its own."""
        with self._life:
            if self._started and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="commonwheel-state", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        told = ""
        wait = min(SOON_S, self._every_s)
        while not self._stop.wait(wait):
            wait = self._every_s
            try:
                self.save()
                told = ""
            except OutputError as error:
                if str(error) != told:  # once, not every few seconds
                    _LOG.warning("%s", error)
                    told = str(error)

    def stop(self) -> None:
        """Save a last time and give the file back, where it is ours; what fails is logged."""
        self._stop.set()
        with self._life:
            if self._thread is not None:
                self._thread.join()
                self._thread = None
            if not self._started:
                return
            self._started = False
            try:
                self.save()
            except OutputError as error:
                _LOG.warning("%s", error)
            finally:
                self._owner.release()


def _read(data: bytes) -> _State:
    file = msgspec.json.decode(data, type=_File)
    if file.format != FORMAT:
        message = f"its format is {file.format}, not {FORMAT}"
        raise ValueError(message)
    if zlib.crc32(file.state) != file.crc32:
        message = "its checksum does not hold"
        raise ValueError(message)
    return msgspec.json.decode(file.state, type=_State)


def _write(path: Path, data: bytes) -> None:
    """Replace a file by another, whole at any instant, also over a power cut."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):  # the rename itself has to reach the disk; Windows does that by itself
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
