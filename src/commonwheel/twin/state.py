"""How a simulated car is at one instant: what the physics knows, in SI units unless a name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from commonwheel.twin.inputs import CruiseSwitch, Gear

__all__ = ["State"]


def _four(value: float) -> list[float]:
    return [value, value, value, value]


@dataclass(slots=True)
class State:
    """The state after a step. One object per car, changed in place."""

    t_s: float = 0.0
    """Since the start."""
    # ---- motion
    speed_mps: float = 0.0
    """Along the car; backwards is negative."""
    acceleration_mps2: float = 0.0
    lateral_mps2: float = 0.0
    """To the left is positive."""
    yaw_rate_rps: float = 0.0
    """Turning to the left is positive."""
    heading_rad: float = 0.0
    x_m: float = 0.0
    y_m: float = 0.0
    side_mps: float = 0.0
    """Of the centre of mass, across the car; to the left is positive."""
    slip_rad: float = 0.0
    """Angle between where the car points and where it goes."""
    distance_m: float = 0.0
    """Driven since the start, backwards too."""
    odometer_m: float = 0.0
    wheel_mps: list[float] = field(default_factory=lambda: _four(0.0))
    """Speed of the tyre's surface: front left, front right, rear left, rear right; backwards is negative."""
    steering_deg: float = 0.0
    """Steering wheel, left is positive."""
    steering_rate_dps: float = 0.0
    steering_torque_nm: float = 0.0
    """Of the driver's hands; left is positive."""
    aligning_nm: float = 0.0
    """What the tyres turn the wheel back with, at the wheel's rim, less the power steering's help."""
    # ---- driver's controls, as the car measures them
    accelerator: float = 0.0
    brake: float = 0.0
    throttle: float = 0.0
    """What is asked of the drive: the driver's pedal, or a controller's wish, whichever is more; 0..1."""
    braking: float = 0.0
    """What is asked of the brakes, likewise; 0..1."""
    brake_pressure_bar: float = 0.0
    friction_brake_n: float = 0.0
    gear: Gear = Gear.PARK
    # ---- electric drive
    ready: bool = False
    """Switched on and able to drive."""
    motor_rpm: float = 0.0
    motor_nm: float = 0.0
    motor_target_nm: float = 0.0
    motor_w: float = 0.0
    """Mechanical power; braking is negative."""
    motor_c: float = 20.0
    inverter_c: float = 20.0
    rear_motor_rpm: float = 0.0
    """A second driven axle, where there is one."""
    rear_motor_nm: float = 0.0
    generator_rpm: float = 0.0
    generator_nm: float = 0.0
    # ---- traction battery
    pack_v: float = 0.0
    pack_a: float = 0.0
    """Into the battery is positive."""
    pack_w: float = 0.0
    """Into the battery is positive."""
    charge: float = 0.8
    """State of charge, 0..1 of what the pack holds."""
    energy_kwh: float = 0.0
    """What can still be drawn."""
    health: float = 1.0
    pack_c: float = 20.0
    cell_low_v: float = 0.0
    cell_high_v: float = 0.0
    charge_limit_w: float = 0.0
    """What the pack takes now."""
    discharge_limit_w: float = 0.0
    """What the pack gives now."""
    drawn_kwh: float = 0.0
    """Out of the battery since the start, less what came back."""
    charging: bool = False
    charge_asked_w: float = 0.0
    """What the car's own controller asks the charger in the car to give; 0 while it quick charges."""
    wall_w: float = 0.0
    """Drawn from the charging point."""
    charge_left_s: float = 0.0
    # ---- combustion engine
    engine_on: bool = False
    engine_rpm: float = 0.0
    engine_nm: float = 0.0
    coolant_c: float = 20.0
    intake_c: float = 20.0
    manifold_kpa: float = 101.3
    fuel_l: float = 0.0
    """In the tank."""
    fuel_used_l: float = 0.0
    """Since the start."""
    current_gear: int = 0
    """Gear that is engaged; 0 none, -1 reverse."""
    target_gear: int = 0
    # ---- driver assistance
    cruise_enabled: bool = False
    """Cruise control is switched on."""
    cruise_active: bool = False
    """Cruise control has a speed to hold."""
    cruise_set_kmh: float = 0.0
    """What it is set to; 0: nothing yet."""
    cruise_switch: CruiseSwitch = CruiseSwitch.NONE
    lead_detected: bool = False
    """Cruise control sees a vehicle ahead."""
    lane_keeping: bool = False
    """The power steering does what it is told, beyond helping."""
    # ---- the rest
    auxiliary_w: float = 0.0
    compressor_w: float = 0.0
    heater_w: float = 0.0
    cabin_c: float = 20.0
    low_voltage_v: float = 12.6
    range_m: float = 0.0
    """What the car itself believes it can still drive."""
