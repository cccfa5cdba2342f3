"""Where signals lie: their bits, which of them collide, which fall off the end of their message.

Bits are numbered as DBC does, byte * 8 + bit with bit 7 the most significant of a byte, whatever the
byte order of the signal; a set of bits is one Python integer.
"""

from __future__ import annotations

import functools
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.wire.database.model import Message, Signal

__all__ = ["outside", "overlaps", "signal_bits"]

_Presence = dict[str, tuple[tuple[int, int], ...]]


def signal_bits(signal: Signal) -> int:
    """Return the bits that a signal covers, as a mask over byte * 8 + bit."""
    return _bits(signal.start, signal.length, signal.big_endian)


@functools.lru_cache(maxsize=8192)
def _bits(start: int, length: int, big_endian: bool) -> int:  # noqa: FBT001 - one of three columns of a table
    if not big_endian:
        return ((1 << length) - 1) << start
    mask = 0
    byte, bit, left = start // 8, start % 8, length
    while left > 0:
        here = min(left, bit + 1)
        mask |= ((1 << here) - 1) << (byte * 8 + bit + 1 - here)
        byte, bit, left = byte + 1, 7, left - here
    return mask


def outside(message: Message) -> list[Signal]:
    """Return the signals that reach beyond the end of their message."""
    frame = (1 << message.size * 8) - 1
    return [signal for signal in message.signals if signal_bits(signal) & ~frame]


def overlaps(message: Message) -> list[tuple[Signal, Signal]]:
    """Return the pairs of signals that share bits and can be present in the same frame.

    Multiplexed signals whose selectors can never let both in, however deep the selectors nest, do not
    collide. Pairs come in the order of the message's signals.
    """
    if _apart(message):
        return []
    placed = [(signal, signal_bits(signal), _presence(message, signal)) for signal in message.signals]
    return [
        (first, second)
        for (first, bits, here), (second, others, there) in combinations(placed, 2)
        if bits & others and not _exclusive(here, there)
    ]


def _apart(message: Message) -> bool:
    """Tell quickly whether no two signals of a message share any bit."""
    taken = 0
    for signal in message.signals:
        bits = signal_bits(signal)
        if taken & bits:
            return False
        taken |= bits
    return True


def _presence(message: Message, signal: Signal) -> _Presence:
    """Return what each selector must hold for a signal to be there, up the chain of its selectors."""
    conditions: _Presence = {}
    by_name = {candidate.name: candidate for candidate in message.signals}
    current: Signal | None = signal
    while current is not None and current.multiplexed is not None:
        selector = current.multiplexed.selector
        if selector in conditions:
            break  # a hand-made circle; the loader makes none
        conditions[selector] = current.multiplexed.values
        current = by_name.get(selector)
    return conditions


def _exclusive(here: _Presence, there: _Presence) -> bool:
    """Tell whether some selector lets in one or the other, never both."""
    return any(
        not any(low <= other_high and other_low <= high for low, high in values for other_low, other_high in others)
        for selector, values in here.items()
        if (others := there.get(selector)) is not None
    )
