"""``commonwheel plot``: pages and pictures of a log."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from commonwheel.cli import FINE, PROBLEMS, UNUSABLE, main, plot
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.logs import write_candump, write_gvret_csv

CAR = "nissan/leaf_ze0"
SPEED, GEAR = "Vehicle.Speed", "Vehicle.Powertrain.Transmission.SelectedGear"
START_NS = 1_767_254_400 * 10**9


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Five seconds of a Leaf that pulls away."""
    t_ns = np.arange(0, 5 * 10**9, 10**8, dtype=np.int64)
    tracks = {
        SPEED: Track(t_ns, np.linspace(0, 40, len(t_ns))),
        GEAR: Track(t_ns, np.where(t_ns < 10**9, 126.0, 127.0)),
        "Vehicle.Chassis.Brake.IsPressed": Track(t_ns, (t_ns < 10**9).astype(float)),
    }
    return VehicleEncoder(load_vehicle(CAR)).encode(tracks, 0, 5 * 10**9, idle=True)


@pytest.fixture
def log(tmp_path: Path, frames: Frames) -> Path:
    path = tmp_path / "drive.log"
    write_candump(path, frames, start_ns=START_NS)
    return path


def test_a_page_is_drawn_beside_the_caller(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plot", str(log)]) == FINE
    assert capsys.readouterr().out == "drive.html\n"
    text = (tmp_path / "drive.html").read_text()
    assert "Nissan Leaf" in text
    assert "time since 2026-01-01 08:00:00 UTC" in text
    assert ">drive</text>" in text  # the gear, by name
    assert 'aria-label="Speed"' in text


def test_what_changes_is_chosen_first(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(log), "-o", str(tmp_path / "a.html"), "--json"]) == FINE
    facts = json.loads(capsys.readouterr().out)
    paths = [row["path"] for row in facts["signals"]]
    assert {SPEED, GEAR, "Vehicle.Chassis.Brake.IsPressed"} <= set(paths)
    assert len(paths) <= 8
    assert facts["car"] == CAR


def test_signals_that_are_asked_for_are_drawn(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["plot", str(log), "--signals", SPEED, "--signals", "Vehicle.Chassis.Axle.**.Speed"]
    assert main([*arguments, "-o", str(tmp_path / "a.html"), "--json"]) == FINE
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["signals"]) == 5
    row = next(row for row in facts["signals"] if row["path"] == SPEED)
    assert (row["max"], row["last"]) == ("40", "40")
    assert row["quality"]["GOOD"] == 100


def test_the_axis_counts_from_the_log_s_first_frame(log: Path, tmp_path: Path) -> None:
    """--from 2 draws from second 2 on, and the axis says so."""
    picture = tmp_path / "a.svg"
    assert main(["plot", str(log), "--from", "2", "--to", "4", "--signals", SPEED, "-o", str(picture)]) == FINE
    labels = picture.read_text()
    assert ">3.0</text>" in labels
    assert ">1.0</text>" not in labels


def test_a_log_without_times_is_drawn_in_order_and_says_so(
    tmp_path: Path, frames: Frames, capsys: pytest.CaptureFixture[str]
) -> None:
    """Equal gaps throughout are no times; see wire.logs.clock."""
    stamped = Frames(
        np.arange(len(frames), dtype=np.int64) * 5_000_000,
        frames.bus,
        frames.id,
        frames.size,
        frames.data,
        Clock.RELATIVE,
    )
    log, page = tmp_path / "order.csv", tmp_path / "order.html"
    write_gvret_csv(log, stamped)
    assert main(["plot", str(log), "--car", CAR, "-o", str(page)]) == FINE
    assert "the log has no usable times" in capsys.readouterr().err
    text = page.read_text()
    assert "frames in order of arrival: the log has no usable times" in text
    assert '"timed":false' in text


def test_damaged_frames_are_shaded(tmp_path: Path, frames: Frames) -> None:
    """The Leaf's battery message has a checksum; frames that fail it leave a CORRUPT span."""
    vehicle = load_vehicle(CAR)
    number = next(i for i, message in enumerate(vehicle.messages) if message.name == "BatteryPower")
    data = frames.data.copy()
    hit = (frames.id == vehicle.messages[number].id) & (frames.t_ns > 2 * 10**9) & (frames.t_ns < 3 * 10**9)
    data[hit, 7] ^= 0xFF
    broken = Frames(frames.t_ns, frames.bus, frames.id, frames.size, data, frames.clock)
    log, page = tmp_path / "broken.log", tmp_path / "broken.html"
    write_candump(log, broken, start_ns=START_NS)
    voltage = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
    main(["plot", str(log), "--car", CAR, "--signals", voltage, "-o", str(page)])
    text = page.read_text()
    assert 'class="q-corrupt"' in text
    assert "<b>CORRUPT</b>" in text


def test_another_car_is_drawn_with_a_warning(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "a.html"
    assert main(["plot", str(log), "--car", "nissan/leaf_ze1", "-o", str(page)]) == PROBLEMS
    assert "is this a log of another car?" in capsys.readouterr().err
    assert "is this a log of another car?" in page.read_text()


def test_a_png_is_drawn_or_says_what_to_install(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("resvg_py")
    target = tmp_path / "a.png"
    assert main(["plot", str(log), "-o", str(target)]) == FINE
    assert target.read_bytes().startswith(b"\x89PNG")
    target.unlink()
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert main(["plot", str(log), "-o", str(target)]) == UNUSABLE
    assert "commonwheel[png]" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--car", "nissan/leef"), "there is no car 'nissan/leef'"),
        (("--signals", "Vehicle.Cabin.Sunroof"), "nothing of Vehicle.Cabin.Sunroof is there to draw"),
        (("--signals", "Vehicle..Speed"), "is not a path pattern"),
        (("--from", "100"), "is there to draw"),
        (("--car", "nissan/x_trail_2017"), "is this a log of another car?"),
        (("-o", "picture.gif"), "the suffix '.gif' is no picture; use one of .html, .svg, .png"),
        (("-o", "no/such/folder/a.html"), "there is no folder no/such/folder"),
        (("-o", "."), "the suffix '' is no picture"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    log: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    before = sorted(log.parent.iterdir())
    extra = () if "-o" in arguments else ("-o", str(log.parent / "a.html"))
    assert main(["plot", str(log), *arguments, *extra]) == UNUSABLE
    assert said in capsys.readouterr().err
    assert sorted(log.parent.iterdir()) == before


def test_a_log_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(tmp_path / "none.log"), "-o", str(tmp_path / "a.html")]) == UNUSABLE
    assert "none.log" in capsys.readouterr().err


def test_a_damaged_log_is_drawn_as_far_as_it_goes(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut, page = tmp_path / "cut.log.gz", tmp_path / "cut.html"
    cut.write_bytes(gzip.compress(log.read_bytes() * 3)[:-2000])
    assert main(["plot", str(cut), "--car", CAR, "-o", str(page)]) == PROBLEMS
    assert "the log is damaged" in capsys.readouterr().err
    assert "the log is damaged" in page.read_text()


def test_more_panels_than_anybody_reads_are_left_out(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plot, "MOST_PANELS", 2)
    arguments = ["plot", str(log), "--signals", "Vehicle.Chassis", "-o", str(tmp_path / "a.html"), "--json"]
    assert main(arguments) == FINE
    facts = json.loads(capsys.readouterr().out)
    assert facts["panels"] == 2
    assert "panels more were asked for than can be drawn" in facts["notes"][0]


@pytest.mark.real
def test_a_recorded_drive_is_a_small_page(shared: Path, tmp_path: Path) -> None:
    page = tmp_path / "leaf.html"
    log = shared / "logs/nissan-leaf-2011/leaf_on_Driveincircle_off.txt"
    assert main(["plot", str(log), "-o", str(page)]) == FINE
    text = page.read_text()
    assert "STALE" in text  # the bus falls silent before the recording ends
    assert len(text) < 250_000


@pytest.mark.real
def test_all_cells_of_a_pack_share_a_panel(shared: Path, tmp_path: Path) -> None:
    page = tmp_path / "cells.html"
    log = shared / "logs/mitsubishi-imiev/iCarSoft-Max-Actuate-5x-Fan-High.log"
    assert main(["plot", str(log), "--signals", "Vehicle.Powertrain.TractionBattery.Module", "-o", str(page)]) == FINE
    assert "(88 of them)" in page.read_text()


@pytest.mark.real
def test_a_clock_that_starts_over_does_not_stretch_the_axis(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The brake is pressed five times in ten seconds, though the log's clock jumps back by ten minutes."""
    log, picture = shared / "logs/nissan-leaf-2011/pumpbrake5timesinpark.csv", tmp_path / "brake.svg"
    assert main(["plot", str(log), "--signals", "Vehicle.Chassis.Brake.IsPressed", "-o", str(picture)]) == FINE
    assert "jumps back once" in capsys.readouterr().err
    assert picture.read_text().count(">true</text>") == 5
