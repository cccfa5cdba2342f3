"""The signal table numbers the catalog's leaves by path, and refuses numbers that no signal has."""

from __future__ import annotations

import pytest

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.signals import SignalTable
from commonwheel.catalog import Kind, load_catalog
from tests.broker.reference import leaf, table_of

TABLE = table_of(
    leaf("Speed"),
    leaf("Cabin.Door", "boolean", kind=Kind.ACTUATOR),
    leaf("Cabin.Gear", "string", allowed=("P", "D")),
    leaf("Cabin.Vin", "string"),
    leaf("Cabin.Cells", "float[]"),
    leaf("Count", "uint64"),
)


def test_numbers_count_the_paths_in_order() -> None:
    assert [signal.path for signal in TABLE] == sorted(signal.path for signal in TABLE)
    assert [signal.number for signal in TABLE] == list(range(len(TABLE)))
    assert TABLE.number("Vehicle.Speed") == len(TABLE) - 1
    assert TABLE[0].path == "Vehicle.Cabin.Cells"


@pytest.mark.parametrize("number", [-1, 6, 10**9])
def test_a_number_that_no_signal_has_is_refused(number: int) -> None:
    with pytest.raises(BrokerError, match=f"no signal number {number}; they are 0 to 5") as caught:
        _ = TABLE[number]
    assert caught.value.reason is Reason.UNKNOWN_SIGNAL
    with pytest.raises(BrokerError):
        TABLE.check([0, number])


def test_numbers_are_taken_once_each_in_their_order() -> None:
    assert TABLE.check([3, 1, 3, 0, 1]) == (3, 1, 0)
    assert TABLE.check([]) == ()


def test_an_unknown_path_says_what_is_close() -> None:
    with pytest.raises(BrokerError, match=r"did you mean 'Vehicle\.Speed'") as caught:
        TABLE.number("Vehicle.Sped")
    assert caught.value.reason is Reason.UNKNOWN_SIGNAL


def test_a_flood_of_unknown_paths_is_refused_without_looking_for_close_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("commonwheel.broker.signals.time.monotonic", lambda: now)
    table = SignalTable(load_catalog())
    said = [table.explain(f"Vehicle.Sped{i}") for i in range(200)]
    assert 0 < sum("did you mean" in text for text in said) <= 50
    assert said[-1] == "'Vehicle.Sped199' is not in the catalog commonwheel.json"
    now += 1.0
    assert "did you mean" in table.explain("Vehicle.Sped")
    assert len(table.explain("V" * 1_000_000)) < 300


def test_patterns_select_signals() -> None:
    assert [TABLE[n].path for n in TABLE.match("Vehicle.Cabin")] == [
        "Vehicle.Cabin.Cells",
        "Vehicle.Cabin.Door",
        "Vehicle.Cabin.Gear",
        "Vehicle.Cabin.Vin",
    ]
    assert TABLE.match(["Vehicle.Speed", "Vehicle.Speed"]) == [5]
    assert TABLE.match("") == list(range(6))
    for pattern, reason in (("Vehicle.Nothing.*", Reason.UNKNOWN_SIGNAL), ("Vehicle..A", Reason.BAD_PATTERN)):
        with pytest.raises(BrokerError) as caught:
            TABLE.match(pattern)
        assert caught.value.reason is reason


def test_some_values_are_plain_numbers_inside() -> None:
    assert {signal.path.rpartition(".")[2]: signal.is_plain for signal in TABLE} == {
        "Cells": False,
        "Door": True,
        "Gear": True,
        "Vin": False,
        "Count": True,
        "Speed": True,
    }
    assert TABLE[TABLE.number("Vehicle.Cabin.Gear")].codes == {"P": 0, "D": 1}
    assert TABLE[TABLE.number("Vehicle.Cabin.Door")].is_actuator


def test_every_pattern_of_the_shipped_catalog_can_be_read() -> None:
    for signal in SignalTable(load_catalog()):
        assert (signal.matcher is None) == (signal.leaf.pattern is None)
