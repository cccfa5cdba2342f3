"""Actuations from both ends: how what you asked for went, and what a provider is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Stage, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.broker.values import Value

__all__ = ["Outcome", "Request", "Stage", "Step"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far an actuation has come. It is true when the car proved that it reached the value."""

    path: str
    value: object
    """What was asked."""
    steps: tuple[Step, ...]
    """Its life so far, each with its time and, where it ended badly, why."""

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self.steps[-1].stage if self.steps else Stage.REQUESTED

    @property
    def why(self) -> str:
        """Why it went no further; '' where there is nothing to say."""
        return self.steps[-1].why if self.steps else ""

    @property
    def confirmed(self) -> bool:
        """Whether the signal that proves it has shown it."""
        return self.stage is Stage.CONFIRMED

    def __bool__(self) -> bool:
        return self.confirmed


@dataclass(frozen=True, slots=True)
class Request:
    """What a provider is asked to do. Publish the value when it is done; that confirms it."""

    path: str
    value: Value
    requester: str
    """Who asks."""
    number: int
    """Counts the broker's actuations, from 1."""
    _finish: Callable[[Stage, str], None]

    def refuse(self, why: str) -> None:
        """Say that it will not be done."""
        self._finish(Stage.REFUSED, why)

    def fail(self, why: str) -> None:
        """Say that it could not be done."""
        self._finish(Stage.FAILED, why)
