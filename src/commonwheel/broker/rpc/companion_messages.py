"""Signals, filters, queues and steps in the messages of ``commonwheel.v1``, both ways."""

from __future__ import annotations

import functools
import hashlib
import math
from typing import TYPE_CHECKING, Final

from commonwheel.broker.actuation import Stage
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Boundary, Change, Compare, Curvelog, Filter
from commonwheel.broker.offers import Offer
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.companion_columns import decode_value, encode_value
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.session import SignalFacts
from commonwheel.broker.subscription import Overflow, Queue
from commonwheel.catalog import Kind, Leaf

if TYPE_CHECKING:
    from commonwheel.broker.signals import SignalTable

__all__ = [
    "STAGES",
    "STAGE_NUMBERS",
    "decode_filter",
    "decode_queue",
    "decode_signal",
    "encode_filter",
    "encode_queue",
    "encode_signal",
    "fingerprint",
]

_Signal: Final[Proto] = message("commonwheel.v1.Signal")
_KINDS: Final = {1: Kind.SENSOR, 2: Kind.ACTUATOR, 3: Kind.ATTRIBUTE}
_KIND_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_RIGHTS: Final = {1: Action.READ, 2: Action.ACTUATE, 3: Action.PROVIDE}
_COMPARES: Final = {
    1: Compare.EQ, 2: Compare.NE, 3: Compare.GT, 4: Compare.GTE, 5: Compare.LT, 6: Compare.LTE
}  # fmt: skip
_COMPARE_NUMBERS: Final = {compare: number for number, compare in _COMPARES.items()}
_OVERFLOWS: Final = {0: Overflow.NEWEST, 1: Overflow.NEWEST, 2: Overflow.OLDEST, 3: Overflow.LATEST}
_OVERFLOW_NUMBERS: Final = {Overflow.NEWEST: 1, Overflow.OLDEST: 2, Overflow.LATEST: 3}
STAGES: Final = {
    1: Stage.REQUESTED,
    2: Stage.ACCEPTED,
    3: Stage.REFUSED,
    4: Stage.FORWARDED,
    5: Stage.CONFIRMED,
    6: Stage.TIMED_OUT,
    7: Stage.FAILED,
    8: Stage.ARBITRATED,
    9: Stage.OUTVOTED,
    10: Stage.LIMITED,
    11: Stage.SENT,
    12: Stage.ENDED,
}
"""Stage by its number in the interface."""
STAGE_NUMBERS: Final = {stage: number for number, stage in STAGES.items()}
"""And backwards."""


@functools.lru_cache(maxsize=16)
def fingerprint(table: SignalTable) -> int:
    """Return 64 bits that tell a list of signals from another: what columns mean is the same where they are."""
    hashed = hashlib.blake2b(digest_size=8)
    for signal in table.signals:
        hashed.update("\0".join((signal.path, signal.leaf.datatype, *signal.labels, "\n")).encode())
    return int.from_bytes(hashed.digest(), "little")


def encode_signal(facts: SignalFacts) -> bytes:
    """Return the bytes of a Signal message. What the standard says of it is kept, for it is the same each time."""
    return _standard(facts.number, facts.leaf.path, _ByIdentity(facts.leaf)) + _current(
        facts.owner, facts.actor, facts.offer, facts.rights
    )


class _ByIdentity:
    """A leaf as a key that is quick to look up."""

    __slots__ = ("leaf",)

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf

    def __hash__(self) -> int:
        return id(self.leaf)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.leaf is self.leaf


@functools.lru_cache(maxsize=20_000)
def _standard(number: int, path: str, key: _ByIdentity) -> bytes:
    """Return the part of a Signal message that the standard says."""
    leaf = key.leaf
    made = _Signal(
        number=number,
        path=path,
        kind=_KIND_NUMBERS[leaf.kind],
        datatype=leaf.datatype,
        unit=leaf.unit,
        minimum=leaf.minimum,
        maximum=leaf.maximum,
        description=leaf.description,
        comment=leaf.comment,
        pattern=leaf.pattern,
        arraysize=leaf.arraysize,
        deprecation=leaf.deprecation,
        overlay=leaf.overlay,
    )
    for value in leaf.allowed:
        encode_value(made.allowed.add(), value)
    if leaf.default is not None:
        encode_value(made.default, leaf.default)
    return made.SerializeToString()


@functools.lru_cache(maxsize=20_000)
def _current(owner: str | None, actor: str | None, offer: Offer | None, rights: frozenset[Action]) -> bytes:
    """Return the part of a Signal message that this car says now."""
    numbers = [number for number, action in _RIGHTS.items() if action in rights]
    made = _Signal(owner=owner, actor=actor, rights=numbers)
    if offer is not None:
        _encode_offer(made.offer, offer)
    return made.SerializeToString()


def _encode_offer(made: Proto, offer: Offer) -> None:
    made.SetInParent()
    made.evidence, made.resolution, made.personal, made.how = (
        offer.evidence, offer.resolution, offer.personal, offer.how
    )  # fmt: skip
    made.sources.extend(offer.sources)
    if math.isfinite(offer.low):
        made.low = offer.low
    if math.isfinite(offer.high):
        made.high = offer.high


def decode_signal(made: Proto) -> SignalFacts:
    """Return the signal of a Signal message.

    Raises:
        BrokerError: INVALID; of a kind that is not known here.
    """
    kind = _KINDS.get(made.kind)
    if kind is None:
        raise BrokerError(Reason.INVALID, f"{made.path} is of kind {made.kind}, which is not known here")
    leaf = Leaf(
        made.path,
        kind,
        made.datatype,
        _given(made, "unit"),
        _given(made, "minimum"),
        _given(made, "maximum"),
        tuple(decode_value(value) for value in made.allowed),  # type: ignore[arg-type]  # no arrays among them
        decode_value(made.default),
        made.description,
        made.comment,
        overlay=made.overlay,
        pattern=_given(made, "pattern"),
        arraysize=_given(made, "arraysize"),
        deprecation=_given(made, "deprecation"),
    )
    rights = frozenset(_RIGHTS[number] for number in made.rights if number in _RIGHTS)
    offer = _decode_offer(made.offer) if made.HasField("offer") else None
    return SignalFacts(made.number, leaf, _given(made, "owner"), _given(made, "actor"), offer, rights)


def _given(made: Proto, field: str) -> Proto:
    """Return a field's value, or None where it was not set."""
    return getattr(made, field) if made.HasField(field) else None


def _decode_offer(made: Proto) -> Offer:
    low, high = _given(made, "low"), _given(made, "high")
    return Offer(
        made.evidence,
        made.resolution,
        made.personal,
        made.how,
        -math.inf if low is None else low,
        math.inf if high is None else high,
        tuple(made.sources),
    )


def encode_filter(made: Proto, rule: Filter) -> None:
    """Put a filter into a Filter message."""
    made.min_interval_ns, made.on_change, made.deadband = rule.min_interval_ns, rule.on_change, rule.deadband
    made.any_of = rule.any_of
    if rule.change is not None:
        made.change.compare, made.change.diff = _COMPARE_NUMBERS[rule.change.compare], rule.change.diff
    for limit in rule.within:
        made.within.add(compare=_COMPARE_NUMBERS[limit.compare], boundary=limit.boundary)
    if rule.curvelog is not None:
        curve = rule.curvelog
        made.curvelog.max_error, made.curvelog.buffer, made.curvelog.max_age_s = (
            curve.max_error, curve.buffer, curve.max_age_s
        )  # fmt: skip


def decode_filter(made: Proto) -> Filter:
    """Return the filter of a Filter message.

    Raises:
        BrokerError: INVALID; a comparison that is not known, or a filter that makes no sense.
    """
    change = Change(_compare(made.change.compare), made.change.diff) if made.HasField("change") else None
    curvelog = _decode_curvelog(made.curvelog) if made.HasField("curvelog") else None
    within = tuple(Boundary(_compare(limit.compare), limit.boundary) for limit in made.within)
    rule = Filter(made.min_interval_ns, made.on_change, made.deadband, change, within, made.any_of, curvelog)
    rule.check()
    return rule


def _decode_curvelog(made: Proto) -> Curvelog:
    if not made.max_age_s:
        return Curvelog(made.max_error, made.buffer)
    return Curvelog(made.max_error, made.buffer, made.max_age_s)


def _compare(number: int) -> Compare:
    found = _COMPARES.get(number)
    if found is None:
        raise BrokerError(Reason.INVALID, f"a filter compares by number {number}; they are 1 to {len(_COMPARES)}")
    return found


def encode_queue(made: Proto, queue: Queue) -> None:
    """Put a queue's bounds into a Queue message.

    Raises:
        BrokerError: INVALID; not a whole number of 32 bits.
    """
    if not (0 < queue.batches < 2**32 and 0 < queue.updates < 2**32):
        raise BrokerError(Reason.INVALID, f"a queue of {queue.batches} batches and {queue.updates} updates")
    made.batches, made.updates, made.overflow = queue.batches, queue.updates, _OVERFLOW_NUMBERS[queue.overflow]


def decode_queue(made: Proto) -> Queue:
    """Return the bounds of a Queue message; 0 stands for the usual ones.

    Raises:
        BrokerError: INVALID; an overflow that is not known.
    """
    overflow = _OVERFLOWS.get(made.overflow)
    if overflow is None:
        message = f"a queue overflows by number {made.overflow}; they are 0 to {len(_OVERFLOWS) - 1}"
        raise BrokerError(Reason.INVALID, message)
    usual = Queue()
    return Queue(made.batches or usual.batches, made.updates or usual.updates, overflow)
