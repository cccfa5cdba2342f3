"""What the dashboard shows: the cars of a service, and the apps on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.apps.status import Hosted, Hosting
    from commonwheel.gateway.config import CarSettings, Settings
    from commonwheel.gateway.live import LiveCar
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Scene", "vehicle_of"]


@dataclass(frozen=True, slots=True)
class Scene:
    """One service, as the views see it."""

    settings: Settings
    cars: Sequence[LiveCar]
    hosting: Hosting | None = None
    """None: no apps run here."""
    by_name: dict[str, LiveCar] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the cars by name."""
        object.__setattr__(self, "by_name", {car.name: car for car in self.cars})

    @property
    def apps(self) -> Sequence[Hosted]:
        """Every app on every car."""
        return () if self.hosting is None else self.hosting.apps

    def car(self, name: object) -> LiveCar:
        """Return a car by its short name.

        Raises:
            BrokerError: INVALID; there is none of this name.
        """
        found = self.by_name.get(name) if isinstance(name, str) else None
        if found is None:
            known = ", ".join(self.by_name) or "none"
            message = f"there is no car {name!r:.80} here; there are: {known}"
            raise BrokerError(Reason.INVALID, message)
        return found

    def settings_of(self, car: LiveCar) -> CarSettings | None:
        """Return what a car was asked to be; None: a broker without a car."""
        return self.settings.cars.get(car.name)

    def shows_personal(self, car: LiveCar) -> bool:
        """Whether what tells who a car or its user is may be shown: the operator's choice."""
        settings = self.settings_of(car)
        return settings is not None and settings.with_personal


def vehicle_of(car: LiveCar) -> Vehicle | None:
    """Return a car's description; None: a broker without a car."""
    return getattr(car.gateway, "vehicle", None)
