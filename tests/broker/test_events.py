from __future__ import annotations

import logging

import pytest

from commonwheel.broker.events import Event, EventLog


def test_the_last_events_are_kept_in_order() -> None:
    log = EventLog(depth=3)
    for i in range(5):
        log.add("thing.done", i=i)
    assert [event.facts["i"] for event in log.last()] == [2, 3, 4]
    assert [event.facts["i"] for event in log.last(2)] == [3, 4]
    assert log.last(0) == []


def test_a_listener_hears_what_comes_until_it_stops() -> None:
    log = EventLog()
    heard: list[Event] = []
    log.add("before")
    stop = log.listen(heard.append)
    log.add("during", why="because")
    stop()
    stop()
    log.add("after")
    assert [(event.kind, event.facts) for event in heard] == [("during", {"why": "because"})]


def test_a_listener_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    log = EventLog()
    heard: list[Event] = []

    def burst(_: Event) -> None:
        raise ValueError

    log.listen(burst)
    log.listen(heard.append)
    with caplog.at_level(logging.ERROR):
        log.add("thing")
    assert len(heard) == 1
    assert "a listener failed at thing" in caplog.text
