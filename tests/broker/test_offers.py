"""What a car says about its signals, out of its description."""

from __future__ import annotations

from commonwheel.broker import Broker
from commonwheel.broker.offers import Offer, offers_of
from commonwheel.catalog import Catalog, Kind, Leaf, load_catalog
from commonwheel.vehicles import load_vehicle


def test_every_signal_of_a_car_has_an_offer() -> None:
    vehicle = load_vehicle("nissan/leaf_ze0")
    table = Broker(load_catalog()).table
    offers = offers_of(vehicle, table)
    assert {table[number].path for number in offers} == {signal.path for signal in vehicle.signals}
    speed = offers[table.number("Vehicle.Speed")]
    info = vehicle.signals[vehicle.numbers["Vehicle.Speed"]]
    assert speed == Offer(info.evidence, info.resolution, info.personal, info.how, info.low, info.high, info.sources)
    assert speed.evidence.startswith("verified")
    assert any(offer.resolution > 0 for offer in offers.values())


def test_what_the_catalog_lacks_has_none() -> None:
    leaf = Leaf("Vehicle.Speed", Kind.SENSOR, "float", "km/h")
    table = Broker(Catalog({leaf.path: leaf}, {}, "small")).table
    assert list(offers_of(load_vehicle("nissan/leaf_ze0"), table)) == [0]
