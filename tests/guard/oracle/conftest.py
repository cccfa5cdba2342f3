"""The opendbc package's safety rules, compiled once for a run of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guard.oracle import rules

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules as a library; the test is skipped where they cannot be built."""
    why = rules.missing()
    if why:
        pytest.skip(f"no independent rules here: {why}")
    return rules.build(tmp_path_factory.mktemp("rules"))
