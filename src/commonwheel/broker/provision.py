"""A client's place as a provider: what it claims is within its rights, what it gives is checked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Stage
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.broker.actuation import Actuation
    from commonwheel.broker.checks import Checker
    from commonwheel.broker.providers import Proof, Provider
    from commonwheel.broker.session import Session
    from commonwheel.broker.updates import Updates

__all__ = ["Provision"]


class Provision:
    """Made by ``Session.provide``; may be used from any thread."""

    def __init__(
        self,
        session: Session,
        provider: Provider,
        checker: Checker,
        on_actuate: Callable[[Sequence[Actuation]], None],
    ) -> None:
        self._session = session
        self._provider = provider
        self._checker = checker
        self._on_actuate = on_actuate
        self._asked: dict[int, Actuation] = {}
        """Actuations that it was asked for and that have not ended, by number."""
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What it is called."""
        return self._provider.name

    def claim(self, signals: Sequence[str], actuators: Mapping[str, Proof | None] | None = None) -> list[int]:
        """Become the owner of what patterns select, and of actuators by path: all, or none.

        Returns the numbers of the signals whose values it gives now.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, BAD_PATTERN, FORBIDDEN, EXPIRED, ALREADY_CLAIMED, NOT_ACTUATOR, INVALID.
        """
        session = self._session
        if not signals and not actuators:
            raise BrokerError(Reason.INVALID, "a claim names no signal and no actuator")
        numbers = session.select(signals, Action.PROVIDE) if signals else []
        proofs = {session.number(path, Action.PROVIDE): proof for path, proof in (actuators or {}).items()}
        self._provider.claim(numbers, proofs, self._ask)
        return sorted(self._provider.signals)

    def _ask(self, actuations: Sequence[Actuation]) -> None:
        with self._lock:
            for number in [number for number, known in self._asked.items() if known.stage.is_final]:
                del self._asked[number]
            self._asked.update((actuation.number, actuation) for actuation in actuations)
        self._on_actuate(actuations)

    def publish(self, updates: Updates) -> None:
        """Give a batch of values of claimed signals.

        Raises:
            BrokerError: EXPIRED, NOT_CLAIMED, CLOSED; UNKNOWN_SIGNAL, WRONG_TYPE, OUT_OF_RANGE, NOT_ALLOWED or
                INVALID about the first row that is wrong. Nothing of the batch was taken then.
        """
        self._session.rights.require_valid()
        self._provider.publish(self._checker.check(updates))

    def finish(self, number: int, stage: Stage, why: str) -> None:
        """Say that an actuation it was asked for came to nothing; one that has ended meanwhile is let be.

        Raises:
            BrokerError: INVALID for a stage that is not REFUSED or FAILED.
        """
        if stage not in {Stage.REFUSED, Stage.FAILED}:
            message = f"a provider says that an actuation was refused or failed, not {stage.value}"
            raise BrokerError(Reason.INVALID, message)
        with self._lock:
            actuation = self._asked.pop(number, None)
        if actuation is not None:
            self._session.broker.finish(actuation, stage, why)

    def close(self) -> None:
        """Give everything up; closing twice does no harm."""
        self._provider.close()
