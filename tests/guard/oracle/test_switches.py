"""What the driver presses on the wheel: it ends what acts at the press, whatever cruise control shows of it and when.

A drive is heard once more, with the switches' frames changed on the way; cruise control stays active all the time, as
if the car were slow to answer, or did not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from commonwheel.control import CYCLE_NS, CarControl, Request
from commonwheel.control.frames import Slot
from commonwheel.guard import State
from commonwheel.guard.envelope import FieldKind
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.samples import Samples
from commonwheel.wire.frames import Clock
from commonwheel.wire.sealing import Sealer
from tests.guard.layout import read
from tests.guard.oracle.judging import driven
from tests.guard.oracle.rules import REFERENCES, Oracle

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.control import Leaving
    from commonwheel.proving.run import Run
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

pytestmark = pytest.mark.oracle

_UNTIL_S = 4.5
_FROM_NS, _TO_NS = 4_000_000_000, 4_200_000_000
"""When the switch is pressed."""
_SEEN_NS = 50_000_000
"""What a press takes to be on the bus: the period of Honda's message is 40 ms."""
_SPEED = "Vehicle.MotionManagement.SpeedTarget"
_ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"


@dataclass(frozen=True, slots=True)
class _Buttons:
    """Where a car's switches are, and their raw values."""

    message: str
    field: str
    main: int
    cancel: int
    set: int


_HONDA = _Buttons("ScmButtons", "CruiseButtons", 1, 2, 3)
_NISSAN = _Buttons("PedalsAndCruise", "Buttons", 1, 2, 8)
_WHERE = {
    "honda/civic_touring_2016": _HONDA,
    "honda/civic_gen10_bosch": _HONDA,
    "nissan/leaf_ze1:40kwh": _NISSAN,
    "nissan/x_trail_2017": _NISSAN,
}
_SLOW = {"honda/civic_gen10_bosch", "nissan/x_trail_2017"}
_CARS = [pytest.param(car, marks=[pytest.mark.slow] if car in _SLOW else []) for car in _WHERE]
_WHICH = ["cancel", pytest.param("main", marks=[pytest.mark.slow])]
_NISSANS = [pytest.param(car, marks=[pytest.mark.slow] if car in _SLOW else []) for car in _WHERE if "nissan" in car]


def _pressed(vehicle: Vehicle, car: str, frames: Frames, raw: int) -> Frames:
    """Return frames in which a switch is pressed, sealed anew."""
    where = _WHERE[car]
    message = next(one for one in vehicle.messages if one.name == where.message)
    field = next(one for one in message.fields if one.name == where.field)
    slot = Slot.of(field, message.size)
    sealer = Sealer(vehicle.tables, message.check, message.size) if message.check >= 0 else None
    for row, t_ns in enumerate(frames.t_ns.tolist()):
        if (frames.bus[row], frames.id[row]) == (message.bus, message.id) and _FROM_NS <= t_ns < _TO_NS:
            word = int.from_bytes(frames.data[row, : message.size].tobytes(), "big")
            payload = slot.put(word, raw).to_bytes(message.size, "big")
            frames.data[row, : message.size] = list(sealer(payload) if sealer else payload)
    return frames


@dataclass(frozen=True, slots=True)
class _Moment:
    """One cycle of the drive that is heard once more."""

    t_ns: int
    states: dict[str, State]
    frames: list[Leaving]


def _again(car: str, raw: int, library: Path | None = None) -> tuple[CarControl, list[_Moment], list[bool]]:
    """Return the cycles of a drive in which a switch is pressed, and whether the judge allows controls in each."""
    setup, run = driven(car, "cut-in", _UNTIL_S)
    control = CarControl(setup.vehicle, setup.control)
    names = {number: bus.name for number, bus in enumerate(setup.vehicle.buses)}
    decoder = VehicleDecoder(setup.vehicle, buses=names, clock=Clock.RELATIVE)
    oracle = Oracle(library, REFERENCES[car.partition(":")[0]]) if library else None
    received = _pressed(setup.vehicle, car, run.received[:], raw)
    moments: list[_Moment] = []
    allowed: list[bool] = []
    at = 0
    for t_ns in range(CYCLE_NS, int(_UNTIL_S * 1e9), CYCLE_NS):
        end = int(received.t_ns.searchsorted(t_ns, side="right"))
        frames, at = received[at:end], end
        if oracle is not None:
            _judge(oracle, frames, names)
            allowed.append(oracle.allows)
        control.hear(frames)
        control.take(Samples.concat([decoder.decode(frames), decoder.expire(t_ns)]))
        if t_ns == 50 * CYCLE_NS:
            control.arm(t_ns, "test")
        _ask(control, run, t_ns)
        left = control.step(t_ns, t_ns).frames
        states = {axis: control.guard.state(axis) for axis in ("longitudinal", "lateral")}
        moments.append(_Moment(t_ns, states, left))
    return control, moments, allowed


def _judge(oracle: Oracle, frames: Frames, names: dict[int, str]) -> None:
    for row, t_ns in enumerate(frames.t_ns.tolist()):
        oracle.tick(t_ns)
        data = frames.data[row, : int(frames.size[row])].tobytes()
        oracle.rx(names[int(frames.bus[row])], int(frames.id[row]), data)


def _ask(control: CarControl, run: Run, t_ns: int) -> None:
    """Ask for somewhat more speed, and for the angle that there is."""
    row = min(int(run.t_s.searchsorted(t_ns / 1e9 - 1e-6)), len(run.t_s) - 1)
    speed_kmh, angle = run.truth["speed_mps"][row] * 3.6 + 5.0, run.truth["steering_deg"][row]
    control.request(Request(_SPEED, float(speed_kmh), "test", t_ns, 200_000_000))
    control.request(Request(_ANGLE, float(angle), "test", t_ns, 200_000_000))


def _acting(control: CarControl, moments: list[_Moment], axis: str) -> list[int]:
    """Return the times at which a frame left that says that an axis acts, or carries a press of a switch."""
    found: list[int] = []
    rules = {(rule.bus, rule.can_id): rule for rule in control.control.envelope.frames}
    axes = {one.name: one.axis for one in control.control.envelope.envelopes}
    for moment in moments:
        for frame in moment.frames:
            for one in rules[frame.bus, frame.can_id].fields:
                raw = read(frame.payload, one)
                says = one.kind is FieldKind.ACTIVE and one.axis == axis and raw not in one.idle
                taps = one.name in {"SwitchSet", "SwitchResume"} and axes.get(one.envelope) == axis and raw
                if says or taps:
                    found.append(moment.t_ns)
    return found


@pytest.mark.parametrize("which", _WHICH)
@pytest.mark.parametrize("car", _CARS)
def test_cancel_or_main_ends_both_axes_at_the_press_and_for_good(car: str, which: str) -> None:
    control, moments, _ = _again(car, getattr(_WHERE[car], which))
    before = next(one for one in moments if one.t_ns == _FROM_NS - CYCLE_NS)
    assert set(before.states.values()) == {State.ENGAGED}
    after = [one for one in moments if one.t_ns > _FROM_NS + _SEEN_NS]
    for axis in ("longitudinal", "lateral"):
        assert {one.states[axis] for one in after} == {State.ARMED}
        acting = _acting(control, moments, axis)
        assert max(acting) <= _FROM_NS + _SEEN_NS, "a cut: nothing acts from the next frame on"
        assert max(acting) >= _FROM_NS - 300_000_000, "it acted until then"


@pytest.mark.parametrize("car", _NISSANS)
def test_nothing_is_tapped_while_the_driver_presses_a_switch(car: str) -> None:
    control, moments, _ = _again(car, _WHERE[car].set)
    pressed = [one for one in moments if _FROM_NS + _SEEN_NS < one.t_ns < _TO_NS]
    assert {one.states["longitudinal"] for one in pressed} == {State.OVERRIDING}
    assert {one.states["lateral"] for one in pressed} == {State.ENGAGED}
    assert moments[-1].states["longitudinal"] is State.ENGAGED
    taps = _acting(control, moments, "longitudinal")
    assert min(taps) < _FROM_NS
    assert not [t_ns for t_ns in taps if _FROM_NS + _SEEN_NS < t_ns < _TO_NS]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["cancel", "main"])
@pytest.mark.parametrize("car", ["honda/civic_touring_2016", "honda/civic_gen10_bosch"])
def test_the_judge_ends_a_hondas_controls_at_the_same_frame(library: Path, car: str, which: str) -> None:
    _, moments, allowed = _again(car, getattr(_WHERE[car], which), library)
    ours = [one.states["lateral"] is State.ENGAGED for one in moments]
    ended = max(number for number, engaged in enumerate(ours) if engaged)
    assert allowed[ended]
    assert not allowed[ended + 1]
