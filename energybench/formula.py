"""A small, safe language for the formulas in people's files (scenarios, adapters): numbers, names,
+ - * / **, parentheses, ceil floor sqrt min max.

Attributes, indices, comparisons, strings and calls of further functions are refused; no text is
ever handed to `eval`. A formula is checked once and then computes with numbers and with arrays of
draws (shape [draws]) in the same way.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from energybench.errors import BadInput
from energybench.model import Noun

MAX_LENGTH = 8000  # characters
MAX_DEPTH = 200  # nested operations; a sum of n terms is n deep
MAX_EXPONENT = 1000.0
_NEAR = 1e-9  # 107.00000000000001 nodes are 107: binary rounding does not add a node

Values = Mapping[str, Any]  # name → number or array of draws
_Node = Callable[[Values], Any]

_ALLOWED = re.compile(r"[A-Za-z0-9_+\-*/().,\s]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_HINTS = {
    "·": "write *",
    "×": "write *",
    "^": "write **",
    "−": "write -",
    "÷": "write /",
    "²": "write **2",
    "=": "write the right-hand side only",
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: np.positive,
    ast.USub: np.negative,
}
_PROBLEMS = {  # a word of NumPy's FloatingPointError → the problem
    "divide": "divides by 0",
    "invalid": "takes the root or power of a negative number, or 0/0",
    "overflow": "gives a number that is too large",
}


def _ceil(x: Any) -> Any:
    return np.ceil(x - _NEAR * np.maximum(1.0, np.abs(x)))


def _floor(x: Any) -> Any:
    return np.floor(x + _NEAR * np.maximum(1.0, np.abs(x)))


def _smallest(*values: Any) -> Any:
    return np.minimum.reduce(np.broadcast_arrays(*values))


def _largest(*values: Any) -> Any:
    return np.maximum.reduce(np.broadcast_arrays(*values))


# name → (function, whether the function takes several values)
_FUNCTIONS: dict[str, tuple[Callable[..., Any], bool]] = {
    "ceil": (_ceil, False),
    "floor": (_floor, False),
    "sqrt": (np.sqrt, False),
    "min": (_smallest, True),
    "max": (_largest, True),
}
FUNCTIONS = tuple(_FUNCTIONS)
_VOCABULARY = f"numbers, names, + - * / ** ( ) and {', '.join(FUNCTIONS)}"


class Step(Noun, frozen=True, kw_only=True):
    """A line that is not computed yet: `formula` may refer to inputs and to the lines above.

    label, group     words for a reader, and the heading under which the line is listed
    with_comparison  whether the line is computed only if a comparison is given
    """

    name: str
    formula: str
    unit: str = ""
    note: str = ""
    label: str = ""
    group: str = ""
    with_comparison: bool = False


class Formula(NamedTuple):
    """A checked formula. `names`: inputs and lines in the formula, in order of appearance."""

    text: str
    names: tuple[str, ...]
    compute: _Node

    def __call__(self, values: Values) -> Any:
        """The result for numbers or draws. A draw that divides by zero becomes infinite or NaN;
        quantiles bear a few of them.
        """
        with np.errstate(all="ignore"):
            return self.compute(values)

    def value(self, values: Mapping[str, float], where: str) -> float:
        """The result for numbers. Raises BadInput if the result is not a finite number."""
        numbers = {name: np.float64(values[name]) for name in self.names}
        try:
            with np.errstate(divide="raise", invalid="raise", over="raise", under="ignore"):
                result = float(self.compute(numbers))
        except FloatingPointError as error:
            text = str(error)
            problem = next((words for word, words in _PROBLEMS.items() if word in text), text)
            raise BadInput(
                where, f"{self.text!r} {problem}", "an input is 0 or out of range"
            ) from None
        if not math.isfinite(result):
            raise BadInput(where, f"{self.text!r} gives {result}", "an input is out of range")
        return result


def is_name(text: str) -> bool:
    """Whether an input or a line may have this name."""
    return (
        bool(_NAME.fullmatch(text))
        and text not in _FUNCTIONS
        and text not in ("None", "True", "False")
        and _parses(text)
    )


def _parses(text: str) -> bool:
    """False for reserved words of Python ('lambda', 'is')."""
    try:
        return isinstance(ast.parse(text, mode="eval").body, ast.Name)
    except SyntaxError:
        return False


def parse(text: str, where: str) -> Formula:
    """The formula of a text.

    Raises BadInput with `where`, the problem, and the text to write instead.
    """
    joined = " ".join(text.split())
    if not joined:
        raise BadInput(where, "is empty", "a formula such as nodes * power_w * hours / 1e6")
    if len(joined) > MAX_LENGTH:
        raise BadInput(
            where,
            f"is {len(joined)} characters long",
            f"at most {MAX_LENGTH}; split the formula into lines",
        )
    foreign = _ALLOWED.sub("", joined)
    if foreign:
        raise BadInput(
            where, f"holds {foreign[0]!r}", _HINTS.get(foreign[0], f"only {_VOCABULARY}")
        )
    try:
        # '1if' would print a warning on stderr before the refusal here
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(joined, mode="eval").body
    except SyntaxError as error:
        raise BadInput(
            where,
            f"{_short(joined)} is not a formula: {(error.msg or '').partition(';')[0].lower()}",
        ) from None
    except (ValueError, MemoryError, RecursionError, OverflowError):
        raise BadInput(
            where,
            "is nested too deeply, or holds a number that is too long",
            "split the formula into lines",
        ) from None
    _check_depth(tree, where)
    names: dict[str, None] = {}
    compute = _build(tree, where, names)
    return Formula(joined, tuple(names), compute)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")


def _check_depth(tree: ast.expr, where: str) -> None:
    """Raises BadInput for a deeply nested tree; a loop, because a hostile formula would exhaust a
    recursion.
    """
    pending: list[tuple[ast.AST, int]] = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise BadInput(
                where, f"is nested more than {MAX_DEPTH} deep", "split the formula into lines"
            )
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        pending += [(child, depth + 1) for child in children]


def _build(node: ast.expr, where: str, names: dict[str, None]) -> _Node:
    """A function of the values for a node of the tree; adds the names in the node to `names`."""
    if isinstance(node, ast.Constant):
        return _constant(node, where)
    if isinstance(node, ast.Name):
        return _named(node.id, where, names)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        sign, inner = _UNARY[type(node.op)], _build(node.operand, where, names)
        return lambda values: sign(inner(values))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        operator = _BINARY[type(node.op)]
        left, right = _build(node.left, where, names), _build(node.right, where, names)
        if isinstance(node.op, ast.Pow):
            _check_exponent(node.right, where)
        return lambda values: operator(left(values), right(values))
    if isinstance(node, ast.Call):
        return _call(node, where, names)
    raise BadInput(
        where,
        f"{_short(ast.unparse(node))} is not understood",
        f"only {_VOCABULARY}",
    )


def _constant(node: ast.Constant, where: str) -> _Node:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise BadInput(where, f"{node.value!r} is not a number")
    try:
        number = np.float64(node.value)
    except OverflowError:
        number = np.float64(math.inf)
    if not math.isfinite(number):
        raise BadInput(where, "holds a number that is too large")
    return lambda values: number


def _named(name: str, where: str, names: dict[str, None]) -> _Node:
    if name in _FUNCTIONS:
        raise BadInput(where, f"{name} is a function", f"{name}(…)")
    names.setdefault(name)
    return lambda values: values[name]


def _check_exponent(node: ast.expr, where: str) -> None:
    """Refuse a large exponent that is written as a number; a computed exponent overflows later,
    with the message 'too large'.
    """
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    if (
        isinstance(inner, ast.Constant)
        and isinstance(inner.value, int | float)
        and abs(inner.value) > MAX_EXPONENT
    ):
        raise BadInput(
            where,
            f"the exponent {_short(ast.unparse(node))} is beyond {MAX_EXPONENT:g}",
            "write the number out",
        )


def _call(node: ast.Call, where: str, names: dict[str, None]) -> _Node:
    called = node.func.id if isinstance(node.func, ast.Name) else _short(ast.unparse(node.func))
    if called not in _FUNCTIONS:
        raise BadInput(where, f"{called} is not a function here", f"have {', '.join(FUNCTIONS)}")
    function, several = _FUNCTIONS[called]
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise BadInput(where, f"{called} takes plain values only", f"{called}(a)")
    if (len(node.args) < 2) if several else (len(node.args) != 1):
        raise BadInput(
            where,
            f"{called} was given {len(node.args)} values",
            "two or more" if several else "one",
        )
    inner = [_build(argument, where, names) for argument in node.args]
    return lambda values: function(*(argument(values) for argument in inner))
