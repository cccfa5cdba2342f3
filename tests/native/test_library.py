"""Loading the compiled kernels."""

from __future__ import annotations

import pytest

from commonwheel import native
from commonwheel.errors import CommonwheelError


def test_the_library_is_loaded_once() -> None:
    assert native.library() is native.library()


def test_a_library_that_was_not_built_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "LIBRARY_NAME", "_kernels.missing")
    with pytest.raises(CommonwheelError, match=r"_kernels\.missing: .* cannot be loaded .*; install commonwheel again"):
        native.library.__wrapped__()
