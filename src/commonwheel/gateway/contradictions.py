"""What is wrong between a service's settings that are right one by one, each with the key that says so."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, cast

from commonwheel.errors import DescriptionError, Fault, OutputError
from commonwheel.gateway.config import PATHS, SERVERS
from commonwheel.gateway.rotation import rotation_of
from commonwheel.gateway.virtual import FASTEST
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.vehicles.description import find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonwheel.gateway.config import CarSettings, Settings
    from commonwheel.vehicles.yamltree import Node

__all__ = ["contradictions"]

_SOURCES = {"buses": "buses", "replay": "a log to replay", "virtual": "a scenario to simulate"}
_LAST_PORT = 65535
_NUMBERS = re.compile(r"[0-9.]+|[^%]*:.*")
"""What can only be an address: no name of a machine is of digits and dots alone, or has a colon."""


def contradictions(settings: Settings, tree: Node) -> Iterator[Fault]:
    """Yield what is wrong between values that are right one by one."""

    def fault(message: str, *keys: str) -> Fault:
        node = tree
        for key in keys:
            node = node.entries.get(key, node)
        return Fault(node.file, node.line, message)

    for name, car in settings.cars.items():
        for message, key in _of_car(name, car):
            yield fault(message, "cars", name, key)
    yield from (fault(message, "cars", name, "buses") for message, name in _one_bus(settings))
    if (settings.tls_cert is None) != (settings.tls_key is None):
        given, lacking = ("tls-cert", "tls-key") if settings.tls_cert else ("tls-key", "tls-cert")
        yield fault(f"'{given}' needs '{lacking}' too: a certificate and the key that fits it", given)
    if settings.tls_client_ca and not settings.tls_cert:
        yield fault("'tls-client-ca' needs 'tls-cert' and 'tls-key' too", "tls-client-ca")
    try:
        rotation_of(settings.record_rotate.split(","), "'record-rotate'")
    except OutputError as error:
        yield fault(str(error), "record-rotate")
    for path in PATHS:
        given = cast("Path | None", getattr(settings, path.replace("-", "_")))
        if given is not None and path != "state" and not given.exists():
            yield fault(f"'{path}': there is no {given}", path)
    yield from (fault(message, key) for message, key in _hosts(settings))
    yield from (fault(message, key) for message, key in _ports(settings))


def _of_car(name: str, car: CarSettings) -> Iterator[tuple[str, str]]:
    given = {"buses": car.buses, "replay": car.replay, "virtual": car.virtual}
    sources = [key for key, source in given.items() if source]
    if not sources:
        yield _without_source(name, car), "virtual" if car.virtual is not None else "car"
        return
    if len(sources) > 1:
        words = " and ".join(_SOURCES[key] for key in sources)
        yield f"'{name}' has both {words}; leave one out", sources[-1]
    if car.replay and car.actuate:
        yield f"'{name}' is a replay, which cannot be asked to act; leave 'actuate' out", "actuate"
    if car.buses and (car.loop or car.rate != 1.0):
        key = "loop" if car.loop else "rate"
        yield f"'{name}' has buses; 'rate' and 'loop' are of a replay or a simulated car", key
    if car.replay and car.replay.is_dir():
        yield f"'{name}': {car.replay} is a folder; name one log in it", "replay"
    elif car.replay and not car.replay.is_file():
        yield f"'{name}': there is no log {car.replay}", "replay"
    if car.virtual:
        yield from _of_simulated(name, car)
    elif car.seed:
        yield f"'{name}' is not simulated; 'seed' is of a simulated car, which 'virtual' makes it", "seed"


def _one_bus(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the cars that share a bus though one is to act: each would take the other's commands for its car's."""
    taken: dict[str, str] = {}
    for name, car in settings.cars.items():
        for source in dict.fromkeys(text.partition("?")[0] for text in car.buses.values()):
            other = taken.setdefault(source, name)
            if other != name and (car.actuate or settings.cars[other].actuate):
                yield f"'{other}' has the bus {source} as '{name}' has; a car that acts has its buses for itself", name


def _of_simulated(name: str, car: CarSettings) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a simulated car."""
    if car.rate == "max":
        yield f"'{name}' is simulated at a rate that is a number; 'commonwheel twin' writes a log at any speed", "rate"
    elif car.rate > FASTEST:
        yield f"'{name}' is simulated at most {FASTEST:g} times as fast as real time, not {car.rate:g}", "rate"
    elif car.actuate and car.rate != 1.0:
        what = f"'{name}' is to act and is simulated {car.rate:g} times as fast as real time"
        yield (
            f"{what}; what acts keeps to real time: leave 'rate' out, or drive it faster by 'commonwheel prove'",
            "rate",
        )
    try:
        load_scenario(car.virtual or "")
    except DescriptionError as error:
        for fault in error.faults:
            yield f"'{name}': {fault}", "virtual"


def _without_source(name: str, car: CarSettings) -> str:
    """Return what is wrong with a car that has neither buses nor a log: a car that is not described needs none."""
    try:
        find(car.car)
    except DescriptionError as error:
        return f"'{name}': {error.faults[0].message}"
    only = " ('rate' and 'loop' are of a log or a simulated car)" if car.loop or car.rate != 1.0 else ""
    return (
        f"'{name}' has no source of frames; give it buses (ev: socketcan:can0), a log to replay, "
        f"or a scenario to simulate ('virtual'){only}"
    )


def _hosts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the addresses that are none; a name is looked up when it is listened on."""
    for key, host in (("host", settings.host), ("metrics-host", settings.metrics_host)):
        if not host or host.startswith("unix:") or not _NUMBERS.fullmatch(host):
            continue
        try:
            ipaddress.ip_address(host)
        except ValueError:
            yield f"'{key}': '{host}' is no address; it is one of this machine's, such as 127.0.0.1 or ::1", key


def _ports(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the ports that are wanted twice, or do not exist."""
    taken: dict[int, str] = {}
    wanted = [(server, index) for server in SERVERS for index in range(max(1, len(settings.cars)))]
    for server, index in [*wanted, ("metrics", 0), ("web", 0)]:
        port = settings.port(server, index)
        key = f"{server}-port"
        if not port:
            continue
        if port > _LAST_PORT:
            yield f"'{key}' of car {index + 1} would be {port}, which is no port; begin lower", key
        elif port in taken:
            others = f"; each car has the next port of each kind ({len(settings.cars)} cars)" if wanted[1:] else ""
            yield f"'{key}' {port} is wanted for '{taken[port]}' too{others}", key
        else:
            taken[port] = key
