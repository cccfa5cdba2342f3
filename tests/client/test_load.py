"""The client under load: nothing is lost for who keeps up, nothing is left behind by who does not close."""

from __future__ import annotations

import gc
import threading

import numpy as np

import commonwheel as cw
from commonwheel.broker import Broker
from commonwheel.client import Queue
from tests.client.harness import GEAR, PATIENCE_S, SPEED, Served, Way, wait_for

QUEUE = Queue(batches=100_000, updates=1_000_000)


def test_all_that_is_published_arrives_in_order(way: Way) -> None:
    """A provider that is quicker than the way waits, and loses nothing."""
    count, rows = 600, 20
    giver, reader = way.connect(), way.connect()
    with giver.provide(SPEED) as provided, reader.subscribe(SPEED, initial=False, queue=QUEUE) as updates:
        (number,) = provided.numbers(SPEED)
        signal, quality = np.full(rows, number, np.int32), np.zeros(rows, np.uint8)
        for start in range(0, count * rows, rows):
            values = np.arange(start, start + rows, dtype=float)
            assert provided.publish_columns(signal, values.astype(np.int64) + 1, values, quality)
        got: list[float] = []
        while len(got) < count * rows:
            batch = updates.take(PATIENCE_S)
            assert batch is not None
            assert (batch.dropped, batch.sequence) == (0, len(got))
            got += batch.value.tolist()
        assert got == list(range(count * rows))
        assert provided.lost == 0


def test_many_threads_share_one_car(served: Served) -> None:
    served.broker.publish_values({served.broker.table.number(SPEED): 1.0, served.broker.table.number(GEAR): 2})
    with cw.connect(served.target) as car:
        wrong: list[object] = []

        def work() -> None:
            for _ in range(30):
                readings = car.get_many([SPEED, GEAR])
                with car.subscribe(SPEED) as updates:
                    batch = updates.take(PATIENCE_S)
                if [reading.value for reading in readings] != [1.0, 2] or batch is None or batch.value[0] != 1.0:
                    wrong.append(readings)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(3 * PATIENCE_S)
        assert not wrong
    wait_for(lambda: not served.broker.readers)


def test_a_reader_that_is_forgotten_is_ended(broker: Broker, served: Served) -> None:
    for target in (broker, served.target):
        with cw.connect(target) as car:
            for _ in range(10):
                for batch in car.subscribe(SPEED):
                    assert len(batch) == 1
                    break
            gc.collect()
            wait_for(lambda: not broker.readers, "the end of forgotten readers")


def test_a_car_can_be_closed_while_others_wait_on_it(way: Way) -> None:
    car = way.connect()
    ended: list[object] = []
    updates = [car.subscribe(SPEED, initial=False) for _ in range(3)]
    events = car.events()
    threads = [threading.Thread(target=lambda one=one: ended.append(list(one))) for one in (*updates, events)]
    for thread in threads:
        thread.start()
    car.close()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert ended == [[]] * 4
    assert not way.broker.readers or way.is_remote
    wait_for(lambda: not way.broker.readers)
