"""Metrics of a service, for Prometheus: read from everything's own counts when someone asks, and never before.

Names and units follow Prometheus' conventions. Labels: ``car`` is the short name of the settings ('' for a broker
without a car), ``bus`` the car's bus, ``server`` grpc, viss, flight or metrics; extensions have their own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from commonwheel import __version__
from commonwheel.gateway.extension import Measured
from commonwheel.gateway.health import Page
from commonwheel.gateway.metrics_acting import acting
from commonwheel.gateway.metrics_families import family, histogram, one, table
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from commonwheel.broker.access import Access
    from commonwheel.gateway.extension import Extension
    from commonwheel.gateway.live import LiveCar
    from commonwheel.gateway.pulse import Pulse

__all__ = ["Metered", "Metrics"]

_GATEWAY = (
    ("frames", "counter", "gateway_frames", "CAN frames decoded"),
    ("unknown", "counter", "gateway_unknown_frames", "CAN frames that the car's description does not know"),
    ("other", "counter", "gateway_other_frames", "Error frames, remote frames and others without a payload"),
    ("garbage", "counter", "gateway_garbage", "What came from a bus and was no frame"),
    ("dropped", "counter", "gateway_dropped_frames", "CAN frames lost before they were read"),
    ("corrupt", "counter", "gateway_corrupt_frames", "CAN frames whose checksum failed"),
    ("lost", "counter", "gateway_missing_frames", "CAN frames that counters in messages say are missing"),
    ("sent", "counter", "gateway_sent_frames", "CAN frames sent to the car's buses"),
    ("samples", "counter", "gateway_samples", "Samples decoded"),
    ("batches", "counter", "gateway_batches", "Batches of frames decoded"),
    ("largest_batch", "gauge", "gateway_largest_batch_frames", "CAN frames of the largest batch so far"),
    ("decode_s", "counter", "gateway_decode_seconds", "Time spent decoding"),
    ("publish_s", "counter", "gateway_publish_seconds", "Time spent handing samples to the broker"),
    ("queue", "gauge", "gateway_queue_frames", "CAN frames that were waiting when the buses were read last"),
    ("stale", "gauge", "gateway_stale_messages", "Messages that are overdue"),
    ("clock_steps", "counter", "gateway_clock_steps", "Times that the machine's clock was set"),
    ("loops", "counter", "gateway_replay_loops", "Times that the recording began again"),
    ("latest_s", "gauge", "gateway_replay_lateness_seconds", "How late a frame of the recording was at most"),
)
"""Key of the gateway's facts, kind, name, meaning."""
_BUS = (
    ("frames", "counter", "bus_frames", "CAN frames received from the bus"),
    ("dropped", "counter", "bus_dropped_frames", "CAN frames of the bus that were lost before they were read"),
    ("garbage", "counter", "bus_garbage", "What came from the bus and was no frame"),
    ("reconnects", "counter", "bus_reconnects", "Times that the bus came back"),
    ("errors", "counter", "bus_errors", "Times that the bus could not be opened or read"),
    ("waiting", "gauge", "bus_waiting_frames", "CAN frames that were waiting when the bus was read last"),
)
_SERVER = (
    ("clients", "gauge", "server_clients", "Clients connected"),
    ("streams", "gauge", "server_streams", "Streams open"),
    ("requests", "counter", "server_requests", "Requests answered"),
    ("refused", "counter", "server_refused", "Requests and connections refused"),
)
_CLIENTS = (
    ("clients", "gauge", "clients", "Clients that hold something open or have asked something lately"),
    ("connections", "gauge", "client_connections", "Connections that count against limits"),
    ("streams", "gauge", "client_streams", "Streams that count against limits"),
    ("subscriptions", "gauge", "client_subscriptions", "Subscriptions that count against limits"),
    ("refused", "counter", "client_refusals", "What was refused because a client was beyond a limit"),
)


class Metered(Protocol):
    """What metrics are read from."""

    @property
    def cars(self) -> Sequence[LiveCar]:
        """The cars."""
        ...

    @property
    def pulse(self) -> Pulse:
        """What watches the event loop."""
        ...

    @property
    def access(self) -> Access | None:
        """Who may come in; None before it is known."""
        ...

    @property
    def not_ready(self) -> str:
        """Why it is not ready; '' while it is."""
        ...

    @property
    def extensions(self) -> Sequence[Extension]:
        """What else runs on the cars."""
        ...


class Metrics(Collector):
    """Makes the page."""

    def __init__(self, service: Metered) -> None:
        self._service = service
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        for other in (ProcessCollector, PlatformCollector, GCCollector):
            other(registry=self._registry)

    def page(self) -> Page:
        """Return what is true now, in Prometheus' text format."""
        return Page(generate_latest(self._registry), kind=CONTENT_TYPE_LATEST)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is depends on the cars."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read every count."""
        yield one("gauge", "build_info", "Version of Commonwheel", {"version": __version__}, 1)
        yield one("gauge", "ready", "Whether the service is ready", {}, float(not self._service.not_ready))
        yield one("gauge", "threads", "Threads of the process", {}, threading.active_count())
        yield self._lateness()
        cars = self._service.cars
        yield from _brokers(cars)
        gateways = [({"car": car.name}, facts) for car in cars if (facts := car.gateway_facts())]
        yield from table(_GATEWAY, ("car",), gateways)
        yield from _buses(gateways)
        yield from acting(gateways)
        servers = [({"car": car.name, "server": server.name}, server.facts()) for car in cars for server in car.servers]
        yield from table(_SERVER, ("car", "server"), servers)
        access = self._service.access
        if access is not None:
            yield from table(_CLIENTS, (), [({}, access.clients.facts())])
        for extension in self._service.extensions:
            if isinstance(extension, Measured) and (found := extension.measured):
                yield from table(extension.measures, tuple(found[0][0]), found)

    def _lateness(self) -> Metric:
        text = "How late the event loop came to what was due"
        return histogram("loop_lateness_seconds", text, (), [((), self._service.pulse.lateness)])


def _buses(gateways: Sequence[tuple[Mapping[str, str], Mapping[str, object]]]) -> Iterator[Metric]:
    rows: list[tuple[Mapping[str, str], Mapping[str, object]]] = []
    up = family("gauge", "bus_up", "Whether the bus is open", ("car", "bus"))
    for labels, facts in gateways:
        for bus, state in cast("Mapping[str, Mapping[str, object]]", facts.get("buses", {})).items():
            rows.append(({**labels, "bus": bus}, state))
            up.add_metric([labels["car"], bus], float(state.get("state") == "up"))
    yield up
    yield from table(_BUS, ("car", "bus"), rows)


def _brokers(cars: Sequence[LiveCar]) -> Iterator[Metric]:
    signals = family("gauge", "signals", "Signals by quality", ("car", "quality"))
    ended = family("counter", "actuations", "Actuations by the stage they ended at", ("car", "stage"))
    rows: list[tuple[Mapping[str, str], Mapping[str, object]]] = []
    for car in cars:
        broker = car.broker
        qualities = np.bincount(broker.snapshot(range(len(broker.table))).quality, minlength=len(Quality))
        for quality in Quality:
            signals.add_metric([car.name, quality.name.lower()], float(qualities[quality]))
        for stage, count in sorted(car.stages.items()):
            ended.add_metric([car.name, stage], count)
        readers = broker.readers
        rows.append((
            {"car": car.name},
            {
                "updates": broker.published,
                "refused": broker.refused,
                "readers": len(readers),
                "providers": len(broker.providers),
                "waiting": sum(reader.depth for reader in readers),
                "most": max((reader.depth for reader in readers), default=0),
                **broker.totals(),
            },
        ))  # fmt: skip
    yield signals
    yield ended
    yield from table(_BROKER, ("car",), rows)


_BROKER = (
    ("updates", "counter", "broker_updates", "Updates of signals taken in"),
    ("refused", "counter", "broker_refused_requests", "Requests to act that were refused before anybody was asked"),
    ("readers", "gauge", "broker_readers", "Subscriptions"),
    ("providers", "gauge", "broker_providers", "Providers"),
    ("waiting", "gauge", "broker_waiting_updates", "Updates that wait for their readers"),
    ("most", "gauge", "broker_longest_queue_updates", "Updates that wait for the reader that has most of them waiting"),
    ("delivered", "counter", "broker_delivered_updates", "Updates that readers have taken"),
    ("dropped", "counter", "broker_dropped_updates", "Updates that readers have lost because they were slow"),
)
