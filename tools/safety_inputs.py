"""How each input of each car is told to be sound on its wire; ``tools/safety.py`` puts it into the safety page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.proving.inputs import carriers
from commonwheel.vehicles import load_vehicle
from tools.safety_limits import acting_cars
from tools.safety_limits import table as rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.vehicles.model import Message

__all__ = ["protection"]

_KINDS = ("counter and checksum", "counter alone", "checksum alone", "neither")
_NONE = "–"


def protection() -> str:
    """Return, for each car that acts, which of the guard's inputs a counter and a checksum protect."""
    rows: list[tuple[str, ...]] = []
    for name, envelope in acting_cars().items():
        vehicle = load_vehicle(name)
        found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        for one in envelope.inputs:
            messages = [vehicle.messages[i] for i in carriers(vehicle, one.path)]
            if messages:
                found[_kind(messages)].append(f"`{one.path.removeprefix('Vehicle.')}`")
        rows.append((f"`{name}`", *(" ".join(found[kind]) or _NONE for kind in _KINDS)))
    shown = [at for at in range(len(_KINDS)) if any(row[at + 1] != _NONE for row in rows)]
    return rows_of(("car", *(_KINDS[at] for at in shown)), [(row[0], *(row[at + 1] for at in shown)) for row in rows])


def _kind(messages: Sequence[Message]) -> str:
    """Return what all of the messages that carry an input have."""
    counted, summed = all(message.counter for message in messages), all(message.check >= 0 for message in messages)
    if counted:
        return _KINDS[0] if summed else _KINDS[1]
    return _KINDS[2] if summed else _KINDS[3]
