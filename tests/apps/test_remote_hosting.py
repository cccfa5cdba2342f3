"""Apps on a car that is somewhere else: the manifest is the token's scopes, and the server holds it against them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import commonwheel as cw
from commonwheel.apps.hosting import hosted
from commonwheel.apps.loading import load_app
from commonwheel.apps.manifest import Manifest
from commonwheel.apps.scopes import scopes_of
from commonwheel.apps.status import AppState
from commonwheel.broker import BrokerError, Reason
from commonwheel.broker.access import Access
from commonwheel.client.async_car import AsyncCar
from commonwheel.client.beginning import Beginning
from tests.apps.hostkit import CHARGE, RANGE, SOON, SPEED, TestCar, state, texts, until, write_app
from tests.client.harness import Served, Words

BODY = f"""
@app.on("{SPEED}")
def speed(car, reading):
    car.show(n=reading.value, text=car.name)
    car.publish({{"{RANGE}": 99_000}})
"""


def token_of(scopes: str, name: str = "trial") -> str:
    """Return a token as ``Words`` reads it."""
    return f"{name}+{scopes}".replace(" ", "+")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path, BODY, provides=f'("{RANGE}",)')


def test_app_runs_with_a_token_of_its_manifest_and_the_server_gives_it_no_more(app: Path) -> None:
    async def work() -> None:
        car = TestCar()
        served = Served(car.broker, Access(Words()))

        def connect(manifest: Manifest) -> Beginning[AsyncCar]:
            return cw.connect_async(served.target, token=token_of(scopes_of(manifest)))

        try:
            async with hosted(app, connect, limits=SOON) as host:
                await state(host, AppState.RUNNING)
                car.say(42.0)
                await until(lambda: host.status.outputs.get("n"))
                assert host.status.outputs["n"].value == 42.0
                assert host.status.outputs["text"].value == "leaf"
                assert host.car == "leaf"
                await until(lambda: car.broker.get(car.broker.table.number(RANGE)).value == 99_000)
            await asyncio.to_thread(_may_do_no_more, served.target, scopes_of(load_app(app).manifest))
        finally:
            await asyncio.to_thread(served.stop)

    asyncio.run(work())


def _may_do_no_more(target: str, scopes: str) -> None:
    with cw.connect(target, token=token_of(scopes)) as car:
        assert car.get(SPEED).value == 42.0
        for refused in (lambda: car.get(CHARGE), lambda: car.publish({CHARGE: 1.0}), lambda: car.provide(SPEED)):
            with pytest.raises(BrokerError) as raised:
                refused()
            assert raised.value.reason is Reason.FORBIDDEN


def test_token_that_allows_less_than_the_manifest_is_told(app: Path) -> None:
    async def work() -> None:
        car = TestCar()
        served = Served(car.broker, Access(Words()))
        token = token_of(f"provide:{RANGE}")
        try:
            async with hosted(app, lambda _: cw.connect_async(served.target, token=token), limits=SOON) as host:
                await until(lambda: host.status.error)
                assert f"may not read {SPEED}; 'commonwheel token make --app " in host.status.error
                assert host.status.state in {AppState.BACKING_OFF, AppState.STARTING}
        finally:
            await asyncio.to_thread(served.stop)

    asyncio.run(work())


def test_app_goes_on_when_its_server_comes_back(app: Path) -> None:
    async def work() -> None:
        car = TestCar()
        served = Served(car.broker)
        try:
            async with hosted(app, lambda _: cw.connect_async(served.target), limits=SOON) as host:
                await state(host, AppState.RUNNING)
                await asyncio.to_thread(served.stop)
                await asyncio.to_thread(served.start)
                for value in range(10_000):
                    car.say(float(value % 100))
                    if host.status.outputs.get("n"):
                        break
                    await asyncio.sleep(0.01)
                await until(lambda: host.status.outputs.get("n"))
                assert host.status.error == ""
        finally:
            await asyncio.to_thread(served.stop)

    asyncio.run(work())


def test_car_that_was_away_long_is_no_failure_of_the_app(tmp_path: Path) -> None:
    app = write_app(tmp_path, "@app.start\ndef begin(car):\n    raise ValueError('no')")
    car = TestCar()
    tried = 0

    def connect(_: Manifest) -> Beginning[AsyncCar]:
        nonlocal tried
        tried += 1
        return (
            cw.connect_async("127.0.0.1:1", timeout_s=0.2) if tried <= SOON.failures else cw.connect_async(car.broker)
        )

    async def work() -> None:
        async with hosted(app, connect, limits=SOON) as host:
            await state(host, AppState.FAILED)
            assert tried == 2 * SOON.failures
            assert f"it failed {SOON.failures} times in a row" in texts(host)
        car.close()

    asyncio.run(work())


def test_app_that_is_closed_at_once_never_begins(app: Path) -> None:
    async def work() -> None:
        async with hosted(app, lambda _: cw.connect_async(TestCar().broker), limits=SOON) as host:
            pass
        await asyncio.sleep(0)
        assert host.status.state is AppState.STOPPED
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    asyncio.run(work())


def test_car_that_cannot_be_reached_is_tried_again(app: Path) -> None:
    async def work() -> None:
        async with hosted(app, lambda _: cw.connect_async("127.0.0.1:1", timeout_s=0.2), limits=SOON) as host:
            await until(lambda: host.status.restarts > 1)
            assert "127.0.0.1:1" in host.status.error
            assert host.status.state is not AppState.FAILED

    asyncio.run(work())
