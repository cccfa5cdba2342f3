"""What went wrong on the way to a server, as errors of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.errors import CommonwheelError, UnreachableError

if TYPE_CHECKING:
    from grpc import aio

__all__ = ["error_of", "is_expired"]

_REASON = "commonwheel-reason"
_GONE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
_WORDS = {
    grpc.StatusCode.NOT_FOUND: Reason.UNKNOWN_SIGNAL,
    grpc.StatusCode.UNAUTHENTICATED: Reason.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: Reason.FORBIDDEN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.LIMIT,
    grpc.StatusCode.INVALID_ARGUMENT: Reason.INVALID,
}


def error_of(error: aio.AioRpcError, where: str) -> CommonwheelError:
    """Return the error that a call's end is.

    Args:
        error: how gRPC tells it.
        where: the server's address.

    Returns:
        BrokerError: the car refused it. UnreachableError: there is no car to be reached, or no more. CommonwheelError:
        what answers is not Commonwheel, or failed.
    """
    reason = dict(error.trailing_metadata() or ()).get(_REASON)
    details = error.details() or error.code().name
    if isinstance(reason, str) and reason in Reason.__members__:
        return BrokerError(Reason[reason], details)
    code = error.code()
    if code is grpc.StatusCode.UNIMPLEMENTED:
        message = f"{where} answers, but does not speak commonwheel.v1.Car; is it another server?"
        return CommonwheelError(message)
    if code in _WORDS:
        return BrokerError(_WORDS[code], f"{where}: {details}")
    if code in _GONE or code is grpc.StatusCode.UNKNOWN:
        return UnreachableError(f"{where} cannot be reached: {_plain(details)}; {_remedy(details)}")
    return CommonwheelError(f"{where} failed: {details}")


def _plain(details: str) -> str:
    """Return what gRPC says, without the addresses that it says again."""
    last = details.rsplit("; last error: ", 1)[-1]
    return last.rsplit(": ", 1)[-1] if "Failed to connect" in last else last


def _remedy(details: str) -> str:
    if "handshake" in details.lower() or "ssl" in details.lower():
        return "give tls= as the server is set up"
    return "is 'commonwheel run' running there, and with TLS or without as asked for here?"


def is_expired(error: CommonwheelError) -> bool:
    """Whether another token could help."""
    return isinstance(error, BrokerError) and error.reason in {Reason.EXPIRED, Reason.UNAUTHENTICATED}
