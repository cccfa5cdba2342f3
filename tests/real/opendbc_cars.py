"""opendbc's view of a car beside ours: the same frames into its CarState and into our decoder.

A ``Pair`` is fed frames in steps of 10 ms, as openpilot feeds its own, and after each step holds what both
make of it. A ``Rule`` says how a field of CarState follows from standard signals; where opendbc draws another
line than the standard does, the rule spells it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from commonwheel.vehicles import Quality, Vehicle, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.frames import Clock, Frames

STEP_NS = 10_000_000
Values = Mapping[str, float]
WHEELS = [f"Chassis.Axle.Row{row}.Wheel.{side}.Speed" for row in (1, 2) for side in ("Left", "Right")]
DOORS = [f"Cabin.Door.Row{row}.{side}Side.IsOpen" for row in (1, 2) for side in ("Driver", "Passenger")]
GEARS = {"park": 126, "reverse": -1, "neutral": 0}
"""CarState's gears to the standard's; every other one drives forwards (127)."""
BLINK = 251
"""After so many steps without the stalk opendbc takes a blinker for off."""


@dataclass(frozen=True)
class Rule:
    """One field of CarState."""

    name: str
    needs: Sequence[str]
    """Standard paths without 'Vehicle.'; the rule is tried once all of them are there."""
    ours: Callable[[Values], float]
    theirs: Callable[[Any], float]
    tolerance: float = 2e-5
    """Relative, for CarState's 32-bit floats."""


def _same(name: str, path: str, theirs: Callable[[Any], float], factor: float = 1.0) -> Rule:
    return Rule(name, [path], lambda v: v[path] * factor, theirs)


def _flag(name: str, path: str, *, inverted: bool = False) -> Rule:
    def get(state: Any) -> bool:  # noqa: ANN401
        at = state
        for part in name.split("."):
            at = getattr(at, part)
        return bool(at) != inverted

    return Rule(name, [path], lambda v: bool(v[path]), get)


def _blend(v: Values) -> float:
    wheels = sum(v[wheel] for wheel in WHEELS) / 4 / 3.6
    weight = float(np.interp(wheels, [1.0, 6.0], [0.0, 1.0]))
    return (1 - weight) * v["Speed"] / 3.6 + weight * wheels


def _mean_of_wheels(v: Values) -> float:
    return sum(v[wheel] for wheel in WHEELS) / 4 / 3.6


COMMON = [
    _same("steeringAngleDeg", "Chassis.SteeringWheel.Angle", lambda s: s.steeringAngleDeg),
    _flag("standstill", "IsMoving", inverted=True),
    _flag("brakePressed", "Chassis.Brake.IsPressed"),
    _flag("espDisabled", "ADAS.ESC.IsEnabled", inverted=True),
    _flag("cruiseState.enabled", "ADAS.CruiseControl.IsActive"),
    _flag("cruiseState.available", "ADAS.CruiseControl.IsEnabled"),
    _same("cruiseState.speed", "ADAS.CruiseControl.SpeedSet", lambda s: s.cruiseState.speed, 1 / 3.6),
    Rule(
        "gearShifter",
        ["Powertrain.Transmission.SelectedGear"],
        lambda v: v["Powertrain.Transmission.SelectedGear"],
        lambda s: GEARS.get(str(s.gearShifter), 127),
    ),
]
HONDA = [
    *COMMON,
    _same("steeringRateDeg", "Chassis.SteeringWheel.AngularSpeed", lambda s: s.steeringRateDeg),
    Rule(
        "gasPressed",  # of the pedal's position, not of the flag beside it
        ["Chassis.Accelerator.PedalPosition"],
        lambda v: v["Chassis.Accelerator.PedalPosition"] > 0,
        lambda s: s.gasPressed,
    ),
    _flag("brakeHoldActive", "Chassis.Brake.IsHoldActive"),
    _flag("parkingBrake", "Chassis.ParkingBrake.IsEngaged"),
    Rule(
        "seatbeltUnlatched",  # also while the lamp is on
        ["Cabin.Seat.Row1.DriverSide.IsBelted", "Cabin.IsSeatBeltWarningOn"],
        lambda v: bool(v["Cabin.IsSeatBeltWarningOn"] or not v["Cabin.Seat.Row1.DriverSide.IsBelted"]),
        lambda s: s.seatbeltUnlatched,
    ),
    Rule(
        "steerFault",
        ["ADAS.LaneKeepingAssist.IsError"],
        lambda v: bool(v["ADAS.LaneKeepingAssist.IsError"]),
        lambda s: s.steerFaultTemporary or s.steerFaultPermanent,
    ),
    _flag("stockAeb", "ADAS.EBA.IsEngaged"),
    Rule(
        "vEgoRaw",  # the gearbox's speed at a crawl, the wheels' above, and a mixture between 1 and 6 m/s
        ["Speed", *WHEELS],
        _blend,
        lambda s: s.vEgoRaw,
    ),
]
NIDEC = [
    *HONDA,
    Rule("doorOpen", DOORS, lambda v: any(v[door] for door in DOORS), lambda s: s.doorOpen),
    _flag("stockFcw", "ADAS.ObstacleDetection.Front.Center.IsWarning"),
]
BOSCH = [
    *HONDA,
    _flag("doorOpen", DOORS[0]),
    _flag("cruiseState.nonAdaptive", "ADAS.CruiseControl.IsAdaptive", inverted=True),
]
NISSAN = [
    *COMMON,
    Rule("doorOpen", DOORS, lambda v: any(v[door] for door in DOORS), lambda s: s.doorOpen),
    _flag("gasPressed", "Chassis.Accelerator.IsPressed"),
    _flag("seatbeltUnlatched", "Cabin.Seat.Row1.DriverSide.IsBelted", inverted=True),
    _flag("leftBlinker", "Body.Lights.DirectionIndicator.Left.IsSignaling"),
    _flag("rightBlinker", "Body.Lights.DirectionIndicator.Right.IsSignaling"),
    _flag("invalidLkasSetting", "ADAS.LaneKeepingAssist.IsEnabled"),
    _same("steeringTorque", "Chassis.SteeringWheel.Torque", lambda s: s.steeringTorque),
    _same("vEgoRaw", "Speed", lambda s: s.vEgoRaw, 1 / 3.6),
]


@dataclass(frozen=True)
class Car:
    """A car that both describe."""

    name: str
    platform: str
    """opendbc's name."""
    brand: str
    buses: Mapping[str, tuple[int, ...]]
    """Our bus to opendbc's, of which there can be several: it splits Honda's F-CAN at the camera."""
    rules: Sequence[Rule]
    smoothed: Callable[[Values], float]
    """What opendbc smooths to vEgo, in m/s."""
    seen: Sequence[int] = (0x191,)
    """Ids that opendbc is told to have seen: by default a CVT's."""


TYPE_R = Car("honda/civic_gen10_bosch:type_r", "HONDA_CIVIC_BOSCH", "honda", {"fcan": (1, 2)}, BOSCH, _blend, ())
"""Told to have no gearbox message it is a manual car to opendbc, as the recorded one is."""
CARS = {
    car.name: car
    for car in (
        Car("honda/civic_touring_2016", "HONDA_CIVIC", "honda", {"fcan": (0, 2)}, NIDEC, _blend),
        Car("honda/civic_gen10_bosch", "HONDA_CIVIC_BOSCH", "honda", {"fcan": (1, 2)}, BOSCH, _blend),
        Car("nissan/leaf_ze1", "NISSAN_LEAF", "nissan", {"ev": (), "car": (0,), "adas": (2,)}, NISSAN, _mean_of_wheels),
        Car(
            "nissan/x_trail_2017", "NISSAN_XTRAIL", "nissan", {"car": (0,), "cam": (1,), "adas": (2,)}, NISSAN,
            _mean_of_wheels,
        ),
    )
}  # fmt: skip


def interface(car: Car) -> Any:  # noqa: ANN401 - opendbc's CarInterface
    """Return opendbc's interface of a car; a Honda's has the gearbox whose message the car is known to send."""
    import importlib

    from opendbc.car import gen_empty_fingerprint

    platforms = importlib.import_module(f"opendbc.car.{car.brand}.values").CAR
    module = importlib.import_module(f"opendbc.car.{car.brand}.interface")
    fingerprint = gen_empty_fingerprint()
    for ids in fingerprint.values():
        ids.update(dict.fromkeys(car.seen, 8))
    parameters = module.CarInterface.get_params(platforms[car.platform], fingerprint, [], False, False, False)  # noqa: FBT003
    return module.CarInterface(parameters)


@dataclass
class Pair:
    """Both views of one car, fed step by step."""

    car: Car
    vehicle: Vehicle = field(init=False)
    theirs: Any = field(init=False)
    state: Any = field(init=False)
    values: dict[str, float] = field(init=False, default_factory=dict)
    """What our decoder holds: the last value of each path while that is GOOD."""
    steps: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.vehicle = load_vehicle(self.car.name)
        self.theirs = interface(self.car)
        self.state = self.theirs.update([])  # its parsers keep a message from when it was first asked for
        self._mirror = interface(self.car).CS  # whose filter smooths what our decoder gives
        buses = {number: bus.name for number, bus in enumerate(self.vehicle.buses)}
        self._decoder = VehicleDecoder(self.vehicle, buses=buses, clock=Clock.RELATIVE)
        self._numbers = [self.car.buses[bus.name] for bus in self.vehicle.buses]

    def step(self, frames: Frames, t_ns: int) -> None:
        """Give both the frames of one step."""
        packets = [
            (int(frames.id[i]), frames.data[i, : frames.size[i]].tobytes(), number)
            for i in range(len(frames))
            for number in self._numbers[frames.bus[i]]
        ]
        self.state = self.theirs.update([(t_ns, packets)])
        samples = self._decoder.decode(frames)
        for signal, value, quality in zip(
            samples.signal.tolist(), samples.value.tolist(), samples.quality.tolist(), strict=True
        ):
            path = samples.table[signal].path.removeprefix("Vehicle.")
            if quality == Quality.GOOD:
                self.values[path] = value
            else:
                self.values.pop(path, None)
        self.steps += 1

    def smoothed(self) -> tuple[float, float]:
        """Smooth our speed as opendbc does; returns (vEgo, aEgo)."""
        known = all(wheel in self.values for wheel in WHEELS) and "Speed" in self.values
        return self._mirror.update_speed_kf(self.car.smoothed(self.values) if known else 0.0)

    def align(self) -> None:
        """Let our smoothing go on from where theirs is."""
        self._mirror.v_ego_kf.set_x([[float(row[0])] for row in self.theirs.CS.v_ego_kf.x])

    def differences(self) -> list[str]:
        """Return what both tell differently; empty when they agree."""
        found: list[str] = []
        for rule in self.car.rules:
            if not all(path in self.values for path in rule.needs):
                continue
            ours, theirs = rule.ours(self.values), rule.theirs(self.state)
            if not _close(ours, theirs, rule.tolerance):
                found.append(f"{rule.name}: ours {ours}, theirs {theirs}")
        return found


def _close(ours: float, theirs: float, tolerance: float) -> bool:
    return abs(float(ours) - float(theirs)) <= tolerance * max(1.0, abs(float(theirs)))
