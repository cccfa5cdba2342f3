"""The actuations under way at one broker: who asked for what, what would prove it, and until when.

No callback is ever called with a lock held. Waiting is timed by the monotonic clock.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.actuation import Actuation, Stage, Step
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.repetition import RENEWED, Memory
from commonwheel.broker.values import to_inside
from commonwheel.errors import CommonwheelError
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.broker.actuation import Terms
    from commonwheel.broker.events import EventLog
    from commonwheel.broker.providers import Proof, Provider
    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.updates import Updates
    from commonwheel.broker.values import Value

__all__ = ["MOST_PENDING", "Desk"]

_LOG = logging.getLogger(__name__)

MOST_PENDING = 1000
"""Actuations that one requester may have under way."""
GRACE_NS = 2_000_000_000
"""Who decides between requests ends them when their time is over; if it does not, that is done here, so much later."""


class Desk:
    """Every method may be called from any thread."""

    def __init__(self, table: SignalTable, events: EventLog) -> None:
        self._table, self._events = table, events
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._pending: dict[int, Actuation] = {}
        """By their numbers."""
        self._proving: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        """The signals that would prove one of them."""
        self._memory = Memory()
        self.refused = 0
        """Requests that did not become actuations."""

    @property
    def busy(self) -> bool:
        """Whether any is under way."""
        return bool(self._pending)

    def check(self, signal: int, target: Value, proof: Proof) -> None:
        """Raise a BrokerError (OUT_OF_RANGE) for a target that this car's actuator cannot be asked for."""
        if isinstance(target, int | float) and not proof.low <= target <= proof.high:
            known = self._table[signal]
            unit = f" {known.leaf.unit}" if known.leaf.unit else ""
            message = f"{known.path} can be asked for {proof.low:g}..{proof.high:g}{unit} on this car, not {target!r}"
            raise BrokerError(Reason.OUT_OF_RANGE, message, signal=signal)

    def open(
        self,
        targets: Mapping[int, Value],
        actors: Mapping[int, Provider],
        requester: str,
        on_step: Callable[[Actuation, Step], None] | None,
        terms: Terms,
    ) -> list[Actuation]:
        """Take in what one request asks for; an earlier one for the same actuator is over, but for an arbitrated one.

        Raises:
            BrokerError: LIMIT when the requester has too many under way.
        """

        def step(actuation: Actuation, step: Step) -> None:
            if self._memory.is_news(actuation, step):
                self._note(actuation, step)
            if on_step is not None:
                self._tell(on_step, actuation, step)

        with self._lock:
            mine = sum(actuation.requester == requester for actuation in self._pending.values())
            if mine + len(targets) > MOST_PENDING:
                message = f"{requester} has {mine} actuations under way; {MOST_PENDING} are the most"
                raise BrokerError(Reason.LIMIT, message)
            earlier = [
                actuation
                for actuation in self._pending.values()
                if actuation.signal in targets and (actuation.requester == requester or not actuation.proof.arbitrated)
            ]
            fresh = [
                Actuation(
                    next(self._numbers), signal, value, requester, actors[signal].actuators[signal], actors[signal],
                    terms, on_step=step,
                )
                for signal, value in targets.items()
            ]  # fmt: skip
            for actuation in fresh:
                actuation.renews = actuation.proof.arbitrated and self._memory.asked(requester, actuation.signal)
            self._pending.update((actuation.number, actuation) for actuation in fresh)
        for actuation in earlier:
            if actuation.proof.arbitrated:
                self.finish(actuation, Stage.ENDED, RENEWED)
            else:
                self.finish(actuation, Stage.FAILED, f"superseded by what {requester} asked for after it")
        for actuation in fresh:
            actuation.advance(Stage.REQUESTED)
            actuation.advance(Stage.ACCEPTED)
        return fresh

    def forward(self, actuations: Sequence[Actuation]) -> None:
        """Hand each provider what it is to do.

        Raises:
            BrokerError: PROVIDER_FAILED when one raised; the others were handed theirs all the same.
        """
        groups: dict[Provider, list[Actuation]] = {}
        for actuation in actuations:
            if actuation.provider is not None:
                groups.setdefault(actuation.provider, []).append(actuation)
        failed: BrokerError | None = None
        for provider, group in groups.items():
            with self._lock:
                for actuation in group:
                    self._proving[actuation.proof.signal] |= not actuation.proof.arbitrated
            alive = [actuation for actuation in group if actuation.advance(Stage.FORWARDED)]
            try:
                if alive and provider.on_actuate is not None:
                    provider.on_actuate(alive)
            except Exception as error:  # noqa: BLE001 - whatever it raises, the others go on
                _LOG.exception("%s failed when it was asked to act", provider.name)
                why = f"{provider.name} failed when it was asked to act: {error}"
                failed = BrokerError(Reason.PROVIDER_FAILED, why, signal=group[0].signal)
                for actuation in group:
                    self.finish(actuation, Stage.FAILED, why)
        if failed is not None:
            raise failed

    def finish(self, actuation: Actuation, stage: Stage, why: str = "") -> None:
        """End one; one that has ended is let be."""
        with self._lock:
            if self._pending.pop(actuation.number, None) is not None:
                proof = actuation.proof.signal
                self._proving[proof] = any(
                    other.proof.signal == proof and _is_forwarded(other) for other in self._pending.values()
                )
        actuation.advance(stage, why)

    def proved(self, updates: Updates) -> list[Actuation]:
        """Return those that a batch, taken in just now, proves; ``finish`` them when no lock is held."""
        if not self._proving[updates.signal].any():
            return []
        with self._lock:
            waiting = list(self._pending.values())
        return [actuation for actuation in waiting if _is_forwarded(actuation) and self._shows(updates, actuation)]

    def late(self, now_ns: int | None = None) -> list[Actuation]:
        """Return those whose time is over at *now_ns* (monotonic)."""
        now = time.monotonic_ns() if now_ns is None else now_ns
        with self._lock:
            return [a for a in self._pending.values() if now - a.started_ns > _most_ns(a)]

    def expire(self, late: Sequence[Actuation], current: Updates) -> None:
        """End late ones by what their signals show now (*current*): a car that reports changes only says nothing more
        when it is where it was asked to be."""  # noqa: D205, D209 - one thought
        for actuation in late:
            if actuation.proof.arbitrated:
                self.finish(actuation, Stage.ENDED, "its time is over")
            elif self._shows(current, actuation):
                self.finish(actuation, Stage.CONFIRMED, "it showed the target already")
            else:
                shown = self._table[actuation.proof.signal].path
                self.finish(
                    actuation, Stage.TIMED_OUT, f"{shown} did not show it within {actuation.proof.within_ns / 1e9:g} s"
                )

    def abandon(self, provider: Provider) -> None:
        """End what a provider that went away was to do."""
        with self._lock:
            lost = [actuation for actuation in self._pending.values() if actuation.provider is provider]
        for actuation in lost:
            self.finish(actuation, Stage.FAILED, f"{provider.name}, who was to do it, went away")

    def withdraw(self, requester: str, groups: Mapping[Provider, Sequence[int]]) -> None:
        """End what a requester takes back, and tell who was to do it."""
        for provider, signals in groups.items():
            with self._lock:
                own = [a for a in self._pending.values() if a.requester == requester and a.signal in signals]
            for actuation in own:
                self.finish(actuation, Stage.ENDED, "withdrawn")
            if provider.on_withdraw is not None:
                provider.on_withdraw(requester, signals)

    @contextlib.contextmanager
    def refusing(self, requester: str, path: str) -> Generator[None]:
        """Note what is refused before it becomes an actuation: no right, no number, no such actuator.

        A storm of the same is noted once a second; ``refused`` counts all.
        """
        try:
            yield
        except CommonwheelError as error:
            known = error if isinstance(error, BrokerError) else None
            reason = Reason.INVALID if known is None else known.reason
            about = path if known is None or known.signal is None else self._table[known.signal].path
            self.refused += 1
            if self._memory.is_new_refusal(requester, reason.name, about):
                named = {"signal": about} if about else {}
                self._events.add("request.refused", requester=requester, reason=reason.name, why=str(error), **named)
            raise

    def _shows(self, updates: Updates, actuation: Actuation) -> bool:
        rows = (updates.signal == actuation.proof.signal) & (updates.quality == Quality.GOOD)
        if not rows.any():
            return False
        target, item = to_inside(self._table[actuation.signal], actuation.target)
        if item is not None:
            return updates.objects is not None and any(found == item for found in updates.objects[rows].tolist())
        return bool((np.abs(updates.value[rows] - target) <= actuation.proof.tolerance).any())

    def _note(self, actuation: Actuation, step: Step) -> None:
        self._events.add(
            f"actuation.{step.stage.name.lower()}",
            number=actuation.number,
            signal=self._table[actuation.signal].path,
            target=actuation.target,
            requester=actuation.requester,
            why=step.why,
        )

    def _tell(self, on_step: Callable[[Actuation, Step], None], actuation: Actuation, step: Step) -> None:
        try:
            on_step(actuation, step)
        except Exception:  # noqa: BLE001 - it harms nobody but itself
            _LOG.exception("who asked for actuation %d failed at being told of it", actuation.number)


def _is_forwarded(actuation: Actuation) -> bool:
    return actuation.stage is Stage.FORWARDED and not actuation.proof.arbitrated


def _most_ns(actuation: Actuation) -> int:
    """Return how long an actuation may be under way."""
    if not actuation.proof.arbitrated:
        return actuation.proof.within_ns
    return (actuation.terms.valid_ns or actuation.proof.within_ns) + GRACE_NS
