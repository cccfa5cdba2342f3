"""What tells who a car is stays out of every output unless it is asked for.

Several recordings carry a vehicle identification number in clear. No test here prints, stores or compares
one: only its length is looked at, and whether its characters are in an output, as a bare yes or no.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from commonwheel import cli
from commonwheel.vehicles import Samples, load_vehicle
from commonwheel.vehicles.reading import read
from tests.real.recordings import KNOWN, RECORDINGS, Load

pytestmark = pytest.mark.real

VIN = "Vehicle.VehicleIdentification.VIN"
WITH_VIN = ["vsslog", "revlog", "turnwheel", "type_r", "phev_drive", "phev_start", "imiev", "drive", "reverse", "pedal"]
PHEV_NUMBERS = {*range(0x663, 0x66D), *range(0x6F1, 0x6F5)}
"""Ids with part and serial numbers of the Outlander PHEV's units."""


@functools.cache
def _asked_for(path: Path, car: str) -> Samples:
    return read(path, car, with_personal=True)


def _texts(samples: Samples) -> set[str]:
    return {samples.texts[int(number)] for number in samples.of(VIN).good.value}


@pytest.mark.parametrize("log", KNOWN)
def test_by_default_no_personal_signal_and_no_text_is_there(load: Load, log: str) -> None:
    samples = read(load(log).path, RECORDINGS[log].car)
    personal = [i for i, info in enumerate(samples.table) if info.personal]
    assert not np.isin(samples.signal, personal).any()
    assert int(samples.signal.max()) < len(samples.table)  # nor a piece of a text
    assert len(samples.texts) == 0


@pytest.mark.parametrize("log", KNOWN)
def test_asked_for_the_number_is_whole_or_not_on_the_recording(load: Load, log: str) -> None:
    texts = _texts(_asked_for(load(log).path, RECORDINGS[log].car or ""))
    count, lengths = len(texts), [len(text) for text in texts]  # so that a failure shows no more
    allowed = all(text.isascii() and text.isalnum() and text == text.upper() for text in texts)
    assert (count, lengths, allowed) == ((1, [17], True) if log in WITH_VIN else (0, [], True))


@pytest.mark.parametrize("log", WITH_VIN)
def test_what_else_comes_does_not_depend_on_it(load: Load, log: str) -> None:
    path, car = load(log).path, RECORDINGS[log].car or ""
    asked, plain = _asked_for(path, car), read(path, car)
    rest = asked[~np.isin(asked.signal, [i for i, info in enumerate(asked.table) if info.personal])]
    assert np.array_equal(rest.t_ns, plain.t_ns)
    assert np.array_equal(rest.signal, plain.signal)
    assert np.array_equal(rest.value, plain.value, equal_nan=True)


@pytest.mark.parametrize("log", ["noecu", "vsslog", "phev_start", "pedal"])
def test_no_output_holds_the_number_unless_asked_for(
    load: Load, log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, car = load(log).path, RECORDINGS[log].car or ""
    secrets = [text.encode() for text in _texts(_asked_for(path, car))]
    secrets += [piece for text in secrets for piece in (text[:6], text[6:12], text[-7:])]
    outputs = [_run(capsys, "decode", path, "--car", car), _run(capsys, "decode", path, "--car", car, "--json")]
    outputs += [_run(capsys, "identify", path), _run(capsys, "identify", path, "--json")]
    for name in ("a.csv", "a.jsonl", "a.arrow"):
        outputs.append(_run(capsys, "decode", path, "--car", car, "-o", tmp_path / name))
        outputs.append((tmp_path / name).read_bytes())
    outputs.append(_run(capsys, "decode", path, "--car", car, "--wide", "-o", tmp_path / "wide.csv"))
    outputs.append((tmp_path / "wide.csv").read_bytes())
    leaks = sum(secret in output for secret in secrets for output in outputs)
    assert leaks == 0
    shown = _run(capsys, "decode", path, "--car", car, "--json", "--with-personal")
    found = sum(secret in shown for secret in secrets[:1])
    assert found == (log in WITH_VIN)


def _run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> bytes:
    status = cli.main([str(word) for word in words])
    captured = capsys.readouterr()
    assert status == 0
    return (captured.out + captured.err).encode()


def test_numbers_of_units_are_in_no_field() -> None:
    vehicle = load_vehicle("mitsubishi/outlander_phev")
    held = [m.name for m in vehicle.messages if m.id in PHEV_NUMBERS and m.fields]
    assert held == []
