"""Whatever is written into a ``control.yaml``: it is taken, or refused with what is wrong; never anything else."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonwheel.control.description import load_control_file
from commonwheel.errors import CommonwheelError
from commonwheel.guard import Guard
from commonwheel.vehicles.vehicle import Vehicle
from tests.control.bench import CONTROL, Bench

_LINES = CONTROL.splitlines()
_SCALARS = st.sampled_from(
    [
        *("", "null", "~", "1", "-1", "1e999", ".nan", ".inf", "true", "'x'", "[]", "{}", "[1, 2]", "{a: 1}"),
        *("{none: why}", "{none: }", "{none: [1]}", "0 m/s", "-5 deg", "9" * 400, "1 e 5 deg", "2026-01-01"),
        *("&a [*a]", "!!binary x", "Vehicle.Speed", "\u043b\u044f", "5 m/s^", "1//s", "{0 m/s: {}}", "{? [1] : 2}"),
        *("{1: 2, 1: 3}", "0x1FFFFFFFFFFFFFFFF", "1_000", "command", "<<", "{carries: [1]}", "{held: }", "\t- x"),
    ]
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The tiny car, compiled once."""
    return Bench(tmp_path_factory.mktemp("fuzz"))


def _try(bench: Bench, data: bytes) -> None:
    path: Path = bench.folder / "control.yaml"
    path.write_bytes(data)
    try:
        control = load_control_file(path, _vehicle(bench))
    except CommonwheelError:
        return
    Guard(control.envelope)


@functools.cache
def _vehicle(bench: Bench) -> Vehicle:
    return bench.vehicle()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, len(_LINES) - 1), _SCALARS), min_size=1, max_size=4))
def test_values_of_any_kind_anywhere(bench: Bench, changes: list[tuple[int, str]]) -> None:
    lines = list(_LINES)
    for at, value in changes:
        key, colon, _ = lines[at].partition(":")
        lines[at] = f"{key}{colon} {value}"
    _try(bench, "\n".join(lines).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, len(CONTROL) - 1), st.integers(0, 40), st.binary(max_size=6)), max_size=5))
def test_bytes_of_any_kind_anywhere(bench: Bench, changes: list[tuple[int, int, bytes]]) -> None:
    data = CONTROL.encode()
    for at, gone, put in changes:
        data = data[:at] + put + data[at + gone :]
    _try(bench, data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.lists(st.integers(0, len(_LINES) - 1), min_size=1, max_size=6, unique=True))
def test_lines_that_are_missing(bench: Bench, gone: list[int]) -> None:
    _try(bench, "\n".join(line for i, line in enumerate(_LINES) if i not in gone).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.integers(0, len(_LINES) - 1), st.integers(0, len(_LINES) - 1), st.integers(1, 12))
def test_lines_in_another_place(bench: Bench, at: int, to: int, count: int) -> None:
    moved = _LINES[at : at + count]
    rest = _LINES[:at] + _LINES[at + count :]
    _try(bench, "\n".join(rest[:to] + moved + rest[to:]).encode())
