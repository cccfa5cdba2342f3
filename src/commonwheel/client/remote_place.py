"""A provider's place at a server: claimed again at each new connection. What is published in between goes nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwheel.broker.checks import checker
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.companion_columns import decode_value, encode_columns
from commonwheel.broker.rpc.companion_messages import STAGE_NUMBERS
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.client.remote_streams import EOF, Caller, Follower
from commonwheel.client.requests import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from commonwheel.broker.actuation import Stage
    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.updates import Updates
    from commonwheel.client.plans import Claim
    from commonwheel.errors import CommonwheelError

__all__ = ["RemotePlace"]

log = logging.getLogger(__name__)

_CROWDED: Final = 256
"""Messages that may wait to be sent before a publisher has to wait."""
_MOST: Final = 4 * _CROWDED
_CLOSE_S: Final = 5.0

_Provide: Final[Proto] = message("commonwheel.v1.ProvideRequest")


class RemotePlace(Follower):
    """See ``Place``."""

    def __init__(self, link: Caller, claim: Claim, on_request: Callable[[Request], None]) -> None:
        super().__init__(link)
        self._claim = claim
        self._on_request = on_request
        self._outbox: deque[Proto] = deque()
        self._ready = asyncio.Event()
        self._sent = asyncio.Event()
        self._connections = 0
        self._is_there = False
        self._closing = False
        self._error: CommonwheelError | None = None
        self.fingerprint = 0
        self.table: SignalTable
        self.owned: Sequence[int] = ()
        self._owned: npt.NDArray[np.int32] = np.empty(0, np.int32)

    @property
    def crowded(self) -> bool:
        """See ``Place``."""
        return len(self._outbox) > _CROWDED

    def push(self, updates: Updates) -> bool:
        """Hand on a batch; see ``Place``.

        Raises:
            CommonwheelError: the batch is wrong, or the place was lost for good.
        """
        if self._error is not None:
            raise self._error
        if self._closing:
            raise BrokerError(Reason.CLOSED, f"the provider {self._claim.name} was closed")
        self._check_owned(updates)
        checked = checker(self.table).check(updates)
        if not self._is_there or len(self._outbox) >= _MOST:
            return False
        self._send(_Provide(columns=encode_columns(checked)))
        return True

    def _check_owned(self, updates: Updates) -> None:
        """Refuse what the server would refuse, while whoever publishes it can be told."""
        strange = ~np.isin(updates.signal, self._owned)
        if strange.any():
            number = int(updates.signal[strange][0])
            path = self.table[number].path  # raises where there is none
            message_ = f"{self._claim.name or 'the provider'} publishes {path} without a claim to it"
            raise BrokerError(Reason.NOT_CLAIMED, message_, signal=number)

    def _send(self, request: Proto) -> None:
        idle = not self._outbox
        self._outbox.append(request)
        if idle:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._ready.set)

    async def sent(self) -> None:
        """See ``Place``."""
        while self._outbox and self._is_there:
            self._sent.clear()
            await self._sent.wait()

    async def follow(self) -> None:
        """Claim, then send what is published and take in what is asked."""
        call = self.link.stream("Provide")
        self._connections += 1
        writer: asyncio.Task[None] | None = None
        try:
            await call.write(_Provide(claim=self._claim_message()))
            first = await call.read()
            if first is EOF:
                return
            await self._settle(first.opening)
            writer = asyncio.create_task(self._write(call))
            while (answer := await call.read()) is not EOF:
                self._take_in(answer)
        finally:
            self._is_there = False
            call.cancel()
            self._outbox.clear()
            self._sent.set()
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)

    async def _settle(self, opening: Proto) -> None:
        """Take up the place.

        Raises:
            BrokerError: CLOSED; the car has other signals than when the place was taken first.
        """
        if self._opened.done() and opening.table != self.fingerprint:
            message_ = f"{self.link.where} has other signals than before; provide anew"
            raise BrokerError(Reason.INVALID, message_)
        self.fingerprint, self.table = opening.table, await self.link.known(opening.table)
        self.owned = tuple(opening.signals)
        self._owned = np.array(opening.signals, np.int32)
        self._is_there = True
        self.opened()

    def _claim_message(self) -> Proto:
        claim = message("commonwheel.v1.Claim")(name=self._claim.name, signals=self._claim.signals)
        for path, confirm in self._claim.actuators.items():
            within_ns = round(confirm.within_s * 1e9)
            claim.actuators.add(path=path, confirm=confirm.signal, within_ns=within_ns, tolerance=confirm.tolerance)
        return claim

    async def _write(self, call: Proto) -> None:
        """Send what is in the outbox, for as long as the connection lasts."""
        while True:
            while self._outbox:
                await call.write(self._outbox[0])
                self._outbox.popleft()
            self._sent.set()
            if self._closing:
                await call.done_writing()
                return
            self._ready.clear()
            if not self._outbox:
                await self._ready.wait()

    def _take_in(self, answer: Proto) -> None:
        for fault in answer.faults:
            log.warning("%s refused what %s published: %s", self.link.where, self._claim.name, fault.message)
        for asked in answer.actuations:
            self._on_request(self._request(asked))

    def _request(self, asked: Proto) -> Request:
        connection = self._connections

        def finish(stage: Stage, why: str) -> None:
            if connection == self._connections and self._is_there:
                outcome = {"actuation": asked.number, "stage": STAGE_NUMBERS[stage], "why": why}
                self._send(_Provide(outcome=outcome))

        value = decode_value(asked.value)
        if value is None:
            message_ = f"{self.link.where} asks for {asked.path} without a value"
            raise BrokerError(Reason.INVALID, message_)
        return Request(asked.path, value, asked.requester, asked.number, finish)

    def _goes_on(self, error: CommonwheelError) -> bool:
        if self._closing:
            return False
        if isinstance(error, BrokerError) and error.reason is Reason.ALREADY_CLAIMED:
            return True  # by ourselves, most likely: the server has not yet noticed that the old connection is gone
        return super()._goes_on(error)

    def end(self, error: CommonwheelError | None) -> None:
        """See ``Follower``."""
        self._error = None if self._closing else error
        self._is_there = False
        self._sent.set()

    async def close(self) -> None:
        """Send what waits, give everything up, and wait until the server has noted it."""
        self._closing = True
        self._ready.set()
        if self._task is not None and self._is_there:
            await asyncio.wait([self._task], timeout=_CLOSE_S)
        await super().close()
