"""Who gives which signal its value, and who makes which actuator act: one each, at a time.

Not locked: the broker holds its lock around every call.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.providers import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.broker.actuation import Actuation
    from commonwheel.broker.providers import Provider
    from commonwheel.broker.signals import SignalTable

__all__ = ["NOBODY", "Owners"]

NOBODY = 0
"""In the column of owners: anybody may give the signal a value."""


class Owners:
    """The providers that live, and what they claimed."""

    def __init__(self, table: SignalTable) -> None:
        self._table = table
        self.column: npt.NDArray[np.int32] = np.full(len(table), NOBODY, np.int32)
        """Number of each signal's owner."""
        self._numbers: dict[Provider, int] = {}
        self._count = itertools.count(1)
        self._actors: dict[int, Provider] = {}

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Those that live, in the order they came."""
        return tuple(self._numbers)

    def add(self, provider: Provider) -> None:
        """Take in a new one, which owns nothing yet."""
        self._numbers[provider] = next(self._count)

    def number(self, provider: Provider) -> int:
        """Return a provider's number in ``column``.

        Raises:
            BrokerError: CLOSED.
        """
        own = self._numbers.get(provider)
        if own is None:
            raise BrokerError(Reason.CLOSED, f"the provider {provider.name} was closed")
        return own

    def owner(self, signal: int) -> Provider | None:
        """Return who gives a signal its value; None where anybody may."""
        number = int(self.column[signal])
        return next((provider for provider, own in self._numbers.items() if own == number), None)

    def actor(self, signal: int) -> Provider | None:
        """Return who makes an actuator act; None where nobody does."""
        return self._actors.get(signal)

    def require(self, signal: int, *, need: bool) -> Provider | None:
        """Return who makes an actuator act; None where nobody does, and nobody has to.

        Args:
            signal: the actuator's number.
            need: somebody has to.

        Raises:
            BrokerError: NO_PROVIDER; somebody has to, or the car says that it cannot be asked for it, and why.
        """
        actor = self._actors.get(signal)
        if actor is not None:
            return actor
        why = next((provider.cannot[signal] for provider in self._numbers if signal in provider.cannot), "")
        if need or why:
            message = f"nobody makes {self._table[signal].path} act on this car{f': {why}' if why else ''}"
            raise BrokerError(Reason.NO_PROVIDER, message, signal=signal)
        return None

    def arbitrated(self, among: Collection[int] | None) -> dict[Provider, list[int]]:
        """Return the actuators between whose requests somebody decides, by who does; of *among*, or of all."""
        found: dict[Provider, list[int]] = {}
        for signal, provider in self._actors.items():
            if provider.actuators[signal].arbitrated and (among is None or signal in among):
                found.setdefault(provider, []).append(signal)
        return found

    def claim(
        self,
        provider: Provider,
        signals: Sequence[int],
        actuators: Mapping[int, Proof | None],
        on_actuate: Callable[[Sequence[Actuation]], None] | None,
    ) -> None:
        """See ``Provider.claim``: all, or none."""
        own = self.number(provider)
        for signal in signals:
            if self.column[signal] not in {NOBODY, own}:
                raise self.taken(signal, self.owner(signal))
        for signal in actuators:
            known = self._table[signal]
            if not known.is_actuator:
                message = f"{known.path} is a {known.leaf.kind.value}, not an actuator"
                raise BrokerError(Reason.NOT_ACTUATOR, message, signal=signal)
            if self._actors.get(signal, provider) is not provider:
                raise self.taken(signal, self._actors[signal])
        self.column[list(signals)] = own
        provider.signals.update(signals)
        for signal, proof in actuators.items():
            self._actors[signal] = provider
            provider.actuators[signal] = proof or Proof(signal)
        provider.on_actuate = on_actuate or provider.on_actuate

    def release(self, provider: Provider) -> list[int]:
        """Forget a provider and its claims; returns the signals it owned."""
        del self._numbers[provider]
        gone = sorted(provider.signals)
        self.column[gone] = NOBODY
        for signal in provider.actuators:
            self._actors.pop(signal, None)
        return gone

    def taken(self, signal: int, by: Provider | None) -> BrokerError:
        """Return the error for what another owns."""
        message = f"{self._table[signal].path} is provided by {by.name if by else 'another'} already"
        return BrokerError(Reason.ALREADY_CLAIMED, message, signal=signal)
