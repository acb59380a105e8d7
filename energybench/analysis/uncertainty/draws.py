"""Stratified draws of the standardised distributions of effects, for the Monte Carlo.

The quantiles are exact; only their order is random, with a fixed seed.
"""

from __future__ import annotations

import functools
import hashlib
import math
import statistics

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.model import Distribution

DRAWS = 40_000


# Each line of a projection, and each side of an interval, takes the draws of the same few errors
# again. 320 kB each.
@functools.lru_cache(maxsize=64)
def standard_draws(owner: str, distribution: Distribution, dof: float | None) -> Floats:
    """Draws of the standardised distribution, shape [DRAWS], in an order that only the owner of the
    error decides.
    """
    seed = int.from_bytes(hashlib.blake2b(owner.encode(), digest_size=8).digest(), "little")
    order = np.random.Generator(np.random.Philox(seed)).permutation(DRAWS)
    draws = quantiles(distribution, dof)[order]
    draws.flags.writeable = False
    return draws


@functools.lru_cache(maxsize=64)
def shuffled(distribution: Distribution, dof: float | None, place: int) -> Floats:
    """Quantiles of the standardised distribution, in a different order for each place in a sum."""
    order = np.random.Generator(np.random.Philox(place)).permutation(DRAWS)
    return quantiles(distribution, dof)[order]


@functools.lru_cache(maxsize=1)
def probabilities() -> Floats:
    return (np.arange(DRAWS) + 0.5) / DRAWS


@functools.lru_cache(maxsize=64)
def quantiles(distribution: Distribution, dof: float | None) -> Floats:
    """Quantiles of the standardised distribution at DRAWS even probabilities, ascending."""
    p = probabilities()
    if distribution == "rectangular":
        return np.asarray((2 * p - 1) * math.sqrt(3.0))
    if distribution == "student":
        # Imported late: scipy takes half the time of measuring a program that does nothing.
        from scipy import special

        return np.asarray(special.stdtrit(dof or 1.0, p), dtype=np.float64)
    inverse = statistics.NormalDist().inv_cdf
    return np.array([inverse(value) for value in p.tolist()])
