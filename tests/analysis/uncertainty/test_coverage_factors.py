"""Coverage factors are the 95 % half-widths of unit effects; no scipy is loaded to read a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scipy import stats

from energybench.analysis.uncertainty.coverage_factors import (
    approximate_student_factor,
    coverage_factor,
)
from energybench.analysis.uncertainty.effects import combine, effect

if TYPE_CHECKING:
    from energybench.model import Distribution

RUN_OF_A_BOARD = Path(__file__).parents[3] / "reports" / "reference" / "milc-32-h200"


@pytest.mark.parametrize(
    ("distribution", "dof"), [("normal", None), ("rectangular", None), ("student", 4.0)]
)
def test_the_factor_is_the_half_width_of_a_single_effect(
    distribution: Distribution, dof: float | None
) -> None:
    """`combine` of one effect gives the interval ± factor·u."""
    one = effect("gain", 2.0, distribution=distribution, dof=dof)
    interval = combine(100.0, [one])
    assert (interval.high - interval.low) / 4.0 == pytest.approx(coverage_factor(one), rel=1e-3)


def test_a_bound_has_no_factor() -> None:
    """A bound is not a probability; asking for its factor is an error of the caller."""
    with pytest.raises(ValueError, match="bound"):
        coverage_factor(effect("unseen", 1.0, distribution="bound"))


@pytest.mark.parametrize(
    ("least", "error_rel"), [(0.3, 0.0013), (1.0, 0.0013), (4.0, 0.00032), (10.0, 0.000004)]
)
def test_the_approximation_is_as_good_as_it_says(least: float, error_rel: float) -> None:
    """Never off by more than the docstring states, whole degrees of freedom or broken ones."""
    for dof in (least, least * 1.1, least + 0.5, least + 1, least + 2, 3 * least, 40 * least):
        exact = stats.t.ppf(0.975, dof)
        assert approximate_student_factor(dof) == pytest.approx(exact, rel=error_rel)


def test_a_run_is_read_and_checked_without_scipy() -> None:
    """A recorded run of a real board, with scattered repeats, is read without importing scipy."""
    code = (
        "import sys; from pathlib import Path; from energybench.store import reader\n"
        "energy = reader.read_run(Path(sys.argv[1])).energy_j\n"
        "print('student' in {effect.distribution for effect in energy.effects},"
        " 'scipy' in sys.modules)"
    )
    reading = [sys.executable, "-c", code, str(RUN_OF_A_BOARD)]
    printed = subprocess.run(reading, capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["True", "False"]
