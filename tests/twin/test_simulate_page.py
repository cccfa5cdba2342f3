"""``docs/simulate.md`` names everything that a scenario can say, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commonwheel.twin.injection import FaultKind
from commonwheel.twin.scenario import STYLES, Measure
from commonwheel.twin.scenario_drive import STEPS
from commonwheel.twin.scenario_file import KEYS, scenario_names

PAGE = Path(__file__).parents[2] / "docs" / "simulate.md"


@pytest.fixture(scope="module")
def words() -> set[str]:
    text = PAGE.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    quoted = " ".join(re.findall(r"`([^`]+)`", prose))
    return set(re.findall(r"[a-z][a-z0-9-]*", quoted))


@pytest.mark.parametrize(
    "names",
    [
        KEYS,
        tuple(STEPS),
        tuple(kind.value for kind in FaultKind),
        tuple(measure.value for measure in Measure),
        tuple(STYLES),
        tuple(name for name in scenario_names() if not name.startswith("fault-")),
    ],
    ids=["keys", "steps", "faults", "measures", "styles", "scenarios"],
)
def test_the_page_names_all_of_them(words: set[str], names: tuple[str, ...]) -> None:
    assert not set(names) - words


def test_there_is_a_scenario_for_each_kind_of_fault() -> None:
    kinds = {kind.value for kind in FaultKind} - {"bias"}  # a drift that does not move
    assert not {f"fault-{kind}" for kind in kinds} - set(scenario_names())
