"""Compile the kernels: every C file of this folder into one shared library.

In: the C files beside this one, a C compiler, and for a foreign machine its wheel platform. Out: one
library, put in place in a single step, so that a process using the old one is not disturbed.

The compiler is the one ``CC`` names, else ``cc``, ``gcc`` or ``clang``, else the ``ziglang`` wheel, which
also builds for every machine in ``TARGETS``. The file stands alone (the standard library only): the
build hook loads it by path before the package exists, and ``python -m commonwheel.native.build``
rebuilds the library after an edit.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shlex
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "TARGETS",
    "BuildError",
    "Target",
    "compile_library",
    "library_name",
    "local_target",
    "machine_of",
    "needs_zig",
]

_HERE = Path(__file__).resolve().parent
_FLAGS = ("-O3", "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra")
# The name of a macOS library inside itself would otherwise be the path it was compiled at.
_LINK_FLAGS = {".so": ("-lm",), ".dylib": ("-Wl,-install_name,@rpath/_kernels.dylib",)}
_NAMES = {"win32": "_kernels.dll", "darwin": "_kernels.dylib"}
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_ELF = {62: "x86_64", 183: "aarch64"}
_MACH_O = {0x0100_0007: "x86_64", 0x0100_000C: "aarch64"}
_PE = {0x8664: "x86_64", 0xAA64: "aarch64"}


class BuildError(RuntimeError):
    """The kernels cannot be compiled; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of machine that a wheel serves."""

    wheel_platform: str
    """Platform tag of the wheel, for example ``manylinux_2_17_x86_64``."""
    system: str
    """As ``sys.platform`` says it: ``linux``, ``darwin`` or ``win32``."""
    machine: str
    """``x86_64`` or ``aarch64``."""
    zig: str
    """The same machine as zig's ``-target`` names it, with the oldest C library or system served."""


TARGETS = {
    target.wheel_platform: target
    for target in (
        Target("manylinux_2_17_x86_64", "linux", "x86_64", "x86_64-linux-gnu.2.17"),
        Target("manylinux_2_17_aarch64", "linux", "aarch64", "aarch64-linux-gnu.2.17"),
        Target("musllinux_1_2_x86_64", "linux", "x86_64", "x86_64-linux-musl"),
        Target("musllinux_1_2_aarch64", "linux", "aarch64", "aarch64-linux-musl"),
        Target("macosx_10_13_x86_64", "darwin", "x86_64", "x86_64-macos.10.13"),
        Target("macosx_11_0_arm64", "darwin", "aarch64", "aarch64-macos.11.0"),
        Target("win_amd64", "win32", "x86_64", "x86_64-windows-gnu"),
        Target("win_arm64", "win32", "aarch64", "aarch64-windows-gnu"),
    )
}
"""The machines wheels are built for, by wheel platform."""


def library_name(system: str = sys.platform) -> str:
    """Return the library's file name on a system (as ``sys.platform`` names it)."""
    return _NAMES.get(system, "_kernels.so")


def local_target() -> str:
    """Return the wheel platform of a library compiled here, for here."""
    if sys.platform == "darwin":
        return "macosx_11_0_arm64" if platform.machine() == "arm64" else "macosx_10_13_x86_64"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def needs_zig(target: str | None = None) -> bool:
    """Whether only the ``ziglang`` wheel can compile for *target* (default: this machine)."""
    return target is not None or _local_compiler() is None


def compile_library(
    out_dir: Path,
    *,
    target: str | None = None,
    flags: Sequence[str] = (),
    compiler: Sequence[str] | None = None,
) -> Path:
    """Compile the kernels into *out_dir* and return the library's path.

    *target* is a key of ``TARGETS`` (default: this machine), *flags* come behind the usual ones and so
    override them, and *compiler* is a command to use instead of the one that would be found.

    Raises:
        BuildError: there is no compiler, or it fails, or it makes a library for another machine.
    """
    sources = sorted(_HERE.glob("*.c"))
    if not sources:
        message = f"{_HERE}: no C files to compile; the source distribution is incomplete, fetch it again"
        raise BuildError(message)
    wanted = _target(target)
    command = [*(compiler or _command(wanted, cross=target is not None)), *_FLAGS, *flags]
    name = library_name(wanted.system)
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="commonwheel-kernels-") as scratch:
        made = Path(scratch, name)
        _run([*command, "-o", str(made), *map(str, sources), *_LINK_FLAGS.get(made.suffix, ())])
        _check_machine(made, wanted)
        # Replaced, never rewritten: a process that has the old library mapped would crash otherwise.
        beside = out_dir / f".{os.getpid()}{name}"
        shutil.copy(made, beside)
        return beside.replace(out_dir / name)


def machine_of(content: bytes) -> tuple[str, str] | None:
    """Return (system, machine) of an ELF, Mach-O or PE library, read from its header; None if it is no such."""
    try:
        if content[:6] == b"\x7fELF\x02\x01":
            return "linux", _ELF[struct.unpack_from("<H", content, 18)[0]]
        if content[:4] == b"\xcf\xfa\xed\xfe":
            return "darwin", _MACH_O[struct.unpack_from("<I", content, 4)[0]]
        if content[:2] == b"MZ":
            (header,) = struct.unpack_from("<I", content, 0x3C)
            signature, machine = struct.unpack_from("<4sH", content, header)
            return ("win32", _PE[machine]) if signature == b"PE\0\0" else None
    except (KeyError, struct.error):
        pass
    return None


def _target(name: str | None) -> Target:
    """Return the target of this name, or this machine."""
    if name is None:
        local = local_target()
        machine = _MACHINES.get(platform.machine().lower(), platform.machine())
        return TARGETS.get(local) or Target(local, sys.platform, machine, "native")
    if name not in TARGETS:
        message = f"no such target '{name}'; choose one of {', '.join(TARGETS)}"
        raise BuildError(message)
    return TARGETS[name]


def _local_compiler() -> list[str] | None:
    """Return the command of this machine's C compiler, or None."""
    if stated := shlex.split(os.environ.get("CC", "")):
        return stated
    if sys.platform == "win32":
        return None  # a gcc on a Windows path may make Cygwin or 32-bit libraries
    return next(([name] for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def _command(target: Target, *, cross: bool) -> list[str]:
    """Return the compiler's command and the flags that choose its target."""
    local = None if cross else _local_compiler()
    if local is None:
        if importlib.util.find_spec("ziglang") is None:
            message = "no C compiler: install one, point CC at one, or 'pip install ziglang', which brings one"
            raise BuildError(message)
        # Baseline: what is built here has to run on every processor of its kind.
        return [sys.executable, "-m", "ziglang", "cc", "-s", "-target", target.zig, "-mcpu=baseline"]
    if target.system == "darwin":
        version = target.zig.split("macos.")[1]
        return [*local, "-arch", platform.machine(), f"-mmacosx-version-min={version}"]
    return local


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - the builder's own command
    except FileNotFoundError as error:
        message = f"the C compiler '{command[0]}' is not there; install it or point CC at another"
        raise BuildError(message) from error
    except subprocess.CalledProcessError as error:
        message = f"the C compiler failed ({error.returncode}):\n{shlex.join(command)}\n{error.stdout}{error.stderr}"
        raise BuildError(message) from error


def _check_machine(library: Path, wanted: Target) -> None:
    """Refuse a library that this target could not load; kinds of machine not in ``TARGETS`` are not checked."""
    found = machine_of(library.read_bytes())
    known = wanted.machine in _MACHINES.values()
    if known and found != (wanted.system, wanted.machine):
        made_for = "an unknown machine" if found is None else f"{found[1]} on {found[0]}"
        message = (
            f"the C compiler makes libraries for {made_for}, but {wanted.machine} on {wanted.system} is needed; "
            "point CC at a compiler for this machine"
        )
        raise BuildError(message)


def main() -> None:
    """Compile from the command line."""
    parser = argparse.ArgumentParser(prog="python -m commonwheel.native.build", description="Compile the kernels.")
    parser.add_argument("--out", type=Path, default=_HERE, metavar="DIR", help="folder to put the library in")
    parser.add_argument("--target", choices=TARGETS, help="machine to compile for; default: this one")
    parser.add_argument("--strict", action="store_true", help="treat the compiler's warnings as errors")
    parser.add_argument("flags", nargs="*", metavar="FLAG", help="further compiler flags, behind '--'")
    options = parser.parse_args()
    flags = [*(["-Werror"] if options.strict else []), *options.flags]
    try:
        path = compile_library(options.out, target=options.target, flags=flags)
    except BuildError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
