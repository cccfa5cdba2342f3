"""A message of a client, read strictly: JSON, its action, its members, nothing twice.

What can be read of a message that is wrong (its action, its requestId) is kept for the answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeAlias, cast

from commonwheel.broker.viss.dialect import Version
from commonwheel.broker.viss.faults import Fault, VissError
from commonwheel.broker.viss.filters import (
    Capabilities,
    Dynamic,
    Filters,
    History,
    Metadata,
    read_filters,
)
from commonwheel.broker.viss.paths import normal_path

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ACTIONS",
    "Get",
    "Head",
    "Request",
    "Set",
    "Subscribe",
    "Unsubscribe",
    "load_json",
    "read_head",
    "read_request",
]

ACTIONS = ("get", "set", "subscribe", "unsubscribe")
_LONGEST_ID = 1000
_ON_REQUEST = History | Metadata | Dynamic | Capabilities
"""Filters that belong to a get; all others to a subscribe."""


@dataclass(frozen=True, slots=True)
class Get:
    """Ask for values, or for what is known of signals."""

    path: str
    filters: Filters


@dataclass(frozen=True, slots=True)
class Set:
    """Ask that an actuator reach a value."""

    path: str
    value: object


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask for events."""

    path: str
    filters: Filters


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Ask for no more events."""

    subscription: str


Request: TypeAlias = Get | Set | Subscribe | Unsubscribe


@dataclass(frozen=True, slots=True)
class Head:
    """What every message has, as far as it could be read."""

    action: str | None = None
    """One of ``ACTIONS``; None when there is none that is known."""
    request_id: str | int | None = None
    token: str | None = None
    members: Mapping[str, object] | None = None
    error: VissError | None = None
    """Why it cannot be read."""


def load_json(text: str) -> object:
    """Return what a JSON text says.

    Raises:
        VissError: BAD_REQUEST; it is none, names a member twice, or is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_constant)
    except RecursionError:
        raise VissError(Fault.BAD_REQUEST, "The request is nested too deeply") from None
    except ValueError as error:  # its text would repeat the client's own
        where = f" (character {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
        raise VissError(Fault.BAD_REQUEST, f"The request is not JSON{where}") from None


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise VissError(Fault.BAD_REQUEST, "The request names a member twice")
    return found


def _constant(name: str) -> NoReturn:
    raise VissError(Fault.BAD_REQUEST, f"{name} is not JSON")


def read_head(text: str, version: Version) -> Head:
    """Read what every message has; never raises: what is wrong is said in ``error``."""
    try:
        found = load_json(text)
    except VissError as error:
        return Head(error=error)
    if not isinstance(found, dict):
        return Head(error=VissError(Fault.BAD_REQUEST, "The request is not a JSON object"))
    members = cast("Mapping[str, object]", found)
    action = members.get("action")
    known = action if isinstance(action, str) and action in ACTIONS else None
    identity = members.get("requestId")
    token = members.get("authorization")
    fault = None
    if known is None:
        fault = f"Missing or invalid action: it has to be one of {', '.join(ACTIONS)}, not {action!r:.40}"
    elif not _is_id(identity) and not (identity is None and version is Version.V3):
        fault = f"Missing or invalid requestId: it has to be a text, not {identity!r:.40}"
    elif token is not None and not isinstance(token, str):
        fault = "Invalid authorization: it has to be a text"
    return Head(
        known,
        cast("str | int | None", identity if _is_id(identity) else None),
        token if isinstance(token, str) else None,
        members,
        None if fault is None else VissError(Fault.BAD_REQUEST, fault),
    )


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_ID
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def read_request(action: str, members: Mapping[str, object], version: Version) -> Request:
    """Read what an action asks for.

    Raises:
        VissError: BAD_REQUEST, BAD_DURATION, BAD_VALUE; says which member.
    """
    if action == "unsubscribe":
        return _unsubscribe(members)
    path = normal_path(members.get("path"))
    if action == "set":
        if "filter" in members:
            raise VissError(Fault.BAD_REQUEST, "Missing or invalid filter: a set takes none")
        if "value" not in members:
            raise VissError(Fault.BAD_REQUEST, "Missing or invalid value")
        return Set(path, members["value"])
    if "filter" in members and members["filter"] is None:
        raise VissError(Fault.BAD_REQUEST, "Missing or invalid filter: null is none")
    filters = read_filters(members.get("filter"), version)
    wrong = "Incorrect filter: it belongs to a {}, not to a {}"
    if action == "get":
        if filters.other is not None and not isinstance(filters.other, _ON_REQUEST):
            raise VissError(Fault.BAD_REQUEST, wrong.format("subscribe", "get"))
        return Get(path, filters)
    if isinstance(filters.other, _ON_REQUEST):
        raise VissError(Fault.BAD_REQUEST, wrong.format("get", "subscribe"))
    if version is Version.V3 and filters == Filters():
        raise VissError(Fault.BAD_REQUEST, "Missing or invalid filter: a subscribe needs one")
    return Subscribe(path, filters)


def _unsubscribe(members: Mapping[str, object]) -> Unsubscribe:
    found = members.get("subscriptionId")
    if not isinstance(found, str):
        message = f"Missing or invalid subscriptionId: it has to be a text, not {found!r:.40}"
        raise VissError(Fault.BAD_REQUEST, message)
    return Unsubscribe(found)
