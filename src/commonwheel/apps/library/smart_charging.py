"""Charges by the time that the car is needed, when energy is cheapest; and at once up to a charge for emergencies.

What it decides is in ``_charging_plan``: the least cost there is, with the taper near full and a price of starting. The
plan is made anew every minute from what the battery really holds, so that a charge that goes slower than thought is
made up for. It starts and stops the charge where a car can be asked to, by whichever of four actuators the car has;
on any other car it plans, and tells the driver when to plug in or to switch. A power limit lasts only while it is asked
for: it is held at 0 kW while the car is to wait, and taken back when it is to charge, which it then does by itself.

What cannot be known is no reason to leave a car empty: where nobody says for a while how full it is, it charges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.apps import App, AppError, Event, Output, Setting
from commonwheel.apps.library._battery import CAPACITY, CHARGING, Left
from commonwheel.apps.library._charging_plan import Battery, Charge, Plan, plan_of
from commonwheel.apps.library._tariff import Tariff, Wall, next_time

if TYPE_CHECKING:
    from commonwheel.apps import Car, Outcome

_BATTERY = "Vehicle.Powertrain.TractionBattery"
SHOWN, CHARGE = f"{_BATTERY}.StateOfCharge.Displayed", f"{_BATTERY}.StateOfCharge.Current"
SWITCH = f"{_BATTERY}.Charging.StartStopCharging"
LIMIT, CURRENT = f"{_BATTERY}.Charging.ChargeLimit", f"{_BATTERY}.Charging.CurrentLimit"
POWER_LIMIT = f"{_BATTERY}.Charging.PowerLimit"
POWER = f"{_BATTERY}.Charging.Power"
CABLE = f"{_BATTERY}.Charging.ChargingPort.AnyPosition.IsChargingCableConnected"
VOLTS = 230.0
STEP_S = 300.0
LONGEST_S = 7 * 86_400.0
AGAIN_NS = 60_000_000_000
"""What a car has not done by then is asked for again."""
HOLD_S = 50.0
"""For so long a limit is good; it is asked for anew well before."""
OWN = ("renewed", "withdrawn")
"""How a request ends by the app's own doing: the car refused nothing."""
REASONS = 20
"""So many reasons of refusals are told, at most, until something is done."""
LEARN_KW = 0.5
"""A charge of less is none that its power can be learned from."""
BLIND_S = 600.0
"""After so long without a state of charge it charges."""
LEAST_LOSS = 2.0
"""Percent that a battery that was charged as wanted has to lose before it is charged anew."""

app = App(
    "smart-charging",
    "1.0",
    "Charges in time, at the lowest price; on a car that cannot be asked to, it says when.",
    requires={CHARGE: 1},
    may_use={SHOWN: 1, CHARGING: 0, CABLE: 0, POWER: 1, **dict.fromkeys(CAPACITY, 0)},
    instead={
        CHARGE: (SHOWN,),
        SHOWN: (CHARGE,),
        CABLE: (CHARGING,),
        POWER: (CHARGE,),
        **dict.fromkeys(CAPACITY, CAPACITY),
        **dict.fromkeys((SWITCH, LIMIT, CURRENT, POWER_LIMIT), (SWITCH, LIMIT, CURRENT, POWER_LIMIT)),
    },
    requests=(SWITCH, LIMIT, CURRENT, POWER_LIMIT),
    outputs={
        "state": Output("", "unplugged, waiting, charging, done, or unknown.", "string"),
        "charge_now": Output("", "Whether the plan is to charge now.", "boolean"),
        "starts_in": Output("min", "Until the plan charges next."),
        "ends_in": Output("min", "Until the plan is done."),
        "energy": Output("kWh", "Still to come from the grid."),
        "cost": Output("", "Of that, in the currency of the prices; none where there are no prices."),
        "saved": Output("", "Against charging at once, in the same currency."),
        "charge": Output("%", "How full the battery is."),
        "note": Output("", "What is missing; empty where nothing is.", "string"),
    },
    events={
        "start": Event("Charging is worth it now; asked for where the car can be asked."),
        "stop": Event("Better to wait, or done; asked for where the car can be asked."),
        "late": Event("There is not enough time to be ready; with the charge that it comes to.", "warning"),
        "ready": Event("It is charged as wanted."),
        "refused": Event("The car did not do what it was asked; and why.", "warning"),
    },
    settings={
        "ready_by": Setting("07:00", "", "When it has to be ready: a time of the day, or a date with time."),
        "target": Setting(80.0, "%", "How full it is to be then."),
        "minimum": Setting(20.0, "%", "Up to this it is charged at once, whatever that costs."),
        "prices": Setting("", "", 'Prices per kWh, JSON: [["22:00", 0.21], ["06:00", 0.34]]; "": always the same.'),
        "zone": Setting("", "", "Time zone of times of the day, as in Europe/Berlin; with it 'offset' means nothing."),
        "offset": Setting(0.0, "h", "What times of the day are ahead of UTC."),
        "power": Setting(3.3, "kW", "What it charges with, until that is seen."),
        "capacity": Setting(0.0, "kWh", "What the battery holds; 0: what the car says."),
        "start_cost": Setting(0.02, "", "What another start has to save, in the currency of the prices."),
    },
)


@dataclass
class Kept:
    """What a run keeps."""

    tariff: Tariff
    wall: Wall
    ready_s: float
    power_kw: float
    seen_s: float
    """When the state of charge was known last."""
    asked: bool | None = None
    """What was asked for last: to charge or not."""
    asked_ns: int = 0
    late: bool = False
    ready: bool = False
    refused: set[str] = field(default_factory=set[str])
    """Why requests were refused, as far as the driver knows, since the last one that was not."""


kept: Kept | None = None
"""None: its settings make no sense, and nothing is asked for."""
left = Left()


@app.start
def start(car: Car) -> None:
    """Take the settings."""
    global kept, left  # noqa: PLW0603 - a module's globals are one run's own
    minimum, target = float(car.settings["minimum"]), float(car.settings["target"])
    if not 0 <= minimum <= target <= 100:  # noqa: PLR2004
        message = f"'minimum' and 'target' are 0 <= minimum <= target <= 100 %, not {minimum:g} and {target:g}"
        raise AppError(message)
    power = within(car, "power", 0.01, 1000.0, "kW")
    within(car, "start_cost", 0.0, 1000.0, "in the currency of the prices")
    left = Left(within(car, "capacity", 0.0, 10_000.0, "kWh"))
    wall = Wall(float(car.settings["offset"]), str(car.settings["zone"]))
    now_s = car.now_ns / 1e9
    tariff = Tariff.of(str(car.settings["prices"]), wall)
    kept = Kept(tariff, wall, next_time(str(car.settings["ready_by"]), now_s, wall), power, now_s)


def within(car: Car, name: str, least: float, most: float, unit: str) -> float:
    """Return a setting that has to lie within limits.

    Raises:
        AppError: it does not.
    """
    value = float(car.settings[name])
    if not least <= value <= most:
        message = f"'{name}' is {least:g} to {most:g} {unit}, not {value:g}"
        raise AppError(message)
    return value


@app.every(60.0)
def turn(car: Car) -> None:
    """Look, plan, act, tell."""
    if kept is None:
        return
    charge, capacity = charge_of(car), left.capacity_kwh(car)
    now_s = car.now_ns / 1e9
    plugged = is_plugged(car)
    if charge is None or capacity is None:
        grope(car, kept, charge, plugged=plugged is not False)
        return
    kept.seen_s = now_s
    learn_power(car, kept, charge)
    if now_s >= kept.ready_s:
        kept.ready_s = next_time(str(car.settings["ready_by"]), now_s + 60.0, kept.wall)
    battery = Battery(capacity, kept.power_kw)
    plan = make_plan(car, kept, battery, charge)
    target = float(car.settings["target"])
    done = charge >= target - (LEAST_LOSS if kept.ready else 0.0)
    tell_late(car, kept, battery, charge, None if done else plan)
    if done and not kept.ready:
        car.report("ready", charge=round(charge, 1))
    kept.ready = done
    if plugged is not False:
        act(car, kept, charge, wanted=plan.now and not done)
    else:
        let_go(car, kept)
    show(car, kept, plan, charge, plugged=plugged is not False, done=done)


def grope(car: Car, kept: Kept, charge: float | None, *, plugged: bool) -> None:
    """Go on without knowing how full it is, or what it holds: as before for a while, then charge."""
    notes = cannot(car)
    notes.append("no state of charge now" if charge is None else "state what the battery holds: 'capacity'")
    car.show(state="unknown", charge_now=None, charge=charge, note="; ".join(notes))
    if not plugged:
        let_go(car, kept)
    elif kept.asked is False and car.now_ns / 1e9 - kept.seen_s >= BLIND_S:
        act(car, kept, 0.0, wanted=True)


def charge_of(car: Car) -> float | None:
    """Return how full the battery is, in percent."""
    found = car.value(SHOWN, car.value(CHARGE) if car.has(CHARGE) else None) if car.has(SHOWN) else car.value(CHARGE)
    return None if found is None or not math.isfinite(found) else min(100.0, max(0.0, float(found)))


def learn_power(car: Car, kept: Kept, charge: float) -> None:
    """Take the power that it really charges with, far from full."""
    seen = car.value(POWER) if car.has(POWER) else None
    if seen is not None and LEARN_KW < seen < math.inf and charge < Battery(1.0, 1.0).taper_from:
        kept.power_kw += 0.05 * (float(seen) - kept.power_kw)


def make_plan(car: Car, kept: Kept, battery: Battery, charge: float) -> Plan:
    """Return the best plan from now on."""
    now_s = car.now_ns / 1e9
    target, minimum = float(car.settings["target"]), float(car.settings["minimum"])
    until_s = min(max(kept.ready_s - now_s, 0.0), LONGEST_S)
    count = int(until_s // STEP_S)
    prices = [kept.tariff.mean(now_s + i * STEP_S, now_s + (i + 1) * STEP_S) for i in range(count)]
    at_once = len(battery.steps(charge, min(minimum, target), STEP_S))
    wanted = Charge(
        battery.steps(charge, target, STEP_S), at_once, does_charge(car) is True, float(car.settings["start_cost"])
    )
    plan = plan_of(wanted, prices)
    # Late already, or with less than a step left: what can still be charged is charged.
    return plan if prices else Plan((bool(wanted.drawn_kwh),), 0.0, 0.0, len(wanted.drawn_kwh))


def tell_late(car: Car, kept: Kept, battery: Battery, charge: float, plan: Plan | None) -> None:
    """Tell, once, that it will not be ready; without a plan nothing is missing."""
    late = plan is not None and plan.missing_steps > 0
    if plan is not None and late and not kept.late:
        reached = charge + plan.drawn_kwh * battery.efficiency / battery.capacity_kwh * 100.0
        car.report("late", reaches=round(min(100.0, reached), 1), target=float(car.settings["target"]))
    kept.late = late


def does_charge(car: Car) -> bool | None:
    """Return whether it charges; None: nobody says. Power that flows says so, whatever else is said."""
    if car.has(POWER) and car.value(POWER, 0.0) > LEARN_KW:
        return True
    return car.value(CHARGING) if car.has(CHARGING) else None


def is_plugged(car: Car) -> bool | None:
    """Return whether a cable is in; None: nobody says."""
    if does_charge(car) is True:
        return True
    return car.value(CABLE) if car.has(CABLE) else None


def cannot(car: Car) -> list[str]:
    """Return that the car cannot be asked to charge or not, if it cannot."""
    able = any(car.has(path) for path in (SWITCH, LIMIT, CURRENT, POWER_LIMIT))
    return [] if able else ["this car cannot be asked to start and stop: it is told when to"]


def by_power(car: Car) -> bool:
    """Whether a limit of the power is all that it can be asked for."""
    return car.has(POWER_LIMIT) and not any(car.has(path) for path in (SWITCH, LIMIT, CURRENT))


@app.every(20.0)
def hold(car: Car) -> None:
    """Renew what has to be renewed."""
    if kept is not None and kept.asked is False and kept.asked_ns != car.now_ns and by_power(car):
        car.request(POWER_LIMIT, 0.0, then=heard, valid_s=HOLD_S)


def let_go(car: Car, kept: Kept) -> None:
    """Want nothing of the car any more."""
    if kept.asked is False and by_power(car):
        car.withdraw(POWER_LIMIT)
    kept.asked = None


def act(car: Car, kept: Kept, charge: float, *, wanted: bool) -> None:
    """See that it charges, or does not; again, where the car does otherwise."""
    does = does_charge(car)
    differs = does is not None and does != wanted and car.now_ns - kept.asked_ns > AGAIN_NS
    if wanted == kept.asked and not differs:
        return
    if wanted != kept.asked and not (kept.asked is None and not wanted and does is not True):
        car.report("start" if wanted else "stop", charge=round(charge, 1))
    kept.asked, kept.asked_ns = wanted, car.now_ns
    if car.has(SWITCH):
        car.request(SWITCH, "START" if wanted else "STOP", then=heard)
    elif car.has(LIMIT):
        car.request(LIMIT, round(float(car.settings["target"])) if wanted else max(0, int(charge) - 1), then=heard)
    elif car.has(CURRENT):
        car.request(CURRENT, kept.power_kw * 1000.0 / VOLTS if wanted else 0.0, then=heard)
    elif by_power(car) and wanted:
        car.withdraw(POWER_LIMIT)
    elif by_power(car):
        car.request(POWER_LIMIT, 0.0, then=heard, valid_s=HOLD_S)


def heard(car: Car, outcome: Outcome) -> None:
    """Tell the driver of what the car did not do, once for each reason."""
    if kept is None:
        return
    if outcome:
        kept.refused.clear()
    elif not any(own in outcome.why for own in OWN) and outcome.why not in kept.refused and len(kept.refused) < REASONS:
        kept.refused.add(outcome.why)
        car.report("refused", stage=outcome.stage.value, why=outcome.why)


def show(car: Car, kept: Kept, plan: Plan, charge: float, *, plugged: bool, done: bool) -> None:
    """Show the plan."""
    notes = cannot(car)
    priced = bool(str(car.settings["prices"]).strip())
    if kept.tariff.until_s < kept.ready_s:
        notes.append("prices are stated for a part of the time only; then the last one counts")
    charging = does_charge(car) is True
    state = "done" if done else "charging" if charging else "waiting" if plugged else "unplugged"
    on = [i for i, is_on in enumerate(plan.on) if is_on]
    at_once = sum(kept.tariff.at(car.now_ns / 1e9 + i * STEP_S) * plan.drawn_kwh / len(on) for i in range(len(on)))
    car.show(
        state=state,
        charge_now=plan.now and not done,
        starts_in=on[0] * STEP_S / 60 if on else None,
        ends_in=(on[-1] + 1) * STEP_S / 60 if on else None,
        energy=plan.drawn_kwh,
        cost=plan.cost if priced else None,
        saved=(max(0.0, at_once - plan.cost) if on else 0.0) if priced else None,
        charge=charge,
        note="; ".join(notes),
    )
