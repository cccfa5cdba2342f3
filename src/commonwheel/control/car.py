"""One car, made to act: requests in the standard come in, frames that the guard lets pass go out, in cycles of 10 ms.

Pure in the guard's sense: no I/O, no threads, no clock of its own. The gateway calls it in real time, the proving
ground in simulated time, and both get the same frames for the same input.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.catalog import load_catalog
from commonwheel.control import standard
from commonwheel.control.actuator import Actuator, Leaving, Wish
from commonwheel.control.arbitration import Arbiter
from commonwheel.control.making import relied_on
from commonwheel.control.manners import Torque
from commonwheel.control.measured import Measured
from commonwheel.control.proof import Follower
from commonwheel.control.refusal import Terms
from commonwheel.guard import Guard, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.control.arbitration import Life
    from commonwheel.control.frames import FrameMaker
    from commonwheel.control.model import Control
    from commonwheel.control.request import Progress, Request
    from commonwheel.guard import Transition, Verdict
    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["CYCLE_NS", "Acting", "CarControl", "Cycle", "Leaving"]

CYCLE_NS = 10_000_000
_LONGEST_STEP_S = 0.05
"""A controller takes no longer step than this, however late the loop is."""
_ACTING = frozenset({State.ENGAGED, State.OVERRIDING})
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Acting:
    """What one actuator does now, side by side; in the standard's unit."""

    path: str
    source: str
    """Whose request it follows; '' none."""
    asked: float
    """NaN where nobody asks."""
    allowed: float
    """By the guard; NaN while nothing acts."""
    sent: float
    """What the frames say, read back from their bytes; NaN while nothing acts."""
    measured: float
    """What the signal that proves it shows; NaN where it shows nothing."""


@dataclass(slots=True)
class Cycle:
    """What one cycle brought."""

    t_ns: int
    frames: list[Leaving] = field(default_factory=list["Leaving"])
    progress: list[Progress] = field(default_factory=list["Progress"])
    said: list[Verdict | Transition] = field(default_factory=list["Verdict | Transition"])


class CarControl:
    """See the module. Not for several threads at once."""

    def __init__(self, vehicle: Vehicle, control: Control) -> None:
        """Begin with everything off.

        Raises:
            DescriptionError: the control is of another car, or names what the vehicle does not have.
            EnvelopeError: the envelope contradicts itself.
        """
        self.vehicle, self.control = vehicle, control
        self.guard = Guard(control.envelope)
        file = Path(control.file or control.car)
        self._actuators = {
            adapter.name: Actuator(vehicle, control, adapter, self.guard, file) for adapter in control.adapters
        }
        self._by_path = {path: self._actuators[adapter.name] for path, adapter in control.served.items()}
        self._measured = _measured(vehicle, control)
        self._arbiter = Arbiter(_terms(control), self._rank)
        self._followers = {name: Follower(actuator, self._measured) for name, actuator in self._actuators.items()}
        self._listeners = self._find_listeners()
        self._winners: dict[str, Life] = {}
        self._states = {axis.name: State.OFF for axis in control.envelope.axes}
        self._steady_ns: int | None = None
        self._t_ns = 0
        self._broken = ""
        """What has failed between two cycles."""

    @property
    def actuators(self) -> Sequence[str]:
        """The standard paths that can be asked for."""
        return tuple(self._by_path)

    @property
    def acting(self) -> Mapping[str, Acting]:
        """What each actuator does now, by path."""
        return {path: self._acting(path, actuator) for path, actuator in self._by_path.items()}

    def hear(self, frames: Frames) -> None:
        """Take in frames of the car's buses (the car's bus numbers): what its controllers send, to hold or to miss."""
        try:
            listeners = self._listeners
            for row, key in enumerate(zip(frames.bus.tolist(), frames.id.tolist(), strict=True)):
                found = listeners.get(key)
                if found is not None:
                    t_ns = int(frames.t_ns[row])
                    payload = frames.data[row, : int(frames.size[row])].tobytes()
                    self.guard.heard(t_ns, *key, payload)
                    for maker in found:
                        maker.hear(t_ns, payload)
        except Exception as error:  # noqa: BLE001 - whatever it is, the car has to be released
            self._breaks("hear", error)

    def take(self, samples: Samples) -> None:
        """Take in what was decoded of them: the vehicle's signal numbers, all qualities, in order of time."""
        try:
            observe = self.guard.observe
            for path, reading in self._measured.take(samples):
                observe(path, reading)
        except Exception as error:  # noqa: BLE001 - whatever it is, the car has to be released
            self._breaks("take", error)

    def request(self, request: Request) -> None:
        """Take in a wish; what becomes of it is in the next cycles' ``progress``."""
        self._arbiter.ask(request)

    def withdraw(self, source: str, path: str | None = None) -> None:
        """End what a source asks for: of one actuator, or of all."""
        self._arbiter.withdraw(self._t_ns, source, path)

    def arm(self, t_ns: int, who: str) -> None:
        """Let axes be engaged."""
        self.guard.arm(t_ns, who)

    def disarm(self, t_ns: int, who: str) -> None:
        """Release everything."""
        self.guard.disarm(t_ns, who)

    def step(self, t_ns: int, steady_ns: int) -> Cycle:
        """Go through one cycle; an exception inside faults the guard, and the frames that release the car still come.

        Args:
            t_ns: now, on the clock of frames and samples.
            steady_ns: now, on a clock that nobody sets.
        """
        cycle = Cycle(t_ns)
        dt_s = self._passed_s(t_ns, steady_ns)
        for actuator in self._actuators.values():
            actuator.begin()
        try:
            self.guard.tick(t_ns, steady_ns)
            if self._broken:
                self.guard.fail(t_ns, self._broken)
                self._broken = ""
            self._go(cycle, dt_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the car has to be released
            _LOG.exception("%s: a cycle of control has failed; the car is released", self.control.car)
            self._release(cycle, f"{type(error).__name__}: {error}")
        try:
            progress, refusals = self._arbiter.drain()
            cycle.progress += progress
            cycle.said += [*refusals, *self.guard.drain()]
        except Exception as error:  # noqa: BLE001 - what cannot be told is no reason not to release
            self._breaks("drain", error)
        return cycle

    def _go(self, cycle: Cycle, dt_s: float) -> None:
        """Do what a cycle does when nothing fails."""
        t_ns, guard, now = cycle.t_ns, self.guard, self._measured
        self._end_released(t_ns)
        self._winners = self._arbiter.tick(t_ns)
        for name in self._winners:
            guard.wanted(t_ns, self._actuators[name].adapter.axis)
        for name, actuator in self._actuators.items():
            life = self._winners.get(name)
            wish = None if life is None else Wish(life.request.path, float(life.request.value))
            actuator.run(t_ns, wish, now, dt_s)
        for actuator in self._actuators.values():
            cycle.frames += actuator.send(t_ns, CYCLE_NS // 2)
            actuator.settle(now)
        for name, life in self._winners.items():
            self._followers[name].follow(t_ns, life, self._arbiter)

    def _release(self, cycle: Cycle, why: str) -> None:
        """Fault the guard, and let out what leads the car to neutral, each adapter by itself.

        A guard that fails itself lets nothing out: then the car is left to its own controllers' timeouts.
        """
        try:
            self.guard.fail(cycle.t_ns, why)
        except Exception as error:  # noqa: BLE001 - it is told in the next cycle again
            self._breaks("fail", error)
            return
        for actuator in self._actuators.values():
            try:
                cycle.frames += actuator.release(cycle.t_ns, CYCLE_NS // 2)
            except Exception:  # noqa: BLE001 - each by itself: the others are released all the same
                _LOG.exception("%s: '%s' cannot be released by frames", self.control.car, actuator.adapter.name)

    def _end_released(self, t_ns: int) -> None:
        """End the requests of axes that were released since the last cycle."""
        for axis, before in self._states.items():
            after = self.guard.state(axis)
            if after is before:
                continue
            self._states[axis] = after
            if before in _ACTING and after not in _ACTING:
                groups = [name for name, each in self._actuators.items() if each.adapter.axis == axis]
                self._arbiter.release(t_ns, groups, f"{axis} was released: it is {after.value}")

    def _passed_s(self, t_ns: int, steady_ns: int) -> float:
        """Return the time since the last cycle, within what controllers can bear."""
        last, self._steady_ns, self._t_ns = self._steady_ns, steady_ns, t_ns
        passed_s = CYCLE_NS * 1e-9 if last is None else (steady_ns - last) * 1e-9
        return min(max(passed_s, 0.0), _LONGEST_STEP_S)

    def _breaks(self, where: str, error: Exception) -> None:
        _LOG.exception("%s: '%s' has failed; the car is released", self.control.car, where)
        self._broken = f"{where}: {type(error).__name__}: {error}"

    def _rank(self, path: str, value: float) -> float:
        return self._by_path[path].controller.rank(path, value, self._measured)

    def _acting(self, path: str, actuator: Actuator) -> Acting:
        life = self._winners.get(actuator.adapter.name)
        own = life if life is not None and life.request.path == path else None
        sent = actuator.sent_reference
        proven = actuator.adapter.proven.get(path)
        shown = None if proven is None else self._measured.good(proven.path)
        return Acting(
            path,
            own.request.source if own is not None else "",
            float(own.request.value) if own is not None else math.nan,
            actuator.allowed if own is not None else math.nan,
            math.nan if math.isnan(sent) else actuator.controller.express(path, sent, self._measured),
            math.nan if shown is None else shown,
        )

    def _find_listeners(self) -> dict[tuple[int, int], list[FrameMaker]]:
        """Return what has to know of frames on the buses, by bus and id."""
        found: dict[tuple[int, int], list[FrameMaker]] = {
            (rule.bus, rule.can_id): [] for rule in self.control.envelope.frames
        }
        for actuator in self._actuators.values():
            for maker in actuator.makers:
                found.setdefault((maker.message.bus, maker.message.frame_id), []).append(maker)
        return found


def _measured(vehicle: Vehicle, control: Control) -> Measured:
    """Return what watches all that the guard, the controllers and the proofs rely on."""
    envelope = control.envelope
    paths = [each.path for each in envelope.inputs]
    for adapter in control.adapters:
        paths += relied_on(adapter)
    torque = next((each.manner for each in control.adapters if isinstance(each.manner, Torque)), None)
    steering = envelope.steering if isinstance(envelope.steering, str) else ""
    return Measured(
        vehicle, paths, speed=envelope.speed, angle=torque.angle if torque is not None else steering,
        rate=torque.rate if torque is not None else "",
    )  # fmt: skip


def _terms(control: Control) -> dict[str, Terms]:
    catalog = load_catalog()
    terms: dict[str, Terms] = {}
    for path, adapter in control.served.items():
        leaf = catalog.get(path)
        unit = "" if leaf is None or leaf.unit is None else leaf.unit
        terms[path] = Terms(adapter.name, unit, path in standard.LEAST_WINS)
    return terms
