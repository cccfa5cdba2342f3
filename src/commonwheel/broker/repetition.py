"""What is asked over and over: a request that is renewed twenty times a second is one story, told where it turns.

A continuous request (an acceleration, an angle) is renewed for as long as it is to go on, and each renewal is an
actuation. Noted of it are the first one's steps, and after that only what is new: another stage, or the same trouble
still there after a second. Bounded, whatever is asked by whomever. May be used from any thread.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.broker.actuation import Actuation, Step

__all__ = ["RENEWED", "Memory"]

RENEWED = "renewed"
"""Why a request has ended that goes on in the next one."""
APART_NS = 2_000_000_000
"""A request this long after the last one of the same requester is no renewal."""
AGAIN_NS = 1_000_000_000
"""The same is noted again after this time."""
MOST = 1000
"""Who asks for what is remembered of so many; then the oldest are forgotten, which only makes more to be noted."""
_TURNS = frozenset({
    Stage.REFUSED, Stage.OUTVOTED, Stage.LIMITED, Stage.CONFIRMED, Stage.TIMED_OUT, Stage.FAILED, Stage.ENDED
})  # fmt: skip
"""Stages of a renewal that may be worth a word."""


@dataclass(slots=True)
class _Story:
    asked_ns: int
    told: dict[object, int] = field(default_factory=dict[object, int])
    """When each thing was said last; there are as many as stages and reasons."""


class Memory:
    """What was asked lately, by requester and actuator."""

    def __init__(self, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic = monotonic
        self._stories: OrderedDict[tuple[str, object], _Story] = OrderedDict()
        self._lock = threading.Lock()

    def asked(self, requester: str, signal: int) -> bool:
        """Take note of a request; returns whether it renews one."""
        now = self._monotonic()
        with self._lock:
            story = self._story(requester, signal, now)
            renews = now - story.asked_ns <= APART_NS
            story.asked_ns = now
            if not renews:
                story.told.clear()
        return renews

    def is_news(self, actuation: Actuation, step: Step) -> bool:
        """Whether a step of an actuation is to be noted."""
        if not actuation.proof.arbitrated:
            return True
        if step.stage is Stage.ENDED and step.why == RENEWED:
            return False
        if actuation.renews and step.stage not in _TURNS:
            return False
        with self._lock:
            return self._is_new(actuation.requester, actuation.signal, step.stage) or not actuation.renews

    def is_new_refusal(self, requester: str, reason: str, about: str) -> bool:
        """Whether it is to be noted that something was refused."""
        with self._lock:
            return self._is_new(requester, about, reason)

    def _is_new(self, requester: str, about: object, what: object) -> bool:
        now = self._monotonic()
        story = self._story(requester, about, now)
        last = story.told.get(what)
        if last is not None and now - last < AGAIN_NS:
            return False
        story.told[what] = now
        return True

    def _story(self, requester: str, about: object, now: int) -> _Story:
        key = (requester, about)
        story = self._stories.get(key)
        if story is None:
            story = self._stories[key] = _Story(now - APART_NS - 1)
            if len(self._stories) > MOST:
                self._stories.popitem(last=False)
        else:
            self._stories.move_to_end(key)
        return story
