"""Requirements of inputs: each of them, in each way in which it can fail, on every car (``requirements.yaml``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonwheel.guard import State, Without
from commonwheel.guard.envelope import OnBad
from commonwheel.vehicles.samples import Quality
from tests.guard.cars import ACTING, envelope
from tests.guard.rig import CYCLE_NS, Rig

if TYPE_CHECKING:
    from commonwheel.guard.envelope import Axis, Input

pytestmark = pytest.mark.parametrize("car", ACTING)


def _settle_ns(one: Input, condition_ns: int = 0) -> int:
    return one.max_age_ns + one.tolerance_ns + condition_ns + 3 * CYCLE_NS


def _ended(rig: Rig, axis: Axis, kind: OnBad, most_ns: int) -> str:
    """Go on until an axis is no longer engaged; returns what is wrong with how it ended, '' nothing."""
    begun_ns = rig.t_ns
    while rig.guard.state(axis.name) is State.ENGAGED and rig.t_ns - begun_ns <= most_ns:
        rig.cycle()
    state = rig.guard.state(axis.name)
    expected = {State.FAULTED} if kind is OnBad.FAULT else {State.ARMED, State.FAULTED}
    return "" if state in expected else f"{state} after {(rig.t_ns - begun_ns) / 1e9} s, not {kind}"


def test_each_bad_quality_of_each_input(car: str) -> None:
    """It is over soon: nothing. It lasts: the axes that rely on it are released or faulted, as stated."""
    for axis in envelope(car).axes:
        for one in envelope(car).inputs:
            if axis.name not in one.axes:
                continue
            for quality, kind in zip(
                (Quality.STALE, Quality.INVALID, Quality.CORRUPT, Quality.MISSING),
                (one.stale, one.invalid, one.corrupt, one.missing),
                strict=True,
            ):
                rig = Rig(envelope(car), axes=(axis.name,)).engage()
                if one.tolerance_ns > 2 * CYCLE_NS:
                    rig.qualities[one.path] = quality
                    rig.cycle(one.tolerance_ns // CYCLE_NS - 1)
                    rig.qualities.clear()
                    rig.cycle(5)
                    assert rig.guard.state(axis.name) is State.ENGAGED, f"{one.path} {quality.name}: {rig.said[-1]}"
                rig.qualities[one.path] = quality
                wrong = _ended(rig, axis, kind, _settle_ns(one))
                assert not wrong, f"{axis.name}: {one.path} {quality.name}: {wrong}"


def test_each_input_that_no_longer_comes(car: str) -> None:
    for axis in envelope(car).axes:
        for one in envelope(car).inputs:
            if axis.name in one.axes:
                rig = Rig(envelope(car), axes=(axis.name,)).engage()
                rig.silent.add(one.path)
                wrong = _ended(rig, axis, one.stale, _settle_ns(one))
                assert not wrong, f"{axis.name}: {one.path}: {wrong}"


def test_each_input_out_of_range(car: str) -> None:
    for axis in envelope(car).axes:
        for one in envelope(car).inputs:
            for value in (one.high + 1, one.low - 1, float("nan"), float("inf")):
                if axis.name in one.axes:
                    rig = Rig(envelope(car), axes=(axis.name,)).engage()
                    rig.values[one.path] = value
                    wrong = _ended(rig, axis, OnBad.RELEASE, _settle_ns(one))
                    assert not wrong, f"{axis.name}: {one.path} = {value}: {wrong}"


def test_each_input_that_no_longer_moves(car: str) -> None:
    for axis in envelope(car).axes:
        for one in envelope(car).inputs:
            if axis.name in one.axes and not isinstance(one.frozen_ns, Without):
                rig = Rig(envelope(car), axes=(axis.name,)).engage()
                rig.still.add(one.path)
                wrong = _ended(rig, axis, one.invalid, one.frozen_ns + _settle_ns(one))
                assert not wrong, f"{axis.name}: {one.path}: {wrong}"
