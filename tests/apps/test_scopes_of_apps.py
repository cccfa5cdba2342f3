"""A manifest as scopes: what an app declares is what its token allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps.manifest import Manifest
from commonwheel.apps.scopes import rights_of, scopes_of
from commonwheel.broker.authority import JwtAuthority
from commonwheel.broker.rights import Action, Rights
from commonwheel.broker.scopes import parse_scopes
from commonwheel.catalog import load_catalog
from commonwheel.cli import FINE, UNUSABLE, main
from tests.apps.hostkit import CHARGE, FAN, RANGE, SPEED, write_app

PATHS = sorted(load_catalog().leaves)
MANIFEST = Manifest(
    name="trip",
    version="1",
    requires={SPEED: 10.0, "Vehicle.Chassis.Axle.*.Wheel.**": 0.0},
    may_use={CHARGE: 1.0},
    provides=(RANGE, SPEED),
    requests=(FAN,),
    keeps={CHARGE: 5.0},
)


def test_scopes_say_what_the_manifest_says() -> None:
    assert scopes_of(MANIFEST).split() == [
        "read:Vehicle.Chassis.Axle.*.Wheel.**",
        f"read:{CHARGE}",
        f"provide:{RANGE}",
        f"provide:{SPEED}",
        f"actuate:{FAN}",
    ]


@given(
    st.dictionaries(st.sampled_from(PATHS), st.just(0.0), max_size=4),
    st.lists(st.sampled_from(PATHS), max_size=3),
    st.lists(st.sampled_from(PATHS), max_size=3),
    st.sampled_from(PATHS),
)
def test_token_allows_what_is_declared_and_nothing_else(
    reads: dict[str, float], provides: list[str], requests: list[str], other: str
) -> None:
    manifest = Manifest(name="x", version="1", requires=reads, provides=tuple(provides), requests=tuple(requests))
    far = Rights.of("x", parse_scopes(scopes_of(manifest)))
    for rights in (far, rights_of(manifest)):
        for path in {*reads, *provides, *requests, other}:
            assert rights.allow(Action.READ, path) == (path in {*reads, *provides, *requests})
            assert rights.allow(Action.PROVIDE, path) == (path in provides)
            assert rights.allow(Action.ACTUATE, path) == (path in requests)
            assert not rights.allow(Action.CREATE, path)


def test_token_is_made_for_an_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = write_app(tmp_path, "@app.start\ndef begin(car): pass", "my_trip", provides=f'("{RANGE}",)')
    assert main(["token", "keys", "--out", str(tmp_path / "keys")]) == FINE
    capsys.readouterr()
    make = ["token", "make", "--key", str(tmp_path / "keys" / "dev.pem")]
    assert main([*make, "--app", str(app)]) == FINE
    out, err = capsys.readouterr()
    assert err == ""
    rights = JwtAuthority.from_files([tmp_path / "keys"]).verify(out.strip())
    assert rights.client == "my-trip"
    assert rights.allow(Action.READ, SPEED)
    assert rights.allow(Action.PROVIDE, RANGE)
    assert not rights.allow(Action.PROVIDE, SPEED)
    assert not rights.allow(Action.READ, CHARGE)
    assert main([*make, "--app", str(tmp_path / "none.py")]) == UNUSABLE
    assert "there is no such file" in capsys.readouterr().err
    assert main(make) == UNUSABLE
    assert "--subject" in capsys.readouterr().err
