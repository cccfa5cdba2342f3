"""Whether the limits of a car are within ``src/commonwheel/guard/bounds.yaml``, which states them independently."""

from __future__ import annotations

import fnmatch
import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from commonwheel.guard.envelope import Curve, FieldKind, Lateral, Measured, Tracking, Without
from commonwheel.guard.situation import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.control.model import Control
    from commonwheel.guard.envelope import Axis, CarEnvelope, Condition, Envelope, FrameRule, Input

__all__ = ["BOUNDS", "Bounds", "beyond", "load_bounds"]

BOUNDS = Path(__file__).resolve().parents[1] / "src" / "commonwheel" / "guard" / "bounds.yaml"
_SLACK = 1e-9
"""What units that are converted may add, as a share."""
_AXES = ("longitudinal", "lateral")
"""What moves a car; of others nobody publishes a bound."""
_S = 1e9

BySpeed: TypeAlias = float | dict[float, float]


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cars: str | tuple[str, ...]
    published: str = ""
    own: str = ""

    def holds_for(self, car: str) -> bool:
        """Whether it is stated of a car."""
        patterns = (self.cars,) if isinstance(self.cars, str) else self.cars
        return any(fnmatch.fnmatchcase(car, pattern) for pattern in patterns)


class CarBound(_Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of the whole car."""

    late_s: float
    clock_step_s: float
    armed_s: float
    measured_lateral: tuple[float, float]


class GeometryBound(_Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of how the wheel turns the car."""

    geometry: tuple[float, float, float]


class ConditionBound(_Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of conditions: path to ranges, each with its time."""

    of: dict[str, tuple[tuple[float, float, float], ...]]


class AxisBound(_Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of an axis."""

    axis: str
    release_s: float
    request_timeout_s: float
    override_most_s: float
    consent_most_s: float


class InputBound(_Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of inputs: path to age, tolerance, and from where to where."""

    of: dict[str, tuple[float, float, float, float]]
    frozen_s: dict[str, float] = {}


class QuantityBound(_Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of what a field or a standard signal carries."""

    of: tuple[str, ...]
    low: BySpeed
    high: BySpeed
    neutral: float | tuple[float, float, float]
    timeout_s: float
    release_rate: float | None = None
    """None of what is on or off: the sooner that ends the better."""
    rate_up: BySpeed | None = None
    rate_down: BySpeed | None = None
    window: tuple[float, float] | None = None
    lateral: tuple[float, float] | None = None
    tracking: tuple[float, float, float] | None = None


class FrameBound(_Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of messages."""

    of: tuple[str, ...]
    least_s: float
    burst: tuple[float, int]


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    format: int
    cars: tuple[CarBound, ...]
    geometry: tuple[GeometryBound, ...]
    conditions: tuple[ConditionBound, ...]
    axes: tuple[AxisBound, ...]
    inputs: tuple[InputBound, ...]
    quantities: tuple[QuantityBound, ...]
    frames: tuple[FrameBound, ...]


def load_bounds(path: Path = BOUNDS) -> Bounds:
    """Return the bounds.

    Raises:
        msgspec.ValidationError: the file is not of that form.
    """
    return msgspec.yaml.decode(path.read_bytes(), type=Bounds, strict=False)


def beyond(control: Control, name: str, bounds: Bounds) -> list[str]:
    """Return each limit of a car's longitudinal and lateral axes that is beyond its bound, or has none."""
    car = control.envelope
    moving = [axis for axis in car.axes if axis.name in _AXES]
    if not moving:
        return []
    found = [*_car(car, [row for row in bounds.cars if row.holds_for(name)])]
    found += _geometry(car, [row for row in bounds.geometry if row.holds_for(name)])
    stated_of = {path: ranges for row in bounds.conditions if row.holds_for(name) for path, ranges in row.of.items()}
    for axis in moving:
        rows = [row for row in bounds.axes if row.holds_for(name) and row.axis == axis.name]
        found += _stated(f"axis {axis.name}", len(rows))
        found += (f"axis {axis.name}: {text}" for row in rows for text in _axis(axis, row))
        found += (text for each in conditions(axis) for text in _condition(each, stated_of.get(each.path, ())))
    for each in car.inputs:
        if set(each.axes) & set(_AXES):
            inputs = [row for row in bounds.inputs if row.holds_for(name) and each.path in row.of]
            found += _stated(f"input {each.path}", len(inputs))
            found += (f"input {each.path}: {text}" for row in inputs for text in _input(each, row))
    for envelope in car.envelopes:
        if envelope.axis in _AXES:
            names = _carried(control, envelope.name)
            rows = [row for row in bounds.quantities if row.holds_for(name) and names & set(row.of)]
            found += _stated(
                f"envelope {envelope.name}", len(names & {one for row in rows for one in row.of}) - len(names)
            )
            found += (f"envelope {envelope.name}: {text}" for row in rows for text in _quantity(envelope, row))
    for frame in car.frames:
        if _moves(car, frame):
            rows = [row for row in bounds.frames if row.holds_for(name) and frame.name in row.of]
            found += _stated(f"frame {frame.name}", len(rows))
            found += (f"frame {frame.name}: {text}" for row in rows for text in _frame(frame, row))
    return found


def _stated(what: str, count: int) -> Iterator[str]:
    if count < 1 and not what.startswith("envelope"):
        yield f"{what} has no bound"
    if count < 0:
        yield f"{what} is carried by what has no bound"


def _moves(car: CarEnvelope, frame: FrameRule) -> bool:
    """Whether a frame carries, or says that there is, something that moves the car."""
    axes = {field.axis for field in frame.fields if field.kind is FieldKind.ACTIVE}
    carried = {field.envelope for field in frame.fields if field.kind is FieldKind.LIMITED}
    return bool((axes | {each.axis for each in car.envelopes if each.name in carried}) & set(_AXES))


def _carried(control: Control, envelope: str) -> set[str]:
    """Return the fields and standard signals that an envelope limits."""
    served = {path for adapter in control.adapters for path, name in adapter.serves.items() if name == envelope}
    return served | {
        f"{frame.name}.{field.name}"
        for frame in control.envelope.frames
        for field in frame.fields
        if field.envelope == envelope
    }


def _most(what: str, value: float, most: float) -> Iterator[str]:
    if not value <= most + _SLACK * abs(most):
        yield f"{what} is {value:.9g}, at most {most:g}"


def _car(car: CarEnvelope, rows: list[CarBound]) -> Iterator[str]:
    yield from _stated("the car", len(rows))
    for row in rows:
        yield from _most("late_loop", car.late_ns / _S, row.late_s)
        yield from _most("clock_step", car.clock_step_ns / _S, row.clock_step_s)
        yield from _most("armed_for", car.armed_ns / _S, row.armed_s)
        if isinstance(car.measured_lateral, Lateral):
            yield from _most(
                "measured_lateral acceleration", car.measured_lateral.acceleration_mps2, row.measured_lateral[0]
            )
            yield from _most("measured_lateral jerk", car.measured_lateral.jerk_mps3, row.measured_lateral[1])
        else:
            yield "lateral acceleration is not measured"


def _geometry(car: CarEnvelope, rows: list[GeometryBound]) -> Iterator[str]:
    yield from _stated("the geometry", len(rows))
    if isinstance(car.geometry, Without):
        yield "it has no geometry"
        return
    ours = car.geometry.wheelbase_m, car.geometry.steering_ratio, car.geometry.understeer_s2_per_m
    yield from (f"geometry is {ours}, not {row.geometry}" for row in rows if not _same(ours, row.geometry))


def _condition(each: Condition, stated: tuple[tuple[float, float, float], ...]) -> Iterator[str]:
    ours = each.low, each.high, each.for_ns / _S
    if not any(_same(ours, theirs) for theirs in stated):
        yield f"condition '{each.text}' is {ours}, not {' or '.join(map(str, stated)) or 'stated'}"


def _same(ours: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    return all(
        one == other or abs(one - other) <= _SLACK * max(abs(other), 1.0)
        for one, other in zip(ours, theirs, strict=True)
    )


def _axis(axis: Axis, row: AxisBound) -> Iterator[str]:
    yield from _most("release", axis.release_ns / _S, row.release_s)
    yield from _most("request_timeout", axis.request_timeout_ns / _S, row.request_timeout_s)
    consent_ns = math.inf if isinstance(axis.consent_most_ns, Without) else axis.consent_most_ns
    yield from _most("consent_most", consent_ns / _S, row.consent_most_s)
    yield from _most("override_most", axis.override_most_ns / _S, row.override_most_s)


def _input(each: Input, row: InputBound) -> Iterator[str]:
    age_s, more_s, low, high = row.of[each.path]
    yield from _most("max_age", each.max_age_ns / _S, age_s)
    yield from _most("tolerance", each.tolerance_ns / _S, more_s)
    yield from _most("high", each.high, high)
    yield from _most("low", -each.low, -low)
    if each.path in row.frozen_s:
        frozen_ns = math.inf if isinstance(each.frozen_ns, Without) else each.frozen_ns
        yield from _most("frozen", frozen_ns / _S, row.frozen_s[each.path])


def _frame(frame: FrameRule, row: FrameBound) -> Iterator[str]:
    yield from _most("least_period", -frame.least_period_ns / _S, -row.least_s)
    yield from _most("the time of the burst", -frame.window_ns / _S, -row.burst[0])
    yield from _most("the burst", frame.most_in_window, row.burst[1])


def _curve(bound: BySpeed) -> Curve:
    return Curve(tuple(sorted(bound.items())) if isinstance(bound, dict) else ((0.0, bound),))


def _speeds(*curves: Curve) -> list[float]:
    """Return all speeds at which curves bend, the middles between them, and one beyond."""
    bends = sorted({0.0, *(speed for curve in curves for speed, _ in curve.points)})
    return [*bends, *((left + right) / 2 for left, right in pairwise(bends)), bends[-1] + 100.0]


def _below(what: str, curve: Curve | Without, bound: BySpeed | None, sign: float = 1.0) -> Iterator[str]:
    if bound is None:
        return
    if isinstance(curve, Without):
        yield f"{what} is not limited, at most {bound}"
        return
    most = _curve(bound)
    for speed in _speeds(curve, most):
        yield from _most(f"{what} at {speed:g} m/s", sign * curve.at(speed), sign * most.at(speed))


def _neutral(neutral: float | Measured, stated: float | tuple[float, float, float]) -> Iterator[str]:
    if isinstance(neutral, Measured) and isinstance(stated, tuple):
        yield from _most("the tolerance of neutral", neutral.tolerance, stated[1])
        if (neutral.scale, neutral.centre) != (stated[0], stated[2]):
            yield f"neutral is {neutral.scale:g} times what is measured around {neutral.centre:g}, not {stated}"
    elif neutral != stated:
        yield f"neutral is {neutral}, not {stated}"


def _quantity(envelope: Envelope, row: QuantityBound) -> Iterator[str]:
    yield from _below("high", envelope.high, row.high)
    yield from _below("low", envelope.low, row.low, -1.0)
    yield from _below("rate_up", envelope.rate_up, row.rate_up)
    yield from _below("rate_down", envelope.rate_down, row.rate_down)
    yield from _most("timeout", envelope.timeout_ns / _S, row.timeout_s)
    if row.release_rate is not None:
        yield from _most("release_rate", envelope.release_rate, row.release_rate)
    yield from _neutral(envelope.neutral, row.neutral)
    if row.window is not None:
        yield from _most("the window's time", -envelope.window_ns / _S, -row.window[0])
        change = envelope.window_change
        yield from ["no window"] if isinstance(change, Without) else _most("the window's change", change, row.window[1])
    if row.lateral is not None:
        if isinstance(envelope.lateral, Lateral):
            yield from _most("lateral acceleration", envelope.lateral.acceleration_mps2, row.lateral[0])
            yield from _most("lateral jerk", envelope.lateral.jerk_mps3, row.lateral[1])
        else:
            yield "no limit of lateral acceleration"
    if row.tracking is not None:
        if isinstance(envelope.tracking, Tracking):
            yield from _most("the tracking's tolerance", envelope.tracking.tolerance, row.tracking[0])
            yield from _most("the tracking's time", envelope.tracking.for_ns / _S, row.tracking[1])
            if envelope.tracking.scale != row.tracking[2]:
                yield f"the tracking's scale is {envelope.tracking.scale:g}, not {row.tracking[2]:g}"
        else:
            yield "nothing is tracked"
