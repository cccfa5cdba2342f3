"""Axis ticks: round numbers, round times, and labels with just the digits that tell them apart."""

from __future__ import annotations

import math

__all__ = ["format_number", "format_time", "nice_range", "number_ticks", "time_ticks", "time_unit"]

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_DAY_S = 86_400
_MINUTES_FROM_S, _HOURS_FROM_S, _DAYS_FROM_S = 180, 7200, 4 * _DAY_S
_MOST_DECIMALS = 9
_LARGE, _SMALL, _SPACED, _HUGE = 1e6, 1e-4, 1e4, 1e9


def number_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return (value, label) of at most *most* round numbers in ``low..high`` (at least one)."""
    step = _step((high - low) / max(1, most - 1))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    values = [i * step for i in range(first, last + 1)] or [(low + high) / 2]
    decimals = min(_MOST_DECIMALS, max(0, -math.floor(math.log10(step) + 1e-9)))
    if not math.isclose(step * 10**decimals, round(step * 10**decimals), rel_tol=1e-9):
        decimals += 1  # steps of 2.5
    return [(value, _label(value, decimals)) for value in values]


def _step(rough: float) -> float:
    """Return the smallest round number that is not below *rough*."""
    if not math.isfinite(rough) or rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in _ROUND if power * factor >= rough * (1 - 1e-9))


def _label(value: float, decimals: int) -> str:
    shown = value + 0.0 if value else 0.0  # no minus zero
    if abs(shown) >= _HUGE or 0 < abs(shown) < _SMALL:
        return f"{shown:.6g}".replace("-", "−")
    return f"{shown:,.{decimals}f}".replace("-", "−").replace(",", " ")


def nice_range(low: float, high: float) -> tuple[float, float]:
    """Return a range a little wider than the values, never empty."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    span = high - low
    if span <= abs(high) * 1e-9:
        half = abs(high) * 0.05 or 0.5
        return low - half, high + half
    return low - span * 0.06, high + span * 0.06


def time_ticks(low_s: float, high_s: float, most: int) -> list[tuple[float, str]]:
    """Return (seconds, label): seconds for short spans, minutes and seconds, then hours, for longer ones."""
    span = high_s - low_s
    if span < _MINUTES_FROM_S:
        return number_ticks(low_s, high_s, most)
    if span > _DAYS_FROM_S:
        return [(day * _DAY_S, label) for day, label in number_ticks(low_s / _DAY_S, high_s / _DAY_S, most)]
    step = next((s for s in _SECONDS if span / s <= most), _DAY_S)
    values = range(math.ceil(low_s / step) * step, math.floor(high_s) + 1, step)
    return [(float(value), format_time(value, span)) for value in values]


def time_unit(span_s: float) -> str:
    """Return what the labels of ``time_ticks`` count for a span."""
    units = ((_MINUTES_FROM_S, "s"), (_HOURS_FROM_S, "min:s"), (_DAYS_FROM_S, "h:min"))
    return next((unit for least, unit in units if span_s < least), "days")


def format_time(seconds: float, span_s: float) -> str:
    """Return a time of day-less clock: ``12.3``, ``2:05`` or ``1:02:05``, as suits a span."""
    if span_s < _MINUTES_FROM_S:
        return f"{seconds:g}"
    sign, whole = ("−" if seconds < 0 else ""), round(abs(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if span_s < _HOURS_FROM_S and not hours:
        return f"{sign}{minutes}:{rest:02}"
    return f"{sign}{hours}:{minutes:02}" + (f":{rest:02}" if rest else "")


def format_number(value: float | None, digits: int = 5) -> str:
    """Return a number for people: no needless zeros, a real minus sign; an en dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= min(_LARGE, 10.0**digits) or (value == round(value) and abs(value) >= _SPACED):
        return f"{value:,.0f}".replace(",", " ").replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")
