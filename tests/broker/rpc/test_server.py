"""The gRPC server: where it listens, what it tells of itself, whom it lets in, and how it fails and ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from commonwheel.broker import Broker, BrokerError, Reason, Rights
from commonwheel.broker.access import Access, Limits
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.rpc.server import SERVICES, RpcServer
from commonwheel.broker.rpc.v2 import Val
from commonwheel.broker.serving import Endpoint
from tests.broker.rpc.line import WAIT_S, Line, Provider, Subscriber, serving, small_catalog, talk, wait_for

SERVING = health_pb2.HealthCheckResponse.SERVING
HEALTH: Proto = health_pb2_grpc
REFLECTION: Proto = reflection_pb2_grpc
"""Both come without types."""


async def health_of(line: Line, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    return (await HEALTH.HealthStub(line.channel).Check(request, timeout=WAIT_S)).status


def test_it_is_healthy_while_it_serves_each_interface() -> None:
    async def story(line: Line) -> None:
        assert [await health_of(line, service) for service in ("", *SERVICES)] == [SERVING] * (1 + len(SERVICES))
        with pytest.raises(aio.AioRpcError) as caught:
            await health_of(line, "nothing")
        assert caught.value.code() is StatusCode.NOT_FOUND

    talk(story)


def test_who_watches_its_health_learns_that_it_ends() -> None:
    async def story(line: Line) -> None:
        watching = HEALTH.HealthStub(line.channel).Watch(health_pb2.HealthCheckRequest())
        assert (await asyncio.wait_for(watching.read(), WAIT_S)).status == SERVING
        stopping = asyncio.create_task(line.server.stop(5.0))
        told = await asyncio.wait_for(watching.read(), WAIT_S)
        assert told.status == health_pb2.HealthCheckResponse.NOT_SERVING
        watching.cancel()
        await stopping

    talk(story)


async def reflect(line: Line, **request: Proto) -> reflection_pb2.ServerReflectionResponse:
    asked = reflection_pb2.ServerReflectionRequest(**request)
    call = REFLECTION.ServerReflectionStub(line.channel).ServerReflectionInfo(iter([asked]))
    return await asyncio.wait_for(call.read(), WAIT_S)


def test_it_tells_what_it_serves_and_in_which_messages() -> None:
    async def story(line: Line) -> None:
        listed = {service.name for service in (await reflect(line, list_services="")).list_services_response.service}
        assert listed == {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
        for name in listed:
            told = await reflect(line, file_containing_symbol=name)
            assert told.file_descriptor_response.file_descriptor_proto, name
        told = await reflect(line, file_containing_symbol="kuksa.val.v2.Datapoint")
        files = told.file_descriptor_response.file_descriptor_proto
        assert any(b"google/protobuf/timestamp.proto" in data for data in files)  # with all it needs
        missing = await reflect(line, file_containing_symbol="kuksa.val.v3.VAL")
        assert missing.error_response.error_code == StatusCode.NOT_FOUND.value[0]

    talk(story)


def test_a_service_that_is_not_there_is_unimplemented() -> None:
    async def story(line: Line) -> None:
        with pytest.raises(aio.AioRpcError) as caught:
            await line.channel.unary_unary("/sdv.databroker.v1.Broker/GetMetadata")(b"")
        assert caught.value.code() is StatusCode.UNIMPLEMENTED

    talk(story)


def test_it_listens_on_a_unix_socket_too(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        assert line.endpoint == Endpoint(f"unix:{tmp_path}/grpc.sock", 0)
        assert str(line.endpoint) == f"unix:{tmp_path}/grpc.sock"
        assert line.endpoint.is_loopback
        await Provider(line).claim("Speed")

    talk(story, endpoint=Endpoint(f"unix:{tmp_path}/grpc.sock"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_says_which_port_it_got(host: str) -> None:
    async def story(line: Line) -> None:
        assert line.endpoint.host == host
        assert line.endpoint.port > 0
        assert (await line.v2("GetServerInfo")).name == "commonwheel"

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
    talk(story, endpoint=Endpoint(host))


def test_an_address_that_cannot_be_had_is_told() -> None:
    async def story(line: Line) -> None:
        for endpoint in (line.endpoint, Endpoint("192.0.2.1", 1), Endpoint("unix:/nowhere/at/all.sock")):
            second = RpcServer(line.broker, endpoint, Access())
            with pytest.raises(BrokerError, match="cannot listen on") as caught:
                await second.start()
            assert caught.value.reason is Reason.INVALID
            await second.stop()
        assert (await line.v2("GetServerInfo")).name == "commonwheel"

    talk(story)


def test_it_can_be_stopped_twice_or_before_it_was_started() -> None:
    async def whole() -> None:
        server = RpcServer(Broker(small_catalog()), Endpoint(), Access())
        await server.stop()
        await server.start()
        await server.stop(0.0)
        await server.stop(0.0)

    asyncio.run(whole())


def test_a_stop_ends_open_streams_after_their_grace() -> None:
    async def story(line: Line) -> None:
        subscriber, provider = Subscriber(line, "Speed"), Provider(line)
        await subscriber.receive()
        await provider.claim("Speed")
        await line.server.stop(0.05)
        assert await provider.ended() is StatusCode.UNAVAILABLE
        with pytest.raises(aio.AioRpcError):
            await subscriber.receive()
        await wait_for(lambda: not line.broker.readers and not line.broker.providers)

    talk(story)


def test_what_fails_for_no_fault_of_the_client_is_logged_and_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_self: Val, request: object, call: object) -> None:
        del request, call
        message_ = "the secret of the house"
        raise RuntimeError(message_)

    async def story(line: Line) -> None:
        with pytest.raises(aio.AioRpcError) as caught:
            await line.v2("GetValue", signal_id={"path": "Vehicle.Speed"})
        assert caught.value.code() is StatusCode.INTERNAL
        assert "secret" not in str(caught.value.details())
        assert (await line.v2("GetServerInfo")).name == "commonwheel"

    monkeypatch.setattr(Val, "get_value", broken)
    with caplog.at_level(logging.ERROR):
        talk(story)
    assert any(record.exc_info and "secret" in str(record.exc_info[1]) for record in caplog.records)


def test_what_fails_in_a_stream_ends_it_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object) -> None:
        message_ = "the secret of the house"
        raise RuntimeError(message_)

    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed")
        monkeypatch.setattr("commonwheel.broker.rpc.v2_provider.ProviderStream._handle", broken)
        provider.publish(Speed={"float": 1.0})
        assert await provider.ended() is StatusCode.INTERNAL
        await wait_for(lambda: not line.broker.providers)

    with caplog.at_level(logging.ERROR):
        talk(story)
    assert any(record.exc_info and "secret" in str(record.exc_info[1]) for record in caplog.records)


def test_a_message_that_is_too_long_is_refused_and_the_next_is_not() -> None:
    async def story(line: Line) -> None:
        long = [{"path": "Vehicle.Speed"}] * 1000
        assert await line.refused("GetValues", signal_ids=long) is StatusCode.RESOURCE_EXHAUSTED
        assert len((await line.v2("GetValues", signal_ids=long[:10])).data_points) == 10

    talk(story, access=Access(limits=Limits(message_bytes=1000)))


def test_too_many_requests_or_streams_are_refused() -> None:
    async def story(line: Line) -> None:
        readers = [Subscriber(line, "Speed") for _ in range(2)]
        for reader in readers:
            await reader.receive()
        assert await line.refused("Subscribe", signal_paths=["Vehicle.Speed"]) is StatusCode.RESOURCE_EXHAUSTED
        answers = await asyncio.gather(*(line.v2("GetServerInfo") for _ in range(200)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, aio.AioRpcError)]
        assert refused
        assert {error.code() for error in refused} == {StatusCode.RESOURCE_EXHAUSTED}
        assert await line.refused("ActuateStream", iter([])) is StatusCode.RESOURCE_EXHAUSTED
        assert line.server.facts()["refused"] >= 3
        assert line.server.facts()["streams"] == 2

    talk(story, access=Access(limits=Limits(streams=2, requests_per_second=5)))


_OPEN = "open sesame"


class _Secret:
    """An authority with one token."""

    def verify(self, token: str) -> Rights:
        if token != _OPEN:
            raise BrokerError(Reason.UNAUTHENTICATED, "that is no token")
        return Rights("ali", {action: lambda _path: True for action in Action})


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, StatusCode.UNAUTHENTICATED),
        ("open sesame", StatusCode.UNAUTHENTICATED),
        ("Basic open sesame", StatusCode.UNAUTHENTICATED),
        ("Bearer ", StatusCode.UNAUTHENTICATED),
        ("Bearer open barley", StatusCode.UNAUTHENTICATED),
        ("Bearer open sesame", None),
        ("bearer  open sesame", None),
    ],
)
def test_a_call_needs_a_bearers_token_where_there_is_an_authority(
    header: str | None, status: StatusCode | None
) -> None:
    async def story(line: Line) -> None:
        line.metadata = (("authorization", header),) if header else ()
        if status is None:
            assert (await line.v2("GetServerInfo")).name == "commonwheel"
            await Subscriber(line, "Speed").receive()
            return
        for name in ("GetServerInfo", "ListMetadata", "Subscribe", "GetValue"):
            assert await line.refused(name) is status
        assert await line.refused("OpenProviderStream", iter([b""])) is status
        assert await health_of(line) == SERVING  # which needs none

    talk(story, access=Access(_Secret()))


def test_many_connections_come_and_go_and_nothing_stays() -> None:
    async def story(line: Line) -> None:
        await Subscriber(line, "Speed").receive()
        path = f"/{line.calls['Subscribe'].service}/Subscribe"
        request = message("kuksa.val.v2.SubscribeRequest")(signal_paths=["Vehicle.Speed"]).SerializeToString()
        for count in range(200):
            options = [("grpc.use_local_subchannel_pool", 1)]
            async with aio.insecure_channel(str(line.endpoint), options=options) as channel:
                call = channel.unary_stream(path)(request)
                await asyncio.wait_for(call.read(), WAIT_S)
                if count % 2:
                    call.cancel()
        await wait_for(lambda: len(line.broker.readers) == 1)
        await wait_for(lambda: line.server.facts()["streams"] == 1)

    talk(story)


def test_bytes_that_are_no_http_do_no_harm() -> None:
    async def story(line: Line) -> None:
        for garbage in (
            b"\0" * 1000,
            b"GET / HTTP/1.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 1000,
            b"",
        ):
            reader, writer = await asyncio.open_connection(line.endpoint.host, line.endpoint.port)
            writer.write(garbage)
            await writer.drain()
            writer.close()
            await asyncio.wait_for(reader.read(), WAIT_S)
            await asyncio.wait_for(asyncio.gather(writer.wait_closed(), return_exceptions=True), WAIT_S)
        assert (await line.v2("GetServerInfo")).name == "commonwheel"

    talk(story)


def test_two_servers_of_two_brokers_know_nothing_of_each_other() -> None:
    async def whole() -> None:
        async with serving() as one, serving() as other:
            point = message("kuksa.val.v2.Datapoint")(value={"float": 1.0})
            await one.v2("PublishValue", signal_id={"path": "Vehicle.Speed"}, data_point=point)
            assert (await one.value("Vehicle.Speed")).HasField("value")
            assert not (await other.value("Vehicle.Speed")).HasField("value")

    asyncio.run(whole())


def test_a_synchronous_client_is_served_as_well() -> None:
    """The server's loop is not the client's."""

    def ask(where: Endpoint) -> bytes:
        with grpc.insecure_channel(str(where)) as channel:
            return channel.unary_unary("/kuksa.val.v2.VAL/GetServerInfo")(b"", timeout=WAIT_S)

    async def story(line: Line) -> None:
        assert b"commonwheel" in await asyncio.to_thread(ask, line.endpoint)

    talk(story)
