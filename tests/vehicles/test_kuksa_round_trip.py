"""A description, its export run by (a stand-in for) KUKSA's provider, and its re-import say the same of frames."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from commonwheel.catalog import load_catalog
from commonwheel.vehicles import car_names, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.kuksa_export import export_mapping
from commonwheel.vehicles.kuksa_import import import_mapping
from commonwheel.vehicles.kuksa_uses import label
from commonwheel.vehicles.kuksa_write import write_export
from commonwheel.vehicles.newfolder import Identity
from commonwheel.vehicles.samples import Quality
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.codec import seal
from commonwheel.wire.frames import EXTENDED_FLAG, Clock, Frames
from tests.vehicles.kuksa_provider import Provider

CARS = [name for name in car_names() if ":" not in name]
FRAMES_PER_MESSAGE = 25
SKIP = (float("nan"), None)
NOTHING = (float("nan"), False)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / "cache"))


def random_frames(vehicle: Vehicle, bus: str, seed: int) -> Frames:
    """Frames of every message of a bus, with payloads of random bytes and some of few bits."""
    dice = random.Random(seed)
    number = vehicle.bus_index(bus)
    rows: list[tuple[int, int, int, bytes]] = []
    for message in vehicle.messages:
        if message.bus != number:
            continue
        data = np.zeros((FRAMES_PER_MESSAGE, 64), np.uint8)
        for i in range(FRAMES_PER_MESSAGE):
            few = [dice.choice((0, 0, 1, 2, 255)) for _ in range(message.size)]
            data[i, : message.size] = few if i % 3 == 0 else list(dice.randbytes(message.size))
        if message.check >= 0:
            seal(vehicle.tables, message.check, data, message.size)
        can_id = message.id | (EXTENDED_FLAG if message.extended else 0)
        rows += [(len(rows) + i, 0, can_id, bytes(payload[: message.size])) for i, payload in enumerate(data)]
    return Frames.build(rows, clock=Clock.ORDER)


def decoded(vehicle: Vehicle, bus: str, frames: Frames) -> dict[tuple[int, str], tuple[float, bool | None]]:
    """(frame, path) to (value, whether it is one); samples that a counter makes CORRUPT are left out."""
    result: dict[tuple[int, str], tuple[float, bool | None]] = {}
    decoder = VehicleDecoder(vehicle, buses={0: bus}, clock=Clock.ORDER)
    samples = decoder.decode(frames)
    for t, number, value, quality in zip(samples.t_ns, samples.signal, samples.value, samples.quality, strict=True):
        known = quality <= Quality.STALE
        result[int(t), vehicle.signals[number].path] = (
            (float(value), bool(known)) if quality < Quality.CORRUPT else SKIP
        )
    return result


def as_code(path: str, value: object) -> float:
    """A VSS value as our samples hold it."""
    leaf = load_catalog()[path]
    if leaf.datatype == "string":
        return float([str(label) for label in leaf.allowed].index(str(value)))
    return float(value)  # pyright: ignore[reportArgumentType]


def compared(car: str, folder: Path, seed: int) -> Counter[str]:
    """Hold every sample of random frames against the provider's and the re-imported description's."""
    export, vehicle = export_mapping(car), load_vehicle(car)
    write_export(export, folder / "car.json")
    # Remarks tell where KUKSA differs: it has no fallbacks, and some codes it cannot take for invalid.
    said = {
        (remark.path, word)
        for remark in export.remarks
        for word in ("is taken", "takes them", "passes")
        if word in remark.message
    }
    differs = {path for path, word in said if word == "is taken"}
    loose = {path for path, word in said if word != "is taken"}
    count: Counter[str] = Counter()
    for bus in export.buses:
        stem = "car" if len(export.buses) == 1 else f"car-{bus.bus}"
        mapping, database = folder / f"{stem}.json", folder / f"{stem}.dbc"
        provider = Provider(mapping, database)
        identity = Identity.of("x/y", powertrain=vehicle.powertrain)
        imported = import_mapping(mapping, [database], folder / stem, identity)
        assert not [remark for remark in imported.remarks if remark.left_out and "vss2dbc" not in remark.message]
        frames = random_frames(vehicle, bus.bus, seed)
        ours = decoded(vehicle, bus.bus, frames)
        theirs = decoded(load_vehicle(folder / stem), "can", frames)
        for i in range(len(frames)):
            payload = bytes(frames.data[i, : frames.size[i]])
            sent = provider.read(int(frames.id[i]) & 0x1FFF_FFFF, payload)
            for path, node in provider.leaves.items():
                value, known = ours.get((i, path), NOTHING)
                if path in differs or "dbc2vss" not in node or known is None:
                    continue
                place = (car, path, payload.hex(), value, sent.get(path))
                half = 0.5 if "int" in node["datatype"] else 0.0  # an integer datatype is rounded
                if path in sent and not known:
                    assert path in loose, place
                assert path in sent or not known, place
                if known:
                    assert as_code(path, sent[path]) == pytest.approx(value, rel=1e-6, abs=half + 1e-6), place
                    count[path] += 1
                back, back_known = theirs.get((i, path), NOTHING)
                assert bool(back_known) == (path in sent), place
                if known:
                    assert back == pytest.approx(value, rel=1e-9, abs=half + 1e-9), place
    return count


@pytest.mark.parametrize("car", CARS)
def test_an_exported_description_means_the_same_to_kuksa_and_to_its_import(car: str, tmp_path: Path) -> None:
    assert len(compared(car, tmp_path, seed=1)) > 10


@pytest.mark.slow
@pytest.mark.parametrize("car", [name for name in car_names() if ":" in name])
def test_so_do_its_variants(car: str, tmp_path: Path) -> None:
    assert len(compared(car, tmp_path, seed=2)) > 10


_ASKING = """\
format: 1
vehicle: acme/asking
sold_as: [{brand: Acme, model: Asking}]
extends: nissan/x_trail_2017
requests:
  Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget:
    {to: car/LaneKeepCommand.DesiredAngle, range: [-600, 600], confirm: Vehicle.Chassis.SteeringWheel.Angle,
     evidence: assumed (a test)}
  Vehicle.MotionManagement.Steering.SteeringWheel.AngleTargetMode:
    {to: car/LaneKeepCommand.Active, range: [0, 1], evidence: assumed (a test),
     confirm: Vehicle.MotionManagement.Steering.SteeringWheel.AngleTargetMode}
"""


def test_what_kuksa_sends_for_a_request_is_what_the_description_says(tmp_path: Path) -> None:
    """Of a description of one's own: what moves a shipped car is asked for through its ``control.yaml`` only."""
    car = tmp_path / "acme" / "asking"
    car.mkdir(parents=True)
    (car / "vehicle.yaml").write_text(_ASKING)
    export, vehicle = export_mapping(car), load_vehicle(car)
    write_export(export, tmp_path / "car.json")
    for bus in export.buses:
        if not bus.defaults:
            continue
        stem = "car" if len(export.buses) == 1 else f"car-{bus.bus}"
        provider = Provider(tmp_path / f"{stem}.json", tmp_path / f"{stem}.dbc")
        defaults = json.loads((tmp_path / f"{stem}-defaults.json").read_text())
        requests = {r.path: r for r in vehicle.requests if "vss2dbc" in provider.leaves.get(r.path, {})}
        assert requests
        for path, request in requests.items():
            writer = request.writer
            targets = [code for code, _ in writer.codes] or [
                request.low,
                (request.low + request.high) / 2,
                request.high,
            ]
            leaf = load_catalog()[path]
            for target in targets:
                wanted = dict(writer.codes).get(target, round((target - writer.offset) / writer.factor))
                signal, value = provider.write(path, label(target, leaf) if writer.codes else target)
                message = next(m for m in provider.database.messages if signal in {s.name for s in m.signals})
                assert isinstance(value, int | float | str)
                frame = message.encode({**defaults, signal: value}, strict=True)
                raw = message.decode(frame, decode_choices=False, scaling=False)
                assert isinstance(raw, dict)
                assert raw[signal] == wanted, (car, path, target)
