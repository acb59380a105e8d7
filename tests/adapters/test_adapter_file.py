"""An adapter's file is read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.adapters.adapter_file import parse, read
from energybench.errors import BadInput
from tests.adapters.files import SOLVER, solver

MISTAKES = [
    ('unit = "cell-step"', 'unit = "cell-step"\nunits = "x"', "work", "unknown key 'units'"),
    ('schema = "energybench-adapter/1"', 'schema = "adapter/7"', "schema", "is 'adapter/7'"),
    ('schema = "energybench-adapter/1"', "", "schema", "is missing"),
    ('name = "solver"', 'name = "../solver"', "name", "is not a name"),
    ('name = "solver"', "name = 3", "name", "expected 'str', got 'int'"),
    ('about = "A solver of ours."', "", "solver.toml", "lacks the key 'about'"),
    ('about = "A solver of ours."', 'about = " "', "about", "is empty"),
    ("(?P<status>.*)", "(?P<status>.*", "values[2].pattern", "missing )"),
    ("(?P<status>.*)", "(?=x)(?P<status>.*)", "values[2].pattern", "is not a regular expression"),
    ("(?P<status>.*)", "(.*)", "values[2].pattern", "has no named group"),
    ("(?P<status>.*)", "(?P<cells>.*)", "values[2].pattern", "stated twice"),
    ("(?P<status>.*)", "(?P<sqrt>.*)", "values[2].pattern", "cannot be a name in a formula"),
    ("(?P<status>.*)", "(?P<lambda>.*)", "values[2].pattern", "cannot be a name in a formula"),
    (
        'amount = "cells * steps"',
        'amount = "cells * turns"',
        "work.amount",
        "'turns' is not a value",
    ),
    ('amount = "cells * steps"', 'amount = "cells x"', "work.amount", "is not a formula"),
    ('amount = "cells * steps"', 'amount = "cells.real"', "work.amount", "is not understood"),
    ('unit = "cell-step"', 'unit = ""', "work.unit", "is empty"),
    ('flops = "8 * cells * steps"', 'flops = "n"', "work.flops", "'n' is not a value"),
    ('value = "gflops"', 'value = "flops"', "figure_of_merit.value", "'flops' is not a value"),
    ("tolerance = 1e-6", "tolerance = -1.0", "checks[0].tolerance", "expected"),
    ('quantity = "status"', 'quantity = "residual"', "checks[1].quantity", "checked twice"),
    ('value = "status"', 'value = "state"', "checks[1].value", "'state' is not a value"),
    ('values = ["cells", "steps"]', 'values = ["n"]', "problem.values", "'n' is not a value"),
    ('{ "-D" = 2 }', '{ "-D" = 0 }', "problem.word_options", "expected"),
    ("required = false", 'take = "median"', "values[1].take", "invalid enum value 'median'"),
    ("[work]", "[work", "solver.toml", "is not TOML"),
]


@pytest.mark.parametrize(("before", "after", "key", "problem"), MISTAKES)
def test_a_mistake_is_one_line_with_file_and_key(
    before: str, after: str, key: str, problem: str
) -> None:
    with pytest.raises(BadInput) as caught:
        solver(before, after)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("solver.toml")
    assert key in text
    assert problem in text


def test_a_file_that_is_not_one_is_refused(tmp_path: Path) -> None:
    """A folder, a missing file and bytes that are no text are one line each."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "missing.toml", tmp_path / "bytes.toml"):
        with pytest.raises(BadInput) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_an_adapter_needs_little() -> None:
    """Values, work and problem are enough."""
    loaded = parse(
        'schema = "energybench-adapter/1"\nname = "a"\nabout = "b"\n'
        "[[values]]\npattern = 'done (?P<n>.)'\n"
        '[work]\namount = "n"\nunit = "piece"\n[problem]\n',
        "a.toml",
        Path(),
    )
    assert loaded.adapter.checks == ()
    assert loaded.patterns[0].names == ("n",)
    assert SOLVER
