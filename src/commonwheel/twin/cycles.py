"""Drive cycles: the speed schedules of regulations and of one's own, from files or from a package that has them.

A name such as ``udds`` is looked for in the folder that ``COMMONWHEEL_CYCLES`` names, beside the scenario, and in the
package ``fastsim``, where that is installed. A file is CSV with a header: a column of times in seconds, one of speeds
whose unit its name tells, and perhaps one of grades.
"""

from __future__ import annotations

import csv
import importlib
import io
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.errors import DescriptionError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FOLDER", "Schedule", "find_cycle", "read_schedule"]

FOLDER = "COMMONWHEEL_CYCLES"
"""The environment variable that names a folder of cycles."""
FEWEST_POINTS, MOST_POINTS = 2, 200_000
MOST_BYTES = 16_000_000
FASTEST_MPS = 140.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_TIMES = re.compile(r"t|(cyc|t|time|test)?[ _-]*[(\[]?[ _]*(s|sec|secs|second|seconds|time)[)\]]?")
_SPEEDS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r".*(mps|m/s|meters?_per_second).*"), 1.0),
    (re.compile(r".*(km/h|kph|kmh).*"), 1 / 3.6),
    (re.compile(r".*mph.*"), 0.44704),
)
_GRADE = re.compile(r".*grade.*|.*slope.*")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Speed over time."""

    name: str
    t_s: tuple[float, ...]
    """Rising, the first is 0."""
    speed_mps: tuple[float, ...]
    grade: tuple[float, ...] = ()
    """Rise over run at each point; () for a flat road."""


def find_cycle(name: str, beside: Path | None = None) -> Schedule:
    """Return the schedule of a name.

    Args:
        name: such as 'udds'; upper and lower case are the same.
        beside: a folder that may have it as a file.

    Raises:
        DescriptionError: there is none of this name; says how to get it.
    """
    key = name.lower()
    if not _NAME.fullmatch(key):
        raise _error(Path(name), 0, f"'{name}' is no name of a cycle; name a file with 'file:'")
    folders = [Path(folder) for folder in (os.environ.get(FOLDER),) if folder]
    folders += [beside] if beside is not None else []
    for folder in folders:
        files = sorted(folder.glob("*.csv")) if folder.is_dir() else []
        exact = [file for file in files if file.stem.lower() == key]
        alike = [file for file in files if file.stem.lower().startswith(key)]
        if exact or len(alike) == 1:
            return read_schedule((exact or alike)[0])
    return _packaged(key, folders)


def _packaged(key: str, folders: Sequence[Path]) -> Schedule:
    """Return a cycle of the package fastsim."""
    try:
        fastsim: Any = importlib.import_module("fastsim")
    except ImportError:
        known: list[str] = []
    else:
        cycles = fastsim.Cycle
        known = sorted(Path(str(path)).stem for path in cycles.list_resources())
        if key in known:
            found: dict[str, list[float]] = cycles.from_resource(f"{key}.csv").to_dict()
            return Schedule(key, tuple(found["time_seconds"]), tuple(found["speed_meters_per_second"]))
    where = f"in {', '.join(map(str, folders))}" if folders else f"(no folder is named by {FOLDER})"
    package = f"fastsim has {', '.join(known)}" if known else "the package fastsim, which has some, is not installed"
    message = (
        f"there is no cycle '{key}' {where}, and {package}; put {key}.csv with columns of seconds and of speeds "
        f"(such as 'time_s,speed_mph') into a folder and name that with {FOLDER}"
    )
    raise _error(Path(key), 0, message)


def read_schedule(path: Path) -> Schedule:
    """Return the schedule of a CSV file.

    Raises:
        DescriptionError: it cannot be read; states every fault with its line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _error(path, 0, f"the cycle {path} cannot be read: {error.strerror or error}") from error
    if len(data) > MOST_BYTES:
        raise _error(path, 0, f"the cycle is longer than {MOST_BYTES / 1e6:.0f} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(path, data[: error.start].count(b"\n") + 1, "not UTF-8 text; save the file as UTF-8") from error
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise _error(path, 0, f"not CSV: {error}") from error
    return _schedule(path, rows)


def _schedule(path: Path, rows: list[list[str]]) -> Schedule:
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    time = _column(header, _is_time)
    speed, factor = next(
        ((i, factor) for i, cell in enumerate(header) for test, factor in _SPEEDS if test.fullmatch(cell)), (-1, 0.0)
    )
    grade = _column(header, lambda cell: bool(_GRADE.fullmatch(cell)))
    if time < 0 or speed < 0:
        lacking = "of times, such as 'time_s'" if time < 0 else "of speeds with its unit, such as 'speed_kmh' or 'mph'"
        raise _error(path, 1, f"the header has no column {lacking}; it is: {','.join(header)[:80]}")
    points: list[tuple[float, float, float]] = []
    faults: list[Fault] = []
    for line, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        values = [_number(row, column) for column in (time, speed, grade)]
        if not all(map(math.isfinite, values)) or abs(values[1] * factor) > FASTEST_MPS:
            faults.append(Fault(path, line, f"no time and speed that a car can drive: {','.join(row)[:60]}"))
        elif points and values[0] <= points[-1][0]:
            faults.append(Fault(path, line, f"the time does not rise: {values[0]:g} s after {points[-1][0]:g} s"))
        else:
            points.append((values[0], values[1] * factor, values[2]))
    if not faults and not FEWEST_POINTS <= len(points) <= MOST_POINTS:
        faults.append(
            Fault(path, 0, f"a cycle has from {FEWEST_POINTS} to {MOST_POINTS:,} points, this one has {len(points):,}")
        )
    if faults:
        raise DescriptionError(faults)
    t_s, speeds, grades = zip(*points, strict=True)
    first = t_s[0]
    return Schedule(path.stem, tuple(t - first for t in t_s), speeds, grades if any(grades) else ())


def _column(header: Sequence[str], test: Callable[[str], bool]) -> int:
    return next((i for i, cell in enumerate(header) if test(cell)), -1)


def _is_time(cell: str) -> bool:
    return bool(_TIMES.fullmatch(cell))


def _number(row: Sequence[str], column: int) -> float:
    """Return a cell's number; 0 where there is no such column, NaN where it is none."""
    if column < 0:
        return 0.0
    try:
        return float(row[column])
    except (ValueError, IndexError):
        return math.nan


def _error(path: Path, line: int, message: str) -> DescriptionError:
    return DescriptionError([Fault(path, line, message)])
