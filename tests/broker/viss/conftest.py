"""Fixtures of the tests of VISS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from commonwheel.broker.viss import Version
from commonwheel.catalog import Catalog
from tests.broker.viss.desk import Car, Schema, small_tree

_SHARED = Path(os.environ.get("COMMONWHEEL_SHARED", Path(__file__).resolve().parents[4] / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def _schema() -> None:
    """Hold every message of version 3 against the published schema, where it is at hand."""
    path = _SHARED / "viss" / "vissv3.0-schema.json"
    if path.is_file():
        Schema.load(path)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return small_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def car(tree: Catalog) -> Iterator[Car]:
    car = Car(tree)
    car.give({"Vehicle.Speed": 50.0, "Vehicle.IsMoving": True, "Vehicle.FuelLevel": 42})
    yield car
    assert not car.broker.readers, "a subscription was left behind"


@pytest.fixture(params=list(Version), ids=lambda version: version.name)
def version(request: pytest.FixtureRequest) -> Version:
    return request.param
