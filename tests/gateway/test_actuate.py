"""Actuation: a request becomes a frame that the car takes, and is proved by what the car then says.

Without leave to actuate no frame is ever sent, whatever is asked.
"""

from __future__ import annotations

import ast
from pathlib import Path

import can
import pytest

import commonwheel.gateway
from commonwheel.broker import Broker, BrokerError, Reason, Stage
from commonwheel.catalog import Catalog, load_catalog
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.port import Outlet
from commonwheel.gateway.sources import BusSource, parse_buses
from commonwheel.vehicles import Vehicle, load_vehicle
from commonwheel.vehicles.encoder import VehicleEncoder
from tests.gateway.kit import DESCRIPTION, LIGHT, SPEED, TARGET, WHEEL, Rig, small_car, until

STEER, ANGLE = 0x200, 0x101


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Vehicle:
    return small_car(tmp_path_factory.mktemp("car"))


def ready(rig: Rig) -> Rig:
    """Wait until both buses are open."""
    until(lambda: rig.bus("drive")["state"] == rig.bus("power")["state"] == "up")
    return rig


def test_a_request_is_sent_and_proved_by_the_car(vehicle: Vehicle) -> None:
    with Rig(vehicle, actuate=True) as rig:
        ready(rig)
        (actuation,) = rig.broker.actuate({rig.number(TARGET): 12.34}, "a test")
        assert actuation.stage is Stage.FORWARDED
        ((can_id, payload),) = rig.drive.sent
        assert can_id == STEER
        assert int.from_bytes(payload[:2], "big", signed=True) == 123
        assert payload[2] & 15 == 5  # the mode that the description asks for
        assert sum(payload) % 256 == 0  # the checksum
        rig.drive.bring((ANGLE, "0040 000000000000"))
        until(lambda: rig.get(WHEEL).good == pytest.approx(6.4))
        assert actuation.stage is Stage.FORWARDED
        rig.drive.bring((ANGLE, "007C 000000000000"))  # 12.4: within one step of the wire
        assert actuation.wait(5) is Stage.CONFIRMED
        assert rig.power.sent == []
        assert rig.gateway.facts()["sent"] == 1


def test_the_counter_goes_on_from_frame_to_frame(vehicle: Vehicle) -> None:
    with Rig(vehicle, actuate=True) as rig:
        ready(rig)
        for angle in (1.0, 2.0, 3.0):
            rig.broker.actuate({rig.number(TARGET): angle}, "a test")
        assert [payload[6] & 15 for _, payload in rig.drive.sent] == [0, 1, 2]
        assert all(sum(payload) % 256 == 0 for _, payload in rig.drive.sent)


def test_what_the_car_does_not_show_times_out(vehicle: Vehicle) -> None:
    with Rig(vehicle, actuate=True) as rig:
        ready(rig)
        (actuation,) = rig.broker.actuate({rig.number(TARGET): 5}, "a test")
        assert (actuation.proof.signal, actuation.proof.within_ns) == (rig.number(WHEEL), 400_000_000)
        until(lambda: rig.broker.tick() or actuation.stage.is_final)
        assert actuation.stage is Stage.TIMED_OUT


def test_what_the_description_does_not_allow_is_refused(vehicle: Vehicle) -> None:
    with Rig(vehicle, actuate=True) as rig:
        ready(rig)
        with pytest.raises(BrokerError, match=r"-600\.\.600 degrees") as caught:
            rig.broker.actuate({rig.number(TARGET): 600.1}, "a test")
        assert caught.value.reason is Reason.OUT_OF_RANGE
        assert rig.drive.sent == []
        (actuation,) = rig.broker.actuate({rig.number(TARGET): -600}, "a test")
        assert actuation.stage is Stage.FORWARDED


def test_actuators_without_a_request_are_nobodys(vehicle: Vehicle) -> None:
    with Rig(vehicle, actuate=True) as rig:
        ready(rig)
        with pytest.raises(BrokerError) as caught:
            rig.broker.actuate({rig.number(LIGHT): True}, "a test")
        assert caught.value.reason is Reason.NO_PROVIDER


def test_a_bus_that_is_down_refuses_and_says_why(vehicle: Vehicle) -> None:
    with Rig(vehicle, actuate=True) as rig:
        ready(rig)
        rig.drive.broken.set()
        rig.drive.fail()
        until(lambda: rig.bus("drive")["errors"] != 0)
        (actuation,) = rig.broker.actuate({rig.number(TARGET): 5}, "a test")
        assert actuation.stage is Stage.REFUSED
        assert "'drive'" in actuation.steps[-1].why
        assert "is down" in actuation.steps[-1].why
        assert rig.drive.sent == []


def test_a_bus_that_has_no_source_refuses(vehicle: Vehicle) -> None:
    broker = Broker(load_catalog())
    gateway = CarGateway(vehicle, broker, {"power": BusSource("virtual", "only")}, actuate=True)
    gateway.start()
    (actuation,) = broker.actuate({broker.table.number(TARGET): 5}, "a test")
    gateway.stop()
    assert actuation.stage is Stage.REFUSED
    assert "has no source" in actuation.steps[-1].why


def test_a_bus_that_does_not_take_the_frame_fails_the_request_and_nothing_else(vehicle: Vehicle) -> None:
    with Rig(vehicle, actuate=True) as rig:
        ready(rig)
        rig.drive.refuses = OSError("the queue is full")
        (actuation,) = rig.broker.actuate({rig.number(TARGET): 5}, "a test")
        assert actuation.stage is Stage.FAILED
        assert "the queue is full" in actuation.steps[-1].why
        assert rig.gateway.facts()["sent"] == 0
        rig.drive.bring((0x100, "2710 01 03 00000000"))
        until(lambda: rig.get(SPEED).good == 100.0)


def test_what_was_asked_of_a_car_that_stops_fails(vehicle: Vehicle) -> None:
    rig = Rig(vehicle, actuate=True)
    with rig:
        ready(rig)
        (actuation,) = rig.broker.actuate({rig.number(TARGET): 5}, "a test")
    assert actuation.stage is Stage.FAILED


# ---- never without leave --------------------------------------------------------------------------------------------


def test_without_leave_nobody_makes_an_actuator_act(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        ready(rig)
        with pytest.raises(BrokerError) as caught:
            rig.broker.actuate({rig.number(TARGET): 5}, "a test")
        assert caught.value.reason is Reason.NO_PROVIDER
        rig.broker.actuate({rig.number(TARGET): 5}, "a test", need_provider=False)
        assert rig.drive.sent == rig.power.sent == []


def test_without_leave_no_port_has_anything_to_send_with(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        ready(rig)
        assert rig.gateway._sender is None
        assert not any(isinstance(reader.port, Outlet) for reader in rig.gateway._readers)


@pytest.mark.parametrize("actuate", [False, True])
def test_a_car_on_a_bus_sends_what_it_is_asked_and_nothing_without_leave(tmp_path: Path, *, actuate: bool) -> None:
    """With python-can's own bus, on which everything that is sent is seen."""
    vehicle = small_car(tmp_path)
    broker, name = Broker(load_catalog()), f"actuate-{actuate}"
    gateway = CarGateway(vehicle, broker, parse_buses([f"drive=virtual:{name}"], vehicle), actuate=actuate)
    with can.Bus(name, "virtual") as seen:
        gateway.start()
        assert gateway.ready.wait(5)
        broker.actuate({broker.table.number(TARGET): 5}, "a test", need_provider=False)
        message = seen.recv(5 if actuate else 0.1)
        seen.send(can.Message(arbitration_id=ANGLE, is_extended_id=False, data=bytes(8)))
        until(lambda: gateway.facts()["frames"] == 1)
        assert seen.recv(0) is None
        gateway.stop()
        assert (message is not None) is actuate
        if message is not None:
            assert (message.arbitration_id, message.is_extended_id, message.data[:2]) == (STEER, False, b"\x00\x32")


def test_only_one_module_sends() -> None:
    """Wherever else ``send`` were called in this package, a frame could leave without leave.

    What puts a simulated car on real buses sends too; no part of a service can reach it.
    """
    senders: set[str] = set()
    for path in Path(commonwheel.gateway.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert "virtual_sender" not in text
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "send":
                senders.add(path.name)
    assert senders - {"notify.py"} == {"sender.py", "port.py", "socketcan.py", "virtual_sender.py"}


# ---- encoding -------------------------------------------------------------------------------------------------------


def test_the_shipped_cars_requests_can_all_be_encoded() -> None:
    for name in ("nissan/x_trail_2017", "honda/civic_touring_2016"):
        vehicle = load_vehicle(name)
        encoder = VehicleEncoder(vehicle)
        assert vehicle.requests
        for request in vehicle.requests:
            value = request.writer.codes[0][0] if request.writer.codes else 1.0
            payload = encoder.encode_request(request, value)
            assert len(payload) == vehicle.messages[request.writer.message].size


def test_a_request_that_nothing_could_prove_is_not_offered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = load_catalog()
    leaves = {path: leaf for path, leaf in whole.leaves.items() if path != WHEEL}
    broker = Broker(Catalog(leaves, whole.branches, "a smaller one"))
    gateway = CarGateway(small_car(tmp_path, DESCRIPTION), broker, {"power": BusSource("virtual", "x")}, actuate=True)
    gateway.start()
    gateway.stop()
    assert any(f"the catalog lacks {WHEEL}" in record.getMessage() for record in caplog.records)
    with pytest.raises(BrokerError):
        broker.actuate({broker.table.number(TARGET): 5}, "a test")
