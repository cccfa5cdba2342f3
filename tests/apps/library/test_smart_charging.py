"""Smart charging: its plan is the best there is, by every choice there is; and it makes the car keep to it."""

from __future__ import annotations

import contextlib
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.apps.library._charging_plan import Battery, Charge, plan_of
from commonwheel.apps.library._tariff import Tariff, Wall, next_time
from commonwheel.apps.loading import load_app
from commonwheel.apps.matrix import cell_of
from commonwheel.apps.status import Fitness
from commonwheel.broker.updates import Updates
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.errors import AppError
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.samples import Quality
from tests.apps.running import Run, S

_BATTERY = "Vehicle.Powertrain.TractionBattery"
CHARGE, CHARGING = f"{_BATTERY}.StateOfCharge.Current", f"{_BATTERY}.Charging.IsCharging"
SWITCH, LIMIT, CURRENT, POWER_LIMIT = (
    f"{_BATTERY}.Charging.{leaf}" for leaf in ("StartStopCharging", "ChargeLimit", "CurrentLimit", "PowerLimit")
)
POWER = f"{_BATTERY}.Charging.Power"
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
    assert Tariff.of(NIGHT, Wall(2.0)).at(0.0) == 0.1
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

    def __init__(
        self, asked: tuple[str, ...] = (SWITCH,), charge: float = 30.0, at: float = 0.0, **given: object
    ) -> None:
        chosen = {"prices": NIGHT, "capacity": 40, "power": 6.6, "ready_by": "07:00", **given}
        self.run = Run(load_app("smart-charging"), given={CHARGE, CHARGING, CABLE}, asked=asked, settings=chosen).start(
            at=at
        )
        self.prices = str(chosen["prices"])
        self.charge, self.on, self.t, self.obeys, self.kw = charge, False, at, True, 6.6
        self.plugged = True
        self.blind = False
        """Nobody says how full it is."""
        self.history: list[tuple[float, bool]] = []
        """Times at which it began and ended to charge."""
        self.spent = 0.0
        self.seen = 0

    def _is_on(self, path: str, value: object) -> bool:
        if path == SWITCH:
            return value == "START"
        return float(str(value)) > (self.charge if path == LIMIT else 1.0)

    def to(self, hours: float) -> Night:
        tariff = Tariff.of(self.prices)
        while self.t < hours * 3600.0:
            self.t += 60.0
            was = self.on
            for _ns, path, value in self.run.did.requested[self.seen :]:
                self.seen += 1
                if self.obeys and self.plugged:
                    self.on = self._is_on(path, value)
            if not self.plugged:
                self.on = False
            if self.on is not was:
                self.history.append((self.t, self.on))
            if self.on and self.charge < 100.0:
                self.charge += self.kw * 0.9 / 40.0 * 100.0 * 60.0 / 3600.0
                self.spent += self.kw * 60.0 / 3600.0 * tariff.at(self.t)
            self.run.feed((self.t, CHARGING, self.on), (self.t, CABLE, self.plugged))
            if self.blind:
                self.run.feed((self.t, CHARGE, None, Quality.STALE))
            else:
                self.run.feed((self.t, CHARGE, self.charge))
            self.run.to(self.t)
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": 10, "minimum": 50},
        {"power": 0},
        {"power": 1e9},
        {"capacity": -1},
        {"start_cost": -0.01},
        {"offset": 25},
        {"zone": "Mars/Olympus"},
        {"zone": "../../etc/passwd"},
        {"prices": "x"},
        {"ready_by": "x"},
    ],
)
def test_settings_that_make_no_sense_are_told_and_nothing_is_asked_for(wrong: dict[str, object]) -> None:
    car = Night(**{"zone": "", **wrong}) if "prices" not in wrong else Night(prices=NIGHT)
    if "prices" in wrong:
        car.run = Run(load_app("smart-charging"), asked=(SWITCH,), settings=wrong).start()
    failure = str(car.run.did.failures[0])
    assert next(iter(wrong)) in failure
    car.to(3)
    assert not car.run.did.requested
    assert len(car.run.did.failures) == 1


# ---- what a night brings --------------------------------------------------------------------------------------------


def test_a_price_that_rises_and_falls_while_it_charges_stops_it_and_lets_it_go_on() -> None:
    car = Night(prices='[["00:00", 0.10], ["01:00", 0.50], ["04:00", 0.10], ["07:00", 0.60]]').to(7)
    assert [on for _t, on in car.history[:3]] == [True, False, True]
    assert [t / 3600.0 for t, _on in car.history[:3]] == pytest.approx([0.0, 1.0, 4.0], abs=0.1)
    assert car.charge == pytest.approx(80.0, abs=1.3)
    assert car.spent < 40 * 0.5 / 0.9 * 0.13


def test_prices_below_nought_are_taken_before_any_other_and_no_more_than_is_wanted() -> None:
    car = Night(charge=70.0, prices='[["00:00", 0.05], ["03:00", -0.20], ["04:00", 0.01]]').to(7)
    assert car.history[0][0] == pytest.approx(3 * 3600.0, abs=120.0)
    assert car.charge == pytest.approx(80.0, abs=1.3)
    assert car.spent < 0.0


def test_without_prices_it_charges_at_once_and_says_nothing_of_a_cost() -> None:
    car = Night(prices="").to(0.1)
    assert car.on
    assert (car.run.did.value("cost"), car.run.did.value("saved")) == (None, None)
    assert car.run.did.value("energy") == pytest.approx(50 / 100 * 40 / 0.9, rel=0.05)


def test_prices_that_end_before_it_has_to_be_ready_are_told() -> None:
    dated = '[["1970-01-01T00:00Z", 0.3], ["1970-01-01T01:00Z", 0.1], ["1970-01-01T02:00Z", 0.4]]'
    assert "for a part of the time only" in str(Night(prices=dated).to(0.1).run.did.value("note"))
    assert not Night(prices=dated, ready_by="02:50").to(0.1).run.did.value("note")


def test_who_is_unplugged_and_plugged_in_again_is_held_back_again() -> None:
    for path in (SWITCH, POWER_LIMIT):
        car = Night(asked=(path,)).to(0.5)
        before = len(car.run.did.requested)
        car.plugged = False
        car.to(1.0)
        assert car.run.did.value("state") == "unplugged"
        assert len(car.run.did.requested) <= before + 3, "a cable that is not there is asked nothing of"
        car.plugged, car.on = True, True  # it charges by itself as soon as it can
        car.to(1.1)
        assert car.run.did.requested[-1][1:] in {(SWITCH, "STOP"), (POWER_LIMIT, 0.0)}
        assert not car.on


def test_a_time_that_is_past_already_or_now_is_no_reason_to_wait() -> None:
    for when in ("1969-12-31T23:00Z", "1970-01-01T00:00Z", "00:04"):
        car = Night(ready_by=when).to(0.06)
        assert car.on, when
        car.to(0.2)
        assert car.on is (when != "00:04"), "what has no time to be done by is charged, next day's can wait"
        assert "late" in car.names
        assert car.names.count("late") == 1


def test_after_the_time_the_next_days_is_planned_for() -> None:
    car = Night(charge=79.9, ready_by="01:00").to(1.5)
    car.charge = 40.0  # it was driven
    car.plugged = True
    car.to(1.6)
    assert float(str(car.run.did.value("ends_in"))) <= 23.5 * 60
    assert not car.on


def test_a_charge_that_nobody_knows_any_more_is_gone_on_with_and_then_made_at_once() -> None:
    for path in (SWITCH, POWER_LIMIT):
        car = Night(asked=(path,)).to(0.5)
        car.blind = True
        car.to(0.6)
        assert not car.on
        asked = len(car.run.did.requested)
        car.to(1.0)
        assert car.run.did.value("state") == "unknown"
        if path == SWITCH:
            assert car.on
        else:
            assert car.run.did.withdrawn[-1][1] == POWER_LIMIT
            last_s = car.run.did.requested[-1][0] / S
            assert last_s < 0.5 * 3600 + 700
            assert len(car.run.did.requested) <= asked + 30
        car.blind = False
        car.to(1.1)
        assert car.run.did.requested[-1][2] in {"STOP", 0.0}, "it is known again that it can wait"


def test_a_battery_that_was_charged_is_not_charged_again_for_a_percent() -> None:
    car = Night(charge=79.9, ready_by="12:00", prices="").to(0.2)
    assert car.names.count("ready") == 1
    for drop in (0.5, 1.0, 1.9):
        car.charge = 80.0 - drop
        car.to(car.t / 3600.0 + 0.2)
        assert not car.on, drop
    car.charge = 77.0
    car.to(car.t / 3600.0 + 0.1)
    assert car.on


def test_power_that_flows_tells_that_it_charges_whatever_the_car_says() -> None:
    run = Run(load_app("smart-charging"), given={CHARGE, CHARGING, CABLE, POWER}, asked=(SWITCH,),
              settings={"prices": NIGHT, "capacity": 40, "power": 6.6}).start()  # fmt: skip
    run.feed((50.0, CHARGE, 40.0), (50.0, CHARGING, False), (50.0, CABLE, False), (50.0, POWER, 0.0)).to(61.0)
    assert (run.did.value("state"), run.did.requested) == ("unplugged", [])
    run.feed((110.0, POWER, 3.3)).to(121.0)
    assert run.did.value("state") == "charging"
    assert run.did.requested[-1][1:] == (SWITCH, "STOP")


def test_a_car_that_refuses_again_and_again_is_told_of_once() -> None:
    car = Night(asked=(POWER_LIMIT,)).to(0.1)
    refused = (Step(Stage.REFUSED, 5 * S, "it is not armed"),)
    for number in (1, 2, 3):
        car.run.engine.answer(number, Outcome(POWER_LIMIT, 0.0, refused))
    assert car.names.count("refused") == 1
    car.run.engine.answer(4, Outcome(POWER_LIMIT, 0.0, (Step(Stage.CONFIRMED, 6 * S),)))
    car.run.engine.answer(5, Outcome(POWER_LIMIT, 0.0, refused))
    assert car.names.count("refused") == 2


SPRING, AUTUMN = 1_774_742_400.0, 1_792_886_400.0
"""Midnight UTC of the days of 2026 on which Central Europe changes its clocks, at 01:00 UTC."""


@pytest.mark.parametrize(
    ("day", "clock", "hours"),
    [(SPRING, "07:00", 5.0), (AUTUMN, "07:00", 6.0), (SPRING, "02:30", 1.5), (AUTUMN, "02:30", 0.5),
     (SPRING, "00:30", 22.5), (AUTUMN, "00:30", 23.5)],
)  # fmt: skip
def test_on_the_nights_in_which_clocks_are_changed_it_is_ready_by_the_clock_on_the_wall(
    day: float, clock: str, hours: float
) -> None:
    wall = Wall(zone="Europe/Berlin")
    assert next_time(clock, day, wall) == day + hours * 3600.0
    again = next_time(clock, day + hours * 3600.0 + 60.0, wall)
    assert again > day + hours * 3600.0 + 60.0


def test_an_hour_that_is_there_twice_comes_twice_and_not_in_the_past() -> None:
    wall = Wall(zone="Europe/Berlin")
    assert next_time("02:30", AUTUMN + 0.75 * 3600.0, wall) == AUTUMN + 1.5 * 3600.0


def test_prices_go_by_the_clock_on_the_wall_also_in_the_night_in_which_it_changes() -> None:
    tariff = Tariff.of('[["00:00", 0.3], ["03:00", 0.1], ["06:00", 0.4]]', Wall(zone="Europe/Berlin"))
    hours = [-1.0, 0.5, 1.0, 3.9, 4.0]
    assert [tariff.at(SPRING + hour * 3600.0) for hour in hours] == [0.3, 0.3, 0.1, 0.1, 0.4]
    assert [tariff.at(AUTUMN + hour * 3600.0) for hour in (-2.0, 1.9, 2.0, 4.9, 5.0)] == [0.3, 0.3, 0.1, 0.1, 0.4]


def test_a_short_night_is_charged_in_and_the_car_is_ready() -> None:
    at = SPRING - 3600.0  # midnight of the wall
    prices = '[["00:00", 0.30], ["01:00", 0.10], ["05:00", 0.20], ["07:00", 0.40]]'
    car = Night(at=at, zone="Europe/Berlin", prices=prices, charge=35.0)
    car.to((SPRING + 5 * 3600.0) / 3600.0)
    assert car.charge == pytest.approx(80.0, abs=1.3)
    assert [round((t - SPRING) / 3600.0, 1) for t, on in car.history if on] == [0.0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([CHARGE, CHARGING, CABLE]),
            st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 50.0, 80.0, 100.0])),
            st.sampled_from([Quality.GOOD, *Quality]),
            st.integers(0, 1500),
        ),
        max_size=8,
    ),
    st.sampled_from([SWITCH, LIMIT, CURRENT, POWER_LIMIT]),
)
@settings(max_examples=20)
def test_whatever_a_car_says_what_it_is_asked_for_makes_sense(
    said: list[tuple[str, float, Quality, int]], path: str
) -> None:
    run, t = Night(asked=(path,)).run, 0.0
    for signal, value, quality, seconds in said:
        t += seconds
        run.engine.feed(Updates.build([(run.table.number(signal), round(t * S), value, int(quality), None)]))
        run.to(t)
    assert not run.did.failures
    for _t_ns, asked, value in run.did.requested:
        assert asked == path
        if path == SWITCH:
            assert value in {"START", "STOP"}
        else:
            assert 0.0 <= float(str(value)) <= {LIMIT: 100.0, CURRENT: 30.0, POWER_LIMIT: 0.0}[path]


ZONES = ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]


@given(st.floats(0.0, 4e9), st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59))
@settings(max_examples=80)
def test_the_next_time_is_soon_and_is_that_time(now_s: float, zone: str, hour: int, minute: int) -> None:
    wall = Wall(zone=zone)
    found = next_time(f"{hour:02}:{minute:02}", now_s, wall)
    assert now_s <= found <= now_s + 26 * 3600.0
    off = abs(wall.of_day_s(found) - (hour * 60 + minute) * 60.0)
    assert off < 1e-3 or off >= 1800.0 - 1e-3, "but for a time that a night leaves out"


def test_on_a_car_that_cannot_be_asked_it_runs_in_a_reduced_form() -> None:
    manifest = load_app("smart-charging").manifest
    assert cell_of(manifest, load_vehicle("mitsubishi/imiev")).fitness is not Fitness.NONE
    assert cell_of(manifest, load_vehicle("mitsubishi/lancer")).fitness is Fitness.NONE
