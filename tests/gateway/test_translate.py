"""From a car's numbers to its broker's, also where the broker has another catalog."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from commonwheel.broker import Broker
from commonwheel.broker.signals import SignalTable
from commonwheel.catalog import Catalog, Leaf, load_catalog
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.sources import BusSource
from commonwheel.gateway.translate import Translation
from commonwheel.vehicles import Quality, Vehicle, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.frames import Frames
from tests.gateway.kit import GEAR, LIGHT, POWER_KW, SPEED, VIN, VOLTAGE, small_car

WHOLE = load_catalog()
NEUTRAL, DRIVE = 2, 3


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Vehicle:
    return small_car(tmp_path_factory.mktemp("car"))


def catalog(**changed: Leaf | None) -> Catalog:
    """Return the catalog with some leaves replaced or (None) left out; their names have '_' for '.'."""
    leaves = dict(WHOLE.leaves)
    for name, leaf in changed.items():
        path = name.replace("_", ".")
        del leaves[path]
        if leaf is not None:
            leaves[path] = leaf
    return Catalog(leaves, WHOLE.branches, "a test")


def named(path: str) -> str:
    return path.replace(".", "_")


def updates(
    vehicle: Vehicle, table: SignalTable, *frames: tuple[int, str], personal: bool = False
) -> list[tuple[str, float, int, object]]:
    """Return (path, value, quality, object) of what frames of the drive bus become."""
    translation = Translation.between(vehicle, table, with_personal=personal)
    decoder = VehicleDecoder(vehicle, buses={0: "drive"}, signals=translation.paths, with_personal=personal)
    samples = decoder.decode(
        Frames.build((i, 0, can_id, bytes.fromhex(data)) for i, (can_id, data) in enumerate(frames))
    )
    made = translation.apply(samples, samples.t_ns)
    objects = [None] * len(made) if made.objects is None else made.objects.tolist()
    rows = zip(made.signal.tolist(), made.value.tolist(), made.quality.tolist(), objects, strict=True)
    return [(table[signal].path, value, quality, item) for signal, value, quality, item in rows]


def test_with_the_same_catalog_every_signal_is_handed_on_as_it_is(vehicle: Vehicle) -> None:
    table = SignalTable(WHOLE)
    assert updates(vehicle, table, (0x100, "2710 01 03 00000000")) == [
        (SPEED, 100.0, Quality.GOOD, None),
        (LIGHT, 1.0, Quality.GOOD, None),
        (GEAR, table[table.number(GEAR)].codes["DRIVE"], Quality.GOOD, None),
    ]


def test_texts_are_objects_and_an_unknown_one_is_none(vehicle: Vehicle) -> None:
    rows = updates(vehicle, SignalTable(WHOLE), (0x300, b"ABCDEFGH".hex()), (0x300, "00"), personal=True)
    assert [(path, quality, item) for path, _, quality, item in rows] == [
        (VIN, Quality.GOOD, "ABCDEFGH"),
        (VIN, Quality.INVALID, None),
    ]
    assert all(math.isnan(value) for _, value, _, _ in rows)


def test_codes_follow_the_brokers_own_order_of_labels(vehicle: Vehicle) -> None:
    leaf = replace(WHOLE[GEAR], allowed=("DRIVE", "PARK", "REVERSE"))
    table = SignalTable(catalog(**{named(GEAR): leaf}))
    lever = [
        (value, quality)
        for path, value, quality, _ in updates(vehicle, table, (0x100, "00000003"), (0x100, "00000000"))
        if path == GEAR
    ]
    assert lever == [(0.0, Quality.GOOD), (1.0, Quality.GOOD)]
    (neutral,) = [row for row in updates(vehicle, table, (0x100, "00000002")) if row[0] == GEAR]
    assert math.isnan(neutral[1])
    assert neutral[2] == Quality.INVALID


@pytest.mark.parametrize(
    ("path", "leaf", "why"),
    [
        (SPEED, None, "lacks it"),
        (SPEED, replace(WHOLE[SPEED], unit="m/s"), "its unit is 'km/h', in the catalog 'm/s'"),
        (SPEED, replace(WHOLE[SPEED], datatype="string", unit=None), "it is float, in the catalog string"),
        (SPEED, replace(WHOLE[SPEED], datatype="float[]"), r"it is float, in the catalog float\[\]"),
        (GEAR, replace(WHOLE[GEAR], allowed=()), "only one of"),
        (GEAR, replace(WHOLE[GEAR], allowed=("FORTH", "BACK")), "none of its values"),
        (POWER_KW, None, "lacks it"),
    ],
)
def test_what_the_catalog_lacks_or_means_otherwise_is_left_out_and_said(
    vehicle: Vehicle, path: str, leaf: Leaf | None, why: str
) -> None:
    import re

    translation = Translation.between(vehicle, SignalTable(catalog(**{named(path): leaf})))
    (left_out,) = translation.left_out
    assert re.search(why, left_out)
    assert left_out.startswith(path)
    assert path not in translation.paths


def test_it_is_said_once_and_the_rest_is_served(vehicle: Vehicle, caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker(catalog(**{named(SPEED): None, named(VOLTAGE): None}))
    gateway = CarGateway(vehicle, broker, {"drive": BusSource("virtual", "translate")})
    with caplog.at_level(logging.WARNING, "commonwheel.gateway.pipeline"):
        gateway.start()
    gateway.stop()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "2 signals are not served" in said
    assert SPEED in said
    assert VOLTAGE in said


def test_a_wider_datatype_of_the_same_kind_is_the_same(vehicle: Vehicle) -> None:
    table = SignalTable(catalog(**{named(SPEED): replace(WHOLE[SPEED], datatype="double")}))
    assert Translation.between(vehicle, table).left_out == ()


def test_every_shipped_signal_has_its_place() -> None:
    """With the shipped catalog nothing is left out of any of these cars."""
    table = SignalTable(WHOLE)
    for name in ("nissan/leaf_ze0", "honda/civic_gen8", "mitsubishi/lancer", "nissan/x_trail_2017"):
        vehicle = load_vehicle(name)
        translation = Translation.between(vehicle, table, with_personal=True)
        assert translation.left_out == ()
        assert [table[number].path for number in translation.numbers.tolist()] == [s.path for s in vehicle.signals]
        assert np.unique(translation.numbers).size == len(vehicle.signals)
