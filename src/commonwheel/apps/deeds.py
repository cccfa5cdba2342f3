"""What an app does to its car: values that it gives, and requests; in order, within its rates and its rights."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from commonwheel.apps.limits import Allowance
from commonwheel.apps.messages import Answer, garbled, pack
from commonwheel.broker.actuation import Stage, Step
from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.apps.attachment import Attachment
    from commonwheel.apps.messages import Asked, Published, Withdrawn
    from commonwheel.apps.vetting import Vetting

__all__ = ["Deeds"]

_MOST_REQUESTS = 16
"""Requests under way at once."""
_MOST_WAITING = 100
"""Batches of values that wait to be given to a car that is slow to take them."""


class Deeds:
    """One life's."""

    def __init__(self, attachment: Attachment, vetting: Vetting, write: Callable[[bytes], None]) -> None:
        """Begin.

        Args:
            attachment: the app's hold on the car.
            vetting: takes in what is to be told about the app.
            write: sends a message to the app's process.
        """
        self._attachment, self._vetting, self._write = attachment, vetting, write
        self._values: asyncio.Queue[Published] = asyncio.Queue(_MOST_WAITING)
        self._requests: set[asyncio.Task[None]] = set()
        self._values_rate = Allowance(vetting.rates.publishes * vetting.slack)
        self._requests_rate = Allowance(vetting.rates.requests * vetting.slack)

    def publish(self, message: Published) -> None:
        """Give values to signals, soon.

        Raises:
            Garbled: one of a signal that the app does not declare.
        """
        strange = message.values.keys() - self._attachment.offered.declared.provides
        if strange:
            text = f"a value of '{min(strange)[:80]}', which its manifest does not provide"
            garbled(text)
        if not self._values_rate.take(len(message.values)) or self._values.full():
            return
        self._values.put_nowait(message)

    def ask(self, message: Asked) -> None:
        """Ask an actuator, and tell the app how it ended.

        Raises:
            Garbled: one that the app does not declare.
        """
        self._see_stated(message.path)
        if message.terms.priority > self._attachment.most_priority(message.path):
            text = f"a request of '{message.path[:80]}' with a priority that its manifest does not state"
            garbled(text)
        if len(self._requests) >= _MOST_REQUESTS or not self._requests_rate.take():
            self._refuse(message, f"{_MOST_REQUESTS} requests at once are the most for an app")
            return
        task = asyncio.create_task(self._request(message))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    def withdraw(self, message: Withdrawn) -> None:
        """Ask for nothing of an actuator any more.

        Raises:
            Garbled: one that the app does not declare.
        """
        self._see_stated(message.path)
        task = asyncio.create_task(self._withdraw(message.path))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    def _see_stated(self, path: str) -> None:
        if path not in self._attachment.offered.declared.requests:
            text = f"a request of '{path[:80]}', which its manifest does not state"
            garbled(text)

    async def _request(self, message: Asked) -> None:
        try:
            outcome = await self._attachment.request(message.path, message.value, message.terms)
        except CommonwheelError as error:
            self._refuse(message, str(error))
        else:
            self._answer(message, outcome.steps)

    async def _withdraw(self, path: str) -> None:
        try:
            await self._attachment.withdraw(path)
        except CommonwheelError as error:
            self._vetting.note("warning", f"what it withdraws was refused: {error}")

    def _refuse(self, message: Asked, why: str) -> None:
        self._answer(message, (Step(Stage.REFUSED, time.time_ns(), why),))

    def _answer(self, message: Asked, steps: Sequence[Step]) -> None:
        told = [(step.stage.value, step.t_ns, step.why) for step in steps]
        self._write(pack(Answer(message.number, message.path, message.value, told)))

    async def work(self) -> None:
        """Give values as they come, until it is cancelled."""
        while True:
            message = await self._values.get()
            try:
                await self._attachment.publish(message.values, message.t_ns)
            except CommonwheelError as error:
                self._vetting.note("warning", f"what it publishes was refused: {error}")

    async def close(self) -> None:
        """Wait for no request any more; what was asked is taken back by the attachment that ends."""
        for task in self._requests:
            task.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
