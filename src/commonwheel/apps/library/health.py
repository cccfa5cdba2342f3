"""A car's self-check: how well its signals come, whether they contradict each other, 12 volts, and a verdict.

*Signals*: those that were heard and are lost, that come corrupt (checksum or counter wrong), or whose sender has no
value any more. Nothing is said while the car is off or silent, or in the seconds after it was switched on; a car that
fell silent while it moved is a finding of its own.

*Contradictions*: speed against wheels, motor and speedometer; gear against motion; both pedals; the battery's voltage
against its cells, and its power against voltage times current; charging while driving; one axle that never turns,
or two that turn unlike.

*12 volts*: low, not charged while the car runs, overcharged, or dropping below 9.6 V, which is where a battery under a
starter's load is counted as bad. Also hot coolant and flat tyres.

Each finding has to last, gives its reason, and is told again when it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps import App, Event, Output, Setting
from commonwheel.apps.library._battery import number
from commonwheel.apps.library._checks import Check, Checks, Level
from commonwheel.apps.library._contradictions import CHECKS, READS, SPEED, Contradictions
from commonwheel.apps.library._qualities import Qualities

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

EVERYTHING = "Vehicle.**"
SYSTEM, READY = "Vehicle.LowVoltageSystemState", "Vehicle.Powertrain.IsReady"
ENGINE_ON = "Vehicle.Powertrain.CombustionEngine.IsRunning"
LOW_VOLTS = "Vehicle.LowVoltageBattery.CurrentVoltage"
COOLANT = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature"
TIRES = [f"Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.Tire.Pressure" for row in (1, 2) for side in ("Left", "Right")]
COMES_AND_GOES = (".Charging.", ".ADAS.", ".HVAC.")  # quantities that have a value only while something is in use

NS = 1_000_000_000
OFF = {"LOCK", "OFF", "ACC"}  # of LowVoltageSystemState
SILENT_NS = 3 * NS // 2  # without any signal: the car sleeps, or nobody listens
CREEP_KMH = 5.0
NAMED = 3  # signals that a reason names
LOW_V, IDLE_V, MOST_V, DROP_V, RESTED_V = 11.8, 12.4, 15.5, 9.6, 11.0

app = App(
    "health",
    "1.0",
    "Self-check: lost, corrupt and contradicting signals, 12 V, with one verdict.",
    requires={SPEED: 10},
    may_use={**READS, LOW_VOLTS: 10, EVERYTHING: 1},
    instead=dict.fromkeys((*READS, LOW_VOLTS), (EVERYTHING,)),
    outputs={
        "verdict": Output("", "good, warning, alarm, or silent: nothing comes.", "string"),
        "reasons": Output("", "Why; the worst first.", "string"),
        "heard": Output("", "Signals that were ever heard.", "integer"),
        "lost": Output("", "Signals that are lost now.", "integer"),
        "corrupt": Output("", "Signals that come corrupt now.", "integer"),
        "corrupted": Output("", "How often signals became corrupt.", "integer"),
        "worst": Output("", "The signal that was lost or corrupt for most of the time.", "string"),
        "worst_share": Output("%", "For how much of the time."),
        "low_voltage": Output("V", "Of the 12 V battery."),
        "lowest_voltage": Output("V", "The lowest of it."),
        "learned": Output("", "What the speed is held against, as far as it is learned.", "string"),
    },
    events={
        "warning": Event("Something is not as it should be; with the reason.", "warning"),
        "alarm": Event("Something is dangerous; with the reason.", "alarm"),
        "over": Event("What was told is over."),
    },
    settings={
        "grace": Setting(5.0, "s", "So long after it is switched on, nothing is said of how a car's signals come."),
        "tire": Setting(170.0, "kPa", "Pressure below which a tyre is flat."),
        "coolant": Setting(115.0, "Celsius", "Temperature above which coolant is hot."),
    },
)

checks = Checks(
    (
        Check("silent", lasts_s=2),
        Check("signals lost", lasts_s=2),
        Check("signals corrupt", lasts_s=0.5),
        Check("no value", lasts_s=3),
        *CHECKS,
        Check("12 V low", lasts_s=60),
        Check("12 V not charged", lasts_s=30),
        Check("12 V overcharged", Level.ALARM, 10),
        Check("12 V dropped", lasts_s=0),
        Check("coolant hot", Level.ALARM, 10),
        Check("tyre flat", lasts_s=30),
    )
)
contradictions = Contradictions(checks)
qualities = Qualities()
states: dict[str, object] = {}
"""What the car last said of being switched on; it holds when the car falls silent."""
last_kmh: float | None = None
on_since_ns = 0
lowest_v: float | None = None


@app.start
def start(car: Car) -> None:
    """Begin with the grace."""
    global on_since_ns  # noqa: PLW0603 - a module's globals are one run's own
    on_since_ns = car.now_ns


@app.on(EVERYTHING)
def on_any(_car: Car, reading: Reading) -> None:
    """Keep how well each signal comes."""
    global last_kmh  # noqa: PLW0603
    qualities.take(reading)
    if reading.path == SPEED and reading.good is not None:
        last_kmh = number(reading)
        if last_kmh is not None:
            contradictions.speed(reading.t_ns, last_kmh)


@app.on(SYSTEM, READY, ENGINE_ON)
def on_switched(_car: Car, reading: Reading) -> None:
    """Keep whether the car is on, and since when."""
    global on_since_ns  # noqa: PLW0603
    if reading.good is not None and reading.good != states.get(reading.path):
        states[reading.path] = reading.good
        on_since_ns = reading.t_ns


@app.on(LOW_VOLTS)
def on_low_volts(_car: Car, reading: Reading) -> None:
    """Watch the 12 V battery's lowest voltage, which may be short."""
    global lowest_v  # noqa: PLW0603
    volts = number(reading)
    if volts is not None:
        lowest_v = volts if lowest_v is None else min(lowest_v, volts)
        checks.below(
            reading.t_ns, "12 V dropped", volts, DROP_V, RESTED_V, f"the 12 V battery dropped to {volts:.1f} V"
        )


@app.every(0.5)
def check(car: Car) -> None:
    """Judge by the values of the moment."""
    global on_since_ns  # noqa: PLW0603
    t_ns = car.now_ns
    silent = is_silent(t_ns)
    moved = last_kmh is not None and last_kmh > CREEP_KMH
    checks.judge(t_ns, "silent", silent and moved, f"no signal came any more while it moved at {last_kmh} km/h")
    if silent:
        on_since_ns = t_ns  # what comes rarely may take its time to come back
    else:
        judge_signals(car, t_ns)
        contradictions.judge(car, t_ns)
        judge_low_volts(car, t_ns)
        judge_vitals(car, t_ns)
    checks.report(car)


def is_silent(t_ns: int) -> bool:
    """Return whether nothing at all is heard, so that nothing can be said."""
    return t_ns - qualities.heard_ns > SILENT_NS


def is_off() -> bool:
    """Return whether the car is switched off, as far as it says."""
    return states.get(SYSTEM) in OFF


def judge_signals(car: Car, t_ns: int) -> None:
    """Judge how the signals come, unless the car is off or has just been switched."""
    settled = not is_off() and t_ns - on_since_ns >= float(car.settings["grace"]) * NS
    lost, corrupt = qualities.lost(), qualities.corrupt(t_ns)
    empty = [path for path in qualities.valueless() if not any(part in path for part in COMES_AND_GOES)]
    checks.judge(t_ns, "signals lost", settled and bool(lost), f"{named(lost)} no longer come")
    checks.judge(t_ns, "signals corrupt", bool(corrupt), f"{named(corrupt)} come with wrong checksums or counters")
    checks.judge(t_ns, "no value", settled and bool(empty), f"the sender has no value for {named(empty)}")


def named(paths: list[str]) -> str:
    """Return some signals by name, and how many others."""
    shown = ", ".join(paths[:NAMED])
    return shown if len(paths) <= NAMED else f"{shown} and {len(paths) - NAMED} others"


def judge_low_volts(car: Car, t_ns: int) -> None:
    """Judge the 12 V battery."""
    if not car.has(LOW_VOLTS):
        return
    volts = number(car.read(LOW_VOLTS))
    running = states.get(READY) is True or states.get(ENGINE_ON) is True
    shown = "unknown" if volts is None else f"{volts:.1f} V"
    checks.below(t_ns, "12 V low", volts, LOW_V, LOW_V + 0.3, f"the 12 V battery is at {shown}")
    idle = volts if running else None if volts is None else MOST_V
    checks.below(t_ns, "12 V not charged", idle, IDLE_V, IDLE_V + 0.4, f"it runs, and the 12 V battery is at {shown}")
    checks.above(t_ns, "12 V overcharged", volts, MOST_V, MOST_V - 0.5, f"the 12 V battery is at {shown}")


def judge_vitals(car: Car, t_ns: int) -> None:
    """Judge coolant and tyres."""
    if car.has(COOLANT):
        hot, limit = number(car.read(COOLANT)), float(car.settings["coolant"])
        checks.above(t_ns, "coolant hot", hot, limit, limit - 5, f"the coolant is at {hot} degC")
    pressures = {path: kpa for path in TIRES if car.has(path) and (kpa := number(car.read(path)))}
    if pressures:
        path = min(pressures, key=lambda tire: pressures[tire])
        kpa, limit = pressures[path], float(car.settings["tire"])
        checks.below(t_ns, "tyre flat", kpa, limit, limit + 20, f"{path} is {kpa:.0f} kPa")


@app.every(1.0)
def show(car: Car) -> None:
    """Show the verdict and what it rests on."""
    t_ns = car.now_ns
    shares = {path: signal.bad_share(t_ns) for path, signal in qualities.signals.items()}
    worst = max(shares, key=lambda path: shares[path], default="")
    bad = bool(worst) and shares[worst] > 0
    car.show(
        verdict="silent" if is_silent(t_ns) else checks.level.name.lower(),
        reasons="; ".join(checks.reasons),
        heard=len(qualities.signals),
        lost=len(qualities.lost()),
        corrupt=len(qualities.corrupt(t_ns)),
        corrupted=qualities.corrupt_times,
        worst=worst if bad else "",
        worst_share=shares[worst] * 100 if bad else 0.0,
        low_voltage=number(car.read(LOW_VOLTS)) if car.has(LOW_VOLTS) else None,
        lowest_voltage=lowest_v,
        learned=", ".join(contradictions.learned),
    )


@app.stop
def stop(car: Car) -> None:
    """Show the last state."""
    check(car)
    show(car)
