"""The nodes of a catalog: leaves, which are signals, and the branches that hold them.

Both are plain values. What a tree states beyond the fields here (identifiers, marks of overlays) is
kept in ``extra``, under the names the tree uses.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INTEGER_RANGES", "NUMERIC_DATATYPES", "SCALAR_DATATYPES", "Branch", "Kind", "Leaf"]

INTEGER_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "uint8": (0, 2**8 - 1),
        "int8": (-(2**7), 2**7 - 1),
        "uint16": (0, 2**16 - 1),
        "int16": (-(2**15), 2**15 - 1),
        "uint32": (0, 2**32 - 1),
        "int32": (-(2**31), 2**31 - 1),
        "uint64": (0, 2**64 - 1),
        "int64": (-(2**63), 2**63 - 1),
    }
)
"""What each integer datatype can hold, both ends included."""

NUMERIC_DATATYPES = frozenset({*INTEGER_RANGES, "float", "double"})
"""Datatypes of numbers, without arrays."""

SCALAR_DATATYPES = frozenset({*NUMERIC_DATATYPES, "boolean", "string"})
"""Every datatype of VSS but arrays and structs."""

_NOTHING: Mapping[str, object] = MappingProxyType({})


def _nothing() -> Mapping[str, object]:
    return _NOTHING


class Kind(enum.Enum):
    """What may happen to a signal's value."""

    SENSOR = "sensor"
    """It changes by itself and is only read."""
    ACTUATOR = "actuator"
    """It is read, and a target may be asked for."""
    ATTRIBUTE = "attribute"
    """It is a fixed fact about the vehicle."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One signal of the standard."""

    path: str
    """Full name, levels parted by dots: ``Vehicle.Speed``."""
    kind: Kind
    datatype: str
    """A VSS datatype: ``float``, ``uint8[]``, ``string``, … or the name of a struct."""
    unit: str | None = None
    """Unit as VSS names it (``km/h``), or None for a bare number."""
    minimum: float | None = None
    """Smallest value allowed, in the unit; None where the tree states none."""
    maximum: float | None = None
    """Largest value allowed, in the unit; None where the tree states none."""
    allowed: tuple[str | float | bool, ...] = ()
    """Every value allowed, in the tree's order; empty where the tree states none."""
    default: object = None
    description: str = ""
    comment: str = ""
    overlay: bool = False
    """True when an overlay added or refined this leaf."""
    pattern: str | None = None
    """Regular expression that a string has to match."""
    arraysize: int | None = None
    """Number of elements, for an array of fixed size."""
    deprecation: str | None = None
    """Since when and by what the leaf is replaced, when it is."""
    extra: Mapping[str, object] = field(default_factory=_nothing, hash=False)
    """Everything else the tree states of this leaf."""

    @property
    def name(self) -> str:
        """The last level of the path."""
        return self.path.rpartition(".")[2]

    @property
    def element(self) -> str:
        """The datatype of one element: that of the leaf itself, unless it is an array."""
        return self.datatype.removesuffix("[]")

    @property
    def is_array(self) -> bool:
        """True for an array of any datatype."""
        return self.datatype.endswith("[]")

    @property
    def is_numeric(self) -> bool:
        """True for a single number, integer or not."""
        return self.datatype in NUMERIC_DATATYPES

    @property
    def is_struct(self) -> bool:
        """True for a struct datatype or an array of them, which are kept as opaque names."""
        return self.element not in SCALAR_DATATYPES

    @property
    def refines(self) -> str | None:
        """What VSS states in the place of this overlay leaf, or None for a leaf of its own."""
        value = self.extra.get("refines")
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Branch:
    """One inner node of the standard."""

    path: str
    description: str = ""
    comment: str = ""
    overlay: bool = False
    """True when an overlay added this branch."""
    deprecation: str | None = None
    extra: Mapping[str, object] = field(default_factory=_nothing, hash=False)
    """Everything else the tree states of this branch."""
