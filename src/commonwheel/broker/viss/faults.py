"""What can go wrong, in the words of either version: a number, a reason and a text.

Version 2's table is that of its transport specification; version 3's has fewer numbers and reasons, which are also
all that its JSON schema lets through. The texts of version 2 that clients are known to compare are never replaced.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from commonwheel.broker.faults import Reason
from commonwheel.broker.viss.dialect import Version
from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from commonwheel.broker.faults import BrokerError

__all__ = ["Fault", "VissError", "fault_of"]


class _Row(NamedTuple):
    """One kind of fault in both versions."""

    number: int
    reason: str
    text: str
    number_3: int
    reason_3: str
    text_3: str
    fixed: bool = False
    """Whether version 2's text is said as it stands, whatever there is to add."""


class Fault(enum.Enum):
    """A kind of fault."""

    BAD_REQUEST = _Row(
        400,
        "bad_request",
        "The server is unable to fulfil the client request because the request is malformed.",
        400,
        "bad_request",
        "The request is malformed",
    )
    BAD_FILTER_TARGET = _Row(
        400,
        "filter_invalid",
        "Filter requested on non-primitive type.",
        400,
        "invalid_data",
        "Incorrect data type",
    )
    BAD_DURATION = _Row(
        400,
        "invalid_duration",
        "Time duration is invalid.",
        400,
        "bad_request",
        "Missing or invalid filter",
    )
    BAD_VALUE = _Row(
        400,
        "invalid_value",
        "The requested set value is invalid.",
        400,
        "invalid_data",
        "Data in the request is invalid",
    )
    BRANCH = _Row(
        400,
        "bad_request",
        "Requested action on a branch is not supported",
        400,
        "invalid_data",
        "Requested action on a branch is not supported",
    )
    READ_ONLY = _Row(
        401,
        "read_only",
        "The desired signal cannot be set since it is a read only signal.",
        400,
        "invalid_data",
        "Update of a sensor is not supported",
        fixed=True,
    )
    TOKEN_MISSING = _Row(
        401,
        "token_missing",
        "Access token is missing.",
        401,
        "invalid_token",
        "Access token is missing",
        fixed=True,
    )
    TOKEN_INVALID = _Row(
        401,
        "token_invalid",
        "Access token is invalid.",
        401,
        "invalid_token",
        "Access token is invalid",
        fixed=True,
    )
    TOKEN_EXPIRED = _Row(
        401,
        "token_expired",
        "Access token has expired.",
        401,
        "invalid_token",
        "Access token has expired",
        fixed=True,
    )
    FORBIDDEN = _Row(
        403,
        "user_forbidden",
        "The user is not permitted to access the requested resource. Retrying does not help.",
        403,
        "forbidden_request",
        "The server refuses to carry out the request",
    )
    UNKNOWN_PATH = _Row(
        404,
        "invalid_path",
        "The specified data path does not exist.",
        404,
        "unavailable_data",
        "Data is unknown",
        fixed=True,
    )
    NO_DATA = _Row(
        404,
        "unavailable_data",
        "The requested data was not found.",
        404,
        "unavailable_data",
        "Data temporarily unaccessible",
    )
    UNKNOWN_SUBSCRIPTION = _Row(
        404,
        "invalid_subscription_id",
        "The specified subscription was not found.",
        404,
        "unavailable_data",
        "Unknown subscription Id",
        fixed=True,
    )
    TOO_MANY = _Row(
        429,
        "too_many_requests",
        "The client has sent the server too many requests in a given amount of time.",
        429,
        "too_many_requests",
        "Rate-limiting due to too many requests",
    )
    PROVIDER = _Row(
        502,
        "bad_gateway",
        "The server was acting as a gateway or proxy and received an invalid response from an upstream server.",
        502,
        "bad_gateway",
        "The upstream server response was invalid",
    )
    UNAVAILABLE = _Row(
        503,
        "service_unavailable",
        "The server is temporarily unable to handle the request.",
        503,
        "service_unavailable",
        "The server is temporarily unable to handle the request",
    )

    def status(self, version: Version) -> int:
        """Return its number, which is the status of an HTTP response as well."""
        return self.value.number if version is Version.V2 else self.value.number_3

    def members(self, version: Version, detail: str = "") -> dict[str, object]:
        """Return the error object of a message; *detail* takes the place of the general text where that may be."""
        row = self.value
        if version is Version.V2:
            text = row.text if row.fixed or not detail else detail
            return {"number": row.number, "reason": row.reason, "message": text}
        text = row.text_3 if not detail else f"{row.text_3}: {detail}"
        return {"number": str(row.number_3), "reason": row.reason_3, "description": text}


class VissError(CommonwheelError):
    """A request is refused; ``fault`` is for programs, the message for people."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(detail or fault.value.text)
        self.fault = fault
        self.detail = detail


_FAULTS = {
    Reason.UNKNOWN_SIGNAL: Fault.UNKNOWN_PATH,
    Reason.BAD_PATTERN: Fault.BAD_REQUEST,
    Reason.WRONG_TYPE: Fault.BAD_VALUE,
    Reason.OUT_OF_RANGE: Fault.BAD_VALUE,
    Reason.NOT_ALLOWED: Fault.BAD_VALUE,
    Reason.NOT_ACTUATOR: Fault.READ_ONLY,
    Reason.NO_PROVIDER: Fault.UNAVAILABLE,
    Reason.PROVIDER_FAILED: Fault.PROVIDER,
    Reason.UNAUTHENTICATED: Fault.TOKEN_INVALID,
    Reason.EXPIRED: Fault.TOKEN_EXPIRED,
    Reason.FORBIDDEN: Fault.FORBIDDEN,
    Reason.LIMIT: Fault.TOO_MANY,
    Reason.INVALID: Fault.BAD_REQUEST,
    Reason.NO_VALUE: Fault.NO_DATA,
}


def fault_of(error: BrokerError) -> Fault:
    """Return what a broker's refusal is called here; what has no name of its own is 'unavailable'."""
    return _FAULTS.get(error.reason, Fault.UNAVAILABLE)
