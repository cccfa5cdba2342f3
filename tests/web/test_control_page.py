"""The Control page: states with their causes, arming with a reason and the right, quantities side by side, verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from commonwheel.broker import Actuation, BrokerError, Reason
from commonwheel.broker.access import Access
from commonwheel.broker.providers import Proof
from commonwheel.broker.rights import Rights
from commonwheel.control import Acting
from commonwheel.gateway.config import CarSettings, Settings
from commonwheel.gateway.live import LiveCar
from commonwheel.gateway.telling import IS_ARMED
from commonwheel.gateway.verdicts import Verdicts
from commonwheel.guard import State
from commonwheel.web.control_view import ControlView, arm
from commonwheel.web.scene import Scene
from commonwheel.web.views import Viewer
from tests.web.conftest import PHONE, View
from tests.web.stage import NAMES, Running, Tokens, live_car, until, wired
from tests.web.test_shell import faults_of, too_wide

ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"


class FakeActuator:
    """What makes a car act, as a test says that it does."""

    def __init__(self, car: LiveCar) -> None:
        axes = [SimpleNamespace(name=axis) for axis in ("longitudinal", "lateral")]
        served = {ACCELERATION: SimpleNamespace(axis="longitudinal"), ANGLE: SimpleNamespace(axis="lateral")}
        described = SimpleNamespace(served=served, cannot={"Vehicle.Cabin.HVAC.IsAirConditioningActive": "no source"})
        guard = SimpleNamespace(envelope=SimpleNamespace(axes=axes))
        self.control = SimpleNamespace(actuators=tuple(served), control=described, guard=guard)
        states = dict.fromkeys(("longitudinal", "lateral"), State.OFF)
        self.teller = SimpleNamespace(states=states, causes={"lateral": "it began"}, waits={}, doing={})
        self.record = Verdicts(car=car.name)
        self.asked: list[Actuation] = []
        broker = car.broker
        number = broker.table.number(IS_ARMED)
        broker.provider("guard").claim((), {number: Proof(number)}, self.asked.extend)

    def say(self, axis: str, state: State, cause: str) -> None:
        self.teller.states = {**self.teller.states, axis: state}
        self.teller.causes = {**self.teller.causes, axis: cause}

    def do(self, path: str, *values: float, source: str = "cruise") -> None:
        self.teller.doing = {**self.teller.doing, path: Acting(path, source, *values)}


def acting(scene: Scene) -> FakeActuator:
    return cast("Any", scene.cars[0].gateway).actuator


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Return a car that acts, and one that cannot."""
    cars = (live_car("honda", NAMES["honda"]), live_car("imiev", NAMES["mitsubishi"]))
    cast("Any", cars[0].gateway).actuator = FakeActuator(cars[0])
    yield Scene(Settings(cars={car.name: CarSettings(car=car.name) for car in cars}), cars)
    for car in cars:
        wired(car).stop()


def viewer_of(scene: Scene, rights: Rights | None = None) -> Viewer:
    return Viewer(scene, rights or Rights.everything("someone"))


def test_only_what_has_changed_is_told(scene: Scene) -> None:
    view = ControlView(viewer_of(scene), {})
    (card,) = cast("Any", view.first())["cars"]
    assert (card["car"], card["axes"], card["may"]) == ("honda", ["longitudinal", "lateral"], True)
    assert [one["unit"] for one in card["actuators"]] == ["m/s^2", "degrees"]
    first = cast("Mapping[str, Any]", view.take())["0"]
    assert first["axes"] == {"longitudinal": ["off", ""], "lateral": ["off", "it began"]}
    assert "said" not in first
    fake = acting(scene)
    fake.do(ACCELERATION, 1.0, 0.5, float("nan"), 0.25)
    fake.record.add(1, "verdict", "range", subject=ACCELERATION, outcome="limited", text="too much")
    fake.record.add(2, "progress", "sent", path=ACCELERATION)
    news = cast("Mapping[str, Any]", view.take())["0"]
    assert news["doing"] == {ACCELERATION: ["cruise", 1.0, 0.5, None, 0.25]}
    (line,) = news["said"]
    assert (line["what"], line["about"], line["rule"], line["text"]) == ("limited", ACCELERATION, "range", "too much")
    assert view.take() is None
    fake.teller.waits = {"lateral": "the belt"}
    assert view.take() is None, "what was waited for while it was armed is over"
    fake.teller.states = {**fake.teller.states, "lateral": State.ARMED}
    assert cast("Mapping[str, Any]", view.take())["0"]["axes"]["lateral"] == ["armed", "it began; waits for the belt"]
    view.close()


def test_what_was_said_before_many_steps_of_requests_is_still_shown(scene: Scene) -> None:
    fake = acting(scene)
    for number in range(70):
        fake.record.add(number, "refusal", "state", path=ACCELERATION, text=f"{number}")
    for number in range(2_000):
        fake.record.add(number, "progress", "sent", path=ACCELERATION)
    view = ControlView(viewer_of(scene), {})
    first = cast("Mapping[str, Any]", view.take())["0"]
    assert [line["text"] for line in first["said"]] == [f"{number}" for number in range(10, 70)]


def test_only_what_may_be_read_is_shown(scene: Scene) -> None:
    tokens = Tokens()
    tokens.add("some", f"read:{ANGLE}")
    view = ControlView(viewer_of(scene, tokens.verify("some")), {})
    (card,) = cast("Any", view.first())["cars"]
    assert [one["path"] for one in card["actuators"]] == [ANGLE]
    assert (card["may"], "lacks the scope" in card["why"]) == (False, True)
    assert card["axes"] == []
    fake = acting(scene)
    fake.record.add(1, "refusal", "state", path=ACCELERATION, text="not armed")
    fake.record.add(2, "refusal", "state", path=ANGLE, text="not armed")
    fake.do(ACCELERATION, 1, 1, 1, 1)
    news = cast("Mapping[str, Any]", view.take())["0"]
    assert [line["about"] for line in news["said"]] == [ANGLE]
    assert news["doing"] == {}
    assert news["axes"] == {}, "who armed it, and why it is as it is, is behind the right to read its state"


def test_arming_takes_the_right_a_car_that_acts_and_a_reason(scene: Scene) -> None:
    tokens = Tokens()
    tokens.add("reader", "read")
    for rights, params, reason in (
        (tokens.verify("reader"), {"car": "honda", "arm": True, "reason": "x"}, Reason.FORBIDDEN),
        (None, {"car": "honda", "arm": True, "reason": " "}, Reason.INVALID),
        (None, {"car": "imiev", "arm": True, "reason": "x"}, Reason.INVALID),
        (None, {"car": "nobody", "arm": True, "reason": "x"}, Reason.INVALID),
    ):
        with pytest.raises(BrokerError) as caught:
            arm(viewer_of(scene, rights), params)
        assert caught.value.reason is reason
    assert acting(scene).asked == []
    arm(viewer_of(scene), {"car": "honda", "arm": True, "reason": "a bench"})
    arm(viewer_of(scene), {"car": "honda", "arm": False})
    first, second = acting(scene).asked
    assert (first.target, first.terms.reason, first.requester) == (True, "a bench", "someone")
    assert second.target is False


@pytest.mark.browser
def test_a_car_is_armed_looked_at_and_disarmed(scene: Scene, look: Callable[..., View]) -> None:
    fake = acting(scene)
    with Running(scene) as running:
        view = look(f"{running.url}/#/control")
        page = view.page
        page.wait_for_selector(".control-car")
        assert page.locator(".control-car").count() == 1
        armed = page.get_by_role("button", name="Arm", exact=True)
        view.wait("document.querySelector('.axes .chip').textContent.includes('off')")
        assert armed.is_disabled()
        page.fill(".control-car input", "a <b>bench</b>")
        armed.click()
        until(lambda: len(fake.asked) == 1)
        assert fake.asked[0].terms.reason == "a <b>bench</b>"
        fake.say("longitudinal", State.ENGAGED, "cruise control is active")
        fake.do(ACCELERATION, 2.5, 2.0, 1.98, 1.5)
        fake.record.add(
            time.time_ns(), "transition", "engagement", axis="longitudinal", after="engaged", cause="<i>it</i>"
        )
        for _ in range(3):
            fake.record.add(time.time_ns(), "refusal", "state", path=ANGLE, source="lane", text="not armed")
        view.wait("document.querySelector('.axes').innerText.includes('cruise control is active')")
        view.wait("document.querySelector('tbody').innerText.includes('1.98')")
        view.wait("document.querySelector('.said').innerText.includes('\\u00d73')")
        assert "<i>it</i>" in page.locator(".said").inner_text()
        assert page.locator("tbody td.num").all_inner_texts()[:4] == ["2.50", "2.00", "1.98", "1.50"]
        assert armed.is_disabled()
        page.get_by_role("button", name="Disarm", exact=True).click()
        until(lambda: len(fake.asked) == 2)
        assert fake.asked[1].target is False
        assert view.complaints == []
        page.context.close()
        until(lambda: not running.server.facts()["clients"])


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everyone_and_fits_a_phone(
    scene: Scene, look: Callable[..., View], scheme: Literal["light", "dark"]
) -> None:
    fake = acting(scene)
    fake.say("longitudinal", State.FAULTED, "60 ms from cycle to cycle, at most 50 ms")
    fake.do(ANGLE, -12.0, -10.0, -10.0, -9.5)
    fake.record.add(time.time_ns(), "verdict", "lateral-jerk", subject=ANGLE, outcome="limited", text="too fast")
    with Running(scene) as running:
        view = look(f"{running.url}/#/control", PHONE, scheme, tools=True)
        view.wait("document.querySelector('.said')?.innerText.includes('too fast')")
        assert not too_wide(view)
        assert faults_of(view) == []
        view.page.context.close()
        until(lambda: not running.server.facts()["clients"])


@pytest.mark.browser
def test_without_a_car_that_acts_it_says_how_to_run_one(look: Callable[..., View]) -> None:
    bare = live_car("imiev", NAMES["mitsubishi"])
    with Running(Scene(Settings(cars={"imiev": CarSettings(car="imiev")}), (bare,)), Access()) as running:
        view = look(f"{running.url}/#/control")
        view.wait("document.querySelector('#page').innerText.includes('--actuate')")
        view.page.context.close()
        until(lambda: not running.server.facts()["clients"])
    wired(bare).stop()
