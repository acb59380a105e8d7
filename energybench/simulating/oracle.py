"""The narrowest honest interval: the interval of an oracle that knows the sensor, but neither the
truth nor the scatter.

The oracle knows the distribution of the gain, and from the experiments of the cell the errors of
the sensor on this kind of load (without gain and scatter). With several repeats, the oracle applies
Student's factor to the true scatter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.uncertainty.coverage_factors import CONFIDENCE
from energybench.simulating.experiment import FIELDS, Outcomes
from energybench.simulating.sensors import GainMode, PriorMode

Flags = npt.NDArray[np.bool_]

_DRAWS = 2000  # draws for an experiment: the 95 % half-width is then good to about 2 %
# The least number of sensor errors that serves as a distribution; a level of repeats with fewer
# takes the sensor errors of the whole cell.
_ENOUGH = 20


def oracle_half_widths(
    outcomes: Outcomes, levels: Sequence[str], prior: PriorMode, mode: GainMode
) -> Floats:
    """95 % half-width in J for each experiment of one cell; NaN if the cell has too few sensor
    errors for a distribution.
    """
    columns = {name: outcomes[:, i] for i, name in enumerate(FIELDS)}
    half_widths = np.full(len(outcomes), np.nan)
    # the same draws in every cell: the oracle is a function of the outcomes
    rng = np.random.Generator(np.random.Philox(0))
    gains = np.zeros(_DRAWS) if mode == "1" else prior.u_rel * _spread(prior.distribution)
    # an outage is visible in the samples, and the sensor then has a different distribution
    for outage in (0.0, 1.0):
        same_outage = columns["outage"] == outage
        for level in range(len(levels)):
            same_level = same_outage & (columns["level"] == level)
            errors = _sensor_errors(columns["sensor_rel"], same_level, same_outage)
            if not same_level.any() or not errors.size:
                continue
            common = rng.permutation(gains) + rng.permutation(np.quantile(errors, _probabilities()))
            for n in np.unique(columns["repeats"][same_level]):
                rows = np.flatnonzero(same_level & (columns["repeats"] == n))
                scatter = np.zeros(_DRAWS)
                if n >= 2:
                    scatter = rng.permutation(_student(int(n) - 1)) / math.sqrt(n)
                low, high = np.quantile(
                    common + np.outer(columns["scatter_rel"][rows], scatter),
                    ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2),
                    axis=1,
                )
                half_widths[rows] = (high - low) / 2 * columns["truth_j"][rows]
    return half_widths


def _sensor_errors(errors: Floats, same_level: Flags, same_outage: Flags) -> Floats:
    """The sensor errors of a level of repeats; of all levels if a single level has too few; empty
    if all levels together have too few.
    """
    for rows in (same_level, same_outage):
        finite = errors[rows & np.isfinite(errors)]
        if finite.size >= _ENOUGH:
            return finite
    return np.empty(0)


def _probabilities() -> Floats:
    return np.asarray((np.arange(_DRAWS) + 0.5) / _DRAWS)


def _spread(distribution: str) -> Floats:
    """Quantiles of unit standard deviation."""
    if distribution == "rectangular":
        return np.asarray((2 * _probabilities() - 1) * math.sqrt(3.0))
    return np.array([NormalDist().inv_cdf(p) for p in _probabilities().tolist()])


def _student(dof: int) -> Floats:
    from scipy import special

    return np.asarray(special.stdtrit(dof, _probabilities()), dtype=np.float64)
