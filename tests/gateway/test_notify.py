"""What systemd hears."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commonwheel.gateway.notify import Notifier

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="systemd is told over Unix sockets")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """What a service manager listens on, and the name by which it says so."""
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("abstract sockets are Linux' own")
    name = f"@commonwheel-test-{secrets.token_hex(8)}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(10)
        yield name, listener


def test_ready_and_stopping_are_told(manager: tuple[str, socket.socket]) -> None:
    name, listener = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("leaf: grpc 127.0.0.1:1\nSTOPPING=1")
    assert listener.recv(4096) == b"READY=1\nSTATUS=leaf: grpc 127.0.0.1:1 STOPPING=1"
    notifier.stopping()
    assert listener.recv(4096) == b"STOPPING=1\nSTATUS=stopping"


def test_signs_of_life_are_given_only_where_asked_for(manager: tuple[str, socket.socket]) -> None:
    name, listener = manager
    asked = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())})
    assert asked.watchdog_s == 3.0
    asked.alive()
    assert listener.recv(4096) == b"WATCHDOG=1"
    for environment in ({}, {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}):
        other = Notifier({"NOTIFY_SOCKET": name, **environment})
        assert other.watchdog_s is None
        other.alive()
    asked.stopping()
    assert listener.recv(4096).startswith(b"STOPPING")


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:1:2"}])
def test_without_a_manager_nothing_is_told(environment: dict[str, str]) -> None:
    notifier = Notifier({**environment, "WATCHDOG_USEC": "1000000"})
    assert notifier.watchdog_s is None
    notifier.ready("x")
    notifier.stopping()


def test_a_manager_that_is_gone_is_said_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "1000000"})
    for _ in range(3):
        notifier.alive()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
