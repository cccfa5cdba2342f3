"""What an app says of itself: what it reads, provides and asks for, and what it puts out."""

from __future__ import annotations

import msgspec

__all__ = ["Event", "Manifest", "Output", "Setting"]


class Output(msgspec.Struct, frozen=True):
    """A value that an app puts out for people and dashboards. It is the app's own, no signal of the standard."""

    unit: str = ""
    about: str = ""
    datatype: str = "float"
    """float, integer, boolean or string."""


class Event(msgspec.Struct, frozen=True):
    """Something that an app reports when it happens."""

    about: str = ""
    severity: str = "info"
    """info, warning or alarm."""


class Setting(msgspec.Struct, frozen=True):
    """A value that the user of an app may change."""

    default: float | str | bool
    unit: str = ""
    about: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """An app's declaration. What is not declared can neither be read nor asked for."""

    name: str
    """Lower case letters, digits and hyphens."""
    version: str
    about: str = ""
    requires: dict[str, float] = {}
    """Signals that it cannot do without: path or pattern to updates per second at most; 0: every update."""
    may_use: dict[str, float] = {}
    """Signals that it does more with, as ``requires``. A car without them runs it in a reduced form."""
    instead: dict[str, tuple[str, ...]] = {}
    """What does as well, where the car lacks a signal: a path or pattern of the above to others of the above; or where
    it cannot be asked for an actuator: one of ``requests`` to others of them. A car that has one of them is not called
    reduced for it."""
    provides: tuple[str, ...] = ()
    """Signals of the standard that it gives values to, where the car does not itself."""
    requests: tuple[str, ...] = ()
    """Actuators that it asks to reach values."""
    priorities: dict[str, int] = {}
    """The highest priority that it may ask with, by path or pattern of ``requests``; 0 unless stated."""
    needs: tuple[str, ...] = ()
    """Of ``requests``, what it cannot do without; ``instead`` says what does as well."""
    keeps: dict[str, float] = {}
    """Signals whose readings of the last so many seconds it can look back at."""
    outputs: dict[str, Output] = {}
    events: dict[str, Event] = {}
    settings: dict[str, Setting] = {}
