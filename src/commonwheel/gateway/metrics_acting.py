"""Metrics of cars that act: cycles, frames, states, what the guard said by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from commonwheel.gateway.metrics_families import family, histogram, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from commonwheel.gateway.pulse import Lateness

__all__ = ["acting"]

_CAR = ("car",)
_ROWS = (
    ("cycles", "counter", "acting_cycles", "Cycles of what makes the car act"),
    ("missed", "counter", "acting_missed_cycles", "Cycles that were left out, as the one before took too long"),
    ("unsent", "counter", "acting_unsent_frames", "CAN frames that no bus has taken"),
    ("dropped", "counter", "acting_dropped_batches", "Batches of frames that came faster than they were taken in"),
    ("untold", "counter", "acting_untold_cycles", "Cycles that were not told of, as readers took too long"),
    ("refused", "counter", "acting_refusals", "Requests and frames that were refused"),
)
_SAID = ("car", "kind", "rule")
"""The kind of a verdict is its outcome: allowed, limited, refused."""


def acting(gateways: Sequence[tuple[Mapping[str, str], Mapping[str, object]]]) -> Iterator[Metric]:
    """Yield the families, from the facts of gateways by their labels; none where no car acts."""
    cars = [(labels["car"], cast("Mapping[str, object]", facts["acting"])) for labels, facts in gateways
            if "acting" in facts]  # fmt: skip
    if not cars:
        return
    counted = {car: cast("Mapping[tuple[str, str], int]", facts["said"]) for car, facts in cars}
    rows = [({"car": car}, {**facts, "refused": _refused(counted[car])}) for car, facts in cars]
    yield from table(_ROWS, _CAR, rows)
    states = family("gauge", "acting_state", "Which state each axis is in", ("car", "axis", "state"))
    for car, facts in cars:
        for axis, state in cast("Mapping[str, str]", facts["states"]).items():
            states.add_metric([car, axis, state], 1.0)
    yield states
    said = family("counter", "acting_said", "What the guard said, by the rule that decided", _SAID)
    for car, counts in counted.items():
        for (kind, rule), count in sorted(counts.items()):
            said.add_metric([car, kind, rule], count)
    yield said
    for key, name, text in (
        ("cycle_s", "acting_cycle_seconds", "How long a cycle took"),
        ("late_s", "acting_lateness_seconds", "How late a cycle began"),
    ):
        yield histogram(name, text, _CAR, [((car,), cast("Lateness", facts[key])) for car, facts in cars])


def _refused(counts: Mapping[tuple[str, str], int]) -> int:
    return sum(count for (kind, _rule), count in counts.items() if kind in {"refusal", "refused"})
