"""Which car made a recording, from all of it and from a piece of it; and what a wrong description says for itself."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from commonwheel.errors import LogError
from commonwheel.vehicles import SHIPPED, Vehicle, car_names, load_vehicle
from commonwheel.vehicles.identify import identify, load_cars
from commonwheel.vehicles.reading import LogDecoder, Selection, read
from commonwheel.wire.frames import Frames
from tests.real.recordings import KNOWN, RECORDINGS, Load

pytestmark = pytest.mark.real


@cache
def _cars() -> tuple[Vehicle, ...]:
    return tuple(load_cars())


def _line(car: str | None) -> str | None:
    """Return a car's name without its variant."""
    return car and car.partition(":")[0]


def _told(frames: Frames) -> tuple[str | None, dict[int, str]]:
    best = identify(frames, _cars()).best
    return (None, {}) if best is None else (_line(best.car), best.assignment)


@pytest.mark.parametrize("log", RECORDINGS)
def test_each_recording_is_of_its_car_and_its_buses_are_told(load: Load, log: str) -> None:
    expected = RECORDINGS[log]
    assert _told(load(log).frames) == (_line(expected.car), dict(expected.buses))


@pytest.mark.parametrize("log", KNOWN)
def test_the_next_car_is_far_behind(load: Load, log: str) -> None:
    """Another line is at least twenty points off, be it the nearest relative."""
    found = identify(load(log).frames, _cars())
    assert found.best is not None
    others = [c for c in found.candidates if _line(c.car) != _line(found.best.car)]
    assert max(c.score for c in others) < found.best.score - 20
    assert found.alike == ()


def test_a_honda_that_is_not_described_is_none_of_these(load: Load) -> None:
    stranger = load("stranger")
    found = identify(stranger.frames, _cars())
    assert found.best is None
    assert not [c.car for c in found.candidates if c.fits]
    assert found.candidates[0].car.startswith("honda/")  # but Honda's checksums hold
    held, tried = found.candidates[0].buses[0].checks
    assert held == tried > 10
    with pytest.raises(LogError, match=r"none of the described cars \(nearest: honda/civic_gen8\)"):
        read(stranger.path)


@pytest.mark.parametrize("log", RECORDINGS)
def test_a_piece_of_a_recording_is_enough(load: Load, log: str) -> None:
    """A few hundred frames from anywhere tell the car and never another one, though some frames are missing."""
    frames, expected = load(log).frames, RECORDINGS[log]
    for length in (300, 1000, 3000):
        for begin in (0, len(frames) // 3, len(frames) // 2):
            piece = frames[begin : begin + length]
            assert _told(piece) == (_line(expected.car), dict(expected.buses)), (begin, length)


@pytest.mark.parametrize("log", ["vsslog", "circle", "imiev", "drive"])
def test_a_recording_with_a_third_of_its_frames_lost_is_told_too(load: Load, log: str) -> None:
    frames = load(log).frames
    kept = np.random.default_rng(3).random(len(frames)) > 0.33
    assert _told(frames[kept]) == (_line(RECORDINGS[log].car), dict(RECORDINGS[log].buses))


def test_each_bus_of_two_is_told_alone_and_under_any_number(load: Load) -> None:
    frames = load("phev_start").frames
    for bus, name in ((0, "main"), (1, "ev")):
        alone = frames[frames.bus == bus]
        alone = dataclasses.replace(alone, bus=np.full(len(alone), 7, np.uint8))
        assert _told(alone) == ("mitsubishi/outlander_phev", {7: name})
    swapped = dataclasses.replace(frames, bus=(1 - frames.bus).astype(np.uint8))
    assert _told(swapped) == ("mitsubishi/outlander_phev", {0: "ev", 1: "main"})


@pytest.mark.parametrize("log", RECORDINGS)
def test_a_wrong_description_is_warned_of_and_the_right_one_is_not(load: Load, log: str) -> None:
    """Also a relative's, whose ids, layouts and checksums are half the same."""
    path, own = load(log).path, _line(RECORDINGS[log].car)
    for car in car_names():
        warnings = _warnings(path, car)
        related = car in {"honda/civic_gen10_bosch", "honda/civic_gen10_bosch:diesel"}  # of the Type R: other lengths
        if _line(car) == own and not related:
            assert warnings == [], car
        else:
            assert any("commonwheel identify" in warning for warning in warnings), car


def _warnings(path: Path, car: str) -> list[str]:
    with LogDecoder(path, next(v for v in _cars() if v.name == car)) as decoder:
        for _ in decoder:
            pass
        return decoder.warnings


def test_a_bus_that_is_left_out_does_not_speak_against_the_car(load: Load) -> None:
    for buses in ({0: "main"}, {1: "ev"}):
        selection = Selection(buses=buses)
        with LogDecoder(load("phev_start").path, "mitsubishi/outlander_phev", selection) as decoder:
            assert sum(map(len, decoder)) > 3_000
            assert decoder.warnings == []


def test_all_described_cars_were_compared() -> None:
    assert {v.name for v in _cars()} == set(car_names(SHIPPED))
    assert load_vehicle("honda/civic_gen10_bosch:type_r").name in {v.name for v in _cars()}
