"""Every checksum from its definition, as plainly as it can be written, without the project's kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = [
    "NAMED",
    "P2_IDS",
    "Definition",
    "crc8",
    "crc8_in_the_third_last",
    "digits",
    "e2e_p1",
    "e2e_p2",
    "honda",
    "mitsubishi",
    "nibbles",
    "nissan_crc8",
    "nissan_nibbles",
    "toyota",
    "xor_in_the_second",
    "zero_sum",
    "zero_sum_in_front",
]

Definition = Callable[[int, bytes], bytes]
"""(arbitration id, payload) to the payload with its checksum put right."""

P2_IDS = [(37 * i + 11) % 256 for i in range(16)]


def digits(number: int) -> list[int]:
    return [int(digit, 16) for digit in f"{number:x}"]


def nibbles(payload: bytes) -> list[int]:
    """All high and low nibbles but the last, which holds the checksum."""
    return [nibble for byte in payload for nibble in (byte >> 4, byte & 15)][:-1]


def crc8(data: bytes, poly: int, init: int, xorout: int) -> int:
    """One bit at a time, the most significant first."""
    crc = init
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ poly if crc & 0x80 else crc << 1) & 0xFF
    return crc ^ xorout


def honda(can_id: int, payload: bytes) -> bytes:
    sum_ = sum(digits(can_id)) + sum(nibbles(payload))
    return payload[:-1] + bytes([payload[-1] & 0xF0 | ((11 if can_id > 0x7FF else 8) - sum_) % 16])


def nissan_nibbles(can_id: int, payload: bytes) -> bytes:
    return payload[:-1] + bytes([payload[-1] & 0xF0 | (sum(digits(can_id)) + sum(nibbles(payload))) % 16])


def nissan_crc8(_: int, payload: bytes) -> bytes:
    return payload[:-1] + bytes([crc8(payload[:-1], 0x85, 0, 0)])


def mitsubishi(_: int, payload: bytes) -> bytes:
    return payload[:-1] + bytes([crc8(payload[:-1], 0x1D, 0xFF, 0xFF)])


def toyota(can_id: int, payload: bytes) -> bytes:
    sum_ = sum(can_id.to_bytes(4, "big")) + len(payload) + sum(payload[:-1])
    return payload[:-1] + bytes([sum_ % 256])


def zero_sum(_: int, payload: bytes) -> bytes:
    return payload[:-1] + bytes([-sum(payload[:-1]) % 256])


def zero_sum_in_front(_: int, payload: bytes) -> bytes:
    return bytes([-sum(payload[1:]) % 256]) + payload[1:]


def xor_in_the_second(_: int, payload: bytes) -> bytes:
    value = 0x5A
    for byte in payload[:1] + payload[2:]:
        value ^= byte
    return payload[:1] + bytes([value]) + payload[2:]


def crc8_in_the_third_last(_: int, payload: bytes) -> bytes:
    crc = crc8(payload[:-3] + payload[-2:], 0x31, 0x42, 0x99)
    return payload[:-3] + bytes([crc]) + payload[-2:]


def e2e_p1(_: int, payload: bytes) -> bytes:
    """Data id (low byte, high byte), then everything behind the CRC."""
    return bytes([crc8(b"\x34\x12" + payload[1:], 0x1D, 0, 0)]) + payload[1:]


def e2e_p2(_: int, payload: bytes) -> bytes:
    """Everything behind the CRC, then the data id that the counter chooses."""
    return bytes([crc8(payload[1:] + bytes([P2_IDS[payload[1] & 15]]), 0x2F, 0xFF, 0xFF)]) + payload[1:]


NAMED: Mapping[str, Definition] = {
    "honda": honda,
    "nissan-crc8": nissan_crc8,
    "nissan-nibble-sum": nissan_nibbles,
    "mitsubishi-crc8": mitsubishi,
}
"""The algorithms that descriptions of this project name without parameters."""
