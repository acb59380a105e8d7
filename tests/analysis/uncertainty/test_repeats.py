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
    a, b = rng.lognormal(3, 0.05, 9), rng.lognormal(2, 0.1, 9)
    found = stats.log_scatter(a.tolist(), b.tolist())
    assert found is not None
    test = reference.ttest_ind(np.log(a), np.log(b), equal_var=False)
    assert found.dof == pytest.approx(test.df)
    assert found.u == pytest.approx(abs(np.log(a).mean() - np.log(b).mean()) / abs(test.statistic))


@pytest.mark.parametrize("several", [[2.0], [2.0, 2.1], [2.0, 2.1, 1.9, 2.2]])
def test_the_scatter_of_a_single_value_is_not_known(several: list[float]) -> None:
    """One value on a side: its run-to-run scatter is unknown, whatever the other side has."""
    assert stats.log_scatter([1.0], several) is None
    assert stats.log_scatter(several, [1.0]) is None


def test_equal_scatter_takes_the_other_sides_scatter_for_both() -> None:
    """s·√(1 + 1/n) with n − 1 degrees of freedom: of ln(single/mean) under the same scatter."""
    several = [2.0, 2.1, 1.9, 2.2]
    found = stats.equal_scatter([1.0], several)
    assert found is not None
    assert found.u == pytest.approx(np.log(several).std(ddof=1) * math.sqrt(1.25))
    assert found.dof == 3
    assert stats.equal_scatter([1.0], [2.0]) is None
    assert stats.equal_scatter(several, several) is None


@pytest.mark.parametrize("sizes", [(2, 2), (2, 8), (3, 8), (8, 8)])
@pytest.mark.parametrize("scatters", [(0.05, 0.05), (0.02, 0.05)])
def test_the_scatter_of_few_values_holds_the_truth(
    sizes: tuple[int, int], scatters: tuple[float, float]
) -> None:
    """At least 93 % of the 95 % intervals of a ratio of means hold it, however few values there
    are, also if one side scatters more. 1 000 trials: one standard deviation is 0.7 %.
    """
    rng = np.random.default_rng(7)
    holds, trials = 0, 1000
    for _ in range(trials):
        sides = [
            1 + scatter * rng.standard_normal(n) for n, scatter in zip(sizes, scatters, strict=True)
        ]
        found = stats.log_scatter(sides[0].tolist(), sides[1].tolist())
        assert found is not None
        distance = abs(math.log(sides[0].mean() / sides[1].mean()))
        holds += distance <= stats.student_quantile(found.dof) * found.u
    assert holds >= 0.93 * trials


def test_three_repeats_a_side_keep_the_power_of_welch() -> None:
    """No degree of freedom is lost if both sides have as many values."""
    from scipy import stats as reference

    rng = np.random.default_rng(3)
    a, b = 1 + 0.02 * rng.standard_normal((2, 3))
    found = stats.log_scatter(a.tolist(), b.tolist())
    assert found is not None
    assert found.dof == pytest.approx(reference.ttest_ind(np.log(a), np.log(b), equal_var=False).df)


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
