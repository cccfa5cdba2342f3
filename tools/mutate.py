"""Change the guard in one small way after the other, and see whether its tests notice: python -m tools.mutate.

A mutant is one change of one module: a comparison, a number (by one, by a factor, by a hair), a boolean or arithmetic
operator, ``min`` for ``max``, a member of an enumeration for its neighbour, a ``not`` more or less, a value that is not
returned, a statement that is left out. Each runs in a process of its own, forked from one that has pytest and what the
tests need loaded, with the module's changed source in place of its file; the tests stop at the first failure. The
unchanged modules run first: if they fail, nothing is measured.

A mutant is killed by a failing test, by a crash (it cannot even be imported), or by taking far longer than the tests
do; or it survives. Survivors that change nothing that anybody could see are listed with the reason in
``tools/mutants.json``; any other makes the run fail.
"""

from __future__ import annotations

import argparse
import ast
import copy
import enum
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec

_ROOT = Path(__file__).resolve().parents[1]
_GUARD = _ROOT / "src" / "commonwheel" / "guard"
_EXPLAINED = Path(__file__).with_name("mutants.json")
_MODULES = (
    "limits", "span", "pace", "inputs", "machine", "situation", "wishes", "frames", "plausible", "record", "guard",
    "envelope", "problems", "problems_frames",
)  # fmt: skip
_TESTS = ("limits", "span", "pace", "inputs", "machine", "wishes", "frames", "plausible", "record", "problems")
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.Pow: ast.Mult,
}
_ENUMS = ("Rule", "State", "Phase", "Ending", "Outcome", "OnBad", "Quality", "FieldKind", "Stock")
_HAIR = 1e-9
_REWRITE = "ignore::pytest.PytestAssertRewriteWarning"


class Fate(enum.Enum):
    """What became of a mutant."""

    KILLED = "killed"
    CRASHED = "crashed"
    SLOW = "slow"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change."""

    module: str
    name: str
    """Where, and what for what: the same as long as that piece of code is."""
    source: str


def _neighbour(enumeration: str, member: str) -> str:
    """Return the member of an enumeration that follows another."""
    from commonwheel.guard import envelope, machine, verdict
    from commonwheel.vehicles import samples

    found = next(
        getattr(room, enumeration) for room in (verdict, envelope, machine, samples) if hasattr(room, enumeration)
    )
    names = [each.name for each in found]
    return names[(names.index(member) + 1) % len(names)]


def _numbers(value: float) -> list[float]:
    if isinstance(value, int):
        return [value + 1, value - 1]
    return [value * 1.001, value + _HAIR] if value else [_HAIR, -_HAIR]


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node may be changed to."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=right):
            yield from (ast.Compare(left, [other()], right) for other in _COMPARISONS[type(operator)])
        case ast.Compare(left=left, ops=[first, second], comparators=right):
            yield from (ast.Compare(left, [other(), second], right) for other in _COMPARISONS[type(first)])
            yield from (ast.Compare(left, [first, other()], right) for other in _COMPARISONS[type(second)])
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield from (ast.Constant(other) for other in _numbers(value))
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            yield from (ast.BoolOp(operator, values[:at] + values[at + 1 :]) for at in range(len(values)))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(operator)](), right)
        case _:
            yield from _instead_of_a_call(node)
            yield from _instead_of_a_statement(node)


def _instead_of_a_call(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=arguments, keywords=keywords):
            yield ast.Call(ast.Name("max" if name == "min" else "min"), arguments, keywords)
        case ast.Call(func=ast.Name(id="any" | "all" as name), args=arguments, keywords=keywords):
            yield ast.Call(ast.Name("all" if name == "any" else "any"), arguments, keywords)
        case ast.Attribute(value=ast.Name(id=name), attr=member) if name in _ENUMS and member.isupper():
            yield ast.Attribute(ast.Name(name), _neighbour(name, member), ast.Load())
        case _:
            return


def _instead_of_a_statement(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            changed = copy.copy(node)
            changed.test = ast.UnaryOp(ast.Not(), test)  # type: ignore[attr-defined]
            yield changed
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Assign() | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Expr(value=ast.Call() | ast.YieldFrom() | ast.Yield()):
            yield ast.Pass()
        case _:
            return


def _silent(node: ast.AST) -> bool:
    """Whether a node says something to people, is a type, or a name: nothing that a limit hangs on."""
    if isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"


def _shown(node: ast.AST) -> str:
    lines = ast.unparse(node).splitlines()
    return lines[0][:110] + (" ..." if len(lines) > 1 else "")


def mutants(module: str, text: str) -> list[Mutant]:
    """Return every change of a module's source."""
    tree = ast.parse(text)
    found: list[Mutant] = []
    seen: dict[str, int] = {}

    def visit(node: ast.AST, where: str) -> None:
        for field, value in ast.iter_fields(node):
            if field in {"annotation", "returns", "decorator_list", "keywords"} and not isinstance(node, ast.Call):
                continue
            for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.AST) or _silent(child):
                    continue
                inner = f"{where}.{child.name}" if isinstance(child, (ast.FunctionDef, ast.ClassDef)) else where
                for other in _instead(child):
                    _swap(node, field, at, other)
                    name = f"{module}{inner}: {_shown(child)} -> {_shown(other)}"
                    seen[name] = seen.get(name, 0) + 1
                    number = f" ({seen[name]})" if seen[name] > 1 else ""
                    found.append(Mutant(module, name + number, ast.unparse(ast.fix_missing_locations(tree))))
                    _swap(node, field, at, child)
                visit(child, inner)

    visit(tree, "")
    return found


def _swap(node: ast.AST, field: str, at: int | None, other: ast.AST) -> None:
    if at is None:
        setattr(node, field, other)
    else:
        getattr(node, field)[at] = other


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives one module's changed source to whoever imports it."""

    def __init__(self, module: str, source: str) -> None:
        self._name, self._source = f"commonwheel.guard.{module}", source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return self._source


def _child(mutant: Mutant | None, tests: Sequence[str], log: int) -> None:
    """Run the tests in this process, and leave it: 0 passed, 1 failed, 3 could not be imported."""
    import pytest

    os.dup2(log, 1)
    os.dup2(log, 2)
    for name in [name for name in sys.modules if name.startswith(("commonwheel.guard", "tests.guard"))]:
        del sys.modules[name]
    code = 3
    try:
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(mutant.module, mutant.source))  # type: ignore[arg-type]
        import commonwheel.guard  # noqa: F401

        code = int(pytest.main(["-x", "-q", "--assert=plain", "-W", _REWRITE, "-p", "no:cacheprovider", *tests]))
    finally:
        os._exit(code)


def _run(mutant: Mutant | None, seconds: float) -> Fate:
    """Fork a process that runs the tests over a mutant; those of its own module first."""
    first = (
        "problems" if mutant is not None and mutant.module.startswith("problems") else mutant.module if mutant else ""
    )
    order = sorted(_TESTS, key=lambda name: name != first)
    tests = [str(_ROOT / "tests" / "guard" / f"test_{name}.py") for name in order]
    log = os.open(os.devnull, os.O_WRONLY)
    pid = os.fork()
    if pid == 0:
        _child(mutant, tests, log)
    os.close(log)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if not os.WIFEXITED(status):
                return Fate.CRASHED
            return {0: Fate.SURVIVED, 1: Fate.KILLED}.get(os.WEXITSTATUS(status), Fate.CRASHED)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return Fate.SLOW


def _prepare() -> None:
    """Load what every run needs, and nothing that is changed: forks begin with it."""
    os.environ["CI"] = "1"
    sys.path.insert(0, str(_ROOT))
    import hypothesis
    import hypothesis.strategies
    import numpy as np
    import pytest

    import commonwheel.vehicles.samples

    del hypothesis, np, pytest, commonwheel


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants of the guard's modules; returns how many survive that nobody has explained, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("modules", nargs="*", default=_MODULES, help="modules of the guard (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (default: 2)")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one mutant (default: 30)")
    parser.add_argument("--json", type=Path, help="write the counts and survivors to a file")
    options = parser.parse_args(arguments)
    unknown = set(options.modules) - set(_MODULES)
    if unknown:
        parser.error(f"no module of the guard: {', '.join(sorted(unknown))}")
    _prepare()
    if _run(None, options.timeout) is not Fate.SURVIVED:
        print("the unchanged guard does not pass its tests: nothing to measure")
        return 1
    explained: dict[str, str] = json.loads(_EXPLAINED.read_text(encoding="utf-8"))
    counts: dict[str, dict[str, int]] = {}
    survivors: list[str] = []
    for module in options.modules:
        every = mutants(module, (_GUARD / f"{module}.py").read_text(encoding="utf-8"))
        with ThreadPoolExecutor(options.jobs) as pool:
            fates = list(pool.map(lambda mutant: _run(mutant, options.timeout), every))
        alive = [mutant.name for mutant, fate in zip(every, fates, strict=True) if fate is Fate.SURVIVED]
        survivors += [name for name in alive if name not in explained]
        counts[module] = {fate.value: fates.count(fate) for fate in Fate}
        counts[module]["explained"] = sum(name in explained for name in alive)
        print(f"{module}: {len(every)} mutants, {counts[module]}", flush=True)
        print("".join(f"  survived: {name}\n" for name in alive if name not in explained), end="", flush=True)
    result = {"modules": counts, "unexplained": survivors}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
