"""What is wrong with an envelope, all of it: a guard is never made of one that contradicts itself."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING

from commonwheel.guard.envelope import Curve, Geometry, Lateral, Measured, Tracking, Without
from commonwheel.guard.limits import ANGLES, CURVATURES
from commonwheel.guard.problems_frames import frame_problems
from commonwheel.guard.situation import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.guard.envelope import Axis, CarEnvelope, Condition, Envelope, Input

__all__ = ["problems"]


def problems(car: CarEnvelope) -> list[str]:
    """Return everything that is wrong, in words; nothing if the guard can keep it."""
    found = [*_names(car)]
    if not found:  # the rest looks things up by these names
        found += _car(car)
        found += (f"input '{each.path}': {text}" for each in car.inputs for text in _input(car, each))
        found += (f"axis '{each.name}': {text}" for each in car.axes for text in _axis(car, each))
        found += (f"envelope '{each.name}': {text}" for each in car.envelopes for text in _envelope(car, each))
        found += (f"frame '{each.name}': {text}" for each in car.frames for text in frame_problems(car, each))
    return found


def _names(car: CarEnvelope) -> Iterator[str]:
    named = {
        "input": [each.path for each in car.inputs],
        "axis": [each.name for each in car.axes],
        "envelope": [each.name for each in car.envelopes],
        "frame": [f"0x{each.can_id:X} of bus {each.bus}" for each in car.frames],
    }
    for what, names in named.items():
        yield from (f"{what} {name} is there {count} times" for name, count in Counter(names).items() if count > 1)
    paths, axes, envelopes = set(named["input"]), set(named["axis"]), set(named["envelope"])
    yield from _unknown("the speed", [car.speed], paths, "input")
    if not isinstance(car.steering, Without):
        yield from _unknown("the steering", [car.steering], paths, "input")
    for each in car.inputs:
        yield from _unknown(f"input '{each.path}'", each.axes, axes, "axis")
    for axis in car.axes:
        yield from _unknown(f"axis '{axis.name}'", [each.path for each in conditions(axis)], paths, "input")
    for envelope in car.envelopes:
        yield from _unknown(f"envelope '{envelope.name}'", [envelope.axis], axes, "axis")
        used = [each.path for each in (envelope.neutral, envelope.tracking) if isinstance(each, (Measured, Tracking))]
        yield from _unknown(f"envelope '{envelope.name}'", used, paths, "input")
    for frame in car.frames:
        for field in frame.fields:
            of = f"field '{frame.name}.{field.name}'"
            yield from _unknown(of, [field.envelope] if field.envelope else [], envelopes, "envelope")
            yield from _unknown(of, [field.axis] if field.axis else [], axes, "axis")


def _unknown(where: str, names: list[str] | tuple[str, ...], known: set[str], what: str) -> Iterator[str]:
    yield from (f"{where} names {what} '{name}', which is not listed" for name in names if name not in known)


def _positive(what: str, *values: float) -> Iterator[str]:
    yield from (f"{what} is {each:g}, not above 0" for each in values if not (each > 0.0 and math.isfinite(each)))


def _not_negative(what: str, value: float) -> Iterator[str]:
    if not (value >= 0.0 and math.isfinite(value)):
        yield f"{what} is {value:g}, not 0 or above"


def _car(car: CarEnvelope) -> Iterator[str]:
    for what, value in (("late_ns", car.late_ns), ("clock_step_ns", car.clock_step_ns), ("armed_ns", car.armed_ns)):
        yield from _positive(what, value)
    if isinstance(car.geometry, Geometry):
        yield from _positive("wheelbase", car.geometry.wheelbase_m)
        yield from _positive("steering ratio", car.geometry.steering_ratio)
        (speed,) = (each for each in car.inputs if each.path == car.speed)
        top_mps = max(abs(speed.low), abs(speed.high)) / 3.6
        if not car.geometry.wheelbase_m + car.geometry.understeer_s2_per_m * top_mps**2 > 0.0:
            yield f"the geometry turns no way at {top_mps:g} m/s: wheelbase + understeer v^2 is not above 0"
    if isinstance(car.measured_lateral, Lateral):
        yield from _lateral(car.measured_lateral, car)
        if isinstance(car.steering, Without):
            yield "the lateral acceleration cannot be measured without the steering wheel's angle"
        else:
            yield from _measures(car, car.steering)


def _measures(car: CarEnvelope, steering: str) -> Iterator[str]:
    """Yield what keeps a measured lateral acceleration from releasing what steers."""
    steers = {each.axis for each in car.envelopes if isinstance(each.lateral, Lateral)}
    if not steers:
        yield "a lateral acceleration is measured, and nothing that steers is limited by it"
    for axis in sorted(steers):
        yield from _relies(car, axis, steering, "the measured lateral acceleration")


def _lateral(limits: Lateral, car: CarEnvelope) -> Iterator[str]:
    yield from _positive("lateral acceleration", limits.acceleration_mps2)
    yield from _positive("lateral jerk", limits.jerk_mps3)
    if isinstance(car.geometry, Without):
        yield "a lateral acceleration is limited, and the car has no geometry"


def _range(low: float, high: float) -> Iterator[str]:
    if not low <= high:
        yield f"nothing is from {low:g} to {high:g}"


def _input(car: CarEnvelope, each: Input) -> Iterator[str]:
    yield from _range(each.low, each.high)
    yield from _positive("max_age_ns", each.max_age_ns)
    if not isinstance(each.frozen_ns, Without):
        yield from _positive("frozen_ns", each.frozen_ns)
    yield from _not_negative("tolerance_ns", each.tolerance_ns)
    if each.path == car.speed:
        yield from _positive("the highest speed", max(abs(each.low), abs(each.high)))


def _relies(car: CarEnvelope, axis: str, path: str, for_what: str) -> Iterator[str]:
    """Yield that an axis does not rely on an input that it needs: then nothing happened if that failed."""
    if not any(each.path == path and axis in each.axes for each in car.inputs):
        yield f"{for_what} needs input '{path}', on which '{axis}' does not rely"


def _axis(car: CarEnvelope, axis: Axis) -> Iterator[str]:
    for each in conditions(axis):
        yield from (f"condition '{each.text}': {text}" for text in _condition(car, axis, each))
    if isinstance(axis.consent_most_ns, Without):
        if not isinstance(axis.consent, Without):
            yield "its consent lapses at some time: consent_most_ns says when"
    else:
        yield from _positive("consent_most_ns", axis.consent_most_ns)
    yield from _not_negative("override_most_ns", axis.override_most_ns)
    yield from _positive("release_ns", axis.release_ns)
    yield from _positive("request_timeout_ns", axis.request_timeout_ns)


def _condition(car: CarEnvelope, axis: Axis, each: Condition) -> Iterator[str]:
    yield from _range(each.low, each.high)
    yield from _not_negative("for_ns", each.for_ns)
    yield from _relies(car, axis.name, each.path, "it")


def _curve(what: str, curve: Curve) -> Iterator[str]:
    numbers = [number for point in curve.points for number in point]
    speeds = [speed for speed, _ in curve.points]
    if not curve.points:
        yield f"{what} has no points"
    elif not all(map(math.isfinite, numbers)):
        yield f"{what} is not made of finite numbers"
    elif speeds[0] < 0.0 or any(right <= left for left, right in itertools.pairwise(speeds)):
        yield f"the speeds of {what} do not rise from 0 or more: {', '.join(f'{speed:g}' for speed in speeds)}"


def _envelope(car: CarEnvelope, each: Envelope) -> Iterator[str]:
    rates = {"rate_up": each.rate_up, "rate_down": each.rate_down}
    curves = {"low": each.low, "high": each.high}
    curves |= {name: rate for name, rate in rates.items() if isinstance(rate, Curve)}
    broken = [text for name, curve in curves.items() for text in _curve(name, curve)]
    yield from broken
    yield from _positive("release_rate", each.release_rate)
    if not broken:
        for name, rate in rates.items():
            if isinstance(rate, Curve):
                yield from _positive(name, *(value for _, value in rate.points))
        yield from _neutral(car, each)
    yield from _positive("window_ns", each.window_ns)
    if not isinstance(each.window_change, Without):
        yield from _positive("window_change", each.window_change)
    yield from _positive("timeout_ns", each.timeout_ns)
    if isinstance(each.lateral, Lateral):
        yield from _lateral(each.lateral, car)
        if each.unit not in ANGLES | CURVATURES:
            yield f"a lateral acceleration follows from an angle or a curvature, not from '{each.unit}'"
    if isinstance(each.lateral, Lateral) or any(len(curve.points) > 1 for curve in curves.values()):
        yield from _relies(car, each.axis, car.speed, "a limit by speed")
    if isinstance(each.tracking, Tracking):
        yield from _positive("the tracking's tolerance", each.tracking.tolerance)
        yield from _not_negative("the tracking's for_ns", each.tracking.for_ns)
        yield from _scale("the tracking", each.tracking.scale)
        yield from _relies(car, each.axis, each.tracking.path, "the tracking")


def _scale(what: str, scale: float) -> Iterator[str]:
    if scale == 0.0 or not math.isfinite(scale):
        yield f"{what} has a scale of {scale:g}"


def _neutral(car: CarEnvelope, each: Envelope) -> Iterator[str]:
    low, high = [value for _, value in each.low.points], [value for _, value in each.high.points]
    if isinstance(each.neutral, Measured):
        neutral = each.neutral.centre
        yield from _not_negative("the tolerance of a measured neutral", each.neutral.tolerance)
        yield from _scale("a measured neutral", each.neutral.scale)
        yield from _relies(car, each.axis, each.neutral.path, "a measured neutral")
        farthest = 0.0  # it comes along by itself
    else:
        neutral = each.neutral
        farthest = max(max(high) - neutral, neutral - min(low))
    if not max(low) <= neutral <= min(high):
        yield f"neutral {neutral:g} is not between {max(low):g} and {min(high):g}, the limits of the strictest speeds"
    periods = [frame.least_period_ns for frame in car.frames if any(f.envelope == each.name for f in frame.fields)]
    (axis,) = (axis for axis in car.axes if axis.name == each.axis)
    within_s = (axis.release_ns - max(periods, default=0)) / 1e9
    if each.release_rate * within_s < farthest:
        yield (
            f"a release from {farthest:g} {each.unit} off at {each.release_rate:g} per second is not over within "
            f"{within_s:g} s (release_ns, less the time to the last frame)"
        )
    if any(each.timeout_ns <= period for period in periods):
        yield "its frames come less often than timeout_ns, so that each one begins anew"
