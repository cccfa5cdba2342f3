"""Where a car's frames come from: a bus on an interface, or a recorded log.

A bus is written ``NAME=INTERFACE:CHANNEL?OPTION=VALUE&...``: the car's name of the bus, any interface python-can
knows, its channel, and what else that interface takes. This is the only place that reads such a text.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.gateway.faults import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["BusSource", "Option", "ReplaySource", "parse_bus", "parse_buses", "parse_rate"]

Option = bool | int | float | str
"""What an interface can be told."""

_FORM = "write NAME=INTERFACE:CHANNEL, as in 'ev=socketcan:can0' or 'ev=virtual:a?fd=true'"
_WORDS: dict[str, bool] = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_RESERVED = ("interface", "channel", "ignore_config", "can_filters", "config_context")


@dataclass(frozen=True, slots=True)
class BusSource:
    """One bus on an interface that python-can knows."""

    interface: str
    """python-can's name: 'socketcan', 'virtual', 'udp_multicast', a vendor's …"""
    channel: str
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    """What else the interface takes: ``bitrate``, ``fd`` …"""

    def __str__(self) -> str:
        options = "&".join(f"{key}={str(value).lower()}" for key, value in self.options.items())
        return f"{self.interface}:{self.channel}{'?' if options else ''}{options}"


@dataclass(frozen=True, slots=True)
class ReplaySource:
    """One recorded log, played as if the car drove now."""

    path: Path
    rate: float | None = 1.0
    """Times as fast as it was recorded; None: as fast as this machine can."""
    loop: bool = False
    """Start again at its end, for ever."""
    buses: Mapping[int, str] | None = None
    """Recorded bus to the car's bus; None finds out."""
    frames_per_second: float = 1000.0
    """Pace of a log that has no times."""

    def __str__(self) -> str:
        return f"replay of {self.path.name}"


def parse_bus(text: str) -> tuple[str, BusSource]:
    """Return the car's bus name ('' where none was written) and the source of ``NAME=INTERFACE:CHANNEL?OPTIONS``.

    Raises:
        GatewayError: it is not of this form, or python-can has no such interface.
    """
    head, question, tail = text.partition("?")
    interface, colon, channel = head.partition(":")
    name, equals, interface = interface.rpartition("=")
    if not colon or not interface or not channel or (equals and not name):
        message = f"'{text}' is no bus: {_FORM}"
        raise GatewayError(message)
    _check_interface(text, interface)
    options: dict[str, Option] = {}
    for item in tail.split("&") if question else ():
        key, equals, value = item.partition("=")
        if not key or not equals or key in options or key in _RESERVED:
            message = f"'{text}': the option '{item}' cannot be used; write each once, as KEY=VALUE, joined with '&'"
            raise GatewayError(message)
        options[key] = _option(value)
    return name, BusSource(interface, channel, options)


def _check_interface(text: str, interface: str) -> None:
    import can

    known = sorted(can.VALID_INTERFACES)
    if interface not in known:
        close = difflib.get_close_matches(interface, known, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        message = f"'{text}': there is no interface '{interface}'{hint}; there are {', '.join(known)}"
        raise GatewayError(message)


def _option(text: str) -> Option:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_buses(texts: Sequence[str], vehicle: Vehicle) -> dict[str, BusSource]:
    """Return the sources of a car's buses, by name; a car of one bus needs no name for it.

    Raises:
        GatewayError: a text is no bus, the car has no such bus, or one is given twice.
    """
    names = [bus.name for bus in vehicle.buses]
    sources: dict[str, BusSource] = {}
    for text in texts:
        name, source = parse_bus(text)
        if not name and len(names) == 1:
            name = names[0]
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            which = f"has no bus '{name}'{hint}" if name else "has several buses"
            message = f"'{text}': {vehicle.name} {which}; its buses are {', '.join(names)}: {_FORM}"
            raise GatewayError(message)
        if name in sources:
            message = f"'{text}': the bus '{name}' was given already, as {sources[name]}; each has one source"
            raise GatewayError(message)
        sources[name] = source
    return sources


def refuse_unclear(sources: Mapping[str, BusSource]) -> None:
    """Refuse sources by which a car that acts would take one bus's frames for another's, or its own for the car's.

    Raises:
        GatewayError: two buses have one source, or one hears what it sends.
    """
    taken: dict[tuple[str, str], str] = {}
    for name, source in sources.items():
        if source.options.get("receive_own_messages"):
            message = (
                f"'{name}={source}': a car that acts would take its own frames for the car's; "
                "leave 'receive_own_messages' out"
            )
            raise GatewayError(message)
        other = taken.setdefault((source.interface, source.channel), name)
        if other != name:
            message = f"'{other}' and '{name}' have one source, {source}; a car that acts needs one for each bus"
            raise GatewayError(message)


def parse_rate(text: str) -> float | None:
    """Return the rate of a replay from '1', '10', '0.5' … or 'max' (None).

    Raises:
        GatewayError: it is none of these.
    """
    if text == "max":
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0.0 < rate <= 1e6:  # noqa: PLR2004 - a day in a tenth of a second
        message = f"'{text}' is no rate: write a number above 0 (1: as recorded, 10: ten times as fast), or 'max'"
        raise GatewayError(message)
    return rate
