"""Loading the compiled kernels."""

from __future__ import annotations

import ctypes

import pytest

from commonwheel import native
from commonwheel.errors import CommonwheelError


def test_the_library_is_loaded_once() -> None:
    assert native.library() is native.library()
    assert native.quick_library() is native.quick_library()


def test_quick_calls_keep_the_interpreters_lock() -> None:
    """Letting go of it a few times per batch would make a publisher wait for other threads each time."""
    assert isinstance(native.quick_library(), ctypes.PyDLL)
    assert not isinstance(native.library(), ctypes.PyDLL)


def test_a_library_that_was_not_built_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "LIBRARY_NAME", "_kernels.missing")
    with pytest.raises(CommonwheelError, match=r"_kernels\.missing: .* cannot be loaded .*; install commonwheel again"):
        native.library.__wrapped__()
    with pytest.raises(CommonwheelError, match="cannot be loaded"):
        native.quick_library.__wrapped__()
