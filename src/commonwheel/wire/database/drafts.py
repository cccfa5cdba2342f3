"""Drafts: messages and signals while they are being read, before names and duplicates are settled.

A reader fills drafts from its format; ``finish`` turns them into the model. A draft knows the line it
stands on and the name as the file writes it, by which other statements of the file refer to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MessageDraft", "Presence", "SignalDraft", "merge_ranges"]


@dataclass(slots=True)
class Presence:
    """When a multiplexed signal is there."""

    selector: SignalDraft
    values: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class SignalDraft:
    """One field, as far as it is known."""

    written: str
    start: int
    length: int
    big_endian: bool
    signed: bool
    factor: float = 1.0
    offset: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    line: int = 0
    marker: str = ""
    """Multiplexing as a DBC marks it: ``M``, ``m3``, ``m3M``, or nothing."""
    name: str = ""
    is_float: bool = False
    choices: dict[int, str] = field(default_factory=dict[int, str])
    presence: Presence | None = None
    comment: str = ""
    initial: float | None = None

    def __post_init__(self) -> None:
        self.name = self.name or self.written

    @property
    def layout(self) -> tuple[object, ...]:
        """Everything that decides the value a frame gives."""
        return (
            self.start,
            self.length,
            self.big_endian,
            self.signed,
            self.is_float,
            self.factor,
            self.offset,
        )


@dataclass(slots=True)
class MessageDraft:
    """One message, as far as it is known."""

    written: str
    id: int
    extended: bool
    size: int
    key: int = 0
    """The id as the file states it, with the file's own flags; other statements refer to it."""
    line: int = 0
    kept: bool = True
    """False for the message under which DBC keeps signals that belong to none."""
    name: str = ""
    signals: list[SignalDraft] = field(default_factory=list[SignalDraft])
    period_ms: float | None = None
    comment: str = ""
    left_out: set[str] = field(default_factory=set[str])
    """Signals that the file has and that cannot be kept; what is said of them is left out too."""

    def __post_init__(self) -> None:
        self.name = self.name or self.written

    def named(self, written: str) -> list[SignalDraft]:
        """Return the signals that the file writes by this name: one, unless it repeats itself."""
        return [signal for signal in self.signals if signal.written == written]


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return inclusive ranges in order, those that touch joined."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)
