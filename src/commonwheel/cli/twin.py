"""Drive a simulated car: write a log of it, or send its frames on buses.

  commonwheel twin nissan/leaf_aze0:30kwh --scenario commute -o drive.log.gz
  commonwheel twin mitsubishi/imiev --scenario my.yaml --seconds 60 --seed 7 -o drive.trc
  commonwheel twin honda/civic_gen8 --scenario town --bus fcan=udp_multicast:239.74.163.2
  commonwheel twin --scenarios                 the scenarios that are shipped

A log is written as fast as this machine can: candump's text (.log), GVRET's (.csv) or PCAN's (.trc), compressed
(.gz, .zst, .xz, .bz2) where its name says so. The same seed writes the same log. On buses the car drives in real time,
or --rate times as fast, until the scenario's end or Ctrl-C. With neither it only drives.
Exit status 2 when it cannot drive.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from commonwheel.gateway.sources import BusSource
    from commonwheel.twin.twin import Twin
    from commonwheel.wire.frames import Frames

__all__ = ["configure", "note_idle", "run"]

_CHUNK_NS = 10_000_000_000
_ENDINGS = (".gz", ".zst", ".xz", ".bz2")


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    parser.add_argument("car", nargs="?", help="maker/car[:variant], or a folder")
    parser.add_argument("--scenario", default="commute", metavar="NAME|FILE", help="what is driven (commute)")
    parser.add_argument("--scenarios", action="store_true", help="list the scenarios that are shipped")
    parser.add_argument("--seconds", metavar="N", help="drive so long; else as long as the scenario lasts")
    parser.add_argument("--seed", default="0", metavar="N", help="what chance there is (0)")
    parser.add_argument("-o", "--out", type=Path, metavar="LOG", help="write the frames there")
    parser.add_argument(
        "--bus",
        action="append",
        metavar="BUS=INTERFACE:CHANNEL",
        help="send a bus's frames there, as 'run' names buses",
    )
    parser.add_argument("--rate", default="1", metavar="X", help="on buses: times as fast as real time (1)")
    parser.add_argument("--loop", action="store_true", help="on buses: begin again at the scenario's end")
    parser.add_argument("--json", action="store_true", help="print what was driven as JSON")


def run(args: argparse.Namespace) -> int:
    """Drive; returns the exit status."""
    if args.scenarios:
        _list(as_json=args.json)
        return FINE
    from commonwheel.twin.parameters_file import load_parameters
    from commonwheel.twin.scenario_file import load_scenario
    from commonwheel.twin.twin import Twin
    from commonwheel.vehicles import load_vehicle

    _check(args)
    seconds, seed = _number(args.seconds, "--seconds"), round(_number(args.seed, "--seed") or 0)
    vehicle, parameters = load_vehicle(args.car), load_parameters(args.car)
    twin = Twin(vehicle, load_scenario(args.scenario), parameters=parameters, seed=seed)
    note_idle(twin)
    drive = _on_buses if args.bus else _to_log
    _show(drive(twin, args, seconds), as_json=args.json)
    return FINE


def note_idle(twin: Twin) -> None:
    """Note what of a scenario does nothing on this car; shipped scenarios set what some cars do not send."""
    from commonwheel.twin.scenario_file import SHIPPED

    for fault in twin.without_effect:
        show.note(f"{twin.vehicle.name} has nothing for the fault '{fault}' to be of")
    if twin.unsent and Path(twin.scenario.file).parent != SHIPPED:
        show.note(f"{twin.vehicle.name} does not send what the scenario sets: {', '.join(twin.unsent)}")


def _check(args: argparse.Namespace) -> None:
    from commonwheel.errors import OutputError

    if not args.car:
        message = "name a car, such as nissan/leaf_aze0:30kwh; 'commonwheel cars' lists them"
        raise OutputError(message)
    if args.bus and args.out:
        message = "--bus sends in real time and -o writes as fast as it can; leave one out"
        raise OutputError(message)
    if not args.bus and (args.rate not in {"1", "max"} or args.loop):
        message = "--rate and --loop are of --bus; a log is written as fast as this machine can"
        raise OutputError(message)


def _number(text: str | None, option: str) -> float | None:
    """Return a number above 0 (a seed: any)."""
    from commonwheel.errors import OutputError

    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    seed = option == "--seed"
    if not (number.is_integer() if seed else 0 < number < _LONGEST_S):
        what = "a whole number" if seed else f"a number of seconds above 0 and below {_LONGEST_S:g}"
        message = f"{option} is {what}, not '{text}'"
        raise OutputError(message)
    return number


_LONGEST_S = 1e7


def _list(*, as_json: bool) -> None:
    from commonwheel.twin.scenario_file import load_scenario, scenario_names

    scenarios = [load_scenario(name) for name in scenario_names()]
    if as_json:
        show.print_json([{"name": one.name, "seconds": one.length_s, "about": one.about} for one in scenarios])
        return
    rows = [(one.name, f"{one.length_s:.0f} s", " ".join(one.about.split())) for one in scenarios]
    show.table(("scenario", "lasts", "about"), rows, right=(1,))


def _to_log(twin: Twin, args: argparse.Namespace, seconds: float | None) -> dict[str, Any]:
    """Drive as fast as this machine can; returns what there is to say."""
    import time

    end = twin.length_ns if seconds is None else round(seconds * 1e9)
    began = time.perf_counter()
    with show.progress(f"driving {twin.vehicle.name}", end) as told:
        frames = _write(args.out, _drive(twin, end, told), twin)
    return _facts(twin, frames, time.perf_counter() - began) | ({"file": str(args.out)} if args.out else {})


def _drive(twin: Twin, end_ns: int, told: Callable[[int], None]) -> Iterator[Frames]:
    while twin.t_ns < end_ns:
        yield twin.advance(min(end_ns, twin.t_ns + _CHUNK_NS))
        told(twin.t_ns)


def _write(path: Path | None, frames: Iterable[Frames], twin: Twin) -> int:
    """Write a log in the format that its name says; returns how many frames are in it.

    Raises:
        OutputError: no format has this name, or it cannot be written.
    """
    if path is None:
        return sum(map(len, frames))
    from commonwheel.errors import OutputError
    from commonwheel.gateway.recorder import is_name
    from commonwheel.wire.logs import write_candump, write_gvret_csv, write_trc

    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _ENDINGS]
    match suffixes[-1:]:
        case [".log"]:
            names = {i: bus.name for i, bus in enumerate(twin.vehicle.buses) if is_name(bus.name)}
            return write_candump(path, frames, interfaces=names)
        case [".csv"]:
            return write_gvret_csv(path, frames)
        case [".trc"]:
            return write_trc(path, frames)
        case _:
            message = f"{path}: a log's name ends in .log (candump), .csv (GVRET) or .trc (PCAN), then perhaps .gz"
            raise OutputError(message)


def _on_buses(twin: Twin, args: argparse.Namespace, seconds: float | None) -> dict[str, Any]:
    """Drive in real time and send on buses; returns what there is to say.

    Raises:
        CommonwheelError: a bus cannot be used.
    """
    import time

    from commonwheel.gateway.sources import parse_buses, parse_rate
    from commonwheel.gateway.virtual import VirtualCar
    from commonwheel.gateway.virtual_sender import VirtualSender

    sources: dict[str, BusSource] = parse_buses(args.bus, twin.vehicle)
    car = VirtualCar(twin, rate=parse_rate(args.rate) or 0.0, loop=args.loop)
    began = time.perf_counter()
    with VirtualSender(car, sources) as sender:
        _wait(sender, seconds, f"driving {twin.vehicle.name}")
    return _facts(twin, sender.sent, time.perf_counter() - began) | {"received": sender.received} | car.facts()


def _wait(sender: Any, seconds: float | None, what: str) -> None:  # noqa: ANN401 - imported where it is used
    """Wait for the end of a drive, or for someone who wants it."""
    import asyncio

    from commonwheel.gateway.stopping import Stop

    async def until() -> None:
        asked = asyncio.create_task(stop.wait())
        while not asked.done() and not sender.over(seconds):
            await asyncio.wait({asked}, timeout=0.05)
        asked.cancel()

    with Stop(10.0) as stop:
        show.note(f"{what}; Ctrl-C ends it")
        asyncio.run(until())
        stop.finished()


def _facts(twin: Twin, frames: int, wall_s: float) -> dict[str, Any]:
    state, seconds = twin.state, twin.t_ns / 1e9
    return {
        "car": twin.vehicle.name,
        "scenario": twin.scenario.name,
        "seed": twin.seed,
        "frames": frames,
        "seconds": seconds,
        "wall_s": round(wall_s, 3),
        "times_real": round(seconds / wall_s, 1) if wall_s else None,
        "distance_km": round(state.distance_m / 1000.0, 3),
        "energy_kwh": round(state.drawn_kwh, 4) if twin.parameters.battery else None,
        "fuel_l": round(state.fuel_used_l, 4) if twin.parameters.engine else None,
        "clamped": twin.clamped,
    }


def _show(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.print_json(facts)
        return
    given = ((facts["energy_kwh"], "kWh"), (facts["fuel_l"], "l"))
    used = [f"{amount:.2f} {unit}" for amount, unit in given if amount is not None]
    print(f"{facts['car']} drove '{facts['scenario']}': {facts['distance_km']:.2f} km in {facts['seconds']:,.0f} s")
    print(f"  used     {', '.join(used)}")
    print(f"  frames   {facts['frames']:,}")
    print(f"  took     {facts['wall_s']:.1f} s, {facts['times_real']:,.0f} times as fast as real time")
    if facts["clamped"]:
        print(f"  clamped  {facts['clamped']:,} values that do not fit on this car's wire")
    if "file" in facts:
        print(f"  written  {facts['file']}")
