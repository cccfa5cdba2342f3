"""What the physics says in the standard of battery, motors, engine, tank and charging: getters by path.

Paths are without their 'Vehicle.' in front. FAST ones change within milliseconds; SLOW ones may be asked ten times a
second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from commonwheel.twin.charging import AC_MOST_W
from commonwheel.twin.engine import RADIANS_PER_RPM, idle_rpm
from commonwheel.twin.inputs import Ignition
from commonwheel.twin.signals_facts import Facts, tables

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.state import State

__all__ = ["FAST", "SLOW"]

MAINS_V: Final = 230.0
AMPERES_PER_NM: Final = 2.1
"""Phase current of a motor per torque; both motors of the Outlander PHEV's recording send 2.0 to 2.2 (r 0.99)."""
_MOTOR = "Powertrain.ElectricMotor"
_BATTERY = "Powertrain.TractionBattery"
_ENGINE = "Powertrain.CombustionEngine"


def _live(state: State) -> bool:
    """Say whether the battery's contactors are closed."""
    return state.ready or state.charging


def _link_v(state: State) -> float:
    return state.pack_v if _live(state) else 0.0


def _quick(state: State, inputs: Inputs, facts: Facts) -> bool:
    """Say whether direct current comes in: from a point stronger than those for alternating current."""
    return state.charging and facts.quick and inputs.charge_power_w > AC_MOST_W


def _mains_w(state: State, inputs: Inputs, facts: Facts) -> float:
    """Return what is drawn from the wall by the car's own charger."""
    return 0.0 if _quick(state, inputs, facts) else state.wall_w


def _charging_kw(state: State, inputs: Inputs, facts: Facts) -> float:
    power = state.pack_w if _quick(state, inputs, facts) else _mains_w(state, inputs, facts)
    return power / 1000 if state.charging else 0.0


def _supply(state: State, inputs: Inputs, facts: Facts) -> float:
    """Return the place among NONE, AC and DC."""
    if not state.charging:
        return 0.0
    return 2.0 if _quick(state, inputs, facts) else 1.0


def _asked_a(state: State) -> float:
    """Return the direct current that the charger is asked for by the car's own controller."""
    return state.charge_asked_w / max(state.pack_v, 1.0)


def _shown_charge(state: State, facts: Facts) -> float:
    return min(100.0, max(0.0, (state.charge - facts.reserve) / (1 - facts.reserve) * 100))


def _live_plug(inputs: Inputs) -> bool:
    return inputs.plugged and inputs.charge_power_w > 0


def _converter_a(state: State) -> float:
    return state.auxiliary_w / max(state.low_voltage_v, 1.0) if state.ready else 0.0


def _idle_target(state: State, facts: Facts) -> float:
    return idle_rpm(facts.idle_rpm, facts.cold_idle_rpm, state.coolant_c)


FAST: Final = tables(
    {
        f"{_MOTOR}.Speed": lambda s, _i, _f: s.motor_rpm,
        f"{_MOTOR}.Torque": lambda s, _i, _f: s.motor_nm,
        f"{_MOTOR}.TorqueTarget": lambda s, _i, _f: s.motor_target_nm,
        f"{_MOTOR}.Power": lambda s, _i, _f: s.motor_w / 1000,
        f"{_MOTOR}.Inverter.Voltage": lambda s, _i, _f: _link_v(s),
        f"{_MOTOR}.Inverter.Current": lambda s, _i, _f: s.motor_nm * AMPERES_PER_NM,
        "MotionManagement.ElectricAxle.Row1.RotationalSpeed": lambda s, _i, _f: s.motor_rpm,
        "MotionManagement.ElectricAxle.Row1.Torque": lambda s, _i, _f: s.motor_nm,
        "MotionManagement.ElectricAxle.Row1.TorqueTarget": lambda s, _i, _f: s.motor_target_nm,
        "MotionManagement.ElectricAxle.Row1.Inverter.Voltage": lambda s, _i, _f: _link_v(s),
        "MotionManagement.ElectricAxle.Row1.Inverter.Current": lambda s, _i, _f: s.motor_nm * AMPERES_PER_NM,
        "MotionManagement.ElectricAxle.Row2.RotationalSpeed": lambda s, _i, _f: s.rear_motor_rpm,
        "MotionManagement.ElectricAxle.Row2.Torque": lambda s, _i, _f: s.rear_motor_nm,
        "MotionManagement.ElectricAxle.Row2.TorqueTarget": lambda s, _i, _f: s.rear_motor_nm,
        "MotionManagement.ElectricAxle.Row2.Inverter.Voltage": lambda s, _i, _f: _link_v(s),
        "MotionManagement.ElectricAxle.Row2.Inverter.Current": lambda s, _i, _f: s.rear_motor_nm * AMPERES_PER_NM,
        "Powertrain.Generator.Speed": lambda s, _i, _f: s.generator_rpm,
        "Powertrain.Generator.Torque": lambda s, _i, _f: s.generator_nm,
        "Powertrain.Generator.TorqueTarget": lambda s, _i, _f: s.generator_nm,
        "Powertrain.Generator.Inverter.Voltage": lambda s, _i, _f: _link_v(s),
        "Powertrain.Generator.Inverter.Current": lambda s, _i, _f: s.generator_nm * AMPERES_PER_NM,
        f"{_BATTERY}.CurrentVoltage": lambda s, _i, _f: s.pack_v,
        f"{_BATTERY}.CurrentCurrent": lambda s, _i, _f: s.pack_a,
        f"{_BATTERY}.CurrentPower": lambda s, _i, _f: s.pack_w,
        f"{_ENGINE}.Speed": lambda s, _i, _f: s.engine_rpm,
        f"{_ENGINE}.Torque": lambda s, _i, _f: s.engine_nm,
        f"{_ENGINE}.Power": lambda s, _i, _f: max(0.0, s.engine_nm * s.engine_rpm * RADIANS_PER_RPM / 1000),
        f"{_ENGINE}.MAP": lambda s, _i, _f: s.manifold_kpa,
    }
)

SLOW: Final = tables(
    {
        "Powertrain.IsReady": lambda s, _i, _f: float(s.ready),
        "Powertrain.Range": lambda s, _i, _f: s.range_m,
        f"{_MOTOR}.Temperature": lambda s, _i, _f: s.motor_c,
        f"{_MOTOR}.Inverter.Temperature": lambda s, _i, _f: s.inverter_c,
        "MotionManagement.ElectricAxle.Row1.Temperature": lambda s, _i, _f: s.motor_c,
        "MotionManagement.ElectricAxle.Row1.Inverter.Temperature": lambda s, _i, _f: s.inverter_c,
        "MotionManagement.ElectricAxle.Row2.Temperature": lambda s, _i, _f: s.motor_c,
        "MotionManagement.ElectricAxle.Row2.Inverter.Temperature": lambda s, _i, _f: s.inverter_c,
        "Powertrain.Generator.Temperature": lambda s, _i, _f: s.motor_c,
        "Powertrain.Generator.Inverter.Temperature": lambda s, _i, _f: s.inverter_c,
        f"{_BATTERY}.StateOfCharge.Current": lambda s, _i, _f: s.charge * 100,
        f"{_BATTERY}.StateOfCharge.Displayed": lambda s, _i, f: _shown_charge(s, f),
        f"{_BATTERY}.StateOfCharge.CurrentEnergy": lambda s, _i, _f: s.energy_kwh,
        f"{_BATTERY}.StateOfHealth": lambda s, _i, _f: s.health * 100,
        f"{_BATTERY}.NetCapacity": lambda s, _i, f: f.capacity_kwh * s.health,
        f"{_BATTERY}.ChargeCapacity": lambda s, _i, f: f.capacity_ah * s.health,
        f"{_BATTERY}.Range": lambda s, _i, _f: s.range_m,
        f"{_BATTERY}.Temperature.Average": lambda s, _i, _f: s.pack_c,
        f"{_BATTERY}.Temperature.Max": lambda s, _i, f: s.pack_c + f.warmest_k,
        f"{_BATTERY}.Temperature.Min": lambda s, _i, f: s.pack_c - f.warmest_k,
        f"{_BATTERY}.CellVoltage.Max": lambda s, _i, _f: s.cell_high_v,
        f"{_BATTERY}.CellVoltage.Min": lambda s, _i, _f: s.cell_low_v,
        f"{_BATTERY}.MaximumChargePower": lambda s, _i, _f: s.charge_limit_w / 1000,
        f"{_BATTERY}.MaximumDischargePower": lambda s, _i, _f: s.discharge_limit_w / 1000,
        f"{_BATTERY}.IsPowerConnected": lambda s, _i, _f: float(_live(s)),
        f"{_BATTERY}.DCDC.IsActive": lambda s, _i, _f: float(_live(s)),
        f"{_BATTERY}.DCDC.OutputVoltage": lambda s, _i, _f: s.low_voltage_v,
        f"{_BATTERY}.DCDC.OutputCurrent": lambda s, _i, _f: _converter_a(s),
        f"{_BATTERY}.DCDC.Temperature": lambda s, _i, _f: s.inverter_c,
        f"{_BATTERY}.Charging.IsCharging": lambda s, _i, _f: float(s.charging),
        f"{_BATTERY}.Charging.SupplyType": _supply,
        f"{_BATTERY}.Charging.Power": _charging_kw,
        f"{_BATTERY}.Charging.PowerLimit": lambda s, _i, f: min(s.charge_limit_w, f.charger_w) / 1000,
        f"{_BATTERY}.Charging.PowerTarget": lambda s, _i, _f: s.charge_asked_w / 1000,
        f"{_BATTERY}.Charging.OutputCurrentTarget": lambda s, _i, _f: _asked_a(s),
        f"{_BATTERY}.Charging.ChargeLimit": lambda _s, i, _f: i.charge_limit * 100,
        f"{_BATTERY}.Charging.TimeToComplete": lambda s, _i, _f: s.charge_left_s,
        f"{_BATTERY}.Charging.ChargeVoltage.Phase1": lambda _s, i, _f: MAINS_V if _live_plug(i) else 0.0,
        f"{_BATTERY}.Charging.ChargeCurrent.Phase1": lambda s, i, f: _mains_w(s, i, f) / MAINS_V,
        f"{_BATTERY}.Charging.ChargeVoltage.DC": lambda s, i, f: s.pack_v if _quick(s, i, f) else 0.0,
        f"{_BATTERY}.Charging.ChargeCurrent.DC": lambda s, i, f: s.pack_a if _quick(s, i, f) else 0.0,
        f"{_BATTERY}.Charging.OutputVoltage": lambda s, _i, _f: _link_v(s),
        f"{_BATTERY}.Charging.OutputCurrent": (
            lambda s, i, f: max(0.0, s.pack_a) if s.charging and not _quick(s, i, f) else 0.0
        ),
        f"{_BATTERY}.Charging.Temperature": lambda s, _i, _f: s.inverter_c,
        f"{_BATTERY}.Charging.ChargingPort.AnyPosition.IsChargingCableConnected": lambda _s, i, _f: float(i.plugged),
        f"{_BATTERY}.Charging.ChargingPort.AnyPosition.IsChargingCableLocked": lambda _s, i, _f: float(_live_plug(i)),
        f"{_ENGINE}.IsRunning": lambda s, _i, _f: float(s.engine_on),
        f"{_ENGINE}.EngineCoolant.Temperature": lambda s, _i, _f: s.coolant_c,
        f"{_ENGINE}.IntakeAirTemperature": lambda s, _i, _f: s.intake_c,
        f"{_ENGINE}.IdleSpeedTarget": lambda s, i, f: _idle_target(s, f) if i.ignition is Ignition.ON else 0.0,
        "Powertrain.FuelSystem.AbsoluteLevel": lambda s, _i, _f: s.fuel_l,
        "Powertrain.FuelSystem.RelativeLevel": lambda s, _i, f: s.fuel_l / f.tank_l * 100 if f.tank_l else 0.0,
        "Powertrain.FuelSystem.ConsumptionSinceStart": lambda s, _i, _f: s.fuel_used_l,
    }
)
