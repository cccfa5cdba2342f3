"""Keeps the car from going faster than the limit; it never makes it go faster than somebody else wants.

What it asks for is a **cap**: near the limit, an acceleration that lets the car reach it and no more, and never more
than the car has now. Of several requests of the same priority the lowest counts, so the cap takes from what another app
asks for (an adaptive cruise, say) and adds nothing. Away from the limit it asks for nothing at all.

The driver's own foot is no request: who presses the accelerator overrides every app, by the guard of every car. A
driver without another app is told, in good time, and not slowed down against the pedal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.apps import App, Event, Output, Setting
from commonwheel.apps.library._asking import ACCELERATION, LONGITUDINAL_STATE, Permission, Pull
from commonwheel.apps.library._asking import SPEED as SPEED_TARGET
from commonwheel.apps.library._following import Jerk
from commonwheel.apps.library._traffic import fresh

if TYPE_CHECKING:
    from commonwheel.apps import Car

SPEED, LIMIT = "Vehicle.Speed", "Vehicle.ADAS.SpeedLimit"
TURN_S = 0.05
RATE = 0.4
"""1/s: how fast the rest up to the limit is used."""
DOWN_MPS2 = 1.2
JERK_MPS3 = 1.5
LOOK_S = 2.5
"""It takes part from so long before the car would be at the limit."""
APART_MPS = 1.0
"""And lets go when it is so much under it, and no longer comes closer."""
MEASURED_S = 0.3
LIMIT_FRESH_NS = 2_000_000_000
OVER_S = 2.0

app = App(
    "speed-limiter",
    "1.0",
    "Caps the speed at the limit that applies; it takes from what others ask for, and adds nothing.",
    requires={SPEED: 0},
    may_use={LIMIT: 0, LONGITUDINAL_STATE: 0},
    instead={ACCELERATION: (SPEED_TARGET,), SPEED_TARGET: (ACCELERATION,)},
    requests=(ACCELERATION, SPEED_TARGET),
    outputs={
        "state": Output("", "unknown (no limit is known), below, capping, or over.", "string"),
        "limit": Output("km/h", "The limit that it keeps to."),
        "cap": Output("m/s^2", "The most acceleration that it lets others have; none away from the limit."),
        "note": Output("", "What is missing; empty where nothing is.", "string"),
    },
    events={
        "limit_changed": Event("Another limit applies."),
        "approaching": Event("At this acceleration the car is soon faster than the limit.", "info"),
        "over_limit": Event("The car is faster than the limit, for a while now.", "warning"),
        "back": Event("It is no longer."),
    },
    settings={
        "limit": Setting(0.0, "km/h", "A limit of the driver's own; with a signed one, the lower holds. 0: none."),
        "tolerance": Setting(0.0, "km/h", "So much faster than the limit is let be."),
        "notice": Setting(5.0, "s", "So long before the limit would be passed, the driver is told."),
    },
)


@dataclass
class Kept:
    """What a run keeps."""

    mps: float | None = None
    """Speed at the last turn; None: not known."""
    mps2: float = 0.0
    last_ns: int = 0
    limit_kmh: float | None = None
    over_ns: int = 0
    """Since when it is too fast; 0: it is not."""
    told_over: bool = False
    told_near: bool = False


pull, permission, jerk, kept = Pull(), Permission(LONGITUDINAL_STATE), Jerk(), Kept()


@app.start
def start(car: Car) -> None:
    """Say what is missing."""
    kept.last_ns = car.now_ns
    notes = [] if Pull.offered(car) else ["this car cannot be asked to slow down: the driver is told only"]
    if not car.has(LIMIT) and not float(car.settings["limit"]) > 0:
        notes.append("nothing tells the limit, and the setting 'limit' states none")
    car.show(state="unknown", note="; ".join(notes))


@app.every(TURN_S)
def turn(car: Car) -> None:
    """Look, cap, tell."""
    dt_s = min(0.5, max(1e-3, (car.now_ns - kept.last_ns) / 1e9))
    kept.last_ns = car.now_ns
    speed, limit = fresh(car, car.read(SPEED)), limit_of(car)
    if limit != kept.limit_kmh:
        kept.limit_kmh = limit
        car.report("limit_changed", limit=limit)
    car.show(limit=limit)
    if speed is None or limit is None:
        kept.mps, kept.mps2 = None, 0.0
        let_go(car, "unknown")
        return
    mps = float(speed) / 3.6
    if kept.mps is not None:
        kept.mps2 += ((mps - kept.mps) / dt_s - kept.mps2) * min(1.0, dt_s / MEASURED_S)
    kept.mps = mps
    most = (limit + float(car.settings["tolerance"])) / 3.6
    tell(car, mps, most)
    if Pull.offered(car) and permission.open(car) and is_near(mps, most):
        cap(car, mps, most, dt_s)
    else:
        let_go(car, "over" if kept.told_over else "below")


def limit_of(car: Car) -> float | None:
    """Return the limit that applies, km/h; None where none is known."""
    own = float(car.settings["limit"])
    signed = fresh(car, car.read(LIMIT), LIMIT_FRESH_NS) if car.has(LIMIT) else None
    found = [limit for limit in (own, 0.0 if signed is None else float(signed)) if limit > 0.0]
    return min(found, default=None)


def is_near(mps: float, most: float) -> bool:
    """Whether the limit has to be thought of: it would be reached soon, or it was and is not far yet."""
    soon = mps + max(0.0, kept.mps2) * LOOK_S >= most - 0.1
    return soon or (pull.asking and mps > most - APART_MPS)


def cap(car: Car, mps: float, most: float, dt_s: float) -> None:
    """Let nobody have more acceleration than leads to the limit, or than there is now."""
    wanted = max(-DOWN_MPS2, min(RATE * (most - mps), max(0.0, kept.mps2)))
    if not pull.asking:
        jerk.reset(max(wanted, kept.mps2))
    allowed = min(jerk.follow(wanted, JERK_MPS3, JERK_MPS3, dt_s), max(0.0, kept.mps2))
    pull.ask(car, allowed, mps)
    car.show(state="over" if kept.told_over else "capping", cap=allowed)


def let_go(car: Car, state: str) -> None:
    """Take no part."""
    pull.stop(car)
    car.show(state=state, cap=None)


def tell(car: Car, mps: float, most: float) -> None:
    """Tell the driver what comes, and what is."""
    soon = mps + max(0.0, kept.mps2) * float(car.settings["notice"]) > most
    if soon and not kept.told_near and mps <= most and kept.mps2 > 0.1:  # noqa: PLR2004 - m/s^2
        kept.told_near = True
        car.report("approaching", speed=round(mps * 3.6, 1), limit=kept.limit_kmh)
    elif mps < most - 2 * APART_MPS:
        kept.told_near = False
    if mps <= most + 0.3:
        kept.over_ns = 0
        if kept.told_over:
            kept.told_over = False
            car.report("back", limit=kept.limit_kmh)
        return
    kept.over_ns = kept.over_ns or car.now_ns
    if not kept.told_over and car.now_ns - kept.over_ns >= OVER_S * 1e9:
        kept.told_over = True
        car.report("over_limit", speed=round(mps * 3.6, 1), limit=kept.limit_kmh)
