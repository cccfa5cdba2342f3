"""What a service is asked to be: cars with their buses or logs, addresses, rights, limits; checked all at once.

A configuration is a tree of ``Node`` with places, from a YAML file, from the command line, or one over the other;
``settings_of`` turns it into ``Settings``, or names every fault with its place. The file's keys are the command
line's options without their dashes; ``cars`` holds what there is of each car.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec

from commonwheel.broker.access import Limits
from commonwheel.errors import ConfigError, DescriptionError, Fault
from commonwheel.gateway.logs import LogFormat, LogLevel
from commonwheel.vehicles.yamltree import Node, load_tree, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "OFF",
    "PATHS",
    "SERVERS",
    "AppName",
    "CarSettings",
    "ScenarioName",
    "Settings",
    "load_settings",
    "settings_of",
]

OFF: Literal["off"] = "off"
"""In place of a port: do not serve this."""

Rate = Annotated[float, msgspec.Meta(gt=0)] | Literal["max"]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)] | Literal["off"]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Depth = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
ScenarioName = typing.NewType("ScenarioName", str)
AppName = typing.NewType("AppName", str)
AppValue = float | str | bool
_NAMED = (ScenarioName | None, AppName)

SERVERS = ("grpc", "viss", "flight")
"""The interfaces that each car has one of; their ports are ``<name>-port``."""


class CarSettings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One car: what it is, and where its frames come from."""

    car: str
    """maker/car[:variant], or a description's folder."""
    buses: dict[str, str] = {}
    """The car's bus to INTERFACE:CHANNEL, as in ``ev: socketcan:can0``."""
    replay: Path | None = None
    """A log in place of buses."""
    rate: Rate = 1.0
    """How fast a log is replayed or a simulated car drives: times real time."""
    loop: bool = False
    """Begin the log or the scenario again at its end."""
    virtual: ScenarioName | None = None
    """A scenario in place of buses, by name or file: the car is a simulated one, on buses inside this process."""
    seed: int = 0
    """What chance there is in a simulated car: the same seed drives the same drive."""
    actuate: bool = False
    """Whether frames may be sent at all."""
    with_personal: bool = False
    """Also signals that tell who the car or its user is."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Everything that a service is asked to be."""

    cars: dict[str, CarSettings] = {}
    """By a short name, which metrics and logs use; none: a broker without a car."""
    catalog: Path | None = None
    """A VSS tree of one's own."""
    host: str = "127.0.0.1"
    grpc_port: Port = 55555
    viss_port: Port = 8090
    flight_port: Port = 8815
    """Ports of the first car; the next car has the next ones. 0: any free one."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9464
    web_port: Port = "off"
    """The dashboard of all cars."""
    apps: tuple[AppName, ...] = ()
    """Apps that run on every car that can run them: names of shipped ones, or files."""
    app_settings: dict[str, dict[str, AppValue]] = {}
    """Settings of apps, by the app's name."""
    tokens: Path | None = None
    """The public key (or a folder of them) that clients' tokens are checked with."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    insecure: bool = False
    """Serve other machines without TLS and authorization."""
    state: Path | None = None
    """Where last values are kept over a restart."""
    state_seconds: Positive = 10.0
    """How often they are written there; the first time soon after the service is ready."""
    record: Path | None = None
    """A folder where each car's samples are recorded."""
    record_frames: Path | None = None
    """The same for its frames."""
    record_rotate: str = "256MiB,1h"
    """When a new file is begun: a size, a time, or both."""
    verdicts: Path | None = None
    """A file in which what the guards of cars that act say is written, one JSON object a line."""
    history_depth: Depth = 1000
    history_seconds: Seconds = 600.0
    limits: Limits = Limits()
    log: LogFormat = LogFormat.TEXT
    log_level: LogLevel = LogLevel.INFO
    stop_seconds: Positive = 10.0
    """Within which a stop is over."""

    def port(self, server: str, index: int = 0) -> int | None:
        """Return the port of a server of the car *index*; None: not served."""
        first = cast("int | Literal['off']", getattr(self, f"{server}_port"))
        return None if first == OFF else first and first + index


PATHS = ("catalog", "tokens", "tls-cert", "tls-key", "tls-client-ca", "state")
"""Keys whose files are looked for beside the configuration that names them."""


def load_settings(path: Path, over: Node | None = None) -> Settings:
    """Read a configuration file; what *over* says (the command line) goes before what the file says.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; states every fault.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([Fault(path, 0, f"it cannot be read: {error.strerror or error}")]) from error
    faults: list[Fault] = []
    try:
        tree = load_tree(path, data, faults) if data.strip() else Node({}, path, 1)
    except DescriptionError as error:
        raise ConfigError(error.faults) from error
    if not isinstance(tree.value, dict):
        raise ConfigError([*faults, Fault(path, tree.line, f"a configuration is a mapping, not {tree.describe()}")])
    merged = Node({**tree.value, **(over.entries if over else {})}, path, tree.line)
    return settings_of(merged, faults)


def settings_of(tree: Node, faults: Sequence[Fault] = ()) -> Settings:
    """Return the settings that a tree states.

    Args:
        tree: a mapping.
        faults: found already; they are raised with the others.

    Raises:
        ConfigError: states every fault.
    """
    reader = _Reader(list(faults))
    settings = reader.struct(tree, Settings, "the configuration")
    if isinstance(settings, Settings):
        from commonwheel.gateway.contradictions import contradictions  # which reads the settings that are made here

        reader.faults += contradictions(settings, tree)
    if reader.faults or not isinstance(settings, Settings):
        raise ConfigError(reader.faults)
    return settings


class _Reader:
    """Turns nodes into typed values and notes every fault."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults

    def _fault(self, node: Node, message: str) -> None:
        self.faults.append(Fault(node.file, node.line, message))

    def value(self, node: Node, kind: object, what: str) -> object:
        """Return a node's value as a type says; after a fault, None."""
        if kind is CarSettings or kind is Limits:
            return self.struct(node, cast("type", kind), what)
        if typing.get_origin(kind) is dict and isinstance(node.value, dict):
            inside = typing.get_args(kind)[1]
            return {str(key): self.value(item, inside, f"'{key}'") for key, item in node.value.items()}
        if kind == tuple[AppName, ...] and isinstance(node.value, list):
            return tuple(self.value(item, AppName, what) for item in node.value)
        found = _path(node) if kind == Path | None else _named(node) if kind in _NAMED else _plain(node)
        try:
            return msgspec.convert(found, kind, strict=node.line > 0)
        except msgspec.ValidationError as error:
            right = next((words for known, words in _RIGHT if known == kind), "")
            self._fault(
                node, f"{what} cannot be {_short(found)}; {right or str(error).replace('Expected', 'it has to be')}"
            )
            return None

    def struct(self, node: Node, kind: type, what: str) -> object:
        """Return a mapping as a struct or dataclass; after a fault, None."""
        if not isinstance(node.value, dict):
            self._fault(node, f"{what} is a mapping, not {node.describe()}")
            return None
        before = len(self.faults)
        kinds = _kinds(kind)
        values: dict[str, object] = {}
        for key, item in node.value.items():
            if key not in kinds:
                self._fault(item, f"'{key}' is not known in {what}{suggest(key, kinds)}; known are {', '.join(kinds)}")
                continue
            values[str(key).replace("-", "_")] = self.value(item, kinds[str(key)], f"'{key}'")
        if kind is CarSettings and "car" not in node.value:
            self._fault(node, f"{what} lacks 'car', which says what it is: maker/car")
        if len(self.faults) > before:
            return None
        try:
            make = cast("Callable[..., object]", kind)
            return make(**values)
        except Exception as error:  # noqa: BLE001 - a dataclass may refuse its values with an error of its own
            self._fault(node, str(error))
            return None


_RIGHT: tuple[tuple[object, str], ...] = (
    (Port, "it is a port from 0 to 65535 (0: any free one), or off"),
    (Rate, "it is a number above 0, or max"),
    (Positive, "it is a number above 0"),
    (Seconds, "it is a number of seconds, 0 or more"),
    (Depth, "it is a whole number, 0 or more"),
    (int, "it is a whole number"),
    (float, "it is a number"),
    (bool, "it is true or false"),
    (str, "it is text"),
    (Path | None, "it is a path"),
    (ScenarioName | None, "it is the name of a scenario, or its file"),
    (AppName, "it is the name of an app, or its file"),
    (tuple[AppName, ...], "it is a list of apps: [trip, my_app.py]"),
    (AppValue, "it is a number, a text, true or false"),
    (dict[str, AppValue], "it is a mapping of the app's settings to values"),
    (dict[str, dict[str, AppValue]], "it is a mapping of apps to their settings: {trip: {price: 0.3}}"),
    (LogFormat, f"it is {' or '.join(form.value for form in LogFormat)}"),
    (LogLevel, f"it is one of {', '.join(level.value for level in LogLevel)}"),
    (dict[str, str], "it is a mapping of the car's buses to INTERFACE:CHANNEL"),
)
"""What would be right, by type, where the words of msgspec do not say it to people."""


@functools.cache
def _kinds(kind: type) -> Mapping[str, object]:
    """Return the type of each field, by the key that it has in a file."""
    hints = typing.get_type_hints(kind, include_extras=True)
    if issubclass(kind, msgspec.Struct):
        return {name.replace("_", "-"): hints[name] for name in kind.__struct_fields__}
    return {field.name: hints[field.name] for field in dataclasses.fields(cast("Any", kind)) if field.init}


def _plain(node: Node) -> Any:  # noqa: ANN401 - whatever YAML can hold
    if isinstance(node.value, dict):
        return {key: _plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(item) for item in node.value]
    return node.value


def _path(node: Node) -> object:
    """Return a path; one of a file's (which has lines) is looked for beside the file."""
    if not isinstance(node.value, str):
        return _plain(node)
    return (node.file.parent / node.value) if node.line else Path(node.value)


def _named(node: Node) -> object:
    """Return a scenario's or app's name, or its file; one of a file's is looked for beside it before it is a name."""
    if not isinstance(node.value, str):
        return _plain(node)
    beside = node.file.parent / node.value
    return str(beside) if node.line and node.value and beside.is_file() else node.value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_SHOWN = 60
