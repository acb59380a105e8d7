"""Median and quantiles of values, against numpy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.analysis.quantiles import median, quantiles_of_values

VALUES = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40)
SHARES = (0.0, 0.025, 0.1, 0.25, 0.5, 0.75, 0.975, 1.0)


@given(VALUES)
def test_the_median_is_numpys(values: list[float]) -> None:
    """The same number, of odd and of even counts."""
    assert median(values) == np.median(values)


@given(VALUES)
def test_quantiles_are_numpys_and_lie_among_the_values(values: list[float]) -> None:
    """The same numbers up to rounding, in order, and never outside the values."""
    ours = quantiles_of_values(values, *SHARES)
    scale = max(map(abs, values))
    assert ours == pytest.approx(np.quantile(values, SHARES), rel=0, abs=4e-16 * scale)
    assert (ours[0], ours[-1]) == (min(values), max(values))
    assert (ours.min(), ours.max()) == (min(values), max(values))


@pytest.mark.parametrize("values", [[], [1.0, math.nan, 2.0]])
def test_without_values_there_is_no_quantile(values: list[float]) -> None:
    """NaN, and no warning or failure, for no values and for a value that is not a number."""
    assert math.isnan(median(values))
    assert np.isnan(quantiles_of_values(values, 0.1, 0.9)).all()


def test_integers_of_counters_are_taken_as_numbers() -> None:
    """Whole counts have a median between two counts."""
    assert median(np.array([1, 4, 2, 3])) == 2.5
