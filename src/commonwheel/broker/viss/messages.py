"""Messages as they go out: JSON texts put together from fragments, pure ASCII.

A fragment is a piece of JSON that is written once and sent to many: the data of an event is the same for every
subscriber, only the frame around it differs.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from commonwheel.broker.viss.clock import stamp
from commonwheel.broker.viss.dialect import Version

if TYPE_CHECKING:
    from commonwheel.broker.viss.faults import VissError

__all__ = ["error_event", "error_fragment", "error_reply", "event", "event_head", "reply", "to_json_text"]


def to_json_text(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value, separators=(",", ":"))


def _now(t_ns: int | None = None) -> str:
    return f'"ts":"{stamp(time.time_ns() if t_ns is None else t_ns)}"'


def _identity(request_id: str | int | None, version: Version) -> str:
    if request_id is None:
        return ""
    written = str(request_id) if version is Version.V3 else request_id  # version 3's schema knows texts only
    return f'"requestId":{json.dumps(written)},'


def reply(action: str, request_id: str | int | None, fragment: str, version: Version) -> str:
    """Return the answer to a request.

    Args:
        action: what was asked.
        request_id: the request's; None for none.
        fragment: members of the answer, ``"data":…``; empty for none.
        version: of VISS.
    """
    body = f"{fragment}," if fragment else ""
    return f'{{"action":"{action}",{_identity(request_id, version)}{body}{_now()}}}'


def error_fragment(error: VissError, version: Version) -> str:
    """Return the member that says what is wrong."""
    return f'"error":{to_json_text(error.fault.members(version, error.detail))}'


def error_reply(
    action: str | None, request_id: str | int | None, error: VissError, version: Version, extra: str = ""
) -> str:
    """Return the answer to a request that is refused.

    Where the action is not known, version 2 leaves it out; version 3, whose schema wants one, says 'get'.

    Args:
        action: what was asked, as far as it is known.
        request_id: the request's; None for none.
        error: why.
        version: of VISS.
        extra: further members.
    """
    name = action or ("get" if version is Version.V3 else "")
    shown = f'"action":"{name}",' if name else ""
    more = f"{extra}," if extra else ""
    return f"{{{shown}{_identity(request_id, version)}{more}{error_fragment(error, version)},{_now()}}}"


def event_head(subscription: str) -> str:
    """Return how all events of a subscription begin."""
    return f'{{"action":"subscription","subscriptionId":{json.dumps(subscription)},'


def event(head: str, data: str, now: str, dropped: int = 0) -> str:
    """Return an event.

    Args:
        head: how it begins.
        data: the fragment of its data.
        now: its time, written.
        dropped: events that this subscriber lost since the one before, because it reads too slowly.
    """
    lost = f'"dropped":"{dropped}",' if dropped else ""
    return f'{head}{lost}"data":{data},"ts":"{now}"}}'


def error_event(head: str, error: VissError, version: Version) -> str:
    """Return an event that says what is wrong: the last of a subscription, or that nothing comes for now."""
    return f"{head}{error_fragment(error, version)},{_now()}}}"
