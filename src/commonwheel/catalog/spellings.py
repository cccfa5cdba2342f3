"""How units are written: VSS's names, the spellings of CAN databases, and what encodings do to them.

Text flows in, a definition in the names of ``units.DEFINITIONS`` flows out. The tables hold only
spellings that mean one thing in a car; the two that do not (``g``, ``nm``) have their other meaning in
``SECOND_MEANINGS``, and the unit they are converted to decides.
"""

from __future__ import annotations

import functools
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NO_UNIT", "SECOND_MEANINGS", "VSS_UNITS", "parse", "tidy"]

_VSS = """
mm = millimetre
cm = centimetre
m = metre
km = kilometre
inch = inch
km/h = kilometre / hour
m/s = metre / second
m/s^2 = metre / second ** 2
cm/s^2 = centimetre / second ** 2
ml = millilitre
l = litre
cm^3 = centimetre ** 3
Celsius = degree_Celsius
Fahrenheit = degree_Fahrenheit
degrees = degree
degrees/s = degree / second
rad/s = radian / second
W = watt
kW = kilowatt
PS = metric_horsepower
kWh = kilowatt * hour
g = gram
kg = kilogram
lbs = pound
V = volt
A = ampere
Ah = ampere * hour
ms = millisecond
s = second
min = minute
h = hour
day = day
weeks = week
months = month
years = year
unix-time = unix_second
mbar = millibar
Pa = pascal
kPa = kilopascal
psi = psi
stars = star
g/s = gram / second
g/km = gram / kilometre
kWh/100km = kilowatt * hour / hectokilometre
Wh/km = watt * hour / kilometre
ml/100km = millilitre / hectokilometre
l/100km = litre / hectokilometre
l/h = litre / hour
mpg-us = mile / us_gallon
mpg-uk = mile / imperial_gallon
mpge = mile / gallon_equivalent
mpg = mile / us_gallon
km/l = kilometre / litre
N = newton
kN = kilonewton
Nm = newton * metre
rpm = revolution / minute
Hz = hertz
cpm = cycle / minute
bpm = beat / minute
ratio = ratio
percent = percent
nm/km = nanometre / kilometre
dBm = decibel_milliwatt
dB = decibel
Ohm = ohm
lx = lux
"""

_SPELLINGS = """
metre = meter metres meters mtr
kilometre = kilometer kilometers kilometres kms
hectokilometre = hectokilometre
inch = in inches "
foot = ft feet foot
mile = mi mile miles
nanometre = nm
newton * metre = NM
kilometre / hour = kph kmh kmph km/hr km/hour
mile / hour = mph mi/h mi/hr
pound_force = lbf
metre / second = mps m/sec
knot = kn knot knots
standard_gravity = G gn g0 grav
litre = L liter litre liters litres ltr
centimetre ** 3 = cc ccm
us_gallon = gal gallon gallons
degree_Celsius = degC °C degreeC degreesC C centigrade ℃
degree_Fahrenheit = degF °F degreeF degreesF F ℉
kelvin = K kelvin degK
degree = deg ° degree degs
radian = rad radian radians
revolution = rev revs revolution turn
degree / second = dps
revolution / minute = 1/min /min U/min r/min tr/min min-1 min^-1 upm
hertz = 1/s /s s-1 s^-1 1/sec hertz
watt = watt watts
watt * hour = Wh
megawatt * hour = MWh
watt * second = Ws
horsepower = hp bhp
joule = J joule joules
pound = lb pound pounds
tonne = t ton tonne
volt = volt volts
ampere = amp amps ampere amperes
milliampere * hour = mAh
ampere * second = As
ohm = ohms
second = sec secs second seconds
millisecond = msec msecs millisecond milliseconds
minute = mins minute minutes
hour = hr hrs hour hours
day = d days
week = week
month = month
year = year yr
bar = bar
pascal = pascal
percent = % pct perc prc %RH %rel
part_per_million = ppm
ratio = factor fraction
lux = lux
newton = newton
"""


def _rows(table: str) -> list[tuple[str, str]]:
    return [(left, right) for left, _, right in (row.partition(" = ") for row in table.strip().splitlines())]


VSS_UNITS: Mapping[str, str] = MappingProxyType(dict(_rows(_VSS)))
"""Every unit of VSS 6.0 that measures something; ``iso8601`` does not, it is a way to write a time."""

SECOND_MEANINGS: Mapping[str, str] = MappingProxyType({"g": "standard_gravity", "nm": "newton * metre"})
"""What else a spelling may mean, when its first meaning does not convert to what is asked for."""

_NO_UNIT = "- -- # 1 none n/a unitless number no count counts cnt bit bits bool enum flag raw step steps"
NO_UNIT = frozenset({"", *_NO_UNIT.split()})
"""Ways to say that a number has no unit, in lower case."""

_PREFIXES = {
    "k": "kilo",
    "M": "mega",
    "m": "milli",
    "u": "micro",
    "µ": "micro",
    "h": "hecto",
    "d": "deci",
    "c": "centi",
}
_PREFIXED = {
    "metre": ("m", "cdkmuµ"),
    "second": ("s", "muµ"),
    "gram": ("g", "kmuµ"),
    "litre": ("lL", "cdmuµ"),
    "bar": (("bar",), "m"),
    "pascal": (("Pa",), "hkM"),
    "volt": ("V", "kMmuµ"),
    "ampere": ("A", "kMmuµ"),
    "watt": ("W", "kMmuµ"),
    "newton": ("N", "kMmuµ"),
    "hertz": (("Hz",), "kMmuµ"),
    "joule": ("J", "kMmuµ"),
    "ohm": (("Ohm", "\u03a9", "\u2126"), "kMmuµ"),
}
"""Unit to its symbols and the prefixes in use with them; ohm by name, letter omega and ohm sign."""

_REPAIRS = str.maketrans(
    dict.fromkeys("\u00c2\u00c3\u201a\u0082", "")  # left behind when Latin-1 was read for UTF-8
    | dict.fromkeys("\ufffd\u00ba\u02da\u00f8", "°")  # lost, or typed as an ordinal, a ring or an o
    | dict.fromkeys("·\u22c5×", "*")
    | {"²": "^2", "³": "^3", "\u03bc": "µ"}
)
_FACTOR = re.compile(r"(?P<symbol>[^\d^]+)(?:\^?(?P<power>-?\d))?")


def tidy(text: str) -> str:
    """Return a unit's text without blanks and brackets, with whole degree signs and plain exponents.

    A degree sign that went through the wrong encoding, or was typed as its lookalike, is one again.
    """
    return "".join(text.translate(_REPAIRS).split()).replace("**", "^").strip("[]")


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> str | None:
    """Return the definition of a tidy unit text (empty: no unit), or None when it is not known here."""
    if text in VSS_UNITS:
        return VSS_UNITS[text]
    if text.casefold() in NO_UNIT:
        return ""
    return _symbol(text) or _composite(text)


@functools.cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """Return spelling to unit, and the same without case where that leaves one meaning."""
    exact: dict[str, str] = {}
    for unit, (symbols, prefixes) in _PREFIXED.items():
        for symbol in symbols:
            exact |= {symbol: unit, **{prefix + symbol: _PREFIXES[prefix] + unit for prefix in prefixes}}
    for unit, spellings in _rows(_SPELLINGS):
        exact |= dict.fromkeys(spellings.split(), unit)
    exact |= VSS_UNITS
    folded: dict[str, set[str]] = {}
    for spelling, unit in exact.items():
        folded.setdefault(spelling.casefold(), set()).add(unit)
    return exact, {spelling: units.pop() for spelling, units in folded.items() if len(units) == 1}


def _symbol(text: str) -> str | None:
    exact, folded = _tables()
    return exact.get(text) or folded.get(text.casefold())


def _composite(text: str) -> str | None:
    """Read products and quotients: ``N.m``, ``m/s2``, ``kWh/100km``, ``°/s``."""
    over: list[str] = []
    under: list[str] = []
    for i, part in enumerate(text.replace("100km", "hectokilometre").split("/")):
        if i == 0 and part in {"1", ""}:
            continue
        for factor in re.split(r"[*.]|-(?!\d)", part):
            term = _factor(factor)
            if term is None:
                return None
            (under if i else over).append(f"({term})")
    return " / ".join([" * ".join(over) or "1", *under])


def _factor(text: str) -> str | None:
    match = _FACTOR.fullmatch(text)
    if match is None:
        return None
    unit = _symbol(match["symbol"])
    if unit is None:
        return None
    return f"({unit}) ** {match['power']}" if match["power"] else unit
