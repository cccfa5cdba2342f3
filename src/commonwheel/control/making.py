"""The controller of an adapter, by its manner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.control import manners, standard
from commonwheel.control.controllers import Controller, DirectController, PulseController
from commonwheel.control.controllers_buttons import ButtonsController
from commonwheel.control.controllers_motion import AccelerationController, PedalsController
from commonwheel.control.controllers_steering import TorqueController
from commonwheel.guard.envelope import CarEnvelope, Geometry, Measured

if TYPE_CHECKING:
    from commonwheel.control.model import Adapter

__all__ = ["make_controller", "reference_path", "relied_on"]


def make_controller(adapter: Adapter, envelope: CarEnvelope) -> Controller:
    """Return what turns the targets of an adapter into commands."""
    manner, delay_s = adapter.manner, adapter.delay_ns * 1e-9
    geometry = standard.Steering(envelope.geometry) if isinstance(envelope.geometry, Geometry) else None
    match manner:
        case manners.Direct():
            return DirectController(manner, delay_s, geometry)
        case manners.Torque():
            return TorqueController(manner, geometry)
        case manners.Acceleration():
            return AccelerationController(manner, delay_s)
        case manners.Pedals():
            return PedalsController(manner, delay_s)
        case manners.Buttons():
            return ButtonsController(manner)
        case manners.Pulse():
            (own,) = (each for each in envelope.envelopes if each.name == manner.command)
            return PulseController(manner, own.neutral.centre if isinstance(own.neutral, Measured) else own.neutral)


def reference_path(adapter: Adapter) -> str:
    """Return the standard path whose target is what the adapter's controller works in."""
    match adapter.manner:
        case manners.Acceleration() | manners.Pedals():
            return standard.ACCELERATION
        case manners.Buttons():
            return standard.SPEED
        case manners.Torque():
            return standard.ANGLE
        case _:
            return standard.ANGLE if standard.ANGLE in adapter.serves else next(iter(adapter.serves), "")


def relied_on(adapter: Adapter) -> list[str]:
    """Return the standard paths that an adapter's controller and its proofs look at."""
    manner = adapter.manner
    paths = [proven.path for proven in adapter.proven.values()]
    match manner:
        case manners.Direct() | manners.Pulse():
            paths.append(manner.measured)
        case manners.Torque():
            paths += [manner.angle, manner.rate]
        case manners.Buttons():
            paths.append(manner.set_speed)
        case _:
            pass
    return [path for path in paths if path]
