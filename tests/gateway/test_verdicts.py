"""The record of what guards say: bounded in memory, complete in its file, which is put aside when it is large."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel.errors import OutputError
from commonwheel.gateway import verdicts
from commonwheel.gateway.rotation import Rotation
from commonwheel.gateway.verdicts import DEPTH, VerdictFile, Verdicts


def test_what_is_kept_is_bounded_and_what_is_counted_is_not() -> None:
    record = Verdicts()
    for number in range(DEPTH + 7):
        record.add(number, "verdict", "range", subject="angle", outcome="limited")
    record.add(1, "refusal", "state", path="x")
    assert len(record.last()) == DEPTH + 1
    assert record.last(0) == []
    assert record.last(1)[0].kind == "refusal"
    assert record.counts == {("limited", "range"): DEPTH + 7, ("refusal", "state"): 1}


def test_what_is_new_is_told_once_and_no_more_than_is_wanted() -> None:
    record = Verdicts()
    found, count = record.since(0, 10)
    assert (found, count) == ([], 0)
    for number in range(25):
        record.add(number, "verdict", "range")
    found, count = record.since(count, 10)
    assert ([said.t_ns for said in found], count) == (list(range(15, 25)), 25)
    assert record.since(count, 10) == ([], 25)


def test_whoever_asks_much_pushes_out_only_what_was_asked() -> None:
    record = Verdicts()
    record.add(1, "arming", "armed", source="an operator")
    for number in range(3 * DEPTH):
        record.add(2, "refusal" if number % 2 else "progress", "state", path="x", source="a flood")
    record.add(3, "transition", "late-loop", axis="lateral")
    kept = record.last()
    assert [(said.t_ns, said.kind) for said in (kept[0], kept[-1])] == [(1, "arming"), (3, "transition")]
    assert len(kept) == DEPTH + 2
    found, count = record.since(1, DEPTH)
    assert (len(found), found[-1].kind, count) == (DEPTH, "transition", 3 * DEPTH + 2)
    assert record.since(count, 5) == record.since(0, 0) == ([], count)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_is_in_the_file_with_its_car(tmp_path: Path) -> None:
    file = VerdictFile(tmp_path / "deep" / "verdicts.jsonl")
    file.start()
    one, two = Verdicts(file, car="one"), Verdicts(file, car="two")
    one.add(1, "verdict", "range", asked=float("nan"), allowed=1.5)
    two.add(2, "transition", "arming", axis="lateral")
    assert file.close()
    assert lines(file.path) == [
        {"t_ns": 1, "car": "one", "kind": "verdict", "rule": "range", "asked": None, "allowed": 1.5},
        {"t_ns": 2, "car": "two", "kind": "transition", "rule": "arming", "axis": "lateral"},
    ]
    assert file.lost == 0


def test_a_file_that_is_large_is_put_aside_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MOST_FILES", 3)
    file = VerdictFile(tmp_path / "v.jsonl", Rotation(size_bytes=100))
    for number in range(6):
        file._put([{"number": number, "text": "x" * 100}])
    file.start()
    assert file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.jsonl", "v.jsonl.1", "v.jsonl.2"]
    assert [line["number"] for line in lines(tmp_path / "v.jsonl.1")] == [5]
    assert [line["number"] for line in lines(tmp_path / "v.jsonl.2")] == [4]


def test_a_disk_that_takes_nothing_is_said_and_counted_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        message = "no space left"
        raise OSError(28, message)

    file = VerdictFile(tmp_path / "v.jsonl")
    file._file.close()
    with monkeypatch.context() as full:
        full.setattr(Path, "open", refuse)
        for _ in range(3):
            file._put([{"number": 1}])
    file._put([{"number": 2}])
    file._file.close()
    assert file.lost == 3
    assert [line["number"] for line in lines(file.path)] == [2]
    assert sum("verdicts are lost" in record.getMessage() for record in caplog.records) == 1


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="verdicts cannot be written there"):
        VerdictFile(tmp_path / "file" / "v.jsonl")


def test_a_file_that_cannot_be_put_aside_is_written_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> Path:
        message = "read-only"
        raise PermissionError(13, message)

    file = VerdictFile(tmp_path / "v.jsonl", Rotation(size_bytes=10))
    monkeypatch.setattr(Path, "replace", refuse)
    for number in range(4):
        file._put([{"number": number}])
    file._file.close()
    assert [line["number"] for line in lines(file.path)] == [0, 1, 2, 3]
    assert file.lost == 0
    assert [record.getMessage() for record in caplog.records if "cannot be put aside" in record.getMessage()] == [
        f"{file.path}: it cannot be put aside, and grows: read-only"
    ]
