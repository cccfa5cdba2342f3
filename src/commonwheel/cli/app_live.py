"""``commonwheel app run`` on a live car: one that is served elsewhere, or one whose buses are here."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from commonwheel.apps.host import AppHost
    from commonwheel.apps.manifest import Manifest
    from commonwheel.broker.access import Access
    from commonwheel.client import AsyncCar
    from commonwheel.client.beginning import Beginning
    from commonwheel.gateway.live import LiveCar
    from commonwheel.gateway.service import Bound

__all__ = ["run_live"]

_STOP_S = 10.0
_MAKE = "'commonwheel token make --key KEY --app {}' makes one"


def run_live(args: argparse.Namespace, settings: Mapping[str, object]) -> int:
    """Run an app on a live car until Ctrl-C, SIGTERM or the end of ``--seconds``; returns the exit status."""
    import asyncio

    from commonwheel.errors import AppError
    from commonwheel.gateway.stopping import Stop

    if args.connect and (args.car or args.bus or args.replay or args.virtual):
        message = "--connect goes to a car that is served; leave --car, --bus, --replay and --virtual out"
        raise AppError(message)
    live = _Live(args, settings)
    with Stop(_STOP_S) as stop:
        asyncio.run(live.remote(stop.wait) if args.connect else live.here(stop.wait))
        stop.finished()
    return live.conclude()


def _look_at_token(args: argparse.Namespace) -> None:
    """See that what is given for a token can be one.

    Raises:
        AppError: it is neither a file that is there nor a token.
    """
    from pathlib import Path

    from commonwheel.errors import AppError

    text: str | None = args.token
    if text and text.count(".") != 2 and not Path(text).is_file():  # noqa: PLR2004 - between a token's three parts
        message = f"--token {text:.60}: there is no such file, and it is no token; {_MAKE.format(args.app)}"
        raise AppError(message)


class _Live:
    """One app on one live car, and what is told of it as it happens."""

    name = "the app"
    """As an extension of a service."""

    def __init__(self, args: argparse.Namespace, settings: Mapping[str, object]) -> None:
        import asyncio

        self._begun = asyncio.Event()
        self._args = args
        self._settings: dict[str, Any] = dict(settings)
        self._host: AppHost | None = None
        self._told: list[object] = []
        """What was printed already, of what the host still keeps."""
        self._state = ""
        self._ended: Callable[[], object] = lambda: None
        self._close: Callable[[], Coroutine[object, object, object]] | None = None

    async def remote(self, stop: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run on a car that is served, until *stop* returns."""
        from commonwheel.broker.faults import BrokerError, Reason
        from commonwheel.client import ClientTls, connect_async
        from commonwheel.errors import AppError

        args = self._args
        given = args.tls or args.tls_ca or args.tls_cert or args.tls_key
        tls = ClientTls(args.tls_ca, args.tls_cert, args.tls_key) if given else False
        _look_at_token(args)
        try:
            async with connect_async(args.connect, token=args.token, tls=tls):
                pass  # what is wrong with address, token or certificate is said now, and not tried again and again
        except BrokerError as error:
            if error.reason is not Reason.UNAUTHENTICATED or args.token:
                raise
            message = f"{args.connect} asks for a token: --token FILE; {_MAKE.format(args.app)}"
            raise AppError(message) from error
        await self._begin(lambda _: connect_async(args.connect, token=args.token, tls=tls))
        try:
            await self._last(stop)
        finally:
            await self.stop(_STOP_S)

    async def here(self, stop: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run on a car whose buses are here, until *stop* returns. No server is opened."""
        from commonwheel.cli.run import settings_of_options
        from commonwheel.gateway.logs import Logs
        from commonwheel.gateway.service import Service, serve

        options = argparse.Namespace(**{**vars(self._args), "app": None, "set": None, "log_level": "warning"})
        for server in ("grpc", "viss", "flight", "metrics"):
            setattr(options, f"no_{server}", True)
        settings = settings_of_options(options)
        with Logs(settings.log, settings.log_level.number):
            await serve(Service(settings, extensions=(self,)), lambda _: None, lambda: self._last(stop))

    async def start(self, cars: Sequence[LiveCar], access: Access) -> Sequence[Bound]:  # noqa: ARG002 - the contract
        """Begin on the service's car; see ``gateway.extension.Extension``."""
        from commonwheel.apps.scopes import rights_of
        from commonwheel.client import connect_async
        from commonwheel.errors import AppError

        if len(cars) != 1:
            message = "'app run' takes one car; 'commonwheel run --app' runs apps on several"
            raise AppError(message)
        await self._begin(lambda manifest: connect_async(cars[0].broker, rights=rights_of(manifest)))
        return ()

    async def stop(self, seconds: float) -> bool:
        """End; see ``gateway.extension.Extension``."""
        import asyncio

        if self._close is not None:
            close, self._close = self._close, None
            async with asyncio.timeout(seconds):
                await close()
        return True

    async def _begin(self, connect: Callable[[Manifest], Beginning[AsyncCar]]) -> None:
        from contextlib import AsyncExitStack

        from commonwheel.apps.hosting import hosted

        stack = AsyncExitStack()
        self._host = await stack.enter_async_context(
            hosted(self._args.app, connect, settings=self._settings, changed=self._changed)
        )
        self._close = stack.aclose
        self._begun.set()

    async def _last(self, stop: Callable[[], Coroutine[object, object, None]]) -> None:
        """Wait until somebody stops it, its time is over, or it is not started again."""
        import asyncio

        ended = asyncio.Event()
        self._ended = ended.set
        if self._state == "failed":
            ended.set()
        waits = [asyncio.create_task(one) for one in (stop(), ended.wait(), self._time())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    async def _time(self) -> None:
        """Wait until its time is over, which begins when the app does."""
        import asyncio

        await self._begun.wait()
        seconds: float | None = self._args.seconds
        if seconds is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(seconds)

    # ---- what is told -----------------------------------------------------------------------------------------------

    def _changed(self, host: AppHost) -> None:
        """Print what is new."""
        status = host.status
        told = set(map(id, self._told))
        fresh = [one for one in (*status.logs, *status.events) if id(one) not in told]
        self._told = [*status.logs, *status.events]
        if not self._args.json:
            for one in sorted(fresh, key=lambda one: one.t_ns):
                print(_line(one), flush=True)
        if status.state.value != self._state:
            self._state = status.state.value
            lacks = f": the car does not give {', '.join(host.missing)}" if self._state == "unfit" else ""
            show.note(f"{host.manifest.name}: {self._state}{lacks}")
            if self._state == "failed":
                self._ended()

    def conclude(self) -> int:
        """Print what the app came to; returns the exit status."""
        host = self._host
        if host is None:
            show.note("stopped before the app began")
            return PROBLEMS
        status = host.status
        if self._args.json:
            show.print_json(_facts(host))
        else:
            about = host.manifest.outputs
            rows = [
                [name, _value(one.value), one.unit, about[name].about]
                for name, one in status.outputs.items()
                if name in about
            ]
            dropped = f", {status.dropped:,} dropped" if status.dropped else ""
            title = f"{host.manifest.name} on {host.car}: {status.received:,} updates{dropped}"
            if rows:
                show.table(["output", "value", "unit", "what it says"], rows, title=title, right=(1,))
            else:
                print(f"{title}, no output")
        return PROBLEMS if status.restarts or status.error else FINE


def _value(value: object) -> str:
    return show.number(value) if isinstance(value, float) else "-" if value is None else str(value)


def _line(one: Any) -> str:  # noqa: ANN401 - an event or a line
    clock = time.strftime("%H:%M:%S", time.localtime(one.t_ns / 1e9))
    if hasattr(one, "text"):
        return f"{clock}  {one.level:<8}{one.text}"
    data = "  ".join(f"{name}={_value(value)[:60]}" for name, value in one.data.items())
    return f"{clock}  {one.severity:<8}{one.name}  {data}".rstrip()


def _facts(host: AppHost) -> dict[str, Any]:
    status = host.status
    return {
        "app": host.manifest.name,
        "version": host.manifest.version,
        "car": host.car,
        "fitness": host.fitness.value,
        "missing": list(host.missing),
        "restarts": status.restarts,
        "error": status.error,
        "received": status.received,
        "dropped": status.dropped,
        "outputs": {name: {"value": one.value, "unit": one.unit} for name, one in status.outputs.items()},
        "events": [
            {"t_ns": one.t_ns, "event": one.name, "severity": one.severity, "data": one.data} for one in status.events
        ],
        "logs": [{"t_ns": one.t_ns, "level": one.level, "text": one.text} for one in status.logs],
    }
