"""How the car of the tour moves: a driver follows a plan with the pedals, and the car follows the driver.

The plan is a speed and a curvature over time. The driver asks for what it needs and corrects what is left; forces of
motor, brakes, air and tyres then move the mass. Only the plan is invented, and nothing is random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

__all__ = ["CAR", "LENGTH_S", "STEP_S", "WHEN", "Car", "Motion", "move"]

STEP_S = 0.01
_STANDING_MPS, _STOPPING_MPS = 0.02, 0.3
"""Planned to stand, and slow enough to step on the brake for it."""
_TOO_SLOW_MPS = 1.5
"""Below this the motor wins nothing back."""
_STILL = 0.004
"""Feet do not tremble: what is less of a pedal's way is none."""
_DELAY_S = 0.16
_HOLD = 0.22
"""How far the driver presses the brake while standing."""
LENGTH_S = 140.0
_AIR, _GRAVITY = 1.2, 9.81

_SPEED_KMH = (
    (0, 0), (9, 0), (20, 50), (34, 50), (45, 82), (58, 82), (69, 31), (80, 31), (88, 52), (94, 52), (105, 0),
    (111, 0), (114, 5), (122, 5), (125, 0), (LENGTH_S, 0),
)  # fmt: skip
_CURVATURE = (
    (0, 0), (23, 0), (26, 1 / 80), (31, 1 / 80), (34, 0), (47, 0), (50, -1 / 260), (54, -1 / 260), (57, 0), (70, 0),
    (72, -1 / 24), (77, -1 / 24), (79, 0), (111, 0), (113.5, -1 / 6.5), (118, -1 / 6.5), (121, 1 / 9), (124.5, 0),
    (LENGTH_S, 0),
)  # fmt: skip
"""Waypoints (second, value); positive curvature, in 1/m, turns left. In between the value changes smoothly."""
WHEN: Mapping[str, float] = {
    "ready": 3.0,
    "drive": 6.0,
    "released": 7.5,
    "reverse": 108.0,
    "backing": 110.0,
    "park": 127.0,
    "leaving": 133.0,
    "left": 136.5,
}
"""When the driver does what is no matter of speed or steering, in seconds."""


@dataclass(frozen=True, slots=True)
class Car:
    """The car that is driven."""

    mass_kg: float = 1520.0
    drag_area_m2: float = 0.66
    rolling: float = 0.011
    force_n: float = 5200.0
    """Most that the motor pulls with."""
    power_w: float = 70_000.0
    brake_n: float = 11_000.0
    """Of the brakes with the pedal to the floor."""
    coast_n: float = 260.0
    """Drag of the motor with no pedal pressed."""
    wheelbase_m: float = 2.62
    track_m: float = 1.5
    steering_ratio: float = 15.5
    """Angle of the steering wheel to that of the front wheels."""
    tyre_m: float = 0.305
    """Rolling radius."""
    reduction: float = 7.9
    efficiency: float = 0.9


CAR = Car()


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How the car moved, shape (n,) each."""

    t_s: npt.NDArray[np.float64]
    speed_mps: npt.NDArray[np.float64]
    """Along the car, negative backwards."""
    acceleration_mps2: npt.NDArray[np.float64]
    """Of the speed without its sign."""
    accelerator: npt.NDArray[np.float64]
    """0..1."""
    brake: npt.NDArray[np.float64]
    """0..1."""
    motor_n: npt.NDArray[np.float64]
    """Force of the motor at the tyres; negative recuperates."""
    curvature: npt.NDArray[np.float64]
    """1/m, positive to the left."""


def move(car: Car) -> Motion:
    """Let the driver follow the plan, and the car the driver."""
    t_s = np.arange(0.0, LENGTH_S, STEP_S)
    planned = _smooth(t_s, _SPEED_KMH) / 3.6
    wanted = np.gradient(planned, STEP_S)
    speed, accelerator, brake, motor = (np.zeros(len(t_s)) for _ in range(4))
    acceleration = np.zeros(len(t_s))
    v = gas = foot = 0.0
    aboard = (t_s > WHEN["ready"] + 0.5) & (t_s < WHEN["park"] + 2)
    for i in range(len(t_s)):
        held = _HOLD if aboard[i] else 0.0
        gas, foot = _feet(car, (gas, foot), v, (float(planned[i]), float(wanted[i])), held)
        motor[i], total = _forces(car, gas, foot, v)
        standing = v <= 0.0 and total <= 0.0
        a = 0.0 if standing else total / car.mass_kg
        if v + a * STEP_S < 0:
            a = -v / STEP_S
        speed[i], acceleration[i], accelerator[i], brake[i] = v, a, gas, foot
        v = max(0.0, v + a * STEP_S)
    backwards = (t_s >= WHEN["backing"]) & (t_s < WHEN["park"])
    return Motion(
        t_s, np.where(backwards, -speed, speed), acceleration, accelerator, brake, motor, _smooth(t_s, _CURVATURE)
    )


def _feet(car: Car, feet: tuple[float, float], v: float, plan: tuple[float, float], held: float) -> tuple[float, float]:
    """Return where the driver moves the pedals: what the plan asks for, a correction, and a moment's delay."""
    (gas, foot), (planned, wanted) = feet, plan
    if planned < _STANDING_MPS and v < _STOPPING_MPS:
        gas_to, foot_to = 0.0, held
    else:
        force = car.mass_kg * (wanted + 0.9 * (planned - v)) + _resistance(car, v)
        pull = min(car.force_n, car.power_w / max(v, 0.5))
        gas_to = min(1.0, max(0.0, force / pull))
        foot_to = min(1.0, max(0.0, (-force - car.coast_n) / car.brake_n)) if v > 0 else 0.0
    if foot > 2 * _STILL:  # one foot for both pedals
        gas_to = 0.0
    elif gas > 2 * _STILL:
        foot_to = 0.0
    if gas_to < _STILL:
        gas_to = 0.0
    if foot_to < 2 * _STILL:
        foot_to = 0.0
    moved = STEP_S / _DELAY_S
    gas, foot = gas + (gas_to - gas) * moved, foot + (foot_to - foot) * moved
    return (gas if gas > _STILL / 2 else 0.0), (foot if foot > _STILL else 0.0)


def _resistance(car: Car, v: float) -> float:
    rolling = car.rolling * car.mass_kg * _GRAVITY if v > 0 else 0.0
    return rolling + 0.5 * _AIR * car.drag_area_m2 * v * v


def _forces(car: Car, gas: float, foot: float, v: float) -> tuple[float, float]:
    """Return (motor, sum) of the forces along the car; the motor brakes as far as it can win back."""
    pull = gas * min(car.force_n, car.power_w / max(v, 0.5))
    braking = foot * car.brake_n
    coast = car.coast_n if gas == 0 and v > 1 else 0.0
    won = min(0.55 * braking + coast, 30_000.0 / max(v, 1.0)) if v > _TOO_SLOW_MPS else 0.0
    return pull - won, pull - max(won, braking + coast) - _resistance(car, v)


def _smooth(t_s: npt.NDArray[np.float64], plan: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """Return the plan's value at each time, going from point to point without a kink."""
    times, values = (np.array(column, float) for column in zip(*plan, strict=True))
    at = np.clip(np.searchsorted(times, t_s, side="right") - 1, 0, len(times) - 2)
    part = np.clip((t_s - times[at]) / (times[at + 1] - times[at]), 0, 1)
    return values[at] + (values[at + 1] - values[at]) * (1 - np.cos(math.pi * part)) / 2
