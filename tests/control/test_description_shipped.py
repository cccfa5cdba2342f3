"""The cars that are shipped as able to act: their files compile, and their frames hold what is put into them."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from commonwheel.catalog import Kind, load_catalog, load_profiles
from commonwheel.control.capabilities import why_not
from commonwheel.control.description import load_cannot, load_control
from commonwheel.control.description_manners import commands_of
from commonwheel.control.frames import FrameMaker
from commonwheel.control.model import Control
from commonwheel.guard import Guard, Without
from commonwheel.guard.envelope import Envelope, FieldKind, Measured
from commonwheel.proving.inputs import carriers
from commonwheel.vehicles import car_names, load_vehicle
from commonwheel.vehicles.bits import raw_of
from commonwheel.vehicles.emission import DEFAULT_PERIOD_NS
from commonwheel.vehicles.vehicle import Vehicle

_NAMES = car_names()


@functools.cache
def _loaded(name: str) -> tuple[Vehicle, Control | None]:
    vehicle = load_vehicle(name)
    return vehicle, load_control(vehicle)


def _acting() -> list[tuple[str, Vehicle, Control]]:
    return [(name, vehicle, control) for name in _NAMES for vehicle, control in [_loaded(name)] if control is not None]


def test_cars_that_move_themselves_are_those_with_evidence() -> None:
    moved = {name for name, _, control in _acting() if {"longitudinal", "lateral"} & {a.axis for a in control.adapters}}
    assert moved == {
        "honda/civic_gen10_bosch",
        "honda/civic_gen10_bosch:diesel",
        "honda/civic_touring_2016",
        "nissan/leaf_ze1",
        "nissan/leaf_ze1:40kwh",
        "nissan/leaf_ze1:62kwh",
        "nissan/x_trail_2017",
        "nissan/x_trail_2017:rogue",
    }


def test_the_guard_keeps_what_is_shipped() -> None:
    for _, _, control in _acting():
        Guard(control.envelope)


def test_every_limit_says_where_it_comes_from() -> None:
    for name, _, control in _acting():
        assert all(each.source for each in control.envelope.envelopes), name
        assert all(each.source for each in control.envelope.frames), name
        assert all(each.evidence for each in control.adapters), name


def test_what_moves_the_car_takes_the_drivers_own_consent() -> None:
    for name, _, control in _acting():
        for axis in control.envelope.axes:
            if axis.name != "comfort":
                assert not isinstance(axis.consent, Without), name
                assert axis.keep, name
                assert axis.override, name


def test_steering_is_limited_by_what_people_can_bear() -> None:
    """ISO 11270: 3 m/s^2 and 5 m/s^3, of every target that turns the car, or of the angle that it becomes."""
    for name, _, control in _acting():
        envelopes = {each.name: each for each in control.envelope.envelopes}
        for adapter in control.adapters:
            targets = {target for target in adapter.serves.values() if target}
            assert targets or adapter.axis != "lateral", name
            for target in targets if adapter.axis == "lateral" else ():
                lateral = envelopes[target].lateral
                assert not isinstance(lateral, Without), (name, target)
                assert lateral.acceleration_mps2 <= 3
                assert lateral.jerk_mps3 <= 5


def test_braking_and_accelerating_stay_within_iso_15622() -> None:
    for name, _, control in _acting():
        for adapter in control.adapters:
            target = adapter.serves.get("Vehicle.MotionManagement.AccelerationTarget")
            if target is None:
                continue
            envelope = next(each for each in control.envelope.envelopes if each.name == target)
            for step in range(50):
                assert envelope.low.at(step) >= -3.5, name
                assert envelope.high.at(step) <= 2.0, name
                for rate in (envelope.rate_up, envelope.rate_down):
                    assert not isinstance(rate, Without)
                    assert rate.at(step) <= (2.5 if step >= 20 else 5.0)


def _neutral(envelope: Envelope) -> float:
    neutral = envelope.neutral
    return neutral.centre if isinstance(neutral, Measured) else neutral


@pytest.mark.parametrize("corner", ["neutral", "low", "high"])
def test_frames_hold_what_is_put_into_them(corner: str) -> None:
    for name, vehicle, control in _acting():
        envelopes = {each.name: each for each in control.envelope.envelopes}
        neutral = {each: _neutral(envelope) for each, envelope in envelopes.items()}
        corners = {
            "neutral": neutral,
            "low": {each: envelope.low.at(0.0) for each, envelope in envelopes.items()},
            "high": {each: envelope.high.at(0.0) for each, envelope in envelopes.items()},
        }[corner]
        for adapter in control.adapters:
            for carrier in adapter.carriers:
                maker = FrameMaker(vehicle, carrier, Path(control.file), lapse_ns=0)
                payload = maker.make(corners, neutral, acts=corner != "neutral")
                message = vehicle.messages[carrier.message]
                fields = {field.name: field for field in message.fields}
                for field, command in carrier.fields.items():
                    value = raw_of(payload, fields[field]) * fields[field].factor + fields[field].offset
                    step = abs(fields[field].factor)
                    # Where the car's own controller is the ceiling, and nothing of it was heard, all is neutral.
                    wanted = neutral if field in carrier.capped else corners
                    assert abs(value - wanted[command]) < step, (name, message.name, field)
                for field, raw in carrier.constant.items():
                    assert raw_of(payload, fields[field]) == raw, (name, message.name, field)


def test_every_command_has_its_field_and_every_field_its_word() -> None:
    for name, vehicle, control in _acting():
        rules = {(rule.bus, rule.can_id): rule for rule in control.envelope.frames}
        for adapter in control.adapters:
            carried = {command for carrier in adapter.carriers for command in carrier.fields.values()}
            assert commands_of(adapter.manner) == carried, name
            for carrier in adapter.carriers:
                message = vehicle.messages[carrier.message]
                rule = rules[message.bus, message.frame_id]
                stated = {*carrier.fields, *carrier.active, *carrier.held, *carrier.constant}
                kept = {FieldKind.COUNTER, FieldKind.CHECKSUM}
                assert {field.name for field in rule.fields if field.kind not in kept} == stated, (name, rule.name)


@pytest.mark.parametrize("name", _NAMES)
def test_every_request_of_the_standard_is_served_or_said_to_be_impossible_and_why(name: str) -> None:
    _, control = _loaded(name)
    served = frozenset(control.served) if control is not None else frozenset[str]()
    cannot = load_cannot(name)
    assert [path for path in _requests() if path not in served and not why_not(path, cannot)] == []
    assert all(len(reason.split()) > 3 for reason in cannot.values())


@functools.cache
def _requests() -> list[str]:
    """Return the actuators of the profiles of requests, and all by which brakes, drive, and charging are asked for."""
    catalog = load_catalog()
    profiles = load_profiles(catalog=catalog)
    profiled = [signal.path for name in ("motion", "comfort") for signal in profiles[name].signals]
    branches = ("Vehicle.MotionManagement.Brake.", "Vehicle.MotionManagement.ElectricAxle.")
    actuators = [path for path, leaf in catalog.leaves.items() if leaf.kind is Kind.ACTUATOR]
    return [path for path in actuators if path in profiled or path.startswith(branches)]


def test_the_requests_of_the_standard_are_those_that_cars_serve_and_more() -> None:
    served = {path for _, _, control in _acting() for path in control.served}
    assert served < set(_requests())


def test_what_is_served_is_not_said_to_be_impossible() -> None:
    for name, _, control in _acting():
        assert not control.served.keys() & control.cannot.keys(), name


def test_one_lost_frame_ends_nothing() -> None:
    """Bus loads and restarts lose single frames on every car; the next one comes in time."""
    for name, vehicle, control in _acting():
        for one in control.envelope.inputs:
            periods = [vehicle.messages[at].period_ns or DEFAULT_PERIOD_NS for at in carriers(vehicle, one.path)]
            assert one.max_age_ns + one.tolerance_ns > 2 * max(periods, default=0), (name, one.path)
