"""kuksa.val.v1: Get and GetServerInfo."""

from __future__ import annotations

import grpc
import pytest

import commonwheel
from commonwheel.broker.access import Access
from commonwheel.broker.rpc.interface import Proto
from commonwheel.broker.rpc.v1_fields import ALL_PARTS, Field, View
from commonwheel.broker.updates import Updates
from commonwheel.catalog.leaf import Branch, Kind, Leaf
from commonwheel.catalog.tree import Catalog
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.served import Car, Serve, Stub, Tokens, details, status

SERVICE = "kuksa.val.v1.VAL"
SPEED = "Vehicle.Speed"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"


def _leaf(name: str, kind: Kind, datatype: str, **more: Proto) -> Leaf:
    return Leaf(f"Vehicle.{name}", kind, datatype, description=f"{name}.", **more)


KINDS = Catalog(
    {
        leaf.path: leaf
        for leaf in (
            _leaf("A.Word", Kind.SENSOR, "string", allowed=("ON", "OFF"), comment="Words.", deprecation="v9: gone"),
            _leaf("A.Small", Kind.SENSOR, "int8", minimum=-5.0, maximum=5.0, unit="m"),
            _leaf("A.Count", Kind.ACTUATOR, "uint64", minimum=1.0),
            _leaf("A.Level", Kind.ACTUATOR, "double", maximum=0.5),
            _leaf("A.Choice", Kind.SENSOR, "uint8", allowed=(1, 2, 4)),
            _leaf("B.Flag", Kind.SENSOR, "boolean"),
            _leaf("B.Names", Kind.ATTRIBUTE, "string[]", allowed=("x", "y"), default=["x"]),
            _leaf("B.Numbers", Kind.SENSOR, "int16[]"),
            _leaf("B.Wide", Kind.SENSOR, "int64"),
            _leaf("B.Level", Kind.SENSOR, "float"),
        )
    },
    {path: Branch(path) for path in ("Vehicle", "Vehicle.A", "Vehicle.B")},
    "kinds",
)
"""One signal of each kind that the interface tells apart."""


@pytest.fixture
def kinds(serve: Serve) -> Car:
    """A broker of these signals."""
    return serve(catalog=KINDS)


def get(stub: Stub, *paths: str, view: View = View.CURRENT_VALUE, fields: tuple[int, ...] = ()) -> Proto:
    """Ask for entries."""
    entries = [stub.new("EntryRequest", path=path, view=view, fields=fields) for path in paths]
    return stub.Get(stub.new("GetRequest", entries=entries))


def codes(answer: Proto) -> list[tuple[str, int, str]]:
    """Return path, number and reason of each error."""
    return [(error.path, error.error.code, error.error.reason) for error in answer.errors]


def test_a_signal_without_a_value_is_an_entry_without_one(car: Car) -> None:
    (entry,) = get(car.stub(SERVICE), SPEED).entries
    assert entry.path == SPEED
    assert not entry.HasField("value")
    assert not entry.HasField("actuator_target")
    assert not entry.HasField("metadata")


def test_a_value_comes_in_the_member_of_its_datatype_with_its_time(kinds: Car) -> None:
    values: dict[str, tuple[object, str]] = {
        "Vehicle.A.Word": ("OFF", "string"),
        "Vehicle.A.Small": (-5, "int32"),
        "Vehicle.A.Count": (2**64 - 1, "uint64"),
        "Vehicle.A.Level": (0.1, "double"),
        "Vehicle.A.Choice": (4, "uint32"),
        "Vehicle.B.Flag": (False, "bool"),
        "Vehicle.B.Wide": (-(2**63), "int64"),
        "Vehicle.B.Level": (0.5, "float"),
    }
    numbers = {kinds.number(path): value for path, (value, _) in values.items()}
    assert not kinds.broker.publish_values(numbers, t_ns=1_700_000_000_123_456_789)
    for entry in get(kinds.stub(SERVICE), *values).entries:
        value, member = values[entry.path]
        assert entry.value.WhichOneof("value") == member
        assert getattr(entry.value, member) == value
        assert entry.value.timestamp.seconds == 1_700_000_000
        assert entry.value.timestamp.nanos == 123_456_789


def test_an_array_is_a_value_even_when_it_is_empty(kinds: Car) -> None:
    stub = kinds.stub(SERVICE)
    kinds.publish({"Vehicle.B.Numbers": [-3, 4]})
    assert list(get(stub, "Vehicle.B.Numbers").entries[0].value.int32_array.values) == [-3, 4]
    kinds.publish({"Vehicle.B.Numbers": []})
    assert get(stub, "Vehicle.B.Numbers").entries[0].value.WhichOneof("value") == "int32_array"


def test_an_attribute_has_the_value_that_the_catalog_states(kinds: Car) -> None:
    (entry,) = get(kinds.stub(SERVICE), "Vehicle.B.Names").entries
    assert list(entry.value.string_array.values) == ["x"]


@pytest.mark.parametrize("quality", [quality for quality in Quality if quality != Quality.GOOD])
def test_a_value_of_any_quality_but_good_is_none(car: Car, quality: Quality) -> None:
    number = car.number(SPEED)
    car.publish({SPEED: 50.0})
    provider = car.broker.provider("gateway")
    provider.claim([number])
    provider.publish(Updates.build([(number, 1, 51.0, int(quality), None)]))
    assert not get(car.stub(SERVICE), SPEED).entries[0].HasField("value")


@pytest.mark.parametrize(
    ("view", "fields", "value", "target", "metadata"),
    [
        (View.UNSPECIFIED, (), True, False, False),
        (View.UNSPECIFIED, (Field.ACTUATOR_TARGET,), False, True, False),
        (View.CURRENT_VALUE, (), True, False, False),
        (View.CURRENT_VALUE, (Field.ACTUATOR_TARGET,), True, True, False),
        (View.TARGET_VALUE, (), False, True, False),
        (View.METADATA, (), False, False, True),
        (View.METADATA, (Field.VALUE,), True, False, True),
        (View.FIELDS, (Field.PATH,), False, False, False),
        (View.FIELDS, (Field.VALUE, Field.ACTUATOR_TARGET), True, True, False),
        (View.FIELDS, (Field.METADATA_UNIT,), False, False, True),
        (View.ALL, (), True, True, True),
    ],
)
def test_the_view_and_the_fields_together_say_what_is_shown(
    car: Car,
    view: View,
    fields: tuple[Field, ...],
    *,
    value: bool,
    target: bool,
    metadata: bool,
) -> None:
    car.publish({LOCK: True})
    car.broker.actuate({car.number(LOCK): False}, "test", need_provider=False)
    (entry,) = get(car.stub(SERVICE), LOCK, view=view, fields=fields).entries
    shown = entry.HasField("value"), entry.HasField("actuator_target"), entry.HasField("metadata")
    assert shown == (value, target, metadata)


def test_a_field_that_is_not_known_is_passed_over(car: Car) -> None:
    car.publish({SPEED: 1.0})
    (entry,) = get(car.stub(SERVICE), SPEED, view=View.UNSPECIFIED, fields=(999,)).entries
    assert entry.value.float == 1.0


def test_a_view_that_is_not_known_ends_the_call(car: Car) -> None:
    stub = car.stub(SERVICE)
    with pytest.raises(grpc.RpcError) as error:
        stub.Get(stub.new("GetRequest", entries=[{"path": SPEED, "view": 7}]))
    assert status(error) is grpc.StatusCode.INVALID_ARGUMENT
    assert "view 7" in details(error)


def test_metadata_has_all_that_the_catalog_states(kinds: Car) -> None:
    answer = get(kinds.stub(SERVICE), "**", view=View.METADATA)
    entries = {entry.path.removeprefix("Vehicle."): entry.metadata for entry in answer.entries}
    word = entries["A.Word"]
    assert (word.data_type, word.entry_type) == (1, 2)
    assert (word.description, word.comment, word.deprecation) == ("A.Word.", "Words.", "v9: gone")
    assert list(word.value_restriction.string.allowed_values) == ["ON", "OFF"]
    assert not word.HasField("unit")
    small = entries["A.Small"]
    assert (small.data_type, small.unit) == (3, "m")
    assert (small.value_restriction.signed.min, small.value_restriction.signed.max) == (-5, 5)
    assert not small.HasField("comment")
    count = entries["A.Count"].value_restriction.unsigned
    assert count.min == 1
    assert not count.HasField("max")
    level = entries["A.Level"].value_restriction.floating_point
    assert level.max == 0.5
    assert not level.HasField("min")
    assert list(entries["A.Choice"].value_restriction.unsigned.allowed_values) == [1, 2, 4]
    assert not entries["B.Flag"].HasField("value_restriction")
    assert list(entries["B.Names"].value_restriction.string.allowed_values) == ["x", "y"]


def test_metadata_tells_the_datatype_and_kind_by_kuksas_numbers(kinds: Car) -> None:
    answer = get(kinds.stub(SERVICE), "Vehicle", view=View.METADATA)
    told = {
        entry.path.removeprefix("Vehicle."): (
            entry.metadata.data_type,
            entry.metadata.entry_type,
            entry.metadata.WhichOneof("entry_specific"),
        )
        for entry in answer.entries
    }
    assert told["B.Flag"] == (2, 2, "sensor")
    assert told["B.Wide"] == (6, 2, "sensor")
    assert told["B.Numbers"] == (23, 2, "sensor")
    assert told["B.Names"] == (20, 1, "attribute")
    assert told["A.Count"] == (10, 3, "actuator")
    assert told["A.Level"] == (12, 3, "actuator")


@pytest.mark.parametrize("part", sorted(ALL_PARTS))
def test_a_part_of_the_metadata_comes_alone(kinds: Car, part: Field) -> None:
    stub = kinds.stub(SERVICE)
    name = part.name.removeprefix("METADATA_").lower()
    shown: set[str] = set()
    for entry in get(stub, "**", view=View.FIELDS, fields=(part,)).entries:
        shown.update(field.name for field, _ in entry.metadata.ListFields())
    assert shown == {name}


def test_a_branch_and_a_pattern_select_all_below(car: Car) -> None:
    stub = car.stub(SERVICE)
    table = car.broker.table
    below = [signal.path for signal in table.signals if signal.path.startswith("Vehicle.Cabin.Door.Row1.")]
    locks = [path for path in table.numbers if path.startswith("Vehicle.") and path.endswith(".IsLocked")]
    assert [entry.path for entry in get(stub, "Vehicle.Cabin.Door.Row1").entries] == below
    assert [entry.path for entry in get(stub, "Vehicle.Cabin.Door.Row1.**").entries] == below
    assert {entry.path for entry in get(stub, "Vehicle.**.IsLocked").entries} == set(locks)
    assert {entry.path for entry in get(stub, "Vehicle.Cabin.Door.*.*.IsLocked").entries} < set(locks)
    assert len(get(stub, "").entries) == len(get(stub, "**").entries) == len(table)


def test_an_entry_comes_as_often_as_it_is_asked_for(car: Car) -> None:
    answer = get(car.stub(SERVICE), SPEED, LOCK, SPEED)
    assert [entry.path for entry in answer.entries] == [SPEED, LOCK, SPEED]


def test_an_unknown_path_is_told_beside_the_others(car: Car) -> None:
    answer = get(car.stub(SERVICE), SPEED, "Vehicle.Sped")
    assert [entry.path for entry in answer.entries] == [SPEED]
    assert codes(answer) == [("Vehicle.Sped", 404, "not_found")]
    assert "Vehicle.Speed" in answer.errors[0].error.message
    assert answer.error == answer.errors[0].error


def test_the_first_error_is_the_answers_own(car: Car) -> None:
    answer = get(car.stub(SERVICE), "Vehicle. **", "Vehicle.None.Such")
    assert codes(answer) == [("Vehicle. **", 400, "bad_request"), ("Vehicle.None.Such", 404, "not_found")]
    assert answer.error.code == 400


@pytest.mark.parametrize("path", ["Vehicle..Speed", "Vehicle.*Speed", "Vehicle.Sp eed", "Vehicle.Speed.", ".", "a:b"])
def test_what_is_no_path_is_a_bad_request(car: Car, path: str) -> None:
    assert codes(get(car.stub(SERVICE), path)) == [(path, 400, "bad_request")]


def test_a_path_is_looked_at_up_to_a_thousand_bytes(car: Car) -> None:
    longest, longer, wide = "V" * 1000, "V" * 1001, "Ü" * 501
    answer = get(car.stub(SERVICE), longest, longer, wide)
    assert [code[1:] for code in codes(answer)] == [(404, "not_found"), *2 * [(400, "bad_request")]]
    assert "1002 bytes" in answer.errors[2].error.message


def test_an_empty_request_ends_the_call(car: Car) -> None:
    stub = car.stub(SERVICE)
    with pytest.raises(grpc.RpcError) as error:
        stub.Get(stub.new("GetRequest"))
    assert status(error) is grpc.StatusCode.INVALID_ARGUMENT


def test_too_much_at_once_ends_the_call_and_harms_nobody(car: Car) -> None:
    stub = car.stub(SERVICE)
    with pytest.raises(grpc.RpcError) as error:
        get(stub, *["**"] * 20, view=View.METADATA)
    assert status(error) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert get(stub, SPEED).entries


def test_thousands_of_unknown_paths_are_each_answered(car: Car) -> None:
    answer = get(car.stub(SERVICE), *[f"Vehicle.None{i}" for i in range(3000)])
    assert len(answer.errors) == 3000
    assert {error.error.code for error in answer.errors} == {404}


def test_one_who_may_not_read_all_gets_nothing_but_errors(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    stub = car.stub(SERVICE, tokens.sign(f"read:{SPEED}"))
    assert get(stub, SPEED).entries
    answer = get(stub, SPEED, LOCK)
    assert not answer.entries
    assert codes(answer) == [(LOCK, 403, "forbidden")]
    assert codes(get(stub, "Vehicle")) == [("Vehicle", 403, "forbidden")]


def test_metadata_needs_no_right_to_read(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    stub = car.stub(SERVICE, tokens.sign(f"read:{SPEED}"))
    assert get(stub, LOCK, view=View.METADATA).entries[0].metadata.data_type == 2
    assert codes(get(stub, LOCK, view=View.ALL)) == [(LOCK, 403, "forbidden")]


@pytest.mark.parametrize("scope", ["actuate", "provide"])
def test_who_may_actuate_or_provide_may_read(serve: Serve, tokens: Tokens, scope: str) -> None:
    car = serve(Access(tokens.authority))
    stub = car.stub(SERVICE, tokens.sign(f"{scope}:{LOCK}"))
    assert get(stub, LOCK, view=View.ALL).entries


def test_the_server_says_who_it_is(car: Car) -> None:
    stub = car.stub(SERVICE)
    info = stub.GetServerInfo(stub.new("GetServerInfoRequest"))
    assert (info.name, info.version) == ("commonwheel", commonwheel.__version__)
