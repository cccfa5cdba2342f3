"""The four ways to a car."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from commonwheel.broker import Broker
from tests.client.harness import Served, Way, small_catalog, wait_for


@pytest.fixture
def broker() -> Broker:
    return Broker(small_catalog(), name="test car")


@pytest.fixture(params=["here", "here async", "remote", "remote async"])
def way(request: pytest.FixtureRequest, broker: Broker) -> Iterator[Way]:
    """A way to the broker; the test is run once for each."""
    way = Way(broker, is_remote="remote" in request.param, is_async="async" in request.param)
    yield way
    way.close()


@pytest.fixture
def served(broker: Broker) -> Iterator[Served]:
    """A server of the broker that everyone may do everything at."""
    served = Served(broker)
    yield served
    served.stop()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """What a test began has to end with it."""
    before = set(threading.enumerate())
    yield
    wait_for(lambda: not _ours(set(threading.enumerate()) - before), f"the end of {_ours(set(threading.enumerate()))}")


def _ours(threads: set[threading.Thread]) -> list[str]:
    """Return the names of threads that are not gRPC's own, which stay for the whole process."""
    return [thread.name for thread in threads if "_poll_wrapper" not in thread.name and thread.is_alive()]
