"""A simulated car on real buses: what it says goes out, what others say comes in, and what fails is told."""

from __future__ import annotations

from pathlib import Path

import can
import pytest

from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.sources import BusSource
from commonwheel.gateway.virtual import VirtualCar
from commonwheel.gateway.virtual_sender import VirtualSender
from commonwheel.vehicles.encoder import VehicleEncoder
from tests.gateway.kit import TestBus, TestPort, until
from tests.twin.fakes import small_twin

TARGET = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"


class Wires:
    """Buses that obey the test."""

    def __init__(self) -> None:
        self.buses = [TestBus(), TestBus()]

    def open(self, _source: BusSource, number: int, clock: SteadyClock, *, may_send: bool = False) -> TestPort:
        return self.buses[number].open(number, clock, may_send=may_send)


SOURCES = {name: BusSource("virtual", f"never-{name}") for name in ("drive", "power")}


def test_every_bus_has_what_is_said_on_it_until_the_end(tmp_path: Path) -> None:
    wires, car = Wires(), VirtualCar(small_twin(tmp_path, length_s=0.3))
    with VirtualSender(car, SOURCES, wires.open) as sender:
        until(lambda: sender.over() and not any(wire.waiting for wire in car.wires))
    drive, power = wires.buses
    assert [can_id for can_id, _ in drive.sent].count(0x100) == 30
    assert [can_id for can_id, _ in drive.sent].count(0x101) == 15
    assert [can_id for can_id, _ in power.sent] == [0x100] * 3
    assert sender.sent == 48
    assert all(len(payload) == 8 and sum(payload) % 256 == 0 for can_id, payload in drive.sent if can_id == 0x100)
    assert (drive.opened, drive.closed, power.opened, power.closed) == (1, 1, 1, 1)


def test_buses_that_are_not_named_are_sent_nowhere(tmp_path: Path) -> None:
    wires, car = Wires(), VirtualCar(small_twin(tmp_path, length_s=0.1))
    with VirtualSender(car, {"power": SOURCES["power"]}, wires.open) as sender:
        until(sender.over)
    assert not wires.buses[0].opened
    assert {can_id for can_id, _ in wires.buses[1].sent} == {0x100}


def test_a_bus_that_is_sent_nowhere_is_not_waited_for(tmp_path: Path) -> None:
    """At this rate the car goes on only when all was heard; nobody hears the bus that is not named."""
    wires, car = Wires(), VirtualCar(small_twin(tmp_path), rate=20.0)
    with VirtualSender(car, {"power": SOURCES["power"]}, wires.open) as sender:
        until(lambda: sender.over(1.0))
        drive, power = car.wires
        assert (drive.waiting, drive.lost) == (0, 0)
        assert drive.heard_ns() > power.heard_ns() - 10**9 > 0


def test_what_others_say_comes_to_the_car(tmp_path: Path) -> None:
    wires, car = Wires(), VirtualCar(small_twin(tmp_path))
    (request,) = car.twin.vehicle.requests
    payload = VehicleEncoder(car.twin.vehicle).encode_request(request, 7.5)
    with VirtualSender(car, SOURCES, wires.open) as sender:
        wires.buses[0].bring((0x200, payload.hex()))
        until(lambda: TARGET in car.twin.asked)
        assert car.twin.asked[TARGET].value == 7.5
        until(lambda: sender.received == 1)


def test_it_is_over_after_so_many_seconds_of_the_car(tmp_path: Path) -> None:
    car = VirtualCar(small_twin(tmp_path), rate=10.0)
    with VirtualSender(car, SOURCES, Wires().open) as sender:
        assert not sender.over(1.0)
        until(lambda: sender.over(1.0))
        assert not sender.over()


def test_a_bus_that_cannot_be_opened_is_told_and_the_others_are_given_back(tmp_path: Path) -> None:
    wires, car = Wires(), VirtualCar(small_twin(tmp_path))
    wires.buses[1].broken.set()
    with (
        pytest.raises(GatewayError, match=r"the bus virtual:never-power cannot be opened: no such device"),
        VirtualSender(car, SOURCES, wires.open),
    ):
        pass
    assert wires.buses[0].opened == wires.buses[0].closed == 1


@pytest.mark.parametrize("how", ["sending", "reading"])
def test_a_bus_that_fails_is_told(tmp_path: Path, how: str) -> None:
    wires, car = Wires(), VirtualCar(small_twin(tmp_path))
    if how == "sending":
        wires.buses[0].refuses = OSError("the network is down")
    else:
        wires.buses[0].fail()
    with VirtualSender(car, SOURCES, wires.open) as sender:

        def failed() -> bool:
            try:
                sender.over()
            except GatewayError as error:
                return str(error) == "the bus virtual:never-drive has failed: the network is down"
            return False

        until(failed)


def test_any_interface_of_python_can_will_do(tmp_path: Path) -> None:
    """Frames on python-can's own bus within this process, heard by another of its nodes."""
    car = VirtualCar(small_twin(tmp_path, length_s=0.2))
    channel = f"twin-{tmp_path.name}"
    with (
        can.Bus(channel, "virtual", ignore_config=True) as node,
        VirtualSender(car, {"drive": BusSource("virtual", channel)}) as sender,
    ):
        until(sender.over)
        until(lambda: sender.sent >= 30)
        first = node.recv(5)
    assert first is not None
    assert (first.arbitration_id, first.dlc) == (0x100, 8)
