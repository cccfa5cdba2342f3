"""Providers: who gives values to signals, and who makes actuators act. A signal has one owner at a time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import to_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.broker.actuation import Actuation
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.offers import Offer

__all__ = ["Proof", "Provider"]

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves that an actuator did what was asked, and what may be asked of it."""

    signal: int
    """The signal that shows it; by default the actuator's own."""
    within_ns: int = 5 * SECOND
    tolerance: float = 0.0
    """How far its value may be from the target."""
    low: float = -math.inf
    high: float = math.inf
    """Between which targets this car's actuator can be asked for; narrower than the standard's range, if at all."""
    arbitrated: bool = False
    """Several may ask at once: who makes it act decides between them, and says how each goes on. ``within_ns`` is then
    for how long a request is valid that does not say it."""


@dataclass(eq=False)
class Provider:
    """A program (or a gateway, or a twin) that owns signals. Made by ``Broker.provider``; ``close`` it at its end."""

    broker: Broker
    name: str
    signals: set[int] = field(default_factory=set[int])
    """Numbers of the signals whose values it gives."""
    actuators: dict[int, Proof] = field(default_factory=dict[int, Proof])
    """The actuators it makes act, and what proves it."""
    on_actuate: Callable[[Sequence[Actuation]], None] | None = None
    """Called with the actuations of one request, in the thread that asks; it must not wait."""
    on_withdraw: Callable[[str, Sequence[int]], None] | None = None
    """Called with who takes back what it asked of arbitrated actuators, and their numbers; it must not wait."""
    offers: dict[int, Offer] = field(default_factory=dict[int, "Offer"])
    """What it says about signals it gives, by number; for readers who want to know how far to trust them."""
    cannot: dict[int, str] = field(default_factory=dict[int, str])
    """Actuators that the car cannot be asked for as long as nobody makes them act, by number, and why."""
    closed: bool = False

    def claim(
        self,
        signals: Sequence[int] = (),
        actuators: Mapping[int, Proof | None] | None = None,
        on_actuate: Callable[[Sequence[Actuation]], None] | None = None,
    ) -> None:
        """Become the owner of signals and actuators; all or none.

        Raises:
            BrokerError: ALREADY_CLAIMED by another, NOT_ACTUATOR, or CLOSED.
        """
        self.broker.claim(self, signals, actuators or {}, on_actuate)

    def publish(self, updates: Updates) -> None:
        """Give a batch of values that need no check (a decoder made them), of claimed signals only.

        Raises:
            BrokerError: NOT_CLAIMED, CLOSED.
        """
        self.broker.publish(updates, self)

    def publish_values(self, values: Mapping[int, object], t_ns: int | None = None) -> dict[int, BrokerError]:
        """Give checked values by signal number; returns the errors of those that were refused.

        A value of None makes the signal INVALID: the provider has none.
        """
        return self.broker.publish_values(values, self, t_ns)

    def close(self) -> None:
        """Give everything up: its signals become STALE, its pending actuations fail."""
        self.broker.release(self)


def rows_of(broker: Broker, values: Mapping[int, object], t_ns: int | None) -> tuple[Updates, dict[int, BrokerError]]:
    """Return checked values as a batch, and the errors of the others."""
    now = time.time_ns() if t_ns is None else t_ns
    table = broker.table
    rows: list[tuple[int, int, float, int, object]] = []
    faults: dict[int, BrokerError] = {}
    for number, value in values.items():
        try:
            signal = table[number]
            if value is None:
                rows.append((number, now, np.nan, Quality.INVALID, None))
            else:
                inside, item = to_inside(signal, value)
                rows.append((number, now, inside, 0, item))
        except BrokerError as error:
            faults[number] = error
    return Updates.build(rows), faults
