"""``commonwheel token``: keys, tokens and certificates for development, and a token explained."""

from __future__ import annotations

import io
import json
import ssl
import time
from pathlib import Path

import jwt
import pytest

from commonwheel.broker.authority import JwtAuthority
from commonwheel.broker.rights import Action
from commonwheel.broker.tls import Tls
from commonwheel.cli import FINE, PROBLEMS, UNUSABLE, main


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["token", "keys", "--out", str(tmp_path / "keys")]) == FINE
    capsys.readouterr()
    return tmp_path / "keys"


def _make(keys: Path, *arguments: str) -> list[str]:
    return ["token", "make", "--key", str(keys / "dev.pem"), "--subject", "app", *arguments]


def _printed(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int = FINE) -> str:
    assert main(arguments) == status
    return capsys.readouterr().out


def test_keys_and_a_token_that_they_believe(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = _make(keys, "--read", "Vehicle.Speed", "--actuate", "Vehicle.Cabin", "--read", "Vehicle.ADAS")
    assert main([*arguments, "--valid", "30m"]) == FINE
    out, err = capsys.readouterr()
    assert err == ""
    rights = JwtAuthority.from_files([keys]).verify(out.strip())
    assert rights.client == "app"
    assert rights.expires_ns is not None
    assert rights.expires_ns / 1e9 - time.time() == pytest.approx(1800, abs=60)
    assert rights.allow(Action.READ, "Vehicle.ADAS.ABS.IsEnabled")
    assert rights.allow(Action.ACTUATE, "Vehicle.Cabin.DoorCount")
    assert not rights.allow(Action.ACTUATE, "Vehicle.Speed")
    assert not rights.allow(Action.READ, "Vehicle.Chassis.Axle.Row1.WheelCount")


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES384", "ES512", "RS256"])
def test_keys_of_every_kind(algorithm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads(_printed(capsys, ["token", "keys", "--out", str(tmp_path), "--algorithm", algorithm, "--json"]))
    assert facts == {
        "private": str(tmp_path / "dev.pem"),
        "public": str(tmp_path / "dev.pub.pem"),
        "algorithm": algorithm,
    }
    assert (tmp_path / "dev.pem").stat().st_mode & 0o777 == 0o600
    token = _printed(capsys, _make(tmp_path, "--read")).strip()
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["kid"]) == (algorithm, "dev")


def test_an_action_alone_allows_it_everywhere(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads(_printed(capsys, _make(keys, "--provide", "--create", "Vehicle.Own", "--json")))
    assert facts["scopes"] == ["provide", "create:Vehicle.Own"]
    assert facts["audience"] == ["kuksa.val"]
    assert JwtAuthority.from_files([keys]).verify(facts["token"]).allow(Action.PROVIDE, "Vehicle.Speed")


def test_a_token_in_a_file_is_its_owners(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = keys / "app.token"
    out = _printed(capsys, _make(keys, "--read", "-o", str(file)))
    assert out.startswith(f"{file}: token of app until 20")
    assert file.stat().st_mode & 0o777 == 0o600
    assert JwtAuthority.from_files([keys]).verify(file.read_text().strip()).client == "app"


def test_what_selects_nothing_is_noted(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_make(keys, "--read", "Vehicle.Sped")) == FINE
    assert "note: read:Vehicle.Sped: 'Vehicle.Sped' is not in" in (err := capsys.readouterr().err)
    assert "Vehicle.Speed" in err
    assert main(_make(keys)) == FINE
    assert "the token allows nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--read", "Vehicle.*peed"), "the scope 'read:Vehicle.*peed' cannot be used"),
        (("--read", "--algorithm", "HS256"), "this key signs with EdDSA, not HS256"),
        (("--read", "--subject", ""), "has no 'sub'"),
    ],
)
def test_no_token_is_made_of(
    arguments: tuple[str, ...], why: str, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_make(keys, *arguments)) == UNUSABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert why in err


@pytest.mark.parametrize("valid", ["0s", "1y", "-1h", "", "1.5h", "4000d", "99999999999999s", "\u0661h"])
def test_lengths_of_time_that_are_none(valid: str, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(_make(keys, "--read", f"--valid={valid}"))
    assert caught.value.code == UNUSABLE
    assert "is not a length of time: 90s, 15m, 1h or 30d" in capsys.readouterr().err


def test_nothing_is_written_over(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (keys / "dev.pem").read_bytes()
    assert main(["token", "keys", "--out", str(keys)]) == UNUSABLE
    assert "dev.pem is there already" in capsys.readouterr().err
    assert (keys / "dev.pem").read_bytes() == before
    assert main(["token", "keys", "--out", str(keys), "--name", "second"]) == FINE
    assert main(["token", "keys", "--out", str(keys), "--name", "../third"]) == UNUSABLE


# ---- show -----------------------------------------------------------------------------------------------------------


def test_a_token_is_explained(keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    token = _printed(capsys, _make(keys, "--read", "Vehicle.Speed", "--provide")).strip()
    file = keys / "app.token"
    file.write_text(f"{token}\n")
    for given in (token, str(file), "-"):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
        out = _printed(capsys, ["token", "show", given, "--key", str(keys / "dev.pub.pem")])
        assert "subject   app\n" in out
        assert "scopes    read:Vehicle.Speed, provide\n" in out
        assert out.endswith("verdict   good\n")
        assert token not in out
    facts = json.loads(_printed(capsys, ["token", "show", token, "--json"]))
    assert facts["algorithm"] == "EdDSA"
    assert facts["verdict"].startswith("not checked")


def test_a_token_that_is_not_believed(keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = _printed(capsys, _make(keys, "--read")).strip()
    other = str(tmp_path / "other")
    _printed(capsys, ["token", "keys", "--out", other])
    out = _printed(capsys, ["token", "show", token, "--key", other], PROBLEMS)
    assert "verdict   the token was not signed by a key that is known here" in out


def test_a_token_that_has_ended(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = (keys / "dev.pem").read_bytes()
    token = jwt.encode({"sub": "app", "aud": "kuksa.val", "exp": 1, "scope": "read"}, key, "EdDSA")
    out = _printed(capsys, ["token", "show", token], PROBLEMS)
    assert "ends      1970-01-01 00:00:01 UTC" in out
    assert "faults    it has ended" in out
    out = _printed(capsys, ["token", "show", token, "--key", str(keys)], PROBLEMS)
    assert "verdict   the token of app has expired" in out


@pytest.mark.parametrize("given", ["eyJ", "eyJ.eyJ.eyJ", "no/such/file", "x" * 5000])
def test_what_is_no_token(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "show", given]) == UNUSABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("commonwheel token: ")
    assert err.count("\n") == 1


# ---- tls ------------------------------------------------------------------------------------------------------------


def test_certificates_that_servers_and_clients_can_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = _printed(capsys, ["token", "tls", "--out", str(tmp_path), "--host", "localhost", "--host", "127.0.0.1"])
    assert "for development only" in out
    Tls(tmp_path / "server.pem", tmp_path / "server.key.pem", tmp_path / "ca.pem").context()
    ssl.create_default_context(cafile=tmp_path / "ca.pem").load_cert_chain(
        tmp_path / "client.pem", tmp_path / "client.key.pem"
    )


def test_an_authority_is_used_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["token", "tls", "--out", str(tmp_path), "--json"]
    facts = json.loads(_printed(capsys, [*command, "--client", "one"]))
    authority = (tmp_path / "ca.pem").read_bytes()
    assert facts["certificate of one"] == str(tmp_path / "one.pem")
    facts = json.loads(_printed(capsys, [*command, "--client", "two"]))
    assert facts.keys() == {"authority", "certificate of two", "key of two"}
    assert (tmp_path / "ca.pem").read_bytes() == authority


def test_certificates_are_not_made_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["token", "tls", "--out", str(tmp_path)]
    assert main([*command, "--client", "../elsewhere"]) == UNUSABLE
    assert not list(tmp_path.iterdir())
    assert main([*command, "--host", "büro"]) == UNUSABLE
    assert "neither a host's name nor an address" in capsys.readouterr().err
