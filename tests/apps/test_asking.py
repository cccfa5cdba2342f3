"""What an app asks of actuators: on which terms, what is refused at the call, and what becomes of it at its host."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import TYPE_CHECKING

import pytest

from commonwheel.apps import App, AppError
from commonwheel.apps.checks import check
from commonwheel.apps.limits import Limits
from commonwheel.apps.matrix import cell_of
from commonwheel.apps.replay import Recorded
from commonwheel.apps.scopes import rights_of
from commonwheel.apps.status import Fitness
from commonwheel.apps.terms import Terms
from commonwheel.broker.providers import Proof
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.vehicles import load_vehicle
from tests.apps.hostkit import FAN, TestCar, running, until, write_app
from tests.apps.running import LIGHT, SPEED, Run, S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from commonwheel.apps.sink import Wish
    from commonwheel.broker.actuation import Actuation

PULL = "Vehicle.MotionManagement.AccelerationTarget"
TARGET = "Vehicle.MotionManagement.SpeedTarget"


def asking(**parts: object) -> Run:
    """Return a run of an app that may ask for an acceleration."""
    parts = {"requires": {SPEED: 0}, "requests": (PULL, LIGHT), **parts}
    app = App("asks", "1", "An app of a test.", **parts)  # type: ignore[arg-type]
    app.on(SPEED)(lambda _car, _reading: None)
    check(app)
    return Run(app).start()


def test_terms_go_the_whole_way(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Wish] = []
    monkeypatch.setattr(Recorded, "request", lambda _self, wish: seen.append(wish))
    run = asking(requests={PULL: 10})
    run.engine.car.request(PULL, -1.0, valid_s=0.25, priority=10, unit="m/s^2")
    run.engine.car.request(PULL, 0.5)
    assert [(wish.number, wish.value, wish.terms) for wish in seen] == [
        (1, -1.0, Terms(250_000_000, 10)),
        (2, 0.5, Terms()),
    ]


@pytest.mark.parametrize(
    ("value", "terms", "said"),
    [
        (math.nan, {}, "cannot be asked to reach nan"),
        (math.inf, {}, "cannot be asked to reach inf"),
        (-1.0, {"unit": "g"}, r"in 'm/s\^2', not 'g'"),
        (-1.0, {"valid_s": 0}, "good for 0.01 to 3600 seconds"),
        (-1.0, {"valid_s": math.nan}, "good for 0.01 to 3600 seconds"),
        (-1.0, {"valid_s": "1"}, "a number of seconds"),
        (-1.0, {"priority": 1}, "with priority -100..0, not 1; a higher one is stated in the manifest"),
        (-1.0, {"priority": 0.5}, "a whole number"),
        ("fast", {}, "takes float|number|AccelerationTarget"),
    ],
)
def test_what_makes_no_sense_is_told_at_the_call_and_not_asked(
    value: object, terms: dict[str, object], said: str
) -> None:
    run = asking()
    with pytest.raises(Exception, match=said):
        run.engine.car.request(PULL, value, **terms)  # type: ignore[arg-type]
    assert not run.did.requested


def test_a_withdrawal_is_of_what_the_manifest_states() -> None:
    run = asking()
    run.engine.car.withdraw(PULL)
    assert run.did.withdrawn == [(0, PULL)]
    with pytest.raises(AppError, match="to 'requests'"):
        run.engine.car.withdraw(TARGET)


def test_a_request_that_is_renewed_is_not_remembered() -> None:
    run = asking()
    for _ in range(1000):
        run.engine.car.request(PULL, 0.0)
    assert run.engine.car._inside.wishes.under_way == 1  # pyright: ignore[reportPrivateUsage]
    heard: list[str] = []
    run.engine.car.request(PULL, 1.0, lambda _car, outcome: heard.append(outcome.why))
    run.engine.car.request(PULL, 2.0)
    run.engine.answer(1001, Outcome(PULL, 1.0, (Step(Stage.ENDED, S, "renewed"),)))
    assert heard == ["renewed"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"requests": {PULL: 101}}, "a whole number from 0 to 100, not 101"),
        ({"requests": {PULL: -1}}, "a whole number from 0 to 100"),
        ({"requests": (PULL,), "needs": (TARGET,)}, "add it to 'requests'"),
        ({"requests": (PULL,), "instead": {PULL: (TARGET,)}}, "add it to 'requests'"),
    ],
)
def test_a_manifest_that_asks_for_what_it_does_not_state_is_told(parts: dict[str, object], said: str) -> None:
    with pytest.raises(AppError, match=said):
        asking(**parts)


def test_an_app_that_needs_to_act_runs_where_the_car_can_be_asked() -> None:
    parts = {"requires": {SPEED: 0}, "requests": (PULL, TARGET), "needs": (PULL,), "instead": {PULL: (TARGET,)}}
    manifest = App("acts", "1", **parts).manifest  # type: ignore[arg-type]
    assert cell_of(manifest, load_vehicle("honda/civic_touring_2016")).fitness is Fitness.FULL
    assert cell_of(manifest, load_vehicle("nissan/leaf_ze1")).fitness is not Fitness.NONE
    cell = cell_of(manifest, load_vehicle("mitsubishi/lancer"))
    assert cell.fitness is Fitness.NONE
    assert cell.missing[0] == PULL


def test_what_sensors_give_counts_unless_the_car_is_taken_as_it_is() -> None:
    manifest = App("sees", "1", requires={"Vehicle.ADAS.Lane.Offset": 0}).manifest
    leaf = load_vehicle("nissan/leaf_ze1")
    assert cell_of(manifest, leaf).fitness is Fitness.FULL
    assert cell_of(manifest, leaf, sensors=False).fitness is Fitness.NONE


def test_an_apps_rights_hold_its_highest_priority() -> None:
    assert rights_of(asking(requests={PULL: 7, LIGHT: 3}).engine.app.manifest).priority == 7
    assert rights_of(asking().engine.app.manifest).priority == 0


RENEWING = f"""
@app.every(0.02)
def ask(car):
    car.request("{FAN}", 40, valid_s=5.0, priority=3, then=told)

def told(car, outcome):
    car.show(text=f"{{outcome.stage.value}}: {{', '.join(step.stage.value for step in outcome.steps)}}")
"""


CRASHING = f"""
@app.on("{SPEED}")
def crash(car, reading):
    if reading.good == 99:
        import os
        os._exit(3)
"""


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_an_app_that_ends_has_what_it_asked_for_withdrawn_at_once(tmp_path: Path, end: str) -> None:
    """Its requests are good for five seconds, and taken back long before; its terms are those at the broker."""
    app = write_app(tmp_path, RENEWING + (CRASHING if end == "crash" else ""), requests=f'{{"{FAN}": 3}}')

    async def work() -> None:
        car = TestCar()
        fan = car.broker.provider("fan")
        number = car.broker.table.number(FAN)
        seen: list[Actuation] = []
        gone = threading.Event()

        def withdrawn(_requester: str, _signals: Sequence[int]) -> None:
            gone.set()

        fan.on_withdraw = withdrawn
        fan.claim([number], {number: Proof(number, arbitrated=True)}, seen.extend)
        async with running(app, car=car, limits=Limits(backoff_s=30.0)) as (hosts, _car):
            await until(lambda: len(seen) > 20)
            await until(lambda: hosts.apps[0].status.outputs.get("text"))
            assert str(hosts.apps[0].status.outputs["text"].value).startswith("ended: requested")
            assert {(a.terms.valid_ns, a.terms.priority) for a in seen} == {(5 * S, 3)}
            if end == "crash":
                car.say(99.0)
                await until(gone.is_set)
        await until(gone.is_set)
        fan.close()

    asyncio.run(work())
