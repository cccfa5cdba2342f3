"""What a scenario file says of what is around the car: ``lane``, ``lead``, ``limit``, ``sensor`` and ``actuation``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.twin.plan import Leg, Plan
from commonwheel.twin.scenario_drive import FASTEST, plan_of
from commonwheel.twin.surroundings import Lane, Lead, Sensor, Surroundings, Variation
from commonwheel.vehicles.quantities import Bounds, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.vehicles.yamltree import Node, Reader

__all__ = ["TRAFFIC", "places_of", "surroundings_of"]

TRAFFIC = ("lane", "lead", "limit", "sensor", "actuation")
"""The keys of a scenario file that say it."""
MOST_LEADS = 100
TIGHTEST_M, WIDEST_M = 8.0, 1e6
_TURNS = {"left": 1.0, "right": -1.0}
_SHARE = Bounds(0.0, 1.0)
_FAR = Bounds(0.0, 1e7)


def surroundings_of(
    reader: Reader, keys: Mapping[str, Node], length_s: float, friction: Sequence[tuple[float, float]] = ()
) -> Surroundings:
    """Return what is around the car; what cannot be becomes faults of *reader*."""
    return Surroundings(
        lane=_lane(reader, keys["lane"]) if "lane" in keys else None,
        leads=_leads(reader, keys.get("lead"), length_s),
        limits=_limits(reader, keys.get("limit")),
        friction=tuple(friction),
        sensor=_sensor(reader, keys.get("sensor")),
        variation=_variation(reader, keys.get("actuation")),
    )


def places_of(
    reader: Reader, node: Node, what: str, value: str, unit: str, within: Bounds
) -> list[tuple[float, float]]:
    """Return a list of places and values, such as [[0 m, 50 km/h], [1 km, 80 km/h]]; places rise."""
    points: list[tuple[float, float]] = []
    for item in reader.items(node, f"'{what}'"):
        pair = item.value if isinstance(item.value, list) else []
        if len(pair) != 2:  # noqa: PLR2004 - a place and a value
            reader.fault(item, f"'{what}' is a list of places and {value}s, such as [1.2 km, ...]")
            continue
        place = quantity(reader, pair[0], "a place", "m", within=_FAR)
        if points and place <= points[-1][0]:
            reader.fault(item, f"the places of '{what}' rise; {place:g} m comes after {points[-1][0]:g} m")
        points.append((place, quantity(reader, pair[1], f"a {value}", unit, within=within)))
    return points


# ---- the lane --------------------------------------------------------------------------------------------------------


def _lane(reader: Reader, node: Node) -> Lane:
    keys = reader.mapping(node, "'lane'", ("width", "offset", "heading", "bends"))
    ramps: list[tuple[float, float]] = []
    """Where the curvature changes its slope, and by how much, in 1/m^2."""
    for item in _listed(reader, keys.get("bends"), "'bends'"):
        ramps += _bend(reader, item)
    return Lane(
        _curvature(ramps),
        quantity(reader, keys.get("width"), "'width'", "m", within=Bounds(2.0, 10.0), default=3.5),
        quantity(reader, keys.get("offset"), "'offset'", "m", within=Bounds(-10.0, 10.0)),
        math.radians(quantity(reader, keys.get("heading"), "'heading'", "deg", within=Bounds(-60.0, 60.0))),
    )


def _listed(reader: Reader, node: Node | None, what: str) -> list[Node]:
    if node is None:
        return []
    if not isinstance(node.value, list):
        reader.fault(node, f"{what} is a list, not {node.describe()}")
        return []
    return node.value


def _bend(reader: Reader, node: Node) -> list[tuple[float, float]]:
    """Return the four places of a bend at which the slope of the curvature changes."""
    form = "write {after: 200 m, over: 300 m, turn: left, radius: 400 m, clothoid: 60 m}"
    keys = reader.mapping(node, "a bend of the lane", ("after", "over", "turn", "radius", "clothoid"))
    if not {"after", "over", "turn", "radius"} <= keys.keys():
        if node.entries:
            reader.fault(node, f"a bend of the lane has a place, a length, a direction and a radius; {form}")
        return []
    turn = reader.text(keys["turn"], "'turn'")
    if turn not in _TURNS:
        reader.fault(keys["turn"], "'turn' is left or right")
        return []
    begin = quantity(reader, keys["after"], "'after'", "m", within=_FAR)
    length = quantity(reader, keys["over"], "'over'", "m", within=Bounds(1.0, 1e6), default=1.0)
    radius = quantity(reader, keys["radius"], "'radius'", "m", within=Bounds(TIGHTEST_M, WIDEST_M), default=1e6)
    usual = min(length / 3.0, 60.0)
    ramp = quantity(reader, keys.get("clothoid"), "'clothoid'", "m", within=Bounds(0.1, 1e5), default=usual)
    if 2.0 * ramp > length:
        reader.fault(node, f"the clothoids at both ends of a bend of {length:g} m are at most {length / 2:g} m long")
        return []
    slope = _TURNS[turn] / radius / ramp
    end = begin + length
    return [(begin, slope), (begin + ramp, -slope), (end - ramp, -slope), (end, slope)]


def _curvature(ramps: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return the curvature by place; where bends lie over each other, they add up."""
    points: list[tuple[float, float]] = []
    at = value = slope = 0.0
    for place, change in sorted(ramps):
        value += slope * (place - at)
        at = place
        if not points or place > points[-1][0]:
            points.append((place, value))
        slope += change
    return tuple(points) or ((0.0, 0.0),)


# ---- vehicles and limits ---------------------------------------------------------------------------------------------


def _leads(reader: Reader, node: Node | None, length_s: float) -> tuple[Lead, ...]:
    if node is None:
        return ()
    nodes = node.value if isinstance(node.value, list) else [node]
    if len(nodes) > MOST_LEADS:
        reader.fault(node, f"there are at most {MOST_LEADS} vehicles ahead, one after the other")
        return ()
    return tuple(_lead(reader, item, length_s) for item in nodes)


def _lead(reader: Reader, node: Node, length_s: float) -> Lead:
    keys = reader.mapping(node, "a vehicle ahead", ("at", "until", "gap", "speed", "drive"))
    for needed in ("gap", "speed"):
        if needed not in keys and node.entries:
            reader.fault(node, "a vehicle ahead has a 'gap' and a 'speed', such as {gap: 40 m, speed: 60 km/h}")
    begin = quantity(reader, keys.get("at"), "'at'", "s", within=Bounds(0.0, length_s))
    end = quantity(reader, keys.get("until"), "'until'", "s", within=Bounds(0.0), default=math.inf)
    if end <= begin:
        reader.fault(keys["until"], f"'until' is {end:g} s, not after 'at' at {begin:g} s")
    speed = quantity(reader, keys.get("speed"), "'speed'", "m/s", within=Bounds(0.0, FASTEST))
    return Lead(
        begin,
        quantity(reader, keys.get("gap"), "'gap'", "m", within=Bounds(0.1, 1e4), default=1.0),
        speed,
        _plan(reader, keys["drive"], speed) if "drive" in keys else None,
        end,
    )


def _plan(reader: Reader, node: Node, speed: float) -> Plan:
    plan = plan_of(reader, node, speed)
    legs: list[Leg] = [part for part in plan.parts if isinstance(part, Leg)]
    if len(legs) < len(plan.parts):
        reader.fault(node, "pedals are the car's own; the 'drive' of a vehicle ahead says speeds")
    if any(low < 0.0 for leg in legs for low in leg.speed_mps):
        reader.fault(node, "a vehicle ahead does not drive backwards")
    return Plan(tuple(legs))


def _limits(reader: Reader, node: Node | None) -> tuple[tuple[float, float], ...]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        return ((0.0, quantity(reader, node, "'limit'", "m/s", within=Bounds(1.0, FASTEST), default=1.0)),)
    return tuple(places_of(reader, node, "limit", "speed", "m/s", Bounds(1.0, FASTEST)))


# ---- how well it goes ------------------------------------------------------------------------------------------------


def _sensor(reader: Reader, node: Node | None) -> Sensor:
    usual = Sensor()
    if node is None:
        return usual
    keys = reader.mapping(
        node,
        "'sensor'",
        ("latency", "range", "gap-noise", "speed-noise", "offset-noise", "heading-noise", "curvature-noise", "dropout"),
    )

    def value(key: str, unit: str, high: float, default: float = 0.0) -> float:
        return quantity(reader, keys.get(key), f"'{key}'", unit, within=Bounds(0.0, high), default=default)

    return Sensor(
        value("latency", "s", 2.0, usual.latency_s),
        value("range", "m", 1000.0, usual.range_m),
        value("gap-noise", "m", 20.0),
        value("speed-noise", "m/s", 10.0),
        value("offset-noise", "m", 2.0),
        math.radians(value("heading-noise", "deg", 10.0)),
        value("curvature-noise", "1/m", 0.1),
        value("dropout", "", 1.0),
    )


def _variation(reader: Reader, node: Node | None) -> Variation:
    if node is None:
        return Variation()
    keys = reader.mapping(node, "'actuation'", ("delay", "gain"))
    return Variation(
        quantity(reader, keys.get("delay"), "'delay'", "s", within=Bounds(0.0, 3.0)),
        quantity(reader, keys.get("gain"), "'gain'", "", within=Bounds(0.0, 3.0), default=1.0),
    )
