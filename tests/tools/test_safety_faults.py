"""What is kept of fault campaigns, and its tables."""

from __future__ import annotations

from commonwheel.proving.campaign import Probe
from tools.safety_faults import faults, keep, platform_faults


def probe(
    of: str,
    kind: str,
    noticed_s: float | None,
    within_s: float | None,
    released_s: float | None = 0.1,
    car: str = "a/a",
) -> Probe:
    return Probe(car, "bend", 8.0, "lateral", kind, of, noticed_s, released_s, within_s, 1.2, "", "", "armed")


PROBES = (
    probe("Vehicle.Speed", "lost", 0.15, 0.2),
    probe("Vehicle.Speed", "lost", 0.18, 0.2, 0.7, car="b/b"),
    probe("Vehicle.Speed", "corrupted", 0.05, 0.06),
    probe("Vehicle.Speed", "corrupted", 0.40, None, car="b/b"),
    probe("Vehicle.Speed", "stuck", None, None, None),
    probe("car", "lost", 0.3, 0.2),
    probe("", "exception", 0.01, 0.02),
    probe("lane-centring", "killed", 0.31, 0.32),
)


def test_the_longest_times_are_kept_and_only_those_for_which_a_time_is_stated_are_held_against_it() -> None:
    kept = keep(PROBES)
    assert kept.cars == ("a/a", "b/b")
    assert kept.drives == ("bend at 8 s",)
    assert "| `Speed` | 0.18 / 0.20 | " in faults(kept)
    assert "| – | 0.05 / 0.06 |" in faults(kept)
    assert "0.70 / 1.20 | 5 | 0 |" in faults(kept)


def test_what_was_not_held_is_counted() -> None:
    rows = platform_faults(keep(PROBES)).splitlines()
    assert "| a whole bus | lost | 0.30 / 0.20 | 0.10 / 1.20 | 1 | 1 |" in rows
    assert "| the loop | exception | 0.01 / 0.02 | 0.10 / 1.20 | 1 | 0 |" in rows
    assert "| lane-centring | killed | 0.31 / 0.32 | 0.10 / 1.20 | 1 | 0 |" in rows
