"""What an app says on its way to its host: gathered, at the rates that it may say it, and sent together.

It is the sink of the engine in the app's process. The host keeps the same rates again; here what is too much costs
the least, and the app that says it can be told.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from commonwheel.apps.limits import Allowance, Rates
from commonwheel.apps.messages import (
    Asked,
    LeftOut,
    Outputs,
    Published,
    Raised,
    Reported,
    Said,
    Withdrawn,
    pack,
)
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.apps.channel import Talk
    from commonwheel.apps.messages import FromApp
    from commonwheel.apps.sink import Failure, Wish
    from commonwheel.apps.status import AppEvent, LogLine, Scalar
    from commonwheel.broker.values import Value

__all__ = ["Broken", "Outbox"]

_CROWDED_BYTES = 1 << 16
_LONGEST_TEXT = 4000
"""Characters of a line of the log."""


class Broken(BaseException):
    """A function of the app raised, and the run is over; nothing that an app catches."""


class Outbox:
    """See ``sink.Sink``."""

    def __init__(
        self,
        channel: Talk,
        rates: Rates,
        most_bytes: int,
        refuse: Callable[[int, str, object, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            channel: the way to the host.
            rates: how often the app may say what.
            most_bytes: of one message.
            refuse: told the number, path and value of a request that is beyond its rate, and why.
            clock: seconds.
        """
        self._channel, self._most = channel, most_bytes
        self._refuse = refuse
        self._clock = clock
        self._rates = rates
        self._logs = Allowance(rates.logs, clock)
        self._events = Allowance(rates.events, clock)
        self._publishes = Allowance(rates.publishes, clock)
        self._requests = Allowance(rates.requests, clock)
        self._shown: dict[str, Scalar | None] = {}
        self._shown_ns = 0
        self._next_show = 0.0
        self._packed = bytearray()
        self._next_count = clock() + 1.0
        self._broken = False

    # ---- the engine's sink ------------------------------------------------------------------------------------------

    def show(self, t_ns: int, values: Mapping[str, Scalar | None]) -> None:
        """Show outputs: what they are when it is time to tell, so that an app that shows often costs no more."""
        self._shown.update(values)
        self._shown_ns = t_ns

    def report(self, event: AppEvent) -> None:
        """Report an event."""
        if self._events.take():
            self._add(Reported(event.t_ns, event.name, dict(event.data)), f"the data of the event '{event.name}'")
            self._send()  # the function that reports may never end

    def log(self, line: LogLine) -> None:
        """Write a line."""
        if self._logs.take():
            text = line.text
            if len(text) > _LONGEST_TEXT:
                text = f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"
            self._add(Said(line.t_ns, line.level, text), "a line of the log")
            self._send()

    def publish(self, t_ns: int, values: Mapping[str, Value | None]) -> None:
        """Give values to signals."""
        if self._publishes.take(len(values)):
            self._add(Published(t_ns, dict(values)), "published values")

    def request(self, wish: Wish) -> None:
        """Ask an actuator; what moves the car does not wait for the rest of a batch."""
        if self._requests.take():
            self._add(Asked(wish.number, wish.path, wish.value, wish.terms), "a request")
            self._send()
        else:
            why = f"{self._rates.requests:g} requests a second are the most for an app"
            self._refuse(wish.number, wish.path, wish.value, why)

    def withdraw(self, t_ns: int, path: str) -> None:  # noqa: ARG002 - the host has its own time
        """Ask for nothing of an actuator any more; never beyond the rate, for less is asked by it."""
        self._add(Withdrawn(path), "a withdrawal")
        self._send()

    def failed(self, failure: Failure) -> None:
        """Tell of an error, and end the run.

        Raises:
            Broken: always.
        """
        if not self._broken:  # else it was this that a loop of coroutines came upon
            self._broken = True
            self.flush(Raised(failure.t_ns, str(failure)), last=True)
        raise Broken

    # ---- the way out ------------------------------------------------------------------------------------------------

    def _add(self, message: FromApp, what: str) -> None:
        try:
            packed = pack(message)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            text = f"{what} cannot be told: {error}"
            raise AppError(text) from error
        if len(packed) > self._most:
            text = f"{what}: {len(packed)} bytes, {self._most} are the most"
            raise AppError(text)
        self._packed += packed
        if len(self._packed) >= _CROWDED_BYTES:
            self._send()

    def _send(self) -> None:
        packed, self._packed = bytes(self._packed), bytearray()
        self._channel.send_packed(packed)

    def flush(self, *more: FromApp, last: bool = False) -> None:
        """Send what is to be told, then *more*; with *last* also outputs that would have waited."""
        now = self._clock()
        if self._shown and (last or now >= self._next_show):
            shown, self._shown = self._shown, {}
            self._next_show = now + 1.0 / self._rates.outputs
            self._packed += pack(Outputs(self._shown_ns, shown))
        if last or now >= self._next_count:
            self._next_count = now + 1.0
            counts = self._left_out()
            if counts:
                self._packed += pack(LeftOut(counts))
        for message in more:
            self._packed += pack(message)
        if self._packed:
            self._send()

    def _left_out(self) -> dict[str, int]:
        counts = {
            "log lines": self._logs.refused(),
            "events": self._events.refused(),
            "published values": self._publishes.refused(),
            "requests": self._requests.refused(),
        }
        return {kind: count for kind, count in counts.items() if count}

    @property
    def wait_s(self) -> float | None:
        """Seconds after which ``flush`` has something to send; None while it has not."""
        return max(0.0, self._next_show - self._clock()) if self._shown else None
