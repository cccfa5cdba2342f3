"""The guard of one car: between every request and every frame. It does no I/O, reads no clock and never waits.

A cycle is: ``observe``, ``heard`` and ``wanted`` for all that came in, ``tick``, ``limit`` for each quantity, and
``check`` for each frame. ``limit`` makes a wish safe; ``check`` trusts no bit of the frame that comes of it, and knows
of it only the states of the axes and what was measured. What leaves is told to ``limit``, which releases from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.errors import EnvelopeError
from commonwheel.guard.envelope import Lateral, OnBad, Stock, Tracking
from commonwheel.guard.frames import BrokenRule, Frame
from commonwheel.guard.machine import Cause, Machine, Phase
from commonwheel.guard.pace import Pace
from commonwheel.guard.plausible import Follower, lateral
from commonwheel.guard.problems import problems
from commonwheel.guard.record import Record
from commonwheel.guard.situation import Situation
from commonwheel.guard.verdict import Outcome, Rule, State, Transition, Verdict
from commonwheel.guard.wishes import Grid, Wish
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonwheel.guard.envelope import CarEnvelope

__all__ = ["Guard", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """An input as it arrived."""

    t_ns: int
    """When it arrived, on the clock of ``Guard.tick``."""
    value: float
    quality: Quality


class Guard:
    """See the module. One per car; not for several threads at once."""

    def __init__(self, envelope: CarEnvelope) -> None:
        """Begin with every axis off.

        Raises:
            EnvelopeError: the envelope contradicts itself; all that is wrong with it.
        """
        wrong = problems(envelope)
        if wrong:
            raise EnvelopeError(envelope.car, wrong)
        self.envelope = envelope
        self._pace = Pace(envelope.late_ns, envelope.clock_step_ns)
        self._car = Situation(envelope)
        self._machines = self._car.machines
        by_name = {each.name: each for each in envelope.envelopes}
        grids = {
            field.envelope: Grid(field.factor, field.offset)
            for frame in envelope.frames
            for field in frame.fields
            if field.envelope
        }
        self._wishes = {
            name: Wish(each, grids.get(name, Grid(0.0, 0.0)), envelope.late_ns) for name, each in by_name.items()
        }
        axes = tuple(self._machines)
        self._frames = {
            (rule.bus, rule.can_id): Frame(rule, by_name, axes, envelope.late_ns) for rule in envelope.frames
        }
        self._followers = [
            (each, Follower(each.tracking, self._car.watches[each.tracking.path]))
            for each in envelope.envelopes
            if isinstance(each.tracking, Tracking)
        ]
        self._relied = {
            axis: [watch for watch in self._car.watches.values() if axis in watch.rule.axes] for axis in axes
        }
        self._steering = {each.axis for each in envelope.envelopes if isinstance(each.lateral, Lateral)}
        self._stock: dict[str, Cause] = {}
        self._record = Record()

    def state(self, axis: str) -> State:
        """Return an axis's state."""
        return self._machines[axis].state

    def acts(self, axis: str) -> bool:
        """Whether commands of an axis may be other than neutral now: it is engaged, or being released."""
        return self._car.phase(axis, self._pace.now) in {Phase.ACTING, Phase.RELEASING}

    def cause(self, axis: str) -> str:
        """Return why an axis is in its state, in words; '' before anything has happened."""
        return self._machines[axis].cause[1]

    def waits(self, axis: str) -> str:
        """Return what engaging an armed axis waits for, in words."""
        return self._machines[axis].waits(self._pace.now)

    def lacks(self, axis: str) -> tuple[str, ...]:
        """Return, in words, each input that would fault an axis if it were armed now and the input stayed as it is."""
        return tuple(
            f"{watch.rule.path} has not come" if watch.quality == Quality.MISSING else str(watch)
            for watch in self._relied[axis]
            if watch.failed(self._pace.now + watch.rule.tolerance_ns) is OnBad.FAULT
        )

    @property
    def lost(self) -> int:
        """How many verdicts and transitions nobody has drained in time."""
        return self._record.lost

    def arm(self, t_ns: int, who: str) -> tuple[Transition, ...]:
        """Take every axis that is off to armed; somebody who may has asked for it.

        A faulted one stays so, which a verdict says: it has to be disarmed first.
        """
        for axis, machine in self._machines.items():
            if machine.state is State.FAULTED:
                text = f"{axis} is faulted ({machine.cause[1]}): disarm it, then arm it anew"
                self._record.verdict(Verdict(t_ns, axis, Outcome.REFUSED, Rule.ARMING, text=text))
        return self._told(machine.arm(t_ns, self._pace.now, who) for machine in self._machines.values())

    def disarm(self, t_ns: int, who: str) -> tuple[Transition, ...]:
        """Release every axis and take it to off."""
        return self._told(machine.disarm(t_ns, self._pace.now, who) for machine in self._machines.values())

    def observe(self, path: str, reading: Reading) -> None:
        """Take in an input; one that the envelope does not know is passed over."""
        watch = self._car.watches.get(path)
        if watch is not None:
            watch.take(self._pace.at(reading.t_ns), reading.value, reading.quality)

    def heard(self, t_ns: int, bus: int, can_id: int, payload: bytes = b"") -> None:
        """Take note of a frame on a bus that did not leave from here; one that nobody else is to send is a fault."""
        frame = self._frames.get((bus, can_id))
        if frame is not None:
            frame.heard(payload, self._pace.at(t_ns))
        if frame is not None and frame.rule.stock in {Stock.BLOCKED, Stock.NONE}:
            text = f"{frame.rule.name} came from the car; nobody else is to send it"
            self._stock |= dict.fromkeys(frame.axes, (Rule.STOCK_MESSAGE, text))

    def wanted(self, t_ns: int, axis: str) -> None:
        """Take note that there is a valid request for an axis now."""
        machine = self._machines.get(axis)
        if machine is not None:
            machine.want(self._pace.at(t_ns))

    def tick(self, t_ns: int, steady_ns: int) -> tuple[Transition, ...]:
        """Go on in time, in each cycle of the loop, after all that came in was taken; returns what changed.

        Args:
            t_ns: the time of readings and frames.
            steady_ns: a clock that nobody sets; a loop that is late and a clock that was set show as they differ.
        """
        untimely = self._pace.tick(t_ns, steady_ns)
        now = self._pace.now
        self._car.judge(now)
        said = self._told(self._step(machine, t_ns, now, untimely) for machine in self._machines.values())
        self._stock.clear()
        return said

    def _step(self, machine: Machine, t_ns: int, now: int, untimely: Cause | None) -> Transition | None:
        """Go on with one axis; what failed with the time may have done so at any time since the last tick."""
        axis = machine.axis.name
        relied = self._relied[axis]
        failed = {OnBad.RELEASE: "", OnBad.FAULT: ""}
        for watch in relied:
            action = watch.failed(now)
            if action is not None and not failed[action]:
                failed[action] = str(watch)
        fault = untimely or self._stock.get(axis) or self._untrue(machine, now)
        if fault is None and failed[OnBad.FAULT]:
            fault = Rule.INPUT_QUALITY, failed[OnBad.FAULT]
        release = lateral(self._car, now) if axis in self._steering and machine.state is State.ENGAGED else None
        if failed[OnBad.RELEASE]:
            release = Rule.INPUT_QUALITY, failed[OnBad.RELEASE]
        if fault is not None:
            transition = machine.fault(t_ns, self._pace.before if untimely else now, fault)
            if transition is not None:
                return transition
        return machine.step(t_ns, now, good=all(watch.quality == Quality.GOOD for watch in relied), release=release)

    def _untrue(self, machine: Machine, now: int) -> Cause | None:
        """Return what does not follow its command."""
        found = None
        for envelope, follower in self._followers:
            if envelope.axis == machine.axis.name:
                neutral = self._car.neutral(envelope, now)[2]
                acting = machine.state is State.ENGAGED
                commanded = self._wishes[envelope.name].commanded(now, neutral) if acting else None
                found = follower.judge(now, commanded) or found
        return found

    def limit(self, t_ns: int, name: str, asked: float | None) -> Verdict:
        """Say what a quantity may be in this cycle; ``allowed`` is always safe to use.

        Once per cycle for each quantity, asked for or not: released ones are led to neutral by it. None asks for
        nothing, and leads it to neutral too.
        """
        wish = self._wishes.get(name)
        if wish is None:
            text = f"no envelope is called '{name}'"
            return self._record.verdict(Verdict(t_ns, name, Outcome.REFUSED, Rule.UNKNOWN_TARGET, text=text))
        return self._record.verdict(wish.judge(self._car, t_ns, self._pace.now, asked))

    def check(self, t_ns: int, bus: int, can_id: int, payload: bytes) -> Verdict:
        """Say whether a frame may leave, by the time of the last tick. A frame that passes counts as sent."""
        frame = self._frames.get((bus, can_id))
        if frame is None:
            subject = f"bus {bus} id 0x{can_id:X}"
            text = "not one of the messages that may leave"
            return self._record.verdict(Verdict(t_ns, subject, Outcome.REFUSED, Rule.FRAME_UNKNOWN, text=text))
        now, name = self._pace.now, frame.rule.name
        try:
            left = frame.check(self._car, now, payload)
        except BrokenRule as broken:
            if broken.of is not None:
                neutral = self._car.neutral(broken.of.envelope, now)[2]
                self._wishes[broken.of.envelope.name].put(broken.of.last(self._car, now, neutral))
            verdict = Verdict(
                t_ns, name, Outcome.REFUSED, broken.rule, asked=broken.asked, limit=broken.limit, text=broken.text
            )
            return self._record.verdict(verdict)
        for quantity, value in left:
            self._wishes[quantity].left(now, value)
        for quantity in frame.capped:  # what the car's own controller held back is not made up for in one step
            wish, neutral = self._wishes[quantity.envelope.name], self._car.neutral(quantity.envelope, now)[2]
            wish.put(frame.held_under(quantity, now, wish.allowed(neutral), neutral))
        return self._record.verdict(Verdict(t_ns, name, Outcome.ALLOWED, Rule.NONE))

    def fail(self, t_ns: int, why: str, rule: Rule = Rule.EXCEPTION) -> tuple[Transition, ...]:
        """Fault every axis that is not off: whoever acts has failed, or knows of what the guard cannot see."""
        cause = rule, why
        return self._told(machine.fault(t_ns, self._pace.now, cause) for machine in self._machines.values())

    def drain(self) -> Sequence[Verdict | Transition]:
        """Return what was said since the last call, in order: transitions, and verdicts that changed."""
        return self._record.drain()

    def _told(self, transitions: Iterable[Transition | None]) -> tuple[Transition, ...]:
        said = tuple(each for each in transitions if each is not None)
        for each in said:
            self._record.transition(each)
        return said
