"""Turns tokens into rights: one checker for every interface. What was verified once is remembered until it ends."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, cast

from jwt import get_algorithm_by_name

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.keys import public_keys
from commonwheel.broker.rights import Rights
from commonwheel.broker.tokens import AUDIENCE, read_claims, split_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from commonwheel.broker.keys import PublicKey
    from commonwheel.broker.tokens import Parts

__all__ = ["JwtAuthority"]

_REMEMBERED = 256
"""Tokens whose rights are kept; a car has fewer clients at once."""


class JwtAuthority:
    """Believes tokens that one of its keys has signed. May be used from any thread."""

    def __init__(self, keys: Sequence[PublicKey], *, audience: str = AUDIENCE) -> None:
        """Make one of public keys; see ``from_files``.

        Raises:
            BrokerError: INVALID; there is no key.
        """
        if not keys:
            raise BrokerError(Reason.INVALID, "authorization needs a public key that tokens are checked with")
        self._keys = tuple(keys)
        self._audience = audience
        self._known: OrderedDict[str, Rights] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def from_files(cls, paths: Iterable[Path], *, audience: str = AUDIENCE) -> JwtAuthority:
        """Make one of PEM files, or folders of them.

        Raises:
            BrokerError: INVALID; says which file, and what is wrong with it.
        """
        return cls(public_keys(paths), audience=audience)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What tokens may be signed with, by its keys."""
        return tuple(dict.fromkeys(name for key in self._keys for name in key.algorithms))

    def verify(self, token: str) -> Rights:
        """Return the rights of a token.

        Raises:
            BrokerError: UNAUTHENTICATED; says what is wrong with it. EXPIRED; it is right, but has ended.
        """
        with self._lock:
            rights = self._known.get(token)
            if rights is not None:
                self._known.move_to_end(token)
        if rights is None:
            rights = self._check(token)
            if not rights.expired():
                self._remember(token, rights)
        elif rights.expired():
            with self._lock:
                self._known.pop(token, None)
        rights.require_valid()
        return rights

    def _remember(self, token: str, rights: Rights) -> None:
        with self._lock:
            self._known[token] = rights
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def _check(self, token: str) -> Rights:
        parts = split_token(token)
        self._check_signature(parts)
        claims = read_claims(parts.payload, time.time_ns(), self._audience)
        return Rights.of(claims.subject, claims.scopes, claims.expires_ns, priority=claims.priority)

    def _check_signature(self, parts: Parts) -> None:
        name = parts.header.get("alg")
        if not isinstance(name, str) or name not in self.algorithms:
            message = f"tokens have to be signed with {', '.join(self.algorithms)}; this one says {name!a:.20}"
            raise BrokerError(Reason.UNAUTHENTICATED, message)
        if "crit" in parts.header or parts.header.get("b64") is False:
            message = "the token asks for an extension of its format that is not known here ('crit')"
            raise BrokerError(Reason.UNAUTHENTICATED, message)
        if not any(_signed(name, key, parts) for key in self._candidates(name, parts.header.get("kid"))):
            message = "the token was not signed by a key that is known here, or was changed afterwards"
            raise BrokerError(Reason.UNAUTHENTICATED, message)

    def _candidates(self, algorithm: str, kid: object) -> list[PublicKey]:
        """Return the keys for an algorithm: the one that the token names, or all of them when it names none of ours."""
        keys = [key for key in self._keys if algorithm in key.algorithms]
        return [key for key in keys if key.kid == kid] or keys


def _signed(algorithm: str, key: PublicKey, parts: Parts) -> bool:
    return get_algorithm_by_name(algorithm).verify(parts.signed, cast("Any", key.key), parts.signature)
