"""A car that is a fifth off what is known of it: everything that is multiplied, and nothing else."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from commonwheel.proving.plan import CARS, PLAN
from commonwheel.proving.varied import Factors, varied
from commonwheel.twin.parameters_file import load_parameters

ANSWERS = ("steering_torque", "steering_angle", "braking", "gas", "acceleration")


@pytest.mark.parametrize("car", CARS)
def test_factors_of_one_change_nothing(car: str) -> None:
    assert varied(load_parameters(car), Factors()) == load_parameters(car)


@pytest.mark.parametrize("car", CARS)
def test_what_commands_lead_to_is_multiplied_by_the_gain_and_their_delays_by_the_delay(car: str) -> None:
    usual = load_parameters(car)
    other = varied(usual, Factors(gain=0.8, delay=1.2))
    compared = 0
    for name in ANSWERS:
        before, after = getattr(usual, name), getattr(other, name)
        if before is None:
            continue
        compared += 1
        assert after.delay_s == pytest.approx(1.2 * before.delay_s)
        for gain in ("gain_nm", "highest_nm", "gain_n", "gain"):
            if hasattr(before, gain):
                assert getattr(after, gain) == pytest.approx(0.8 * getattr(before, gain))
        assert getattr(after, "timeout_s") == before.timeout_s  # noqa: B009 - of whatever section
    assert compared
    assert other.chassis == usual.chassis


@pytest.mark.parametrize("car", CARS)
def test_a_heavier_car_is_heavier_and_nothing_else(car: str) -> None:
    usual = load_parameters(car)
    other = varied(usual, Factors(mass=1.2))
    assert other.chassis.mass_kg == pytest.approx(1.2 * usual.chassis.mass_kg)
    assert msgspec.structs.replace(other, chassis=usual.chassis) == usual


def test_every_factor_is_tried_both_ways_along_and_across() -> None:
    tried = {(trial.factors, trial.scenario) for trial in PLAN if trial.factors is not None}
    for field in dataclasses.fields(Factors):
        for value in (0.8, 1.2):
            for scenario in ("lead-hard-stop", "curve-entry"):
                assert (Factors(**{field.name: value}), scenario) in tried
