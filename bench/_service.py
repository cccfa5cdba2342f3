"""A service as a process of its own, as a user starts it; for measurements and tests."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TIMEOUT_S = 60.0


@dataclass
class Running:
    """A process that said that it is ready."""

    process: subprocess.Popen[bytes]
    ports: Mapping[tuple[str, str], int]
    """Port by car and server."""
    log: Path

    def port(self, server: str, car: str | None = None) -> int:
        """Return the port of a server; of the only car unless one is named."""
        (port,) = [port for (of, name), port in self.ports.items() if name == server and car in {None, of}]
        return port

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)


@contextlib.contextmanager
def running(log: Path, *options: object, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start ``commonwheel run`` with free ports, wait until it is ready; at the end it is gone."""
    ports = [word for name in ("grpc", "viss", "flight", "metrics") for word in (f"--{name}-port", "0")]
    given = {str(option) for option in options}
    free = [w for i, w in enumerate(ports) if not ({ports[i - i % 2], f"--no-{ports[i - i % 2][2:-5]}"} & given)]
    command = [sys.executable, "-m", "commonwheel", "run", "--json", "--log", "json", *free, *map(str, options)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **(environment or {})}
        )
    try:
        yield Running(process, _ports(process, log), log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(TIMEOUT_S)
        if process.stdout:
            process.stdout.close()


def _ports(process: subprocess.Popen[bytes], log: Path) -> dict[tuple[str, str], int]:
    """Return what the process says it has bound.

    Raises:
        RuntimeError: it ended, or is not ready in time.
    """
    pipe = process.stdout
    if pipe is None:
        raise ValueError(process)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        end = time.monotonic() + TIMEOUT_S
        if not selector.select(end - time.monotonic()):
            raise RuntimeError(log.read_text())
    line = pipe.readline()
    if not line:
        process.wait(TIMEOUT_S)
        raise RuntimeError(log.read_text())
    return {(one["car"], one["server"]): one["port"] for one in json.loads(line)["bound"]}
