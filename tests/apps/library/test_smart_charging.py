"""Smart charging: its plan is the best there is, by every choice there is; and it makes the car keep to it."""

from __future__ import annotations

import contextlib
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.apps.library._charging_plan import Battery, Charge, plan_of
from commonwheel.apps.library._tariff import Tariff, next_time
from commonwheel.apps.loading import load_app
from commonwheel.apps.matrix import cell_of
from commonwheel.apps.status import Fitness
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.errors import AppError
from commonwheel.vehicles import load_vehicle
from tests.apps.running import Run, S

_BATTERY = "Vehicle.Powertrain.TractionBattery"
CHARGE, CHARGING = f"{_BATTERY}.StateOfCharge.Current", f"{_BATTERY}.Charging.IsCharging"
SWITCH, LIMIT, CURRENT, POWER_LIMIT = (
    f"{_BATTERY}.Charging.{leaf}" for leaf in ("StartStopCharging", "ChargeLimit", "CurrentLimit", "PowerLimit")
)
CABLE = f"{_BATTERY}.Charging.ChargingPort.AnyPosition.IsChargingCableConnected"
NIGHT = '[["00:00", 0.30], ["02:00", 0.10], ["05:00", 0.20], ["07:00", 0.40]]'


def cost_of(charge: Charge, prices: list[float], on: tuple[bool, ...]) -> float:
    """Return what a choice of steps costs, starts included."""
    total, number, was_on = 0.0, 0, charge.is_on
    forced = min(charge.at_once, len(charge.drawn_kwh), len(prices))
    for t, (price, is_on) in enumerate(zip(prices, on, strict=True)):
        if is_on:
            total += price * charge.drawn_kwh[number]
            total += charge.start_cost if not was_on and t >= forced else 0.0
            number += 1
        was_on = is_on
    return total


PRICES = st.lists(st.floats(-0.5, 1.0), max_size=9)


@given(
    PRICES,
    st.lists(st.floats(0.01, 2.0), max_size=9),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([0.0, 0.05, 0.5]),
)
@settings(max_examples=150)
def test_no_choice_of_steps_costs_less(
    prices: list[float],
    drawn: list[float],
    at_once: int,
    is_on: bool,  # noqa: FBT001 - drawn
    start_cost: float,
) -> None:
    charge = Charge(sorted(drawn, reverse=True), at_once, is_on, start_cost)
    plan = plan_of(charge, prices)
    count = min(len(drawn), len(prices))
    forced = min(at_once, count)
    assert sum(plan.on) == count
    assert plan.missing_steps == len(drawn) - count
    assert all(plan.on[:forced])
    choices = (
        tuple(t < forced or t in chosen for t in range(len(prices)))
        for chosen in itertools.combinations(range(forced, len(prices)), count - forced)
    )
    best = min(cost_of(charge, prices, on) for on in choices)
    assert cost_of(charge, prices, plan.on) <= best + 1e-6


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=200), st.integers(1, 200))
@settings(max_examples=60)
def test_at_a_constant_power_the_cheapest_steps_are_taken(prices: list[float], count: int) -> None:
    plan = plan_of(Charge([1.0] * count), prices)
    assert plan.cost == pytest.approx(sum(sorted(prices)[:count]), abs=1e-5)


def test_of_plans_that_cost_the_same_the_earlier_is_taken() -> None:
    assert plan_of(Charge([1.0] * 2), [0.2] * 5).on == (True, True, False, False, False)


def test_a_start_that_saves_less_than_it_costs_is_left_out() -> None:
    prices = [0.10, 0.11, 0.10]
    assert plan_of(Charge([1.0] * 2), prices).on == (True, False, True)
    assert plan_of(Charge([1.0] * 2, start_cost=0.05), prices).on == (True, True, False)


def test_a_battery_draws_less_near_full_and_all_of_it_arrives() -> None:
    battery = Battery(40.0, 6.6)
    steps = battery.steps(20.0, 100.0, 300.0)
    assert steps[0] == pytest.approx(0.55)
    assert all(a >= b for a, b in itertools.pairwise(steps))
    assert sum(steps) * battery.efficiency == pytest.approx(32.0)
    assert battery.steps(80.0, 80.0, 300.0) == []


def test_no_price_is_not_a_number() -> None:
    with pytest.raises(ValueError, match="price"):
        plan_of(Charge([1.0]), [math.nan])


def test_prices_go_by_the_day_or_by_the_date() -> None:
    daily = Tariff.of(NIGHT)
    assert [daily.at(hour * 3600.0) for hour in (0, 2, 4.9, 5, 23, 24 + 2)] == [0.3, 0.1, 0.1, 0.2, 0.4, 0.1]
    assert Tariff.of(NIGHT, offset_h=2.0).at(0.0) == 0.1
    dated = Tariff.of('[["1970-01-01T01:00Z", 0.5], ["1970-01-01T03:00+01:00", 0.2]]')
    assert [dated.at(s) for s in (0.0, 3600.0, 7200.0, 1e9)] == [0.5, 0.5, 0.2, 0.2]
    assert Tariff.of("").at(5.0) == 1.0
    assert next_time("07:00", 3600.0) == 7 * 3600.0
    assert next_time("07:00", 8 * 3600.0) == 31 * 3600.0
    assert next_time("1970-01-02T00:00Z", 0.0) == 86_400.0


@pytest.mark.parametrize(
    "text",
    ["{", "7", "[]", '[["25:00", 1]]', '[["22:00", "x"]]', '[["22:00", NaN]]', '[["22:00", 1], ["22:00", 2]]',
     '[["22:00", 1], ["2026-01-01", 2]]', '[["22:00"]]', "[[1, 2]]"],
)  # fmt: skip
def test_prices_that_are_none_are_told(text: str) -> None:
    with pytest.raises(AppError, match="prices"):
        Tariff.of(text)


@given(st.text(max_size=40))
def test_no_text_of_prices_or_times_does_more_than_be_told(text: str) -> None:
    with contextlib.suppress(AppError):
        assert math.isfinite(Tariff.of(text).at(0.0))
    with contextlib.suppress(AppError):
        assert math.isfinite(next_time(text, 0.0))


class Night:
    """A car at a socket from midnight on, which does what it is asked."""

    def __init__(self, asked: tuple[str, ...] = (SWITCH,), charge: float = 30.0, **given: object) -> None:
        chosen = {"prices": NIGHT, "capacity": 40, "power": 6.6, "ready_by": "07:00", **given}
        self.run = Run(
            load_app("smart-charging"), given={CHARGE, CHARGING, CABLE}, asked=asked, settings=chosen
        ).start()
        self.charge, self.on, self.t, self.obeys, self.kw = charge, False, 0.0, True, 6.6
        self.spent = 0.0
        self.seen = 0

    def _is_on(self, path: str, value: object) -> bool:
        if path == SWITCH:
            return value == "START"
        return float(str(value)) > (self.charge if path == LIMIT else 1.0)

    def to(self, hours: float) -> Night:
        tariff = Tariff.of(NIGHT)
        while self.t < hours * 3600.0:
            self.t += 60.0
            for _ns, path, value in self.run.did.requested[self.seen :]:
                self.seen += 1
                if self.obeys:
                    self.on = self._is_on(path, value)
            if self.on and self.charge < 100.0:
                self.charge += self.kw * 0.9 / 40.0 * 100.0 * 60.0 / 3600.0
                self.spent += self.kw * 60.0 / 3600.0 * tariff.at(self.t)
            self.run.feed((self.t, CHARGE, self.charge), (self.t, CHARGING, self.on), (self.t, CABLE, True)).to(self.t)
        return self

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.run.did.events]


def test_it_charges_when_it_is_cheap_and_is_ready_in_time() -> None:
    car = Night().to(0.2)
    assert float(str(car.run.did.value("saved"))) > 1.0
    car.to(1.9)
    assert car.charge == 30.0
    assert car.run.did.value("state") == "waiting"
    car.to(7)
    assert car.charge == pytest.approx(80.0, abs=1.3)
    kwh = 50.0 / 100 * 40.0 / 0.9
    assert car.spent < kwh * 0.13  # three hours at 0.10 hold 19.8 of 22.2 kWh
    assert car.names.count("start") == 1
    assert "ready" in car.names
    assert not car.run.did.failures


def test_up_to_the_minimum_it_charges_at_once() -> None:
    car = Night(charge=10.0, minimum=20).to(1.5)
    assert car.charge == pytest.approx(20.0, abs=1.5)
    assert car.names[:2] == ["start", "stop"]


def test_a_charge_that_is_slower_than_thought_is_made_up_for() -> None:
    car = Night()
    car.kw = 5.0
    assert car.to(7).charge == pytest.approx(80.0, abs=1.5)


def test_there_is_too_little_time_and_the_driver_is_told_what_it_comes_to() -> None:
    car = Night(charge=10.0, target=100, ready_by="03:00").to(0.2)
    late = next(event for event in car.run.did.events if event.name == "late")
    assert late.data["reaches"] == pytest.approx(10 + 3 * 6.6 * 0.9 / 40 * 100, abs=3)
    assert car.on


@pytest.mark.parametrize("path", [LIMIT, CURRENT])
def test_a_car_without_a_switch_is_held_back_by_what_it_has(path: str) -> None:
    car = Night(asked=(path,)).to(7)
    assert car.charge == pytest.approx(80.0, abs=1.5)
    assert {one for _t, one, _v in car.run.did.requested} == {path}


def test_a_limit_of_the_power_is_held_while_it_waits_and_taken_back_to_charge() -> None:
    car = Night(asked=(POWER_LIMIT,))
    car.to(1.0)
    assert {(path, value) for _t, path, value in car.run.did.requested} == {(POWER_LIMIT, 0.0)}
    times = [t_ns for t_ns, _path, _value in car.run.did.requested]
    assert max(b - a for a, b in itertools.pairwise(times)) <= 50 * S
    assert times[-1] >= 3600 * S - 50 * S
    car.to(2.2)  # it is cheap now: nothing is asked for any more
    assert car.run.did.requested[-1][0] <= 2.05 * 3600 * S


def test_a_car_that_cannot_be_asked_is_planned_for_and_its_driver_told() -> None:
    car = Night(asked=()).to(3)
    assert not car.run.did.requested
    assert "start" in car.names
    assert car.run.did.value("charge_now") is True
    assert "told when to" in str(car.run.did.value("note"))


def test_a_car_that_does_not_do_it_is_asked_again_and_the_driver_told() -> None:
    car = Night()
    car.obeys = False
    car.to(2.2)
    asked = [value for _t, path, value in car.run.did.requested if path == SWITCH]
    assert asked.count("START") >= 5
    car.run.engine.answer(len(asked), Outcome(SWITCH, "START", (Step(Stage.TIMED_OUT, 5 * S, "nothing shows it"),)))
    assert car.run.did.events[-1].name == "refused"


def test_the_same_night_leads_to_the_same_requests() -> None:
    assert Night().to(3).run.did.requested == Night().to(3).run.did.requested


@pytest.mark.parametrize("wrong", [{"target": 10, "minimum": 50}, {"power": 0}, {"prices": "x"}, {"ready_by": "x"}])
def test_settings_that_make_no_sense_are_told(wrong: dict[str, object]) -> None:
    run = Run(load_app("smart-charging"), settings=wrong).start()
    failure = str(run.did.failures[0])
    assert next(iter(wrong)) in failure


def test_on_a_car_that_cannot_be_asked_it_runs_in_a_reduced_form() -> None:
    manifest = load_app("smart-charging").manifest
    assert cell_of(manifest, load_vehicle("mitsubishi/imiev")).fitness is not Fitness.NONE
    assert cell_of(manifest, load_vehicle("mitsubishi/lancer")).fitness is Fitness.NONE
