"""When a file is ended, as people write it."""

from __future__ import annotations

import pytest

from commonwheel.errors import OutputError
from commonwheel.gateway.rotation import Rotation, duration_of, rotation_of


def test_rotation_is_a_size_a_time_or_both() -> None:
    default = Rotation()
    assert rotation_of([]) == default
    assert rotation_of(["100MB"]) == Rotation(100_000_000, default.age_s)
    assert rotation_of(["1.5 KiB"]) == Rotation(1536, default.age_s)
    assert rotation_of(["10min"]) == Rotation(default.size_bytes, 600.0)
    assert rotation_of(["2h", "1gb"]) == Rotation(10**9, 7200.0)
    for text in ("", "MB", "-5MB", "5 parsecs", "nan", "1e3s"):
        with pytest.raises(OutputError, match="is none"):
            rotation_of([text])


def test_a_duration() -> None:
    assert [duration_of(text) for text in ("0.5s", "10min", " 2 H ")] == [0.5, 600.0, 7200.0]
    for text in ("", "10", "5MB", "0s", "-1s", "inf"):
        with pytest.raises(OutputError, match="is none; write 30s"):
            duration_of(text)
