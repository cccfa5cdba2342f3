"""Tokens: JSON Web Tokens (RFC 7519) taken apart and put together, their claims checked; signatures are elsewhere.

The claims are those of KUKSA's: ``sub`` who it is, ``aud`` has to contain ``kuksa.val``, ``exp`` when it ends
(required), ``nbf`` and ``iat`` before which it does not count, ``scope`` what it allows. ``priority`` is our own: the
highest with which it may ask actuators that several ask, 0 without it.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from commonwheel.broker.actuation import MOST_PRIORITY
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.scopes import parse_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.broker.keys import PrivateKey
    from commonwheel.broker.scopes import Scope

__all__ = ["AUDIENCE", "LONGEST", "Claims", "Parts", "explain_token", "make_token", "read_claims", "split_token"]

AUDIENCE = "kuksa.val"
"""What a token's audience has to contain, as KUKSA's databroker asks it."""
LONGEST = 64 * 1024
"""Characters of the longest token that is looked at."""

_NS = 1_000_000_000
_LATEST_S = 253_402_300_799
"""The end of the year 9999: no token's time is later."""
_LEEWAY_S = 30
"""How far the clock of who made a token may be ahead of ours."""
_LONGEST_NAME = 200
_JWT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Parts:
    """A token taken apart, nothing of it believed yet."""

    header: Mapping[str, Any]
    payload: bytes
    signed: bytes
    """What the signature is of."""
    signature: bytes


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, checked but for whether it has ended."""

    subject: str
    scopes: tuple[Scope, ...]
    expires_ns: int
    """Nanoseconds UTC."""
    priority: int = 0
    """The highest that its requests may have."""


def split_token(token: str) -> Parts:
    """Take a token apart.

    Raises:
        BrokerError: UNAUTHENTICATED; it is no token.
    """
    if not token:
        message = "a token is needed here; send one as 'Authorization: Bearer TOKEN'"
        raise _refused(message)
    found = _JWT.fullmatch(token) if len(token) <= LONGEST else None
    if found is None:
        limit = f", longer than {LONGEST} characters" if len(token) > LONGEST else ""
        message = f"the token is not a signed JSON Web Token (three parts with dots between{limit})"
        raise _refused(message)
    header, payload, signature = (_decoded(part) for part in found.groups())
    signed = token[: found.end(2)].encode()
    return Parts(_mapping(header, "header"), payload, signed, signature)


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:  # one character too many
        message = "the token is damaged: a part of it is not base64url"
        raise _refused(message) from error


def _mapping(text: bytes, what: str) -> Mapping[str, Any]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"the token is damaged: its {what} is not JSON"
        raise _refused(message) from error
    if not isinstance(found, dict):
        message = f"the token is damaged: its {what} is not a JSON object"
        raise _refused(message)
    return cast("Mapping[str, Any]", found)


def read_claims(payload: bytes, now_ns: int, audience: str = AUDIENCE) -> Claims:
    """Read and check what a token says; its signature has been checked before, its end will be each time.

    Args:
        payload: the token's second part, decoded.
        now_ns: nanoseconds UTC.
        audience: what ``aud`` has to contain.

    Raises:
        BrokerError: UNAUTHENTICATED; says which claim is wrong.
    """
    claims = _mapping(payload, "payload")
    _check_audience(claims.get("aud"), audience)
    expires = _time(claims, "exp")
    if expires is None:
        message = "the token has no 'exp': tokens have to end"
        raise _refused(message)
    for name in ("nbf", "iat"):
        since = _time(claims, name)
        if since is not None and since > now_ns + _LEEWAY_S * _NS:
            message = f"the token does not count yet: its {name!r} is {(since - now_ns) / _NS:.0f} s ahead"
            raise _refused(message)
    scope = claims.get("scope")
    if not isinstance(scope, str):
        message = "the token has no 'scope', a text such as 'read:Vehicle.Speed'"
        raise _refused(message)
    try:
        scopes = parse_scopes(scope)
    except BrokerError as error:
        raise _refused(str(error)) from error
    return Claims(_subject(claims.get("sub")), scopes, expires, _priority(claims.get("priority", 0)))


def _priority(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) > MOST_PRIORITY:
        message = f"the token's 'priority' is {found!a:.40}; it is a whole number up to {MOST_PRIORITY}"
        raise _refused(message)
    return found


def _subject(found: object) -> str:
    if not isinstance(found, str) or not found:
        message = "the token has no 'sub' (who it is for)"
        raise _refused(message)
    if len(found) > _LONGEST_NAME or not found.isprintable():
        message = f"the token's 'sub' is not a name: at most {_LONGEST_NAME} printable characters"
        raise _refused(message)
    return found


def _check_audience(found: object, audience: str) -> None:
    listed = cast("list[object]", found) if isinstance(found, list) else [found]
    if audience not in listed:
        message = f"the token is not for this service: its 'aud' does not contain '{audience}'"
        raise _refused(message)


def _time(claims: Mapping[str, Any], name: str) -> int | None:
    """Return a claim's time in nanoseconds UTC; None when it is not there."""
    if name not in claims:
        return None
    found: object = claims[name]
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= _LATEST_S:
        message = f"the token's {name!r} is not a time in seconds since 1970"
        raise _refused(message)
    return int(found * _NS)


def _refused(message: str) -> BrokerError:
    return BrokerError(Reason.UNAUTHENTICATED, message)


def make_token(
    key: PrivateKey,
    subject: str,
    scopes: Sequence[Scope],
    *,
    issued_s: int,
    valid_s: int,
    audience: Sequence[str] = (AUDIENCE,),
    algorithm: str | None = None,
    priority: int = 0,
) -> str:
    """Make a token, signed, in the form that KUKSA's databroker takes too.

    Args:
        key: signs it.
        subject: who it is for.
        scopes: what it allows.
        issued_s: now, seconds UTC.
        valid_s: how long it counts, in seconds.
        audience: whom it may be shown to.
        algorithm: one of the key's; None: its first.
        priority: the highest that requests may have.

    Raises:
        BrokerError: INVALID; the algorithm is not the key's, or the token would not be taken.
    """
    chosen = algorithm or key.algorithms[0]
    if chosen not in key.algorithms:
        message = f"this key signs with {' or '.join(key.algorithms)}, not {chosen}"
        raise BrokerError(Reason.INVALID, message)
    from jwt import encode

    claims: dict[str, Any] = {
        "sub": subject,
        "iss": "commonwheel",
        "aud": list(audience),
        "iat": issued_s,
        "exp": issued_s + valid_s,
        "scope": " ".join(map(str, scopes)),
        **({"priority": priority} if priority else {}),
    }
    try:
        for each in audience:
            read_claims(json.dumps(claims).encode(), issued_s * _NS, each)
    except BrokerError as error:
        raise BrokerError(Reason.INVALID, str(error)) from error
    return encode(claims, cast("Any", key.key), chosen, headers={"kid": key.kid})


def explain_token(token: str, now_ns: int) -> dict[str, Any]:
    """Return what a token says of itself, believing nothing, and in ``faults`` what is wrong with it.

    Raises:
        BrokerError: UNAUTHENTICATED; it is no token.
    """
    parts = split_token(token)
    claims = _mapping(parts.payload, "payload")
    facts: dict[str, Any] = {
        "algorithm": parts.header.get("alg"),
        "key": parts.header.get("kid"),
        "subject": claims.get("sub"),
        "issuer": claims.get("iss"),
        "audience": claims.get("aud"),
        "priority": claims.get("priority"),
    }
    facts |= {
        name: _moment(claims.get(claim)) for name, claim in (("issued", "iat"), ("since", "nbf"), ("ends", "exp"))
    }
    facts["scopes"] = str(claims.get("scope", "")).split()
    faults: list[str] = []
    try:
        checked = read_claims(parts.payload, now_ns)
        if checked.expires_ns <= now_ns:
            faults.append("it has ended")
    except BrokerError as error:
        faults.append(str(error))
    return {name: value for name, value in facts.items() if value is not None} | {"faults": faults}


def _moment(found: object) -> object:
    """Return a claim's time for people; itself when it is none."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= _LATEST_S:
        return found
    return f"{datetime.fromtimestamp(found, UTC):%Y-%m-%d %H:%M:%S} UTC"
