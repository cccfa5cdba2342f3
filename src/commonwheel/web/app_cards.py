"""What a viewer is told of hosted apps: state, outputs, events, log, and what a car lacks for them.

An app's outputs say something about the signals that it reads, so they are shown only to whoever may read those.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from commonwheel.broker.rights import Action
from commonwheel.catalog.patterns import compile_pattern
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from commonwheel.apps.status import Hosted
    from commonwheel.web.views import Viewer

__all__ = ["outputs_of", "values_of", "visible"]


def visible(viewer: Viewer, hosted: Hosted) -> bool:
    """Whether a viewer may read every signal of the car that an app reads, so that it may see what comes of them."""
    car = viewer.scene.by_name.get(hosted.car)
    if car is None:
        return False
    mask = viewer.rights.mask(car.broker.table, Action.READ)
    if mask.all():
        return True
    manifest = hosted.manifest
    for pattern in itertools.chain(manifest.requires, manifest.may_use):
        try:
            matches = compile_pattern(pattern)
        except CatalogError:
            return False
        if any(matches(signal.path) and not mask[signal.number] for signal in car.broker.table.signals):
            return False
    return True


def values_of(hosted: Hosted) -> dict[str, object]:
    """Return an app's outputs: value, unit and datatype by name."""
    declared = hosted.manifest.outputs
    return {
        name: [shown.value, shown.unit, declared[name].datatype if name in declared else ""]
        for name, shown in tuple(hosted.status.outputs.items())
    }


def outputs_of(hosted: Hosted) -> dict[str, object]:
    """Return what the Alliance page shows of an app: how it is, its outputs, the last thing it reported."""
    status = hosted.status
    event = status.events[-1] if status.events else None
    return {
        "name": hosted.manifest.name,
        "state": status.state.value,
        "outputs": values_of(hosted),
        "event": None if event is None else [event.name, event.severity, event.t_ns],
        "missing": len(hosted.missing),
    }
