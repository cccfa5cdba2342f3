"""What tests of the gateway share: a small car, buses that obey the test, and waiting for what is to come."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from commonwheel.broker import Broker, Reading
from commonwheel.catalog import load_catalog
from commonwheel.control.description import load_control_file
from commonwheel.gateway.actuator import Leave
from commonwheel.gateway.bus import Backoff, Window
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.sources import BusSource
from commonwheel.guard import Without
from commonwheel.vehicles import Vehicle
from commonwheel.vehicles.compiler import compile_vehicle
from commonwheel.wire.frames import Frames

PATIENCE_S = 20.0
SOON = Backoff(0.005, 2.0, 0.02)
SPEED, LIGHT, VOLTAGE = "Vehicle.Speed", "Vehicle.Body.Lights.Beam.Low.IsOn", "Vehicle.LowVoltageBattery.CurrentVoltage"
WHEEL, GEAR, VIN = (
    "Vehicle.Chassis.SteeringWheel.Angle",
    "Vehicle.Powertrain.Transmission.ShiftLeverPosition",
    "Vehicle.VehicleIdentification.VIN",
)
TARGET = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
TORQUE, CANNOT = "Vehicle.MotionManagement.ElectricAxle.Row1.TorqueTarget", "its motor takes no word from anybody"
"""What the small car says that it cannot be asked for, and why."""
POWER_KW = "Vehicle.Powertrain.ElectricMotor.MaxPower"

DRIVE = """
VERSION ""
BO_ 256 Motion: 8 X
 SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Beam : 16|1@1+ (1,0) [0|0] "" X
 SG_ Lever : 24|4@1+ (1,0) [0|0] "" X
BO_ 257 Wheel: 8 X
 SG_ Angle : 7|16@0- (0.1,0) [0|0] "degrees" X
BO_ 768 Vin: 8 X
 SG_ Characters : 7|64@0+ (1,0) [0|0] "" X
BO_ 512 Steer: 8 X
 SG_ Wanted : 7|16@0- (0.1,0) [0|0] "degrees" X
 SG_ Mode : 16|4@1+ (1,0) [0|0] "" X
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
  drive/Motion: {{timeout: 150 ms}}
  drive/Wheel: {{timeout: 150 ms}}
  drive/Steer: {{checksum: zero-sum, counter: Count, defaults: {{Mode: 5}}}}
attributes: {{{POWER_KW}: 80}}
personal: [drive/Vin]
signals:
  {SPEED}: drive/Motion.Speed
  {LIGHT}: drive/Motion.Beam
  {GEAR}: {{from: drive/Motion.Lever, values: {{0: PARK, 1: REVERSE, 2: NEUTRAL, 3: DRIVE}}}}
  {WHEEL}: drive/Wheel.Angle
  {VIN}: {{text: drive/Vin.Characters}}
  {VOLTAGE}: power/Battery.Voltage
requests:
  {TARGET}:
    to: drive/Steer.Wanted
    range: [-600, 600]
    confirm: {WHEEL}
    within: 400 ms
"""


INPUT = (
    "axes: [lateral], max_age: 400 ms, frozen: {none: a test}, tolerance: 20 ms, "
    "stale: release, invalid: release, corrupt: release, missing: release"
)
TRIM = "trim_per_s: 0 1/s, trim_limit: 0, lag_s: 0 s"
CONTROL = f"""\
format: 1
speed: {SPEED}
steering: {WHEEL}
geometry: {{wheelbase: 2.7 m, steering_ratio: 16, understeer: 0 s^2/m, source: a test}}
measured_lateral: {{none: a test}}
late_loop: 2 s
clock_step: 2 s
armed_for: 10 min
inputs:
  {SPEED}: {{low: 0 km/h, high: 300 km/h, {INPUT}}}
  {WHEEL}: {{low: -800 deg, high: 800 deg, {INPUT}}}
conditions:
  the car does not race: {{signal: {SPEED}, at_most: 200 km/h, for: 0 ms, ending: ramp}}
  the car rolls: {{signal: {SPEED}, at_least: 1 km/h, for: 0 ms, ending: cut}}
axes:
  lateral:
    consent: the car rolls
    consent_most: 10 s
    engage: []
    keep: [the car does not race]
    override: [the car rolls]
    override_most: 1 s
    release: 200 ms
    request_timeout: 400 ms
envelopes:
  angle:
    axis: lateral
    unit: degrees
    low: -100 deg
    high: 100 deg
    neutral: 0 deg
    rate_up: 1000 deg/s
    rate_down: 1000 deg/s
    window: {{none: a test}}
    timeout: 400 ms
    release_rate: 2000 deg/s
    lateral: {{none: a test}}
    tracking: {{none: a test}}
    source: a test
  command:
    axis: lateral
    unit: degrees
    low: -100 deg
    high: 100 deg
    neutral: 0 deg
    rate_up: 1200 deg/s
    rate_down: 1200 deg/s
    window: {{none: a test}}
    timeout: 400 ms
    release_rate: 2000 deg/s
    lateral: {{none: a test}}
    tracking: {{none: a test}}
    source: a test
adapters:
  steering:
    axis: lateral
    manner: direct
    serves: {{{TARGET}: angle}}
    parameters: {{command: command, scale: 1, offset: 0, measured: {WHEEL}, {TRIM}}}
    proven: {{{TARGET}: {{by: {WHEEL}, tolerance: 0.2 deg, within: 5 s}}}}
    delay: 0 ms
    evidence: assumed (a test)
frames:
  drive/Steer:
    adapter: steering
    stock: none
    period: 10 ms
    least_period: 2 ms
    burst: {{time: 100 ms, most: 40}}
    fields:
      Wanted: {{carries: command}}
      Mode: {{idle: 0, acting: 5}}
    source: a test
cannot:
  Vehicle.MotionManagement.ElectricAxle: {CANNOT}
"""


def small_leave(vehicle: Vehicle, folder: Path, *, text: str = CONTROL) -> Leave:
    """Return leave for the small car to steer by angle, from what its ``control.yaml`` says, but with nobody in it.

    A description of an axis that moves a car has to name its driver's consent and overriding; here nobody drives.
    """
    path = folder / "control.yaml"
    path.write_text(text)
    control = load_control_file(path, vehicle)
    none = Without("a test")
    axes = [replace(each, consent=none, consent_most_ns=none, override=()) for each in control.envelope.axes]
    return Leave(replace(control, envelope=replace(control.envelope, axes=tuple(axes))))


def small_car(folder: Path, description: str = DESCRIPTION) -> Vehicle:
    """Return a car of two buses: speed, light, lever and steering on one, a voltage without timeout on the other."""
    for name, text in (("drive.dbc", DRIVE), ("power.dbc", POWER), ("vehicle.yaml", description)):
        (folder / name).write_text(text)
    return compile_vehicle(folder, folders=(folder,))[0]


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait until something holds; fail when it never does."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            message = f"it never came to be {what}"
            raise AssertionError(message)
        time.sleep(0.002)


class TestBus:
    """A bus that does what a test wants: brings frames, fails, cannot be opened, records what is sent on it."""

    __test__ = False

    def __init__(self) -> None:
        self.inbox: queue.Queue[Frames | Exception] = queue.Queue()
        self.broken = threading.Event()
        """While set, it cannot be opened."""
        self.opened = self.closed = 0
        self.sent: list[tuple[int, bytes]] = []
        self.refuses: Exception | None = None

    def open(self, number: int, clock: SteadyClock, *, may_send: bool) -> TestPort:
        if self.broken.is_set():
            message = "no such device"
            raise OSError(message)
        self.opened += 1
        return (TestOutlet if may_send else TestPort)(self, number, clock)

    def bring(self, *rows: tuple[int, str]) -> None:
        """Let frames (id, payload in hexadecimal) come."""
        self.inbox.put(Frames.build((0, 0, can_id, bytes.fromhex(data)) for can_id, data in rows))

    def fail(self, error: Exception | None = None) -> None:
        """Let the bus fail once, at the next reading."""
        self.inbox.put(error or OSError("the network is down"))


class TestPort:
    """An open ``TestBus``."""

    __test__ = False

    def __init__(self, bus: TestBus, number: int, clock: SteadyClock) -> None:
        self._bus, self._number, self._clock = bus, number, clock
        self.dropped = self.garbage = 0

    def read(self, wait_s: float) -> Frames | None:
        try:
            item = self._bus.inbox.get(timeout=wait_s)
        except queue.Empty:
            return None
        if isinstance(item, Exception):
            raise item
        item.t_ns[:] = self._clock.now_ns()
        item.bus[:] = self._number
        return item

    def close(self) -> None:
        self._bus.closed += 1


class TestOutlet(TestPort):
    """An open ``TestBus`` that may be sent on."""

    def send(self, can_id: int, payload: bytes) -> None:
        if self._bus.refuses is not None:
            raise self._bus.refuses
        self._bus.sent.append((can_id, payload))


class Rig:
    """A broker, a gateway and its two buses. Use as a context manager: starts and stops."""

    def __init__(self, vehicle: Vehicle, *, actuate: Leave | None = None, with_personal: bool = False) -> None:
        self.vehicle = vehicle
        self.broker = Broker(load_catalog())
        self.drive, self.power = TestBus(), TestBus()
        buses = [getattr(self, bus.name) for bus in vehicle.buses]

        def opener(_source: BusSource, number: int, clock: SteadyClock, *, may_send: bool = False) -> TestPort:
            return buses[number].open(number, clock, may_send=may_send)

        self.gateway = CarGateway(
            vehicle,
            self.broker,
            {bus.name: BusSource("virtual", bus.name) for bus in vehicle.buses},
            actuate=actuate,
            with_personal=with_personal,
            backoff=SOON,
            window=Window(0.0, 0.0),
            opener=opener,
        )

    def __enter__(self) -> Self:
        self.gateway.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.stop()

    def number(self, path: str) -> int:
        return self.broker.table.number(path)

    def get(self, path: str) -> Reading:
        return self.broker.get(self.number(path))

    def bus(self, name: str) -> dict[str, object]:
        """Return the facts of one bus."""
        buses = self.gateway.facts()["buses"]
        assert isinstance(buses, dict)
        return buses[name]
