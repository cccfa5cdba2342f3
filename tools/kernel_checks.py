"""Check the C kernels harder than tests alone can: sanitizers and fuzzing.

``sanitize`` compiles the kernels with the address and undefined-behaviour sanitizers into a copy of the
package and runs the kernels' tests on that copy. ``fuzz`` compiles every ``tests/native/fuzz_*.c`` with
libFuzzer and feeds it generated inputs. Both end with a non-zero status at the first fault.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from commonwheel.native.build import BuildError, compile_library

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = _ROOT / "src" / "commonwheel"
_SANITIZERS = ("-g", "-O1", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
_FOUND = _ROOT / "build"
_BROKER = ("broker_core", "filters", "store", "subscription", "updates")
_TESTS = ("tests/native", "tests/wire", "tests/vehicles", *(f"tests/broker/test_{name}.py" for name in _BROKER))


def sanitize(tests: list[str]) -> int:
    """Run the kernels' tests on sanitized kernels; return pytest's status."""
    gcc = shutil.which("gcc")
    if gcc is None:
        sys.exit("the sanitizers need gcc; install it")
    # With the runtime of C++ beside it: else it cannot follow what Arrow throws, on a full disk for instance.
    runtime = [_library(gcc, name) for name in ("libasan.so", "libstdc++.so.6")]
    with tempfile.TemporaryDirectory(prefix="commonwheel-sanitize-") as scratch:
        copy = Path(scratch, "commonwheel")
        shutil.copytree(_PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.dylib", "*.dll"))
        flags = [*_SANITIZERS, "-fsanitize=address,undefined"]
        compile_library(copy / "native", flags=flags, compiler=[gcc])
        environment = {
            **os.environ,
            "PYTHONPATH": scratch,
            "LD_PRELOAD": " ".join(runtime),
            "PYTHONMALLOC": "malloc",  # else small objects lie in one block, with no red zones between them
            # Python itself keeps memory to the end; the kernels allocate none.
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        # The sanitizers end the process: pytest must not hold back what they wrote.
        options = ["--capture=sys", "-p", "no:cacheprovider", "-m", "not slow and not real and not browser"]
        command = [sys.executable, "-m", "pytest", *options]
        return subprocess.run([*command, *tests], cwd=_ROOT, env=environment, check=False).returncode


def _library(gcc: str, name: str) -> str:
    """Return where a library of the compiler's lies."""
    return subprocess.run([gcc, f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()


def fuzz(runs: int) -> int:
    """Compile and run every fuzz target; return the number of those that failed. Inputs that fail go to ``build/``."""
    clang = shutil.which("clang")
    if clang is None:
        sys.exit("fuzzing needs clang with libFuzzer (Debian: apt-get install clang libclang-rt-dev); install it")
    targets = sorted((_ROOT / "tests" / "native").glob("fuzz_*.c"))
    kernels = sorted((_PACKAGE / "native").glob("*.c"))
    failed = 0
    _FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="commonwheel-fuzz-") as scratch:
        for target in targets:
            program = Path(scratch, target.stem)
            flags = [*_SANITIZERS, "-std=c11", "-fsanitize=fuzzer,address,undefined", f"-I{_PACKAGE / 'native'}"]
            subprocess.run([clang, *flags, "-o", program, target, *kernels, "-lm"], check=True)
            print(f"{target.name}: {runs} inputs", flush=True)
            corpus = Path(scratch, f"{target.stem}-corpus")
            corpus.mkdir()
            options = [
                f"-runs={runs}",
                "-verbosity=0",
                "-print_final_stats=1",
                f"-artifact_prefix={_FOUND}/{target.stem}-",
            ]
            failed += subprocess.run([program, *options, corpus], check=False).returncode != 0
    return failed


def main() -> None:
    """Run one of the checks."""
    parser = argparse.ArgumentParser(prog="python -m tools.kernel_checks", description="Check the C kernels.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    sanitizing = verbs.add_parser("sanitize", help="run the kernels' tests under the sanitizers")
    sanitizing.add_argument("tests", nargs="*", help=f"test files or folders; default: {' '.join(_TESTS)}")
    fuzzing = verbs.add_parser("fuzz", help="run the fuzz targets")
    fuzzing.add_argument("--runs", type=int, default=100_000, help="inputs for each target")
    options = parser.parse_args()
    try:
        sys.exit(
            fuzz(options.runs)
            if options.verb == "fuzz"
            else sanitize(options.tests or [name for name in _TESTS if (_ROOT / name).exists()])
        )
    except BuildError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
