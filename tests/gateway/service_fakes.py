"""Parts of a service that do what a test asks of them: gateways and servers without buses and sockets."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from commonwheel.broker import Broker, BrokerError, Reason
from commonwheel.broker.access import Access
from commonwheel.broker.serving import Endpoint
from commonwheel.gateway.config import CarSettings, Settings
from commonwheel.gateway.notify import Notifier
from commonwheel.gateway.parts import Parts
from commonwheel.wire.frames import Frames

LOOPBACK = Settings(grpc_port=0, viss_port="off", flight_port="off", metrics_port=0, stop_seconds=2.0)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds, for half a minute at most."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what it looks at belongs to other code and has no event
            await asyncio.sleep(0.002)


@dataclass
class FakeGateway:
    """Counts nothing but what it was given."""

    journal: list[str]
    name: str
    known: dict[str, object] = field(default_factory=dict)
    ready: threading.Event = field(default_factory=threading.Event)
    hangs: threading.Event | None = None
    """Given: ``stop`` waits for it."""
    comes_up: bool = True
    held: bool = False
    acts: str = ""
    """What it has to let go of."""

    def start(self) -> None:
        self.journal.append(f"start gateway {self.name}")
        if self.comes_up:
            self.ready.set()

    def hold(self) -> None:
        self.held = True

    def play(self) -> None:
        assert self.held
        self.journal.append(f"play {self.name}")

    def let_go(self) -> str:
        if self.acts:
            self.journal.append(f"let go of {self.name}")
        return self.acts

    def settle(self) -> None:
        self.journal.append(f"settled {self.name}")

    def stop(self) -> None:
        if self.hangs is not None:
            self.hangs.wait(30)
        self.journal.append(f"stop gateway {self.name}")

    def facts(self) -> Mapping[str, object]:
        return self.known

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        self.journal.append(f"listen to {self.name} for {tap}")
        return lambda: self.journal.append(f"deaf to {self.name}")


@dataclass
class FakeServer:
    """Listens to nobody."""

    journal: list[str]
    name: str
    endpoint: Endpoint
    refuses: bool = False
    hangs: bool = False
    raises: bool = False
    counts: dict[str, float] = field(default_factory=dict)

    async def start(self) -> Endpoint:
        if self.refuses:
            raise BrokerError(Reason.INVALID, f"cannot listen on {self.endpoint}") from OSError(errno.EADDRINUSE, "x")
        self.journal.append(f"start {self.name} {self.endpoint.port}")
        return self.endpoint

    async def stop(self, grace_s: float = 1.0) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.raises:
            raise RuntimeError(self.name)
        self.journal.append(f"stop {self.name} {self.endpoint.port} within {grace_s:.3g}")

    def facts(self) -> Mapping[str, float]:
        return self.counts


@dataclass
class FakeState:
    """Notes what is asked of it."""

    journal: list[str]

    def start(self) -> None:
        self.journal.append("start state")

    def keep(self) -> None:
        self.journal.append("keep state")

    def stop(self) -> None:
        self.journal.append("stop state")


class FakeParts(Parts):
    """Builds fakes and keeps them."""

    def __init__(self, *, refuse: str = "", hang: str = "", raise_at_stop: str = "", state: bool = False) -> None:
        self.journal: list[str] = []
        self.gateways: dict[str, FakeGateway] = {}
        self.servers: list[FakeServer] = []
        self.brokers: dict[str, Broker] = {}
        self._refuse, self._hang, self._raise = refuse, hang, raise_at_stop
        self._state = state

    def gateway(self, car: CarSettings, broker: Broker, settings: Settings) -> FakeGateway:  # noqa: ARG002
        self.brokers[broker.name] = broker
        return self.gateways.setdefault(broker.name, FakeGateway(self.journal, broker.name))

    def server(self, name: str, broker: Broker, endpoint: Endpoint, access: Access) -> FakeServer:  # noqa: ARG002
        self.brokers[broker.name] = broker
        server = FakeServer(self.journal, name, endpoint, name == self._refuse, name == self._hang, name == self._raise)
        self.servers.append(server)
        return server

    def state(self, broker: Broker, settings: Settings) -> FakeState | None:  # noqa: ARG002
        return FakeState(self.journal) if self._state else None


class Told(Notifier):
    """Keeps what it is told."""

    def __init__(self, watchdog_s: float | None = None) -> None:
        super().__init__({})
        self.watchdog_s = watchdog_s
        self.heard: list[str] = []

    def ready(self, status: str) -> None:
        self.heard.append(f"ready {status}")

    def stopping(self, status: str = "stopping") -> None:
        self.heard.append(status)

    def alive(self) -> None:
        self.heard.append("alive")
