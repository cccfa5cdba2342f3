"""A drive made by code, as standard signals: pull away, bends, a stop, reverse into a space, park.

Everything hangs together: wheels follow from speed and curvature, the motor from the wheels, the current from the
power. The traffic made of it is synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.tour.motion import CAR, STEP_S, WHEN, move

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from commonwheel.tour.motion import Car, Motion

    Values = npt.NDArray[np.float64]

__all__ = ["Drive", "synthesise"]

# Codes of the standard: gears are numbers, lever and system state the places of their labels.
PARK, REVERSE, DRIVE = 126.0, -1.0, 127.0
LEVER = {PARK: 1.0, REVERSE: 2.0, DRIVE: 4.0}
SYSTEM_ON = 4.0
PACK_KWH, PACK_OHM, START_CHARGE = 24.0, 0.09, 81.6
AUXILIARY_W = 620.0
ODOMETER_M = 48_212_900.0
WHEELS = ("Row1.Wheel.Left", "Row1.Wheel.Right", "Row2.Wheel.Left", "Row2.Wheel.Right")


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """Standard signals over time."""

    t_ns: npt.NDArray[np.int64]
    """Shape (n,), nanoseconds since the start."""
    signals: Mapping[str, Values]
    """Path to values in the standard's unit, shape (n,) each; enumerations as codes."""
    motion: Motion

    @property
    def end_ns(self) -> int:
        """End of the drive."""
        return int(self.t_ns[-1]) + round(STEP_S * 1e9)


def synthesise() -> Drive:
    """Return the drive; the same every time."""
    motion = move(CAR)
    named = {
        **_moving(motion, CAR),
        **_driver(motion, CAR),
        **_powertrain(motion, CAR),
        **_battery(motion, CAR),
        **_body(motion),
    }
    t_ns = np.rint(motion.t_s * 1e9).astype(np.int64)
    return Drive(t_ns, {f"Vehicle.{path}": value for path, value in named.items()}, motion)


def _moving(motion: Motion, car: Car) -> dict[str, Values]:
    kmh = np.abs(motion.speed_mps) * 3.6  # these cars send speeds without a sign
    distance = np.cumsum(np.abs(motion.speed_mps)) * STEP_S
    signals = {
        "Speed": kmh,
        "DisplayedSpeed": kmh * 1.03,
        "TraveledDistance": ODOMETER_M + distance,
        "AngularVelocity.Yaw": np.degrees(motion.speed_mps * motion.curvature),
    }
    for wheel, mps in zip(WHEELS, _wheels(motion, car), strict=True):
        signals[f"Chassis.Axle.{wheel}.Speed"] = mps * 3.6
        signals[f"Chassis.Axle.{wheel}.AngularSpeed"] = np.degrees(mps / car.tyre_m)
    return signals


def _wheels(motion: Motion, car: Car) -> list[Values]:
    """Return the wheels' speeds: each goes its own circle around the same centre, the rear axle on the car's own."""
    v, k = np.abs(motion.speed_mps), motion.curvature
    left, right = 1 - k * car.track_m / 2, 1 + k * car.track_m / 2
    ahead = k * car.wheelbase_m
    return [v * np.hypot(left, ahead), v * np.hypot(right, ahead), v * left, v * right]


def _driver(motion: Motion, car: Car) -> dict[str, Values]:
    t, steering = motion.t_s, np.degrees(np.arctan(motion.curvature * car.wheelbase_m)) * car.steering_ratio
    gear = np.select([t < WHEN["drive"], t < WHEN["reverse"], t < WHEN["park"]], [PARK, DRIVE, REVERSE], PARK)
    return {
        "Chassis.SteeringWheel.Angle": steering,
        "Chassis.SteeringWheel.AngularSpeed": np.gradient(steering, t),
        "Chassis.Accelerator.PedalPosition": motion.accelerator * 100,
        "Chassis.Accelerator.IsPressed": (motion.accelerator > 0).astype(float),
        "Chassis.Brake.PedalPosition": motion.brake * 100,
        "Chassis.Brake.IsPressed": (motion.brake > 0).astype(float),
        "Chassis.ParkingBrake.IsEngaged": ((t < WHEN["released"]) | (t > WHEN["park"] + 1)).astype(float),
        "Powertrain.Transmission.SelectedGear": gear,
        "Powertrain.Transmission.ShiftLeverPosition": np.select([gear == g for g in LEVER], list(LEVER.values())),
        "ADAS.ESC.IsEnabled": np.ones_like(t),
    }


def _powertrain(motion: Motion, car: Car) -> dict[str, Values]:
    turns = motion.speed_mps / car.tyre_m * car.reduction * 30 / np.pi
    torque = motion.motor_n * car.tyre_m / car.reduction
    warmth = np.cumsum(np.abs(torque)) * 2.2e-6
    engine = 760 + 24.5 * np.abs(motion.speed_mps) * 3.6 + 2600 * motion.accelerator
    return {
        "Powertrain.ElectricMotor.Speed": turns,
        "Powertrain.ElectricMotor.Torque": torque,
        "Powertrain.ElectricMotor.TorqueTarget": torque,
        "Powertrain.ElectricMotor.Temperature": 31 + warmth,
        "Powertrain.ElectricMotor.Inverter.Temperature": 28 + 1.6 * warmth,
        "Powertrain.CombustionEngine.Speed": engine,
        "Powertrain.CombustionEngine.IsRunning": np.ones_like(turns),
        "Powertrain.CombustionEngine.EngineCoolant.Temperature": 72 + warmth,
        "Powertrain.CombustionEngine.IntakeAirTemperature": np.full_like(turns, 27.0),
        "Powertrain.IsEcoModeOn": np.zeros_like(turns),
    }


def _battery(motion: Motion, car: Car) -> dict[str, Values]:
    wheels = motion.motor_n * np.abs(motion.speed_mps)
    drawn = np.where(wheels > 0, wheels / car.efficiency, wheels * car.efficiency) + AUXILIARY_W
    energy = PACK_KWH * START_CHARGE / 100 - np.cumsum(drawn) * STEP_S / 3.6e6
    charge = energy / PACK_KWH * 100
    # The open voltage falls with the charge; from the power asked for follows the current, by the pack's resistance.
    open_v = 350 + 0.45 * charge
    current = -(open_v - np.sqrt(open_v**2 - 4 * PACK_OHM * drawn)) / (2 * PACK_OHM)
    voltage = open_v + current * PACK_OHM
    pack = "Powertrain.TractionBattery"
    return {
        f"{pack}.CurrentVoltage": voltage,
        f"{pack}.CurrentCurrent": current,
        f"{pack}.CurrentPower": voltage * current,
        f"{pack}.StateOfCharge.Current": charge,
        f"{pack}.StateOfCharge.Displayed": charge,
        f"{pack}.StateOfCharge.CurrentEnergy": energy,
        f"{pack}.StateOfHealth": np.full_like(charge, 93.0),
        f"{pack}.Temperature.Average": np.full_like(charge, 22.0),
        f"{pack}.Temperature.Max": np.full_like(charge, 23.0),
        f"{pack}.Temperature.Min": np.full_like(charge, 21.0),
        f"{pack}.MaximumDischargePower": np.full_like(charge, 82.0),
        f"{pack}.MaximumChargePower": np.full_like(charge, 36.0),
        f"{pack}.Charging.IsCharging": np.zeros_like(charge),
        f"{pack}.IsPowerConnected": np.ones_like(charge),
        f"{pack}.IsInterlockClosed": np.ones_like(charge),
        f"{pack}.Range": energy * 6000,
        "Powertrain.Range": energy * 6000,
        "Powertrain.ElectricMotor.Inverter.Voltage": voltage,
        "LowVoltageBattery.CurrentVoltage": np.full_like(charge, 14.1),
    }


def _body(motion: Motion) -> dict[str, Values]:
    t, gear_back = motion.t_s, (motion.t_s >= WHEN["reverse"]) & (motion.t_s < WHEN["park"])

    def during(*spans: tuple[float, float]) -> Values:
        return np.any([(t >= a) & (t < b) for a, b in spans], axis=0).astype(float)

    on_board = ((t >= WHEN["ready"]) & (t < WHEN["leaving"])).astype(float)
    lights = (t < WHEN["leaving"] - 1).astype(float)
    return {
        "LowVoltageSystemState": np.full_like(t, SYSTEM_ON),
        "Powertrain.IsReady": on_board,
        "Exterior.AirTemperature": np.full_like(t, 18.5),
        "Cabin.HVAC.AmbientAirTemperature": np.full_like(t, 21.0),
        "Cabin.Door.Row1.DriverSide.IsOpen": during((0.0, 2.2), (WHEN["leaving"] + 1, WHEN["left"])),
        "Cabin.Door.Row1.PassengerSide.IsOpen": np.zeros_like(t),
        "Cabin.Door.Row2.DriverSide.IsOpen": np.zeros_like(t),
        "Cabin.Door.Row2.PassengerSide.IsOpen": np.zeros_like(t),
        "Body.Trunk.Rear.IsOpen": np.zeros_like(t),
        "Cabin.Door.Row1.DriverSide.IsLocked": during((13.0, WHEN["park"])),
        "Cabin.Seat.Row1.DriverSide.IsBelted": on_board,
        "Body.Lights.DirectionIndicator.Left.IsSignaling": during((7.0, 12.0)),
        "Body.Lights.DirectionIndicator.Right.IsSignaling": during((66.0, 78.0), (99.0, 112.0)),
        "Body.Lights.Beam.Low.IsOn": lights,
        "Body.Lights.Beam.High.IsOn": during((46.0, 57.0)),
        "Body.Lights.Parking.IsOn": lights,
        "Body.Lights.Backup.IsOn": gear_back.astype(float),
        "Body.Lights.Brake.IsActive": (motion.brake > 0).astype(float),
    }
