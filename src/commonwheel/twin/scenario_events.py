"""The ``events``, ``bends`` and ``faults`` of a scenario file: what happens, where the road turns, what breaks."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, TypeVar

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.signals import SignalTable
from commonwheel.broker.values import to_inside
from commonwheel.catalog import load_catalog
from commonwheel.catalog.patterns import compile_pattern
from commonwheel.errors import CatalogError
from commonwheel.twin.injection import FaultKind, Injection
from commonwheel.twin.inputs import Gear, Ignition
from commonwheel.twin.scenario import Action, Bend, Charger, Climate, Course, Event, Measure, Trigger
from commonwheel.twin.scenario_deeds import DEEDS, deeds_of, hands_of
from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.yamltree import SHOWN, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.vehicles.yamltree import Node, Reader

_Named = TypeVar("_Named", Gear, Ignition)

__all__ = ["bends_of", "events_of", "faults_of"]

_SHARE = Bounds(0.0, 1.0)
_TRIGGERS = ("at", "after", "when")
_ACTIONS = ("set", "gear", "ignition", "parking-brake", "climate", "plug", "unplug", "hands", *DEEDS)
_TURNS = {"left": 1.0, "right": -1.0}
_TIGHTEST_M, _WIDEST_LANE_M, _MOST_WHEEL_DEG = 3.0, 20.0, 900.0
_UNITS: Mapping[Measure, str] = {
    Measure.SPEED: "m/s",
    Measure.CHARGE: "",
    Measure.FUEL: "l",
    Measure.PACK_TEMPERATURE: "Celsius",
    Measure.COOLANT_TEMPERATURE: "Celsius",
}
_AMOUNTS: Mapping[FaultKind, tuple[str, str]] = {
    FaultKind.LOST: ("share", ""),
    FaultKind.BAD_CHECKSUM: ("share", ""),
    FaultKind.DELAYED: ("by", "s"),
    FaultKind.DRIFT: ("per-second", "signal"),
    FaultKind.BIAS: ("by", "signal"),
    FaultKind.NOISE: ("by", "signal"),
}
"""Kinds that have an amount: its key, and its unit ('signal': that of the signal)."""
_WITHIN: Mapping[FaultKind, Bounds] = {FaultKind.DELAYED: Bounds(0.0, 10.0), FaultKind.NOISE: Bounds(0.0)}
"""What amounts other than shares may be."""


@functools.cache
def _table() -> SignalTable:
    """Return the standard's signals, with which stated values are checked."""
    return SignalTable(load_catalog())


# ---- events ---------------------------------------------------------------------------------------------------------


def events_of(reader: Reader, node: Node | None, length_s: float) -> tuple[Event, ...]:
    """Return the events; wrong ones become faults of *reader*."""
    return tuple(_event(reader, item, length_s) for item in _listed(reader, node, "'events'"))


def _listed(reader: Reader, node: Node | None, what: str) -> list[Node]:
    if node is None or (isinstance(node.value, list) and not node.value):
        return []
    if not isinstance(node.value, list):
        reader.fault(node, f"{what} is a list, not {node.describe()}")
        return []
    return node.value


def _event(reader: Reader, node: Node, length_s: float) -> Event:
    keys = reader.mapping(node, "an event", (*_TRIGGERS, "for", *_ACTIONS))
    if keys and not any(key in keys for key in _ACTIONS):
        reader.fault(node, f"the event does nothing; it may state {', '.join(_ACTIONS)}")
    lasting = quantity(reader, keys.get("for"), "'for'", "s", within=Bounds(0.001), default=math.inf)
    if "for" in keys and "set" not in keys:
        reader.fault(keys["for"], "'for' says how long 'set' lasts, and there is none")
    return Event(_trigger(reader, node, keys, length_s), _action(reader, keys), lasting)


def _trigger(reader: Reader, node: Node, keys: Mapping[str, Node], length_s: float) -> Trigger:
    given = [key for key in _TRIGGERS if key in keys]
    if len(given) != 1:
        if keys:
            said = " and ".join(f"'{key}'" for key in given) or "nothing"
            reader.fault(node, f"an event has one of 'at' (a time), 'after' (a distance), 'when'; this one has {said}")
        return Trigger(at_s=0.0)
    if "at" in keys:
        return Trigger(at_s=_instant(reader, keys["at"], "'at'", length_s))
    if "after" in keys:
        return Trigger(after_m=quantity(reader, keys["after"], "'after'", "m", within=Bounds(0.0)))
    return _condition(reader, keys["when"])


def _instant(reader: Reader, node: Node, what: str, length_s: float) -> float:
    t_s = quantity(reader, node, what, "s", within=Bounds(0.0))
    if t_s > length_s:
        reader.fault(node, f"{what} is {t_s:g} s, after the end of the scenario at {length_s:g} s")
    return t_s


def _condition(reader: Reader, node: Node) -> Trigger:
    form = "write 'when: {charge: {below: 20 %}}'"
    keys = reader.mapping(node, "'when'", [measure.value for measure in Measure])
    if len(keys) != 1:
        if keys or not node.entries:
            reader.fault(node, f"'when' is about one thing; {form}")
        return Trigger(at_s=0.0)
    name, inside = next(iter(keys.items()))
    measure = Measure(name)
    sides = reader.mapping(inside, f"'{name}'", ("above", "below"))
    if len(sides) != 1:
        reader.fault(inside, f"'{name}' is 'above' or 'below' something; {form}")
        return Trigger(at_s=0.0)
    side, limit = next(iter(sides.items()))
    return Trigger(measure=measure, limit=quantity(reader, limit, f"'{side}'", _UNITS[measure]), above=side == "above")


def _action(reader: Reader, keys: Mapping[str, Node]) -> Action:
    return Action(
        stated=_stated(reader, keys.get("set")),
        gear=_named(reader, keys.get("gear"), "'gear'", Gear),
        ignition=_named(reader, keys.get("ignition"), "'ignition'", Ignition),
        parking_brake=_switch(reader, keys.get("parking-brake"), "'parking-brake'"),
        climate=_climate(reader, keys.get("climate")),
        charger=_charger(reader, keys.get("plug")),
        unplug=reader.boolean(keys.get("unplug"), "'unplug'"),
        hands=hands_of(reader, keys.get("hands")),
        deeds=deeds_of(reader, keys),
    )


def _named(reader: Reader, node: Node | None, what: str, kind: type[_Named]) -> _Named | None:
    if node is None:
        return None
    names = {member.name.lower(): member for member in kind}
    found = names.get(str(node.value).lower())
    if found is None:
        reader.fault(node, f"{what} is one of {', '.join(names)}{suggest(node.value, names)}, not '{node.value}'")
    return found


def _switch(reader: Reader, node: Node | None, what: str) -> bool | None:
    words = {"on": True, "off": False}
    if node is None:
        return None
    if isinstance(node.value, str) and node.value.lower() in words:
        return words[node.value.lower()]
    if not isinstance(node.value, bool):
        reader.fault(node, f"{what} is on or off, not {node.describe()}")
        return None
    return node.value


def _climate(reader: Reader, node: Node | None) -> Climate | None:
    if node is None:
        return None
    if not isinstance(node.value, dict):
        switched = _switch(reader, node, "'climate'")
        return None if switched is None else Climate(switched)
    keys = reader.mapping(node, "'climate'", ("on", "target", "fan"))
    return Climate(
        reader.boolean(keys.get("on"), "'on'", default=True),
        quantity(reader, keys.get("target"), "'target'", "Celsius", within=Bounds(10.0, 35.0), default=21.0),
        quantity(reader, keys.get("fan"), "'fan'", "", within=_SHARE, default=0.3),
    )


def _charger(reader: Reader, node: Node | None) -> Charger | None:
    if node is None:
        return None
    keys = reader.mapping(node, "'plug'", ("power", "limit"))
    if "power" not in keys and node.entries:
        reader.fault(node, "'plug' states the charging point's 'power', such as 6.6 kW")
    return Charger(
        quantity(reader, keys.get("power"), "'power'", "W", within=Bounds(0.0, 1e6)),
        quantity(reader, keys.get("limit"), "'limit'", "", within=_SHARE, default=1.0),
    )


def _stated(reader: Reader, node: Node | None) -> dict[str, float]:
    values: dict[str, float] = {}
    for path, item in (reader.mapping(node, "'set'") if node is not None else {}).items():
        value = _value(reader, item, path)
        if value is not None:
            values[path] = value
    return values


def _value(reader: Reader, node: Node, path: str) -> float | None:
    """Return a signal's value as the broker keeps it, in the standard's unit; None after a fault."""
    signal = _table().numbers.get(path)
    if signal is None:
        reader.fault(node, f"'{path}' is not in the standard{suggest(path, _table().numbers)}")
        return None
    known = _table()[signal]
    value: object = node.value
    is_text = known.leaf.datatype == "string"
    if known.leaf.datatype.endswith("[]") or (is_text and not known.leaf.allowed):
        reader.fault(node, f"'{path}' is no number, boolean or name of a state, and cannot be set here")
        return None
    if isinstance(value, str) and not is_text:
        before = len(reader.faults)
        value = quantity(reader, node, f"'{path}'", known.leaf.unit or "")
        if len(reader.faults) > before:
            return None
    try:
        return to_inside(known, value)[0]
    except BrokerError as error:
        reader.fault(node, str(error))
        return None


# ---- bends ----------------------------------------------------------------------------------------------------------


def bends_of(reader: Reader, node: Node | None, length_s: float) -> tuple[Bend, ...]:
    """Return where the road turns; wrong bends become faults of *reader*."""
    return tuple(_bend(reader, item, length_s) for item in _listed(reader, node, "'bends'"))


def _bend(reader: Reader, node: Node, length_s: float) -> Bend:
    form = "write {at: 20 s, for: 6 s, turn: left, radius: 40 m}, or 'after' and 'over' with distances"
    keys = reader.mapping(node, "a bend", ("at", "for", "after", "over", "turn", "radius", "lane", "wheel"))
    course, amount = _course(reader, node, keys)
    if "at" in keys and "for" in keys and "after" not in keys and "over" not in keys:
        lasting = quantity(reader, keys["for"], "'for'", "s", within=Bounds(0.1))
        return Bend(course, amount, at_s=_instant(reader, keys["at"], "'at'", length_s), for_s=lasting)
    if "after" in keys and "over" in keys and "at" not in keys and "for" not in keys:
        begin = quantity(reader, keys["after"], "'after'", "m", within=Bounds(0.0))
        return Bend(
            course, amount, after_m=begin, over_m=quantity(reader, keys["over"], "'over'", "m", within=Bounds(1.0))
        )
    if keys:
        reader.fault(node, f"a bend has a beginning and a length; {form}")
    return Bend(course, amount, at_s=0.0, for_s=1.0)


def _course(reader: Reader, node: Node, keys: Mapping[str, Node]) -> tuple[Course, float]:
    kinds = [key for key in ("radius", "lane", "wheel") if key in keys]
    turn = reader.text(keys.get("turn"), "'turn'")
    if keys and (len(kinds) != 1 or turn not in _TURNS):
        reader.fault(node, "a bend states 'turn' (left or right) and one of 'radius', 'lane', 'wheel'")
        return Course.WHEEL, 0.0
    if not kinds:
        return Course.WHEEL, 0.0
    sign = _TURNS[turn]
    if kinds[0] == "radius":
        radius = quantity(reader, keys["radius"], "'radius'", "m", within=Bounds(_TIGHTEST_M, 1e6), default=1e6)
        return Course.RADIUS, sign / radius
    if kinds[0] == "lane":
        return Course.LANE, sign * quantity(reader, keys["lane"], "'lane'", "m", within=Bounds(0.0, _WIDEST_LANE_M))
    return Course.WHEEL, sign * quantity(reader, keys["wheel"], "'wheel'", "deg", within=Bounds(0.0, _MOST_WHEEL_DEG))


# ---- faults ---------------------------------------------------------------------------------------------------------


def faults_of(reader: Reader, node: Node | None, length_s: float) -> tuple[Injection, ...]:
    """Return what breaks; what cannot break so becomes faults of *reader*."""
    found = (_injection(reader, item, length_s) for item in _listed(reader, node, "'faults'"))
    return tuple(one for one in found if one is not None)


def _injection(reader: Reader, node: Node, length_s: float) -> Injection | None:
    kinds = {kind.value: kind for kind in FaultKind}
    others = ("from", "to", "for", "share", "by", "per-second")
    keys = reader.mapping(node, "a fault", (*kinds, *others))
    named = [name for name in kinds if name in keys]
    if len(named) != 1:
        if keys:
            reader.fault(node, f"a fault is one of {', '.join(kinds)}, such as {{silent: Vehicle.Speed, from: 20 s}}")
        return None
    kind = kinds[named[0]]
    target = _target(reader, keys[named[0]], kind)
    if target is None:
        return None
    amount_key, unit = _AMOUNTS.get(kind, ("", ""))
    for key in ("share", "by", "per-second"):
        if key in keys and key != amount_key:
            reader.fault(keys[key], f"'{key}' does not go with '{kind.value}'")
    if unit == "signal":
        signal = _table().numbers.get(target.get("signal", ""))
        unit = "" if signal is None else _table()[signal].leaf.unit or ""
        if amount_key not in keys:
            reader.fault(node, f"'{kind.value}' needs '{amount_key}', in {unit or 'numbers of the signal'}")
    within = _SHARE if amount_key == "share" else _WITHIN.get(kind, Bounds())
    amount = 1.0
    if amount_key in keys:
        amount = _amount(reader, keys[amount_key], amount_key, unit, within)
    elif kind is FaultKind.DELAYED:
        reader.fault(node, "'delayed' needs 'by', such as 50 ms")
    begin, end = _span(reader, keys, length_s)
    return Injection(kind, **target, from_s=begin, to_s=end, amount=amount)


def _amount(reader: Reader, node: Node, key: str, unit: str, within: Bounds) -> float:
    if isinstance(node.value, int | float) and not isinstance(node.value, bool) and key != "by":
        return quantity(reader, node, f"'{key}'", "", within=within, default=1.0)
    return quantity(reader, node, f"'{key}'", unit, within=within, default=1.0, difference=True)


def _span(reader: Reader, keys: Mapping[str, Node], length_s: float) -> tuple[float, float]:
    begin = _instant(reader, keys["from"], "'from'", length_s) if "from" in keys else 0.0
    if "to" in keys and "for" in keys:
        reader.fault(keys["for"], "'to' and 'for' say the same; state one")
    if "for" in keys:
        return begin, begin + quantity(reader, keys["for"], "'for'", "s", within=Bounds(0.001), default=1.0)
    if "to" not in keys:
        return begin, math.inf
    end = quantity(reader, keys["to"], "'to'", "s", within=Bounds(0.0))
    if end <= begin:
        reader.fault(keys["to"], f"'to' is {end:g} s, not after 'from' at {begin:g} s")
    return begin, end


def _target(reader: Reader, node: Node, kind: FaultKind) -> dict[str, str] | None:
    """Return what the fault is of, as keywords of ``Injection``."""
    if isinstance(node.value, str):
        return _selected(reader, node, kind, node.value)
    keys = reader.mapping(node, f"'{kind.value}'", ("signal",) if kind.is_of_signal else ("signal", "message", "bus"))
    return _chosen(reader, node, kind, keys)


def _selected(reader: Reader, node: Node, kind: FaultKind, text: str) -> dict[str, str] | None:
    """Return the signal that a fault is of; one of frames may name a branch or a pattern, for all that it selects."""
    if text in _table().numbers or (not kind.is_of_signal and _selects(text)):
        return {"signal": text}
    if text.partition(".")[0] != "Vehicle":
        what = "a signal of the standard" + ("" if kind.is_of_signal else ", or {message: bus/Name}, or {bus: name}")
        reader.fault(node, f"'{kind.value}' is of {what}, not '{text[:SHOWN]}'")
    elif kind.is_of_signal and _selects(text):
        reader.fault(node, f"'{text}' is a branch; '{kind.value}' is of one signal")
    else:
        reader.fault(node, f"'{text[:SHOWN]}' is not in the standard{suggest(text, _table().numbers)}")
    return None


def _selects(pattern: str) -> bool:
    try:
        chosen = compile_pattern(pattern)
    except CatalogError:
        return False
    return any(chosen(path) for path in _table().numbers)


def _chosen(reader: Reader, node: Node, kind: FaultKind, keys: Mapping[str, Node]) -> dict[str, str] | None:
    if len(keys) != 1:
        if keys or not node.entries:
            reader.fault(node, f"'{kind.value}' is of one signal, message or bus")
        return None
    key, item = next(iter(keys.items()))
    if key == "signal":
        return _target(reader, item, kind) if isinstance(item.value, str) else None
    name = reader.text(item, f"'{key}'")
    return {key: name} if name else None
