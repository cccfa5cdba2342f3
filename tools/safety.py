"""Writes what the safety pages state of limits and evidence: ``python -m tools.safety [--check]``.

The requirements are in ``src/commonwheel/guard/requirements.yaml``, the limits in the cars' ``control.yaml`` as they
are compiled, what fault campaigns found in ``tools/faults.json``, the parameters of manners in their docstrings; they
become tables between the marks of the pages in ``docs/``. ``--check`` writes nothing and exits with 1 when a page is
out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tools.safety_faults import drives, faults, load_faults, platform_faults
from tools.safety_inputs import protection
from tools.safety_limits import limits
from tools.safety_limits import table as rows_of
from tools.safety_manners import manners
from tools.safety_mutation import mutation, mutation_of_limits

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "src" / "commonwheel" / "guard" / "requirements.yaml"
PAGES = tuple(ROOT / "docs" / name for name in ("safety.md", "safety-limits.md", "acting-description.md"))


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may happen, and how bad it is estimated to be."""

    what: str
    situation: str
    severity: str
    exposure: str
    controllability: str
    because: str
    goals: tuple[str, ...]


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be reached."""

    text: str
    state: str
    """The safe state."""
    time: str
    """Within which it is reached."""


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the guard has to hold."""

    goal: str
    text: str
    rule: str
    states: tuple[str, ...]
    source: str
    tests: tuple[str, ...]


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where ours and the independent rules differ."""

    cars: str
    ours: str
    theirs: str
    stricter: str
    why: str


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    format: int
    hazards: dict[str, Hazard]
    goals: dict[str, Goal]
    requirements: dict[str, Requirement]
    differences: dict[str, Difference]


def load(path: Path = TABLE) -> Table:
    """Return the table of requirements.

    Raises:
        msgspec.ValidationError: it is not of that form.
    """
    return msgspec.yaml.decode(path.read_bytes(), type=Table)


def hazards(table: Table) -> str:
    """Return the hazards."""
    head = ("", "hazard", "situation", "S", "E", "C", "because", "goals")
    rows: list[tuple[str, ...]] = []
    for key, row in table.hazards.items():
        rated = (row.severity, row.exposure, row.controllability)
        rows.append((key, row.what, row.situation, *rated, row.because, ", ".join(row.goals)))
    return rows_of(head, rows)


def goals(table: Table) -> str:
    """Return the goals, with the hazards that they answer."""
    rows: list[tuple[str, ...]] = []
    for key, row in table.goals.items():
        answers = ", ".join(name for name, hazard in table.hazards.items() if key in hazard.goals) or "all"
        rows.append((key, row.text, row.state, row.time, answers))
    return rows_of(("", "safety goal", "safe state", "within", "answers"), rows)


def requirements(table: Table) -> str:
    """Return the requirements."""
    rows = [
        (
            key,
            row.text,
            f"`{row.rule}`",
            row.goal,
            row.source,
            " ".join(f"`{test.removeprefix('test_')}`" for test in row.tests),
        )
        for key, row in table.requirements.items()
    ]
    return rows_of(("", "requirement", "rule", "goal", "source", "verified for every car by `test_…`"), rows)


def differences(table: Table) -> str:
    """Return where ours and the independent rules differ."""
    rows = [(key, row.cars, row.ours, row.theirs, row.stricter, row.why) for key, row in table.differences.items()]
    return rows_of(("", "cars", "ours", "opendbc's", "the stricter", "why"), rows)


LISTS: dict[str, Callable[[Table], str]] = {
    "hazards": hazards,
    "goals": goals,
    "requirements": requirements,
    "differences": differences,
    "limits": lambda _: limits(),
    "manners": lambda _: manners(),
    "protection": lambda _: protection(),
    "mutation": lambda _: mutation(),
    "mutation of limits": lambda _: mutation_of_limits(),
    "campaign": lambda _: drives(load_faults()),
    "faults": lambda _: faults(load_faults()),
    "platform-faults": lambda _: platform_faults(load_faults()),
}


def with_lists(page: str, table: Table) -> str:
    """Return a page with what is between its marks written anew."""
    for name, make in LISTS.items():
        mark = re.compile(rf"(<!-- list: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if mark.search(page):
            text = make(table)
            page = mark.sub(lambda match, text=text: f"{match[1]}\n{text}\n{match[2]}", page)
    return page


def main() -> int:
    """Write the pages, or check them; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write what the safety pages state of limits and evidence.")
    parser.add_argument("--check", action="store_true", help="only say whether the pages are up to date")
    arguments = parser.parse_args()
    table = load()
    stale = False
    for path in PAGES:
        before = path.read_text(encoding="utf-8")
        after = with_lists(before, table)
        if after == before:
            continue
        stale = True
        if arguments.check:
            print(f"{path.name} is out of date; run python -m tools.safety")
        else:
            path.write_text(after, encoding="utf-8")
            print(f"{path.name} written")
    if not stale:
        print("everything is up to date")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
