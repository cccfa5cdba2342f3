"""Fixtures that the tests on recordings share."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tests.real.recordings import RECORDINGS, Decoded, Load


@pytest.fixture(scope="session")
def load(shared: Path) -> Load:
    """Return a function that gives a recording by its name, read and decoded once."""
    return functools.cache(lambda name: Decoded(name, shared / "logs" / RECORDINGS[name].file))
