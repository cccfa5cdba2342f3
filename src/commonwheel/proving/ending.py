"""Why an axis did not act: what ended it first, or what engaging waited for all the time; in the guard's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.guard import State, Transition

if TYPE_CHECKING:
    from commonwheel.guard.guard import Guard
    from commonwheel.proving.run import Run

__all__ = ["Waiting", "ended"]

_ACTING = (State.ENGAGED, State.OVERRIDING)


class Waiting:
    """Keeps of each axis that is armed what engaging came nearest to: the fewest things that it waited for."""

    def __init__(self) -> None:
        self.nearest: dict[str, str] = {}
        """By axis; nothing of one that was never armed."""

    def look(self, guard: Guard, axis: str) -> None:
        """Take in what an axis waits for now, if it is armed."""
        if guard.state(axis) is not State.ARMED:
            return
        waits = guard.waits(axis)
        nearest = self.nearest.get(axis)
        if waits and (nearest is None or waits.count(";") < nearest.count(";")):
            self.nearest[axis] = waits


def ended(run: Run, axis: str) -> str:
    """Return what kept an axis from acting or ended it first, as words that follow its name; '' for nothing.

    That the driver acts for a moment ends nothing: what is asked for goes on after it.
    """
    engaged = False
    for said in run.said:
        if not isinstance(said, Transition) or said.axis != axis:
            continue
        engaged |= said.after is State.ENGAGED
        if said.after is State.FAULTED and not engaged:
            return f"was faulted at {said.t_ns / 1e9:.2f} s, before it was ever engaged: {said.cause}"
        if said.before in _ACTING and said.after not in _ACTING:
            return f"ended at {said.t_ns / 1e9:.2f} s: {said.cause}"
    if engaged:
        return ""
    waits = run.waited.get(axis, "")
    return f"was never engaged; it waited for {waits}" if waits else "was never engaged"
