"""Fixtures of the database tests: a text becomes a file becomes a database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from commonwheel.wire.database import Database, load_database

Load = Callable[..., Database]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that loads a database from its text or bytes."""

    def load_content(content: str | bytes, name: str = "bus.dbc") -> Database:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_database(path)

    return load_content
