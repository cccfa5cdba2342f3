"""The unary calls of kuksa.val.v2: their answers, and the status of each refusal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from grpc import StatusCode, aio

from commonwheel.broker import Actuation, Stage, Updates
from commonwheel.broker.rpc.interface import Proto, enum_values, message
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.line import Line, Provider, talk, wait_for

SECOND = 1_000_000_000


def point(**value: Proto) -> Proto:
    return message("kuksa.val.v2.Datapoint")(value=value)


async def publish(line: Line, path: str, **value: Proto) -> None:
    await line.v2("PublishValue", signal_id={"path": path}, data_point=point(**value))


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("Vehicle.Speed", "float", 12.5),
        ("Vehicle.Distance", "double", 1e300),
        ("Vehicle.Gear", "int32", -128),
        ("Vehicle.Level", "uint32", 100),
        ("Vehicle.Ticks", "uint64", 2**64 - 1),
        ("Vehicle.Ticks", "uint64", 2**53 + 1),
        ("Vehicle.Offset", "int64", -(2**63)),
        ("Vehicle.Mode", "string", "AUTO"),
        ("Vehicle.Name", "string", "häppy"),
        ("Vehicle.Cabin.Light.IsOn", "bool", True),
        ("Vehicle.Points", "uint32", 4),
    ],
)
def test_a_published_value_is_got_back(path: str, field: str, value: object) -> None:
    async def story(line: Line) -> None:
        await publish(line, path, **{field: value})
        got = await line.value(path)
        assert got.value.WhichOneof("typed_value") == field
        assert getattr(got.value, field) == value

    talk(story)


@pytest.mark.parametrize(
    ("path", "field", "values"),
    [
        ("Vehicle.Faults", "string_array", ["P0001", "P0002"]),
        ("Vehicle.Faults", "string_array", []),
        ("Vehicle.Cells", "uint32_array", [1, 65535]),
    ],
)
def test_a_published_array_is_got_back(path: str, field: str, values: list[object]) -> None:
    async def story(line: Line) -> None:
        await publish(line, path, **{field: {"values": values}})
        got = await line.value(path)
        assert got.value.WhichOneof("typed_value") == field
        assert list(getattr(got.value, field).values) == values

    talk(story)


def test_the_publishers_time_is_kept_else_it_is_now() -> None:
    async def story(line: Line) -> None:
        given = message("kuksa.val.v2.Datapoint")(
            value={"float": 1.0}, timestamp={"seconds": 1_600_000_000, "nanos": 7}
        )
        await line.v2("PublishValue", signal_id={"path": "Vehicle.Speed"}, data_point=given)
        got = await line.value("Vehicle.Speed")
        assert (got.timestamp.seconds, got.timestamp.nanos) == (1_600_000_000, 7)
        before = time.time_ns()
        await publish(line, "Vehicle.Speed", float=2.0)
        got = await line.value("Vehicle.Speed")
        assert before <= got.timestamp.seconds * SECOND + got.timestamp.nanos <= time.time_ns()

    talk(story)


def test_a_signal_that_was_never_set_has_a_time_and_no_value() -> None:
    async def story(line: Line) -> None:
        got = await line.value("Vehicle.Speed")
        assert got.HasField("timestamp")
        assert not got.HasField("value")

    talk(story)


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID, Quality.CORRUPT])
def test_a_bad_sample_has_no_value_and_its_quality_is_told_beside_it(quality: Quality) -> None:
    async def story(line: Line) -> None:
        provider = line.broker.provider("a car")
        number = line.number("Vehicle.Speed")
        provider.claim([number])
        provider.publish(Updates.build([(number, 5 * SECOND, 12.5, quality, None)]))
        call = line.start("GetValue", signal_id={"path": "Vehicle.Speed"})
        answer = await call
        assert answer.data_point.timestamp.seconds == 5
        assert not answer.data_point.HasField("value")
        assert ("commonwheel-quality", f"Vehicle.Speed={quality.name}") in list(await call.trailing_metadata())

    talk(story)


def test_a_good_sample_has_nothing_told_beside_it() -> None:
    async def story(line: Line) -> None:
        await publish(line, "Vehicle.Speed", float=1.0)
        call = line.start("GetValue", signal_id={"path": "Vehicle.Speed"})
        await call
        assert "commonwheel-quality" not in dict(list(await call.trailing_metadata()))

    talk(story)


def test_the_qualities_of_many_signals_fit_into_metadata() -> None:
    """A client refuses metadata of more than 8 kB, and would lose the values with them."""

    async def story(line: Line) -> None:
        call = line.start("GetValues", signal_ids=[{"path": "Vehicle.Speed"}] * 2000)
        assert len((await call).data_points) == 2000
        told = str(dict(list(await call.trailing_metadata()))["commonwheel-quality"])
        assert len(told) < 5000
        assert told.startswith("Vehicle.Speed=MISSING,")
        assert told.endswith(f"and {2000 - told.count('=')} more")

    talk(story)


def test_values_come_in_the_order_asked_for_by_path_or_number() -> None:
    async def story(line: Line) -> None:
        await publish(line, "Vehicle.Speed", float=1.0)
        await publish(line, "Vehicle.Gear", int32=3)
        asked = [{"path": "Vehicle.Gear"}, {"id": line.number("Vehicle.Speed")}, {"path": "Vehicle.Level"}]
        answer = await line.v2("GetValues", signal_ids=asked)
        fields = [got.value.WhichOneof("typed_value") for got in answer.data_points]
        assert fields == ["int32", "float", None]

    talk(story)


@pytest.mark.parametrize("name", ["GetValue", "Actuate", "PublishValue"])
@pytest.mark.parametrize(
    ("signal", "status"),
    [
        ({"path": "Vehicle.Sped"}, StatusCode.NOT_FOUND),
        ({"path": "Vehicle"}, StatusCode.NOT_FOUND),
        ({"path": ""}, StatusCode.NOT_FOUND),
        ({"id": 16}, StatusCode.NOT_FOUND),
        ({"id": -1}, StatusCode.NOT_FOUND),
        ({"id": 2**31 - 1}, StatusCode.NOT_FOUND),
        ({}, StatusCode.INVALID_ARGUMENT),
        (None, StatusCode.INVALID_ARGUMENT),
        ({"path": "x" * 1000}, StatusCode.NOT_FOUND),
        ({"path": "x" * 1001}, StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_signal_that_is_none_is_refused(name: str, signal: dict[str, Any] | None, status: StatusCode) -> None:
    async def story(line: Line) -> None:
        value = {"GetValue": {}, "Actuate": {"value": {"bool": True}}, "PublishValue": {"data_point": point(float=1)}}
        assert await line.refused(name, signal_id=signal, **value[name]) is status

    talk(story)


def test_what_a_client_is_told_fits_into_its_metadata() -> None:
    """Of which it takes 8 kB; a path of a thousand signs would be told in 12."""

    async def story(line: Line) -> None:
        with pytest.raises(aio.AioRpcError) as caught:
            await line.v2("GetValue", signal_id={"path": "\N{AUTOMOBILE}" * 1000})
        assert caught.value.code() is StatusCode.NOT_FOUND
        assert 100 < len(str(caught.value.details())) <= 500

    talk(story)


def test_one_unknown_signal_refuses_all_values() -> None:
    async def story(line: Line) -> None:
        asked = [{"path": "Vehicle.Speed"}, {"path": "Vehicle.Nothing"}]
        assert await line.refused("GetValues", signal_ids=asked) is StatusCode.NOT_FOUND
        assert await line.refused("GetValues") is StatusCode.INVALID_ARGUMENT

    talk(story)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Vehicle.Speed", {"double": 1.0}),
        ("Vehicle.Speed", {"int32": 1}),
        ("Vehicle.Speed", {"string": "1"}),
        ("Vehicle.Distance", {"float": 1.0}),
        ("Vehicle.Level", {"int32": 1}),
        ("Vehicle.Level", {"uint64": 1}),
        ("Vehicle.Level", {"uint32": 101}),
        ("Vehicle.Gear", {"int32": 128}),
        ("Vehicle.Gear", {"uint32": 1}),
        ("Vehicle.Mode", {"string": "on"}),
        ("Vehicle.Mode", {"uint32": 1}),
        ("Vehicle.Points", {"uint32": 6}),
        ("Vehicle.Cells", {"uint32": 6}),
        ("Vehicle.Cells", {"uint32_array": {"values": [65536]}}),
        ("Vehicle.Faults", {"string": "P0001"}),
        ("Vehicle.Speed", {"float": float("nan")}),
        ("Vehicle.Speed", {"float": float("inf")}),
    ],
)
def test_a_value_of_another_type_or_out_of_range_is_refused_and_changes_nothing(
    path: str, value: dict[str, Any]
) -> None:
    async def story(line: Line) -> None:
        status = await line.refused("PublishValue", signal_id={"path": path}, data_point=point(**value))
        assert status is StatusCode.INVALID_ARGUMENT
        assert not (await line.value(path)).HasField("value")

    talk(story)


def test_a_limit_that_a_float_rounds_outwards_can_be_published() -> None:
    """The float nearest to 0.1 is a little more than 0.1."""

    async def story(line: Line) -> None:
        await publish(line, "Vehicle.Tilt", float=0.1)
        assert line.broker.get(line.number("Vehicle.Tilt")).value == 0.1
        beyond = {"signal_id": {"path": "Vehicle.Tilt"}, "data_point": point(float=0.10001)}
        assert await line.refused("PublishValue", **beyond) is StatusCode.INVALID_ARGUMENT

    talk(story)


def test_a_data_point_without_a_value_says_that_there_is_none() -> None:
    async def story(line: Line) -> None:
        await publish(line, "Vehicle.Speed", float=1.0)
        await publish(line, "Vehicle.Speed")
        assert line.broker.get(line.number("Vehicle.Speed")).quality is Quality.INVALID
        assert not (await line.value("Vehicle.Speed")).HasField("value")
        assert await line.refused("PublishValue", signal_id={"path": "Vehicle.Speed"}) is StatusCode.INVALID_ARGUMENT

    talk(story)


@pytest.mark.parametrize(("seconds", "nanos"), [(2**40, 0), (-(2**40), 0), (0, -1), (0, SECOND)])
def test_a_time_that_is_none_is_refused(seconds: int, nanos: int) -> None:
    async def story(line: Line) -> None:
        given = point(float=1.0)
        given.timestamp.seconds, given.timestamp.nanos = seconds, nanos
        status = await line.refused("PublishValue", signal_id={"path": "Vehicle.Speed"}, data_point=given)
        assert status is StatusCode.INVALID_ARGUMENT

    talk(story)


def test_a_signal_that_a_provider_owns_is_not_anybodys_to_publish() -> None:
    async def story(line: Line) -> None:
        line.broker.provider("a car").claim([line.number("Vehicle.Speed")])
        one = {"signal_id": {"path": "Vehicle.Speed"}, "data_point": point(float=1.0)}
        assert await line.refused("PublishValue", **one) is StatusCode.ALREADY_EXISTS

    talk(story)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("GetValues", {"signal_ids": [{"id": 0}] * 10_001}),
        ("Subscribe", {"signal_paths": ["Vehicle.Speed"] * 10_001}),
        ("SubscribeById", {"signal_ids": [0] * 10_001}),
        ("BatchActuate", {"actuate_requests": [{"signal_id": {"id": 0}}] * 10_001}),
    ],
)
def test_a_request_for_more_signals_than_cars_have_is_refused(name: str, fields: dict[str, Any]) -> None:
    """It would keep the others waiting for seconds."""

    async def story(line: Line) -> None:
        assert await line.refused(name, **fields) is StatusCode.RESOURCE_EXHAUSTED

    talk(story)


@pytest.mark.parametrize("name", ["Actuate", "BatchActuate", "ActuateStream"])
@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("Vehicle.Cabin.Light.IsOn", {"bool": True}, StatusCode.UNAVAILABLE),
        ("Vehicle.Cabin.Light.IsOn", {"uint32": 1}, StatusCode.INVALID_ARGUMENT),
        ("Vehicle.Cabin.Light.IsOn", {}, StatusCode.INVALID_ARGUMENT),
        ("Vehicle.Cabin.Light.IsOn", None, StatusCode.INVALID_ARGUMENT),
        ("Vehicle.Cabin.Light.Intensity", {"uint32": 101}, StatusCode.INVALID_ARGUMENT),
        ("Vehicle.Speed", {"float": 1.0}, StatusCode.INVALID_ARGUMENT),
        ("Vehicle.Cabin.Lamp", {"bool": True}, StatusCode.NOT_FOUND),
    ],
)
def test_an_actuation_that_cannot_be_is_refused(
    name: str, path: str, value: dict[str, Any] | None, status: StatusCode
) -> None:
    async def story(line: Line) -> None:
        request = message("kuksa.val.v2.ActuateRequest")(signal_id={"path": path}, value=value)
        if name == "BatchActuate":
            assert await line.refused(name, actuate_requests=[request]) is status
        else:
            assert await line.refused(name, iter([request]) if name == "ActuateStream" else request) is status

    talk(story)


def test_an_actuation_that_is_refused_at_once_is_told() -> None:
    """A car whose bus is down says so while it is asked: the client is not told that all is well."""

    async def story(line: Line) -> None:
        def refuse(actuations: Sequence[Actuation]) -> None:
            for actuation in actuations:
                line.broker.finish(actuation, Stage.REFUSED, "the bus is down")

        line.broker.provider("car").claim([], {line.number("Vehicle.Cabin.Light.IsOn"): None}, refuse)
        request = message("kuksa.val.v2.ActuateRequest")(
            signal_id={"path": "Vehicle.Cabin.Light.IsOn"}, value={"bool": True}
        )
        assert await line.refused("Actuate", request) is StatusCode.DATA_LOSS

    talk(story)


def test_a_batch_is_actuated_as_a_whole_or_not_at_all() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        provider.send(provide_actuation_request={"actuator_identifiers": [{"path": "Vehicle.Cabin.Light.IsOn"}]})
        await provider.receive()
        on = {"signal_id": {"path": "Vehicle.Cabin.Light.IsOn"}, "value": {"bool": True}}
        bright = {"signal_id": {"path": "Vehicle.Cabin.Light.Intensity"}, "value": {"uint32": 50}}
        assert await line.refused("BatchActuate", actuate_requests=[on, bright]) is StatusCode.UNAVAILABLE
        await line.v2("BatchActuate", actuate_requests=[on])
        asked = (await provider.receive()).batch_actuate_stream_request.actuate_requests
        assert [(request.signal_id.id, request.value.bool) for request in asked] == [
            (line.number("Vehicle.Cabin.Light.IsOn"), True)
        ]

    talk(story)


def test_a_stream_of_actuations_asks_one_after_the_other_and_stores_no_value() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        provider.send(provide_actuation_request={"actuator_identifiers": [{"path": "Vehicle.Cabin.Light.Intensity"}]})
        await provider.receive()
        requests = [
            message("kuksa.val.v2.ActuateRequest")(
                signal_id={"id": line.number("Vehicle.Cabin.Light.Intensity")}, value={"uint32": level}
            )
            for level in (10, 20, 30)
        ]
        await line.v2("ActuateStream", iter(requests))
        asked = [(await provider.receive()).batch_actuate_stream_request.actuate_requests[0] for _ in requests]
        assert [request.value.uint32 for request in asked] == [10, 20, 30]
        assert not (await line.value("Vehicle.Cabin.Light.Intensity")).HasField("value")

    talk(story)


def test_two_clients_ask_one_actuator_and_both_are_forwarded_in_order() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        provider.send(provide_actuation_request={"actuator_identifiers": [{"path": "Vehicle.Cabin.Seat.Position"}]})
        await provider.receive()
        for position in (1, -2):
            await line.v2("Actuate", signal_id={"path": "Vehicle.Cabin.Seat.Position"}, value={"int32": position})
        asked = [(await provider.receive()).batch_actuate_stream_request.actuate_requests[0] for _ in range(2)]
        assert [request.value.int32 for request in asked] == [1, -2]

    talk(story)


@pytest.mark.parametrize(
    ("root", "names"),
    [
        ("Vehicle.Speed", ["Speed"]),
        ("Vehicle.Cabin", ["Cabin.Light.Intensity", "Cabin.Light.IsOn", "Cabin.Seat.Position"]),
        ("Vehicle.Cabin.*", None),
        ("Vehicle.Cabin.*.*", ["Cabin.Light.Intensity", "Cabin.Light.IsOn", "Cabin.Seat.Position"]),
        ("Vehicle.**.IsOn", ["Cabin.Light.IsOn"]),
    ],
)
def test_metadata_are_listed_by_path_branch_or_pattern(root: str, names: list[str] | None) -> None:
    async def story(line: Line) -> None:
        if names is None:
            assert await line.refused("ListMetadata", root=root) is StatusCode.NOT_FOUND
            return
        found = (await line.v2("ListMetadata", root=root, filter="ignored")).metadata
        assert [data.path for data in found] == [f"Vehicle.{name}" for name in names]
        assert [data.id for data in found] == [line.number(data.path) for data in found]

    talk(story)


def test_metadata_tell_what_the_standard_states() -> None:
    async def story(line: Line) -> None:
        types, kinds = enum_values("kuksa.val.v2.DataType"), enum_values("kuksa.val.v2.EntryType")
        every = {data.path: data for data in (await line.v2("ListMetadata")).metadata}
        assert list(every) == sorted(line.broker.table.numbers)
        speed, level, mode = (every[f"Vehicle.{name}"] for name in ("Speed", "Level", "Mode"))
        assert (speed.unit, speed.description) == ("km/h", "How fast it goes.")
        assert (speed.data_type, speed.entry_type) == (types["DATA_TYPE_FLOAT"], kinds["ENTRY_TYPE_SENSOR"])
        assert not speed.HasField("min")
        assert (level.min.uint32, level.max.uint32) == (0, 100)
        assert level.min.WhichOneof("typed_value") == "uint32"
        assert list(mode.allowed_values.string_array.values) == ["OFF", "ON", "AUTO"]
        assert list(every["Vehicle.Points"].allowed_values.uint32_array.values) == [3, 4, 5]
        assert every["Vehicle.Cells"].data_type == types["DATA_TYPE_UINT16_ARRAY"]
        assert every["Vehicle.Cabin.Light.IsOn"].entry_type == kinds["ENTRY_TYPE_ACTUATOR"]
        assert every["Vehicle.Width"].entry_type == kinds["ENTRY_TYPE_ATTRIBUTE"]

    talk(story)


@pytest.mark.parametrize(
    ("root", "status"),
    [
        ("Vehicle.Nothing", StatusCode.NOT_FOUND),
        ("Vehicle..Speed", StatusCode.INVALID_ARGUMENT),
        ("Vehicle.Spe*", StatusCode.INVALID_ARGUMENT),
        ("x" * 1001, StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_root_that_selects_nothing_or_is_no_pattern_is_refused(root: str, status: StatusCode) -> None:
    async def story(line: Line) -> None:
        assert await line.refused("ListMetadata", root=root) is status

    talk(story)


def test_an_attribute_has_the_standards_value() -> None:
    async def story(line: Line) -> None:
        assert (await line.value("Vehicle.Width")).value.uint32 == 1770

    talk(story)


def test_the_server_says_who_it_is() -> None:
    async def story(line: Line) -> None:
        answer = await line.v2("GetServerInfo")
        assert answer.name == "commonwheel"
        assert answer.version

    talk(story)


def test_bytes_that_are_no_request_are_refused_and_the_next_call_works() -> None:
    async def story(line: Line) -> None:
        for name in line.calls:
            garbage: Any = b"\xff\xff\xff"
            if line.calls[name].streams_in:
                garbage = iter([garbage])
            assert await line.refused(name, garbage) is StatusCode.INVALID_ARGUMENT
        await publish(line, "Vehicle.Speed", float=1.0)
        assert (await line.value("Vehicle.Speed")).value.float == 1.0
        await wait_for(lambda: line.server.facts()["streams"] == 0)

    talk(story)
