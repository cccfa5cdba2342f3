"""Certificates for development: an authority of one's own, and what it signs for servers and clients."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.keys import write_new

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Issuer", "Pair"]

_EARLIER = dt.timedelta(minutes=5)
"""Certificates begin a little before they are made, for clocks that are behind."""
_LONGEST_NAME = 64
"""Characters of a common name (RFC 5280)."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write ``<name>.pem`` and ``<name>.key.pem`` (which only its owner can read); returns their paths.

        Raises:
            OutputError: one is there already, or cannot be written.
        """
        paths = folder / f"{name}.pem", folder / f"{name}.key.pem"
        write_new(
            paths[1],
            self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            private=True,
        )
        write_new(paths[0], self.certificate.public_bytes(Encoding.PEM))
        return paths


@dataclass(frozen=True, slots=True, eq=False)
class Issuer:
    """An authority that signs certificates for development; whoever trusts it trusts all of them."""

    pair: Pair

    @classmethod
    def new(cls, name: str, valid: dt.timedelta) -> Issuer:
        """Make a new authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        usage = _usage(sign_certificates=True)
        builder = _builder(subject, key, subject, valid)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        return cls(Pair(certificate, key))

    @classmethod
    def read(cls, certificate: Path, key: Path) -> Issuer:
        """Read one that was written before.

        Raises:
            BrokerError: INVALID; the files are not what they should be.
        """
        try:
            found = x509.load_pem_x509_certificate(certificate.read_bytes())
            private = load_pem_private_key(key.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            message = f"{certificate} and {key} are not a certificate and its key ({error}); remove them to start anew"
            raise BrokerError(Reason.INVALID, message) from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != found.public_key():
            message = f"{key} is not the key of {certificate}; remove both to start anew"
            raise BrokerError(Reason.INVALID, message)
        return cls(Pair(found, private))

    def server(self, hosts: Sequence[str], valid: dt.timedelta) -> Pair:
        """Sign a certificate for a server that is reached by these names and addresses.

        Raises:
            BrokerError: INVALID; one is neither a name nor an address.
        """
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        return self._sign(hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, valid, names)

    def client(self, name: str, valid: dt.timedelta) -> Pair:
        """Sign a certificate for a client, which the server then calls by this name.

        Raises:
            BrokerError: INVALID; it is not a name.
        """
        return self._sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, valid, None)

    def _sign(
        self,
        name: str,
        purpose: x509.ObjectIdentifier,
        valid: dt.timedelta,
        names: x509.SubjectAlternativeName | None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        signer = self.pair.certificate
        builder = _builder(_name(name), key, signer.subject, valid)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(sign_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.pair.key.public_key())
        builder = builder.add_extension(by, critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return Pair(builder.sign(self.pair.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, valid: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _EARLIER).not_valid_after(now + valid)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.Name:
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        message = f"{name!a:.80} is no name for a certificate: 1 to {_LONGEST_NAME} printable characters"
        raise BrokerError(Reason.INVALID, message)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as error:
        message = f"{host!a:.80} is neither a host's name nor an address; write other scripts in punycode (xn--…)"
        raise BrokerError(Reason.INVALID, message) from error
