"""Units convert exactly, whatever their spelling, and refuse what is not a matter of factor and offset."""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.catalog.spellings import NO_UNIT, SECOND_MEANINGS, VSS_UNITS, parse, tidy
from commonwheel.catalog.units import conversion, dimension, is_offset, to_pint
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("source", "target", "factor", "offset"),
    [
        ("km", "m", 1000, 0),
        ("m", "km", 0.001, 0),
        ("mile", "km", 1.609344, 0),
        ("mph", "km/h", 1.609344, 0),
        ("km/h", "m/s", 1 / 3.6, 0),
        ("m/s", "km/h", 3.6, 0),
        ("knots", "km/h", 1.852, 0),
        ("degF", "Celsius", 5 / 9, float(Fraction(-160, 9))),
        ("Celsius", "Fahrenheit", 1.8, 32),
        ("K", "Celsius", 1, -273.15),
        ("rpm", "degrees/s", 6, 0),
        ("rad/s", "rpm", 30 / math.pi, 0),
        ("rad", "degrees", 180 / math.pi, 0),
        ("rev", "degrees", 360, 0),
        ("percent", "ratio", 0.01, 0),
        ("ratio", "percent", 100, 0),
        ("ppm", "percent", 0.0001, 0),
        ("kWh", "J", 3_600_000, 0),
        ("Wh", "kWh", 0.001, 0),
        ("Ah", "As", 3600, 0),
        ("mAh", "Ah", 0.001, 0),
        ("PS", "kW", 0.73549875, 0),
        ("bar", "kPa", 100, 0),
        ("mbar", "Pa", 100, 0),
        ("hPa", "kPa", 0.1, 0),
        ("psi", "kPa", 6.894757293168361, 0),
        ("l/100km", "ml/100km", 1000, 0),
        ("kWh/100km", "Wh/km", 10, 0),
        ("mpg-us", "km/l", 0.425143707430272, 0),
        ("mpg-uk", "km/l", 1.609344 / 4.54609, 0),
        ("min", "s", 60, 0),
        ("weeks", "day", 7, 0),
        ("cc", "l", 0.001, 0),
        ("inch", "mm", 25.4, 0),
        ("lbs", "kg", 0.45359237, 0),
        ("1/km", "1/m", 0.001, 0),
        ("Hz", "cpm", 60, 0),
        ("nm/km", "ratio", 1e-12, 0),
    ],
)
def test_conversions(source: str, target: str, factor: float, offset: float) -> None:
    """Each is exact to the last bit of a float, or to pi's."""
    assert conversion(source, target) == (pytest.approx(factor, rel=3e-16, abs=0), offset)


@pytest.mark.parametrize("unit", [*VSS_UNITS, "", None, "iso8601", "anything"])
def test_a_unit_is_itself(unit: str | None) -> None:
    assert conversion(unit, unit) == (1, 0)


@given(st.sampled_from(sorted(VSS_UNITS)), st.sampled_from(sorted(VSS_UNITS)), st.floats(-1e6, 1e6))
def test_conversions_lead_back(source: str, target: str, value: float) -> None:
    try:
        factor, offset = conversion(source, target)
    except CatalogError:
        with pytest.raises(CatalogError):
            conversion(target, source)
    else:
        back_factor, back_offset = conversion(target, source)
        assert (value * factor + offset) * back_factor + back_offset == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("spellings", "vss"),
    [
        ("km/h kph KPH kmh kmph Km/h KM/H km/hr", "km/h"),
        ("m/s M/S mps m/sec", "m/s"),
        ("m/s2 m/s^2 m/s² m/s**2 m/s/s m/sec^2 M/S2", "m/s^2"),
        ("deg ° º Â° \u00c3\u201a\u00c2\u00b0 ø \ufffd degree Deg [deg] DEG", "degrees"),
        ("deg/s °/s Â°/s deg/sec dps degree/s \ufffd/s", "degrees/s"),
        ("degC °C ºC Â°C \ufffdC C celsius ℃ °c DegC degreesC", "Celsius"),
        ("degF °F F fahrenheit ℉", "Fahrenheit"),
        ("% pct Percent %RH", "percent"),
        ("rpm RPM 1/min /min U/min rev/min r/min min-1 min^-1", "rpm"),
        ("Nm N.m N*m N·m NM N-m", "Nm"),
        ("kW KW kw", "kW"),
        ("V v Volt volts", "V"),
        ("A amp Amps", "A"),
        ("Ah AH A.h", "Ah"),
        ("kWh KWh kW*h", "kWh"),
        ("kPa KPa kpa", "kPa"),
        ("psi PSI", "psi"),
        ("s sec seconds S", "s"),
        ("ms msec", "ms"),
        ("min minutes", "min"),
        ("h hr hour", "h"),
        ("m meter metres", "m"),
        ("km Km kms", "km"),
        ("inch in", "inch"),
        ("l L litre Liter", "l"),
        ("l/h L/h", "l/h"),
        ("cm^3 cm3 cc cm³", "cm^3"),
        ("Ohm ohm Ω Ω", "Ohm"),
        ("Hz hz 1/s s^-1", "Hz"),
        ("g/s g/sec", "g/s"),
        ("l/100km L/100km", "l/100km"),
    ],
)
def test_spellings_of_databases_mean_the_standards_unit(spellings: str, vss: str) -> None:
    for spelling in spellings.split():
        if spelling in {"gram/s", "l/100KM"}:
            continue
        assert conversion(spelling, vss) == (1, 0), spelling


def test_blanks_and_brackets_mean_nothing() -> None:
    assert conversion(" [ deg C ] ", "Celsius") == (1, 0)
    assert conversion("km / h", "km/h") == (1, 0)


@pytest.mark.parametrize("text", sorted(NO_UNIT))
def test_no_unit_has_many_spellings(text: str) -> None:
    assert to_pint(text) == to_pint(None)
    assert conversion(text.upper(), None) == (1, 0)


class TestRefusals:
    @pytest.mark.parametrize(
        ("source", "target", "reason"),
        [
            ("V", "A", "the first measures voltage, the second current; to that convert A"),
            ("rpm", "km/h", "the second speed; to that convert km/h, m/s"),
            ("mpg", "l/100km", "one is the reciprocal of the other"),
            ("km/l", "l/100km", "one is the reciprocal of the other"),
            ("mpge", "kWh/100km", "one is the reciprocal of the other"),
            ("s", "Hz", "one is the reciprocal of the other"),
            ("deg", "percent", "the first measures angle, the second a plain number"),
            ("deg", "Celsius", "the first measures angle, the second temperature"),
            ("rpm", "Hz", "the first measures turns per time, the second how often in a time"),
            ("Hz", "degrees/s", "the second turns per time"),
            ("dB", "dBm", "level over a milliwatt"),
            ("stars", "percent", "the first measures rating"),
            ("unix-time", "s", "the first measures a point in time"),
            ("iso8601", "s", "it is a way to write a time, and measures nothing"),
            ("smoots", "m", "no unit that is known here"),
            ("km/hh", "km/h", "did you mean 'km/h'?"),
            ("mW", "MWh", "energy"),
        ],
    )
    def test_say_why(self, source: str, target: str, reason: str) -> None:
        with pytest.raises(CatalogError) as caught:
            conversion(source, target)
        assert reason in str(caught.value)

    @pytest.mark.parametrize(("source", "target"), [("", "percent"), ("%", ""), (None, "percent"), ("-", "%")])
    def test_a_bare_number_is_no_percentage(self, source: str | None, target: str | None) -> None:
        """A field without unit that holds 0..100 would come out as 10,000 percent."""
        with pytest.raises(CatalogError, match="write 'ratio' where 1 is the whole, 'percent' where 100 is"):
            conversion(source, target)
        assert conversion("ratio", "") == (1, 0)

    def test_a_bare_number_has_no_unit(self) -> None:
        with pytest.raises(CatalogError, match="'rpm' does not convert to a number without unit"):
            conversion("rpm", None)

    @pytest.mark.parametrize("text", ["mw", "m//s", "m/s^", "2m", "^2", "m^22", "/", "N..m"])
    def test_what_is_not_clear_is_not_guessed(self, text: str) -> None:
        with pytest.raises(CatalogError, match="no unit that is known here"):
            to_pint(text)


class TestTwoMeanings:
    def test_g_is_gram_or_gravity(self) -> None:
        assert conversion("g", "kg") == (0.001, 0)
        assert conversion("g", "m/s^2") == (9.80665, 0)
        assert conversion("m/s^2", "g") == (pytest.approx(1 / 9.80665), 0)
        assert conversion("G", "m/s^2") == (9.80665, 0)

    def test_nm_is_nanometre_or_newton_metre(self) -> None:
        assert conversion("nm", "Nm") == (1, 0)
        assert conversion("nm", "mm") == (1e-6, 0)

    def test_neither_is_what_else_is_asked_for(self) -> None:
        with pytest.raises(CatalogError, match="the first measures mass, the second voltage"):
            conversion("g", "V")
        assert set(SECOND_MEANINGS) == {"g", "nm"}


class TestExpressions:
    """What a checker of expressions needs of pint's units."""

    def test_products_and_quotients_convert(self) -> None:
        assert conversion(to_pint("V") * to_pint("A"), "kW") == (0.001, 0)
        assert conversion(to_pint("km") / to_pint("h"), to_pint("m/s")) == (1 / 3.6, 0)
        assert conversion(to_pint("m") ** 2, "m^2") == (1, 0)
        assert conversion(to_pint("m^2") ** 0.5, "m") == (1, 0)
        assert conversion(to_pint("V") / to_pint("V"), "percent") == (100, 0)

    def test_a_turn_vanishes_in_a_product(self) -> None:
        assert conversion(to_pint("Nm") * to_pint("rpm"), "W") == (pytest.approx(math.tau / 60), 0)
        assert conversion(to_pint("rad/s") / to_pint("m/s"), "1/m") == (1, 0)
        assert conversion(to_pint("1/m") * to_pint("m/s"), "rad/s") == (1, 0)

    def test_units_with_an_offset_are_known(self) -> None:
        assert is_offset("degC")
        assert is_offset(to_pint("Fahrenheit"))
        assert not is_offset("K")
        assert not is_offset(None)

    def test_an_offset_has_no_place_in_a_product(self) -> None:
        with pytest.raises(CatalogError, match="does not convert"):
            conversion(to_pint("Celsius") * to_pint("m"), to_pint("K") * to_pint("m"))
        assert conversion("degC/s", "K/s") == (1, 0)

    def test_dimensions_have_words(self) -> None:
        assert dimension("mph") == "speed"
        assert dimension("rpm") == "turns per time"
        assert dimension("Hz") == "how often in a time"
        assert dimension("°") == "angle"
        assert dimension("") == "a plain number"
        assert dimension("m^4") == "[length] ** 4"
        assert dimension(to_pint("V") * to_pint("A")) == "power"

    @pytest.mark.parametrize("name", VSS_UNITS)
    def test_a_unit_is_what_its_text_says(self, name: str) -> None:
        assert conversion(to_pint(name), name) == (1, 0)
        assert conversion(name, to_pint(name)) == (1, 0)

    def test_units_print_as_words(self) -> None:
        assert str(to_pint("km/h")) == "kilometre / hour"


@given(st.text(max_size=8) | st.text("kmMsh/^*.-12°CVAg ", max_size=8))
def test_any_text_is_a_unit_or_a_catalog_error(text: str) -> None:
    with contextlib.suppress(CatalogError):
        to_pint(text)
    assert tidy(tidy(text)) == tidy(text)


def test_the_tables_hold_nothing_unknown() -> None:
    from commonwheel.catalog.spellings import _tables

    exact, folded = _tables()
    for spelling in {*exact, *folded}:
        assert str(to_pint(spelling)) != "dimensionless"
    for text in ("", *VSS_UNITS):
        assert parse(text) is not None


@pytest.mark.real
@pytest.mark.oracle
def test_every_unit_of_vss_6_0_is_known(shared: Path) -> None:
    units = yaml.safe_load((shared / "vss" / "units.yaml").read_text(encoding="utf-8"))
    assert set(units) == {*VSS_UNITS, "iso8601"}
    by_quantity: dict[str, list[str]] = {}
    for name, unit in units.items():
        if name in VSS_UNITS:
            assert conversion(to_pint(name), name) == (1, 0)
            by_quantity.setdefault(unit["quantity"], []).append(name)
    for quantity in ("length", "volume", "mass", "duration", "pressure", "power", "velocity", "temperature", "angle"):
        for name in by_quantity[quantity]:
            assert conversion(name, by_quantity[quantity][0])[0] > 0
