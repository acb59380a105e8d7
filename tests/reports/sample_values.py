"""Values, effects, work and repeats of the sample nodes.

Synthetic numbers, measured nowhere.
"""

from __future__ import annotations

import math

from energybench.model import (
    Effect,
    Estimate,
    Repeat,
    Work,
)

A100 = tuple(f"GPU-6d1f0c7a-52e{i}-4b1c-9a77-0f3e5b2c88d{i}" for i in range(4))


def interval(value: float, *effects: Effect, k: float = 2.0) -> Estimate:
    """A value whose interval is k times its effects' root sum of squares; bounds stretch it upward
    only.
    """
    both = k * math.sqrt(sum(e.u**2 for e in effects if e.distribution != "bound"))
    up = sum(e.u * math.sqrt(12) for e in effects if e.distribution == "bound")
    return Estimate(value=value, low=value - both, high=value + both + up, effects=effects)


def about(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high)


def scatter(u: float, n: int = 8) -> Effect:
    return Effect(
        name=f"scatter of {n} repeats", u=u, distribution="student", dof=n - 1, kind="scatter"
    )


def repeats_of(
    mean_j: float,
    mean_s: float,
    offsets: tuple[float, ...],
    shares: dict[str, float],
    work: Work | None,
    start_s: float,
) -> tuple[Repeat, ...]:
    repeats = []
    for offset in offsets:
        energy = mean_j * (1 + offset)
        time = mean_s * (1 + offset / 3)
        repeats.append(
            Repeat(
                start_s=start_s,
                end_s=start_s + time,
                energy_j=energy,
                components_j={name: energy * share for name, share in shares.items()},
                work=work,
            )
        )
        start_s += time + 1.5
    return tuple(repeats)


SOLVE = Work(
    amount=1.0,
    unit="solve to residual 1e-10",
    fingerprint="milc-M-7f3a9c21e0b4",
    precision="equal-accuracy",
    flops=2.62e13,
    bytes=2.9e13,
)
OFFSETS_CPU = (0.0061, -0.0042, 0.0009, 0.0035, -0.0071, 0.0018, -0.0034, 0.0024)
OFFSETS_GPU = (0.0215, 0.0062, -0.0058, 0.0011, -0.0094, -0.0037, -0.0102, 0.0003)
