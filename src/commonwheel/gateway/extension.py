"""What may be added to a service from above: apps that run on its cars, a dashboard that shows them.

The gateway knows neither; who puts a service together (the command line) hands them to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.broker.access import Access
    from commonwheel.gateway.live import LiveCar
    from commonwheel.gateway.service import Bound

__all__ = ["Extension", "Measured"]


class Extension(Protocol):
    """Started when every car has started, and stopped before any of them stops; in the service's event loop."""

    name: str
    """What messages and logs call it."""

    async def start(self, cars: Sequence[LiveCar], access: Access) -> Sequence[Bound]:
        """Begin; returns the addresses that it listens on.

        Raises:
            CommonwheelError: it cannot; says what to do. What it had started is stopped by ``stop``.
        """
        ...

    async def stop(self, seconds: float) -> bool:
        """End within so many seconds, also after a start that failed; returns whether all of it ended by itself."""
        ...


@runtime_checkable
class Measured(Protocol):
    """An extension that has figures for the metrics."""

    @property
    def measures(self) -> Sequence[tuple[str, str, str, str]]:
        """Key of a figure in ``measured``, ``counter`` or ``gauge``, name, meaning."""
        ...

    @property
    def measured(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, object]]]:
        """Labels and figures, as of now; all have the same labels."""
        ...
