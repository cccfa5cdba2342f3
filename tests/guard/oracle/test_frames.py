"""Arbitrary frames before both judges at once: what opendbc's rules refuse, the guard refuses, but for what is listed.

Both hear the same drive. In each of its cycles frames of every kind are offered to the guard, near limits more than
elsewhere; each that it lets pass is shown to opendbc, which has to let it pass too: none that opendbc refuses leaves.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from commonwheel.control import CYCLE_NS, CarControl
from commonwheel.guard import Measured, State
from commonwheel.guard.envelope import FieldKind
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.samples import Samples
from commonwheel.wire.frames import Clock
from tests.guard.layout import put, raw_of, read
from tests.guard.oracle.judging import driven
from tests.guard.oracle.rules import REFERENCES, Oracle

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.guard.envelope import FieldRule, FrameRule
    from commonwheel.proving.run import Run

pytestmark = pytest.mark.oracle

_STILL = {FieldKind.LIMITED, FieldKind.ACTIVE}
_ELSEWHERE = {"ev"}
"""Buses of which opendbc knows nothing."""
_BUTTONS = {"car/PedalsAndCruise"}
"""D-05 of the differences."""


class _Offers:
    """Makes frames up: each field at rest, at or beside a limit, a step further than last, or anything."""

    def __init__(self, control: CarControl, seed: int) -> None:
        self._random = random.Random(seed)
        self._control = control
        self._limits = {one.name: one for one in control.control.envelope.envelopes}
        self._stock: dict[tuple[int, int], bytes] = {}
        self._left: dict[tuple[int, int], dict[str, int]] = {}
        self._measured: dict[str, float] = {}

    def hear(self, run: Run, rows: range) -> None:
        for row in rows:
            frames = run.received
            key = int(frames.bus[row]), int(frames.id[row])
            self._stock[key] = frames.data[row, : int(frames.size[row])].tobytes()

    def made(self, rule: FrameRule, *, still: bool) -> tuple[bytes, dict[str, int]]:
        """Return a frame; a still one is the last that left: opendbc counts rates in frames, not in time."""
        raws = {one.name: self._raw(rule, one) for one in rule.fields}
        if still:
            last = self._left.get((rule.bus, rule.can_id), {})
            raws |= {one.name: last[one.name] for one in rule.fields if one.kind in _STILL and one.name in last}
        payload = bytearray(rule.size)
        for one in rule.fields:
            put(payload, one, raws[one.name])
        return bytes(payload), raws

    def left(self, rule: FrameRule, raws: dict[str, int]) -> None:
        self._left[rule.bus, rule.can_id] = raws

    def _raw(self, rule: FrameRule, one: FieldRule) -> int:
        pick, key = self._random.random(), (rule.bus, rule.can_id)
        last = self._left.get(key, {}).get(one.name)
        match one.kind:
            case FieldKind.COUNTER:
                return (-1 if last is None else last) + 1 & (1 << one.length) - 1
            case FieldKind.FIXED:
                return self._random.choice(sorted(one.allowed))
            case FieldKind.ACTIVE:
                return self._random.choice(sorted(one.allowed | one.idle))
            case FieldKind.HELD:
                stock = self._stock.get(key)
                return min(one.allowed) if stock is None else read(stock, one)
            case FieldKind.LIMITED:
                return self._quantity(one, last, pick)
            case _:
                return self._random.getrandbits(one.length)

    def _quantity(self, one: FieldRule, last: int | None, pick: float) -> int:
        limits = self._limits[one.envelope]
        neutral = 0.0
        if isinstance(limits.neutral, Measured):
            shown = self._control.guard._car.watches[limits.neutral.path].good
            neutral = limits.neutral.scale * (shown or 0.0)
        else:
            neutral = limits.neutral
        rest = raw_of(one, neutral)
        if pick < 0.2 or last is None:
            return rest + self._random.choice((0, 0, 1, -1, 2))
        if pick < 0.3:
            return self._random.getrandbits(one.length)
        if pick < 0.4:
            edge = self._random.choice((limits.low, limits.high)).points[-1][1]
            return raw_of(one, edge) + self._random.choice((0, 1, -1))
        return last + round(self._random.choice((-1, 1)) * 10 ** self._random.uniform(0, 3))


def _show(oracle: Oracle, run: Run, rows: range, names: dict[int, str]) -> None:
    """Let opendbc hear what the car sends."""
    frames = run.received
    for row in rows:
        oracle.tick(int(frames.t_ns[row]))
        data = frames.data[row, : int(frames.size[row])].tobytes()
        oracle.rx(names[int(frames.bus[row])], int(frames.id[row]), data)


def _anew(control: CarControl, rule: FrameRule, since_left_ns: int, since_rest_ns: int) -> bool:
    """Whether a message begins anew: after a pause (D-09), or with what is measured while nothing acts (D-10)."""
    with_it = {one.name for one in control.control.envelope.envelopes if isinstance(one.neutral, Measured)}
    follows = bool(with_it & {one.envelope for one in rule.fields})
    return since_left_ns > CYCLE_NS or (follows and since_rest_ns <= CYCLE_NS)


def _compare(library: Path, car: str, trial: str, until_s: float, seed: int) -> dict[str, int]:
    """Return how many frames of each message both let pass."""
    setup, run = driven(car, trial, until_s)
    control = CarControl(setup.vehicle, setup.control)
    oracle = Oracle(library, REFERENCES[car.partition(":")[0]])
    vehicle, envelope = control.vehicle, control.control.envelope
    names = {number: bus.name for number, bus in enumerate(vehicle.buses)}
    decoder = VehicleDecoder(vehicle, buses=names, clock=Clock.RELATIVE)
    offers = _Offers(control, seed)
    rules = [rule for rule in envelope.frames if names[rule.bus] not in _ELSEWHERE]
    passed = dict.fromkeys((rule.name for rule in rules), 0)
    left_ns: dict[str, int] = {}
    rested_ns = 0
    times, at = run.received.t_ns, 0
    for t_ns in range(CYCLE_NS, int(until_s * 1e9), CYCLE_NS):
        end = int(times.searchsorted(t_ns, side="right"))
        frames = run.received[at:end]
        _show(oracle, run, range(at, end), names)
        offers.hear(run, range(at, end))
        at = end
        control.hear(frames)
        control.take(Samples.concat([decoder.decode(frames), decoder.expire(t_ns)]))
        if t_ns == 50 * CYCLE_NS:
            control.arm(t_ns, "test")
        for axis in envelope.axes:
            control.guard.wanted(t_ns, axis.name)
        control.guard.tick(t_ns, t_ns)
        oracle.tick(t_ns)
        if control.guard.state("lateral") is not State.ENGAGED:
            rested_ns = t_ns
        for rule in rules:
            for number in range(7):
                payload, raws = offers.made(rule, still=number == 6)
                verdict = control.guard.check(t_ns, rule.bus, rule.can_id, payload)
                if not verdict.passed:
                    continue
                offers.left(rule, raws)
                if rule.name not in _BUTTONS:
                    accepted = oracle.tx(names[rule.bus], rule.can_id, payload)
                    if not accepted and _anew(control, rule, t_ns - left_ns.get(rule.name, 0), t_ns - rested_ns):
                        return passed  # from here on they count from elsewhere
                    assert accepted, f"{t_ns / 1e9} s {rule.name} {payload.hex()} {raws}: opendbc refuses it"
                passed[rule.name] += 1
                left_ns[rule.name] = t_ns
                break
    return passed


@pytest.mark.parametrize("car", ["honda/civic_touring_2016", "nissan/leaf_ze1:40kwh"])
def test_what_opendbc_refuses_does_not_leave(library: Path, car: str) -> None:
    passed = _compare(library, car, "cut-in", 4.5, 1)
    assert sum(passed.values()) > 300, passed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("trial", ["takeover-brake", "takeover-accelerator", "takeover-wheel", "curve-entry"])
@pytest.mark.parametrize(
    "car", ["honda/civic_touring_2016", "honda/civic_gen10_bosch", "nissan/leaf_ze1:40kwh", "nissan/x_trail_2017"]
)
def test_what_opendbc_refuses_does_not_leave_when_the_driver_takes_over(
    library: Path, car: str, trial: str, seed: int
) -> None:
    passed = _compare(library, car, trial, 26.0, seed)
    assert sum(passed.values()) > 1000, passed
