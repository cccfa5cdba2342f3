"""A page's views: who is asked when, and that one's fault is nobody else's."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import numpy as np
import pytest

from commonwheel.apps.status import LogLine
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Rights
from commonwheel.vehicles import load_vehicle
from commonwheel.web.apps_view import AppsView, _since
from commonwheel.web.feed import MOST_VIEWS, Feed
from commonwheel.web.frame_queue import FrameQueue
from commonwheel.web.lanes import MOST_LANES, candidates, chosen
from commonwheel.web.registry import Registry
from commonwheel.web.values import Values
from commonwheel.web.views import Viewer
from commonwheel.wire.frames import Frames
from tests.web.stage import ANGLE, NAMES, SPEED, FakeApp, WiredCar, live_car, manifest, scene_of, wired


class Counter:
    """A view that counts how often it is asked."""

    def __init__(self, hz: float = 10.0, fails: str = "") -> None:
        self.hz, self.fails = hz, fails
        self.asked = 0
        self.closed = 0
        self.params: Any = None

    def _do(self, what: str) -> None:
        if self.fails == what:
            raise BrokerError(Reason.INVALID, what)

    def first(self) -> object:
        self._do("first")
        return {"hz": self.hz}

    def take(self) -> object | None:
        self._do("take")
        self.asked += 1
        return self.asked if self.asked != 2 else None

    def tell(self, params: object) -> None:
        self._do("tell")
        self.params = params

    def close(self) -> None:
        self.closed += 1
        self._do("close")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def feed_of(*views: Counter, clock: Clock | None = None) -> Feed:
    waiting = deque(views)
    viewer = Viewer(scene_of({}), Rights.everything())
    registry = Registry(views={"counter": lambda _viewer, _params: waiting.popleft()})
    return Feed(viewer, registry, clock or Clock())


def test_a_view_is_asked_no_more_often_than_it_wants() -> None:
    clock, slow, fast = Clock(), Counter(hz=5.0), Counter(hz=1000.0)
    feed = feed_of(slow, fast, clock=clock)
    feed.open(1, "counter", {})
    feed.open(2, "counter", {})
    for _ in range(100):
        feed.take()
        clock.now += 0.01
    assert slow.asked == 5
    assert fast.asked == 20
    assert 0 <= feed.wait_s() <= 0.05


def test_what_has_not_changed_is_not_sent() -> None:
    clock, view = Clock(), Counter()
    feed = feed_of(view, clock=clock)
    assert json.loads(feed.open(1, "counter", {}))["value"] == {"hz": 10.0}
    sent = []
    for _ in range(3):
        sent.append(feed.take()[1])
        clock.now += 0.2
    assert [text and json.loads(text)["views"] for text in sent] == [[[1, 1]], None, [[1, 3]]]
    assert feed.updates == 2


@pytest.mark.parametrize("when", ["first", "take", "tell"])
def test_a_view_that_fails_is_closed_and_told_and_the_others_go_on(when: str) -> None:
    good, bad = Counter(), Counter(fails=when)
    feed = feed_of(good, bad)
    feed.open(1, "counter", {})
    told = [feed.open(2, "counter", {}), *filter(None, [feed.tell(2, {})])]
    failed, update = feed.take()
    assert update is not None
    messages = [json.loads(text) for text in told + failed]
    assert [one["message"] for one in messages if one["type"] == "failed"] == [when]
    assert (bad.closed, good.closed, len(feed)) == (1, 0, 1)


def test_a_number_is_of_one_view_and_views_are_few() -> None:
    views = [Counter() for _ in range(MOST_VIEWS)]
    feed = feed_of(*views)
    for number in range(MOST_VIEWS):
        assert "opened" in feed.open(number, "counter", {})
    assert "open already" in feed.open(0, "counter", {})
    assert "at most" in feed.open(99, "counter", {})
    assert "there is no view 'none'" in feed.open(99, "none", {})
    assert (views[0].closed, len(feed)) == (0, MOST_VIEWS)
    feed.close(0)
    feed.close(0)
    feed.close_all()
    assert [view.closed for view in views] == [1] * MOST_VIEWS


def test_a_view_that_is_told_something_is_asked_at_once() -> None:
    clock, view = Clock(), Counter(hz=1.0)
    feed = feed_of(view, clock=clock)
    feed.open(1, "counter", {})
    feed.take()
    assert feed.wait_s() == pytest.approx(1.0)
    assert feed.tell(1, {"a": 1}) is None
    assert feed.wait_s() == 0
    assert view.params == {"a": 1}


def test_a_view_that_cannot_be_closed_keeps_no_other_open() -> None:
    bad, good = Counter(fails="close"), Counter()
    feed = feed_of(bad, good)
    feed.open(1, "counter", {})
    feed.open(2, "counter", {})
    feed.close_all()
    assert good.closed == 1


# ---- what views are made of ---------------------------------------------------------------------------------------


def test_values_are_told_once_typed_and_with_their_quality() -> None:
    car = live_car("nissan", NAMES["nissan"])
    gear = "Vehicle.Powertrain.Transmission.SelectedGear"
    values = Values(Viewer(scene_of({}), Rights.everything()), car, {"speed": SPEED, "gear": gear, "angle": ANGLE})
    assert values.take() == {"speed": (None, 4), "gear": (None, 4), "angle": (None, 4)}
    wired(car).drive({SPEED: 48.5, gear: 127})
    assert values.take() == {"speed": (48.5, 0), "gear": (127, 0)}
    assert values.take() == {}
    wired(car).expire()
    assert values.take()["speed"] == (48.5, 1)
    wired(car).stop()


def test_frames_wait_bounded_and_in_order() -> None:
    car = live_car("nissan", NAMES["nissan"])
    gateway = wired(car)
    queue = FrameQueue(gateway, most=100)
    assert queue.take() is None
    for n in range(30):
        gateway.take(Frames.build([(n * 10 + i, 0, 0x100, bytes([n])) for i in range(10)]))
    frames = queue.take()
    assert frames is not None
    assert len(frames) == 100
    assert frames.t_ns.tolist() == list(range(200, 300))
    assert (queue.total, queue.dropped) == (300, 200)
    queue.close()
    gateway.take(Frames.build([(0, 0, 0x100, b"")]))
    assert queue.take() is None
    gateway.stop()


def test_a_lane_tells_what_codes_mean_and_the_units_of_inputs() -> None:
    civic, leaf = load_vehicle("honda/civic_gen10_bosch"), load_vehicle("nissan/leaf_aze0:30kwh")
    ((gear,),) = [
        lane.card.fields
        for lane in candidates(civic, {"gear": "Vehicle.Powertrain.Transmission.SelectedGear"}, with_personal=False)
    ]
    assert not gear.direct
    assert {value for _, value in gear.codes} >= {126.0, -1.0, 0.0, 127.0}
    power = [
        one
        for lane in candidates(leaf, {"power": "Vehicle.Powertrain.ElectricMotor.Power"}, with_personal=False)
        for one in lane.card.fields
    ]
    assert len(power) >= 2
    assert not any(one.direct or one.codes for one in power)
    assert all(one.unit and one.factor for one in power), power


@pytest.mark.parametrize("name", [*NAMES.values(), "mitsubishi/outlander_phev", "nissan/leaf_ze1", "honda/e"])
def test_a_lanes_bits_and_arithmetic_are_the_cars(name: str) -> None:
    car = live_car("car", name)
    gateway = wired(car)
    lanes = candidates(gateway.vehicle, {"speed": SPEED, "steering": ANGLE}, with_personal=False)
    queue = FrameQueue(gateway)
    gateway.drive({SPEED: 72.0, ANGLE: -30.0})
    frames = queue.take()
    assert frames is not None
    for lane in lanes:
        lane.look(frames)
    seen = {"speed": 72.0, "steering": -30.0}
    for lane in chosen(lanes):
        told = lane.take()
        assert told is not None
        payloads, _, raws = told
        assert lane.take() is None
        for field, raw in zip(lane.card.fields, raws, strict=True):  # type: ignore[call-overload]
            if field.direct:
                assert raw * field.factor + field.offset == pytest.approx(seen[field.role], abs=abs(field.factor))
            alone = [one.role for one in lane.card.fields].count(field.role) == 1
            if alone and field.order == "big-endian" and lane.card.first_byte == 0 and raw >= 0:
                bits = np.unpackbits(np.frombuffer(bytes.fromhex(payloads[-1]), np.uint8))  # type: ignore[index]
                own = [bit for bit, owner in zip(bits, lane.card.owners, strict=True) if owner == field.role]
                assert int("".join(map(str, own)), 2) == raw
    gateway.stop()


def test_lanes_are_few_and_those_that_are_heard_come_first() -> None:
    vehicle = load_vehicle("nissan/leaf_aze0")
    lanes = candidates(vehicle, {"speed": SPEED}, with_personal=False)
    assert len(lanes) > 1  # both of its buses carry the speed
    assert chosen(lanes) == lanes[:1]
    lanes[1].total = 5
    assert chosen(lanes) == lanes[1:2]
    many = {str(i): signal.path for i, signal in enumerate(vehicle.signals[:40])}
    assert len(chosen(candidates(vehicle, many, with_personal=False))) == MOST_LANES


def test_messages_that_tell_who_one_is_are_left_out() -> None:
    vehicle = load_vehicle(NAMES["mitsubishi"])
    vin = {"vin": "Vehicle.VehicleIdentification.VIN"}
    assert candidates(vehicle, vin, with_personal=False) == []
    assert candidates(vehicle, vin, with_personal=True) != []


def test_news_of_an_app_are_what_came_since() -> None:
    kept: deque[LogLine] = deque(maxlen=3)
    last: LogLine | None = None
    seen: list[str] = []
    for n in range(10):
        kept.append(LogLine(n, "info", str(n)))
        if n % 2:
            news, last = _since(kept, last)
            seen += [line.text for line in news]
    assert seen == [str(n) for n in range(10)]
    assert _since(kept, last)[0] == []
    assert [line.text for line in _since(kept, LogLine(0, "", "gone"))[0]] == ["7", "8", "9"]


def test_what_an_app_reports_is_told_whatever_it_is() -> None:
    app = FakeApp("nissan", manifest())
    scene = scene_of({"nissan": NAMES["nissan"]}, [app])
    view = AppsView(Viewer(scene, Rights.everything()), {})
    assert view.take() is not None
    assert view.take() is None
    circle: dict[str, object] = {}
    circle["me"] = circle
    app.report("ended", km=1.5, at=b"\xff", odd={1: object()})
    app.report("ended", circle=circle)
    app.show(distance=float("nan"))
    change = view.take()
    assert isinstance(change, dict)
    assert [event["name"] for event in change["0"]["events"]] == ["ended", "ended"]
    km, at, odd = change["0"]["events"][0]["data"]
    assert km == {"name": "km", "value": 1.5}
    assert (at["name"], at["value"]) == ("at", repr(b"\xff"))
    assert odd["name"] == "odd 1"
    gateway = scene.cars[0].gateway
    assert isinstance(gateway, WiredCar)
    gateway.stop()
