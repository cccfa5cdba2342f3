"""kuksa.val.v1, as KUKSA's databroker serves it: five calls on entries, which have a value, a target and metadata.

==================  ===================================================================================================
call                what it does
==================  ===================================================================================================
``Get``             entries by path, branch or pattern; errors are told inside the answer, each with its path
``Set``             values and targets; what is wrong with one entry is told inside the answer, the others are set
``StreamedUpdate``  the same, request by request, each of which is answered
``Subscribe``       every entry once, then those that are updated
``GetServerInfo``   who serves
==================  ===================================================================================================

A request that makes no sense as a whole ends with a gRPC status: INVALID_ARGUMENT, and for a subscription also
NOT_FOUND and PERMISSION_DENIED.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import repeat
from typing import TYPE_CHECKING, Final

import commonwheel
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.interface import message
from commonwheel.broker.rpc.v1_changes import Changes
from commonwheel.broker.rpc.v1_entries import Entries
from commonwheel.broker.rpc.v1_errors import MOST_EXPLAINED, PATH_LENGTH, entry_error, unknown_path
from commonwheel.broker.rpc.v1_fields import wanted_by_get, wanted_by_subscribe
from commonwheel.broker.rpc.v1_stream import answers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from commonwheel.broker.access import Access
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.rpc.calls import Call
    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.rpc.v1_fields import Wanted

__all__ = ["Val"]

_BREATH: Final = 500
"""How many entries of a long request are handled before others have their turn."""

_MOST_ENTRIES: Final = 10_000
"""Entries that one request may ask for, and of one answer (patterns that overlap make many of few); more where the
catalog has more."""


class Val:
    """Serves ``kuksa.val.v1.VAL`` from a broker."""

    def __init__(self, broker: Broker, access: Access) -> None:
        del access  # who comes in has been asked already
        self._broker = broker
        self._entries = Entries(broker.table)
        self._most = max(_MOST_ENTRIES, len(broker.table))

    async def get(self, request: Proto, call: Call) -> Proto:
        """Return entries by path, branch or pattern.

        Raises:
            BrokerError: INVALID, nothing is asked for or an unknown view; LIMIT, too much is.
        """
        if not request.entries:
            raise BrokerError(Reason.INVALID, "no entries are asked for; name at least one path")
        answer = message("kuksa.val.v1.GetResponse")()
        denied = False
        async for asked in self._each(request):
            wanted = wanted_by_get(asked.view, asked.fields)
            try:
                numbers = self._find(asked.path, explain=len(answer.errors) < MOST_EXPLAINED)
                self._require_read(numbers, wanted, call)
            except BrokerError as error:
                denied = denied or error.reason is Reason.FORBIDDEN
                answer.errors.append(entry_error(asked.path, error, self._broker.table))
                continue
            self._require_few(len(answer.entries) + len(numbers))
            self._add(answer, numbers, wanted)
        if denied:  # one that is not allowed to read all gets nothing, so that nobody takes a part for the whole
            del answer.entries[:]
        if answer.errors:
            answer.error.CopyFrom(answer.errors[0].error)
        return answer

    async def _each(self, request: Proto) -> AsyncGenerator[Proto]:
        """Yield what a request asks for, entry by entry; others have their turn before each that is more than a path.

        Raises:
            BrokerError: LIMIT; they are too many.
        """
        self._require_few(len(request.entries))
        for i, asked in enumerate(request.entries):
            if i % _BREATH == _BREATH - 1 or asked.path not in self._broker.table.numbers:
                await asyncio.sleep(0)
            yield asked

    def _require_few(self, count: int) -> None:
        if count > self._most:
            raise BrokerError(Reason.LIMIT, f"more than {self._most} entries are asked for; ask for fewer at once")

    def _add(self, answer: Proto, numbers: Sequence[int], wanted: Wanted) -> None:
        broker, entries = self._broker, self._entries
        values = entries.rows(broker.snapshot(numbers)) if wanted.value else repeat(None, len(numbers))
        targets = entries.rows(broker.snapshot(numbers, targets=True)) if wanted.target else repeat(None, len(numbers))
        for number, value, target in zip(numbers, values, targets, strict=True):
            entries.fill(answer.entries.add(), number, wanted.parts, value, target)

    def _find(self, path: str, *, explain: bool) -> Sequence[int]:
        """Return the signals of a path, a branch or a pattern.

        Raises:
            BrokerError: INVALID, it is too long; BAD_PATTERN; UNKNOWN_SIGNAL.
        """
        table = self._broker.table
        number = table.numbers.get(path)
        if number is not None:
            return (number,)
        size = len(path.encode())
        if size > PATH_LENGTH:
            raise BrokerError(Reason.INVALID, f"a path of {size} bytes is too long; {PATH_LENGTH} are the most")
        if not explain and "*" not in path and path not in table.catalog.branches:
            raise unknown_path(path, table, explain=False)
        return table.match(path)

    def _require_read(self, numbers: Sequence[int], wanted: Wanted, call: Call) -> None:
        """Raise a BrokerError (FORBIDDEN) unless a client may read all that it asks for."""
        if not wanted.reads:
            return
        for number in numbers:
            call.rights.require(Action.READ, self._broker.table[number].path)

    async def set(self, request: Proto, call: Call) -> Proto:
        """Set values and targets.

        Raises:
            BrokerError: INVALID, an update without an entry or with an impossible time; NOT_ACTUATOR.
        """
        changes = Changes(self._broker, call.rights)
        for i, update in enumerate(request.updates):
            changes.read(update)
            if i % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        await _apply(changes)
        return message("kuksa.val.v1.SetResponse")(errors=changes.errors)

    async def streamed_update(self, requests: AsyncIterator[Proto], call: Call) -> AsyncGenerator[Proto]:
        """Set values and targets, request by request; each is answered, with its errors or with none."""
        async for request in requests:
            changes = Changes(self._broker, call.rights)
            for i, update in enumerate(request.updates):
                try:
                    changes.read(update)
                except BrokerError as error:
                    changes.note(update.entry.path, error)
                if i % _BREATH == _BREATH - 1:
                    await asyncio.sleep(0)
            await _apply(changes)
            answer = message("kuksa.val.v1.StreamedUpdateResponse")(errors=changes.errors)
            if changes.errors:
                answer.error.CopyFrom(changes.errors[0].error)
            yield answer

    async def subscribe(self, request: Proto, call: Call) -> AsyncGenerator[bytes]:
        """Yield every entry asked for, and then those whose value or target is updated.

        Raises:
            BrokerError: INVALID, BAD_PATTERN, UNKNOWN_SIGNAL, FORBIDDEN; EXPIRED when the token's time is over.
        """
        if not request.entries:
            raise BrokerError(Reason.INVALID, "a subscription needs at least one entry")
        chosen: dict[int, Wanted] = {}
        async for asked in self._each(request):
            wanted = wanted_by_subscribe(asked.view, asked.fields)
            numbers = self._find(asked.path, explain=True)
            self._require_read(numbers, wanted, call)
            for number in numbers:
                chosen[number] = chosen[number] | wanted if number in chosen else wanted
        with call.account.subscription():
            stream = answers(self._broker, self._entries, call.rights, chosen)
            async with contextlib.aclosing(stream) as closing:
                async for answer in closing:
                    yield answer

    async def get_server_info(self, _request: Proto, _call: Call) -> Proto:
        """Return who serves."""
        return message("kuksa.val.v1.GetServerInfoResponse")(name="commonwheel", version=commonwheel.__version__)


async def _apply(changes: Changes) -> None:
    for _ in changes.apply():
        await asyncio.sleep(0)
