"""A broker's updates into a recorder, as they are published: nothing between them is missing, nothing comes twice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.subscription import Queue
from commonwheel.gateway.record_samples import SampleForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.broker import Broker
    from commonwheel.broker.subscription import Subscription
    from commonwheel.gateway.record_samples import SampleRecorder

__all__ = ["Listener"]

_QUEUE = Queue(batches=100_000, updates=10_000_000)
"""What there is is taken whenever the listener is woken, so these bounds are not met."""


class Listener:
    """Hands on what is published until it is closed."""

    def __init__(
        self,
        broker: Broker,
        recorder: SampleRecorder,
        signals: Sequence[int],
        *,
        initial: bool = False,
        patience_s: float = 0.0,
    ) -> None:
        """Begin.

        Args:
            broker: whose updates.
            recorder: where to.
            signals: the signals' numbers.
            initial: begin with what is known of them now.
            patience_s: how long a publisher waits for the disk: for recordings that are played, never for a bus.

        Raises:
            BrokerError: UNKNOWN_SIGNAL.
        """
        self._broker, self._recorder, self._patience_s = broker, recorder, patience_s
        self._form = SampleForm.of_table(broker.table, signals)
        self._order = threading.RLock()
        """What is taken first is recorded first, whoever takes it."""
        self._lost = 0
        self._place: Subscription | None = None
        self._place = broker.subscribe(signals, queue=_QUEUE, initial=initial, wake=self._take)
        self._take()  # what came before the place was known

    @property
    def lost(self) -> int:
        """Updates that did not even reach the recorder."""
        return self._lost

    def _take(self) -> None:
        """Hand on what there is; in the publisher's thread."""
        if self._place is None:
            return
        with self._order:
            try:
                taken = self._place.take()
            except BrokerError:  # it has ended, and everything was taken
                return
            self._lost += taken.dropped
            for updates in taken.batches:
                self._recorder.put(self._form.told(updates), patience_s=self._patience_s)

    def close(self) -> None:
        """End; what was published before is handed on."""
        if self._place is not None:
            self._broker.unsubscribe(self._place)
