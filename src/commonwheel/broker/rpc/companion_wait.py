"""Waiting in a call: for what other threads hand over, and never longer than the rights last."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from commonwheel.broker.rights import Rights

__all__ = ["poster", "within"]

T = TypeVar("T")


def poster(take_in: Callable[[T], object]) -> Callable[[T], None]:
    """Return what hands things over to *take_in*, from any thread, to be called in the loop that runs now.

    What comes after the loop's end goes nowhere: its reader is gone.
    """
    loop = asyncio.get_running_loop()

    def post(thing: T) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(take_in, thing)

    return post


async def within(rights: Rights, waiting: Coroutine[object, object, T]) -> T:
    """Wait for something, while the rights last.

    Raises:
        BrokerError: EXPIRED.
    """
    if rights.expires_ns is None:
        return await waiting
    try:
        async with asyncio.timeout(max(0.0, (rights.expires_ns - time.time_ns()) / 1e9)):
            return await waiting
    except TimeoutError:
        message = f"the token of {rights.client} has expired; get a new one"
        raise BrokerError(Reason.EXPIRED, message) from None
