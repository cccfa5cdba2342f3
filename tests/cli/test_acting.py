"""``commonwheel arm`` and ``commonwheel requests`` on a served car that acts, and what they say where none does."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from commonwheel.broker import Broker, BrokerError
from commonwheel.broker.access import Access
from commonwheel.broker.rpc.server import RpcServer
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import load_catalog
from commonwheel.cli import FINE, PROBLEMS, UNUSABLE, main
from commonwheel.client import connect
from commonwheel.gateway.actuator import Leave
from tests.gateway.kit import CANNOT, CONTROL, SPEED, TARGET, TORQUE, WHEEL, Rig, small_car, small_leave, until


@contextmanager
def served(broker: Broker) -> Iterator[str]:
    """Serve a broker from a thread; yields its address."""
    ready, bound = threading.Event(), list[Endpoint]()
    over: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        server = RpcServer(broker, Endpoint("127.0.0.1", 0), Access())
        bound.append(await server.start())
        end = asyncio.Event()
        over.append((asyncio.get_running_loop(), end))
        ready.set()
        await end.wait()
        await server.stop(0.5)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        yield str(bound[0])
    finally:
        loop, end = over[0]
        loop.call_soon_threadsafe(end.set)
        thread.join()


@contextmanager
def rig_of(leave: Leave | None, folder: Path) -> Iterator[tuple[Rig, str]]:
    with Rig(small_car(folder), actuate=leave) as rig:
        until(lambda: rig.bus("drive")["state"] == rig.bus("power")["state"] == "up")
        with served(rig.broker) as where:
            yield rig, where


def test_a_car_is_armed_shown_and_disarmed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vehicle = small_car(tmp_path)
    with rig_of(small_leave(vehicle, tmp_path), tmp_path) as (rig, where):
        assert main(["requests", "--connect", where, "--json"]) == FINE
        told = json.loads(capsys.readouterr().out)
        assert told["guard"]["armed"] is False
        assert [(row["signal"], row["state"], row["asked"]) for row in told["actuators"]] == [(TARGET, "off", None)]
        assert main(["arm", "--connect", where, "--reason", "a test"]) == FINE
        assert "armed" in capsys.readouterr().out
        assert any(event.facts.get("reason") == "a test" for event in rig.broker.events.last())
        with connect(where) as car, pytest.raises(BrokerError, match=CANNOT):
            car.request(TORQUE, 1.0, timeout_s=5)
        assert main(["requests", "--connect", where, "--last", "50"]) == FINE
        out = capsys.readouterr().out
        assert re.search(rf"request.refused  {TORQUE[8:]} by 127.0.0.1: nobody makes {TORQUE} act.*: {CANNOT}\n", out)
        assert "lateral armed" in out
        assert re.search(r"^lateral waits for .*a valid request$", out, re.MULTILINE)
        assert re.search(r"guard.armed  MotionManagement.Guard.IsArmed by 127.0.0.1: a test\n", out)
        assert re.search(r"guard.transition  lateral from off to armed: armed by 127.0.0.1\n", out)
        assert re.search(r"actuation.confirmed  MotionManagement.Guard.IsArmed to True by 127.0.0.1\n", out)
        assert main(["arm", "--connect", where, "--show", "--json"]) == FINE
        assert json.loads(capsys.readouterr().out)["axes"] == {"lateral": "ARMED"}
        assert main(["arm", "--connect", where, "--disarm"]) == FINE
        assert "not armed" in capsys.readouterr().out


def test_a_car_that_cannot_be_armed_yet_says_what_has_not_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vehicle = small_car(tmp_path)
    leave = small_leave(vehicle, tmp_path, text=CONTROL.replace("missing: release", "missing: fault"))
    with rig_of(leave, tmp_path) as (_, where):
        assert main(["arm", "--connect", where, "--reason", "a test", "--json"]) == PROBLEMS
        told = json.loads(capsys.readouterr().out)
        assert (told["done"], told["armed"], told["axes"]) == (False, False, {"lateral": "OFF"})
        assert told["why"] == f"it cannot be armed yet: {SPEED} has not come; {WHEEL} has not come"
        assert main(["requests", "--connect", where, "--last", "9"]) == FINE
        assert f"guard.refused  MotionManagement.Guard.IsArmed by 127.0.0.1: {told['why']}" in capsys.readouterr().out


def test_a_car_that_cannot_be_armed_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vehicle = small_car(tmp_path)
    with rig_of(small_leave(vehicle, tmp_path), tmp_path) as (rig, where):
        rig.drive.broken.set()
        rig.drive.fail()
        until(lambda: rig.bus("drive")["state"] == "down")
        assert main(["arm", "--connect", where, "--reason", "a test"]) == PROBLEMS
        assert "is down" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"kind": "guard.verdict", "signal": "Vehicle.A.B", "subject": "gas", "outcome": "allowed", "text": ""},
         "gas allowed: as asked"),
        ({"kind": "guard.verdict", "signal": "Vehicle.A.B", "subject": "Vehicle.A.B", "outcome": "limited",
          "text": "1 rather than 2"}, "A.B limited: 1 rather than 2"),
        ({"kind": "guard.transition", "axis": "lateral", "before": "off", "after": "armed", "cause": "x"},
         "lateral from off to armed: x"),
        ({"kind": "actuation.refused", "signal": "Vehicle.A.B", "target": -0.5, "requester": "me", "why": "not armed"},
         "A.B to -0.5 by me: not armed"),
        ({"kind": "actuation.requested", "signal": "Vehicle.A.B", "target": True, "requester": ""}, "A.B to True"),
    ],
)  # fmt: skip
def test_an_event_is_told_as_a_person_reads_it(
    event: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = iter([SimpleNamespace(t_ns=0, kind=event["kind"], facts={**event})])
    reader = SimpleNamespace(take=lambda _: next(told, None))
    car = SimpleNamespace(signals=lambda _: [], events=lambda **_: nullcontext(reader))
    guard = {"acts": True, "armed": False, "axes": {}, "car": "a"}
    monkeypatch.setattr("commonwheel.cli.requests.connected", lambda *_: nullcontext(car))
    monkeypatch.setattr("commonwheel.cli.requests.guard_of", lambda _: guard)
    monkeypatch.setattr("commonwheel.cli.requests._ROUND_S", 0.01)
    assert main(["requests", "--last", "1"]) == FINE
    assert capsys.readouterr().out.endswith(f"00:00:00  {event['kind']}  {said}\n")


def test_where_nothing_acts_both_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    with served(Broker(load_catalog())) as where:
        assert main(["arm", "--connect", where, "--reason", "a test"]) == UNUSABLE
        assert main(["requests", "--connect", where]) == PROBLEMS
        assert capsys.readouterr().err.count("nothing makes this car act") == 2


def test_arming_without_a_reason_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arm", "--reason", "  "]) == UNUSABLE
    assert "--reason TEXT" in capsys.readouterr().err


def test_a_token_that_is_none_is_said_before_anything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requests", "--token", "nowhere.token"]) == UNUSABLE
    assert "there is no such file" in capsys.readouterr().err
