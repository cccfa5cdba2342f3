"""Apps on live cars, each in a process of its own: what they do well."""

from __future__ import annotations

import asyncio
import errno
import itertools
import sys
import threading
import time
from os import pipe
from pathlib import Path

import psutil
import pytest

from commonwheel.apps import worker
from commonwheel.apps.hosting import AppHosts
from commonwheel.apps.inprocess import InProcess
from commonwheel.apps.launch import Launcher, Spawning
from commonwheel.apps.limits import Limits
from commonwheel.apps.nursery import launcher as best
from commonwheel.apps.status import AppState, Fitness
from commonwheel.broker.actuation import Actuation
from commonwheel.broker.events import Event
from commonwheel.broker.providers import Proof
from commonwheel.broker.subscription import Queue
from commonwheel.errors import AppError
from commonwheel.vehicles import Quality
from tests.apps.hostkit import CHARGE, FAN, RANGE, SPEED, TestCar, line_of, running, state, texts, until, write_app

COUNTING = f"""
import os
count = 0
@app.start
def begin(car):
    car.log(f"begins on {{car.name}} as {{os.getpid()}}")
    print("printed")
@app.on("{SPEED}")
def speed(car, reading):
    global count
    count += 1
    car.show(n=reading.value)
    if count == 3:
        car.report("seen", count=count, readings=[1, 2.5, None, "x"])
@app.stop
def end(car):
    car.log(f"ends after {{count}}")
"""


@pytest.mark.parametrize("make", [best, Spawning, InProcess])
def test_app_does_the_same_however_it_is_started(tmp_path: Path, make: type[Launcher]) -> None:
    app = write_app(tmp_path, COUNTING)

    async def work() -> None:
        async with running(app, launcher=make()) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            for value in (10.0, 20.0, 30.0):
                car.say(value)
            await until(lambda: host.status.events and host.status.outputs.get("n"))
            await until(lambda: host.status.outputs["n"].value == 30.0)
            assert host.status.outputs["n"].unit == "km/h"
            event = host.status.events[0]
            assert (event.name, event.severity) == ("seen", "warning")
            assert event.data == {"count": 3, "readings": [1, 2.5, None, "x"]}
            assert host.status.received == 3
            assert host.fitness is Fitness.FULL
        assert host.status.state is AppState.STOPPED
        assert "begins on leaf as" in texts(host)
        assert "ends after 3" in texts(host)
        assert make is InProcess or "printed" in texts(host)

    asyncio.run(work())


def test_nothing_is_left_of_a_process_that_was_stopped(tmp_path: Path) -> None:
    app = write_app(tmp_path, COUNTING)

    async def work() -> None:
        before = set(psutil.Process().children(recursive=True))
        async with running(app) as (hosts, _car):
            await state(hosts.apps[0], AppState.RUNNING)
            assert set(psutil.Process().children(recursive=True)) - before
        assert not set(psutil.Process().children(recursive=True)) - before

    asyncio.run(work())


def test_app_is_stopped_and_started_again_from_any_thread(tmp_path: Path) -> None:
    app = write_app(tmp_path, COUNTING)

    async def work() -> None:
        async with running(app) as (hosts, _car):
            host, heard = hosts.apps[0], list[AppState]()
            deaf = hosts.listen(lambda one: heard.append(one.status.state))
            await state(host, AppState.RUNNING)
            await asyncio.to_thread(host.stop)
            await state(host, AppState.STOPPED)
            await asyncio.to_thread(host.start)
            await state(host, AppState.RUNNING)
            assert {AppState.STOPPED, AppState.STARTING, AppState.RUNNING} <= set(heard)
            deaf()
            before = len(heard)
            host.stop()
            await state(host, AppState.STOPPED)
            assert len(heard) == before
            assert texts(host).count("begins on") == 2

    asyncio.run(work())


def test_app_that_a_car_cannot_run_waits_for_what_it_lacks(tmp_path: Path) -> None:
    app = write_app(tmp_path, COUNTING, requires=f'{{"{SPEED}": 0, "{CHARGE}": 1}}', may_use=f'{{"{RANGE}": 1}}')

    async def work() -> None:
        async with running(app) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.UNFIT)
            assert (host.fitness, list(host.missing)) == (Fitness.NONE, [CHARGE, RANGE])
            car.give(CHARGE)
            await state(host, AppState.RUNNING)
            assert (host.fitness, list(host.missing)) == (Fitness.REDUCED, [RANGE])

    asyncio.run(work())


def test_app_that_waits_for_its_car_is_stopped_at_once(tmp_path: Path) -> None:
    app = write_app(tmp_path, COUNTING, requires=f'{{"{SPEED}": 0, "{CHARGE}": 1}}')

    async def work() -> None:
        async with running(app) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.UNFIT)
            host.stop()
            await state(host, AppState.STOPPED)
            host.start()
            await state(host, AppState.UNFIT)
            assert await hosts.stop(5)
            assert host.status.state is AppState.STOPPED
            assert car.broker.readers == ()

    asyncio.run(work())


def test_values_that_are_there_already_are_known_at_the_start(tmp_path: Path) -> None:
    app = write_app(tmp_path, f'@app.start\ndef begin(car):\n    car.show(n=car.value("{SPEED}", -1.0))')

    async def work() -> None:
        car = TestCar()
        car.say(77.0)
        async with running(app, car=car) as (hosts, _car):
            await until(lambda: hosts.apps[0].status.outputs)
            assert hosts.apps[0].status.outputs["n"].value == 77.0

    asyncio.run(work())


def test_timers_go_on_while_no_sample_comes(tmp_path: Path) -> None:
    body = "@app.every(0.05)\nasync def tick(car):\n    await car.sleep(0.02)\n    car.report('seen', at=car.elapsed_s)"
    app = write_app(tmp_path, body)

    async def work() -> None:
        async with running(app) as (hosts, _car):
            host = hosts.apps[0]
            await until(lambda: len(host.status.events) > 3)
            times = [event.data["at"] for event in list(host.status.events)[:4]]
            assert times == pytest.approx([0.07, 0.12, 0.17, 0.22], abs=0.001)

    asyncio.run(work())


PROVIDING = f"@app.every(0.02)\ndef tick(car):\n    car.publish({{'{RANGE}': 123_000, '{CHARGE}': 55.0}})"


def test_app_gives_values_where_nobody_else_does(tmp_path: Path) -> None:
    app = write_app(tmp_path, PROVIDING, provides=f'("{RANGE}", "{CHARGE}")')

    async def work() -> None:
        car = TestCar(gives=(SPEED, CHARGE))
        car.say(80.0, CHARGE)
        broker = car.broker
        number, charge = broker.table.number(RANGE), broker.table.number(CHARGE)
        async with running(app, car=car) as (hosts, _car):
            await until(lambda: broker.get(number).value == 123_000)
            owner = broker.owner(number)
            assert owner is not None
            assert owner.name == "trial"
            assert broker.get(charge).value == 80.0
            await until(lambda: CHARGE in texts(hosts.apps[0]))
        assert broker.get(number).quality is Quality.STALE

    asyncio.run(work())


ASKING = f"""
@app.start
async def begin(car):
    outcome = await car.request("{FAN}", 40)
    car.show(text=f"{{outcome.stage.value}} {{outcome.why}}".strip(), n=float(outcome.confirmed))
"""


def test_app_asks_an_actuator_and_hears_how_it_went(tmp_path: Path) -> None:
    app = write_app(tmp_path, ASKING, requests=f'("{FAN}",)')

    async def work() -> None:
        car = TestCar()
        fan = car.broker.provider("fan")
        number = car.broker.table.number(FAN)

        def act(actuations: list[Actuation]) -> None:
            threading.Thread(target=fan.publish_values, args=({number: actuations[0].target},)).start()

        fan.claim([number], {number: Proof(number)}, act)  # type: ignore[arg-type]
        async with running(app, car=car) as (hosts, _car):
            await until(lambda: hosts.apps[0].status.outputs.get("text"))
            assert hosts.apps[0].status.outputs["text"].value == "confirmed"
        fan.close()
        async with running(app, car=TestCar()) as (hosts, _car):
            await until(lambda: hosts.apps[0].status.outputs.get("text"))
            shown = str(hosts.apps[0].status.outputs["text"].value)
            assert shown.startswith("refused")
            assert "nobody makes" in shown

    asyncio.run(work())


def test_app_that_is_too_slow_loses_its_own_updates_and_is_told_how_many(tmp_path: Path) -> None:
    body = f"import time\n@app.on_batch('{SPEED}')\ndef some(car, batch):\n    time.sleep(0.05)"
    app = write_app(tmp_path, body)

    async def work() -> None:

        async with running(app, limits=Limits(waiting_updates=50)) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            reader = car.broker.subscribe([car.broker.table.number(SPEED)], queue=Queue(5000), initial=False)
            for i in range(2000):
                car.say(i % 100)
                if i % 100 == 0:
                    await asyncio.sleep(0)
            await until(lambda: host.status.dropped)
            await until(lambda: host.status.received + host.status.dropped == 2000)
            assert sum(map(len, reader.take().batches)) == 2000

    asyncio.run(work())


@pytest.mark.parametrize(
    ("body", "declared", "said"),
    [
        ("", {"requires": '{"Vehicle.Sped": 1}'}, "Vehicle.Speed"),
        ("1 / 0", {}, "ZeroDivisionError"),
        ("def (", {}, "SyntaxError"),
        ("import os; os._exit(4)", {}, "status 4"),
        ("import sys; sys.exit(4)", {}, "SystemExit"),
        ("app = 1", {}, "declares no app"),
    ],
)
def test_service_does_not_start_with_an_app_that_cannot_be_loaded(
    tmp_path: Path, body: str, declared: dict[str, str], said: str
) -> None:
    file = write_app(tmp_path, body, **declared)

    async def work() -> None:
        hosts = AppHosts([str(file)])
        try:
            with pytest.raises(AppError, match=said) as raised:
                await hosts.start([TestCar().live], None)  # type: ignore[arg-type]
            assert str(file) in str(raised.value)
        finally:
            await hosts.stop(5)

    asyncio.run(work())


def test_two_apps_of_one_name_are_refused_and_an_unknown_one_is_told_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = write_app(tmp_path, COUNTING), write_app(tmp_path / "other", COUNTING)

    async def work() -> None:
        for names, said in (([first, second], "rename one"), (["no-such-app"], "no-such-app")):
            hosts = AppHosts([str(name) for name in names])
            with pytest.raises(AppError, match=said):
                await hosts.start([TestCar().live], None)  # type: ignore[arg-type]
            await hosts.stop(5)

    asyncio.run(work())


LIMITED = """
@app.start
def begin(car):
    car.show(n=car.settings["limit"])
"""


def test_settings_of_a_service_reach_its_apps(tmp_path: Path) -> None:
    app = write_app(tmp_path, LIMITED, settings='{"limit": Setting(60.0, "km/h")}')

    async def work() -> None:
        async with running(app, settings={"trial": {"limit": "30"}}) as (hosts, _):
            await until(lambda: hosts.apps[0].status.outputs.get("n"))
            assert hosts.apps[0].status.outputs["n"].value == 30.0

    asyncio.run(work())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trail": {"limit": 30.0}}, "settings are given for 'trail', which does not run here; there are trial"),
        ({"trial": {"limt": 30.0}}, "has no setting 'limt'; it has limit"),
        ({"trial": {"limit": "fast"}}, "is a number"),
    ],
)
def test_service_does_not_start_with_settings_that_are_none(
    tmp_path: Path, settings: dict[str, dict[str, float | str | bool]], said: str
) -> None:
    app = write_app(tmp_path, LIMITED, settings='{"limit": Setting(60.0, "km/h")}')

    async def work() -> None:
        with pytest.raises(AppError, match=said):
            async with running(app, settings=settings):
                pass
        with pytest.raises(AppError, match="does not run here; no app does"):
            async with running(settings=settings):
                pass

    asyncio.run(work())


def test_time_that_was_set_far_ahead_lets_the_app_begin_anew(tmp_path: Path) -> None:
    app = write_app(tmp_path, COUNTING)

    async def work() -> None:
        async with running(app) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            car.say(1.0)
            car.say(2.0, t_ns=time.time_ns() + 5 * 3600 * 10**9)
            await until(lambda: "begins anew" in texts(host))
            await until(lambda: texts(host).count("begins on") == 2)
            assert host.status.error == ""

    asyncio.run(work())


TICKING = """
ticks = 0
@app.every(0.05)
def tick(car):
    global ticks
    ticks += 1
    car.show(n=ticks)
"""


def test_clock_that_is_set_an_hour_ahead_lets_what_is_due_happen_once(tmp_path: Path) -> None:
    app = write_app(tmp_path, TICKING)

    async def work() -> None:
        async with running(app, launcher=InProcess()) as (hosts, car):
            host = hosts.apps[0]
            await until(lambda: host.status.outputs.get("n"))
            before, began = host.status.outputs["n"].value, time.monotonic()
            set_ns = time.time_ns() + 3590 * 10**9
            car.say(2.0, t_ns=set_ns)
            await until(lambda: host.status.outputs["n"].t_ns > set_ns + 10**8)
            most = (time.monotonic() - began) / 0.05 + 3  # as often as ever, and once for all that was left out
            after = host.status.outputs["n"].value
            assert isinstance(before, float)
            assert isinstance(after, float)
            assert 0 < after - before <= most
            assert host.status.error == ""
            assert "begins anew" not in texts(host)

    asyncio.run(work())


def test_clock_that_is_set_an_hour_back_lets_the_app_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it has would look an hour old to it, and nothing would come of it for an hour."""
    monkeypatch.setattr(worker, "BACK_FOR_NS", 1)
    app = write_app(tmp_path, COUNTING)

    async def work() -> None:
        async with running(app, launcher=InProcess()) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            car.say(1.0)
            await until(lambda: host.status.outputs.get("n"))
            car.say(2.0, t_ns=time.time_ns() - 3600 * 10**9)
            await until(lambda: host.status.outputs["n"].value == 2.0)
            assert "begins anew" not in texts(host), "one old value says nothing"
            car.say(3.0, t_ns=time.time_ns() - 3600 * 10**9)
            await until(lambda: "went back by 36" in texts(host))
            await until(lambda: texts(host).count("begins on") == 2)
            car.say(4.0, t_ns=time.time_ns() - 3600 * 10**9)
            car.say(5.0, t_ns=time.time_ns() - 3600 * 10**9)
            await until(lambda: host.status.outputs["n"].value == 5.0)
            assert texts(host).count("begins on") == 2, "what is as old as ever was set by nobody"

    asyncio.run(work())


def test_error_names_the_line_of_the_app(tmp_path: Path) -> None:
    body = f"""
@app.on("{SPEED}")
def speed(car, reading):
    helper(reading)
def helper(reading):
    reading.value.foo()
"""
    app = write_app(tmp_path, body)

    async def work() -> None:
        async with running(app) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            car.say(5.0)
            await state(host, AppState.FAILED)
            assert line_of(app, "foo()") in host.status.error
            assert "AttributeError" in host.status.error
            assert host.status.restarts == 2
            kinds = [event.kind for event in car.broker.events.last()]
            assert kinds.count("app.restarting") == 2
            assert len(_failed(car)) == 1
            for _ in range(3):  # once more is once more, however often it is asked for
                host.start()
            await until(lambda: len(_failed(car)) > 1, "started again, and failed again")
            await until(lambda: "commonwheel app trial" not in {task.get_name() for task in asyncio.all_tasks()})
            assert len(_failed(car)) == 2

    asyncio.run(work())


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are counted as POSIX has them")
@pytest.mark.parametrize("what", ["tempfile.mkdtemp", "os.pipe"])
def test_machine_that_has_nothing_left_fails_the_app_until_it_is_started_again(tmp_path: Path, what: str) -> None:
    app = write_app(tmp_path, COUNTING)
    calls = itertools.count(1)

    def have_none(*_: object, **_more: object) -> tuple[int, int]:
        if what == "os.pipe" and next(calls) < 3:
            return pipe()
        raise OSError(errno.ENOSPC, "No room")

    async def work() -> None:
        async with running(app) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            host.stop()
            await state(host, AppState.STOPPED)
            before = psutil.Process().num_fds()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(what, have_none)
                host.start()
                await state(host, AppState.FAILED)
            assert "No room" in host.status.error
            assert len(_failed(car)) == 1
            assert psutil.Process().num_fds() == before
            host.start()
            await state(host, AppState.RUNNING)

    asyncio.run(work())


def _failed(car: TestCar) -> list[Event]:
    """Return the events of apps that are not started again."""
    return [event for event in car.broker.events.last() if event.kind == "app.failed"]
