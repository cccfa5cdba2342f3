"""Everything Commonwheel raises for wrong input from outside.

::

    CommonwheelError
    ├── CatalogError        a standard tree, profile or path pattern cannot be used
    ├── DatabaseError       a CAN database cannot be read, even after repairs
    ├── DescriptionError    a vehicle description has faults (all of them, in ``faults``)
    ├── AppError            an app has faults (all of them, in ``faults``), or did what it did not declare
    ├── EnvelopeError       an envelope of the guard contradicts itself (all that is wrong, in ``problems``)
    ├── ConfigError         a service cannot be as it is asked to be (all faults, in ``faults``)
    ├── LogError            a log cannot be read at all, or its car cannot be told
    ├── EncodeError         a value cannot be put on the wire
    ├── OutputError         a result cannot be written
    ├── UnreachableError    a car's server cannot be reached, or went away in the middle
    └── MissingExtraError   an optional part of the installation is needed

    CommonwheelWarning      a result that is probably not what was meant (a log read as another car's)

Each message says what is wrong, where, and what to do. A bad *line* in a log or a bad *value* in a
frame is not an error: the first is accounted for in the log's report, the second carries a quality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "AppError",
    "CatalogError",
    "CommonwheelError",
    "CommonwheelWarning",
    "ConfigError",
    "DatabaseError",
    "DescriptionError",
    "EncodeError",
    "EnvelopeError",
    "Fault",
    "LogError",
    "MissingExtraError",
    "OutputError",
    "UnreachableError",
]


class CommonwheelError(Exception):
    """Root of all errors raised for wrong input from outside."""


class CommonwheelWarning(UserWarning):
    """A result is there, and something speaks against it; says what."""


class CatalogError(CommonwheelError):
    """A standard tree, a profile or a path pattern cannot be used."""


class DatabaseError(CommonwheelError):
    """A CAN database cannot be read, even by the tolerant loader."""


class LogError(CommonwheelError):
    """A log cannot be read at all, or the car that made it cannot be told."""


class EncodeError(CommonwheelError):
    """A value cannot be put on the wire."""


class OutputError(CommonwheelError):
    """A result cannot be written where it was asked for."""


class UnreachableError(CommonwheelError):
    """A car's server cannot be reached, or went away in the middle of a call."""


class MissingExtraError(CommonwheelError):
    """A feature needs a part of the installation that is not there."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra: pip install 'commonwheel[{extra}]'")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault in a file: where, what, and what would be right."""

    file: Path
    line: int
    """From 1; 0 when the file as a whole is meant."""
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class DescriptionError(CommonwheelError):
    """A vehicle description has faults; ``faults`` holds every one, in file order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConfigError(CommonwheelError):
    """A service cannot be as its configuration says; ``faults`` holds every one, in file order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class EnvelopeError(CommonwheelError):
    """Limits that the guard is to keep contradict themselves; ``problems`` holds all that is wrong, one text each."""

    def __init__(self, car: str, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(f"{car}: {problem}" for problem in self.problems))


class AppError(CommonwheelError):
    """An app cannot be run as it is, or does what it has not declared; ``faults`` holds every one that has a place."""

    def __init__(self, what: str | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = () if isinstance(what, str) else tuple(sorted(what))
        super().__init__(what if isinstance(what, str) else "\n".join(str(fault) for fault in self.faults))
