"""A service starts and stops as one, in time, whatever its parts do."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec
import pytest

from commonwheel.broker import BrokerError, Reason
from commonwheel.errors import CatalogError, CommonwheelError
from commonwheel.gateway.config import CarSettings, Settings
from commonwheel.gateway.service import Bound, Service, serve
from tests.gateway.service_fakes import LOOPBACK, FakeParts, Told, until

LEAF = CarSettings(car="nissan/leaf_ze0", buses={"ev": "virtual:a"})
CIVIC = CarSettings(car="honda/civic_gen8", buses={"": "virtual:b"})
ONE = msgspec.structs.replace(LOOPBACK, cars={"leaf": LEAF}, viss_port=0)
TWO = msgspec.structs.replace(LOOPBACK, cars={"leaf": LEAF, "civic": CIVIC}, grpc_port=5000, viss_port=6000)


def _run(settings: Settings, parts: FakeParts, told: Told | None = None) -> tuple[Service, tuple[Bound, ...], bool]:
    service = Service(settings, parts, told)

    async def run() -> tuple[tuple[Bound, ...], bool]:
        bound = await service.start()
        return bound, await service.stop()

    return service, *asyncio.run(run())


def test_everything_starts_and_stops_in_order() -> None:
    """Frames come last at the start; at the end the state is written first and the readers are let go last."""
    parts, told = FakeParts(state=True), Told()
    _, bound, clean = _run(ONE, parts, told)
    assert clean
    assert parts.journal[:4] == ["start state", "start gateway leaf", "start grpc 0", "start viss 0"]
    assert parts.journal[4:8] == ["play leaf", "keep state", "stop state", "stop gateway leaf"]
    assert sorted(parts.journal[8:]) == ["stop grpc 0 within 0.5", "stop viss 0 within 0.5"]
    assert [(one.car, one.server) for one in bound] == [("leaf", "grpc"), ("leaf", "viss"), ("", "metrics")]
    assert told.heard[0].startswith("ready leaf: grpc 127.0.0.1:0")
    assert told.heard[-1] == "stopping"


def test_what_acts_is_let_go_of_before_anything_else_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    parts = FakeParts(state=True)
    settings = msgspec.structs.replace(ONE, viss_port="off")
    service = Service(settings, parts)

    async def run() -> None:
        await service.start()
        parts.gateways["leaf"].acts = "releasing lateral, which takes 2 s at most"
        await service.stop()

    asyncio.run(run())
    assert parts.journal[-5:-1] == ["keep state", "let go of leaf", "stop state", "stop gateway leaf"]
    assert "stopping: leaf: releasing lateral, which takes 2 s at most" in caplog.text
    service.settle()
    assert parts.journal[-1] == "settled leaf"


def test_recordings_begin_when_every_server_of_every_car_listens() -> None:
    parts = FakeParts()
    _run(TWO, parts)
    begun = [i for i, line in enumerate(parts.journal) if line.startswith("play ")]
    assert [parts.journal[i] for i in begun] == ["play leaf", "play civic"]
    assert begun[0] > max(i for i, line in enumerate(parts.journal) if line.startswith("start "))


def test_each_car_has_a_broker_and_ports_of_its_own() -> None:
    parts = FakeParts()
    _, bound, _ = _run(TWO, parts)
    assert [(one.car, one.server, one.endpoint.port) for one in bound[:-1]] == [
        ("leaf", "grpc", 5000),
        ("leaf", "viss", 6000),
        ("civic", "grpc", 5001),
        ("civic", "viss", 6001),
    ]
    assert parts.brokers["leaf"] is not parts.brokers["civic"]
    assert set(parts.gateways) == {"leaf", "civic"}


def test_without_a_car_it_is_a_broker() -> None:
    parts = FakeParts()
    _, bound, clean = _run(LOOPBACK, parts)
    assert clean
    assert [(one.car, one.server) for one in bound] == [("", "grpc"), ("", "metrics")]
    assert parts.gateways == {}


def test_a_start_that_fails_half_way_stops_what_had_started_and_says_what_to_change() -> None:
    parts, told = FakeParts(refuse="viss", state=True), Told()
    service = Service(TWO, parts, told)
    with pytest.raises(BrokerError, match=r"viss of leaf: cannot listen on .*--viss-port \(0: any free one\)"):
        asyncio.run(service.start())
    assert parts.journal[3:5] == ["stop state", "stop gateway leaf"]
    assert "stop grpc 5000 within 0.5" in parts.journal
    assert "start gateway civic" not in parts.journal
    assert told.heard == []
    assert service.not_ready == "it is stopping"


def test_a_metrics_port_that_is_taken_is_told_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = msgspec.structs.replace(ONE, metrics_port=taken.getsockname()[1])
        with pytest.raises(BrokerError, match=r"metrics: cannot listen on 127\.0\.0\.1:\d+: .*--metrics-port"):
            asyncio.run(Service(settings, FakeParts()).start())


def test_a_gateway_that_does_not_come_up_is_told() -> None:
    parts = FakeParts()
    parts.ready_s = 0.01
    service = Service(ONE, parts)
    build = parts.gateway

    def never(*given: object) -> object:
        gateway = build(*given)  # type: ignore[arg-type]
        gateway.comes_up = False
        return gateway

    parts.gateway = never  # type: ignore[method-assign, assignment]
    with pytest.raises(BrokerError, match="the gateway of leaf is not ready after"):
        asyncio.run(service.start())
    assert "stop gateway leaf" in parts.journal


def test_what_cannot_be_built_is_told_before_anything_starts(tmp_path: Path) -> None:
    parts = FakeParts()
    settings = msgspec.structs.replace(ONE, catalog=tmp_path / "nowhere.json")
    with pytest.raises(CatalogError, match=r"nowhere\.json: the catalog cannot be read"):
        asyncio.run(Service(settings, parts).start())
    assert parts.journal == []


@pytest.mark.parametrize("fault", [{"hang": "grpc"}, {"raise_at_stop": "grpc"}])
def test_a_part_that_does_not_stop_is_told_and_the_others_stop(
    fault: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    parts = FakeParts(state=True, **fault)  # type: ignore[arg-type]
    _, _, clean = _run(msgspec.structs.replace(ONE, stop_seconds=0.5), parts)
    assert not clean
    assert any(line.startswith("stop viss") for line in parts.journal)
    assert "stop state" in parts.journal
    assert [(record.levelname, vars(record)["part"]) for record in caplog.records] == [("ERROR", "grpc")]


class Slow:
    """An extension that takes all the time it is given to end."""

    name = "slow"

    def __init__(self, given: list[float]) -> None:
        self._given = given

    async def start(self, cars: object, access: object) -> tuple[()]:  # noqa: ARG002 - the contract's names
        return ()

    async def stop(self, seconds: float) -> bool:
        self._given.append(seconds)
        await asyncio.sleep(seconds)
        return False


def test_extensions_that_are_slow_share_the_time_that_a_stop_may_take() -> None:
    given: list[float] = []
    service = Service(
        msgspec.structs.replace(ONE, stop_seconds=1.0), FakeParts(), extensions=[Slow(given), Slow(given)]
    )

    async def run() -> bool:
        await service.start()
        return await service.stop()

    assert not asyncio.run(run())
    assert given[0] == pytest.approx(0.5, abs=0.05)
    assert given[1] <= 0.25


def test_a_gateway_that_hangs_does_not_hold_up_the_end_of_the_streams() -> None:
    parts, release = FakeParts(), threading.Event()
    service = Service(msgspec.structs.replace(ONE, stop_seconds=0.5), parts)

    async def run() -> bool:
        await service.start()
        parts.gateways["leaf"].hangs = release
        clean = await service.stop()
        assert any(line.startswith("stop grpc") for line in parts.journal)
        release.set()
        return clean

    assert not asyncio.run(run())


def test_other_machines_are_served_only_with_tls_and_tokens_or_when_that_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    open_to_all = msgspec.structs.replace(ONE, host="0.0.0.0", metrics_port="off")  # noqa: S104 - that is the point
    for settings in (open_to_all, msgspec.structs.replace(ONE, metrics_host="192.0.2.1")):
        parts = FakeParts()
        with pytest.raises(BrokerError, match=r"--tls-cert.*--tokens.*--insecure"):
            asyncio.run(Service(settings, parts).start())
        assert parts.journal == []
    assert not caplog.records
    _, bound, _ = _run(msgspec.structs.replace(open_to_all, insecure=True), FakeParts())
    assert {one.endpoint.host for one in bound} == {"0.0.0.0"}  # noqa: S104
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_the_broker_s_clock_and_systemd_s_are_kept_going() -> None:
    parts, told = FakeParts(), Told(watchdog_s=0.2)
    service = Service(ONE, parts, told)

    async def run() -> None:
        await service.start()
        ticks: list[None] = []
        service.cars[0].broker.tick = lambda: ticks.append(None)  # type: ignore[method-assign, assignment]
        await until(lambda: told.heard.count("alive") >= 3 and len(ticks) >= 3)
        await service.stop()

    asyncio.run(run())


def test_events_of_the_broker_are_logged_and_actuations_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "commonwheel.events")
    parts = FakeParts()
    service = Service(ONE, parts)

    async def run() -> None:
        await service.start()
        events = service.cars[0].broker.events
        events.add("actuation.confirmed", number=1, why="")
        events.add("actuation.timed_out", number=2, why="silence", name="x", car="other")
        events.add("app.restarting", number=3)
        assert service.cars[0].stages == {"confirmed": 1, "timed_out": 1}
        await service.stop()
        events.add("actuation.confirmed", number=3)

    asyncio.run(run())
    told = [
        (r.levelname, r.getMessage(), vars(r)["car"], vars(r)["number"]) for r in caplog.records if "number" in vars(r)
    ]
    assert told == [
        ("INFO", "actuation.confirmed", "leaf", 1),
        ("WARNING", "actuation.timed_out", "leaf", 2),
        ("WARNING", "app.restarting", "leaf", 3),
    ]


def test_every_reader_s_stream_ends_with_the_reason_before_the_servers_stop() -> None:
    parts = FakeParts()
    service = Service(ONE, parts)

    async def run() -> None:
        await service.start()
        broker = service.cars[0].broker
        speed = broker.table.number("Vehicle.Speed")
        reader = broker.subscribe([speed], initial=False)
        broker.publish_values({speed: 30.0})
        await service.stop()
        assert len(reader.take().batches) == 1, "what waits is still given"
        with pytest.raises(BrokerError) as raised:
            reader.take()
        assert raised.value.reason is Reason.STOPPING
        assert broker.readers == ()

    asyncio.run(run())


def _serve(
    service: Service, stop: Callable[[], Coroutine[object, object, None]]
) -> tuple[bool, list[tuple[Bound, ...]]]:
    announced: list[tuple[Bound, ...]] = []
    return asyncio.run(serve(service, announced.append, stop)), announced


def test_a_run_announces_when_it_is_ready_and_ends_when_it_is_told() -> None:
    parts = FakeParts()
    service = Service(ONE, parts)
    asked = threading.Event()

    async def stop() -> None:
        await until(lambda: not service.not_ready)
        await until(gc.get_freeze_count)
        asked.set()

    clean, announced = _serve(service, stop)
    assert clean
    assert gc.get_freeze_count() == 0, "what was set aside for the run is given back"
    assert asked.is_set()
    assert len(announced) == 1
    assert any(line.startswith("stop grpc") for line in parts.journal)


@pytest.mark.parametrize(("settings", "cars"), [(LOOPBACK, 0), (ONE, 1), (TWO, 2)])
def test_the_log_says_how_many_cars_are_ready(settings: Settings, cars: int, caplog: pytest.LogCaptureFixture) -> None:
    service = Service(settings, FakeParts())

    async def stop() -> None:
        await until(lambda: not service.not_ready)

    with caplog.at_level(logging.INFO):
        _serve(service, stop)
    assert [vars(record)["cars"] for record in caplog.records if record.getMessage() == "ready"] == [cars]


def test_a_run_that_cannot_announce_stops_everything() -> None:
    parts = FakeParts()

    def announce(_: tuple[Bound, ...]) -> None:
        raise BrokenPipeError

    async def stop() -> None:
        await asyncio.Event().wait()

    with pytest.raises(BrokenPipeError):
        asyncio.run(serve(Service(ONE, parts), announce, stop))
    assert "stop grpc 0 within 0.5" in parts.journal


def test_a_run_that_is_told_to_end_while_it_starts_stops_what_had_started() -> None:
    parts = FakeParts()
    parts.ready_s = 30.0
    held = threading.Event()
    service = Service(ONE, parts)
    build = parts.gateway

    def slow(*given: object) -> object:
        gateway = build(*given)  # type: ignore[arg-type]
        gateway.comes_up = False
        return gateway

    parts.gateway = slow  # type: ignore[method-assign, assignment]

    async def stop() -> None:
        await until(lambda: "start grpc 0" in parts.journal)
        held.set()
        parts.gateways["leaf"].ready.wait(0)
        asyncio.get_running_loop().call_later(0.2, parts.gateways["leaf"].ready.set)

    clean, announced = _serve(service, stop)
    assert clean
    assert announced == []
    assert "stop gateway leaf" in parts.journal
    assert "stop grpc 0 within 0.5" in parts.journal


def test_a_run_that_cannot_start_says_so() -> None:
    async def stop() -> None:
        await asyncio.Event().wait()

    with pytest.raises(CommonwheelError, match="choose another port with --grpc-port"):
        _serve(Service(ONE, FakeParts(refuse="grpc")), stop)


def test_what_fails_in_a_task_that_no_one_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(ONE, FakeParts())

    async def stop() -> None:
        await until(lambda: not service.not_ready)
        asyncio.get_running_loop().call_exception_handler({"message": "lost", "exception": ValueError("x")})

    clean, _ = _serve(service, stop)
    assert clean
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == ["in the event loop: lost"]
