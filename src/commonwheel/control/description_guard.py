"""From ``control.yaml`` to the guard's envelope: inputs, conditions, axes, limits of quantities, geometry.

Frames are ``description_frames``' concern. Everything that the guard needs has to be stated: what there is none of is
stated as ``{none: why}``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.catalog.units import to_pint
from commonwheel.errors import CatalogError
from commonwheel.guard.envelope import (
    Axis,
    Condition,
    Ending,
    Envelope,
    Geometry,
    Input,
    Lateral,
    Measured,
    OnBad,
    Tracking,
    Without,
)
from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.yamltree import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.description_values import Row, Values
    from commonwheel.vehicles.yamltree import Node

__all__ = [
    "AXES",
    "axes_of",
    "conditions_of",
    "envelopes_of",
    "geometry_of",
    "inputs_of",
    "lateral_of",
    "rate_unit",
]

AXES = ("longitudinal", "lateral", "comfort")
"""What is engaged and released as one."""
NO_WINDOW_NS = 1_000_000_000
"""Any time will do where there is no limit of the change within it."""
_POSITIVE = Bounds(1e-9)
_NOT_NEGATIVE = Bounds(0.0)


def inputs_of(rows: Mapping[str, Node], values: Values) -> tuple[Input, ...]:
    """Return the standard signals that the guard relies on."""
    return tuple(found for path, node in rows.items() if (found := _input(path, node, values)) is not None)


def _input(path: str, node: Node, values: Values) -> Input | None:
    keys = ("axes", "max_age", "low", "high", "frozen", "tolerance", "stale", "invalid", "corrupt", "missing")
    row = values.row(node, f"input '{path}'", keys)
    info = values.provided(path, node, "an input")
    axes = tuple(_axis(name, at, values) for name, at in row.texts("axes"))
    if not axes and "axes" in row:
        values.reader.fault(node, f"{row.what} is relied on by no axis; name them, or leave it out")
    if info is None:
        return None
    what = row.name("low")
    low = values.of_signal(row.get("low"), what, info)
    high = values.of_signal(row.get("high"), row.name("high"), info)
    if low >= high:
        values.reader.fault(node, f"{row.what}: 'low' is not below 'high'")
    return Input(
        path=path,
        axes=axes,
        max_age_ns=row.ns("max_age", least_s=1e-3),
        low=low,
        high=high,
        frozen_ns=row.without("frozen") or row.ns("frozen", least_s=1e-3),
        tolerance_ns=row.ns("tolerance"),
        stale=row.choice("stale", OnBad),
        invalid=row.choice("invalid", OnBad),
        corrupt=row.choice("corrupt", OnBad),
        missing=row.choice("missing", OnBad),
    )


def _axis(name: str, node: Node, values: Values) -> str:
    if name not in AXES:
        values.reader.fault(node, f"there is no axis '{name}'{suggest(name, AXES)}; there are {', '.join(AXES)}")
    return name


def conditions_of(rows: Mapping[str, Node], values: Values) -> dict[str, Condition]:
    """Return conditions by name, which is what they mean to a person."""
    return {name: made for name, node in rows.items() if (made := _condition(name, node, values)) is not None}


def _condition(name: str, node: Node, values: Values) -> Condition | None:
    row = values.row(node, f"condition '{name}'", ("signal", "for", "ending"), ("is", "at_least", "at_most"))
    info = values.signal(row.get("signal"), row.name("signal"))
    exact, bounds = row.get("is"), [key for key in ("at_least", "at_most") if key in row]
    if (exact is None) == (not bounds):
        values.reader.fault(node, f"{row.what} says 'is', or 'at_least', 'at_most' or both of them")
    if info is None:
        return None
    if exact is not None:
        low = high = values.of_signal(exact, row.name("is"), info)
    else:
        low = values.of_signal(row.get("at_least"), row.name("at_least"), info, -math.inf)
        high = values.of_signal(row.get("at_most"), row.name("at_most"), info, math.inf)
    if low > high:
        values.reader.fault(node, f"{row.what} can never hold: 'at_least' is above 'at_most'")
    return Condition(info.path, low, high, row.ns("for"), row.choice("ending", Ending), name)


def axes_of(rows: Mapping[str, Node], conditions: Mapping[str, Condition], values: Values) -> tuple[Axis, ...]:
    """Return what is engaged and released as one."""
    return tuple(_axis_of(name, node, conditions, values) for name, node in rows.items())


def _axis_of(name: str, node: Node, conditions: Mapping[str, Condition], values: Values) -> Axis:
    keys = ("consent", "consent_most", "engage", "keep", "override", "override_most", "release", "request_timeout")
    row = values.row(node, f"axis '{name}'", keys)
    _axis(name, node, values)
    consent: Condition | Without | None = row.without("consent")
    if consent is None:
        named = _named(row, "consent", conditions)
        consent = named[0] if named else Without("")
        if len(named) > 1:
            values.reader.fault(node, f"{row.what} has one consent: the driver's own word")
    return Axis(
        name=name,
        consent=consent,
        consent_most_ns=row.without("consent_most") or row.ns("consent_most", least_s=1e-3),
        engage=_named(row, "engage", conditions),
        keep=_named(row, "keep", conditions),
        override=_named(row, "override", conditions),
        override_most_ns=row.ns("override_most", least_s=1e-3),
        release_ns=row.ns("release", least_s=1e-3),
        request_timeout_ns=row.ns("request_timeout", least_s=1e-3),
    )


def _named(row: Row, key: str, conditions: Mapping[str, Condition]) -> tuple[Condition, ...]:
    """Return the conditions that a list names; ``{none: why}`` is no condition."""
    if row.without(key) is not None:
        return ()
    found: list[Condition] = []
    for name, node in row.texts(key):
        if name in conditions:
            found.append(conditions[name])
        else:
            row.values.reader.fault(node, f"{row.name(key)}: there is no condition '{name}'{suggest(name, conditions)}")
    return tuple(found)


_ENVELOPE = (
    "axis", "unit", "low", "high", "neutral", "rate_up", "rate_down", "window", "timeout", "release_rate", "lateral",
    "tracking", "source",
)  # fmt: skip


def envelopes_of(rows: Mapping[str, Node], values: Values) -> dict[str, Envelope]:
    """Return the limits of every quantity, by name."""
    return {name: _envelope(name, node, values) for name, node in rows.items()}


def rate_unit(unit: str) -> str:
    """Return the unit of a rate; of a plain number it is a plain number."""
    return f"{unit}/s" if unit else ""


def _envelope(name: str, node: Node, values: Values) -> Envelope:
    row = values.row(node, f"envelope '{name}'", _ENVELOPE)
    unit = _unit(row)
    per_s = rate_unit(unit)
    axis = row.text("axis")
    if "axis" in row:
        _axis(axis, row.entries["axis"], values)
    low, high = row.curve("low", unit), row.curve("high", unit)
    speeds = {speed for curve in (low, high) for speed, _ in curve.points}
    if any(low.at(speed) > high.at(speed) for speed in speeds):
        values.reader.fault(node, f"{row.what}: 'low' is above 'high'")
    window_ns, window_change = _window(row, unit)
    return Envelope(
        name=name,
        axis=axis,
        unit=unit,
        low=low,
        high=high,
        neutral=_neutral(row, unit),
        rate_up=row.without("rate_up") or row.curve("rate_up", per_s, within=_POSITIVE),
        rate_down=row.without("rate_down") or row.curve("rate_down", per_s, within=_POSITIVE),
        window_ns=window_ns,
        window_change=window_change,
        timeout_ns=row.ns("timeout", least_s=1e-3),
        release_rate=row.quantity("release_rate", per_s, within=_POSITIVE, default=1.0),
        lateral=row.without("lateral") or lateral_of(row.get("lateral"), row.name("lateral"), values),
        tracking=row.without("tracking") or _tracking(row),
        source=row.text("source"),
    )


def _unit(row: Row) -> str:
    node = row.get("unit")
    unit = row.values.reader.text(node, row.name("unit"))
    try:
        to_pint(unit)
    except CatalogError as error:
        if node is not None:
            row.values.reader.fault(node, f"{row.name('unit')}: {error}")
        return ""
    return unit


def _neutral(row: Row, unit: str) -> float | Measured:
    node = row.get("neutral")
    if node is None or not isinstance(node.value, dict):
        return row.quantity("neutral", unit)
    inner = row.values.row(node, row.name("neutral"), ("measured", "scale", "tolerance", "centre"))
    info = row.values.signal(inner.get("measured"), inner.name("measured"))
    return Measured(
        path=info.path if info else "",
        scale=inner.quantity("scale", "", default=1.0),
        tolerance=inner.quantity("tolerance", unit, within=_NOT_NEGATIVE),
        centre=inner.quantity("centre", unit),
    )


def _window(row: Row, unit: str) -> tuple[int, float | Without]:
    """Return a time and the most that a quantity changes within any such time."""
    node = row.get("window")
    none = row.without("window")
    if node is None or none is not None:
        return NO_WINDOW_NS, none or Without("")
    inner = row.values.row(node, row.name("window"), ("time", "change"))
    change = inner.without("change") or inner.quantity("change", unit, within=_POSITIVE, default=1.0)
    return inner.ns("time", least_s=1e-3), change


def _tracking(row: Row) -> Tracking | Without:
    node = row.get("tracking")
    if node is None:
        return Without("")
    inner = row.values.row(node, row.name("tracking"), ("signal", "scale", "tolerance", "for"))
    info = row.values.signal(inner.get("signal"), inner.name("signal"))
    tolerance = inner.get("tolerance")
    unit = info.unit if info else ""
    reader = row.values.reader
    return Tracking(
        path=info.path if info else "",
        scale=inner.quantity("scale", "", default=1.0),
        tolerance=quantity(reader, tolerance, inner.name("tolerance"), unit, within=_POSITIVE, default=1.0),
        for_ns=inner.ns("for"),
    )


def lateral_of(node: Node | None, what: str, values: Values) -> Lateral | Without:
    """Return limits of what steering does to the people in the car."""
    if node is None:
        return Without("")
    row = values.row(node, what, ("acceleration", "jerk"), ("source",))
    return Lateral(
        row.quantity("acceleration", "m/s^2", within=_POSITIVE, default=1.0),
        row.quantity("jerk", "m/s^3", within=_POSITIVE, default=1.0),
    )


def geometry_of(node: Node | None, values: Values) -> Geometry | Without:
    """Return how the steering wheel's angle turns the car."""
    none = values.without(node)
    if node is None or none is not None:
        return none or Without("")
    row = values.row(node, "'geometry'", ("wheelbase", "steering_ratio", "understeer", "source"))
    return Geometry(
        row.quantity("wheelbase", "m", within=_POSITIVE, default=1.0),
        row.quantity("steering_ratio", "", within=_POSITIVE, default=1.0),
        row.quantity("understeer", "s^2/m", within=_NOT_NEGATIVE),
    )
