"""Why an address cannot be listened on, in words for people; asked of the system before a library is.

Libraries say it in their own words, on standard error, or not at all.
"""

from __future__ import annotations

import errno
import socket
import sys
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from commonwheel.broker.serving import Endpoint

__all__ = ["bound", "not_listening", "remedy", "require_free"]

_OF_THE_PORT = frozenset({errno.EADDRINUSE, errno.EACCES, errno.EPERM})


def bound(endpoint: Endpoint) -> socket.socket:
    """Return a socket that has an address, and does not listen yet.

    Raises:
        BrokerError: INVALID; the address cannot be had. Says why.
    """
    if not 0 <= endpoint.port < 2**16:  # the resolver would take it modulo
        message = f"cannot listen on {endpoint}: ports are 0 to {2**16 - 1}"
        raise BrokerError(Reason.INVALID, message)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            endpoint.host,
            endpoint.port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_PASSIVE,
        )[0]
        # With the protocol named, asyncio sends small messages at once (TCP_NODELAY): else they wait for 40 ms.
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise not_listening(endpoint, error) from error
    try:
        if sys.platform != "win32":  # what was served there a moment ago does not count; on Windows it means more
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        raise not_listening(endpoint, error) from error
    return found


def require_free(endpoint: Endpoint) -> None:
    """Return when an address can be listened on.

    Raises:
        BrokerError: INVALID; it cannot. Says why.
    """
    if not endpoint.is_unix:
        bound(endpoint).close()


def not_listening(endpoint: Endpoint, error: OSError) -> BrokerError:
    """Return what to raise (from *error*) where an address cannot be listened on."""
    if isinstance(error, socket.gaierror):
        why = f"'{endpoint.host}' is not known here"
    else:
        why = {
            errno.EADDRINUSE: "another program listens there",
            errno.EADDRNOTAVAIL: f"{endpoint.host} is no address of this machine",
            errno.EACCES: "this user may not",
            errno.EPERM: "this user may not",
        }.get(error.errno or 0, error.strerror or str(error))
    return BrokerError(Reason.INVALID, f"cannot listen on {endpoint}: {why}")


def remedy(error: BrokerError, port: str, host: str) -> str:
    """Return what to change, to be put after an error of a start: a port's option, a host's, or '' when neither."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        if not isinstance(cause, socket.gaierror) and cause.errno in _OF_THE_PORT:
            return f"; choose another port with {port} (0: any free one)"
        return f"; give an address of this machine with {host}"
    return ""
