"""Three makers' virtual cars alive side by side: one drive, one set of apps, and a dashboard to look at them.

  commonwheel demo                 the dashboard at a loopback address, and a live table here, until Ctrl-C
  commonwheel demo --headless      the table alone
  commonwheel demo --seconds 60    end after a minute

Nothing leaves this machine and nothing is installed: the cars are simulated, their frames are their makers' own.
Without a terminal it ends by itself after twenty seconds and prints the table once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.cli.options import length_of_time
from commonwheel.cli.run import WEB_PORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.demo.board import Board, CarFacts
    from commonwheel.gateway.config import Settings
    from commonwheel.gateway.extension import Extension
    from commonwheel.gateway.service import Bound, Service
    from commonwheel.gateway.stopping import Stop

__all__ = ["configure", "run"]

SHORT_S = 20.0
"""How long it lasts where nobody looks on."""
DRAW_S = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("--headless", action="store_true", help="no dashboard: the table alone")
    parser.add_argument(
        "--web", metavar="PORT", type=_port, help=f"the dashboard's port ({WEB_PORT}, else any free one)"
    )
    parser.add_argument("--seconds", metavar="N", type=length_of_time, help="end after so many seconds")
    parser.add_argument("--scenario", metavar="NAME", help="another scenario, by name or file (demo)")
    parser.add_argument("--car", action="append", metavar="CAR", help="other cars, each maker/car[:variant]")
    parser.add_argument("--app", action="append", metavar="APP", help="other apps, by name or file")
    parser.add_argument("--no-open", action="store_true", help="do not open the dashboard in a browser")
    parser.add_argument("--json", action="store_true", help="print what was seen at the end as JSON")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the last port
        message = f"a port is a number from 0 (any free one) to 65535, not '{text:.40}'"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Put the demo on; returns the exit status."""
    from commonwheel.cli.run import extensions_of
    from commonwheel.demo.stage import APPS, CARS, SCENARIO, free_port, settings_for
    from commonwheel.gateway.logs import Logs
    from commonwheel.gateway.service import Service
    from commonwheel.gateway.stopping import Stop

    web = None if args.headless else free_port(WEB_PORT) if args.web is None else args.web
    settings = settings_for(args.car or CARS, args.scenario or SCENARIO, args.app or APPS, web_port=web)
    seconds = args.seconds or (None if show.terminal() else SHORT_S)
    extensions = extensions_of(settings)
    with Logs(settings.log, settings.log_level.number), Stop(settings.stop_seconds) as stop:
        service = Service(settings, extensions=extensions)
        stop.hold(service)
        facts, clean = asyncio.run(_play(service, settings, extensions, stop, seconds, args))
        if clean:
            stop.finished()
    if args.json:
        show.print_json(_plain(facts))
    return FINE if clean else PROBLEMS


async def _play(
    service: Service,
    settings: Settings,
    extensions: Sequence[Extension],
    stop: Stop,
    seconds: float | None,
    args: argparse.Namespace,
) -> tuple[list[CarFacts], bool]:
    """Start everything, show it until the end, stop everything; returns what was seen last, and whether all ended."""
    from commonwheel.demo.board import Board
    from commonwheel.vehicles import load_vehicle

    stopped = asyncio.ensure_future(stop.wait())
    if not args.json:
        print(f"starting {', '.join(settings.cars)} …", flush=True)
    starting = asyncio.ensure_future(service.start())
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return [], True
    try:
        bound = starting.result()
        cars = [(live, load_vehicle(settings.cars[live.name].car)) for live in service.cars]
        hosting: Any = next((one for one in extensions if one.name == "apps"), None)
        board = Board(cars, hosting)
        try:
            await _show(board, bound, stopped, seconds, args)
            facts = board.facts()
        finally:
            board.close()
    finally:
        stopped.cancel()
        clean = await service.stop()
    return facts, clean


async def _show(
    board: Board, bound: Sequence[Bound], stopped: asyncio.Future[None], seconds: float | None, args: argparse.Namespace
) -> None:
    from commonwheel.demo.board import rendered

    footer = _footer(bound)
    address = next((f"http://{one.endpoint}/" for one in bound if one.server == "web"), "")
    if not args.json:
        print(f"dashboard: {address}" if address else "no dashboard: --headless", flush=True)
    if address and not args.no_open and show.has_window():
        show.open_in_browser(address)
    if args.json or not show.terminal():
        await asyncio.wait({stopped}, timeout=seconds)
        if not args.json:
            _print(board.facts())
        return
    from rich.live import Live

    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    with Live(rendered(board.facts(), footer), auto_refresh=False) as live:
        while not stopped.done() and (end is None or loop.time() < end):
            await asyncio.wait({stopped}, timeout=DRAW_S)
            live.update(rendered(board.facts(), footer), refresh=True)


def _footer(bound: Sequence[Bound]) -> str:
    web = next((f"dashboard http://{one.endpoint}/   " for one in bound if one.server == "web"), "")
    ports = ", ".join(f"{one.car} {one.endpoint}" for one in bound if one.server == "grpc")
    return f"{web}for clients: {ports}   Ctrl-C ends it"


def _print(facts: Sequence[CarFacts]) -> None:
    """Print the table once, as plain text."""
    from commonwheel.demo.board import INSTRUMENTS

    rows = [[name, *(car.values[name] or "-" for car in facts)] for name, _ in INSTRUMENTS]
    rows.append(["speed on the wire", *(_hex(car) for car in facts)])
    rows.append(["frames", *(f"{car.frames:,}" for car in facts)])
    show.table(["", *(car.title for car in facts)], [row for row in rows if set(row[1:]) != {"-"}])
    apps = [
        [name, car.name, car.apps[name]]
        for name in dict.fromkeys(name for car in facts for name in car.apps)
        for car in facts
        if name in car.apps
    ]
    if apps:
        print()
        show.table(["app", "car", "says"], apps)


def _hex(car: CarFacts) -> str:
    return "-" if car.pattern is None else f"{car.pattern.id}#{car.pattern.payload.hex().upper()}"


def _plain(facts: Sequence[CarFacts]) -> list[dict[str, object]]:
    return [
        {
            "car": car.name,
            "title": car.title,
            "values": car.values,
            "speed_on_the_wire": _hex(car),
            "frames": car.frames,
            "frames_per_second": round(car.frames_per_second, 1),
            "apps": car.apps,
        }
        for car in facts
    ]
