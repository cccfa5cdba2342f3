"""How a car turns: hands on the wheel, two axles with tyres that slip, four wheels that roll.

A bicycle model: the wheels of an axle are one, whose side force grows with its slip angle and is limited by the road's
friction (a hyperbolic tangent, so that it bends over gently). Each step solves the two equations of side force and yaw
moment for their values at its end. That is stable at any speed and step, and goes over by itself into rolling without
slip as the car slows down, so there is no second model for low speeds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from commonwheel.twin.column import LOCK_DEG, Column
from commonwheel.twin.inputs import Wheel
from commonwheel.twin.longitudinal import GRAVITY

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Chassis
    from commonwheel.twin.state import State

__all__ = ["LOCK_DEG", "Lateral", "understeer"]

HAND_DPS: Final = 700.0
"""How fast a driver turns the steering wheel at most: about two turns a second."""
HAND_LAG_S: Final = 0.08
TRAIL_M: Final = 0.045
"""Mechanical and pneumatic trail of the front tyres together."""
ASSISTANCE: Final = 6.0
"""How many times the driver's own torque the power steering adds at most, with a car that hardly moves."""
WHEEL_FRICTION_NM: Final = 0.6
"""Of steering column and rack, at the driver's hands."""
STILL_MPS: Final = 1e-3


def understeer(car: Chassis) -> float:
    """Return the understeer gradient K in s^2/m: a steady car yaws at ``v / (wheelbase + K v^2)`` per steered angle."""
    front, rear = car.front_share, 1 - car.front_share
    return car.laden_kg * (front / car.cornering_front_n_per_rad - rear / car.cornering_rear_n_per_rad)


class Lateral:
    """The turning part of a car's body; keeps the side speed from step to step."""

    __slots__ = (
        "_a", "_b", "_c_front", "_c_rear", "_column", "_front_n", "_half_front", "_half_rear", "_inertia", "_mass",
        "_ratio", "_rear_n", "_side_mps",
    )  # fmt: skip

    def __init__(self, car: Chassis, column: Column | None = None) -> None:
        self._column = column or Column()
        length = car.wheelbase_m
        self._mass = car.laden_kg
        self._inertia = car.yaw_inertia_kgm2
        self._b = length * car.front_share
        self._a = length - self._b
        self._c_front = car.cornering_front_n_per_rad
        self._c_rear = car.cornering_rear_n_per_rad
        self._front_n = car.laden_kg * GRAVITY * car.front_share
        self._rear_n = car.laden_kg * GRAVITY * (1 - car.front_share)
        self._half_front = car.track_m / 2
        self._half_rear = car.rear_track_m / 2
        self._ratio = car.steering_ratio
        self._side_mps = 0.0

    def step(self, inputs: Inputs, state: State, dt_s: float) -> None:
        """Turn the wheel towards where the driver wants it, and the car by it; speed and acceleration are given."""
        if inputs.wheel is Wheel.HELD:
            self._hands(inputs.steering_deg, state, dt_s)
        elif inputs.wheel is Wheel.FREE:
            self._column.turn(inputs.torque_nm + inputs.assist_nm, state, dt_s)
        else:
            state.steering_rate_dps = (inputs.led_deg - state.steering_deg) / dt_s
            state.steering_deg = inputs.led_deg
        speed = state.speed_mps
        if -STILL_MPS < speed < STILL_MPS:
            self._stand(state, speed)
        elif state.steering_deg or state.yaw_rate_rps or self._side_mps:
            self._turn(inputs.friction, state, speed, dt_s)
        else:
            self._run_straight(state, speed, dt_s)
        if inputs.wheel is not Wheel.HELD:
            state.steering_torque_nm = inputs.torque_nm
        elif inputs.assist_nm:
            state.steering_torque_nm -= inputs.assist_nm

    def _hands(self, wanted_deg: float, state: State, dt_s: float) -> None:
        angle = state.steering_deg
        wanted_deg = min(LOCK_DEG, max(-LOCK_DEG, wanted_deg))
        if angle == wanted_deg:
            state.steering_rate_dps = 0.0
            return
        change = (wanted_deg - angle) * (dt_s / (HAND_LAG_S + dt_s))
        furthest = HAND_DPS * dt_s
        change = min(furthest, max(-furthest, change))
        if abs(wanted_deg - angle) < 0.01:  # noqa: PLR2004 - degrees; what is left is not worth following
            change = wanted_deg - angle
        state.steering_deg = angle + change
        state.steering_rate_dps = change / dt_s

    def _stand(self, state: State, speed: float) -> None:
        self._side_mps = state.side_mps = 0.0
        state.yaw_rate_rps = state.lateral_mps2 = state.slip_rad = 0.0
        wheels = state.wheel_mps
        wheels[0] = wheels[1] = wheels[2] = wheels[3] = speed
        self._feel(state, 0.0, 0.0)

    def _run_straight(self, state: State, speed: float, dt_s: float) -> None:
        state.lateral_mps2 = state.slip_rad = state.steering_torque_nm = state.aligning_nm = state.side_mps = 0.0
        wheels = state.wheel_mps
        wheels[0] = wheels[1] = wheels[2] = wheels[3] = speed
        state.x_m += speed * math.cos(state.heading_rad) * dt_s
        state.y_m += speed * math.sin(state.heading_rad) * dt_s

    def _turn(self, friction: float, state: State, speed: float, dt_s: float) -> None:
        """Solve both equations, with slip angles measured against the way the wheels roll, also backwards."""
        a, b, mass, inertia = self._a, self._b, self._mass, self._inertia
        side, yaw = self._side_mps, state.yaw_rate_rps
        roll = abs(speed)
        steer = math.radians(state.steering_deg / self._ratio)
        grip = _grip(friction, state.acceleration_mps2)
        aim = steer * speed
        most_front, most_rear = grip * self._front_n, grip * self._rear_n
        front = _stiffness(self._c_front, (aim - side - a * yaw) / roll, most_front)
        rear = _stiffness(self._c_rear, (b * yaw - side) / roll, most_rear)
        # roll mass (d(side)/dt + speed yaw) = front (aim - side - a yaw) + rear (b yaw - side), and likewise for the
        # yaw; multiplied by roll, nothing is divided by a speed that may be small.
        p, q = roll * mass / dt_s, roll * inertia / dt_s
        m11 = p + front + rear
        m12 = front * a - rear * b + roll * mass * speed
        m21 = front * a - rear * b
        m22 = q + front * a * a + rear * b * b
        r1 = p * side + front * aim
        r2 = q * yaw + front * a * aim
        determinant = m11 * m22 - m12 * m21
        side_end = (r1 * m22 - r2 * m12) / determinant
        yaw_end = (m11 * r2 - m21 * r1) / determinant
        pull_front = min(most_front, max(-most_front, front * (aim - side_end - a * yaw_end) / roll))
        pull_rear = min(most_rear, max(-most_rear, rear * (b * yaw_end - side_end) / roll))
        across = (pull_front + pull_rear) / mass
        self._side_mps = state.side_mps = side_end
        self._write(state, speed, side_end, yaw_end, across, dt_s)
        self._feel(state, pull_front, speed)

    def _write(self, state: State, speed: float, side: float, yaw: float, across: float, dt_s: float) -> None:
        heading = state.heading_rad + 0.5 * yaw * dt_s
        cos, sin = math.cos(heading), math.sin(heading)
        state.x_m += (speed * cos - side * sin) * dt_s
        state.y_m += (speed * sin + side * cos) * dt_s
        state.heading_rad += yaw * dt_s
        state.yaw_rate_rps = yaw
        state.lateral_mps2 = across
        state.slip_rad = math.atan2(side, abs(speed))
        front, rear = side + self._a * yaw, side - self._b * yaw
        front_apart, rear_apart = yaw * self._half_front, yaw * self._half_rear
        wheels = state.wheel_mps
        # Each wheel rolls the way its own hub goes; that both front wheels do is what Ackermann's steering is for.
        wheels[0] = _rolling(speed - front_apart, front)
        wheels[1] = _rolling(speed + front_apart, front)
        wheels[2] = _rolling(speed - rear_apart, rear)
        wheels[3] = _rolling(speed + rear_apart, rear)

    def _feel(self, state: State, pull_front: float, speed: float) -> None:
        """Estimate what the driver holds: the tyres' self-alignment less the power steering, and friction."""
        assistance = 1 + ASSISTANCE / (1 + abs(speed) / 15)
        held = pull_front * TRAIL_M / self._ratio / assistance
        turning = max(-1.0, min(1.0, state.steering_rate_dps / 10))
        state.aligning_nm = held
        state.steering_torque_nm = held + WHEEL_FRICTION_NM * turning


def _rolling(along: float, across: float) -> float:
    """Return how fast a wheel rolls whose hub moves so; backwards is negative."""
    return math.copysign(math.hypot(along, across), along)


def _grip(friction: float, along_mps2: float) -> float:
    """Return what friction leaves for the side, as a share of the weight, when some of it brakes or drives."""
    friction = max(friction, 0.01)
    used = min(1.0, abs(along_mps2) / (friction * GRAVITY))
    return friction * max(0.2, math.sqrt(1 - used * used))


def _stiffness(linear: float, slip_rad: float, most: float) -> float:
    """Return side force over slip angle at a slip angle; the force never exceeds *most*."""
    load = abs(linear * slip_rad) / most
    return linear if load < 1e-3 else linear * math.tanh(load) / load  # noqa: PLR2004 - tanh(x) is x there
