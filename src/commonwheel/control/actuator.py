"""One adapter at work: a target is limited, controlled, limited again, and put into frames that the guard looks at.

::

    target ─► guard.limit ─► reference ─► guard.limit ─► controller ─► commands ─► guard.limit ─► frame ─► guard.check

Whatever fails in between, ``release`` does without it: it asks for neutral everywhere and makes the frames of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.control import manners
from commonwheel.control.frames import FrameMaker
from commonwheel.control.making import make_controller, reference_path
from commonwheel.guard import Outcome, State
from commonwheel.guard.envelope import Measured as MeasuredNeutral
from commonwheel.guard.envelope import Stock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonwheel.control.measured import Measured
    from commonwheel.control.model import Adapter, Carrier, Control
    from commonwheel.guard import Envelope, Guard, Verdict
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Actuator", "Leaving", "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """The request that counts."""

    path: str
    value: float


@dataclass(frozen=True, slots=True)
class Leaving:
    """A frame that the guard let pass."""

    bus: int
    can_id: int
    """As frames have it."""
    payload: bytes


class Actuator:
    """See the module. What it shows is of the last cycle; values are NaN while nothing acts."""

    def __init__(self, vehicle: Vehicle, control: Control, adapter: Adapter, guard: Guard, file: Path) -> None:
        """Prepare.

        Raises:
            DescriptionError: a carrier names what the vehicle does not have.
        """
        self.adapter = adapter
        self.controller = make_controller(adapter, control.envelope)
        self._guard = guard
        self._native = reference_path(adapter)
        envelopes = {envelope.name: envelope for envelope in control.envelope.envelopes}
        self._reference = adapter.serves.get(self._native, "")
        targets = [name for name in dict.fromkeys(adapter.serves.values()) if name]
        windows = {(rule.bus, rule.can_id): rule.window_ns for rule in control.envelope.frames}
        self.makers = [
            FrameMaker(vehicle, carrier, file, lapse_ns=windows.get(_place(vehicle, carrier), 0))
            for carrier in adapter.carriers
        ]
        commands = [command.name for maker in self.makers for command in maker.commands]
        self._targets = [name for name in targets if name not in commands]
        self._commands = list(dict.fromkeys(commands))
        self._envelopes = {name: envelopes[name] for name in [*self._targets, *self._commands]}
        self._centres = {name: _centre(envelope) for name, envelope in self._envelopes.items()}
        mixed = {(rule.bus, rule.can_id) for rule in control.envelope.frames if rule.stock is Stock.MIXED}
        replaced = {(rule.bus, rule.can_id) for rule in control.envelope.frames if rule.stock is Stock.REPLACED}
        self._replaces = [(maker.message.bus, maker.message.frame_id) in replaced for maker in self.makers]
        now_and_then = isinstance(adapter.manner, manners.Pulse)
        self._sparse = [now_and_then or (maker.message.bus, maker.message.frame_id) in mixed for maker in self.makers]
        self._values: dict[str, float] = {}
        """What the guard allowed of each quantity in this cycle."""
        self._made: set[int] = set()
        self._asked = False
        """Somebody asks for it in this cycle: the car's own controller has the message back once nobody does."""
        self._sent = dict(self._centres)
        self.verdict: Verdict | None = None
        """The first of this cycle that changed something."""
        self.allowed = math.nan
        """Of the wish, in its unit; where only the command has limits, as the frames say it."""
        self._path = ""
        """Of the wish."""
        self.sent_reference = math.nan
        """What the frames say, in the controller's reference."""
        self.frames_left = 0
        """Since it acts."""

    def begin(self) -> None:
        """Begin a cycle."""
        self._values.clear()
        self._made.clear()
        self.verdict = None

    def run(self, t_ns: int, wish: Wish | None, now: Measured, dt_s: float) -> None:
        """Find out what the commands of this cycle are."""
        guard, axis = self._guard, self.adapter.axis
        self._asked = wish is not None
        if not guard.acts(axis):
            self.controller.reset(now)
            self.frames_left, self.allowed, self.sent_reference = 0, math.nan, math.nan
            self._rest(t_ns)
            return
        if wish is not None and guard.state(axis) is State.ENGAGED:
            reference = self._follow(t_ns, wish, now, dt_s)
        else:  # a release, or a pause: the guard leads all to neutral
            self.allowed = math.nan
            reference = self._leave(t_ns)
        commands = self.controller.command(reference, now, dt_s)
        for name in self._commands:
            if name not in self._values:
                self._limit(t_ns, name, commands.get(name, self._centres[name]))
        for name in self._targets:
            if name not in self._values:
                self._limit(t_ns, name, None)

    def send(self, t_ns: int, slack_ns: int) -> Iterator[Leaving]:
        """Make the frames that are due, and yield those that the guard lets pass."""
        guard, axis = self._guard, self.adapter.axis
        acts = guard.acts(axis)
        silent = guard.state(axis) is State.OFF and not acts
        for number, (maker, sparse) in enumerate(zip(self.makers, self._sparse, strict=True)):
            if number in self._made:
                continue
            lets = self._replaces[number] and (not acts or (not self._asked and self._is_neutral(maker)))
            if silent or (sparse and self._is_neutral(maker)) or lets:
                self._made.add(number)
                maker.rest()
                self._sent |= {command.name: self._centres[command.name] for command in maker.commands}
            elif maker.due(t_ns, slack_ns):
                self._made.add(number)
                yield from self._frame(t_ns, slack_ns, maker, acts=acts)

    def settle(self, now: Measured) -> None:
        """Take in what the frames say."""
        if self._guard.acts(self.adapter.axis):
            self.sent_reference = self.controller.sent(self._sent, now)
            if self._reference not in self._targets and not math.isnan(self.allowed):
                self.allowed = self.controller.express(self._path, self.sent_reference, now)

    def release(self, t_ns: int, slack_ns: int) -> Iterator[Leaving]:
        """Do without whatever has failed: neutral everywhere, and the frames of it. Those that were made stay."""
        for name in [*self._targets, *self._commands]:
            self._limit(t_ns, name, None)
        yield from self.send(t_ns, slack_ns)

    def _frame(self, t_ns: int, slack_ns: int, maker: FrameMaker, *, acts: bool) -> Iterator[Leaving]:
        payload = maker.make(self._values, self._centres, acts=acts)
        message = maker.message
        if self._guard.check(t_ns, message.bus, message.frame_id, payload).passed:
            maker.sent(t_ns, slack_ns)
            self._sent |= maker.read(payload)
            self.frames_left += acts
            yield Leaving(message.bus, message.frame_id, payload)

    def _follow(self, t_ns: int, wish: Wish, now: Measured, dt_s: float) -> float:
        """Return the reference of a wish, as the guard allows it."""
        own = self.adapter.serves[wish.path]
        value = wish.value
        if own and own != self._reference and own in self._envelopes and own not in self._commands:
            value = self._limit(t_ns, own, value)
        reference = self.controller.reference(wish.path, value, now, dt_s)
        if self._reference in self._targets:
            asked, reference = reference, self._limit(t_ns, self._reference, reference)
            if reference != asked:
                value = self.controller.express(wish.path, reference, now)
        self.allowed, self._path = value, wish.path
        return reference

    def _leave(self, t_ns: int) -> float:
        """Return the reference while it is released: what the guard makes of neutral."""
        if self._reference in self._targets:
            return self._limit(t_ns, self._reference, None)
        return 0.0 if math.isnan(self.sent_reference) else self.sent_reference

    def _rest(self, t_ns: int) -> None:
        for name in [*self._targets, *self._commands]:
            self._limit(t_ns, name, None)
        self.verdict = None

    def _limit(self, t_ns: int, name: str, asked: float | None) -> float:
        verdict = self._guard.limit(t_ns, name, asked)
        self._values[name] = verdict.allowed
        if self.verdict is None and verdict.outcome is not Outcome.ALLOWED:
            self.verdict = verdict
        return verdict.allowed

    def _is_neutral(self, maker: FrameMaker) -> bool:
        return all(self._values[command.name] == self._centres[command.name] for command in maker.commands)


def _place(vehicle: Vehicle, carrier: Carrier) -> tuple[int, int]:
    message = vehicle.messages[carrier.message]
    return message.bus, message.frame_id


def _centre(envelope: Envelope) -> float:
    neutral = envelope.neutral
    return neutral.centre if isinstance(neutral, MeasuredNeutral) else neutral
