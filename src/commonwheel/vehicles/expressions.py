"""Expressions of ``compute`` rows: parsed from text, checked for units, compiled to postfix steps.

A value in an expression is a bare number or a quantity with a unit. Terms that are added, compared or
chosen between are brought to one unit; a bare number beside a quantity takes its unit, and multiplying
by one keeps it. The steps run in ``native/codec.c`` for each sample, and in ``evaluate`` on arrays.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.errors import CatalogError
from commonwheel.wire.tables import Op

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from pint import Unit

__all__ = ["MAX_DEPTH", "Expression", "ExpressionError", "Step", "compile_expression", "evaluate"]

MAX_DEPTH = 32
"""Values that may wait on the stack at once (``CW_STACK`` in the kernel)."""

Step = tuple[Op, float | int]
"""An operation; CONSTANT carries its number, INPUT the position of the input."""

_BINARY: Mapping[type[ast.operator], Op] = {
    ast.Add: Op.ADD,
    ast.Sub: Op.SUB,
    ast.Mult: Op.MUL,
    ast.Div: Op.DIV,
    ast.Pow: Op.POW,
}
_COMPARE: Mapping[type[ast.cmpop], Op] = {
    ast.Lt: Op.LT,
    ast.LtE: Op.LE,
    ast.Gt: Op.GT,
    ast.GtE: Op.GE,
    ast.Eq: Op.EQ,
    ast.NotEq: Op.NE,
}
_CALLS: Mapping[str, Op] = {
    "abs": Op.ABS,
    "floor": Op.FLOOR,
    "round": Op.ROUND,
    "sqrt": Op.SQRT,
    "min": Op.MIN,
    "max": Op.MAX,
}


class ExpressionError(ValueError):
    """The expression cannot be read, or its units do not fit."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression and the unit of its result (None: a bare number)."""

    steps: tuple[Step, ...]
    unit: Unit | None
    names: tuple[str, ...]
    """The inputs that it uses, of those it was given."""


@dataclass(frozen=True, slots=True)
class _Term:
    steps: tuple[Step, ...]
    unit: Unit | None


def compile_expression(text: str, units: Mapping[str, Unit | None]) -> Expression:
    """Compile an expression over named inputs.

    Args:
        text: the expression.
        units: input name to unit, in the order that INPUT steps count; None: no unit to check.

    Raises:
        ExpressionError: a syntax error, an unknown name or function, or units that do not fit.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        message = f"'{text}' is not an expression: {getattr(error, 'msg', error)}"
        raise ExpressionError(message) from error
    order = {name: i for i, name in enumerate(units)}
    used: set[str] = set()

    def visit(node: ast.expr) -> _Term:
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return _Term(((Op.CONSTANT, float(value)),), None)
            case ast.Name(id=name) if name in order:
                used.add(name)
                return _Term(((Op.INPUT, order[name]),), units[name])
            case ast.Name(id=name):
                known = ", ".join(order) or "none"
                message = f"'{name}' is not an input (inputs are: {known})"
                raise ExpressionError(message)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                term = visit(operand)
                return _Term((*term.steps, (Op.NEG, 0)), term.unit)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _Term((*visit(operand).steps, (Op.NOT, 0)), None)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return visit(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _binary(_BINARY[type(op)], visit(left), visit(right), right)
            case ast.BoolOp(op=op, values=values):
                joined = visit(values[0]).steps
                for value in values[1:]:
                    joined = (*joined, *visit(value).steps, (Op.AND if isinstance(op, ast.And) else Op.OR, 0))
                return _Term(joined, None)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                first, second, _ = _alike(visit(left), visit(right))
                return _Term((*first.steps, *second.steps, (_COMPARE[type(op)], 0)), None)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                first, second, unit = _alike(visit(body), visit(orelse))
                return _Term((*visit(test).steps, *first.steps, *second.steps, (Op.SELECT, 0)), unit)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _CALLS and arguments:
                return _call(name, [visit(argument) for argument in arguments])
            case ast.Call(func=ast.Name(id=name)):
                message = f"'{name}' is not a function here; known are {', '.join(_CALLS)}"
                raise ExpressionError(message)
            case _:
                message = f"'{ast.unparse(node)}' cannot be used in an expression"
                raise ExpressionError(message)

    try:
        term = visit(tree.body)
    except RecursionError as error:
        message = "the expression is nested too deep"
        raise ExpressionError(message) from error
    if _depth(term.steps) > MAX_DEPTH:
        message = f"the expression holds more than {MAX_DEPTH} values at once; split it"
        raise ExpressionError(message)
    return Expression(term.steps, term.unit, tuple(name for name in order if name in used))


def _binary(op: Op, left: _Term, right: _Term, right_node: ast.expr) -> _Term:
    if op in {Op.ADD, Op.SUB}:
        first, second, unit = _alike(left, right)
        return _Term((*first.steps, *second.steps, (op, 0)), unit)
    unit: Unit | None
    if op is Op.POW:
        unit = left.unit
        if unit is not None:
            if not (isinstance(right_node, ast.Constant) and isinstance(right_node.value, int | float)):
                message = "a quantity can be raised to a plain number only"
                raise ExpressionError(message)
            unit = _plain(unit) ** right_node.value
    elif left.unit is None or right.unit is None:
        unit = left.unit if right.unit is None else right.unit
        if op is Op.DIV and left.unit is None and right.unit is not None:
            unit = _plain(right.unit) ** -1
    else:
        first, second = _plain(left.unit), _plain(right.unit)
        unit = first * second if op is Op.MUL else first / second
    return _Term((*left.steps, *right.steps, (op, 0)), unit)


def _call(name: str, terms: list[_Term]) -> _Term:
    op = _CALLS[name]
    if op not in {Op.MIN, Op.MAX}:
        if len(terms) != 1:
            message = f"'{name}' takes one value"
            raise ExpressionError(message)
        unit = terms[0].unit
        if op is Op.SQRT and unit is not None:
            unit = _plain(unit) ** 0.5
        return _Term((*terms[0].steps, (op, 0)), unit)
    result = terms[0]
    for term in terms[1:]:
        first, second, unit = _alike(result, term)
        result = _Term((*first.steps, *second.steps, (op, 0)), unit)
    return result


def _alike(left: _Term, right: _Term) -> tuple[_Term, _Term, Unit | None]:
    """Bring the right term to the left one's unit; a bare number fits any."""
    if left.unit is None or right.unit is None or left.unit == right.unit:
        return left, right, left.unit if left.unit is not None else right.unit
    factor, offset = _conversion(right.unit, left.unit)
    steps = (*right.steps, (Op.CONSTANT, factor), (Op.MUL, 0))
    if offset:
        steps = (*steps, (Op.CONSTANT, offset), (Op.ADD, 0))
    return left, _Term(steps, left.unit), left.unit


def _conversion(source: Unit, target: Unit) -> tuple[float, float]:
    from commonwheel.catalog.units import conversion

    try:
        return conversion(source, target)
    except CatalogError as error:
        raise ExpressionError(str(error)) from error


def _plain(unit: Unit) -> Unit:
    """Refuse units with an offset (degrees Celsius) where they make no sense."""
    from commonwheel.catalog.units import is_offset

    if is_offset(unit):
        message = f"{unit} has an offset and cannot be multiplied, divided or raised by a quantity"
        raise ExpressionError(message)
    return unit


def _depth(steps: Sequence[Step]) -> int:
    depth = most = 0
    for op, _ in steps:
        depth += 1 if op <= Op.INPUT else 0 if op < Op.ADD else -2 if op is Op.SELECT else -1
        most = max(most, depth)
    return most


def evaluate(steps: Sequence[Step], inputs: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Evaluate on arrays of one shape; undefined results (a division by zero, a missing input) are NaN."""
    stack: list[npt.NDArray[np.float64]] = []
    shape = inputs[0].shape if inputs else ()
    with np.errstate(all="ignore"):
        for op, argument in steps:
            if op is Op.CONSTANT:
                stack.append(np.full(shape, float(argument)))
            elif op is Op.INPUT:
                stack.append(inputs[int(argument)])
            elif op is Op.SELECT:
                otherwise, then, condition = stack.pop(), stack.pop(), stack.pop()
                chosen = np.where(condition != 0, then, otherwise)
                stack.append(np.where(np.isnan(condition), np.nan, chosen))
            elif op < Op.ADD:
                stack.append(_UNARY[op](stack.pop()))
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(_on_arrays(op, left, right))
    return stack[0]


_UNARY = {
    Op.NEG: np.negative,
    Op.ABS: np.abs,
    Op.FLOOR: np.floor,
    Op.ROUND: np.rint,
    Op.SQRT: np.sqrt,
    Op.NOT: lambda a: np.where(np.isnan(a), np.nan, (a == 0).astype(float)),
}
_NUMERIC = {
    Op.ADD: np.add,
    Op.SUB: np.subtract,
    Op.MUL: np.multiply,
    Op.POW: np.power,
    Op.MIN: np.minimum,
    Op.MAX: np.maximum,
}
_LOGIC = {
    Op.LT: np.less,
    Op.LE: np.less_equal,
    Op.GT: np.greater,
    Op.GE: np.greater_equal,
    Op.EQ: np.equal,
    Op.NE: np.not_equal,
    Op.AND: np.logical_and,
    Op.OR: np.logical_or,
}


def _on_arrays(op: Op, left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if op is Op.DIV:
        return np.where(right != 0, left / np.where(right != 0, right, 1.0), np.nan)
    if op in _NUMERIC:
        return _NUMERIC[op](left, right)
    unknown = np.isnan(left) | np.isnan(right)
    return np.where(unknown, np.nan, _LOGIC[op](left, right).astype(float))
