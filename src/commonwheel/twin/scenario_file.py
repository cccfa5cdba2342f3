"""Reads scenario files, and names every fault of one at once, with its line and what would be right."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError, Fault
from commonwheel.twin.plan import Plan
from commonwheel.twin.scenario import STYLES, Road, Scenario, Style
from commonwheel.twin.scenario_deeds import hands_of
from commonwheel.twin.scenario_drive import FASTEST, plan_of
from commonwheel.twin.scenario_events import bends_of, events_of, faults_of
from commonwheel.twin.scenario_traffic import TRAFFIC, places_of, surroundings_of
from commonwheel.twin.start import Start
from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.yamltree import Reader, load_tree, suggest

if TYPE_CHECKING:
    from commonwheel.vehicles.yamltree import Node

__all__ = ["KEYS", "SHIPPED", "load_scenario", "scenario_names"]

SHIPPED = Path(__file__).with_name("scenarios")
FORMAT = 1
MOST_BYTES = 4_000_000
LONGEST_S = 7 * 24 * 3600.0
KEYS = (
    "format", "scenario", "about", "length", "start", "driver", "drive", "bends", "road", *TRAFFIC, "events", "faults",
)  # fmt: skip
_START_KEYS = ("speed", "charge", "fuel", "odometer", "air", "soak", "health", "low-voltage-charge")
_DRIVER_KEYS = ("style", "preview", "feet", "firmness", "hands")
_ROAD_KEYS = ("grade", "wind", "friction")
_SHARE = Bounds(0.0, 1.0)
_AIR = Bounds(-60.0, 60.0)


@functools.cache
def scenario_names() -> tuple[str, ...]:
    """Return the names of the shipped scenarios."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def load_scenario(name: str | Path) -> Scenario:
    """Return a scenario by the name of a shipped one, or of a file.

    Raises:
        DescriptionError: there is none, or it has faults; states every one, with its line.
    """
    path = Path(name)
    if str(name) in scenario_names():
        path = SHIPPED / f"{name}.yaml"
    elif not path.is_file():
        known = ", ".join(scenario_names())
        message = f"there is no such scenario or file{suggest(name, scenario_names())}; shipped are {known}"
        raise DescriptionError([Fault(path, 0, message)])
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DescriptionError([Fault(path, 0, f"it cannot be read: {error.strerror or error}")]) from error
    if len(data) > MOST_BYTES:
        raise DescriptionError([Fault(path, 0, f"a scenario has at most {MOST_BYTES / 1e6:g} MB")])
    reader = Reader()
    tree = load_tree(path, data, reader.faults)
    scenario = _scenario(reader, tree)
    if reader.faults:
        raise DescriptionError(reader.faults)
    return scenario


def _scenario(reader: Reader, tree: Node) -> Scenario:
    keys = reader.mapping(tree, "a scenario", KEYS)
    if "format" not in keys or keys["format"].value != FORMAT:
        reader.fault(keys.get("format", tree), f"a scenario begins with 'format: {FORMAT}'")
    for needed in ("scenario", "drive"):
        if needed not in keys and tree.entries:
            reader.fault(tree, f"a scenario states '{needed}'")
    start = _start(reader, keys.get("start"))
    plan = plan_of(reader, keys["drive"], start.speed_mps) if "drive" in keys else Plan(())
    length = quantity(
        reader, keys.get("length"), "'length'", "s", within=Bounds(0.1, LONGEST_S), default=max(plan.length_s, 0.1)
    )
    if "length" in keys and length < plan.length_s - 1e-6:
        reader.fault(keys["length"], f"'length' is {length:g} s, but the drive takes {plan.length_s:g} s")
    if plan.length_s > LONGEST_S:
        reader.fault(keys["drive"], f"the drive takes {plan.length_s / 86400:.0f} days; it may take a week")
    road, friction = _road(reader, keys.get("road"))
    hands = keys["driver"].entries.get("hands") if "driver" in keys else None
    return Scenario(
        name=reader.text(keys.get("scenario"), "'scenario'", tree.file.stem),
        about=reader.text(keys.get("about"), "'about'"),
        plan=plan,
        start=start,
        style=_style(reader, keys.get("driver")),
        bends=bends_of(reader, keys.get("bends"), length),
        road=road,
        surroundings=surroundings_of(reader, keys, length, friction),
        hands=hands_of(reader, hands) is not False,
        events=events_of(reader, keys.get("events"), length),
        faults=faults_of(reader, keys.get("faults"), length),
        length_s=length,
        file=str(tree.file),
    )


def _start(reader: Reader, node: Node | None) -> Start:
    if node is None:
        return Start()
    keys, usual = reader.mapping(node, "'start'", _START_KEYS), Start()
    air = quantity(reader, keys.get("air"), "'air'", "Celsius", within=_AIR, default=usual.air_c)
    return Start(
        speed_mps=quantity(reader, keys.get("speed"), "'speed'", "m/s", within=Bounds(0.0, FASTEST)),
        charge=quantity(reader, keys.get("charge"), "'charge'", "", within=_SHARE, default=usual.charge),
        fuel=quantity(reader, keys.get("fuel"), "'fuel'", "", within=_SHARE, default=usual.fuel),
        odometer_m=quantity(
            reader, keys.get("odometer"), "'odometer'", "m", within=Bounds(0.0, 2e9), default=usual.odometer_m
        ),
        air_c=air,
        soak_c=quantity(reader, keys.get("soak"), "'soak'", "Celsius", within=Bounds(-60.0, 90.0), default=air),
        health=quantity(reader, keys.get("health"), "'health'", "", within=Bounds(0.3, 1.0), default=usual.health),
        low_voltage_charge=quantity(
            reader,
            keys.get("low-voltage-charge"),
            "'low-voltage-charge'",
            "",
            within=_SHARE,
            default=usual.low_voltage_charge,
        ),
    )


def _style(reader: Reader, node: Node | None) -> Style:
    if node is None:
        return Style()
    keys = reader.mapping(node, "'driver'", _DRIVER_KEYS)
    name = reader.text(keys.get("style"), "'style'", "normal")
    if name not in STYLES:
        reader.fault(keys["style"], f"'style' is one of {', '.join(STYLES)}{suggest(name, STYLES)}, not '{name}'")
    style = STYLES.get(name, Style())
    return replace(
        style,
        preview_s=quantity(
            reader, keys.get("preview"), "'preview'", "s", within=Bounds(0.0, 5.0), default=style.preview_s
        ),
        feet_s=quantity(reader, keys.get("feet"), "'feet'", "s", within=Bounds(0.02, 2.0), default=style.feet_s),
        firmness=quantity(
            reader, keys.get("firmness"), "'firmness'", "1/s", within=Bounds(0.05, 5.0), default=style.firmness
        ),
    )


def _road(reader: Reader, node: Node | None) -> tuple[Road, list[tuple[float, float]]]:
    """Return the road, and its friction by place where it is not the same everywhere."""
    if node is None:
        return Road(), []
    keys = reader.mapping(node, "'road'", _ROAD_KEYS)
    grade = places_of(reader, keys["grade"], "grade", "slope", "", Bounds(-0.4, 0.4)) if "grade" in keys else []
    grip, given = Bounds(0.05, 1.2), keys.get("friction")
    by_place: list[tuple[float, float]] = []
    usual = Road().friction
    if given is not None and isinstance(given.value, list):
        by_place = places_of(reader, given, "friction", "friction", "", grip)
    else:
        usual = quantity(reader, given, "'friction'", "", within=grip, default=usual)
    wind = quantity(reader, keys.get("wind"), "'wind'", "m/s", within=Bounds(-40.0, 40.0))
    return Road(tuple(grade), wind, usual), by_place
