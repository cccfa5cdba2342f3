"""One provider's stream of kuksa.val.v2: what it claims and publishes comes in, what is asked of it goes out.

A request that is wrong as a whole (a claim that cannot be had, a value that was not claimed) ends the stream with a
status; wrong values among right ones are told in an answer. The stream ends as well when the provider hangs up, and
its signals become STALE; one that only ever said which actuators it provides may close its side and go on listening.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.actuation import Stage
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.convert import fill
from commonwheel.broker.rpc.interface import enum_values, message, parse
from commonwheel.broker.rpc.v2_entries import check_count, point_row
from commonwheel.broker.rpc.v2_publish import Publisher
from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence

    from commonwheel.broker.actuation import Actuation
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.rpc.calls import Call
    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.rpc.v2_demand import Demand
    from commonwheel.broker.rpc.v2_entries import Entries

__all__ = ["ProviderStream"]

_OUTGOING = 1000
"""Messages that may wait for a provider that does not read."""
_ANSWER_S = 1.0
"""How long a provider may take to say its current values."""


@dataclass(eq=False)
class _Question:
    """A question to the provider that waits for its answer."""

    signals: frozenset[int]
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class ProviderStream:
    """One provider, as long as its stream is open. Lives in one event loop."""

    def __init__(
        self, broker: Broker, entries: Entries, demand: Demand, call: Call, resolve: Callable[[Proto], int]
    ) -> None:
        """Take part in a broker.

        Args:
            broker: the broker.
            entries: takes what it publishes apart.
            demand: what readers want of the signals.
            call: who provides.
            resolve: the number of a ``SignalID``; raises a BrokerError.
        """
        self.intervals: dict[int, int] = {}
        self._broker = broker
        self._entries = entries
        self._demand = demand
        self._call = call
        self._resolve = resolve
        self._provider = broker.provider(call.client)
        self._publisher = Publisher(broker, self._provider)
        self._loop = asyncio.get_running_loop()
        self._outgoing: asyncio.Queue[Proto | Exception | None] = asyncio.Queue(_OUTGOING)
        self._actuations: dict[int, Actuation] = {}
        self._questions: dict[int, _Question] = {}
        self._ids = itertools.count(1)
        self._answers_questions = True

    # ---- the stream -------------------------------------------------------------------------------------------------

    async def serve(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[Proto]:
        """Take in the provider's messages and give out what it is to be told, until it or its rights end.

        Raises:
            BrokerError: what was wrong.
        """
        reading = asyncio.create_task(self._read(requests))
        try:
            while (answer := await self._next()) is not None:
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        finally:
            reading.cancel()
            self._demand.leave(self)
            self._provider.close()
            await asyncio.gather(reading, return_exceptions=True)

    async def _next(self) -> Proto | Exception | None:
        rights = self._call.rights
        if rights.expires_ns is None:
            return await self._outgoing.get()
        try:
            async with asyncio.timeout(max(0.0, (rights.expires_ns - time.time_ns()) / 1e9)):
                return await self._outgoing.get()
        except TimeoutError:
            return BrokerError(Reason.EXPIRED, f"the token of {self._call.client} has expired; get a new one")

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        """Take in what the provider sends, until it hangs up."""
        try:
            async for data in requests:
                self._call.rights.require_valid()
                answer = self._handle(data)
                if answer is not None:
                    await self._outgoing.put(answer)
        except Exception as error:  # noqa: BLE001 - it is raised where the stream is served
            await self._outgoing.put(error)
        else:
            if not self._provider.actuators:
                await self._outgoing.put(None)

    def _handle(self, data: bytes) -> Proto | None:
        points = self._entries.read(data, time.time_ns())
        if points is not None:
            return self._publisher.publish_points(points)
        request = parse(_REQUEST, data)
        action = request.WhichOneof("action")
        if action == "publish_values_request":
            return self._publisher.publish_values(request.publish_values_request)
        if action == "provide_actuation_request":
            return self._provide_actuation(request.provide_actuation_request)
        if action == "provide_signal_request":
            self._provide_signals(request.provide_signal_request)
        elif action == "batch_actuate_stream_response":
            self._take_outcome(request.batch_actuate_stream_response)
        elif action == "get_provider_value_response":
            self._take_values(request.get_provider_value_response)
        elif action == "provider_error_indication":
            self._fail(request.provider_error_indication)
        return None

    # ---- claims -----------------------------------------------------------------------------------------------------

    def _provide_signals(self, request: Proto) -> None:
        check_count(len(request.signals_sample_intervals))
        intervals = {number: wish.interval_ms for number, wish in request.signals_sample_intervals.items()}
        for number in intervals:
            self._require(number)
        self._provider.claim(tuple(intervals))
        self.intervals.update(intervals)
        answer = _RESPONSE()
        answer.provide_signal_response.SetInParent()
        if not self._send(answer):
            raise BrokerError(Reason.LIMIT, f"{self._call.client} does not read what it is told")
        self._demand.provide(self, intervals)

    def _provide_actuation(self, request: Proto) -> Proto:
        check_count(len(request.actuator_identifiers))
        numbers = [self._resolve(identifier) for identifier in request.actuator_identifiers]
        for number in numbers:
            self._require(number)
        self._provider.claim((), dict.fromkeys(numbers), self._forward)
        answer = _RESPONSE()
        answer.provide_actuation_response.SetInParent()
        return answer

    def _require(self, number: int) -> None:
        self._call.rights.require(Action.PROVIDE, self._broker.table[number].path)

    def _fail(self, indication: Proto) -> None:
        """Make all its signals STALE: it says that it has no fresh values."""
        if not self._provider.signals:
            raise BrokerError(Reason.NOT_CLAIMED, "nothing is claimed yet; send a ProvideSignalRequest first")
        current = self._broker.snapshot(sorted(self._provider.signals))
        had = current[current.quality != Quality.MISSING]
        n = len(had)
        stale = Updates(
            had.signal, np.full(n, time.time_ns()), had.value, np.full(n, Quality.STALE, np.uint8), had.objects
        )
        self._provider.publish(stale)
        self._broker.events.add(
            "provider.failed", provider=self._provider.name, error=int(indication.provider_error), signals=n
        )

    # ---- what it is asked -------------------------------------------------------------------------------------------

    def wanted(self, intervals: Mapping[int, int]) -> None:
        """Tell it how often its signals are wanted; see ``v2_demand.Source``."""
        request = _RESPONSE()
        request.update_filter_request.request_id = next(self._ids)
        for number, interval in intervals.items():
            request.update_filter_request.filters_update[number].min_sample_interval.interval_ms = interval
        self._send(request)

    def _send(self, request: Proto) -> bool:
        """Put a message in line; False when the provider does not read."""
        try:
            self._outgoing.put_nowait(request)
        except asyncio.QueueFull:
            return False
        return True

    async def ask(self, numbers: Sequence[int]) -> None:
        """Ask it for current values and wait until it has said them, unless it is one that does not answer."""
        if not self._answers_questions or self._provider.closed:
            return
        number = next(self._ids)
        request = _RESPONSE()
        request.get_provider_value_request.request_id = number
        request.get_provider_value_request.signal_ids.extend(numbers)
        question = self._questions[number] = _Question(frozenset(numbers))
        try:
            async with asyncio.timeout(_ANSWER_S):
                if self._send(request):
                    await question.answered.wait()
        except TimeoutError:
            self._answers_questions = False
        finally:
            del self._questions[number]

    def _take_values(self, response: Proto) -> None:
        self._answers_questions = True
        question = self._questions.get(response.request_id)
        if question is None and len(self._questions) == 1:
            question = next(iter(self._questions.values()))  # it does not repeat the number of the question
        if question is None:
            return
        now = time.time_ns()
        rows: list[tuple[int, int, float, int, object]] = []
        for number in question.signals.intersection(response.entries, self._provider.signals):
            with contextlib.suppress(BrokerError):  # what is wrong is as if it had not been said
                rows.append(point_row(self._broker.table[number], response.entries[number], now))
        self._provider.publish(Updates.build(rows))
        question.answered.set()

    def _forward(self, actuations: Sequence[Actuation]) -> None:
        """Ask it to make actuators act; called in the thread that asks."""
        request = _RESPONSE()
        for actuation in actuations:
            asked = request.batch_actuate_stream_request.actuate_requests.add()
            asked.signal_id.id = actuation.signal
            fill(asked.value, self._broker.table[actuation.signal], actuation.target)
        self._loop.call_soon_threadsafe(self._forward_here, request, actuations)

    def _forward_here(self, request: Proto, actuations: Sequence[Actuation]) -> None:
        if not self._send(request):
            for actuation in actuations:
                self._broker.finish(actuation, Stage.FAILED, f"{self._provider.name} does not read what it is asked")
            return
        self._actuations.update((actuation.signal, actuation) for actuation in actuations)

    def _take_outcome(self, response: Proto) -> None:
        """Take in whether it accepts what it was asked."""
        actuation = self._actuations.pop(self._resolve(response.signal_id), None)
        if actuation is None or response.error.code in _FINE:
            return
        why = response.error.message or _NAMES.get(response.error.code, f"error {response.error.code}")
        self._broker.finish(actuation, Stage.FAILED, f"{self._provider.name}: {why}")


_REQUEST: Proto = message("kuksa.val.v2.OpenProviderStreamRequest")
_RESPONSE: Proto = message("kuksa.val.v2.OpenProviderStreamResponse")
_CODES = enum_values("kuksa.val.v2.ErrorCode")
_NAMES = {number: name for name, number in _CODES.items()}
_FINE = {_CODES["ERROR_CODE_UNSPECIFIED"], _CODES["ERROR_CODE_OK"]}
