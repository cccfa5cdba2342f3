"""A file that appears whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.gateway.partfile import PartFile


def test_nobody_sees_it_before_its_end(tmp_path: Path) -> None:
    target = PartFile(tmp_path / "a.log")
    target.file.write(b"first ")
    target.sync()
    assert not (tmp_path / "a.log").exists()
    assert (tmp_path / "a.log.part").read_bytes() == b"first "
    target.file.write(b"second")
    target.finish()
    assert [file.name for file in tmp_path.iterdir()] == ["a.log"]
    assert (tmp_path / "a.log").read_bytes() == b"first second"


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    target = PartFile(file)
    with pytest.raises(FileExistsError):
        PartFile(file)
    target.file.write(b"mine")
    file.write_bytes(b"another's")
    with pytest.raises(FileExistsError, match="is there already"):
        target.finish()
    assert file.read_bytes() == b"another's"
    assert target.part.read_bytes() == b"mine"
    assert target.file.closed


def test_what_is_abandoned_stays_a_part(tmp_path: Path) -> None:
    target = PartFile(tmp_path / "a.log")
    target.file.write(b"as far as it came")
    target.abandon()
    target.abandon()
    assert [file.name for file in tmp_path.iterdir()] == ["a.log.part"]
    assert target.part.read_bytes() == b"as far as it came"


def test_a_file_that_is_gone_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    target = PartFile(tmp_path / "a.log")
    target.part.unlink()
    with pytest.raises(FileNotFoundError):
        target.finish()
    assert target.file.closed
