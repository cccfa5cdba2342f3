"""A service under load and attack: ``python -m bench.soak [--minutes 30] [--rate 10] [--log FILE] [--json]``.

A recording is replayed in a loop, faster than real, by ``commonwheel run`` in a process of its own. Readers over
gRPC, VISS and Arrow Flight count every number of a publisher; beside them one reader stops reading, one client floods,
garbage goes to every port and a thousand connections are opened and dropped. Memory, descriptors and threads of the
service are looked at all the while. Exit status 1 when a promise was broken: a number lost, something not given back.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import jwt
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import _soak_hostile as hostile
from bench._service import Running, running
from bench._soak_readers import HOST, Account, FlightReader, publish, read_grpc, read_viss, told
from bench._traffic import CARS, LOGS
from commonwheel.catalog import load_catalog
from commonwheel.vehicles import load_vehicle

if TYPE_CHECKING:
    from collections.abc import Iterator

CAR = "nissan/leaf_ze0"
MEMORY_MIB = 24.0
"""The service may grow by this much after the first part of a run, when its histories and caches have filled."""
SPARE = 8
"""Descriptors and threads that may come and go with connections that are just being closed."""
WARM_UP = 0.3
"""Share of a run after which nothing may grow any more."""


@dataclass
class Vitals:
    """What the service uses, once a second."""

    memory_mib: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    not_ready: int = 0

    def growth(self, values: list[float] | list[int]) -> float:
        """Return by how much the last part's median is above that of what followed the warm-up."""
        begin = int(len(values) * WARM_UP)
        part = max(1, (len(values) - begin) // 4)
        return statistics.median(values[-part:]) - statistics.median(values[begin : begin + part])


@dataclass
class Result:
    """What came of a run."""

    seconds: float
    published: int
    accounts: list[Account]
    vitals: Vitals
    counts: Counter[str]
    metrics: dict[str, float]
    stop_s: float
    status: int
    idle: dict[str, tuple[int, int]]
    """Descriptors and threads before anyone came, and after everyone had gone."""
    log: list[str]
    """Warnings and errors of the service's log."""

    def broken(self) -> list[str]:
        """Return every promise that was not kept."""
        found: list[str] = []
        for account in self.accounts:
            if account.lost or account.repeated:
                found.append(f"{account.name}: {account.lost} numbers lost, {account.repeated} out of turn")
            if account.ended:
                found.append(f"{account.name}: ended early: {account.ended}")
            if account.received < self.published * 0.9 or not account.received:
                found.append(f"{account.name}: saw {account.received} of {self.published} numbers")
        if self.vitals.growth(self.vitals.memory_mib) > MEMORY_MIB:
            found.append(f"memory grew by {self.vitals.growth(self.vitals.memory_mib):.1f} MiB after the warm-up")
        for name, (before, after) in self.idle.items():
            if after > before + SPARE:
                found.append(f"{name}: {before:g} before anyone came, {after:g} after all had gone")
        if self.status:
            found.append(f"it ended with status {self.status}")
        if self.vitals.not_ready:
            found.append(f"{self.vitals.not_ready} times it was not ready")
        found += [f"log: {line}" for line in self.log if '"level":"error"' in line or "Traceback" in line]
        return found


def _tokens(folder: Path) -> dict[str, str]:
    """Write the public key; return a token for each client."""
    key = Ed25519PrivateKey.generate()
    (folder / "key.pub.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    claims = {"aud": ["kuksa.val"], "iss": "soak", "iat": int(time.time()), "exp": int(time.time()) + 86_400}
    names = ("publisher", "grpc reader", "viss reader", "flight reader", "sleeper", "flooder")
    scopes = {"publisher": "read provide"}
    return {
        name: jwt.encode({**claims, "sub": name, "scope": scopes.get(name, "read")}, key, algorithm="EdDSA")
        for name in names
    }


def _free_signal() -> tuple[str, list[str]]:
    """Return a float signal that the car does not give, and some that it does."""
    provided = load_vehicle(CAR).provided
    catalog = load_catalog()
    free = next(
        path
        for path, leaf in sorted(catalog.leaves.items())
        if leaf.datatype == "float" and leaf.maximum is None and leaf.kind.value == "sensor" and path not in provided
    )
    return free, sorted(path for path in provided if path in catalog)


class _Watcher:
    """Looks at the service once a second, from a thread: it must not wait for the readers' loop."""

    def __init__(self, service: Running, every_s: float = 1.0) -> None:
        self.vitals = Vitals()
        self._process = psutil.Process(service.process.pid)
        self._service = service
        self._stop = threading.Event()
        self._every_s = every_s
        self._thread = threading.Thread(target=self._run, name="soak-watch")
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            with contextlib.suppress(psutil.Error), self._process.oneshot():
                self.vitals.memory_mib.append(self._process.memory_info().rss / 2**20)
                self.vitals.descriptors.append(self._process.num_fds())
                self.vitals.threads.append(self._process.num_threads())
            self.vitals.not_ready += self._get("ready") != "ready\n"

    def _get(self, page: str) -> str:
        try:
            return get(self._service, page)
        except OSError as error:
            return str(error)

    def stop(self) -> Vitals:
        """End."""
        self._stop.set()
        self._thread.join()
        return self.vitals


def get(service: Running, page: str) -> str:
    """Return a page of the operator's port."""
    url = f"http://{HOST}:{service.port('metrics')}/{page}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def _metrics(service: Running, token: str) -> dict[str, float]:
    url = f"http://{HOST}:{service.port('metrics')}/metrics"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - its own address
        lines = answer.read().decode().splitlines()
    return {
        found[1]: float(found[2]) for line in lines if (found := re.fullmatch(r"([a-z][^ ]*) ([-+.e0-9]+|NaN)", line))
    }


async def _load(
    service: Running, tokens: dict[str, str], seconds: float, counts: Counter[str]
) -> tuple[int, list[Account]]:
    free, given = _free_signal()
    grpc, viss, arrow = (service.port(name) for name in ("grpc", "viss", "flight"))
    every = [grpc, viss, arrow, service.port("metrics")]
    accounts = [Account("grpc reader"), Account("viss reader"), Account("flight reader")]
    stop = asyncio.Event()
    flying = FlightReader(arrow, free, tokens["flight reader"], accounts[2])
    readers = [
        asyncio.create_task(
            told(accounts[0], lambda: read_grpc(grpc, free, given[:20], tokens["grpc reader"], accounts[0]))
        ),
        asyncio.create_task(told(accounts[1], lambda: read_viss(viss, free, tokens["viss reader"], accounts[1]))),
    ]
    for account in accounts:
        await asyncio.to_thread(account.began.wait, 30)
    others = [
        asyncio.create_task(hostile.stop_reading_grpc(grpc, given, tokens["sleeper"], stop)),
        asyncio.create_task(hostile.stop_reading_viss(viss, "Vehicle", tokens["sleeper"], stop)),
        asyncio.create_task(hostile.flood(grpc, free, tokens["flooder"], stop, counts)),
        asyncio.create_task(hostile.send_garbage(every, 0.1, stop, counts)),
        asyncio.create_task(hostile.drop_connections(every, 1000, seconds * 0.8, counts)),
    ]
    publishing = asyncio.create_task(publish(grpc, free, tokens["publisher"], 100.0, stop))
    await asyncio.sleep(seconds)
    stop.set()
    last = await publishing
    done = await asyncio.gather(*others, return_exceptions=True)
    for task, error in zip(others, done, strict=True):
        if isinstance(error, BaseException):
            counts[f"{task.get_coro()!s:.60}: {type(error).__name__} {error!s:.80}"] += 1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while any(account.last < last and not account.ended for account in accounts):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await asyncio.to_thread(flying.close)
    return last, accounts


def _idle(process: psutil.Process) -> tuple[int, int]:
    return process.num_fds(), process.num_threads()


def soak(log: Path, seconds: float, rate: float, folder: Path) -> Result:
    """Run it all once, and return what came of it."""
    tokens = _tokens(folder)
    counts: Counter[str] = Counter()
    options = ("--car", CAR, "--replay", log, "--rate", rate, "--loop", "--tokens", folder / "key.pub.pem")
    with running(folder / "service.log", *options, "--state", folder / "state") as service:
        process = psutil.Process(service.process.pid)
        before = _idle(process)
        watcher = _Watcher(service, min(1.0, seconds / 30))
        began = time.monotonic()
        try:
            published, accounts = asyncio.run(_load(service, tokens, seconds, counts))
        finally:
            vitals = watcher.stop()
        lasted = time.monotonic() - began
        after = _settled(process, before)
        metrics = _metrics(service, tokens["publisher"])
        began = time.monotonic()
        status = service.stop()
        stop_s = time.monotonic() - began
    idle = {"descriptors": (before[0], after[0]), "threads": (before[1], after[1])}
    told_lines = (folder / "service.log").read_text(errors="replace").splitlines()
    lines = [line for line in told_lines if '"level":"info"' not in line]
    return Result(lasted, published, accounts, vitals, counts, metrics, stop_s, status, idle, lines)


def _settled(process: psutil.Process, before: tuple[int, int]) -> tuple[int, int]:
    """Return what is held when everyone has gone; closing takes the service a moment."""
    end = time.monotonic() + 20
    found = _idle(process)
    while time.monotonic() < end and (found[0] > before[0] + SPARE or found[1] > before[1] + SPARE):
        time.sleep(0.2)
        found = _idle(process)
    return found


def _report(result: Result) -> Iterator[str]:
    vitals = result.vitals
    yield f"{result.seconds:.0f} s, {result.published:,} numbers published"
    for account in result.accounts:
        yield (
            f"  {account.name:<14} {account.received:>9,} received, {account.lost} lost,"
            f" {account.repeated} out of turn, {account.others:,} values beside"
        )
    yield (
        f"memory {vitals.memory_mib[0]:.0f} MiB at first, {max(vitals.memory_mib):.0f} at most,"
        f" {vitals.growth(vitals.memory_mib):+.1f} after the warm-up"
    )
    for name, (before, after) in result.idle.items():
        most = max(vitals.descriptors if name == "descriptors" else vitals.threads)
        yield f"{name} {before:g} before, {most} at most, {after:g} after"
    for name, count in sorted(result.counts.items()):
        yield f"  {name}: {count:,}"
    for name, value in sorted(result.metrics.items()):
        if any(word in name for word in _SHOWN):
            yield f"  {name} {value:,.6g}"
    yield f"stopped in {result.stop_s:.2f} s with status {result.status}; {len(result.log)} warnings and errors logged"


_SHOWN = ("gateway_frames", "broker_updates", "dropped", "lateness_seconds_bucket", "refus", "process_cpu", "loops")


def facts(result: Result) -> dict[str, object]:
    """Return the result as plain values."""
    accounts = [{k: v for k, v in asdict_plain(account).items() if k != "began"} for account in result.accounts]
    return {
        "seconds": result.seconds,
        "published": result.published,
        "readers": accounts,
        "vitals": asdict(result.vitals),
        "counts": dict(result.counts),
        "metrics": result.metrics,
        "idle": result.idle,
        "stop_s": result.stop_s,
        "status": result.status,
        "broken": result.broken(),
    }


def asdict_plain(account: Account) -> dict[str, object]:
    """Return the counts of an account."""
    return {key: value for key, value in vars(account).items() if isinstance(value, int | str)}


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="A service under load and attack.")
    parser.add_argument("--quick", action="store_true", help="ten seconds")
    parser.add_argument("--full", action="store_true", help="one minute; the default")
    parser.add_argument("--minutes", type=float, help="so long")
    parser.add_argument("--rate", type=float, default=10.0, help="times real time (10)")
    parser.add_argument("--log", type=Path, default=LOGS / CARS[CAR][0], help="a recording of a Nissan Leaf ZE0")
    parser.add_argument("--json", action="store_true", help="print everything as JSON, at the end")
    options = parser.parse_args()
    if not options.log.is_file():
        print(f"no recording {options.log}; name one with --log")
        return
    seconds = options.minutes * 60 if options.minutes else 10.0 if options.quick else 60.0
    with tempfile.TemporaryDirectory(prefix="commonwheel-soak-") as folder:
        result = soak(options.log, seconds, options.rate, Path(folder))
    for line in _report(result):
        print(line)
    for line in result.log[:20]:
        print(f"  logged: {line[:300]}")
    broken = result.broken()
    print("\n".join(["broken:", *broken]) if broken else "every promise was kept")
    if options.json:
        print(json.dumps(facts(result)))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
