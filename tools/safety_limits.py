"""Tables of what limits each car, from its compiled ``control.yaml``; ``tools/safety.py`` puts them into their page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.control.description import load_control
from commonwheel.guard import Measured, Without
from commonwheel.guard.envelope import FieldKind
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.description import SHIPPED, car_names

if TYPE_CHECKING:
    from commonwheel.guard import CarEnvelope, Envelope
    from commonwheel.guard.envelope import Axis, Condition, Curve, FieldRule, FrameRule, Input, Lateral

__all__ = ["acting_cars", "limits", "table"]


_SECOND_NS = 1_000_000_000


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines) + "\n"


def acting_cars() -> dict[str, CarEnvelope]:
    """Return the envelope of each car that acts, by its name; variants of one envelope under their car's name."""
    found: dict[str, CarEnvelope] = {}
    for name in car_names():
        if not (SHIPPED / name.partition(":")[0] / "control.yaml").is_file():
            continue
        control = load_control(load_vehicle(name), name)
        if control is not None:
            found[name] = control.envelope
    return _without_doubles(found)


def _without_doubles(found: dict[str, CarEnvelope]) -> dict[str, CarEnvelope]:
    kept: dict[str, CarEnvelope] = {}
    for name, one in found.items():
        car = name.partition(":")[0]
        if car in kept and _shown(kept[car]) == _shown(one):
            continue
        kept[name] = one
    return kept


def _shown(envelope: CarEnvelope) -> str:
    return "\n".join(_car(envelope))


def limits() -> str:
    """Return the tables of all cars."""
    parts: list[str] = []
    for name, envelope in acting_cars().items():
        parts += [f"## `{name}`", "", *_car(envelope)]
    return "\n".join(parts)


def _car(one: CarEnvelope) -> list[str]:
    parts = [table(("", ""), _whole(one)), "### Axes", "", table(("axis", "", ""), _axes(one))]
    head = (
        "quantity",
        "unit",
        "from",
        "to",
        "neutral",
        "rate up, /s",
        "rate down, /s",
        "window",
        "timeout",
        "release, /s",
    )
    parts += ["### Quantities", "", table(head, [_quantity(each) for each in one.envelopes])]
    steering = [_steering(each) for each in one.envelopes]
    parts += [table(("quantity", "lateral", "has to be followed", "source"), steering)]
    head = ("input", "for", "range", "age", "tolerance", "frozen", "STALE", "INVALID", "CORRUPT", "MISSING")
    parts += ["### Inputs", "", table(head, [_input(each) for each in one.inputs])]
    head = ("frame", "id", "bytes", "at least apart", "at most", "the car's own is", "source")
    parts += ["### Frames", "", table(head, [_frame(each) for each in one.frames])]
    head = ("field", "bits", "may hold")
    for each in one.frames:
        parts += [f"`{each.name}`", "", table(head, [_field(field) for field in each.fields])]
    return parts


def _time(ns: int) -> str:
    return f"{ns / 1e9:g} s" if ns >= _SECOND_NS else f"{ns / 1e6:g} ms"


def _curve(curve: Curve | Without) -> str:
    if isinstance(curve, Without):
        return f"*None: {curve.why}*"
    if len(curve.points) == 1:
        return f"{curve.points[0][1]:g}"
    return ", ".join(f"{value:g} at {speed:g} m/s" for speed, value in curve.points)


def _neutral(one: float | Measured) -> str:
    return f"`{one.path}`, to within {one.tolerance:g}" if isinstance(one, Measured) else f"{one:g}"


def _lateral(one: Lateral | Without) -> str:
    return (
        f"*None: {one.why}*" if isinstance(one, Without) else f"{one.acceleration_mps2:g} m/s², {one.jerk_mps3:g} m/s³"
    )


def _whole(one: CarEnvelope) -> list[tuple[str, ...]]:
    geometry = one.geometry
    shape = (
        f"*None: {geometry.why}*"
        if isinstance(geometry, Without)
        else f"wheelbase {geometry.wheelbase_m:g} m, steering ratio {geometry.steering_ratio:g}, "
        f"understeer {geometry.understeer_s2_per_m:g} s²/m"
    )
    return [
        ("a loop is late after", _time(one.late_ns)),
        ("clocks may differ by", _time(one.clock_step_ns)),
        ("armed without engagement for", _time(one.armed_ns)),
        ("speed", f"`{one.speed}`"),
        ("steering wheel", f"*None: {one.steering.why}*" if isinstance(one.steering, Without) else f"`{one.steering}`"),
        ("geometry", shape),
        ("measured lateral acceleration and jerk", _lateral(one.measured_lateral)),
    ]


def _condition(one: Condition) -> str:
    return f"{one.text} ({one.ending.value}{f', {_time(one.for_ns)}' if one.for_ns else ''})"


def _conditions(all_of: tuple[Condition, ...]) -> str:
    return "; ".join(map(_condition, all_of)) or "nothing"


def _axes(one: CarEnvelope) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for axis in one.axes:
        rows += [(f"**{axis.name}**" if not number else "", *row) for number, row in enumerate(_axis(axis))]
    return rows


def _axis(axis: Axis) -> list[tuple[str, str]]:
    consent = f"*None: {axis.consent.why}*" if isinstance(axis.consent, Without) else _condition(axis.consent)
    return [
        ("the driver's consent", f"{consent}{_lapse(axis.consent_most_ns)}"),
        ("engaged while", _conditions(axis.engage)),
        ("kept while", _conditions(axis.keep)),
        ("overridden while", f"{_conditions(axis.override)}; by then for {_time(axis.override_most_ns)} at most"),
        ("released within", f"{_time(axis.release_ns)}; without a request after {_time(axis.request_timeout_ns)}"),
    ]


def _lapse(most_ns: int | Without) -> str:
    return "" if isinstance(most_ns, Without) else f"; it engages until {_time(most_ns)} after it began"


def _quantity(one: Envelope) -> tuple[str, ...]:
    window = (
        f"*None: {one.window_change.why}*"
        if isinstance(one.window_change, Without)
        else f"{one.window_change:g} in {_time(one.window_ns)}"
    )
    ends = (_curve(one.low), _curve(one.high), _neutral(one.neutral), _curve(one.rate_up), _curve(one.rate_down))
    return (f"`{one.name}`", one.unit, *ends, window, _time(one.timeout_ns), f"{one.release_rate:g}")


def _steering(one: Envelope) -> tuple[str, ...]:
    tracking = (
        f"*None: {one.tracking.why}*"
        if isinstance(one.tracking, Without)
        else f"`{one.tracking.path}` = {one.tracking.scale:g} times, "
        f"off by more than {one.tracking.tolerance:g} for {_time(one.tracking.for_ns)} at most"
    )
    return (f"`{one.name}`", _lateral(one.lateral), tracking, one.source)


def _input(one: Input) -> tuple[str, ...]:
    frozen = f"*None: {one.frozen_ns.why}*" if isinstance(one.frozen_ns, Without) else _time(one.frozen_ns)
    actions = (each.value for each in (one.stale, one.invalid, one.corrupt, one.missing))
    times = (_time(one.max_age_ns), _time(one.tolerance_ns), frozen)
    return (f"`{one.path}`", ", ".join(one.axes), f"{one.low:g} … {one.high:g}", *times, *actions)


def _frame(one: FrameRule) -> tuple[str, ...]:
    most = f"{one.most_in_window} in {_time(one.window_ns)}"
    identifier = f"{one.can_id & 0x1FFF_FFFF:#x}"
    return (f"`{one.name}`", identifier, str(one.size), _time(one.least_period_ns), most, one.stock.value, one.source)


def _field(one: FieldRule) -> tuple[str, ...]:
    match one.kind:
        case FieldKind.LIMITED:
            apart = f"; neutral, or raw {min(one.allowed)} … {max(one.allowed)}" if one.allowed else ""
            may = f"`{one.envelope}` in steps of {abs(one.factor):g}{apart}"
        case FieldKind.HELD:
            may = f"what the car's own controller last sent; {_raws(one.allowed)} before that"
        case FieldKind.ACTIVE:
            may = f"{_raws(one.idle)}; {_raws(one.allowed)} while {one.axis} acts"
        case FieldKind.FIXED:
            may = _raws(one.allowed)
        case FieldKind.FREE:
            may = f"anything: {one.why}"
        case _:
            may = f"the {one.kind.value}"
    return (f"`{one.name}`", f"{one.start}, {one.length} {'big' if one.big_endian else 'little'} endian", may)


def _raws(raws: frozenset[int]) -> str:
    return " or ".join(str(raw) for raw in sorted(raws))
