"""Change the guard in one small way after the other, and see whether its tests notice: python -m tools.mutate.

What a change is says ``tools/mutants.py``. The tests are collected once; each mutant then runs in a process of its own
that is forked from there, in which the code of the changed module takes the place of the code that is loaded. The tests
of that module come first, and the first failure ends it: a mutant that is noticed costs a few hundredths of a second.
The unchanged modules run first: if they fail, nothing is measured.

A mutant is killed by a failing test, by a crash (it cannot even be loaded, or its process dies), or by taking far more
time or memory than the tests do; or it survives. Survivors that change nothing that anybody could see are listed with
the reason in ``tools/mutants.json``; any other makes the run fail, and so does a reason for what is no mutant, or does
not survive. Counts are kept in ``tools/mutation.json``, from which the safety page has them.
"""

from __future__ import annotations

import argparse
import enum
import json
import mmap
import os
import resource
import signal
import sys
import time
import types
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tools.mutants import fingerprint, mutants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["COUNTS", "EXPLAINED", "MODULES", "Fate", "Forks", "collect", "kept", "source"]

_ROOT = Path(__file__).resolve().parents[1]
_GUARD = _ROOT / "src" / "commonwheel" / "guard"
EXPLAINED = Path(__file__).with_name("mutants.json")
COUNTS = Path(__file__).with_name("mutation.json")
MODULES = (
    "frames", "limits", "machine", "wishes", "situation", "inputs", "guard", "plausible", "span", "pace", "record",
    "envelope", "problems", "problems_frames", "verdict",
)  # fmt: skip
_TESTS = (
    "limits",
    "span",
    "pace",
    "situation",
    "inputs",
    "machine",
    "wishes",
    "frames",
    "frames_edges",
    "ceiling",
    "attacks",
    "machine_edges",
    "guard_edges",
    "plausible",
    "record",
    "problems",
)
_LEFT_OUT = "no_way_of_sending"
"""Tests of whole cars, which take longer than all others together."""
_FIRST = {"problems_frames": "problems", "situation": "situation", "envelope": "limits", "verdict": "wishes"}
_MEMORY = 1 << 30
"""Bytes that a mutant may take more than what it is forked from."""


class Fate(enum.Enum):
    """What became of a mutant."""

    KILLED = "killed"
    CRASHED = "crashed"
    SLOW = "slow"
    SURVIVED = "survived"


class Forks:
    """Runs collected tests in a fork, after something was changed there."""

    def __init__(self, items: Sequence[pytest.Item], seconds: float) -> None:
        self._items, self._seconds = list(items), seconds
        self._first = ""
        self._at = mmap.mmap(-1, 8)
        """Which test a fork is at, by its place."""
        self._size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()

    def fate(self, change: Callable[[], None], first: str = "") -> Fate:
        """Return what becomes of a change.

        Tests that have noticed a change run first, the last ones before the others; then those of files whose name
        holds *first*, which forgets them when it is another one.
        """
        if first != self._first:
            self._first = first
            self._items.sort(key=lambda item: first not in item.path.stem)
        fate = self._fate(change)
        if fate is not Fate.SURVIVED:
            noticed = self._items[int.from_bytes(self._at[:], "little")]
            self._items.remove(noticed)
            self._items.insert(0, noticed)
        return fate

    def _fate(self, change: Callable[[], None]) -> Fate:
        self._at[:] = bytes(8)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._child(change, self._items)
        end = time.monotonic() + 60 * self._seconds  # of a loaded machine; what it computes is limited by itself
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.002)
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Fate.SLOW
        if os.WIFSIGNALED(status):
            return Fate.SLOW if os.WTERMSIG(status) == signal.SIGPROF else Fate.CRASHED
        return {0: Fate.SURVIVED, 1: Fate.KILLED}.get(os.WEXITSTATUS(status), Fate.CRASHED)

    def _child(self, change: Callable[[], None], items: list[pytest.Item]) -> NoReturn:
        """Run the tests and leave: 0 passed, 1 failed, 3 it cannot be loaded."""
        code = 3
        try:
            if "MUTATE_SHOW" not in os.environ:
                silent = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silent, 1)
                os.dup2(silent, 2)
            signal.setitimer(signal.ITIMER_PROF, self._seconds)
            resource.setrlimit(resource.RLIMIT_AS, (self._size + _MEMORY, self._size + _MEMORY))
            change()
            code = 1
            for at, (item, after) in enumerate(zip(items, [*items[1:], None], strict=True)):
                self._at[:] = at.to_bytes(8, "little")
                signal.setitimer(signal.ITIMER_PROF, self._seconds)
                item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
            code = 0
        finally:
            os._exit(code)


class _Plugin:
    """Takes over once the tests are collected."""

    def __init__(self, work: Callable[[Sequence[pytest.Item]], int]) -> None:
        self._work = work
        self.result = 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        import hypothesis

        kept = hypothesis.settings()
        hypothesis.settings.register_profile(
            "mutate",
            kept,
            derandomize=True,
            database=None,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        )
        hypothesis.settings.load_profile("mutate")
        base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # noqa: SLF001 - one for all forks
        os.environ["COMMONWHEEL_CACHE"] = str(base / "vehicles")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not session.testsfailed:
            self.result = self._work(session.items)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
            if "MUTATE_SHOW" in os.environ:
                print(f"{item.nodeid}: {call.excinfo.exconly()}", flush=True)
            os._exit(1)


def collect(tests: Sequence[str], work: Callable[[Sequence[pytest.Item]], int]) -> int:
    """Collect tests, and hand them to *work*; returns what that does, 1 if they cannot be collected."""
    sys.path.insert(0, str(_ROOT))
    os.environ["CI"] = "1"
    plugin = _Plugin(work)
    paths = [str(_ROOT / "tests" / "guard" / f"test_{name}.py") for name in tests]
    options = ["-q", "-s", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    options += ["-k", f"not {_LEFT_OUT}"]
    pytest.main([*options, *paths], plugins=[plugin])
    return plugin.result


def _method(old: object, new: object, names: dict[str, object]) -> object:
    """Return a changed method that sees the names of the module that is loaded."""
    if isinstance(new, staticmethod):
        return staticmethod(_method(old, new.__func__, names))  # type: ignore[arg-type]
    if isinstance(new, property):
        return property(_method(old, new.fget, names))  # type: ignore[arg-type]
    if not isinstance(new, types.FunctionType):
        return new
    closure = old.__closure__ if isinstance(old, types.FunctionType) and new.__closure__ else new.__closure__
    changed = types.FunctionType(new.__code__, names, new.__name__, new.__defaults__, closure)
    changed.__kwdefaults__ = new.__kwdefaults__  # type: ignore[assignment]
    return changed


def _take_place(module: types.ModuleType, source: str) -> None:
    """Let changed source take the place of a module, in everything that was made of it.

    Raises:
        ImportError: it no longer has what another module imports.
    """
    names, file = module.__dict__, str(module.__file__)
    changed: dict[str, object] = {"__name__": module.__name__, "__file__": file}
    exec(compile(source, file, "exec"), changed)  # noqa: S102 - it is the module's own source
    for name, new in changed.items():
        if not name.startswith("__") and getattr(new, "__module__", module.__name__) == module.__name__:
            _replace(name, names.get(name), new, module)
    for name in set(names) - set(changed):
        if not name.startswith("__"):
            if any(other is not module and name in vars(other) for other in _guard()):
                raise ImportError(name)
            del names[name]


def _replace(name: str, old: object, new: object, module: types.ModuleType) -> None:
    if isinstance(new, types.FunctionType) and isinstance(old, types.FunctionType):
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__  # type: ignore[assignment]
    elif isinstance(new, type) and isinstance(old, type):
        if isinstance(old, enum.EnumMeta):
            if set(old.__members__) != set(new.__members__):  # type: ignore[attr-defined]
                raise AttributeError(name)
            return
        for member, value in vars(new).items():
            bare = value.__func__ if isinstance(value, staticmethod) else getattr(value, "fget", value)
            if isinstance(bare, types.FunctionType) and bare.__code__.co_filename == str(module.__file__):
                setattr(old, member, _method(vars(old).get(member), value, module.__dict__))
        if is_dataclass(new) and is_dataclass(old):
            old.__init__.__defaults__ = new.__init__.__defaults__  # type: ignore[union-attr] # what is made, not read
    elif old != new:
        _rename(name, old, new)


def _guard() -> list[types.ModuleType]:
    return [module for key, module in sys.modules.items() if key.startswith("commonwheel.guard.")]


def _rename(name: str, old: object, new: object) -> None:
    """Give a constant another value, wherever it was imported."""
    for key, module in list(sys.modules.items()):
        if key.startswith(("commonwheel.guard", "tests.guard")) and module.__dict__.get(name) == old:
            setattr(module, name, new)


def source(module: str) -> str:
    """Return the source of a module of the guard."""
    return (_GUARD / f"{module}.py").read_text(encoding="utf-8")


def kept(part: str, name: str, counts: dict[str, int]) -> None:
    """Put counts into the file of all counts."""
    every: dict[str, dict[str, dict[str, int]]] = {}
    if COUNTS.is_file():
        every = json.loads(COUNTS.read_text(encoding="utf-8"))
    every.setdefault(part, {})[name] = counts
    COUNTS.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of a module's mutants."""

    counts: dict[str, int]
    wrong: list[str]
    """In words: explanations of what does not survive, and what else there is."""


def _run(forks: Forks, module: str, text: str, explained: dict[str, str], only: str) -> _Result:
    """Try the mutants of a module's source whose names hold *only*."""
    loaded = sys.modules[f"commonwheel.guard.{module}"]
    every = [each for each in mutants(module, text) if only in each.name]
    first = f"test_{_FIRST.get(module, module)}"
    fates: dict[str, Fate] = {}
    for each in every:
        fates[each.name] = forks.fate(lambda source=each.source: _take_place(loaded, source), first)
        if fates[each.name] is Fate.SURVIVED and each.name not in explained:
            print(f"  survived: {each.name}", flush=True)
    alive = [name for name, fate in fates.items() if fate is Fate.SURVIVED]
    counts = {fate.value: list(fates.values()).count(fate) for fate in Fate}
    counts |= {"mutants": len(every), "explained": sum(name in explained for name in alive)}
    of_module = [name for name in explained if name.startswith((f"{module}:", f"{module}.")) and only in name]
    wrong = [f"explained, and there is no such mutant: {name}" for name in of_module if name not in fates]
    wrong += [
        f"explained, and a test notices it: {name}"
        for name in of_module
        if fates.get(name, Fate.SURVIVED) is not Fate.SURVIVED
    ]
    if source(module) != text:
        wrong.append(f"{module} was changed while this ran: try it again")
    return _Result(counts, wrong)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("modules", nargs="*", default=MODULES, help="modules of the guard (default: all)")
    parser.add_argument("--timeout", type=float, default=3.0, help="computing time for one test, s (default: 3)")
    parser.add_argument("--only", default="", help="of mutants whose name holds this; counts are not kept")
    options = parser.parse_args(arguments)
    unknown = set(options.modules) - set(MODULES)
    if unknown:
        parser.error(f"no module of the guard: {', '.join(sorted(unknown))}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants of the guard's modules; returns 1 if anything is wrong with what survives, or its reasons."""
    options = _options(arguments)
    explained: dict[str, str] = json.loads(EXPLAINED.read_text(encoding="utf-8"))
    sources = {name: source(name) for name in options.modules}

    def work(items: Sequence[pytest.Item]) -> int:
        forks = Forks(items, options.timeout)
        if forks.fate(lambda: None) is not Fate.SURVIVED:
            print("the unchanged guard does not pass its tests: nothing to measure")
            return 1
        failed = False
        for module, text in sources.items():
            begun = time.monotonic()
            result = _run(forks, module, text, explained, options.only)
            failed |= bool(result.wrong) or result.counts["survived"] > result.counts["explained"]
            print(f"{module}: {result.counts}, {time.monotonic() - begun:.0f} s", flush=True)
            print("".join(f"  {each}\n" for each in result.wrong), end="", flush=True)
            if not options.only:
                kept("modules", module, result.counts | {"source": fingerprint(text)})
        return int(failed)

    return collect(_TESTS, work)


if __name__ == "__main__":
    sys.exit(main())
