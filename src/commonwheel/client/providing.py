"""A provider's hand on its signals, for threads and for event loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.broker.updates import Updates
from commonwheel.client.calls import rows
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    import numpy as np
    import numpy.typing as npt

    from commonwheel.broker.signals import SignalTable
    from commonwheel.client.link import Place
    from commonwheel.client.listeners import AsyncListener, Listener
    from commonwheel.client.loop import Runner
    from commonwheel.client.requests import Request

__all__ = ["AsyncProviding", "Providing"]


class _Hand:
    """What both have in common."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.closed = False
        self.lost = 0
        """Updates that went nowhere, for the car was away or did not keep up."""

    @property
    def table(self) -> SignalTable:
        """What the numbers of signals mean."""
        return self._place.table

    @property
    def paths(self) -> list[str]:
        """The signals whose values it gives."""
        return [self._place.table[number].path for number in self._place.owned]

    def numbers(self, *paths: str) -> list[int]:
        """Return the numbers of signals, for ``publish_columns``.

        Raises:
            BrokerError: UNKNOWN_SIGNAL.
        """
        return [self._place.table.number(path) for path in paths]

    def _push(self, updates: Updates) -> bool:
        taken = self._place.push(updates)
        if not taken:
            self.lost += len(updates)
        return taken


class Providing(_Hand):
    """A provider's signals, until it is closed; made by ``Car.provide``. Any thread may publish."""

    def __init__(self, place: Place, runner: Runner, listener: Listener[Request] | None) -> None:
        super().__init__(place)
        self._runner = runner
        self._listener = listener

    def publish(
        self, values: Mapping[str, object], *, t_ns: int | None = None, quality: Quality = Quality.GOOD
    ) -> bool:
        """Give values by path, all with one time and quality; None: the signal has none.

        Returns:
            False when the car is away (it is being connected to again); the values went nowhere then.

        Raises:
            BrokerError: one is wrong, or not owned; nothing was published then.
        """
        return self._give(rows(self._place.table, values, t_ns, quality))

    def publish_columns(
        self,
        signal: npt.NDArray[np.int32],
        t_ns: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint8],
    ) -> bool:
        """Give a batch in columns of one length, which are not to be written to any more; see ``publish``.

        Raises:
            BrokerError: one is wrong, or not owned; nothing was published then.
        """
        return self._give(Updates(signal, t_ns, value, quality))

    def _give(self, updates: Updates) -> bool:
        if self._place.crowded:
            self._runner.run(self._place.sent())
        return self._push(updates)

    def close(self) -> None:
        """Give everything up: the signals become STALE, and whoever comes next may provide them."""
        if self.closed:
            return
        self.closed = True
        if self._listener is not None:
            self._listener.close()
        self._runner.run(self._place.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncProviding(_Hand):
    """A provider's signals, until it is closed; made by ``AsyncCar.provide``."""

    def __init__(self, place: Place, listener: AsyncListener[Request] | None) -> None:
        super().__init__(place)
        self._listener = listener

    async def publish(
        self, values: Mapping[str, object], *, t_ns: int | None = None, quality: Quality = Quality.GOOD
    ) -> bool:
        """Give values by path; see ``Providing.publish``.

        Raises:
            BrokerError: one is wrong, or not owned; nothing was published then.
        """
        return await self._give(rows(self._place.table, values, t_ns, quality))

    async def publish_columns(
        self,
        signal: npt.NDArray[np.int32],
        t_ns: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint8],
    ) -> bool:
        """Give a batch in columns; see ``Providing.publish_columns``.

        Raises:
            BrokerError: one is wrong, or not owned; nothing was published then.
        """
        return await self._give(Updates(signal, t_ns, value, quality))

    async def _give(self, updates: Updates) -> bool:
        if self._place.crowded:
            await self._place.sent()
        return self._push(updates)

    async def close(self) -> None:
        """Give everything up: the signals become STALE, and whoever comes next may provide them."""
        if self.closed:
            return
        self.closed = True
        if self._listener is not None:
            await self._listener.close()
        await self._place.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
