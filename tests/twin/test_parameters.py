"""The parameters of a car's physics: read, inherited, checked, and each with its source."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from commonwheel.errors import DescriptionError
from commonwheel.twin.parameters import Parameters
from commonwheel.twin.parameters_file import FILE, SECTIONS, load_parameters
from commonwheel.twin.schema import fields_of
from commonwheel.vehicles.description import SHIPPED, car_names

ELECTRIC = [
    name for name in car_names() if name.startswith(("nissan/leaf", "honda/e", "mitsubishi/imiev"))
]  # fmt: skip

VEHICLE = """
format: 1
vehicle: here/{name}
{more}
"""
TWIN = """\
format: 1
chassis:
  source: a test
  mass: 1000 kg
  load: 100 kg
  wheelbase: 2.5 m
  track: 1500 mm
  rear_track: 1.5 m
  front_share: 55 %
  drive_front: 100 %
  tyre_circumference: 2 m
  steering_ratio: 15
  cornering_front: 80 kN/rad
  cornering_rear: 90 kN/rad
  yaw_inertia: 1500 kg*m^2
road_load:
  source: a test
  constant: 20 lbf
  linear: 0.1 lbf/mph
  square: 0.02 lbf/mph^2
  at: 2500 lb
brakes: {source: a test, force: 11 kN, parking: 4 kN}
motor:
  source: a test
  torque: 200 Nm
  power: 60 kW
  regen_torque: 100 Nm
  regen_power: 30 kW
  speed: 10000 rpm
  ratio: 8
  nominal: 350 V
  copper: 0.1 W/Nm^2
  iron: 0.5 W*s/rad
  eddy: 0.001 W*s^2/rad^2
  lift_off: 20 Nm
battery:
  source: a test
  cells_series: 96
  capacity: 60 Ah
  open_circuit: {0 %: 3 V, 50 %: 3.7 V, 100 %: 4.1 V}
  resistance: 80 mOhm
  polarisation: 30 mOhm
  cell_low: 2.7 V
  cell_high: 4.2 V
  discharge: 80 kW
  charge: 40 kW
  heat: 200 kJ/K
  cooling: 6 W/K
auxiliaries: {source: a test, base: 200 W}
"""
ENGINE = """\
engine:
  source: a test
  displacement: 1.5 l
  idle: 800 rpm
  cold_idle: 1200 rpm
  limit: 6000 rpm
  torque: {700 rpm: 80 Nm, 6000 rpm: 120 Nm}
  inertia: 0.15 kg*m^2
  friction: [50 kPa, 10 kPa, 5 kPa]
  cold_friction: 50 %
  efficiency: 38 %
  fuel: 32 MJ/l
  tank: 40 l
"""
GEARBOX = """\
gearbox:
  source: a test
  kind: automatic
  ratios: [3.6, 2, 1]
  reverse: 3.5
  final: 4
  efficiency: 93 %
  launch: 2000 rpm
  coupling: 150 Nm
  up: 1500 rpm
  up_full: 5500 rpm
  down: 1100 rpm
"""
BURNING = re.sub(r"(?:motor|battery):\n(?:  .*\n)+", "", TWIN) + ENGINE + GEARBOX


def describe(folder: Path, name: str, twin: str | None, more: str = "") -> Path:
    """Write a car of a maker 'here' and return its folder."""
    car = folder / "here" / name
    car.mkdir(parents=True)
    (car / "vehicle.yaml").write_text(VEHICLE.format(name=name, more=more))
    if twin is not None:
        (car / FILE).write_text(twin)
    return car


def faults_of(car: Path) -> list[str]:
    with pytest.raises(DescriptionError) as caught:
        load_parameters(car)
    return [f"{fault.line}: {fault.message}" for fault in caught.value.faults]


@pytest.mark.parametrize("name", ELECTRIC)
def test_every_electric_car_can_be_simulated(name: str) -> None:
    found = load_parameters(name)
    assert found.name == name
    assert found.motor is not None
    assert found.battery is not None
    assert found.charger is not None
    assert 1000 < found.chassis.mass_kg < 2000


@pytest.mark.parametrize("path", sorted(SHIPPED.glob(f"*/*/{FILE}")), ids=lambda path: f"{path.parent.name}")
def test_every_value_says_where_it_is_from_and_none_names_a_place_on_somebodys_disk(path: Path) -> None:
    text = path.read_text()
    assert "source:" in text
    assert not re.search(r"(^|[\s\"'])/(work|home|tmp)/", text)


def test_sources_are_kept_value_by_value() -> None:
    found = load_parameters("nissan/leaf_aze0:30kwh")
    assert "press kit" in found.sources["motor.torque"]
    assert "recording" in found.sources["motor.copper"]
    stated = {
        key for section in SECTIONS for key in fields_of(SECTIONS[section]) if f"{section}.{key}" in found.sources
    }
    assert {"mass", "torque", "open_circuit"} <= stated
    assert all(text.strip() for text in found.sources.values())


def test_units_are_converted(tmp_path: Path) -> None:
    found = load_parameters(describe(tmp_path, "car", TWIN))
    assert found.chassis.track_m == 1.5
    assert found.road_load.constant_n == pytest.approx(20 * 4.4482216)
    assert found.road_load.linear == pytest.approx(0.1 * 4.4482216 / 0.44704)
    assert found.road_load.square == pytest.approx(0.02 * 4.4482216 / 0.44704**2)
    assert found.road_load.at_kg == pytest.approx(2500 * 0.45359237)
    assert found.battery is not None
    assert found.battery.resistance_ohm == pytest.approx(0.08)
    assert found.battery.open_circuit_v == ((0.0, 3.0), (0.5, 3.7), (1.0, 4.1))
    assert found.chassis.laden_kg == 1100


def test_a_child_states_what_differs_and_a_variant_what_differs_from_that(tmp_path: Path) -> None:
    describe(tmp_path, "parent", TWIN, "abstract: true")
    twin = """
format: 1
chassis: {mass: 1200 kg, source: child}
charger: {power: 7 kW, efficiency: 90 %, source: child}
variants:
  light:
    chassis: {mass: {value: 900 kg, source: light}}
    charger: null
"""
    car = describe(tmp_path, "child", twin, "extends: here/parent\nvariants: {light: {}, other: {}}")
    plain, light = load_parameters(car), load_parameters("here/child:light", (tmp_path,))
    assert (plain.chassis.mass_kg, light.chassis.mass_kg) == (1200, 900)
    assert (plain.sources["chassis.mass"], light.sources["chassis.mass"]) == ("child", "light")
    assert plain.sources["chassis.track"] == "a test"
    assert plain.chassis.track_m == light.chassis.track_m == 1.5
    assert plain.charger is not None
    assert light.charger is None
    assert load_parameters("here/child:other", (tmp_path,)).chassis.mass_kg == 1200


def test_a_parent_s_variant_is_taken_with_it(tmp_path: Path) -> None:
    parent = TWIN + "variants: {light: {chassis: {mass: 800 kg, source: light}}}\n"
    describe(tmp_path, "parent", parent, "variants: {light: {}}")
    plain = describe(tmp_path, "plain", None, "extends: here/parent")
    light = describe(tmp_path, "light", None, "extends: here/parent:light")
    assert (load_parameters(plain).chassis.mass_kg, load_parameters(light).chassis.mass_kg) == (1000, 800)


def test_road_load_is_replaced_whole(tmp_path: Path) -> None:
    describe(tmp_path, "parent", TWIN, "abstract: true")
    twin = "format: 1\nroad_load: {drag_area: 0.7 m^2, rolling: 1 %, source: child}\n"
    found = load_parameters(describe(tmp_path, "child", twin, "extends: here/parent"))
    assert (found.road_load.constant_n, found.road_load.drag_area_m2) == (0.0, 0.7)


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    twin = (
        TWIN.replace("mass: 1000 kg", "mass: 1000")
        .replace("wheelbase: 2.5 m", "wheelbase: 2.5 s")
        .replace("steering_ratio: 15", "steering_ration: 15")
        .replace("torque: 200 Nm", "torque: -3 Nm")
        .replace("cells_series: 96", "cells_series: 96.5")
        .replace("{0 %: 3 V, 50 %: 3.7 V, 100 %: 4.1 V}", "{0 %: 3 V, 50 %: 3.7 V, 20 %: 4.1 V}")
        .replace("brakes: {source: a test, ", "brakes: {")
    )
    found = faults_of(describe(tmp_path, "car", twin))
    expected = {
        "mass:": "'chassis: mass' needs its unit",
        "wheelbase:": "'s' is no unit for it",
        "steering_ration:": "did you mean 'steering_ratio'?",
        "chassis:": "'chassis' needs 'steering_ratio'",
        "torque:": "'motor: torque' is from 1 to 20000 Nm",
        "cells_series:": "'battery: cells_series' is a whole number",
        "open_circuit:": "rising order",
        "brakes:": "needs a 'source'",
    }
    lines = [line.strip() for line in twin.splitlines()]
    for begins, said in expected.items():
        place = next(i for i, line in enumerate(lines, 1) if line.startswith(begins))
        assert any(fault.startswith(f"{place}: ") and said in fault for fault in found), (begins, found)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format: 1", "format: 2", "format 2 is not known"),
        ("format: 1\n", "", "'format' is missing"),
        ("  at: 2500 lb", "  rolling: 1 %", "either"),
        ("road_load:", "road_loads:", "section 'road_load' is missing"),
        ("100 %: 4.1 V", "100 %: 3.6 V", "rises with the state of charge"),
        ("cell_high: 4.2 V", "cell_high: 4.0 V", "above 'cell_high'"),
        ("cell_low: 2.7 V", "cell_low: 4.5 V", "'cell_high' is above 'cell_low'"),
        ("{0 %: 3 V, 50 %: 3.7 V, 100 %: 4.1 V}", "3.7 V", "a curve"),
        ("{0 %: 3 V, 50 %: 3.7 V, 100 %: 4.1 V}", "{0 %: 3 V}", "at least 2 points"),
        ("front_share: 55 %", "front_share: 155 %", "from 0.1 to 0.9"),
        ("mass: 1000 kg", "mass: .nan kg", "such as"),
        ("mass: 1000 kg", "mass: {value: 1000 kg, sauce: x}", "'sauce' is not known"),
        ("  lift_off: 20 Nm", "  lift_off: 20 Nm\n  fade_from: 1 m/s\n  fade_to: 2 m/s", "'fade_from' is above"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TWIN
    assert any(said in fault for fault in faults_of(describe(tmp_path, "car", TWIN.replace(old, new, 1))))


def test_a_motor_without_a_battery_and_a_car_without_a_drive_are_told(tmp_path: Path) -> None:
    without = re.sub(r"battery:\n(  .*\n)+", "", TWIN)
    assert any("'motor' needs a 'battery'" in fault for fault in faults_of(describe(tmp_path, "one", without)))
    nothing = re.sub(r"motor:\n(  .*\n)+", "", without)
    assert any("no drive" in fault for fault in faults_of(describe(tmp_path, "two", nothing)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("idle: 800 rpm", "idle: 0 rpm", "'engine: idle' is from 100 to 30000 rpm"),
        ("limit: 6000 rpm", "limit: 1e300 rpm", "'engine: limit' is from 100 to 30000 rpm"),
        ("efficiency: 38 %", "efficiency: 120 %", "'engine: efficiency' is from 0.05 to 0.9"),
        ("fuel: 32 MJ/l", "fuel: 0 MJ/l", "'engine: fuel' is from 1 to 100 MJ/l"),
        ("ratios: [3.6, 2, 1]", "ratios: [3.6, 2, 0]", "'gearbox: ratios' is from 0.05 to 100"),
        ("final: 4", "final: 0", "'gearbox: final' is from 0.05 to 100"),
        ("reverse: 3.5", "reverse: -3.5", "'gearbox: reverse' is from 0.05 to 100"),
        ("efficiency: 93 %", "efficiency: 0 %", "'gearbox: efficiency' is from 0.3 to 1"),
        ("efficiency: 93 %", "efficiency: 300 %", "'gearbox: efficiency' is from 0.3 to 1"),
        ("launch: 2000 rpm", "launch: 0 rpm", "'gearbox: launch' is from 100 to 30000 rpm"),
    ],
)
def test_an_engine_and_a_gearbox_that_no_car_has_are_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert load_parameters(describe(tmp_path, "sound", BURNING)).gearbox is not None
    assert old in BURNING
    assert any(said in fault for fault in faults_of(describe(tmp_path, "car", BURNING.replace(old, new, 1))))


def test_an_engine_beside_a_motor_says_how_they_share(tmp_path: Path) -> None:
    assert any("need 'hybrid'" in fault for fault in faults_of(describe(tmp_path, "car", TWIN + ENGINE)))


def test_a_car_nothing_is_known_of_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"twin\.yaml: nothing is known of this car's physics"):
        load_parameters(describe(tmp_path, "car", None))


def test_a_variant_that_the_description_does_not_have_is_told(tmp_path: Path) -> None:
    car = describe(tmp_path, "car", TWIN + "variants: {shrot: {}}\n", "variants: {short: {}}")
    assert any("'shrot' is no variant of this car (did you mean 'short'?)" in fault for fault in faults_of(car))


def test_unknown_cars_are_told_as_everywhere() -> None:
    with pytest.raises(DescriptionError, match="did you mean 'nissan/leaf_aze0'"):
        load_parameters("nissan/leaf_aze")


def test_the_page_on_physics_lists_every_key_of_every_section() -> None:
    page = (Path(__file__).parents[2] / "docs" / "car-physics.md").read_text()
    told: dict[str, set[str]] = {}
    for part in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        rows = [line.split("|")[1] for line in body.splitlines() if line.startswith("| `")]
        keys = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
        told |= dict.fromkeys(re.findall(r"`(\w+)`", title), keys)
    assert told == {name: set(fields_of(section)) for name, section in SECTIONS.items()}


@functools.cache
def _lines() -> tuple[str, ...]:
    return tuple(TWIN.splitlines())


@st.composite
def _broken(draw: st.DrawFn) -> str:
    lines = list(_lines())
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(("drop", "twice", "value", "text", "indent")))
        if kind == "drop":
            lines.pop(place)
        elif kind == "twice":
            lines.insert(place, lines[place])
        elif kind == "indent":
            lines[place] = " " * draw(st.integers(0, 4)) + lines[place].strip()
        elif kind == "value":
            key = lines[place].split(":")[0]
            value = draw(st.one_of(st.floats(), st.integers(), st.none(), st.booleans(), st.text(max_size=8)))
            lines[place] = f"{key}: {value} {draw(st.sampled_from(('', 'kg', 'm', '%', 'W', 'furlong')))}"
        else:
            lines[place] = draw(st.text(max_size=30))
    return "\n".join(lines)


@hypothesis.given(text=st.one_of(_broken(), st.text(max_size=60)))
@hypothesis.settings(max_examples=150, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_whatever_a_file_says_it_is_read_or_its_faults_are_told(tmp_path: Path, text: str) -> None:
    car = tmp_path / "here" / "car"
    if not car.exists():
        describe(tmp_path, "car", TWIN)
    (car / FILE).write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        found = load_parameters(car)
    except DescriptionError as error:
        told = error.faults
    else:
        told = ()
        assert isinstance(found, Parameters)
    assert all(fault.file.name == FILE for fault in told)
