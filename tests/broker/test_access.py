"""One checker for all interfaces: rights, accounts, and where it is safe to serve."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from commonwheel.broker.access import Access, Limits, Tls, require_safe
from commonwheel.broker.authority import JwtAuthority
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.keys import PublicKey, make_key
from commonwheel.broker.rights import Action
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.tokens import make_token

KEY = make_key("dev")
AUTHORITY = JwtAuthority([PublicKey("dev", KEY.algorithms, KEY.key.public_key())])
TLS = Tls(Path("server.pem"), Path("server.key.pem"))
OPEN = Endpoint("192.0.2.7", 55555)


def _token(subject: str) -> str:
    return make_token(KEY, subject, parse_scopes("read"), issued_s=int(time.time()), valid_s=60)


def test_without_an_authority_everyone_may_everything_under_its_address() -> None:
    rights, client = Access().enter(None, "ipv4:192.0.2.1:53211")
    assert rights.client == client.name == "192.0.2.1"
    assert all(rights.allow(action, "Vehicle.Speed") for action in Action)


def test_with_one_a_client_is_called_by_its_token() -> None:
    access = Access(AUTHORITY)
    rights, client = access.enter(_token("app"), "ipv4:192.0.2.1:53211")
    assert rights.client == client.name == "app"
    assert rights.allow(Action.READ, "Vehicle.Speed")
    assert not rights.allow(Action.ACTUATE, "Vehicle.Speed")
    assert access.rights(_token("app"), "elsewhere").client == "app"


def test_with_mutual_tls_and_no_token_it_is_called_by_its_certificate() -> None:
    rights, client = Access().enter(None, "192.0.2.1:53211", "dashboard")
    assert rights.client == client.name == "dashboard"


@pytest.mark.parametrize("token", [None, "", "rubbish"])
def test_without_a_good_token_there_are_no_rights(token: str | None) -> None:
    access = Access(AUTHORITY)
    with pytest.raises(BrokerError) as caught:
        access.rights(token, "192.0.2.1")
    assert caught.value.reason is Reason.UNAUTHENTICATED
    with pytest.raises(BrokerError) as caught:
        access.enter(token, "192.0.2.1")
    assert caught.value.reason is Reason.UNAUTHENTICATED


def test_guessing_tokens_is_limited_and_costs_nobody_else() -> None:
    """Two bursts of a hundred guesses are the most, from one address; its neighbour with a token goes on."""
    access = Access(AUTHORITY, limits=Limits(requests_per_second=1000))
    reasons: list[Reason] = []
    for _ in range(100):
        with pytest.raises(BrokerError) as caught:
            access.enter("rubbish", "ipv4:192.0.2.1:1")
        reasons.append(caught.value.reason)
    assert reasons[:20] == [Reason.UNAUTHENTICATED] * 20
    assert Reason.LIMIT in reasons
    token = _token("app")
    for _ in range(100):
        access.enter(token, "ipv4:192.0.2.1:2")
    assert access.client("app").refused == 0


def test_requests_are_counted_for_each_client() -> None:
    access = Access(AUTHORITY, limits=Limits(requests_per_second=0.1))
    for subject in ("one", "two"):
        access.enter(_token(subject), "192.0.2.1")
        with pytest.raises(BrokerError) as caught:
            access.enter(_token(subject), "192.0.2.1")
        assert caught.value.reason is Reason.LIMIT
        assert str(caught.value).startswith(subject)
    facts = access.clients.facts()
    assert (facts["clients"], facts["refused"]) == (2, 2)


def test_servers_that_share_an_access_share_its_accounts() -> None:
    access = Access()
    with access.client("app").stream():
        assert access.clients.facts()["streams"] == 1
        assert Access().clients.facts()["streams"] == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_nothing_is_asked_for(host: str) -> None:
    require_safe(Endpoint(host), Access())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "car.example", ""])  # noqa: S104 - nothing listens
@pytest.mark.parametrize(
    ("access", "missing"),
    [
        (Access(), "needs TLS (--tls-cert and --tls-key) and authorization (--tokens);"),
        (Access(AUTHORITY), "needs TLS (--tls-cert and --tls-key);"),
        (Access(tls=TLS), "needs authorization (--tokens);"),
    ],
    ids=["nothing", "no TLS", "no authorization"],
)
def test_off_loopback_it_says_what_to_give(host: str, access: Access, missing: str) -> None:
    endpoint = Endpoint(host, 8090)
    with pytest.raises(BrokerError) as caught:
        require_safe(endpoint, access)
    assert missing in str(caught.value)
    assert str(caught.value).startswith(f"{endpoint} can be reached from other machines")
    assert "--insecure" in str(caught.value)
    assert caught.value.reason is Reason.INVALID
    require_safe(endpoint, access, insecure=True)


def test_off_loopback_with_both_it_serves() -> None:
    require_safe(OPEN, Access(AUTHORITY, TLS))
