"""A car's body: everything that is physical about it, moved on step by step.

``Body`` takes the driver's inputs and changes its ``State``. It composes the parts: the road's resistance and the
brakes here, the powertrain that the parameters describe, how the car turns, and what changes slowly (every ``SLOW_S``).
It does no I/O, draws no chance but the start's seed, and takes any input: for what is impossible it takes the nearest
that is possible.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError, Fault
from commonwheel.twin.combustion_drive import CombustionPowertrain
from commonwheel.twin.electric_drive import ElectricPowertrain
from commonwheel.twin.hybrid import HybridPowertrain
from commonwheel.twin.inputs import Gear, Ignition, Inputs
from commonwheel.twin.lateral import Lateral
from commonwheel.twin.longitudinal import Road
from commonwheel.twin.low_voltage import LowVoltage
from commonwheel.twin.possible import nearest, possible
from commonwheel.twin.start import Start
from commonwheel.twin.state import State

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Chassis, Parameters
    from commonwheel.twin.powertrain import Powertrain

__all__ = ["MOST_S", "Body"]

MOST_S = 0.05
"""The longest step."""
SLOW_S = 0.1
"""How often temperatures, limits and other slow things are brought up to date."""
ROLLED_S, ROLL_S = 4.0, 0.01
"""A car that begins at a speed has gone at it for so long, in such steps."""
PEDAL_PER_M = 0.5
"""How fast its accelerator came to where it keeps the speed, per m/s^2 and second."""

_SHIFT_MPS = 2.0
"""Up to here the selector can go from forward to reverse, and to park."""
_LOCK = 2.0
"""The lock of the gearbox in park holds so many times the car's weight."""


class Body:
    """One car."""

    def __init__(self, parameters: Parameters, start: Start | None = None) -> None:
        start = start or Start()
        self.parameters = parameters
        self.state = state = State(odometer_m=max(0.0, start.odometer_m), cabin_c=start.soak_c)
        state.motor_c = state.inverter_c = state.coolant_c = state.intake_c = start.soak_c
        if start.speed_mps > 0.0:
            state.speed_mps, state.gear = start.speed_mps, Gear.DRIVE
            state.wheel_mps[:] = [start.speed_mps] * len(state.wheel_mps)
        self.road = Road(parameters)
        self.road.warm(start.air_c)
        self.lateral = Lateral(parameters.chassis, parameters.column)
        self.low_voltage = LowVoltage(parameters.auxiliaries, start, state)
        self.powertrain = _powertrain(parameters, start, state)
        chassis, brakes = parameters.chassis, parameters.brakes
        self._inertia_kg = chassis.inertia_kg
        self._brake_n = brakes.force_n
        self._bar_per_n = brakes.pressure_bar / brakes.force_n
        self._parking_n = brakes.parking_n
        self._lock_n = self.road.weight_n * _LOCK
        self._driven = _driven_share(chassis)
        self._since_s = 0.0
        self.brake_j = 0.0
        """Turned to heat in the brakes since the start."""
        self.road_j = 0.0
        """Lost to rolling and to the air since the start."""
        self.climb_j = 0.0
        """Put into height since the start."""
        if start.speed_mps > 0.0:
            self._roll(start.speed_mps, start.air_c)

    def _roll(self, speed_mps: float, air_c: float) -> None:
        """Let engine, gears and pedal come to what a car has that has been going at a speed for a while."""
        state = self.state
        inputs = Inputs(gear=Gear.DRIVE, parking_brake=False, ignition=Ignition.ON, air_c=air_c)
        odometer_m = state.odometer_m
        for _ in range(round(ROLLED_S / ROLL_S)):
            state.speed_mps = speed_mps
            self.step(inputs, ROLL_S)
            wanted = inputs.accelerator - PEDAL_PER_M * state.acceleration_mps2 * ROLL_S
            inputs.accelerator = min(1.0, max(0.0, wanted))
        state.speed_mps, state.acceleration_mps2 = speed_mps, 0.0
        state.t_s = state.distance_m = state.x_m = state.y_m = state.fuel_used_l = state.drawn_kwh = 0.0
        state.odometer_m = odometer_m
        self.brake_j = self.road_j = self.climb_j = self._since_s = 0.0

    @property
    def kinetic_j(self) -> float:
        """Energy of the car's motion along the road."""
        return 0.5 * (self._inertia_kg + self.powertrain.rotating_kg) * self.state.speed_mps**2

    def step(self, inputs: Inputs, dt_s: float) -> None:
        """Move on by one step, of 10 ms usually and at most ``MOST_S``.

        Raises:
            ValueError: the step is not longer than nothing, or longer than ``MOST_S``.
        """
        if not 0.0 < dt_s <= MOST_S:
            message = f"a step is more than 0 and at most {MOST_S} s, not {dt_s}"
            raise ValueError(message)
        if not possible(inputs):
            inputs = nearest(inputs)
        state, road, powertrain = self.state, self.road, self.powertrain
        state.accelerator = inputs.accelerator
        state.throttle = max(inputs.accelerator, inputs.throttle)
        state.brake = inputs.brake
        state.braking = brake = max(inputs.brake, inputs.braking)
        speed = state.speed_mps
        if inputs.gear != state.gear:
            self._select(inputs, speed)
        road.tilt(inputs.grade)
        grip = inputs.friction * road.normal_n
        brake_n = brake * self._brake_n
        force = powertrain.drive(inputs, state, brake_n, grip * self._driven, dt_s)
        if force * speed < 0.0:  # what the powertrain brakes with, the tyres have no longer left for the brakes
            grip = max(0.0, grip - abs(force))
        friction_n = brake_n - powertrain.braked_n
        state.brake_pressure_bar = friction_n * self._bar_per_n
        state.friction_brake_n = min(friction_n, grip)
        if inputs.parking_brake:
            friction_n += self._parking_n
        if state.gear == Gear.PARK:
            friction_n += self._lock_n
        friction_n = min(friction_n, grip)
        self._move(force, friction_n, inputs.wind_mps, dt_s)
        self.lateral.step(inputs, state, dt_s)
        state.t_s += dt_s
        self._since_s += dt_s
        if self._since_s >= SLOW_S - 1e-6:
            self._rest(inputs)

    def _move(self, drive_n: float, friction_n: float, wind_mps: float, dt_s: float) -> None:
        """Add up the forces, move, and account for the work."""
        state, road = self.state, self.road
        speed = state.speed_mps
        mass = self._inertia_kg + self.powertrain.rotating_kg
        through = speed + wind_mps
        air_n = -road.square * through * abs(through)
        pull = drive_n + road.slope_n + air_n
        rolling_n = road.rolling_n
        if speed > 0.0:
            rolling_n += road.linear * speed
        else:
            rolling_n -= road.linear * speed
        holds = rolling_n + friction_n
        if holds < 0.0:  # a negative linear term, far beyond the speeds it is for
            holds = rolling_n = 0.0
        if speed > 0.0 or (speed == 0.0 and pull > holds):
            after = speed + (pull - holds) / mass * dt_s
            stops = after < 0.0
        elif speed < 0.0 or pull < -holds:
            after = speed + (pull + holds) / mass * dt_s
            stops = after > 0.0
        else:
            after, stops = 0.0, True
        if stops:
            after = 0.0
        mean = 0.5 * (speed + after)
        state.speed_mps = after
        state.acceleration_mps2 = (after - speed) / dt_s
        moved = mean * dt_s
        self.powertrain.settle(state, mean, dt_s)
        if moved:
            self._account(moved, pull, holds, rolling_n, mass * (after - speed) / dt_s, air_n)

    def _account(self, moved: float, pull: float, holds: float, rolling_n: float, change: float, air_n: float) -> None:
        """Count the work of a step; what resisted is what explains the change of speed."""
        state = self.state
        resisted = (pull - change) * moved
        share = rolling_n / holds if holds > 0.0 else 1.0
        self.road_j += resisted * share - air_n * moved
        self.brake_j += resisted * (1.0 - share)
        self.climb_j -= self.road.slope_n * moved
        distance = moved if moved > 0.0 else -moved
        state.distance_m += distance
        state.odometer_m += distance

    def _select(self, inputs: Inputs, speed: float) -> None:
        """Change the gear where the car lets one: with the ignition on, and not against the motion."""
        if inputs.ignition == Ignition.OFF and inputs.gear != Gear.PARK:
            return
        wanted = inputs.gear
        if (
            wanted == Gear.NEUTRAL
            or (wanted == Gear.DRIVE and speed > -_SHIFT_MPS)
            or (wanted == Gear.REVERSE and speed < _SHIFT_MPS)
            or -_SHIFT_MPS < speed < _SHIFT_MPS
        ):
            self.state.gear = wanted

    def _rest(self, inputs: Inputs) -> None:
        elapsed, self._since_s = self._since_s, 0.0
        self.road.warm(inputs.air_c)
        self.powertrain.rest(inputs, self.state, elapsed)
        self.low_voltage.rest(inputs, self.state, elapsed)


def _driven_share(chassis: Chassis) -> float:
    """Return the share of the weight on the driven wheels; all of it where both axles are driven."""
    front = chassis.drive_front
    if front >= 1.0:
        return chassis.front_share
    return 1.0 - chassis.front_share if front <= 0.0 else 1.0


def _powertrain(parameters: Parameters, start: Start, state: State) -> Powertrain:
    """Return the drive that the parameters describe."""
    motor, battery = parameters.motor, parameters.battery
    engine, gearbox = parameters.engine, parameters.gearbox
    if engine is not None and gearbox is not None and motor is None:
        return CombustionPowertrain(parameters, engine, gearbox, start, state)
    hybrid = parameters.hybrid
    if hybrid is not None and engine is not None and motor is not None and battery is not None:
        return HybridPowertrain(parameters, hybrid, engine, motor, battery, start, state)
    if motor is None or battery is None or engine is not None:
        message = f"{parameters.name}: no drive is known that has these parts"
        raise DescriptionError([Fault(Path(parameters.name), 0, message)])
    return ElectricPowertrain(parameters, motor, battery, start, state)
