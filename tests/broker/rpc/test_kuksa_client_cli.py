"""KUKSA's own command line, unchanged: a process of its own that reads its commands as from a keyboard."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commonwheel.broker.access import Access, Tls
from commonwheel.broker.actuation import Actuation
from commonwheel.broker.certificates import Issuer
from tests.broker.rpc.served import Car, Serve, Tokens, wait_for

pytest.importorskip("kuksa_client", reason="KUKSA's client is installed on Linux only")

SPEED = "Vehicle.Speed"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
BANNER = re.compile(r"TLS will (not )?be used\.\n")


def type_in(
    car: Car, folder: Path, *commands: str, scheme: str = "grpc", options: tuple[str, ...] = ()
) -> list[object]:
    """Type commands into the client; returns its answers: JSON, or 'OK'."""
    done = subprocess.run(
        [sys.executable, "-m", "kuksa_client", *options, f"{scheme}://{car.host}:{car.port}"],
        input="\n".join([*commands, "quit", ""]),
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "TERM": "dumb", "COLUMNS": "200"},
        check=True,
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return answers(BANNER.split(ESCAPES.sub("", done.stdout))[-1])


def answers(text: str) -> list[object]:
    """Read one answer after the other."""
    decoder = json.JSONDecoder()
    found: list[object] = []
    while text := text.lstrip():
        if text.startswith("OK"):
            found.append("OK")
            text = text[2:]
        elif text[0] in '[{"':
            answer, end = decoder.raw_decode(text)
            found.append(answer)
            text = text[end:]
        else:
            text = text.partition("\n")[2]
    return found


def value(answer: object, name: str = "value") -> object:
    """Return the value in an answer about one signal, None where it has none."""
    assert isinstance(answer, dict)
    return answer.get(name, {}).get("value")


def code(answer: object) -> object:
    """Return the number of an answer that is an error."""
    assert isinstance(answer, dict)
    return answer["error"]["code"]


def test_values_targets_and_metadata(car: Car, tmp_path: Path) -> None:
    before, done, after, several, target, asked, metadata, everything = type_in(
        car,
        tmp_path,
        f"getValue {SPEED}",
        f"setValue {SPEED} 12.5",
        f"getValue {SPEED}",
        f"getValues {SPEED} {LOCK}",
        f"setTargetValue {LOCK} true",
        f"getTargetValue {LOCK}",
        f"getMetaData {SPEED}",
        "getMetaData **",
    )
    assert (before, done, target) == ({"path": SPEED}, "OK", "OK")
    assert value(after) == 12.5
    assert isinstance(several, list)
    assert [value(answer) for answer in several] == [12.5, None]
    assert value(asked, "actuator_target") is True
    assert isinstance(metadata, dict)
    assert metadata["metadata"]["unit"] == "km/h"
    assert isinstance(everything, list)
    assert len(everything) == len(car.broker.table)
    assert car.broker.target(car.number(LOCK)).good is True


def test_several_at_once_and_arrays(car: Car, tmp_path: Path) -> None:
    faults, tilt, yaw = (
        "Vehicle.Diagnostics.DTCList",
        "Vehicle.Body.Mirrors.DriverSide.Tilt",
        "Vehicle.Body.Hood.Position",
    )
    done, aimed, read, targets, listed = type_in(
        car,
        tmp_path,
        f"setValues {SPEED}=1.5 {LOCK}=true",
        f"setTargetValues {tilt}=-5 {yaw}=7",
        f"getValues {SPEED} {LOCK}",
        f"getTargetValues {tilt} {yaw}",
        f"setValue {faults} \"['P1', 'P 2']\"",
    )
    assert (done, aimed, listed) == ("OK", "OK", "OK")
    assert isinstance(read, list)
    assert [value(answer) for answer in read] == [1.5, True]
    assert isinstance(targets, list)
    assert [value(answer, "actuator_target") for answer in targets] == [-5, 7]
    assert car.broker.get(car.number(faults)).good == ["P1", "P 2"]


def test_what_it_asks_in_vain_it_is_told(car: Car, tmp_path: Path) -> None:
    tilt = "Vehicle.Body.Mirrors.DriverSide.Tilt"
    unknown, beyond, no_target, stream = type_in(
        car,
        tmp_path,
        "getValue Vehicle.Sped",
        f"setTargetValue {tilt} 101",
        f"setTargetValue {SPEED} 5",
        "subscribe Vehicle.Sped",
    )
    assert code(unknown) == 404
    assert SPEED in json.dumps(unknown)
    assert "min/max" in json.dumps(beyond)
    assert code(no_target) == 3
    assert code(stream) == 5


def test_a_subscription_writes_what_is_set_into_its_file(car: Car, tmp_path: Path) -> None:
    both_are_there = "!timeout 20 sh -c 'until grep -q 5.0 log_*; do sleep 0.02; done'"
    subscribed, *done = type_in(
        car, tmp_path, f"subscribe -f {SPEED}", f"setValue {SPEED} 4", f"setValue {SPEED} 5", both_are_there
    )
    assert isinstance(subscribed, dict)
    assert subscribed["subscriptionId"]
    assert done == ["OK", "OK"]
    (log,) = tmp_path.glob("log_*")
    updates = [update for answer in answers(log.read_text()) if isinstance(answer, list) for update in answer]
    # Its first answer it takes for a mere confirmation, and keeps to itself.
    assert [value(update["entry"]) for update in updates] == [4.0, 5.0]


@pytest.mark.slow
def test_a_branch_is_subscribed_to_and_left(car: Car, tmp_path: Path) -> None:
    (subscribed,) = type_in(car, tmp_path, "subscribe Vehicle.Cabin.Door.Row1")
    assert isinstance(subscribed, dict)
    assert subscribed["subscriptionId"]
    wait_for(lambda: not car.broker.readers, "the end of the subscription")


def test_a_target_reaches_the_provider_of_the_actuator(car: Car, tmp_path: Path) -> None:
    asked: list[Actuation] = []
    car.broker.provider("body").claim([], {car.number(LOCK): None}, asked.extend)
    assert type_in(car, tmp_path, f"setTargetValue {LOCK} true") == ["OK"]
    assert [actuation.target for actuation in asked] == [True]


@pytest.mark.slow
def test_a_token_is_given_by_option_by_file_and_by_command(serve: Serve, tokens: Tokens, tmp_path: Path) -> None:
    car = serve(Access(tokens.authority))
    token = tokens.sign(f"provide:{SPEED}")
    file = tmp_path / "app.token"
    file.write_text(token)
    shut, authorized, opened, denied = type_in(
        car, tmp_path, f"getValue {SPEED}", f"authorize {file}", f"setValue {SPEED} 5", f"getValue {LOCK}"
    )
    assert code(shut) == 16
    assert (authorized, opened, code(denied)) == ("Authenticated", "OK", 403)
    (refused,) = type_in(car, tmp_path, "authorize nonsense")
    assert code(refused) == 16
    for given in (token, str(file)):
        (read,) = type_in(car, tmp_path, f"getValue {SPEED}", options=("--token_or_tokenfile", given))
        assert value(read) == 5.0


def test_it_talks_over_tls(serve: Serve, tmp_path: Path) -> None:
    issuer = Issuer.new("Test authority", dt.timedelta(hours=1))
    root, _ = issuer.pair.write(tmp_path, "root")
    pair = issuer.server(["car.test"], dt.timedelta(hours=1)).write(tmp_path, "server")
    car = serve(Access(tls=Tls(*pair)))
    options = ("--cacertificate", str(root), "--tls-server-name", "car.test")
    done, read = type_in(car, tmp_path, f"setValue {SPEED} 5", f"getValue {SPEED}", scheme="grpcs", options=options)
    assert (done, value(read)) == ("OK", 5.0)
