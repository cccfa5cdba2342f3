"""One car, live: its buses, its recording or its simulation, decoded into its broker, for as long as it runs.

Every bus has a thread that reads it; whoever has a batch decodes it and publishes what it says, one at a time, with
no hand-over in between: that is the shortest way from a frame to a reader. One more thread makes late messages
stale. Frames are only ever sent by the ``Actuator``, which does not exist unless the car may be actuated and it is
stated within which limits.
"""

from __future__ import annotations

import functools
import logging
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from commonwheel.gateway.actuator import Actuator
from commonwheel.gateway.bus import Backoff, BusReader, BusState, Window
from commonwheel.gateway.cannot import cannot_of
from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.doubt import Doubt
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.opening import for_bus, open_port
from commonwheel.gateway.pipeline import Pipeline
from commonwheel.gateway.player import Player
from commonwheel.gateway.sensors import Sensors
from commonwheel.gateway.sources import BusSource, ReplaySource, refuse_unclear
from commonwheel.gateway.virtual import VirtualCar
from commonwheel.gateway.watch import Watch
from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.broker import Broker
    from commonwheel.gateway.actuator import Leave
    from commonwheel.gateway.port import Port
    from commonwheel.gateway.worker import Worker
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["CarGateway"]

_LOG = logging.getLogger(__name__)
_ADVICE = "is it this car, this of its buses, and the bus's bit rate?"
JOIN_S = 5.0
"""A thread that has not ended by then hangs in its driver."""


class CarGateway:
    """Brings one car's frames into its broker. Every method may be called from any thread; start and stop once."""

    def __init__(
        self,
        vehicle: Vehicle,
        broker: Broker,
        sources: Mapping[str, BusSource] | ReplaySource | VirtualCar,
        *,
        actuate: Leave | None = None,
        with_personal: bool = False,
        window: Window | None = None,
        backoff: Backoff | None = None,
        opener: Callable[..., Port] = open_port,
    ) -> None:
        """Prepare; nothing is opened before ``start``.

        Args:
            vehicle: the car.
            broker: where its values go.
            sources: the source of each of the car's buses, or one recording of them all, or a simulated car.
            actuate: also let it be armed and act; None: nothing is ever sent.
            with_personal: also signals that tell who the car or its user is.
            window: how close two batches of a bus may come: less waits less, more costs less.
            backoff: when a bus that failed is tried again.
            opener: opens a bus, as ``opening.open_port`` does.

        Raises:
            GatewayError: no source; a recording that is to be actuated, or buses that do not tell what they carry.
            DescriptionError: the car has no such bus.
            LogError: the recording cannot be read, or is not this car's.
        """
        self.vehicle, self._broker = vehicle, broker
        self.ready = threading.Event()
        """Set when decoding is set up and every source is open, or known to be down."""
        self.finished = threading.Event()
        """Set when a recording was played, or a simulated car driven, to its end."""
        self._virtual: VirtualCar | None = None
        self._clock = SteadyClock()
        self._readers: list[BusReader] = []
        self._player: Player | None = None
        self._watch: Watch | None = None
        self.actuator: Actuator | None = None
        """What makes the car act; None where nothing can."""
        self._sensors: Sensors | None = None
        self._stopped = False
        self.cannot: Mapping[str, str] = {} if actuate is None else actuate.control.cannot
        """What it cannot be asked for, by path or branch, and why; may be set before ``start``."""
        if isinstance(sources, ReplaySource):
            if actuate is not None:
                message = f"{sources}: a recording cannot act; actuate a car on its buses, or leave it out"
                raise GatewayError(message)
            self._player = Player(sources, vehicle, broker, with_personal=with_personal, on_ready=self.ready.set,
                                  on_end=self.finished.set)  # fmt: skip
            self._pipeline = self._player.pipeline
            return
        if isinstance(sources, VirtualCar):
            self._virtual, opener, self._clock = sources, sources.open, sources.clock
            self.finished, sources = sources.ended, sources.sources
            self._virtual.perceive = self._perceived
        if not sources:
            message = f"{vehicle.name}: name a source for at least one of its buses, or a recording to replay"
            raise GatewayError(message)
        if actuate is not None:
            refuse_unclear(sources)
        numbers = {vehicle.bus_index(name): name for name in sources}
        self._pipeline = Pipeline(
            vehicle, broker, self._clock, buses=numbers, clock=Clock.UTC, with_personal=with_personal
        )
        for number, name in numbers.items():
            source = for_bus(sources[name], vehicle.buses[number])
            opening = functools.partial(opener, source, number, self._clock, may_send=actuate is not None)
            self._readers.append(self._reader(name, source, opening, window or Window(), backoff or Backoff()))
        self._watch = Watch(self._clock, self._pipeline.expire, vehicle)
        if actuate is not None:
            self.actuator = self._acting(actuate)

    def _acting(self, leave: Leave) -> Actuator:
        """Return what makes the car act, joined to what it hears, and to what hears it."""
        now_ns = self._clock.now_ns if self._virtual is None else self._virtual.clock.present_ns
        readers = {reader.bus: reader for reader in self._readers}
        actuator = Actuator(self.vehicle, leave, self._broker, readers, self._clock, now_ns)
        self._pipeline.act = actuator.hear
        actuator.teller.on_sent = self._pipeline.tell_sent
        return actuator

    def _reader(
        self, name: str, source: BusSource, opening: Callable[[], Port], window: Window, backoff: Backoff
    ) -> BusReader:
        doubt = Doubt(self.vehicle.name, f"the bus {name} ({source})", _ADVICE)
        take = functools.partial(self._pipeline.take, doubt=doubt)
        return BusReader(name, source, opening, take, self._changed, window=window, backoff=backoff)

    @property
    def _workers(self) -> list[Worker]:
        return [worker for worker in (self._watch, self._player, self._virtual, *self._readers) if worker is not None]

    def start(self) -> None:
        """Begin.

        Raises:
            BrokerError: ALREADY_CLAIMED; another provides a signal of this car.
        """
        self._pipeline.open()
        self._pipeline.provider.cannot.update(cannot_of(self.cannot, self._broker.table))
        if self.actuator is not None:
            self.actuator.open()
        for worker in self._workers:
            worker.start()
        if self.actuator is not None:
            self.actuator.start()

    def hold(self) -> None:
        """Let a recording or a simulated car get ready, and wait for ``play``; before ``start``. Buses do not wait."""
        for held in (self._player, self._virtual):
            if held is not None:
                held.hold()

    def play(self) -> None:
        """Let what is held begin."""
        for held in (self._player, self._virtual):
            if held is not None:
                held.play()

    def let_go(self) -> str:
        """Begin to release the car, if it acts; see ``Held``."""
        return "" if self.actuator is None else self.actuator.let_go()

    def settle(self) -> None:
        """Wait until the car is released; see ``Held``."""
        if self.actuator is not None:
            self.actuator.settle()

    def stop(self) -> None:
        """End: the car is released, no frame is read or sent any more, every bus is given back, signals are STALE."""
        if self._stopped:
            return
        self._stopped = True
        if self.actuator is not None and not self.actuator.stop():
            _LOG.error("%s: the thread '%s' does not end; its driver hangs", self.vehicle.name, self.actuator.name)
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            if not worker.join(JOIN_S):
                _LOG.error("%s: the thread '%s' does not end; its driver hangs", self.vehicle.name, worker.name)
        self._pipeline.close()
        if self._sensors is not None:
            self._sensors.close()

    @property
    def buses(self) -> Mapping[int, str] | None:
        """Which of the car's buses a bus number of the frames that are listened to is; None: its place among them."""
        return self._pipeline.buses

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        """Call *tap* with each batch of frames (times UTC, the car's bus numbers); returns how to stop.

        It is called in the thread that reads the bus, and must not wait. A recording's frames keep its bus numbers.
        Frames that were sent from here come too, on bus numbers of their own; see ``wire.sent``.
        """
        return self._pipeline.listen(tap)

    def facts(self) -> Mapping[str, object]:
        """Return what happened so far: counts, seconds, and each bus by name."""
        buses = {reader.bus: reader.facts() for reader in self._readers}
        facts = self._pipeline.facts()
        facts |= {
            "dropped": sum(bus.dropped for bus in buses.values()),
            "garbage": sum(bus.garbage for bus in buses.values()),
            "queue": sum(bus.waiting for bus in buses.values()),
            "cpu_s": sum(worker.cpu_s() for worker in (*self._workers, *([self.actuator] if self.actuator else []))),
            "clock_steps": self._clock.steps,
            "sent": 0 if self.actuator is None else self.actuator.sent,
            "buses": {name: asdict(bus) | {"state": bus.state.value} for name, bus in buses.items()},
        }
        if self.actuator is not None:
            facts["acting"] = self.actuator.facts()
        for one in (self._player, self._virtual):
            if one is not None:
                facts |= one.facts()
        return facts

    def _perceived(self, perceived: Mapping[str, float | None], t_ns: int) -> None:
        """Publish what a simulated car's camera and radar see; in its thread."""
        if self._sensors is None:
            self._sensors = Sensors(self.vehicle.name, self._broker, self._pipeline.provider.signals)
        self._sensors.publish(perceived, t_ns)

    def _changed(self, reader: BusReader) -> None:
        """Take note that a bus came up or failed; in its thread."""
        up = reader.state is BusState.UP
        why = {} if up else {"error": reader.error}
        self._broker.events.add("bus.up" if up else "bus.down", car=self.vehicle.name, bus=reader.bus, **why)
        if not up:
            self._pipeline.silence(reader.bus, self._clock.now_ns())
        if all(one.state is not BusState.OPENING for one in self._readers):
            self.ready.set()
