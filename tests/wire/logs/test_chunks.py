"""However a log is cut into chunks, and whatever is broken in it, the result is the same and complete."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonwheel.errors import LogError
from commonwheel.wire.logs import LogReport
from tests.wire.logs.samples import SAMPLES, read_bytes, same

_RUNS = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def _told(report: LogReport) -> dict[str, object]:
    told = report.to_dict()
    for variable in ("path", "bytes_read"):
        del told[variable]
    return told


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_of_a_sample_is_a_frame_or_accounted_for(name: str) -> None:
    content, expected = SAMPLES[name]
    frames, report = read_bytes(content)
    assert len(frames) == expected
    assert report.bad == 0
    assert report.lines == len(content.splitlines())
    assert report.bytes_read == report.bytes_total == len(content)


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 16, 33, 64])
@pytest.mark.parametrize("name", SAMPLES)
def test_chunks_of_any_size_give_the_same_frames_and_report(name: str, chunk_bytes: int) -> None:
    content, _ = SAMPLES[name]
    whole, report = read_bytes(content)
    cut, cut_report = read_bytes(content, chunk_bytes=chunk_bytes)
    assert same(whole, cut)
    assert _told(report) == _told(cut_report)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("name", SAMPLES)
def test_line_ends_of_any_system_give_the_same_frames(name: str, end: bytes) -> None:
    lines = SAMPLES[name][0].splitlines()
    expected, report = read_bytes(SAMPLES[name][0])
    frames, other = read_bytes(end.join(lines) + end)
    assert same(frames, expected)
    assert other.lines == report.lines


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
@_RUNS
def test_a_mutated_log_never_raises_anything_but_a_log_error(name: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[name][0])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content)))
        until = data.draw(st.integers(at, min(len(content), at + 30)))
        content[at:until] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"\n", b"\r", b" ", b"\0", b",", b"F" * 40])
        )
    chunk_bytes = data.draw(st.integers(1, 200))
    try:
        whole, report = read_bytes(bytes(content))
    except LogError:
        return
    cut, cut_report = read_bytes(bytes(content), chunk_bytes=chunk_bytes)
    assert same(whole, cut)
    assert _told(report) == _told(cut_report)


@given(content=st.binary(min_size=1, max_size=300), name=st.sampled_from(sorted(SAMPLES)))
@_RUNS
def test_random_bytes_around_good_lines_cost_no_good_line(content: bytes, name: str) -> None:
    sample, expected = SAMPLES[name]
    garbage = content.replace(b"\n", b"").replace(b"\r", b"")
    before, _, after = sample.partition(b"\n" if b"\n" in sample else b"\r")
    frames, _ = read_bytes(sample + b"\xff" + garbage + b"\n")
    assert len(frames) == expected
    assert before
    assert after


@given(content=st.binary(min_size=1, max_size=400))
@_RUNS
def test_random_bytes_are_refused_or_accounted_for(content: bytes) -> None:
    with contextlib.suppress(LogError):
        read_bytes(content)
