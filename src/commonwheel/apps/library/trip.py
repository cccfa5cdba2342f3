"""Each trip: distance, times, energy and fuel, what it cost, and how economically it was driven.

A trip lasts from when the car leaves park, or moves where nobody knows of park, until it is parked or switched off.
What the battery gives outside trips (heating before driving off) is shown as standby and belongs to none.

The distance is the integral of the speed, by trapezoids between readings; where it reads 0 while the car creeps, of the
front wheels' speeds. Across holes of more than a second nothing is made up: their time is shown as missed, and the
odometer, where there is one, adds what it counted more than the speed from one of its steps to the next. The
energy is the integral of the battery's power, or of voltage times current.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps import App, Event, Output, Quality, Setting
from commonwheel.apps.library._battery import CHARGING, POWER, Power, number
from commonwheel.apps.library._trip import Meter, Totals

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

SPEED = "Vehicle.Speed"
ODOMETER = "Vehicle.TraveledDistance"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
SYSTEM = "Vehicle.LowVoltageSystemState"
FUEL_USED = "Vehicle.Powertrain.FuelSystem.ConsumptionSinceStart"
FUEL_RATE = "Vehicle.Powertrain.FuelSystem.InstantConsumption"
WHEELS = [f"Vehicle.Chassis.Axle.Row1.Wheel.{side}.Speed" for side in ("Left", "Right")]

PARK = 126  # of SelectedGear, as the standard says
NS = 1_000_000_000
KWH = 3.6e6  # watt seconds
LEAST_KM = 0.1  # below this distance a consumption says nothing
CREEP_KMH = 5.0  # the highest speed at which a car's own speed may still read 0

app = App(
    "trip",
    "1.0",
    "Distance, times, energy, fuel, cost and an eco score of each trip.",
    requires={SPEED: 20},
    may_use={
        **dict.fromkeys(WHEELS, 20),
        **dict.fromkeys((GEAR, SYSTEM, ODOMETER, *POWER, CHARGING, FUEL_USED, FUEL_RATE), 0),
    },
    instead={
        **dict.fromkeys(WHEELS, (SPEED,)),
        **dict.fromkeys((GEAR, SYSTEM), (GEAR, SYSTEM)),
        **dict.fromkeys(POWER, (*POWER, FUEL_USED, FUEL_RATE)),
        **dict.fromkeys((FUEL_USED, FUEL_RATE), (FUEL_USED, FUEL_RATE, *POWER)),
        CHARGING: (FUEL_USED, FUEL_RATE),
    },
    outputs={
        "state": Output("", "parked, standing or moving.", "string"),
        "trips": Output("", "Trips that have ended.", "integer"),
        "distance": Output("km", "Driven on this trip, or on the last one."),
        "duration": Output("s", "From its beginning to now, or to its end."),
        "moving": Output("s", "Of it, while moving."),
        "mean_speed": Output("km/h", "While moving."),
        "max_speed": Output("km/h", "The highest speed."),
        "used": Output("kWh", "Drawn from the traction battery."),
        "regenerated": Output("kWh", "Put back into it while driving, by braking or by the engine."),
        "consumption": Output("kWh/100km", "Used less regenerated, over the distance."),
        "standby": Output("kWh", "Drawn outside trips, and not while charging."),
        "fuel": Output("l", "Burnt."),
        "fuel_consumption": Output("l/100km", "Burnt, over the distance."),
        "cost": Output("EUR", "Of energy and fuel."),
        "eco": Output("", "Eco score from 0 to 100, from the speed alone, so that all cars compare."),
        "smoothness": Output("", "Its part of 40 %: gentle accelerations."),
        "anticipation": Output("", "Its part of 30 %: gentle decelerations."),
        "pace": Output("", "Its part of 20 %: no faster than 100 km/h."),
        "idling": Output("", "Its part of 10 %: little standing."),
        "missed": Output("s", "Time without a speed; in no distance but what the odometer added."),
        "note": Output("", "What could not be said, and why; empty where all could.", "string"),
    },
    events={
        "began": Event("A trip began."),
        "ended": Event("A trip is over; with what it came to."),
    },
    settings={
        "price": Setting(0.30, "EUR/kWh", "What a kilowatt hour costs."),
        "fuel_price": Setting(1.75, "EUR/l", "What a litre of fuel costs."),
        "pause": Setting(300.0, "s", "Standing so long ends a trip."),
    },
)

meter = Meter()
last: Totals | None = None
under_way = False
trips = 0
power = Power()


@app.start
def start(car: Car) -> None:
    """Take the settings."""
    global meter  # noqa: PLW0603 - a module's globals are one run's own
    meter = Meter(float(car.settings["pause"]))


@app.on(SPEED, ODOMETER, FUEL_USED, FUEL_RATE)
def measure(car: Car, reading: Reading) -> None:
    """Take what a trip is measured by."""
    value = number(reading)
    if value is None:
        if reading.path == SPEED and reading.quality in {Quality.STALE, Quality.INVALID}:
            meter.speed_lost()
        return
    if reading.path == SPEED:
        meter.speed(reading.t_ns, value or creeping(car, reading.t_ns))
    elif reading.path == ODOMETER:
        meter.odometer(value)
    elif reading.path == FUEL_USED:
        meter.fuel_counter(value)
    elif not car.has(FUEL_USED):
        meter.fuel_rate(reading.t_ns, value)


def creeping(car: Car, t_ns: int) -> float:
    """Return how fast the front wheels turn, in km/h: cars say speed 0 while they creep, and roll metres meanwhile."""
    wheels = [car.read(path) for path in WHEELS if car.has(path)]
    speeds = [kmh for wheel in wheels if (kmh := number(wheel)) is not None and kmh > 0]
    if len(speeds) < len(WHEELS) or any(abs(t_ns - wheel.t_ns) > NS // 5 for wheel in wheels):
        return 0.0
    mean = sum(speeds) / len(speeds)
    return mean if mean <= CREEP_KMH else 0.0


@app.on(*POWER)
def measure_energy(car: Car, reading: Reading) -> None:
    """Take the battery's power."""
    watts = power.take(car, reading)
    if watts is not None:
        meter.power(reading.t_ns, watts, charging=car.value(CHARGING) is True)


@app.on(GEAR, SYSTEM)
def controls(_car: Car, reading: Reading) -> None:
    """Take what begins and ends a trip."""
    value = reading.good
    if reading.path == GEAR:
        meter.gear(reading.t_ns, in_park=None if value is None else value == PARK)
    else:
        meter.switched(reading.t_ns, off=None if value is None else value in {"LOCK", "OFF"})


@app.every(1.0)
def tick(car: Car) -> None:
    """Show what it has come to, and tell when a trip began or ended."""
    meter.tick(car.now_ns)
    tell(car)
    show(car)


@app.stop
def stop(car: Car) -> None:
    """End the trip where it is."""
    meter.finish()
    tell(car)
    show(car)


def tell(car: Car) -> None:
    """Report beginnings and ends."""
    global last, trips, under_way  # noqa: PLW0603
    for trip in [*meter.ended, meter.trip]:
        if trip is None:
            continue
        if not under_way:
            under_way = True
            car.report("began", at_ns=trip.began_ns)
        if trip is not meter.trip:
            under_way, last, trips = False, trip, trips + 1
            said = {name: value for name, value in outputs(car, trip).items() if value is not None}
            car.report("ended", began_ns=trip.began_ns, ended_ns=trip.until_ns, **said)
    meter.ended.clear()


def show(car: Car) -> None:
    """Show the trip under way, or the last one."""
    trip = meter.trip or last
    moving = meter.speed_kmh is not None and meter.speed_kmh > 0
    state = "parked" if meter.trip is None else "moving" if moving else "standing"
    standby = meter.standby_ws / KWH if Power.known(car) else None
    car.show(state=state, trips=trips, standby=standby, note=note(car, trip), **(outputs(car, trip) if trip else {}))


def outputs(car: Car, trip: Totals) -> dict[str, float | None]:
    """Return what can be said of a trip; None: nothing."""
    electric, fuelled = Power.known(car), car.has(FUEL_USED) or car.has(FUEL_RATE)
    km, far = trip.distance_m / 1000, trip.distance_m / 1000 >= LEAST_KM
    used, regained, score = trip.used_ws / KWH, trip.regained_ws / KWH, trip.eco.score
    cost = (used - regained) * float(car.settings["price"]) + trip.fuel_l * float(car.settings["fuel_price"])
    return {
        "distance": km,
        "duration": trip.duration_s,
        "moving": trip.moving_s,
        "mean_speed": km * 3600 / trip.moving_s if trip.moving_s else 0.0,
        "max_speed": trip.max_kmh,
        "used": used if electric else None,
        "regenerated": regained if electric else None,
        "consumption": (used - regained) / km * 100 if electric and far else None,
        "fuel": trip.fuel_l if fuelled else None,
        "fuel_consumption": trip.fuel_l / km * 100 if fuelled and far else None,
        "cost": cost if electric or fuelled else None,
        "eco": score.total if score else None,
        "smoothness": score.smoothness if score else None,
        "anticipation": score.anticipation if score else None,
        "pace": score.pace if score else None,
        "idling": score.idling if score else None,
        "missed": trip.missed_s,
    }


def note(car: Car, trip: Totals | None) -> str:
    """Return what could not be said."""
    notes: list[str] = []
    if trip is not None and trip.missed_s:
        by = f"; the odometer added {trip.added_m / 1000:.1f} km" if trip.added_m else ""
        notes.append(f"no speed for {trip.missed_s:.1f} s{by}")
    if meter.trip is not None and meter.speed_kmh is None:
        notes.append("no speed now")
    if trip is not None and trip.unmeasured_s:
        notes.append(f"no battery power for {trip.unmeasured_s:.1f} s, in which what was used is not known")
    if not Power.known(car) and not car.has(FUEL_USED) and not car.has(FUEL_RATE):
        notes.append("this car tells neither energy nor fuel")
    return "; ".join(notes)
