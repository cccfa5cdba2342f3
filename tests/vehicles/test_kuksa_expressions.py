"""KUKSA's formulas are read as py-expression-eval reads them, and written so that both sides agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from commonwheel.vehicles.expressions import compile_expression
from commonwheel.vehicles.expressions import evaluate as evaluate_steps
from commonwheel.vehicles.kuksa_expressions import (
    FormulaError,
    InexpressibleError,
    affine,
    compares_only,
    evaluate,
    nearest,
    parse,
)
from commonwheel.vehicles.kuksa_math import affine_math, steps_math, to_compute

VALUES = (0, 1, 2.5, -3, 7, -26, 26, 0.1)


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("x", 5, 5),
        ("floor((x*40)-100)", 2, -20),
        ("floor(abs(x/5))", -26, 5),
        ("x%3*2", 7, 2),
        ("2*x%3", 7, 2),  # '%' binds tighter than '*'
        ("-7%x", 3, -1),  # a sign binds weaker than '%'
        ("-x^2", 3, -9),
        ("2^3^2", 0, 64),  # from left to right
        ("x--1", 1, 2),
        ("not x == 1", 2, True),
        ("x>1 and x<5", 3, True),
        ("x or 3", 0, 3),
        ("if(x>1, 10, 20)", 1, 20),
        ("min(x, 3) + max(x, 4, 5)", 1, 6),
        ("pow(x, 2) + pyt(3, x)", 4, 21),
        ("ceil(x) * 2", 1.2, 4),
        ("1e3 * x + .5", 2, 2000.5),
        ("PI * 0 + E * 0 + x", 1, 1),
        ("9^(9^(9^9))", 0, None),  # too large to be a value, but no reason to stand still
        ("3 + 2*-x", 1, 5),  # 3 * 2 - x: the sign ends the product before its second factor is there
    ],
)
def test_a_formula_means_what_it_means_to_kuksa(text: str, x: float, expected: float | None) -> None:
    assert evaluate(parse(text), x) == expected


@pytest.mark.parametrize(
    "text",
    ["", "  ", "x +", "x x", "(x", "x)", "2*-x", "2^min(x,1)", "foo(x)", "y", "min(x)", "pow(x,1,2)", "if(x, 1)", "x,1",
     "'a'", "1.2.3", "x>1 and(x<2)", "(x)(2)", "abs -x", "x $ 2", "1e999", "x*" * 1100, "()", "min()", "min", "* x",
     "sqrt(x) y", "(x, 1)", "-", "not ", "x 1"],
)  # fmt: skip
def test_what_is_no_formula_or_fails_on_every_value_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(FormulaError) as error:
        parse(text)
    assert str(error.value)


@pytest.mark.parametrize("text", ["sin(x)", "log(x)", "x || 2", "x in 2", "atan2(x, 1)", "exp(x)", "log"])
def test_what_expressions_here_do_not_have_is_told_apart_from_what_is_wrong(text: str) -> None:
    with pytest.raises(InexpressibleError):
        parse(text)


def test_bits_cannot_be_combined_in_an_expression() -> None:
    with pytest.raises(InexpressibleError, match="xor"):
        to_compute(parse("x xor 1"))
    assert evaluate(parse("x xor 3"), 5) == 6


@pytest.mark.parametrize(
    ("text", "x"), [("1/x", 0), ("sqrt(x)", -1), ("x+1", "Parked"), ("x^0.5", -2), ("x xor 1", 0.5)]
)
def test_a_value_that_the_formula_fails_on_is_dropped(text: str, x: object) -> None:
    assert evaluate(parse(text), x) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", (1, 0)),
        ("(x+32)/2", (0.5, 16)),
        ("100 - (x*2 - 4)", (-2, 104)),
        ("-x", (-1, 0)),
        ("2*(3*x)", (6, 0)),
        ("max(3, 2) * x", (3, 0)),
        ("7", (0, 7)),
        ("x*x", None),
        ("1/x", None),
        ("floor(x)", None),
        ("x/0", None),
    ],
)
def test_lines_are_recognised(text: str, expected: tuple[float, float] | None) -> None:
    assert affine(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("floor(x+0.5)", (1, 0)), ("round(x*2)", (2, 0)), ("floor(x*0.5-3+0.5)", (0.5, -3)), ("floor(0.5+x)", (1, 0)),
     ("floor(x)", None), ("ceil(x)", None), ("floor(x*40-100)", None), ("x", None)],
)  # fmt: skip
def test_rounding_to_the_nearest_is_recognised(text: str, expected: tuple[float, float] | None) -> None:
    assert nearest(parse(text)) == expected


def test_a_formula_that_only_compares_is_told_from_one_that_calculates() -> None:
    assert compares_only(parse("x == 3 or not x != 4"))
    assert not compares_only(parse("x == 3 or x > 4"))
    assert not compares_only(parse("x"))


FORMULAS = st.deferred(
    lambda: (
        st.just("x")
        | st.integers(0, 99).map(str)
        | st.floats(0, 99, allow_nan=False).map(lambda value: repr(round(value, 3)))
        | st.tuples(FORMULAS, st.sampled_from(["+", "-", "*", "/", "%"]), FORMULAS).map(lambda t: f"({' '.join(t)})")
        | st.tuples(FORMULAS, st.sampled_from(["+", "-", "*", "/", "%"]), FORMULAS).map(" ".join)
        | st.tuples(FORMULAS, st.integers(0, 3)).map(lambda t: f"({t[0]} ^ {t[1]})")
        | st.tuples(st.sampled_from(["floor", "ceil", "round", "abs", "sqrt", "-"]), FORMULAS).map(
            lambda t: f"{t[0]}({t[1]})"
        )
        | st.tuples(FORMULAS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), FORMULAS).map(
            lambda t: f"({' '.join(t)})"
        )
        | st.tuples(FORMULAS, st.sampled_from(["and", "or"]), FORMULAS).map(lambda t: f"({' '.join(t)})")
        | st.tuples(FORMULAS, FORMULAS, FORMULAS).map(lambda t: f"if({t[0]}, {t[1]}, {t[2]})")
        | st.tuples(st.sampled_from(["min", "max"]), FORMULAS, FORMULAS).map(lambda t: f"{t[0]}({t[1]}, {t[2]})")
    )
)


def tame(value: object) -> float | None:
    """A number that is worth comparing, or None."""
    if isinstance(value, bool | int | float) and abs(value) < 1e12:
        return float(value)
    return None


@pytest.mark.oracle
@given(FORMULAS)
@settings(max_examples=120)
def test_every_formula_reads_as_py_expression_eval_reads_it(text: str) -> None:
    library = pytest.importorskip("py_expression_eval", reason="py-expression-eval is not installed")
    try:
        formula = parse(text)
    except FormulaError:
        formula = None
    for x in VALUES:
        try:
            theirs = library.Parser().parse(text).evaluate({"x": x})
        except Exception:  # noqa: BLE001 - the library raises bare exceptions
            theirs = None
        if isinstance(theirs, complex) or (theirs is not None and tame(theirs) is None):
            continue
        assert (None if formula is None else evaluate(formula, x)) == theirs


@given(FORMULAS)
@settings(max_examples=120)
def test_a_compute_expression_gives_what_the_formula_gives(text: str) -> None:
    try:
        formula = parse(text)
        compiled = compile_expression(to_compute(formula), {"x": None})
    except (FormulaError, InexpressibleError, ValueError):
        return  # refused as too deep, which is said
    assume("%" not in text)  # written with a division, so that rounding may put it on the other side of a step
    for x in VALUES:
        wanted = evaluate(formula, x)
        got = float(evaluate_steps(compiled.steps, [np.array([float(x)])])[0])
        if tame(wanted) is not None and not math.isnan(got):
            assert got == pytest.approx(float(wanted or 0), rel=1e-9, abs=1e-9)


@given(st.floats(-1e6, 1e6).filter(lambda v: abs(v) > 1e-9), st.floats(-1e6, 1e6))
def test_a_line_written_as_math_is_the_same_line(scale: float, offset: float) -> None:
    read = affine(parse(affine_math(scale, offset) or "x"))
    assert read == (scale, offset)


@pytest.mark.parametrize(
    "text",
    ["x * 2 + 1", "abs(x) - 3", "min(x, 3) * max(x, 1)", "x if x > 2 else -x", "not (x > 1 and x < 5)", "x ** 2 / 4",
     "floor(x / 2) + round(x)", "x > 1 or x < 0", "2 ** min(x, 3)", "-(x - 4)", "x != 1"],
)  # fmt: skip
def test_an_expression_written_as_math_gives_the_same(text: str) -> None:
    steps = compile_expression(text, {"x": None}).steps
    formula = parse(steps_math(steps))
    for x in VALUES:
        ours = float(evaluate_steps(steps, [np.array([float(x)])])[0])
        assert float(evaluate(formula, x) or 0) == pytest.approx(ours)


def test_an_input_may_itself_be_a_formula() -> None:
    steps = compile_expression("x * x", {"x": None}).steps
    assert evaluate(parse(steps_math(steps, "x - 3")), 5) == 4


@given(st.integers(-1000, 1000), st.integers(-50, 50).filter(bool))
def test_the_rest_of_a_division_has_the_sign_of_the_divisor(x: int, divisor: int) -> None:
    formula = parse(f"x % ({divisor})")
    compiled = compile_expression(to_compute(formula), {"x": None})
    assert evaluate(formula, x) == x % divisor
    assert float(evaluate_steps(compiled.steps, [np.array([float(x)])])[0]) == x % divisor
