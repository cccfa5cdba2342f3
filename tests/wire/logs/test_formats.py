"""What each text format's lines become, and what each odd line is counted as."""

from __future__ import annotations

import pytest

from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG, Clock
from commonwheel.wire.logs import LineKind, LogFormat
from tests.wire.logs import samples
from tests.wire.logs.samples import read_bytes, rows

_GOOD_CANDUMP = b"(1747949265.530411) can0 1A4#0000000000000009\n"


def _kinds(content: bytes) -> dict[LineKind, int]:
    _, report = read_bytes(content)
    return {kind: problem.count for kind, problem in report.problems.items()}


def test_candump_log() -> None:
    frames, report = read_bytes(samples.CANDUMP)
    t = 1747949265
    assert report.format is LogFormat.CANDUMP
    assert report.clock is frames.clock is Clock.UTC
    assert report.buses == {0: "can0", 1: "can1"}
    assert (report.first_stamp, report.last_stamp) == ("1747949265.530411", "1747949265.532300")
    assert frames.width == 64
    assert rows(frames) == [
        (t * 10**9 + 530411000, 0, 0x1A4, bytes.fromhex("0000000000000009")),
        (t * 10**9 + 531402000, 1, 0x18DAF110 | EXTENDED_FLAG, bytes.fromhex("0210030000000000")),
        (t * 10**9 + 531402000, 0, 0x1FB, b"\x3a"),
        (t * 10**9 + 532000000, 0, 0x123 | REMOTE_FLAG, bytes(4)),
        (t * 10**9 + 532100000, 1, 0x4 | ERROR_FLAG, bytes(8)),
        (t * 10**9 + 532200000, 0, 0x7FF, bytes(range(12))),
        (t * 10**9 + 532300000, 0, 0x100, b""),
    ]


@pytest.mark.parametrize(
    ("stamp", "t_ns"),
    [
        (b"1747949265.530411", 1747949265530411000),
        (b"1747949265.530411999", 1747949265530411999),
        (b"1747949265.1", 1747949265100000000),
        (b"1747949265.", 1747949265000000000),
        (b"1747949265", 1747949265000000000),
        (b"0001747949265.000000001", 1747949265000000001),
        (b"1747949265.0000000019", 1747949265000000001),
    ],
)
def test_times_are_exact_to_the_nanosecond(stamp: bytes, t_ns: int) -> None:
    frames, report = read_bytes(b"(" + stamp + b") can0 1A4#00\n")
    assert frames.t_ns.tolist() == [t_ns]
    assert report.first_stamp == stamp.decode()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"", LineKind.BLANK),
        (b"  \t ", LineKind.BLANK),
        (b"# a remark", LineKind.COMMENT),
        (b"// a remark", LineKind.COMMENT),
        (b"DROPCOUNT: dropped 3 CAN frames on 'can0' socket (total drops 3)", LineKind.EVENT),
        (b"(1747949265.53", LineKind.TRUNCATED),
        (b"(1747949265.530411) can0", LineKind.TRUNCATED),
        (b"(1747949265.530411) can0 1A4", LineKind.TRUNCATED),
        (b"(x) can0 1A4#00", LineKind.BAD_TIME),
        (b"(99999999999999999999) can0 1A4#00", LineKind.BAD_TIME),
        (b"(1.5s) can0 1A4#00", LineKind.BAD_TIME),
        (b"(1.5) a-name-that-is-longer-than-any-interface 1A4#00", LineKind.BAD_BUS),
        (b"(1.5) can0\0vcan1 123#00", LineKind.BINARY),
        (b"(1.5) can0 XYZ#00", LineKind.BAD_ID),
        (b"(1.5) can0 FFF#00", LineKind.BAD_ID),
        (b"(1.5) can0 123456789#00", LineKind.BAD_ID),
        (b"(1.5) can0 FFFFFFFF#00", LineKind.BAD_ID),
        (b"(1.5) can0 12#00", LineKind.BAD_ID),
        (b"(1.5) can0 1A4#0", LineKind.BAD_DATA),
        (b"(1.5) can0 1A4#00G0", LineKind.BAD_DATA),
        (b"(1.5) can0 1A4#00 nonsense", LineKind.BAD_DATA),
        (b"(1.5) can0 1A4#000102030405060708", LineKind.BAD_LENGTH),
        (b"(1.5) can0 1A4##0000102030405060708", LineKind.BAD_LENGTH),
        (b"(1.5) can0 1A4##", LineKind.TRUNCATED),
        (b"(1.5) can0 1A4#00\x00", LineKind.BINARY),
        (b"\x89PNG\x1a", LineKind.BINARY),
        (b"(1.5) can0 1A4#00" + b" " * 70_000, LineKind.TOO_LONG),
        (b"x" * 300_000, LineKind.TOO_LONG),
        (b"hello", LineKind.UNKNOWN),
    ],
)
def test_an_odd_candump_line_is_counted_as_what_it_is(line: bytes, kind: LineKind) -> None:
    content = _GOOD_CANDUMP + line + b"\n" + _GOOD_CANDUMP
    frames, report = read_bytes(content)
    assert len(frames) == 2
    assert report.lines == 3
    assert {kind: 1} == {kind: problem.count for kind, problem in report.problems.items()}
    assert report.problems[kind].first_lines == [2]
    assert report.bad == (0 if kind.benign else 1)
    assert report.problems[kind].example.isascii()
    assert len(report.problems[kind].example) < 420


def test_a_bad_line_at_the_end_of_a_log_without_line_end_is_accounted_for() -> None:
    frames, report = read_bytes(_GOOD_CANDUMP + b"(1747949265.5304")
    assert len(frames) == 1
    assert report.problems[LineKind.TRUNCATED].first_lines == [2]
    assert "no line end" in report.notes[0]


def test_only_the_first_five_line_numbers_of_a_kind_are_kept() -> None:
    _, report = read_bytes(_GOOD_CANDUMP + b"(1.5) can0 1A4#0\n" * 9)
    assert report.problems[LineKind.BAD_DATA].count == 9
    assert report.problems[LineKind.BAD_DATA].first_lines == [2, 3, 4, 5, 6]


def test_an_interface_with_only_bad_lines_gets_no_number() -> None:
    _, report = read_bytes(b"(1.5) can7 1A4#0\n" + _GOOD_CANDUMP)
    assert report.buses == {0: "can0"}


def test_more_than_256_interfaces_are_bad_buses() -> None:
    content = b"".join(b"(1.5) if%d 1A4#00\n" % i for i in range(300))
    frames, report = read_bytes(content)
    assert len(frames) == 256
    assert report.problems[LineKind.BAD_BUS].count == 44


def test_a_gigantic_line_is_reported_once_however_it_is_read() -> None:
    content = _GOOD_CANDUMP + b"y" * 1_000_000 + b"\r\n" + _GOOD_CANDUMP
    for chunk_bytes in (5000, 65537, 1 << 20):
        frames, report = read_bytes(content, chunk_bytes=chunk_bytes)
        assert (len(frames), report.lines) == (2, 3)
        assert len(report.problems[LineKind.TOO_LONG].example) == 103


def test_candump_display_without_times_counts_only_the_order() -> None:
    frames, report = read_bytes(samples.DISPLAY)
    assert report.format is LogFormat.CANDUMP_DISPLAY
    assert report.clock is Clock.ORDER
    assert report.time_unit is report.first_stamp is None
    assert rows(frames) == [
        (0, 0, 0x1A4, bytes.fromhex("0000000000000009")),
        (1, 1, 0x18DAF110 | EXTENDED_FLAG, b"\x02\x10"),
        (2, 0, 0x123 | REMOTE_FLAG, b""),
        (3, 0, 0x7FF, bytes(range(12))),
    ]


def test_candump_display_with_direction_flags_and_ascii() -> None:
    frames, report = read_bytes(samples.DISPLAY_ABSOLUTE)
    assert report.clock is Clock.UTC
    assert rows(frames)[0] == (1747949265530411000, 0, 0x1A4, bytes.fromhex("0000000000000041"))


def test_candump_display_with_dates_is_local_time_and_so_relative() -> None:
    frames, report = read_bytes(samples.DISPLAY_DATE)
    assert report.clock is Clock.RELATIVE
    assert report.start == "2021-05-10 15:02:46.148635"
    assert frames.t_ns.tolist() == [0, 760000]


def test_dates_count_leap_days() -> None:
    days = (b"2024-02-28", b"2024-02-29", b"2024-03-01", b"2025-03-01")
    content = b"".join(b" (%b 00:00:00.000000)  can0  3E5   [0] \n" % day for day in days)
    frames, _ = read_bytes(content)
    assert (frames.t_ns // 86_400_000_000_000).tolist() == [0, 1, 2, 367]


def test_candump_display_with_differences_adds_them_up() -> None:
    frames, report = read_bytes(samples.DISPLAY_DELTA)
    assert frames.t_ns.tolist() == [0, 10_000_000, 15_000_000, 25_000_000, 26_000_000]
    assert "differences" in report.notes[0]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"  can0  1A4   [2]  00", LineKind.MISMATCH),
        (b"  can0  1A4   [2]  00 01 02", LineKind.MISMATCH),
        (b"  can0  1A4   [9]  00 01 02 03 04 05 06 07 08", LineKind.BAD_LENGTH),
        (b"  can0  1A4  [09]  00 01 02 03 04 05 06 07 08", LineKind.BAD_LENGTH),
        (b"  can0  1A4   [1]  00000001", LineKind.BAD_DATA),
        (b"  can0  1A4   [2]  11`22", LineKind.BAD_DATA),
        (b"  can0  1A4   2  11 22", LineKind.BAD_LENGTH),
        (b"  can0  1A4", LineKind.TRUNCATED),
        (b"\tcontroller-problem{rx-error-warning}", LineKind.EVENT),
    ],
)
def test_an_odd_display_line(line: bytes, kind: LineKind) -> None:
    assert _kinds(samples.DISPLAY + line + b"\n") == {kind: 1}


@pytest.mark.parametrize(
    ("content", "version", "expected"),
    [
        (
            samples.TRC_1_0,
            "1.0",
            [
                (0, 0, 1, bytes(8)),
                (3_000_000, 0, 0x100 | REMOTE_FLAG, bytes(3)),
                (4_000_000, 0, 0x100 | EXTENDED_FLAG, b"\x7f"),
            ],
        ),
        (
            samples.TRC_1_1,
            "1.1",
            [
                (0, 0, 0x300, bytes.fromhex("00000000040000")),
                (223_300_000, 0, 0x18EFC034 | EXTENDED_FLAG, b"\x00\xa1"),
                (292_800_000, 0, 0x100 | REMOTE_FLAG, bytes(3)),
            ],
        ),
        (
            samples.TRC_1_2,
            "1.2",
            [(0, 1, 0x300, bytes.fromhex("00000000040000")), (292_843_000, 2, 0x100, b"\x42")],
        ),
        (
            samples.TRC_1_3,
            "1.3",
            [
                (0, 1, 0x300, bytes.fromhex("00000000040000")),
                (292_843_000, 2, 0x18EFC034 | EXTENDED_FLAG, b"\x01\x02\x03"),
            ],
        ),
        (
            samples.TRC_2_0,
            "2.0",
            [
                (0, 0, 0x300, bytes.fromhex("00000000040000")),
                (274_516_000, 0, 0x500, bytes(range(1, 13))),
                (275_256_000, 0, 0x18EFC034 | EXTENDED_FLAG, bytes(range(1, 9))),
                (276_643_000, 0, 0x100 | REMOTE_FLAG, bytes(3)),
            ],
        ),
        (
            samples.TRC_2_1,
            "2.1",
            [
                (0, 1, 0x300, bytes.fromhex("00000000040000")),
                (274_516_000, 2, 0x500, bytes(range(1, 13))),
                (275_256_000, 1, 0x18EFC034 | EXTENDED_FLAG, b""),
                (276_643_000, 1, 0x100 | REMOTE_FLAG, bytes(3)),
            ],
        ),
    ],
)
def test_pcan_trc(content: bytes, version: str, expected: list[tuple[int, int, int, bytes]]) -> None:
    frames, report = read_bytes(content)
    assert report.format is LogFormat.PCAN_TRC
    assert report.version == version
    assert report.time_unit == "ms"
    assert report.clock is Clock.RELATIVE
    assert rows(frames) == expected


def test_pcan_trc_records_without_frame_have_kinds_of_their_own() -> None:
    assert _kinds(samples.TRC_1_1) == {
        LineKind.HEADER: 2,
        LineKind.COMMENT: 2,
        LineKind.STATUS: 1,
        LineKind.BUS_ERROR: 1,
    }
    assert _kinds(samples.TRC_2_1) == {
        LineKind.HEADER: 3,
        LineKind.COMMENT: 1,
        LineKind.BUS_ERROR: 1,
        LineKind.EVENT: 1,
        LineKind.STATUS: 1,
    }


def test_pcan_trc_says_when_it_began_but_not_in_which_zone() -> None:
    assert read_bytes(samples.TRC_1_1)[1].start == "2003-03-24 12:52:32.484"
    assert read_bytes(samples.TRC_1_0)[1].start == "11.09.2002 16:00:20.682"
    assert read_bytes(samples.TRC_1_1.replace(b"37704.5364870833", b"nonsense"))[1].start is None


@pytest.mark.parametrize("content", [samples.TRC_1_1, samples.TRC_1_2, samples.TRC_1_3, samples.TRC_2_1])
def test_pcan_trc_without_header_is_recognised_by_its_lines(content: bytes) -> None:
    lines = b"\n".join(line for line in content.splitlines() if not line.startswith(b";"))
    frames, report = read_bytes(lines)
    assert rows(frames) == rows(read_bytes(content)[0])
    assert "does not state its version" in report.notes[0]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"     9)      1359.9  Rx         0300  7  00 00 00 00 04 00", LineKind.MISMATCH),
        (b"     9)      1359.9  Rx         0300  7  00 00 00 00 04 00 00 00", LineKind.MISMATCH),
        (b"     9)      1359.9  Rx         0300  7  00 00 00 00 04 00 0", LineKind.BAD_DATA),
        (b"     9)      1359.9  Rx         0300  77  00", LineKind.BAD_LENGTH),
        (b"     9)      1359.9  Rx         0800  1  00", LineKind.BAD_ID),
        (b"     9)      1359.9  Rx     20000000  1  00", LineKind.BAD_ID),
        (b"     9)      1359.9  Xx         0300  1  00", LineKind.BAD_TYPE),
        (b"     9)      x359.9  Rx         0300  1  00", LineKind.BAD_TIME),
        (b"     9)      1359.9  Rx", LineKind.TRUNCATED),
        (b"     9)", LineKind.TRUNCATED),
    ],
)
def test_an_odd_trc_line(line: bytes, kind: LineKind) -> None:
    expected = {**_kinds(samples.TRC_1_1), kind: 1}
    assert _kinds(samples.TRC_1_1 + line + b"\n") == expected


def test_vector_asc() -> None:
    frames, report = read_bytes(samples.ASC)
    assert report.format is LogFormat.VECTOR_ASC
    assert report.version == "9.0.0"
    assert report.start == "Sam Sep 30 15:06:13.191 2017"
    assert report.clock is Clock.RELATIVE
    assert report.first_stamp == "2.520002"
    assert rows(frames) == [
        (0, 3, 0x200 | REMOTE_FLAG, b""),
        (64_919_000, 4, 0x300 | REMOTE_FLAG, bytes(8)),
        (578_424_000, 1, 0x18EBFF00 | EXTENDED_FLAG, bytes.fromhex("01A00FA6603BD140")),
        (579_998_000, 1, 1785, b"\x05\x0c"),
        (1_479_998_000, 2, 0x167 | EXTENDED_FLAG, bytes.fromhex("738000100009e300")),
        (1_579_998_000, 2, 0x716, bytes.fromhex("123b36017b0a202020202266")),
        (1_679_998_000, 3, 0x50005 | EXTENDED_FLAG | REMOTE_FLAG, bytes(5)),
    ]
    assert _kinds(samples.ASC) == {LineKind.HEADER: 5, LineKind.COMMENT: 1, LineKind.EVENT: 5, LineKind.BUS_ERROR: 2}


def test_vector_asc_in_decimal_with_differences_also_of_its_events() -> None:
    frames, _ = read_bytes(samples.ASC_DECIMAL_RELATIVE)
    assert rows(frames) == [
        (0, 1, 1785, b"\xff\x00"),
        (500_000_000, 2, 418119424 | EXTENDED_FLAG, bytes([1, 160, 15, 166, 96, 59, 209, 64])),
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"   9.0 1  6F9             Rx   d 2 05", LineKind.MISMATCH),
        (b"   9.0 1  6F9             Rx   d 1 05 06  Length = 1", LineKind.MISMATCH),
        (b"   9.0 1  6F9             Rx   d 1 5Z", LineKind.BAD_DATA),
        (b"   9.0 1  6F9             Rx   d Z 5Z", LineKind.BAD_LENGTH),
        (b"   9.0 1  6F9             Rx   q 1 55", LineKind.BAD_TYPE),
        (b"   9.0 1  6F9             Zx   d 1 55", LineKind.BAD_TYPE),
        (b"   9.0 1  FF9             Rx   d 1 55", LineKind.BAD_ID),
        (b"   9.0 1  Unknown         Rx   d 1 55", LineKind.BAD_ID),
        (b"   9.0 1  20000000x       Rx   d 1 55", LineKind.BAD_ID),
        (b"   9.0 999  6F9           Rx   d 1 55", LineKind.BAD_BUS),
        (b"   9.0 1  6F9", LineKind.TRUNCATED),
        (b"   9.0 ", LineKind.TRUNCATED),
        (b"   9.x 1  6F9             Rx   d 1 55", LineKind.BAD_TIME),
        (b"   9.0 CANFD   2 Rx  167x  Name 1 0 8  9 73 80 00 10 00 09 e3 00", LineKind.MISMATCH),
        (b"   9.0 CANFD   2 Rx  167x  Name 1 0 8  8 73 80", LineKind.MISMATCH),
        (b"   9.0 CANFD   2 Rx  167x  Name 1 0 8  88 73 80", LineKind.BAD_LENGTH),
        (b"   9.0 CANFD   2 Rx  167x  Name x 0 8  8 73 80", LineKind.BAD_TYPE),
        (b"   9.0 CANFD   2 Rx  FFFF  Name 1 0 8  8 73 80", LineKind.BAD_ID),
        (b"   9.0 CANFD 999 Rx  167x  Name 1 0 8  8 73 80", LineKind.BAD_BUS),
        (b"   9.0 CANFD   2 TxRq 167x 1 0 0 0", LineKind.EVENT),
    ],
)
def test_an_odd_asc_line(line: bytes, kind: LineKind) -> None:
    expected = _kinds(samples.ASC)
    expected[kind] = expected.get(kind, 0) + 1
    assert _kinds(samples.ASC + line + b"\n") == expected


def test_gvret_with_direction_and_padding() -> None:
    frames, report = read_bytes(samples.GVRET)
    assert report.format is LogFormat.GVRET
    assert report.time_unit == "us"
    assert rows(frames) == [
        (0, 0, 0x603, b"\x00"),
        (1_049_000, 1, 0x18DAF110 | EXTENDED_FLAG, bytes.fromhex("A06D0000420050FB")),
        (40_757_000, 0, 0x1D4, b""),
    ]


def test_gvret_without_direction_and_padding() -> None:
    frames, report = read_bytes(samples.GVRET_NO_DIR)
    assert rows(frames) == [
        (0, 0, 0x151, bytes.fromhex("82FFFFFFFE020000")),
        (1_000_000, 1, 0x347, bytes.fromhex("01000016")),
        (-1_000_000, 0, 0x348, b""),
    ]
    steps = report.backward_steps
    assert (steps.count, steps.within_bus, steps.largest_ns, steps.first_lines) == (1, 1, 2_000_000, [4])


def test_gvret_columns_are_found_by_their_names() -> None:
    content = b"Time Stamp;Bus;LEN;Whatever;ID;Extended;D1;D2\n44.361873;3;2;x;1A4;0;01;02\n"
    frames, report = read_bytes(content)
    assert rows(frames) == [(0, 3, 0x1A4, b"\x01\x02")]
    assert report.time_unit == "s"
    assert report.first_stamp == "44.361873"


@pytest.mark.parametrize("sample", [samples.GVRET, samples.GVRET_NO_DIR])
def test_gvret_without_header_is_recognised_by_its_lines(sample: bytes) -> None:
    _, content = sample.split(b"\n", 1)
    assert rows(read_bytes(content)[0]) == rows(read_bytes(sample)[0])


def test_gvret_with_wall_clock_microseconds_is_utc() -> None:
    content = b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1\n1747949265530411,000001A4,false,Rx,0,1,09,\n"
    frames, report = read_bytes(content)
    assert report.clock is Clock.UTC
    assert frames.t_ns.tolist() == [1747949265530411000]


def test_gvret_with_can_fd() -> None:
    cells = ",".join(f"D{i + 1}" for i in range(64))
    payload = ",".join(f"{i:02X}" for i in range(24))
    content = f"Time Stamp,ID,Extended,Dir,Bus,LEN,{cells}\n100,000001A4,false,Rx,0,24,{payload}\n"
    frames, _ = read_bytes(content.encode())
    assert rows(frames) == [(0, 0, 0x1A4, bytes(range(24)))]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"44402630,000001D4,false,Rx,0,8,A0,6D", LineKind.MISMATCH),
        (b"44402630,000001D4,false,Rx,0,2,A0,,6D", LineKind.BAD_DATA),
        (b"44402630,000001D4,false,Rx,0,2,A0,6", LineKind.BAD_DATA),
        (b"44402630,000001D4,false,Rx,0,1,A0,ZZ", LineKind.BAD_DATA),
        (b"44402630,000001D4,false,Rx,0,99,A0", LineKind.BAD_LENGTH),
        (b"44402630,000001D4,false,Rx,0,9,A0", LineKind.BAD_LENGTH),
        (b"44402630,000001D4,false,Rx,900,1,A0", LineKind.BAD_BUS),
        (b"44402630,00000FD4,false,Rx,0,1,A0", LineKind.BAD_ID),
        (b"44402630,FFFFFFFF,true,Rx,0,1,A0", LineKind.BAD_ID),
        (b"44402630,000001D4,maybe,Rx,0,1,A0", LineKind.BAD_TYPE),
        (b"44402630,000001D4,false,Zx,0,1,A0", LineKind.BAD_TYPE),
        (b"yesterday,000001D4,false,Rx,0,1,A0", LineKind.BAD_TIME),
        (b"44402630,000001D4,fal", LineKind.TRUNCATED),
        (b"44402630 000001D4 false", LineKind.UNKNOWN),
    ],
)
def test_an_odd_gvret_line(line: bytes, kind: LineKind) -> None:
    assert _kinds(samples.GVRET + line + b"\n") == {LineKind.HEADER: 1, kind: 1}


def test_crtd() -> None:
    frames, report = read_bytes(samples.CRTD)
    assert report.format is LogFormat.CRTD
    assert rows(frames) == [
        (0, 0, 0x603, b"\x00"),
        (11_000, 2, 0x18DAF110 | EXTENDED_FLAG, b"\x01\x02\x03"),
        (40_000_000, 1, 0x7DF, bytes.fromhex("02010C0000000000")),
        (41_996_000, 0, 0x123, b""),
    ]
    assert _kinds(samples.CRTD) == {LineKind.COMMENT: 1, LineKind.EVENT: 1}


def test_crtd_with_wall_clock_time_is_utc() -> None:
    frames, report = read_bytes(b"1542473901.020305 1R11 7DF 02\n")
    assert report.clock is Clock.UTC
    assert frames.t_ns.tolist() == [1542473901020305000]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"338.3 R11 00000FFF 00", LineKind.BAD_ID),
        (b"338.3 R29 3FFFFFFF 00", LineKind.BAD_ID),
        (b"338.3 R12 123 00", LineKind.BAD_TYPE),
        (b"338.3 999R11 123 00", LineKind.BAD_BUS),
        (b"338.3 R11 123 00 0", LineKind.BAD_DATA),
        (b"338.3 R11 123 00 01 02 03 04 05 06 07 08", LineKind.BAD_LENGTH),
        (b"338.3 R11", LineKind.TRUNCATED),
        (b"once R11 123 00", LineKind.BAD_TIME),
    ],
)
def test_an_odd_crtd_line(line: bytes, kind: LineKind) -> None:
    assert _kinds(samples.CRTD + line + b"\n") == {LineKind.COMMENT: 1, LineKind.EVENT: 1, kind: 1}


def test_can_hacker_runs_on_over_the_minute() -> None:
    frames, report = read_bytes(samples.CAN_HACKER)
    assert report.format is LogFormat.CAN_HACKER
    assert report.backward_steps.count == 0
    assert rows(frames) == [
        (0, 0, 0x4000 | EXTENDED_FLAG, bytes.fromhex("3647194301000080")),
        (20_000_000, 0, 0x18F, b"\x00\xa1"),
        (510_000_000, 0, 0x123, b""),
    ]


def test_can_hacker_with_stamps_over_a_minute_does_not_wrap() -> None:
    content = b"10.0 123 1 00\n70.0 123 1 01\n5.0 123 1 02\n"
    frames, report = read_bytes(content)
    assert frames.t_ns.tolist() == [0, 60_000_000_000, -5_000_000_000]
    assert report.backward_steps.count == 1


def test_can_hacker_in_its_newer_version_with_channels() -> None:
    frames, report = read_bytes(samples.CARBUS)
    assert report.version == "3"
    assert rows(frames) == [(0, 1, 0x4E0, bytes.fromhex("2400000000000000")), (1_000_000, 2, 0x4E1, b"\xff")]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"01.0 123 8 00 01", LineKind.MISMATCH),
        (b"01.0 123 1 00 01", LineKind.MISMATCH),
        (b"01.0 123 1 00 but why", None),
        (b"01.0 XYZ 1 00", LineKind.BAD_ID),
        (b"01.0 123 77 00", LineKind.BAD_LENGTH),
    ],
)
def test_an_odd_can_hacker_line(line: bytes, kind: LineKind | None) -> None:
    expected = {LineKind.HEADER: 1} | ({kind: 1} if kind else {})
    assert _kinds(samples.CAN_HACKER + line + b"\n") == expected
