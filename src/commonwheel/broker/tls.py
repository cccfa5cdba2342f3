"""TLS of a server: its certificate and key, and whose clients' certificates it takes (mutual TLS).

Files are read and checked before anything is served, so that what is wrong with them is said in words and not in a
handshake's. One reading serves every transport: asyncio's sockets, gRPC and Arrow Flight.
"""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import grpc
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["Tls", "TlsFiles", "name_in_auth_context", "name_in_certificate"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What the files hold, checked; PEM."""

    certificate: bytes
    """The server's certificate, then those that lead to its root."""
    key: bytes
    clients: bytes | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the server's side, PEM."""

    certificate: Path
    """The server's certificate, and after it those that lead to its root, if any."""
    key: Path
    clients: Path | None = None
    """Certificates that sign clients' certificates; given: every client has to have one (mutual TLS)."""

    def load(self) -> TlsFiles:
        """Read and check the files.

        Raises:
            BrokerError: INVALID; one is missing, no PEM, out of date, or the key is another certificate's.
        """
        certificate, key = _read(self.certificate), _read(self.key)
        first = _certificates(self.certificate, certificate)[0]
        if _public_half(self.key, _private_key(self.key, key)) != _public_half(self.certificate, first):
            raise _bad(self.key, f"is not the key of {self.certificate}")
        if self.clients is None:
            return TlsFiles(certificate, key)
        clients = _read(self.clients)
        _certificates(self.clients, clients)
        return TlsFiles(certificate, key, clients)

    def context(self) -> ssl.SSLContext:
        """Return TLS for asyncio's servers: HTTP and WebSocket.

        Raises:
            BrokerError: INVALID; see ``load``.
        """
        files = self.load()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
            if files.clients is not None:
                context.load_verify_locations(cadata=files.clients.decode("ascii", "replace"))
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise _bad(self.certificate, f"cannot be used for TLS ({error})") from error
        return context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Return TLS for a gRPC server's ``add_secure_port``.

        Raises:
            BrokerError: INVALID; see ``load``.
        """
        import grpc

        files = self.load()
        pairs = [(files.key, files.certificate)]
        return grpc.ssl_server_credentials(pairs, files.clients, require_client_auth=files.clients is not None)

    def flight_options(self) -> dict[str, Any]:
        """Return TLS for an Arrow Flight server, as what it is made with besides its place (a ``grpc+tls`` one).

        Raises:
            BrokerError: INVALID; see ``load``.
        """
        files = self.load()
        options: dict[str, Any] = {"tls_certificates": [(files.certificate, files.key)]}
        if files.clients is not None:
            options |= {"verify_client": True, "root_certificates": files.clients}
        return options


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror or error})") from error


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(pem)
        for certificate in found:
            _check_dates(path, certificate)
    except (ValueError, x509.InvalidVersion) as error:
        raise _bad(path, "is not a certificate in PEM ('-----BEGIN CERTIFICATE-----')") from error
    return found


def _private_key(path: Path, pem: bytes) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem, None)
    except TypeError as error:
        raise _bad(path, "is encrypted; decrypt it first (openssl pkey -in …)") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(path, "is not a private key in PEM ('-----BEGIN PRIVATE KEY-----')") from error


def _public_half(path: Path, holder: PrivateKeyTypes | x509.Certificate) -> bytes:
    """Return the public key of a private one, or of a certificate, in the one form that both have."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(path, "has a key of a kind that is not known here; use RSA or EC (P-256)") from error


def _check_dates(path: Path, certificate: x509.Certificate) -> None:
    now = dt.datetime.now(dt.UTC)
    if now > certificate.not_valid_after_utc:
        raise _bad(path, f"ended on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; make a new certificate")
    if now < certificate.not_valid_before_utc:
        since = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
        raise _bad(path, f"begins on {since} UTC only; is this machine's clock right ({now:%Y-%m-%d %H:%M})?")


def _bad(path: Path, what: str) -> BrokerError:
    return BrokerError(Reason.INVALID, f"{path}: {what}")


def name_in_certificate(certificate: Mapping[str, object] | None) -> str | None:
    """Return the common name in a peer's certificate, as ``ssl.SSLSocket.getpeercert`` gives it; None for none."""
    if not certificate:
        return None
    subject = cast("Iterable[Iterable[tuple[str, str]]]", certificate.get("subject", ()))
    return next((value for part in subject for key, value in part if key == "commonName" and value), None)


def name_in_auth_context(context: Mapping[str, object]) -> str | None:
    """Return the common name in a peer's certificate, as gRPC's ``auth_context`` gives it; None for none."""
    names = cast("Sequence[bytes]", context.get("x509_common_name") or ())
    return next((name.decode("utf-8", "replace") for name in names if name), None)
