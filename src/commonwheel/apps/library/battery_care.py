"""What a traction battery suffers from: cells that drift apart, heat and cold, extreme charge, and limited power.

Every warning has to last before it is given and gives its reason; a second, easier threshold has to be met before it is
over. The limits are those of lithium-ion cells in general and are settings where cars differ: cells of a healthy pack
are within some tens of millivolts at rest, none is charged beyond 4.2 V or drawn below 2.8 V; charging below freezing
plates lithium, and above 45 degC ages it, as does standing full, or empty.

What the car does not give is not judged, and said so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps import App, Event, Output, Setting
from commonwheel.apps.library._battery import number
from commonwheel.apps.library._cells import Spread
from commonwheel.apps.library._checks import Check, Checks, Level

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

BATTERY = "Vehicle.Powertrain.TractionBattery"
CELL_MAX, CELL_MIN = f"{BATTERY}.CellVoltage.Max", f"{BATTERY}.CellVoltage.Min"
HOTTEST, COLDEST, MEAN = (f"{BATTERY}.Temperature.{which}" for which in ("Max", "Min", "Average"))
CURRENT, POWER = f"{BATTERY}.CurrentCurrent", f"{BATTERY}.CurrentPower"
SHOWN, CHARGE = f"{BATTERY}.StateOfCharge.Displayed", f"{BATTERY}.StateOfCharge.Current"
HEALTH = f"{BATTERY}.StateOfHealth"
CHARGING = f"{BATTERY}.Charging.IsCharging"
MOST_OUT = f"{BATTERY}.MaximumDischargePower"
MODULES = f"{BATTERY}.Module.**"
SPEED = "Vehicle.Speed"

NS = 1_000_000_000
FRESH_NS = NS // 4
STALE_NS = 30 * NS
HIGH, LOW, FULL = 80.0, 10.0, 78.0  # per cent
SOME_W = 1_000.0  # less is no charging
FAST_WARM_C = 45.0
FAST_W = 20_000.0  # more than an outlet gives: a charging station with direct current

CHECKS = (
    Check("cells apart", lasts_s=30),
    Check("cells far apart", Level.ALARM, 30),
    Check("cell overcharged", Level.ALARM, 2),
    Check("cell exhausted", Level.ALARM, 2),
    Check("warm", lasts_s=10),
    Check("hot", Level.ALARM, 10),
    Check("uneven temperature", lasts_s=60),
    Check("charged below freezing", lasts_s=10),
    Check("charged fast while warm", lasts_s=10),
    Check("nearly empty", lasts_s=10),
    Check("full for long", lasts_s=1),
    Check("aged", lasts_s=10),
    Check("power reduced", lasts_s=10),
)

app = App(
    "battery-care",
    "1.0",
    "Cell spread, temperatures, charging habits and power limits: warnings with reasons.",
    requires={CHARGE: 1},
    may_use={
        **dict.fromkeys((CELL_MAX, CELL_MIN, CURRENT, POWER), 10),
        **dict.fromkeys((HOTTEST, COLDEST, MEAN, SHOWN, HEALTH, CHARGING, MOST_OUT, MODULES, SPEED), 1),
    },
    instead={
        **dict.fromkeys((CELL_MAX, CELL_MIN, MODULES), (CELL_MAX, MODULES)),
        **dict.fromkeys((HOTTEST, COLDEST, MEAN), (HOTTEST, MEAN, MODULES)),
        SHOWN: (CHARGE,),
    },
    outputs={
        "verdict": Output("", "good, warning or alarm.", "string"),
        "reasons": Output("", "Why; the worst first.", "string"),
        "spread": Output("V", "Between highest and lowest cell, without what the current adds."),
        "resistance_spread": Output("mOhm", "By how much the lowest cell's resistance is higher."),
        "lowest_cell": Output("", "Which cell is lowest, where the car gives each.", "string"),
        "highest_cell": Output("", "Which cell is highest, where the car gives each.", "string"),
        "hottest": Output("Celsius", "The warmest place in the battery."),
        "coldest": Output("Celsius", "The coldest place in the battery."),
        "charge": Output("%", "State of charge."),
        "charges": Output("", "Times it was charged.", "integer"),
        "charged_high": Output("", "Of them, to more than 80 %.", "integer"),
        "charged_fast": Output("", "Of them, with more than 20 kW.", "integer"),
        "time_full": Output("s", "Time it stood above 80 % without a break."),
        "lows": Output("", "Times it fell below 10 %.", "integer"),
        "at_limit": Output("s", "Time at the most power that the battery gives."),
        "unseen": Output("", "What could not be judged, for the car does not give it.", "string"),
    },
    events={
        "warning": Event("Something is not good for the battery; with the reason.", "warning"),
        "alarm": Event("Something harms the battery; with the reason.", "alarm"),
        "over": Event("A warning or an alarm is over."),
        "charged": Event("The battery was charged; from and to how much."),
    },
    settings={
        "spread": Setting(0.05, "V", "Spread at rest that is worth a warning; the double is an alarm."),
        "most_cell": Setting(4.25, "V", "Highest voltage of a cell."),
        "least_cell": Setting(2.8, "V", "Lowest voltage of a cell."),
        "warm": Setting(50.0, "Celsius", "Temperature that is worth a warning; ten more are an alarm."),
        "uneven": Setting(10.0, "Celsius", "Difference within the battery that is worth a warning."),
        "full_hours": Setting(8.0, "h", "Time to stand above 80 % that is worth a warning."),
        "health": Setting(70.0, "%", "State of health below which a battery is aged."),
    },
)

checks = Checks(CHECKS)
spread = Spread()
cells: dict[str, tuple[int, float]] = {}
places: dict[str, tuple[int, float]] = {}
counts = {"charges": 0, "charged_high": 0, "charged_fast": 0, "lows": 0}
charged_from: float | None = None
charged_by_w = 0.0
full_since_ns: int | None = None
at_limit_s = 0.0
most_out_seen = 0.0


@app.on(CELL_MIN, CELL_MAX)
def on_extremes(car: Car, reading: Reading) -> None:
    """Take the spread, once both of a pair are there, and hold the extremes against their limits."""
    readings = car.read(CELL_MIN), car.read(CELL_MAX)
    low, high = map(number, readings)
    if low is not None and high is not None and readings[0].t_ns == readings[1].t_ns:
        take_cells(car, reading.t_ns, low, high)


@app.on(MODULES)
def on_module(_car: Car, reading: Reading) -> None:
    """Keep the cells' voltages and the modules' temperatures."""
    value = number(reading)
    if value is not None:
        kept = cells if reading.path.endswith("Voltage") else places if ".Temperature" in reading.path else None
        if kept is not None:
            kept[reading.path.removeprefix(f"{BATTERY}.Module.")] = reading.t_ns, value


def take_cells(car: Car, t_ns: int, low: float, high: float) -> None:
    """Judge the lowest and the highest cell."""
    drawn = drawn_now(car, t_ns)
    if drawn is not None:
        spread.add(high - low, drawn)
    limit = float(car.settings["spread"])
    rest = spread.at_rest_v
    why = f"the cells are {(rest or 0) * 1000:.0f} mV apart at rest"
    checks.above(t_ns, "cells apart", rest, limit, limit * 0.8, why)
    checks.above(t_ns, "cells far apart", rest, limit * 2, limit * 1.6, why)
    most, least = float(car.settings["most_cell"]), float(car.settings["least_cell"])
    checks.above(t_ns, "cell overcharged", high, most, most - 0.05, f"a cell is at {high:.2f} V, above {most:g} V")
    checks.below(t_ns, "cell exhausted", low, least, least + 0.2, f"a cell is at {low:.2f} V, below {least:g} V")


def drawn_now(car: Car, t_ns: int) -> float | None:
    """Return the current that is drawn, in A; 0 for a car that does not give it but stands; None: nobody knows."""
    if not car.has(CURRENT):
        return 0.0 if car.value(SPEED) == 0 else None
    current = car.read(CURRENT)
    amperes = number(current)
    return None if amperes is None or abs(t_ns - current.t_ns) > FRESH_NS else -amperes


@app.every(1.0)
def look(car: Car) -> None:
    """Judge what changes slowly; report and show."""
    t_ns = car.now_ns
    if not car.has(CELL_MAX) and (fresh := [v for at, v in cells.values() if t_ns - at < STALE_NS]):
        take_cells(car, t_ns, min(fresh), max(fresh))
    charge = car.value(SHOWN, car.value(CHARGE))
    judge_temperatures(car, t_ns)
    judge_charge(car, t_ns, charge)
    judge_limits(car, t_ns, charge)
    checks.report(car)
    show(car, charge)


def temperatures(car: Car) -> tuple[float | None, float | None]:
    """Return the highest and the lowest temperature that the car gives."""
    fresh = [v for at, v in places.values() if car.now_ns - at < STALE_NS]
    hot = car.value(HOTTEST, max(fresh, default=car.value(MEAN)))
    return hot, car.value(COLDEST, min(fresh, default=car.value(MEAN)))


def judge_temperatures(car: Car, t_ns: int) -> None:
    """Judge heat, unevenness, and charging while cold or warm."""
    hot, cold = temperatures(car)
    warm, uneven = float(car.settings["warm"]), float(car.settings["uneven"])
    why = f"the battery is at {hot} degC"
    checks.above(t_ns, "warm", hot, warm, warm - 3, why)
    checks.above(t_ns, "hot", hot, warm + 10, warm + 7, why)
    apart = None if hot is None or cold is None else hot - cold
    checks.above(
        t_ns, "uneven temperature", apart, uneven, uneven - 2, f"it is {apart} K warmer in one place than another"
    )
    watts = car.value(POWER, 0.0)
    charging = car.value(CHARGING, default=False) is True and watts > 0
    why = f"it is charged with {watts / 1000:.1f} kW at {cold} degC"
    frozen = None if cold is None else charging and watts > SOME_W and cold < 0
    checks.judge(t_ns, "charged below freezing", frozen, why)
    why = f"it is charged with {watts / 1000:.1f} kW at {hot} degC"
    heated = None if hot is None else charging and watts > FAST_W and hot > FAST_WARM_C
    checks.judge(t_ns, "charged fast while warm", heated, why)


def judge_charge(car: Car, t_ns: int, charge: float | None) -> None:
    """Judge how full it is kept, and count how it is charged."""
    global charged_from, charged_by_w, full_since_ns  # noqa: PLW0603 - a module's globals are one run's own
    if charge is None:
        return
    was_low = checks.counts("nearly empty")
    checks.below(t_ns, "nearly empty", charge, LOW, LOW + 3, f"only {charge:g} % are left")
    counts["lows"] += checks.counts("nearly empty") and not was_low
    stands = car.value(SPEED, 0.0) == 0
    if charge > (HIGH if full_since_ns is None else FULL) and stands:
        full_since_ns = t_ns if full_since_ns is None else full_since_ns
    else:
        full_since_ns = None
    hours = 0.0 if full_since_ns is None else (t_ns - full_since_ns) / NS / 3600
    why = f"it has stood above {HIGH:g} % for {hours:.1f} h"
    checks.judge(t_ns, "full for long", hours > float(car.settings["full_hours"]), why)
    charging = car.value(CHARGING)
    if charging is True:
        charged_from = charge if charged_from is None else charged_from
        charged_by_w = max(charged_by_w, car.value(POWER, 0.0))
    elif charging is False and charged_from is not None:
        counts["charges"] += 1
        counts["charged_high"] += charge > HIGH
        counts["charged_fast"] += charged_by_w > FAST_W
        car.report("charged", start=charged_from, end=charge, most_kw=round(charged_by_w / 1000, 1))
        charged_from, charged_by_w = None, 0.0


def judge_limits(car: Car, t_ns: int, charge: float | None) -> None:
    """Judge the power that the battery gives, and its health."""
    global at_limit_s, most_out_seen  # noqa: PLW0603
    most = car.value(MOST_OUT)
    if most is not None:
        most_out_seen = max(most_out_seen, most)
        at_limit_s += most > 0 and -car.value(POWER, 0.0) >= 0.95 * most * 1000
        ratio = most / most_out_seen if most_out_seen else 1.0
        why = f"the battery gives only {most:g} kW of the {most_out_seen:g} kW it gave before, at {charge} %"
        checks.below(t_ns, "power reduced", ratio, 0.4, 0.5, why)
    health, limit = car.value(HEALTH), float(car.settings["health"])
    checks.below(t_ns, "aged", health, limit, limit + 2, f"{health} % of its capacity are left")


def show(car: Car, charge: float | None) -> None:
    """Show verdict and values."""
    hot, cold = temperatures(car)
    slope, full = spread.slope_ohm, 0.0 if full_since_ns is None else (car.now_ns - full_since_ns) / NS
    by_voltage = sorted(cells, key=lambda name: cells[name][1])
    car.show(
        verdict=checks.level.name.lower(),
        reasons="; ".join(checks.reasons),
        spread=spread.at_rest_v,
        resistance_spread=None if slope is None else slope * 1000,
        lowest_cell=by_voltage[0].removesuffix(".Voltage") if by_voltage else None,
        highest_cell=by_voltage[-1].removesuffix(".Voltage") if by_voltage else None,
        hottest=hot,
        coldest=cold,
        charge=charge,
        time_full=full,
        at_limit=at_limit_s if car.has(MOST_OUT) else None,
        unseen=unseen(car),
        **counts,
    )


def unseen(car: Car) -> str:
    """Return what is not judged, for the car does not give it."""
    parts = {
        "cell voltages": car.has(CELL_MAX) or bool(cells),
        "temperatures": any(map(car.has, (HOTTEST, COLDEST, MEAN))) or bool(places),
        "charging": car.has(CHARGING),
        "power limits": car.has(MOST_OUT),
        "state of health": car.has(HEALTH),
    }
    return ", ".join(name for name, seen in parts.items() if not seen)
