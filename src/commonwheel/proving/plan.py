"""What is proved: the cars, and the trials that each of them drives; as data.

Limits of a trial are what the function promises, apart from those of every drive (``criteria.ALWAYS``).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.apps.loading import locate
from commonwheel.errors import ConfigError, Fault
from commonwheel.proving.criteria import Criterion
from commonwheel.proving.cycle import Cycle
from commonwheel.proving.intervention import Intervention, Kind
from commonwheel.proving.loop import AppUse
from commonwheel.proving.proof import Handover, Trial
from commonwheel.proving.varied import Factors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CARS", "PLAN", "chosen"]

CARS = ("honda/civic_touring_2016", "honda/civic_gen10_bosch", "nissan/leaf_ze1:40kwh", "nissan/x_trail_2017")
"""Those that act along and across; together they have every manner."""

_CRUISE, _LANE = AppUse("adaptive-cruise"), AppUse("lane-centring")
_BOTH = (_CRUISE, _LANE)
_SPEED = Criterion("speed_rms", most=1.0, source="speed keeping promises it")
_OFFSET = Criterion("offset_rms", most=0.25, source="lane centring promises it")
_ACTS = Criterion("engaged_longitudinal", least=80.0, source="else nothing is proved")
_STEERS = Criterion("engaged_lateral", least=80.0, source="else nothing is proved")
_GAP = Criterion("gap_least", least=2.0, source="adaptive cruise keeps it of whatever stops")
_HEADWAY = Criterion("headway_least", least=1.0, source="the smallest that adaptive cruise lets choose")
_TAKEOVER_S = 20.0
"""When the driver takes over, in the scenarios of it."""
_FAULT_S = 15.0
_BRAKING_S = 13.0
"""When the car brakes behind who cut in."""
_EITHER_S = 0.1
"""After so long without any frame a car may go on or be let go; after less it goes on, after more it is let go."""
_SPEED_PATH = "Vehicle.Speed"
_LANES, _AHEAD = "Vehicle.ADAS.Lane", "Vehicle.ADAS.ObstacleDetection.Front.Center"
_AXES = ("longitudinal", "lateral")


def _along(name: str, about: str, *criteria: Criterion) -> Trial:
    """Return a trial of following in traffic."""
    return Trial(name, about, name, _BOTH, (_ACTS, *criteria))


def _across(name: str, about: str, *criteria: Criterion) -> Trial:
    """Return a trial of keeping a lane."""
    return Trial(name, about, name, _BOTH, (_STEERS, _OFFSET, *criteria))


def _takeover(way: str, about: str, axes: Sequence[str], noticed_s: float) -> Trial:
    """Return a trial in which the driver takes over."""
    handovers = tuple(Handover(axis, _TAKEOVER_S, noticed_s) for axis in axes)
    return Trial(f"takeover-{way}", about, f"takeover-{way}", _BOTH, (), handovers)


def _fault(
    name: str,
    about: str,
    *what: Intervention,
    noticed_s: float | None,
    axes: Sequence[str] = _AXES,
    scenario: str = "",
) -> Trial:
    """Return a trial in which something fails, in a bend if nothing else is said; noticed_s 0: it is to go on."""
    goes_on = noticed_s == 0
    handovers = () if goes_on else tuple(Handover(axis, what[0].from_s, noticed_s) for axis in axes)
    criteria = (_ACTS, _STEERS, _OFFSET) if goes_on else ()
    road = scenario or ("curve-entry" if goes_on else "curve-fault")
    return Trial(name, about, road, _BOTH, criteria, handovers, what)


def _at(kind: Kind, of: str = "", *, for_s: float = math.inf, amount: float = 0.0) -> Intervention:
    return Intervention(kind, of, _FAULT_S, _FAULT_S + for_s, amount)


def _silent() -> Iterator[Trial]:
    """Yield trials in which no frame comes for a while: what the guard tolerates, and what it does not."""
    for name, for_s in (("50ms", 0.05), ("100ms", 0.1), ("300ms", 0.3), ("1s", 1.0), ("2s", 2.0), ("5s", 5.0)):
        silence = _at(Kind.LOST, for_s=for_s)
        about = f"No frame comes for {name.replace('ms', ' ms') if 'ms' in name else name.replace('s', ' s')}."
        if for_s == _EITHER_S:
            yield Trial(f"buses-silent-{name}", about, "curve-entry", _BOTH, interventions=(silence,))
        else:
            yield _fault(f"buses-silent-{name}", about, silence, noticed_s=0.5 if for_s > _EITHER_S else 0)


def _varied() -> tuple[Trial, ...]:
    """Return trials on cars that are a fifth off what is known of them."""
    found: list[Trial] = []
    for name, factors in _FACTORS:
        about = f"A car that is a fifth {name.replace('-', ' ')} than what is known of it"
        found += [
            Trial(
                f"{name}-stop", f"{about}; hard stop ahead.", "lead-hard-stop", _BOTH, (_ACTS, _GAP), factors=factors
            ),
            Trial(f"{name}-bend", f"{about}; a bend.", "curve-entry", _BOTH, (_STEERS, _OFFSET), factors=factors),
        ]
    return tuple(found)


_FACTORS = (
    ("heavier", Factors(mass=1.2)),
    ("lighter", Factors(mass=0.8)),
    ("weaker", Factors(gain=0.8)),
    ("stronger", Factors(gain=1.2)),
    ("later", Factors(delay=1.2)),
    ("sooner", Factors(delay=0.8)),
)

PLAN: tuple[Trial, ...] = (
    Trial(
        "wltc",
        "The whole WLTC of class 3b, from standstill to 131 km/h and back, its speeds given to the app as a plan.",
        "",
        (_CRUISE,),
        (_SPEED, _ACTS),
        speeds_kmh=(0.0, 131.3),
        cycle=Cycle("wltc"),
    ),
    Trial(
        "wltc-fast",
        "The fastest stretch of the WLTC, between 35 and 131 km/h: for cars that keep no lower speeds, too.",
        "",
        (_CRUISE,),
        (_SPEED, _ACTS),
        speeds_kmh=(35.0, 131.3),
        cycle=Cycle("wltc", 1497.0, 1780.0),
    ),
    _along("follow-cycle", "Behind a vehicle that goes through town and country road.", _GAP, _HEADWAY),
    _along("cut-in", "A slower vehicle cuts in, 22 m ahead at 80 km/h.", _GAP),
    _along("cut-out", "Who is ahead moves out of the way, and shows a much slower vehicle.", _GAP, _HEADWAY),
    _along("lead-hard-stop", "Who is ahead brakes to a standstill with 5 m/s².", _GAP),
    _along("lead-emergency-stop", "Who is ahead brakes to a standstill in 4 s, with up to 6.5 m/s².", _GAP),
    _along("downhill-stop", "Down a slope of 7 %, behind a vehicle that brakes to a standstill.", _GAP),
    _along("stop-and-go", "In a queue in a bend that stops twice for a moment and once for long.", _GAP, _STEERS),
    _along("hill", "Up with 6 %, down with 7 %, with a bend on top.", _OFFSET),
    _across("lane-30", "A town's bends of 70 m and 90 m at 32 km/h."),
    _across("lane-50", "Bends of 220 m and 190 m at 50 km/h."),
    _across("curve-entry", "From a straight road into a bend of 480 m at 80 km/h, and out of it."),
    _across("s-bends", "Bends of 280 m to the left and to the right at 60 km/h."),
    _across("motorway-lane", "Two minutes at 120 km/h, with a sensor that is not exact."),
    _across("slippery", "Onto wet leaves in a bend, behind a vehicle that slows down there.", _GAP),
    _takeover("brake", "In a bend the driver steps on the brake.", _AXES, 0.3),
    _takeover("accelerator", "In a bend the driver steps on the accelerator.", ("longitudinal",), 0.3),
    _takeover("cancel", "In a bend the driver presses 'cancel' of cruise control.", _AXES, 0.5),
    _takeover("main", "In a bend the driver switches cruise control off.", _AXES, 0.5),
    _takeover("wheel", "In a bend the driver turns the wheel against what steers.", ("lateral",), 0.5),
    _takeover("door", "In a bend the driver's door comes open.", _AXES, 1.0),
    _takeover("belt", "In a bend the driver unlatches the belt.", _AXES, 1.0),
    _takeover("gear", "In a bend the driver selects neutral.", _AXES, 0.6),
    _fault("speed-freezes", "The speed's frames stay as they were.", _at(Kind.FROZEN, _SPEED_PATH), noticed_s=0.5),
    _fault("speed-corrupt", "The speed's checksum is wrong.", _at(Kind.CORRUPTED, _SPEED_PATH), noticed_s=0.5),
    _fault("counters-stick", "All counters stand still.", _at(Kind.COUNTER_STUCK, "Vehicle"), noticed_s=None),
    _fault("checksums-break", "All checksums are wrong.", _at(Kind.CHECKSUM_WRONG, "Vehicle"), noticed_s=None),
    *_silent(),
    _fault("lane-lost", "The camera sees no lane.", _at(Kind.LOST, _LANES), noticed_s=1.5, axes=("lateral",)),
    _fault("radar-lost", "The radar says nothing.", _at(Kind.LOST, _AHEAD), noticed_s=4.0, axes=("longitudinal",)),
    _fault("apps-killed", "The apps die in the bend.", _at(Kind.KILLED), noticed_s=0.5),
    _fault(
        "apps-killed-braking",
        "The apps die while the car brakes behind who cut in.",
        Intervention(Kind.KILLED, from_s=_BRAKING_S),
        noticed_s=0.5,
        scenario="cut-in",
    ),
    _fault("apps-hang", "The apps hang in the bend.", _at(Kind.HUNG), noticed_s=1.0),
    _fault("loop-late", "The loop does not come around for 300 ms.", _at(Kind.LATE, amount=0.3), noticed_s=0.35),
    _fault(
        "clock-step", "Somebody sets the clock forward by an hour.", _at(Kind.CLOCK_STEP, amount=3600), noticed_s=0.1
    ),
    _fault("exception", "The control itself raises.", _at(Kind.EXCEPTION), noticed_s=0.1),
    _fault(
        "flood",
        "Somebody sends twenty requests in each cycle, of all values, from many sources, with times of all kinds.",
        _at(Kind.FLOOD, "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget", for_s=5.0, amount=20),
        noticed_s=0,
    ),
    _fault(
        "two-apps",
        "Another app asks to speed up, and to steer to the right, with the same priority.",
        _at(Kind.RIVAL, "Vehicle.MotionManagement.AccelerationTarget", for_s=5.0, amount=1.5),
        _at(Kind.RIVAL, "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget", for_s=5.0, amount=-20.0),
        noticed_s=0,
    ),
    *_varied(),
)
"""Every trial, in the order of the report."""


def chosen(names: Sequence[str], apps: Sequence[str]) -> tuple[Trial, ...]:
    """Return the trials that are meant.

    Args:
        names: of trials, or any other scenarios or their files; none: all trials.
        apps: only trials with one of these apps; other scenarios are driven with them, or with both of motion.

    Raises:
        ConfigError: there is no such trial and no such scenario.
        AppError: there is no such app.
    """
    from commonwheel.twin.scenario_file import scenario_names
    from commonwheel.vehicles.yamltree import suggest

    by_name = {trial.name: trial for trial in PLAN}
    found: list[Trial] = []
    for name in names or by_name:
        if name in by_name:
            found.append(by_name[name])
        elif name in scenario_names() or Path(name).is_file():
            uses = tuple(AppUse(app) for app in apps) or _BOTH
            found.append(Trial(Path(name).stem, f"The scenario {Path(name).stem}.", name, uses))
        else:
            message = (
                f"there is no trial, scenario or file{suggest(name, by_name)}; 'commonwheel prove --list' tells them"
            )
            raise ConfigError([Fault(Path(name), 0, message)])
    for app in apps:
        locate(app)
    wanted = set(apps)
    kept = [one for one in found if not wanted or wanted & {app.name for app in one.apps}]
    return tuple(kept)
