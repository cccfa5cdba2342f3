"""The Traffic page's side of the server: every message of a car as it comes, a list that flows, and one frame decoded.

Frames carry any signal, so who may not read all of a car's signals sees none of them.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.gateway.recording import names_of
from commonwheel.web.car_facts import facts_of, id_text, is_sent
from commonwheel.web.frame_facts import frame_now, message_card
from commonwheel.web.frame_monitor import KEPT_S, monitor_of
from commonwheel.web.frame_record import recording_of
from commonwheel.web.scene import vehicle_of
from commonwheel.web.signal_values import readings
from commonwheel.web.views import File
from commonwheel.wire.logs.write import write_candump

if TYPE_CHECKING:
    from commonwheel.gateway.live import LiveCar
    from commonwheel.web.car_facts import CarFacts
    from commonwheel.web.frame_monitor import FrameMonitor, Table
    from commonwheel.web.views import Params, Viewer
    from commonwheel.wire.frames import Frames

__all__ = ["MessageView", "TrafficView", "frames_file", "hidden_of", "monitored"]

MOST_FLOWING = 60
"""Frames of the flowing list in one update; it shows the newest."""
MOST_KEYS = 4096

_Key = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A message's: the numbers that fit a column of them."""


class _Wants(msgspec.Struct):
    car: str
    mode: Literal["messages", "flow"] = "messages"
    keys: list[_Key] | None = None
    """Of the flowing list: only frames of these messages; None all."""
    changed: bool = False
    """Of the flowing list: only frames with another payload than the one before."""
    paused: bool = False


class _MessageWants(msgspec.Struct):
    car: str
    key: _Key


class _FileWants(msgspec.Struct):
    car: str
    seconds: float = KEPT_S
    keys: list[_Key] | None = None


def monitored(viewer: Viewer, name: object) -> tuple[LiveCar, FrameMonitor, CarFacts]:
    """Return a car whose frames may be seen, what listens to them, and what is known of it.

    Raises:
        BrokerError: INVALID, there is no such car or it has no frames; FORBIDDEN or EXPIRED.
    """
    car = viewer.scene.car(name)
    viewer.rights.require_valid()
    vehicle = vehicle_of(car)
    if car.gateway is None or vehicle is None:
        raise BrokerError(Reason.INVALID, f"{car.name or 'this broker'} has no buses, so there are no frames to see")
    if not viewer.sees_all(car):
        message = (
            f"{viewer.rights.client} may not see the frames of {car.name}: they carry every signal, so that takes the "
            "scope 'read' without a path"
        )
        raise BrokerError(Reason.FORBIDDEN, message)
    settings = viewer.scene.settings_of(car)
    return car, monitor_of(car.gateway), facts_of(vehicle, settings.car if settings else vehicle.name)


def hidden_of(facts: CarFacts, *, with_personal: bool) -> frozenset[int]:
    """Return the messages, by number, whose payload is nobody's business."""
    return frozenset() if with_personal else facts.personal


def _wants_of(params: Params) -> _Wants:
    wants = msgspec.convert(params, _Wants)
    if wants.keys is not None and len(wants.keys) > MOST_KEYS:
        raise BrokerError(Reason.LIMIT, f"{len(wants.keys)} messages are asked for; {MOST_KEYS} are the most")
    return wants


class TrafficView:
    """One page's look at a car's frames."""

    hz = 8.0

    def __init__(self, viewer: Viewer, params: Params) -> None:
        """Begin to listen.

        Raises:
            BrokerError: see ``monitored``.
        """
        self._wants = _wants_of(params)
        self._car, self._monitor, self._facts = monitored(viewer, self._wants.car)
        self._hidden = hidden_of(self._facts, with_personal=viewer.scene.shows_personal(self._car))
        self._record = recording_of(viewer.scene, self._car)
        self._count = np.zeros(0, np.int64)
        self._version = np.zeros(0, np.int64)
        self._moved = np.zeros((0, 64), np.uint8)
        self._rate = np.zeros(0)
        self._seen = 0
        self._told_record: object = None
        self._monitor.hold()

    def first(self) -> object:
        """Return the car's messages by key, and how much is kept."""
        facts, vehicle = self._facts, self._facts.vehicle
        return {
            "buses": [bus.name for bus in vehicle.buses],
            "kept_s": KEPT_S,
            "messages": [
                {
                    "key": message.key,
                    "name": message.name,
                    "period_ms": message.period_ns / 1e6,
                    "fields": len(message.fields),
                    "signals": facts.readers.get(number, []),
                    "personal": number in self._hidden,
                }
                for number, message in enumerate(vehicle.messages)
            ],
        }

    def tell(self, params: Params) -> None:
        """Show something else of the same car."""
        wants = _wants_of(params)
        if wants.mode == "flow" and (self._wants.mode != "flow" or self._wants.paused):
            self._seen = self._monitor.after(2**62).end
        self._wants = wants

    def take(self) -> object | None:
        """Return the rows that have changed, and the newest frames where they are asked for."""
        if self._wants.paused:
            return self._recording({})
        table = self._monitor.table()
        change: dict[str, object] = {"now": time.time_ns() / 1e6, "frames": table.frames, "others": table.others}
        rows = self._rows(table)
        if rows:
            change["rows"] = rows
        if self._wants.mode == "flow":
            change |= self._flow()
        return self._recording(change)

    def _recording(self, change: dict[str, object]) -> object | None:
        record = self._record.status()
        if record != self._told_record:
            self._told_record = record
            change["record"] = record
        return change or None

    def _rows(self, table: Table) -> list[list[object]]:
        """Return [key, id, bus, count, rate, t_ms, size, payload, moved] of what changed; null for what did not."""
        known, n = len(self._count), len(table.key)
        before = np.zeros(n, np.int64)
        before[:known] = self._count
        version = np.full(n, -1, np.int64)
        version[:known] = self._version
        moved = np.zeros((n, 64), np.uint8)
        moved[:known] = self._moved
        rate = np.full(n, -1.0)
        rate[:known] = self._rate
        slow = np.abs(table.rate - rate) > 0.02 * np.maximum(table.rate, 1.0)
        changed = np.flatnonzero((table.count != before) | slow)
        other = table.version != version
        flipped = (table.moved != moved).any(axis=1) | (version < 0)
        self._count, self._version, self._moved, self._rate = table.count, table.version, table.moved, table.rate
        keys, counts, sizes = table.key.tolist(), table.count.tolist(), table.size.tolist()
        rows: list[list[object]] = []
        for i in changed.tolist():
            key, size = keys[i], sizes[i]
            new, hidden = i >= known, self._facts.number(key) in self._hidden
            rows.append([
                key,
                id_text(key) if new else None,
                self._facts.bus_name(key) if new else None,
                counts[i],
                round(float(table.rate[i]), 2),
                round(int(table.last_ns[i]) / 1e6, 1),
                size,
                table.data[i, :size].tobytes().hex() if other[i] and not hidden else None,
                table.moved[i, :size].tobytes().hex() if flipped[i] and not hidden else None,
            ])  # fmt: skip
        return rows

    def _flow(self) -> dict[str, object]:
        """Return the newest frames since it was asked last, and how many were left out."""
        kept = self._monitor.after(self._seen)
        self._seen = kept.end
        frames = kept.frames
        wanted = np.ones(len(frames), bool)
        if self._wants.changed:
            wanted &= kept.changed
        if self._wants.keys is not None:
            keys = frames.bus.astype(np.int64) << 32 | frames.id
            wanted &= np.isin(keys, np.array(self._wants.keys, np.int64))
        found = np.flatnonzero(wanted)
        rows = [self._flowing(frames, i) for i in found[-MOST_FLOWING:].tolist()]
        return {"flow": rows, "skipped": len(found) - len(rows)}

    def _flowing(self, frames: Frames, at: int) -> list[object]:
        key = int(frames.bus[at]) << 32 | int(frames.id[at])
        hidden = self._facts.number(key) in self._hidden
        payload = None if hidden else frames.data[at, : frames.size[at]].tobytes().hex()
        return [int(frames.t_ns[at]) / 1e6, key, payload]

    def close(self) -> None:
        """Listen no more."""
        self._monitor.release()


class MessageView:
    """One message: how it is laid out, and its last frame decoded."""

    hz = 10.0

    def __init__(self, viewer: Viewer, params: Params) -> None:
        """Begin to listen.

        Raises:
            BrokerError: see ``monitored``.
        """
        wants = msgspec.convert(params, _MessageWants)
        self._key = wants.key
        self._car, self._monitor, self._facts = monitored(viewer, wants.car)
        self._session = viewer.session(self._car)
        self._hidden = hidden_of(self._facts, with_personal=viewer.scene.shows_personal(self._car))
        self._number = self._facts.number(self._key)
        self._count = -1
        self._monitor.hold()

    def first(self) -> object:
        """Return the message's layout; none for an id that the description does not know."""
        if self._number is None:
            return {"id": id_text(self._key), "bus": self._facts.bus_name(self._key), "card": None}
        card = replace(message_card(self._facts, self._number), bus=self._facts.bus_name(self._key))
        return {"card": card, "personal": self._number in self._hidden}

    def take(self) -> object | None:
        """Return the last frame with its fields, and the standard signals that rest on it."""
        if self._number in self._hidden:
            return None
        frame = self._monitor.payload(self._key)
        if frame is None or frame[2] == self._count:
            return None
        self._count = frame[2]
        if self._number is None:
            return {"frame": {"t_ms": frame[0] / 1e6, "count": frame[2], "payload": frame[1].hex()}}
        paths = [] if is_sent(self._key) else self._facts.readers.get(self._number, [])
        return {
            "frame": frame_now(self._facts, self._number, frame),
            "signals": readings(self._session, paths),
        }

    def tell(self, params: Params) -> None:
        """Look at another message of the same car."""
        self._key = msgspec.convert(params, _MessageWants).key
        self._number = self._facts.number(self._key)
        self._count = -1

    def close(self) -> None:
        """Listen no more."""
        self._monitor.release()


def frames_file(viewer: Viewer, params: Params) -> File:
    """Return the last seconds of a car's frames as a candump log.

    Raises:
        BrokerError: see ``monitored``; INVALID when nothing was heard yet.
    """
    wants = msgspec.convert(params, _FileWants)
    car, monitor, facts = monitored(viewer, wants.car)
    frames = monitor.recent(min(max(0.0, wants.seconds), KEPT_S)).frames
    names = names_of(facts.vehicle)
    if not viewer.scene.shows_personal(car):
        personal = [facts.vehicle.messages[number].frame_id for number in facts.personal]
        frames = frames[~np.isin(frames.id, np.array(personal, np.uint32))]
    if wants.keys is not None:
        frames = frames[np.isin(frames.bus.astype(np.int64) << 32 | frames.id, np.array(wants.keys, np.int64))]
    if not len(frames):
        raise BrokerError(Reason.INVALID, f"no frame of {car.name} was heard in this time; open its traffic and wait")
    text = io.BytesIO()
    write_candump(text, frames[frames.t_ns >= 0], interfaces=names)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(int(frames.t_ns[-1]) / 1e9))
    return File(f"{_plain(car.name)}-{stamp}.log", text.getvalue(), "text/plain; charset=utf-8")


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_" for letter in name)
