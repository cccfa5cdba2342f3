"""A car, live: what its buses bring is what its broker holds, whatever happens to them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from commonwheel.broker import Broker, BrokerError, Reason
from commonwheel.catalog import load_catalog
from commonwheel.errors import DescriptionError
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.sources import BusSource
from commonwheel.vehicles import Quality, Vehicle
from commonwheel.wire.frames import ERROR_FLAG, REMOTE_FLAG, Frames
from tests.gateway.kit import GEAR, LIGHT, POWER_KW, SPEED, VIN, VOLTAGE, WHEEL, Rig, small_car, until

MOTION, ANGLE, TEXT, BATTERY = 0x100, 0x101, 0x300, 0x100
DRIVING = (MOTION, "2710 01 03 00000000")  # 100 km/h, lights on, lever at D
LOGGER = "commonwheel.gateway.bus"


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Vehicle:
    return small_car(tmp_path_factory.mktemp("car"))


def test_frames_become_values_of_the_standard(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        assert rig.gateway.ready.wait(5)
        rig.drive.bring(DRIVING, (ANGLE, "FFCE 000000000000"))
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(VOLTAGE).good and rig.get(WHEEL).good)
        assert rig.get(SPEED).good == 100.0
        assert rig.get(LIGHT).good is True
        assert rig.get(GEAR).good == "DRIVE"
        assert rig.get(WHEEL).good == pytest.approx(-5.0)
        assert rig.get(VOLTAGE).good == pytest.approx(12.0)


def test_fixed_facts_are_there_from_the_start(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        assert rig.get(POWER_KW).good == 80


def test_times_are_the_present_ones_in_utc(vehicle: Vehicle) -> None:
    import time

    with Rig(vehicle) as rig:
        before = time.time_ns()
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).good)
        assert before - 1_000_000 <= rig.get(SPEED).t_ns <= time.time_ns()


def test_what_tells_who_the_user_is_stays_inside_unless_asked_for(vehicle: Vehicle) -> None:
    text = (TEXT, b"ABCDEFGH".hex())
    with Rig(vehicle) as rig:
        rig.drive.bring(text, DRIVING)
        until(lambda: rig.get(SPEED).good)
        assert rig.get(VIN).value is None
        assert rig.broker.owner(rig.number(VIN)) is None
    with Rig(vehicle, with_personal=True) as rig:
        rig.drive.bring(text)
        until(lambda: rig.get(VIN).good)
        assert rig.get(VIN).good == "ABCDEFGH"


def test_silence_makes_signals_stale_without_anyone_asking(vehicle: Vehicle) -> None:
    """Each message by its own timeout; what never grows old stays."""
    with Rig(vehicle) as rig:
        rig.drive.bring(DRIVING)
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(SPEED).quality is Quality.STALE)
        assert rig.get(SPEED).value == 100.0
        assert rig.get(VOLTAGE).quality is Quality.GOOD
        assert rig.gateway.facts()["stale"] == 1
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).quality is Quality.GOOD)


def test_a_stale_value_tells_when_it_became_so(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        number = rig.number(SPEED)
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).quality is Quality.STALE)
        good, stale = rig.broker.history(number).t_ns.tolist()
        assert stale - good == 150_000_000


def test_the_signals_are_the_cars_as_long_as_it_runs_and_stale_after(vehicle: Vehicle) -> None:
    rig = Rig(vehicle)
    with rig:
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(VOLTAGE).good)
        refused = rig.broker.publish_values({rig.number(VOLTAGE): 1.0})
        assert refused[rig.number(VOLTAGE)].reason is Reason.ALREADY_CLAIMED
    assert rig.get(VOLTAGE).quality is Quality.STALE
    assert rig.broker.owner(rig.number(VOLTAGE)) is None
    assert rig.drive.opened == rig.drive.closed == 1
    rig.gateway.stop()  # once more does no harm


def test_a_car_that_another_provides_already_does_not_start(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        second = CarGateway(vehicle, rig.broker, {"drive": BusSource("virtual", "never")})
        with pytest.raises(BrokerError) as caught:
            second.start()
        second.stop()
        assert caught.value.reason is Reason.ALREADY_CLAIMED
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).good)


# ---- buses that fail ------------------------------------------------------------------------------------------------


def test_a_bus_that_fails_makes_its_own_signals_stale_and_no_others(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        rig.drive.bring(DRIVING)
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(VOLTAGE).good and rig.get(SPEED).good)
        rig.power.broken.set()
        rig.power.fail()
        until(lambda: rig.get(VOLTAGE).quality is Quality.STALE)
        rig.drive.bring((MOTION, "1388 01 03 00000000"))
        until(lambda: rig.get(SPEED).good == 50.0)
        assert (rig.bus("power")["state"], rig.bus("drive")["state"]) == ("down", "up")
        assert rig.bus("power")["error"] in {"the network is down", "no such device"}
        rig.power.broken.clear()
        rig.power.bring((BATTERY, "0514 000000000000"))
        until(lambda: rig.get(VOLTAGE).good == pytest.approx(13.0))
        assert rig.bus("power")["state"] == "up"
        assert rig.bus("power")["reconnects"] == 1
        assert rig.power.opened == rig.power.closed + 1


def test_a_failure_and_its_end_are_said_once_each(vehicle: Vehicle, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, LOGGER), Rig(vehicle) as rig:
        until(rig.gateway.ready.is_set)
        rig.power.broken.set()
        rig.power.fail()
        until(lambda: rig.bus("power")["errors"] == 5)
        rig.power.broken.clear()
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.bus("power")["state"] == "up")
        kinds = [(event.kind, event.facts["bus"]) for event in rig.broker.events.last() if event.kind[:3] == "bus"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "power" in said[0]
    assert "the network is down" in said[0]
    assert "is back" in said[1]
    assert sorted(kinds[:2]) == [("bus.up", "drive"), ("bus.up", "power")]
    assert kinds[2:] == [("bus.down", "power"), ("bus.up", "power")]


def test_a_bus_that_opens_and_fails_at_once_is_not_back(vehicle: Vehicle, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, LOGGER), Rig(vehicle) as rig:
        until(rig.gateway.ready.is_set)
        for _ in range(6):
            rig.drive.fail()
        until(lambda: rig.bus("drive")["errors"] == 6)
        assert rig.bus("drive")["state"] == "down"
        assert len(caplog.records) == 1


def test_a_bus_that_is_missing_at_the_start_is_a_bus_that_failed(vehicle: Vehicle) -> None:
    rig = Rig(vehicle)
    rig.power.broken.set()
    with rig:
        assert rig.gateway.ready.wait(5)
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).good)
        assert rig.bus("power")["state"] == "down"
        assert rig.bus("power")["error"] == "no such device"
        rig.power.broken.clear()
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(VOLTAGE).good)


def test_a_driver_may_raise_what_it_likes(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        rig.drive.fail(KeyError("a driver's own mistake"))
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).good)
        assert "a driver's own mistake" in str(rig.bus("drive")["error"])


# ---- frames that are not as they should be --------------------------------------------------------------------------


def test_garbage_is_counted_and_disturbs_nothing(vehicle: Vehicle) -> None:
    random = np.random.default_rng(3)
    with Rig(vehicle) as rig:
        rig.drive.bring(
            (0x7FF, "FF"),  # nobody's
            (MOTION | REMOTE_FLAG, ""),
            (0x20 | ERROR_FLAG, "00"),
            (0x9FFFFFFF, "0102"),
            (MOTION, "27"),  # cut short
        )
        until(lambda: rig.gateway.facts()["frames"] == 5)
        facts = rig.gateway.facts()
        assert (facts["known"], facts["unknown"], facts["other"]) == (1, 2, 2)
        assert rig.get(SPEED).good is None
        assert rig.get(SPEED).quality is Quality.INVALID
        for _ in range(20):
            rows = Frames.empty(50, width=64)
            rows.id[:] = random.integers(0, 2**32, 50)
            rows.size[:] = random.integers(0, 256, 50)
            rows.data[:] = random.integers(0, 256, (50, 64))
            rig.drive.inbox.put(rows)
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).good == 100.0)
        assert rig.bus("drive")["state"] == "up"


def test_a_flooded_bus_leaves_the_other_its_turn(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        flood = Frames.build([(0, 0, MOTION, bytes(8))] * 1024)
        for _ in range(200):
            rig.drive.inbox.put(Frames(*(getattr(flood, c).copy() for c in ("t_ns", "bus", "id", "size", "data"))))
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(VOLTAGE).good)
        until(lambda: rig.gateway.facts()["frames"] == 200 * 1024 + 1)
        assert rig.gateway.facts()["largest_batch"] == 1024


def test_a_bus_of_another_car_is_said_once(
    vehicle: Vehicle, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing tells its user why no value ever comes."""
    monkeypatch.setattr("commonwheel.gateway.doubt.LONG_NS", 0)
    with Rig(vehicle) as rig:
        rig.power.bring((BATTERY, "04B0 000000000000"))
        for _ in range(3):
            rig.drive.bring(*[(0x7AB, "00")] * 600)
            rig.power.bring(*[(0x7AB, "00")] * 600)
        until(lambda: rig.gateway.facts()["frames"] == 3601)
    said = [record.getMessage() for record in caplog.records if "is this car's" in record.getMessage()]
    assert len(said) == 1
    assert "none of the first 600 frames of the bus drive (virtual:drive)" in said[0]
    assert "bit rate" in said[0]


# ---- what cannot be run ---------------------------------------------------------------------------------------------


def test_a_car_without_a_source_is_refused(vehicle: Vehicle) -> None:
    with pytest.raises(GatewayError, match="name a source"):
        CarGateway(vehicle, Broker(load_catalog()), {})


def test_a_bus_that_the_car_has_not_is_refused(vehicle: Vehicle) -> None:
    with pytest.raises(DescriptionError, match="did you mean 'drive'"):
        CarGateway(vehicle, Broker(load_catalog()), {"driv": BusSource("virtual", "a")})


def test_a_bus_without_a_source_is_simply_not_there(vehicle: Vehicle) -> None:
    gateway = CarGateway(vehicle, Broker(load_catalog()), {"power": BusSource("virtual", "only-power")})
    gateway.start()
    assert gateway.ready.wait(5)
    assert list(gateway.facts()["buses"]) == ["power"]  # type: ignore[call-overload]
    gateway.stop()


def test_frames_can_be_listened_to(vehicle: Vehicle) -> None:
    """As a recorder does: UTC times, the car's bus numbers."""
    heard: list[Frames] = []
    with Rig(vehicle) as rig:
        stop = rig.gateway.listen(heard.append)
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(VOLTAGE).good)
        stop()
        rig.power.bring((BATTERY, "0514 000000000000"))
        until(lambda: rig.get(VOLTAGE).good == pytest.approx(13.0))
        (frames,) = heard
        assert frames.bus.tolist() == [1]
        assert frames.id.tolist() == [BATTERY]
        assert frames.t_ns.tolist() == rig.broker.history(rig.number(VOLTAGE)).t_ns.tolist()[:1]


def test_several_cars_run_side_by_side(vehicle: Vehicle, tmp_path: Path) -> None:
    with Rig(vehicle) as one, Rig(small_car(tmp_path)) as other:
        one.drive.bring(DRIVING)
        until(lambda: one.get(SPEED).good)
        assert other.get(SPEED).value is None


def test_a_listener_that_fails_is_left_out_and_the_bus_goes_on(vehicle: Vehicle) -> None:
    def fails(_frames: Frames) -> None:
        message = "no space left"
        raise OSError(message)

    with Rig(vehicle) as rig:
        rig.gateway.listen(fails)
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).good)
        assert rig.bus("drive")["errors"] == 0


def test_a_readers_callback_that_fails_is_not_the_bus(vehicle: Vehicle) -> None:
    def fails() -> None:
        message = "the loop is closed"
        raise RuntimeError(message)

    with Rig(vehicle) as rig:
        rig.broker.subscribe([rig.number(SPEED)], wake=fails, initial=False)
        rig.drive.bring(DRIVING)
        until(lambda: rig.get(SPEED).good)
        rig.power.bring((BATTERY, "04B0 000000000000"))
        until(lambda: rig.get(VOLTAGE).good)
        assert rig.bus("drive")["errors"] == 0
