"""Apps on live cars that do what they should not: each is ended with a reason, and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from commonwheel.apps.host import AppHost
from commonwheel.apps.hosting import read_manifest
from commonwheel.apps.launch import Spawning
from commonwheel.apps.limits import MIB, Limits
from commonwheel.apps.messages import Published, pack
from commonwheel.apps.nursery import launcher as best
from commonwheel.apps.status import AppState
from commonwheel.errors import AppError
from tests.apps.hostkit import SOON, SPEED, line_of, running, state, texts, until, write_app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what an app takes is bounded and watched on Linux")

ONCE = Limits(failures=1, block_s=1.0)
"""The first failure is the last."""
WRITING = """\
import os
for fd in range(3, 99):
    try: os.write(fd, {data})
    except OSError: pass
"""
MAPPING = """\
import mmap
kept = mmap.mmap(-1, 250 << 20)
for _ in range(250): kept.write(bytes(1 << 20))
store.append(kept)
"""
BURNING = """
import threading
def burn():
    while True: pass
@app.start
def begin(car):
    threading.Thread(target=burn, daemon=True).start()
"""


def on_speed(body: str, more: str = "") -> str:
    """Return an app's function that is called with the speed."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{more}\n@app.on('{SPEED}')\ndef speed(car, reading):\n{lines}"


AT = "s; it was at {line} in speed()"
CASES = {
    "loops": ("while True: pass  # here", AT),
    "sleeps": ("import time; time.sleep(1000)  # here", AT),
    "regex": ("import re; re.match('(a+)+$', 'a' * 40 + 'b')  # here", "it was at {line} in speed()"),
    "prints": ("while True: print('x' * 999)  # here", "it was at {line} in speed()"),
    "exits": ("import os; os._exit(3)", "its process ended with status 3"),
    "quits": ("raise SystemExit('enough')  # here", "{line}: speed() raised SystemExit: enough"),
    "crashes": ("import ctypes; ctypes.string_at(0)  # here", "ended by SIGSEGV, at {line} in speed()"),
    "aborts": ("import os; os.abort()  # here", "ended by SIGABRT, at {line} in speed()"),
    "kills": ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    "recurses": ("speed(car, reading)  # here", "{line}: speed() raised RecursionError"),
    "leaks": (
        "kept = []\nwhile True: kept.append(bytearray(1 << 20))  # here",
        "{line}: speed() raised MemoryError",
    ),
    "undeclared": ("car.read('Vehicle.IsMoving')  # here", "AppError: 'Vehicle.IsMoving' is not declared"),
    "unfitting": ("car.show(n='a lot')  # here", "AppError: the output 'n' is float"),
    "huge": ("car.report('seen', data='x' * 3_000_000)  # here", "3000043 bytes, 1048576 are the most"),
    "files": ("open('big', 'wb').write(bytes(100 << 20))  # here", "{line}: speed() raised OSError"),
    "opens": ("kept = [open('/dev/null') for _ in range(9999)]  # here", "Too many open files"),
    "garbles": (WRITING.format(data="b'garbage' * 99"), "its process sent"),
    "zeros": (WRITING.format(data="bytes(64)"), "its process sent"),
    "lies": (WRITING.format(data=r"b'\x02\0\0\0\0\0\0\0\x91\xc4'"), "its process sent"),
    "dates": (WRITING.format(data=pack(Published(2**64 - 1, {}))), "its process sent"),
    "endless": (WRITING.format(data=r"b'\xff\xff\xff\x7f' * 2"), "(1048576 are the most)"),
    "multiplies": (
        "import subprocess\nfor _ in range(9): store.append(subprocess.Popen(['sleep', '1000.125']))",
        "it started 9 processes; 4 are the most",
    ),
    "grows": (MAPPING, "MiB; 128 are the most"),
}


class Ended(NamedTuple):
    """An app that has failed."""

    file: Path
    host: AppHost


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Ended]:
    """Run all apps that fail, side by side on one car, until all have."""
    folder = tmp_path_factory.mktemp("apps")
    files = {name: write_app(folder, on_speed(body, "store = []"), name) for name, (body, _) in CASES.items()}
    files["burns"] = write_app(folder, BURNING, "burns")
    limits = Limits(failures=1, block_s=2.5, memory_bytes=128 * MIB, cpu_s=3.0, cpu_share=0.1)

    async def work() -> Mapping[str, Ended]:
        async with running(*files.values(), limits=limits) as (hosts, car):
            for host in hosts.apps:
                await until(lambda host=host: host.status.state in {AppState.RUNNING, AppState.FAILED})
            car.say(1.0)
            for host in hosts.apps:
                await state(host, AppState.FAILED)
            return {host.manifest.name: Ended(files[host.manifest.name], host) for host in hosts.apps}

    return asyncio.run(work())


@pytest.mark.parametrize("name", CASES)
def test_app_that_fails_is_ended_and_why_is_told(ended: Mapping[str, Ended], name: str) -> None:
    file, host = ended[name]
    body, said = CASES[name]
    line = line_of(file, "# here") if "# here" in body else ""
    assert said.format(line=line) in host.status.error
    assert line in host.status.error
    assert len(host.status.logs) < 400
    assert len(host.status.error) < 1000


def test_app_that_takes_a_whole_processor_is_ended(ended: Mapping[str, Ended]) -> None:
    assert "of a processor for" in ended["burns"].host.status.error


def test_what_an_app_started_ends_with_it(ended: Mapping[str, Ended]) -> None:
    assert ended["multiplies"].host.status.state is AppState.FAILED
    left = [one for one in psutil.process_iter(["cmdline"]) if "1000.125" in (one.info["cmdline"] or [])]
    assert not left


def test_what_is_said_too_often_is_left_out_and_counted(tmp_path: Path) -> None:
    body = on_speed(
        "for i in range(500):\n    car.log(f'line {i}')\n    car.report('seen', i=i)\n    car.show(n=float(i))"
    )
    app = write_app(tmp_path, body)

    async def work() -> None:
        async with running(app) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            car.say(1.0)
            await until(lambda: "log lines were left out: 50 a second are the most" in texts(host))
            assert "events were left out: 20 a second are the most" in texts(host)
            assert host.status.outputs["n"].value == 499.0
            assert len(host.status.events) == 40
            assert len(host.status.logs) <= 110
            assert host.status.state is AppState.RUNNING

    asyncio.run(work())


def test_app_that_hangs_at_its_end_is_ended(tmp_path: Path) -> None:
    app = write_app(tmp_path, "@app.stop\ndef end(car):\n    while True: pass")

    async def work() -> None:
        async with running(app, limits=Limits(stop_s=0.2)) as (hosts, _car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
        assert host.status.state is AppState.STOPPED
        assert "did not end within 0.2 s" in texts(host)

    asyncio.run(work())


def test_app_that_hangs_while_it_is_loaded_is_told_with_its_line(tmp_path: Path) -> None:
    from commonwheel.apps.hosting import AppHosts
    from commonwheel.errors import AppError
    from tests.apps.hostkit import TestCar

    app = write_app(tmp_path, "while True: pass  # here")

    async def work() -> None:
        hosts = AppHosts([str(app)], limits=Limits(load_s=0.5))
        with pytest.raises(AppError, match=r"is not loaded within 0\.5 s") as raised:
            await hosts.start([TestCar().live], None)  # type: ignore[arg-type]
        assert line_of(app, "# here") in str(raised.value)
        await hosts.stop(5)

    asyncio.run(work())


ENVIRONMENT = """
import os, sys
@app.start
def begin(car):
    car.log(sorted(os.environ))
    car.log(os.getcwd())
    car.log(repr(sys.stdin.read()))
    car.log(len(os.listdir("/proc/self/fd")))
"""


def test_app_does_not_see_what_the_host_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "eyJ")
    app = write_app(tmp_path, ENVIRONMENT)

    async def work() -> None:
        async with running(app) as (hosts, _car):
            host = hosts.apps[0]
            await until(lambda: len(host.status.logs) >= 4)
            told = [line.text for line in host.status.logs]
            assert "SECRET_TOKEN" not in told[0]
            assert "commonwheel-app-" in told[1]
            assert told[2] == "''"
            assert int(told[3]) <= 7  # the three streams, two pipes, the listing itself, and one of the interpreter
            assert await asyncio.to_thread(Path(told[1]).exists)
        assert not await asyncio.to_thread(Path(told[1]).exists)

    asyncio.run(work())


def test_car_and_other_apps_do_not_notice(tmp_path: Path) -> None:
    """While apps hang, flood, die and grow, every update is published in no time and another app keeps up."""
    good = write_app(
        tmp_path, f"n = 0\n@app.on('{SPEED}')\ndef speed(car, reading):\n    car.show(n=reading.value)", "good"
    )
    bad = {
        "loops": on_speed("while True: pass"),
        "floods": on_speed("for i in range(99999): car.log('x' * 999)"),
        "dies": on_speed("import os; os._exit(1)"),
        "grows": on_speed("kept = []\nwhile True: kept.append(bytearray(1 << 20))"),
        "raises": on_speed("raise ValueError('no')"),
    }
    apps = [write_app(tmp_path, body, name) for name, body in bad.items()]

    async def work() -> None:
        limits = Limits(block_s=0.5, backoff_s=0.05, failures=100)
        async with running(good, *apps, limits=limits) as (hosts, car):
            host = hosts.apps[0]
            for one in hosts.apps:
                await state(one, AppState.RUNNING)
            longest, value = 0.0, 0.0
            others = hosts.apps[1:]
            end = time.monotonic() + 20
            while time.monotonic() < end and not all(one.status.error for one in others):
                value += 1.0
                began = time.perf_counter()
                car.say(value % 200)
                longest = max(longest, time.perf_counter() - began)
                await asyncio.sleep(0.005)
            failed = {one.manifest.name for one in others if one.status.error}
            assert failed >= {"loops", "dies", "grows", "raises"}
            last = value % 200
            await until(lambda: host.status.outputs["n"].value == last)
            assert host.status.dropped == 0
            assert host.status.error == ""
            assert longest < 1.0

    asyncio.run(work())


SERVICE = """
import asyncio, sys
from tests.apps.hostkit import running, state, SPEED
from commonwheel.apps.status import AppState
from commonwheel.apps.launch import Spawning
from commonwheel.apps.nursery import launcher
async def work():
    async with running(sys.argv[1], launcher=Spawning() if sys.argv[2] == "Spawning" else launcher()) as (hosts, car):
        await state(hosts.apps[0], AppState.RUNNING)
        car.say(1.0)
        while not hosts.apps[0].status.logs:
            await asyncio.sleep(0.01)
        print(hosts.apps[0].status.logs[0].text, flush=True)
        await asyncio.sleep(1000)
asyncio.run(work())
"""


@pytest.mark.parametrize("make", [best, Spawning])
def test_no_process_outlives_a_service_that_was_killed(tmp_path: Path, make: type) -> None:
    app = write_app(tmp_path, on_speed("car.log(os.getpid())\nwhile True: pass", "import os"))
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SERVICE, str(app), make.__name__]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody is left to delete the app's folder
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=environment) as service:
        try:
            assert service.stdout is not None
            pid = int(service.stdout.readline())
            assert psutil.pid_exists(pid)
        finally:
            service.send_signal(signal.SIGKILL)
    asyncio.run(until(lambda: not psutil.pid_exists(pid), "gone"))


def test_failures_that_lie_far_apart_do_not_add_up(tmp_path: Path) -> None:
    app = write_app(tmp_path, on_speed("raise ValueError('no')"))

    async def work() -> None:
        limits = Limits(backoff_s=0.01, failures=2, lasting_s=0.0)
        async with running(app, limits=limits) as (hosts, car):
            host = hosts.apps[0]
            await state(host, AppState.RUNNING)
            car.say(1.0)
            await until(lambda: host.status.restarts > 4)

    asyncio.run(work())


def test_pause_grows_with_each_failure_up_to_a_bound() -> None:
    assert [Limits().wait_s(n) for n in (1, 2, 3, 7, 99)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    assert SOON.wait_s(1) == 0.01


FORGING = """\
import os, struct
from commonwheel.apps.manifest import Manifest
from commonwheel.apps.messages import Loaded, pack
said = pack(Loaded(Manifest(version="1", **{said}), __file__, []))
for fd in range(3, 99):
    try: os.write(fd, said)
    except OSError: pass
import time; time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": "good", "requests": ("Vehicle.MotionManagement.Guard.IsArmed",)}, "armed by somebody who answers"),
        ({"name": "good", "requests": ("Vehicle.**",)}, "armed by somebody who answers"),
        ({"name": "an operator"}, "an app's name is of small letters"),
    ],
)
def test_manifest_that_a_process_forges_gives_it_no_rights_that_apps_lack(
    tmp_path: Path, said: dict[str, object], why: str
) -> None:
    """What an app declares is said by its own process, which may say anything before it is looked at."""
    file = tmp_path / "forges.py"
    file.write_text(FORGING.format(said=said))

    async def work() -> None:
        launch = best()
        try:
            with pytest.raises(AppError, match=why):
                await read_manifest(file, launch, Limits())
        finally:
            await launch.close()

    asyncio.run(work())
