"""Keeps what fault campaigns found, and makes its tables: ``python -m tools.safety_faults faults.jsonl [...]``.

``commonwheel prove --campaign`` takes long, so what came of it is kept in ``tools/faults.json``: for each input (or
part of the platform) and each fault, over all cars, axes and times, how often it was tried, the longest that it took to
be noticed and to be released, and the longest that is stated for those. ``tools.safety`` makes the tables from it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from commonwheel.proving.campaign import Probe
from tools.safety_limits import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Found", "Kept", "drives", "faults", "keep", "load_faults", "platform_faults"]

FILE = Path(__file__).resolve().parent / "faults.json"
_KINDS = ("lost", "frozen", "stuck", "corrupted", "delayed")
_NONE = "–"


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All probes of one fault of one input; times in seconds."""

    of: str
    kind: str
    tried: int
    noticed: int
    """How often an axis was let go."""
    failed: int
    """How often a stated time was not kept."""
    noticed_s: float | None
    """The longest, of those for which a time is stated, if any is; None: never."""
    within_s: float | None
    """The longest that is stated; None: no time is."""
    released_s: float | None
    released_within_s: float


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file has."""

    cars: tuple[str, ...]
    drives: tuple[str, ...]
    """Scenario, and the times at which everything was tried."""
    found: tuple[Found, ...]


def keep(probes: Iterable[Probe]) -> Kept:
    """Return what is kept of probes."""
    groups: dict[tuple[str, str], list[Probe]] = {}
    times: dict[str, set[float]] = {}
    cars: set[str] = set()
    for probe in probes:
        cars.add(probe.car)
        times.setdefault(probe.scenario, set()).add(probe.t_s)
        groups.setdefault((_of(probe), probe.kind), []).append(probe)
    drives = tuple(f"{name} at {', '.join(f'{t:g} s' for t in sorted(at))}" for name, at in sorted(times.items()))
    return Kept(tuple(sorted(cars)), drives, tuple(_found(*key, groups[key]) for key in sorted(groups)))


def _of(probe: Probe) -> str:
    """Name an input by its path, an app by its name, and a bus, whose names differ by car, as what it is."""
    if probe.of.startswith("Vehicle.") or probe.kind in {"killed", "hung"}:
        return probe.of
    return "a whole bus" if probe.of else "the loop"


def _found(of: str, kind: str, probes: Sequence[Probe]) -> Found:
    stated = [one for one in probes if one.noticed_within_s is not None]
    return Found(
        of,
        kind,
        len(probes),
        sum(one.noticed_s is not None for one in probes),
        sum(not one.passed for one in probes),
        _most(one.noticed_s for one in stated or probes),
        _most(one.noticed_within_s for one in probes),
        _most(one.released_s for one in probes),
        max(one.released_within_s for one in probes),
    )


def _most(times: Iterable[float | None]) -> float | None:
    return max((time for time in times if time is not None), default=None)


def load_faults(path: Path = FILE) -> Kept:
    """Return what is kept.

    Raises:
        msgspec.ValidationError: the file is not of that form.
    """
    return msgspec.json.decode(path.read_bytes(), type=Kept)


def drives(kept: Kept) -> str:
    """Return the table of what was driven."""
    tried, failed = sum(one.tried for one in kept.found), sum(one.failed for one in kept.found)
    row = (", ".join(f"`{car}`" for car in kept.cars), "; ".join(kept.drives), str(tried), str(failed))
    return table(("cars", "scenario, and when everything was tried", "tried", "not held"), [row])


def faults(kept: Kept) -> str:
    """Return the table of the inputs: for each fault the longest until it was noticed, and the longest stated."""
    inputs = dict.fromkeys(one.of for one in kept.found if one.of.startswith("Vehicle."))
    by_key = {(one.of, one.kind): one for one in kept.found}
    rows: list[tuple[str, ...]] = []
    for of in inputs:
        mine = [one for one in kept.found if one.of == of]
        cells = [_times(one.noticed_s, one.within_s) if (one := by_key.get((of, kind))) else "" for kind in _KINDS]
        rows.append((f"`{of.removeprefix('Vehicle.')}`", *cells, *_rest(mine)))
    return table(("input", *_KINDS, "released", "tried", "not held"), rows)


def platform_faults(kept: Kept) -> str:
    """Return the table of everything else that fails: buses, apps, the loop."""
    rows = [
        (one.of, one.kind, _times(one.noticed_s, one.within_s), *_rest([one]))
        for one in kept.found
        if not one.of.startswith("Vehicle.")
    ]
    return table(("what", "fault", "noticed", "released", "tried", "not held"), rows)


def _rest(found: Sequence[Found]) -> tuple[str, str, str]:
    most = _most(one.released_s for one in found)
    within = max(one.released_within_s for one in found)
    tried, failed = sum(one.tried for one in found), sum(one.failed for one in found)
    return (_NONE if most is None else _times(most, within)), str(tried), str(failed)


def _times(most: float | None, within: float | None) -> str:
    """Write the longest time and what is stated for it; a dash for what does not exist."""
    if most is None and within is None:
        return _NONE
    stated = _NONE if within is None else f"{within:.2f}"
    return f"{_NONE if most is None else f'{most:.2f}'} / {stated}"


def main(paths: Sequence[str]) -> int:
    """Keep what campaigns found; returns the exit code."""
    lines = [line for path in paths for line in Path(path).read_bytes().splitlines()]
    if not lines:
        print("name the files of campaigns: python -m tools.safety_faults faults.jsonl")
        return 2
    kept = keep(msgspec.json.decode(line, type=Probe) for line in lines)
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    print(f"{len(lines)} probes kept in {FILE.name}; now run python -m tools.safety")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
