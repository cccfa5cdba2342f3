"""The check of a built wheel: what is missing, what is too much, what is for another machine."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from commonwheel.native.build import TARGETS
from tools.wheels import faults

LINUX = TARGETS["manylinux_2_17_x86_64"]
KERNELS = "commonwheel/native/_kernels.so"
EXPECTED = {"commonwheel/__init__.py", "commonwheel/vehicles/nissan/leaf_ze0/ev.dbc"}
X86 = b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00"
ARM = b"\x7fELF\x02\x01" + bytes(12) + b"\xb7\x00"


def wheel(folder: Path, files: dict[str, bytes], platform: str = LINUX.wheel_platform) -> Path:
    path = folder / f"commonwheel-0.1.0-py3-none-{platform}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, "commonwheel-0.1.0.dist-info/METADATA": b""}.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def files() -> dict[str, bytes]:
    return {**dict.fromkeys(EXPECTED, b""), KERNELS: X86}


def test_a_wheel_that_is_as_it_should_be(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert faults(wheel(tmp_path, files), LINUX, EXPECTED) == []


def test_everything_wrong_with_a_wheel_is_said_at_once(tmp_path: Path, files: dict[str, bytes]) -> None:
    del files["commonwheel/vehicles/nissan/leaf_ze0/ev.dbc"]
    files |= {"commonwheel/native/_kernels.dll": b"", KERNELS: ARM}
    assert faults(wheel(tmp_path, files, "win_amd64"), LINUX, EXPECTED) == [
        "its name does not end in its platform",
        "commonwheel/vehicles/nissan/leaf_ze0/ev.dbc is missing",
        "commonwheel/native/_kernels.dll does not belong there",
        "commonwheel/native/_kernels.so is for another machine",
    ]


def test_a_wheel_without_its_library(tmp_path: Path, files: dict[str, bytes]) -> None:
    del files[KERNELS]
    assert faults(wheel(tmp_path, files), LINUX, EXPECTED) == [f"{KERNELS} is missing"]
