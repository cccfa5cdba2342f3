"""What happened, drawn through a panel: a line where it began, a wash for as long as it lasted, its name beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.report.markup import Markup, el, join

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.report.model import Axis, Mark
    from commonwheel.report.panels import Frame

__all__ = ["marks_of"]

_LETTER = 6.3
_LINE = 13
_ROWS = 3
"""Names that are too near to each other stand below each other, in so many lines at most."""


def marks_of(marks: Iterable[Mark], axis: Axis, frame: Frame, height: int, *, named: bool) -> Markup:
    """Return the marks that lie on the axis, over a plot of this height."""
    parts: list[Markup] = []
    taken = [-math.inf] * _ROWS
    for mark in sorted(marks, key=lambda one: one.first):
        if not axis.first <= mark.first <= axis.last:
            continue
        x = (mark.first - axis.first) / axis.span * frame.plot
        if math.isfinite(mark.last):
            wide = max(1.0, (min(mark.last, axis.last) - mark.first) / axis.span * frame.plot)
            parts.append(el("rect", class_="happens wash", x=f"{x:.1f}", width=f"{wide:.1f}", height=height))
        parts.append(el("path", class_="happens", d=f"M{x:.1f},0v{height}"))
        if named:
            wide = _LETTER * len(mark.text)
            back = x + 6 + wide > frame.plot and x > wide
            left = x - 6 - wide if back else x + 6
            row = next((at for at in range(_ROWS) if taken[at] < left), 0)
            taken[row] = left + wide
            anchor = "end" if back else "start"
            at = {"x": f"{x - 5 if back else x + 5:.1f}", "y": 12 + row * _LINE, "text_anchor": anchor}
            parts.append(el("text", mark.text, class_="happened", **at))
    return join(parts)
