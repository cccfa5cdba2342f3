"""What a car that acts tells: its guard's states to the broker, the life of each request, every verdict to the record.

In: what each cycle brought, in the thread that acts. Out: published signals, steps of actuations, events, the record.
Events of the same kind about the same thing come once a second at most; the record has all.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Stage
from commonwheel.control import Phase
from commonwheel.guard import Outcome, State, Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.broker import Actuation, Broker
    from commonwheel.broker.events import Event
    from commonwheel.control import CarControl, Cycle, Progress
    from commonwheel.control.car import Acting
    from commonwheel.gateway.asking import Arming
    from commonwheel.gateway.verdicts import Verdicts
    from commonwheel.guard import Verdict

__all__ = ["ACTING", "COMFORT", "IS_ARMED", "MILLISECOND", "STATES", "Teller"]

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
MILLISECOND = 1_000_000
_AGAIN_NS = 1_000 * MILLISECOND
_OFTEN, _SELDOM = 10, 50
"""Cycles between two tellings of what an actuator does, while it acts and always."""
_MOST_TOLD = 1000
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


class Teller:
    """One car's. ``tell`` and what arms are for the thread that acts; the rest for any."""

    def __init__(self, car: str, broker: Broker, record: Verdicts, to_utc: Callable[[int], int]) -> None:
        """Become the provider of the guard's signals.

        Args:
            car: whose guard it is.
            broker: where it is told.
            record: where all of it is kept.
            to_utc: from the time of cycles to nanoseconds UTC.
        """
        self._car, self._broker, self.record, self._to_utc = car, broker, record, to_utc
        self.provider = broker.provider(f"guard of {car}")
        self.states: dict[str, State] = {}
        """Each axis's state, as of the last cycle."""
        self.causes: dict[str, str] = {}
        """Why each axis is in its state."""
        self.doing: Mapping[str, Acting] = {}
        """What each actuator did when it was last looked at."""
        self._followed: dict[tuple[str, str], Actuation] = {}
        self._told: dict[object, int] = {}
        self._limited: set[str] = set()
        self._count = 0
        self._deaf: Callable[[], None] | None = None

    def open(self, control: CarControl) -> None:
        """Claim the guard's signals, and publish that all of it is off.

        Raises:
            BrokerError: ALREADY_CLAIMED.
        """
        numbers = self._broker.table.numbers
        axes = [axis.name for axis in control.guard.envelope.axes]
        wanted = [*(STATES[axis] for axis in axes if axis in STATES), CAUSE, IS_ARMED]
        self.provider.claim([numbers[path] for path in wanted if path in numbers])
        self._see_states(control)
        self._publish({IS_ARMED: False, CAUSE: "not armed since the service started"})
        served = frozenset(control.control.served)
        self._deaf = self._broker.events.listen(lambda event: self._heard(event, served))

    def close(self) -> None:
        """Give the signals up; requests that are under way fail."""
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
        if event.kind == "request.refused" and facts.get("signal") in served | {IS_ARMED}:
            rule = str(facts.get("reason", "")).lower().replace("_", "-")
            self.record.add(
                event.t_ns, "refusal", rule, path=facts.get("signal"), source=facts.get("requester"), text=facts["why"]
            )

    # ---- arming -----------------------------------------------------------------------------------------------------

    def armed(self, order: Arming) -> None:
        """Tell that somebody has armed the car."""
        self._arming("armed", order)

    def disarmed(self, order: Arming) -> None:
        """Tell that somebody has disarmed it."""
        self._arming("disarmed", order)
        self._publish({IS_ARMED: False})

    def not_armed(self, order: Arming, why: str) -> None:
        """Tell that it was not armed, and why."""
        self._arming("refused", order, why)
        self._broker.finish(order.actuation, Stage.REFUSED, why)

    def _arming(self, what: str, order: Arming, why: str = "") -> None:
        facts = {"requester": order.who, "reason": order.reason, **({"why": why} if why else {})}
        self._broker.events.add(f"guard.{what}", signal=IS_ARMED, **facts)
        self.record.add(time.time_ns(), "arming", what, source=order.who, reason=order.reason, text=why)

    # ---- each cycle -------------------------------------------------------------------------------------------------

    def tell(self, control: CarControl, cycle: Cycle) -> None:
        """Tell what a cycle brought."""
        for progress in cycle.progress:
            self._go_on(progress)
        for said in cycle.said:
            if isinstance(said, Transition):
                self._changed(said)
            else:
                self._judged(said)
        self._see_states(control)
        self._count += 1
        if self._count % _OFTEN == 0:
            self._tell_doing(control)

    def _see_states(self, control: CarControl) -> None:
        now = {axis.name: control.guard.state(axis.name) for axis in control.guard.envelope.axes}
        if now == self.states:
            return
        changed = {STATES[axis]: state.name for axis, state in now.items() if self.states.get(axis) is not state}
        armed = any(state in _ARMED for state in now.values())
        before = any(state in _ARMED for state in self.states.values())
        self.states = now
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
        told = stage is Stage.LIMITED and math.isfinite(progress.value)
        why = f"{quantity}: {progress.why}" if told else progress.why
        if stage.is_final:
            self._followed.pop((request.source, request.path), None)
            self._broker.finish(actuation, stage, why)
        else:
            actuation.advance(stage, why)

    def _tell_doing(self, control: CarControl) -> None:
        always = self._count % _SELDOM == 0
        self.doing = dict(control.acting)
        for path, doing in self.doing.items():
            if always or doing.source:
                axis = control.control.served[path].axis
                self._broker.events.tell(
                    ACTING, signal=path, source=doing.source, asked=doing.asked, allowed=doing.allowed,
                    sent=doing.sent, measured=doing.measured, axis=axis, state=self.states[axis].value,
                )  # fmt: skip
