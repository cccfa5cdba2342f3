"""The small changes of a module that its tests have to notice: one operator, number, member or statement at a time."""

from __future__ import annotations

import ast
import copy
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Mutant", "fingerprint", "mutants", "names"]

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
_ENUMS = ("Rule", "State", "Phase", "Ending", "Outcome", "OnBad", "Quality", "FieldKind", "Stock", "Ceiling")
_HAIR = 1e-9


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
    others = [value * 1.001, value + _HAIR] if value else [_HAIR, -_HAIR]
    return [other for other in others if other != value]


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node may be changed to."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=right):
            yield from (ast.Compare(left, [other()], right) for other in _COMPARISONS[type(operator)])
        case ast.Compare(left=left, ops=[first, second], comparators=right):
            yield from (ast.Compare(left, [other(), second], right) for other in _COMPARISONS[type(first)])
            yield from (ast.Compare(left, [first, other()], right) for other in _COMPARISONS[type(second)])
            yield ast.Compare(left, [first], right[:1])
            yield ast.Compare(right[0], [second], right[1:])
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
        case ast.comprehension(target=target, iter=iterated, ifs=[_, *_], is_async=is_async):
            yield ast.comprehension(target, iterated, [], is_async)
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
        case ast.Assign() | ast.AugAssign() | ast.Raise() | ast.Return() | ast.Continue() | ast.Break():
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


def _last_words(node: ast.AST, child: ast.AST) -> bool:
    """Whether it returns nothing at the end of a function, which does so anyway."""
    if not isinstance(node, ast.FunctionDef) or child is not node.body[-1]:
        return False
    return isinstance(child, ast.Return) and (child.value is None or ast.unparse(child.value) == "None")


def _shown(node: ast.AST) -> str:
    lines = ast.unparse(node).strip().splitlines()
    return lines[0][:110] + (" ..." if len(lines) > 1 else "")


def mutants(module: str, text: str) -> list[Mutant]:
    """Return every change of a module's source."""
    tree = ast.parse(text)
    return [Mutant(module, name, ast.unparse(tree)) for name in _changes(module, tree)]


def names(module: str, text: str) -> list[str]:
    """Return the names of every change of a module's source, which takes far less time."""
    return list(_changes(module, ast.parse(text)))


def fingerprint(text: str) -> int:
    """Return a number that says which code a source is, whatever its comments, docstrings and layout are."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, field, [each for each in value if not _said(each)])
    return zlib.crc32(ast.dump(tree).encode())


def _said(node: object) -> bool:
    """Whether a statement is a text, and does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield the name of each change, while the tree is changed so."""
    seen: Counter[str] = Counter()

    def visit(node: ast.AST, where: str) -> Iterator[str]:
        for field, value in ast.iter_fields(node):
            if field in {"annotation", "returns", "decorator_list", "keywords"} and not isinstance(node, ast.Call):
                continue
            for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.AST) or _silent(child) or _last_words(node, child):
                    continue
                inner = f"{where}.{child.name}" if isinstance(child, (ast.FunctionDef, ast.ClassDef)) else where
                for other in _instead(child):
                    name = f"{module}{inner}: {_shown(child)} -> {_shown(other)}"
                    seen[name] += 1
                    _swap(node, field, at, ast.fix_missing_locations(other))
                    yield f"{name} ({seen[name]})" if seen[name] > 1 else name
                    _swap(node, field, at, child)
                yield from visit(child, inner)

    yield from visit(tree, "")


def _swap(node: ast.AST, field: str, at: int | None, other: ast.AST) -> None:
    if at is None:
        setattr(node, field, other)
    else:
        getattr(node, field)[at] = other
