"""One signal in full: what the standard says, the row behind it, the frame it came from, the arithmetic, its past."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from commonwheel.broker.faults import BrokerError
from commonwheel.vehicles.bits import number_of, raw_of
from commonwheel.web.car_facts import facts_of
from commonwheel.web.frame_facts import FrameNow, MessageCard, frame_now, latest_of, message_card
from commonwheel.web.scene import vehicle_of
from commonwheel.web.signal_values import finite, rows_of
from commonwheel.web.signals_view import history_points
from commonwheel.web.traffic_view import hidden_of, monitored

if TYPE_CHECKING:
    from commonwheel.broker.session import SignalFacts
    from commonwheel.vehicles.model import SignalInfo, Writer
    from commonwheel.web.car_facts import CarFacts, Carrier
    from commonwheel.web.frame_monitor import FrameMonitor
    from commonwheel.web.views import Params, Viewer

__all__ = ["About", "CarrierCard", "SignalView", "Step", "about_row", "about_standard"]

PAST_S = 60.0
_POINTS = 600


class CarrierCard(msgspec.Struct, frozen=True):
    """A field that a signal rests on: where it lies, and what its number is worth."""

    message: int
    """Index in the list of messages."""
    field: int
    direct: bool
    """Whether its number becomes the value; else it is an input of what is computed."""
    factor: float
    offset: float
    unit: str
    codes: list[tuple[int, float]]
    """Of an enumeration: number in the frame to the standard's code."""
    invalid: int | None


class Step(msgspec.Struct, frozen=True):
    """What a carrier's number was in the last frame, and what came of it."""

    raw: int | None
    value: float | str | None


class About(msgspec.Struct, frozen=True):
    """What is known of a signal beside its value."""

    path: str
    description: str
    comment: str
    kind: str
    datatype: str
    unit: str
    low: float | None
    high: float | None
    allowed: list[str]
    origin: str
    """'VSS', or what the overlay says it adds or refines."""


class _Wants(msgspec.Struct):
    car: str
    path: str


def about_standard(found: SignalFacts) -> About:
    """Return what the standard says of a signal."""
    leaf = found.leaf
    origin = (leaf.refines or "added by Commonwheel") if leaf.overlay else "VSS"
    return About(
        leaf.path,
        leaf.description,
        leaf.comment,
        leaf.kind.value,
        leaf.datatype,
        leaf.unit or "",
        leaf.minimum,
        leaf.maximum,
        [str(value) for value in leaf.allowed],
        origin if not leaf.deprecation else f"{origin}; deprecated: {leaf.deprecation}",
    )


def about_row(facts: CarFacts, path: str) -> dict[str, object] | None:
    """Return what a car's description says of a signal; None: it has no row for it."""
    vehicle, known = facts.vehicle, facts.provenance
    number = vehicle.numbers.get(path)
    request = next((request for request in vehicle.requests if request.path == path), None)
    place = known.signals.get(path) or known.attributes.get(path) or known.requests.get(path)
    if number is None and request is None and path not in vehicle.attributes:
        return None
    info: SignalInfo | None = vehicle.signals[number] if number is not None else None
    return {
        "how": info.how if info else "fixed" if path in vehicle.attributes else "request",
        "sources": list(info.sources) if info else [],
        "evidence": info.evidence if info else request.evidence if request else "",
        "note": known.notes.get(path, ""),
        "resolution": info.resolution if info else 0.0,
        "low": finite(info.low) if info else None,
        "high": finite(info.high) if info else None,
        "personal": bool(info and info.personal),
        "fixed": str(vehicle.attributes[path]) if path in vehicle.attributes else None,
        "request": request.source if request else "",
        "confirm": request.confirm if request else "",
        "file": place.file if place else (info.file if info else ""),
        "line": place.line if place else (info.line if info else 0),
        "text": place.text if place else "",
    }


class SignalView:
    """One page's look at one signal of one car."""

    hz = 10.0

    def __init__(self, viewer: Viewer, params: Params) -> None:
        """Begin to look.

        Raises:
            BrokerError: INVALID, UNKNOWN_SIGNAL, FORBIDDEN or EXPIRED.
        """
        wants = msgspec.convert(params, _Wants)
        self._path = wants.path
        car = viewer.scene.car(wants.car)
        self._session = viewer.session(car)
        self._number = self._session.number(wants.path)
        vehicle = vehicle_of(car)
        settings = viewer.scene.settings_of(car)
        self._facts = facts_of(vehicle, settings.car if settings else vehicle.name) if vehicle else None
        self._carriers: list[Carrier] = []
        if self._facts and self._path in self._facts.vehicle.numbers:
            self._carriers = self._facts.carriers(self._path)
        self._messages = list(dict.fromkeys(carrier.message for carrier in self._carriers))
        self._monitor: FrameMonitor | None = None
        self._why = ""
        self._last: tuple[object, ...] = ()
        if self._facts and self._messages:
            self._listen(viewer, wants.car, with_personal=viewer.scene.shows_personal(car))

    def _listen(self, viewer: Viewer, car: str, *, with_personal: bool) -> None:
        try:
            _, monitor, facts = monitored(viewer, car)
        except BrokerError as error:  # the value may be read, and the frames not
            self._why = str(error)
            return
        if hidden_of(facts, with_personal=with_personal).intersection(self._messages):
            self._why = "its frames tell who the car or its user is, and are not shown"
            return
        monitor.hold()
        self._monitor = monitor

    def first(self) -> object:
        """Return what does not change: the standard's words, the description's row, the messages, the past."""
        facts = self._facts
        (found,) = self._session.describe((self._path,))
        row = about_row(facts, self._path) if facts else None
        return {
            "number": self._number,
            "about": about_standard(found),
            "owner": found.owner,
            "row": row,
            "messages": self._cards(),
            "carriers": [_carrier_card(facts, carrier, self._messages) for carrier in self._carriers] if facts else [],
            "why": self._why,
            "past": history_points(self._session, self._number, PAST_S, _POINTS),
            "past_s": PAST_S,
        }

    def _cards(self) -> list[MessageCard]:
        return [message_card(self._facts, number) for number in self._messages] if self._facts else []

    def take(self) -> object | None:
        """Return the value, and the last frame of each message with what its fields gave."""
        (row,) = rows_of(self._session, self._session.broker.snapshot([self._number]))
        payloads = self._payloads()
        state = (*row, *(payload and payload[2] for payload in payloads))
        if state == self._last:
            return None
        self._last = state
        change: dict[str, object] = {"now": time.time_ns() / 1e6, "value": row[1], "quality": row[2], "t_ms": row[3]}
        if self._monitor is not None:
            change["frames"] = [self._frame(at, payload) for at, payload in enumerate(payloads)]
            change["steps"] = [self._step(carrier, payloads) for carrier in self._carriers]
        return change

    def _payloads(self) -> list[tuple[int, bytes, int] | None]:
        if self._monitor is None or self._facts is None:
            return []
        return [latest_of(self._facts, self._monitor, number) for number in self._messages]

    def _frame(self, at: int, payload: tuple[int, bytes, int] | None) -> FrameNow | None:
        if payload is None or self._facts is None:
            return None
        number = self._messages[at]
        return frame_now(self._facts, number, payload, [c.field for c in self._carriers if c.message == number])

    def _step(self, carrier: Carrier, payloads: list[tuple[int, bytes, int] | None]) -> Step:
        payload = payloads[self._messages.index(carrier.message)]
        facts = self._facts
        if payload is None or facts is None:
            return Step(None, None)
        field = facts.vehicle.messages[carrier.message].fields[carrier.field]
        if not facts.is_there(carrier.message, field, payload[1]):
            return Step(None, None)
        raw = raw_of(payload[1], field)
        return Step(raw, _worth(carrier.writer, raw, number_of(raw, field)) if carrier.writer else None)

    def tell(self, params: Params) -> None:
        """Nothing else can be looked at here: another signal is another view."""

    def close(self) -> None:
        """Listen no more."""
        if self._monitor is not None:
            self._monitor.release()


def _carrier_card(facts: CarFacts, carrier: Carrier, messages: list[int]) -> CarrierCard:
    field = facts.vehicle.messages[carrier.message].fields[carrier.field]
    writer = carrier.writer
    return CarrierCard(
        messages.index(carrier.message),
        carrier.field,
        writer is not None,
        writer.factor if writer else field.factor,
        writer.offset if writer else field.offset,
        "" if writer else field.unit,
        [(raw, code) for code, raw in writer.codes] if writer else [],
        writer.invalid if writer else None,
    )


def _worth(writer: Writer, raw: int, number: float) -> float | None:
    """Return what a number in a frame is worth in the standard's unit; None where it is no value."""
    if raw == writer.invalid:
        return None
    if writer.codes:
        return next((code for code, coded in writer.codes if coded == raw), None)
    return finite(number * writer.factor + writer.offset)
