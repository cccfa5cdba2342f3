"""The closed loop: a twin drives, its frames are decoded, apps ask, the control acts, and its frames reach the twin.

Deterministic, without threads and without a clock: the same setup leads to the same frames, bit by bit. A cycle is what
``gateway`` does in 10 ms of a live car, with the same objects in the same order, as fast as it goes.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commonwheel.control import CYCLE_NS, CarControl
from commonwheel.guard import State, Transition
from commonwheel.proving.disturber import Disturber
from commonwheel.proving.ending import Waiting
from commonwheel.proving.inputs import Inputs
from commonwheel.proving.run import Recorder, Truth
from commonwheel.proving.seat import Seat
from commonwheel.proving.sight import Sight
from commonwheel.twin.twin import Twin
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.samples import Samples
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from commonwheel.control import Control, Cycle
    from commonwheel.proving.cycle import Target
    from commonwheel.proving.intervention import Intervention
    from commonwheel.proving.run import Run
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.scenario import Scenario
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["AppUse", "Loop", "Setup"]

_GUARD = "Vehicle.MotionManagement.Guard"
_LOOK_NS = 10 * CYCLE_NS
"""How often it is looked at what engaging waits for."""


@dataclass(frozen=True, slots=True)
class AppUse:
    """An app, and how it is set."""

    name: str
    """Of a shipped app, or a file."""
    settings: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a drive follows from."""

    vehicle: Vehicle
    control: Control
    scenario: Scenario
    apps: tuple[AppUse, ...] = ()
    parameters: Parameters | None = None
    """Of the car's physics; those that are shipped unless given."""
    seed: int = 0
    interventions: tuple[Intervention, ...] = ()
    target: Target | None = None
    """The speeds that are meant, where that is more than the scenario says."""
    arm_s: float = 0.5
    """When somebody arms the guard."""
    keep_frames: bool = True
    """Whether the run has every frame in it."""


class Loop:
    """One drive. ``run`` drives it to its end, ``until`` to a time; not for several threads at once."""

    def __init__(self, setup: Setup) -> None:
        """Put a drive together, at its beginning.

        Raises:
            CommonwheelError: the car cannot be driven so: nothing is known of its physics, an app cannot run on it.
        """
        vehicle = setup.vehicle
        self.setup = setup
        self.twin = Twin(vehicle, setup.scenario, parameters=setup.parameters, seed=setup.seed, harness=True)
        self.control = CarControl(vehicle, setup.control)
        self.t_ns = 0
        self.disturber = Disturber(setup.seed)
        self._inputs = Inputs(vehicle, seed=setup.seed)
        self._sight = Sight(seed=setup.seed)
        self._own = frozenset(vehicle.numbers)
        self._decoder = VehicleDecoder(
            vehicle, buses={i: bus.name for i, bus in enumerate(vehicle.buses)}, clock=Clock.RELATIVE
        )
        self._recorder = Recorder(setup.keep_frames)
        self.axes = tuple(axis.name for axis in setup.control.envelope.axes)
        """Names of the axes that the guard knows."""
        guard = [f"{_GUARD}.{axis.capitalize()}State" for axis in self.axes]
        given = [*self.twin.perceivable, *guard, f"{_GUARD}.Cause", f"{_GUARD}.IsArmed"]
        asked = self.control.actuators
        self.seats = [
            Seat(use.name, vehicle, given=given, asked=asked, settings=dict(use.settings)) for use in setup.apps
        ]
        self._by_name = {seat.name: seat for seat in self.seats}
        self._waiting_for = Waiting()
        self._armed = False
        self._perceptions = -1
        self._waiting: list[Frames] = []
        """What was heard while the loop was late."""
        for intervention in setup.interventions:
            self.intervene(intervention)
        for seat in self.seats:
            seat.start(0)

    def intervene(self, intervention: Intervention) -> None:
        """Do something to the drive from now on, or later."""
        self._inputs.add(intervention)
        self._sight.add(intervention)
        self.disturber.add(intervention)

    @functools.cached_property
    def sights(self) -> tuple[str, ...]:
        """Branches of what is seen beside the car's own wire, as far as any app reads it."""
        branches = {
            path.rpartition(".")[0] for path in self.twin.perceivable if any(path in seat.reads for seat in self.seats)
        }
        return tuple(sorted(branches))

    def relies(self, axis: str, branch: str) -> bool:
        """Whether an app that asks for something of an axis reads what is in a branch."""
        return any(
            self.valid_s(seat.name, axis) is not None and any(path.startswith(f"{branch}.") for path in seat.reads)
            for seat in self.seats
        )

    def valid_s(self, app: str, axis: str) -> float | None:
        """Return for how long the last wish of an app for an axis was good; None where it wished nothing of it."""
        served = self.setup.control.served
        asked = self._by_name[app].asked if app in self._by_name else {}
        times = [valid_ns for path, valid_ns in asked.items() if path in served and served[path].axis == axis]
        return max(times) / 1e9 if times else None

    def forget(self) -> None:
        """Record anew from here on."""
        self._recorder = Recorder(self._recorder.keep_frames)

    @property
    def finished(self) -> bool:
        """Whether the scenario is over."""
        return self.twin.finished or self.t_ns >= self.twin.length_ns

    def run(self) -> Run:
        """Drive to the scenario's end, and return what it was like."""
        while not self.finished:
            self.step()
        return self.result()

    def until(self, t_s: float) -> None:
        """Drive up to a time."""
        while self.t_ns < t_s * 1e9 and not self.finished:
            self.step()

    def result(self) -> Run:
        """Return what the drive was like so far."""
        seats = self.seats
        return self._recorder.finish(
            self.setup.vehicle.name,
            self.setup.scenario.name,
            [seat.name for seat in seats],
            events=[(seat.name, event) for seat in seats for event in seat.did.events],
            logs=[(seat.name, line) for seat in seats for line in seat.did.logs],
            failures=[(seat.name, failure) for seat in seats for failure in seat.did.failures],
            waited=self._waiting_for.nearest,
        )

    # ---- a cycle -----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Go through one cycle of 10 ms."""
        t_ns = self.t_ns = self.t_ns + CYCLE_NS
        frames = self._inputs.apply(self.twin.advance(t_ns), t_ns)
        if self.disturber.late(t_ns):
            self._waiting.append(frames)
            return
        if self._waiting:
            frames = Frames.concat([*self._waiting, frames])
            self._waiting = []
        shown_ns = t_ns + self.disturber.clock_ns(t_ns)
        if shown_ns != t_ns:
            frames = replace(frames, t_ns=frames.t_ns + (shown_ns - t_ns))
        self._hear(frames, shown_ns)
        self._ask(shown_ns)
        cycle = self.control.step(shown_ns, t_ns)
        self._tell(cycle)
        self._act(cycle, t_ns)
        if t_ns % _LOOK_NS == 0:
            for axis in self.axes:
                self._waiting_for.look(self.control.guard, axis)
        self._recorder.row(t_ns / 1e9, self._truth(), self.control.acting, self._states())

    def _hear(self, frames: Frames, t_ns: int) -> None:
        samples = Samples.concat([self._decoder.decode(frames), self._decoder.expire(t_ns)])
        if self._recorder.keep_frames and len(frames):
            self._recorder.received.append(frames)
        self.control.hear(frames)
        self.control.take(samples)
        said = self._sight.apply(t_ns, self.twin.perceived if self._looked() else None)
        for seat in self.seats:
            if self.disturber.hung(seat.name, self.t_ns):
                continue
            seat.take(samples)
            if said:
                seat.perceive(t_ns, said)
            seat.advance(t_ns)

    def _looked(self) -> bool:
        """Whether what is perceived was brought up to date since the last call."""
        version = self.twin.perceived_version
        looked, self._perceptions = version != self._perceptions, version
        return looked

    def _ask(self, t_ns: int) -> None:
        """Hand over what is asked for, and see to who lives."""
        if not self._armed and t_ns >= self.setup.arm_s * 1e9:
            self._armed = True
            self.control.arm(t_ns, "proving ground")
        for seat in self.seats:
            if seat.alive and self.disturber.killed(seat.name, self.t_ns):
                seat.alive = False
                self.control.withdraw(seat.name)
            requests, withdrawn = seat.wishes()
            if not seat.alive:
                continue
            for path in withdrawn:
                self.control.withdraw(seat.name, path)
            for request in requests:
                self.control.request(request)
        for request in self.disturber.requests(self.t_ns, t_ns):
            self.control.request(request)
        self.disturber.upset(self.control, self.t_ns)

    def _tell(self, cycle: Cycle) -> None:
        """Let apps know what became of it."""
        for progress in cycle.progress:
            seat = self._by_name.get(progress.request.source)
            if seat is not None:
                seat.answer(progress)
        told = [said for said in cycle.said if isinstance(said, Transition)]
        if told:
            values: dict[str, float | str | None] = {
                f"{_GUARD}.{said.axis.capitalize()}State": said.after.value.upper() for said in told
            }
            values[f"{_GUARD}.Cause"] = told[-1].cause
            for seat in self.seats:
                seat.perceive(cycle.t_ns, values)

    def _act(self, cycle: Cycle, t_ns: int) -> None:
        """Send what leaves to the car, and keep what was said."""
        recorder = self._recorder
        recorder.said.extend(cycle.said)
        recorder.progress.extend(cycle.progress)
        if not cycle.frames:
            return
        if recorder.keep_frames:
            recorder.frames(t_ns, cycle.frames)
        if not self.disturber.muted(t_ns):
            rows = [(t_ns, frame.bus, frame.can_id, frame.payload) for frame in cycle.frames]
            self.twin.receive(Frames.build(rows, clock=Clock.RELATIVE))

    def _states(self) -> dict[str, State]:
        guard = self.control.guard
        return {axis: guard.state(axis) for axis in self.axes}

    def _truth(self) -> Truth:
        state, traffic, target = self.twin.state, self.twin.traffic, self.setup.target
        if traffic.collided and math.isnan(self._recorder.collision_s):
            self._recorder.collision_s = self.t_ns / 1e9
        return Truth(
            state.speed_mps,
            state.acceleration_mps2,
            state.lateral_mps2,
            state.steering_deg,
            traffic.gap_m,
            traffic.lead_mps,
            traffic.offset_m,
            traffic.curvature,
            math.nan if target is None else target.at(self.t_ns / 1e9),
        )
