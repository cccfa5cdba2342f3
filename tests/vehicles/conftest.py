"""Fixtures of the tests of descriptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vehicles.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """An empty folder to describe cars in."""
    return Workshop(tmp_path)
