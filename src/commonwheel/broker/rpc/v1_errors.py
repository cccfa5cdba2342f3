"""What went wrong, as kuksa.val.v1 tells it inside its answers: a number as HTTP's, a reason, a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.interface import Proto, message

if TYPE_CHECKING:
    from commonwheel.broker.signals import SignalTable

__all__ = ["MOST_EXPLAINED", "PATH_LENGTH", "entry_error", "unknown_path"]

PATH_LENGTH: Final = 1000
"""Bytes of the longest path that is looked at, as KUKSA's."""

MOST_EXPLAINED: Final = 20
"""How many unknown paths of one request are told what is close to them; it takes time."""

_BAD_REQUEST: Final = (400, "bad_request")
_CODES: Final = {
    Reason.UNKNOWN_SIGNAL: (404, "not_found"),
    Reason.BAD_PATTERN: _BAD_REQUEST,
    Reason.WRONG_TYPE: (400, "type mismatch"),
    Reason.OUT_OF_RANGE: (400, "value out of min/max bounds"),
    Reason.NOT_ALLOWED: (400, "value out of allowed bounds"),
    Reason.NOT_ACTUATOR: (400, "invalid_data"),
    Reason.INVALID: _BAD_REQUEST,
    Reason.UNAUTHENTICATED: (401, "unauthorized"),
    Reason.EXPIRED: (401, "unauthorized"),
    Reason.FORBIDDEN: (403, "forbidden"),
    Reason.NO_VALUE: (404, "not_found"),
    Reason.ALREADY_CLAIMED: (409, "conflict"),
    Reason.NOT_CLAIMED: (409, "conflict"),
    Reason.LIMIT: (429, "too_many_requests"),
    Reason.PROVIDER_FAILED: (502, "bad_gateway"),
    Reason.NO_PROVIDER: (503, "service_unavailable"),
    Reason.CLOSED: (503, "service_unavailable"),
    Reason.STOPPING: (503, "service_unavailable"),
}
"""KUKSA's own numbers and reasons where it has them; for what it does not know, HTTP's."""

_OUT_OF_TYPE: Final = (400, "value out of type bounds")


def entry_error(path: str, error: BrokerError, table: SignalTable) -> Proto:
    """Return a DataEntryError about a path."""
    code, reason = _CODES[error.reason]
    if error.reason is Reason.OUT_OF_RANGE and path in table.numbers:
        leaf = table[table.numbers[path]].leaf
        if leaf.minimum is None and leaf.maximum is None:
            code, reason = _OUT_OF_TYPE
    made = message("kuksa.val.v1.DataEntryError")(path=path)
    made.error.code, made.error.reason, made.error.message = code, reason, str(error)
    return made


def unknown_path(path: str, table: SignalTable, *, explain: bool) -> BrokerError:
    """Return the error for a path that is no signal.

    Args:
        path: as the client gave it.
        table: the signals there are.
        explain: whether to name paths close to it.
    """
    if explain and len(path) <= PATH_LENGTH:
        return BrokerError(Reason.UNKNOWN_SIGNAL, table.explain(path))
    shown = path if len(path) <= PATH_LENGTH else f"{path[:40]}… ({len(path)} characters)"
    return BrokerError(Reason.UNKNOWN_SIGNAL, f"{shown!r} is not in the catalog {table.catalog.source}")
