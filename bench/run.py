"""Run the benchmarks, each in a process of its own: ``python -m bench.run [--quick | --full] [NAME ...]``.

A benchmark is a module of this folder without a leading underscore. It is run as ``python -m bench.NAME``
with ``--quick`` (a few seconds, to see that it works) or ``--full`` (figures to quote), prints what it
measured and ends with status 0. A process each keeps start-up time and memory honest.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """Return the names of all benchmarks."""
    return sorted(path.stem for path in _HERE.glob("*.py") if not path.stem.startswith("_") and path.stem != "run")


def machine() -> str:
    """Say what the figures were measured on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pyarrow"))
    python = f"Python {platform.python_version()}"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {python}, {libraries}"


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="Run the benchmarks.")
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_const", const="--quick", dest="depth", help="a few seconds each")
    depth.add_argument("--full", action="store_const", const="--full", dest="depth", help="figures to quote; default")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names()) or 'none yet'}")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names()):
        parser.error(f"no benchmark '{min(unknown)}'; there are {', '.join(names())}")
    print(machine(), flush=True)
    failed: list[str] = []
    for name in options.names or names():
        print(f"\n== {name}", flush=True)
        began = time.perf_counter()
        command = [sys.executable, "-m", f"bench.{name}", options.depth or "--full"]
        if subprocess.run(command, cwd=_HERE.parent, check=False).returncode:
            failed.append(name)
        print(f"-- {time.perf_counter() - began:.1f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
