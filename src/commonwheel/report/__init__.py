"""Reports: charts as SVG, and pages of HTML that are complete in themselves.

Depends on numpy only. ``page`` and ``figure`` make pages, ``picture`` and ``png`` pictures; ``panels_of`` turns
decoded samples into what they show.
"""

from __future__ import annotations

from commonwheel.report.figure import figure, picture, png
from commonwheel.report.markup import Markup, el
from commonwheel.report.model import Axis, Chart, Mark, Panel, Series, Stroke, Tone
from commonwheel.report.page import card, check_target, facts, page, table, write
from commonwheel.report.samples import Timeline, by_path, panels_of, series_of, unfold

__all__ = [
    "Axis",
    "Chart",
    "Mark",
    "Markup",
    "Panel",
    "Series",
    "Stroke",
    "Timeline",
    "Tone",
    "by_path",
    "card",
    "check_target",
    "el",
    "facts",
    "figure",
    "page",
    "panels_of",
    "picture",
    "png",
    "series_of",
    "table",
    "unfold",
    "write",
]
