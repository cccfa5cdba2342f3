"""``commonwheel app run``: one app over a recording or a simulated drive, or on a live car."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.cli.options import length_of_time
from commonwheel.cli.run import add_car_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Mapping

    from commonwheel.apps.app import App
    from commonwheel.apps.replay import Drive, Recorded

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("app", metavar="APP", help="a name or a file")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the app")
    car = parser.add_argument_group("car")
    add_car_options(car.add_argument)
    car.add_argument(
        "--seconds",
        type=length_of_time,
        metavar="S",
        help="only so much of a recording or a drive, or so long on a live car",
    )
    remote = parser.add_argument_group("a car that is served")
    remote.add_argument("--connect", metavar="HOST:PORT", help="the gRPC port of a running 'commonwheel run'")
    remote.add_argument("--token", metavar="TOKEN|FILE", help="what 'commonwheel token make' printed")
    remote.add_argument("--tls", action="store_true", help="the server has TLS, signed by who this system trusts ...")
    remote.add_argument("--tls-ca", metavar="FILE", help="... or by one of these, PEM")
    remote.add_argument("--tls-cert", metavar="FILE", help="this client's own certificate, where the server asks ...")
    remote.add_argument("--tls-key", metavar="FILE", help="... and its key")


def run(args: argparse.Namespace) -> int:
    """Run an app; returns the exit status."""
    from commonwheel.apps.checks import check
    from commonwheel.apps.loading import load_app

    if args.connect or args.bus:
        from commonwheel.cli.app_live import run_live

        return run_live(args, _settings(args))
    runs: list[tuple[App, Recorded]] = []
    for log in _logs(args):
        app = load_app(args.app)  # afresh: what its module keeps belongs to one run
        check(app)
        with _drive(args, app, log) as drive:
            runs.append((app, _run(args, app, drive)))
        if not args.json:
            _print(*runs[-1])
    if args.json:
        facts = [_facts_of(app, recorded) for app, recorded in runs]
        show.print_json(facts if len(facts) > 1 else facts[0])
    return PROBLEMS if any(recorded.failures for _, recorded in runs) else FINE


def _logs(args: argparse.Namespace) -> list[Path | None]:
    """Return the recordings to run over, each in its turn; None for a simulated drive.

    Raises:
        AppError: it is not said what to run over, or said twice.
    """
    from commonwheel.errors import AppError

    if bool(args.replay) == bool(args.virtual):
        message = "say what it is to run over: --replay LOG, or --car CAR --virtual SCENARIO, or --connect HOST:PORT"
        raise AppError(message)
    if len(args.car or ()) > 1 or len(args.virtual or ()) > 1:
        message = "'app run' takes one car; 'commonwheel run --app' runs apps on several"
        raise AppError(message)
    return [Path(log) for log in args.replay or ()] or [None]


def _settings(args: argparse.Namespace) -> Mapping[str, object]:
    """Return the settings that are given.

    Raises:
        AppError: one is none.
    """
    from commonwheel.errors import AppError

    pairs = [text.partition("=") for text in args.set]
    for name, mark, _ in pairs:
        if not (name and mark):
            message = f"--set takes NAME=VALUE, as in --set price=0.30; not {name!r:.60}"
            raise AppError(message)
    return {name: value for name, _, value in pairs}


@contextmanager
def _drive(args: argparse.Namespace, app: App, log: Path | None) -> Generator[Drive]:
    """Open what the app is to run over: a recording, or for None a simulated drive.

    Raises:
        CommonwheelError: it cannot be opened.
    """
    from commonwheel.apps.replay import drive_of_log, drive_of_twin
    from commonwheel.errors import AppError
    from commonwheel.vehicles import load_vehicle

    name = args.car[0].rpartition("=")[2] if args.car else ""
    car = load_vehicle(name) if name else None
    personal = bool(args.with_personal)
    if log is not None:
        with drive_of_log(log, car, app, seconds=args.seconds, with_personal=personal) as drive:
            yield drive
        return
    if car is None:
        message = "--virtual needs a --car that is simulated, as in --car nissan/leaf_aze0"
        raise AppError(message)
    from commonwheel.cli.twin import note_idle
    from commonwheel.twin.parameters_file import load_parameters
    from commonwheel.twin.scenario_file import load_scenario
    from commonwheel.twin.twin import Twin

    twin = Twin(car, load_scenario(args.virtual[0]), parameters=load_parameters(name), seed=_seed(args))
    note_idle(twin)
    yield drive_of_twin(twin, app, seconds=args.seconds, with_personal=personal)


def _seed(args: argparse.Namespace) -> int:
    from commonwheel.errors import AppError

    try:
        return int(args.seed or 0)
    except ValueError:
        message = f"--seed is a whole number, not {args.seed!r:.40}"
        raise AppError(message) from None


def _rate(args: argparse.Namespace) -> float | None:
    """Return how many times as fast as in the car it is to run; None: as fast as it can.

    Raises:
        AppError: it is no rate.
    """
    from commonwheel.errors import AppError

    if args.rate in {None, "max"}:
        return None
    try:
        rate = float(args.rate)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e6:  # noqa: PLR2004 - faster than it can
        message = f"--rate is a number above 0, or max; not {args.rate!r:.40}"
        raise AppError(message)
    return rate


def _run(args: argparse.Namespace, app: App, drive: Drive) -> Recorded:
    from commonwheel.apps.replay import Recorded, run_over

    recorded = Recorded() if args.json else _told()
    try:
        return run_over(app, drive, _settings(args), rate=_rate(args), into=recorded)
    except KeyboardInterrupt as error:
        _tell_where(app, error)
        raise


def _tell_where(app: App, interrupt: KeyboardInterrupt) -> None:
    """Say in which line of the app it was interrupted: a function that never ends is found so."""
    from commonwheel.apps.places import short
    from commonwheel.apps.sink import failure_of

    line = failure_of(interrupt, app.file, "", 0).line
    if line:
        show.note(f"{app.manifest.name} was in {short(app.file)}:{line}")


def _told() -> Recorded:
    """Return a record that prints what happens as it happens."""
    from commonwheel.apps.replay import Recorded

    seen: set[str] = set()

    class Told(Recorded):
        """Prints events, lines, and what fails, where it does so for the first time."""

        def report(self, event: Any) -> None:  # noqa: ANN401 - as the base has it
            super().report(event)
            data = "  ".join(f"{name}={_brief(value)}" for name, value in event.data.items())
            print(f"{self._time(event.t_ns)}  {event.severity:<8}{event.name}  {data}".rstrip(), flush=True)

        def log(self, line: Any) -> None:  # noqa: ANN401 - as the base has it
            super().log(line)
            print(f"{self._time(line.t_ns)}  {line.level:<8}{line.text}", flush=True)

        def failed(self, failure: Any) -> None:  # noqa: ANN401 - as the base has it
            super().failed(failure)
            if failure.place in seen:
                return
            seen.add(failure.place)
            print(f"{self._time(failure.t_ns)}  failed  {failure}", flush=True)

        def _time(self, t_ns: int) -> str:
            return f"{(t_ns - self.start_ns) / 1e9:10.3f} s"

    return Told()


def _brief(value: object) -> str:
    if isinstance(value, float):
        return show.number(value)
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - about a third of a line


def _facts_of(app: App, recorded: Recorded) -> dict[str, Any]:
    """Return what an app did as plain values; times are seconds since it began."""

    def since(t_ns: int) -> float:
        return (t_ns - recorded.start_ns) / 1e9

    return {
        "app": app.manifest.name,
        "version": app.manifest.version,
        "car": recorded.car,
        "start_ns": recorded.start_ns,
        "seconds": since(recorded.end_ns),
        "received": recorded.received,
        "called": recorded.called,
        "outputs": {name: {"value": one.value, "unit": one.unit} for name, one in recorded.outputs.items()},
        "events": [
            {"at": since(one.t_ns), "event": one.name, "severity": one.severity, "data": one.data}
            for one in recorded.events
        ],
        "logs": [{"at": since(one.t_ns), "level": one.level, "text": one.text} for one in recorded.logs],
        "published": [{"at": since(t), "signal": path, "value": value} for t, path, value in recorded.published],
        "requested": [{"at": since(t), "signal": path, "value": value} for t, path, value in recorded.requested],
        "failures": [
            {"at": since(one.t_ns), "file": one.file, "line": one.line, "in": one.handler, "error": one.error}
            for one in recorded.failures
        ],
    }


def _print(app: App, recorded: Recorded) -> None:
    about = app.manifest.outputs
    rows = [
        [name, _brief(one.value) if one.value is not None else "-", one.unit, about[name].about]
        for name, one in recorded.outputs.items()
    ]
    seconds = (recorded.end_ns - recorded.start_ns) / 1e9
    title = f"{app.manifest.name} on {recorded.car}: {seconds:.1f} s, {recorded.received:,} updates"
    if rows:
        show.table(["output", "value", "unit", "what it says"], rows, title=title, right=(1,))
    else:
        print(f"{title}, no output")
    if not recorded.received:
        wanted = ", ".join([*app.manifest.requires, *app.manifest.may_use])
        print(f"nothing that it reads came: the recording does not hold {wanted}")
    _print_failures(recorded)


def _print_failures(recorded: Recorded) -> None:
    """Print how often functions raised, and where, when it was more than once at one place."""
    places = Counter(one.place for one in recorded.failures)
    if places:
        total = places.total()
        print(f"{'once' if total == 1 else f'{total:,} times'} a function of the app raised")
    if places.total() > len(places):
        for place, times in places.most_common():
            print(f"{times:>10,} x  {place}")
