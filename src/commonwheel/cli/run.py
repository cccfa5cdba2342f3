"""Run cars live: frames in from buses or from a recording, standard signals out over gRPC, VISS and Arrow Flight.

  commonwheel run --car nissan/leaf_ze0 --bus ev=socketcan:can0 --bus car=socketcan:can1
  commonwheel run --car nissan/leaf_ze0 --replay drive.log --loop
  commonwheel run --car nissan/leaf_aze0 --virtual commute --app trip --web
  commonwheel run --config cars.yaml
  commonwheel run                                a broker without a car, for the programs of others to feed

Several cars: name each, and say whose a bus or a log is:
  --car leaf=nissan/leaf_ze0 --bus leaf.ev=virtual:a --car civic=honda/civic_gen8 --replay civic=drive.log
The first car has the ports that are given, the next car the next ones.

Nothing is ever sent to a bus without --actuate, nor before the car is armed ('commonwheel arm'). What is bound is
printed when, and only when, all of it is ready. SIGTERM or Ctrl-C stops it; a second one stops it at once, but for a
car that acts, which is released first, as gently as it states; a third one ends that too. Exit status 2 when it cannot
start.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from commonwheel.gateway.config import Settings
    from commonwheel.gateway.extension import Extension
    from commonwheel.gateway.service import Bound
    from commonwheel.vehicles.yamltree import Node

__all__ = ["add_car_options", "configure", "extensions_of", "run", "settings_of_options"]

_PORTS = {
    "grpc": "kuksa.val.v1, kuksa.val.v2 and Commonwheel's own (55555)",
    "viss": "VISS over WebSocket and HTTP (8090)",
    "flight": "Arrow Flight (8815)",
    "metrics": "/metrics, /live and /ready (9464)",
}
WEB_PORT = 8080
"""Where the dashboard is served, unless another port is given."""
_VALUES = (
    ("host", "ADDRESS", "where to listen (127.0.0.1); on others TLS and tokens are needed"),
    *((f"{name}-port", "PORT", f"{what}; 0: any free one") for name, what in _PORTS.items()),
    ("metrics-host", "ADDRESS", "where to listen for operators (127.0.0.1)"),
    ("catalog", "FILE", "a VSS tree of your own, as JSON"),
    ("tokens", "FILE|DIR", "the public key, or a folder of them, that tokens are checked with"),
    ("tls-cert", "FILE", "the server's certificate, PEM"),
    ("tls-key", "FILE", "its key"),
    ("tls-client-ca", "FILE", "who signs clients' certificates: each client has to have one"),
    ("state", "DIR", "keep last values over a restart"),
    ("state-seconds", "S", "how often they are written (10); first one second after all is ready"),
    ("record", "DIR", "record samples: Parquet files that are rotated"),
    ("record-frames", "DIR", "record frames: compressed candump logs"),
    ("record-rotate", "SIZE,TIME", "begin a new file after so much (256MiB,1h)"),
    ("verdicts", "FILE", "write what the guards of cars that act say, one JSON object a line; rotated as the others"),
    ("history-depth", "N", "most updates kept of each signal (1000)"),
    ("history-seconds", "S", "longest time back that updates are kept (600)"),
    ("log", "text|json", "form of the log on standard error (text)"),
    ("log-level", "LEVEL", "debug, info, warning or error (info)"),
    ("stop-seconds", "S", "time within which a stop is over (10)"),
)
"""Options with a value that stand for themselves in the settings."""
_CAR_NAME = re.compile(r"[A-Za-z0-9_-]+")


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    cars = parser.add_argument_group("cars")
    add_car_options(cars.add_argument)
    cars.add_argument(
        "--loop", action="store_true", default=None, help="begin the recording or scenario again at its end"
    )
    cars.add_argument(
        "--actuate", action="store_true", default=None, help="let the car be armed ('commonwheel arm') and asked to act"
    )
    service = parser.add_argument_group("service")
    for name, value, text in _VALUES:
        service.add_argument(f"--{name}", metavar=value, help=text)
    for name in _PORTS:
        service.add_argument(f"--no-{name}", action="store_true", help=f"the same as --{name}-port off")
    service.add_argument(
        "--web", dest="web_port", nargs="?", const=str(WEB_PORT), metavar="PORT", help=f"serve a dashboard ({WEB_PORT})"
    )
    service.add_argument(
        "--app", action="append", metavar="APP", help="run an app on every car that can run it: its name, or its file"
    )
    service.add_argument("--set", action="append", metavar="APP.NAME=VALUE", help="a setting of an app")
    service.add_argument(
        "--limit",
        action="append",
        metavar="NAME=N",
        help="most that one client may ask: message_bytes, connections, streams, subscriptions, requests_per_second",
    )
    service.add_argument(
        "--insecure", action="store_true", default=None, help="serve other machines without TLS and tokens"
    )
    service.add_argument("--config", type=Path, metavar="FILE", help="the same and more as YAML; options go before it")
    parser.add_argument("--json", action="store_true", help="print what is bound as one JSON line")


def add_car_options(add: Callable[..., object]) -> None:
    """State the options that say which cars there are and where their frames come from; *add* takes each."""
    add("--car", action="append", metavar="[NAME=]CAR", help="maker/car[:variant], or a folder")
    add(
        "--bus",
        action="append",
        metavar="[NAME.]BUS=INTERFACE:CHANNEL",
        help="where the car's bus is: any interface of python-can, as in ev=socketcan:can0 or ev=virtual:a",
    )
    add("--replay", action="append", metavar="[NAME=]LOG", help="a recording in place of buses")
    add("--virtual", action="append", metavar="[NAME=]SCENARIO", help="a simulated car in place of buses")
    add("--seed", metavar="N", help="what chance there is in simulated cars (0)")
    add("--rate", metavar="X", help="replay or simulate so many times as fast; a replay also 'max' (1)")
    add(
        "--with-personal",
        action="store_true",
        default=None,
        help="also signals that tell who the car or its user is",
    )


def run(args: argparse.Namespace) -> int:
    """Run until the end; returns the exit status."""
    import asyncio

    from commonwheel.gateway.logs import Logs
    from commonwheel.gateway.service import Service, serve
    from commonwheel.gateway.stopping import Stop

    settings = settings_of_options(args)

    def announce(bound: tuple[Bound, ...]) -> None:
        _announce(bound, as_json=args.json)

    with Logs(settings.log, settings.log_level.number), Stop(settings.stop_seconds) as stop:
        service = Service(settings, extensions=extensions_of(settings))
        stop.hold(service)
        clean = asyncio.run(serve(service, announce, stop.wait))
        if clean:
            stop.finished()
    return FINE if clean else PROBLEMS


def extensions_of(settings: Settings) -> tuple[Extension, ...]:
    """Return what runs on the cars of a service: its apps, and the dashboard that shows them."""
    from commonwheel.gateway.config import OFF

    extensions: list[Extension] = []
    hosting = None
    if settings.apps or settings.app_settings:
        from commonwheel.apps.hosting import AppHosts

        hosting = AppHosts(settings.apps, settings=settings.app_settings)
        extensions.append(hosting)
    if settings.web_port != OFF:
        from commonwheel.web.dashboard import Dashboard

        extensions.append(Dashboard(settings, hosting))
    return tuple(extensions)


def _announce(bound: tuple[Bound, ...], *, as_json: bool) -> None:
    """Print what is bound, at once also into a pipe."""
    import json
    import os
    import sys

    if as_json:
        listed = [
            {"car": one.car, "server": one.server, "host": one.endpoint.host, "port": one.endpoint.port}
            for one in bound
        ]
        print(json.dumps({"ready": True, "pid": os.getpid(), "bound": listed}))
    else:
        for one in bound:
            print(f"{one.server:<8}{one.endpoint}{f'  {one.car}' if one.car else ''}")
        print("ready")
    sys.stdout.flush()


def settings_of_options(args: argparse.Namespace) -> Settings:
    """Return the settings that options and configuration file state together.

    Raises:
        ConfigError: states every fault, by option or by line.
    """
    from commonwheel.errors import ConfigError
    from commonwheel.gateway.config import load_settings, settings_of
    from commonwheel.vehicles.yamltree import Node

    options = _Options(args)
    tree = Node(dict(options.entries()), Path("options"), 0)
    if getattr(args, "config", None) is None:
        return settings_of(tree, options.faults)
    if options.faults:
        raise ConfigError(options.faults)
    return load_settings(args.config, tree)


class _Options:
    """The options as a tree of settings; their places are their names."""

    def __init__(self, args: argparse.Namespace) -> None:
        from commonwheel.errors import Fault
        from commonwheel.vehicles.yamltree import Node

        self._args = args
        self._make_node: Callable[..., Node] = Node
        self._make_fault: Callable[..., Fault] = Fault
        self.faults: list[Fault] = []

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Yield every setting that is stated."""
        for name, _, _ in _VALUES:
            value = self._get(name)
            if value is not None:
                yield name, self._node(name, value)
        for name in _PORTS:
            if self._get(f"no-{name}"):
                yield f"{name}-port", self._node(f"no-{name}", "off")
        if self._get("web_port"):
            yield "web-port", self._node("web", self._get("web_port"))
        apps: list[str] = self._get("app") or []
        if apps:
            yield "apps", self._node("app", [self._node("app", app) for app in apps])
        yield from self._app_settings()
        if self._get("insecure"):
            yield "insecure", self._node("insecure", value=True)
        asked: list[str] = self._get("limit") or []
        if asked:
            limits = dict(self._pair("limit", text, "NAME=N, such as streams=10") for text in asked)
            yield "limits", self._node("limit", {key: self._node("limit", value) for key, value in limits.items()})
        cars = self._cars()
        if cars:
            yield "cars", self._node("car", cars)

    def _app_settings(self) -> Iterator[tuple[str, Node]]:
        """Yield what is set of apps, by app."""
        found: dict[str, dict[str, Node]] = {}
        form = "APP.NAME=VALUE, such as trip.price=0.30"
        stated: list[str] = self._get("set") or []
        for text in stated:
            key, value = self._pair("set", text, form)
            app, dot, name = key.partition(".")
            if key and value and not dot:
                self._fault("set", f"'{text}' is not {form}")
            found.setdefault(app, {})[name] = self._node("set", value)
        if found:
            yield "app-settings", self._node("set", {app: self._node("set", given) for app, given in found.items()})

    def _get(self, option: str) -> Any:  # noqa: ANN401 - whatever an option holds
        """Return the value of an option; None where it is not given, or where the verb has none of this name."""
        return getattr(self._args, option.replace("-", "_"), None)

    def _node(self, option: str, value: object) -> Node:
        return self._make_node(value, Path(f"--{option}"), 0)

    def _fault(self, option: str, message: str) -> None:
        self.faults.append(self._make_fault(Path(f"--{option}"), 0, message))

    def _pair(self, option: str, text: str, form: str) -> tuple[str, str]:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            self._fault(option, f"'{text}' is not {form}")
        return key, value

    def _cars(self) -> dict[str, Node]:
        cars: dict[str, dict[str, Node]] = {}
        for text in self._args.car or ():
            name, equals, car = text.partition("=")
            if not equals or not _CAR_NAME.fullmatch(name):
                name, car = re.split(r"[/\\:]", text.rstrip("/\\"))[-1 if ":" not in text else -2], text
            if name in cars:
                self._fault("car", f"there are two cars '{name}'; name each, as in {name}1={car}")
            cars[name] = {"car": self._node("car", car)}
        self._sources(cars)
        for key in ("rate", "seed", "loop", "actuate", "with-personal"):
            value = self._get(key)
            if value is None:
                continue
            if not cars:
                self._fault(key, "it is of a car; name one with --car")
            for car in cars.values():
                car[key] = self._node(key, value)
        return {name: self._node("car", car) for name, car in cars.items()}

    def _sources(self, cars: dict[str, dict[str, Node]]) -> None:
        buses: dict[str, dict[str, Node]] = {}
        for text in self._args.bus or ():
            name, rest = self._owner("bus", text, ".", cars)
            head = rest.partition(":")[0]
            bus = head.partition("=")[0] if "=" in head else ""
            if bus in buses.setdefault(name, {}):
                self._fault("bus", f"'{text}': the bus '{bus or 'without a name'}' is given already")
            buses[name][bus] = self._node("bus", rest.partition("=")[2] if bus else rest)
        for name, own in buses.items():
            cars.get(name, {})["buses"] = self._node("bus", own)
        for option, what in (("replay", "logs; replay one"), ("virtual", "scenarios; drive one")):
            texts: list[str] = self._get(option) or []
            for text in texts:
                name, given = self._owner(option, text, "=", cars)
                if option in cars.get(name, {}):
                    self._fault(option, f"'{name}' has two {what}")
                cars.get(name, {})[option] = self._node(option, given)

    def _owner(self, option: str, text: str, mark: str, cars: dict[str, dict[str, Node]]) -> tuple[str, str]:
        """Return whose a bus or a log is, and the rest of the text."""
        name, found, rest = text.partition(mark)
        if found and name in cars:
            return name, rest
        if len(cars) == 1:
            return next(iter(cars)), text
        form = {"bus": "CAR.BUS=INTERFACE:CHANNEL", "replay": "CAR=LOG", "virtual": "CAR=SCENARIO"}[option]
        known = f"the cars are {', '.join(cars)}" if cars else "name one with --car"
        self._fault(option, f"'{text}' does not say whose it is: {form}; {known}")
        return "", text
