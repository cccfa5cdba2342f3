"""Which parts of an entry a client of kuksa.val.v1 asks for: a view, and fields beside it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ALL_PARTS", "Field", "View", "Wanted", "fields_of", "wanted_by_get", "wanted_by_subscribe"]


class View(enum.IntEnum):
    """kuksa.val.v1.View."""

    UNSPECIFIED = 0
    CURRENT_VALUE = 1
    TARGET_VALUE = 2
    METADATA = 3
    FIELDS = 10
    ALL = 20


class Field(enum.IntEnum):
    """kuksa.val.v1.Field."""

    UNSPECIFIED = 0
    PATH = 1
    VALUE = 2
    ACTUATOR_TARGET = 3
    METADATA = 10
    METADATA_DATA_TYPE = 11
    METADATA_DESCRIPTION = 12
    METADATA_ENTRY_TYPE = 13
    METADATA_COMMENT = 14
    METADATA_DEPRECATION = 15
    METADATA_UNIT = 16
    METADATA_VALUE_RESTRICTION = 17
    METADATA_ACTUATOR = 20
    METADATA_SENSOR = 30
    METADATA_ATTRIBUTE = 40


ALL_PARTS: Final = frozenset(field for field in Field if field > Field.METADATA)
"""Everything that metadata consists of."""

_OF_VIEW: Final = {
    View.UNSPECIFIED: frozenset[Field](),
    View.CURRENT_VALUE: frozenset({Field.VALUE}),
    View.TARGET_VALUE: frozenset({Field.ACTUATOR_TARGET}),
    View.METADATA: frozenset({Field.METADATA}),
    View.FIELDS: frozenset[Field](),
    View.ALL: frozenset({Field.VALUE, Field.ACTUATOR_TARGET, Field.METADATA}),
}
_NUMBERS: Final = frozenset(Field)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of an entry is asked for; its path always is."""

    value: bool = False
    target: bool = False
    parts: frozenset[Field] = frozenset()
    """Which parts of the metadata."""

    @property
    def reads(self) -> bool:
        """Whether the right to read is needed; what signals there are, every client may know."""
        return self.value or self.target

    @classmethod
    def of(cls, fields: frozenset[Field]) -> Wanted:
        """Return what a set of fields means."""
        parts = ALL_PARTS if Field.METADATA in fields else fields & ALL_PARTS
        return cls(Field.VALUE in fields, Field.ACTUATOR_TARGET in fields, parts)

    def __or__(self, other: Wanted) -> Wanted:
        """Return what either asks for."""
        return Wanted(self.value or other.value, self.target or other.target, self.parts | other.parts)


def fields_of(numbers: Iterable[int]) -> frozenset[Field]:
    """Return the fields of these numbers; numbers that name none are passed over, as KUKSA does."""
    return frozenset(Field(number) for number in numbers if number in _NUMBERS)


def wanted_by_get(view: int, fields: Iterable[int]) -> Wanted:
    """Return what an entry of a Get asks for: what the view shows, and the fields beside it.

    Raises:
        BrokerError: INVALID; there is no such view.
    """
    chosen = fields_of(fields)
    shown = _OF_VIEW[_view(view)] | chosen
    if view == View.UNSPECIFIED and not chosen:
        shown = _OF_VIEW[View.CURRENT_VALUE]
    return Wanted.of(shown)


def wanted_by_subscribe(view: int, fields: Iterable[int]) -> Wanted:
    """Return what an entry of a Subscribe asks for: its fields; where there are none, what the view shows.

    Raises:
        BrokerError: INVALID; there is no such view.
    """
    chosen = fields_of(fields)
    shown = _OF_VIEW[_view(view)]
    return Wanted.of(chosen or shown or _OF_VIEW[View.CURRENT_VALUE])


def _view(number: int) -> View:
    try:
        return View(number)
    except ValueError:
        known = ", ".join(f"{view.value} {view.name}" for view in View)
        raise BrokerError(Reason.INVALID, f"there is no view {number}; views are {known}") from None
