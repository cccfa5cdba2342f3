"""TLS: files checked before anything is served, and one reading for asyncio, gRPC and Arrow Flight."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import ssl
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import flight

from commonwheel.broker.certificates import Issuer, Pair
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.keys import public_keys
from commonwheel.broker.tls import Tls, name_in_auth_context, name_in_certificate
from commonwheel.errors import OutputError

DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server and a client; and another authority with a client of the same name."""
    folder = tmp_path_factory.mktemp("tls")
    issuer = Issuer.new("test", DAY)
    issuer.pair.write(folder, "ca")
    issuer.server(["localhost", "127.0.0.1"], DAY).write(folder, "server")
    issuer.client("dashboard", DAY).write(folder, "client")
    stranger = Issuer.new("test", DAY)
    stranger.pair.write(folder, "stranger-ca")
    stranger.client("dashboard", DAY).write(folder, "stranger")
    return folder


def _tls(files: Path, *, mutual: bool = False) -> Tls:
    return Tls(files / "server.pem", files / "server.key.pem", files / "ca.pem" if mutual else None)


# ---- transports -----------------------------------------------------------------------------------------------------


async def _hello(server: ssl.SSLContext, client: ssl.SSLContext) -> bytes:
    """Ask a server who it takes us for."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = name_in_certificate(writer.get_extra_info("peercert"))
        writer.write(f"hello {name}\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        try:
            return await reader.readline()
        finally:
            writer.close()


def _client(files: Path, name: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files / "ca.pem")
    if name is not None:
        context.load_cert_chain(files / f"{name}.pem", files / f"{name}.key.pem")
    return context


def test_sockets(files: Path) -> None:
    assert asyncio.run(_hello(_tls(files).context(), _client(files))) == b"hello None\n"


def test_sockets_know_who_calls(files: Path) -> None:
    context = _tls(files, mutual=True).context()
    assert asyncio.run(_hello(context, _client(files, "client"))) == b"hello dashboard\n"


@pytest.mark.parametrize("name", [None, "stranger"])
def test_sockets_refuse_who_has_no_certificate_of_ours(files: Path, name: str | None) -> None:
    """By TLS 1.3 a client learns of it with the first answer, which is none."""
    answer = b""
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        answer = asyncio.run(_hello(_tls(files, mutual=True).context(), _client(files, name)))
    assert answer == b""


def test_a_client_that_trusts_another_authority_goes_away(files: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(_hello(_tls(files).context(), ssl.create_default_context(cafile=files / "stranger-ca.pem")))


class _WhoAmI(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        del handler_call_details
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        return str(name_in_auth_context(context.auth_context())).encode()


def _grpc(files: Path, credentials: grpc.ServerCredentials, name: str | None) -> bytes:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[_WhoAmI()])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    own = [(files / f"{name}{end}").read_bytes() for end in (".key.pem", ".pem")] if name else [None, None]
    trusted = grpc.ssl_channel_credentials((files / "ca.pem").read_bytes(), *own)
    try:
        with grpc.secure_channel(f"127.0.0.1:{port}", trusted) as channel:
            return channel.unary_unary("/who/am_i")(b"", timeout=20)
    finally:
        server.stop(None).wait()


def test_grpc(files: Path) -> None:
    assert _grpc(files, _tls(files).grpc_credentials(), None) == b"None"


def test_grpc_knows_who_calls(files: Path) -> None:
    assert _grpc(files, _tls(files, mutual=True).grpc_credentials(), "client") == b"dashboard"


@pytest.mark.parametrize("name", [None, "stranger"])
def test_grpc_refuses_who_has_no_certificate_of_ours(files: Path, name: str | None) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _grpc(files, _tls(files, mutual=True).grpc_credentials(), name)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]


class _Flight(flight.FlightServerBase):
    def list_actions(self, context: Any) -> list[Any]:  # noqa: ANN401 - pyarrow's types
        del context
        return [("hello", "")]


@pytest.mark.parametrize("mutual", [False, True])
def test_flight(files: Path, mutual: bool) -> None:  # noqa: FBT001 - a parameter
    own: dict[str, Any] = {}
    if mutual:
        own = {
            "cert_chain": (files / "client.pem").read_bytes(),
            "private_key": (files / "client.key.pem").read_bytes(),
        }
    options = _tls(files, mutual=mutual).flight_options()
    with _Flight("grpc+tls://127.0.0.1:0", **options) as server:
        place = f"grpc+tls://127.0.0.1:{server.port}"
        trusted: Any = (files / "ca.pem").read_bytes()
        with flight.connect(place, tls_root_certs=trusted, **own) as client:
            assert [action.type for action in client.list_actions()] == ["hello"]
        if mutual:
            with (
                flight.connect(place, tls_root_certs=trusted) as client,
                pytest.raises(flight.FlightUnavailableError),
            ):
                list(client.list_actions())


# ---- files ----------------------------------------------------------------------------------------------------------


def _wrong(tls: Tls, file: Path, why: str) -> None:
    for use in (tls.load, tls.context, tls.grpc_credentials, tls.flight_options):
        with pytest.raises(BrokerError) as caught:
            use()
        assert str(caught.value).startswith(f"{file}: ")
        assert why in str(caught.value)
        assert caught.value.reason is Reason.INVALID


def test_a_file_that_is_missing(files: Path, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    why = "cannot be read (No such file or directory)"
    _wrong(Tls(none, files / "server.key.pem"), none, why)
    _wrong(Tls(files / "server.pem", none), none, why)
    _wrong(Tls(files / "server.pem", files / "server.key.pem", none), none, why)


def test_a_file_that_is_something_else(files: Path) -> None:
    certificate, key = files / "server.pem", files / "server.key.pem"
    _wrong(Tls(key, certificate), key, "is not a certificate in PEM")
    _wrong(Tls(certificate, certificate), certificate, "is not a private key in PEM")
    _wrong(Tls(certificate, key, key), key, "is not a certificate in PEM")


def test_a_key_of_another_certificate(files: Path) -> None:
    key = files / "client.key.pem"
    _wrong(Tls(files / "server.pem", key), key, f"is not the key of {files / 'server.pem'}")


def test_an_encrypted_key(tmp_path: Path) -> None:
    pair = Issuer.new("test", DAY).server(["localhost"], DAY)
    certificate, _ = pair.write(tmp_path, "server")
    key = tmp_path / "encrypted.pem"
    key.write_bytes(pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    _wrong(Tls(certificate, key), key, "is encrypted; decrypt it first")


def test_a_key_that_tls_finds_too_short(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is too short is what is tested
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - DAY).not_valid_after(now + DAY)
    file = tmp_path / "short.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + private)
    with pytest.raises(BrokerError, match="cannot be used for TLS") as caught:
        Tls(file, file).context()
    assert str(caught.value).startswith(f"{file}: ")


def test_certificates_out_of_date(files: Path, tmp_path: Path) -> None:
    issuer = Issuer.new("test", DAY)
    certificate, key = issuer.server(["localhost"], dt.timedelta(seconds=-60)).write(tmp_path, "late")
    _wrong(Tls(certificate, key), certificate, "ended on")
    authority, _ = Issuer.new("test", dt.timedelta(seconds=-60)).pair.write(tmp_path, "old")
    _wrong(Tls(files / "server.pem", files / "server.key.pem", authority), authority, "make a new certificate")


def test_a_certificate_that_has_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose clock starts in 1970."""
    monkeypatch.setattr("commonwheel.broker.certificates._EARLIER", -DAY)
    certificate, key = Issuer.new("test", 2 * DAY).server(["localhost"], 2 * DAY).write(tmp_path, "early")
    _wrong(Tls(certificate, key), certificate, "is this machine's clock right")


@pytest.mark.parametrize("kind", ["server.pem", "server.key.pem", "ca.pem"])
@given(data=st.data())
def test_damaged_files_are_refused_or_used(files: Path, kind: str, data: st.DataObject) -> None:
    """A bit turned over anywhere in what the PEM holds: never anything but a BrokerError."""
    label, *lines = (files / kind).read_text().strip().splitlines()
    der = bytearray(base64.b64decode("".join(lines[:-1])))
    for place in data.draw(st.lists(st.integers(0, len(der) - 1), min_size=1, max_size=3)):
        der[place] ^= 1 << data.draw(st.integers(0, 7))
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder, kind)
        damaged.write_text("\n".join([label, base64.b64encode(der).decode(), lines[-1]]) + "\n")
        names = [damaged if name == kind else files / name for name in ("server.pem", "server.key.pem", "ca.pem")]
        said = ""
        try:
            Tls(*names).context()
        except BrokerError as error:
            said = str(error)
        assert not said or str(damaged) in said or "cannot be used for TLS" in said


def test_a_certificate_of_a_version_that_there_is_not(files: Path, tmp_path: Path) -> None:
    der = x509.load_pem_x509_certificate((files / "ca.pem").read_bytes()).public_bytes(Encoding.DER)
    version = bytes.fromhex("a003020102")  # the third, by X.509's counting
    assert version in der
    text = base64.b64encode(der.replace(version, version[:-1] + b"\x12", 1)).decode()
    file = tmp_path / "strange.pem"
    file.write_text(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    _wrong(Tls(files / "server.pem", files / "server.key.pem", file), file, "is not a certificate in PEM")
    with pytest.raises(BrokerError, match="is not a public key in PEM"):
        public_keys([file])
    with pytest.raises(BrokerError, match="remove them to start anew"):
        Issuer.read(file, files / "ca.key.pem")


@given(st.binary(max_size=200))
def test_files_of_rubbish_are_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rubbish.pem")
        file.write_bytes(content)
        with pytest.raises(BrokerError, match="is not a certificate in PEM"):
            Tls(file, file).load()


# ---- certificates ---------------------------------------------------------------------------------------------------


def test_an_authority_is_read_again(files: Path, tmp_path: Path) -> None:
    issuer = Issuer.read(files / "ca.pem", files / "ca.key.pem")
    issuer.client("another", DAY).write(tmp_path, "another")
    context = ssl.create_default_context(cafile=files / "ca.pem")
    context.load_cert_chain(tmp_path / "another.pem", tmp_path / "another.key.pem")
    assert asyncio.run(_hello(_tls(files, mutual=True).context(), context)) == b"hello another\n"


def test_an_authority_that_is_none(files: Path) -> None:
    with pytest.raises(BrokerError, match="is not the key of"):
        Issuer.read(files / "ca.pem", files / "server.key.pem")
    with pytest.raises(BrokerError, match="remove them to start anew"):
        Issuer.read(files / "ca.pem", files / "none.pem")


def test_private_keys_are_their_owners(files: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in files.glob("*.key.pem")} == {0o600}
    pair: Pair = Issuer.new("test", DAY).pair
    with pytest.raises(OutputError, match="is there already"):
        pair.write(files, "ca")


def test_names_and_hosts_that_are_none() -> None:
    issuer = Issuer.new("test", DAY)
    for name in ("", "x" * 65, "a\nb"):
        with pytest.raises(BrokerError, match="is no name for a certificate"):
            issuer.client(name, DAY)
    with pytest.raises(BrokerError, match="neither a host's name nor an address"):
        issuer.server(["büro"], DAY)


@pytest.mark.parametrize("certificate", [None, {}, {"subject": ()}, {"subject": ((("countryName", "JP"),),)}])
def test_a_certificate_without_a_name(certificate: dict[str, object] | None) -> None:
    assert name_in_certificate(certificate) is None


def test_an_auth_context_without_a_name() -> None:
    assert name_in_auth_context({}) is None
    assert name_in_auth_context({"x509_common_name": []}) is None
    assert name_in_auth_context({"x509_common_name": [b"\xff"]}) == "\ufffd"
