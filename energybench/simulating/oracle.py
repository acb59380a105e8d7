"""The narrowest honest interval: what somebody would state who knows the sensor, but not the truth
and not the scatter.

It knows the distribution of the gain, and from the cell's own experiments how far the sensor is off
on this kind of load (gain and scatter taken out); with several repeats it takes Student's factor on
the true scatter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from energybench.analysis.uncertainty.effects import CONFIDENCE
from energybench.simulating.experiment import FIELDS, Outcomes
from energybench.simulating.sensors import GainMode, Prior

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_DRAWS = 2000  # of each experiment's sum; its 95 % half-width is then good to about 2 %
# sensor errors that make a distribution of a sort; a level of repeats with fewer borrows those of
# the whole cell
_ENOUGH = 20


def oracle_half_widths(
    outcomes: Outcomes, levels: Sequence[str], prior: Prior, mode: GainMode
) -> Floats:
    """95 % half-width in J for each experiment of one cell; NaN where the cell has too few sensor
    errors to know it by.
    """
    of = {name: outcomes[:, i] for i, name in enumerate(FIELDS)}
    made = np.full(len(outcomes), np.nan)
    rng = np.random.Generator(
        np.random.Philox(0)
    )  # the same draws in every cell: the oracle is a function of the outcomes
    gains = np.zeros(_DRAWS) if mode == "1" else prior.u_rel * _spread(prior.distribution)
    for outage in (
        0.0,
        1.0,
    ):  # that the sensor was away is plain to see, and makes another sensor of it
        alike = of["outage"] == outage
        for level in range(len(levels)):
            mine = alike & (of["level"] == level)
            errors = _known(of["sensor_rel"], mine, alike)
            if not mine.any() or not errors.size:
                continue
            common = rng.permutation(gains) + rng.permutation(np.quantile(errors, _probabilities()))
            for n in np.unique(of["repeats"][mine]):
                these = np.flatnonzero(mine & (of["repeats"] == n))
                own = (
                    rng.permutation(_student(int(n) - 1)) / math.sqrt(n)
                    if n >= 2
                    else np.zeros(_DRAWS)
                )
                low, high = np.quantile(
                    common + np.outer(of["scatter_rel"][these], own),
                    ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2),
                    axis=1,
                )
                made[these] = (high - low) / 2 * of["truth_j"][these]
    return made


def _known(errors: Floats, mine: Flags, alike: Flags) -> Floats:
    """The sensor errors of this level of repeats, or of all levels where those are too few; none
    where all are.
    """
    for chosen in (mine, alike):
        known = errors[chosen & np.isfinite(errors)]
        if known.size >= _ENOUGH:
            return known
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
