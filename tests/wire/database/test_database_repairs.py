"""Each kind of repair and finding: what is wrong, on which line, what is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from commonwheel.wire.database import FINDINGS, KINDS, Database, Multiplexed

Load = Callable[..., Database]

_SIGNAL = ' SG_ S : 0|8@1+ (1,0) [0|0] "" X\n'
_ONE = f"BO_ 1 A: 8 X\n{_SIGNAL}"


@dataclass(frozen=True)
class Case:
    kind: str
    line: int
    text: str
    keeps: Callable[[Database], bool]
    what: str = ""
    """Part of the remark."""


def _names(database: Database) -> list[str]:
    return [f"{message.name}.{signal.name}" for message in database.messages for signal in message.signals]


def _only(database: Database) -> bool:
    return _names(database) == ["A.S"]


def _mux(database: Database) -> dict[str, Multiplexed | None]:
    return {signal.name: signal.multiplexed for signal in database.messages[0].signals}


_MUX = 'BO_ 1 A: 8 X\n SG_ S M : 0|8@1+ (1,0) [0|0] "" X\n'
_SECOND = ' SG_ T : 8|8@1+ (1,0) [0|0] "" X\n'

CASES = [
    Case("byte-order-mark", 1, f"\ufeff{_ONE}", _only),
    Case("control", 2, _ONE.replace("S :", "S\0 :\0"), _only, "2 control characters"),
    Case("stray", 1, f'3VERSION ""\n{_ONE}', _only, "'3VERSION \"\"'"),
    Case("stray", 2, f"BO_ 1 A: 8 X\n  some words of a person\n{_SIGNAL}", _only, "some words"),
    Case("stray", 3, f"{_ONE}FUTURE_ 1 A;\nmore of it;\nBU_: X\n", _only, "FUTURE_"),
    Case("stray", 2, f"{_ONE[:-1]} Y Z\n", _only, "'Y Z'"),
    Case("stray", 2, f"BO_ 1 A: 8 X\nx{_SIGNAL}", _only, "'x'"),
    Case("stray", 2, f"BO_ 1 A: 8 X\nsee SG_ lines below\n{_SIGNAL}", _only, "see SG_ lines below"),
    Case("semicolon", 3, f'{_ONE}VAL_ 1 S 0 "off"\nBU_: X\n', lambda d: d.messages[0].signals[0].choices == {0: "off"}),
    Case("semicolon", 3, f'{_ONE}CM_ SG_ 1 S "why"', lambda d: d.messages[0].signals[0].comment == "why"),
    Case("semicolon", 3, f'{_ONE}BA_DEF_ BO_ "X" INT 0 1\n', _only),
    Case("semicolon", 1, 'CM_ "no end"\n' + _ONE, _only),
    Case(
        "quote",
        3,
        f'{_ONE}CM_ SG_ 1 S "a "very" long one";\n',
        lambda d: 'a "very"' in d.messages[0].signals[0].comment,
    ),
    Case(
        "open-text",
        3,
        f'{_ONE}CM_ SG_ 1 S "why ;\nCM_ BO_ 1 "this";\n',
        lambda d: d.messages[0].signals[0].comment == "why",
    ),
    Case(
        "open-text", 3, f'{_ONE}CM_ SG_ 1 S "why\nBO_ 2 B: 8 X\n', lambda d: [m.name for m in d.messages] == ["A", "B"]
    ),
    Case("colon", 1, _ONE.replace("A:", "A"), _only),
    Case("missing", 1, _ONE.replace("8 X", "8"), _only, "sender"),
    Case("missing", 2, f"{_ONE[:-3]}\nBO_ 2 B: 8 X\n", _only, "receiver"),
    Case("missing", 2, _ONE.replace(" [0|0]", ""), _only, "range"),
    Case("missing", 2, _ONE.replace(' ""', ""), _only, "unit"),
    Case("number", 2, _ONE.replace("(1,0)", "(.25,-.5)"), lambda d: d.messages[0].signals[0].factor == 0.25),
    Case("number", 1, _ONE.replace("BO_ 1", "BO_ 0x1A"), lambda d: d.messages[0].id == 26, "hexadecimal"),
    Case("range", 2, _ONE.replace("[0|0]", "[9|-9]"), lambda d: d.messages[0].signals[0].minimum is None, "[9|-9]"),
    Case("range", 2, _ONE.replace("[0|0]", "[0|1e999]"), lambda d: d.messages[0].signals[0].maximum is None),
    Case("range", 2, _ONE.replace("[0|0]", "[low|high]"), _only),
    Case("name", 1, _ONE.replace("A:", "2017_5:"), lambda d: d.messages[0].name == "_2017_5"),
    Case("name", 2, _ONE.replace("S :", "Kühl mittel :"), lambda d: _names(d) == ["A.Kuhl_mittel"]),
    Case("name", 2, _ONE.replace("S :", "VAL_ :"), lambda d: _names(d) == ["A._VAL_"]),
    Case("duplicate-message", 3, _ONE + _ONE, _only, "says the same"),
    Case(
        "duplicate-message", 3, f"{_ONE}BO_ 2 A: 8 X\n", lambda d: [m.name for m in d.messages] == ["A", "A_2"], "0x2"
    ),
    Case("duplicate-signal", 3, _ONE + _SIGNAL, _only, "says the same"),
    Case("duplicate-signal", 3, _ONE + _SIGNAL.replace("0|8", "8|8"), lambda d: _names(d) == ["A.S", "A.S_2"]),
    Case(
        "duplicate-signal",
        4,
        _MUX + _SECOND.replace("T :", "T m1 :") + _SECOND.replace("T :", "T m3 :"),
        lambda d: _mux(d)["T"] == Multiplexed("S", ((1, 1), (3, 3))),
    ),
    Case(
        "extended-flag",
        1,
        _ONE.replace("BO_ 1", "BO_ 2048"),
        lambda d: (d.messages[0].id, d.messages[0].extended) == (2048, True),
    ),
    Case("comment-target", 3, f'{_ONE}CM_ SG_ 1 "why";\n', lambda d: d.messages[0].comment == "why"),
    Case(
        "comment-target",
        4,
        f'{_ONE}CM_ BO_ 1 "first";\nCM_ 1 "then";\n',
        lambda d: d.messages[0].comment == "first\nthen",
    ),
    Case("dangling", 3, f'{_ONE}VAL_ 1 Ss 0 "off" ;\n', _only, "did it mean 'S'?"),
    Case("dangling", 3, f'{_ONE}VAL_ 7 S 0 "off" ;\n', _only, "message 7"),
    Case("dangling", 3, f'{_ONE}CM_ SG_ 1 Other "text";\n', _only, "CM_"),
    Case("dangling", 3, f'{_ONE}CM_ BO_ 7 "text";\n', _only, "message 7"),
    Case("dangling", 3, f"{_ONE}SIG_VALTYPE_ 1 Other : 1;\n", _only, "SIG_VALTYPE_"),
    Case("dangling", 3, f"{_ONE}SG_MUL_VAL_ 1 S Other 0-1;\n", _only, "SG_MUL_VAL_"),
    Case("dangling", 4, f'{_ONE}BA_DEF_ BO_ "K" INT 0 1;\nBA_ "K" BO_ 7 1;\n', _only, "BA_"),
    Case(
        "values",
        3,
        f'{_ONE}VAL_ 1 S 0 "off" 1.5 "half" 2.0 "on" ;\n',
        lambda d: d.messages[0].signals[0].choices == {0: "off", 2: "on"},
    ),
    Case(
        "values",
        3,
        f'{_ONE}VAL_ 1 S 0 "off" 1 on 2 "both" ;\n',
        lambda d: d.messages[0].signals[0].choices == {0: "off", 2: "both"},
    ),
    Case(
        "values",
        3,
        f'{_ONE}VAL_ 1 S 0 "off" 0 "on" ;\n',
        lambda d: d.messages[0].signals[0].choices == {0: "on"},
        "twice",
    ),
    Case("values", 3, f'{_ONE}VAL_ 1 S {"9" * 21} "much" ;\n', _only, "no whole number"),
    Case("values", 3, f"{_ONE}VAL_ 1 S Missing ;\n", _only, "'Missing'"),
    Case(
        "attribute",
        3,
        f'{_ONE}BA_ "GenMsgCycleTime" BO_ 1 50;\n',
        lambda d: d.messages[0].period_ms == 50,
        "not defined",
    ),
    Case("attribute", 3, f'{_ONE}BA_ "Colour" BO_ 1 50;\n', _only, "left out"),
    Case(
        "attribute",
        4,
        f'{_ONE}BA_DEF_ BO_ "GenMsgCycleTime" INT 0 1;\nBA_ "GenMsgCycleTime" BO_ 1 -5;\n',
        lambda d: d.messages[0].period_ms is None,
    ),
    Case(
        "attribute",
        4,
        f'{_ONE}BA_DEF_ SG_ "GenSigStartValue" STRING ;\nBA_ "GenSigStartValue" SG_ 1 S "much";\n',
        lambda d: d.messages[0].signals[0].initial is None,
    ),
    Case(
        "selector",
        2,
        _MUX.replace("M :", "m :") + _SECOND.replace("T :", "T m1 :"),
        lambda d: _mux(d)["T"] == Multiplexed("S", ((1, 1),)),
    ),
    Case("selector", 3, _ONE + _SECOND.replace("T :", "T m1 :"), lambda d: _mux(d)["T"] is None, "always there"),
    Case(
        "selector",
        3,
        _MUX + _SECOND.replace("T :", "T m1M :") + ' SG_ U m2 : 16|8@1+ (1,0) [0|0] "" X\n',
        lambda d: _mux(d)["U"] == Multiplexed("S", ((2, 2),)),
        "'T'",
    ),
    Case(
        "selector",
        4,
        _MUX + _SECOND.replace("T :", "T M :") + ' SG_ U m2 : 16|8@1+ (1,0) [0|0] "" X\n',
        lambda d: _mux(d)["U"] is None,
        "always there",
    ),
    Case("selector", 4, _MUX + _SECOND + "SG_MUL_VAL_ 1 T S 9-3;\n", lambda d: _mux(d)["T"] is None, "9-3"),
    Case(
        "selector",
        2,
        _MUX + _SECOND.replace("T :", "T M :") + "SG_MUL_VAL_ 1 T S 1-1;\nSG_MUL_VAL_ 1 S T 1-1;\n",
        lambda d: _mux(d)["S"] is None and _mux(d)["T"] == Multiplexed("S", ((1, 1),)),
        "each other",
    ),
    Case(
        "float-type", 3, f"{_ONE}SIG_VALTYPE_ 1 S : 1;\n", lambda d: not d.messages[0].signals[0].is_float, "an integer"
    ),
    Case(
        "float-type",
        3,
        f"{_ONE.replace('0|8', '0|64')}SIG_VALTYPE_ 1 S : 1;\n",
        lambda d: d.messages[0].signals[0].is_float,
        "64 bits",
    ),
    Case("length", 3, f'{_ONE} SG_ Blob : 8|65@1+ (1,0) [0|0] "" X\nVAL_ 1 Blob 0 "off" ;\n', _only, "65 bits"),
    Case("length", 3, f'{_ONE} SG_ Nil : 8|0@1+ (1,0) [0|0] "" X\n', _only, "0 bits"),
    Case("orphan", 1, _SIGNAL + _ONE, _only, "no message"),
    Case("unreadable", 3, f'{_ONE} SG_ T : 8|8@1 (1,0) [0|0] "" X\n', _only, "SG_ T"),
    Case("unreadable", 3, f'{_ONE} SG_ T : 8|8@1+ (one,0) [0|0] "" X\n', _only, "(one,0)"),
    Case("unreadable", 3, f"{_ONE}BO_ nothing\n{_SECOND}", _only, "BO_ nothing"),
    Case("unreadable", 3, f"{_ONE}BO_ 4294967296 Big: 8 X\n{_SECOND}", _only, "32 bits"),
    Case("unreadable", 3, f"{_ONE}VAL_ 1 S what is this\n", _only),
    Case("unreadable", 3, f'{_ONE}CM_ SG_ "of what";\n', _only),
    Case("unassigned", 3, f"{_ONE}BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 X\n{_SECOND}", _only),
    Case("order", 3, f'{_ONE}VERSION "2"\n', _only),
    Case("overlap", 3, _ONE + _SECOND.replace("8|8", "7|8"), lambda d: _names(d) == ["A.S", "A.T"], "'S' and 'T'"),
    Case("outside", 3, _ONE + _SECOND.replace("8|8", "57|8"), lambda d: _names(d) == ["A.S", "A.T"], "8 bytes"),
    Case("duplicate-id", 3, f"{_ONE}BO_ 1 B: 8 X\n{_SECOND}", lambda d: _names(d) == ["A.S", "B.T"], "'A' and 'B'"),
    Case("long-id", 1, _ONE.replace("BO_ 1", "BO_ 1075054137"), lambda d: d.messages[0].id == 1075054137),
    Case("long-message", 1, _ONE.replace("8 X", "100 X", 1), lambda d: d.messages[0].size == 100),
    Case("zero-factor", 2, _ONE.replace("(1,0)", "(0,7)"), lambda d: d.messages[0].signals[0].factor == 0),
]

_ELSEWHERE = {"encoding", "container", "several-buses", "unsupported"}
"""Kinds that other tests show: UTF-16 below, the rest with the formats they belong to."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{CASES.index(case)}")
def test_the_fault_is_said_with_its_line_and_the_rest_is_kept(load: Load, case: Case) -> None:
    database = load(case.text)
    said = [repair for repair in database.repairs if repair.kind == case.kind and repair.line == case.line]
    assert said, database.repairs
    assert case.what in " ".join(repair.what for repair in said)
    assert case.keeps(database), database
    assert {repair.kind for repair in database.repairs} <= KINDS.keys()


def test_every_kind_is_shown_by_a_test() -> None:
    assert {case.kind for case in CASES} | _ELSEWHERE == KINDS.keys()


def test_findings_are_the_kinds_that_change_nothing() -> None:
    assert {kind.name for kind in KINDS.values() if kind.finding} == FINDINGS
    assert "overlap" in FINDINGS
    assert "name" not in FINDINGS


def test_every_kind_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "databases.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))
    assert documented == KINDS.keys()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read_and_said(load: Load, encoding: str) -> None:
    text = _ONE.replace('""', '"°C"')
    mark = "" if encoding == "utf-16" else "\ufeff"
    database = load((mark + text).encode(encoding))
    assert database.messages[0].signals[0].unit == "°C"
    assert [repair.kind for repair in database.repairs] == ["encoding"]


def test_several_faults_are_said_in_order_of_lines(load: Load) -> None:
    database = load(f'words\nBO_ 2048 1A: 8\n{_SIGNAL}{_SECOND.replace("8|8", "4|8")}VAL_ 3 S 0 "a" ;\n')
    assert [(repair.line, repair.kind) for repair in database.repairs] == [
        (1, "stray"),
        (2, "extended-flag"),
        (2, "missing"),
        (2, "name"),
        (4, "overlap"),
        (5, "dangling"),
    ]


def test_notes_find_a_message_whose_flag_they_leave_out(load: Load) -> None:
    database = load(f'{_ONE.replace("BO_ 1 ", "BO_ 2147485696 ")}VAL_ 2048 S 1 "on" ;\n')
    assert database.messages[0].signals[0].choices == {1: "on"}
    assert database.repairs == ()


def test_a_selector_that_admits_itself_does_not(load: Load) -> None:
    assert _mux(load(_MUX + "SG_MUL_VAL_ 1 S S 1-1;\n"))["S"] is None


def test_a_third_duplicate_gets_the_next_number(load: Load) -> None:
    text = _ONE + _SIGNAL.replace("0|8", "8|8") + _SIGNAL.replace("0|8", "16|8") + _SIGNAL.replace("S :", "S_2 :")
    assert _names(load(text)) == ["A.S", "A.S_2", "A.S_3", "A.S_2_2"]


def test_hints_stop_after_the_first_few(load: Load) -> None:
    database = load(_ONE + 'CM_ SG_ 1 Ss "text";\n' * 60)
    assert sum("did it mean" in repair.what for repair in database.repairs) == 50
    assert len(database.repairs) == 60
