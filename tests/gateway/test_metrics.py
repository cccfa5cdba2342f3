"""The page of metrics is what Prometheus reads, and says what the parts say."""

from __future__ import annotations

import asyncio
import re
import urllib.request

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from commonwheel.broker import Overflow, Queue
from commonwheel.gateway.config import CarSettings
from commonwheel.gateway.metrics import Metrics
from commonwheel.gateway.service import Service
from tests.gateway.service_fakes import LOOPBACK, FakeParts

CARS = {
    "leaf": CarSettings(car="nissan/leaf_ze0", buses={"ev": "virtual:a"}),
    "civic": CarSettings(car="honda/civic_gen8", buses={"": "virtual:b"}),
}
SETTINGS = msgspec.structs.replace(LOOPBACK, cars=CARS, viss_port=0)

Values = dict[str, dict[tuple[tuple[str, str], ...], float]]


def _read(page: str) -> Values:
    """Return the values of an exposition, by name and labels; no series may be there twice."""
    values: Values = {}
    for family in text_string_to_metric_families(page):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in values.setdefault(sample.name, {}), (sample.name, labels)
            values[sample.name][labels] = sample.value
    return values


@pytest.fixture
def parts() -> FakeParts:
    return FakeParts()


def _page(parts: FakeParts, do: object = None) -> Values:
    """Return what is told while the service runs, after *do* was done with it."""
    service = Service(SETTINGS, parts)

    async def run() -> str:
        await service.start()
        try:
            if callable(do):
                do(service)
            return Metrics(service).page().body.decode()
        finally:
            await service.stop()

    return _read(asyncio.run(run()))


def _of(car: str, **labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"car": car, **labels}.items()))


def test_gateways_and_buses_are_told_by_car_and_bus(parts: FakeParts) -> None:
    def run(_: Service) -> None:
        bus = {"frames": 7, "dropped": 1, "reconnects": 2, "errors": 3, "error": "gone", "source": "x"}
        parts.gateways["leaf"].known.update(
            frames=9, decode_s=0.25, stale=2, error="text is no number",
            buses={"ev": {**bus, "state": "up"}, "car": {**bus, "state": "down"}},
        )  # fmt: skip

    values = _page(parts, run)
    assert values["commonwheel_gateway_frames_total"] == {_of("leaf"): 9.0}
    assert values["commonwheel_gateway_decode_seconds_total"] == {_of("leaf"): 0.25}
    assert values["commonwheel_gateway_stale_messages"] == {_of("leaf"): 2.0}
    assert values["commonwheel_bus_up"] == {_of("leaf", bus="ev"): 1.0, _of("leaf", bus="car"): 0.0}
    assert values["commonwheel_bus_reconnects_total"][_of("leaf", bus="car")] == 2.0


def test_signals_are_counted_by_quality_and_updates_by_broker(parts: FakeParts) -> None:
    def run(service: Service) -> None:
        broker = service.cars[0].broker
        speed = broker.table.number("Vehicle.Speed")
        broker.publish_values({speed: 30.0})
        broker.publish_values({broker.table.number("Vehicle.TraveledDistance"): None})

    before, after = _page(FakeParts()), _page(parts, run)
    name = "commonwheel_signals"
    assert after[name][_of("leaf", quality="good")] == before[name][_of("leaf", quality="good")] + 1
    assert after[name][_of("leaf", quality="invalid")] == 1
    assert sum(v for labels, v in after[name].items() if ("car", "leaf") in labels) == len(parts.brokers["leaf"].table)
    assert after["commonwheel_broker_updates_total"] == {_of("leaf"): 2.0, _of("civic"): 0.0}


def test_a_slow_reader_s_losses_are_told_and_stay_told_when_it_is_gone(parts: FakeParts) -> None:
    def run(service: Service) -> None:
        broker = service.cars[0].broker
        speed = broker.table.number("Vehicle.Speed")
        slow = broker.subscribe([speed], queue=Queue(2, 2, Overflow.NEWEST), initial=False)
        quick = broker.subscribe([speed], initial=False)
        for value in range(10):
            broker.publish_values({speed: float(value)})
        quick.take()
        told = _read(Metrics(service).page().body.decode())
        assert told["commonwheel_broker_readers"][_of("leaf")] == 2
        assert told["commonwheel_broker_waiting_updates"][_of("leaf")] == 2
        assert told["commonwheel_broker_dropped_updates_total"][_of("leaf")] == 8
        broker.unsubscribe(slow)
        broker.unsubscribe(quick)
        broker.unsubscribe(slow)

    values = _page(parts, run)
    assert values["commonwheel_broker_readers"][_of("leaf")] == 0
    assert values["commonwheel_broker_dropped_updates_total"][_of("leaf")] == 8
    assert values["commonwheel_broker_delivered_updates_total"][_of("leaf")] == 10


def test_servers_actuations_and_the_process_are_told(parts: FakeParts) -> None:
    def run(service: Service) -> None:
        parts.servers[0].counts.update(requests=5, refused=2, streams=1)
        service.cars[1].broker.events.add("actuation.refused", number=1)
        service.pulse.lateness.add(0.003)

    values = _page(parts, run)
    assert values["commonwheel_server_requests_total"] == {_of("leaf", server="grpc"): 5.0}
    assert values["commonwheel_server_refused_total"] == {_of("leaf", server="grpc"): 2.0}
    assert values["commonwheel_server_streams"] == {_of("leaf", server="grpc"): 1.0}
    assert values["commonwheel_actuations_total"] == {_of("civic", stage="refused"): 1.0}
    assert values["commonwheel_ready"] == {(): 1.0}
    assert values["commonwheel_client_refusals_total"] == {(): 0.0}
    assert values["commonwheel_loop_lateness_seconds_count"][()] >= 1
    buckets = values["commonwheel_loop_lateness_seconds_bucket"]
    assert buckets[(("le", "0.0025"),)] < buckets[(("le", "0.005"),)]
    assert buckets[(("le", "+Inf"),)] == values["commonwheel_loop_lateness_seconds_count"][()]
    assert values["commonwheel_threads"][()] >= 1


def test_names_follow_prometheus_conventions(parts: FakeParts) -> None:
    names = [name for name in _page(parts) if name.startswith("commonwheel_")]
    assert names
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert not re.search(r"_(ms|us|ns|millis|s)$", name), "seconds are the unit"


def test_the_page_is_served() -> None:
    service = Service(SETTINGS, FakeParts())

    async def run() -> tuple[str, str]:
        bound = await service.start()
        try:
            url = f"http://{next(one.endpoint for one in bound if one.server == 'metrics')}/metrics"
            return await asyncio.to_thread(_get, url)
        finally:
            await service.stop()

    kind, page = asyncio.run(run())
    assert kind.startswith("text/plain")
    assert _read(page)["commonwheel_build_info"]


def _get(url: str) -> tuple[str, str]:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - its own address
        return answer.headers["Content-Type"], answer.read().decode()


def test_counts_that_change_while_they_are_read_leave_the_page_whole(parts: FakeParts) -> None:
    def run(_: Service) -> None:
        def fail() -> dict[str, object]:
            raise RuntimeError

        parts.gateways["leaf"].facts = fail  # type: ignore[method-assign]

    assert _page(parts, run)["commonwheel_broker_readers"]
