"""Last values survive a restart, and a kill at any instant leaves a file that can be read."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgspec
import pytest

from commonwheel.broker import Broker
from commonwheel.broker.locking import Lock
from commonwheel.broker.offers import Offer
from commonwheel.broker.state import StateFile
from commonwheel.catalog import load_catalog
from commonwheel.errors import OutputError
from commonwheel.vehicles.samples import Quality

SPEED, MODE, VIN = "Vehicle.Speed", "Vehicle.Body.Windshield.Front.Wiping.Mode", "Vehicle.VehicleIdentification.VIN"
VALUES = {SPEED: 61.25, MODE: "FAST", "Vehicle.IsMoving": True, "Vehicle.VehicleIdentification.Brand": "Nissan"}


def fresh(name: str = "nissan/leaf_ze0") -> Broker:
    return Broker(load_catalog(), name=name)


def give(broker: Broker, values: dict[str, object]) -> None:
    assert not broker.publish_values({broker.table.number(path): value for path, value in values.items()})


def test_what_was_saved_comes_back_stale_with_its_time(tmp_path: Path) -> None:
    before, after = fresh(), fresh()
    give(before, dict(VALUES))
    assert StateFile(tmp_path, before).save()
    assert StateFile(tmp_path, after).load() == len(VALUES)
    for path, value in VALUES.items():
        number = after.table.number(path)
        assert after.get(number) == (value, Quality.STALE, before.get(number).t_ns)
    assert after.get(after.table.number("Vehicle.CurrentLocation.Latitude")).quality is Quality.MISSING


def test_every_kind_of_value_comes_back(tmp_path: Path) -> None:
    before, after = fresh(), fresh()
    values: dict[int, object] = {}
    for s in before.table.signals:
        sample: object = {"boolean": True, "string": "text", "float": 0.1, "double": 0.1}.get(s.leaf.element, 1)
        values[s.number] = [sample] if s.leaf.is_array else (s.leaf.allowed[-1] if s.leaf.allowed else sample)
    refused = before.publish_values(values)
    StateFile(tmp_path, before).save()
    StateFile(tmp_path, after).load()
    kept = [number for number in values if number not in refused]
    assert len(kept) > 600
    differ = [before.table[n].path for n in kept if before.get(n).value != after.get(n).value]
    defaults = {s.path for s in before.table.signals if s.leaf.default is not None}
    assert set(differ) <= defaults  # what has a value at the start keeps it


def test_a_newer_value_is_not_overwritten(tmp_path: Path) -> None:
    before, after = fresh(), fresh()
    give(before, {SPEED: 10.0})
    StateFile(tmp_path, before).save()
    give(after, {SPEED: 20.0})
    assert StateFile(tmp_path, after).load() == 0
    assert after.get(after.table.number(SPEED)).good == 20.0


def test_bad_values_and_personal_ones_are_not_kept(tmp_path: Path) -> None:
    broker, after = fresh(), fresh()
    vin = broker.table.number(VIN)
    owner = broker.provider("car")
    owner.claim([vin])
    owner.offers[vin] = Offer(personal=True)
    assert not owner.publish_values({vin: "SJNFAAZE0U1234567"})
    give(broker, {SPEED: 10.0, MODE: None})
    StateFile(tmp_path, broker).save()
    assert StateFile(tmp_path, after).load() == 1
    with_it = StateFile(tmp_path / "personal", broker, with_personal=True)
    with_it.save()
    assert b"SJNFAAZE0U1234567" in with_it.path.read_bytes()


def test_nothing_is_written_when_nothing_came(tmp_path: Path) -> None:
    broker = fresh()
    state = StateFile(tmp_path, broker)
    give(broker, {SPEED: 10.0})
    assert state.save()
    assert not state.save()
    give(broker, {SPEED: 10.0})
    assert state.save()
    assert [path.name for path in tmp_path.iterdir()] == ["nissan_leaf_ze0.state.json"]


def test_several_cars_share_a_directory(tmp_path: Path) -> None:
    for name, speed in (("leaf", 1.0), ("civic", 2.0)):
        broker = fresh(name)
        give(broker, {SPEED: speed})
        StateFile(tmp_path, broker).save()
    after = fresh("civic")
    StateFile(tmp_path, after).load()
    assert after.get(after.table.number(SPEED)).value == 2.0


def test_what_does_not_fit_the_catalog_any_more_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker, after = fresh(), fresh()
    give(broker, {SPEED: 10.0, "Vehicle.IsMoving": True})
    state = StateFile(tmp_path, broker)
    kept = state._state()
    odd = {**kept.signals, "Vehicle.Gone": kept.signals[SPEED]}
    odd[MODE] = msgspec.structs.replace(kept.signals["Vehicle.IsMoving"], value=False)
    odd["Vehicle.IsMoving"] = msgspec.structs.replace(kept.signals["Vehicle.IsMoving"], value=7)
    with caplog.at_level(logging.WARNING):
        assert StateFile(tmp_path, after)._restore(msgspec.structs.replace(kept, signals=odd)) == 1
    assert "3 kept values do not fit the catalog" in caplog.text


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign", "binary", "other format", "array"])
def test_a_file_that_cannot_be_used_is_put_aside(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    broker, after = fresh(), fresh()
    give(broker, dict(VALUES))
    state = StateFile(tmp_path, broker)
    state.save()
    data = state.path.read_bytes()
    damaged = {
        "empty": b"",
        "truncated": data[: len(data) // 2],
        "flipped": data.replace(b"61.25", b"71.25"),
        "foreign": b'{"some": "other file"}',
        "binary": bytes(range(256)),
        "other format": data.replace(b'"format":1', b'"format":9'),
        "array": b"[1, 2, 3]",
    }[damage]
    state.path.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        assert StateFile(tmp_path, after).load() == 0
    assert "not a file of kept values" in caplog.text
    assert state.path.with_name(f"{state.path.name}.bad").read_bytes() == damaged
    assert after.get(after.table.number(SPEED)).quality is Quality.MISSING
    give(after, {SPEED: 1.0})
    assert StateFile(tmp_path, after).save()


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="give another --state"):
        StateFile(tmp_path / "file" / "state", fresh())


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = fresh()
    state = StateFile(tmp_path, broker)
    give(broker, {SPEED: 10.0})
    state.save()
    old = state.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    give(broker, {SPEED: 20.0})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        state.save()
    assert state.path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.undo()
    assert state.save()  # and it is tried again


def test_it_saves_by_itself_until_it_is_stopped(tmp_path: Path) -> None:
    broker = fresh()
    state = StateFile(tmp_path, broker, every_s=0.005)
    state.start()
    state.keep()
    give(broker, {SPEED: 10.0})
    end = time.monotonic() + 20
    while not (state.path.exists() and b"10.0" in state.path.read_bytes()):
        assert time.monotonic() < end
        time.sleep(0.002)
    give(broker, {SPEED: 33.5})
    state.stop()
    assert b"33.5" in state.path.read_bytes()


def test_it_saves_soon_however_seldom_it_does_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonwheel.broker.state.SOON_S", 0.005)
    broker = fresh()
    give(broker, {SPEED: 10.0})
    state = StateFile(tmp_path, broker, every_s=3600.0)
    state.start()
    state.keep()
    end = time.monotonic() + 20
    while not state.path.exists():
        assert time.monotonic() < end
        time.sleep(0.002)
    state.stop()


def test_a_file_is_one_owners_at_a_time(tmp_path: Path) -> None:
    first, second, other = (StateFile(tmp_path, fresh(name)) for name in ("one", "one", "two"))
    first.start()
    other.start()
    with pytest.raises(OutputError, match=rf"is in use by process {os.getpid()} for 'one'; give another --state"):
        second.start()
    give(second._broker, {SPEED: 1.0})
    second.stop()
    assert not second.path.exists(), "who was refused writes nothing"
    first.stop()
    second = StateFile(tmp_path, fresh("one"))
    second.start()
    second.stop()
    other.stop()
    assert not list(tmp_path.glob("*.lock"))


OWNS = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from commonwheel.broker.locking import Lock
    Lock(Path(sys.argv[1])).acquire()
    print("ready", flush=True)
    time.sleep(600)
""")


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", OWNS, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(OutputError, match=rf"in use by process {child.pid}$"):
            Lock(path).acquire()
        child.kill()
    assert path.exists()
    lock = Lock(path)
    lock.acquire()
    lock.release()
    assert not path.exists()


def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be locked"):
        Lock(tmp_path / "nowhere" / "a.lock").acquire()


SAVES = textwrap.dedent("""
    import sys
    from pathlib import Path
    from commonwheel.broker import Broker
    from commonwheel.broker.state import StateFile
    from commonwheel.catalog import load_catalog
    broker = Broker(load_catalog(), name="car")
    state = StateFile(Path(sys.argv[1]), broker)
    number = broker.table.number("Vehicle.Speed")
    print("ready", flush=True)
    count = 0.0
    while True:
        count += 1
        broker.publish_values({number: count})
        state.save()
""")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_kill_at_any_instant_leaves_a_file_that_can_be_read(tmp_path: Path) -> None:
    seen: set[float] = set()
    for turn in range(12):
        with subprocess.Popen([sys.executable, "-c", SAVES, str(tmp_path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.003 + 0.0137 * turn)  # another instant each time
            child.send_signal(signal.SIGKILL)
        after = fresh("car")
        state = StateFile(tmp_path, after)
        if state.path.exists():
            assert state.load() == 1
            value = after.get(after.table.number(SPEED)).value
            assert isinstance(value, float)
            seen.add(value)
    assert seen
    assert [path.name for path in tmp_path.iterdir()] == ["car.state.json"]
