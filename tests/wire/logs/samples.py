"""A small log of every text format, and how tests read logs that exist only as bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import LogReport, open_log

CANDUMP = b"""(1747949265.530411) can0 1A4#0000000000000009
(1747949265.531402) can1 18DAF110#0210030000000000
(1747949265.531402) can0 1FB#3A
(1747949265.532000) can0 123#R4
(1747949265.532100) can1 20000004#0000000000000000
(1747949265.532200) can0 7FF##0000102030405060708090A0B
(1747949265.532300) can0 100# T
"""

DISPLAY = b"""  can0  1A4   [8]  00 00 00 00 00 00 00 09
  can1  18DAF110   [2]  02 10
  can0  123   [0]  remote request
  can0  7FF  [12]  00 01 02 03 04 05 06 07 08 09 0A 0B
"""

DISPLAY_ABSOLUTE = b""" (1747949265.530411)  can0  RX - -  1A4   [8]  00 00 00 00 00 00 00 41   '.......A'
 (1747949265.531402)  can1  TX B E  7FF  [12]  00 01 02 03 04 05 06 07 08 09 0A 0B
"""

DISPLAY_DATE = b""" (2021-05-10 15:02:46.148635)  can0  3E5   [2]  EE 01
 (2021-05-10 15:02:46.149395)  can0  3E6   [2]  EE 02
"""

DISPLAY_DELTA = b""" (000.000000)  can0  100   [1]  00
 (000.010000)  can0  100   [1]  01
 (000.005000)  can0  101   [1]  02
 (000.010000)  can0  100   [1]  03
 (000.001000)  can0  101   [1]  04
"""

TRC_1_0 = b""";##########################################################################
;   C:\\TraceFile.trc
;
;    Start time: 11.09.2002 16:00:20.682
;----+-   ---+---  ----+---  +  -+ -- -- ...
     1)      1841      0001  8  00 00 00 00 00 00 00 00
     2)      1842      0008  4  ERROR 00 19 08 08
     3)      1843  FFFFFFFF  4  00 00 00 04 -- -- -- --  BUSLIGHT
     4)      1844      0100  3  RTR
     5)      1845  00000100  1  7F
"""

TRC_1_1 = b""";$FILEVERSION=1.1
;$STARTTIME=37704.5364870833
;
;---+--   ----+----  --+--  ----+---  +  -+ -- -- -- -- -- -- --
     1)      1059.9  Rx         0300  7  00 00 00 00 04 00 00
     2)      1283.2  Tx     18EFC034  2  00 A1
     3)      1346.8  Warng  FFFFFFFF  4  00 00 00 04  BUSLIGHT
     4)      1349.2  Error      0008  4  00 19 08 08
     5)      1352.7  Rx         0100  3  RTR
"""

TRC_1_2 = b""";$FILEVERSION=1.2
;$STARTTIME=39878.6772258947
     1)      1059.900  1  Rx         0300  7  00 00 00 00 04 00 00
     2)      1346.834  2  Warng  FFFFFFFF  4  00 00 00 04  BUSLIGHT
     3)      1352.743  2  Rx         0100  1  42
"""

TRC_1_3 = b""";$FILEVERSION=1.3
;$STARTTIME=40023.5245451516
     1)      1059.900 1  Rx        0300 -  7    00 00 00 00 04 00 00
     2)      1349.222 1  Error     0008 -  4    00 19 08 08
     3)      1352.743 2  Rx    18EFC034 -  3    01 02 03
"""

TRC_2_0 = b""";$FILEVERSION=2.0
;$STARTTIME=42209.4075997106
;$COLUMNS=N,O,T,I,d,l,D
;
      1      1059.900 DT     0300 Rx 7  00 00 00 00 04 00 00
      2      1334.416 FD     0500 Tx 12 01 02 03 04 05 06 07 08 09 0A 0B 0C
      3      1334.522 ER          Rx    04 00 02 00 00
      4      1334.531 ST          Rx    00 00 00 08
      5      1335.156 DT 18EFC034 Tx 8  01 02 03 04 05 06 07 08
      6      1336.543 RR     0100 Rx 3
"""

TRC_2_1 = b""";$FILEVERSION=2.1\r
;$STARTTIME=41766.4648963872\r
;$COLUMNS=N,O,T,B,I,d,R,L,D\r
;\r
      1      1059.900 DT 1      0300 Rx -  7    00 00 00 00 04 00 00\r
      2      1334.416 FB 2      0500 Tx -  9    01 02 03 04 05 06 07 08 09 0A 0B 0C\r
      3      1334.222 ER 1         - Rx -  5    04 00 02 00 00\r
      4      1334.224 EV 1  User-defined event for bus 1\r
      5      1334.643 EC 1         - Rx -  2    02 02\r
      6      1335.156 DT 1  18EFC034 Tx -  0\r
      7      1336.543 RR 1      0100 Rx -  3\r
"""

ASC = b"""date Sam Sep 30 15:06:13.191 2017
base hex  timestamps absolute
internal events logged
// version 9.0.0
Begin Triggerblock Sam Sep 30 15:06:13.191 2017
   0.000000 Start of measurement
   0.015991 CAN 1 Status:chip status error passive - TxErr: 132 RxErr: 0
   1.015991 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%
   2.501000 1 ErrorFrame ECC: 10100010
   2.520002 3 200 Tx r Length = 1704000 BitCount = 145 ID = 88888888x
   2.584921 4 300 Rx r 8 Length = 1704000 BitCount = 145 ID = 88888888x
   3.098426 1  18EBFF00x       Rx   d 8 01 A0 0F A6 60 3B D1 40  Length = 273910 BitCount = 141 ID = 418119424x
   3.100000 1  EngineData      Rx   d 2 05 0C  Length = 240015 BitCount = 124 ID = 1785
   3.297743 1  J1939TP FEE3p        6    0  0   -   Rx   d 2 A0 0F
   4.000000 CANFD   2 Rx        167x  VehicleOperatingModes   1 0 8  8 73 80 00 10 00 09 e3 00   102187
   4.100000 CANFD   2 Tx        716           1 0 9 12 12 3b 36 01 7b 0a 20 20 20 20 22 66        0    0
   4.200000 CANFD   3 Tx     50005x                                    0 1 5 0 140000 73 200050 7a60
   4.300000 CANFD   3 Tx ErrorFrame Not Acknowledge error, dominant error flag fffe c7
   4.400000 1  6F8             TxRq d 1 FF
End TriggerBlock
"""

ASC_DECIMAL_RELATIVE = b"""date Wed Apr 16 09:21:13.159 am 2014
base dec  timestamps relative
no internal events logged
   0.100000 1  1785            Rx   d 2 255 0 Length = 240015 BitCount = 124 ID = 1785
   0.200000 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%
   0.300000 2  418119424x      Rx   d 8 1 160 15 166 96 59 209 64
"""

GVRET = b"""Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8
44361873,00000603,false,Rx,0,1,00,00,00,00,00,00,00,00,
44362922,18DAF110,true,Tx,1,8,A0,6D,00,00,42,00,50,FB,
44402630,000001D4,false,Rx,0,0,00,00,00,00,00,00,00,00,
"""

GVRET_NO_DIR = b"""Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\r
239164800,00000151,false,0,8,82,FF,FF,FF,FE,02,00,00\r
239165800,00000347,false,1,4,01,00,00,16\r
239163800,00000348,false,0,0\r
"""

CRTD = b"""338.194004 CXX GVRET-PC Reverse Engineering Tool Output V115
338.194004 R11 00000603 00
338.194015 2R29 18DAF110 01 02 03
338.234004 1T11 7DF 02 01 0C 00 00 00 00 00
338.235000 CEV vehicle.on
338.236000 R11 123
"""

CAN_HACKER = b"""Time   ID     DLC Data                    Comment
59.990 00004000 8 36 47 19 43 01 00 00 80 a comment
00.010 0000018F 2 00 A1
00,500 123 0
"""

CARBUS = (
    b"@ TEXT @ 3 @ 64 @ 0 @ 2 @ 15688 @ 00:00:15.688 @\r"
    b"14,687001\t1\t0004\t4E0\t8\t24 00 00 00 00 00 00 00\t00000000\t$       \t\r"
    b"14,688001\t2\t0004\t4E1\t1\tFF                     \t00000000\t        \t\r"
)

SAMPLES = {
    "candump": (CANDUMP, 7),
    "display": (DISPLAY, 4),
    "display-absolute": (DISPLAY_ABSOLUTE, 2),
    "display-date": (DISPLAY_DATE, 2),
    "display-delta": (DISPLAY_DELTA, 5),
    "trc-1.0": (TRC_1_0, 3),
    "trc-1.1": (TRC_1_1, 3),
    "trc-1.2": (TRC_1_2, 2),
    "trc-1.3": (TRC_1_3, 2),
    "trc-2.0": (TRC_2_0, 4),
    "trc-2.1": (TRC_2_1, 4),
    "asc": (ASC, 7),
    "asc-decimal-relative": (ASC_DECIMAL_RELATIVE, 2),
    "gvret": (GVRET, 3),
    "gvret-no-dir": (GVRET_NO_DIR, 3),
    "crtd": (CRTD, 4),
    "can-hacker": (CAN_HACKER, 3),
    "carbus": (CARBUS, 2),
}
"""Name of a sample to its bytes and the number of its frames."""


def read_bytes(content: bytes, *, chunk_bytes: int | None = None, name: str = "log") -> tuple[Frames, LogReport]:
    """Read a log that holds *content*."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        options = {} if chunk_bytes is None else {"chunk_bytes": chunk_bytes}
        with open_log(path, **options) as reader:
            batches = list(reader)
            report = reader.report
    assert report.frames + report.reported == report.lines
    assert report.frames == sum(map(len, batches))
    return Frames.concat(batches) if batches else Frames.empty(clock=report.clock), report


def rows(frames: Frames) -> list[tuple[int, int, int, bytes]]:
    """Return frames as ``Frames.build`` takes them."""
    payloads = [bytes(data[:size]) for data, size in zip(frames.data, frames.size, strict=True)]
    return list(zip(frames.t_ns.tolist(), frames.bus.tolist(), frames.id.tolist(), payloads, strict=True))


def same(a: Frames, b: Frames) -> bool:
    """Whether two batches hold the same frames."""
    width = max(a.width, b.width)
    a, b = a.widen(width), b.widen(width)
    columns = ("t_ns", "bus", "id", "size", "data")
    return a.clock is b.clock and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in columns)
