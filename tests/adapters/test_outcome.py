"""What an output tells, whatever the output is."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.adapters.adapter_file import parse
from energybench.adapters.excerpt import Excerpt
from energybench.adapters.look_up import find
from energybench.adapters.outcome import Outcome, outcome
from energybench.adapters.problem import Inputs
from energybench.adapters.values import number
from tests.adapters.files import OUTPUT, SOLVER, solver


def told(output: bytes, before: str = "", after: str = "", **excerpt: object) -> Outcome:
    return outcome(solver(before, after), Excerpt(output, **excerpt), Inputs())  # type: ignore[arg-type]


def checks(result: Outcome) -> dict[str, tuple[float | None, bool]]:
    return {check.quantity: (check.value, check.passed) for check in result.checks}


def test_work_figure_and_checks() -> None:
    """Formulas of the values give the work; every check is listed."""
    result = told(OUTPUT)
    assert result.work is not None
    assert (result.work.amount, result.work.unit, result.work.flops) == (700, "cell-step", 5600)
    assert result.work.fingerprint.endswith(" solver cells=100 steps=7")
    assert result.figure == 2.5
    assert checks(result) == {
        "output read by solver": (0.0, True),
        "solver: residual": (3e-7, True),
        "solver: status": (0.0, True),
    }
    assert result.doubts == ()


STAGES = b"""
solved 100 cells in 7 steps, 2.5 GF/s
solved 6400 cells in 2 steps, 2.5 GF/s
status: converged
"""


@pytest.mark.parametrize(
    ("take", "amount"),
    [("sum", 13500.0), ("last", 12800.0), ("first", 700.0), ("largest", 12800.0)],
)
def test_the_work_of_stages_of_other_sizes_is_a_sum_of_products(take: str, amount: float) -> None:
    """The size of the last stage times the steps of all would be four times too much."""
    text = SOLVER.replace(
        "steps, (?P<gflops>\\S+) GF/s$'''",
        f"""steps, \\S+ GF/s$'''
product = "cell_steps"
take = "{take}\"""",
    )
    text = text.replace('"cells * steps"', '"cell_steps"').replace(
        'value = "gflops"', 'value = "1"'
    )
    result = outcome(parse(text, "s.toml", Path()), Excerpt(STAGES), Inputs())
    assert result.work is not None
    assert result.work.amount == amount


def test_a_product_of_words_is_a_work_that_is_not_known() -> None:
    text = SOLVER.replace("(?P<steps>\\d+)", "(?P<steps>\\S+)").replace(
        "GF/s$'''", 'GF/s$\'\'\'\nproduct = "cell_steps"\ntake = "sum"', 1
    )
    loaded = parse(text.replace('"cells * steps"', '"cell_steps"'), "s.toml", Path())
    result = outcome(loaded, Excerpt(STAGES.replace(b"7 steps", b"many steps")), Inputs())
    assert result.work is None


def test_lammps_adds_up_runs_of_other_numbers_of_atoms() -> None:
    """As after `replicate`: 1000 atoms for 10 000 steps, then 64 000 for 100."""
    runs = "".join(
        f"Loop time of 1.5 on 1 procs for {steps} steps with {atoms} atoms\n"
        for steps, atoms in ((10_000, 1000), (100, 64_000), (0, 64_000))
    )
    output = f"{runs}Total wall time: 0:00:03\n".encode()
    result = outcome(find("lammps"), Excerpt(output), Inputs())
    assert result.work is not None
    assert result.work.amount == 10_000 * 1000 + 100 * 64_000
    assert result.work.fingerprint.endswith("atoms=64000 steps=10100 atom_steps=16400000")


@pytest.mark.parametrize(
    ("line", "quantity", "value"),
    [
        (b"residual 3e-5", "solver: residual", 3e-5),
        (b"residual nan", "solver: residual", None),
        (b"residual inf", "solver: residual", None),
        (b"residual 1e999", "solver: residual", None),
        (b"residual ******", "solver: residual", None),
        (b"status: diverged", "solver: status", 1.0),
    ],
)
def test_a_result_out_of_its_tolerance_is_a_failed_check(
    line: bytes, quantity: str, value: float | None
) -> None:
    """The work stands, and is not what was asked for."""
    key = line.split()[0]
    lines = [line if old.split()[0] == key else old for old in OUTPUT.splitlines()]
    result = told(b"\n".join(lines) + b"\n")
    assert result.work is not None
    assert checks(result)[quantity] == (value, False)


def test_a_check_of_a_value_that_need_not_be_stated_is_left_out() -> None:
    assert "solver: residual" not in checks(told(OUTPUT.replace(b"residual", b"remainder")))


@pytest.mark.parametrize("output", [b"", b"\n", b"nothing to see", b"\x00\xff" * 1000, b"a" * 9999])
def test_a_pattern_without_a_match_is_a_failed_check_and_a_doubt_that_names_it(
    output: bytes,
) -> None:
    result = told(output)
    assert result.work is None
    assert result.figure is None
    assert checks(result)["output read by solver"] == (2.0, False)
    messages = [doubt.message for doubt in result.doubts]
    assert [doubt.code for doubt in result.doubts] == ["output-unmatched"] * 2
    assert "adapter solver: the pattern '(?m)^solved (?P<cells>" in messages[0]
    assert "did not match" in messages[0]


@pytest.mark.parametrize("cells", ["0", "-3", "nan", "inf", "many", "1e300", "1e-300"])
def test_work_that_is_not_a_positive_number_is_not_known(cells: str) -> None:
    output = OUTPUT.replace(b"100", cells.encode())
    result = told(output, "(?P<cells>\\d+)", "(?P<cells>\\S+)")
    assert result.work is None
    assert checks(result)["output read by solver"] == (1.0, False)
    assert result.doubts[0].code == "output-unmatched"
    assert f"(read: cells = {cells}, steps = 7)" in result.doubts[0].message
    assert "work" in result.doubts[0].message
    assert "amount" in result.doubts[0].message


@pytest.mark.parametrize(
    ("take", "amount"), [("first", 7), ("last", 3), ("sum", 21), ("largest", 11), ("count", 3)]
)
def test_a_pattern_that_matches_several_times(take: str, amount: float) -> None:
    lines = "".join(f"solved 1 cells in {n} steps, 1 GF/s\n" for n in (7, 11, 3)).encode()
    result = told(
        lines + b"status: converged\n",
        "GF/s$'''\n\n[[values]]",
        f"GF/s$'''\ntake = \"{take}\"\n\n[[values]]",
    )
    assert result.values["steps"] == str(amount)


def test_numbers_of_other_languages() -> None:
    """Fortran's exponents are numbers; an underscore or a word is none."""
    assert [number(word) for word in ("1.5D+03", "2d0", " 7 ", "1_000", "", "D+3", "0x1")] == [
        1500.0,
        2.0,
        7.0,
        None,
        None,
        None,
        None,
    ]
    assert math.isnan(number("nan") or 0.0)


def test_a_long_output_is_a_doubt() -> None:
    (doubt,) = told(OUTPUT, left_out=5).doubts
    assert doubt.code == "output-cut"
    assert "5 bytes" in doubt.message


@pytest.mark.parametrize("pattern", ["(?P<x>(a+)+)$", "(?P<x>(a|a)*)b", "(?P<x>(.*a){20})c"])
def test_a_pattern_that_backtracks_elsewhere_is_fast(pattern: str) -> None:
    """These patterns take a regular expression of Python more than a lifetime."""
    begun_s = time.thread_time()
    told(b"a" * 100_000 + b"!", "(?m)^status: (?P<status>.*)$", pattern.replace("x", "status"))
    assert time.thread_time() - begun_s < 10


def test_a_pattern_that_matches_everywhere_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each match is fast, and there are too many: a limit of CPU time bounds them."""
    monkeypatch.setattr("energybench.adapters.values._CPU_LIMIT_S", 0.05)
    result = told(b"a" * 2_000_000, "(?m)^status: (?P<status>.*)$", "(?P<status>a)(?:.*z)?")
    assert any("was given up" in doubt.message for doubt in result.doubts)
    assert not checks(result)["output read by solver"][1]


@given(st.binary(max_size=400), st.sampled_from(range(len(OUTPUT))))
def test_no_output_makes_an_exception(noise: bytes, place: int) -> None:
    result = told(OUTPUT[:place] + noise + OUTPUT[place:])
    assert result.checks
    for word in result.values.values():
        assert "\n" not in word
