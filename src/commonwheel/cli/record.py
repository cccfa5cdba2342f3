"""Record a car, live: its frames as a compressed candump log, its samples as Parquet, in files that are rotated.

  commonwheel record --car nissan/leaf_ze0 --bus ev=socketcan:can0 --bus car=socketcan:can1 --out drive --frames
  commonwheel record --connect localhost:8815 --out drive --signals 'Vehicle.Powertrain.**' --rotate 10min
  commonwheel record --car nissan/leaf_ze0 --replay drive.log --out again --frames --samples

--connect reads the native stream (Arrow Flight) of a car that 'commonwheel run' serves, which carries samples only.
A file is written as '.part' and gets its name when it is whole. Ctrl-C, SIGTERM, the end of a replay or of --duration
end the recording. Exit status 1 when something is missing from it, 2 when nothing can be recorded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.cli.run import add_car_options, settings_of_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from commonwheel.gateway.record_remote import RemotePlace
    from commonwheel.gateway.rotation import Rotation

__all__ = ["configure", "run"]

_PATIENCE_S = 30.0
"""How long a replay at full speed waits for the disk, and a client for the first batch."""
_LOOK_S = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    car = parser.add_argument_group("car")
    add_car_options(car.add_argument)
    car.add_argument("--catalog", metavar="FILE", help="a VSS tree of your own, as JSON")
    remote = parser.add_argument_group("a car that is served")
    remote.add_argument("--connect", metavar="HOST:PORT", help="the Flight port of a running 'commonwheel run'")
    remote.add_argument("--token", metavar="TOKEN|FILE", help="what 'commonwheel token make' printed")
    remote.add_argument("--tls", action="store_true", help="the server has TLS, signed by who this system trusts ...")
    remote.add_argument("--tls-ca", metavar="FILE", help="... or by one of these, PEM")
    remote.add_argument("--tls-cert", metavar="FILE", help="this client's own certificate, where the server asks ...")
    remote.add_argument("--tls-key", metavar="FILE", help="... and its key")
    what = parser.add_argument_group("recording")
    what.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to; made when it is not there")
    what.add_argument("--frames", action="store_true", help="record frames: candump's text, .log.zst")
    what.add_argument("--samples", action="store_true", help="record samples: .parquet (this, if neither is given)")
    what.add_argument(
        "--signals", action="append", metavar="PATTERN", help="only samples of these: a path, branch, * or **"
    )
    what.add_argument(
        "--rotate",
        action="append",
        metavar="SIZE|TIME",
        help="begin a new file after so much: 100MB, 10min, or both (256MiB, 1h)",
    )
    what.add_argument("--duration", metavar="TIME", help="end after so long: 30s, 10min, 1h")
    parser.add_argument("--json", action="store_true", help="print what was recorded as JSON")


def run(args: argparse.Namespace) -> int:
    """Record until the end; returns the exit status."""
    from commonwheel.gateway.rotation import duration_of, rotation_of

    rotation = rotation_of(args.rotate or (), "--rotate")
    duration_s = None if args.duration is None else duration_of(args.duration, "--duration")
    record = _record if args.connect is None else _follow
    facts = record(args, rotation, duration_s)
    _show(facts, as_json=args.json)
    return PROBLEMS if facts["missing"] else FINE


def _record(args: argparse.Namespace, rotation: Rotation, duration_s: float | None) -> dict[str, Any]:
    """Record a car of this process; returns what there is to say.

    Raises:
        CommonwheelError: it cannot be recorded; says why.
    """
    import time

    from commonwheel.broker import Broker
    from commonwheel.errors import OutputError
    from commonwheel.gateway.car import CarGateway
    from commonwheel.gateway.parts import Parts
    from commonwheel.gateway.record_frames import FrameRecorder
    from commonwheel.gateway.record_samples import SampleRecorder
    from commonwheel.gateway.recording import Recording, interfaces_of

    settings = settings_of_options(args)
    if len(settings.cars) != 1:
        message = f"{len(settings.cars)} cars are named; name one with --car, or one that is served with --connect"
        raise OutputError(message)
    ((name, car),) = settings.cars.items()
    parts = Parts()
    broker = Broker(parts.catalog(settings), name=name)
    gateway = parts.gateway(car, broker, settings)
    if not isinstance(gateway, CarGateway):
        raise TypeError(gateway)
    broker.table.match(args.signals or ("",))
    frames = FrameRecorder(args.out, rotation, interfaces=interfaces_of(car, gateway.vehicle)) if args.frames else None
    samples = SampleRecorder(args.out, rotation) if args.samples or not args.frames else None
    at_full_speed = car.replay is not None and car.rate == "max"
    recording = Recording(
        broker, gateway, frames, samples, tuple(args.signals or ("",)), _PATIENCE_S if at_full_speed else 0.0
    )
    began = time.monotonic()
    try:
        recording.start()
        gateway.start()
        _wait(gateway.finished.is_set, duration_s, f"recording {name} to {args.out}")
    finally:
        gateway.stop()
        recording.stop()
    return _facts((("frames", frames), ("samples", samples)), recording.lost, time.monotonic() - began)


def _follow(args: argparse.Namespace, rotation: Rotation, duration_s: float | None) -> dict[str, Any]:
    """Record a car that is served; returns what there is to say.

    Raises:
        CommonwheelError: it cannot be recorded; says why.
    """
    import time

    from commonwheel.errors import OutputError
    from commonwheel.gateway.record_remote import Follower
    from commonwheel.gateway.record_samples import SampleRecorder

    if args.frames or args.car or args.bus or args.replay:
        message = "--connect reads samples of a car that is served; leave --frames, --car, --bus and --replay out"
        raise OutputError(message)
    place = _place(args)
    began = time.monotonic()
    with SampleRecorder(args.out, rotation) as samples:
        follower = Follower(place, samples, args.signals or ("",))
        try:
            follower.ready.wait(_PATIENCE_S)
            if follower.error is None:
                _wait(follower.finished.is_set, duration_s, f"recording {args.connect} to {args.out}")
        finally:
            follower.close()
    if follower.error is not None and not samples.counts.written:
        raise follower.error
    facts = _facts((("samples", samples),), follower.lost + samples.counts.dropped, time.monotonic() - began)
    facts["breaks"] = follower.breaks
    if follower.error is not None:
        facts["error"] = str(follower.error)
    facts["missing"] = bool(facts["missing"] or follower.breaks or follower.error)
    return facts


def _place(args: argparse.Namespace) -> RemotePlace:
    """Return where to connect to, and what to show there.

    Raises:
        CommonwheelError: a file cannot be used.
    """
    from commonwheel.client.credentials import ClientTls, Token, pem_files
    from commonwheel.gateway.record_remote import RemotePlace

    token = Token(args.token)
    given = args.tls or args.tls_ca or args.tls_cert or args.tls_key
    files = pem_files(ClientTls(args.tls_ca, args.tls_cert, args.tls_key)) if given else {}
    names = {"authority": "tls_root_certs", "certificate": "cert_chain", "key": "private_key"}

    def headers() -> Sequence[tuple[str, str]]:
        token.renew()
        return token.metadata

    headers()  # a token that cannot be read is said now
    return RemotePlace(args.connect, headers, bool(given), {names[name]: data for name, data in files.items()})


def _wait(ended: Callable[[], bool], duration_s: float | None, what: str) -> None:
    """Wait for the end of a recording, or for someone who wants it."""
    import asyncio
    import time

    from commonwheel.gateway.stopping import Stop

    async def until() -> None:
        asked = asyncio.create_task(stop.wait())
        end = None if duration_s is None else time.monotonic() + duration_s
        while not asked.done() and not ended() and (end is None or time.monotonic() < end):
            left = _LOOK_S if end is None else min(_LOOK_S, max(0.0, end - time.monotonic()))
            await asyncio.wait({asked}, timeout=left)
        asked.cancel()

    with Stop(60.0) as stop:
        show.note(f"{what}; Ctrl-C ends it")
        asyncio.run(until())
        stop.finished()


def _facts(recorders: Sequence[tuple[str, Any]], lost: int, seconds: float) -> dict[str, Any]:
    """Return what was recorded, by kind."""
    facts: dict[str, Any] = {"seconds": round(seconds, 3)}
    for name, recorder in recorders:
        if recorder is None:
            continue
        counts = recorder.counts
        facts[name] = {
            "written": counts.written,
            "dropped": counts.dropped,
            "files": [str(file) for file in recorder.files],
            "bytes": counts.size_bytes,
            "fault": recorder.fault,
        }
    faults = any(facts[name]["fault"] for name, recorder in recorders if recorder is not None)
    return facts | {"lost": lost, "missing": bool(lost or faults)}


def _show(facts: dict[str, Any], *, as_json: bool) -> None:
    """Print what was recorded."""
    if as_json:
        show.print_json(facts)
        return
    for name in ("frames", "samples"):
        if name not in facts:
            continue
        one = facts[name]
        for file in one["files"]:
            print(file)
        plural = "" if len(one["files"]) == 1 else "s"
        print(f"{one['written']:,} {name} in {len(one['files'])} file{plural}, {one['bytes']:,} bytes")
        if one["fault"]:
            show.note(f"note: the last file is not whole: {one['fault']}")
    if facts["lost"]:
        show.note(f"note: {facts['lost']:,} were dropped: the disk or this reader was too slow")
    if facts.get("breaks"):
        show.note(f"note: the stream broke, {facts['breaks']} x; what was published meanwhile is missing")
    if "error" in facts:
        show.note(f"note: it ended before its time: {facts['error']}")
