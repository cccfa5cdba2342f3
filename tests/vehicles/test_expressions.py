"""Expressions: what they may say, their units, and that every way to evaluate them agrees."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pint.facets.plain import PlainUnit

from commonwheel.catalog.units import to_pint
from commonwheel.vehicles.expressions import MAX_DEPTH, ExpressionError, compile_expression, evaluate
from commonwheel.wire.codec import Decoder
from commonwheel.wire.database import Signal
from commonwheel.wire.frames import Frames
from commonwheel.wire.tables import SignalRow, TableBuilder

NAMES = ("a", "b", "c")
BARE: Mapping[str, PlainUnit | None] = dict.fromkeys(NAMES)
UNITS: Mapping[str, PlainUnit | None] = {
    "v": to_pint("V"),
    "m": to_pint("mV"),
    "i": to_pint("A"),
    "t": to_pint("degC"),
    "n": None,
}

# ---- the meaning, as plainly as it can be written -------------------------------------------------------------------

_TWO: dict[type, Callable[[float, float], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Div: lambda a, b: a / b if b else math.nan, ast.Pow: np.power,
}  # fmt: skip
_ONE: dict[str, Callable[[float], float]] = {
    "abs": abs, "floor": np.floor, "round": np.rint, "sqrt": np.sqrt
}  # fmt: skip


def meaning(node: ast.expr, values: Mapping[str, float]) -> float:  # noqa: C901, PLR0911 - a case per form
    """Return what an expression means; undefined is no number, and what rests on no number is none."""

    def of(inner: ast.expr) -> float:
        return meaning(inner, values)

    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=op, right=right):
            return float(_TWO[type(op)](of(left), of(right)))
        case ast.UnaryOp(op=op, operand=operand):
            value = of(operand)
            return (
                value if isinstance(op, ast.UAdd) else -value if isinstance(op, ast.USub) else _known(not value, value)
            )
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _known(_TWO[type(op)](of(left), of(right)), of(left), of(right))
        case ast.BoolOp(op=op, values=parts):
            found = [of(part) for part in parts]
            return _known((all if isinstance(op, ast.And) else any)(found), *found)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _known(of(body) if of(test) else of(orelse), of(test))
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=arguments):
            found = [of(argument) for argument in arguments]
            return _known({"min": min, "max": max}[name](found), *found)
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return float(_ONE[name](of(argument)))
        case _:
            raise AssertionError(ast.dump(node))


def _known(value: float, *rests_on: float) -> float:
    return math.nan if any(map(math.isnan, rests_on)) else float(value)


# Without infinities, of which numpy and C take other roots: (-inf) ** 0.5.
NUMBERS = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e100, math.nan]), st.floats(-1e6, 1e6))
INFIX = ["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "and", "or"]


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def shaped(text: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(*parts).map(lambda found: text.format(*found))

    return st.one_of(
        shaped("({} {} {})", inner, st.sampled_from(INFIX), inner),
        shaped("({} ** {})", inner, st.sampled_from(["0", "1", "2", "3", "0.5"])),
        shaped("({}{})", st.sampled_from(["-", "+", "not "]), inner),
        shaped("{}({})", st.sampled_from(list(_ONE)), inner),
        shaped("{}({}, {})", st.sampled_from(["min", "max"]), inner, inner),
        shaped("({} if {} else {})", inner, inner, inner),
    )


TEXTS = st.recursive(st.sampled_from([*NAMES, "0", "1", "2.5", "1e3", "True", "False"]), _grow, max_leaves=8)
"""Expressions in every form that the language has, of any shape."""


def by_kernel(text: str, rows: list[tuple[float, ...]]) -> list[float]:
    """Evaluate in the kernel: the inputs come in as 64-bit floats of one frame."""
    builder = TableBuilder(1)
    message = builder.message(bus=0, can_id=1, extended=False, size=24)
    fields = [Signal(name, 64 * i, 64, big_endian=False, is_float=True) for i, name in enumerate(NAMES)]
    slots = [builder.signal(message, SignalRow(field, -1)) for field in fields]
    builder.compute(slots, compile_expression(text, BARE).steps, 0)
    payloads = (np.array(row, "<f8").tobytes() for row in rows)
    return Decoder(builder.build()).decode(Frames.build((0, 0, 1, payload) for payload in payloads)).value.tolist()


def alike(one: float, other: float) -> bool:
    """Whether two results are the same, up to the last bits of a power; of infinities roots differ: (-inf) ** 0.5."""
    if not math.isfinite(one) and not math.isfinite(other):
        return one == other or math.isnan(one) or math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=1e-14)


@settings(max_examples=300)
@given(TEXTS, st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4))
def test_kernel_arrays_and_meaning_agree(text: str, rows: list[tuple[float, ...]]) -> None:
    tree = ast.parse(text, mode="eval").body
    columns = [np.array(column, np.float64) for column in zip(*rows, strict=True)]
    with np.errstate(all="ignore"):
        expected = [meaning(tree, dict(zip(NAMES, row, strict=True))) for row in rows]
    on_arrays = np.broadcast_to(evaluate(compile_expression(text, BARE).steps, columns), len(rows)).tolist()
    assert all(map(alike, on_arrays, expected)), (on_arrays, expected)
    in_kernel = by_kernel(text, rows)
    assert all(map(alike, in_kernel, expected)), (in_kernel, expected)


@settings(max_examples=100)
@given(TEXTS, st.lists(st.floats(-100, 100), min_size=3, max_size=3))
def test_where_all_is_defined_it_is_what_python_says(text: str, row: list[float]) -> None:
    known = {"floor": math.floor, "sqrt": math.sqrt}
    try:
        expected = eval(text, known, dict(zip(NAMES, row, strict=True)))  # noqa: S307 - made by the strategy above
    except (ArithmeticError, TypeError, ValueError):
        return  # where Python has no answer, there is no number
    if "** 0.5" in text:
        return  # Python goes on with complex numbers, where there is no number here
    if " and " in text or " or " in text:
        return  # Python's 'and' gives one of its sides; here it gives true or false
    steps = compile_expression(text, BARE).steps
    assert math.isclose(evaluate(steps, [np.array([x]) for x in row]).flat[0], expected, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("v * i", "W"), ("v / i", "Ohm"), ("i / v * v", "A"), ("v * 2", "V"), ("2 * v", "V"), ("v / 2", "V"),
        ("1 / (1 / v)", "V"), ("v ** 2 / v", "V"), ("v ** -1 * v * v", "V"), ("sqrt(v * v)", "V"), ("-v", "V"),
        ("abs(v)", "V"), ("round(v)", "V"), ("min(v, m)", "V"), ("max(m, v, 5)", "mV"), ("v if i > 1 else m", "V"),
        ("v + m", "V"), ("m - v", "mV"), ("t + 5", "degC"), ("t * 2", "degC"),
    ],
)  # fmt: skip
def test_units_follow_the_calculation(text: str, unit: str) -> None:
    found = compile_expression(text, UNITS).unit
    assert found is not None
    assert found.dimensionality == to_pint(unit).dimensionality


@pytest.mark.parametrize("text", ["v > m", "v == 3 and i < 2", "not v", "n * 2", "1", "n ** 2", "v > 1 or n"])
def test_some_results_have_no_unit(text: str) -> None:
    assert compile_expression(text, UNITS).unit is None


def test_terms_are_brought_to_the_unit_of_the_first() -> None:
    steps = compile_expression("v + m", UNITS).steps
    inputs = [np.array([1.0]), np.array([500.0]), *[np.zeros(1)] * 3]
    assert evaluate(steps, inputs).tolist() == [1.5]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("v + i", "'ampere' does not convert to 'volt'"),
        ("v > i", "'ampere' does not convert to 'volt'"),
        ("v if n else i", "'ampere' does not convert to 'volt'"),
        ("min(v, t)", "'degree_Celsius' does not convert to 'volt'"),
        ("t * v", "degree_Celsius has an offset"),
        ("v / t", "degree_Celsius has an offset"),
        ("1 / t", "degree_Celsius has an offset"),
        ("t ** 2", "degree_Celsius has an offset"),
        ("sqrt(t)", "degree_Celsius has an offset"),
        ("v ** n", "only a quantity raised to a plain number"),
        ("v ** (1 + 1)", "only a quantity raised to a plain number"),
        ("2 ** v", "only a quantity raised to a plain number"),
        ("v ** 1000000000", "of 8 at most"),
        ("w", "'w' is not an input (inputs are: v, m, i, t, n)"),
        ("exp(v)", "'exp' is not a function here; known are abs, floor"),
        ("abs(v, i)", "'abs' takes one value"),
        ("abs()", "cannot be used in an expression"),
        ("min(v, key=i)", "cannot be used in an expression"),
        ("min(*v)", "cannot be used in an expression"),
        ("v % 2", "cannot be used in an expression"),
        ("v // 2", "cannot be used in an expression"),
        ("~n", "cannot be used in an expression"),
        ("0 < n < 3", "cannot be used in an expression"),
        ("n in n", "cannot be used in an expression"),
        ("n is n", "cannot be used in an expression"),
        ("'text'", "cannot be used in an expression"),
        ("v.real", "cannot be used in an expression"),
        ("v[0]", "cannot be used in an expression"),
        ("lambda: v", "cannot be used in an expression"),
        ("(v := 5)", "cannot be used in an expression"),
        ("__import__('os')", "'__import__' is not a function here"),
        ("v = 5", "is not an expression"),
        ("v +", "is not an expression"),
        ("", "is not an expression"),
        ("v\n+ i)", "is not an expression"),
        ("\0", "is not an expression"),
        ("1e999", "too large to calculate with"),
        ("1" + "0" * 400, "too large to calculate with"),
        ("1j", "cannot be used in an expression"),
        ("None", "cannot be used in an expression"),
    ],
)
def test_what_is_no_expression_here_is_refused_with_the_reason(text: str, phrase: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, UNITS)
    assert phrase in str(caught.value)


@pytest.mark.parametrize("text", ["(" * 5000 + "n" + ")" * 5000, "-" * 20_000 + "n", "n" + "+n" * 20_000])
def test_endless_nesting_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, UNITS)
    assert len(str(caught.value)) < 200


def nested(depth: int) -> str:
    return "n + (" * (depth - 1) + "n" + ")" * (depth - 1)


def test_the_kernels_stack_is_never_exceeded() -> None:
    assert len(compile_expression(nested(MAX_DEPTH), UNITS).steps) == 2 * MAX_DEPTH - 1
    with pytest.raises(ExpressionError, match="more than 32 values at once"):
        compile_expression(nested(MAX_DEPTH + 1), UNITS)


def test_the_deepest_expression_that_compiles_is_evaluated_in_full() -> None:
    assert by_kernel(nested(MAX_DEPTH).replace("n", "a"), [(2.0, 0.0, 0.0)]) == [2.0 * MAX_DEPTH]


def test_it_is_known_which_inputs_are_used() -> None:
    assert compile_expression("i * 2 + i", UNITS).names == ("i",)


def test_a_constant_alone_is_a_single_value() -> None:
    assert evaluate(compile_expression("5", {}).steps, []).tolist() == 5.0
