"""A provider's call at ``commonwheel.v1.Car``: what it sends is taken in, what it is asked is put in its outbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from commonwheel.broker.actuation import Stage
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.providers import Proof
from commonwheel.broker.rpc.companion_columns import decode_columns, encode_value
from commonwheel.broker.rpc.companion_messages import STAGES, fingerprint
from commonwheel.broker.rpc.companion_wait import poster
from commonwheel.broker.rpc.interface import Proto, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from commonwheel.broker.actuation import Actuation
    from commonwheel.broker.provision import Provision
    from commonwheel.broker.session import Session

__all__ = ["Station"]

_OUTBOX: Final = 1000
"""Messages that wait for a provider that does not read."""

_Provided: Final[Proto] = message("commonwheel.v1.ProvideResponse")
_MOST_SECONDS: Final = 86_400


class Station:
    """One provider's side of the broker, in a running event loop."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._provision: Provision | None = None
        self.outbox: asyncio.Queue[Proto | None] = asyncio.Queue(_OUTBOX)
        """What to tell the provider; None: nothing follows."""
        self._post = poster(self._hand_on)

    async def read(self, requests: AsyncIterator[Proto]) -> None:
        """Take in what the provider sends, until it ends.

        Raises:
            BrokerError: a claim was refused, or a message makes no sense.
        """
        try:
            async for request in requests:
                kind = request.WhichOneof("kind")
                if kind == "columns":
                    await self._publish(request.columns)
                elif kind == "claim":
                    await self.outbox.put(self._claim(request.claim))
                elif kind == "outcome":
                    self._finish(request.outcome)
                else:
                    raise BrokerError(Reason.INVALID, "a message of a provider is a claim, columns or an outcome")
        finally:
            while self.outbox.full():  # its last words matter more than what it has not read
                self.outbox.get_nowait()
            self.outbox.put_nowait(None)

    def _claim(self, claim: Proto) -> Proto:
        if self._provision is None:
            self._provision = self._session.provide(claim.name, self._post)
        table = self._session.table
        proofs = {actuator.path: self._proof(actuator) for actuator in claim.actuators}
        owned = self._provision.claim(list(claim.signals), proofs)
        return _Provided(opening={"table": fingerprint(table), "signals": owned})

    def _proof(self, actuator: Proto) -> Proof:
        if not (0 <= actuator.within_ns <= _MOST_SECONDS * 10**9 and actuator.tolerance >= 0):
            message = f"{actuator.path} is to be confirmed within 0 to {_MOST_SECONDS} s, by a tolerance of 0 or more"
            raise BrokerError(Reason.INVALID, message)
        number = self._session.table.number(actuator.confirm or actuator.path)
        return Proof(number, actuator.within_ns or Proof(number).within_ns, actuator.tolerance)

    async def _publish(self, columns: Proto) -> None:
        """Take in columns; when they are wrong say so, and go on."""
        try:
            self._claimed().publish(decode_columns(columns))
        except BrokerError as error:
            if error.reason in {Reason.EXPIRED, Reason.CLOSED}:
                raise
            path = "" if error.signal is None else self._session.table[error.signal].path
            fault = {"path": path, "reason": error.reason.name, "message": str(error)}
            await self.outbox.put(_Provided(faults=[fault]))

    def _claimed(self) -> Provision:
        if self._provision is None:
            raise BrokerError(Reason.NOT_CLAIMED, "nothing is claimed yet; a provider begins with a claim")
        return self._provision

    def _finish(self, outcome: Proto) -> None:
        stage = STAGES.get(outcome.stage)
        if stage is None:
            raise BrokerError(Reason.INVALID, f"there is no stage {outcome.stage}; they are 1 to {len(STAGES)}")
        self._claimed().finish(outcome.actuation, stage, outcome.why)

    def _hand_on(self, actuations: Sequence[Actuation]) -> None:
        asked = _Provided()
        for actuation in actuations:
            made = asked.actuations.add(
                number=actuation.number,
                path=self._session.table[actuation.signal].path,
                requester=actuation.requester,
            )
            encode_value(made.value, actuation.target)
        try:
            self.outbox.put_nowait(asked)
        except asyncio.QueueFull:
            for actuation in actuations:
                self._session.broker.finish(actuation, Stage.FAILED, "its provider does not read what it is asked")

    def close(self) -> None:
        """Give everything up."""
        if self._provision is not None:
            self._provision.close()
