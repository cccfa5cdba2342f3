"""Numbers with their units, as people write them in parameters and scenarios: ``50 km/h``, ``80 %``, ``-5 degC``.

A number without a unit is refused wherever one is meant: what is a metre to one is a mile to another.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.catalog.units import conversion
from commonwheel.errors import CatalogError
from commonwheel.vehicles.yamltree import SHOWN

if TYPE_CHECKING:
    from commonwheel.vehicles.yamltree import Node, Reader

__all__ = ["Bounds", "quantity"]

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*(.*?)\s*", re.DOTALL)
_SPELLINGS = {"degC": "Celsius", "degF": "Fahrenheit", "degrees": "deg", "mph": "mi/h", "hours": "h", "%": "percent"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a quantity may be, in the unit it is read in; both ends included."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def describe(self, unit: str) -> str:
        """Return 'from 0 to 100 km', 'at least 0 s', ..., for a message."""
        if math.isinf(self.low):
            return f"at most {self.high:g} {unit}".strip()
        if math.isinf(self.high):
            return f"at least {self.low:g} {unit}".strip()
        return f"from {self.low:g} to {self.high:g} {unit}".strip()


def quantity(
    reader: Reader,
    node: Node | None,
    what: str,
    unit: str,
    *,
    within: Bounds = Bounds(),
    default: float = 0.0,
    difference: bool = False,
) -> float:
    """Return a quantity in a unit; a wrong one becomes a fault of *reader*, and *default*.

    Args:
        reader: takes the faults.
        node: what is written; None gives *default*.
        what: what to call it in a message, as in "'for'".
        unit: the unit of the result, as catalogs and databases write it; '' for bare numbers and shares (50 % is 0.5).
        within: what it may be, in *unit*.
        default: for nothing, and after a fault.
        difference: it is one of two values, so that 40 K is 40 degrees and not -233.
    """
    if node is None:
        return default
    value = _converted(reader, node, what, unit, difference=difference)
    if value is None:
        return default
    if value not in within:
        reader.fault(node, f"{what} is {within.describe(unit or '(1 is 100 %)')}, not {_shown(node)}")
        return default
    return value


def _converted(reader: Reader, node: Node, what: str, unit: str, *, difference: bool) -> float | None:
    example = f"such as '{_example(unit)}'"
    if isinstance(node.value, bool) or not isinstance(node.value, int | float | str):
        reader.fault(node, f"{what} is a quantity {example}, not {node.describe()}")
        return None
    found = _NUMBER.fullmatch(str(node.value))
    number = float(found[1]) if found else math.nan
    if found is None or not math.isfinite(number):
        reader.fault(node, f"{what} is a quantity {example}, not '{_shown(node)}'")
        return None
    given = _SPELLINGS.get(found[2], found[2])
    if not given and unit and number:
        reader.fault(node, f"{what} needs its unit, {example}, not {_shown(node)}")
        return None
    if not given or given == unit:
        return number
    try:
        factor, offset = conversion(given, _SPELLINGS.get(unit, unit) or "ratio")
    except CatalogError:
        reader.fault(node, f"{what} is a quantity {example}; '{found[2][:SHOWN]}' is no unit for it")
        return None
    return number * factor + (0.0 if difference else offset)


_EXAMPLES = {
    "m/s": "50 km/h",
    "s": "30 s",
    "": "80 %",
    "m": "1.2 km",
    "Celsius": "20 degC",
    "W": "6.6 kW",
    "deg": "90 deg",
}


def _example(unit: str) -> str:
    return _EXAMPLES.get(unit, f"1 {unit}")


def _shown(node: Node) -> str:
    text = str(node.value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
