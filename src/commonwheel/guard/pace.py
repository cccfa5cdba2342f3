"""The guard's own time: the steady clock's, from 0 at the first tick; it never goes back, whatever clocks are set to.

Times from outside are brought to it by the offset that both clocks had at the last tick. So a clock that is set, or a
reading that claims to come from the future, never makes a limit wider or an age smaller.
"""

from __future__ import annotations

from commonwheel.guard.verdict import Rule

__all__ = ["Pace"]

_MS = 1e6
_S_NS = 1_000_000_000


class Pace:
    """Tells the time, and a loop or a clock that does not keep it."""

    def __init__(self, late_ns: int, clock_step_ns: int) -> None:
        self._late_ns, self._step_ns = late_ns, clock_step_ns
        self._t_ns = 0
        self._apart_ns = 0
        """How far the clocks have come apart of late; within a second or so it is forgotten, as drifts are."""
        self._steady_ns: int | None = None
        self.now = 0
        """Time of the last tick."""
        self.before = 0
        """Time of the tick before it: what is found to have failed at one may have failed since."""

    def tick(self, t_ns: int, steady_ns: int) -> tuple[Rule, str] | None:
        """Go on; returns what is wrong with the time that has passed, and None if nothing is."""
        last_ns, passed_t_ns = self._steady_ns, t_ns - self._t_ns
        self._t_ns, self._steady_ns = t_ns, steady_ns
        if last_ns is None:
            return None
        passed_ns = steady_ns - last_ns
        self.before = self.now
        self.now += max(passed_ns, 0)
        apart_ns = self._apart_ns + passed_t_ns - passed_ns
        self._apart_ns = apart_ns - apart_ns * min(max(passed_ns, 0), _S_NS) // _S_NS
        if passed_ns < 0 or abs(apart_ns) > self._step_ns:
            self._apart_ns = 0
            return Rule.CLOCK_STEP, (
                f"the clock went on by {passed_t_ns / _MS:g} ms within {passed_ns / _MS:g} ms; of late it is "
                f"{apart_ns / _MS:g} ms off, and may be {self._step_ns / _MS:g} ms"
            )
        if passed_ns > self._late_ns:
            return Rule.LATE_LOOP, f"{passed_ns / _MS:g} ms from cycle to cycle, at most {self._late_ns / _MS:g} ms"
        return None

    def at(self, t_ns: int) -> int:
        """Return a time from outside as the guard's own; no later than when the next tick has to come."""
        return self.now if self._steady_ns is None else self.now + min(t_ns - self._t_ns, self._late_ns)
