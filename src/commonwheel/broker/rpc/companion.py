"""``commonwheel.v1.Car``: what the broker knows and KUKSA's interfaces have no place for.

Quality beside every value, batches in columns, filters and queues of the reader's choice, drops counted, history,
the whole life of an actuation, the event log, and providers that publish in columns. Rights and meaning are those of
``broker.session``; here are only the messages.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from typing import TYPE_CHECKING, Final

from commonwheel.broker.actuation import Terms
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.companion_columns import decode_value, encode_columns, encode_value, encoded_field
from commonwheel.broker.rpc.companion_messages import (
    STAGE_NUMBERS,
    decode_filter,
    decode_queue,
    encode_signal,
    fingerprint,
)
from commonwheel.broker.rpc.companion_provide import Station
from commonwheel.broker.rpc.companion_wait import poster, within
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.session import Session
from commonwheel.broker.stream import Stream
from commonwheel.broker.updates import Updates

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

    from commonwheel.broker.access import Access
    from commonwheel.broker.actuation import Actuation, Step
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.events import Event
    from commonwheel.broker.rpc.calls import Call

__all__ = ["Companion"]

_MOST_ROWS: Final = 40_000
"""Updates in one message: about a megabyte, where clients take four."""
_SIGNALS: Final = bytes([4 << 3 | 2])
"""Protobuf's tag of ``DescribeResponse.signals``: field 4, with a length."""
_MORE: Final = 0x80
_MOST_EVENTS: Final = 10_000
"""Events that wait for a reader."""

_Subscribed: Final[Proto] = message("commonwheel.v1.SubscribeResponse")
_Stepped: Final[Proto] = message("commonwheel.v1.ActuateResponse")
_Watched: Final[Proto] = message("commonwheel.v1.WatchResponse")


class Companion:
    """Serves ``commonwheel.v1.Car``."""

    def __init__(self, broker: Broker, access: Access) -> None:
        """Serve a broker; *access* has been asked before a call gets here."""
        del access
        self._broker = broker

    def _session(self, call: Call) -> Session:
        return Session(self._broker, call.rights)

    async def describe(self, request: Proto, call: Call) -> Proto:
        """Return the signals that patterns select, and what this car does about them.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, BAD_PATTERN, INVALID, EXPIRED.
        """
        facts = self._session(call).describe(list(request.patterns))
        table = self._broker.table
        head = message("commonwheel.v1.DescribeResponse")(
            car=self._broker.name, catalog=table.catalog.source, table=fingerprint(table)
        )
        parts = [head.SerializeToString()]
        for signal in facts:
            data = encode_signal(signal)
            parts += (_SIGNALS, _varint(len(data)), data)
        return b"".join(parts)

    async def read(self, request: Proto, call: Call) -> Proto:
        """Return the current state of signals, a row for each path.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED.
        """
        if not request.paths:
            raise BrokerError(Reason.INVALID, "the request names no signal")
        current = self._session(call).read(request.paths, targets=request.targets)
        return self._columns("ReadResponse", current)

    async def read_history(self, request: Proto, call: Call) -> Proto:
        """Return the kept past of a signal.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED.
        """
        end_ns = request.end_ns or 2**63 - 1
        past = self._session(call).history(request.path, request.start_ns, end_ns, request.most or None)
        return self._columns("ReadHistoryResponse", past)

    def _columns(self, name: str, updates: Updates) -> Proto:
        kind = message(f"commonwheel.v1.{name}")
        return kind(columns=encode_columns(updates), table=fingerprint(self._broker.table))

    async def subscribe(self, request: Proto, call: Call) -> AsyncGenerator[Proto]:
        """Give out updates as they come.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, BAD_PATTERN, FORBIDDEN, LIMIT; EXPIRED when the rights end.
        """
        rule, queue = decode_filter(request.filter), decode_queue(request.queue)
        numbers = self._session(call).wanted(list(request.patterns), rule, queue)
        initial, targets = not request.skip_initial, request.targets
        with (
            call.account.subscription(),
            Stream(
                self._broker, numbers, call.rights, rule=rule, queue=queue, initial=initial, targets=targets
            ) as stream,
        ):
            yield _Subscribed(opening={"table": fingerprint(self._broker.table), "signals": numbers})
            sequence = 0
            async for taken in stream:
                sequence += taken.dropped
                dropped = taken.dropped
                for batch in _joined(taken.batches):
                    rest = _Subscribed(sequence=sequence, dropped=dropped).SerializeToString()
                    yield encoded_field(batch) + rest
                    sequence += len(batch)
                    dropped = 0

    async def actuate(self, request: Proto, call: Call) -> AsyncGenerator[Proto]:
        """Ask actuators to reach values, and tell each step until all have ended.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED, and those of ``Broker.actuate``.
        """
        targets = {target.path: decode_value(target.value) for target in request.targets}
        asked = request.terms
        terms = Terms(asked.valid_ns, asked.priority, asked.unit, asked.reason)
        if len(targets) < len(request.targets):
            raise BrokerError(Reason.INVALID, "an actuator is named twice")
        places = {self._broker.table.number(path): place for place, path in enumerate(targets)}
        steps: asyncio.Queue[tuple[int, Step]] = asyncio.Queue()
        post = poster(steps.put_nowait)

        def on_step(actuation: Actuation, step: Step) -> None:
            post((places[actuation.signal], step))

        left = len(self._session(call).actuate(targets, on_step, terms))
        while left:
            told = [await within(call.rights, steps.get())]
            while not steps.empty():
                told.append(steps.get_nowait())
            left -= sum(step.stage.is_final for _place, step in told)
            yield _Stepped(steps=[_step(place, step) for place, step in told])

    async def withdraw(self, request: Proto, call: Call) -> Proto:
        """Take back what it asked of actuators that several may ask.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, LIMIT, EXPIRED.
        """
        self._session(call).withdraw(list(request.paths))
        return message("commonwheel.v1.WithdrawResponse")()

    async def publish(self, request: Proto, call: Call) -> Proto:
        """Give values to signals that nobody owns; tells which were refused.

        Raises:
            BrokerError: INVALID, EXPIRED.
        """
        values = {target.path: decode_value(target.value) for target in request.values}
        if len(values) < len(request.values):
            raise BrokerError(Reason.INVALID, "a signal is named twice")
        if request.t_ns < 0:
            raise BrokerError(Reason.INVALID, "a time is negative; times are nanoseconds since 1970, UTC")
        faults = self._session(call).publish(values, request.t_ns or None)
        return message("commonwheel.v1.PublishResponse")(
            faults=[
                {"path": path, "reason": error.reason.name, "message": str(error)} for path, error in faults.items()
            ]
        )

    async def provide(self, requests: AsyncIterator[Proto], call: Call) -> AsyncGenerator[Proto]:
        """Let a client own signals and actuators for as long as the call goes on.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, BAD_PATTERN, FORBIDDEN, ALREADY_CLAIMED, NOT_ACTUATOR; EXPIRED.
        """
        station = Station(self._session(call))
        reading = asyncio.create_task(station.read(requests))
        try:
            while (answer := await within(call.rights, station.outbox.get())) is not None:
                yield answer
            await reading
        finally:
            station.close()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def watch(self, request: Proto, call: Call) -> AsyncGenerator[Proto]:
        """Tell what happens at the broker.

        Raises:
            BrokerError: EXPIRED.
        """
        session = self._session(call)
        session.rights.require_valid()
        waiting: deque[Event] = deque(maxlen=_MOST_EVENTS)
        ready = asyncio.Event()
        count = itertools.count(1)
        arrived = 0

        def take_in(event: Event) -> None:
            nonlocal arrived
            arrived = next(count)
            waiting.append(event)
            ready.set()

        post = poster(take_in)
        stop = self._broker.events.listen(lambda event: post(event) if session.sees(event) else None)
        try:
            last = [event for event in self._broker.events.last() if session.sees(event)]
            told = 0
            yield _Watched(events=[_event(event) for event in last[-request.last :]] if request.last else ())
            while True:
                await within(call.rights, ready.wait())
                ready.clear()
                events = [*waiting]
                waiting.clear()
                dropped = arrived - told - len(events)
                told = arrived
                yield _Watched(events=[_event(event) for event in events], dropped=dropped)
        finally:
            stop()


def _varint(number: int) -> bytes:
    """Return a length as protobuf writes it."""
    out = bytearray()
    while number >= _MORE:
        out.append(number & (_MORE - 1) | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def _joined(batches: Sequence[Updates]) -> Iterator[Updates]:
    """Yield batches of no more rows than a message has: those of a reader that is behind as few as possible."""
    group: list[Updates] = []
    rows = 0
    for batch in batches:
        if group and rows + len(batch) > _MOST_ROWS:
            yield Updates.concat(group)
            group, rows = [], 0
        if len(batch) > _MOST_ROWS:
            yield from (batch[start : start + _MOST_ROWS] for start in range(0, len(batch), _MOST_ROWS))
            continue
        group.append(batch)
        rows += len(batch)
    if group:
        yield Updates.concat(group)


def _step(place: int, step: Step) -> dict[str, object]:
    return {"target": place, "stage": STAGE_NUMBERS[step.stage], "t_ns": step.t_ns, "why": step.why}


def _event(event: Event) -> Proto:
    made = message("commonwheel.v1.Event")(t_ns=event.t_ns, kind=event.kind)
    for name, value in event.facts.items():
        try:
            encode_value(made.facts[name], value)
        except BrokerError:  # of a type that the interface has none for
            made.facts[name].text = str(value)
    return made
