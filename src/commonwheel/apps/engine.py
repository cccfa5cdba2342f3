"""The engine: one app on one car, from samples to what the app puts out. It knows no clock but the samples' own.

Its rule: the same samples and the same calls of ``advance`` lead to the same calls of the app's functions, in the
same order, however the samples are cut into batches (but for ``on_batch``, which is called once per batch). At one
instant, samples come before what is due; functions for the same signal are called in the order they stand in the
file. A function never interrupts another.

Not locked: one thread at a time.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.apps.app import Moment
from commonwheel.apps.calls import Calls
from commonwheel.apps.car import Car, Inside
from commonwheel.apps.clock import JUMP_NS, NEVER, Clock
from commonwheel.apps.conditions import Condition
from commonwheel.apps.facts import declared, rates_of
from commonwheel.apps.settings import settings_of
from commonwheel.apps.slots import Slot
from commonwheel.client.readings import Batch
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy.typing as npt

    from commonwheel.apps.app import App, Handler
    from commonwheel.apps.facts import Facts
    from commonwheel.apps.sink import Sink
    from commonwheel.broker.updates import Updates
    from commonwheel.client.requests import Outcome

__all__ = ["Engine"]

_MISSING = int(Quality.MISSING)


class Engine:
    """Runs an app. ``start`` it, ``feed`` and ``advance`` it, ``stop`` it; once."""

    def __init__(
        self,
        app: App,
        facts: Facts,
        sink: Sink,
        settings: Mapping[str, object] | None = None,
        *,
        jump_ns: int = JUMP_NS,
    ) -> None:
        """Prepare a run.

        Args:
            app: loaded for this run: what its module keeps belongs to one run. It has been checked.
            facts: what it is told of the car.
            sink: takes in what it does.
            settings: values in place of the manifest's own; texts are read as the setting's kind.
            jump_ns: time that goes on by more at once was not lived through; see ``clock``.

        Raises:
            AppError: there is no such setting, or it cannot be this.
        """
        self.app = app
        self.facts = facts
        self.received = 0
        """Updates that were handed to it, of signals that it declares."""
        self._clock = Clock(jump_ns)
        self._calls = Calls(app.file, self._clock, sink)
        chosen = declared(app.manifest, facts.table.numbers)
        self._slots: list[Slot | None] = [None] * len(facts.table)
        for path, rate in chosen.reads.items():
            signal = facts.table.signals[facts.table.numbers[path]]
            self._slots[signal.number] = Slot(
                signal, rate_hz=rate, keep_s=chosen.keeps.get(path, 0.0), given=path in facts.given
            )
        by_path = {slot.path: slot for slot in self._slots if slot is not None}
        self._inside = Inside(app, facts, chosen, by_path, self._calls, self._clock, sink)
        self.car = Car(self._inside, settings_of(app.manifest, settings or {}))
        self._batches: list[tuple[npt.NDArray[np.bool_], Callable[..., None]]] = []
        """Which signals each function wants batches of, by number, and how to call it."""
        self._periods: list[tuple[int, Callable[..., None]]] = []
        self._starts = [handler for handler in app.handlers if handler.moment is Moment.START]
        self._stops = [handler for handler in app.handlers if handler.moment is Moment.STOP]
        self._stopped = False
        for handler in app.handlers:
            self._bind(handler)
        self._in_batches_only = self._only_batches()
        self._limited = np.array([slot is not None and slot.interval_ns > 0 for slot in self._slots], bool)
        self._limits = bool(self._limited.any())

    def _bind(self, handler: Handler) -> None:
        """Have a function called when it wants to be."""
        if handler.moment in {Moment.START, Moment.STOP}:
            return
        call = self._calls.binder(handler, self.car)
        if handler.moment is Moment.PERIOD:
            self._periods.append((max(1, round(handler.period_s * 1e9)), call))
        elif handler.moment is Moment.READING:
            for slot in self._selected(handler):
                slot.calls.append(call)
        elif handler.moment is Moment.BATCH:
            wanted = np.zeros(len(self._slots), bool)
            wanted[[slot.signal.number for slot in self._selected(handler)]] = True
            self._batches.append((wanted, call))
        else:
            slots = [self._inside.slots[path] for path in handler.patterns if path in self._inside.slots]
            if len(slots) == len(handler.patterns):
                condition = Condition(handler, slots, self._clock, self._calls, call)
                for slot in dict.fromkeys(slots):
                    slot.watches.append(condition.look)

    def _selected(self, handler: Handler) -> list[Slot]:
        """Return the signals that a function's patterns select, of those that are declared."""
        chosen = rates_of(dict.fromkeys(handler.patterns, 0.0), self._inside.slots)
        return [self._inside.slots[path] for path in chosen]

    def _only_batches(self) -> npt.NDArray[np.bool_]:
        """Return which signals are wanted in batches and in no other way, by number."""
        mask = np.zeros(len(self._slots), bool)
        for wanted, _ in self._batches:
            mask |= wanted
        for slot in self._slots:
            if slot is not None and (slot.calls or slot.watches or slot.keep_ns):
                mask[slot.signal.number] = False
        return mask

    # ---- how it is ---------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The app's time."""
        return self._clock.now_ns

    @property
    def next_due_ns(self) -> int | None:
        """When something is due next, for who calls ``advance``; None: nothing is."""
        return None if self._clock.next_ns == NEVER else self._clock.next_ns

    @property
    def called(self) -> int:
        """How often functions were called."""
        return self._calls.called

    @property
    def failed(self) -> int:
        """How often one raised."""
        return self._calls.failed

    # ---- the run -----------------------------------------------------------------------------------------------------

    def start(self, t_ns: int, initial: Updates | None = None) -> None:
        """Begin at a time.

        Args:
            t_ns: nanoseconds UTC, or since the start of a recording.
            initial: values that the car has already, fixed facts among them: they can be read at the start, and are
                told then as if they came just now.
        """
        self._clock.begin(t_ns)
        known = [] if initial is None else self._set_known(initial)
        for handler in self._starts:
            self._calls.run(handler.name, handler.function, self.car)
        for period_ns, call in self._periods:
            self._repeat(t_ns, 1, period_ns, call)
        for slot in known:
            if not self._in_batches_only[slot.signal.number]:
                self._tell(slot)
        if initial is not None and self._batches:
            self._hand_over(initial)

    def _set_known(self, updates: Updates) -> list[Slot]:
        """Take in the values that there are of signals that are declared; returns these."""
        known: dict[Slot, None] = {}
        for number, t_ns, value, quality, item in _rows_of(updates):
            slot = self._slots[number]
            if slot is not None and quality != _MISSING:
                slot.set(t_ns, value, quality, item)
                known[slot] = None
        return list(known)

    def _repeat(self, start_ns: int, turn: int, period_ns: int, call: Callable[..., None]) -> None:
        """Call something at every period; the n-th time is exactly n periods after the start."""

        def due() -> None:
            self._repeat(start_ns, (self._clock.now_ns - start_ns) // period_ns + 1, period_ns, call)
            call()

        self._clock.at(start_ns + turn * period_ns, due)

    def feed(self, updates: Updates) -> None:
        """Hand over samples; the app's time becomes theirs. A time that goes back leaves the app's where it is."""
        if self._stopped or not len(updates):
            return
        if self._limits:
            updates = self._thinned(updates)
        if not self._batches:
            self._feed_rows(updates)
            return
        times = np.maximum.accumulate(updates.t_ns)
        at, count = 0, len(updates)
        while at < count:
            self._clock.pass_before(int(times[at]))
            end = max(at + 1, int(np.searchsorted(times, self._clock.next_ns, "right")))
            part = updates[at:end] if at or end < count else updates
            rows = ~self._in_batches_only[part.signal]
            if rows.any():
                self._feed_rows(part if rows.all() else part[rows])
            self._clock.pass_before(int(times[end - 1]))
            self._clock.now_ns = max(self._clock.now_ns, int(times[end - 1]))
            self._hand_over(part)
            at = end

    def _feed_rows(self, updates: Updates) -> None:
        """Take samples in one by one. The hot path."""
        clock, slots = self._clock, self._slots
        for number, t_ns, value, quality, item in _rows_of(updates):
            slot = slots[number]
            if slot is None:
                continue
            if t_ns > clock.now_ns:
                if t_ns > clock.next_ns:
                    clock.pass_before(t_ns)
                clock.now_ns = t_ns
            self.received += 1
            slot.set(t_ns, value, quality, item)
            if slot.calls:
                reading = slot.reading
                for call in slot.calls:
                    call(reading)
            for look in slot.watches:
                look()

    def _tell(self, slot: Slot) -> None:
        """Have what was set before told to who wants to know."""
        self.received += 1
        for call in slot.calls:
            call(slot.reading)
        for look in slot.watches:
            look()

    def _hand_over(self, updates: Updates) -> None:
        """Call the functions that want batches."""
        alone = self._in_batches_only[updates.signal]
        if alone.any():
            self.received += int(np.count_nonzero(alone))
            self._set_last(updates if alone.all() else updates[alone])
        for wanted, call in self._batches:
            rows = wanted[updates.signal]
            if rows.all():
                call(Batch(updates, self.facts.table))
            elif rows.any():
                call(Batch(updates[rows], self.facts.table))

    def _thinned(self, updates: Updates) -> Updates:
        """Leave out what comes more often than it is wanted."""
        rows = np.flatnonzero(self._limited[updates.signal])
        if not len(rows):
            return updates
        keep = np.ones(len(updates), bool)
        part = updates if len(rows) == len(updates) else updates[rows]
        keep[rows] = [
            (slot := self._slots[number]) is not None and slot.admits(t_ns, quality)
            for number, t_ns, _, quality, _ in _rows_of(part)
        ]
        return updates if keep.all() else updates[keep]

    def _set_last(self, updates: Updates) -> None:
        """Make the last update of each signal the current one."""
        backwards = updates.signal[::-1]
        behind = np.unique(backwards, return_index=True)[1]
        for number, t_ns, value, quality, item in _rows_of(updates[len(backwards) - 1 - behind]):
            slot = self._slots[number]
            if slot is not None:
                slot.set(t_ns, value, quality, item)

    def advance(self, t_ns: int) -> None:
        """Let time pass without samples: what is due up to a time happens, each at its own time."""
        if not self._stopped:
            self._clock.pass_to(t_ns)

    def answer(self, number: int, outcome: Outcome) -> None:
        """Tell the app how a request ended; a number that it does not wait for is ignored."""
        if not self._stopped:
            self._inside.wishes.answer(number, outcome)
            self._calls.drain()

    def stop(self) -> None:
        """End it: what is due now still happens, then its functions for the end are called; what waits is cancelled."""
        if self._stopped:
            return
        self.advance(self._clock.now_ns)
        for handler in self._stops:
            self._calls.run(handler.name, handler.function, self.car)
        self._stopped = True
        self._calls.close()
        self._clock.clear()


def _rows_of(updates: Updates) -> Iterator[tuple[int, int, float, int, object]]:
    """Return the rows of a batch: signal, time, value, quality, object."""
    signal: list[int] = updates.signal.tolist()
    t_ns: list[int] = updates.t_ns.tolist()
    value: list[float] = updates.value.tolist()
    quality: list[int] = updates.quality.tolist()
    items: Iterable[object] = repeat(None, len(signal)) if updates.objects is None else updates.objects.tolist()
    return zip(signal, t_ns, value, quality, items, strict=True)
