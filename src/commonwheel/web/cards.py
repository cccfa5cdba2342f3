"""What a page is told when it comes in: who it is taken for, the cars that it may see, and what it may do with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.web.protocol import PROTOCOL, CarCard, Welcome
from commonwheel.web.scene import vehicle_of

if TYPE_CHECKING:
    from commonwheel.gateway.live import LiveCar
    from commonwheel.web.views import Viewer

__all__ = ["cards", "welcome"]


def cards(viewer: Viewer) -> list[CarCard]:
    """Return the cars of which a viewer may read anything.

    Raises:
        BrokerError: FORBIDDEN or EXPIRED; there is nothing for it.
    """
    viewer.rights.require_valid()
    found = [_card(viewer, car) for car in viewer.scene.cars if viewer.sees_any(car)]
    if not found and viewer.scene.cars:
        message = f"{viewer.rights.client} may read no signal of any car here; the token needs a scope such as 'read'"
        raise BrokerError(Reason.FORBIDDEN, message)
    return found


def _card(viewer: Viewer, car: LiveCar) -> CarCard:
    vehicle = vehicle_of(car)
    operate = viewer.operates(car)
    return CarCard(
        name=car.name,
        vehicle=vehicle.name if vehicle else "",
        brand=vehicle.sold_as[0].brand if vehicle else "",
        model=vehicle.sold_as[0].model if vehicle else "",
        title=vehicle.title if vehicle else car.name or "broker",
        powertrain=vehicle.powertrain if vehicle else "",
        live=car.gateway is not None,
        frames=car.gateway is not None and viewer.sees_all(car),
        operate=operate,
        why="" if operate else f"{viewer.rights.client} lacks the scope 'actuate' (without a path)",
    )


def welcome(viewer: Viewer, found: list[CarCard], run: str, *, authorized: bool) -> Welcome:
    """Return what a page is told first."""
    from commonwheel import __version__

    return Welcome(
        protocol=PROTOCOL,
        run=run,
        version=__version__,
        client=viewer.rights.client,
        expires_ns=viewer.rights.expires_ns,
        authorized=authorized,
        apps=viewer.scene.hosting is not None,
        cars=found,
    )
