"""KUKSA's transform math, written: as an expression of the description language, and the other way round.

What is written for py-expression-eval avoids what it stumbles over: a sign behind an operator, and a
function with brackets of its own behind ``^``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from commonwheel.vehicles.kuksa_expressions import InexpressibleError
from commonwheel.vehicles.kuksa_source import literal
from commonwheel.wire.tables import Op

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.vehicles.expressions import Step
    from commonwheel.vehicles.kuksa_expressions import Formula

__all__ = ["affine_math", "steps_math", "to_compute"]

_EXACT = 1e15  # whole numbers below are written without an exponent

_AST_BINARY: Mapping[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "^": ast.Pow(), "pow": ast.Pow(),
}  # fmt: skip
_AST_COMPARE: Mapping[str, ast.cmpop] = {
    "==": ast.Eq(), "!=": ast.NotEq(), ">": ast.Gt(), "<": ast.Lt(), ">=": ast.GtE(), "<=": ast.LtE(),
}  # fmt: skip
_BOOLEAN: Mapping[str, ast.boolop] = {"and": ast.And(), "or": ast.Or()}


def to_compute(formula: Formula) -> str:
    """Return the formula as an expression of the description language.

    Raises:
        InexpressibleError: it combines bits.
    """
    return ast.unparse(_expression(formula))


def _expression(formula: Formula) -> ast.expr:
    if formula.op == "#":
        whole = formula.value.is_integer() and abs(formula.value) < _EXACT
        return ast.Constant(int(formula.value) if whole else formula.value)
    if formula.op == "x":
        return ast.Name("x")
    args = [_expression(part) for part in formula.args]
    if formula.op in _AST_BINARY:
        return ast.BinOp(args[0], _AST_BINARY[formula.op], args[1])
    if formula.op in _AST_COMPARE:
        return ast.Compare(args[0], [_AST_COMPARE[formula.op]], [args[1]])
    if formula.op in {"abs", "floor", "round", "sqrt", "min", "max"}:
        return _function(formula.op, *args)
    return _translated(formula, args)


def _translated(formula: Formula, args: list[ast.expr]) -> ast.expr:
    """Return an operation that expressions here have under another name."""
    if formula.op in {"and", "or", "xor"}:
        return _logic(formula.op, args[0], args[1], truths=all(_is_truth(part) for part in formula.args))
    match formula.op, args:
        case ("neg" | "not") as op, [a]:
            return ast.UnaryOp(ast.USub() if op == "neg" else ast.Not(), a)
        case "ceil", [a]:
            return ast.UnaryOp(ast.USub(), _function("floor", ast.UnaryOp(ast.USub(), a)))
        case "%", [a, b]:
            whole = ast.BinOp(b, ast.Mult(), _function("floor", ast.BinOp(a, ast.Div(), b)))
            return ast.BinOp(a, ast.Sub(), whole)
        case "pyt", [a, b]:
            squares = ast.BinOp(ast.BinOp(a, ast.Mult(), a), ast.Add(), ast.BinOp(b, ast.Mult(), b))
            return _function("sqrt", squares)
        case _:
            a, b, c = args  # the only one left is if(a, b, c)
            return ast.IfExp(a, b, c)


def _logic(op: str, a: ast.expr, b: ast.expr, *, truths: bool) -> ast.expr:
    if truths:
        return ast.Compare(a, [ast.NotEq()], [b]) if op == "xor" else ast.BoolOp(_BOOLEAN[op], [a, b])
    if op == "xor":
        message = "expressions here have no 'xor' on numbers"
        raise InexpressibleError(message)
    # As in Python, the result is the operand that decided, not true or false.
    return ast.IfExp(a, b, a) if op == "and" else ast.IfExp(a, a, b)


def _function(name: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name), list(args), [])


def _is_truth(formula: Formula) -> bool:
    if formula.op in {"and", "or", "xor"}:
        return all(_is_truth(part) for part in formula.args)
    return formula.op == "not" or formula.op in _AST_COMPARE


def affine_math(scale: float, offset: float) -> str:
    """Return x * scale + offset as a formula; '' when it is x itself."""
    text = "x" if scale == 1 else f"x * {_literal(scale)}"
    if offset:
        text += f" {'+' if offset > 0 else '-'} {_literal(abs(offset))}"
    return "" if text == "x" else text


def _literal(value: float) -> str:
    text = literal(value)
    return f"({text})" if value < 0 else text  # a sign behind '*' fails there


_MATH_BINARY = {
    Op.ADD: "+", Op.SUB: "-", Op.MUL: "*", Op.DIV: "/", Op.POW: "^", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">=",
    Op.EQ: "==", Op.NE: "!=",
}  # fmt: skip
_MATH_UNARY = {Op.ABS: "abs", Op.FLOOR: "floor", Op.ROUND: "round", Op.SQRT: "sqrt", Op.NOT: "not"}


def steps_math(steps: Sequence[Step], x: str = "x") -> str:
    """Return a compiled expression of one input as a formula; *x* stands for the input."""
    stack: list[str] = []
    for op, argument in steps:
        if op is Op.CONSTANT:
            stack.append(_literal(float(argument)))
        elif op is Op.INPUT:
            stack.append(x if x == "x" else f"({x})")
        elif op is Op.SELECT:
            c, b, a = stack.pop(), stack.pop(), stack.pop()
            stack.append(f"(if({a}, {b}, {c}))")
        elif op is Op.NEG:
            stack.append(f"(-{stack.pop()})")
        elif op in _MATH_UNARY:
            stack.append(f"({_MATH_UNARY[op]}({stack.pop()}))")
        else:
            b, a = stack.pop(), stack.pop()
            if op in {Op.MIN, Op.MAX}:
                stack.append(f"({op.name.lower()}({a}, {b}))")
            elif op in {Op.AND, Op.OR}:
                stack.append(f"({a} != 0 {op.name.lower()} {b} != 0)")
            else:
                stack.append(f"({a} {_MATH_BINARY[op]} {b})")
    text = stack[0]
    return text[1:-1] if text.startswith("(") and _closes_last(text) else text


def _closes_last(text: str) -> bool:
    """Whether the bracket that opens a text closes at its end."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return i == len(text) - 1
    return False
