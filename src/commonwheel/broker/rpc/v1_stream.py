"""A subscription of kuksa.val.v1: everything once, then what changes, of values and targets together."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from commonwheel.broker.rpc.interface import message
from commonwheel.broker.rpc.v1_fields import Field
from commonwheel.broker.stream import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from commonwheel.broker.broker import Broker
    from commonwheel.broker.rights import Rights
    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.rpc.v1_entries import Entries, Row
    from commonwheel.broker.rpc.v1_fields import Wanted
    from commonwheel.broker.updates import Updates

__all__ = ["answers"]


async def answers(
    broker: Broker, entries: Entries, rights: Rights, wanted: Mapping[int, Wanted]
) -> AsyncGenerator[bytes]:
    """Yield SubscribeResponses, for ever.

    Args:
        broker: whose signals.
        entries: makes its messages.
        rights: the client's; they cover the signals.
        wanted: what is asked for, by signal number.

    Raises:
        BrokerError: the rights ended, or the broker did.
    """
    numbers = {
        Field.VALUE: [number for number, what in wanted.items() if what.value],
        Field.ACTUATOR_TARGET: [number for number, what in wanted.items() if what.target],
    }
    with contextlib.ExitStack() as stack:
        streams = {
            field: stack.enter_context(Stream(broker, chosen, rights, targets=field is Field.ACTUATOR_TARGET))
            for field, chosen in numbers.items()
            if chosen or field is Field.VALUE  # one of nothing still ends when the rights do
        }
        begun = {field: stream.subscription.take().batches for field, stream in streams.items()}
        yield _first(entries, wanted, {field: batches[:1] for field, batches in begun.items()})
        for field, batches in begun.items():
            for batch in batches[1:]:
                yield entries.updates(batch, field)
        async with contextlib.aclosing(_merged(streams)) as merged:
            async for field, batch in merged:
                yield entries.updates(batch, field)


def _first(entries: Entries, wanted: Mapping[int, Wanted], begun: Mapping[Field, Sequence[Updates]]) -> bytes:
    """Return the answer that has every entry, with all that is asked for of it."""
    rows: dict[Field, dict[int, Row]] = {
        field: {row.number: row for batch in batches for row in entries.rows(batch)} for field, batches in begun.items()
    }
    values, targets = rows.get(Field.VALUE, {}), rows.get(Field.ACTUATOR_TARGET, {})
    made: Proto = message("kuksa.val.v1.SubscribeResponse")()
    for number, what in wanted.items():
        fields = ((Field.VALUE, what.value), (Field.ACTUATOR_TARGET, what.target))
        chosen = [field for field, asked in fields if asked] + sorted(what.parts)
        update = made.updates.add(fields=chosen)
        entries.fill(update.entry, number, what.parts, values.get(number), targets.get(number))
    return made.SerializeToString()


async def _merged(streams: Mapping[Field, Stream]) -> AsyncGenerator[tuple[Field, Updates]]:
    """Yield the batches of several streams as they come, each stream's in its order."""
    waiting = {asyncio.ensure_future(stream.take()): field for field, stream in streams.items()}
    try:
        while True:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                field = waiting.pop(task)
                taken = task.result()
                waiting[asyncio.ensure_future(streams[field].take())] = field
                for batch in taken.batches:
                    yield field, batch
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
