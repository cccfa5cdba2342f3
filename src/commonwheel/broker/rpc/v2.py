"""kuksa.val.v2: its eleven calls on a broker, with the answers and the statuses that KUKSA's databroker gives.

A sample that is not good is a data point with a time and no value, never a made-up one. Which quality it has instead
stands in the trailing metadata of ``GetValue`` and ``GetValues``, as ``commonwheel-quality: Vehicle.Speed=STALE``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from commonwheel import __version__
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.convert import read_value
from commonwheel.broker.rpc.interface import message
from commonwheel.broker.rpc.v2_demand import Demand
from commonwheel.broker.rpc.v2_entries import Entries, Key, check_count, point_row
from commonwheel.broker.rpc.v2_metadata import metadata_of
from commonwheel.broker.rpc.v2_provider import ProviderStream
from commonwheel.broker.stream import Stream
from commonwheel.broker.subscription import Overflow, Queue
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Sequence

    from commonwheel.broker.access import Access
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.rpc.calls import Call
    from commonwheel.broker.rpc.interface import Proto

__all__ = ["LONGEST_PATH", "MOST_BUFFERED", "Val"]

LONGEST_PATH = 1000
"""Characters of a path in a request."""
MOST_BUFFERED = 1000
"""Messages that a subscriber may have buffered."""

_QUALITY = "commonwheel-quality"
_QUALITY_BYTES = 4000
"""Metadata of more than 8 kB are refused by clients; what does not fit is counted."""
_MS = 1_000_000


class Val:
    """Serves ``kuksa.val.v2.VAL``."""

    raw: Final = frozenset({"open_provider_stream"})
    """Calls that take their requests as bytes."""

    def __init__(self, broker: Broker, access: Access) -> None:
        """Serve a broker; *access* has been asked before a call gets here."""
        del access
        self._broker = broker
        self._table = broker.table
        self._entries = Entries(broker.table)
        self._demand = Demand()

    # ---- reading ----------------------------------------------------------------------------------------------------

    async def get_value(self, request: Proto, call: Call) -> Proto:
        """Return a signal's current value.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN.
        """
        number = self._number(request.signal_id)
        await self._may_read((number,), call)
        reading = self._broker.get(number)
        if reading.quality != Quality.GOOD:
            self._tell_quality([(number, reading.quality)], call)
        response = _VALUE()
        self._entries.reading(self._table[number], reading, response.data_point)
        return response

    async def get_values(self, request: Proto, call: Call) -> Proto:
        """Return current values of several signals, in the order of the request: all or none.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN.
        """
        if not request.signal_ids:
            raise BrokerError(Reason.INVALID, "the request names no signal")
        check_count(len(request.signal_ids))
        numbers = [self._number(identifier) for identifier in request.signal_ids]
        await self._may_read(numbers, call)
        current = self._broker.snapshot(numbers)
        self._tell_quality(zip(numbers, current.quality.tolist(), strict=True), call)
        response = _message("GetValuesResponse")()
        for row in range(len(current)):
            self._entries.point(current, row, response.data_points.add())
        return response

    async def _may_read(self, numbers: Sequence[int], call: Call) -> None:
        """Check the rights to signals, and ask their providers for fresh values where these can be asked."""
        asked: dict[ProviderStream, list[int]] = {}
        for number in numbers:
            call.rights.require(Action.READ, self._table[number].path)
            source = self._demand.source(number)
            if isinstance(source, ProviderStream):
                asked.setdefault(source, []).append(number)
        if asked:
            await asyncio.gather(*(source.ask(wanted) for source, wanted in asked.items()))

    def _tell_quality(self, qualities: Iterable[tuple[int, int]], call: Call) -> None:
        """Tell the qualities of signals that are not good, as far as there is room."""
        bad = [f"{self._table[number].path}={Quality(quality).name}" for number, quality in qualities if quality]
        if not bad:
            return
        length = 0
        for count, word in enumerate(bad):
            length += len(word) + 1
            if length > _QUALITY_BYTES:
                bad[count:] = [f"and {len(bad) - count} more"]
                break
        call.trail(_QUALITY, ",".join(bad))

    def subscribe(self, request: Proto, call: Call) -> AsyncGenerator[bytes]:
        """Give out the current values of signals, then each that comes in.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN; EXPIRED when the rights end.
        """
        check_count(len(request.signal_paths))
        return self._subscribe([self._of_path(path) for path in request.signal_paths], request, Key.PATH, call)

    def subscribe_by_id(self, request: Proto, call: Call) -> AsyncGenerator[bytes]:
        """Do as ``subscribe`` does, by numbers.

        Raises:
            BrokerError: as there.
        """
        check_count(len(request.signal_ids))
        return self._subscribe([self._of_number(number) for number in request.signal_ids], request, Key.NUMBER, call)

    async def _subscribe(self, numbers: Iterable[int], request: Proto, key: Key, call: Call) -> AsyncGenerator[bytes]:
        signals = tuple(dict.fromkeys(numbers))
        if not signals:
            raise BrokerError(Reason.INVALID, "the request names no signal")
        for number in signals:
            call.rights.require(Action.READ, self._table[number].path)
        queue = _queue(request.buffer_size)
        interval = request.filter.min_sample_interval.interval_ms if request.filter.HasField(_INTERVAL) else None
        rule = Filter(min_interval_ns=(interval or 0) * _MS)
        seconds = request.filter.duration_ms / 1000 or None
        with (
            call.account.subscription(),
            Stream(self._broker, signals, call.rights, rule=rule, queue=queue) as stream,
            _wish(self._demand, signals, interval),
            contextlib.suppress(TimeoutError),  # it lasts as long as was asked
        ):
            ends = None if seconds is None else asyncio.get_running_loop().time() + seconds
            while True:
                if ends is None:
                    taken = await stream.take()
                else:
                    async with asyncio.timeout_at(ends):
                        taken = await stream.take()
                for batch in taken.batches:
                    for data in self._entries.encode(batch, key):
                        yield data

    # ---- asking -----------------------------------------------------------------------------------------------------

    async def actuate(self, request: Proto, call: Call) -> Proto:
        """Ask one actuator to reach a value.

        Raises:
            BrokerError: see ``Broker.actuate``; INVALID, UNKNOWN_SIGNAL, FORBIDDEN.
        """
        self._actuate([request], call)
        return _message("ActuateResponse")()

    async def actuate_stream(self, requests: AsyncIterator[Proto], call: Call) -> Proto:
        """Ask actuators one after the other; the first that cannot be asked ends the call.

        Raises:
            BrokerError: as ``actuate``.
        """
        async for request in requests:
            self._actuate([request], call)
        return _message("ActuateResponse")()

    async def batch_actuate(self, request: Proto, call: Call) -> Proto:
        """Ask several actuators at once: all or none.

        Raises:
            BrokerError: as ``actuate``.
        """
        check_count(len(request.actuate_requests))
        self._actuate(request.actuate_requests, call)
        return _message("BatchActuateResponse")()

    def _actuate(self, requests: Iterable[Proto], call: Call) -> None:
        targets: dict[int, object] = {}
        for request in requests:
            number = self._number(request.signal_id)
            signal = self._table[number]
            with self._broker.refusing(call.client, signal.path):
                call.rights.require(Action.ACTUATE, signal.path)
                value = read_value(request.value, "typed_value", signal)
                if value is None:
                    raise BrokerError(Reason.INVALID, f"the request gives no value for {signal.path}", signal=number)
            targets[number] = value
        with self._broker.refusing(call.client):
            actuations = self._broker.actuate(targets, call.client) if targets else ()
        for actuation in actuations:
            if actuation.refusal is not None:  # at once: the car is not armed, say
                raise actuation.refusal

    # ---- providing --------------------------------------------------------------------------------------------------

    async def publish_value(self, request: Proto, call: Call) -> Proto:
        """Give one signal a value; one without a value says that there is none.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN, WRONG_TYPE, OUT_OF_RANGE, NOT_ALLOWED, or
                ALREADY_CLAIMED by a provider.
        """
        number = self._number(request.signal_id)
        signal = self._table[number]
        call.rights.require(Action.PROVIDE, signal.path)
        if not request.HasField("data_point"):
            raise BrokerError(Reason.INVALID, f"the request has no data point for {signal.path}", signal=number)
        now = time.time_ns()
        _, t_ns, _, quality, _ = point_row(signal, request.data_point, now)
        value = None if quality != Quality.GOOD else read_value(request.data_point.value, "typed_value", signal)
        for error in self._broker.publish_values({number: value}, t_ns=t_ns).values():
            raise error
        return _message("PublishValueResponse")()

    def open_provider_stream(self, requests: AsyncIterator[bytes], call: Call) -> AsyncGenerator[Proto]:
        """Let a client provide signals and actuators; see ``v2_provider``.

        Raises:
            BrokerError: a claim or a value cannot be taken, or the rights ended.
        """
        return ProviderStream(self._broker, self._entries, self._demand, call, self._number).serve(requests)

    # ---- telling ----------------------------------------------------------------------------------------------------

    async def list_metadata(self, request: Proto, call: Call) -> Proto:
        """Return what is known of the signals that ``root`` selects: a path, a branch or a pattern.

        ``filter`` is not looked at, as KUKSA does not.

        Raises:
            BrokerError: INVALID, BAD_PATTERN, UNKNOWN_SIGNAL.
        """
        call.rights.require_valid()
        _check_length(request.root)
        response = _message("ListMetadataResponse")()
        response.metadata.extend(metadata_of(self._table[number]) for number in self._table.match(request.root))
        return response

    async def get_server_info(self, request: Proto, call: Call) -> Proto:
        """Return this program's name and version."""
        del request, call
        return _message("GetServerInfoResponse")(name="commonwheel", version=__version__)

    # ---- signals ----------------------------------------------------------------------------------------------------

    def _number(self, identifier: Proto) -> int:
        """Return the number of the signal that a ``SignalID`` names."""
        kind = identifier.WhichOneof("signal")
        if kind == "path":
            return self._of_path(identifier.path)
        if kind == "id":
            return self._of_number(identifier.id)
        raise BrokerError(Reason.INVALID, "a signal is named by neither path nor id")

    def _of_path(self, path: str) -> int:
        _check_length(path)
        return self._table.number(path)

    def _of_number(self, number: int) -> int:
        return self._table[number].number


_INTERVAL = "min_sample_interval"
_VALUE: Proto = message("kuksa.val.v2.GetValueResponse")


def _message(name: str) -> Proto:
    return message(f"kuksa.val.v2.{name}")


def _check_length(path: str) -> None:
    if len(path) > LONGEST_PATH:
        raise BrokerError(Reason.INVALID, f"a path of {len(path)} characters is too long; {LONGEST_PATH} are the most")


def _queue(buffered: int) -> Queue:
    if buffered > MOST_BUFFERED:
        raise BrokerError(Reason.INVALID, f"a buffer_size of {buffered} is too large; {MOST_BUFFERED} is the most")
    return Queue(batches=buffered) if buffered else Queue(overflow=Overflow.LATEST)


@contextlib.contextmanager
def _wish(demand: Demand, signals: Sequence[int], interval_ms: int | None) -> Generator[None]:
    demand.want(signals, interval_ms)
    try:
        yield
    finally:
        demand.unwant(signals, interval_ms)
