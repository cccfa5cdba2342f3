"""KUKSA's transform math, read as py-expression-eval reads it.

A formula has one variable, ``x``. The library's grammar has priorities of its own (``/`` and ``%`` bind
tighter than ``*``, a sign weaker than both), and some formulas it takes fail on every value (``2 * -x``).
``parse`` follows it step by step, so a formula means here what it means there, or is refused with the reason.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "Formula",
    "FormulaError",
    "InexpressibleError",
    "affine",
    "compares_only",
    "evaluate",
    "nearest",
    "parse",
]


class FormulaError(ValueError):
    """The formula is none, or fails on every value."""


class InexpressibleError(ValueError):
    """It means something that a description has no words for."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A node: a number (``op`` is '#'), the variable ('x'), or an operation on its arguments."""

    op: str
    args: tuple[Formula, ...] = ()
    value: float = 0.0


# ------------------------------------------------------------------------------------------------ reading

_TOKEN = re.compile(
    r"(?P<blank>\s+)|(?P<operator>\*\*|\^|%|/|\u2219|\u2022|\*|\+|-|\|\||==|!=|<=|>=|<|>|(?:in|not|and|xor|or) )"
    r"|(?P<number>\d*\.?\d*[eE][-+]?\d+|[\d.]+)|(?P<bracket>[(),])|(?P<name>[^\W\d]\w*)"
)
_PRIORITY: Mapping[str, int] = {
    "**": 8, "^": 8, "%": 6, "/": 6, "\u2219": 5, "\u2022": 5, "*": 5, "+": 4, "-": 4, "||": 3, "==": 3, "!=": 3,
    "<=": 3, ">=": 3, "<": 3, ">": 3, "in": 3, "and": 1, "xor": 0, "or": 0,
}  # fmt: skip
_SAME = {"**": "^", "\u2219": "*", "\u2022": "*"}
_PREFIXES = frozenset({"abs", "ceil", "floor", "round", "sqrt", "not"})
"""Functions of one argument that the library treats as operators."""
_FUNCTIONS: Mapping[str, tuple[int, int]] = {
    "min": (2, 99), "max": (2, 99), "pow": (2, 2), "pyt": (2, 2), "if": (3, 3),
}  # fmt: skip
"""Functions by name, with the fewest and the most arguments."""
_FOREIGN = frozenset(
    {
        *("sin", "cos", "tan", "asin", "acos", "atan", "sind", "cosd", "tand", "asind", "acosd", "atand", "atan2"),
        *("exp", "log", "fac", "random", "concat"),
    }
)
"""What the library has and expressions here do not."""
_CONSTANTS = {"E": math.e, "PI": math.pi}
_LONGEST = 2000
_EXACT = 2.0**53
_SIGN, _CALL_PRIORITY, _COMMA_PRIORITY, _PREFIX_PRIORITY, _NOT_PRIORITY, _BRACKET = 5, -2, -1, 9, 2, 10


def parse(text: str) -> Formula:
    """Read a formula.

    Raises:
        FormulaError: it cannot be read, or the library fails on it whatever the value.
        InexpressibleError: it uses a function that expressions here do not have.
    """
    if len(text) > _LONGEST:
        message = f"a formula of {len(text)} characters is too long"
        raise FormulaError(message)
    return _build(_Reader(text).read(), text)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """value, name, sign, prefix, infix, call or comma."""
    text: str
    priority: int = 0
    number: float = 0.0


class _Reader:
    """Brings the tokens of a formula into the order in which the library evaluates them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.done: list[_Token] = []
        self._waiting: list[_Token] = []
        self._depth = 0
        self._operand = True
        """What may come next: an operand, or an operator."""
        self._callee = False
        """Whether the operand just read is a name, which a bracket would call."""

    def read(self) -> list[_Token]:
        """Return all tokens in postfix order."""
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                message = f"'{self.text}': '{self.text[at]}' in column {at + 1} is not understood"
                raise FormulaError(message)
            at = match.end()
            part = match.group().strip()
            if match.lastgroup == "operator":
                self._operator(part, match)
            elif match.lastgroup == "bracket":
                self._bracket(part, match)
            elif match.lastgroup != "blank":
                self._word(part, match)
        if self._operand or self._depth:
            message = f"'{self.text}' ends too early" if self.text.strip() else "the formula is empty"
            raise FormulaError(message)
        return [*self.done, *reversed(self._waiting)]

    def _operator(self, part: str, match: re.Match[str]) -> None:
        if self._operand and part in {"+", "-", "not"}:
            if part != "+":
                self._push("sign" if part == "-" else "prefix", part, _SIGN if part == "-" else _NOT_PRIORITY)
            return
        self._expect(not self._operand and part in _PRIORITY, match)
        self._push("infix", _SAME.get(part, part), _PRIORITY[part])
        self._operand, self._callee = True, False

    def _bracket(self, part: str, match: re.Match[str]) -> None:
        if part == "(":
            self._expect(self._operand or self._callee, match)
            self._depth += 1
            if self._callee:
                self._push("call", "", _CALL_PRIORITY)
        else:
            self._expect(not self._operand and self._depth > 0, match)
            if part == ")":
                self._depth -= 1
            else:
                self._push("comma", ",", _COMMA_PRIORITY)
        self._operand, self._callee = part != ")", False

    def _word(self, part: str, match: re.Match[str]) -> None:
        """Take a number, a constant, the variable or a function's name."""
        opens = self.text[match.end() :].lstrip().startswith("(")
        self._expect(self._operand and (part not in _PREFIXES or opens), match)
        if part in _PREFIXES:
            self._push("prefix", part, _PREFIX_PRIORITY)
            return
        number = match.lastgroup == "number" or part in _CONSTANTS
        self.done.append(_Token("value", part, number=_number(part, self.text)) if number else _Token("name", part))
        self._operand, self._callee = False, not number and part != "x"

    def _push(self, kind: str, name: str, priority: int) -> None:
        token = _Token(kind, name, priority + self._depth * _BRACKET)
        while self._waiting and token.priority <= self._waiting[-1].priority:
            self.done.append(self._waiting.pop())
        self._waiting.append(token)

    def _expect(self, fits: bool, match: re.Match[str]) -> None:  # noqa: FBT001 - what was expected
        if not fits:
            message = f"'{self.text}': '{match.group().strip()}' in column {match.start() + 1} does not fit there"
            raise FormulaError(message)


def _number(part: str, text: str) -> float:
    if part in _CONSTANTS:
        return _CONSTANTS[part]
    try:
        value = float(part)
    except ValueError as error:
        message = f"'{text}': '{part}' is not a number"
        raise FormulaError(message) from error
    if not math.isfinite(value):
        message = f"'{text}': '{part}' is too large"
        raise FormulaError(message)
    return value


def _build(tokens: Sequence[_Token], text: str) -> Formula:
    """Evaluate the tokens symbolically, as the library does numerically."""
    stack: list[Formula] = []
    for token in tokens:
        if token.kind == "value":
            stack.append(Formula("#", value=token.number))
        elif token.kind == "name":
            stack.append(Formula("x") if token.text == "x" else Formula("name", (Formula(token.text),)))
        elif token.kind in {"sign", "prefix"}:
            if not stack:
                raise FormulaError(_fails(token, text))
            stack.append(Formula("neg" if token.kind == "sign" else token.text, (stack.pop(),)))
        else:
            if len(stack) < 2:  # noqa: PLR2004 - an operator between two
                raise FormulaError(_fails(token, text))
            right, left = stack.pop(), stack.pop()
            stack.append(_call(left, right, text) if token.kind == "call" else _join(token, left, right))
    if len(stack) != 1:
        message = f"'{text}' is not one formula"
        raise FormulaError(message)
    _check(stack[0], text)
    return stack[0]


def _fails(token: _Token, text: str) -> str:
    what = "a sign behind '*', '/', '%' or '^'" if token.kind == "infix" else f"'{token.text}'"
    return f"'{text}': py-expression-eval fails on {what} here; put its operand into brackets, as in 2 * (-x)"


def _join(token: _Token, left: Formula, right: Formula) -> Formula:
    if token.kind == "comma":
        return Formula(",", (*(left.args if left.op == "," else (left,)), right))
    return Formula(token.text, (left, right))


def _call(left: Formula, right: Formula, text: str) -> Formula:
    if left.op != "name":
        message = f"'{text}': only a function can be called"
        raise FormulaError(message)
    name, args = left.args[0].op, right.args if right.op == "," else (right,)
    if name in _FOREIGN:
        message = f"'{text}': expressions here have no '{name}'"
        raise InexpressibleError(message)
    least, most = _FUNCTIONS.get(name, (0, -1))
    if not least <= len(args) <= most:
        what = f"takes {least} values, not {len(args)}" if name in _FUNCTIONS else "is not a function"
        message = f"'{text}': '{name}' {what}"
        raise FormulaError(message)
    return Formula(name, args)


def _check(formula: Formula, text: str) -> None:
    """Refuse what is left of names, lists and texts."""
    if formula.op == "name":
        name = formula.args[0].op
        if name in _FOREIGN:
            message = f"'{text}': expressions here have no '{name}'"
            raise InexpressibleError(message)
        message = f"'{text}': '{name}' is not known; the value is called 'x'"
        raise FormulaError(message)
    if formula.op in {"||", "in"}:
        message = f"'{text}': '{formula.op}' works on texts and lists, which expressions here do not have"
        raise InexpressibleError(message)
    if formula.op == ",":
        message = f"'{text}': a list is no value"
        raise FormulaError(message)
    for part in formula.args:
        _check(part, text)


# --------------------------------------------------------------------------------------------- evaluating


def _power(base: float, exponent: float) -> float:
    # As floats: whole numbers of any length (9 ^ 9 ^ 9) would take for ever.
    power: float | complex = float(base) ** float(exponent)
    if isinstance(power, complex):
        return math.nan
    value = float(power)
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _divide(a: float, b: float) -> float:
    return a / b


def _and(a: float, b: float) -> float:
    return a and b


def _or(a: float, b: float) -> float:
    return a or b


def _xor(a: int, b: int) -> int:
    return a ^ b


def _if(condition: float, then: float, otherwise: float) -> float:
    return then if condition else otherwise


_EVALUATE: Mapping[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divide, "%": operator.mod, "^": _power,
    "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
    "and": _and, "or": _or, "xor": _xor, "not": operator.not_, "neg": operator.neg, "if": _if,
    "abs": abs, "ceil": math.ceil, "floor": math.floor, "round": round, "sqrt": math.sqrt,
    "min": min, "max": max, "pow": math.pow, "pyt": math.hypot,
}  # fmt: skip


def evaluate(formula: Formula, x: object) -> float | bool | None:
    """Return the formula's value as KUKSA would, or None where it would drop it (a division by zero, a text).

    Anything but a number for *x* stands for a value that has a name: it can be compared, not calculated with.
    """
    try:
        value = _value(formula, x)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return None if value != value else value  # noqa: PLR0124 - NaN


def _value(formula: Formula, x: object) -> float:
    if formula.op == "#":
        whole = formula.value.is_integer()
        return int(formula.value) if whole else formula.value
    if formula.op == "x":
        return x  # pyright: ignore[reportReturnType] - a value with a name fails where it is calculated with
    return _EVALUATE[formula.op](*(_value(part, x) for part in formula.args))


def affine(formula: Formula) -> tuple[float, float] | None:
    """Return (scale, offset) of a formula that is x * scale + offset, else None."""
    if formula.op in {"#", "x"}:
        return (1.0, 0.0) if formula.op == "x" else (0.0, formula.value)
    parts = [affine(part) for part in formula.args]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if all(scale == 0 for scale, _ in known):
        value = evaluate(formula, 0)
        return None if value is None else (0.0, float(value))
    return _combined(formula.op, known)


def _combined(op: str, parts: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Return an operation on lines, where the result is one."""
    match op, parts:
        case "neg", [(a, b)]:
            return -a, -b
        case "+", [(a, b), (c, d)]:
            return a + c, b + d
        case "-", [(a, b), (c, d)]:
            return a - c, b - d
        case "*", [(a, b), (c, d)] if 0 in {a, c}:
            return (a * d, b * d) if c == 0 else (c * b, d * b)
        case "/", [(a, b), (c, d)] if c == 0 and d != 0:
            return a / d, b / d
        case _:
            return None


def nearest(formula: Formula) -> tuple[float, float] | None:
    """Return (scale, offset) of a formula that rounds x * scale + offset to the nearest whole number, else None."""
    if formula.op == "round" and len(formula.args) == 1:
        return affine(formula.args[0])
    inner = affine(formula.args[0]) if formula.op == "floor" else None
    if inner is None:
        return None
    # floor(y + 0.5): the half belongs to the rounding, if the formula says so itself.
    top = formula.args[0]
    halves = [part for part in top.args if part == Formula("#", value=0.5)] if top.op == "+" else []
    return (inner[0], inner[1] - 0.5) if halves else None


def compares_only(formula: Formula) -> bool:
    """Whether x occurs in '==' and '!=' only, so that a value with a name does not make the formula fail."""
    if formula.op == "x":
        return False
    if formula.op in {"==", "!="}:
        return all(part.op == "x" or compares_only(part) for part in formula.args)
    return all(compares_only(part) for part in formula.args)
