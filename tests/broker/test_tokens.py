"""Tokens: which are believed, what is said of the others, and that nothing but a clear refusal comes of rubbish."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker import authority as module
from commonwheel.broker.authority import JwtAuthority
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.keys import ALGORITHMS, PrivateKey, PublicKey, make_key, private_key, public_keys, write_new
from commonwheel.broker.rights import Action
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.tokens import LONGEST, explain_token, make_token, read_claims, split_token
from commonwheel.errors import OutputError

NS = 1_000_000_000
KEYS = {name: make_key(name, name) for name in ("EdDSA", "ES256", "ES384", "ES512", "RS256")}
OTHER = make_key("other")
SHORT = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is too short is what is tested


def _public(key: PrivateKey) -> PublicKey:
    return PublicKey(key.kid, key.algorithms, key.key.public_key())


AUTHORITY = JwtAuthority([_public(key) for key in KEYS.values()])
ED = KEYS["EdDSA"]


def _claims(**changes: object) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "sub": "app",
        "iss": "somebody",
        "aud": ["kuksa.val"],
        "iat": now,
        "exp": now + 3600,
        "scope": "read:Vehicle.Speed",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _signed(claims: object, key: PrivateKey = ED, algorithm: str | None = None, **header: object) -> str:
    """Sign whatever it is, also what no well-made token would say."""
    name = algorithm or key.algorithms[0]
    parts = [_base64(json.dumps({"alg": name, "typ": "JWT"} | header)), _base64(json.dumps(claims))]
    signature = jwt.get_algorithm_by_name(name).sign(".".join(parts).encode(), key.key)
    return ".".join([*parts, _base64(signature)])


def _base64(content: bytes | str) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _refusal(token: str, authority: JwtAuthority = AUTHORITY) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        authority.verify(token)
    assert len(token) < 20 or token not in str(caught.value)
    return caught.value


# ---- what is believed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_is_believed_by_the_key_it_belongs_to(algorithm: str) -> None:
    key = KEYS.get(algorithm, KEYS["RS256"])
    token = _signed(_claims(), key, algorithm)
    assert AUTHORITY.verify(token).client == "app"
    alone = JwtAuthority([_public(key)])
    assert alone.verify(token).allow(Action.READ, "Vehicle.Speed")


def test_what_a_token_of_kuksas_form_says() -> None:
    """The form of the tokens that KUKSA ships as samples: these claims, RS256, and no key's name."""
    claims = _claims(sub="local dev", iss="createToken.py", iat=1768564800, exp=1861919999, scope="actuate provide")
    rights = AUTHORITY.verify(_signed(claims, KEYS["RS256"], "RS256"))
    assert rights.client == "local dev"
    assert rights.expires_ns == 1861919999 * NS
    assert rights.tests.keys() == {Action.READ, Action.ACTUATE, Action.PROVIDE}
    assert all(rights.allow(action, "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen") for action in rights.tests)


def test_what_we_make_another_library_believes() -> None:
    """With the claims that KUKSA's databroker asks for: sub, iss, aud, iat, exp and scope."""
    scopes = parse_scopes("read:Vehicle.Speed actuate:Vehicle.Cabin")
    for key in KEYS.values():
        token = make_token(key, "app", scopes, issued_s=int(time.time()), valid_s=60)
        pem = key.public_pem().decode()
        found = jwt.decode(token, pem, algorithms=list(key.algorithms), audience="kuksa.val")
        assert found["scope"] == "read:Vehicle.Speed actuate:Vehicle.Cabin"
        assert found.keys() == {"sub", "iss", "aud", "iat", "exp", "scope"}
        assert AUTHORITY.verify(token).client == "app"


def test_an_audience_may_be_one_name_or_several() -> None:
    assert AUTHORITY.verify(_signed(_claims(aud="kuksa.val"))).client == "app"
    assert AUTHORITY.verify(_signed(_claims(aud=["other", "kuksa.val"]))).client == "app"
    ours = JwtAuthority([_public(ED)], audience="car-7")
    assert ours.verify(_signed(_claims(aud=["car-7"]))).client == "app"
    assert "does not contain 'car-7'" in str(_refusal(_signed(_claims()), ours))


def test_the_key_that_a_token_names_is_tried_alone() -> None:
    first, second = make_key("first"), make_key("second")
    both = JwtAuthority([_public(first), _public(second)])
    for key in (first, second):
        assert both.verify(_signed(_claims(), key)).client == "app"
        assert both.verify(_signed(_claims(), key, kid=key.kid)).client == "app"
        assert both.verify(_signed(_claims(), key, kid="of another name")).client == "app"
    assert "not signed by a key" in str(_refusal(_signed(_claims(), second, kid="first"), both))


def test_a_clock_a_little_ahead_is_forgiven() -> None:
    now = time.time()
    assert AUTHORITY.verify(_signed(_claims(iat=now + 10, nbf=now + 10))).client == "app"


def test_a_token_may_allow_nothing() -> None:
    rights = AUTHORITY.verify(_signed(_claims(scope="")))
    assert not rights.tests


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": None}, "has no 'exp': tokens have to end"),
        ({"exp": "tomorrow"}, "'exp' is not a time"),
        ({"exp": True}, "'exp' is not a time"),
        ({"exp": float("nan")}, "'exp' is not a time"),
        ({"exp": 10**400}, "'exp' is not a time"),
        ({"exp": -1}, "'exp' is not a time"),
        ({"nbf": time.time() + 7200}, "does not count yet: its 'nbf' is "),
        ({"iat": time.time() + 7200}, "does not count yet: its 'iat' is "),
        ({"nbf": []}, "'nbf' is not a time"),
        ({"aud": None}, "its 'aud' does not contain 'kuksa.val'"),
        ({"aud": "kuksa.val2"}, "its 'aud' does not contain"),
        ({"aud": ["kuksa", "val"]}, "its 'aud' does not contain"),
        ({"aud": {"kuksa.val": 1}}, "its 'aud' does not contain"),
        ({"sub": None}, "has no 'sub'"),
        ({"sub": 7}, "has no 'sub'"),
        ({"sub": ""}, "has no 'sub'"),
        ({"sub": "a\nb"}, "'sub' is not a name"),
        ({"sub": "x" * 201}, "'sub' is not a name"),
        ({"sub": "\ud800"}, "'sub' is not a name"),
        ({"scope": None}, "has no 'scope'"),
        ({"scope": ["read"]}, "has no 'scope'"),
        ({"scope": "read admin"}, "the scope 'admin' is unknown"),
    ],
)
def test_what_is_wrong_with_the_claims_is_said(changes: dict[str, object], why: str) -> None:
    error = _refusal(_signed(_claims(**changes)))
    assert why in str(error)
    assert error.reason is Reason.UNAUTHENTICATED


def test_one_that_has_ended_is_told_so() -> None:
    for _ in range(2):
        error = _refusal(_signed(_claims(exp=int(time.time()) - 1)))
        assert error.reason is Reason.EXPIRED
        assert str(error) == "the token of app has expired; get a new one"


@pytest.mark.parametrize("claims", [[], 7, "text", None])
def test_claims_that_are_no_object(claims: object) -> None:
    assert "its payload is not a JSON object" in str(_refusal(_signed(claims)))


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "a token is needed here"),
        ("abc", "three parts"),
        ("a.b", "three parts"),
        ("a.b.c.d", "three parts"),
        ("..", "three parts"),
        ("é.é.é", "three parts"),
        ("a.b.c\n", "three parts"),
        ("Bearer a.b.c", "three parts"),
        ("a.b.c", "not base64url"),
        ("AAAA.AAAA.AAAA", "header is not JSON"),
        (f"{_base64('[]')}.AAAA.AAAA", "header is not a JSON object"),
        (f"{_base64('[' * 40_000)}.AAAA.AAAA", "header is not JSON"),
        (f"{_base64('{}')}.AAAA.AAAA", "this one says None"),
        (f"{_base64(json.dumps({'alg': ['EdDSA']}))}.AAAA.AAAA", "this one says ['EdDSA']"),
        ("A" * LONGEST + ".A.A", f"longer than {LONGEST} characters"),
    ],
    ids=range(15),
)
def test_what_is_no_token_is_told_so(token: str, why: str) -> None:
    error = _refusal(token)
    assert why in str(error)
    assert error.reason is Reason.UNAUTHENTICATED


def test_a_changed_token_is_refused() -> None:
    header, payload, signature = _signed(_claims()).split(".")
    more = _base64(json.dumps(_claims(scope="actuate")))
    assert "changed afterwards" in str(_refusal(f"{header}.{more}.{signature}"))
    other = _signed(_claims(sub="other")).split(".")[2]
    assert "changed afterwards" in str(_refusal(f"{header}.{payload}.{other}"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_of_any_length_are_refused(algorithm: str) -> None:
    header, payload, signature = _signed(_claims(), KEYS.get(algorithm, KEYS["RS256"]), algorithm).split(".")
    for other in (signature[:2], signature[:-4], signature[: len(signature) // 2], signature + "AAAA", "AAAA" * 400):
        assert "not signed by a key" in str(_refusal(f"{header}.{payload}.{other}"))


def test_a_strangers_key_is_refused() -> None:
    assert "not signed by a key that is known here" in str(_refusal(_signed(_claims(), OTHER)))
    assert "not signed by a key" in str(_refusal(_signed(_claims(), OTHER, kid=ED.kid)))


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", "HS256", "hs256", "ES256K", "RSA1_5"])
def test_no_token_chooses_how_it_is_checked(name: str) -> None:
    header = _base64(json.dumps({"alg": name, "typ": "JWT"}))
    unsigned = f"{header}.{_base64(json.dumps(_claims()))}"
    assert f"this one says '{name}'" in str(_refusal(f"{unsigned}.AAAA"))
    assert _refusal(f"{unsigned}.").reason is Reason.UNAUTHENTICATED


@pytest.mark.parametrize("name", ["EdDSA", "ES256", "RS256"])
def test_a_public_key_is_no_secret_to_sign_with(name: str) -> None:
    """Signed by HMAC with the public key for a password, the attack on checkers that believe 'alg'."""
    key = KEYS[name]
    alone = JwtAuthority([_public(key)])
    der = key.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (key.public_pem(), key.public_pem().strip(), der):
        signed = f"{_base64(json.dumps({'alg': 'HS256'}))}.{_base64(json.dumps(_claims()))}"
        signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        assert "this one says 'HS256'" in str(_refusal(f"{signed}.{_base64(signature)}", alone))
        for algorithm in key.algorithms:
            pretended = f"{_base64(json.dumps({'alg': algorithm}))}.{_base64(json.dumps(_claims()))}"
            signature = hmac.new(secret, pretended.encode(), hashlib.sha256).digest()
            assert "not signed" in str(_refusal(f"{pretended}.{_base64(signature)}", alone))


def test_another_keys_algorithm_is_refused() -> None:
    alone = JwtAuthority([_public(ED)])
    assert "signed with EdDSA; this one says 'ES256'" in str(_refusal(_signed(_claims(), KEYS["ES256"]), alone))


def test_an_empty_ecdsa_signature_is_refused() -> None:
    """All zeros, the signature that some checkers took for any text."""
    header, payload, _ = _signed(_claims(), KEYS["ES256"]).split(".")
    assert "not signed" in str(_refusal(f"{header}.{payload}.{_base64(bytes(64))}"))


@pytest.mark.parametrize("extension", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False}])
def test_extensions_of_the_format_are_refused(extension: dict[str, Any]) -> None:
    assert "not known here ('crit')" in str(_refusal(_signed(_claims(), ED, **extension)))


def test_keys_in_the_header_are_not_believed() -> None:
    jwk = json.loads(jwt.get_algorithm_by_name("EdDSA").to_jwk(OTHER.key.public_key()))
    token = _signed(_claims(), OTHER, jwk=jwk, jku="http://127.0.0.1/keys", x5u="http://127.0.0.1/key")
    assert "not signed by a key" in str(_refusal(token))


# ---- rubbish --------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
GOOD = _signed(_claims())


@given(st.text(max_size=300) | st.text("AZaz09-_.", max_size=300))
def test_any_text_is_refused(text: str) -> None:
    assert _refusal(text).reason is Reason.UNAUTHENTICATED


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=100))
def test_any_three_parts_are_refused(header: bytes, payload: bytes, signature: bytes) -> None:
    token = ".".join(map(_base64, (header, payload, signature)))
    assert _refusal(token).reason is Reason.UNAUTHENTICATED


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c"]), JSON))
def test_any_header_is_refused_or_does_no_harm(header: dict[str, Any]) -> None:
    signed = f"{_base64(json.dumps(header))}.{GOOD.split('.')[1]}"
    assert _refusal(f"{signed}.{GOOD.split('.')[2]}").reason is Reason.UNAUTHENTICATED


@given(st.dictionaries(st.sampled_from(["sub", "aud", "exp", "nbf", "iat", "scope", "iss"]), JSON))
def test_any_claims_even_if_signed(changes: dict[str, Any]) -> None:
    token = _signed(_claims() | changes)
    error = None
    try:
        rights = AUTHORITY.verify(token)
    except BrokerError as refused:
        error = refused
    else:
        assert rights.client == (_claims() | changes)["sub"]
    assert error is None or error.reason in {Reason.UNAUTHENTICATED, Reason.EXPIRED}


@given(st.integers(0, len(GOOD) - 2), st.sampled_from("Aa0-_.=é "))  # the last character has bits that mean nothing
def test_a_token_with_one_character_changed(place: int, other: str) -> None:
    changed = GOOD[:place] + other + GOOD[place + 1 :]
    if changed != GOOD:
        assert _refusal(changed).reason is Reason.UNAUTHENTICATED


@given(st.integers(0, len(GOOD) - 1))
def test_a_token_cut_short(size: int) -> None:
    assert _refusal(GOOD[:size]).reason is Reason.UNAUTHENTICATED


def test_as_many_scopes_as_a_token_holds() -> None:
    paths = [f"Vehicle.Branch{number}.Leaf" for number in range(1200)]
    token = _signed(_claims(scope=" ".join(f"read:{path}" for path in paths)))
    assert len(token) < LONGEST
    rights = AUTHORITY.verify(token)
    assert all(rights.allow(Action.READ, path) for path in paths)
    assert not rights.allow(Action.READ, "Vehicle.Branch1200.Leaf")
    assert "longer than" in str(_refusal(_signed(_claims(scope="read:Vehicle.Speed " * 5000))))


# ---- what is remembered ---------------------------------------------------------------------------------------------


def test_a_token_is_checked_once_and_its_end_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    monkeypatch.setattr(module, "read_claims", lambda *given: checked.append(given[0]) or read_claims(*given))
    authority = JwtAuthority([_public(ED)])
    token = _signed(_claims())
    rights = authority.verify(token)
    assert authority.verify(token) is rights
    assert len(checked) == 1
    late = time.time_ns() + 3601 * NS
    monkeypatch.setattr(time, "time_ns", lambda: late)
    assert _refusal(token, authority).reason is Reason.EXPIRED
    assert not authority._known


def test_what_is_remembered_is_bounded_and_the_latest_used_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    authority = JwtAuthority([_public(ED)])
    tokens = [_signed(_claims(sub=str(number))) for number in range(4)]
    for token in (*tokens[:3], tokens[0], tokens[3]):
        authority.verify(token)
    assert list(authority._known) == [tokens[2], tokens[0], tokens[3]]


def test_what_was_refused_is_not_remembered() -> None:
    authority = JwtAuthority([_public(ED)])
    for number in range(10):
        _refusal(_signed(_claims(sub=str(number)), OTHER), authority)
        _refusal(_signed(_claims(exp=number)), authority)
    assert not authority._known


def test_many_threads_at_once() -> None:
    authority = JwtAuthority([_public(ED)])
    tokens = [_signed(_claims(sub=str(number))) for number in range(20)]
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(token for number, token in enumerate(tokens) if authority.verify(token).client != str(number))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(authority._known) == 20


# ---- keys -----------------------------------------------------------------------------------------------------------


def test_keys_of_a_folder_are_known_by_their_names(tmp_path: Path) -> None:
    for key in (ED, KEYS["ES256"]):
        write_new(tmp_path / f"{key.kid}.pem", key.private_pem(), private=True)
        write_new(tmp_path / f"{key.kid}.pub.pem", key.public_pem())
    (tmp_path / "README.txt").write_text("not a key")
    assert [key.kid for key in public_keys([tmp_path])] == ["ES256", "EdDSA"]
    authority = JwtAuthority.from_files([tmp_path, tmp_path / "ES256.pub.pem"])
    assert authority.algorithms == ("ES256", "EdDSA")
    assert authority.verify(GOOD).client == "app"
    assert private_key(tmp_path / "EdDSA.pem").public_pem() == ED.public_pem()
    assert (tmp_path / "EdDSA.pem").stat().st_mode & 0o777 == 0o600


def test_a_certificate_holds_a_public_key(tmp_path: Path) -> None:
    import datetime as dt

    pair = Issuer.new("signer", dt.timedelta(days=1)).pair
    file = tmp_path / "signer.crt"
    file.write_bytes(pair.certificate.public_bytes(Encoding.PEM))
    key = PrivateKey("signer", ("ES256",), pair.key)
    assert JwtAuthority.from_files([file]).verify(_signed(_claims(), key)).client == "app"


def _pem(key: Any, private: bool = False) -> bytes:  # noqa: ANN401, FBT001, FBT002 - a test's short form
    if private:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not a public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is not a public key in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is not a public key in PEM"),
        (ED.private_pem(), "is a private key, which a server has no need of"),
        (_pem(SHORT), "an RSA key of 1024 bits; 2048 are the least"),
        (_pem(ec.generate_private_key(ec.SECP256K1())), "on the curve secp256k1; usable are"),
        (None, "cannot be read (No such file or directory)"),
    ],
    ids=["empty", "rubbish", "rubbish certificate", "private", "short", "curve", "missing"],
)
def test_what_cannot_be_used_as_public_key_is_told_with_its_file(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "key.pub.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BrokerError) as caught:
        JwtAuthority.from_files([file])
    assert str(caught.value).startswith(f"{file}: ")
    assert why in str(caught.value)
    assert caught.value.reason is Reason.INVALID


@given(data=st.data())
def test_damaged_keys_are_refused_or_used(data: st.DataObject) -> None:
    """A bit turned over anywhere in what the PEM holds: never anything but a BrokerError."""
    key = data.draw(st.sampled_from(list(KEYS.values())))
    private = data.draw(st.booleans())
    label, *lines = (key.private_pem() if private else key.public_pem()).decode().strip().splitlines()
    der = bytearray(base64.b64decode("".join(lines[:-1])))
    for place in data.draw(st.lists(st.integers(0, len(der) - 1), min_size=1, max_size=3)):
        der[place] ^= 1 << data.draw(st.integers(0, 7))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "key.pem")
        file.write_text("\n".join([label, base64.b64encode(der).decode(), lines[-1]]) + "\n")
        with contextlib.suppress(BrokerError):
            found = _public(private_key(file)) if private else public_keys([file])[0]
            assert found.algorithms


def test_a_folder_without_public_keys(tmp_path: Path) -> None:
    (tmp_path / "dev.pem").write_bytes(ED.private_pem())
    with pytest.raises(BrokerError, match="holds no public key"):
        public_keys([tmp_path])
    with pytest.raises(BrokerError, match="needs a public key"):
        JwtAuthority.from_files([])


def test_what_cannot_sign_is_told(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    encrypted = ED.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for content, why in (
        (ED.public_pem(), "is a public key; only the private one signs"),
        (encrypted, "is encrypted; decrypt it first"),
        (b"rubbish", "is not a private key in PEM"),
        (_pem(SHORT, private=True), "an RSA key of 1024 bits"),
    ):
        file.write_bytes(content)
        with pytest.raises(BrokerError, match=why):
            private_key(file)


def test_no_file_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "a" / "key.pem"
    write_new(file, b"first", private=True)
    with pytest.raises(OutputError, match="is there already"):
        write_new(file, b"second")
    assert file.read_bytes() == b"first"
    with pytest.raises(OutputError, match="cannot be written"):
        write_new(file / "below", b"")


def test_keys_are_made_for_known_algorithms_only() -> None:
    with pytest.raises(BrokerError, match="not for 'HS256'"):
        make_key("dev", "HS256")
    with pytest.raises(BrokerError, match="this key signs with EdDSA, not HS256"):
        make_token(ED, "app", (), issued_s=0, valid_s=1, algorithm="HS256")
    with pytest.raises(BrokerError, match="'sub' is not a name"):
        make_token(ED, "a\nb", (), issued_s=0, valid_s=1)


def test_a_token_explained() -> None:
    facts = explain_token(_signed(_claims(exp=1, iat="yesterday"), OTHER), time.time_ns())
    assert facts["subject"] == "app"
    assert facts["ends"] == "1970-01-01 00:00:01 UTC"
    assert facts["issued"] == "yesterday"
    assert facts["faults"] == ["the token's 'iat' is not a time in seconds since 1970"]
    assert explain_token(_signed(_claims(exp=1)), time.time_ns())["faults"] == ["it has ended"]
    assert explain_token(GOOD, time.time_ns())["faults"] == []
    assert split_token(GOOD).header["alg"] == "EdDSA"


def test_a_token_says_with_which_priority_its_requests_may_be() -> None:
    def read(**more: object) -> int:
        claims = {"sub": "app", "aud": "kuksa.val", "exp": 10**9, "scope": "read", **more}
        return read_claims(json.dumps(claims).encode(), 0).priority

    assert read() == 0
    assert read(priority=7) == 7
    for wrong in (101, -101, True, 1.5, "high", None):
        with pytest.raises(BrokerError, match="priority"):
            read(priority=wrong)
    token = make_token(ED, "app", (), issued_s=0, valid_s=1, priority=5)
    assert json.loads(split_token(token).payload)["priority"] == 5
