"""A virtual car: a scenario moves a body, the standard says how that is, the emitter sends it in the car's own frames.

``advance`` goes on in time and returns the frames that the car sent meanwhile. What comes does not depend on how far
each call goes: every message keeps its period to the nanosecond, the physics its step, and chance its seed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from commonwheel.twin.actuation import Actuation, blocked_by
from commonwheel.twin.faults import SignalFaults, WireFaults, without_effect
from commonwheel.twin.inputs import Inputs
from commonwheel.twin.reception import Reception
from commonwheel.twin.traffic import Traffic
from commonwheel.twin.world import World
from commonwheel.vehicles.emission import compile_emission, first_times
from commonwheel.wire.emitter import Emitter
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.reception import Asked
    from commonwheel.twin.scenario import Scenario
    from commonwheel.twin.start import Start
    from commonwheel.twin.state import State
    from commonwheel.vehicles.emission import Writers
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["STEP_NS", "Models", "Moving", "Telling", "Twin", "sent_by"]

STEP_NS = 10_000_000
"""Step of the physics."""
STEP_S = STEP_NS / 1e9
_ROWS = 500
"""Steps whose values are kept at once."""


class Moving(Protocol):
    """The physics of a car."""

    state: State

    def step(self, inputs: Inputs, dt_s: float, /) -> None:
        """Go on by *dt_s*; the state changes in place."""
        ...


class Telling(Protocol):
    """What says how a car is, in the standard."""

    def write(self, state: State, inputs: Inputs, row: list[float], /) -> None:
        """Write the value of each path at its place."""
        ...


def _parameters(vehicle: Vehicle) -> Parameters:
    from commonwheel.twin.parameters_file import load_parameters

    return load_parameters(vehicle.name)


def _body(parameters: Parameters, start: Start) -> Moving:
    from commonwheel.twin.body import Body

    return Body(parameters, start)


def _standard(parameters: Parameters, paths: Sequence[str], vehicle: Vehicle, seed: int) -> Telling:
    from commonwheel.twin.signals import Standard

    return Standard(parameters, paths, vehicle=vehicle, seed=seed)


@dataclass(frozen=True, slots=True)
class Models:
    """What a twin is made of; a test has others."""

    parameters: Callable[[Vehicle], Parameters] = _parameters
    """Returns those of a car's physics; raises a DescriptionError where nothing is known of it."""
    body: Callable[[Parameters, Start], Moving] = _body
    """Returns the physics at its start."""
    standard: Callable[[Parameters, Sequence[str], Vehicle, int], Telling] = _standard
    """Returns what says the values of paths, under a seed."""


_MODELS = Models()
_ALONE = Traffic()
"""Of a car with nothing around it."""


def sent_by(vehicle: Vehicle) -> list[int]:
    """Return the numbers of the messages that a simulated car sends.

    Those are all that every car of its line has, and of those that only some have the ones without which a standard
    signal would not be told.
    """
    messages = vehicle.messages
    needed = {i for i, message in enumerate(messages) if not message.optional}
    for writers in vehicle.writers.values():
        carriers = {writer.message for writer in writers}
        if not carriers & needed:
            needed |= carriers
    return sorted(needed)


class Twin:
    """One drive of one simulated car. Not for several threads at once."""

    def __init__(
        self,
        vehicle: Vehicle,
        scenario: Scenario,
        *,
        parameters: Parameters | None = None,
        seed: int = 0,
        models: Models = _MODELS,
        harness: bool = False,
    ) -> None:
        """Begin a drive.

        Args:
            vehicle: the car.
            scenario: what its driver does, and what happens to it.
            parameters: of its physics; those that are shipped under the car's name unless given.
            seed: what chance there is: the same seed drives the same drive.
            models: what it is made of.
            harness: whether the platform sits between the car's own camera and radar and its buses: what those send
                is cut off, and what ``receive`` takes in acts on the car.

        Raises:
            DescriptionError: nothing is known of the car's physics, or it names what the description does not have.
        """
        self.vehicle, self.scenario, self.seed = vehicle, scenario, seed
        self.parameters = parameters if parameters is not None else models.parameters(vehicle)
        self._models = models
        self.harness = harness
        blocked = blocked_by(vehicle, self.parameters) if harness else frozenset[int]()
        self.messages = tuple(number for number in sent_by(vehicle) if number not in blocked)
        """Numbers of the messages that it sends."""
        writers = _writers(vehicle, self.messages)
        self.paths = tuple(dict.fromkeys(path for rows in writers.values() for path, _ in rows))
        """The standard signals that it puts on the wire; others are computed from them."""
        self._emission = compile_emission(vehicle, self.messages, writers, self.paths)
        self._emitter = Emitter(self._emission)
        self._pack = struct.Struct(f"{len(self.paths)}d").pack_into
        self._begin()

    def _begin(self) -> None:
        self._inputs = Inputs()
        start = replace(self.scenario.start, seed=self.seed)
        self._body = self._models.body(self.parameters, start)
        self._driving = self.scenario.begin(self.parameters)
        self._standard = self._models.standard(self.parameters, self.paths, self.vehicle, self.seed)
        self._reception = Reception(self.vehicle)
        self._actuation, self._world = self._surround()
        self._wire_faults = WireFaults(self.vehicle, self.scenario.faults, self.seed)
        self._signal_faults = SignalFaults(self.paths, self.scenario.faults, self.seed, self.vehicle)
        self._t_ns = self._sent_ns = 0
        self._times = np.zeros(_ROWS, np.int64)
        self._values = np.zeros((_ROWS, max(1, len(self.paths))))
        self._bytes = self._values.data.cast("B")
        self._row = [0.0] * len(self.paths)
        self._count = 0
        for number in range(len(self.paths)):
            self._emitter.bind(number, self._times, self._values[:, number])
        self._emitter.begin(first_times(self.vehicle, self.messages, 0))
        self._note()

    def _surround(self) -> tuple[Actuation | None, World | None]:
        """Return what obeys, and what is around; a drive that has nothing to do with either has neither."""
        parameters, scenario = self.parameters, self.scenario
        obeys = self.harness or parameters.cruise is not None or scenario.lets_go
        actuation = (
            Actuation(self.vehicle, parameters, harness=self.harness, variation=scenario.surroundings.variation)
            if obeys
            else None
        )
        if not self.harness and not scenario.surroundings.matters:
            return actuation, None
        world = World(
            scenario.surroundings,
            parameters.chassis,
            faults=scenario.faults,
            told=self.vehicle.provided,
            seed=self.seed,
            steers=not scenario.bends,
        )
        return actuation, world

    @property
    def state(self) -> State:
        """How the car is now; changes in place."""
        return self._body.state

    @property
    def inputs(self) -> Inputs:
        """What the driver does, and what the world is like; changes in place."""
        return self._inputs

    @property
    def t_ns(self) -> int:
        """How far the frames have come, in nanoseconds since the beginning."""
        return self._sent_ns

    @property
    def finished(self) -> bool:
        """Whether the scenario is over; the car then stands as it was left, and goes on sending."""
        return self._driving.finished

    @property
    def length_ns(self) -> int:
        """How long the scenario lasts."""
        return round(self.scenario.length_s * 1e9)

    @property
    def truth(self) -> dict[str, float]:
        """The standard's values at the last step, by path, before any fault."""
        return dict(zip(self.paths, self._row, strict=True))

    @property
    def values(self) -> Sequence[float]:
        """The same in the order of ``paths``; changes in place."""
        return self._row

    @property
    def clamped(self) -> int:
        """Values so far that do not fit on the wire, and were sent as the nearest that does."""
        return self._emitter.clamped

    @property
    def without_effect(self) -> Sequence[str]:
        """The scenario's faults that do nothing on this car, in words: it does not send what they are of."""
        seen = self._world.perception.paths if self._world is not None else ()
        return without_effect(
            self.vehicle, self.paths, [fault for fault in self.scenario.faults if fault.signal not in seen]
        )

    @property
    def unsent(self) -> Sequence[str]:
        """The signals that the scenario's events set and this car does not send, in the scenario's order."""
        stated = (path for event in self.scenario.events for path in event.action.stated)
        return [path for path in dict.fromkeys(stated) if path not in self.paths]

    @property
    def asked(self) -> Mapping[str, Asked]:
        """What others asked the car for so far, by path."""
        return self._reception.asked

    @property
    def traffic(self) -> Traffic:
        """How the car truly is to what is around it; changes in place."""
        return self._world.traffic if self._world is not None else _ALONE

    @property
    def perceived(self) -> Mapping[str, float | None]:
        """What camera, radar and map said last of what is around, by path.

        Booleans are 0 and 1; None stands for no value, such as the distance to nobody. Empty where there is neither
        a harness nor anything around. Signals that the car's own wire gives are not among
        them, nor those that a fault silences. It is brought up to date every 50 ms, in place.
        """
        return self._world.perception.said if self._world is not None else {}

    @property
    def perceived_version(self) -> int:
        """How many times they said something; when it changes, ``perceived`` is new."""
        return self._world.perception.version if self._world is not None else 0

    @property
    def perceived_ns(self) -> int:
        """When what ``perceived`` says was so: earlier than it was said, by the sensors' latency."""
        return self._world.perception.seen_ns if self._world is not None else 0

    @property
    def perceivable(self) -> Sequence[str]:
        """The paths that ``perceived`` may say something of."""
        return self._world.perception.paths if self._world is not None else ()

    def receive(self, frames: Frames) -> None:
        """Take in what others send to the car: its bus numbers, times since the beginning.

        With a harness, what it commands acts from the next step on, each command after its actuator's delay.
        """
        self._reception.take(frames)
        if self._actuation is not None and self.harness:
            self._actuation.receive(frames)

    def again(self) -> None:
        """Begin the drive again, from time 0; the messages' counters go on."""
        self._begin()

    def advance(self, until_ns: int) -> Frames:
        """Go on until a time, and return the frames that were sent meanwhile: times relative, the car's bus numbers."""
        if until_ns <= self._sent_ns:
            return Frames.empty(width=self._emission.width, clock=Clock.RELATIVE)
        parts: list[Frames] = []
        while self._t_ns + STEP_NS <= until_ns:
            if self._count == _ROWS:
                parts.append(self._send(self._t_ns))
            self._step()
        parts.append(self._send(until_ns))
        return parts[0] if len(parts) == 1 else Frames.concat(parts)

    def _step(self) -> None:
        body, world = self._body, self._world
        self._driving.act(body.state, self._inputs, STEP_S)
        if world is not None:
            world.before(body.state, self._inputs)
        if self._actuation is not None:
            self._actuation.act(self._t_ns, body.state, self._inputs, world and world.traffic, STEP_S)
        body.step(self._inputs, STEP_S)
        self._t_ns += STEP_NS
        if world is not None:
            world.step(self._t_ns, body.state, STEP_S)
            world.traffic.target_mps = self._driving.target_mps
        self._note()

    def _note(self) -> None:
        """Keep the values as they are now."""
        row = self._row
        self._standard.write(self._body.state, self._inputs, row)
        if self._signal_faults:
            row = self._signal_faults.apply(self._t_ns, row)
        at = self._count
        self._pack(self._bytes, at * self._values.strides[0], *row)
        self._times[at] = self._t_ns
        self._count = at + 1

    def _send(self, until_ns: int) -> Frames:
        """Make the frames that are due before a time, of the values so far; only the last ones are still of use."""
        last = self._count - 1
        self._emitter.count(self._count)
        frames = self._emitter.run(until_ns)
        self._times[0] = self._times[last]
        self._values[0] = self._values[last]
        self._count = 1
        self._sent_ns = until_ns
        return self._wire_faults.apply(frames, until_ns)


def _writers(vehicle: Vehicle, messages: Sequence[int]) -> Writers:
    """Return what is put into these messages, by message."""
    chosen = set(messages)
    result: Writers = {}
    for path in vehicle.numbers:
        for writer in vehicle.writers.get(path, ()):
            if writer.message in chosen:
                result.setdefault(writer.message, []).append((path, writer))
    return result
