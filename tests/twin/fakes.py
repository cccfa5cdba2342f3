"""A small car whose physics are a few lines, so that a test can say what its frames have to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from commonwheel.twin.driving import Driving
from commonwheel.twin.injection import Injection
from commonwheel.twin.inputs import Inputs
from commonwheel.twin.parameters import Parameters
from commonwheel.twin.plan import Leg, Plan
from commonwheel.twin.scenario import Scenario
from commonwheel.twin.state import State
from commonwheel.twin.twin import Models, Twin
from commonwheel.vehicles import Vehicle
from commonwheel.vehicles.compiler import compile_vehicle

SPEED, WHEEL, VOLTAGE, LEFT = (
    "Vehicle.Speed",
    "Vehicle.Chassis.SteeringWheel.Angle",
    "Vehicle.LowVoltageBattery.CurrentVoltage",
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed",
)
DRIVE = """
VERSION ""
BO_ 256 Motion: 8 X
 SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Left : 23|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Count : 48|4@1+ (1,0) [0|0] "" X
 SG_ Sum : 56|8@1+ (1,0) [0|0] "" X
BO_ 257 Wheel: 8 X
 SG_ Angle : 7|16@0- (0.1,0) [0|0] "degrees" X
BO_ 258 Rare: 8 X
 SG_ Nothing : 7|8@0+ (1,0) [0|0] "" X
BO_ 512 Steer: 8 X
 SG_ Wanted : 7|16@0- (0.1,0) [0|0] "degrees" X
 SG_ Count : 48|4@1+ (1,0) [0|0] "" X
 SG_ Sum : 56|8@1+ (1,0) [0|0] "" X
"""
POWER = """
VERSION ""
BO_ 256 Battery: 8 X
 SG_ Voltage : 7|16@0+ (0.01,0) [0|0] "V" X
"""
DESCRIPTION = f"""\
format: 1
vehicle: acme/two
sold_as: [{{brand: Acme, model: Two}}]
powertrain: battery-electric
evidence: assumed (a test)
buses: {{drive: {{database: drive.dbc}}, power: {{database: power.dbc}}}}
messages:
  drive/Motion: {{period: 10 ms, timeout: 100 ms, checksum: zero-sum, counter: Count}}
  drive/Wheel: {{period: 20 ms, timeout: 100 ms}}
  drive/Rare: {{period: 20 ms, optional: true}}
  drive/Steer: {{period: 40 ms, checksum: zero-sum, counter: Count, optional: true}}
  power/Battery: {{period: 100 ms, timeout: 500 ms}}
signals:
  {SPEED}: drive/Motion.Speed
  {LEFT}: drive/Motion.Left
  {WHEEL}: drive/Wheel.Angle
  {VOLTAGE}: {{from: power/Battery.Voltage, invalid: [0xFFFF]}}
requests:
  Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget:
    to: drive/Steer.Wanted
    range: [-600, 600]
    confirm: {WHEEL}
    within: 400 ms
"""


def two(folder: Path) -> Vehicle:
    """Return a car of two buses: speeds and steering on one, a voltage on the other."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("drive.dbc", DRIVE), ("power.dbc", POWER), ("vehicle.yaml", DESCRIPTION)):
        (folder / name).write_text(text)
    return compile_vehicle(folder, folders=(folder,))[0]


class Sliding:
    """Physics: 1 km/h faster every second; what an input states is done."""

    def __init__(self, start: object) -> None:
        self.start = start
        self.state = State()

    def step(self, inputs: Inputs, dt_s: float) -> None:
        self.state.t_s += dt_s
        self.state.speed_mps = self.state.t_s / 3.6
        self.state.distance_m += self.state.speed_mps * dt_s
        self.state.steering_deg = inputs.steering_deg


class Spoken:
    """The standard's values of that."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def write(self, state: State, _: Inputs, row: list[float]) -> None:
        values = {
            SPEED: state.speed_mps * 3.6,
            LEFT: state.speed_mps * 3.6 * 2,
            WHEEL: state.steering_deg,
            VOLTAGE: 12.5,
        }
        for place, path in enumerate(self._paths):
            row[place] = values[path]


NONE = cast("Parameters", SimpleNamespace(cruise=None))
"""The small car's physics needs no parameters."""
SMALL = Models(lambda _: NONE, lambda _, start: Sliding(start), lambda _, paths, *__: Spoken(paths))
"""Makes a twin of these."""


class _Driving:
    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self.t_s = 0.0

    @property
    def finished(self) -> bool:
        return self.t_s >= self._length_s

    def act(self, _: State, inputs: Inputs, dt_s: float) -> None:
        self.t_s += dt_s
        inputs.steering_deg = 10.0


@dataclass(frozen=True, slots=True)
class SmallScenario(Scenario):
    """Turns the wheel, for a while."""

    def begin(self, parameters: Parameters) -> Driving:
        assert parameters is NONE
        return cast("Driving", _Driving(self.length_s))


def scenario(*faults: Injection, length_s: float = 10.0) -> Scenario:
    """Return a scenario with faults."""
    return SmallScenario("small", "a test", Plan((Leg((0.0, length_s), (0.0, 0.0)),)), faults=faults, length_s=length_s)


def small_twin(folder: Path, *faults: Injection, length_s: float = 10.0, seed: int = 0) -> Twin:
    """Return a twin of the small car."""
    return Twin(two(folder), scenario(*faults, length_s=length_s), seed=seed, models=SMALL)


def by_name(twin: Twin) -> Mapping[str, int]:
    """Return the number of each message by its name."""
    return {message.name: number for number, message in enumerate(twin.vehicle.messages)}
