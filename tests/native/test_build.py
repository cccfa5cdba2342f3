"""The compiler of the kernels: what it finds, what it makes, what it says when it cannot."""

from __future__ import annotations

import ctypes
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from commonwheel import native
from commonwheel.native import build
from commonwheel.native.build import TARGETS, BuildError, compile_library, library_name, local_target, machine_of


@pytest.fixture
def one_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of kernels with a single small one, so that a compilation takes no time."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    text = '#include "cw.h"\n#include <math.h>\nCW_API double twice_floor(double x) { return 2 * floor(x); }\n'
    (folder / "one.c").write_text(text)
    (folder / "cw.h").write_text(Path(native.__file__).with_name("cw.h").read_text())
    monkeypatch.setattr(build, "_HERE", folder)
    return folder


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", machine)


def mach_o(machine: int) -> bytes:
    return b"\xcf\xfa\xed\xfe" + struct.pack("<I", machine)


def pe(machine: int) -> bytes:
    return b"MZ" + bytes(0x3A) + struct.pack("<I", 0x48) + bytes(8) + b"PE\0\0" + struct.pack("<H", machine)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (elf(62), ("linux", "x86_64")),
        (elf(183), ("linux", "aarch64")),
        (elf(40), None),  # 32-bit Arm
        (b"\x7fELF\x01\x01" + elf(62)[6:], None),  # 32-bit header
        (mach_o(0x0100_0007), ("darwin", "x86_64")),
        (mach_o(0x0100_000C), ("darwin", "aarch64")),
        (mach_o(0x12), None),  # PowerPC
        (pe(0x8664), ("win32", "x86_64")),
        (pe(0xAA64), ("win32", "aarch64")),
        (pe(0x14C), None),  # 32-bit x86
        (pe(0x8664).replace(b"PE", b"NE"), None),
        (b"", None),
        (b"MZ", None),
        (elf(62)[:19], None),
        (b"#!/bin/sh\n", None),
    ],
)
def test_a_header_tells_the_system_and_the_machine(content: bytes, expected: tuple[str, str] | None) -> None:
    assert machine_of(content) == expected


def test_the_loader_and_the_compiler_agree_on_the_name() -> None:
    assert library_name() == native.LIBRARY_NAME


def test_the_installed_library_is_for_this_machine() -> None:
    """The kernels are there, load, and export functions."""
    path = Path(native.__file__).with_name(native.LIBRARY_NAME)
    found = machine_of(path.read_bytes())
    assert found is not None
    assert found[0] == sys.platform
    assert isinstance(native.library(), ctypes.CDLL)


@pytest.mark.usefixtures("one_kernel")
def test_a_library_is_compiled_and_can_be_called(tmp_path: Path) -> None:
    path = compile_library(tmp_path / "made" / "here", flags=["-Werror"])
    function = ctypes.CDLL(str(path)).twice_floor
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    assert function(2.75) == 4.0
    assert [entry.name for entry in path.parent.iterdir()] == [library_name()], "nothing is left beside the library"


@pytest.mark.usefixtures("one_kernel")
def test_compiling_again_replaces_the_file_instead_of_rewriting_it(tmp_path: Path) -> None:
    """A process that has the old library mapped keeps the old one."""
    first = compile_library(tmp_path).stat().st_ino
    keep = (tmp_path / library_name()).open("rb")  # so that the inode is not used again
    with keep:
        assert compile_library(tmp_path).stat().st_ino != first


def test_only_what_is_marked_is_exported(tmp_path: Path, one_kernel: Path) -> None:
    (one_kernel / "two.c").write_text("int hidden(void);\nint hidden(void) { return 1; }\n")
    library = ctypes.CDLL(str(compile_library(tmp_path)))
    assert library.twice_floor
    with pytest.raises(AttributeError):
        _ = library.hidden


def test_a_syntax_error_shows_what_the_compiler_said(one_kernel: Path, tmp_path: Path) -> None:
    (one_kernel / "broken.c").write_text("int broken(void) { return ; \n")
    with pytest.raises(BuildError, match=r"(?s)the C compiler failed \(1\):.*broken\.c:1"):
        compile_library(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_warning_is_an_error_only_when_asked(one_kernel: Path, tmp_path: Path) -> None:
    (one_kernel / "sloppy.c").write_text("static int unused(void) { return 1; }\n")
    compile_library(tmp_path)
    with pytest.raises(BuildError, match="unused"):
        compile_library(tmp_path, flags=["-Werror"])


def test_no_c_files_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_HERE", tmp_path)
    with pytest.raises(BuildError, match="no C files to compile; the source distribution is incomplete"):
        compile_library(tmp_path)


@pytest.mark.usefixtures("one_kernel")
def test_an_unknown_target_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no such target 'vax'; choose one of manylinux_2_17_x86_64, .*win_arm64"):
        compile_library(tmp_path, target="vax")


@pytest.mark.usefixtures("one_kernel")
def test_cc_names_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(BuildError, match="the C compiler 'no-such-compiler' is not there"):
        compile_library(tmp_path)


def test_without_a_compiler_zig_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert build.needs_zig()


def test_with_a_compiler_zig_is_asked_for_only_to_cross_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "some-compiler")
    assert not build.needs_zig()
    assert build.needs_zig("win_arm64")


@pytest.mark.usefixtures("one_kernel")
def test_without_compiler_and_zig_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BuildError, match="no C compiler: install one, point CC at one, or 'pip install ziglang'"):
        compile_library(tmp_path)


@pytest.mark.usefixtures("one_kernel")
@pytest.mark.skipif(local_target() not in {"linux_x86_64", "linux_aarch64"}, reason="its message is about this machine")
def test_zig_serves_as_the_local_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert ctypes.CDLL(str(compile_library(tmp_path, flags=["-Werror"]))).twice_floor


def check_cross_build(target: str, out: Path) -> None:
    path = compile_library(out, target=target, flags=["-Werror"])
    assert path.name == library_name(TARGETS[target].system)
    assert machine_of(path.read_bytes()) == (TARGETS[target].system, TARGETS[target].machine)


@pytest.mark.usefixtures("one_kernel")
@pytest.mark.parametrize("target", ["manylinux_2_17_aarch64", "macosx_11_0_arm64"])
def test_a_library_for_another_machine(target: str, tmp_path: Path) -> None:
    check_cross_build(target, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_kernels_compile_for_every_platform_without_a_warning(target: str, tmp_path: Path) -> None:
    check_cross_build(target, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_same_sources_give_the_same_bytes(target: str, tmp_path: Path) -> None:
    first = compile_library(tmp_path / "first", target=target).read_bytes()
    assert compile_library(tmp_path / "second", target=target).read_bytes() == first


@pytest.mark.usefixtures("one_kernel")
def test_a_compiler_for_another_machine_is_refused(tmp_path: Path) -> None:
    """CC may name a cross compiler by mistake; the fault shows when building, not when loading."""
    here = machine_of(Path(native.__file__).with_name(native.LIBRARY_NAME).read_bytes())
    foreign = next(target for target in TARGETS.values() if (target.system, target.machine) != here)
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", foreign.zig]
    with pytest.raises(BuildError, match=f"makes libraries for {foreign.machine} on .*; point CC at a compiler for"):
        compile_library(tmp_path, compiler=compiler)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "commonwheel.native.build", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line_prints_the_library_it_made(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path), "--strict")
    assert (done.returncode, done.stdout.strip()) == (0, str(tmp_path / library_name()))


def test_the_command_line_ends_with_the_compilers_message(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path), "--", "--no-such-flag")
    assert done.returncode == 1
    assert "the C compiler failed" in done.stderr
    assert "Traceback" not in done.stderr
