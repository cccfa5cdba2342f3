"""A chart as a figure of a page, or as a picture of its own (SVG, or PNG by an extra).

In a page each panel is drawn twice, for wide and for narrow screens, and a script beside it shows values under the
pointer or by the arrow keys. A picture has the light colours and its legend inside.
"""

from __future__ import annotations

import math
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.errors import MissingExtraError
from commonwheel.report.markup import Markup, compact_json, el, join
from commonwheel.report.model import QUALITY_WORDS
from commonwheel.report.palette import LIGHT, read_style, with_colors
from commonwheel.report.panels import NARROW, WIDE, draw_axis, draw_panel, text_width
from commonwheel.report.reduce import extremes, runs

if TYPE_CHECKING:
    from commonwheel.report.model import Axis, Chart, Series
    from commonwheel.report.panels import Drawing, Frame
    from commonwheel.vehicles.samples import Quality

__all__ = ["figure", "hatches", "picture", "png"]

_NAMESPACE = "http://www.w3.org/2000/svg"


def hatches() -> Markup:
    """Return the patterns that shade what is not to be trusted; once per page."""
    lines = {
        "stale": el("path", class_="h-stale", d="M-1,1l2,-2M0,8l8,-8M7,9l2,-2", stroke_width=1.4),
        "invalid": el("circle", class_="h-invalid", cx=3, cy=3, r=1.3),
        "corrupt": el("path", class_="h-corrupt", d="M0,0l6,6M6,0l-6,6", stroke_width=1.1),
    }
    sizes = {"stale": 8, "invalid": 6, "corrupt": 6}
    return join(
        el("pattern", line, id=f"q-{name}", width=sizes[name], height=sizes[name], patternUnits="userSpaceOnUse")
        for name, line in lines.items()
    )


def figure(chart: Chart) -> Markup:
    """Return a chart as a figure of a page."""
    drawn = zip(chart.panels, _drawn(chart, WIDE), _drawn(chart, NARROW), strict=True)
    panels = [
        el("div", _svg(wide, WIDE, panel.title), _svg(narrow, NARROW, panel.title), class_="panel")
        for panel, wide, narrow in drawn
    ]
    foot = el("div", *(_svg(draw_axis(chart.axis, frame), frame, "") for frame in (WIDE, NARROW)), class_="axis")
    return el(
        "figure",
        *panels,
        foot,
        _key(chart.qualities) if chart.qualities else None,
        el("output", class_="sr"),
        el("script", compact_json(_values(chart)), type="application/json"),
        class_="chart",
        tabindex=0,
        role="group",
        aria_label=f"{chart.title}. Left and right arrow keys read the values.",
    )


def _svg(drawing: Drawing, frame: Frame, title: str) -> Markup:
    said = {"role": "img", "aria_label": title} if title else {"aria_hidden": "true"}
    return el(
        "svg",
        drawing.markup,
        class_="wide" if frame is WIDE else "narrow",
        viewBox=f"0 0 {frame.width} {drawing.height}",
        data_left=frame.left,
        data_plot=frame.plot,
        **said,
    )


def _key(qualities: list[Quality]) -> Markup:
    """Return the legend of the shades."""
    items = [
        el(
            "span",
            el(
                "svg",
                el("rect", class_=f"q-{q.name.lower()}", width=26, height=14),
                el("rect", class_=f"wash w-{q.name.lower()}", width=26, height=14),
                width=26,
                height=14,
                aria_hidden="true",
            ),
            el("b", q.name),
            f" {QUALITY_WORDS[q]}",
        )
        for q in qualities
    ]
    return el("figcaption", *items)


def _values(chart: Chart) -> dict[str, Any]:
    """Return what the page's script shows: values by time, thinned to what fits on a screen."""
    axis = chart.axis
    return {
        "first": axis.first,
        "last": axis.last,
        "timed": axis.timed,
        "panels": [
            {"title": p.title, "unit": p.unit, "series": [_series_values(s, axis, chart.columns) for s in p.series]}
            for p in chart.panels
        ],
    }


def _series_values(series: Series, axis: Axis, columns: int) -> dict[str, Any]:
    digits = max(0, 4 - math.floor(math.log10(axis.span)))
    shown = np.isfinite(series.value)
    t, value = series.t[shown], series.value[shown]
    if series.labels is not None:
        found = runs(t, value, axis.last)
        t, value = found.start, found.code
    at = extremes(t, value, axis.first, axis.last, columns)
    shades = runs(series.t, series.quality.astype(np.float64), axis.last)
    bad = np.flatnonzero(shades.code != 0)[: 4 * columns]
    return {
        "name": series.name,
        "color": -1 if series.stroke.wide else series.color,
        "t": [round(float(x), digits) for x in t[at]],
        "v": [float(f"{x:.6g}") for x in value[at]],
        "q": [
            [round(float(shades.start[i]), digits), round(float(shades.end[i]), digits), int(shades.code[i])]
            for i in bad
        ],
        "labels": None if series.labels is None else {str(code): name for code, name in series.labels.items()},
    }


def picture(chart: Chart, heading: str = "", note: str = "") -> Markup:
    """Return a chart as an SVG of its own, in the light colours, with its legend."""
    frame = WIDE
    parts: list[Markup] = []
    y = 8.0
    if heading:
        parts.append(el("text", heading, class_="name", x=frame.left, y=22))
        y += 26
    if note:
        parts.append(el("text", note, class_="unit", x=frame.left, y=y + 12))
        y += 22
    for drawing in [*_drawn(chart, frame), draw_axis(chart.axis, frame)]:
        parts.append(el("g", drawing.markup, transform=f"translate(0,{y:g})"))
        y += drawing.height
    if chart.qualities:
        parts.append(el("g", _drawn_key(chart.qualities, frame), transform=f"translate(0,{y:g})"))
        y += 22
    style = with_colors(read_style("chart.css") + ".cross,.when,.now{display:none}", LIGHT)
    return el(
        "svg",
        el("style", Markup(style)),
        el("defs", hatches()),
        el("rect", width="100%", height="100%", fill=LIGHT["card"]),
        *parts,
        xmlns=_NAMESPACE,
        class_="chart",
        viewBox=f"0 0 {frame.width} {y + 4:g}",
        width=frame.width,
        height=f"{y + 4:g}",
        role="img",
        aria_label=chart.title,
    )


def _drawn(chart: Chart, frame: Frame) -> list[Drawing]:
    return [draw_panel(panel, chart, frame, named=not at) for at, panel in enumerate(chart.panels)]


def _drawn_key(qualities: list[Quality], frame: Frame) -> Markup:
    parts: list[Markup] = []
    x = float(frame.left)
    for quality in qualities:
        text, name = f"{quality.name} {QUALITY_WORDS[quality]}", quality.name.lower()
        parts += [
            el("rect", class_=f"q-{name}", x=f"{x:g}", width=26, height=14),
            el("rect", class_=f"wash w-{name}", x=f"{x:g}", width=26, height=14),
            el("text", text, class_="tick", x=f"{x + 32:g}", y=11),
        ]
        x += 32 + text_width(text) + 16
    return join(parts)


def png(svg: str, *, zoom: float = 2.0) -> bytes:
    """Return an SVG of ``picture`` as a PNG.

    Raises:
        MissingExtraError: the extra ``png`` is not installed.
    """
    try:
        import resvg_py

        fonts = files("fontpkg_noto_sans").joinpath("files")
    except ImportError as error:
        feature = "drawing a PNG"
        raise MissingExtraError(feature, "png") from error
    # One font that comes along, so that the same chart is the same picture on every machine.
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=zoom,
            skip_system_fonts=True,
            font_files=[str(path) for path in fonts.iterdir() if path.name.endswith(".ttf")],
            font_family="Noto Sans",
            sans_serif_family="Noto Sans",
        )
    )
