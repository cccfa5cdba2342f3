"""What a Flight client wants, as it stands in a ticket, a command or an action: JSON, checked field by field.

>>> parse(b'{"signals": ["Vehicle.Speed"], "on_change": true}', Want).on_change
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Boundary, Change, Compare, Curvelog, Filter
from commonwheel.broker.session import MOST_BATCHES
from commonwheel.broker.subscription import Overflow, Queue

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LONGEST_REQUEST", "MOST_ROWS", "Offered", "Queried", "Want", "parse", "want_of"]

MOST_ROWS = 1_000_000
LONGEST_REQUEST = 1_000_000
"""Bytes of a ticket, a command or an action's body."""
MAX_LINGER_MS = 10_000
LONGEST_HISTORY_S = 1e9

Request = TypeVar("Request", bound=msgspec.Struct)


class _Compared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    compare: Compare
    value: float


class _Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_error: float
    buffer: int = 100


class Want(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket of ``DoGet``."""

    signals: tuple[str, ...] = ("",)
    """Path patterns; '' is every signal that may be read."""
    history_s: float | None = None
    """Given: the kept updates of the last so many seconds, and no more. Else updates as they come, for ever."""
    snapshot: bool = False
    """The current values, and no more."""
    initial: bool = True
    """Begin with the current values."""
    min_interval_ms: float = 0.0
    on_change: bool = False
    deadband: float = 0.0
    change: _Compared | None = None
    within: tuple[_Compared, ...] = ()
    any_of: bool = False
    curvelog: _Curve | None = None
    """For these see ``commonwheel.broker.Filter``."""
    overflow: Overflow = Overflow.NEWEST
    """What to give up when the reader is too slow."""
    queue: int = 100_000
    """Updates that may wait for the reader."""
    linger_ms: float = 0.0
    """How long to gather updates once there is one: fewer and larger batches."""
    names: bool = False
    """Whether each row has the signal's path besides its number."""
    rows: int = 65_536
    """Most rows of a batch."""

    @property
    def rule(self) -> Filter:
        """The filter.

        Raises:
            BrokerError: INVALID, when it makes no sense.
        """
        rule = Filter(
            round(self.min_interval_ms * 1e6),
            self.on_change,
            self.deadband,
            None if self.change is None else Change(self.change.compare, self.change.value),
            tuple(Boundary(limit.compare, limit.value) for limit in self.within),
            self.any_of,
            None if self.curvelog is None else Curvelog(self.curvelog.max_error, self.curvelog.buffer),
        )
        rule.check()
        return rule

    @property
    def bounds(self) -> Queue:
        """The bounds of the reader's queue."""
        return Queue(batches=min(self.queue, MOST_BATCHES), updates=self.queue, overflow=self.overflow)

    def check(self) -> None:
        """Raise a BrokerError (INVALID) for what makes no sense."""
        if not (1 <= self.rows <= MOST_ROWS and 1 <= self.queue <= MOST_ROWS):
            message = f"'rows' and 'queue' are 1 to {MOST_ROWS}"
            raise BrokerError(Reason.INVALID, message)
        if not 0 <= self.linger_ms <= MAX_LINGER_MS:
            message = f"'linger_ms' is 0 to {MAX_LINGER_MS}"
            raise BrokerError(Reason.INVALID, message)
        if self.history_s is not None and (self.snapshot or not 0 < self.history_s <= LONGEST_HISTORY_S):
            raise BrokerError(Reason.INVALID, "'history_s' is more than 0, and not together with 'snapshot'")


class Offered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command of ``DoPut``: who gives values to what."""

    signals: tuple[str, ...]
    """Path patterns of the signals to own while the stream lasts."""
    name: str = ""
    """What to call the provider; '' for the client's own name."""


class Queried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of the actions ``get`` and ``signals``."""

    signals: tuple[str, ...] = ("",)


def parse(body: bytes, kind: type[Request]) -> Request:
    """Return a request of some kind.

    Raises:
        BrokerError: INVALID; says where and what.
    """
    if len(body) > LONGEST_REQUEST:
        message = f"a request of {len(body)} bytes; {LONGEST_REQUEST} are the most"
        raise BrokerError(Reason.INVALID, message)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f'{error}; a request is JSON like {{"signals": ["Vehicle.Speed"]}}'
        raise BrokerError(Reason.INVALID, message) from error


def want_of(path: Sequence[bytes], command: bytes | None) -> Want:
    """Return what a Flight descriptor wants: the patterns of its path, or its command.

    Raises:
        BrokerError: INVALID.
    """
    if command is not None:
        return parse(command, Want)
    return Want(signals=tuple(part.decode("utf-8", "replace") for part in path) or ("",))
