"""Descriptions found, extended and merged."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from commonwheel.errors import DescriptionError
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.vehicles.description import SHIPPED, car_names, find, read_description, unreadable
from tests.vehicles.workshop import CAR, DATABASE, HEAD, Workshop, decode, frame

PARENT = "format: 1\nvehicle: {name}\nabstract: true\n"
CHILD = HEAD.replace("buses: {car: {database: car.dbc}}\n", "")
SPEED, AIR, BEAM = "Vehicle.Speed", "Vehicle.Exterior.AirTemperature", "Vehicle.Body.Lights.Beam.Low.IsOn"


def parent(workshop: Workshop, text: str, name: str = "acme/common", **databases: str) -> None:
    workshop.write(text, name=name, head=PARENT.format(name=name), **databases)


# ---- finding --------------------------------------------------------------------------------------------------------


def test_a_car_is_found_by_name_folder_or_file(workshop: Workshop, tmp_path: Path) -> None:
    file = workshop.write("signals: {}") / "vehicle.yaml"
    for name in (CAR, file.parent, file, str(file)):
        assert find(name, (tmp_path,)) == (file, "")
    assert find(f"{CAR}:big", (tmp_path,)) == (file, "big")
    assert find(f"{file.parent}:big", (tmp_path,)) == (file, "big")


def test_a_car_that_is_not_there_is_told_with_the_nearest_and_all_known(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write("signals: {}")
    with pytest.raises(DescriptionError) as caught:
        find("acme/on", (tmp_path,))
    assert str(caught.value) == "acme/on: there is no car 'acme/on' (did you mean 'acme/one'?); described are acme/one"


def test_a_folder_lists_its_cars_and_variants_without_what_is_abstract_or_broken(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.write("variants: {big: {}, small: {}}")
    parent(workshop, "")
    broken = workshop.write("a: [", name="acme/broken") / "vehicle.yaml"
    assert car_names(tmp_path) == [CAR, f"{CAR}:big", f"{CAR}:small"]
    assert unreadable(tmp_path) == [broken]


def test_every_shipped_description_is_a_car_or_abstract() -> None:
    assert unreadable(SHIPPED) == []
    assert {name.partition("/")[0] for name in car_names()} == {
        p.name for p in SHIPPED.iterdir() if (p / "common").is_dir()
    }


def test_an_abstract_description_is_no_car(workshop: Workshop, tmp_path: Path) -> None:
    parent(workshop, "")
    with pytest.raises(DescriptionError, match="'acme/common' is abstract: it holds rows for others"):
        compile_vehicle(tmp_path / "acme/common", folders=(tmp_path,))


def test_a_car_can_be_compiled_from_within_its_own_folder(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path leads to its parents all the same."""
    parent(workshop, "buses: {car: {database: car.dbc}}")
    home = workshop.write("extends: acme/common\nsignals: {Vehicle.Speed: car/Motion.Speed}", head=CHILD)
    monkeypatch.chdir(home)
    assert compile_vehicle(Path())[0].name == CAR
    assert compile_vehicle("vehicle.yaml")[0].name == CAR


# ---- extends --------------------------------------------------------------------------------------------------------


def test_a_child_has_its_parents_rows_and_may_replace_and_remove_them(workshop: Workshop) -> None:
    parent(
        workshop,
        f"""
        buses: {{car: {{database: car.dbc}}}}
        signals:
          {SPEED}: car/Motion.Speed
          {AIR}: car/Motion.Air
          {BEAM}: car/Motion.Beam
        attributes: {{Vehicle.VehicleIdentification.Brand: Acme}}
        """,
    )
    vehicle = workshop.build(
        f"""
        extends: acme/common
        signals:
          {SPEED}: car/Wheels.Speed
          {AIR}: null
        attributes: {{Vehicle.VehicleIdentification.Brand: null}}
        """,
        head=CHILD,
    )
    assert [(s.path, s.sources) for s in vehicle.signals] == [
        (SPEED, ("car/Wheels.Speed",)), (BEAM, ("car/Motion.Beam",)),
    ]  # fmt: skip
    assert vehicle.attributes == {}


def test_of_several_parents_the_later_wins(workshop: Workshop) -> None:
    for name, field in (("acme/a", "Motion.Speed"), ("acme/b", "Wheels.Speed")):
        parent(workshop, f"signals: {{{SPEED}: car/{field}}}", name)
    for order, source in (("[acme/a, acme/b]", "car/Wheels.Speed"), ("[acme/b, acme/a]", "car/Motion.Speed")):
        vehicle = workshop.build(f"extends: {order}")
        assert vehicle.signals[0].sources == (source,)


def test_grandparents_count_less_than_parents(workshop: Workshop) -> None:
    parent(workshop, f"signals: {{{SPEED}: car/Motion.Speed, {AIR}: car/Motion.Air}}", "acme/a")
    parent(workshop, f"extends: acme/a\nsignals: {{{SPEED}: car/Wheels.Speed}}", "acme/b")
    vehicle = workshop.build("extends: acme/b")
    assert {s.path: s.sources[0] for s in vehicle.signals} == {SPEED: "car/Wheels.Speed", AIR: "car/Motion.Air"}


def test_message_rows_are_merged_key_by_key(workshop: Workshop) -> None:
    parent(workshop, "messages: {car/Motion: {counter: Count, period: 10 ms, timeout: 70 ms, optional: true}}")
    vehicle = workshop.build("extends: acme/common\nmessages: {car/Motion: {period: 30 ms, timeout: null}}")
    motion = vehicle.messages[0]
    assert (motion.counter, motion.period_ns, motion.timeout_ns) == ("Count", 30_000_000, 300_000_000)
    assert motion.optional


def test_bus_rows_are_merged_and_the_childs_databases_come_behind(workshop: Workshop) -> None:
    """A message of the same id, or of the same name, replaces the earlier one; others are added."""
    parent(workshop, "buses: {car: {database: car.dbc, bitrate: 125000, complete: true}}")
    more = (
        'BO_ 256 Moving: 8 X\n SG_ Speed : 7|8@0+ (1,0) [0|0] "km/h" X\n'
        'BO_ 1025 Wheels: 8 X\n SG_ Speed : 7|8@0+ (2,0) [0|0] "km/h" X\n'
        'BO_ 2 New: 8 X\n SG_ Air : 7|8@0+ (1,0) [0|0] "degC" X\n'
    )
    vehicle = workshop.build(
        f"""
        extends: acme/common
        buses: {{car: {{database: more.dbc}}}}
        signals: {{{SPEED}: car/Moving.Speed, {AIR}: car/New.Air}}
        """,
        head=CHILD,
        more=more,
    )
    assert {(m.name, m.id) for m in vehicle.messages} == {
        ("Power", 512), ("Vin", 768), ("Moving", 256), ("Wheels", 1025), ("New", 2),
    }  # fmt: skip
    assert decode(vehicle, frame(0x100, "0500000000000000")) == [("Speed", 5.0, "GOOD")]
    assert (vehicle.buses[0].bitrate, vehicle.buses[0].complete) == (125_000, True)


def test_databases_lie_beside_the_file_that_names_them(workshop: Workshop, tmp_path: Path) -> None:
    parent(workshop, "buses: {car: {database: theirs.dbc}}", theirs=DATABASE)
    workshop.build("extends: acme/common\nsignals: {Vehicle.Speed: car/Motion.Speed}", head=CHILD)
    assert (tmp_path / "acme/common/theirs.dbc").exists()
    assert not (tmp_path / "acme/one/theirs.dbc").exists()


def test_several_databases_of_one_bus_are_listed(workshop: Workshop) -> None:
    more = 'BO_ 2 New: 8 X\n SG_ Air : 7|8@0+ (1,0) [0|0] "degC" X\n'
    head = HEAD.replace("database: car.dbc", "database: [car.dbc, more.dbc]")
    assert len(workshop.build("signals: {}", head=head, more=more).messages) == 5


def test_null_takes_a_message_out_of_the_car_and_a_later_row_brings_it_back(workshop: Workshop) -> None:
    parent(workshop, "messages: {car/Vin: null, car/Power: null}")
    vehicle = workshop.build("extends: acme/common\nmessages: {car/Power: {optional: true}, car/Wheels: null}")
    assert [m.name for m in vehicle.messages] == ["Motion", "Power"]


def test_null_takes_a_bus_away_with_its_databases(workshop: Workshop) -> None:
    parent(workshop, "buses: {car: {database: car.dbc}, old: {database: missing.dbc}}")
    middle = "extends: acme/common\nbuses: {old: null}"
    parent(workshop, middle, "acme/middle")
    vehicle = workshop.build("extends: acme/middle\nbuses: {old: {database: car.dbc}}", head=CHILD)
    assert [bus.name for bus in vehicle.buses] == ["car", "old"]


def test_sections_may_stand_empty(workshop: Workshop) -> None:
    assert workshop.build("signals:\nattributes:\nrequests:\nmessages:\n").signals == ()


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("extends: acme/nowhere", "there is no car 'acme/nowhere'"),
        (f"extends: {CAR}", f"'{CAR}' extends itself"),
        ("extends: {a: b}", "'extends' is a list, not a mapping"),
        ("extends: 5", "'extends' is text, not a whole number"),
        ("variants: [a]", "'variants' is a mapping, not a list"),
        ("signals: [a]", "'signals' is a mapping, not a list"),
        ("buses: {car: 5}", "bus 'car' is a mapping, not a whole number"),
    ],
)
def test_what_cannot_be_merged_is_a_fault(workshop: Workshop, text: str, phrase: str) -> None:
    assert phrase in "\n".join(message for _, message in workshop.faults(text))


def test_a_circle_of_parents_is_a_fault(workshop: Workshop) -> None:
    parent(workshop, "extends: acme/b", "acme/a")
    parent(workshop, "extends: acme/a", "acme/b")
    assert any("extends itself" in message for _, message in workshop.faults("extends: acme/a"))


def test_the_fault_of_a_parent_names_the_parents_file(workshop: Workshop) -> None:
    parent(workshop, "signals: {Vehicle.Sped: car/Motion.Speed}")
    with pytest.raises(DescriptionError) as caught:
        workshop.build("extends: acme/common")
    (fault,) = caught.value.faults
    assert (fault.file.parent.name, fault.line) == ("common", 4)


# ---- variants -------------------------------------------------------------------------------------------------------

VARIANTS = dedent(
    f"""\
    signals: {{{SPEED}: car/Motion.Speed, {AIR}: car/Motion.Air}}
    personal: [car/Vin]
    variants:
      big:
        sold_as: [{{brand: Acme, model: Big}}]
        powertrain: hybrid
        signals: {{{AIR}: null, {BEAM}: car/Motion.Beam}}
        personal: [car/Motion.Beam]
      small: {{}}
    """
)


def test_a_variant_is_a_small_child(workshop: Workshop) -> None:
    vehicle = workshop.build(VARIANTS, variant="big")
    assert vehicle.name == f"{CAR}:big"
    assert (vehicle.title, vehicle.powertrain) == ("Acme Big", "hybrid")
    assert [(s.path, s.personal) for s in vehicle.signals] == [(SPEED, False), (BEAM, True)]
    assert [m.name for m in vehicle.messages if m.personal] == ["Vin"]


def test_the_car_itself_is_not_touched_by_its_variants(workshop: Workshop) -> None:
    vehicle = workshop.build(VARIANTS)
    assert (vehicle.name, vehicle.title, [s.path for s in vehicle.signals]) == (CAR, "Acme One", [SPEED, AIR])


def test_a_variant_can_be_extended(workshop: Workshop) -> None:
    workshop.write(VARIANTS, name="acme/base")
    vehicle = workshop.build("extends: acme/base:big", head=CHILD)
    assert [s.path for s in vehicle.signals] == [SPEED, BEAM]


@pytest.mark.parametrize(
    ("variant", "phrase"),
    [("bg", "there is no variant 'bg' (did you mean 'big'?); there are: big, small"), ("x", "there are: big, small")],
)
def test_a_variant_that_is_not_there_is_a_fault(workshop: Workshop, variant: str, phrase: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        workshop.build(VARIANTS, variant=variant)
    assert phrase in str(caught.value)


def test_a_variant_has_no_head_of_its_own(workshop: Workshop) -> None:
    with pytest.raises(DescriptionError, match="'extends' is not known in variant 'big'"):
        workshop.build("variants: {big: {extends: acme/other}}", variant="big")


# ---- the head -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "replacement", "phrase"),
    [
        ("format: 1\n", "", "'format' is missing; this version reads 'format: 1'"),
        ("format: 1\n", "format: 2\n", "format 2 is not known; this version reads format 1"),
        (f"vehicle: {CAR}\n", "", f"'vehicle' is missing; from its folders it would be 'vehicle: {CAR}'"),
        (f"vehicle: {CAR}\n", "vehicle: one\n", f"'vehicle' is maker/car, such as '{CAR}'"),
        (f"vehicle: {CAR}\n", "vehicle: 1\n", "'vehicle' is text, not a whole number"),
        ("powertrain: battery-electric\n", "", "'powertrain' is one of battery-electric"),
        ("powertrain: battery-electric\n", "powertrain: battery\n", "(did you mean 'battery-electric'?)"),
        ("sold_as: [{brand: Acme, model: One, years: 2020-}]\n", "", "'sold_as' is missing"),
        ("[{brand: Acme, model: One, years: 2020-}]", "[{brand: Acme}]", "an entry of 'sold_as' needs 'model'"),
        ("[{brand: Acme, model: One, years: 2020-}]", "[Acme]", "an entry of 'sold_as' is a mapping, not text"),
        ("evidence: assumed (a test)\n", "evidence: guessed\n", "'guessed' is no evidence"),
        ("evidence: assumed (a test)\n", "", "the row rests on no evidence"),
        ("buses: {car: {database: car.dbc}}\n", "", "'buses' is missing: name each bus and its database"),
        ("database: car.dbc", "bitrate: 5", "bus 'car' needs a database: 'database: car.dbc'"),
        ("database: car.dbc", "database: cars.dbc", "cars.dbc cannot be read: No such file or directory"),
        ("database: car.dbc", "database: .", "cannot be read: Is a directory"),
        ("database: car.dbc", "database: vehicle.yaml", "vehicle.yaml"),
        ("database: car.dbc", "database: car.dbc, bitrat: 5", "'bitrat' is not known in bus 'car'"),
        ("database: car.dbc", "database: car.dbc, complete: 1", "'complete' is true or false"),
        ("format: 1\n", "format: 1\nsignal: {}\n", "'signal' is not known in a description (did you mean 'signals'?)"),
    ],
)
def test_a_head_that_is_wrong_is_a_fault(workshop: Workshop, line: str, replacement: str, phrase: str) -> None:
    head = HEAD.replace(line, replacement)
    assert head != HEAD
    faults = workshop.faults("signals: {Vehicle.Speed: car/Motion.Speed}", head=head)
    assert phrase in "\n".join(message for _, message in faults)


def test_years_may_be_a_number(workshop: Workshop) -> None:
    vehicle = workshop.build("signals: {}", head=HEAD.replace("2020-", "2020"))
    assert vehicle.sold_as[0].years == "2020"


def test_more_buses_than_frames_can_number_are_refused(workshop: Workshop) -> None:
    rows = ", ".join(f"b{i}: {{database: car.dbc}}" for i in range(33))
    head = HEAD.replace("{car: {database: car.dbc}}", f"{{{rows}}}")
    assert "more than 32 buses" in "\n".join(m for _, m in workshop.faults("signals: {}", head=head))


def test_all_files_read_are_known_with_their_content(workshop: Workshop, tmp_path: Path) -> None:
    parent(workshop, "buses: {car: {database: car.dbc}}")
    workshop.write("extends: acme/common", head=CHILD)
    described = read_description(CAR, (tmp_path,))
    assert {path.relative_to(tmp_path).as_posix() for path in described.files} == {
        "acme/one/vehicle.yaml", "acme/common/vehicle.yaml",
    }  # fmt: skip
    _, files = compile_vehicle(CAR, folders=(tmp_path,))
    assert tmp_path / "acme/common/car.dbc" in files


def test_reading_alone_raises_what_it_finds(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write("sgnals: {}")
    with pytest.raises(DescriptionError, match="did you mean 'signals'"):
        read_description(CAR, (tmp_path,))
