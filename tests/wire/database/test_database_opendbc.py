"""Every DBC that opendbc ships or generates is read, line for line and as cantools reads it where it can.

Three independent views: a plain scan over the file's own ``SG_`` lines, cantools on the file, and
cantools on what is written from the database where cantools refuses the file.
"""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from commonwheel.wire.database import FINDINGS, KINDS, Database, Message, Repair, Signal, dbc_text
from commonwheel.wire.database.dbc import read_dbc
from commonwheel.wire.database.recognise import decode

generator = pytest.importorskip("opendbc.dbc.generator.generator", reason="opendbc is not installed")

pytestmark = pytest.mark.oracle


@functools.cache
def _files() -> dict[str, bytes]:
    """Return the content of every file: shipped, and generated as opendbc's own build does."""
    folder = Path(generator.__file__).parents[1]
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.dbc"))}
    return files | {f"{name}.dbc": text.encode() for name, text in sorted(generator.generate_all().items())}


@functools.cache
def _ours(name: str) -> Database:
    repairs: list[Repair] = []
    path = Path(name)
    return read_dbc(decode(_files()[name], path, repairs), path, repairs)


@functools.cache
def _theirs(name: str) -> list[Any] | None:
    """Return the messages that cantools reads, or None where it refuses the file."""
    dbc = pytest.importorskip("cantools.database.can.formats.dbc")
    logging.getLogger("cantools").addHandler(logging.NullHandler())
    try:
        return dbc.load_string(decode(_files()[name], Path(name), []), strict=False, sort_signals=None).messages
    except Exception:  # noqa: BLE001 - whatever it raises, it refuses
        return None


_OURS_FIRST = ("acura_", "honda_", "nissan_", "_honda", "_nissan", "_bosch", "_gearbox", "_steering", "_community")
"""Files of cars that are described here; the others are read with the slow tests."""


def _parameter(name: str) -> Any:  # noqa: ANN401 - pytest's own type of a parameter is private
    return pytest.param(name, marks=() if name.startswith(_OURS_FIRST) else pytest.mark.slow)


every_file = pytest.mark.parametrize("name", [_parameter(name) for name in _files()])

_BO = re.compile(r"^\s*BO_ (\d+) (\w+) ?: ?(\d+)")
_SG = re.compile(
    r'^\s*SG_ +(\S+) *([mM]\w*)? *: *(\d+)\|(\d+)@([01])([+-]) *\(([^,]*),([^)]*)\) *\[([^|]*)\|([^\]]*)\] *"([^"]*)"'
)


def _scan(name: str) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Return each message's id line and its signals' layouts, as a line-by-line scan sees them."""
    messages: list[tuple[str, list[tuple[object, ...]]]] = []
    skipped = False
    for line in _files()[name].decode("utf-8").splitlines():
        if head := _BO.match(line):
            skipped = head[2] == "VECTOR__INDEPENDENT_SIG_MSG"
            if not skipped:
                messages.append((f"{int(head[1]) & 0x7FFFFFFF} {head[3]}", []))
        elif re.match(r"^\s*SG_\s", line):
            field = _SG.match(line)
            assert field, line
            if not skipped:
                low, high = float(field[9]), float(field[10])
                limits = (None, None) if low == high == 0 or low > high else (low, high)
                numbers = (
                    int(field[3]),
                    int(field[4]),
                    field[5] == "0",
                    field[6] == "-",
                    float(field[7]),
                    float(field[8]),
                )
                messages[-1][1].append((field[1], *numbers, *limits, field[11]))
    return messages


@every_file
def test_every_line_is_loaded_as_it_stands(name: str) -> None:
    database = _ours(name)
    renamed = {repair.line for repair in database.repairs if repair.kind in {"name", "duplicate-signal"}}
    scanned = _scan(name)
    assert [f"{message.id} {message.size}" for message in database.messages] == [head for head, _ in scanned]
    for message, (_, fields) in zip(database.messages, scanned, strict=True):
        assert [_layout(signal)[1:] for signal in message.signals] == [field[1:] for field in fields]
        names = [(signal.name, field[0]) for signal, field in zip(message.signals, fields, strict=True)]
        assert all(ours == theirs or (renamed and ours == f"_{theirs}") for ours, theirs in names)


def _layout(signal: Signal) -> tuple[object, ...]:
    return (
        signal.name,
        signal.start,
        signal.length,
        signal.big_endian,
        signal.signed,
        signal.factor,
        signal.offset,
        signal.minimum,
        signal.maximum,
        signal.unit,
    )


@every_file
def test_every_field_is_as_cantools_has_it(name: str) -> None:
    """Where cantools refuses the file, it has to take, and read alike, what is written from ours."""
    ours, theirs = _ours(name), _theirs(name)
    if theirs is None:
        assert {repair.kind for repair in ours.repairs} - FINDINGS or "long-id" in {r.kind for r in ours.repairs}
        kept = tuple(message for message in ours.messages if message.id <= 0x1FFFFFFF)
        ours = Database(ours.path, kept)
        dbc = pytest.importorskip("cantools.database.can.formats.dbc")
        theirs = dbc.load_string(dbc_text(ours), strict=False, sort_signals=None).messages
    assert len(ours.messages) == len(theirs)
    for message, other in zip(ours.messages, theirs, strict=True):
        _compare(message, other)


def _compare(message: Message, other: Any) -> None:  # noqa: ANN401 - cantools' own class
    assert (message.name, message.id, message.extended) == (other.name, other.frame_id, other.is_extended_frame)
    assert (message.size, message.period_ms, message.comment) == (other.length, other.cycle_time, other.comment or "")
    assert [signal.name for signal in message.signals] == [signal.name for signal in other.signals]
    for signal, field in zip(message.signals, other.signals, strict=True):
        limits = (field.minimum, field.maximum)
        low, high = (None, None) if None in limits or limits == (0, 0) or limits[0] > limits[1] else limits
        assert _layout(signal) == (
            field.name,
            field.start,
            field.length,
            field.byte_order == "big_endian",
            field.is_signed,
            field.scale,
            field.offset,
            None if low is None else float(low),
            None if high is None else float(high),
            field.unit or "",
        )
        mux = signal.multiplexed
        assert (mux.selector if mux else None) == field.multiplexer_signal
        values = [value for first, last in mux.values for value in range(first, last + 1)] if mux else []
        assert values == sorted(field.multiplexer_ids or [])
        assert dict(signal.choices) == {raw: str(label) for raw, label in (field.choices or {}).items()}
        assert (signal.comment, signal.is_float) == (field.comment or "", field.is_float)
        assert signal.initial == field.raw_initial


@every_file
def test_what_is_written_reads_back(name: str) -> None:
    again = read_dbc(dbc_text(_ours(name)), Path(name), [])
    assert again.messages == _ours(name).messages


@every_file
def test_every_remark_has_a_known_kind_and_a_line_of_the_file(name: str) -> None:
    lines = _files()[name].count(b"\n") + 1
    assert all(repair.kind in KINDS and 1 <= repair.line <= lines for repair in _ours(name).repairs)


@pytest.mark.slow
def test_there_are_files_that_cantools_refuses_and_every_honda_is_among_them() -> None:
    """If this fails, the comparison above has lost its purpose: look at what opendbc ships now."""
    hondas = [name for name in _files() if name.startswith(("honda", "acura")) and "generated" in name]
    assert len(hondas) > 10
    assert all(_theirs(name) is None for name in hondas)
    assert sum(_theirs(name) is None for name in _files()) >= 30
    assert sum(_theirs(name) is not None for name in _files()) >= 60
