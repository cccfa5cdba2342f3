"""Limits: what one client may ask and hold open, said to it alone, and forgotten when it is gone."""

from __future__ import annotations

import contextlib
import gc
import math
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker import limits as module
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.limits import Client, Clients, Kind, Limits, peer_name


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def _requests_until_refused(client: Client, most: int = 10_000) -> int:
    for count in range(most):
        try:
            client.request()
        except BrokerError:
            return count
    return most


def test_a_burst_of_two_seconds_then_the_rate(clock: Clock) -> None:
    client = Clients(Limits(requests_per_second=50)).client("app")
    assert _requests_until_refused(client) == 100
    clock.now_s += 0.1
    assert _requests_until_refused(client) == 5
    clock.now_s += 3600
    assert _requests_until_refused(client) == 100


@pytest.mark.usefixtures("clock")
def test_the_message_names_the_client_the_limit_and_what_to_do() -> None:
    client = Clients(Limits(requests_per_second=0.5, streams=1)).client("app")
    client.request()
    with pytest.raises(BrokerError, match=r"^app asks for more than 0\.5 requests a second; ask less often$") as caught:
        client.request()
    assert caught.value.reason is Reason.LIMIT
    client.stream()
    with pytest.raises(BrokerError, match=r"^app asks for more than 1 streams at once; close some first$"):
        client.stream()
    with pytest.raises(BrokerError, match=r"a message of 4194305 bytes; 4194304 are the most"):
        client.message(4 * 1024 * 1024 + 1)
    client.message(4 * 1024 * 1024)


def test_a_costly_request_locks_its_client_out_for_two_seconds_at_most(clock: Clock) -> None:
    client = Clients(Limits(requests_per_second=10)).client("app")
    client.request(1_000_000)
    assert _requests_until_refused(client) == 0
    clock.now_s += 2.2
    client.request()


@pytest.mark.usefixtures("clock")
def test_no_limit_of_requests() -> None:
    client = Clients(Limits(requests_per_second=math.inf)).client("app")
    assert _requests_until_refused(client) == 10_000


@pytest.mark.parametrize("kind", list(Kind))
def test_at_the_limit_and_one_beyond(kind: Kind) -> None:
    clients = Clients(Limits(connections=3, streams=3, subscriptions=3))
    held = [clients.client("app").hold(kind) for _ in range(3)]
    with pytest.raises(BrokerError, match=f"more than 3 {kind.value}"):
        clients.client("app").hold(kind)
    assert clients.facts()[kind.value] == 3
    held.pop().close()
    with clients.client("app").hold(kind):
        assert clients.client("app").count(kind) == 3
    assert clients.client("app").count(kind) == 2


def test_kinds_are_counted_apart() -> None:
    clients = Clients(Limits(connections=1, streams=1, subscriptions=1))
    client = clients.client("app")
    with client.connection(), client.stream(), client.subscription():
        held = {kind: client.count(kind) for kind in Kind}
    assert held == dict.fromkeys(Kind, 1)
    assert all(client.count(kind) == 0 for kind in Kind)


def test_closing_twice_counts_once() -> None:
    client = Clients(Limits(streams=2)).client("app")
    first, _second = client.stream(), client.stream()
    first.close()
    first.close()
    assert client.count(Kind.STREAM) == 1


def test_a_stream_that_fails_is_counted_as_closed() -> None:
    client = Clients(Limits()).client("app")
    with contextlib.suppress(RuntimeError), client.stream():
        raise RuntimeError
    assert client.count(Kind.STREAM) == 0


@pytest.mark.usefixtures("clock")
def test_one_client_beyond_its_limits_takes_nothing_from_another() -> None:
    clients = Clients(Limits(requests_per_second=5, streams=1))
    greedy, modest = clients.client("greedy"), clients.client("modest")
    greedy.stream()
    assert _requests_until_refused(greedy) == 10
    for _ in range(50):
        with pytest.raises(BrokerError):
            greedy.stream()
    assert _requests_until_refused(modest) == 10
    with modest.stream():
        assert (greedy.refused, modest.refused) == (51, 1)
    assert clients.facts()["refused"] == 52


@pytest.mark.usefixtures("clock")
def test_a_name_is_one_client_while_it_is_here() -> None:
    clients = Clients(Limits(requests_per_second=10))
    clients.client("app").request()
    assert clients.client("app") is clients.client("app")
    assert clients.facts()["clients"] == 1


def test_clients_that_left_are_forgotten(clock: Clock) -> None:
    """Ten thousand who came and went leave nothing behind, and those who stay are kept."""
    clients = Clients(Limits(requests_per_second=10))
    stays = clients.client("stays").stream()
    most = 0
    for number in range(10_000):
        clients.client(f"10.0.{number // 256}.{number % 256}").request()
        clock.now_s += 0.02  # the bucket of each is full again after 0.1 s
        most = max(most, len(clients._kept))
    assert most <= module._SWEEP_FROM
    clock.now_s += 1
    assert clients.facts()["clients"] == 1
    gc.collect()
    assert list(clients._known) == ["stays"]
    stays.close()
    assert clients.facts()["clients"] == 0


def test_a_client_that_asks_again_after_it_was_forgotten_is_counted_again(clock: Clock) -> None:
    """A server may keep the account of a connection; it stays the one of its name."""
    clients = Clients(Limits(requests_per_second=10))
    client = clients.client("app")
    assert clients.facts()["clients"] == 0
    client.request(5)
    assert clients.facts()["clients"] == 1
    assert clients.client("app") is client
    clock.now_s += 10
    assert clients.facts()["clients"] == 0
    with client.subscription():
        assert clients.facts()["subscriptions"] == 1


@pytest.mark.usefixtures("clock")
def test_one_that_is_locked_out_is_not_forgotten_before_its_time() -> None:
    clients = Clients(Limits(requests_per_second=10))
    assert _requests_until_refused(clients.client("app")) == 20
    for number in range(1000):
        clients.client(str(number))
    assert _requests_until_refused(clients.client("app")) == 0


def test_counts_hold_from_many_threads() -> None:
    clients = Clients(Limits(streams=8, requests_per_second=math.inf))
    over: list[int] = []

    def work() -> None:
        for _ in range(500):
            client = clients.client("app")
            with contextlib.suppress(BrokerError), client.stream():
                if client.count(Kind.STREAM) > 8:
                    over.append(client.count(Kind.STREAM))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not over
    assert clients.client("app").count(Kind.STREAM) == 0


@given(
    st.floats(0.5, 1000.0),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.0, 5.0), st.integers(1, 200)), max_size=30),
)
def test_nobody_gets_more_than_rate_and_burst_nor_less(rate: float, story: list[tuple[str, float, int]]) -> None:
    """Any story of waiting and asking, held against a plain sum for each client."""
    clock = Clock()
    burst = max(rate * module.BURST_S, 1.0)
    left = dict.fromkeys("abc", burst)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
        clients = Clients(Limits(requests_per_second=rate))
        for name, wait_s, asked in story:
            clock.now_s += wait_s
            left = {each: min(burst, have + wait_s * rate) for each, have in left.items()}
            got = _requests_until_refused(clients.client(name), asked)
            assert got == pytest.approx(min(asked, math.floor(left[name])), abs=1)  # rounding at the limit itself
            left[name] -= got
            clients.facts()  # forgets who is quiet, which nobody may notice


@pytest.mark.parametrize("name", ["message_bytes", "streams", "subscriptions", "requests_per_second", "connections"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_a_limit_that_lets_nothing_through_is_refused(name: str, value: float) -> None:
    with pytest.raises(BrokerError, match=f"the limit {name} has to be more than 0") as caught:
        Limits(**{name: value})  # type: ignore[arg-type]
    assert caught.value.reason is Reason.INVALID


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("ipv4:127.0.0.1:53412", "127.0.0.1"),
        ("ipv6:[::1]:53412", "::1"),
        ("ipv6:%5B::1%5D:53412", "::1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:53412", "fe80::1%25eth0"),
        ("unix:", "unix"),
        ("unix:/run/x.sock", "unix"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:80", "::1"),
        ("::1", "::1"),
        ("fe80::1", "fe80::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("testclient", "testclient"),
        ("testclient:50000", "testclient"),
        ("", ""),
    ],
)
def test_an_address_is_a_client_whatever_its_port(peer: str, name: str) -> None:
    assert peer_name(peer) == name
