"""Build the sdist and a wheel for every platform into ``dist/``, and test the wheel that fits this machine.

One machine builds them all: the ``ziglang`` wheel compiles the kernels for each target. Each wheel is
opened and compared with the source tree, and one built from the sdist must hold the same files. Then
the tests run on the installed wheel, in a new environment and away from the source tree.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from commonwheel.native.build import TARGETS, Target, library_name, machine_of

_ROOT = Path(__file__).resolve().parents[1]
_DIST = _ROOT / "dist"
_BESIDE_TESTS = ("tests", "tools", "bench", "docs", "README.md", "pyproject.toml")


def build(kind: str, source: Path, out: Path, target: str | None = None) -> Path:
    """Build one sdist or wheel from *source* and return its path."""
    environment = {key: value for key, value in os.environ.items() if key != "COMMONWHEEL_TARGET"}
    if target:
        environment["COMMONWHEEL_TARGET"] = target
    before = set(out.glob("*"))
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", out]
    done = subprocess.run(command, cwd=source, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the {kind} for {target or 'all platforms'} cannot be built:\n{done.stdout}{done.stderr}")
    (made,) = set(out.glob("*")) - before
    return made


def faults(wheel: Path, target: Target, expected: set[str]) -> list[str]:
    """Return what is wrong with a wheel: its tag, a file missing or too many, a library for another machine."""
    library = f"commonwheel/native/{library_name(target.system)}"
    found = (
        [] if wheel.stem.endswith(f"-py3-none-{target.wheel_platform}") else ["its name does not end in its platform"]
    )
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
        found += [f"{name} is missing" for name in sorted(expected | {library}) if name not in inside]
        found += [f"{name} does not belong there" for name in sorted(inside - expected - {library})]
        if library in inside and machine_of(archive.read(library)) != (target.system, target.machine):
            found.append(f"{library} is for another machine")
    return found


def package_files() -> set[str]:
    """Return the package's files as a wheel names them: what the repository holds, or would with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/commonwheel"]
    listed = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name.removeprefix("src/") for name in listed if (_ROOT / name).is_file()}


def check_sdist(sdist: Path, scratch: Path, expected: set[str]) -> list[str]:
    """Build a wheel from the unpacked sdist and return what is wrong with it."""
    with tarfile.open(sdist) as archive:
        archive.extractall(scratch, filter="data")
    target = next(iter(TARGETS.values()))
    out = scratch / "dist"
    out.mkdir()
    return faults(
        build("wheel", scratch / sdist.name.removesuffix(".tar.gz"), out, target.wheel_platform), target, expected
    )


def test_installed(scratch: Path, pytest_options: list[str]) -> int:
    """Install the wheel that fits here into a new environment, run the tests on it, return pytest's status."""
    subprocess.run([sys.executable, "-m", "venv", scratch / "venv"], check=True)
    python = scratch / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet"]
    if uv := shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"):
        install = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "--require-hashes", "--requirement", _ROOT / "locks" / "dev.txt"], check=True)
    subprocess.run([*install, "--no-deps", "--no-index", "--find-links", _DIST, "commonwheel"], check=True)
    away = scratch / "checkout"
    for name in _BESIDE_TESTS:
        copy = shutil.copytree if (_ROOT / name).is_dir() else shutil.copy
        away.mkdir(exist_ok=True)
        copy(_ROOT / name, away / name)
    where = [python, "-c", "import commonwheel; print(commonwheel.__file__)"]
    installed = subprocess.run(where, cwd=away, check=True, capture_output=True, text=True).stdout.strip()
    if not Path(installed).is_relative_to(scratch):
        sys.exit(f"the tests would run on {installed}, not on the installed wheel; unset PYTHONPATH")
    environment = {"COMMONWHEEL_SHARED": str(_ROOT.parent / "shared" / "data"), **os.environ}
    return subprocess.run([python, "-m", "pytest", *pytest_options], cwd=away, env=environment, check=False).returncode


def main() -> None:
    """Build, check and test; end with a non-zero status if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.wheels", description="Build all wheels into dist/.")
    parser.add_argument("--only", choices=TARGETS, action="append", help="build for this platform; may be repeated")
    parser.add_argument("--no-tests", action="store_true", help="build and check, but do not run the tests")
    parser.add_argument("pytest", nargs="*", help="options for pytest, behind '--'; default: -m 'not slow' -n auto")
    options = parser.parse_args()
    shutil.rmtree(_DIST, ignore_errors=True)
    _DIST.mkdir()
    expected, wrong = package_files(), 0
    with tempfile.TemporaryDirectory(prefix="commonwheel-wheels-") as scratch:
        sdist = build("sdist", _ROOT, _DIST)
        reports = {sdist: check_sdist(sdist, Path(scratch), expected)}
        for name in options.only or TARGETS:
            wheel = build("wheel", _ROOT, _DIST, name)
            reports[wheel] = faults(wheel, TARGETS[name], expected)
        for path, found in reports.items():
            wrong += len(found)
            print(
                f"{path.name}: {path.stat().st_size / 1024:.0f} KiB",
                *(found or ["as it should be"]),
                sep="\n  ",
                flush=True,
            )
        if wrong:
            sys.exit(1)
        if not options.no_tests:
            sys.exit(test_installed(Path(scratch), options.pytest or ["-m", "not slow", "-n", "auto"]))


if __name__ == "__main__":
    main()
