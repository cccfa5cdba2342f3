"""Conditions over GOOD values: when one begins to hold, and has held long enough, a function is called, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps.calls import is_of_app
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.apps.app import Handler
    from commonwheel.apps.calls import Calls
    from commonwheel.apps.clock import Clock, Timer
    from commonwheel.apps.slots import Slot

__all__ = ["Condition"]

_GOOD = int(Quality.GOOD)


class Condition:
    """One ``when`` of an app."""

    def __init__(
        self, handler: Handler, slots: Sequence[Slot], clock: Clock, calls: Calls, call: Callable[..., None]
    ) -> None:
        """Begin as one that does not hold.

        Args:
            handler: of the moment CONDITION, with its test.
            slots: its signals, in the order of its paths.
            clock: the app's time.
            calls: told when the test raises.
            call: called with the values when it holds.
        """
        self._test, self._name = handler.test, handler.name
        self._lasts_ns = round(handler.lasts_s * 1e9)
        self._slots, self._clock, self._calls, self._call = slots, clock, calls, call
        self._holds = False
        """Whether it held when it could be told last, and the function was called or is going to be."""
        self._timer: Timer | None = None

    def look(self) -> None:
        """Look again: one of the values has come."""
        values: list[object] = []
        for slot in self._slots:
            value = slot.reading.value if slot.quality == _GOOD else None
            if value is None:
                self._interrupt()
                return
            values.append(value)
        try:
            holds = self._test is not None and bool(self._test(*values))
        except BaseException as error:
            if not is_of_app(error):
                raise
            self._calls.failure(f"the test of {self._name}", error)
            return
        if not holds:
            self._interrupt()
            self._holds = False
        elif not self._holds:
            self._holds = True
            if self._lasts_ns:
                self._timer = self._clock.at(self._clock.now_ns + self._lasts_ns, self._lasted)
            else:
                self._call(*values)

    def _interrupt(self) -> None:
        """What was to last does not."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._holds = False

    def _lasted(self) -> None:
        self._timer = None
        self._call(*(slot.reading.value for slot in self._slots))
