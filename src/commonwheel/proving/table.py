"""The table of a fault campaign: how soon each kind of fault of each input was noticed, and how soon the car let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonwheel.proving.campaign import Probe

__all__ = ["Row", "fault_rows", "markdown", "rows_of"]

_COLUMNS = (
    "input",
    "fault",
    "axis",
    "tried",
    "noticed",
    "noticed min",
    "median",
    "max",
    "stated",
    "released min",
    "median",
    "max",
    "stated",
    "not held",
)


class Row(msgspec.Struct, frozen=True):
    """All probes of one fault of one input on one axis; times in seconds, None where there is none."""

    of: str
    kind: str
    axis: str
    tried: int
    noticed: int
    """How often the axis was let go."""
    failed: int
    noticed_s: tuple[float, float, float] | None
    """Least, median and most."""
    noticed_within_s: float | None
    """The longest that is stated for any car; None where nothing is."""
    released_s: tuple[float, float, float] | None
    released_within_s: float


def rows_of(probes: Iterable[Probe]) -> list[Row]:
    """Return the table's rows, by input, fault and axis."""
    groups: dict[tuple[str, str, str], list[Probe]] = {}
    for probe in probes:
        groups.setdefault((probe.of, probe.kind, probe.axis), []).append(probe)
    return [_row(key, groups[key]) for key in sorted(groups)]


def _row(key: tuple[str, str, str], probes: Sequence[Probe]) -> Row:
    noticed = [one.noticed_s for one in probes if one.noticed_s is not None]
    released = [one.released_s for one in probes if one.released_s is not None]
    stated = [one.noticed_within_s for one in probes if one.noticed_within_s is not None]
    return Row(
        *key,
        len(probes),
        len(noticed),
        sum(not one.passed for one in probes),
        _spread(noticed),
        max(stated) if stated else None,
        _spread(released),
        max(one.released_within_s for one in probes),
    )


def _spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    return (min(values), float(np.median(values)), max(values)) if values else None


def fault_rows(probes: Iterable[Probe]) -> tuple[list[str], list[list[str]]]:
    """Return the table as headings and cells."""
    cells = [
        [
            row.of.removeprefix("Vehicle.") or "–",
            row.kind,
            row.axis,
            str(row.tried),
            str(row.noticed),
            *_three(row.noticed_s),
            "–" if row.noticed_within_s is None else f"{row.noticed_within_s:.2f}",
            *_three(row.released_s),
            f"{row.released_within_s:.2f}",
            str(row.failed),
        ]
        for row in rows_of(probes)
    ]
    return list(_COLUMNS), cells


def _three(spread: tuple[float, float, float] | None) -> tuple[str, str, str]:
    return ("–", "–", "–") if spread is None else (f"{spread[0]:.2f}", f"{spread[1]:.2f}", f"{spread[2]:.2f}")


def markdown(probes: Iterable[Probe]) -> str:
    """Return the table in Markdown."""
    columns, rows = fault_rows(probes)
    rule = ["---", "---", "---", *(["---:"] * (len(columns) - 3))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rule, *rows]) + "\n"
