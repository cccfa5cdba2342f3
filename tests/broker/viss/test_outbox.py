"""What waits for a client: bounded, fair, and told of what was lost."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker.viss.outbox import Outbox
from tests.broker.viss.desk import run


class Reader:
    """A subscription's events, by number."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent = 0

    def compose(self, data: str, now: str, lost: int) -> str:
        assert now == "now"
        return f"{self.name}:{data}:{lost}"

    def put(self, outbox: Outbox, size: int = 0) -> None:
        outbox.event(self, str(self.sent) + "." * size, "now")
        self.sent += 1


async def everything(outbox: Outbox) -> list[str]:
    return [await outbox.take() for _ in range(len(outbox))]


def test_messages_come_in_their_order() -> None:
    async def story() -> None:
        outbox, one, two = Outbox(), Reader("a"), Reader("b")
        one.put(outbox)
        outbox.answer("x")
        two.put(outbox)
        one.put(outbox)
        assert await everything(outbox) == ["a:0:0", "x", "b:0:0", "a:1:0"]

    run(story())


def test_the_oldest_events_of_a_source_go_and_the_next_says_how_many() -> None:
    async def story() -> None:
        outbox, one, two = Outbox(most_events=2), Reader("a"), Reader("b")
        two.put(outbox)
        for _ in range(10):
            one.put(outbox)
        assert await everything(outbox) == ["b:0:0", "a:8:8", "a:9:0"]

    run(story())


def test_long_events_go_sooner_but_the_newest_stays() -> None:
    async def story() -> None:
        outbox, one = Outbox(most_characters=100), Reader("a")
        for _ in range(3):
            one.put(outbox, 45)
        one.put(outbox, 500)
        assert [text.partition(".")[0] for text in await everything(outbox)] == ["a:3"]

    run(story())


def test_a_reader_that_never_comes_costs_bounded_memory() -> None:
    async def story() -> None:
        outbox, one = Outbox(), Reader("a")
        for _ in range(20_000):
            one.put(outbox)
        assert len(outbox._waiting) < 3000
        assert len(outbox) == 200

    run(story())


def test_there_is_room_until_many_answers_wait_and_when_it_closes() -> None:
    async def story() -> None:
        outbox = Outbox()
        for i in range(100):
            outbox.answer(str(i))
        await asyncio.wait_for(outbox.room(), 5)
        outbox.answer("one too many")
        waiting = asyncio.create_task(outbox.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        for _ in range(51):
            await outbox.take()
        await asyncio.wait_for(waiting, 5)
        for i in range(100):
            outbox.answer(str(i))
        outbox.close()
        await asyncio.wait_for(outbox.room(), 5)

    run(story())


@given(st.lists(st.sampled_from(["a", "b", "answer", "take"]), max_size=200), st.integers(1, 5))
def test_nothing_is_lost_untold_and_nothing_changes_places(steps: list[str], most: int) -> None:
    async def story() -> None:
        outbox = Outbox(most_events=most)
        readers = {name: Reader(name) for name in "ab"}
        taken: list[str] = []
        answers = 0
        for step in steps:
            if step == "take":
                if len(outbox):
                    taken.append(await outbox.take())
            elif step == "answer":
                outbox.answer(f"answer:{answers}:0")
                answers += 1
            else:
                readers[step].put(outbox)
        taken += await everything(outbox)
        seen = {"a": 0, "b": 0, "answer": 0}
        for text in taken:
            name, number, lost = text.split(":")
            assert int(number) == seen[name] + int(lost)
            seen[name] = int(number) + 1
        assert seen == {"a": readers["a"].sent, "b": readers["b"].sent, "answer": answers}

    run(story())
