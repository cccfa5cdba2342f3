"""A sound DBC is read as the format defines it, and without a remark."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from commonwheel.errors import DatabaseError
from commonwheel.wire.database import Database, Multiplexed, Signal

Load = Callable[..., Database]

_HEADER = """VERSION "1.0"

NS_ :
\tNS_DESC_
\tCM_
\tBA_DEF_
\tVAL_
\tFILTER
\tSG_MUL_VAL_

BS_:

BU_: Engine Gateway

"""
_CAR = (
    _HEADER
    + """VAL_TABLE_ OnOff 1 "on" 0 "off" ;

BO_ 256 Engine: 8 Engine
 SG_ Speed : 7|16@0+ (0.25,-100) [-100|16283.75] "rpm" Gateway,Engine
 SG_ Torque : 16|12@1- (5E-1,0) [0|0] "Nm" Gateway
 SG_ Running : 28|1@1+ (1,0) [0|1] "" Gateway

BO_ 2566834709 Charger: 64 Gateway
 SG_ Voltage : 0|32@1- (1,0) [0|1000] "V" Engine
 SG_ Energy : 32|64@1- (1,0) [0|0] "kWh" Engine
 SG_ Ratio : 96|16@1- (1,0) [0|0] "" Engine

BO_TX_BU_ 256 : Engine,Gateway;
EV_ Ambient: 0 [0|100] "C" 20 1 DUMMY_NODE_VECTOR0 Vector__XXX;
ENVVAR_DATA_ Ambient: 2;

CM_ "the bus of a car; it has
VAL_ 256 and other words in its text";
CM_ BU_ Engine "a node";
CM_ BO_ 256 "what the engine says";
CM_ SG_ 256 Speed "turns, \\"rpm\\",
in two lines";
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 10000;
BA_DEF_ SG_ "GenSigStartValue" FLOAT 0 10000;
BA_DEF_ "BusType" STRING ;
BA_DEF_ BO_ "GenMsgSendType" ENUM "Cyclic","Event";
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_DEF_DEF_ "BusType" "CAN";
BA_ "BusType" "CAN FD";
BA_ "GenMsgCycleTime" BO_ 256 20;
BA_ "GenSigStartValue" SG_ 256 Speed 400;
VAL_ 256 Running 1 "yes" 0 "no" ;
VAL_ Ambient 0 "cold" 1 "warm" ;
SIG_VALTYPE_ 2566834709 Voltage : 1;
SIG_VALTYPE_ 2566834709 Energy : 2;
SIG_VALTYPE_ 2566834709 Ratio : 1;
SIG_VALTYPE_ 256 Speed : 0;
SIG_GROUP_ 256 Group 1 : Speed Torque;
"""
)


def test_every_field_of_a_message(load: Load) -> None:
    database = load(_CAR)
    assert database.repairs == ()
    engine = database.message("Engine")
    assert engine is not None
    assert (engine.id, engine.extended, engine.size, engine.period_ms) == (256, False, 8, 20)
    assert engine.comment == "what the engine says"
    assert engine.signals == (
        Signal(
            name="Speed",
            start=7,
            length=16,
            big_endian=True,
            factor=0.25,
            offset=-100,
            minimum=-100,
            maximum=16283.75,
            unit="rpm",
            comment='turns, "rpm",\nin two lines',
            initial=400,
        ),
        Signal(name="Torque", start=16, length=12, big_endian=False, signed=True, factor=0.5, unit="Nm"),
        Signal(
            name="Running",
            start=28,
            length=1,
            big_endian=False,
            minimum=0,
            maximum=1,
            choices={1: "yes", 0: "no"},
        ),
    )


def test_extended_ids_and_floats_of_three_widths(load: Load) -> None:
    charger = load(_CAR).message("Charger")
    assert charger is not None
    assert (charger.id, charger.extended, charger.size) == (2566834709 - (1 << 31), True, 64)
    assert [signal.is_float for signal in charger.signals] == [True, True, True]
    assert charger.period_ms is None


def test_a_single_selector_lets_signals_in_by_their_marks(load: Load) -> None:
    message = load(
        """BO_ 1 Cells: 8 X
 SG_ Which M : 0|8@1+ (1,0) [0|0] "" X
 SG_ A m0 : 8|8@1+ (1,0) [0|0] "" X
 SG_ B m12 : 8|8@1+ (1,0) [0|0] "" X
 SG_ Always : 16|8@1+ (1,0) [0|0] "" X
"""
    ).messages[0]
    assert [signal.multiplexed for signal in message.signals] == [
        None,
        Multiplexed("Which", ((0, 0),)),
        Multiplexed("Which", ((12, 12),)),
        None,
    ]


def test_extended_multiplexing_gives_ranges_and_nested_selectors(load: Load) -> None:
    database = load(
        """BO_ 1 Cells: 8 X
 SG_ Outer M : 0|8@1+ (1,0) [0|0] "" X
 SG_ Inner m1M : 8|8@1+ (1,0) [0|0] "" X
 SG_ Other M : 40|8@1+ (1,0) [0|0] "" X
 SG_ A m0 : 16|8@1+ (1,0) [0|0] "" X
 SG_ B m0 : 16|8@1+ (1,0) [0|0] "" X
 SG_ C m3 : 48|8@1+ (1,0) [0|0] "" X

SG_MUL_VAL_ 1 Inner Outer 1-1;
SG_MUL_VAL_ 1 A Inner 0-3, 7-7, 4-5, 4294967295-18446744073709551615;
SG_MUL_VAL_ 1 B Inner 8-8;
SG_MUL_VAL_ 1 C Other 3-3;
"""
    )
    assert database.repairs == ()
    message = database.messages[0]
    inner, a, b, c = (message.signal(name) for name in ("Inner", "A", "B", "C"))
    assert inner is not None and a is not None and b is not None and c is not None  # noqa: PT018
    assert inner.multiplexed == Multiplexed("Outer", ((1, 1),))
    assert a.multiplexed == Multiplexed("Inner", ((0, 5), (7, 7), (4294967295, 18446744073709551615)))
    assert b.multiplexed == Multiplexed("Inner", ((8, 8),))
    assert c.multiplexed == Multiplexed("Other", ((3, 3),))


def test_long_names_stand_for_the_short_ones(load: Load) -> None:
    message = load(
        """BO_ 1 Shortened: 8 X
 SG_ Which M : 0|8@1+ (1,0) [0|0] "" X
 SG_ Shortened m1 : 8|8@1+ (1,0) [0|0] "" X

BA_DEF_ BO_ "SystemMessageLongSymbol" STRING ;
BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;
BA_ "SystemMessageLongSymbol" BO_ 1 "Shortened_message_that_was_too_long";
BA_ "SystemSignalLongSymbol" SG_ 1 Which "Selector_that_was_too_long";
VAL_ 1 Which 0 "none" ;
"""
    ).messages[0]
    assert message.name == "Shortened_message_that_was_too_long"
    assert message.signals[0].choices == {0: "none"}
    assert message.signals[1].multiplexed == Multiplexed("Selector_that_was_too_long", ((1, 1),))


def test_the_default_period_counts_unless_a_message_has_its_own(load: Load) -> None:
    database = load(
        """BO_ 1 A: 8 X
BO_ 2 B: 8 X
BO_ 3 C: 8 X
BA_DEF_ BO_ "GenMsgCycleTime" FLOAT 0 1000;
BA_DEF_DEF_ "GenMsgCycleTime" 100;
BA_ "GenMsgCycleTime" BO_ 2 12.5;
BA_ "GenMsgCycleTime" BO_ 3 0;
"""
    )
    assert [message.period_ms for message in database.messages] == [100, 12.5, None]


def test_a_value_table_may_be_named(load: Load) -> None:
    database = load(
        """VAL_TABLE_ OnOff 1 "on" 0 "off" ;
BO_ 1 A: 8 X
 SG_ Lamp : 0|1@1+ (1,0) [0|0] "" X
VAL_ 1 Lamp OnOff ;
"""
    )
    assert database.messages[0].signals[0].choices == {0: "off", 1: "on"}
    assert database.repairs == ()


def test_statements_may_share_a_line_or_run_over_several(load: Load) -> None:
    one_line = (
        'VERSION "" NS_ : BS_: BU_: X BO_ 1 A: 8 X SG_ S : 0|8@1+ (1,0) [0|0] "" X '
        'CM_ SG_ 1 S "here"; VAL_ 1 S 0 "a" 1 "b"; BO_ 2 B: 8 X'
    )
    database = load(one_line)
    assert database.repairs == ()
    assert [message.name for message in database.messages] == ["A", "B"]
    assert database.messages[0].signals[0].comment == "here"
    spread = load('BO_ 1\n A:\n 8 X\n SG_ S :\n 0|8@1+\n (1,0)\n [0|0] "km"\n X\nVAL_ 1 S\n 0\n "a"\n ;\n')
    assert spread.repairs == ()
    assert spread.messages[0].signals[0].unit == "km"
    assert spread.messages[0].signals[0].choices == {0: "a"}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(load: Load, newline: str) -> None:
    assert load(_CAR.replace("\n", newline)).messages == load(_CAR).messages


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1"])
def test_texts_in_utf8_and_in_the_code_page_of_dbc_editors(load: Load, encoding: str) -> None:
    text = 'BO_ 1 A: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] "°C" X\nCM_ SG_ 1 S "Kühlmittel \x9d";\n'
    database = load(text.encode(encoding, errors="replace") if encoding == "cp1252" else text.encode(encoding))
    assert database.messages[0].signals[0].unit == "°C"
    assert database.repairs == ()


def test_comments_of_programmers_are_skipped(load: Load) -> None:
    database = load('// BO_ 9 Off: 8 X\nBO_ 1 A: 8 X // why\n SG_ S : 0|8@1+ (1,0) [0|0] "" X // what\n//\n')
    assert database.repairs == ()
    assert [message.name for message in database.messages] == ["A"]


def test_a_database_without_messages_is_one(load: Load) -> None:
    assert load(_HEADER).messages == ()
    assert load('BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 X\n SG_ S : 0|8@1+ (1,0) [0|0] "" X\n').messages == ()


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('VERSION ""\nBO_ nonsense\n', ":2:", "'BO_ nonsense'"),
        ('VERSION ""\n SG_ S : 0|8@1+ (1,0) [0|0] "" X\n', ":2:", "no message can be read"),
        ("BO_ 99999999999 A: 8 X\n", ":1:", "no message can be read"),
        ('VERSION ""\nand then some words\n', ":2:", "'and then some words'"),
    ],
)
def test_a_text_without_a_single_message_is_refused_where_it_should_have_one(
    load: Load, text: str, where: str, what: str
) -> None:
    with pytest.raises(DatabaseError) as caught:
        load(text)
    assert where in str(caught.value)
    assert what in str(caught.value)
    assert "BO_" in str(caught.value)
