"""A stream gives an asyncio task what other threads publish, and ends when its rights do."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from commonwheel.broker import Broker, BrokerError, Provider, Queue, Reason, Rights, Updates
from commonwheel.broker import stream as module
from commonwheel.broker.stream import Stream
from tests.broker.reference import catalog_of, leaf

WAIT_S = 30.0
ALL = Rights.everything()


def broker_of() -> tuple[Broker, Provider]:
    broker = Broker(catalog_of(*(leaf(f"S{i}") for i in range(3))))
    provider = broker.provider("a test")
    provider.claim(range(3))
    return broker, provider


def one(value: float) -> Updates:
    return Updates.build([(0, 1, value, 0, None)])


def rights_for(seconds: float) -> Rights:
    return Rights("somebody", {}, time.time_ns() + round(seconds * 1e9))


def test_a_stream_yields_what_other_threads_publish() -> None:
    broker, provider = broker_of()
    count = 2000

    def publish() -> None:
        for i in range(count):
            provider.publish(one(float(i)))

    async def read() -> list[float]:
        values: list[float] = []
        with Stream(broker, [0], ALL, initial=False, queue=Queue(10**6, 10**6)) as stream:
            thread = threading.Thread(target=publish)
            thread.start()
            async with asyncio.timeout(WAIT_S):
                async for taken in stream:
                    assert taken.batches
                    values.extend(value for part in taken.batches for value in part.value.tolist())
                    if len(values) == count:
                        break
            thread.join()
        return values

    assert asyncio.run(read()) == [float(i) for i in range(count)]
    assert broker.readers == ()


def test_many_streams_of_one_loop_all_get_every_batch() -> None:
    broker, provider = broker_of()
    count, streams = 200, 50

    async def read(stream: Stream) -> list[float]:
        values: list[float] = []
        while len(values) < count:
            taken = await stream.take()
            values.extend(value for part in taken.batches for value in part.value.tolist())
        return values

    async def run() -> list[list[float]]:
        opened = [Stream(broker, [0], ALL, initial=False) for _ in range(streams)]
        async with asyncio.timeout(WAIT_S):
            reading = asyncio.gather(*map(read, opened))
            await asyncio.to_thread(lambda: [provider.publish(one(float(i))) for i in range(count)])
            results = await reading
        for stream in opened:
            stream.close()
        return results

    assert asyncio.run(run()) == [[float(i) for i in range(count)]] * streams


def test_a_stream_begins_with_what_is_current() -> None:
    broker, provider = broker_of()
    provider.publish(one(5.0))

    async def run() -> list[float]:
        with Stream(broker, [0], ALL) as stream:
            return (await stream.take()).batches[0].value.tolist()

    assert asyncio.run(run()) == [5.0]


def test_a_stream_is_read_in_parts() -> None:
    broker, provider = broker_of()

    async def run() -> list[int]:
        with Stream(broker, [0], ALL, initial=False) as stream:
            for i in range(5):
                provider.publish(one(float(i)))
            return [len((await stream.take(2)).batches) for _ in range(3)]

    assert asyncio.run(run()) == [2, 2, 1]


def test_a_stream_ends_when_its_rights_do() -> None:
    broker, provider = broker_of()

    async def run() -> None:
        with Stream(broker, [0], rights_for(0.05)) as stream:
            await stream.take()
            provider.publish(one(1.0))
            async with asyncio.timeout(WAIT_S):
                while True:
                    await stream.take()

    with pytest.raises(BrokerError, match="the token of somebody has expired") as caught:
        asyncio.run(run())
    assert caught.value.reason is Reason.EXPIRED
    assert broker.readers == ()


def test_nothing_is_handed_out_after_the_rights_ended() -> None:
    broker, provider = broker_of()

    async def run() -> None:
        with Stream(broker, [0], rights_for(-1), initial=False) as stream:
            provider.publish(one(1.0))
            await stream.take()

    with pytest.raises(BrokerError) as caught:
        asyncio.run(run())
    assert caught.value.reason is Reason.EXPIRED


def test_a_clock_that_is_set_on_ends_the_rights_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rights end an hour from now, by a clock that then jumps by two."""
    broker, _ = broker_of()
    monkeypatch.setattr(module, "_LONGEST_WAIT_S", 0.01)
    rights = rights_for(3600)
    true_time = time.time_ns

    async def run() -> None:
        with Stream(broker, [0], rights, initial=False) as stream:
            waiting = asyncio.ensure_future(stream.take())
            await asyncio.sleep(0)
            monkeypatch.setattr(time, "time_ns", lambda: true_time() + 7200 * 10**9)
            await asyncio.wait_for(waiting, WAIT_S)

    with pytest.raises(BrokerError) as caught:
        asyncio.run(run())
    assert caught.value.reason is Reason.EXPIRED


def test_a_stream_ends_with_what_its_subscription_was_closed_with() -> None:
    broker, provider = broker_of()

    async def run() -> list[float]:
        values: list[float] = []
        with Stream(broker, [0], ALL, initial=False) as stream:
            provider.publish(one(1.0))
            broker.unsubscribe(stream.subscription, BrokerError(Reason.LIMIT, "too much"))
            async with asyncio.timeout(WAIT_S):
                values.extend((await stream.take()).batches[0].value.tolist())
                with pytest.raises(BrokerError, match="too much"):
                    await anext(stream)
        return values

    assert asyncio.run(run()) == [1.0]


def test_a_stream_whose_loop_is_closed_is_let_go() -> None:
    broker, provider = broker_of()
    loop = asyncio.new_event_loop()

    async def open_one() -> Stream:
        return Stream(broker, [0], ALL, initial=False)

    stream = loop.run_until_complete(open_one())
    loop.close()
    faults: list[BaseException] = []

    def publish() -> None:
        try:
            provider.publish(one(1.0))
        except BaseException as error:  # noqa: BLE001 - it would be lost in the thread
            faults.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    thread.join()
    assert faults == []
    assert broker.readers == ()
    assert stream.subscription.error is not None
