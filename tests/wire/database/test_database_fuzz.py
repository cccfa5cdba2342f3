"""Whatever happens to a file, the loader returns a sound database or says why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from commonwheel.errors import DatabaseError
from commonwheel.wire.database import KINDS, Database, dbc_text, load_database
from commonwheel.wire.database.dbc import read_dbc
from commonwheel.wire.database.names import is_identifier

_DBC = """VERSION "1.0"

NS_ :
\tNS_DESC_
\tCM_

BS_:

BU_: Engine Gateway

VAL_TABLE_ OnOff 1 "on" 0 "off" ;

BO_ 256 Engine: 8 Engine
 SG_ Speed : 7|16@0+ (0.25,-100) [-100|16283.75] "rpm" Gateway,Engine
 SG_ Torque : 16|12@1- (5E-1,0) [0|0] "Nm" Gateway

BO_ 2566834709 Cells: 8 Gateway
 SG_ Which M : 0|8@1+ (1,0) [0|0] "" Engine
 SG_ Inner m1M : 8|8@1+ (1,0) [0|0] "" Engine
 SG_ A m0 : 32|32@1- (1,0) [0|0] "V" Engine
 SG_ B m1 : 16|16@1+ (1,0) [0|0] "" Engine

CM_ BO_ 256 "what the \\"engine\\" says";
CM_ SG_ 256 Speed "turns,
in two lines";
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 10000;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 256 20;
BA_ "GenSigStartValue" SG_ 256 Speed 400;
VAL_ 256 Torque 1 "yes" 0 "no" ;
SIG_VALTYPE_ 2566834709 A : 1;
SG_MUL_VAL_ 2566834709 Inner Which 1-1;
SG_MUL_VAL_ 2566834709 A Which 0-0, 4-7;
SG_MUL_VAL_ 2566834709 B Inner 2-3;
"""
_KCD = """<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0"><Document name="d"/><Bus name="b">
<Message id="0x10" name="M" length="8" interval="100"><Notes>n</Notes>
<Multiplex name="Which" offset="0" length="8"><MuxGroup count="1"><Signal name="A" offset="8" length="8"/></MuxGroup>
</Multiplex><Signal name="S" offset="16" length="12" endianess="big">
<Value type="signed" slope="0.5" unit="V" min="1" max="2"/>
<LabelSet><Label name="off" value="0"/></LabelSet></Signal></Message></Bus></NetworkDefinition>
"""
_SYM = """FormatVersion=6.0 // Do not edit this line!
Title="x"
{ENUMS}
Enum=OnOff(0="off", 1="on")
{SIGNALS}
Sig=S unsigned 12 -m /u:V /f:0.5 /o:1 /min:1 /max:2 /e:OnOff
Sig=A float
{SENDRECEIVE}
[M]
ID=010h
Len=8
CycleTime=100
Mux=One 0,8 1
Sig=S 16
Sig=A 32
"""

_PIECES = (
    *(b'"', b";", b":", b"\0", b"\n", b"\r", b" ", b"\\", b"m", b"M", b"-", b"9", b"0", b".", b"<", b">", b"//"),
    *(b"SG_ ", b"BO_ ", b"CM_ ", b"VAL_ 256 ", b"SG_MUL_VAL_ ", b"\xff", b"\xe2\x80\xa8", b"9" * 20, b"1e999"),
)


@st.composite
def _mutated(draw: st.DrawFn, text: str) -> bytes:
    """Return a text after a few accidents."""
    data = text.encode()
    for _ in range(draw(st.integers(1, 6))):
        lines = data.split(b"\n")
        line, place = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(data)))
        match draw(st.integers(0, 7)):
            case 0:
                data = b"\n".join(lines[:line] + lines[line + 1 :])
            case 1:
                data = b"\n".join(lines[: line + 1] + lines[line:])
            case 2:
                other = draw(st.integers(0, len(lines) - 1))
                lines[line], lines[other] = lines[other], lines[line]
                data = b"\n".join(lines)
            case 3:
                data = data[:place] + data[place + draw(st.integers(1, 5)) :]
            case 4:
                data = data[:place] + draw(st.sampled_from(_PIECES)) + data[place:]
            case 5:
                data = data[:place] + data[place : place + 3] + data[place:]
            case 6:
                data = data[:place] + draw(st.binary(max_size=6)) + data[place + 2 :]
            case _:
                data = data[:place]
    return data


def _load(folder: pytest.TempPathFactory, data: bytes) -> Database | None:
    path = folder.getbasetemp() / "fuzzed.dbc"
    path.write_bytes(data)
    try:
        return load_database(path)
    except DatabaseError as error:
        assert str(path) in str(error)  # noqa: PT017 - both outcomes are fine, one has more to show
        return None


def _check(database: Database) -> None:
    names = [message.name for message in database.messages]
    assert len(set(names)) == len(names)
    for message in database.messages:
        fields = {signal.name for signal in message.signals}
        assert len(fields) == len(message.signals)
        assert all(is_identifier(name) for name in (message.name, *fields))
        for signal in message.signals:
            assert 1 <= signal.length <= 64
            assert signal.multiplexed is None or signal.multiplexed.selector in fields - {signal.name}
    assert all(repair.kind in KINDS and repair.what for repair in database.repairs)


@settings(max_examples=300)
@given(_mutated(_DBC))
@example(b"BO_ 1 A" + b" " * 50000)
@example(b"BO_ 1 A: 8 X\n" + b"SG_ " * 20000)
@example(b'BO_ 1 A: 8 X\n CM_ "' + b'\\"' * 20000)
@example(b'BA_DEF_ "\n' * 5000)
@example(b"\n" * 50000 + b"VERSION 1")
@example(b"SG_MUL_VAL_ 1 a b " + b"0-18446744073709551615, " * 3000 + b";\nBO_ 1 c: 8 X\n")
@example(b'BO_ 1 A: 99999 X\n SG_ S : 99999|64@0+ (1,0) [0|0] "" X\n')
def test_a_damaged_dbc(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    database = _load(tmp_path_factory, data)
    if database is None:
        return
    _check(database)
    if "duplicate-id" not in {repair.kind for repair in database.repairs} and b"\\" not in data.replace(b'\\"', b""):
        assert read_dbc(dbc_text(database), Path("again.dbc"), []).messages == database.messages


@settings(max_examples=100)
@given(st.sampled_from([_KCD, _SYM]).flatmap(_mutated))
def test_a_damaged_kcd_or_sym(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    database = _load(tmp_path_factory, data)
    if database is not None:
        _check(database)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    database = _load(tmp_path_factory, data)
    if database is not None:
        _check(database)


@pytest.mark.parametrize("text", [_DBC, _KCD, _SYM])
def test_the_undamaged_texts_need_no_repair(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    database = _load(tmp_path_factory, text.encode())
    assert database is not None
    assert [repair for repair in database.repairs if repair.kind != "attribute"] == []
    assert database.messages
