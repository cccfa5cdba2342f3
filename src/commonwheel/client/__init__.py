"""Commonwheel's own client: one way to a car's signals, in this process or over gRPC, with threads or an event loop.

``connect`` gives a ``Car``, ``connect_async`` an ``AsyncCar``; both have the same calls. Inside there is one
implementation, of coroutines: in this process they never wait and are run to their end at once, from afar they run in
the caller's event loop or, for a ``Car``, in a thread of their own.
"""

from __future__ import annotations

from commonwheel.broker.filters import Boundary, Change, Compare, Curvelog, Filter
from commonwheel.broker.session import SignalFacts
from commonwheel.broker.subscription import Overflow, Queue
from commonwheel.client.async_car import AsyncCar
from commonwheel.client.car import Car
from commonwheel.client.connecting import connect, connect_async
from commonwheel.client.credentials import ClientTls
from commonwheel.client.listeners import AsyncListener, Listener
from commonwheel.client.plans import Asking, Confirm, Options
from commonwheel.client.providing import AsyncProviding, Providing
from commonwheel.client.readers import AsyncReader, Reader
from commonwheel.client.readings import Batch, Reading
from commonwheel.client.requests import Outcome, Request, Stage, Step

__all__ = [
    "Asking",
    "AsyncCar",
    "AsyncListener",
    "AsyncProviding",
    "AsyncReader",
    "Batch",
    "Boundary",
    "Car",
    "Change",
    "ClientTls",
    "Compare",
    "Confirm",
    "Curvelog",
    "Filter",
    "Listener",
    "Options",
    "Outcome",
    "Overflow",
    "Providing",
    "Queue",
    "Reader",
    "Reading",
    "Request",
    "SignalFacts",
    "Stage",
    "Step",
    "connect",
    "connect_async",
]
