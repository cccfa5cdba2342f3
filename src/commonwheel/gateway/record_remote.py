"""Samples of a car that another process runs, into a recorder: over its native stream, again and again if it breaks."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import flight

from commonwheel.broker.updates import Updates
from commonwheel.errors import CommonwheelError, UnreachableError
from commonwheel.gateway.record_samples import SampleForm, info_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from commonwheel.gateway.record_samples import SampleRecorder, Told

__all__ = ["Follower", "RemotePlace"]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_SIGNALS = b"commonwheel.signals"
_LINGER_MS = 100.0
_QUEUE = 1_000_000


class _Fact(msgspec.Struct):
    """What a stream's schema says of a signal."""

    number: int
    path: str
    datatype: str
    kind: str
    unit: str | None = None
    labels: tuple[str, ...] = ()


class _Told(msgspec.Struct):
    """What goes with each batch."""

    dropped: int = 0


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """Where a car is served, and what to show there."""

    address: str
    """host:port."""
    headers: Callable[[], Sequence[tuple[str, str]]] = tuple
    """What goes along with each call: the token. Asked again for each."""
    tls: bool = False
    files: dict[str, bytes | str] = field(default_factory=dict[str, "bytes | str"])
    """Options of Flight's client: ``tls_root_certs``, ``cert_chain``, ``private_key``, ``override_hostname``."""

    def connect(self) -> flight.FlightClient:
        """Return a client; nothing is sent yet.

        Raises:
            UnreachableError: the address is none.
        """
        location = f"{'grpc+tls' if self.tls else 'grpc'}://{self.address}"
        try:
            return cast("Any", flight.FlightClient)(location, **self.files)
        except (pa.ArrowException, OSError, ValueError) as error:
            message = f"{self.address} cannot be reached: {error}; write HOST:PORT, as 'commonwheel run' prints it"
            raise UnreachableError(message) from error

    def options(self) -> flight.FlightCallOptions:
        """Return the options of one call."""
        headers = [(name.encode(), value.encode()) for name, value in self.headers()]
        return flight.FlightCallOptions(headers=cast("Any", headers))


class Follower:
    """Reads a car's native stream, in a thread of its own, until it is closed, or refused for good."""

    def __init__(self, place: RemotePlace, recorder: SampleRecorder, signals: Sequence[str]) -> None:
        """Begin to read; *signals* are path patterns."""
        self._place, self._recorder = place, recorder
        want = {"signals": list(signals), "linger_ms": _LINGER_MS, "queue": _QUEUE}
        self._ticket = flight.Ticket(msgspec.json.encode(want))
        self._stop = threading.Event()
        self._reader: Any = None
        self._lock = threading.Lock()
        self.ready = threading.Event()
        """Set when the first batch came, or never will."""
        self.finished = threading.Event()
        """Set when it has ended."""
        self.error: CommonwheelError | None = None
        """Why it ended, where nobody closed it."""
        self.lost = 0
        """Updates that the server dropped, as this reader was too slow."""
        self.breaks = 0
        """How often the stream broke: what was published until it was there again is missing."""
        self._flows = False
        """Whether something came since the stream was opened."""
        self._thread = threading.Thread(target=self._run, name="record-follow", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """End."""
        self._stop.set()
        with self._lock:
            if self._reader is not None:
                self._reader.cancel()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._follow()
                why = "it has ended"
            except (flight.FlightUnavailableError, flight.FlightInternalError, flight.FlightTimedOutError) as error:
                why = _short(error)
                if not self.ready.is_set():
                    self.error = UnreachableError(f"{self._place.address} cannot be reached: {why}")
                    break
            except (pa.ArrowException, CommonwheelError, msgspec.MsgspecError) as error:
                why = _short(error)
                # A token that ended may have been renewed; one that is refused at once was not.
                renewable = self._flows and isinstance(error, flight.FlightUnauthenticatedError)
                if not renewable and not self._stop.is_set():
                    self.error = UnreachableError(f"{self._place.address}: {why}")
                if not renewable:
                    break
            if self._stop.is_set():
                break
            if self._flows:
                self._flows, pause_s = False, _FIRST_PAUSE_S
                self.breaks += 1
                _LOG.warning("%s: the stream broke: %s; it is tried again", self._place.address, why)
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        self.ready.set()
        self.finished.set()

    def _follow(self) -> None:
        """Read one stream to its end."""
        with self._place.connect() as client:
            reader: Any = client.do_get(self._ticket, self._place.options())
            with self._lock:
                self._reader = reader
            try:
                form = _form(reader.schema)
                while not self._stop.is_set():
                    try:
                        chunk = reader.read_chunk()
                    except StopIteration:
                        return
                    if chunk.app_metadata is not None:
                        self.lost += msgspec.json.decode(chunk.app_metadata.to_pybytes(), type=_Told).dropped
                    self._recorder.put(told_of(form, chunk.data))
                    self._flows = True
                    self.ready.set()
            finally:
                with self._lock:
                    self._reader = None
                reader.cancel()


def _short(error: Exception) -> str:
    """Return what an error says, without what Arrow and gRPC wrap it in."""
    text = str(error).partition("\n")[0].partition(". Detail:")[0].partition(" gRPC client debug context:")[0]
    return text.rpartition("with message: ")[2].rpartition("last error: UNKNOWN: ")[2].rstrip(".")


def _form(schema: pa.Schema) -> SampleForm:
    """Return what the numbers of a stream mean.

    Raises:
        UnreachableError: it is not a car's stream.
    """
    described = (schema.metadata or {}).get(_SIGNALS)
    if described is None:
        message = "what answers there is an Arrow Flight server, but not a car's"
        raise UnreachableError(message)
    facts = msgspec.json.decode(described, type=list[_Fact])
    return SampleForm((one.number, info_of(one.path, one.unit, one.datatype, one.kind, one.labels)) for one in facts)


def told_of(form: SampleForm, batch: pa.RecordBatch) -> Told:
    """Return a batch of the native stream (see ``broker.flight.columns``) as updates."""
    signal, time, value, quality, text = (
        cast("Any", batch.column(name)) for name in ("signal", "time", "value", "quality", "text")
    )
    return form.told(
        Updates(
            signal.to_numpy(zero_copy_only=False),
            time.cast(pa.int64()).to_numpy(zero_copy_only=False),
            value.to_numpy(zero_copy_only=False),
            quality.to_numpy(zero_copy_only=False),
            _texts(value, text),
        )
    )


def _texts(value: Any, text: Any) -> npt.NDArray[np.object_] | None:  # noqa: ANN401 - columns of Arrow
    """Return the texts where there is no number: a name of a code stands beside its number."""
    if text.null_count == len(text):
        return None
    alone = np.flatnonzero(value.is_null().to_numpy(zero_copy_only=False) & text.is_valid().to_numpy(False))  # noqa: FBT003
    if not len(alone):
        return None
    objects: npt.NDArray[np.object_] = np.full(len(text), None, object)
    objects[alone] = text.take(pa.array(alone)).to_pylist()
    return objects
