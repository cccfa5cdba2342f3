"""A service under load and attack keeps its promises: for seconds, or for a minute; ``bench.soak`` does more."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench._soak_readers import Account
from bench.soak import CAR, Result, Vitals, soak
from commonwheel.broker import Broker
from commonwheel.broker.state import StateFile
from commonwheel.catalog import load_catalog
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.wire.logs import write_candump

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted as Linux does")


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a car that pulls away, with everything it sends."""
    path = tmp_path_factory.mktemp("logs") / "leaf.log"
    t_ns = np.arange(0, 20 * 10**9, 10**8, dtype=np.int64)
    speed = {"Vehicle.Speed": Track(t_ns, np.linspace(0, 40, len(t_ns)))}
    frames = VehicleEncoder(load_vehicle(CAR)).encode(speed, 0, 20 * 10**9, idle=True)
    write_candump(path, frames, start_ns=1_767_254_400 * 10**9)
    return path


def _check(result: Result) -> None:
    assert result.broken() == []
    assert [account.lost for account in result.accounts] == [0, 0, 0]
    assert result.counts["connections dropped"] == 1000
    assert result.counts["garbage sent"] > 0
    assert result.counts["flood answered"] > 0
    dropped = f'commonwheel_broker_dropped_updates_total{{car="{CAR.rpartition("/")[2]}"}}'
    assert result.metrics[dropped] > 0, "what the reader that stopped reading lost is counted"


def _result(*accounts: Account, **other: object) -> Result:
    vitals = Vitals([100.0] * 40, [20] * 40, [10] * 40)
    whole = {"seconds": 1.0, "published": 3, "vitals": vitals, "counts": Counter(), "metrics": {}, "stop_s": 0.1,
             "status": 0, "idle": {}, "log": []}  # fmt: skip
    return Result(accounts=list(accounts), **{**whole, **other})  # type: ignore[arg-type]


def test_what_is_lost_repeated_or_kept_is_found() -> None:
    """The measure itself: each broken promise is told."""
    good, lost, twice = Account("good"), Account("lost"), Account("twice")
    for account, numbers in ((good, (1, 2, 3)), (lost, (1, 3, 4)), (twice, (1, 2, 2))):
        for number in numbers:
            account.see(number)
    assert _result(good).broken() == []
    assert _result(lost).broken() == ["lost: 1 numbers lost, 0 out of turn"]
    assert _result(twice).broken() == ["twice: 0 numbers lost, 1 out of turn"]
    assert len(_result(Account("silent")).broken()) == 1
    growing = Vitals([100.0 + 2 * i for i in range(40)], [], [])
    assert "memory grew" in _result(good, vitals=growing).broken()[0]
    assert "descriptors" in _result(good, idle={"descriptors": (20, 60)}).broken()[0]
    assert _result(good, status=1).broken() == ["it ended with status 1"]
    assert len(_result(good, log=['{"level":"error"}', '{"level":"warning"}']).broken()) == 1


def test_seconds_under_load_and_attack(drive: Path, tmp_path: Path) -> None:
    _check(soak(drive, 5.0, 10.0, tmp_path))


@pytest.mark.slow
@pytest.mark.real
def test_a_minute_under_load_and_attack(shared: Path, tmp_path: Path) -> None:
    log = shared / "logs" / "nissan-leaf-2011" / "leaf_on_Driveincircle_off.txt"
    _check(soak(log, 60.0, 10.0, tmp_path))


_SAVER = """
import sys
from pathlib import Path
from commonwheel.broker import Broker
from commonwheel.broker.state import StateFile
from commonwheel.catalog import load_catalog

broker = Broker(load_catalog(), name="car")
state, speed = StateFile(Path(sys.argv[1]), broker), broker.table.number("Vehicle.Speed")
value = 0.0
while True:
    value = value % 200 + 1
    broker.publish_values({speed: value})
    state.save()
    if value == 1:
        print("saving", flush=True)
"""


def test_a_kill_while_the_state_is_written_leaves_a_state_to_read(tmp_path: Path) -> None:
    """Killed at different moments of a process that does nothing but save."""
    rng = np.random.default_rng(3)
    for _ in range(4):
        command = [sys.executable, "-c", _SAVER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))  # not to wait for something: to hit another moment each time
            process.send_signal(signal.SIGKILL)
        broker = Broker(load_catalog(), name="car")
        assert StateFile(tmp_path, broker).load() > 0
        value = broker.get(broker.table.number("Vehicle.Speed")).value
        assert isinstance(value, float)
        assert 1 <= value <= 200
        assert not list(tmp_path.glob("*.bad"))
