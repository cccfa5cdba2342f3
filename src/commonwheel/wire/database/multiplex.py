"""Multiplexing: which selector lets a signal in, and for which of its values.

A DBC marks selectors ``M`` and their signals ``m3``; a message with several or nested selectors states
for each signal, by ``SG_MUL_VAL_``, the selector and its ranges. What is stated counts; where a message
leaves it open, the one selector that can be meant is taken, and otherwise none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from commonwheel.wire.database.drafts import Presence, merge_ranges
from commonwheel.wire.database.model import Repair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.wire.database.drafts import MessageDraft, SignalDraft

__all__ = ["Stated", "break_circles", "resolve_multiplexing"]

Stated = tuple[str, tuple[tuple[int, int], ...]]
"""What ``SG_MUL_VAL_`` says of a signal: the selector's name as written, and the ranges."""

_CODE = re.compile(r"m(\d{1,20})M?", re.ASCII)


def resolve_multiplexing(message: MessageDraft, stated: Mapping[str, Stated], repairs: list[Repair]) -> None:
    """Set ``presence`` of every multiplexed signal of a message; doubts are added to *repairs*."""
    if not stated and not any(signal.marker for signal in message.signals):
        return
    default = _default_selector(message, repairs)
    doubtful = default is None or sum(signal.marker.endswith("M") for signal in message.signals) > 1
    for signal in message.signals:
        code = _CODE.fullmatch(signal.marker)
        if signal.written in stated:
            _take_stated(message, signal, stated[signal.written])
        elif code is not None and default is not None and signal is not default:
            signal.presence = Presence(default, ((int(code[1]), int(code[1])),))
            if doubtful:
                what = f"message {message.written!r} has several selectors and does not say which one lets in"
                what = f"{what} {signal.written!r}; taken to be {default.written!r}"
                repairs.append(Repair(signal.line, "selector", what))
        elif code is not None and signal is not default:
            what = f"signal {signal.written!r} is marked {signal.marker!r}, but message {message.written!r} does not"
            repairs.append(Repair(signal.line, "selector", f"{what} say by which selector; taken as always there"))
    break_circles(message, repairs)


def _default_selector(message: MessageDraft, repairs: list[Repair]) -> SignalDraft | None:
    """Return the selector that is meant where the file does not state one."""
    marked = [signal for signal in message.signals if signal.marker.endswith("M")]
    if len(marked) == 1:
        return marked[0]
    plain = [signal for signal in marked if signal.marker == "M"]
    if marked:
        return plain[0] if len(plain) == 1 else None
    bare = [signal for signal in message.signals if signal.marker == "m"]
    if len(bare) != 1:
        return None
    what = f"signal {bare[0].written!r} of message {message.written!r} is marked 'm'; taken as the selector, 'M'"
    repairs.append(Repair(bare[0].line, "selector", what))
    return bare[0]


def _take_stated(message: MessageDraft, signal: SignalDraft, stated: Stated) -> None:
    """Set what ``SG_MUL_VAL_`` says."""
    selector = message.named(stated[0])
    if selector and selector[0] is not signal:
        signal.presence = Presence(selector[0], merge_ranges(stated[1]))


def break_circles(message: MessageDraft, repairs: list[Repair]) -> None:
    """Make always present what is let in, directly or not, by itself."""
    for signal in message.signals:
        seen = {id(signal)}
        presence = signal.presence
        while presence is not None and id(presence.selector) not in seen:
            seen.add(id(presence.selector))
            presence = presence.selector.presence
        if presence is not None:
            signal.presence = None
            what = f"selectors of message {message.written!r} let each other in"
            what = f"{what}; {signal.written!r} taken as always there"
            repairs.append(Repair(signal.line, "selector", what))
