"""Checks that make a verdict: each holds or not, lasts before it counts, and says why.

Two thresholds keep a value at a threshold from chattering: a check that counts is judged by the easier one
(``Checks.above`` and ``below`` do so), and has to be away for its while before it is over.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.apps.library._series import Change, Lasting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.apps import Car

__all__ = ["Check", "Checks", "Finding", "Level"]


class Level(enum.IntEnum):
    """How bad something is."""

    GOOD = 0
    WARNING = 1
    ALARM = 2


@dataclass(frozen=True, slots=True)
class Check:
    """What is checked."""

    name: str
    level: Level = Level.WARNING
    lasts_s: float = 5.0
    """It has to hold so long before it counts, and to be away so long before it is over."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check began to count, or is over."""

    check: Check
    change: Change
    t_ns: int
    reason: str


class Checks:
    """All checks of an app. Each is judged by its name whenever there is something to judge it by."""

    def __init__(self, checks: Iterable[Check]) -> None:
        """Begin with all of them good."""
        self._checks = {check.name: check for check in checks}
        self._states = {check.name: Lasting(check.lasts_s) for check in self._checks.values()}
        self._reasons: dict[str, str] = {}
        self.findings: list[Finding] = []
        """What changed, until somebody takes it out."""

    def judge(self, t_ns: int, name: str, holds: bool | None, reason: str = "") -> None:  # noqa: FBT001 - as Lasting
        """Say whether something is wrong; None: nobody can say.

        Args:
            t_ns: when.
            name: of the check.
            holds: whether it is wrong.
            reason: with the values that say so.
        """
        state = self._states[name]
        if holds:
            self._reasons[name] = reason
        change = state.update(t_ns, holds)
        if change is not None:
            self.findings.append(Finding(self._checks[name], change, t_ns, self._reasons.get(name, reason)))

    def above(self, t_ns: int, name: str, value: float | None, limit: float, clear: float, reason: str) -> None:
        """Say that something is wrong above *limit*, and right again below *clear*."""
        holds = None if value is None else value > (clear if self.counts(name) else limit)
        self.judge(t_ns, name, holds, reason)

    def below(self, t_ns: int, name: str, value: float | None, limit: float, clear: float, reason: str) -> None:
        """Say that something is wrong below *limit*, and right again above *clear*."""
        holds = None if value is None else value < (clear if self.counts(name) else limit)
        self.judge(t_ns, name, holds, reason)

    def counts(self, name: str) -> bool:
        """Return whether a check counts now."""
        return self._states[name].on

    def report(self, car: Car) -> None:
        """Take the findings out, each as an event: 'warning' or 'alarm' where it began, 'over' where it is over."""
        for finding in self.findings:
            name = "over" if finding.change is Change.ENDED else finding.check.level.name.lower()
            car.report(name, check=finding.check.name, reason=finding.reason)
        self.findings.clear()

    @property
    def level(self) -> Level:
        """The worst level of what counts now."""
        return max((check.level for check in self._checks.values() if self.counts(check.name)), default=Level.GOOD)

    @property
    def reasons(self) -> list[str]:
        """Why, the worst first."""
        on = [check for check in self._checks.values() if self.counts(check.name)]
        return [self._reasons[check.name] for check in sorted(on, key=lambda check: -check.level)]
