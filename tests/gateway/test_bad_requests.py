"""Bad requests over each protocol: refused to whoever asks, noted, counted, kept; nothing of them reaches the car."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from commonwheel.broker import Stage
from commonwheel.broker.access import Access
from commonwheel.broker.rights import Rights
from commonwheel.broker.rpc.interface import message
from commonwheel.broker.rpc.v1_changes import Changes
from commonwheel.broker.rpc.v2 import Val
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.session import Session
from commonwheel.broker.viss.dialect import Version
from commonwheel.broker.viss.requests import Set
from commonwheel.broker.viss.service import Service
from commonwheel.errors import CommonwheelError
from commonwheel.gateway.telling import IS_ARMED
from tests.gateway.kit import CANNOT, TARGET, TORQUE, Rig, small_car, small_leave, until

Ask = Callable[..., object]


def native(rig: Rig, value: object, rights: Rights, path: str = TARGET) -> object:
    return Session(rig.broker, rights).actuate({path: value})


def kuksa_v2(rig: Rig, value: object, rights: Rights, path: str = TARGET) -> object:
    request: Any = message("kuksa.val.v2.ActuateRequest")(signal_id={"path": path})
    setattr(request.value, "string" if isinstance(value, str) else "float", value)
    call: Any = SimpleNamespace(rights=rights, client=rights.client)
    return Val(rig.broker, Access())._actuate([request], call)


def kuksa_v1(rig: Rig, value: object, rights: Rights, path: str = TARGET) -> object:
    update: Any = message("kuksa.val.v1.EntryUpdate")(fields=[3])  # FIELD_ACTUATOR_TARGET
    update.entry.path = path
    setattr(update.entry.actuator_target, "string" if isinstance(value, str) else "float", value)
    changes = Changes(rig.broker, rights)
    changes.read(update)
    list(changes.apply())
    if changes.errors:
        message_ = str(changes.errors[0])
        raise CommonwheelError(message_)
    return None


def viss(rig: Rig, value: object, rights: Rights, path: str = TARGET) -> object:
    return Service(rig.broker, Access()).set(Set(path, str(value)), rights, Version.V2)


PROTOCOLS = {"native": native, "kuksa.val.v1": kuksa_v1, "kuksa.val.v2": kuksa_v2, "viss": viss}
BAD = {"nan": float("nan"), "inf": float("inf"), "-inf": -float("inf"), "text": "left"}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("car")
    vehicle = small_car(folder)
    with Rig(vehicle, actuate=small_leave(vehicle, folder)) as one:
        until(lambda: one.bus("drive")["state"] == one.bus("power")["state"] == "up")
        (arming,) = one.broker.actuate({one.number(IS_ARMED): True}, "an operator")
        assert arming.wait(10) is Stage.CONFIRMED
        yield one


def refusals(rig: Rig, client: str, path: str = TARGET) -> int:
    """Return how many refusals of a client's the record has."""
    assert rig.gateway.actuator is not None
    return sum(
        said.kind == "refusal" and said.facts["source"] == client and said.facts["path"] == path
        for said in rig.gateway.actuator.record.last()
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_number_is_refused_over_every_protocol(rig: Rig, protocol: str, bad: str) -> None:
    client, before = f"{protocol} {bad}", rig.broker.refused
    with pytest.raises(CommonwheelError):
        PROTOCOLS[protocol](rig, BAD[bad], Rights.everything(client))
    assert rig.broker.refused == before + 1
    assert refusals(rig, client) == 1
    assert {int.from_bytes(payload[:2], "big", signed=True) for _, payload in rig.drive.sent} <= {0}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_without_the_right_is_refused_over_every_protocol(rig: Rig, protocol: str) -> None:
    client, before = f"{protocol} reader", rig.broker.refused
    with pytest.raises(CommonwheelError, match=r"may not actuate|403|forbidden"):
        PROTOCOLS[protocol](rig, 5.0, Rights.of(client, parse_scopes("read")))
    assert rig.broker.refused == before + 1
    assert refusals(rig, client) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_that_is_right_is_taken_over_every_protocol(rig: Rig, protocol: str) -> None:
    """It ends by itself: these protocols have no words for how long it is good."""
    ended: list[str] = []
    stop = rig.broker.events.listen(
        lambda event: ended.append(event.kind) if event.facts.get("requester") == f"{protocol} driver" else None
    )
    PROTOCOLS[protocol](rig, 0.0, Rights.everything(f"{protocol} driver"))
    until(lambda: {"actuation.ended", "actuation.refused", "actuation.confirmed"} & set(ended))
    stop()
    assert "actuation.forwarded" in ended
    assert cast("int", rig.gateway.facts()["sent"]) > 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_the_car_says_it_cannot_be_asked_for_is_refused_with_its_reason(rig: Rig, protocol: str) -> None:
    """Also where the protocol only notes what nobody makes act, as KUKSA's first one does."""
    client = f"{protocol} driver of torque"
    with pytest.raises(CommonwheelError, match=f"nobody makes {TORQUE} act on this car: {CANNOT}"):
        PROTOCOLS[protocol](rig, 1, Rights.everything(client), TORQUE)
    assert refusals(rig, client, TORQUE) == 1
    (event,) = [one for one in rig.broker.events.last() if one.facts.get("requester") == client]
    assert (event.kind, event.facts["reason"]) == ("request.refused", "NO_PROVIDER")


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "native"])
def test_what_is_refused_at_once_is_told_to_whoever_asks(tmp_path: Path, protocol: str) -> None:
    """The native protocol tells it as a step of the request's life."""
    vehicle = small_car(tmp_path)
    with Rig(vehicle, actuate=small_leave(vehicle, tmp_path)) as unarmed:
        with pytest.raises(CommonwheelError, match="not armed"):
            PROTOCOLS[protocol](unarmed, 1.0, Rights.everything("someone"))
        (actuation,) = cast("list[Any]", native(unarmed, 1.0, Rights.everything("someone")))
        assert actuation.stage is Stage.REFUSED
        assert refusals(unarmed, "someone") == 2
