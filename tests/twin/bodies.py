"""Cars for tests of the physics, and what one does with them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import msgspec

from commonwheel.twin.body import Body
from commonwheel.twin.inputs import Gear, Ignition, Inputs
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.start import Start

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.twin.electric_drive import ElectricPowertrain
    from commonwheel.twin.parameters import Parameters

LEAF = "nissan/leaf_aze0:30kwh"
DT_S = 0.01


@functools.cache
def parameters(name: str = LEAF) -> Parameters:
    """Return a car's parameters."""
    return load_parameters(name)


def changed(base: Parameters, section: str, **values: Any) -> Parameters:  # noqa: ANN401 - whatever a field holds
    """Return parameters with some values of a section changed."""
    return msgspec.structs.replace(base, **{section: msgspec.structs.replace(getattr(base, section), **values)})


def car(name: str = LEAF, **start: Any) -> Body:  # noqa: ANN401 - whatever a field holds
    """Return a car that stands, switched off."""
    return Body(parameters(name), Start(**start))


def powertrain(body: Body) -> ElectricPowertrain:
    """Return the electric powertrain of a body."""
    return body.powertrain  # type: ignore[return-value]  # of these cars it is


def driving(**inputs: Any) -> Inputs:  # noqa: ANN401 - whatever a field holds
    """Return the inputs of a car that is switched on, in drive, and let go."""
    return Inputs(**{"gear": Gear.DRIVE, "parking_brake": False, "ignition": Ignition.ON, **inputs})


def go(body: Body, inputs: Inputs, seconds: float, until: Callable[[], bool] | None = None, dt_s: float = DT_S) -> None:
    """Step for so long, or until something is so."""
    for _ in range(round(seconds / dt_s)):
        body.step(inputs, dt_s)
        if until is not None and until():
            return
