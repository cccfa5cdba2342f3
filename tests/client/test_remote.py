"""What only a server can do to a client: be away, go away, come back, be another, or not let it in."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc import aio

import commonwheel as cw
from commonwheel import CommonwheelError, Quality, UnreachableError
from commonwheel.broker import Broker, BrokerError, Reason
from commonwheel.broker.access import Access, Tls
from commonwheel.broker.certificates import Issuer
from commonwheel.catalog import Kind, Leaf
from commonwheel.client import ClientTls, Overflow, Queue, Stage
from tests.client.harness import (
    GEAR,
    LIGHT,
    MODE,
    PATIENCE_S,
    SEAT,
    SPEED,
    Served,
    Thing,
    Words,
    run,
    small_catalog,
    wait_for,
)

APP, PROVIDER, TWO_WORDS = "app+read", "app+provide", "two words"
"""Tokens, as ``Words`` takes them."""


@contextlib.contextmanager
def refused(reason: Reason, words: str | None = None) -> Iterator[None]:
    with pytest.raises(BrokerError, match=words) as caught:
        yield
    assert caught.value.reason is reason


def put(broker: Broker, value: float) -> None:
    broker.publish_values({broker.table.number(SPEED): value})


@pytest.fixture
def nobody() -> str:
    """An address that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


# ---- connecting -----------------------------------------------------------------------------------------------------


def test_nobody_there_is_said_at_once(nobody: str) -> None:
    with pytest.raises(
        UnreachableError, match=rf"{nobody} cannot be reached: Connection refused; is 'commonwheel run'"
    ):
        cw.connect(nobody)
    with pytest.raises(UnreachableError):
        run(_connect_async(nobody))


async def _connect_async(target: str) -> None:
    async with cw.connect_async(target):
        pass


def test_a_server_that_comes_later_can_be_waited_for(served: Served) -> None:
    served.stop()
    with pytest.raises(UnreachableError, match=r"for 0\.05 s"):
        cw.connect(served.target, wait=0.05)
    later = threading.Timer(0.1, served.start)
    later.start()
    with cw.connect(served.target, wait=True) as car:
        assert car.name == "test car"
    later.join()


def test_what_answers_may_be_another_server() -> None:
    async def story() -> None:
        server = aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            with pytest.raises(CommonwheelError, match=r"does not speak commonwheel\.v1\.Car"):
                await cw.connect_async(f"127.0.0.1:{port}")
        finally:
            await server.stop(0)

    run(story())


def test_what_answers_may_be_no_server_of_this_kind_at_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nwho are you?" * 10)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnreachableError):
            cw.connect(f"127.0.0.1:{listening.getsockname()[1]}", timeout_s=1.0)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_S)


def test_a_unix_socket_is_an_address(broker: Broker, tmp_path: Path) -> None:
    served = Served(broker, at=f"unix:{tmp_path}/car.sock")
    try:
        with cw.connect(f"unix:{tmp_path}/car.sock") as car:
            assert car.get(SPEED).quality is Quality.MISSING
    finally:
        served.stop()


# ---- going away and coming back -------------------------------------------------------------------------------------


def test_a_subscription_survives_a_restart_and_shows_the_gap(broker: Broker, served: Served) -> None:
    put(broker, 1.0)
    with cw.connect(served.target) as car, car.subscribe(SPEED) as updates:
        first = updates.take(PATIENCE_S)
        assert first is not None
        assert not first.reconnected
        served.stop()
        put(broker, 2.0)
        served.start()
        again = updates.take(PATIENCE_S)
        assert again is not None
        assert (again.reconnected, again.sequence, again.value.tolist()) == (True, 0, [2.0])
        put(broker, 3.0)
        after = updates.take(PATIENCE_S)
        assert after is not None
        assert (after.reconnected, after.sequence, after.value.tolist()) == (False, 1, [3.0])


def test_an_async_subscription_survives_a_restart(broker: Broker, served: Served) -> None:
    async def story() -> None:
        put(broker, 1.0)
        async with cw.connect_async(served.target) as car:
            seen: list[tuple[bool, float]] = []
            async for batch in car.subscribe(SPEED, queue=Queue(overflow=Overflow.LATEST)):
                seen.append((batch.reconnected, batch.value.tolist()[-1]))
                if len(seen) == 1:
                    await asyncio.to_thread(served.stop)
                    put(broker, 2.0)
                    await asyncio.to_thread(served.start)
                else:
                    break
            assert seen == [(False, 1.0), (True, 2.0)]

    run(story())


def test_what_waited_before_the_gap_is_read_before_it(broker: Broker, served: Served) -> None:
    put(broker, 1.0)
    with cw.connect(served.target) as car, car.subscribe(SPEED) as updates:
        for _ in range(2):
            served.stop()
            served.start()
            wait_for(lambda: any(reader.delivered for reader in broker.readers))
        batches = [updates.take(PATIENCE_S) for _ in range(3)]
        assert [batch.reconnected for batch in batches if batch] == [False, True, True]


def test_what_reads_waits_for_a_restart_and_what_acts_does_not(broker: Broker, served: Served) -> None:
    put(broker, 1.0)
    with cw.connect(served.target) as car:
        served.stop()
        for act in (lambda: car.request(SEAT, 1), lambda: car.publish({SPEED: 2.0})):
            with pytest.raises(UnreachableError):
                act()
        later = threading.Timer(0.1, served.start)
        later.start()
        assert car.get(SPEED).value == 1.0
        later.join()


def test_what_reads_waits_no_longer_than_its_time(served: Served) -> None:
    with cw.connect(served.target, timeout_s=0.3) as car:
        served.stop()
        with pytest.raises(UnreachableError):
            car.get(SPEED)
        with pytest.raises(UnreachableError):
            car.subscribe(SPEED)


def test_a_provider_claims_again_and_knows_what_it_lost(broker: Broker, served: Served) -> None:
    asked: list[Thing] = []
    with cw.connect(served.target) as car:
        provided = car.provide(SPEED, actuators=[SEAT], on_request=asked.append)
        assert provided.publish({SPEED: 1.0})
        wait_for(lambda: broker.get(broker.table.number(SPEED)).value == 1.0)
        served.stop()
        wait_for(lambda: broker.get(broker.table.number(SPEED)).quality is Quality.STALE)
        wait_for(lambda: not provided.publish({SPEED: 2.0}))
        assert provided.lost >= 1
        served.start()
        wait_for(lambda: provided.publish({SPEED: 3.0}))
        wait_for(lambda: broker.get(broker.table.number(SPEED)).value == 3.0)
        car.request(SEAT, 5, timeout_s=0.5)
        assert [request.value for request in asked] == [5]
    assert not broker.providers


def test_an_actuation_whose_end_is_not_seen_is_said_to_be_unknown(broker: Broker, served: Served) -> None:
    provider = broker.provider("seat")
    provider.claim([], {broker.table.number(SEAT): None}, lambda _asked: None)
    with cw.connect(served.target) as car, car.steps({SEAT: 5}) as steps:
        wait_for(lambda: (told := steps.take(PATIENCE_S)) and told[1].stage is Stage.FORWARDED)
        served.stop()
        with pytest.raises(UnreachableError, match="what became of the actuation is not known"):
            steps.take(PATIENCE_S)


def test_a_server_may_come_back_with_other_signals(broker: Broker, served: Served) -> None:
    put(broker, 1.0)
    with cw.connect(served.target) as car, car.subscribe(SPEED) as updates:
        assert updates.take(PATIENCE_S) is not None
        provided = car.provide(GEAR)
        served.stop()
        served.broker = Broker(small_catalog(Leaf("Vehicle.Aaa", Kind.SENSOR, "float")), name="test car")
        put(served.broker, 2.0)
        served.start()
        again = updates.take(PATIENCE_S)
        assert again is not None
        assert again.latest[SPEED].value == 2.0
        assert car.get(SPEED).path == SPEED
        assert len(car.signals()) == len(broker.table) + 1
        with refused(Reason.INVALID, "provide anew"):
            wait_for(lambda: provided.publish({GEAR: 1}) and None)


def test_a_signal_that_is_gone_after_a_restart_ends_the_subscription(broker: Broker, served: Served) -> None:
    with cw.connect(served.target) as car, car.subscribe(MODE, initial=False) as updates:
        served.stop()
        catalog = small_catalog()
        leaves = {path: leaf for path, leaf in catalog.leaves.items() if path != MODE}
        served.broker = Broker(type(catalog)(leaves, {}, "smaller"))
        served.start()
        with refused(Reason.UNKNOWN_SIGNAL, MODE):
            updates.take(PATIENCE_S)
    del broker


def test_events_go_on_after_a_restart(served: Served) -> None:
    with cw.connect(served.target) as car, car.events() as events:
        served.stop()
        served.start()
        event = events.take(PATIENCE_S)
        assert event is not None
        assert event.kind == "client.reconnected"


# ---- tokens and TLS -------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(broker: Broker) -> Iterator[tuple[Served, Words]]:
    authority = Words()
    served = Served(broker, Access(authority))
    yield served, authority
    served.stop()


def test_without_a_right_token_nobody_is_let_in(guarded: tuple[Served, Words], tmp_path: Path) -> None:
    served, authority = guarded
    with refused(Reason.UNAUTHENTICATED, "no token"):
        cw.connect(served.target)
    authority.expires_ns[APP] = 1
    with refused(Reason.EXPIRED):
        cw.connect(served.target, token=APP)
    with pytest.raises(CommonwheelError, match="a token is one word"):
        cw.connect(served.target, token=TWO_WORDS)
    with pytest.raises(CommonwheelError, match=r"no\.token: the token cannot be read"):
        cw.connect(served.target, token=tmp_path / "no.token")
    with pytest.raises(CommonwheelError, match="takes no token"):
        cw.connect(served.broker, token=APP)


def test_a_token_may_be_in_a_file_or_come_from_a_function(guarded: tuple[Served, Words], tmp_path: Path) -> None:
    served, authority = guarded
    file = tmp_path / "app.token"
    file.write_text(f"{APP}\n")
    for token in (file, str(file), lambda: APP):
        with cw.connect(served.target, token=token) as car:
            assert car.get(SPEED).quality is Quality.MISSING
    assert set(authority.asked) == {APP}


def test_an_expired_token_is_renewed_where_it_comes_from(broker: Broker, guarded: tuple[Served, Words]) -> None:
    served, authority = guarded
    authority.expires_ns["one+read"] = time.time_ns() + 1_000_000_000
    tokens = iter(["one+read", "two+read"])
    put(broker, 1.0)
    with cw.connect(served.target, token=lambda: next(tokens)) as car, car.subscribe(SPEED) as updates:
        assert updates.take(PATIENCE_S) is not None
        again = updates.take(PATIENCE_S)
        assert again is not None
        assert again.reconnected
        assert car.get(SPEED).value == 1.0
        assert authority.asked[-1] == "two+read"


def test_an_expired_token_that_cannot_be_renewed_ends_what_lives_on_it(guarded: tuple[Served, Words]) -> None:
    served, authority = guarded
    authority.expires_ns[PROVIDER] = time.time_ns() + 700_000_000
    with cw.connect(served.target, token=PROVIDER) as car:
        updates = car.subscribe(SPEED, initial=False)
        provided = car.provide(GEAR)
        events = car.events()
        listener = car.on(SPEED, lambda _reading: None, initial=False)
        for reader in (updates, events):
            with refused(Reason.EXPIRED, "get a new one"):
                while reader.take(PATIENCE_S) is not None:
                    pass
        with refused(Reason.EXPIRED):
            wait_for(lambda: provided.publish({GEAR: 1}) and None)
        with refused(Reason.EXPIRED):
            car.get(SPEED)
        wait_for(lambda: listener.error)
    wait_for(lambda: not served.broker.providers)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a server and of a client, and of who vouches for them."""
    folder = tmp_path_factory.mktemp("tls")
    day = dt.timedelta(days=1)
    issuer = Issuer.new("test", day)
    issuer.pair.write(folder, "ca")
    issuer.server(["localhost", "127.0.0.1"], day).write(folder, "server")
    issuer.client("dashboard", day).write(folder, "client")
    return folder


def test_tls_is_asked_for_and_checked(broker: Broker, certificates: Path) -> None:
    tls = Tls(certificates / "server.pem", certificates / "server.key.pem")
    served = Served(broker, Access(tls=tls))
    try:
        with cw.connect(served.target, tls=certificates / "ca.pem") as car:
            assert car.name == "test car"
        for wrong in (False, True):
            with pytest.raises(UnreachableError, match=r"TLS|tls"):
                cw.connect(served.target, tls=wrong)
        with pytest.raises(CommonwheelError, match=r"none\.pem"):
            cw.connect(served.target, tls=certificates / "none.pem")
        with pytest.raises(CommonwheelError, match="come together"):
            cw.connect(served.target, tls=ClientTls(certificate=certificates / "client.pem"))
        with pytest.raises(CommonwheelError, match="is no PEM file"):
            cw.connect(served.target, tls=Path(__file__))
    finally:
        served.stop()


def test_mutual_tls_shows_who_we_are(broker: Broker, certificates: Path) -> None:
    tls = Tls(certificates / "server.pem", certificates / "server.key.pem", certificates / "ca.pem")
    served = Served(broker, Access(tls=tls))
    try:
        ours = ClientTls(certificates / "ca.pem", certificates / "client.pem", certificates / "client.key.pem")
        with cw.connect(served.target, tls=ours) as car:
            asked: list[Thing] = []
            with car.provide(actuators=[LIGHT], on_request=asked.append):
                car.request(LIGHT, value=True, timeout_s=0.5)
            assert [request.requester for request in asked] == ["dashboard"]
        with pytest.raises(UnreachableError):
            cw.connect(served.target, tls=certificates / "ca.pem")
    finally:
        served.stop()


# ---- the process ----------------------------------------------------------------------------------------------------


def test_a_program_that_forgets_to_close_ends_nevertheless(served: Served) -> None:
    program = (
        "import sys, commonwheel as cw\n"
        "car = cw.connect(sys.argv[1]); updates = car.subscribe('Vehicle.Speed'); print(updates.take(20).paths)\n"
        "car.on('Vehicle.Speed', print); car.provide('Vehicle.Gear')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, served.target],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["['Vehicle.Speed']"]), done.stderr
    assert "Traceback" not in done.stderr
    wait_for(lambda: not served.broker.providers)


def test_grpc_is_not_imported_for_a_broker_in_this_process() -> None:
    program = "import sys, commonwheel as cw; cw.connect; cw.Car; print('grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
