"""A tiny car that acts: one database, a description and a ``control.yaml`` that says everything."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from commonwheel.control.description import load_control, load_control_file
from commonwheel.control.model import Control
from commonwheel.errors import DescriptionError
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["CONTROL", "Bench"]

_DATABASE = """
VERSION ""

BO_ 256 Motion: 8 X
 SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Angle : 23|16@0- (0.1,0) [0|0] "deg" X
 SG_ Brake : 32|1@1+ (1,0) [0|0] "" X
 SG_ Cruise : 33|1@1+ (1,0) [0|0] "" X
 SG_ Door : 34|1@1+ (1,0) [0|0] "" X
 SG_ Gear : 40|4@1+ (1,0) [0|0] "" X

BO_ 512 Steer: 8 X
 SG_ Angle : 7|16@0- (-0.1,0) [0|0] "deg" X
 SG_ Active : 16|1@1+ (1,0) [0|0] "" X
 SG_ Mode : 17|2@1+ (1,0) [0|0] "" X
 SG_ ModeLow : 17|1@1+ (1,0) [0|0] "" X
 SG_ ModeHigh : 18|1@1+ (1,0) [0|0] "" X
 SG_ Constant : 31|8@0+ (1,0) [0|0] "" X
 SG_ Display : 39|8@0+ (1,0) [0|0] "" X
 SG_ Icon : 47|2@0+ (1,0) [0|0] "" X
 SG_ Counter : 51|4@0+ (1,0) [0|0] "" X
 SG_ Sum : 63|8@0+ (1,0) [0|0] "" X

BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 256 10;
BA_ "GenMsgCycleTime" BO_ 512 10;
VAL_ 512 Icon 0 "Off" 1 "On" ;
"""
_VEHICLE = """\
format: 1
vehicle: acme/bench
sold_as: [{brand: Acme, model: Bench}]
powertrain: combustion
evidence: assumed (a test)
buses: {car: {database: car.dbc}}
messages:
  car/Steer: {checksum: {name: crc8, poly: 0x1D}, counter: Counter, defaults: {Icon: 1}}
signals:
  Vehicle.Speed: car/Motion.Speed
  Vehicle.Chassis.SteeringWheel.Angle: car/Motion.Angle
  Vehicle.Chassis.Brake.IsPressed: car/Motion.Brake
  Vehicle.ADAS.CruiseControl.IsActive: car/Motion.Cruise
  Vehicle.Cabin.Door.Row1.DriverSide.IsOpen: car/Motion.Door
  Vehicle.Powertrain.Transmission.SelectedGear: {from: car/Motion.Gear, values: {0: 126, 1: -1, 2: 0, 3: 127}}
  Vehicle.Powertrain.Transmission.ShiftLeverPosition:
    {from: car/Motion.Gear, values: {0: PARK, 1: REVERSE, 2: NEUTRAL, 3: DRIVE}}
variants:
  wide: {note: wider}
  manual: {note: without a cruise control}
"""


def _input(path: str, low: str, high: str) -> str:
    return f"""\
  {path}:
    axes: [lateral]
    max_age: 100 ms
    low: {low}
    high: {high}
    frozen: {{none: it may stay}}
    tolerance: 30 ms
    stale: release
    invalid: release
    corrupt: fault
    missing: fault
"""


CONTROL = f"""\
format: 1
speed: Vehicle.Speed
steering: Vehicle.Chassis.SteeringWheel.Angle
geometry: {{wheelbase: 2700 mm, steering_ratio: 15, understeer: 0.002 s^2/m, source: a test}}
measured_lateral: {{acceleration: 3.6 m/s^2, jerk: 10 m/s^3, source: a test}}
late_loop: 50 ms
clock_step: 50 ms
armed_for: 10 min

inputs:
{_input("Vehicle.Speed", "0 km/h", "70 m/s")}\
{_input("Vehicle.Chassis.SteeringWheel.Angle", "-600 deg", "600 deg")}\
{_input("Vehicle.Chassis.Brake.IsPressed", "false", "true")}\
{_input("Vehicle.ADAS.CruiseControl.IsActive", "false", "true")}\
{_input("Vehicle.Powertrain.Transmission.ShiftLeverPosition", "UNDEFINED", "BRAKE")}\

conditions:
  cruise is on: {{signal: Vehicle.ADAS.CruiseControl.IsActive, is: true, for: 0 ms, ending: cut}}
  no brake: {{signal: Vehicle.Chassis.Brake.IsPressed, is: false, for: 20 ms, ending: cut}}
  drive: {{signal: Vehicle.Powertrain.Transmission.ShiftLeverPosition, is: DRIVE, for: 0 ms, ending: ramp}}
  fast enough: {{signal: Vehicle.Speed, at_least: 5 m/s, at_most: 180 km/h, for: 0 ms, ending: ramp}}

axes:
  lateral:
    consent: cruise is on
    consent_most: 10 s
    engage: [fast enough]
    keep: [no brake, drive]
    override: {{none: a test}}
    override_most: 10 s
    release: 1.5 s
    request_timeout: 300 ms

envelopes:
  angle:
    axis: lateral
    unit: degrees
    low: {{0 m/s: -300 deg, 36 km/h: -100 deg}}
    high: {{0 m/s: 300 deg, 36 km/h: 100 deg}}
    neutral: 0 deg
    rate_up: 50 deg/s
    rate_down: 100 deg/s
    window: {{time: 500 ms, change: 30 deg}}
    timeout: 300 ms
    release_rate: 300 deg/s
    lateral: {{acceleration: 3 m/s^2, jerk: 5 m/s^3}}
    tracking: {{signal: Vehicle.Chassis.SteeringWheel.Angle, scale: 1, tolerance: 10 deg, for: 1 s}}
    source: a test
  command:
    axis: lateral
    unit: deg
    low: -300 deg
    high: 300 deg
    neutral: {{measured: Vehicle.Chassis.SteeringWheel.Angle, scale: 1, tolerance: 0.1 deg, centre: 0 deg}}
    rate_up: {{0 m/s: 80 deg/s, 10 m/s: 40 deg/s}}
    rate_down: {{none: back is always good}}
    window: {{none: the rates say it}}
    timeout: 300 ms
    release_rate: 400 deg/s
    lateral: {{none: the angle is limited}}
    tracking: {{none: the angle is tracked}}
    source: a test

adapters:
  steering:
    axis: lateral
    manner: direct
    serves: {{Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget: angle}}
    parameters:
      command: command
      scale: 1
      offset: 0
      measured: Vehicle.Chassis.SteeringWheel.Angle
      trim_per_s: 0.2 1/s
      trim_limit: 2
      lag_s: 150 ms
    proven:
      Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget:
        {{by: Vehicle.Chassis.SteeringWheel.Angle, tolerance: 1 deg, within: 1 s}}
    delay: 100 ms
    evidence: assumed (a test)

frames:
  car/Steer:
    adapter: steering
    stock: blocked
    period: 10 ms
    least_period: 5 ms
    burst: {{time: 100 ms, most: 12}}
    fields:
      Angle: {{carries: command}}
      Active: {{idle: 0, acting: 1}}
      ModeLow: {{idle: 0, acting: 1}}
      ModeHigh: {{always: 0}}
      Constant: {{always: 0x80}}
      Display: {{held: a number on the display}}
      Icon: {{held: ["Off", "On", 2]}}
    source: a test

cannot:
  Vehicle.MotionManagement.AccelerationTarget: it has no such thing

variants:
  manual: null
  wide:
    envelopes:
      angle: {{rate_up: 60 deg/s}}
"""


class Bench:
    """A folder with the car, and what becomes of its ``control.yaml``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "acme" / "bench"
        self.folder.mkdir(parents=True)
        (self.folder / "car.dbc").write_text(_DATABASE)
        (self.folder / "vehicle.yaml").write_text(_VEHICLE)

    def vehicle(self, variant: str = "") -> Vehicle:
        """Return the car, compiled."""
        name = "acme/bench" + (f":{variant}" if variant else "")
        return compile_vehicle(name, folders=(self.folder.parents[1],))[0]

    def write(self, text: str, maker: str = "acme", car: str = "bench") -> Path:
        """Write a ``control.yaml``."""
        path = self.folder.parents[1] / maker / car / "control.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def load(self, text: str, variant: str = "") -> Control | None:
        """Return what a text makes of the car."""
        self.write(text)
        return load_control(self.vehicle(variant), folders=(self.folder.parents[1],))

    def control(self, text: str = CONTROL, variant: str = "") -> Control:
        """Return what a text makes of the car, which is something."""
        control = self.load(text, variant)
        assert control is not None
        return control

    def faults(self, *changes: tuple[str, str], text: str = CONTROL) -> list[str]:
        """Return what is wrong after changes of the text, each as 'line: message'."""
        for old, new in changes:
            assert text.count(old) >= 1, f"{old!r} is not in the text"
            text = text.replace(old, new, 1)
        path = self.write(text)
        with pytest.raises(DescriptionError) as caught:
            load_control_file(path, self.vehicle())
        assert all(fault.file == path for fault in caught.value.faults)
        return [f"{fault.line}: {fault.message}" for fault in caught.value.faults]
