"""What is written as DBC reads back as it was."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.errors import OutputError
from commonwheel.wire.database import (
    FINDINGS,
    Database,
    Message,
    Multiplexed,
    Signal,
    dbc_text,
    load_database,
    write_dbc,
)
from commonwheel.wire.database.dbc import read_dbc
from commonwheel.wire.database.names import KEYWORDS

_PATH = Path("bus.dbc")

_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(lambda name: name not in KEYWORDS)
# No control characters; a text that ends in a backslash gets a blank behind it, as a test below shows.
_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff"), max_size=20
)
_texts = _texts.filter(lambda text: not text.endswith("\\"))
_comments = st.builds(lambda first, second: f"{first}\n{second}", _texts, _texts) | _texts
_numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6).map(float)


@st.composite
def _limits(draw: st.DrawFn) -> tuple[float | None, float | None]:
    low, high = sorted((draw(_numbers), draw(_numbers)))
    return (low, high) if draw(st.booleans()) and (low, high) != (0, 0) else (None, None)


@st.composite
def _signals(draw: st.DrawFn) -> tuple[Signal, ...]:
    signals: list[Signal] = []
    for name in draw(st.lists(_names, max_size=6, unique=True)):
        is_float = draw(st.booleans())
        minimum, maximum = draw(_limits())
        multiplexed = None
        if signals and draw(st.booleans()):
            ranges = [(5 * step + draw(st.integers(0, 3)), 5 * step + 3) for step in range(draw(st.integers(1, 2)))]
            multiplexed = Multiplexed(draw(st.sampled_from(signals)).name, tuple(ranges))
        signals.append(
            Signal(
                name=name,
                start=draw(st.integers(0, 511)),
                length=draw(st.sampled_from([16, 32, 64])) if is_float else draw(st.integers(1, 64)),
                big_endian=draw(st.booleans()),
                signed=draw(st.booleans()),
                is_float=is_float,
                factor=draw(_numbers),
                offset=draw(_numbers),
                minimum=minimum,
                maximum=maximum,
                unit=draw(_texts),
                choices=draw(st.dictionaries(st.integers(-(2**63), 2**64 - 1), _texts, max_size=3)),
                multiplexed=multiplexed,
                comment=draw(_comments),
                initial=draw(st.none() | _numbers),
            )
        )
    return tuple(signals)


@st.composite
def _databases(draw: st.DrawFn) -> Database:
    messages: list[Message] = []
    names = draw(st.lists(_names, max_size=4, unique=True))
    ids = draw(st.lists(st.integers(0, 0x7FF) | st.integers(0x800, 0x1FFFFFFF), min_size=4, max_size=4, unique=True))
    for name, identifier in zip(names, ids, strict=False):
        period = st.none() | st.floats(0.001, 1e6) | st.integers(1, 10000).map(float)
        extended = identifier > 0x7FF or draw(st.booleans())
        message = Message(
            name, identifier, extended, draw(st.integers(0, 64)), draw(_signals()), draw(period), draw(_comments)
        )
        messages.append(message)
    return Database(_PATH, tuple(messages))


@given(_databases())
def test_reading_what_was_written_gives_the_same_messages(database: Database) -> None:
    again = read_dbc(dbc_text(database), _PATH, [])
    assert again.messages == database.messages
    assert {repair.kind for repair in again.repairs} <= FINDINGS


@settings(max_examples=30)
@given(_databases())
def test_so_does_the_file_whatever_characters_its_texts_hold(
    tmp_path_factory: pytest.TempPathFactory, database: Database
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.dbc"
    write_dbc(database, path)
    assert load_database(path).messages == database.messages


@pytest.mark.oracle
@settings(max_examples=60)
@given(_databases())
def test_cantools_reads_what_was_written(database: Database) -> None:
    cantools_dbc = pytest.importorskip("cantools.database.can.formats.dbc")
    theirs = cantools_dbc.load_string(dbc_text(database), strict=False, sort_signals=None).messages
    assert [(m.name, m.frame_id, m.is_extended_frame, m.length) for m in theirs] == [
        (m.name, m.id, m.extended, m.size) for m in database.messages
    ]
    for ours, other in zip(database.messages, theirs, strict=True):
        assert [_view(signal) for signal in ours.signals] == [
            (
                signal.name,
                signal.start,
                signal.length,
                signal.byte_order == "big_endian",
                signal.is_signed,
                signal.is_float,
                signal.scale,
                signal.offset,
                signal.unit or "",
                {raw: str(label) for raw, label in (signal.choices or {}).items()},
                signal.multiplexer_signal,
                sorted(signal.multiplexer_ids or []),
                signal.comment or "",
            )
            for signal in other.signals
        ]


def _view(signal: Signal) -> tuple[object, ...]:
    mux = signal.multiplexed
    return (
        signal.name,
        signal.start,
        signal.length,
        signal.big_endian,
        signal.signed,
        signal.is_float,
        signal.factor,
        signal.offset,
        signal.unit,
        dict(signal.choices),
        mux.selector if mux else None,
        [value for low, high in mux.values for value in range(low, high + 1)] if mux else [],
        signal.comment,
    )


def _database(**changes: object) -> Database:
    signal = dataclasses.replace(Signal("S", 0, 8, big_endian=False), **changes)
    selector = Signal("M", 8, 8, big_endian=False)
    return Database(_PATH, (Message("A", 1, extended=False, size=8, signals=(selector, signal)),))


def _again(database: Database) -> Signal:
    return read_dbc(dbc_text(database), _PATH, []).messages[0].signals[1]


def test_plain_multiplexing_needs_no_extended_statement() -> None:
    text = dbc_text(_database(multiplexed=Multiplexed("M", ((3, 3),))))
    assert " SG_ M M : " in text
    assert " SG_ S m3 : " in text
    assert "SG_MUL_VAL_" not in text


def test_ranges_need_the_extended_statement() -> None:
    assert "SG_MUL_VAL_ 1 S M 3-4, 9-9;" in dbc_text(_database(multiplexed=Multiplexed("M", ((3, 4), (9, 9)))))


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ({"minimum": 5.0}, (5, 255)),
        ({"maximum": 5.0}, (0, 5)),
        ({"maximum": 5.0, "signed": True, "factor": 2.0}, (-256, 5)),
        ({"maximum": -5.0}, (-5, 0)),
        ({"minimum": 0.0, "maximum": 0.0}, (None, None)),
    ],
)
def test_a_single_limit_gets_the_end_of_the_range_as_its_counterpart(
    changes: dict[str, object], limits: tuple[float | None, float | None]
) -> None:
    signal = _again(_database(**changes))
    assert (signal.minimum, signal.maximum) == limits


def test_a_backslash_at_the_end_of_a_text_gets_a_blank_behind_it() -> None:
    assert _again(_database(comment="C:\\")).comment == "C:\\ "
    assert _again(_database(comment='\\" and "\\" and \\\\"')).comment == '\\" and "\\" and \\\\"'


def test_line_ends_of_other_systems_become_newlines() -> None:
    assert _again(_database(comment="a\r\nb\rc", unit="a\nb")).comment == "a\nb\nc"
    assert _again(_database(unit="a\nb")).unit == "a b"


@pytest.mark.parametrize(("unit", "encoding"), [("°C", "cp1252"), ("Â°C", "utf-8"), ("Ω", "utf-8"), ("km/h", "ascii")])
def test_the_code_page_of_dbc_editors_is_used_where_it_reads_back(tmp_path: Path, unit: str, encoding: str) -> None:
    write_dbc(_database(unit=unit), tmp_path / "bus.dbc")
    assert unit in (tmp_path / "bus.dbc").read_text(encoding)
    assert load_database(tmp_path / "bus.dbc").messages[0].signals[1].unit == unit


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"name": "1st"}, "signal name '1st' is no identifier"),
        ({"name": "BO_"}, "signal name 'BO_' is no identifier"),
        ({"name": "M"}, "signal name 'M' stands there twice"),
        ({"factor": math.inf}, "'S' has a number that is not finite"),
        ({"initial": math.nan}, "'S' has a number that is not finite"),
        ({"multiplexed": Multiplexed("None", ((0, 0),))}, "'S' has selector 'None'"),
        ({"multiplexed": Multiplexed("S", ((0, 0),))}, "'S' has selector 'S'"),
        ({"multiplexed": Multiplexed("M", ())}, "selector values that DBC cannot state"),
        ({"multiplexed": Multiplexed("M", ((-1, 3),))}, "selector values that DBC cannot state"),
    ],
)
def test_what_dbc_cannot_say_is_refused(changes: dict[str, object], what: str) -> None:
    with pytest.raises(OutputError, match=re.escape(what)) as caught:
        dbc_text(_database(**changes))
    assert "bus.dbc: message 'A'" in str(caught.value)


def test_messages_of_one_name_are_refused() -> None:
    one = _database().messages[0]
    with pytest.raises(OutputError, match="message name 'A' stands there twice"):
        dbc_text(Database(_PATH, (one, one)))


@pytest.mark.parametrize("comment", ["\0", "\ud800"])
def test_characters_that_no_file_can_hold_are_refused(tmp_path: Path, comment: str) -> None:
    with pytest.raises(OutputError, match="characters that no file can hold"):
        write_dbc(_database(comment=comment), tmp_path / "bus.dbc")
    assert not (tmp_path / "bus.dbc").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_dbc(_database(), tmp_path / "none" / "bus.dbc")
