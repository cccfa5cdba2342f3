"""``commonwheel decode``: the summary, the files it writes, and what is chosen of a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from commonwheel.cli import FINE, PROBLEMS, UNUSABLE, decode, main, show
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import write_candump

SPEED, VIN = "Vehicle.Speed", "Vehicle.VehicleIdentification.VIN"
KEYS = {"log", "car", "buses", "frames", "signals", "messages", "missing", "left_out", "warnings", "output"}
SIGNAL_KEYS = {"path", "unit", "datatype", "labels", "count", "rate_hz", "min", "max", "last", "quality", "sources"}
MADE_UP_VIN = "JHMMADEUP00000017"
START_NS = 1_767_254_400 * 10**9


def _json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["decode", *map(str, arguments), "--json"]) == FINE
    return json.loads(capsys.readouterr().out)


def _table(path: Path) -> Any:  # noqa: ANN401 - a pyarrow table, whose columns have no types
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".csv":
        return pacsv.read_csv(path)
    if path.suffix == ".jsonl":
        return pa.Table.from_pylist([json.loads(line) for line in path.read_text().splitlines()])
    with ipc.open_file(str(path)) as file:
        return file.read_all()


def test_the_summary_is_plain_when_piped(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(lancer_log)]) == FINE
    said = capsys.readouterr()
    assert said.out.startswith("Mitsubishi Lancer (mitsubishi/lancer)")
    assert "\x1b" not in said.out + said.err
    assert "0 not described" in said.out
    assert "left out as personal: Vehicle.VehicleIdentification.VIN (--with-personal shows them)" in said.out
    speed = next(line.split() for line in said.out.splitlines() if line.startswith("Speed "))
    assert speed[1:3] == ["150", "50"]
    assert speed[-2:] == ["km/h", "GOOD"]
    assert not said.err


def test_on_a_terminal_it_is_a_table_too(
    lancer_log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show, "terminal", lambda: True)
    assert main(["decode", str(lancer_log)]) == FINE
    assert "signal" in capsys.readouterr().out


def test_json_has_the_whole_summary(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _json(capsys, lancer_log)
    assert facts.keys() == KEYS
    assert facts["car"] == "mitsubishi/lancer"
    assert facts["buses"] == {"0": "main"}
    assert facts["log"]["lines"] == facts["log"]["frames"] == facts["frames"]["known"]
    assert (facts["log"]["damage"], facts["warnings"], facts["output"]) == (None, [], None)
    assert all(signal.keys() >= SIGNAL_KEYS for signal in facts["signals"])
    speed = next(signal for signal in facts["signals"] if signal["path"] == SPEED)
    assert (speed["count"], speed["min"], speed["unit"], speed["quality"]) == (150, 0, "km/h", {"GOOD": 1})
    assert speed["max"] == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl"])
@pytest.mark.parametrize("layout", [(), ("--wide", "250")])
def test_every_format_holds_the_samples(
    lancer_log: Path, tmp_path: Path, suffix: str, layout: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"out{suffix}"
    facts = _json(capsys, lancer_log, "--signals", SPEED, "-o", target, *layout)
    assert facts["output"] == str(target)
    table = _table(target)
    if layout:
        assert table.column_names == ["time", SPEED]
        assert len(table) == 13
    else:
        assert table.column_names == ["time", "signal", "value", "label", "unit", "quality"]
        assert len(table) == 150
        assert set(table["signal"].to_pylist()) == {SPEED}
        assert max(table["value"].to_pylist()) == pytest.approx(40, abs=0.1)
    assert list(tmp_path.iterdir()) == [target]


def test_wide_alone_is_every_hundred_milliseconds(lancer_log: Path, tmp_path: Path) -> None:
    target = tmp_path / "wide.parquet"
    assert main(["decode", str(lancer_log), "-o", str(target), "--wide"]) == FINE
    steps = np.diff(np.array(pq.read_table(target)["time"].cast(pa.int64()).to_pylist()))
    assert set(steps.tolist()) == {10**8}


def test_what_was_written_is_told_and_replaced(
    lancer_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.csv"
    target.write_text("what was there before")
    assert main(["decode", str(lancer_log), "--signals", SPEED, "-o", str(target)]) == FINE
    assert f"written: 150 rows to {target}" in capsys.readouterr().out
    assert len(target.read_text().splitlines()) == 151


def test_seconds_are_counted_from_the_first_frame(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _json(capsys, lancer_log, "--from", "1", "--to", "2", "--signals", SPEED)
    (speed,) = facts["signals"]
    assert speed["count"] == 50
    assert 13 < speed["min"] < speed["max"] < 27


def test_signals_are_chosen_by_paths_and_patterns(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _json(capsys, lancer_log, "--signals", SPEED, "--signals", "Vehicle.Chassis.Axle.**.Speed")
    assert {signal["path"] for signal in facts["signals"]} == {
        SPEED,
        *(f"Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.Speed" for row in (1, 2) for side in ("Left", "Right")),
    }


def test_what_the_car_cannot_give_is_missing(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
    facts = _json(capsys, lancer_log, "--signals", SPEED, "--signals", wanted)
    assert facts["missing"] == [wanted]
    assert main(["decode", str(lancer_log), "--signals", wanted]) == FINE
    assert f"MISSING on this car: {wanted}" in capsys.readouterr().out


def test_a_bus_is_named(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _json(capsys, lancer_log, "--car", "mitsubishi/lancer", "--bus", "0=main")
    assert facts["buses"] == {"0": "main"}
    assert facts["frames"]["known"] > 0
    facts = _json(capsys, lancer_log, "--car", "mitsubishi/lancer", "--bus", "7=main")
    assert facts["frames"]["known"] == 0


@pytest.mark.parametrize("option", ["foo", "1=", "x=main", "256=main", "-1=main"])
def test_a_bus_that_is_no_number_and_name_is_a_wrong_command_line(
    lancer_log: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["decode", str(lancer_log), f"--bus={option}"])
    assert ended.value.code == UNUSABLE
    assert f"'{option}' is not N=NAME, such as 1=ev" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["--from=x", "--to=nan", "--from=inf", "--to=1e12", "--wide=0", "--wide=-5", "--wide=x", "--wide=nan"]
)
def test_times_that_are_no_numbers_are_wrong_command_lines(
    lancer_log: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["decode", str(lancer_log), option])
    assert ended.value.code == UNUSABLE
    assert f"'{option.partition('=')[2]}' is not a " in capsys.readouterr().err


@pytest.fixture
def civic_with_vin(civic_frames: Frames, tmp_path: Path) -> Path:
    """A Civic that tells a VIN, which is made up."""
    number = 1036
    rows: list[tuple[int, int, int, bytes]] = []
    for turn in range(9):
        part = turn % 3 + 1
        characters = f"\0{MADE_UP_VIN}".encode()[6 * part - 6 : 6 * part]
        payload = bytes([part, *characters, turn % 4 << 4])
        digits = [int(digit, 16) for digit in f"{number:x}{payload.hex()}"]
        rows.append((turn * 3 * 10**8, 0, number, payload[:7] + bytes([payload[7] | (8 - sum(digits)) & 15])))
    others = civic_frames[civic_frames.id != number]
    log = tmp_path / "civic.log"
    write_candump(
        log, Frames.concat([others, Frames.build(rows, clock=others.clock)]).sorted_by_time(), start_ns=START_NS
    )
    return log


def test_who_the_car_is_is_told_only_when_asked(civic_with_vin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _json(capsys, civic_with_vin)
    assert VIN in facts["left_out"]
    assert VIN not in [signal["path"] for signal in facts["signals"]]
    assert MADE_UP_VIN not in json.dumps(facts)
    facts = _json(capsys, civic_with_vin, "--with-personal")
    assert facts["left_out"] == []
    vin = next(signal for signal in facts["signals"] if signal["path"] == VIN)
    assert vin["labels"][int(vin["last"])].strip("\0") == MADE_UP_VIN


def test_personal_samples_are_not_written_unasked(
    civic_with_vin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.jsonl"
    _json(capsys, civic_with_vin, "-o", target)
    assert MADE_UP_VIN not in target.read_text()
    _json(capsys, civic_with_vin, "-o", target, "--with-personal")
    assert MADE_UP_VIN in target.read_text()


def test_a_description_and_a_tree_of_one_s_own(
    cart: Path, cart_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tree has a signal that the standard lacks, and the description gives it."""
    leaf = {"type": "sensor", "datatype": "float", "unit": "km", "description": "How far it is to the end of the road."}
    speed = {"type": "sensor", "datatype": "float", "unit": "km/h", "description": "How fast."}
    tree = {"Vehicle": {"type": "branch", "description": "A cart.", "children": {"Speed": speed, "RoadLeft": leaf}}}
    own = tmp_path / "tree.json"
    own.write_text(json.dumps(tree))
    with (cart / "vehicle.yaml").open("a") as file:
        file.write("  Vehicle.RoadLeft: main/Motion.Range\n")
    assert main(["decode", str(cart_log), "--car", str(cart)]) == UNUSABLE
    assert "vehicle.yaml:11: 'Vehicle.RoadLeft' is not in the standard" in capsys.readouterr().err
    facts = _json(capsys, cart_log, "--car", cart, "--catalog", own)
    assert [(s["path"], s["last"]) for s in facts["signals"]] == [
        (SPEED, pytest.approx(12.34)),
        ("Vehicle.RoadLeft", 0),
    ]


def test_troubled_messages_are_listed(civic_frames: Frames, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = civic_frames.data.copy()
    data[100:120, 7] ^= 5
    data[2000:2040, 7] ^= 3
    log = tmp_path / "troubled.log"
    columns = (civic_frames.t_ns, civic_frames.bus, civic_frames.id, civic_frames.size)
    write_candump(log, Frames(*columns, data, civic_frames.clock), start_ns=START_NS)
    facts = _json(capsys, log, "--car", "honda/civic_gen8")
    assert sum(message["corrupt"] for message in facts["messages"]) > decode.MOST_MESSAGES_SHOWN
    assert main(["decode", str(log), "--car", "honda/civic_gen8"]) == FINE
    said = capsys.readouterr().out
    assert "fail their checksum" in said
    assert " CORRUPT" in said


def test_another_car_s_log_is_decoded_with_a_warning(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(lancer_log), "--car", "nissan/leaf_ze0"]) == PROBLEMS
    said = capsys.readouterr()
    assert "% of the frames are of messages that nissan/leaf_ze0 describes" in said.err
    assert "is this a log of another car?" in said.err
    assert main(["decode", str(lancer_log), "--car", "nissan/leaf_ze0", "--json"]) == PROBLEMS
    assert json.loads(capsys.readouterr().out)["warnings"]


def test_checksums_that_fail_are_warned_of(
    civic_frames: Frames, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ids fit, but the content does not, as in another generation of the same maker."""
    data = civic_frames.data.copy()
    data[:, 0] ^= 1
    log = tmp_path / "other.log"
    columns = (civic_frames.t_ns, civic_frames.bus, civic_frames.id, civic_frames.size)
    write_candump(log, Frames(*columns, data, civic_frames.clock), start_ns=START_NS)
    assert main(["decode", str(log), "--car", "honda/civic_gen8"]) == PROBLEMS
    assert "% of the checksums fail" in capsys.readouterr().err
