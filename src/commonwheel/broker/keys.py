"""Keys that tokens are signed with: which algorithms a key is for, reading public and private ones, making new ones.

The key decides the algorithm, never the token: so no token can have its signature checked by another method.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

__all__ = ["ALGORITHMS", "PrivateKey", "PublicKey", "make_key", "private_key", "public_keys", "write_new"]

ALGORITHMS = ("EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
"""What tokens may be signed with, by JOSE's names (RFC 7518, RFC 8037)."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_LEAST_RSA_BITS = 2048
_NEW_RSA_BITS = 3072
_SUFFIXES = {".pem", ".pub", ".crt", ".cer"}


@dataclass(frozen=True, slots=True, eq=False)
class PublicKey:
    """A key that checks signatures."""

    kid: str
    """Its name: the file's, without suffixes."""
    algorithms: tuple[str, ...]
    """What it can check, by JOSE's names."""
    key: PublicKeyTypes


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKey:
    """A key that signs."""

    kid: str
    algorithms: tuple[str, ...]
    """What it can sign with; the first is what it does without being told."""
    key: PrivateKeyTypes

    def public_pem(self) -> bytes:
        """Return the public half, PEM."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def private_pem(self) -> bytes:
        """Return it, PEM, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_keys(paths: Iterable[Path]) -> tuple[PublicKey, ...]:
    """Read public keys: PEM files (keys or certificates), or folders of them (``.pem .pub .crt .cer``).

    Private keys in a folder are passed over, as ``commonwheel token keys`` puts both in one.

    Raises:
        BrokerError: INVALID; says which file, and what to give.
    """
    keys: list[PublicKey] = []
    for path in paths:
        if path.is_dir():
            files = [file for file in sorted(path.iterdir()) if file.suffix in _SUFFIXES and file.is_file()]
            found = [_public(file, text) for file in files if b" PRIVATE KEY-" not in (text := _read(file))]
            if not found:
                raise _bad(path, f"holds no public key ({', '.join(sorted(_SUFFIXES))})")
            keys += found
        else:
            keys.append(_public(path, _read(path)))
    return tuple(keys)


def _public(path: Path, pem: bytes) -> PublicKey:
    if b" PRIVATE KEY-" in pem:
        raise _bad(path, "is a private key, which a server has no need of; give the public one (.pub.pem)")
    try:
        if b"-BEGIN CERTIFICATE-" in pem:
            key: PublicKeyTypes = x509.load_pem_x509_certificate(pem).public_key()
        else:
            key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise _bad(path, "is not a public key in PEM ('-----BEGIN PUBLIC KEY-----')") from error
    return PublicKey(path.name.partition(".")[0], _algorithms(path, key), key)


def private_key(path: Path) -> PrivateKey:
    """Read a private key, PEM, not encrypted.

    Raises:
        BrokerError: INVALID; says what is wrong with the file.
    """
    pem = _read(path)
    if b"-BEGIN PUBLIC KEY-" in pem:
        raise _bad(path, "is a public key; only the private one signs")
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise _bad(path, "is encrypted; decrypt it first (openssl pkey -in …)") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(path, "is not a private key in PEM ('-----BEGIN PRIVATE KEY-----')") from error
    return PrivateKey(path.name.partition(".")[0], _algorithms(path, key.public_key()), key)


def _algorithms(path: Path, key: PublicKeyTypes) -> tuple[str, ...]:
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return ("EdDSA",)
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _LEAST_RSA_BITS:
            raise _bad(path, f"is an RSA key of {key.key_size} bits; {_LEAST_RSA_BITS} are the least")
        return _RSA
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return (_CURVES[key.curve.name],)
    kind = f"on the curve {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else "of another kind"
    raise _bad(path, f"is a key {kind}; usable are RSA, EC (P-256, P-384, P-521) and Ed25519")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror or error})") from error


def _bad(path: Path, what: str) -> BrokerError:
    return BrokerError(Reason.INVALID, f"{path}: {what}")


def make_key(kid: str, algorithm: str = "EdDSA") -> PrivateKey:
    """Make a new key for one of ``ALGORITHMS``.

    Raises:
        BrokerError: INVALID; the algorithm is none of them.
    """
    if algorithm == "EdDSA":
        return PrivateKey(kid, ("EdDSA",), ed25519.Ed25519PrivateKey.generate())
    if algorithm in _RSA:
        others = tuple(name for name in _RSA if name != algorithm)
        return PrivateKey(kid, (algorithm, *others), rsa.generate_private_key(65537, _NEW_RSA_BITS))
    curves: dict[str, type[ec.EllipticCurve]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
    if algorithm not in curves:
        message = f"keys can be made for {', '.join(ALGORITHMS)}, not for {algorithm!a:.20}"
        raise BrokerError(Reason.INVALID, message)
    return PrivateKey(kid, (algorithm,), ec.generate_private_key(curves[algorithm]()))


def write_new(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file that is not there yet; a private one only its owner can read, from its first instant on.

    Raises:
        OutputError: it is there already, or cannot be written.
    """
    if os.path.lexists(path):
        message = f"{path} is there already; remove it, or write to another folder"
        raise OutputError(message)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if private else 0o644
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror or error})"
        raise OutputError(message) from error
