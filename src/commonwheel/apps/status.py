"""How a hosted app is: what its host knows of it, for people to look at."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.apps.manifest import Manifest

__all__ = ["AppEvent", "AppState", "Fitness", "Hosted", "Hosting", "LogLine", "Shown", "Status"]

Scalar = float | int | bool | str


class AppState(enum.Enum):
    """The life of a hosted app."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    """It failed, and is started again after a while."""
    STOPPED = "stopped"
    """Somebody stopped it."""
    FAILED = "failed"
    """It failed too often; it is not started again by itself."""
    UNFIT = "unfit"
    """The car lacks signals that it requires."""


class Fitness(enum.Enum):
    """How well a car can run an app."""

    FULL = "full"
    REDUCED = "reduced"
    """Signals that it may use are missing."""
    NONE = "none"
    """Signals that it requires are missing."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An output's value."""

    value: Scalar | None
    unit: str
    t_ns: int
    """Nanoseconds UTC."""


@dataclass(frozen=True, slots=True)
class AppEvent:
    """Something that an app reported."""

    t_ns: int
    name: str
    severity: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that an app, or its host about it, wrote."""

    t_ns: int
    level: str
    text: str


@dataclass(slots=True)
class Status:
    """One app on one car, as of now."""

    state: AppState = AppState.STARTING
    since_ns: int = 0
    restarts: int = 0
    error: str = ""
    """Why it failed last, with the app's own file and line; '' if it never did."""
    cpu_s: float = 0.0
    memory_bytes: int = 0
    received: int = 0
    """Updates that were handed to it."""
    dropped: int = 0
    """Updates that it was too slow for."""
    outputs: dict[str, Shown] = field(default_factory=dict[str, Shown])
    events: deque[AppEvent] = field(default_factory=lambda: deque[AppEvent](maxlen=200))
    logs: deque[LogLine] = field(default_factory=lambda: deque[LogLine](maxlen=500))


class Hosted(Protocol):
    """One app on one car."""

    @property
    def car(self) -> str:
        """The car's short name."""
        ...

    @property
    def manifest(self) -> Manifest:
        """What the app says of itself."""
        ...

    @property
    def fitness(self) -> Fitness:
        """How well the car can run it."""
        ...

    @property
    def missing(self) -> Sequence[str]:
        """Signals that the car lacks, of those that it requires or may use."""
        ...

    @property
    def status(self) -> Status:
        """How it is; changes in place."""
        ...

    def start(self) -> None:
        """Start it, where it is not running; from any thread."""
        ...

    def stop(self) -> None:
        """Stop it, where it is running; from any thread. It is not started again by itself."""
        ...


class Hosting(Protocol):
    """Every app on every car of a service."""

    @property
    def apps(self) -> Sequence[Hosted]:
        """Them all; by app, then by car."""
        ...

    def listen(self, told: Callable[[Hosted], None]) -> Callable[[], None]:
        """Call *told* whenever the status of one has changed, from any thread; returns how to stop."""
        ...
