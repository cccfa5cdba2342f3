"""How sources of frames are written, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.opening import for_bus
from commonwheel.gateway.sources import BusSource, parse_bus, parse_buses, parse_rate
from commonwheel.vehicles import Vehicle
from commonwheel.vehicles.model import Bus
from tests.gateway.kit import small_car


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Vehicle:
    return small_car(tmp_path_factory.mktemp("car"))


@pytest.mark.parametrize(
    ("text", "name", "source"),
    [
        ("ev=socketcan:can0", "ev", BusSource("socketcan", "can0")),
        ("socketcan:can0", "", BusSource("socketcan", "can0")),
        ("ev=virtual:a", "ev", BusSource("virtual", "a")),
        ("ev=udp_multicast:239.74.163.2", "ev", BusSource("udp_multicast", "239.74.163.2")),
        ("x=udp_multicast:ff15::1", "x", BusSource("udp_multicast", "ff15::1")),
        ("x=slcan:/dev/tty=1", "x", BusSource("slcan", "/dev/tty=1")),
        (
            "c=pcan:PCAN_USBBUS1?bitrate=500000&fd=true&auto_reset=no&f_clock_mhz=80.5&name=a=b",
            "c",
            BusSource(
                "pcan",
                "PCAN_USBBUS1",
                {"bitrate": 500000, "fd": True, "auto_reset": False, "f_clock_mhz": 80.5, "name": "a=b"},
            ),
        ),
    ],
)
def test_a_bus_is_a_name_an_interface_a_channel_and_options(text: str, name: str, source: BusSource) -> None:
    assert parse_bus(text) == (name, source)


def test_a_source_is_written_as_it_is_read() -> None:
    _, source = parse_bus("c=pcan:A?bitrate=500000&fd=true")
    assert str(source) == "pcan:A?bitrate=500000&fd=true"
    assert parse_bus(f"c={source}")[1] == source


@pytest.mark.parametrize(
    "text", ["", "ev", "ev=", "ev=socketcan", "ev=socketcan:", "=socketcan:can0", "ev=:can0", "?a=1"]
)
def test_what_is_no_bus_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(GatewayError, match="NAME=INTERFACE:CHANNEL"):
        parse_bus(text)


def test_an_interface_that_is_not_there_is_refused_with_one_that_is() -> None:
    with pytest.raises(GatewayError, match="did you mean 'socketcan'"):
        parse_bus("ev=socketcn:can0")


@pytest.mark.parametrize("options", ["", "fd", "=1", "fd=true&fd=false", "channel=x", "interface=virtual", "fd=true&"])
def test_options_that_cannot_be_used_are_refused(options: str) -> None:
    with pytest.raises(GatewayError, match="KEY=VALUE"):
        parse_bus(f"ev=virtual:a?{options}")


def test_the_buses_of_a_car_have_its_names(vehicle: Vehicle) -> None:
    found = parse_buses(["power=virtual:b", "drive=virtual:a"], vehicle)
    assert found == {"power": BusSource("virtual", "b"), "drive": BusSource("virtual", "a")}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["drve=virtual:a"], "did you mean 'drive'"),
        (["virtual:a"], "has several buses.*drive, power"),
        (["drive=virtual:a", "drive=virtual:b"], "given already, as virtual:a"),
    ],
)
def test_buses_that_are_not_the_cars_are_refused(vehicle: Vehicle, texts: list[str], said: str) -> None:
    with pytest.raises(GatewayError, match=said):
        parse_buses(texts, vehicle)


def test_a_car_of_one_bus_needs_no_name_for_it(tmp_path: Path) -> None:
    only = small_car(
        tmp_path,
        "format: 1\nvehicle: acme/one\nsold_as: [{brand: Acme, model: One}]\npowertrain: combustion\n"
        "evidence: assumed (a test)\nbuses: {power: {database: power.dbc}}\n"
        "signals: {Vehicle.LowVoltageBattery.CurrentVoltage: power/Battery.Voltage}\n",
    )
    assert list(parse_buses(["virtual:a"], only)) == ["power"]


@pytest.mark.parametrize(("text", "rate"), [("1", 1.0), ("10", 10.0), ("0.5", 0.5), ("max", None)])
def test_rates(text: str, rate: float | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e9", "fast", ""])
def test_rates_that_are_none(text: str) -> None:
    with pytest.raises(GatewayError, match="is no rate"):
        parse_rate(text)


def test_what_the_description_knows_of_a_bus_need_not_be_said() -> None:
    fast = Bus("c", 1_000_000, fd=True)
    assert for_bus(BusSource("pcan", "A"), fast).options == {"fd": True, "bitrate": 1_000_000}
    assert for_bus(BusSource("pcan", "A", {"fd": False, "bitrate": 5}), fast).options == {"fd": False, "bitrate": 5}
    assert for_bus(BusSource("socketcan", "can0"), Bus("c")).options == {}
