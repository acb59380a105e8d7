"""Verdicts: their order, the evidence that may fail a build, confirmation, limits, lines."""

from __future__ import annotations

import math

import pytest

from energybench.analysis.uncertainty.repeats import LogRatio
from energybench.gating.change import Change, Evidence
from energybench.gating.compare import compare_pairs, compare_saved
from energybench.gating.verdicts import confirm, judge, limit
from tests.gating.samples import processes, sample


def change(
    rel: float,
    half: float,
    *,
    evidence: Evidence = "pairs",
    units: int = 5,
    fixed_u: float = 0.0,
) -> Change:
    """A change with a half-width of the 95 % interval of its logarithm by scatter alone."""
    t = 2.7764451051977987  # Student's t, 4 degrees of freedom (table)
    u = half / t
    return Change(
        log=math.log1p(rel),
        evidence=evidence,
        units=units,
        scatter=LogRatio(u, 4),
        fixed_u=fixed_u,
        unit_u=u * math.sqrt(units),
    )


@pytest.mark.parametrize(
    ("rel", "half", "outcome"),
    [
        (0.08, 0.03, "regressed"),
        (0.051, 0.04, "regressed"),  # over the threshold, and certainly a rise
        (0.08, 0.09, "inconclusive"),  # over the threshold, and perhaps no rise
        (0.049, 0.01, "inconclusive"),  # certainly a rise, and perhaps over the threshold
        (0.02, 0.01, "no regression"),  # a small rise that is certain
        (0.0, 0.04, "no regression"),
        (0.0, 0.07, "inconclusive"),
        (-0.08, 0.03, "improved"),  # a certain improvement is not merely no regression
        (-0.02, 0.01, "no regression"),  # a small decrease that is certain
        (-0.08, 0.09, "no regression"),  # below the threshold, and perhaps no decrease
        (-0.02, 0.03, "no regression"),
        (-0.10, 0.30, "inconclusive"),
    ],
)
def test_order_of_verdicts(rel: float, half: float, outcome: str) -> None:
    verdict = judge("t", change(rel, half), 0.05)
    assert (verdict.outcome, verdict.fails) == (outcome, outcome == "regressed")
    assert verdict.change is not None
    assert verdict.upper is not None
    assert verdict.change.low < rel < verdict.upper < verdict.change.high


def test_the_upper_bound_is_one_sided() -> None:
    """t(4) at 95 % is 2.132, at 97.5 % 2.776: no regression although the interval reaches 5.5 %."""
    verdict = judge("t", change(0.0, math.log1p(0.055)), 0.05)
    assert verdict.outcome == "no regression"
    assert verdict.upper == pytest.approx(math.expm1(math.log1p(0.055) * 2.1318 / 2.7764), rel=1e-4)


@pytest.mark.parametrize(
    ("evidence", "fails"), [("pairs", True), ("history", True), ("one saved run", False)]
)
def test_evidence_that_may_fail_a_build(evidence: Evidence, fails: bool) -> None:
    risen = change(0.10, 0.02, evidence=evidence)
    verdict = judge("t", risen, 0.05)
    assert (verdict.outcome, verdict.fails) == ("regressed", fails)
    assert ("warning" in verdict.line) is not fails
    assert judge("t", risen, 0.05, fail_on_saved_run=True).fails


def test_a_failure_needs_two_verdicts() -> None:
    risen, unchanged = judge("t", change(0.1, 0.02), 0.05), judge("t", change(0.0, 0.02), 0.05)
    both = confirm(risen, risen)
    assert (both.outcome, both.fails, both.confirmed) == ("regressed", True, True)
    assert both.line.endswith("; confirmed")
    once = confirm(risen, unchanged)
    assert (once.outcome, once.fails, once.confirmed) == ("no regression", False, False)
    assert once.line.endswith("; not confirmed")
    # only a failure is measured once more
    assert confirm(unchanged, risen) is unchanged


@pytest.mark.parametrize(
    ("max_j", "outcome"), [(4.0, "over limit"), (4.4, "inconclusive"), (5.0, "within limit")]
)
def test_a_limit_in_joules(max_j: float, outcome: str) -> None:
    """4.4 J with ±6 % of gain: over 4.0 J for certain, over 4.4 J perhaps."""
    verdict = limit(sample(), max_j)
    assert (verdict.outcome, verdict.fails) == (outcome, outcome == "over limit")
    assert verdict.line.startswith("tests/test_a.py::test_a: ")
    assert f"for a limit of {max_j:.2f} J" in verdict.line


@pytest.mark.parametrize(
    ("rel", "half", "units"),
    [
        # s = 0.07·√5/2.776 = 0.0564; one-sided t(5) = 2.015: 2.015·s/√6 = 0.0464 < ln 1.05
        (0.0, 0.07, 6),
        # s = 0.0725; t(5) = 2.571: 2.571·s/√6 = 0.0761 < ln 1.08
        (0.08, 0.09, 6),
        # s = 0.0805; t(49) = 1.677: 1.677·s/√50 = 0.0191 < ln 1.05 − ln 1.03 = 0.0192
        (0.03, 0.10, 50),
        (0.04, 0.10, None),
    ],
)
def test_the_number_of_pairs_that_would_tell(rel: float, half: float, units: int | None) -> None:
    verdict = judge("t", change(rel, half), 0.05)
    assert verdict.outcome == "inconclusive"
    assert verdict.units_to_tell == units
    expected = "no number of pairs" if units is None else f"{units} pairs"
    assert verdict.line.endswith(f"{expected} would tell")
    if units is not None:
        assert judge("t", change(rel, half).with_units(units), 0.05).outcome != "inconclusive"
        assert judge("t", change(rel, half).with_units(units - 1), 0.05).outcome == "inconclusive"


def test_rounds_do_not_tell_against_the_scatter_between_runs() -> None:
    """2 % a run on either side is ±4.7 % one-sided: a rise of 2 % stays unclear with any number of
    rounds, and the line says what would tell.
    """
    verdict = compare_saved([sample()], sample((1.02, 1.03, 1.01, 1.04, 1.0)), 0.05)
    assert (verdict.outcome, verdict.units_to_tell) == ("inconclusive", None)
    assert verdict.line.endswith("no number of rounds would tell: measure in pairs")


@pytest.mark.parametrize("rounds", [1, 2])
def test_one_round_or_one_pair_has_no_interval(rounds: int) -> None:
    """Rounds of one pair do not show the scatter between processes."""
    one = compare_pairs(processes(1, 1, rounds=rounds), processes(1, 2, rounds=rounds), 0.05)
    assert (one.outcome, one.change, one.fails) == ("inconclusive", None, False)
    assert one.line.endswith("by 1 pair, whose scatter is not known: at least 2 pairs")
    single = compare_saved([sample((1.0,))], sample((1.5,)), 0.05, fail_on_saved_run=True)
    assert (single.outcome, single.change, single.fails) == ("inconclusive", None, False)
    assert "+50.0 % by 1 round" in single.line


def test_lines() -> None:
    """Change, interval, evidence, and what was left out, in one line."""
    verdict = judge("t", change(0.081, 0.02), 0.05, left_out=("cpu.dram (modelled)",))
    assert (
        verdict.line == "t: regressed: +8.1 % [+6.0, +10.3]; 5 pairs; without cpu.dram (modelled)"
    )
    assert judge("t", change(-0.001, 0.02, evidence="history"), 0.05).line == (
        "t: no regression over 5 %: −0.1 % [−2.1, +1.9]; 5 saved sessions"
    )
    assert judge("t", change(0.06, 0.02, evidence="one saved run"), 0.025).line == (
        "t: regressed: +6.0 % [+3.9, +8.1]; one saved run, 5 rounds; "
        "a warning: one saved run does not fail a build"
    )
