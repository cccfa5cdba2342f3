"""How far the car still comes: the energy left over what it uses, with an honest interval, and its error measured.

What it will use is a blend of the last kilometres and the longer past (``_consumption``). Beforehand it is taken from
the car's own range, where it tells one, else from a setting by the kind of car. What stands and heats uses energy too
and counts; what is charged does not, nor does the way on which a combustion engine runs.

Every kilometre's prediction is compared, ten kilometres later, with what the car did use: ``error`` is the mean
absolute error of the ranges predicted so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps import App, Event, Output, Setting
from commonwheel.apps.library._battery import CAPACITY, CHARGING, LEFT, POWER, Left, Power, number
from commonwheel.apps.library._checks import Check, Checks
from commonwheel.apps.library._consumption import Consumption, Track
from commonwheel.apps.library._series import Change, Integral

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

SPEED = "Vehicle.Speed"
RANGE = "Vehicle.Powertrain.Range"
ENGINE = "Vehicle.Powertrain.CombustionEngine.IsRunning"
CHARGE = LEFT[-1]
KWH = 3.6e6
PLAUSIBLE = (0.08, 0.40)  # kWh/km that a car's own range may stand for

app = App(
    "range",
    "1.0",
    "Remaining range from recent consumption, with an interval and a measured error.",
    requires={SPEED: 10, CHARGE: 1},
    may_use={**dict.fromkeys(POWER, 10), **dict.fromkeys((*LEFT[:-1], *CAPACITY, RANGE, ENGINE, CHARGING), 1)},
    instead={
        **dict.fromkeys(POWER, POWER),
        **dict.fromkeys(LEFT[:-1], (CHARGE,)),
        **dict.fromkeys(CAPACITY, (LEFT[0], *CAPACITY)),
        **dict.fromkeys((RANGE, ENGINE), (SPEED,)),
    },
    provides=(RANGE,),
    outputs={
        "range": Output("km", "How far it still comes."),
        "low": Output("km", "It should come farther, in nine of ten cases."),
        "high": Output("km", "It should come no farther than that, in nine of ten cases."),
        "left": Output("kWh", "Energy left in the battery."),
        "consumption": Output("kWh/100km", "What it is expected to use."),
        "own": Output("km", "What the car itself says."),
        "driven": Output("km", "Driven since the app began, by battery."),
        "used": Output("kWh", "Used since the app began, less what came back."),
        "error": Output("%", "Mean absolute error of the ranges predicted so far."),
        "bias": Output("%", "Mean error; predicted too far is positive."),
        "compared": Output("", "Predictions that were compared with what came.", "integer"),
        "within": Output("%", "Of them, within the interval that was given."),
        "note": Output("", "What is missing; empty where nothing is.", "string"),
    },
    events={
        "short": Event("The range is short; with how far it still comes.", "warning"),
        "ample": Event("The range is no longer short."),
    },
    settings={
        "beforehand": Setting(17.0, "kWh/100km", "What a car uses, before anything is known of it."),
        "capacity": Setting(0.0, "kWh", "What the battery holds; 0: what the car says."),
        "short": Setting(20.0, "km", "The range that is worth a warning."),
    },
)

distances, powers, power = Integral(), Integral(), Power()
left = Left()
track = Track()
consumption: Consumption | None = None
own_known = False
"""Whether the consumption began with the car's own idea of it."""
checks = Checks([Check("short", lasts_s=10)])
driven_km = used_kwh = 0.0
"""By battery, since the app began."""
counted_km = counted_kwh = 0.0
"""Of them, what the consumption has learnt."""
drawn_kwh = 0.0
"""Everything that was drawn, less everything that was charged."""
missed_s = 0.0
last_left: float | None = None


@app.start
def start(car: Car) -> None:
    """Take the settings."""
    global left  # noqa: PLW0603 - a module's globals are one run's own
    left = Left(float(car.settings["capacity"]))


@app.on(SPEED)
def on_speed(car: Car, reading: Reading) -> None:
    """Add to the distance."""
    global driven_km, missed_s  # noqa: PLW0603
    kmh = number(reading)
    if kmh is not None:
        piece = distances.add(reading.t_ns, kmh / 3600)
        missed_s += piece.missed_s
        if car.value(ENGINE) is not True:
            driven_km += piece.above


@app.on(*POWER)
def on_power(car: Car, reading: Reading) -> None:
    """Add to the energy."""
    global drawn_kwh, used_kwh, missed_s  # noqa: PLW0603
    watts = power.take(car, reading)
    if watts is not None:
        piece = powers.add(reading.t_ns, watts / KWH)
        missed_s += piece.missed_s
        drawn_kwh += piece.below - piece.above
        if car.value(CHARGING) is not True and car.value(ENGINE) is not True:
            used_kwh += piece.below - piece.above


@app.every(1.0)
def predict(car: Car) -> None:
    """Learn, predict, compare, show."""
    global counted_km, counted_kwh
    kwh = energy_left(car)
    if kwh is None:
        car.show(note=note(car, kwh))
        return
    learner = learn_from(car, kwh)
    learner.add(driven_km - counted_km, used_kwh - counted_kwh)
    counted_km, counted_kwh = driven_km, used_kwh
    estimate = learner.estimate(kwh_left=kwh)
    track.update(driven_km, used_kwh, learner.estimate(track.ahead_km))
    expected, low, high = estimate.km(kwh)
    if not car.has(RANGE):
        car.publish({RANGE: round(expected * 1000)})
    limit = float(car.settings["short"])
    checks.below(car.now_ns, "short", expected, limit, limit * 1.2, f"{expected:.0f} km")
    for finding in checks.findings:
        car.report("short" if finding.change is Change.BEGAN else "ample", range=round(expected, 1))
    checks.findings.clear()
    own = car.value(RANGE) if car.has(RANGE) else None
    car.show(
        range=expected,
        low=low,
        high=high,
        left=kwh,
        consumption=estimate.kwh_per_km * 100,
        own=None if own is None else own / 1000,
        driven=driven_km,
        used=used_kwh,
        compared=len(track.errors),
        error=percent(track.mean_error),
        bias=percent(track.bias),
        within=percent(track.within / len(track.errors)) if track.errors else None,
        note=note(car, kwh),
    )


def energy_left(car: Car) -> float | None:
    """Return the energy left; where the car does not tell its power, what it fell by is what was used."""
    global used_kwh, last_left  # noqa: PLW0603
    kwh = left.kwh(car, drawn_kwh)
    if kwh is not None and not Power.known(car):
        if last_left is not None and car.value(CHARGING) is not True and car.value(ENGINE) is not True:
            used_kwh += last_left - kwh
        last_left = kwh
    return kwh


def learn_from(car: Car, kwh: float) -> Consumption:
    """Return the learner; it begins with the car's own idea of its consumption, once that has a sensible one."""
    global consumption, own_known  # noqa: PLW0603
    own = car.value(RANGE) if car.has(RANGE) else None
    told = kwh / (own / 1000) if own else 0.0
    sensible = PLAUSIBLE[0] <= told <= PLAUSIBLE[1]
    if consumption is None:
        consumption = Consumption(float(car.settings["beforehand"]) / 100)
    if sensible and not own_known and driven_km < 1:
        consumption.beforehand, own_known = told, True
    return consumption


def percent(share: float | None) -> float | None:
    """Return a share in per cent."""
    return None if share is None else share * 100


def note(car: Car, kwh: float | None) -> str:
    """Return what is missing."""
    notes: list[str] = []
    if kwh is None and not any(car.read(path).good is not None for path in LEFT if car.has(path)):
        notes.append("no state of charge now")
    elif kwh is None:
        notes.append("nobody knows what the battery holds; state it in the setting 'capacity'")
    if car.read(SPEED).good is None:
        notes.append("no speed now")
    if not Power.known(car):
        notes.append("this car does not tell its power: what it uses is taken from its charge, in coarse steps")
    if missed_s > 1:
        notes.append(f"no speed or power for {missed_s:.1f} s, which no consumption is learnt from")
    return "; ".join(notes)
