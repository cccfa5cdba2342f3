"""Harsh braking, acceleration and cornering, and overspeed, each with what was around it.

The acceleration along the car is the slope of its speed over half a second (``_series.Slope``), for it is the same on
every car; an accelerometer also feels the slope of the road. Across it is made of what the car gives
(``_motion.Lateral``): yaw rate, wheel speeds, or steering angle.

Thresholds are settings. As shipped they are what telematics services call harsh: 7 mph per second (3.1 m/s^2, 0.32 g)
of braking, severe from 9 mph per second (4.0 m/s^2), as Verizon Connect grades it; the same of acceleration, and 0.4 g
of cornering, in the middle of what providers use (0.2 to 0.37 g, and 0.3 to 0.5 g). Severe is 1.3 times the threshold.

An event counts once, however many peaks it has, and is told when three seconds after it are known as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.apps import App, Event, Output, Setting
from commonwheel.apps.library._battery import number
from commonwheel.apps.library._episodes import Episode, Episodes, Surroundings
from commonwheel.apps.library._motion import Axle, Chassis, Lateral, Rolling
from commonwheel.apps.library._series import Change, Integral, Lasting, Slope

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

SPEED = "Vehicle.Speed"
YAW = "Vehicle.AngularVelocity.Yaw"
STEERING = "Vehicle.Chassis.SteeringWheel.Angle"
ACCELERATOR, BRAKE = "Vehicle.Chassis.Accelerator.PedalPosition", "Vehicle.Chassis.Brake.IsPressed"
WHEELBASE, TRACK = "Vehicle.Chassis.Wheelbase", "Vehicle.Chassis.Axle.Row1.TrackWidth"
WHEELS = {
    (row, kind): tuple(f"Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.{kind}" for side in ("Left", "Right"))
    for row in (1, 2)
    for kind in ("Speed", "AngularSpeed")
}
WHEEL_PATHS = [path for pair in WHEELS.values() for path in pair]

NS = 1_000_000_000
FRESH_NS = NS // 2
BEFORE_NS, AFTER_NS = 5 * NS, 3 * NS
PER_SECOND = 5
SEVERE = 1.3
MOST_MPS2 = 13.0  # beyond it no road car's tyres hold: a speed that jumps is no manoeuvre
COLUMNS = ("speed", "along", "across", "accelerator", "brake")
KINDS = ("harsh_braking", "harsh_acceleration", "harsh_cornering")

app = App(
    "driving-events",
    "1.0",
    "Harsh braking, acceleration and cornering, and overspeed, with a snapshot around each.",
    requires={SPEED: 20},
    may_use={
        **dict.fromkeys((YAW, STEERING, ACCELERATOR, BRAKE), 20),
        **dict.fromkeys(WHEEL_PATHS, 20),
        **dict.fromkeys((WHEELBASE, TRACK), 0),
    },
    instead={
        **dict.fromkeys((YAW, TRACK, *WHEEL_PATHS), (YAW, *WHEEL_PATHS)),
        WHEELBASE: (YAW, *WHEEL_PATHS),
    },
    outputs={
        "harsh_braking": Output("", "How often.", "integer"),
        "harsh_acceleration": Output("", "How often.", "integer"),
        "harsh_cornering": Output("", "How often.", "integer"),
        "overspeed": Output("", "How often.", "integer"),
        "overspeed_time": Output("s", "Time above the limit."),
        "per_100km": Output("1/100km", "All of them, over the distance."),
        "distance": Output("km", "Over which they were counted."),
        "along": Output("m/s^2", "Acceleration now; braking is negative."),
        "across": Output("m/s^2", "Lateral acceleration now; to the left is positive."),
        "source": Output("", "What the lateral acceleration rests on.", "string"),
        "overspeeding": Output("", "Whether the car is too fast now.", "boolean"),
        "note": Output("", "What could not be judged, and why; empty where all could.", "string"),
    },
    events={
        "harsh_braking": Event("The car braked harshly.", "warning"),
        "harsh_acceleration": Event("The car accelerated harshly.", "warning"),
        "harsh_cornering": Event("The car took a bend harshly.", "warning"),
        "overspeed": Event("The car is faster than the limit.", "warning"),
        "overspeed_over": Event("The car is no longer faster than the limit; how fast and how long it was."),
    },
    settings={
        "braking": Setting(3.1, "m/s^2", "From where braking is harsh."),
        "acceleration": Setting(3.1, "m/s^2", "From where acceleration is harsh."),
        "cornering": Setting(3.9, "m/s^2", "From where cornering is harsh."),
        "limit": Setting(130.0, "km/h", "The speed limit."),
        "hysteresis": Setting(3.0, "km/h", "So much below the limit overspeed is over."),
        "tolerated": Setting(3.0, "s", "So long the limit may be exceeded."),
    },
)


@dataclass(slots=True)
class Overspeed:
    """One time of being too fast, from its first reading above the limit."""

    began_ns: int
    most_kmh: float


counts: dict[str, int] = dict.fromkeys((*KINDS, "overspeed"), 0)
slope, distance, over_time = Slope(), Integral(), Integral()
lateral, rolling = Lateral(), Rolling()
surroundings = Surroundings(COLUMNS, 60.0)
detectors: dict[str, Episodes] = {}
waiting: list[tuple[str, Episode, str]] = []
"""Episodes of which the time after is not known yet, with what they rest on."""
overspeeding: Lasting
overspeed: Overspeed | None = None
along: float | None = None
across: float | None = None
km = 0.0
over_s = 0.0
jumps = 0


@app.start
def start(car: Car) -> None:
    """Take the settings, and what the car says of its chassis."""
    global lateral, overspeeding  # noqa: PLW0603 - a module's globals are one run's own
    names = ("braking", "acceleration", "cornering")
    detectors.update({kind: Episodes(float(car.settings[name])) for kind, name in zip(KINDS, names, strict=True)})
    usual = Chassis()
    lateral = Lateral(
        Chassis(car.value(TRACK, usual.track_m * 1000) / 1000, car.value(WHEELBASE, usual.wheelbase_m * 1000) / 1000)
    )
    overspeeding = Lasting(float(car.settings["tolerated"]), 1.0)


@app.on(SPEED)
def on_speed(car: Car, reading: Reading) -> None:
    """Judge the manoeuvre of this moment."""
    global along, across, km, jumps  # noqa: PLW0603
    kmh, t_ns = number(reading), reading.t_ns
    if kmh is None:
        return
    km += distance.add(t_ns, kmh / 3600).above
    rate = slope.add(t_ns, kmh / 3.6)
    axles = axles_now(car, t_ns)
    steering = fresh(car, STEERING, t_ns)
    across = lateral.update(slope.middle_ns, kmh / 3.6, fresh(car, YAW, t_ns), axles, steering)
    if rate is not None and abs(rate) > MOST_MPS2:
        jumps += 1
        rate = None
    along = rate
    surroundings.add(slope.middle_ns, kmh, along, across, fresh(car, ACCELERATOR, t_ns), fresh(car, BRAKE, t_ns))
    if not rolling.update(t_ns, kmh, axles):
        along = across = None
    watch(car, slope.middle_ns)
    watch_speed(car, t_ns, kmh)


def watch(car: Car, t_ns: int) -> None:
    """Find episodes; tell those of which the time after is known."""
    magnitudes = (None if along is None else -along, along, None if across is None else abs(across))
    for kind, magnitude in zip(KINDS, magnitudes, strict=True):
        episode = detectors[kind].update(t_ns, magnitude)
        if episode is not None:
            waiting.append((kind, episode, lateral.source.value if kind == "harsh_cornering" else "speed"))
            counts[kind] += 1
    while waiting and t_ns >= waiting[0][1].ended_ns + AFTER_NS:
        tell(car, *waiting.pop(0))


def watch_speed(car: Car, t_ns: int, kmh: float) -> None:
    """Watch the limit: too fast above it, no longer below the hysteresis, and in between as before."""
    global overspeed, over_s  # noqa: PLW0603
    limit = float(car.settings["limit"])
    over_s += over_time.add(t_ns, 1.0 if kmh > limit else 0.0).above
    if overspeed is not None:
        overspeed.most_kmh = max(overspeed.most_kmh, kmh)
    elif kmh > limit:
        overspeed = Overspeed(t_ns, kmh)
    between = limit - float(car.settings["hysteresis"]) < kmh <= limit
    change = overspeeding.update(t_ns, None if between and overspeeding.on else kmh > limit)
    if change is Change.BEGAN:
        counts["overspeed"] += 1
        car.report("overspeed", speed=round(kmh, 1), limit=limit)
    elif change is Change.ENDED:
        end_overspeed(car, t_ns)
    if kmh <= limit and not overspeeding.on:
        overspeed = None


def end_overspeed(car: Car, t_ns: int) -> None:
    """Tell that the car is no longer too fast."""
    if overspeed is not None:
        lasted = round((t_ns - overspeed.began_ns) / NS, 1)
        car.report("overspeed_over", most=round(overspeed.most_kmh, 1), lasted=lasted)


def tell(car: Car, kind: str, episode: Episode, source: str) -> None:
    """Report an episode with its surroundings; their times are seconds from its beginning."""
    setting = float(car.settings[kind.removeprefix("harsh_")])
    around = surroundings.cut(episode.began_ns - BEFORE_NS, episode.ended_ns + AFTER_NS, episode.began_ns, PER_SECOND)
    car.report(
        kind,
        level="severe" if episode.peak >= SEVERE * setting else "moderate",
        began_ns=episode.began_ns,
        peak=round(episode.peak, 2),
        lasted=round((episode.ended_ns - episode.began_ns) / NS, 2),
        source=source,
        snapshot=around,
    )


def axles_now(car: Car, t_ns: int) -> dict[int, Axle]:
    """Return the axles whose two wheels have fresh good speeds; in either unit, for only their ratio counts."""
    axles: dict[int, Axle] = {}
    for (row, _kind), (left, right) in WHEELS.items():
        if row not in axles and car.has(left) and car.has(right):
            speeds = fresh(car, left, t_ns), fresh(car, right, t_ns)
            if speeds[0] is not None and speeds[1] is not None:
                axles[row] = Axle(abs(speeds[0]), abs(speeds[1]))
    return axles


def fresh(car: Car, path: str, t_ns: int) -> float | None:
    """Return a signal's value, if it is good and of half a second around."""
    if not car.has(path):
        return None
    reading = car.read(path)
    return number(reading) if abs(t_ns - reading.t_ns) <= FRESH_NS else None


@app.every(1.0)
def show(car: Car) -> None:
    """Show the counts and the present."""
    total = sum(counts.values())
    car.show(
        **counts,
        overspeed_time=over_s,
        per_100km=total / km * 100 if km >= 1 else None,
        distance=km,
        along=along,
        across=across,
        source=lateral.source.value,
        overspeeding=overspeeding.on,
        note=note(car),
    )


@app.stop
def stop(car: Car) -> None:
    """Tell what is under way."""
    for kind, detector in detectors.items():
        episode = detector.end()
        if episode is not None:
            counts[kind] += 1
            waiting.append((kind, episode, lateral.source.value if kind == "harsh_cornering" else "speed"))
    for kind, episode, source in waiting:
        tell(car, kind, episode, source)
    if overspeeding.on:
        end_overspeed(car, car.now_ns)
    show(car)


def note(car: Car) -> str:
    """Return what could not be judged."""
    notes: list[str] = []
    if car.read(SPEED).good is None:
        notes.append("no speed now")
    if rolling.suspect:
        notes.append(
            "only one axle has turned since the car stood: on rollers, spinning, or sensors broken; not judged"
        )
    if jumps:
        notes.append(f"the speed changed faster than a car can ({jumps} readings)")
    if not any(car.has(path) for path in (YAW, STEERING, *WHEEL_PATHS)):
        notes.append("this car gives nothing to tell bends by")
    return "; ".join(notes)
