"""What a car that acts tells: its guard's states to the broker, the life of each request, every verdict to the record.

In: what each cycle brought, put by the thread that acts, which never waits. Out: published signals, steps of
actuations, events, the record, the frames that were sent; from a thread of its own, since all of these take locks,
call others back and write logs. Events of the same kind about the same thing come once a second at most; the record
has all. What waits is bounded: a reader that hangs this thread costs what is told meanwhile, which is counted, and
neither memory nor the time of who acts.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Stage
from commonwheel.control import Phase
from commonwheel.gateway.cannot import cannot_of
from commonwheel.gateway.worker import Worker
from commonwheel.guard import Outcome, State, Transition
from commonwheel.wire.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.broker import Actuation, Broker
    from commonwheel.broker.events import Event
    from commonwheel.control import CarControl, Cycle, Progress
    from commonwheel.control.car import Acting
    from commonwheel.control.model import Adapter
    from commonwheel.gateway.asking import Arming
    from commonwheel.gateway.verdicts import Verdicts
    from commonwheel.guard import Verdict

__all__ = ["ACTING", "CAUSE", "COMFORT", "IS_ARMED", "MILLISECOND", "OVER", "STATES", "Armed", "Gone", "Teller", "Told"]

_LOG = logging.getLogger(__name__)
_GUARD = "Vehicle.MotionManagement.Guard"
IS_ARMED, CAUSE = f"{_GUARD}.IsArmed", f"{_GUARD}.Cause"
COMFORT = "comfort"
STATES: Mapping[str, str] = {
    "longitudinal": f"{_GUARD}.LongitudinalState",
    "lateral": f"{_GUARD}.LateralState",
    COMFORT: f"{_GUARD}.ComfortState",
}
"""The signal of each axis's state."""
ACTING = "guard.acting"
"""Events of this kind say what an actuator does now; they are told and not kept."""
OVER = "what acts has ended"
"""Why nothing is taken any more."""
MILLISECOND = 1_000_000
_AGAIN_NS = 1_000 * MILLISECOND
_SELDOM = 5
"""Of an actuator that does nothing it is told so many times as seldom as of one that acts."""
_MOST_TOLD = 1000
MOST_WAITING = 10_000
"""Cycles that wait to be told, at most: what comes on top of them is lost, and counted."""
_STAGES = {
    Phase.ARBITRATED: Stage.ARBITRATED,
    Phase.LIMITED: Stage.LIMITED,
    Phase.SENT: Stage.SENT,
    Phase.CONFIRMED: Stage.CONFIRMED,
    Phase.TIMED_OUT: Stage.TIMED_OUT,
    Phase.REFUSED: Stage.REFUSED,
    Phase.OUTVOTED: Stage.OUTVOTED,
    Phase.ENDED: Stage.ENDED,
}
_ARMED = {State.ARMED, State.ENGAGED, State.OVERRIDING}


@dataclass(frozen=True, slots=True)
class Told:
    """What a cycle brought."""

    cycle: Cycle
    states: Mapping[str, State]
    """Of each axis, after it."""
    doing: Mapping[str, Acting] | None
    """What each actuator does; None where it was not looked at."""
    waits: Mapping[str, str]
    """What engaging each armed axis waits for, in words; empty where it was not looked at."""


@dataclass(frozen=True, slots=True)
class Armed:
    """Somebody has armed the car, or disarmed it, or could not."""

    order: Arming
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """What was sent."""

    rows: Sequence[tuple[int, int, int, bytes]]
    """Time (of cycles), the car's bus number, id, payload."""


class Teller(Worker):
    """One car's. ``open`` it, ``start`` it, and ``close`` it when nothing is put any more."""

    def __init__(self, car: str, broker: Broker, record: Verdicts, to_utc: Callable[[int], int]) -> None:
        """Become the provider of the guard's signals.

        Args:
            car: whose guard it is.
            broker: where it is told.
            record: where all of it is kept.
            to_utc: from the time of cycles to nanoseconds UTC.
        """
        super().__init__(f"tell {car}")
        self._car, self._broker, self.record, self._to_utc = car, broker, record, to_utc
        self._waiting: SimpleQueue[Told | Armed | Gone | None] = SimpleQueue()
        self.provider = broker.provider(f"guard of {car}")
        self.states: dict[str, State] = {}
        """Each axis's state, as of the last cycle."""
        self.causes: dict[str, str] = {}
        """Why each axis is in its state."""
        self.waits: Mapping[str, str] = {}
        """What engaging each axis that was armed waited for when it was last looked at."""
        self.doing: Mapping[str, Acting] = {}
        """What each actuator did when it was last looked at."""
        self._followed: dict[tuple[str, str], Actuation] = {}
        self._told: dict[object, int] = {}
        self._limited: set[str] = set()
        self._served: Mapping[str, Adapter] = {}
        self._rounds = 0
        self._deaf: Callable[[], None] | None = None
        self.untold = 0
        """What was lost as this thread did not come to it."""
        self.on_sent: Callable[[Frames], None] | None = None
        """Called with the frames that were sent, on the car's bus numbers and the clock of cycles; in this thread."""

    def open(self, control: CarControl) -> None:
        """Claim the guard's signals, and publish that all of it is off.

        Raises:
            BrokerError: ALREADY_CLAIMED.
        """
        numbers = self._broker.table.numbers
        axes = [axis.name for axis in control.guard.envelope.axes]
        wanted = [*(STATES[axis] for axis in axes if axis in STATES), CAUSE, IS_ARMED]
        self.provider.claim([numbers[path] for path in wanted if path in numbers])
        self._served = control.control.served
        self._see_states({axis: control.guard.state(axis) for axis in axes})
        self._publish({IS_ARMED: False, CAUSE: "not armed since the service started"})
        cannot = cannot_of(control.control.cannot, self._broker.table)
        served = frozenset([*self._served, IS_ARMED, *(self._broker.table[number].path for number in cannot)])
        self._deaf = self._broker.events.listen(lambda event: self._heard(event, served))

    def put(self, item: Told | Armed | Gone) -> None:
        """Have it told, soon; does not wait. Arming is never lost."""
        if self._waiting.qsize() >= MOST_WAITING and not isinstance(item, Armed):
            if not self.untold:
                _LOG.error("%s: what it does is told too slowly, and some of it is lost; said once", self._car)
            self.untold += 1
            return
        self._waiting.put(item)

    def close(self, seconds: float) -> bool:
        """Tell what waits, then give the signals up: requests that are under way fail. Returns whether it was done."""
        self._waiting.put(None)
        if self._thread.ident is None:
            self._give_up()
        return self.join(seconds)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                match item:
                    case Told():
                        self._tell(item)
                    case Gone():
                        self._tell_sent(item)
                    case Armed():
                        self._arming(item)
            except Exception:  # noqa: BLE001 - who acts must not be in the dark for one that cannot be told
                _LOG.exception("%s: what it does could not be told", self._car)
        self._give_up()

    def _give_up(self) -> None:
        if self._deaf is not None:
            self._deaf()
        self._publish({path: "OFF" for axis, path in STATES.items() if axis in self.states} | {IS_ARMED: False})
        self.states = dict.fromkeys(self.states, State.OFF)
        self.provider.close()

    def left_out(self, path: str, why: str) -> None:
        """Say that an actuator cannot be asked for."""
        _LOG.warning("%s: %s cannot be asked for: %s", self._car, path, why)

    # ---- requests ---------------------------------------------------------------------------------------------------

    def follow(self, actuation: Actuation, path: str) -> None:
        """Tell from now on how an actuation goes on."""
        self._followed[actuation.requester, path] = actuation
        if len(self._followed) > _MOST_TOLD:
            for key in [key for key, one in list(self._followed.items()) if one.stage.is_final]:
                self._followed.pop(key, None)

    def refused(self, actuation: Actuation, path: str, why: str) -> None:
        """End an actuation that does not become a request."""
        self.record.add(
            time.time_ns(), "refusal", "state", path=path, source=actuation.requester, asked=actuation.target, text=why
        )
        self._broker.finish(actuation, Stage.REFUSED, why)

    def _heard(self, event: Event, served: frozenset[str]) -> None:
        """Keep what the broker refused of this car's actuators before it became an actuation."""
        facts = event.facts
        if event.kind == "request.refused" and facts.get("signal") in served:
            rule = str(facts.get("reason", "")).lower().replace("_", "-")
            self.record.add(
                event.t_ns, "refusal", rule, path=facts.get("signal"), source=facts.get("requester"), text=facts["why"]
            )

    # ---- arming -----------------------------------------------------------------------------------------------------

    def _arming(self, item: Armed) -> None:
        """Tell that somebody has armed the car, disarmed it, or could not."""
        order, why = item.order, item.why_not
        what = "refused" if why else "armed" if order.arm else "disarmed"
        facts = {"requester": order.who, "reason": order.reason, **({"why": why} if why else {})}
        self._broker.events.add(f"guard.{what}", signal=IS_ARMED, **facts)
        self.record.add(time.time_ns(), "arming", what, source=order.who, reason=order.reason, text=why)
        if why:
            self._broker.finish(order.actuation, Stage.REFUSED, why)
        elif not order.arm:
            self._publish({IS_ARMED: False})
        elif any(state in _ARMED for state in self.states.values()):  # as it was already
            self._publish({IS_ARMED: True})

    # ---- each cycle -------------------------------------------------------------------------------------------------

    def _tell(self, told: Told) -> None:
        cycle = told.cycle
        for progress in cycle.progress:
            self._go_on(progress)
        for said in cycle.said:
            if isinstance(said, Transition):
                self._changed(said)
            else:
                self._judged(said)
        self._see_states(told.states)
        if told.doing is not None:
            self.waits = told.waits
            self._tell_doing(told.doing)

    def _see_states(self, now: Mapping[str, State]) -> None:
        if now == self.states:
            return
        changed = {STATES[axis]: state.name for axis, state in now.items() if self.states.get(axis) is not state}
        armed = any(state in _ARMED for state in now.values())
        before = any(state in _ARMED for state in self.states.values())
        self.states = dict(now)
        self._publish(changed | ({IS_ARMED: armed} if armed or before else {}))

    def _publish(self, values: Mapping[str, object]) -> None:
        numbers = self._broker.table.numbers
        known = {numbers[path]: value for path, value in values.items() if path in numbers}
        if known and not self.provider.closed:
            self.provider.publish_values(known)

    def _changed(self, said: Transition) -> None:
        self.causes[said.axis] = said.cause
        facts = {
            "axis": said.axis, "before": said.before.value, "after": said.after.value, "cause": said.cause
        }  # fmt: skip
        self.record.add(self._to_utc(said.t_ns), "transition", said.rule.value, **facts)
        where = {"signal": STATES[said.axis]} if said.axis in STATES else {}
        kind = "guard.faulted" if said.after is State.FAULTED else "guard.transition"
        self._broker.events.add(kind, rule=said.rule.value, **where, **facts)
        self._publish({CAUSE: f"{said.axis}: {said.cause}"})

    def _judged(self, said: Verdict) -> None:
        facts = {
            "outcome": said.outcome.value, "asked": said.asked, "allowed": said.allowed, "limit": said.limit,
            "text": said.text,
        }  # fmt: skip
        self.record.add(self._to_utc(said.t_ns), "verdict", said.rule.value, subject=said.subject, **facts)
        if said.outcome is Outcome.ALLOWED:
            if said.subject not in self._limited:
                return
            self._limited.discard(said.subject)
        else:
            self._limited.add(said.subject)
        if self._is_due((said.subject, said.outcome, said.rule), said.t_ns):
            path = said.subject if said.subject in self._broker.table.numbers else CAUSE
            self._broker.events.add("guard.verdict", signal=path, subject=said.subject, rule=said.rule.value, **facts)

    def _is_due(self, what: object, t_ns: int) -> bool:
        last = self._told.get(what)
        if last is not None and t_ns - last < _AGAIN_NS:
            return False
        if len(self._told) > _MOST_TOLD:
            self._told.clear()
        self._told[what] = t_ns
        return True

    def _go_on(self, progress: Progress) -> None:
        request = progress.request
        self.record.add(
            self._to_utc(progress.t_ns), "progress", progress.phase.value, path=request.path, source=request.source,
            asked=request.value, value=progress.value, text=progress.why,
        )  # fmt: skip
        actuation = self._followed.get((request.source, request.path))
        stage = _STAGES.get(progress.phase)
        if actuation is None or actuation.number != request.number or stage is None or actuation.stage is stage:
            return
        unit = self._broker.table[actuation.signal].leaf.unit or ""
        quantity = f"{progress.value:g} {unit}".strip()
        told = stage is Stage.LIMITED and math.isfinite(progress.value) and not progress.why.startswith(f"{quantity} ")
        why = f"{quantity}: {progress.why}" if told else progress.why
        if stage.is_final:
            self._followed.pop((request.source, request.path), None)
            self._broker.finish(actuation, stage, why)
        else:
            actuation.advance(stage, why)

    def _tell_sent(self, gone: Gone) -> None:
        if self.on_sent is not None:
            self.on_sent(Frames.build(gone.rows))

    def _tell_doing(self, now: Mapping[str, Acting]) -> None:
        self.doing = now
        always = self._rounds % _SELDOM == 0
        self._rounds += 1
        for path, doing in now.items():
            if always or doing.source:
                axis = self._served[path].axis
                self._broker.events.tell(
                    ACTING, signal=path, source=doing.source, asked=doing.asked, allowed=doing.allowed,
                    sent=doing.sent, measured=doing.measured, axis=axis, state=self.states[axis].value,
                    waits=self.waits.get(axis, ""),
                )  # fmt: skip
