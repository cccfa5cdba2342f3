"""What a service is made of: how each part is built from the settings. The only place that imports the real ones.

What is not served is not imported either.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from commonwheel.broker.access import Access, Tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from commonwheel.broker import Broker
    from commonwheel.broker.serving import Endpoint, Server
    from commonwheel.catalog import Catalog
    from commonwheel.gateway.config import CarSettings, Settings
    from commonwheel.gateway.verdicts import VerdictFile, Verdicts
    from commonwheel.gateway.virtual import VirtualCar
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["Gateway", "Parts", "Ready", "Recorded", "State"]

_LOG = logging.getLogger(__name__)


class Ready(Protocol):
    """Something to wait for, as ``threading.Event``."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait, at most so long; returns whether it came."""
        ...


class Gateway(Protocol):
    """What brings frames into a broker."""

    @property
    def ready(self) -> Ready:
        """Set when every source is open, or known not to be."""
        ...

    def hold(self) -> None:
        """Let a recording wait for ``play``; before ``start``."""
        ...

    def start(self) -> None:
        """Begin; what cannot be opened now is tried again later."""
        ...

    def play(self) -> None:
        """Begin a recording that was held; buses have begun."""
        ...

    def let_go(self) -> str:
        """Begin to release a car that acts, for good; see ``stopping.Held``."""
        ...

    def settle(self) -> None:
        """Wait until it is released; see ``stopping.Held``."""
        ...

    def stop(self) -> None:
        """End, and give everything back."""
        ...

    def facts(self) -> Mapping[str, object]:
        """Return counts for the metrics."""
        ...

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        """Call *tap* with each batch of frames; returns how to stop."""
        ...


class Recorded(Protocol):
    """What writes what a car says to files."""

    def start(self) -> None:
        """Begin; before the gateway does."""
        ...

    def stop(self, timeout_s: float = ...) -> None:
        """Write what came, and end the files; after the gateway."""
        ...


class State(Protocol):
    """Where a broker's last values are kept while the service is down."""

    def start(self) -> None:
        """Put them into the broker.

        Raises:
            OutputError: another process keeps them there.
        """
        ...

    def keep(self) -> None:
        """Write the broker's, soon and then now and then."""
        ...

    def stop(self) -> None:
        """Write them a last time."""
        ...


class Parts:
    """Builds the parts of a service; a test builds others."""

    ready_s = 30.0
    """How long a gateway may take until it is ready."""
    _verdicts: VerdictFile | None = None

    def access(self, settings: Settings) -> Access:
        """Return who may come in.

        Raises:
            BrokerError: a key or certificate cannot be used.
        """
        tls = None
        if settings.tls_cert is not None and settings.tls_key is not None:
            tls = Tls(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        authority = None
        if settings.tokens is not None:
            from commonwheel.broker.authority import JwtAuthority

            authority = JwtAuthority.from_files([settings.tokens])
        return Access(authority, tls, settings.limits)

    def tls_context(self, access: Access) -> ssl.SSLContext | None:
        """Return what the operator's port needs for TLS; None: plain.

        Raises:
            BrokerError: INVALID; the files cannot be used.
        """
        return None if access.tls is None else access.tls.context()

    def catalog(self, settings: Settings) -> Catalog:
        """Return the standard.

        Raises:
            CatalogError: it cannot be read.
        """
        from commonwheel.catalog import load_catalog

        return load_catalog(settings.catalog)

    def gateway(self, car: CarSettings, broker: Broker, settings: Settings) -> Gateway:
        """Return what brings a car's frames into a broker.

        Raises:
            CommonwheelError: there is no such car, bus, log or scenario.
        """
        from commonwheel.control.description import load_cannot
        from commonwheel.gateway.actuator import leave_to_act
        from commonwheel.gateway.car import CarGateway
        from commonwheel.gateway.sources import ReplaySource, parse_buses
        from commonwheel.gateway.urgency import favour_process
        from commonwheel.vehicles import load_vehicle

        vehicle = load_vehicle(car.car, catalog=settings.catalog)
        if car.replay is not None:
            sources = ReplaySource(car.replay, None if car.rate == "max" else float(car.rate), car.loop)
        elif car.virtual is not None:
            sources = self.virtual(car, vehicle)
        else:
            texts = [f"{name}={where}" if name else where for name, where in car.buses.items()]
            sources = parse_buses(texts, vehicle)
        leave = leave_to_act(vehicle, car.car, self._record(broker.name, settings)) if car.actuate else None
        if leave is not None:
            favour_process()
        gateway = CarGateway(vehicle, broker, sources, actuate=leave, with_personal=car.with_personal)
        if car.actuate and leave is None:
            gateway.cannot = load_cannot(car.car)
        return gateway

    def _record(self, car: str, settings: Settings) -> Verdicts:
        """Return where a car's verdicts are kept; all cars of a service have one file, where there is one.

        Raises:
            OutputError: the file cannot be written.
        """
        from commonwheel.gateway.rotation import rotation_of
        from commonwheel.gateway.verdicts import VerdictFile, Verdicts

        if settings.verdicts is not None and self._verdicts is None:
            self._verdicts = VerdictFile(settings.verdicts, rotation_of(settings.record_rotate.split(",")))
            self._verdicts.start()
        return Verdicts(self._verdicts, car=car)

    def close(self) -> bool:
        """Write what waits to be written, when all else has ended; returns whether that was done."""
        return self._verdicts is None or self._verdicts.close()

    def virtual(self, car: CarSettings, vehicle: Vehicle) -> VirtualCar:
        """Return a simulated car.

        Raises:
            DescriptionError: there is no such scenario, or nothing is known of the car's physics.
            GatewayError: the scenario cannot begin again, though it is to.
        """
        from commonwheel.gateway.virtual import VirtualCar
        from commonwheel.twin.parameters_file import load_parameters
        from commonwheel.twin.scenario_file import load_scenario
        from commonwheel.twin.twin import Twin

        scenario = load_scenario(car.virtual or "")
        twin = Twin(vehicle, scenario, parameters=load_parameters(car.car), seed=car.seed, harness=car.actuate)
        for fault in twin.without_effect:
            _LOG.warning("%s has nothing for the fault '%s' to be of", vehicle.name, fault)
        return VirtualCar(twin, rate=float(car.rate), loop=car.loop)

    def server(self, name: str, broker: Broker, endpoint: Endpoint, access: Access) -> Server:
        """Return a server that has not started."""
        if name == "grpc":
            from commonwheel.broker.rpc.server import RpcServer

            return RpcServer(broker, endpoint, access)
        if name == "viss":
            from commonwheel.broker.viss.server import VissServer

            return VissServer(broker, endpoint, access)
        from commonwheel.broker.flight.server import FlightServer

        return FlightServer(broker, endpoint, access)

    def state(self, broker: Broker, settings: Settings) -> State | None:
        """Return where a car's last values are kept; None: nowhere.

        Raises:
            OutputError: there is no place for them.
        """
        if settings.state is None:
            return None
        from commonwheel.broker.state import StateFile

        return StateFile(settings.state, broker, every_s=settings.state_seconds)

    def recording(self, car: CarSettings, gateway: Gateway, broker: Broker, settings: Settings) -> Recorded | None:
        """Return what records a car; None: nothing does."""
        if settings.record is None and settings.record_frames is None:
            return None
        from commonwheel.gateway.car import CarGateway
        from commonwheel.gateway.recording import CarRecording, interfaces_of
        from commonwheel.gateway.rotation import rotation_of

        return CarRecording(
            broker,
            gateway,
            samples=settings.record,
            frames=settings.record_frames,
            rotation=rotation_of(settings.record_rotate.split(",")),
            interfaces=interfaces_of(car, gateway.vehicle) if isinstance(gateway, CarGateway) else {},
        )
