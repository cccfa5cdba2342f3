"""KCD, SYM and ARXML are read like a DBC of the same bus; everything else is named for what it is."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from commonwheel.errors import DatabaseError
from commonwheel.wire.database import Database, Multiplexed, Signal, load_database

Load = Callable[..., Database]

_DBC = """BO_ 256 Engine: 8 X
 SG_ Speed : 7|16@0- (0.25,-100) [-100|1000] "rpm" X
 SG_ Torque : 16|12@1+ (0.5,0) [0|2000] "Nm" X
 SG_ Power : 32|32@1+ (1,0) [0|1000] "kW" X
BO_ 2147485696 Cells: 8 X
 SG_ Which M : 0|8@1+ (1,0) [0|0] "" X
 SG_ A m0 : 15|8@0+ (1,0) [0|200] "V" X
 SG_ B m4 : 8|16@1+ (1,0) [0|200] "V" X
CM_ BO_ 256 "what the engine says";
CM_ SG_ 256 Speed "turns";
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 1000;
BA_ "GenMsgCycleTime" BO_ 256 20;
VAL_ 256 Torque 0 "none" 4095 "invalid" ;
SIG_VALTYPE_ 256 Power : 1;
"""


def _by_name(database: Database) -> dict[str, dict[str, Signal]]:
    return {message.name: {signal.name: signal for signal in message.signals} for message in database.messages}


@pytest.mark.parametrize(("dump", "ending"), [("as_kcd_string", "kcd"), ("as_sym_string", "sym")])
def test_cantools_own_export_of_a_dbc_reads_like_the_dbc(load: Load, dump: str, ending: str) -> None:
    import cantools

    source = cantools.database.load_string(_DBC, "dbc")
    ours = load(_DBC)
    again = load(getattr(source, dump)(), f"bus.{ending}")
    assert _by_name(again) == _by_name(ours)
    for message in ours.messages:
        other = again.message(message.name)
        assert other is not None
        assert (other.id, other.extended, other.size) == (message.id, message.extended, message.size)
        assert (other.period_ms, other.comment) == (message.period_ms, message.comment)


_KCD = """<?xml version="1.0" encoding="UTF-8"?>
<NetworkDefinition xmlns="http://kayak.2codeornot2code.org/1.0">
  <Document name="car"/>
  <Bus name="Comfort">
    <Message id="0x10" name="Climate" length="8" interval="500">
      <Notes>every half second</Notes>
      <Multiplex name="Zone" offset="0" length="4">
        <MuxGroup count="0"><Signal name="Wanted" offset="8" length="8"/></MuxGroup>
        <MuxGroup count="1"><Signal name="Wanted" offset="8" length="8"/></MuxGroup>
        <MuxGroup count="3"><Signal name="Fan" offset="8" length="8"/></MuxGroup>
      </Multiplex>
      <Signal name="Inside" offset="16" length="12" endianess="big">
        <Value type="signed" slope="0.1" intercept="-40" unit="degC" min="-40" max="85"/>
        <LabelSet><Label name="unknown" value="2047"/></LabelSet>
      </Signal>
      <Signal name="Fuse box" offset="60" length="8"/>
    </Message>
  </Bus>
  <Bus name="Drive">
    <Message id="0x18FEF200" name="Motor" format="extended" length="8">
      <Signal name="Power" offset="0" length="64"><Value type="double"/></Signal>
    </Message>
    <Message id="0x7" name="Climate" length="1">
      <Signal name="Flag" offset="0"><Value min="9" max="1"/></Signal>
    </Message>
  </Bus>
</NetworkDefinition>
"""


def test_kcd(load: Load) -> None:
    database = load(_KCD, "bus.kcd")
    climate, motor, second = database.messages
    assert (climate.name, climate.id, climate.period_ms, climate.comment) == ("Climate", 16, 500, "every half second")
    assert climate.signal("Inside") == Signal(
        name="Inside",
        start=23,
        length=12,
        big_endian=True,
        signed=True,
        factor=0.1,
        offset=-40,
        minimum=-40,
        maximum=85,
        unit="degC",
        choices={2047: "unknown"},
    )
    wanted = climate.signal("Wanted")
    assert wanted is not None
    assert wanted.multiplexed == Multiplexed("Zone", ((0, 1),))
    assert (motor.id, motor.extended, motor.signals[0].is_float) == (0x18FEF200, True, True)
    assert second.name == "Climate_2"
    assert second.signals[0].minimum is None
    assert sorted(repair.kind for repair in database.repairs) == [
        "duplicate-message",
        "duplicate-signal",
        "name",
        "outside",
        "range",
        "several-buses",
    ]
    assert {repair.line for repair in database.repairs} == {0}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (('offset="0" length="64"', 'offset="0" length="128"'), "length"),
        (('type="double"', 'type="double" slope="inf"'), "unreadable"),
        (('name="Power" offset="0"', 'name="Power" offset="-8"'), "unreadable"),
    ],
)
def test_a_signal_that_cannot_be_decoded_costs_only_itself(load: Load, change: tuple[str, str], kind: str) -> None:
    database = load(_KCD.replace(*change), "bus.kcd")
    motor = database.message("Motor")
    assert motor is not None
    assert motor.signals == ()
    assert kind in {repair.kind for repair in database.repairs}


def test_the_ending_of_a_name_does_not_decide(load: Load) -> None:
    assert load(_KCD, "bus.dbc").messages == load(_KCD, "bus.kcd").messages
    assert load(_DBC, "bus.arxml").messages == load(_DBC, "bus.dbc").messages
    assert load(_DBC, "bus").messages == load(_DBC).messages


def test_xml_may_begin_with_a_byte_order_mark(load: Load) -> None:
    assert load("\ufeff" + _KCD, "bus.kcd").repairs == load(_KCD, "bus.kcd").repairs


_SYM = """FormatVersion=6.0 // Do not edit this line!
Title="car"

{ENUMS}
Enum=Gears(0="P", 1="R")

{SIGNALS}
Sig=Gear unsigned 4 /e:Gears // the lever
Sig=Power float -m /u:kW /min:-10 /max:10

{SENDRECEIVE}

[Drive]
ID=100h // how it drives
Len=8
CycleTime=20
Sig=Gear 0
Sig=Power 16

[Cells]
ID=18FEF200h
Type=Extended
Len=8
Mux=First 0,8 0
Var=Low unsigned 8,8

[Cells]
Len=8
Mux=Second 0,8 1Ah
Var=High unsigned 8,8
"""


def test_sym(load: Load) -> None:
    drive, cells = load(_SYM, "bus.sym").messages
    assert (drive.id, drive.size, drive.period_ms, drive.comment) == (0x100, 8, 20, "how it drives")
    gear, power = drive.signals
    assert (gear.choices, gear.comment) == ({0: "P", 1: "R"}, "the lever")
    assert (power.start, power.big_endian, power.is_float, power.unit, power.minimum) == (23, True, True, "kW", -10)
    assert (cells.id, cells.extended) == (0x18FEF200, True)
    assert [signal.multiplexed for signal in cells.signals] == [
        None,
        Multiplexed("First", ((0, 0),)),
        Multiplexed("First", ((0x1A, 0x1A),)),
    ]


_ARXML = """<?xml version="1.0" encoding="UTF-8"?>
<AUTOSAR xmlns="http://autosar.org/schema/r4.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         xsi:schemaLocation="http://autosar.org/schema/r4.0 AUTOSAR_4-2-2.xsd">
<AR-PACKAGES><AR-PACKAGE><SHORT-NAME>Car</SHORT-NAME><ELEMENTS>
  <CAN-CLUSTER><SHORT-NAME>Drive</SHORT-NAME><CAN-CLUSTER-VARIANTS><CAN-CLUSTER-CONDITIONAL><PHYSICAL-CHANNELS>
    <CAN-PHYSICAL-CHANNEL><SHORT-NAME>Channel</SHORT-NAME><FRAME-TRIGGERINGS>
      <CAN-FRAME-TRIGGERING><SHORT-NAME>EngineTrigger</SHORT-NAME>
        <FRAME-REF DEST="CAN-FRAME">/Car/Engine</FRAME-REF>
        <CAN-ADDRESSING-MODE>STANDARD</CAN-ADDRESSING-MODE><IDENTIFIER>291</IDENTIFIER>
      </CAN-FRAME-TRIGGERING>
    </FRAME-TRIGGERINGS></CAN-PHYSICAL-CHANNEL>
  </PHYSICAL-CHANNELS></CAN-CLUSTER-CONDITIONAL></CAN-CLUSTER-VARIANTS></CAN-CLUSTER>
  <CAN-FRAME><SHORT-NAME>Engine</SHORT-NAME><DESC><L-2 L="EN">the engine</L-2></DESC>
    <FRAME-LENGTH>8</FRAME-LENGTH><PDU-TO-FRAME-MAPPINGS><PDU-TO-FRAME-MAPPING><SHORT-NAME>Map</SHORT-NAME>
      <PDU-REF DEST="I-SIGNAL-I-PDU">/Car/EnginePdu</PDU-REF><START-POSITION>0</START-POSITION>
    </PDU-TO-FRAME-MAPPING></PDU-TO-FRAME-MAPPINGS></CAN-FRAME>
  <I-SIGNAL-I-PDU><SHORT-NAME>EnginePdu</SHORT-NAME><LENGTH>8</LENGTH>
    <I-PDU-TIMING-SPECIFICATIONS><I-PDU-TIMING><TRANSMISSION-MODE-DECLARATION><TRANSMISSION-MODE-TRUE-TIMING>
      <CYCLIC-TIMING><TIME-PERIOD><VALUE>0.1</VALUE></TIME-PERIOD></CYCLIC-TIMING>
    </TRANSMISSION-MODE-TRUE-TIMING></TRANSMISSION-MODE-DECLARATION></I-PDU-TIMING></I-PDU-TIMING-SPECIFICATIONS>
    <I-SIGNAL-TO-PDU-MAPPINGS><I-SIGNAL-TO-I-PDU-MAPPING><SHORT-NAME>SpeedMap</SHORT-NAME>
      <I-SIGNAL-REF DEST="I-SIGNAL">/Car/Speed</I-SIGNAL-REF>
      <PACKING-BYTE-ORDER>MOST-SIGNIFICANT-BYTE-FIRST</PACKING-BYTE-ORDER><START-POSITION>7</START-POSITION>
    </I-SIGNAL-TO-I-PDU-MAPPING></I-SIGNAL-TO-PDU-MAPPINGS></I-SIGNAL-I-PDU>
  <I-SIGNAL><SHORT-NAME>Speed</SHORT-NAME><INIT-VALUE><NUMERICAL-VALUE-SPECIFICATION><VALUE>80</VALUE>
    </NUMERICAL-VALUE-SPECIFICATION></INIT-VALUE><LENGTH>16</LENGTH>
    <SYSTEM-SIGNAL-REF DEST="SYSTEM-SIGNAL">/Car/SpeedValue</SYSTEM-SIGNAL-REF></I-SIGNAL>
  <SYSTEM-SIGNAL><SHORT-NAME>SpeedValue</SHORT-NAME><DESC><L-2 L="EN">turns</L-2></DESC><PHYSICAL-PROPS>
    <SW-DATA-DEF-PROPS-VARIANTS><SW-DATA-DEF-PROPS-CONDITIONAL>
      <COMPU-METHOD-REF DEST="COMPU-METHOD">/Car/SpeedScale</COMPU-METHOD-REF>
      <UNIT-REF DEST="UNIT">/Car/Rpm</UNIT-REF>
    </SW-DATA-DEF-PROPS-CONDITIONAL></SW-DATA-DEF-PROPS-VARIANTS></PHYSICAL-PROPS></SYSTEM-SIGNAL>
  <COMPU-METHOD><SHORT-NAME>SpeedScale</SHORT-NAME><CATEGORY>LINEAR</CATEGORY><UNIT-REF DEST="UNIT">/Car/Rpm</UNIT-REF>
    <COMPU-INTERNAL-TO-PHYS><COMPU-SCALES><COMPU-SCALE>
      <LOWER-LIMIT INTERVAL-TYPE="CLOSED">0</LOWER-LIMIT><UPPER-LIMIT INTERVAL-TYPE="CLOSED">40000</UPPER-LIMIT>
      <COMPU-RATIONAL-COEFFS><COMPU-NUMERATOR><V>0</V><V>0.25</V></COMPU-NUMERATOR>
        <COMPU-DENOMINATOR><V>1</V></COMPU-DENOMINATOR></COMPU-RATIONAL-COEFFS>
    </COMPU-SCALE></COMPU-SCALES></COMPU-INTERNAL-TO-PHYS></COMPU-METHOD>
  <UNIT><SHORT-NAME>Rpm</SHORT-NAME><DISPLAY-NAME>rpm</DISPLAY-NAME></UNIT>
</ELEMENTS></AR-PACKAGE></AR-PACKAGES></AUTOSAR>
"""


def test_arxml(load: Load) -> None:
    database = load(_ARXML, "system.arxml")
    assert database.repairs == ()
    (engine,) = database.messages
    assert (engine.name, engine.id, engine.extended, engine.size) == ("Engine", 291, False, 8)
    assert (engine.period_ms, engine.comment) == (100, "the engine")
    assert engine.signals == (
        Signal(
            name="Speed",
            start=7,
            length=16,
            big_endian=True,
            factor=0.25,
            minimum=0,
            maximum=10000,
            unit="rpm",
            comment="turns",
            initial=80,
        ),
    )


def test_what_cantools_would_only_log_is_said(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    text = _ARXML.replace("<VALUE>80</VALUE>", "<VALUE>much</VALUE>")
    with caplog.at_level(logging.CRITICAL, logger="cantools"):  # whatever the program wants to see of them
        database = load(text, "system.arxml")
    assert [repair.kind for repair in database.repairs] == ["unsupported"]
    assert "much" in database.repairs[0].what
    assert database.messages[0].signals[0].initial is None
    assert caplog.records == []
    assert logging.getLogger("cantools").propagate


def test_containers_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    from cantools.database.can.message import Message

    monkeypatch.setattr(Message, "is_container", property(lambda message: message.name == "Motor"))
    database = load(_KCD, "bus.kcd")
    assert database.message("Motor") is None
    assert "container" in {repair.kind for repair in database.repairs}


_REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "an empty file"),
    ("blank", b" \r\n\t\n", "an empty file"),
    ("binary", bytes(range(256)) * 8, "a binary file"),
    ("zip", b"PK\x03\x04....", "a ZIP or Excel file"),
    ("gzip", b"\x1f\x8b\x08\x00", "compressed with gzip"),
    ("mdf", b"MDF     4.10", "it is a log"),
    ("words", b"this is a letter\nand not a database\n", "no CAN database that can be read"),
    ("busmaster", b"//** BUSMASTER **//\n[DATABASE_VERSION] 1.3\n[PROTOCOL] CAN\n", "BUSMASTER"),
    ("lin", b'LIN_description_file;\nLIN_protocol_version = "2.1";\n', "LIN description"),
    ("a2l", b"ASAP2_VERSION 1 60\n/begin PROJECT\n", "A2L"),
    ("json", b'{"messages": []}', "JSON"),
    ("html", b"<!DOCTYPE html>\n<html><body>BO_ 1 A: 8 X</body></html>", "a web page"),
    ("xml", b"<?xml version='1.0'?><!-- why --><other/>", "an XML file with root <other>"),
    ("cdd", b"<?xml version='1.0'?>\n<CANDELA DTDVERS='4'></CANDELA>", "CDD"),
    ("fibex", b"<fx:FIBEX xmlns:fx='x'></fx:FIBEX>", "FIBEX"),
    ("kcd", b"<NetworkDefinition>\n<Bus></Network>", ":2: no well-formed XML"),
    ("kcd", b"<NetworkDefinition xmlns='http://other'/>", "cannot be read as KCD"),
    ("arxml", b"<AUTOSAR xmlns='http://autosar.org/schema/r9.9'/>", "cannot be read as ARXML"),
    ("sym", b"FormatVersion=6.0 // x\n{SEND}\n[A]\nID=1\n", ":4: cannot be read as SYM"),
    ("sym", b"FormatVersion=5.0 // x\n", "Only SYM version 6.0"),
    ("entities", b"<!DOCTYPE a [<!ENTITY x 'y'>]><AUTOSAR>&x;</AUTOSAR>", "XML"),
    ("entities", b"<AUTOSAR><!ENTITY x 'y'></AUTOSAR>", "entities of its own"),
    ("length", _KCD.replace('length="64"', 'length="99999999999"').encode(), "'length=\"999999'"),
    ("ids", _SYM.replace("ID=100h", "ID=000h-FFFFFFFh").encode(), ":14: 'ID=000h-FFFFFFFh'"),
    ("nameless", _KCD.replace('name="Power" ', "").encode(), "has no name"),
    ("nowhere", _KCD.replace('name="Power" offset="0"', 'name="Power"').encode(), "cannot be read as KCD"),
]


@pytest.mark.parametrize(("name", "content", "what"), _REFUSED)
def test_what_cannot_be_read_is_named(load: Load, name: str, content: bytes, what: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        load(content, f"{name}.dbc")
    assert what in str(caught.value)
    assert f"{name}.dbc" in str(caught.value)


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"none\.dbc: no such file: check the path"):
        load_database(tmp_path / "none.dbc")
    with pytest.raises(DatabaseError, match="a folder: name one of the database files in it"):
        load_database(tmp_path)
    with pytest.raises(DatabaseError, match="cannot be opened"):
        load_database(Path("bus\0.dbc"))
    with pytest.raises(DatabaseError, match="cannot be opened"):
        load_database(tmp_path / ("x" * 300))


def test_a_dbc_is_read_without_importing_cantools(tmp_path: Path) -> None:
    """Importing cantools takes over a second, which a command line should not spend on a DBC."""
    (tmp_path / "bus.dbc").write_text(_DBC)
    script = (
        "import sys; from pathlib import Path; from commonwheel.wire.database import load_database;"
        "load_database(Path(sys.argv[1])); sys.exit('cantools' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "bus.dbc")], check=True)


def test_nothing_is_warned_of(load: Load) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in (_DBC, _KCD, _SYM, _ARXML):
            load(text)
