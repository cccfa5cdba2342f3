"""Keeps a speed, follows who is ahead at a time gap, stops behind it and goes on with it.

What it decides is in ``_following``, with its source and why a column of such cars is stable. It asks for an
acceleration (or for a speed, where a car takes no other), renewed twenty times a second; the driver's own switch of
the cruise control, and the guard, say when that acts.

It gives up gently, and tells the driver to take over, when the sensor ahead is lost or the speed is; it tells so and
goes on braking when the lead stops harder than it may brake (ISO 15622).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from commonwheel.apps import App, AppError, Event, Output, Setting
from commonwheel.apps.library._asking import ACCELERATION, LONGITUDINAL_STATE, Permission, Pull
from commonwheel.apps.library._asking import SPEED as SPEED_TARGET
from commonwheel.apps.library._following import Follower, Need, Tuning, between
from commonwheel.apps.library._speed_plan import SpeedPlan
from commonwheel.apps.library._traffic import DETECTED, DISTANCE, RELATIVE, Ahead, Sight, fresh

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

SPEED = "Vehicle.Speed"
MEASURED = "Vehicle.Acceleration.Longitudinal"
ACTIVE = "Vehicle.ADAS.CruiseControl.IsActive"
SET = "Vehicle.ADAS.CruiseControl.SpeedSet"
SWITCH = "Vehicle.ADAS.CruiseControl.Switch"
PRESSES = frozenset({"SET_DECELERATE", "RESUME_ACCELERATE"})
"""What the driver presses to change the speed that is set, or to go on."""
PRESSED_S = 2.0
"""Within which a press shows in the speed that is set. Without a press that is not followed: on a car that is driven
by these switches it changes with what is asked for."""
TURN_S = 0.05
FLOOR_S = 1.0
STANDING_MPS = 0.4
GO_M, GO_MPS = 1.0, 0.3
"""A lead that is so much farther than when it stopped, and so fast, has gone on."""
HOLD_MPS2 = -1.0
PATIENCE_S = 3.0
"""So long it slows down without its sensor, then it lets go."""
COAST_MPS2 = -0.4
ALONE_S = 2.0
"""So long it follows nobody before it says so: one who is about as fast as the speed to keep is followed or not from
one moment to the next."""

app = App(
    "adaptive-cruise",
    "1.0",
    "Keeps a speed, follows who is ahead, stops and goes; by acceleration, on every car that can be asked for it.",
    requires={SPEED: 0},
    may_use={
        DISTANCE: 0,
        RELATIVE: 0,
        DETECTED: 0,
        MEASURED: 20,
        ACTIVE: 0,
        SET: 0,
        SWITCH: 0,
        LONGITUDINAL_STATE: 0,
    },
    instead={
        ACCELERATION: (SPEED_TARGET,),
        SPEED_TARGET: (ACCELERATION,),
        MEASURED: (SPEED,),
        DETECTED: (DISTANCE,),
        SWITCH: (ACTIVE,),
    },
    requests=(ACCELERATION, SPEED_TARGET),
    needs=(ACCELERATION,),
    outputs={
        "state": Output("", "ready, keeping, following, holding, waiting, or lost.", "string"),
        "speed": Output("km/h", "The speed that it keeps, where nobody is ahead."),
        "gap": Output("m", "To who is ahead."),
        "time_gap": Output("s", "The same, in time at the car's speed."),
        "wanted_gap": Output("m", "What it aims at."),
        "asked": Output("m/s^2", "The acceleration that it asks for."),
        "note": Output("", "What is missing; empty where nothing is.", "string"),
    },
    events={
        "takeover_request": Event("The driver has to act, and why.", "alarm"),
        "following": Event("It follows a vehicle now; with the gap."),
        "alone": Event("It follows nobody any more."),
        "stopped": Event("It stands, behind who is ahead."),
        "went": Event("It goes on with who is ahead."),
        "waiting": Event("It stood for long: it goes on when the driver says so.", "warning"),
    },
    settings={
        "speed": Setting(0.0, "km/h", "The speed to keep; 0: what the driver sets the car's cruise control to."),
        "gap": Setting(2.2, "s", "Time gap to who is ahead; at least 1."),
        "standstill": Setting(4.0, "m", "Gap to a lead that stands; at least 2."),
        "wait": Setting(60.0, "s", "After a longer stop it goes on only when the driver touches the cruise control."),
        "plan": Setting("", "", "Speeds over time, as JSON: [[seconds, km/h], ...]; from the app's start."),
    },
)


class Doing(enum.Enum):
    """What it does."""

    READY = "ready"
    KEEPING = "keeping"
    FOLLOWING = "following"
    HOLDING = "holding"
    WAITING = "waiting"
    LOST = "lost"


pull, ahead, permission = Pull(), Ahead(), Permission(LONGITUDINAL_STATE)
follower = Follower(Tuning())
plan: SpeedPlan | None = None
doing = Doing.READY
kept_mps = 0.0
"""What it keeps."""
last_ns = 0
last_mps: float | None = None
"""Speed at the last turn; None: not known."""
slope_mps2 = 0.0
lost_ns = stood_ns = wavering_ns = 0
stood_m = 0.0
alarmed: set[str] = set()
"""Reasons that the driver was told of, and that have not passed."""


@app.start
def start(car: Car) -> None:
    """Take the settings."""
    global follower, plan, last_ns  # noqa: PLW0603 - a module's globals are one run's own
    gap_s, standstill_m = float(car.settings["gap"]), float(car.settings["standstill"])
    if gap_s < FLOOR_S or standstill_m < 2.0:  # noqa: PLR2004
        message = (
            f"the gap is {FLOOR_S:g} s or more, and 2 m or more at standstill; not {gap_s:g} s and {standstill_m:g} m"
        )
        raise AppError(message)
    follower = Follower(Tuning(gap_s=gap_s, standstill_m=standstill_m))
    text = str(car.settings["plan"])
    plan = SpeedPlan.of(text) if text else None
    last_ns = car.now_ns
    car.show(state=doing.value, note=note(car))


def note(car: Car) -> str:
    """Return what is missing."""
    if not Pull.offered(car):
        return "this car cannot be asked to speed up or slow down"
    if not car.has(DISTANCE):
        return "no sensor ahead: it keeps the speed only"
    return ""


@app.every(TURN_S)
def turn(car: Car) -> None:
    """Look, decide, ask."""
    global last_ns, last_mps, slope_mps2  # noqa: PLW0603
    dt_s = min(0.5, max(1e-3, (car.now_ns - last_ns) / 1e9))
    last_ns = car.now_ns
    speed = fresh(car, car.read(SPEED))
    if speed is None or not permission.open(car):
        if speed is None and pull.asking:
            alarm(car, "speed", "the car's speed is lost")
        last_mps, slope_mps2 = (None, 0.0) if speed is None else (last_mps, slope_mps2)
        rest(car)
        return
    alarmed.discard("speed")
    mps = max(0.0, float(speed) / 3.6)
    if last_mps is not None:
        slope_mps2 += ((mps - last_mps) / dt_s - slope_mps2) * min(1.0, dt_s / 0.3)
    last_mps = mps
    if not permission.acting(car):
        make_ready(car)
    drive(car, mps, ahead.look(car, mps), dt_s)


def rest(car: Car) -> None:
    """Ask for nothing, and begin anew when there is something to ask for."""
    pull.stop(car)
    become(car, Doing.READY)
    follower.reset(0.0)


def make_ready(car: Car) -> None:
    """Before it acts: keep in step with the car, so that nothing jumps when it does."""
    global kept_mps  # noqa: PLW0603
    measured = fresh(car, car.read(MEASURED)) if car.has(MEASURED) else None
    follower.reset(min(max(slope_mps2 if measured is None else float(measured), -1.0), 1.0))
    if car.value(LONGITUDINAL_STATE) != "OVERRIDING":
        kept_mps = 0.0  # what is set then is the driver's own; on buttons it is ours while we drive
    become(car, Doing.READY)


def drive(car: Car, mps: float, sight: Sight, dt_s: float) -> None:
    """Ask for what the traffic and the speed that is to be kept need."""
    wanted, slope = wanted_speed(car, mps)
    if sight is Sight.LOST and permission.acting(car):
        lose(car, mps, dt_s)
        return
    found(sight)
    lead = ahead.lead if sight is Sight.LEAD else None
    need = follower.need(mps, wanted, lead, slope)
    if is_held(car, mps):
        need = Need(HOLD_MPS2, 0.0, follows=True)
    warn(car, mps, need)
    if permission.acting(car):
        describe(car, need)
    ask(car, mps, follower.turn(mps, wanted, need, dt_s))
    car.show(
        speed=wanted * 3.6,
        gap=None if lead is None else lead.gap_m,
        time_gap=None if lead is None or mps < 1.0 else lead.gap_m / mps,
        wanted_gap=follower.gap_m(mps),
    )


def wanted_speed(car: Car, mps: float) -> tuple[float, float]:
    """Return the speed to keep, m/s, and how fast it changes, m/s^2."""
    global kept_mps  # noqa: PLW0603
    if plan is not None:
        return plan.at(car.elapsed_s)
    stated = float(car.settings["speed"])
    told = fresh(car, car.read(SET), 10**18) if car.has(SET) else None
    if kept_mps <= 0.0:
        kept_mps = (stated or (float(told) if told else 0.0)) / 3.6 or max(mps, 0.1)
    elif told and not stated and 0 < pressed_ns >= car.now_ns - PRESSED_S * 1e9:
        kept_mps = float(told) / 3.6
    return kept_mps, 0.0


def ask(car: Car, mps: float, mps2: float) -> None:
    """Ask for an acceleration."""
    pull.ask(car, mps2, mps)
    car.show(asked=mps2)


def lose(car: Car, mps: float, dt_s: float) -> None:
    """Without its sensor: slow down gently for a while, for the driver to take over, then let go."""
    global lost_ns  # noqa: PLW0603
    if doing is not Doing.LOST:
        lost_ns = car.now_ns
        alarm(car, "sight", "nothing is known of what is ahead")
    become(car, Doing.LOST)
    if car.now_ns - lost_ns > PATIENCE_S * 1e9:
        pull.stop(car)
        return
    # Whoever was braked for is still there: what was asked for is not let go of in the first moment.
    first = car.now_ns - lost_ns < 0.5e9  # noqa: PLR2004
    wanted = min(COAST_MPS2, follower.asked) if first else COAST_MPS2
    ask(car, mps, follower.turn(mps, mps, Need(wanted, 0.0, follows=True), dt_s))


def found(sight: Sight) -> None:
    """The sensor says something, if there is one."""
    if sight is not Sight.NONE:
        alarmed.discard("sight")


def is_held(car: Car, mps: float) -> bool:
    """Whether it stands behind who stands, and is to stay so; after long also when that one is gone."""
    global stood_ns, stood_m
    lead = ahead.lead
    if doing in {Doing.HOLDING, Doing.WAITING}:
        late = car.now_ns - stood_ns > float(car.settings["wait"]) * 1e9
        if late and doing is Doing.HOLDING:
            become(car, Doing.WAITING)
            car.report("waiting")
        goes = lead is None or (lead.gap_m > stood_m + GO_M and mps + lead.relative_mps > GO_MPS)
        if not goes or (doing is Doing.WAITING and not is_told(car)):
            return True
        car.report("went", gap=None if lead is None else round(lead.gap_m, 1))
        return False
    if lead is None:
        return False
    near = lead.gap_m < follower.tuning.standstill_m + 2.0
    if mps < STANDING_MPS and near and lead.relative_mps < GO_MPS:
        stood_ns, stood_m = car.now_ns, lead.gap_m
        become(car, Doing.HOLDING)
        car.report("stopped", gap=round(lead.gap_m, 1))
        return True
    return False


def is_told(car: Car) -> bool:
    """Whether the driver said, after it stood for long, that it may go on, by the cruise control or its switches."""
    if not car.has(ACTIVE):
        return True
    reading = car.read(ACTIVE)
    return reading.good is True and max(activated_ns, pressed_ns) > stood_ns


activated_ns = pressed_ns = 0


@app.on(SWITCH)
def pressed(car: Car, reading: Reading) -> None:
    """The driver pressed a switch of the cruise control, or let go of it."""
    global pressed_ns  # noqa: PLW0603
    if reading.good in PRESSES:
        pressed_ns = car.now_ns


@app.when(ACTIVE, test=bool)
def activated(car: Car, _active: bool) -> None:  # noqa: FBT001 - the platform's call
    """The driver switched the cruise control on."""
    global activated_ns  # noqa: PLW0603
    activated_ns = car.now_ns


def describe(car: Car, need: Need) -> None:
    """Tell what it does, when that changes and stays so."""
    if doing in {Doing.HOLDING, Doing.WAITING} and need.mps2 == HOLD_MPS2:
        return
    global wavering_ns  # noqa: PLW0603
    now = Doing.FOLLOWING if need.follows else Doing.KEEPING
    if now is Doing.KEEPING and doing is Doing.FOLLOWING:
        wavering_ns = wavering_ns or car.now_ns
        if car.now_ns - wavering_ns < ALONE_S * 1e9:
            return
    wavering_ns = 0
    if now is Doing.FOLLOWING and doing is not Doing.FOLLOWING and ahead.lead is not None:
        car.report("following", gap=round(ahead.lead.gap_m, 1))
    if now is Doing.KEEPING and doing is Doing.FOLLOWING:
        car.report("alone")
    become(car, now)


def become(car: Car, now: Doing) -> None:
    """Do something else from now on."""
    global doing  # noqa: PLW0603
    if now is not doing:
        doing = now
        car.show(state=now.value)
    if now is Doing.READY:
        alarmed.discard("brake")


def warn(car: Car, mps: float, need: Need) -> None:
    """Tell the driver when the brakes that it may use are not enough."""
    most = between(follower.limits.down, mps)
    if need.required_mps2 > most and mps > 1.0:
        alarm(car, "brake", "the vehicle ahead needs harder braking than this may")
    elif need.required_mps2 < 0.7 * most:
        alarmed.discard("brake")


def alarm(car: Car, reason: str, text: str) -> None:
    """Tell the driver to take over, once for each reason."""
    if reason not in alarmed:
        alarmed.add(reason)
        car.report("takeover_request", reason=reason, text=text)
