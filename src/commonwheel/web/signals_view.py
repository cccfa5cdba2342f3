"""The Signals page's side of the server: what signals there are, and the values of those that are on the screen.

A page shows some dozens of rows of many hundreds; only for these are values sent. Rates are measured over all of what
was published, whether it is shown or not.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action
from commonwheel.broker.subscription import Overflow, Queue
from commonwheel.broker.updates import Updates
from commonwheel.web.scene import vehicle_of
from commonwheel.web.signal_values import finite, rows_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.broker.session import Session
    from commonwheel.web.views import Params, Viewer

__all__ = ["SignalsView", "history_points", "match"]

MOST_SHOWN = 400
RATE_S = 4.0
_MARK_S = 0.5
_PAST_S = 10.0
"""What a sparkline begins with."""
_POINTS = 100
_QUEUE = Queue(batches=100_000, updates=200_000, overflow=Overflow.NEWEST)


class _Wants(msgspec.Struct):
    car: str
    shown: list[int] = []
    """Numbers of the signals on the screen."""
    past: list[int] = []
    """Of them, those whose recent past is wanted."""


class SignalsView:
    """One page's look at a car's signals."""

    hz = 10.0

    def __init__(self, viewer: Viewer, params: Params) -> None:
        """Subscribe to everything that may be read.

        Raises:
            BrokerError: INVALID, there is no such car; FORBIDDEN or EXPIRED.
        """
        wants = msgspec.convert(params, _Wants)
        self._viewer, self._car = viewer, viewer.scene.car(wants.car)
        self._session: Session = viewer.session(self._car)
        self._numbers = self._session.select(("",))
        size = len(self._session.table)
        self._counts = np.zeros(size, np.int64)
        self._marks: deque[tuple[float, npt.NDArray[np.int64]]] = deque([(time.monotonic(), self._counts.copy())])
        self._changed = np.zeros(size, bool)
        self._rates = np.zeros(size)
        self._told_rates = np.full(size, -1.0)
        self._shown = np.zeros(0, np.int64)
        self._past: list[int] = []
        self._select(wants)  # before anything is held: a view that cannot be made is never closed
        self._place = self._session.broker.subscribe(self._numbers, queue=_QUEUE, initial=False)

    def first(self) -> object:
        """Return every signal that may be read: what the standard says in short, and whether this car gives it."""
        vehicle = vehicle_of(self._car)
        given = vehicle.provided if vehicle else frozenset[str]()
        asked = {request.path for request in vehicle.requests} if vehicle else set[str]()
        infos = {info.path: info for info in vehicle.signals} if vehicle else {}
        owned = self._session.broker
        signals: list[list[object]] = []
        for number in self._numbers:
            leaf = self._session.table[number].leaf
            info = infos.get(leaf.path)
            gives = leaf.path in given or owned.owner(number) is not None
            evidence = info.evidence.partition(" ")[0] if info else ""
            step = info.resolution if info and not info.labels and leaf.datatype != "boolean" else 0.0
            signals.append([
                number, leaf.path, leaf.unit or "", leaf.datatype, leaf.kind.value, int(gives),
                int(leaf.path in asked), evidence, _decimals(step),
            ])  # fmt: skip
        return {"signals": signals, "vehicle": vehicle.name if vehicle else "", "past_s": _PAST_S}

    def tell(self, params: Params) -> None:
        """Show other rows."""
        self._select(msgspec.convert(params, _Wants))

    def _select(self, wants: _Wants) -> None:
        if max(len(wants.shown), len(wants.past)) > MOST_SHOWN:
            raise BrokerError(Reason.LIMIT, f"a page shows {MOST_SHOWN} signals at most")
        allowed = set(self._numbers)
        chosen = [number for number in wants.shown if number in allowed]
        new = set(chosen) - set(self._shown.tolist())
        self._shown = np.array(chosen, np.int64)
        self._changed[list(new)] = True
        self._told_rates[list(new)] = -1.0
        self._past += [number for number in wants.past if number in allowed and number not in self._past]

    def take(self) -> object | None:
        """Return [number, value, quality, t_ms, rate] of what is on the screen and has changed."""
        self._count()
        shown_now = self._shown
        due = shown_now[self._changed[shown_now] | self._rate_moved(shown_now)]
        self._changed[:] = False
        past = {number: history_points(self._session, number, _PAST_S, _POINTS) for number in self._past}
        self._past = []
        if not len(due) and not past:
            return None
        self._told_rates[due] = self._rates[due]
        rows = rows_of(self._session, self._session.broker.snapshot(due.tolist()))
        for row, rate in zip(rows, self._rates[due].tolist(), strict=True):
            row.append(round(rate, 2))
        change: dict[str, object] = {"now": time.time_ns() / 1e6, "rows": rows}
        return change | {"past": past} if past else change

    def _count(self) -> None:
        """Take what was published, and measure rates."""
        taken = self._place.take()
        if taken.batches:
            numbers = Updates.concat(taken.batches).signal
            self._counts += np.bincount(numbers, minlength=len(self._counts))
            self._changed[numbers] = True
        now = time.monotonic()
        if taken.dropped:  # the page was hidden for long: what was lost cannot be counted
            self._marks = deque([(now, self._counts.copy())])
        if now - self._marks[-1][0] >= _MARK_S:
            self._marks.append((now, self._counts.copy()))
            while len(self._marks) > 1 and now - self._marks[1][0] >= RATE_S:
                self._marks.popleft()
            began, before = self._marks[0]
            self._rates = (self._counts - before) / max(now - began, _MARK_S)

    def _rate_moved(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        told, rate = self._told_rates[numbers], self._rates[numbers]
        return np.abs(rate - told) > 0.05 * np.maximum(rate, 0.2)

    def close(self) -> None:
        """Give the subscription back."""
        self._session.broker.unsubscribe(self._place)


def _decimals(step: float) -> int:
    """Return how many decimals a value of this step needs; -1: as many as there are."""
    return -1 if step <= 0 or not math.isfinite(step) else min(6, max(0, math.ceil(-math.log10(step) - 1e-9)))


def history_points(session: Session, number: int, seconds: float, most: int) -> list[list[object]]:
    """Return [t_ms, value] of the last seconds of a plain signal, thinned to so many; none of others."""
    signal = session.table[number]
    if not signal.is_plain or not session.rights.allow(Action.READ, signal.path):
        return []
    now_ns = time.time_ns()
    past = session.broker.history(number, now_ns - round(seconds * 1e9), 2**63 - 1)
    count = len(past)
    keep = np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64)) if count else np.zeros(0, np.int64)
    times, values, quality = past.t_ns[keep].tolist(), past.value[keep].tolist(), past.quality[keep].tolist()
    return [[t / 1e6, finite(value) if q <= 1 else None] for t, value, q in zip(times, values, quality, strict=True)]


class _Pattern(msgspec.Struct):
    car: str
    pattern: str


def match(viewer: Viewer, params: Params) -> object:
    """Return the numbers of the signals that a path pattern selects, of those that may be read; a call of pages.

    Raises:
        BrokerError: UNKNOWN_SIGNAL, BAD_PATTERN, INVALID, FORBIDDEN or EXPIRED; says what is wrong with it.
    """
    wants = msgspec.convert(params, _Pattern)
    session = viewer.session(viewer.scene.car(wants.car))
    return {"numbers": session.select((wants.pattern,))}
