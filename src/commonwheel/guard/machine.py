"""The state machine of one axis.

::

    OFF ──arm──► ARMED ──engage──► ENGAGED ──override──► OVERRIDING      any but OFF ──fault──► FAULTED
     ▲             ▲  ◄──release──────┘ ▲ ◄────let go────────┘ │                                   │
     │             └──────────────────────release, too long────┘                                   │
     └──────disarm, armed for too long──────────────────────────────────────────────disarm─────────┘

Its rules:

1. Only ``arm`` leads out of OFF, and only ``disarm`` out of FAULTED.
2. It engages when the driver's consent has begun to hold while it was armed, not long ago, and still does, when all
   conditions to engage and to keep hold, none to override does, every input that it relies on is good, a request is
   valid, and the last release is over. Having been released takes consent anew.
3. Engaged, it goes back to ARMED when consent or a condition to keep is lost, when an input of no use says so, when the
   measured lateral acceleration is too high, and when no request is valid any more.
4. While a condition to override holds it is OVERRIDING; it is engaged again when that ends in time, else ARMED.
5. What fails leads from every state but OFF to FAULTED.
6. Leaving ENGAGED is a release: a ramp to neutral that is over after ``release_ns``, or a cut. A cut is what the
   driver's own doing asks for, also while a ramp runs. After it, and in every other state, all is neutral.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from commonwheel.guard.envelope import Ending, Without
from commonwheel.guard.verdict import Rule, State, Transition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.guard.envelope import Axis, Condition
    from commonwheel.guard.inputs import Judged

__all__ = ["Cause", "Machine", "Phase"]

Cause = tuple[Rule, str]
_S = 1e9


class Phase(enum.Enum):
    """What may leave for an axis now."""

    SHUT = "shut"
    """Nothing: it is off, and released."""
    NEUTRAL = "neutral"
    ACTING = "acting"
    RELEASING = "releasing"
    """What leads to neutral."""


class Machine:
    """One axis. Times are the guard's own; what it returns has the times of the caller."""

    def __init__(self, axis: Axis, judged: Mapping[Condition, Judged], armed_ns: int) -> None:
        self.axis = axis
        self._armed_ns = armed_ns
        self._consent = None if isinstance(axis.consent, Without) else judged[axis.consent]
        most_ns = axis.consent_most_ns
        self._consent_most_ns = 0 if isinstance(most_ns, Without) else most_ns
        self._keep = tuple(judged[condition] for condition in axis.keep)
        self._lasting = self._keep if self._consent is None else (self._consent, *self._keep)
        self._engage = tuple(judged[condition] for condition in axis.engage)
        self._override = tuple(judged[condition] for condition in axis.override)
        self.state = State.OFF
        self.cause: Cause = (Rule.NONE, "")
        """Of the last transition."""
        self._since_ns = 0
        self._released_ns = 0
        self.rested_ns = 0
        """When all was last neutral."""
        self._consented_ns: int | None = None
        """Since when there is consent that engages."""
        self._wanted_ns: int | None = None

    def phase(self, now_ns: int) -> Phase:
        """Return what may leave."""
        if self.state is State.ENGAGED:
            return Phase.ACTING
        if now_ns < self._released_ns:
            return Phase.RELEASING
        return Phase.SHUT if self.state is State.OFF else Phase.NEUTRAL

    def rest(self, now_ns: int) -> None:
        """Take note of the time while all is neutral."""
        if self.phase(now_ns) in {Phase.SHUT, Phase.NEUTRAL}:
            self.rested_ns = now_ns

    def want(self, at_ns: int) -> None:
        """Take note of a valid request."""
        self._wanted_ns = at_ns

    def waits(self, now_ns: int) -> str:
        """Say what engaging waits for; '' for nothing but the next tick."""
        if self.phase(now_ns) is Phase.RELEASING:
            return "the last release to be over"
        broken = [str(each) for each in (*self._keep, *self._engage) if not each.holds]
        broken += [f"not: {each}" for each in self._override if each.holds]
        if self._consent is not None and self._consented_ns is None:
            most_s = self._consent_most_ns / _S
            broken.append(f"{self._consent}, to begin while it is armed; it counts for {most_s:g} s")
        if not self._requested(now_ns):
            broken.append("a valid request")
        return "; ".join(broken)

    def arm(self, t_ns: int, now_ns: int, who: str) -> Transition | None:
        """Go from OFF to ARMED."""
        if self.state is not State.OFF:
            return None
        return self._go(t_ns, now_ns, State.ARMED, (Rule.ARMING, f"armed by {who}"))

    def disarm(self, t_ns: int, now_ns: int, who: str) -> Transition | None:
        """Go to OFF; what acts is led to neutral first."""
        if self.state is State.OFF:
            return None
        return self._go(t_ns, now_ns, State.OFF, (Rule.ARMING, f"disarmed by {who}"))

    def fault(self, t_ns: int, since_ns: int, cause: Cause) -> Transition | None:
        """Go to FAULTED for what has failed, at *since_ns*."""
        if self.state in {State.OFF, State.FAULTED}:
            return None
        return self._go(t_ns, since_ns, State.FAULTED, cause)

    def step(self, t_ns: int, now_ns: int, *, good: bool, release: Cause | None) -> Transition | None:
        """Go on by a tick.

        Args:
            t_ns: the caller's time.
            now_ns: the guard's.
            good: every input that the axis relies on is of use.
            release: why it has to be released, for what conditions do not say.
        """
        if self.phase(now_ns) is Phase.RELEASING and self._cut():
            self._released_ns = now_ns
        if self.state is State.ARMED:
            return self._armed(t_ns, now_ns, good=good)
        if self.state is State.ENGAGED:
            return self._engaged(t_ns, now_ns, release)
        if self.state is State.OVERRIDING:
            return self._overridden(t_ns, now_ns, release)
        return None

    def _armed(self, t_ns: int, now_ns: int, *, good: bool) -> Transition | None:
        if (
            self._consents(now_ns)
            and good
            and self._requested(now_ns)
            and self.phase(now_ns) is not Phase.RELEASING
            and all(each.holds for each in (*self._keep, *self._engage))
            and not any(each.holds for each in self._override)
        ):
            why = "its conditions hold" if self._consent is None else str(self._consent)
            return self._go(t_ns, now_ns, State.ENGAGED, (Rule.ENGAGEMENT, why))
        if now_ns - self._since_ns > self._armed_ns:
            why = f"armed for {self._armed_ns / _S:g} s without being engaged"
            return self._go(t_ns, now_ns, State.OFF, (Rule.ARMING, why))
        return None

    def _consents(self, now_ns: int) -> bool:
        """Whether consent has begun while it was armed, and not too long ago."""
        if self._consent is None:
            return True
        if self._consent.began:
            self._consented_ns = now_ns
        elif not self._consent.holds:
            self._consented_ns = None
        if self._consented_ns is not None and now_ns - self._consented_ns > self._consent_most_ns:
            self._consented_ns = None
        return self._consented_ns is not None

    def _engaged(self, t_ns: int, now_ns: int, release: Cause | None) -> Transition | None:
        ended = self._ended(t_ns, now_ns, release)
        if ended is not None:
            return ended
        for each in self._override:
            if each.holds:
                return self._go(t_ns, now_ns, State.OVERRIDING, (Rule.DRIVER_OVERRIDE, str(each)))
        return None

    def _overridden(self, t_ns: int, now_ns: int, release: Cause | None) -> Transition | None:
        ended = self._ended(t_ns, now_ns, release)
        if ended is not None:
            return ended
        if not any(each.holds for each in self._override):
            return self._go(t_ns, now_ns, State.ENGAGED, (Rule.DRIVER_OVERRIDE, "the driver has let go"))
        if now_ns - self._since_ns > self.axis.override_most_ns:
            why = f"the driver has acted for more than {self.axis.override_most_ns / _S:g} s"
            return self._go(t_ns, now_ns, State.ARMED, (Rule.OVERRIDE_TOO_LONG, why))
        return None

    def _ended(self, t_ns: int, now_ns: int, release: Cause | None) -> Transition | None:
        """Go back to armed, if something says so; what the driver does comes first."""
        for each in self._lasting:
            if not each.holds:
                return self._go(t_ns, now_ns, State.ARMED, (Rule.CONDITION, f"no longer: {each}"))
        if release is None and not self._requested(now_ns):
            release = Rule.REQUEST_TIMEOUT, f"no valid request for {self.axis.request_timeout_ns / _S:g} s"
        return None if release is None else self._go(t_ns, now_ns, State.ARMED, release)

    def _requested(self, now_ns: int) -> bool:
        return self._wanted_ns is not None and now_ns - self._wanted_ns <= self.axis.request_timeout_ns

    def _cut(self) -> bool:
        """Whether the driver does something that ends commands at once."""
        lost = any(each.holds is False and each.rule.ending is Ending.CUT for each in self._lasting)
        return lost or any(each.holds and each.rule.ending is Ending.CUT for each in self._override)

    def _go(self, t_ns: int, now_ns: int, after: State, cause: Cause) -> Transition:
        before, self.state, self.cause = self.state, after, cause
        if before is State.ENGAGED:
            self._released_ns = now_ns + (0 if self._cut() else self.axis.release_ns)
        self._since_ns, self._consented_ns = now_ns, None
        return Transition(t_ns, self.axis.name, before, after, *cause)
