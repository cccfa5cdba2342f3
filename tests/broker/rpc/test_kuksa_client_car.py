"""KUKSA's own clients against a car that drives: a recording, played into the broker by the gateway."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from commonwheel.broker import Broker
from commonwheel.catalog import load_catalog
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.sources import ReplaySource
from commonwheel.vehicles import Quality, Samples, Vehicle, load_vehicle
from commonwheel.vehicles.reading import read
from tests.broker.rpc.served import Car, Serve, wait_for

kuksa = pytest.importorskip("kuksa_client.grpc", reason="KUKSA's client is installed on Linux only")
pytestmark = pytest.mark.real

Client: TypeAlias = Any
LEAF = "nissan/leaf_ze0"
SPEED = "Vehicle.Speed"
VOLTAGE = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"


@pytest.fixture(scope="module")
def log(shared: Path) -> Path:
    """A Leaf that starts, drives ten metres, stops and is switched off."""
    return shared / "logs" / "nissan-leaf-2011" / "leafon_driveforward10m_stop_leafoff.csv"


@pytest.fixture(scope="module")
def vehicle() -> Vehicle:
    return load_vehicle(LEAF)


@pytest.fixture(scope="module")
def samples(log: Path) -> Samples:
    """What the recording says, decoded without a broker."""
    return read(log, LEAF)


@pytest.fixture(params=["shipped", "own"])
def broker(request: pytest.FixtureRequest, shared: Path) -> Broker:
    """A broker of the shipped catalog, and one of a user's own."""
    own = shared / "vss" / "vss_6_0.json" if request.param == "own" else None
    return Broker(load_catalog(own))


@pytest.fixture
def car(serve: Serve, broker: Broker) -> Car:
    return serve(broker=broker)


def drive(vehicle: Vehicle, car: Car, log: Path, *, loop: bool = False) -> CarGateway:
    """Let the car drive as fast as its readers can follow."""
    gateway = CarGateway(vehicle, car.broker, ReplaySource(log, rate=None, loop=loop, buses={0: "ev"}))
    gateway.start()
    return gateway


@pytest.fixture
def driving(vehicle: Vehicle, car: Car, log: Path) -> Iterator[Car]:
    """A car that drives round after round."""
    gateway = drive(vehicle, car, log, loop=True)
    wait_for(lambda: car.broker.get(car.number(VOLTAGE)).good, "a voltage")
    yield car
    gateway.stop()


def expected(samples: Samples, path: str) -> list[float | None]:
    """Return every value of a signal as the interface gives it: as a 32-bit float, and none where it is not good."""
    chosen = samples.of(path)
    return [
        float(np.float32(value)) if quality == Quality.GOOD and not math.isnan(value) else None
        for value, quality in zip(chosen.value.tolist(), chosen.quality.tolist(), strict=True)
    ]


def test_a_subscriber_gets_every_value_of_the_drive(vehicle: Vehicle, car: Car, log: Path, samples: Samples) -> None:
    wanted = expected(samples, VOLTAGE)
    assert len(wanted) > 100
    found: list[float | None] = []
    with kuksa.VSSClient(car.host, car.port) as client:
        entry = kuksa.SubscribeEntry(VOLTAGE, kuksa.View.CURRENT_VALUE, (kuksa.Field.VALUE,))
        stream = client.subscribe(entries=[entry])
        assert next(stream)[0].entry.value is None
        gateway = drive(vehicle, car, log)

        def all_there() -> bool:
            found.extend(None if update.entry.value is None else update.entry.value.value for update in next(stream))
            return len(found) >= len(wanted)

        wait_for(all_there, "every value")
        gateway.stop()
        stream.close()
    assert found[: len(wanted)] == wanted


@pytest.mark.parametrize("path", [SPEED, VOLTAGE, GEAR])
def test_readings_are_those_of_the_recording(driving: Car, samples: Samples, path: str) -> None:
    known = {value for value in expected(samples, path) if value is not None}
    with kuksa.VSSClient(driving.host, driving.port) as client:

        def reading() -> Client:
            return client.get_current_values([path])[path]

        found = {wait_for(reading, "a good reading").value for _ in range(50)}
        metadata = client.get_metadata([path])[path]
    assert found <= known
    assert metadata.unit == driving.broker.table[driving.number(path)].leaf.unit


def test_what_the_car_does_not_give_has_no_value(driving: Car) -> None:
    with kuksa.VSSClient(driving.host, driving.port) as client:
        everything = client.get_current_values(["**"])
    owned = {signal.path for signal in driving.broker.table.signals if driving.broker.owner(signal.number)}
    attributes = {signal.path for signal in driving.broker.table.signals if signal.leaf.kind.value == "attribute"}
    assert {path for path, point in everything.items() if point is not None} <= owned | attributes
    assert any(everything[path] is not None for path in owned)


def test_nobody_but_the_car_sets_what_the_car_gives(driving: Car) -> None:
    with kuksa.VSSClient(driving.host, driving.port) as client:
        with pytest.raises(kuksa.VSSClientError) as error:
            client.set_current_values({VOLTAGE: kuksa.Datapoint(1.0)})
        assert LEAF in error.value.error["message"]
        update = kuksa.EntryUpdate(kuksa.DataEntry(VOLTAGE, value=kuksa.Datapoint(1.0)), (kuksa.Field.VALUE,))
        with pytest.raises(kuksa.VSSClientError) as error:
            client.set(updates=[update])
        assert error.value.errors[0]["error"]["code"] == 409
        free = next(
            signal.path
            for signal in driving.broker.table.signals
            if signal.leaf.datatype == "boolean" and driving.broker.owner(signal.number) is None
        )
        client.set_current_values({free: kuksa.Datapoint(value=True)})
        assert client.get_current_values([free])[free].value is True


def test_a_car_that_is_switched_off_has_no_values_any_more(vehicle: Vehicle, car: Car, log: Path) -> None:
    gateway = drive(vehicle, car, log, loop=True)
    with kuksa.VSSClient(car.host, car.port) as client:
        stream = client.subscribe_current_values([VOLTAGE])
        wait_for(lambda: next(stream)[VOLTAGE].value, "a voltage")
        gateway.stop()
        wait_for(lambda: next(stream)[VOLTAGE].value is None, "the end of the voltage")
        stream.close()
        assert client.get_current_values([VOLTAGE]) == {VOLTAGE: None}
