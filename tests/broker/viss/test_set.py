"""Asking actuators to reach values."""

from __future__ import annotations

import pytest

from commonwheel.broker import BrokerError, Reason
from commonwheel.broker.viss import Version
from tests.broker.viss.desk import DOORS, FONT, SETPOINT, SPEED, Car, Desk, run


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        (FONT, "LARGE", "LARGE"),
        (SETPOINT, "22", 22),
        (SETPOINT, "-7", -7),
        (SETPOINT, "2e1", 20),
        (SETPOINT, "22.0", 22),
        (DOORS[0], "true", True),
        (DOORS[0], "false", False),
        ("Vehicle.Cabin.Ratio", "0.1", 0.1),
        ("Vehicle.Cabin.Volumes", ["1", "2"], [1, 2]),
        ("Vehicle.Cabin.Volumes", [], []),
        ("Vehicle.Cabin.Greeting", "Grüß Gott 🚗", "Grüß Gott 🚗"),
        ("Vehicle.Cabin.Greeting", "5", "5"),
    ],
)
def test_a_text_reaches_the_actor_as_a_value(
    car: Car, version: Version, path: str, text: object, value: object
) -> None:
    actor = car.act(path)

    async def story() -> None:
        answer = await Desk(car, version).ask("set", path, value=text)
        assert set(answer) == {"action", "requestId", "ts"}

    run(story())
    assert car.asked == [(path, value)]
    actor.close()


def test_a_set_does_not_change_what_is_read(car: Car, version: Version) -> None:
    actor = car.act(SETPOINT)
    car.give({SETPOINT: 18})

    async def story() -> None:
        desk = Desk(car, version)
        await desk.ask("set", SETPOINT, value="22")
        assert (await desk.ask("get", SETPOINT))["data"]["dp"]["value"] == "18"

    run(story())
    actor.close()


@pytest.mark.parametrize("path", [SPEED, "Vehicle.Identity.VIN"])
def test_only_actuators_are_set(car: Car, version: Version, path: str) -> None:
    async def story() -> None:
        answer = await Desk(car, version).ask("set", path, value="80")
        if version is Version.V2:
            text = "The desired signal cannot be set since it is a read only signal."
            assert answer["error"] == {"number": 401, "reason": "read_only", "message": text}
        else:
            assert answer["error"]["number"] == "400"
            assert answer["error"]["reason"] == "invalid_data"
            assert answer["error"]["description"].startswith("Update of a sensor is not supported")

    run(story())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (SETPOINT, "warm"),
        (SETPOINT, ""),
        (SETPOINT, "41"),
        (SETPOINT, "-21"),
        (SETPOINT, "1.5"),
        (SETPOINT, "NaN"),
        (SETPOINT, "1_0"),
        (SETPOINT, " 1"),
        (SETPOINT, "٣"),
        (SETPOINT, "0x10"),
        (SETPOINT, "9" * 5000),
        (SETPOINT, 22),
        (SETPOINT, True),
        (SETPOINT, None),
        (SETPOINT, ["22"]),
        (SETPOINT, {"a": "1"}),
        (FONT, "HUGE"),
        (FONT, 3),
        (DOORS[0], "True"),
        (DOORS[0], "1"),
        (DOORS[0], False),
        ("Vehicle.Cabin.Volumes", "1"),
        ("Vehicle.Cabin.Volumes", [1]),
        ("Vehicle.Cabin.Volumes", ["1", "256"]),
        ("Vehicle.Cabin.Volumes", [["1"]]),
        ("Vehicle.Cabin.Ratio", "1e999"),
        ("Vehicle.Cabin.Ratio", "Infinity"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_reaches_nobody(
    car: Car, version: Version, path: str, value: object
) -> None:
    actor = car.act(path)

    async def story() -> None:
        wanted = (400, "invalid_value" if version is Version.V2 else "invalid_data")
        assert await Desk(car, version).fault("set", path, value=value) == wanted

    run(story())
    assert car.asked == []
    actor.close()


def test_a_set_needs_a_value_and_takes_no_filter(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        assert await desk.fault("set", FONT) == (400, "bad_request")
        wanted = desk.filter("paths", ["x"])
        assert await desk.fault("set", FONT, value="LARGE", filter=wanted) == (400, "bad_request")

    run(story())


@pytest.mark.parametrize("path", ["Some.Unknown.Datapoint", "Vehicle.*"])
def test_a_set_of_nothing_is_404(car: Car, version: Version, path: str) -> None:
    async def story() -> None:
        assert (await Desk(car, version).fault("set", path, value="1"))[0] == 404

    run(story())


def test_a_branch_is_not_set(car: Car, version: Version) -> None:
    async def story() -> None:
        wanted = (400, "bad_request" if version is Version.V2 else "invalid_data")
        assert await Desk(car, version).fault("set", "Vehicle.Cabin", value="1") == wanted

    run(story())


def test_version_2_notes_a_wish_that_nobody_hears(car: Car) -> None:
    async def story() -> None:
        assert "error" not in await Desk(car, Version.V2).ask("set", FONT, value="LARGE")

    run(story())
    assert car.broker.target(car.number(FONT)).value == "LARGE"


def test_version_3_refuses_a_wish_that_nobody_hears(car: Car) -> None:
    async def story() -> None:
        assert await Desk(car, Version.V3).fault("set", FONT, value="LARGE") == (503, "service_unavailable")

    run(story())
    assert car.broker.target(car.number(FONT)).value is None


def test_who_reads_targets_hears_a_wish_too(car: Car, version: Version) -> None:
    heard = car.broker.subscribe([car.number(FONT)], targets=True, initial=False)

    async def story() -> None:
        assert "error" not in await Desk(car, version).ask("set", FONT, value="LARGE")

    run(story())
    assert len(heard.take().batches) == 1
    car.broker.unsubscribe(heard)


def test_a_provider_that_fails_is_a_bad_gateway(car: Car, version: Version) -> None:
    def fail(_group: object) -> None:
        raise BrokerError(Reason.PROVIDER_FAILED, "the bus is gone")

    actor = car.broker.provider("actor")
    actor.claim((), {car.number(FONT): None}, fail)

    async def story() -> None:
        assert await Desk(car, version).fault("set", FONT, value="LARGE") == (502, "bad_gateway")

    run(story())
    actor.close()
