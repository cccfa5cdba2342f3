"""Checksums: each algorithm against a plain implementation of its definition, and what damages it notices."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from commonwheel.wire.checksums import CHECKSUMS, COUNTERS, compile_check, crc8_slices
from commonwheel.wire.codec import check_frames, decode_database, pack, seal
from commonwheel.wire.database import Message, Signal
from commonwheel.wire.frames import Frames
from commonwheel.wire.tables import SignalRow, TableBuilder, Tables
from tests.wire import reference
from tests.wire.definitions import (
    P2_IDS,
    Definition,
    crc8,
    crc8_in_the_third_last,
    e2e_p1,
    e2e_p2,
    honda,
    mitsubishi,
    nissan_crc8,
    nissan_nibbles,
    toyota,
    xor_in_the_second,
    zero_sum,
    zero_sum_in_front,
)

Parameters = dict[str, int | list[int]]
COUNTER = Signal("Counter", 8, 4, big_endian=False)
"""Where both E2E profiles have their counter: the low nibble of byte 1."""


CASES: list[tuple[str, Parameters, int, Definition]] = [
    ("honda", {}, 1, honda),
    ("nissan-nibble-sum", {}, 1, nissan_nibbles),
    ("nissan-crc8", {}, 2, nissan_crc8),
    ("mitsubishi-crc8", {}, 2, mitsubishi),
    ("toyota", {}, 1, toyota),
    ("zero-sum", {}, 1, zero_sum),
    ("zero-sum", {"at": 0}, 1, zero_sum_in_front),
    ("xor", {"at": 1, "init": 0x5A}, 2, xor_in_the_second),
    ("crc8", {"poly": 0x31, "init": 0x42, "xorout": 0x99, "at": -3}, 3, crc8_in_the_third_last),
    ("autosar-e2e-p1", {"data_id": 0x1234}, 2, e2e_p1),
    ("autosar-e2e-p2", {"data_id": P2_IDS}, 2, e2e_p2),
]
IDS = [0x000, 0x1A4, 0x7FF, 0x18DAF110]
every_algorithm = pytest.mark.parametrize(
    ("name", "parameters", "shortest", "definition"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)


def tables_of(name: str, parameters: Parameters, can_id: int, size: int) -> Tables:
    builder = TableBuilder(1)
    extended = can_id > 0x7FF
    check = compile_check(name, can_id=can_id, extended=extended, parameters=parameters)
    message = builder.message(bus=0, can_id=can_id, extended=extended, size=size, check=check, counter=COUNTER)
    builder.signal(message, SignalRow(Signal("S", 0, 8, big_endian=False), 0))
    return builder.build()


def sealed(tables: Tables, payloads: list[bytes]) -> list[bytes]:
    data = Frames.build((0, 0, 1, payload) for payload in payloads).data
    seal(tables, 0, data, len(payloads[0]))
    return [bytes(row[: len(payloads[0])]) for row in data]


def held(tables: Tables, payloads: list[bytes]) -> int:
    return check_frames(tables, 0, Frames.build((0, 0, 1, payload) for payload in payloads))


@every_algorithm
@pytest.mark.parametrize("can_id", IDS)
def test_every_length_is_sealed_as_defined(
    name: str, parameters: Parameters, shortest: int, definition: Definition, can_id: int
) -> None:
    rng = random.Random(can_id)
    for size in [*range(shortest, 10), 12, 16, 20, 24, 32, 48, 64]:
        payloads = [rng.randbytes(size) for _ in range(5)]
        tables = tables_of(name, parameters, can_id, size)
        expected = [definition(can_id, payload) for payload in payloads]
        assert sealed(tables, payloads) == expected
        assert held(tables, expected) == 5


@every_algorithm
def test_one_flipped_bit_is_noticed(name: str, parameters: Parameters, shortest: int, definition: Definition) -> None:
    """In any byte that the checksum covers, and in the checksum itself."""
    for size in (shortest, 7, 8, 11):
        if size < shortest:
            continue
        tables = tables_of(name, parameters, 0x321, size)
        good = definition(0x321, random.Random(size).randbytes(size))
        flipped = [
            bytes(byte ^ (1 << bit if i == at else 0) for i, byte in enumerate(good))
            for at in range(size)
            for bit in range(8)
        ]
        assert held(tables, [good]) == 1
        assert held(tables, flipped) == 0


@every_algorithm
def test_raw_fields_packed_and_sealed_again_are_the_same_frame(
    name: str, parameters: Parameters, shortest: int, definition: Definition
) -> None:
    """The counter comes from the raw fields, the checksum is computed anew."""
    size = max(8, shortest)
    fields = [Signal(f"Byte{i}", 8 * i, 8, big_endian=False) for i in range(size)]
    tables = tables_of(name, parameters, 0x321, size)
    frames = Frames.build((0, 0, 0x321, definition(0x321, random.Random(i).randbytes(size))) for i in range(9))
    raw = decode_database(
        reference.database(Message("M", 0x321, extended=False, size=size, signals=tuple(fields))), frames, raw=True
    )
    own = compile_check(name, can_id=0x321, extended=False, parameters=parameters)
    columns = [raw["M", field.name].value.view(np.uint64).copy() for field in fields]
    columns[own.at] &= np.uint64(~own.mask & 0xFF)  # all but the checksum itself
    data = np.zeros_like(frames.data)
    pack(data, fields, columns)
    seal(tables, 0, data, size)
    assert (data == frames.data).all()


@every_algorithm
def test_a_frame_too_short_to_hold_it_fails(
    name: str, parameters: Parameters, shortest: int, definition: Definition
) -> None:
    tables = tables_of(name, parameters, 0x321, 8)
    assert held(tables, [bytes(size) for size in range(shortest)]) == 0
    data = np.full((1, 8), 7, np.uint8)
    seal(tables, 0, data, shortest - 1)  # nothing to put it into
    assert (data == 7).all()
    assert definition  # the definition has nothing to say of such frames


@pytest.mark.parametrize(
    ("name", "can_id", "last"),
    [
        ("honda", 0x17C, 0x04),  # 8 - (1 + 7 + 12) = -12, which is 4 modulo 16
        ("nissan-nibble-sum", 0x5BF, 0x0F),  # 5 + 11 + 15 = 31, which is 15 modulo 16
        ("toyota", 0x0AA, 0xB2),  # 0xAA and a length of 8
        ("mitsubishi-crc8", 0x236, 0x0A),  # for seven zeros as if it began with 0 and ended with 0x0A
        ("nissan-crc8", 0x11A, 0x00),
    ],
)
def test_a_frame_of_zeros_has_the_checksum_worked_out_by_hand(name: str, can_id: int, last: int) -> None:
    assert sealed(tables_of(name, {}, can_id, 8), [bytes(8)]) == [bytes(7) + bytes([last])]


@pytest.mark.parametrize(
    ("poly", "init", "xorout", "check"),
    [(0x07, 0x00, 0x00, 0xF4), (0x1D, 0xFF, 0xFF, 0x4B), (0x2F, 0xFF, 0xFF, 0xDF), (0x31, 0xFF, 0x00, 0xF7)],
    ids=["SMBUS", "SAE-J1850", "AUTOSAR", "NRSC-5-like"],
)
def test_the_published_check_values_of_crc_8(poly: int, init: int, xorout: int, check: int) -> None:
    """Each CRC of a catalogue is published with its value over the digits 123456789."""
    assert crc8(b"123456789", poly, init, xorout) == check
    tables = tables_of("crc8", {"poly": poly, "init": init, "xorout": xorout}, 0x1, 10)
    assert sealed(tables, [b"123456789\0"]) == [b"123456789" + bytes([check])]


@pytest.mark.oracle
def test_autosar_e2e_seals_and_counts_the_same() -> None:
    """Profiles 1 and 2 against an independent implementation, over a whole round of the counter."""
    import e2e.p01
    import e2e.p02

    one, two = (tables_of(f"autosar-e2e-p{p}", {"data_id": ids}, 1, 8) for p, ids in ((1, 0x1234), (2, P2_IDS)))
    rng = random.Random(1)
    first, second = bytearray(rng.randbytes(8)), bytearray(rng.randbytes(8))
    counts: list[tuple[int, int]] = []
    for _ in range(40):
        first[2:], second[2:] = rng.randbytes(6), rng.randbytes(6)
        e2e.p01.e2e_p01_protect(first, 0x1234, data_id_mode=e2e.p01.E2E_P01_DATAID_BOTH)
        e2e.p02.e2e_p02_protect(second, bytes(P2_IDS))
        assert sealed(one, [bytes(first)]) == [bytes(first)]
        assert sealed(two, [bytes(second)]) == [bytes(second)]
        counts.append((first[1] & 15, second[1] & 15))
    for profile in (0, 1):
        values = [count[profile] for count in counts]
        modulo = COUNTERS[f"autosar-e2e-p{profile + 1}"]
        assert all((b - a) % modulo == 1 for a, b in itertools.pairwise(values))
        assert max(values) == modulo - 1


# ---- names and parameters -------------------------------------------------------------------------------------------


def refusal(name: str, **parameters: int | list[int]) -> str:
    with pytest.raises(ValueError, match=name) as caught:
        compile_check(name, can_id=1, extended=False, parameters=parameters)
    return str(caught.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    text = refusal("nissan-crc")
    assert "did you mean 'nissan-crc8'?" in text
    assert all(name in text for name in CHECKSUMS)


def test_unknown_and_missing_parameters_are_named() -> None:
    assert refusal("honda", init=1) == "checksum 'honda' has no parameter 'init' (it takes: none)"
    assert refusal("xor", poly=1) == "checksum 'xor' has no parameter 'poly' (it takes: at, init)"
    assert refusal("crc8", init=1) == "checksum 'crc8' needs 'poly' (polynomial)"
    assert refusal("autosar-e2e-p1") == "checksum 'autosar-e2e-p1' needs 'data_id' (16-bit data id)"


@pytest.mark.parametrize(
    ("name", "parameter", "values"),
    [
        ("crc8", "poly", [0, 256, -1, [7]]),
        ("crc8", "init", [256, -1]),
        ("crc8", "xorout", [256, -1]),
        ("crc8", "at", [64, -65]),
        ("zero-sum", "at", [64, -65]),
        ("xor", "init", [256, -1]),
        ("autosar-e2e-p1", "data_id", [-1, 0x10000, [1, 2]]),
        ("autosar-e2e-p2", "data_id", [-1, 256, [1] * 15, [1] * 17, [256] * 16]),
    ],
)
def test_a_parameter_that_does_not_fit_its_place_is_refused(
    name: str, parameter: str, values: list[int | list[int]]
) -> None:
    given = {"poly": 7} if name == "crc8" and parameter != "poly" else {}
    for value in values:
        assert f"'{parameter}'" in refusal(name, **given, **{parameter: value})


def test_one_data_id_of_profile_2_stands_for_all_sixteen() -> None:
    one, all_ = ({"data_id": ids} for ids in (7, [7] * 16))
    assert compile_check("autosar-e2e-p2", can_id=1, extended=False, parameters=one) == compile_check(
        "autosar-e2e-p2", can_id=1, extended=False, parameters=all_
    )


def test_the_slices_are_the_crc_of_a_byte_and_zeros_behind_it() -> None:
    slices = crc8_slices(0x2F)
    assert all(
        slices[j, byte] == crc8(bytes([byte]) + bytes(j), 0x2F, 0, 0) for j in range(8) for byte in (0, 1, 0x80, 255)
    )


def test_sealing_stays_inside_the_payloads() -> None:
    tables = tables_of("toyota", {}, 1, 8)
    data = np.zeros((2, 8), np.uint8)
    for size in (-1, 9, 65):
        with pytest.raises(ValueError, match="do not lie in"):
            seal(tables, 0, data, size)
    with pytest.raises(ValueError, match="do not lie in"):
        seal(tables, 0, data[:, ::2], 4)
