"""Recording within a service: from the first frame to what is said at the end, whatever becomes of the disk."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from commonwheel.errors import ConfigError, OutputError
from commonwheel.gateway import recorder as writer
from commonwheel.gateway.config import CarSettings, Settings, load_settings
from commonwheel.gateway.recorder import Recorder
from commonwheel.gateway.recording import interfaces_of
from commonwheel.gateway.service import Service
from commonwheel.wire.logs.reader import read_log
from commonwheel.wire.sent import SENT
from tests.gateway.kit import SPEED, small_car, until

QUIET = Settings(grpc_port=0, viss_port="off", flight_port="off", metrics_port="off", stop_seconds=20.0)


@pytest.fixture
def car(tmp_path: Path) -> CarSettings:
    """A small car, and a second of it at 12.34 km/h."""
    folder = tmp_path / "acme" / "two"
    folder.mkdir(parents=True)
    small_car(folder)
    log = tmp_path / "drive.log"
    frames = (f"({1_767_254_400 + i / 20:.6f}) can0 100#04D2010300000000\n" for i in range(20))
    log.write_text("".join(frames))
    return CarSettings(car=str(folder), replay=log, rate="max")


def _serve(settings: Settings, enough: int = 0) -> Service:
    """Run a service until so many samples were published."""
    service = Service(settings)

    async def run() -> bool:
        await service.start()
        (live,) = service.cars
        await asyncio.to_thread(until, lambda: live.broker.published >= enough)
        return await service.stop()

    assert asyncio.run(run())
    return service


def test_a_service_records_its_cars_while_it_serves_them(tmp_path: Path, car: CarSettings) -> None:
    out = tmp_path / "out"
    settings = msgspec.structs.replace(QUIET, cars={"mine": car}, record=out / "samples", record_frames=out / "frames")
    service = _serve(settings, enough=60)
    (samples,), (frames,) = (out / "samples").iterdir(), (out / "frames").iterdir()
    assert samples.name.startswith("mine-samples-")
    assert frames.name.startswith("mine-frames-")
    table = pq.read_table(samples)
    assert table.num_rows == service.cars[0].broker.published
    rows = zip(*(table.column(name).to_pylist() for name in ("signal", "value", "quality")), strict=True)
    speeds = [(value, quality) for path, value, quality in rows if path == SPEED]
    assert [value for value, quality in speeds if quality == "GOOD"] == pytest.approx([12.34] * 20)
    assert speeds[-1] == (pytest.approx(12.34), "STALE")
    assert len(read_log(frames)[0]) == 20
    assert not service.cars[0].broker.readers


def test_a_service_records_nothing_unless_it_is_asked_to(tmp_path: Path, car: CarSettings) -> None:
    before = set(tmp_path.rglob("*"))
    service = _serve(msgspec.structs.replace(QUIET, cars={"mine": car}), enough=20)
    assert service.cars[0].recording is None
    assert set(tmp_path.rglob("*")) == before


def test_a_place_that_is_none_stops_the_start(tmp_path: Path, car: CarSettings) -> None:
    (tmp_path / "file").touch()
    settings = msgspec.structs.replace(QUIET, cars={"mine": car}, record=tmp_path / "file")
    with pytest.raises(OutputError, match="nothing can be recorded there"):
        asyncio.run(Service(settings).start())


def test_what_is_missing_is_said_at_the_end(
    tmp_path: Path, car: CarSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "_RETRY_S", 0.0)

    def refuse(_recorder: object) -> None:
        raise OSError(28, "No space left on device")

    settings = msgspec.structs.replace(QUIET, cars={"mine": car}, record=tmp_path / "out")
    monkeypatch.setattr(Recorder, "_begin", refuse)
    service = _serve(settings, enough=60)
    said = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 2
    assert "No space left on device" in said[0]
    assert said[1] == f"mine: {service.cars[0].broker.published} rows are missing from the recording"


def test_buses_have_their_names_in_a_log_and_a_replay_keeps_its_numbers(tmp_path: Path, car: CarSettings) -> None:
    vehicle = small_car(tmp_path)
    assert interfaces_of(car, vehicle) == {}
    assert interfaces_of(CarSettings(car="acme/two", buses={"drive": "virtual:a"}), vehicle) == {
        0: "drive", 1: "power", SENT: "drive.sent", SENT + 1: "power.sent"
    }  # fmt: skip
    spaced = dataclasses.replace(vehicle, buses=(msgspec.structs.replace(vehicle.buses[0], name="a b"),))
    assert interfaces_of(CarSettings(car="acme/two"), spaced) == {}


def test_a_rotation_that_is_none_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "cars.yaml"
    file.write_text("record: out\nrecord-rotate: 100MB,10min\n")
    settings = load_settings(file)
    assert (settings.record, settings.record_rotate) == (tmp_path / "out", "100MB,10min")
    file.write_text("record: out\nrecord-rotate: often\n")
    with pytest.raises(ConfigError, match=r"cars.yaml:2: 'record-rotate' 'often' is none; write 100MB"):
        load_settings(file)
