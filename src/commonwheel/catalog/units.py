"""Units: what the standard and the databases write, as pint units, and how one becomes another.

``conversion`` returns the factor and offset of ``target = source * factor + offset``, computed with
exact fractions and rounded once. Units that measure different things do not convert; nor does a turn
to a plain number or to a frequency, although the SI gives all three no dimension of their own.

pint takes a while to import, so it is imported when the first unit is looked at.
"""

from __future__ import annotations

import functools
from difflib import get_close_matches
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from commonwheel.catalog.spellings import NO_UNIT, SECOND_MEANINGS, VSS_UNITS, parse, tidy
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pint import Unit, UnitRegistry
    from pint.facets.plain import PlainUnit  # what pint's products are typed as

    _Convert = Callable[[Fraction, object, object], Fraction]

__all__ = ["conversion", "dimension", "is_offset", "to_pint"]

DEFINITIONS = """
hecto- = 100
kilo- = 1000
mega- = 1000000
deci- = 1/10
centi- = 1/100
milli- = 1/1000
micro- = 1/1000000
nano- = 1/1000000000

metre = [length] = m
second = [time] = s
gram = [mass] = g
ampere = [current] = A
kelvin = [temperature] = K
candela = [luminosity] = cd
decibel = [level] = dB
decibel_milliwatt = [milliwatt_level] = dBm
unix_second = [instant]
star = [rating]

ratio = []
percent = 1/100 = %
part_per_million = 1/1000000 = ppm
radian = [] = rad
revolution = 6.28318530717958647692528676655900576839433879875 * radian = rev
degree = revolution / 360 = deg

inch = 0.0254 * metre
foot = 12 * inch
mile = 5280 * foot
hectokilometre = 100 * kilometre
minute = 60 * second = min
hour = 60 * minute = h
day = 24 * hour
week = 7 * day
year = 365.25 * day
month = year / 12
knot = 1852 * metre / hour
standard_gravity = 9.80665 * metre / second ** 2
litre = metre ** 3 / 1000 = l
us_gallon = 231 * inch ** 3
imperial_gallon = 4.54609 * litre
tonne = 1000 * kilogram
pound = 0.45359237 * kilogram = lb
newton = kilogram * metre / second ** 2 = N
pound_force = pound * standard_gravity
psi = pound_force / inch ** 2
pascal = newton / metre ** 2 = Pa
bar = 100000 * pascal
joule = newton * metre = J
watt = joule / second = W
metric_horsepower = 75 * kilogram * standard_gravity * metre / second
horsepower = 550 * foot * pound_force / second
gallon_equivalent = 33.7 * kilowatt * hour
volt = watt / ampere = V
ohm = volt / ampere
lux = candela / metre ** 2 = lx
hertz = 1 / second = Hz
cycle = []
beat = []
degree_Celsius = kelvin; offset: 273.15 = °C
degree_Fahrenheit = 5 / 9 * kelvin; offset: 233.15 + 200 / 9 = °F
"""
"""Every unit known here; exact, except that a turn holds pi to 48 digits."""

_ANGLES = frozenset({"radian", "degree", "revolution"})
_FREQUENCIES = frozenset({"hertz", "cycle", "beat"})
_OFFSETS = frozenset({"degree_Celsius", "degree_Fahrenheit"})
_WORDS = """
length m, speed km/h, acceleration m/s^2, curvature 1/m, volume l, time s, mass kg, force N, torque or energy Nm,
power W, pressure Pa, temperature Celsius, voltage V, current A, charge Ah, resistance Ohm, mass flow g/s, light lx,
distance per volume km/l, volume per distance l/100km, energy per distance kWh/100km, level dB,
level over a milliwatt dBm, rating stars, a point in time unix-time
"""
_NOT_PHYSICAL = {"iso8601": "it is a way to write a time, and measures nothing"}


def to_pint(name: str | None) -> Unit:
    """Return a unit of the standard, or in a CAN database's spelling, as a pint unit.

    None, the empty text and what databases write instead (``-``) are the dimensionless unit. Units
    multiply, divide and take powers as pint's do; turns vanish in products, as radians do.

    Raises:
        CatalogError: the text is no unit that is known here.
    """
    return _lookup(name or "")


def conversion(source: str | PlainUnit | None, target: str | PlainUnit | None) -> tuple[float, float]:
    """Return (factor, offset) with ``value_in_target = value_in_source * factor + offset``.

    Raises:
        CatalogError: one of them is unknown, they measure different things, or no factor and offset
            lead from one to the other; says what does convert.
    """
    if isinstance(source, str | None) and isinstance(target, str | None):
        return (1.0, 0.0) if source == target else _convert_texts(source or "", target or "")
    return _convert(_as_unit(source), _as_unit(target), _shown(source), _shown(target))


def dimension(unit: str | PlainUnit | None) -> str:
    """Return what a unit measures, in a word or as pint writes it (``[length] ** 4``); for messages.

    Raises:
        CatalogError: the text is no unit that is known here.
    """
    unit = _as_unit(unit)
    dimensions = dict(unit.dimensionality)
    turns = _turns(unit)
    if not dimensions:
        return "angle" if turns else "a plain number"
    if dimensions == {"[time]": -1}:
        return "turns per time" if turns else "how often in a time"
    return _words().get(unit.dimensionality, str(unit.dimensionality))


def is_offset(unit: str | PlainUnit | None) -> bool:
    """Return whether zero of this unit is not nothing (degrees Celsius), so that it takes no product.

    Raises:
        CatalogError: the text is no unit that is known here.
    """
    return not _OFFSETS.isdisjoint(_parts(_as_unit(unit)))


@functools.cache
def _registry(*, exact: bool) -> UnitRegistry[float]:
    """Return the registry of public units, or its twin in fractions (which cannot print its units)."""
    from pint import UnitRegistry

    numbers = cast("type[float]", Fraction) if exact else float
    registry = UnitRegistry[float](cast("str", None), non_int_type=numbers)  # None: no definitions but ours
    registry.load_definitions(DEFINITIONS.strip().splitlines())
    return registry


@functools.cache
def _words() -> dict[object, str]:
    rows = (row.strip().rpartition(" ") for row in _WORDS.replace("\n", " ").split(","))
    return {to_pint(name).dimensionality: word for word, _, name in rows}


def _as_unit(unit: str | PlainUnit | None) -> PlainUnit:
    return to_pint(unit) if isinstance(unit, str | None) else unit


def _parts(unit: PlainUnit) -> Mapping[str, float]:
    """Return the units that a unit is made of, with their exponents; prefixes are part of the names."""
    return cast("Mapping[str, float]", unit._units)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _turns(unit: PlainUnit) -> float:
    """Return the power of turning that is in a unit: 1 for rpm, 0 for Hz."""
    return sum(exponent for name, exponent in _parts(unit).items() if name in _ANGLES)


@functools.lru_cache(maxsize=4096)
def _lookup(name: str) -> Unit:
    text = tidy(name)
    definition = parse(text)
    if definition is None:
        raise CatalogError(_unknown(name, text))
    return _define(definition)


@functools.cache
def _define(definition: str) -> Unit:
    return _registry(exact=False).parse_units(definition)


@functools.lru_cache(maxsize=4096)
def _convert_texts(source: str, target: str) -> tuple[float, float]:
    """Convert between texts: no text at all is no unit, and some texts have a second meaning."""
    units = to_pint(source), to_pint(target)
    bare = [tidy(text).casefold() in NO_UNIT for text in (source, target)]
    if bare[0] != bare[1] and _define("ratio") not in units:
        missing, stated = ("first", target) if bare[0] else ("second", source)
        message = f"{_shown(source)} does not convert to {_shown(target)}: the {missing} has no unit"
        hint = "; write 'ratio' where 1 is the whole, 'percent' where 100 is" if stated in {"percent", "%"} else ""
        raise CatalogError(message + hint)
    meanings = [[unit] for unit in units]
    for meaning, text in zip(meanings, (source, target), strict=True):
        meaning.extend(_define(other) for key, other in SECOND_MEANINGS.items() if key == tidy(text))
    fitting = [(a, b) for a in meanings[0] for b in meanings[1] if a.dimensionality == b.dimensionality]
    return _convert(*(fitting or [units])[0], _shown(source), _shown(target))


def _convert(source: PlainUnit, target: PlainUnit, source_text: str, target_text: str) -> tuple[float, float]:
    obstacle = _obstacle(source, target)
    if obstacle:
        message = f"{source_text} does not convert to {target_text}: {obstacle}"
        raise CatalogError(message)
    from pint.errors import PintError

    exact = _registry(exact=True)
    start, end = (exact.UnitsContainer({name: Fraction(n) for name, n in _parts(u).items()}) for u in (source, target))
    try:
        # pint's own types leave the conversion open
        convert = cast("_Convert", exact.convert)  # pyright: ignore[reportUnknownMemberType]
        zero, one = (convert(Fraction(value), start, end) for value in (0, 1))
    except PintError as error:
        message = f"{source_text} does not convert to {target_text}: {error}"
        raise CatalogError(message) from error
    return float(one - zero), float(zero)


def _obstacle(source: PlainUnit, target: PlainUnit) -> str:
    """Return why no factor and offset lead from one unit to the other; empty when they do."""
    ours, theirs = source.dimensionality, target.dimensionality
    if ours and ours == theirs**-1:
        return "one is the reciprocal of the other, so no factor and offset lead there"
    different = f"the first measures {dimension(source)}, the second {dimension(target)}"
    if ours != theirs:
        siblings = [name for name in VSS_UNITS if _alike(to_pint(name), target)]
        hint = f"; to that convert {', '.join(siblings[:6])}" if siblings else ""
        return different + hint
    return "" if _alike(source, target) else different


def _alike(source: PlainUnit, target: PlainUnit) -> bool:
    """Return whether two units measure the same thing, turns and frequencies told apart."""
    dimensions = source.dimensionality
    if dimensions != target.dimensionality:
        return False
    if _turns(source) == _turns(target) or set(dimensions) - {"[time]"}:
        return True  # a turn may vanish in a product: torque times angular speed is power
    named = [unit for unit in (source, target) if not _FREQUENCIES.isdisjoint(_parts(unit))]
    return bool(dimensions) and not named


def _shown(unit: str | PlainUnit | None) -> str:
    if isinstance(unit, str | None):
        return f"{unit!r}" if unit else "a number without unit"
    return f"'{unit}'"


def _unknown(name: str, text: str) -> str:
    if text in _NOT_PHYSICAL:
        return f"{name!r} has no physical unit: {_NOT_PHYSICAL[text]}"
    near = get_close_matches(text, VSS_UNITS, 1, 0.7)
    hint = f"did you mean {near[0]!r}?" if near else "state one that is, such as 'km/h', 'degC' or 'Nm'"
    return f"{name!r} is no unit that is known here; {hint}"
