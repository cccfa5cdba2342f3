"""How figures become families of Prometheus: one value, a table of them, a histogram; all under one prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from commonwheel.gateway.pulse import Lateness

__all__ = ["family", "histogram", "one", "table"]

_PREFIX = "commonwheel_"


def family(kind: str, name: str, help_text: str, labels: Sequence[str]) -> CounterMetricFamily | GaugeMetricFamily:
    """Return an empty family; *kind* is ``counter`` or ``gauge``."""
    make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    return make(f"{_PREFIX}{name}", help_text, labels=labels)


def one(kind: str, name: str, help_text: str, labels: Mapping[str, str], value: float) -> Metric:
    """Return a family of one value."""
    made = family(kind, name, help_text, tuple(labels))
    made.add_metric(tuple(labels.values()), value)
    return made


def table(
    rows: Sequence[tuple[str, str, str, str]],
    labels: Sequence[str],
    facts: Sequence[tuple[Mapping[str, str], Mapping[str, object]]],
) -> Iterator[Metric]:
    """Yield one family per row (key, kind, name, meaning), with a value for each that has it."""
    for key, kind, name, help_text in rows:
        made = family(kind, name, help_text, labels)
        for given, values in facts:
            value = values.get(key)
            if isinstance(value, int | float):
                made.add_metric([given[label] for label in labels], float(value))
        if made.samples:
            yield made


def histogram(
    name: str, help_text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Lateness]]
) -> Metric:
    """Return a family of histograms of seconds."""
    made = HistogramMetricFamily(f"{_PREFIX}{name}", help_text, labels=labels)
    for given, found in rows:
        bounds = [*map(str, found.bounds_s), "+Inf"]
        counts: list[float] = np.cumsum(found.counts).tolist()
        buckets = [(bound, float(count)) for bound, count in zip(bounds, counts, strict=True)]
        made.add_metric(list(given), buckets, found.sum_s)
    return made
