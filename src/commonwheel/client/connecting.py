"""Connecting to a car: to a broker in this process, or to the server of one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from commonwheel.broker.broker import Broker
from commonwheel.broker.rights import Rights
from commonwheel.client.async_car import AsyncCar
from commonwheel.client.beginning import Beginning
from commonwheel.client.car import Car
from commonwheel.client.local import LocalLink
from commonwheel.client.loop import Direct, LoopThread
from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from commonwheel.client.credentials import TlsSource, TokenSource
    from commonwheel.client.remote import RemoteLink

__all__ = ["connect", "connect_async"]

TIMEOUT_S = 10.0


def connect(
    target: str | Broker = "localhost:55555",
    *,
    token: TokenSource | None = None,
    tls: TlsSource = False,
    rights: Rights | None = None,
    wait: bool | float = False,
    timeout_s: float = TIMEOUT_S,
) -> Car:
    """Connect to a car, for threads.

    Args:
        target: ``host:port``, ``[address]:port`` or ``unix:/path`` of its gRPC server; or its broker, in this process.
        token: the token, the name of a file that holds it, or a function that returns it. A file and a function are
            asked again when the token has expired.
        tls: True where the system's authorities vouch for the server, a file of those that do, or a ``ClientTls``.
        rights: what may be done at a broker in this process; None everything.
        wait: wait for a server that is not there yet: for ever (True), or so many seconds.
        timeout_s: how long a call may take; one that reads waits so long for a server that restarts.

    Raises:
        UnreachableError: nobody is there.
        BrokerError: UNAUTHENTICATED or EXPIRED; the server does not let us in.
        CommonwheelError: a file cannot be read, or what answers is another server.
    """
    if isinstance(target, Broker):
        return Car(_local(target, token, rights), Direct())
    runner = LoopThread(f"commonwheel {target}")
    try:
        return Car(runner.run(_remote(target, token, tls, None if wait is True else float(wait), timeout_s)), runner)
    except BaseException:
        runner.stop()
        raise


def connect_async(
    target: str | Broker = "localhost:55555",
    *,
    token: TokenSource | None = None,
    tls: TlsSource = False,
    rights: Rights | None = None,
    wait: bool | float = False,
    timeout_s: float = TIMEOUT_S,
) -> Beginning[AsyncCar]:
    """Connect to a car, for an event loop: await it, or use it with ``async with``.

    Arguments and errors are those of ``connect``.
    """

    async def begin() -> AsyncCar:
        if isinstance(target, Broker):
            return AsyncCar(_local(target, token, rights))
        return AsyncCar(await _remote(target, token, tls, None if wait is True else float(wait), timeout_s))

    return Beginning(begin())


def _local(broker: Broker, token: object, rights: Rights | None) -> LocalLink:
    if token is not None:
        message = "a broker in this process takes no token; give rights= where it is not to be allowed everything"
        raise CommonwheelError(message)
    return LocalLink(broker, rights or Rights.everything())


async def _remote(
    target: str, token: TokenSource | None, tls: TlsSource, wait_s: float | None, timeout_s: float
) -> RemoteLink:
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # gRPC, else, tells the terminal of a server that restarts
    from commonwheel.client.remote import RemoteLink

    link = RemoteLink(target, token, tls, timeout_s)
    try:
        await link.open(wait_s)
    except BaseException:
        await link.close()
        raise
    return link
