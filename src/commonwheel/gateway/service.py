"""The service: every car of the settings, live, with its servers, in one event loop; ready only when all of it is.

``Service`` starts and stops as one: a start that fails half-way stops what had started, and a stop is over within
its time. ``serve`` is a whole run: start, say so, wait for the end, stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker import Broker
from commonwheel.broker.access import require_safe
from commonwheel.broker.faults import BrokerError
from commonwheel.broker.listening import remedy
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.store import History
from commonwheel.gateway.config import OFF, SERVERS
from commonwheel.gateway.health import HealthServer
from commonwheel.gateway.live import LiveCar
from commonwheel.gateway.logs import fields
from commonwheel.gateway.metrics import Metrics
from commonwheel.gateway.notify import Notifier
from commonwheel.gateway.parts import Parts
from commonwheel.gateway.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from commonwheel.broker.access import Access
    from commonwheel.catalog import Catalog
    from commonwheel.gateway.config import CarSettings, Settings
    from commonwheel.gateway.extension import Extension

__all__ = ["Bound", "Service", "serve"]

_LOG = logging.getLogger(__name__)
_LEAST_S = 0.1
"""What each part has to end in, however long the others took."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One address that the service listens on."""

    car: str
    """'' where it is not of one car."""
    server: str
    endpoint: Endpoint


class Service:
    """Everything that one process runs."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts | None = None,
        notifier: Notifier | None = None,
        extensions: Sequence[Extension] = (),
    ) -> None:
        """Prepare a service; nothing is opened yet.

        Args:
            settings: what it is asked to be.
            parts: what it is made of; the real ones unless given.
            notifier: whom to tell how it is; systemd unless given, where it asks.
            extensions: what else runs on its cars; started in this order, stopped in the other.
        """
        self._settings = settings
        self._extensions = tuple(extensions)
        self._extended: list[Extension] = []
        self._extended_bound: list[Bound] = []
        self._parts = parts or Parts()
        self._notifier = notifier or Notifier()
        self._health: HealthServer | None = None
        self._last_sign = 0.0
        self._not_ready = "it has not started"
        self.cars: tuple[LiveCar, ...] = ()
        self.access: Access | None = None
        self.bound: tuple[Bound, ...] = ()
        """Every address, while it runs."""
        self.pulse = Pulse([self._tick, self._sign])

    @property
    def not_ready(self) -> str:
        """Why it is not ready; '' while it is."""
        return self._not_ready

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """What else runs on the cars."""
        return self._extensions

    async def start(self) -> tuple[Bound, ...]:
        """Start everything; returns every address. When anything cannot be started, what had started is stopped.

        Raises:
            CommonwheelError: what, and how to change it.
        """
        self._not_ready = "it is starting"
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        self.bound = tuple(self._all_bound())
        self._not_ready = ""
        cars = ", ".join(car.name for car in self.cars if car.name) or "no car"
        self._notifier.ready(f"{cars}: {', '.join(f'{one.server} {one.endpoint}' for one in self.bound)}")
        return self.bound

    async def _start(self) -> None:
        settings = self._settings
        self.access = self._parts.access(settings)
        self._check_safe(self.access)
        if settings.metrics_port != OFF:
            self._health = HealthServer(
                Endpoint(settings.metrics_host, settings.metrics_port),
                self.access,
                Metrics(self).page,
                lambda: self._not_ready,
                self._parts.tls_context(self.access),
            )
            await self._listen(self._health)
        self.pulse.start()
        self.cars = await asyncio.to_thread(self._build, self.access)
        for car in self.cars:
            await car.start(self._parts.ready_s)
        for extension in self._extensions:
            self._extended.append(extension)
            self._extended_bound += await extension.start(self.cars, self.access)
        for car in self.cars:
            car.go()

    async def _listen(self, health: HealthServer) -> None:
        try:
            self._metrics_endpoint = await health.start()
        except BrokerError as error:
            self._health = None
            what_to_do = remedy(error, "--metrics-port", "--metrics-host")
            raise BrokerError(error.reason, f"metrics: {error}{what_to_do}") from error

    def _check_safe(self, access: Access) -> None:
        settings = self._settings
        hosts = [settings.host] if settings.metrics_port == OFF else [settings.host, settings.metrics_host]
        for host in dict.fromkeys(hosts):
            endpoint = Endpoint(host)
            require_safe(endpoint, access, insecure=settings.insecure)
            if settings.insecure and not endpoint.is_loopback and not (access.tls and access.authority):
                _LOG.warning("insecure: whoever reaches %s may read, and ask of the car, what is served", host)

    def _build(self, access: Access) -> tuple[LiveCar, ...]:
        """Build every car; in a thread, as compiling a description takes a while."""
        catalog = self._parts.catalog(self._settings)
        cars = self._settings.cars or {"": None}
        return tuple(
            self._build_car(index, name, car, catalog, access) for index, (name, car) in enumerate(cars.items())
        )

    def _build_car(self, index: int, name: str, car: CarSettings | None, catalog: Catalog, access: Access) -> LiveCar:
        settings = self._settings
        history = History(settings.history_depth, settings.history_seconds)
        broker = Broker(catalog, name=name, history=history)
        if car is None:
            broker.assume_defaults()
        gateway = None if car is None else self._parts.gateway(car, broker, settings)
        servers = tuple(
            self._parts.server(kind, broker, Endpoint(settings.host, port), access)
            for kind in SERVERS
            if (port := settings.port(kind, index)) is not None
        )
        recording = None
        if car is not None and gateway is not None:
            recording = self._parts.recording(car, gateway, broker, settings)
        return LiveCar(name, broker, gateway, servers, self._parts.state(broker, settings), recording)

    def _all_bound(self) -> Iterator[Bound]:
        for car in self.cars:
            for server, endpoint in car.endpoints.items():
                yield Bound(car.name, server, endpoint)
        yield from self._extended_bound
        if self._health is not None:
            yield Bound("", self._health.name, self._metrics_endpoint)

    async def stop(self) -> bool:
        """Stop everything, within the time of the settings; returns whether all of it ended by itself."""
        self._notifier.stopping()
        return await self._stop()

    def let_go(self) -> str:
        """Begin to release every car that acts, for good; from any thread, without waiting.

        Returns:
            What that is, car by car, and how long it takes at most, in words; '' where nothing acts.
        """
        return "; ".join(filter(None, [car.let_go() for car in self.cars]))

    def settle(self) -> None:
        """Wait until every car is released, for the time that their descriptions state at most."""
        for car in self.cars:
            car.settle()

    async def _stop(self) -> bool:
        self._not_ready = "it is stopping"
        released = self.let_go()  # before anything else, whatever that takes
        if released:
            _LOG.warning("stopping: %s", released)
        self.bound = ()
        seconds = self._settings.stop_seconds
        end = time.monotonic() + seconds
        # Each extension has half of what is left: the cars need some of it too.
        done = [
            await self._end(extension, max(_LEAST_S, (end - time.monotonic()) / 2))
            for extension in reversed(self._extended)
        ]
        self._extended.clear()
        self._extended_bound.clear()
        left = max(_LEAST_S, end - time.monotonic())
        done += await asyncio.gather(*(car.stop(left) for car in self.cars))
        await self.pulse.stop()
        if self._health is not None:
            await self._health.stop(min(1.0, seconds / 4))
            self._health = None
        done.append(await asyncio.to_thread(self._parts.close))
        return all(done)

    async def _end(self, extension: Extension, seconds: float) -> bool:
        try:
            return await extension.stop(seconds)
        except Exception:  # noqa: BLE001 - whatever it is, the cars have to be stopped as well
            _LOG.exception("cannot be stopped", extra=fields(part=extension.name))
            return False

    def _tick(self) -> None:
        for car in self.cars:
            car.broker.tick()

    def _sign(self) -> None:
        """Give a sign of life, twice as often as is asked for: it shows that the loop runs."""
        every = self._notifier.watchdog_s
        now = time.monotonic()
        if every is not None and now - self._last_sign >= every / 2 - 0.1:
            self._last_sign = now
            self._notifier.alive()


async def serve(
    service: Service, announce: Callable[[tuple[Bound, ...]], None], stop: Callable[[], Coroutine[object, object, None]]
) -> bool:
    """Run a service until *stop* returns, also while it starts; returns whether all of it ended by itself.

    Args:
        service: what to run.
        announce: called once, when it is ready, with every address.
        stop: returns when someone wants it to end.

    Raises:
        CommonwheelError: it cannot be started.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_unhandled)
    began = time.perf_counter()
    starting = loop.create_task(service.start())
    stopping = loop.create_task(stop())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return True
        bound = starting.result()
        cars = sum(car.gateway is not None for car in service.cars)
        _LOG.info("ready", extra=fields(seconds=round(time.perf_counter() - began, 3), cars=cars))
        _settle()
        try:
            announce(bound)
            await stopping
        except BaseException:  # nobody reads what is announced, for one
            await service.stop()
            raise
    finally:
        stopping.cancel()
        gc.unfreeze()
    _LOG.info("stopping")
    began = time.perf_counter()
    clean = await service.stop()
    _LOG.info("stopped", extra=fields(seconds=round(time.perf_counter() - began, 3)))
    return clean


def _settle() -> None:
    """Leave what has been made so far out of garbage collection, for as long as the service runs.

    It lives as long as the process; to look through it again costs 12 to 26 ms in which nothing else runs (67,000
    objects, measured on two shared cores with several builds running), and after this next to nothing.
    """
    gc.collect()
    gc.freeze()


def _log_unhandled(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Log what went wrong in a task that no one waits for; the service goes on."""
    error = context.get("exception")
    trace = error if isinstance(error, BaseException) else None
    _LOG.error("in the event loop: %s", context.get("message", ""), exc_info=trace)
