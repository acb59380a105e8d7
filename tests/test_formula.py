"""The formula language computes arithmetic, on numbers and on draws alike, and refuses any other
text.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energybench.errors import BadInput
from energybench.formula import FUNCTIONS, is_name, parse

WHERE = "f.toml: lines.x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 ** 2 / 4 - 5", 0.5),
        ("-a ** 2", -9.0),
        ("+a - -a", 6.0),
        ("(a + b) * (a - b)", 5.0),
        ("2 ** -1", 0.5),
        ("ceil(a / b)", 2.0),
        ("floor(a / b)", 1.0),
        ("sqrt(a * a)", 3.0),
        ("min(a, b, 7) + max(a, b)", 5.0),
        ("1e3 + 1.5E-1 + .5 + 2.", 1002.65),
        ("a\n  + b", 5.0),
    ],
)
def test_arithmetic(text: str, expected: float) -> None:
    """Precedence and functions as in arithmetic."""
    assert parse(text, WHERE).value({"a": 3.0, "b": 2.0}, WHERE) == pytest.approx(
        expected, rel=1e-15
    )


def test_names_in_order() -> None:
    """A formula lists the names in its text, every name once."""
    assert parse("b * a + max(b, c_2) / a", WHERE).names == ("b", "a", "c_2")


@given(st.lists(st.tuples(st.floats(0.1, 1e3), st.floats(0.1, 1e3)), min_size=1, max_size=20))
@settings(max_examples=30)
def test_draws_and_numbers_alike(pairs: list[tuple[float, float]]) -> None:
    """An array of draws gives, draw by draw, the same results as numbers."""
    formula = parse("ceil(a / b) * sqrt(a) + min(a, b, 5) - floor(b) ** 2 / max(a, 1)", WHERE)
    drawn = formula({"a": np.array([a for a, _ in pairs]), "b": np.array([b for _, b in pairs])})
    assert list(drawn) == [formula.value({"a": a, "b": b}, WHERE) for a, b in pairs]


def test_ceil_forgives_binary_rounding() -> None:
    """107.00000000000001 nodes are 107; 107.001 are 108."""
    formula = parse("ceil(x)", WHERE)
    assert formula.value({"x": 1284 * 0.9 / (12 * 0.9)}, WHERE) == 107
    assert formula.value({"x": 107.001}, WHERE) == 108
    assert parse("floor(x)", WHERE).value({"x": 0.1 * 3 * 10}, WHERE) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "divides by 0"),
        ("a / (b - b)", "divides by 0"),
        ("0 ** -1", "divides by 0"),
        ("sqrt(-a)", "negative number"),
        ("(-8) ** (1 / 3)", "negative number"),
        ("9 ** 9 ** 9 ** 9", "too large"),
        ("1e300 * 1e300", "too large"),
    ],
)
def test_no_finite_result(text: str, message: str) -> None:
    """A result that is not finite is one line that names the formula; draws pass without a
    warning.
    """
    formula = parse(text, WHERE)
    with pytest.raises(BadInput, match=message) as caught:
        formula.value({"a": 3.0, "b": 2.0}, WHERE)
    assert str(caught.value).startswith(WHERE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        formula({"a": np.array([3.0, 0.0]), "b": np.array([2.0, 2.0])})


HOSTILE = [
    "__import__('os').system('true')",
    "().__class__.__bases__",
    "a.real",
    "a[0]",
    "[a]",
    "{a}",
    "lambda: 1",
    "(x := 1)",
    "a if b else c",
    "a and b",
    "not a",
    "a < b",
    "a == b",
    "a // b",
    "a % b",
    "a @ b",
    "a | b",
    "~a",
    "f'{a}'",
    "'a'",
    "1j",
    "0b1",
    "True",
    "None",
    "exec(a)",
    "open(a)",
    "sqrt",
    "sqrt()",
    "sqrt(a, b)",
    "min(a)",
    "max(*a)",
    "ceil(x=1)",
    "sqrt(a)(b)",
    "a.b()(1)",
    "a b",
    "a +",
    "(a",
    "a)",
    "",
    "   ",
    "a # b",
    "a; b",
    "a = b",
    "a · b",
    "a − b",
    "a ^ 2",
    "x²",
    "é",
    "1e999",
    "1" * 400,
    "1" * 5000,
    "2 ** 1001",
    "2 ** -1e9",
    "(" * 4000 + "1" + ")" * 4000,
    "(" * 3000 + "1" + ")" * 3000,
    "-" * 7000 + "1",
    "1" + "+1" * 3000,
    "2" + "**2" * 2000,
    "sqrt(" * 1200 + "1" + ")" * 1200,
    "a" * 9000,
    "1if a else b",
    "await a",
    "yield",
    "*a",
    "a, b",
    "...",
    "\x00",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_hostile(text: str) -> None:
    """Text that is not arithmetic is refused in one line, without a warning, and is never run."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if text == "0b1":  # binary notation is a number
            assert parse(text, WHERE).value({}, WHERE) == 1
            return
        with pytest.raises(BadInput) as caught:
            parse(text, WHERE)
    message = str(caught.value)
    assert message.startswith(WHERE + ": ")
    assert "\n" not in message
    assert len(message) < 400


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text(text: str) -> None:
    """Any text is a formula or a BadInput; no other exception escapes."""
    try:
        parse(text, WHERE)
    except BadInput:
        pass


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a · b", r"write \*"),
        ("a ^ 2", r"write \*\*"),
        ("e = m", "right-hand side"),
        ("a − b", "write -"),
    ],
)
def test_hints(text: str, remedy: str) -> None:
    """Mathematical signs are answered with the sign of the formula language."""
    with pytest.raises(BadInput, match=remedy):
        parse(text, WHERE)


def test_long_sum() -> None:
    """A sum over many applications is not too deep."""
    assert parse(" + ".join(["1"] * 150), WHERE).value({}, WHERE) == 150


def test_is_name() -> None:
    """Names are letters, digits and _, and not reserved words."""
    assert all(is_name(name) for name in ("a", "P_gpu", "saved_2"))
    assert not any(
        is_name(name)
        for name in ("", "2a", "_a", "a-b", "a b", "é", "lambda", "True", "None", *FUNCTIONS)
    )


def test_value_is_a_float() -> None:
    """Numbers in, a number out."""
    result = parse("a * 2", WHERE).value({"a": 3}, WHERE)
    assert type(result) is float
    assert math.isclose(result, 6)
