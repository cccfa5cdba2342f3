"""Expressions of ``compute`` rows: parsed from text, checked for units, compiled to postfix steps.

A value in an expression is a bare number or a quantity with a unit. Terms that are added, compared or
chosen between are brought to one unit; a bare number beside a quantity takes its unit, and multiplying
by one keeps it. The steps run in ``native/codec.c`` for each sample, and in ``evaluate`` on arrays.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from commonwheel.errors import CatalogError
from commonwheel.wire.tables import Op

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt
    from pint.facets.plain import PlainUnit  # what pint's products are typed as

__all__ = ["MAX_DEPTH", "Expression", "ExpressionError", "Step", "compile_expression", "evaluate"]

MAX_DEPTH = 32
"""Values that may wait on the stack at once (``CW_STACK`` in the kernel)."""

LARGEST_POWER = 8
SHOWN = 60
"""Characters of an expression that a message repeats."""

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
    unit: PlainUnit | None
    names: tuple[str, ...]
    """The inputs that it uses, of those it was given."""


@dataclass(frozen=True, slots=True)
class _Term:
    steps: tuple[Step, ...]
    unit: PlainUnit | None


def compile_expression(text: str, units: Mapping[str, PlainUnit | None]) -> Expression:
    """Compile an expression over named inputs.

    Args:
        text: the expression.
        units: input name to unit, in the order that INPUT steps count; None: no unit to check.

    Raises:
        ExpressionError: a syntax error, an unknown name or function, or units that do not fit.
    """
    compiler = _Compiler(units)
    try:
        tree = ast.parse(text.strip().replace("\0", "?"), mode="eval")  # a NUL is a ValueError, later a SyntaxError
        term = compiler.visit(tree.body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        message = f"'{_short(text)}' is not an expression: {getattr(error, 'msg', '') or 'it is nested too deep'}"
        raise ExpressionError(message) from error
    if _depth(term.steps) > MAX_DEPTH:
        message = f"the expression holds more than {MAX_DEPTH} values at once; split it"
        raise ExpressionError(message)
    return Expression(term.steps, term.unit, tuple(name for name in compiler.order if name in compiler.used))


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


class _Compiler:
    """Turns the nodes of one expression into terms."""

    def __init__(self, units: Mapping[str, PlainUnit | None]) -> None:
        self._units = units
        self.order = {name: i for i, name in enumerate(units)}
        self.used: set[str] = set()

    def visit(self, node: ast.expr) -> _Term:
        """Return the term of a node; refuse what is no part of the language."""
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return _constant(value)
            case ast.Name(id=name):
                return self._input(name)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BinOp(op=op) if type(op) in _BINARY:
                return _binary(_BINARY[type(op)], self.visit(node.left), self.visit(node.right))
            case ast.BoolOp() | ast.Compare(ops=[_]) | ast.IfExp():
                return self._logic(node)
            case ast.Call(func=ast.Name(id=name), args=[_, *_], keywords=[]):
                return self._call(name, node.args)
            case _:
                message = f"'{_short(ast.unparse(node))}' cannot be used in an expression"
                raise ExpressionError(message)

    def _input(self, name: str) -> _Term:
        if name not in self.order:
            message = f"'{name}' is not an input (inputs are: {', '.join(self.order) or 'none'})"
            raise ExpressionError(message)
        self.used.add(name)
        return _Term(((Op.INPUT, self.order[name]),), self._units[name])

    def _unary(self, node: ast.UnaryOp) -> _Term:
        term = self.visit(node.operand)
        if isinstance(node.op, ast.UAdd):
            return term
        if isinstance(node.op, ast.USub):
            return _Term((*term.steps, (Op.NEG, 0)), term.unit)
        if isinstance(node.op, ast.Not):
            return _Term((*term.steps, (Op.NOT, 0)), None)
        message = f"'{_short(ast.unparse(node))}' cannot be used in an expression"
        raise ExpressionError(message)

    def _logic(self, node: ast.BoolOp | ast.Compare | ast.IfExp) -> _Term:
        if isinstance(node, ast.IfExp):
            first, second, unit = _alike(self.visit(node.body), self.visit(node.orelse))
            return _Term((*self.visit(node.test).steps, *first.steps, *second.steps, (Op.SELECT, 0)), unit)
        if isinstance(node, ast.Compare):
            op = _COMPARE.get(type(node.ops[0]))
            if op is None:
                message = f"'{_short(ast.unparse(node))}' cannot be used in an expression"
                raise ExpressionError(message)
            first, second, _ = _alike(self.visit(node.left), self.visit(node.comparators[0]))
            return _Term((*first.steps, *second.steps, (op, 0)), None)
        op = Op.AND if isinstance(node.op, ast.And) else Op.OR
        joined = self.visit(node.values[0]).steps
        for value in node.values[1:]:
            joined = (*joined, *self.visit(value).steps, (op, 0))
        return _Term(joined, None)

    def _call(self, name: str, arguments: Sequence[ast.expr]) -> _Term:
        if name not in _CALLS:
            message = f"'{name}' is not a function here; known are {', '.join(_CALLS)}"
            raise ExpressionError(message)
        return _call(name, [self.visit(argument) for argument in arguments])


def _constant(value: float) -> _Term:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        message = "a number is too large to calculate with"
        raise ExpressionError(message)
    return _Term(((Op.CONSTANT, number),), None)


def _binary(op: Op, left: _Term, right: _Term) -> _Term:
    if op in {Op.ADD, Op.SUB}:
        first, second, unit = _alike(left, right)
        return _Term((*first.steps, *second.steps, (op, 0)), unit)
    unit: PlainUnit | None
    if op is Op.POW:
        unit = _power(left.unit, right)
    elif left.unit is None or right.unit is None:
        unit = left.unit if right.unit is None else right.unit
        if op is Op.DIV and left.unit is None and right.unit is not None:
            unit = _plain(right.unit) ** -1
    else:
        first, second = _plain(left.unit), _plain(right.unit)
        unit = cast("PlainUnit", first * second if op is Op.MUL else first / second)
    return _Term((*left.steps, *right.steps, (op, 0)), unit)


def _power(unit: PlainUnit | None, exponent: _Term) -> PlainUnit | None:
    """Return the unit of a power; that of a quantity is only known for a plain number as exponent."""
    if unit is None and exponent.unit is None:
        return None
    number = math.nan
    match exponent.steps:
        case ((Op.CONSTANT, float() as number),):
            pass
        case ((Op.CONSTANT, float() as number), (Op.NEG, _)):
            number = -number
        case _:
            pass
    if unit is None or not abs(number) <= LARGEST_POWER:
        message = f"only a quantity raised to a plain number, of {LARGEST_POWER} at most, has a unit"
        raise ExpressionError(message)
    return _plain(unit) ** number


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


def _alike(left: _Term, right: _Term) -> tuple[_Term, _Term, PlainUnit | None]:
    """Bring the right term to the left one's unit; a bare number fits any."""
    if left.unit is None or right.unit is None or left.unit == right.unit:
        return left, right, left.unit if left.unit is not None else right.unit
    factor, offset = _conversion(right.unit, left.unit)
    steps = (*right.steps, (Op.CONSTANT, factor), (Op.MUL, 0))
    if offset:
        steps = (*steps, (Op.CONSTANT, offset), (Op.ADD, 0))
    return left, _Term(steps, left.unit), left.unit


def _conversion(source: PlainUnit, target: PlainUnit) -> tuple[float, float]:
    from commonwheel.catalog.units import conversion

    try:
        return conversion(source, target)
    except CatalogError as error:
        raise ExpressionError(str(error)) from error


def _plain(unit: PlainUnit) -> PlainUnit:
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


def _not(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isnan(values), np.nan, (values == 0).astype(float))


_UNARY: Mapping[Op, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    Op.NEG: np.negative,
    Op.ABS: np.abs,
    Op.FLOOR: np.floor,
    Op.ROUND: np.rint,
    Op.SQRT: np.sqrt,
    Op.NOT: _not,
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
