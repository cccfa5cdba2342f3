"""The car's side of ``bench.flight``, in a process of its own: ``python -m bench._flight``.

Prints its port, then does what each line of its input asks (JSON: ``rows`` of a batch, ``seconds``, ``readers`` to
wait for): publishes as fast as all readers keep up, ends their streams, and prints what it did as a JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker import Broker, Updates
from commonwheel.broker.access import Access
from commonwheel.broker.flight.server import FlightServer
from commonwheel.broker.limits import Limits
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import load_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.broker import Provider

SIGNALS = 101
AHEAD = 4
"""Parts of a reader's queue: the publisher goes on while less than one of them is full."""


def plain(broker: Broker) -> list[int]:
    """Return numbers of signals that hold a plain number."""
    fit = [s for s in broker.table.signals if s.leaf.datatype in {"float", "uint8", "uint16"} and not s.leaf.allowed]
    return [signal.number for signal in fit[:: len(fit) // SIGNALS][:SIGNALS]]


def batches(signals: Sequence[int], rows: int) -> list[Updates]:
    """Return a few batches to publish in turn, each with its own memory and values."""
    made: list[Updates] = []
    for turn in range(max(4, min(64, 100_000 // rows))):
        number = np.resize(np.array(signals, np.int32), rows)
        t_ns = time.time_ns() + np.arange(rows, dtype=np.int64)
        made.append(Updates(number, t_ns, np.linspace(turn, turn + 1, rows), np.zeros(rows, np.uint8)))
    return made


def publish(broker: Broker, provider: Provider, asked: dict[str, float]) -> dict[str, float]:
    """Publish as fast as the readers keep up."""
    rows, readers = int(asked["rows"]), int(asked["readers"])
    ready = batches(sorted(provider.signals), rows)
    while len(broker.readers) < readers:
        time.sleep(0.001)
    places = broker.readers
    cpu, began, published, turn = time.process_time(), time.perf_counter(), 0, 0
    while time.perf_counter() - began < asked["seconds"]:
        kept = ready[turn % len(ready)]
        # Anew for each turn: what a batch was encoded to is kept with it.
        provider.publish(Updates(kept.signal, kept.t_ns, kept.value, kept.quality))
        published += rows
        turn += 1
        while any(AHEAD * place.depth > place.queue.updates for place in places):
            time.sleep(0.000_2)
    while any(place.depth for place in places):
        time.sleep(0.000_2)
    took = time.perf_counter() - began
    facts = {"published": published, "seconds": took, "cpu": (time.process_time() - cpu) / took}
    facts["dropped"] = sum(place.dropped for place in places)
    for place in places:
        broker.unsubscribe(place)
    return facts


def main() -> None:
    """Serve until standard input ends."""
    limits = Limits(streams=1000, subscriptions=1_000_000, requests_per_second=1e9)
    broker = Broker(load_catalog())
    server = FlightServer(broker, Endpoint(), Access(limits=limits))
    print(asyncio.run(server.start()).port, flush=True)
    for line in sys.stdin:
        provider = broker.provider("bench")
        provider.claim(plain(broker))
        print(json.dumps(publish(broker, provider, json.loads(line))), flush=True)
        provider.close()
    asyncio.run(server.stop(0.5))


if __name__ == "__main__":
    main()
