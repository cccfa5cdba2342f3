"""Steers along the middle of the lane that a camera or a map sees, from walking pace to motorway speed.

What it decides is in ``_centring``, with its source and why it is stable. It asks for a curvature, or for the steering
wheel's angle where a car takes no curvature, fifty times a second. It tells the driver to take over, and lets go, when
the lane or the car's speed is lost, the speed leaves its range, or a bend takes more than it may ask for.

In a queue it stays with the car: under walking pace, where power steerings take no command, it asks for what it asked
for last, and steers on when the car has moved off again. After a long stop the driver takes over.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.apps import App, Event, Output, Setting
from commonwheel.apps.library._asking import ANGLE, CURVATURE, LATERAL_STATE, Geometry, Permission, Steer
from commonwheel.apps.library._centring import Centring, Lane, Steering
from commonwheel.apps.library._traffic import fresh

if TYPE_CHECKING:
    from commonwheel.apps import Car

SPEED, YAW = "Vehicle.Speed", "Vehicle.AngularVelocity.Yaw"
WHEEL = "Vehicle.Chassis.SteeringWheel.Angle"
WHEELBASE = "Vehicle.Chassis.Wheelbase"
_LANE = "Vehicle.ADAS.Lane"
DETECTED, OFFSET, HEADING = f"{_LANE}.IsDetected", f"{_LANE}.Offset", f"{_LANE}.HeadingError"
BEND, AHEAD, WIDTH = f"{_LANE}.Curvature", f"{_LANE}.CurvatureAhead", f"{_LANE}.Width"
TURN_S = 0.02
LOSS_S = 0.4
"""A lane that is not seen for so long is lost; until then it steers on as it did."""
MARGIN_KMH = 5.0
PAUSE_NS = 2_000_000_000
"""It does not begin anew before; by then the guard has let go too, and it is the driver who lets it steer again."""
BEND_S = 0.4
"""A bend that takes too much for so long is given up."""

app = App(
    "lane-centring",
    "1.0",
    "Steers along the middle of the lane; by curvature or by angle, on every car that can be asked for it.",
    requires={SPEED: 0, DETECTED: 0, OFFSET: 0, HEADING: 0, BEND: 0},
    may_use={AHEAD: 0, WIDTH: 1, YAW: 20, WHEEL: 20, WHEELBASE: 0, LATERAL_STATE: 0},
    instead={
        CURVATURE: (ANGLE,),
        ANGLE: (CURVATURE,),
        AHEAD: (BEND,),
        YAW: (WHEEL,),
        WHEEL: (YAW,),
        WHEELBASE: (BEND,),
    },
    requests=(CURVATURE, ANGLE),
    needs=(CURVATURE,),
    outputs={
        "state": Output("", "ready, steering, holding, or released.", "string"),
        "offset": Output("m", "From the middle of the lane; left is positive."),
        "curvature": Output("1/m", "What it asks for."),
        "across": Output("m/s^2", "The acceleration across that this makes."),
        "note": Output("", "Why it does not steer; empty while it does.", "string"),
    },
    events={
        "takeover_request": Event("The driver has to steer, and why.", "alarm"),
        "steering": Event("It steers now."),
        "released": Event("It steers no more, and why.", "warning"),
    },
    settings={
        "slowest": Setting(6.0, "km/h", "Under this speed it leaves the wheel where it is."),
        "wait": Setting(60.0, "s", "So long it stays with a car that is slower, or stands; then the driver has it."),
        "fastest": Setting(140.0, "km/h", "Above this speed it does not steer."),
        "across": Setting(2.5, "m/s^2", "The most acceleration across that it asks for."),
        "ratio": Setting(16.0, "", "Of steering wheel to wheels, for a car that takes an angle."),
    },
)


class Doing(enum.Enum):
    """What it does."""

    READY = "ready"
    STEERING = "steering"
    HOLDING = "holding"
    """Too slow to steer: what was asked for last stays."""
    RELEASED = "released"


ACTS = frozenset({Doing.STEERING, Doing.HOLDING})
"""What it may be steering in."""


@dataclass
class Hold:
    """What a run keeps."""

    doing: Doing = Doing.READY
    last_ns: int = 0
    seen_ns: int = 0
    """When the lane was seen last."""
    looked_ns: int = 0
    """The time of that look."""
    sharp_ns: int = 0
    """Since when the bend has been too sharp; 0: it is not."""
    slow_ns: int = 0
    """Since when it is held."""
    released_ns: int = -PAUSE_NS
    """When it let go last."""
    announced: bool = False
    """Whether the driver was told of a bend that is coming."""


steer, permission, held = Steer(), Permission(LATERAL_STATE), Hold()
centring, geometry = Centring(Steering()), Geometry()


@app.start
def start(car: Car) -> None:
    """Take the settings."""
    global centring, geometry  # noqa: PLW0603 - a module's globals are one run's own
    centring = Centring(Steering(acceleration_mps2=min(3.0, max(0.5, float(car.settings["across"])))))
    wheelbase = car.value(WHEELBASE) if car.has(WHEELBASE) else None
    geometry = Geometry(float(wheelbase) / 1000 if wheelbase else 2.7, float(car.settings["ratio"]))
    held.last_ns = held.seen_ns = car.now_ns
    car.show(state=held.doing.value, note="" if Steer.offered(car) else "this car cannot be asked to steer")


@app.every(TURN_S)
def turn(car: Car) -> None:
    """Look, decide, ask."""
    dt_s = min(0.2, max(1e-3, (car.now_ns - held.last_ns) / 1e9))
    held.last_ns = car.now_ns
    speed, lane = fresh(car, car.read(SPEED)), seen(car)
    if not permission.open(car):
        release(car, "it is not armed", asks=False)
    elif speed is None:
        release(car, "the car's speed is lost")
    elif lane is None:
        if car.now_ns - held.seen_ns > LOSS_S * 1e9:
            release(car, "the lane is lost")
        elif held.doing in ACTS:  # it was there a moment ago
            steer.ask(car, centring.curvature, float(speed) / 3.6, geometry)
    elif why := unfit(car, float(speed), lane):
        release(car, why)
    elif car.now_ns - held.released_ns < PAUSE_NS:
        steer.stop(car)
    elif held.doing in ACTS and float(speed) < float(car.settings["slowest"]):
        hold(car, float(speed) / 3.6, lane)
    else:
        go_on(car, float(speed) / 3.6, lane, dt_s)


def seen(car: Car) -> Lane | None:
    """Return the lane, if it is seen now."""
    detected = fresh(car, car.read(DETECTED))
    offset, heading, bend = (fresh(car, car.read(path)) for path in (OFFSET, HEADING, BEND))
    if detected is not True or offset is None or heading is None or bend is None:
        return None
    ahead = fresh(car, car.read(AHEAD)) if car.has(AHEAD) else None
    held.seen_ns = car.now_ns
    return Lane(
        float(offset),
        math.radians(float(heading)),
        float(bend),
        float(bend if ahead is None else ahead),
        max(0.0, (car.now_ns - car.read(OFFSET).t_ns) / 1e9),
    )


def unfit(car: Car, kmh: float, lane: Lane) -> str:
    """Return why it does not steer here; '' where it can."""
    slowest, fastest = float(car.settings["slowest"]), float(car.settings["fastest"])
    acts = held.doing in ACTS
    margin = 0.0 if acts else MARGIN_KMH
    if kmh < slowest + margin and not acts:
        return f"it begins to steer from {slowest + margin:g} km/h on"
    if held.doing is Doing.HOLDING and car.now_ns - held.slow_ns > float(car.settings["wait"]) * 1e9:
        return "the car has been too slow for long"
    if kmh > fastest - margin:
        return f"it steers up to {fastest:g} km/h"
    width = fresh(car, car.read(WIDTH), 2_000_000_000) if car.has(WIDTH) else None
    if abs(lane.offset_m) > (float(width) / 2 if width else 2.0):
        return "the car is not in the lane"
    return too_sharp(car, kmh / 3.6, lane)


def too_sharp(car: Car, mps: float, lane: Lane) -> str:
    """Return that a bend takes too much, once it does; the driver is told before, when it is seen ahead."""
    most = centring.steering.acceleration_mps2
    if centring.needs_mps2(lane, mps) > most and held.doing is Doing.STEERING and not held.announced:
        held.announced = True
        car.report("takeover_request", reason="bend", text="a bend is coming that takes more than this may steer")
    if abs(lane.curvature) * mps**2 <= most:
        held.sharp_ns = 0
        held.announced &= centring.needs_mps2(lane, mps) > 0.8 * most
        return ""
    held.sharp_ns = held.sharp_ns or car.now_ns
    late = car.now_ns - held.sharp_ns > BEND_S * 1e9
    return "the bend takes more than this may steer" if late or held.doing is not Doing.STEERING else ""


def hold(car: Car, mps: float, lane: Lane) -> None:
    """Leave the wheel where it is while the car is too slow to be steered."""
    if not permission.acting(car):  # the driver has it, or the guard let go: it begins anew from where the car is then
        release(car, "the car is too slow to begin", asks=False)
        return
    if held.doing is not Doing.HOLDING:
        held.doing, held.slow_ns = Doing.HOLDING, car.now_ns
    steer.ask(car, centring.curvature, mps, geometry)
    car.show(state=held.doing.value, offset=lane.offset_m, curvature=centring.curvature, across=0.0, note="")


def go_on(car: Car, mps: float, lane: Lane, dt_s: float) -> None:
    """Steer."""
    if held.doing is Doing.HOLDING and permission.acting(car):
        centring.reset(centring.curvature, lane.offset_m)
        held.doing = Doing.STEERING
    elif held.doing is not Doing.STEERING or not permission.acting(car):
        centring.reset(driven(car, mps, lane), lane.offset_m)
    if held.doing is not Doing.STEERING and permission.acting(car):
        held.doing = Doing.STEERING
        car.report("steering", offset=round(lane.offset_m, 2))
    looked_ns = car.read(HEADING).t_ns
    if looked_ns != held.looked_ns:
        centring.observe(lane, mps, (looked_ns - held.looked_ns) / 1e9)
        held.looked_ns = looked_ns
    curvature = centring.turn(lane, mps, dt_s)
    steer.ask(car, curvature, mps, geometry)
    across = curvature * mps**2
    car.show(state=held.doing.value, offset=lane.offset_m, curvature=curvature, across=across, note="")


def driven(car: Car, mps: float, lane: Lane) -> float:
    """Return the curvature that the car drives now, as far as anything tells it."""
    yaw = fresh(car, car.read(YAW)) if car.has(YAW) else None
    if yaw is not None and mps > 3.0:  # noqa: PLR2004 - m/s
        return math.radians(float(yaw)) / mps
    wheel = fresh(car, car.read(WHEEL)) if car.has(WHEEL) else None
    return lane.curvature if wheel is None else geometry.curvature(float(wheel), mps)


def release(car: Car, why: str, *, asks: bool = True) -> None:
    """Steer no more, and tell the driver, if it did."""
    steer.stop(car)
    if held.doing in ACTS:
        held.doing, held.released_ns = Doing.RELEASED, car.now_ns
        car.report("released", why=why)
        if asks:
            car.report("takeover_request", reason="released", text=why)
    held.sharp_ns, held.announced = 0, False
    car.show(state=held.doing.value, curvature=None, across=None, note=why)
