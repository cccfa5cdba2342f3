"""What a camera or radar of a simulated car sees, given to its broker where the car's own wire does not give it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from commonwheel.broker import Broker, Provider

__all__ = ["Sensors"]


class Sensors:
    """The provider of what a simulated car perceives. For one thread."""

    def __init__(self, car: str, broker: Broker, own: Collection[int]) -> None:
        """Prepare; *own* are the numbers of what the car itself gives."""
        self._broker, self._own = broker, own
        self._name = f"sensors of {car}"
        self._provider: Provider | None = None
        self._numbers: dict[str, int] = {}

    def publish(self, perceived: Mapping[str, float | None], t_ns: int) -> None:
        """Give what is perceived, at a time (UTC); None: it sees nothing of it."""
        unknown = perceived.keys() - self._numbers.keys()
        if unknown:
            self._claim(sorted(unknown))
        if self._provider is None or self._provider.closed:
            return
        rows = [
            (number, t_ns, math.nan if value is None else float(value), _quality(value), None)
            for path, value in perceived.items()
            if (number := self._numbers[path]) >= 0
        ]
        if rows:
            self._provider.publish(Updates.build(rows))

    def _claim(self, paths: list[str]) -> None:
        if self._provider is None:
            self._provider = self._broker.provider(self._name)
        for path in paths:
            number = self._broker.table.numbers.get(path, -1)
            free = number >= 0 and number not in self._own and self._broker.owner(number) is None
            self._numbers[path] = number if free and self._claimed(number) else -1

    def _claimed(self, number: int) -> bool:
        """Claim a signal; False when another has just done so."""
        try:
            if self._provider is not None:
                self._provider.claim((number,))
        except BrokerError:
            return False
        return True

    def close(self) -> None:
        """Give them up; they become STALE."""
        if self._provider is not None:
            self._provider.close()


def _quality(value: float | None) -> Quality:
    return Quality.GOOD if value is not None and math.isfinite(value) else Quality.INVALID
