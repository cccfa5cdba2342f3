"""KUKSA's own Python client, unchanged: its synchronous SDK against a broker of the shipped or of a user's catalog."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest

from commonwheel.broker.access import Access, Tls
from commonwheel.broker.actuation import Actuation
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.updates import Updates
from commonwheel.catalog import Catalog, load_catalog
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.served import Car, Serve, Tokens, wait_for

kuksa = pytest.importorskip("kuksa_client.grpc", reason="KUKSA's client is installed on Linux only")

Client: TypeAlias = Any
"""What KUKSA's client is made of, which is not there everywhere."""

SPEED = "Vehicle.Speed"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
DOOR = "Vehicle.Cabin.Door.Row1.DriverSide"
NOT_FOUND, UNAUTHENTICATED, DENIED = (
    code.value[0]
    for code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
)


@pytest.fixture(params=["shipped", pytest.param("own", marks=pytest.mark.real)])
def any_car(request: pytest.FixtureRequest, serve: Serve) -> Car:
    """A broker of the shipped catalog, and one of a user's own: the tree as COVESA exports it."""
    if request.param == "shipped":
        return serve()
    return serve(catalog=load_catalog(request.getfixturevalue("shared") / "vss" / "vss_6_0.json"))


@pytest.fixture
def client(any_car: Car) -> Iterator[Client]:
    """KUKSA's client, connected."""
    with kuksa.VSSClient(any_car.host, any_car.port) as client:
        yield client


def points(values: Mapping[str, object]) -> dict[str, Client]:
    """Return the client's data points of values."""
    return {path: kuksa.Datapoint(value) for path, value in values.items()}


def known(points: Mapping[str, Client]) -> dict[str, object]:
    """Return the values of the client's data points, None for none."""
    return {path: None if point is None else point.value for path, point in points.items()}


def test_it_connects_and_learns_who_serves(client: Client) -> None:
    assert client.get_server_info().name == "commonwheel"


def test_values_it_sets_it_reads(client: Client) -> None:
    values: dict[str, object] = {
        SPEED: 42.5,
        LOCK: True,
        "Vehicle.Body.Mirrors.DriverSide.Tilt": -100,
        "Vehicle.Body.Hood.Position": 100,
        "Vehicle.ADAS.ActiveAutonomyLevel": "SAE_0",
        "Vehicle.CurrentLocation.Latitude": 52.123456789012,
        "Vehicle.Service.TimeToService": -(2**31),
        "Vehicle.ADAS.ObstacleDetection.Front.Center.TimeGap": 2**32 - 1,
    }
    before = dt.datetime.now(dt.UTC)
    client.set_current_values(points(values))
    found = client.get_current_values(values)
    assert known(found) == values
    assert all(before <= point.timestamp <= dt.datetime.now(dt.UTC) for point in found.values())


def test_texts_are_taken_for_values_as_its_command_line_gives_them(client: Client) -> None:
    faults = "Vehicle.Diagnostics.DTCList"
    client.set_current_values(points({SPEED: "17.5", LOCK: "false", faults: "[P1, 'P 2']"}))
    found = client.get_current_values([SPEED, LOCK, faults])
    assert found[SPEED].value == 17.5
    assert found[LOCK].value is False
    assert list(found[faults].value.values) == ["P1", "P 2"]


def test_a_signal_without_a_value_has_none(client: Client) -> None:
    assert client.get_current_values([SPEED]) == {SPEED: None}
    assert client.get_target_values([LOCK]) == {LOCK: None}


def test_a_bad_value_is_none_for_it(any_car: Car, client: Client) -> None:
    provider = any_car.broker.provider("gateway")
    number = any_car.number(SPEED)
    provider.claim([number])
    for quality in Quality:
        provider.publish(Updates.build([(number, 1, 5.0, int(quality), None)]))
        assert known(client.get_current_values([SPEED])) == {SPEED: 5.0 if quality == Quality.GOOD else None}


def test_targets_it_sets_it_reads(any_car: Car, client: Client) -> None:
    client.set_target_values(points({LOCK: True}))
    assert known(client.get_target_values([LOCK])) == {LOCK: True}
    assert known(client.get_current_values([LOCK])) == {LOCK: None}
    assert any_car.broker.target(any_car.number(LOCK)).good is True


def test_metadata_is_the_catalogs(any_car: Car, client: Client) -> None:
    table = any_car.broker.table
    found = client.get_metadata(["**"])
    assert set(found) == set(table.numbers)
    for path, metadata in found.items():
        leaf = table[table.numbers[path]].leaf
        assert metadata.data_type.name == leaf.datatype.replace("[]", "_ARRAY").upper()
        assert metadata.entry_type.name == leaf.kind.name
        assert (metadata.description, metadata.unit) == (leaf.description, leaf.unit)
        assert metadata.comment == (leaf.comment or None)
        stated = metadata.value_restriction
        assert (stated is None) == (leaf.minimum is None and leaf.maximum is None and not leaf.allowed)
        if stated is not None:
            assert (stated.min, stated.max) == (leaf.minimum, leaf.maximum)
            assert tuple(stated.allowed_values or ()) == leaf.allowed


def test_a_branch_is_read_as_a_whole(any_car: Car, client: Client) -> None:
    below = {path for path in any_car.broker.table.numbers if path.startswith(f"{DOOR}.")}
    assert set(client.get_current_values([DOOR])) == below
    assert set(client.get_current_values([f"{DOOR}.**"])) == below


def test_current_values_are_streamed(any_car: Car, client: Client) -> None:
    any_car.publish({SPEED: 1.0})
    stream = client.subscribe_current_values([SPEED, LOCK])
    assert known(next(stream)) == {SPEED: 1.0, LOCK: None}
    any_car.publish({SPEED: 2.0})
    assert known(next(stream)) == {SPEED: 2.0}
    client.set_current_values(points({LOCK: True}))
    assert known(next(stream)) == {LOCK: True}
    stream.close()


def test_a_branch_is_streamed_by_falling_back_to_its_signals(any_car: Car, client: Client) -> None:
    below = {path for path in any_car.broker.table.numbers if path.startswith(f"{DOOR}.")}
    stream = client.subscribe_current_values([DOOR])
    assert set(next(stream)) == below
    any_car.publish({LOCK: True})
    assert known(next(stream)) == {LOCK: True}
    stream.close()


def test_the_first_interface_streams_values_targets_and_metadata(any_car: Car, client: Client) -> None:
    entries = [
        kuksa.SubscribeEntry(SPEED, kuksa.View.FIELDS, (kuksa.Field.VALUE, kuksa.Field.METADATA_UNIT)),
        kuksa.SubscribeEntry(LOCK, kuksa.View.ALL, (kuksa.Field.VALUE, kuksa.Field.ACTUATOR_TARGET)),
    ]
    stream = client.subscribe(entries=entries)
    speed, lock = next(stream)
    assert (speed.entry.path, speed.entry.value, speed.entry.metadata.unit) == (SPEED, None, "km/h")
    assert (lock.entry.path, lock.entry.value, lock.entry.actuator_target) == (LOCK, None, None)
    client.set_target_values(points({LOCK: True}))
    (update,) = next(stream)
    assert update.fields == [kuksa.Field.ACTUATOR_TARGET]
    assert update.entry.actuator_target.value is True
    any_car.publish({SPEED: 3.0})
    (update,) = next(stream)
    assert (update.entry.value.value, update.fields) == (3.0, [kuksa.Field.VALUE])
    stream.close()


def test_metadata_is_streamed(client: Client) -> None:
    stream = client.subscribe_metadata([SPEED, LOCK], kuksa.MetadataField.ENTRY_TYPE)
    kinds = {path: metadata.entry_type.name for path, metadata in next(stream).items()}
    assert kinds == {SPEED: "SENSOR", LOCK: "ACTUATOR"}
    stream.close()


def test_what_it_asks_in_vain_it_is_told(client: Client) -> None:
    with pytest.raises(kuksa.VSSClientError) as error:
        client.get_current_values([SPEED, "Vehicle.Sped"])
    assert error.value.error["code"] == 404
    assert error.value.errors[0]["path"] == "Vehicle.Sped"
    with pytest.raises(kuksa.VSSClientError) as error:
        client.set_target_values(points({SPEED: 1.0}))
    assert error.value.error["code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    with pytest.raises(kuksa.VSSClientError) as error:
        client.get(entries=[])
    assert error.value.error["code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    with pytest.raises(kuksa.VSSClientError) as error:
        client.set_target_values(points({"Vehicle.None": 1.0}))
    assert error.value.error["code"] == 404
    with pytest.raises(kuksa.VSSClientError) as error:
        next(client.subscribe_current_values(["Vehicle.None"]))
    assert error.value.error["code"] == NOT_FOUND


@pytest.mark.parametrize("value", [-101, 101])
def test_a_value_out_of_range_is_refused_by_both_interfaces(client: Client, value: int) -> None:
    path = "Vehicle.Body.Mirrors.DriverSide.Tilt"
    with pytest.raises(kuksa.VSSClientError):
        client.set_current_values(points({path: value}))
    update = kuksa.EntryUpdate(kuksa.DataEntry(path, value=kuksa.Datapoint(value)), (kuksa.Field.VALUE,))
    with pytest.raises(kuksa.VSSClientError) as error:
        client.set(updates=[update])
    (told,) = error.value.errors
    assert (told["path"], told["error"]["code"]) == (path, 400)
    assert known(client.get_current_values([path])) == {path: None}


def test_a_value_of_another_type_is_refused(client: Client) -> None:
    wrong = kuksa.DataEntry(SPEED, value=kuksa.Datapoint(1), metadata=kuksa.Metadata(data_type=kuksa.DataType.INT32))
    with pytest.raises(kuksa.VSSClientError) as error:
        client.set(updates=[kuksa.EntryUpdate(wrong, (kuksa.Field.VALUE,))])
    assert error.value.errors[0]["error"]["reason"] == "type mismatch"


def test_a_token_given_afterwards_opens_the_door(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    with kuksa.VSSClient(car.host, car.port) as client:
        with pytest.raises(kuksa.VSSClientError) as error:
            client.get_current_values([SPEED])
        assert error.value.error["code"] == UNAUTHENTICATED
        with pytest.raises(kuksa.VSSClientError) as error:
            client.authorize("not.a.token")
        assert error.value.error["code"] == UNAUTHENTICATED
        assert client.authorize(tokens.sign(f"provide:{SPEED} actuate:{LOCK}")) == "Authenticated"
        client.set_current_values(points({SPEED: 7.0}))
        client.set_target_values(points({LOCK: True}))
        assert known(client.get_current_values([SPEED])) == {SPEED: 7.0}


def test_what_a_token_does_not_cover_is_denied(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    with kuksa.VSSClient(car.host, car.port, token=tokens.sign(f"read:{DOOR}")) as client:
        assert known(client.get_current_values([LOCK])) == {LOCK: None}
        with pytest.raises(kuksa.VSSClientError) as error:
            client.get_current_values([SPEED])
        assert error.value.error["code"] == 403
        with pytest.raises(kuksa.VSSClientError) as error:
            client.set_current_values(points({LOCK: True}))
        assert error.value.error["code"] == DENIED
        with pytest.raises(kuksa.VSSClientError) as error:
            client.set_target_values(points({LOCK: True}))
        assert error.value.errors[0]["error"]["code"] == 403
        with pytest.raises(kuksa.VSSClientError) as error:
            next(client.subscribe_current_values([SPEED]))
        assert error.value.error["code"] == DENIED


def test_a_subscription_ends_with_the_token(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    with kuksa.VSSClient(car.host, car.port, token=tokens.sign("read", ends_in_s=2)) as client:
        stream = client.subscribe_current_values([SPEED])
        assert known(next(stream)) == {SPEED: None}
        with pytest.raises(kuksa.VSSClientError) as error:
            next(stream)
        assert error.value.error["code"] == UNAUTHENTICATED


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """An authority of certificates."""
    return Issuer.new("Test authority", dt.timedelta(hours=1))


def test_it_talks_over_tls_to_a_server_whose_authority_it_trusts(
    serve: Serve, tokens: Tokens, issuer: Issuer, tmp_path: Path
) -> None:
    root, _ = issuer.pair.write(tmp_path, "root")
    server = issuer.server(["car.test"], dt.timedelta(hours=1)).write(tmp_path, "server")
    car = serve(Access(tokens.authority, Tls(*server)))
    token = tokens.sign("provide")
    with kuksa.VSSClient(car.host, car.port, token=token, root_certificates=root, tls_server_name="car.test") as client:
        client.set_current_values(points({SPEED: 7.0}))
        assert known(client.get_current_values([SPEED])) == {SPEED: 7.0}
        stream = client.subscribe_current_values([SPEED])
        assert known(next(stream)) == {SPEED: 7.0}
        stream.close()


def test_a_server_of_another_authority_is_not_believed(serve: Serve, issuer: Issuer, tmp_path: Path) -> None:
    other, _ = Issuer.new("Somebody else", dt.timedelta(hours=1)).pair.write(tmp_path, "other")
    server = issuer.server(["car.test"], dt.timedelta(hours=1)).write(tmp_path, "server")
    car = serve(Access(tls=Tls(*server)))
    client = kuksa.VSSClient(car.host, car.port, root_certificates=other, tls_server_name="car.test")
    with pytest.raises(kuksa.VSSClientError) as error:
        client.connect()
    client.disconnect()
    assert error.value.error["code"] == grpc.StatusCode.UNAVAILABLE.value[0]


def test_an_actuation_goes_through_a_provider_in_its_own_words(any_car: Car, client: Client) -> None:
    """One client provides the actuator and shows that it moved, the other asks and sees it."""
    moved = threading.Event()

    def provide() -> None:
        with kuksa.VSSClient(any_car.host, any_car.port) as provider:
            for targets in provider.subscribe_target_values([LOCK]):
                provider.set_current_values(points(known(targets)))
                moved.set()
                return

    thread = threading.Thread(target=provide)
    thread.start()
    wait_for(lambda: any_car.broker.actor(any_car.number(LOCK)), "the provider's claim")
    stream = client.subscribe_current_values([LOCK])
    assert known(next(stream)) == {LOCK: None}
    client.set_target_values(points({LOCK: True}))
    assert known(next(stream)) == {LOCK: True}
    stream.close()
    assert moved.wait(20)
    thread.join()
    wait_for(lambda: any_car.broker.actor(any_car.number(LOCK)) is None, "the end of the claim")


def test_an_actuation_reaches_a_provider_in_process(any_car: Car, client: Client) -> None:
    asked: list[Actuation] = []
    any_car.broker.provider("gateway").claim([], {any_car.number(LOCK): None}, asked.extend)
    client.set_target_values(points({LOCK: True}))
    assert [actuation.target for actuation in asked] == [True]


def test_many_clients_read_while_one_writes(serve: Serve, catalog: Catalog) -> None:
    """Each subscriber sees every value, in order, and ends with the last."""
    car = serve(catalog=catalog)
    found: list[list[float]] = [[] for _ in range(5)]

    def read(seen: list[float]) -> None:
        with kuksa.VSSClient(car.host, car.port) as client:
            entry = kuksa.SubscribeEntry(SPEED, kuksa.View.FIELDS, (kuksa.Field.VALUE,))
            for updates in client.subscribe(entries=[entry]):
                seen += [update.entry.value.value for update in updates if update.entry.value is not None]
                if seen and seen[-1] == 99.0:
                    return

    threads = [threading.Thread(target=read, args=(seen,)) for seen in found]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(car.broker.readers) == 5, "the subscriptions")
    with kuksa.VSSClient(car.host, car.port) as client:
        for i in range(100):
            client.set_current_values(points({SPEED: float(i)}))
    end = time.monotonic() + 20
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    assert found == [[float(i) for i in range(100)]] * 5
