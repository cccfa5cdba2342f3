"""The table of requirements itself: it covers every rule and every limit, and each of its tests is there."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest

from commonwheel.guard import Rule, envelope
from tools import safety

_HERE = Path(__file__).parent
_NAMES = {
    "Axis.name", "CarEnvelope.axes", "CarEnvelope.car", "CarEnvelope.envelopes", "Condition.path", "Condition.text",
    "Envelope.axis", "Envelope.name", "Envelope.source", "Envelope.unit", "FieldRule.axis", "FieldRule.envelope",
    "FieldRule.name", "FieldRule.why", "FrameRule.name", "FrameRule.source", "Input.path", "Curve.points",
    "Without.why",
}  # fmt: skip
"""Fields that name, group or explain, and limit nothing by themselves."""


@pytest.fixture(scope="module")
def table() -> safety.Table:
    """The table."""
    return safety.load()


def test_every_rule_of_the_guard_has_its_requirement(table: safety.Table) -> None:
    assert {row.rule for row in table.requirements.values()} == {rule.value for rule in Rule}


def test_every_limit_of_an_envelope_is_required_by_something(table: safety.Table) -> None:
    """A field that is added to the envelope has to be required, and so tested, or named here as no limit."""
    fields = {
        f"{name}.{field.name}"
        for name in envelope.__all__
        if dataclasses.is_dataclass(one := getattr(envelope, name))
        for field in dataclasses.fields(one)
    }
    stated = {field for row in table.requirements.values() for field in row.states}
    assert stated - fields == set()
    assert fields - stated == _NAMES


def test_every_requirement_has_tests_and_they_are_there(table: safety.Table) -> None:
    there = {
        node.name
        for file in _HERE.glob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    named = {test for row in table.requirements.values() for test in row.tests}
    assert named - there == set()
    assert all(row.tests for row in table.requirements.values())


@pytest.mark.parametrize("page", safety.PAGES, ids=lambda page: page.name)
def test_the_pages_say_what_is_there(table: safety.Table, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert safety.with_lists(text, table) == text, "run python -m tools.safety"


def test_hazards_goals_and_requirements_are_tied_together(table: safety.Table) -> None:
    """No goal without a hazard (but that of records), no goal without a requirement, no name that leads nowhere."""
    goals = set(table.goals)
    assert {goal for row in table.hazards.values() for goal in row.goals} == goals - {"SG-9"}
    assert {row.goal for row in table.requirements.values()} == goals
