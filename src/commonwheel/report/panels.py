"""Panels drawn as SVG: lines over a grid, states as lanes, shaded where a value is not to be trusted.

Every panel is an SVG of its own with the same horizontal axis, so that a page can break between them. Lines are
drawn in whole tenths of a pixel, relative to the point before, which keeps a page small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.report.marks import marks_of
from commonwheel.report.markup import Markup, el, join
from commonwheel.report.model import SHADED
from commonwheel.report.palette import SERIES
from commonwheel.report.reduce import Runs, columns_covered, extremes, runs, thin
from commonwheel.report.ticks import nice_range, number_ticks, time_ticks, time_unit
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from commonwheel.report.model import Axis, Chart, Panel, Series, Tone

__all__ = ["NARROW", "WIDE", "Drawing", "Frame", "draw_axis", "draw_panel", "text_width"]

TITLE, PLOT, LANE, GAP, LEGEND, FOOT = 24, 116, 22, 8, 18, 40
MOST_NAMED = 8
"""More lines than this are drawn thin and without a legend."""
_LETTER, _TITLE_LETTER = 6.3, 7.5
"""Mean width of a letter of the 11.5 px text and of the 12.5 px titles, in pixels."""
_READING = 58
"""Room for a value beside a title, in pixels."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The horizontal layout that all panels of a chart share, in pixels."""

    width: int
    left: int
    right: int

    @property
    def plot(self) -> int:
        """Width of the plot area."""
        return self.width - self.left - self.right


WIDE = Frame(1000, 72, 16)
NARROW = Frame(380, 58, 8)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Markup and the height that it takes."""

    markup: Markup
    height: int


def text_width(text: str) -> float:
    """Return about how wide a text of the charts is."""
    return _LETTER * len(text)


def draw_panel(panel: Panel, chart: Chart, frame: Frame, *, named: bool = False) -> Drawing:
    """Draw a panel of a chart: title, legend where there are several series, then lines or lanes.

    Args:
        panel: what to draw.
        chart: whose axis and marks it has.
        frame: the layout.
        named: whether its marks have their names beside them.
    """
    axis = chart.axis
    parts = [_title(panel, frame)]
    top = TITLE
    named_lines = tuple(one for one in panel.series if panel.legend or one.stroke.wide)
    if named_lines and 1 < len(panel.series) <= MOST_NAMED and not panel.lanes:
        legend, rows = _legend(named_lines, frame)
        parts.append(_moved(0, top, legend))
        top += rows * LEGEND
    if panel.lanes and (tones := _tones(panel.series)):
        parts.append(_moved(frame.left, top, _tone_legend(tones)))
        top += LEGEND
    body = _lanes(panel, axis, frame) if panel.lanes else _lines(panel, axis, frame)
    parts.append(_moved(frame.left, top, body.markup))
    parts.append(_moved(frame.left, top, marks_of(chart.marks, axis, frame, body.height, named=named)))
    parts.append(el("line", class_="cross", y1=top, y2=top + body.height))
    return Drawing(join(parts), top + body.height + GAP)


def draw_axis(axis: Axis, frame: Frame) -> Drawing:
    """Draw the axis below the panels: ticks, labels and what they count."""
    most = 11 if frame.plot > NARROW.plot else 5
    parts: list[Markup] = [el("path", class_="edge", d=f"M0,0.5H{frame.plot}")]
    for value, label in _axis_ticks(axis, most):
        x = _x(value, axis, frame)
        parts.append(el("path", class_="edge", d=f"M{x:.1f},0v5"))
        anchor = "end" if x > frame.plot - 12 else "middle"
        parts.append(el("text", label, class_="tick", x=f"{x:.1f}", y=17, text_anchor=anchor))
    caption = f"{axis.caption}, {time_unit(axis.span)}" if axis.timed else axis.caption
    parts.append(el("text", caption, class_="unit", x=frame.plot / 2, y=34, text_anchor="middle"))
    parts.append(el("text", class_="when", y=17, text_anchor="middle"))
    return Drawing(_moved(frame.left, 0, join(parts)), FOOT)


def _axis_ticks(axis: Axis, most: int) -> list[tuple[float, str]]:
    if not axis.timed:
        return number_ticks(axis.first, axis.last, most)
    return time_ticks(axis.first, axis.last, most)


def _x(value: float, axis: Axis, frame: Frame) -> float:
    return (value - axis.first) / axis.span * frame.plot


def _moved(x: float, y: float, markup: Markup) -> Markup:
    return el("g", markup, transform=f"translate({x:g},{y:g})")


def _title(panel: Panel, frame: Frame) -> Markup:
    readings = len(panel.series) if len(panel.series) <= MOST_NAMED else 2
    # Where both have no room beside each other, the title makes way while values are shown.
    gives_way = frame is NARROW and readings > 1
    room = frame.plot - (0 if gives_way else _READING * min(4, readings)) - text_width(panel.unit) - 6
    most = max(14, int(room / _TITLE_LETTER))
    shown = panel.title if len(panel.title) <= most else "…" + panel.title[-(most - 1) :]
    unit = el("tspan", panel.unit, class_="unit", dx=7) if panel.unit else None
    full = el("title", panel.title) if shown != panel.title else None
    text = el("text", full, shown, unit, class_="name yields" if gives_way else "name", x=frame.left, y=16)
    return join([text, el("text", class_="now", x=frame.left + frame.plot, y=16, text_anchor="end")])


def _legend(series: tuple[Series, ...], frame: Frame) -> tuple[Markup, int]:
    """Return the legend and how many rows it takes."""
    parts: list[Markup] = []
    left = float(frame.left) if frame is WIDE else 4.0
    x, row = left, 0
    for one in series:
        wide = 43 + text_width(one.name)
        if x > left and x + wide > frame.left + frame.plot:
            x, row = left, row + 1
        y = row * LEGEND + 6
        late = one.stroke.dash is not None and one.stroke.dash[2] > 0  # it may begin with a gap
        whole = replace(one, stroke=replace(one.stroke, dash=None)) if late else one
        swatch = _stroke(whole, f"M{x * 10:g},{y * 10}h200", thin_line=False)
        parts += [swatch, el("text", one.name, class_="tick", x=f"{x + 27:.0f}", y=y + 4)]
        x += wide
    return join(parts), row + 1


def _stroke(series: Series, path: str, *, thin_line: bool) -> Markup:
    """Return a line in tenths of a pixel, in the series' colour and pattern."""
    stroke = series.stroke
    kind = "band" if stroke.wide else f"line s{series.color % SERIES}" + (" thin" if thin_line else "")
    dash = stroke.dash
    drawn = el(
        "path",
        class_=kind,
        d=path,
        stroke_dasharray=f"{dash[0] * 10:g} {dash[1] * 10:g}" if dash else None,
        stroke_dashoffset=f"{-dash[2] * 10:g}" if dash else None,
    )
    return el("g", drawn, transform="scale(.1)")


def _lines(panel: Panel, axis: Axis, frame: Frame) -> Drawing:
    values = [series.value[series.shown] for series in panel.series]
    filled = [value for value in values if len(value)]
    if panel.shows is not None and filled:
        values = [*filled, np.array(panel.shows)]
    low, high = nice_range(
        min((float(value.min()) for value in values if len(value)), default=math.inf),
        max((float(value.max()) for value in values if len(value)), default=-math.inf),
    )
    parts = [_grid(axis, frame, PLOT)]
    for value, label in number_ticks(low, high, 5):
        y = (high - value) / (high - low) * PLOT
        parts.append(el("path", class_="grid", d=f"M0,{y:.1f}H{frame.plot}"))
        parts.append(el("text", label, class_="tick", x=-7, y=f"{y + 4:.1f}", text_anchor="end"))
    parts.append(_shades(panel.series, axis, frame, PLOT))
    crowded = len(panel.series) > MOST_NAMED
    for series in panel.series:
        path = _path(series, axis, frame, low, high)
        if path:
            parts.append(_stroke(series, path, thin_line=crowded))
    if not filled:
        parts.append(el("text", "no value", class_="unit", x=frame.plot / 2, y=PLOT / 2 + 4, text_anchor="middle"))
    parts.append(el("path", class_="edge", d=f"M0.5,0V{PLOT}"))
    return Drawing(join(parts), PLOT)


def _grid(axis: Axis, frame: Frame, height: int) -> Markup:
    most = 11 if frame.plot > NARROW.plot else 5
    ticks = [_x(value, axis, frame) for value, _ in _axis_ticks(axis, most)]
    rules = "".join(f"M{x:.1f},0v{height}" for x in ticks)
    return join(
        [el("rect", class_="plot", width=frame.plot, height=height), el("path", class_="grid", d=rules or "M0,0")]
    )


def _shades(series: tuple[Series, ...], axis: Axis, frame: Frame, height: int, top: int = 0) -> Markup:
    """Return the spans in which a value is not GOOD, one hatch per quality."""
    parts: list[Markup] = []
    for quality in SHADED:
        spans = [_spans(one, quality, axis.last) for one in series]
        joined = Runs(*(np.concatenate([getattr(s, name) for s in spans]) for name in ("start", "end", "code")))
        if not len(joined):
            continue
        columns = columns_covered(joined, axis.first, axis.last, frame.plot)
        path = "".join(f"M{a},{top}h{b - a}v{height}h{a - b}z" for a, b in columns)
        name = quality.name.lower()
        parts += [el("path", class_=f"q-{name}", d=path), el("path", class_=f"wash w-{name}", d=path)]
    return join(parts)


def _spans(series: Series, quality: Quality, until: float) -> Runs:
    found = runs(series.t, series.quality.astype(np.float64), until)
    at = found.code == quality
    return Runs(found.start[at], found.end[at], found.code[at])


def _path(series: Series, axis: Axis, frame: Frame, low: float, high: float) -> str:
    """Return a line through the series' good values, broken where there are others in between."""
    shown = series.shown
    if not shown.any():
        return ""
    t, value = series.t[shown], series.value[shown]
    piece = np.cumsum(~shown)[shown]  # a new piece of the line wherever something was left out
    keep = extremes(t, value, axis.first, axis.last, frame.plot)
    x = np.rint((t[keep] - axis.first) / axis.span * frame.plot * 10).astype(np.int64)
    y = np.rint((high - value[keep]) / (high - low) * PLOT * 10).astype(np.int64)
    pieces = np.split(np.arange(len(keep)), np.flatnonzero(np.diff(piece[keep])) + 1)
    return "".join(_piece(x[part], y[part]) for part in pieces)


def _piece(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> str:
    at = thin(x, y)
    x, y = x[at], y[at]
    if len(x) == 1:
        return f"M{x[0]},{y[0]}h1"  # a dot, as lines have round ends
    steps = zip(np.diff(x).tolist(), np.diff(y).tolist(), strict=True)
    return f"M{x[0]},{y[0]}l" + "".join(
        f"{' ' if i and dx >= 0 else ''}{dx}{'' if dy < 0 else ' '}{dy}" for i, (dx, dy) in enumerate(steps)
    )


def _lanes(panel: Panel, axis: Axis, frame: Frame) -> Drawing:
    """Draw one row of states per series, each stretch with its name where there is room."""
    parts: list[Markup] = []
    several = len(panel.series) > 1
    for row, series in enumerate(panel.series):
        lane = _lane(series, axis, frame)
        name = None
        if several:
            name = _lane_name(series, frame)
        parts.append(_moved(0, row * LANE, join([name, lane])))
    return Drawing(join(parts), LANE * len(panel.series))


def _tones(series: tuple[Series, ...]) -> dict[Tone, str]:
    """Return the tones that occur in lanes, with what they are called there."""
    found: dict[Tone, str] = {}
    for one in series:
        tones, labels = one.tones or {}, one.labels or {}
        codes = sorted(int(code) for code in np.unique(one.value[one.shown]))
        found |= {tones[code]: labels[code] for code in codes if code in tones and code in labels}
    return found


def _tone_legend(tones: Mapping[Tone, str]) -> Markup:
    parts: list[Markup] = []
    x = 0.0
    for tone, name in tones.items():
        parts.append(el("rect", class_=f"state t-{tone.value}", x=f"{x:.0f}", y=0, width=14, height=12, rx=2))
        parts.append(el("text", name, class_="tick", x=f"{x + 19:.0f}", y=10))
        x += 33 + text_width(name)
    return join(parts)


def _lane_name(series: Series, frame: Frame) -> Markup:
    """Return a lane's name to the left of it, shortened to the room there."""
    most = int(frame.left / 6.0)
    cut = len(series.name) > most
    shown = series.name[: most - 1] + "…" if cut else series.name
    kind = "row" if series.tones is None else f"row s{series.color % SERIES}"
    return el("text", el("title", series.name) if cut else None, shown, class_=kind, x=-7, y=13, text_anchor="end")


def _lane(series: Series, axis: Axis, frame: Frame) -> Markup:
    height = LANE - 4
    parts = [_grid(axis, frame, height)]
    code = np.where(series.quality == Quality.GOOD, series.value, np.nan)
    labels = series.labels or {}
    binary = set(labels) <= {0, 1}
    for x0, x1, state in _states(runs(series.t, code, axis.last), axis, frame):
        if state is not None and math.isnan(state):
            continue
        name = "" if state is None else labels.get(int(state), f"{state:g}")
        off = binary and state == 0
        if not off:
            kind = "mixed" if state is None else _kind(series, int(state), binary=binary)
            parts.append(el("rect", class_=kind, x=f"{x0:.1f}", width=f"{x1 - x0:.1f}", height=height, rx=2))
        if name and x1 - x0 > text_width(name) + 8:
            kind = "said off" if off else "said on" if binary else "said"
            parts.append(el("text", name, class_=kind, x=f"{(x0 + x1) / 2:.1f}", y=13, text_anchor="middle"))
    parts.append(_shades((series,), axis, frame, height))
    return join(parts)


def _kind(series: Series, state: int, *, binary: bool) -> str:
    """Return the class of a stretch of a lane."""
    if series.tones is not None and state in series.tones:
        return f"state t-{series.tones[state].value}"
    return f"on s{series.color % SERIES}" if binary else f"state e{state % 4}"


def _states(found: Runs, axis: Axis, frame: Frame) -> list[tuple[float, float, float | None]]:
    """Return (from, to, code) in pixels; None stands for states that change too fast to be told apart."""
    scale = frame.plot / axis.span
    x0 = np.clip((found.start - axis.first) * scale, 0, frame.plot)
    x1 = np.clip((found.end - axis.first) * scale, 0, frame.plot)
    narrow = x1 - x0 < 1
    # Neighbours that are all narrower than a pixel are drawn as one.
    begins = np.flatnonzero(~narrow | np.r_[True, ~narrow[:-1]])
    ends = np.r_[begins[1:], len(narrow)] - 1
    return [
        (float(x0[i]), float(max(x1[j], x0[i] + 1)), None if narrow[i] else float(found.code[i]))
        for i, j in zip(begins.tolist(), ends.tolist(), strict=True)
    ]
