"""What a driver does by hand and foot in the events of a scenario file: presses, brakes, takes the wheel over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.twin.inputs import CruiseSwitch
from commonwheel.twin.scenario import Deed
from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.yamltree import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.vehicles.yamltree import Node, Reader

__all__ = ["DEEDS", "deeds_of", "hands_of"]

DEEDS = ("cruise", "driver", "steer")
"""The keys of an event that say what a driver does for a while."""
PRESSED_S = 0.2
"""A switch is pressed for so long unless it says otherwise."""
MOST_NM = 30.0
_SHARE = Bounds(0.0, 1.0)
_TIME = Bounds(0.01, 3600.0)
_SWITCHES = {switch.name.lower(): switch for switch in CruiseSwitch if switch is not CruiseSwitch.NONE}


def hands_of(reader: Reader, node: Node | None) -> bool | None:
    """Return whether the hands are on the wheel; None where nothing is said, or nothing right."""
    if node is None:
        return None
    words: Mapping[object, bool] = {"on": True, "off": False, True: True, False: False}
    if not isinstance(node.value, str | bool) or node.value not in words:
        reader.fault(node, f"'hands' are on or off, not {node.describe()}")
        return None
    return words[node.value]


def deeds_of(reader: Reader, keys: Mapping[str, Node]) -> tuple[Deed, ...]:
    """Return what the driver does in an event; what cannot be done becomes faults of *reader*."""
    found: list[Deed] = []
    if "cruise" in keys:
        found.append(_press(reader, keys["cruise"]))
    if "driver" in keys:
        found.append(_pedals(reader, keys["driver"]))
    if "steer" in keys:
        found.append(_steer(reader, keys["steer"]))
    return tuple(found)


def _press(reader: Reader, node: Node) -> Deed:
    form = "write 'cruise: {press: set}'"
    if isinstance(node.value, str):
        return Deed(PRESSED_S, switch=_switch(reader, node))
    keys = reader.mapping(node, "'cruise'", ("press", "for"))
    if "press" not in keys and node.entries:
        reader.fault(node, f"'cruise' names the switch that is pressed; {form}")
    lasting = quantity(reader, keys.get("for"), "'for'", "s", within=_TIME, default=PRESSED_S)
    return Deed(lasting, switch=_switch(reader, keys["press"]) if "press" in keys else None)


def _switch(reader: Reader, node: Node) -> CruiseSwitch | None:
    name = reader.text(node, "'press'")
    if name not in _SWITCHES:
        if name:
            reader.fault(node, f"'press' is one of {', '.join(_SWITCHES)}{suggest(name, _SWITCHES)}, not '{name}'")
        return None
    return _SWITCHES[name]


def _pedals(reader: Reader, node: Node) -> Deed:
    keys = reader.mapping(node, "'driver'", ("accelerator", "brake", "for"))
    pedals = [key for key in ("accelerator", "brake") if key in keys]
    if (len(pedals) != 1 or "for" not in keys) and node.entries:
        reader.fault(node, "'driver' presses one pedal for a while, such as {brake: 30 %, for: 1 s}")
        return Deed(1.0)
    way = {key: quantity(reader, keys[key], f"'{key}'", "", within=_SHARE) for key in pedals}
    lasting = quantity(reader, keys.get("for"), "'for'", "s", within=_TIME, default=1.0)
    return Deed(lasting, accelerator=way.get("accelerator"), brake=way.get("brake"))


def _steer(reader: Reader, node: Node) -> Deed:
    keys = reader.mapping(node, "'steer'", ("torque", "for"))
    if ("torque" not in keys or "for" not in keys) and node.entries:
        reader.fault(node, "'steer' turns the wheel with a torque for a while, such as {torque: 3 Nm, for: 2 s}")
    torque = quantity(reader, keys.get("torque"), "'torque'", "Nm", within=Bounds(-MOST_NM, MOST_NM))
    return Deed(quantity(reader, keys.get("for"), "'for'", "s", within=_TIME, default=1.0), torque_nm=torque)
