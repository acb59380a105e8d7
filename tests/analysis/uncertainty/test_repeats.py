"""Scatter, Welch on logs, verdicts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from energybench.analysis.uncertainty import repeats as stats


def test_one_repeat_has_no_scatter_rather_than_none_of_it() -> None:
    """At n = 1 the standard deviation is None, not 0."""
    assert stats.summary([5.0]).s is None
    assert stats.scatter_effect([5.0]) is None
    assert stats.relative_half_width([5.0]) is None


def test_relative_half_width_is_students() -> None:
    """t(7)·s/√8 over the mean."""
    values = [10.0, 10.1, 9.9, 10.2, 9.8, 10.0, 10.1, 9.9]
    expected = 2.364624 * np.std(values, ddof=1) / math.sqrt(8) / 10.0
    assert stats.relative_half_width(values) == pytest.approx(expected, rel=1e-5)


def test_welch_on_logs_against_scipy() -> None:
    """Standard error and degrees of freedom are those of scipy's Welch test on logarithms."""
    from scipy import stats as reference

    rng = np.random.default_rng(1)
    a, b = rng.lognormal(3, 0.05, 9), rng.lognormal(2, 0.1, 6)
    found = stats.welch_log(a.tolist(), b.tolist())
    assert found is not None
    test = reference.ttest_ind(np.log(a), np.log(b), equal_var=False)
    assert found.dof == pytest.approx(test.df)
    assert found.u == pytest.approx(abs(np.log(a).mean() - np.log(b).mean()) / abs(test.statistic))


def test_welch_of_single_values_is_not_known() -> None:
    """One value a side: the run-to-run part is unknown, not 0."""
    assert stats.welch_log([1.0], [2.0]) is None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.2, 1.4, "better"),
        (0.7, 0.9, "worse"),
        (0.97, 1.03, "equivalent"),
        (0.9, 1.2, "inconclusive"),
        (1.01, 1.03, "equivalent"),
        (1.02, 1.2, "better"),
    ],
)
def test_verdicts(low: float, high: float, verdict: str) -> None:
    """Four ways, and what is certainly small is equivalent."""
    assert stats.verdict(low, high, 0.05) == verdict


def test_a_trend_is_seen() -> None:
    """Energies that rise with each repeat are no steady state; noise is no trend."""
    rising = stats.trend([1, 1.1, 1.2, 1.3, 1.4, 1.5])
    assert rising == pytest.approx(1.0)
    assert abs(stats.trend([1, 1.2, 0.9, 1.1, 1.0, 1.05]) or 0) < 0.9
    assert stats.trend([1, 2, 3]) is None


def test_stopping_rule_covers() -> None:
    """Stopping once the half-width is narrow, from n = 8 on, still covers the mean about 95 % of
    the time.
    """
    rng = np.random.default_rng(7)
    covered, trials = 0, 1000
    for _ in range(trials):
        values = rng.normal(100, 4, 30).tolist()
        n = stats.MIN_REPEATS
        while n < 30 and (stats.relative_half_width(values[:n]) or 0) > 0.02:
            n += 1
        half = stats.relative_half_width(values[:n]) or 0
        mean = sum(values[:n]) / n
        covered += abs(mean - 100) <= half * mean
    assert covered / trials > 0.92
