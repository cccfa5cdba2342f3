"""An app in a test: fed with values by hand, its doings recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps.engine import Engine
from commonwheel.apps.facts import Facts, declared, table_of
from commonwheel.apps.replay import Recorded
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import to_inside
from commonwheel.catalog import load_catalog
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.apps import App

SPEED = "Vehicle.Speed"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
VOLTAGE = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
CAPACITY = "Vehicle.Powertrain.TractionBattery.GrossCapacity"
LIGHT = "Vehicle.Body.Lights.Beam.Low.IsOn"
STATE = "Vehicle.LowVoltageSystemState"
RANGE = "Vehicle.Powertrain.Range"
VIN = "Vehicle.VehicleIdentification.VIN"

S = 1_000_000_000

Row = tuple[float, str, object] | tuple[float, str, object, Quality]
"""Seconds, path, value, quality (GOOD where it is left out)."""


class Run:
    """An app on a car of a test."""

    def __init__(
        self,
        app: App,
        *,
        given: Iterable[str] | None = None,
        asked: Iterable[str] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Prepare; the car gives and can be asked all that the app declares, unless it is said."""
        catalog = load_catalog()
        chosen = declared(app.manifest, catalog.leaves)
        self.table = table_of(chosen.all, catalog)
        facts = Facts(
            "test/car",
            self.table,
            frozenset(chosen.reads if given is None else given),
            frozenset(chosen.requests if asked is None else asked),
        )
        self.did = Recorded()
        self.engine = Engine(app, facts, self.did, settings)

    def updates(self, *rows: Row) -> Updates:
        """Return rows as a batch."""
        made: list[tuple[int, int, float, int, object]] = []
        for seconds, path, value, *quality in rows:
            number = self.table.number(path)
            inside = (float("nan"), None) if value is None else to_inside(self.table[number], value)
            code = quality[0] if quality else Quality.GOOD
            made.append((number, round(seconds * S), inside[0], int(code), inside[1]))
        return Updates.build(made)

    def start(self, *rows: Row, at: float = 0.0) -> Run:
        """Start the app at so many seconds, with values that are there already."""
        self.engine.start(round(at * S), self.updates(*rows) if rows else None)
        return self

    def feed(self, *rows: Row) -> Run:
        """Hand over a batch."""
        self.engine.feed(self.updates(*rows))
        return self

    def each(self, *rows: Row) -> Run:
        """Hand over every row as a batch of its own."""
        for row in rows:
            self.feed(row)
        return self

    def to(self, seconds: float) -> Run:
        """Let time pass."""
        self.engine.advance(round(seconds * S))
        return self

    @property
    def said(self) -> list[str]:
        """The texts of all log lines."""
        return [line.text for line in self.did.logs]

    @property
    def errors(self) -> list[str]:
        """What the app's functions raised."""
        return [failure.error for failure in self.did.failures]
