"""The scatter of each test of a suite against itself, and the threshold that the suite can hold."""

from __future__ import annotations

import pytest

from energybench.cli.gate_lines import scatter_of_tests
from energybench.gating.pytest_verdicts import Rule, judged
from energybench.gating.suite_scatter import of_each, smallest_threshold
from tests.gating.samples import processes
from tests.gating.test_pytest_verdicts import reports

RULE = Rule(0.05, False)


def test_the_scatter_of_each_test_is_that_between_its_processes() -> None:
    """One test is quiet, one scatters by 3 %: the latter decides the threshold of the suite."""
    quiet = [reports(processes(20, seed, between=0.003, scatter=1e-4), "quiet") for seed in (1, 2)]
    loud = [reports(processes(20, seed, between=0.03, scatter=1e-4), "loud") for seed in (3, 4)]
    tests = [
        of_each(judged(before, after, RULE), before, after)[0] for before, after in (quiet, loud)
    ]
    assert [test.processes for test in tests] == [40, 40]
    assert tests[0].rel == pytest.approx(0.003, rel=0.35)
    assert tests[1].rel == pytest.approx(0.03, rel=0.35)
    largest = smallest_threshold(tests)
    assert largest == tests[1]
    lines = scatter_of_tests(tests, 20)
    assert len(lines) == 3
    assert lines[-1].startswith("smallest threshold that the suite can hold with 20 pairs: ")
    assert "(loud)" in lines[-1]


def test_an_unchanged_test_holds_its_threshold_in_95_of_100_comparisons() -> None:
    """Five pairs of processes that scatter by 1 %: the mean of the thresholds that comparisons of
    unchanged code state is held by at least 90 of 100 further comparisons.
    """
    thresholds, uppers = [], []
    for seed in range(100):
        before, after = (
            reports(processes(5, 2 * seed + side, between=0.01), "t") for side in (0, 1)
        )
        (verdict,) = judged(before, after, RULE)
        (test,) = of_each([verdict], before, after)
        assert test.threshold_rel is not None
        assert verdict.upper is not None
        thresholds.append(test.threshold_rel)
        uppers.append(verdict.upper)
    threshold_rel = sum(thresholds) / len(thresholds)
    assert sum(upper < threshold_rel for upper in uppers) >= 90


def test_without_pairs_nothing_is_stated() -> None:
    before, after = reports(processes(1, 1), "t"), reports(processes(1, 2), "t")
    tests = of_each(judged(before, after, RULE), before, after)
    assert all(test.threshold_rel is None for test in tests)
    assert smallest_threshold(tests) is None
