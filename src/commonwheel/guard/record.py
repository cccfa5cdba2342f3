"""What the guard has said and nobody has fetched yet: transitions, and of verdicts those that differ from the last."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.guard.verdict import Outcome, Rule, Transition, Verdict

__all__ = ["Record"]

_MOST = 4096
"""Entries that are kept, and subjects that are told apart."""


class Record:
    """Bounded: whoever does not fetch loses the oldest, and learns how many."""

    def __init__(self) -> None:
        self._said: deque[Verdict | Transition] = deque(maxlen=_MOST)
        self._last: dict[str, tuple[Outcome, Rule]] = {}
        self.lost = 0
        """Entries that nobody has fetched in time."""

    def verdict(self, verdict: Verdict) -> Verdict:
        """Put down a verdict if it says something new of its subject."""
        said = verdict.outcome, verdict.rule
        if self._last.get(verdict.subject) != said:
            if len(self._last) >= _MOST:
                self._last.clear()
            self._last[verdict.subject] = said
            self._put(verdict)
        return verdict

    def transition(self, transition: Transition) -> None:
        """Put down a transition."""
        self._put(transition)

    def drain(self) -> list[Verdict | Transition]:
        """Return what was put down since the last call."""
        said = list(self._said)
        self._said.clear()
        return said

    def _put(self, entry: Verdict | Transition) -> None:
        self.lost += len(self._said) == _MOST
        self._said.append(entry)
