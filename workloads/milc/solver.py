"""Conjugate gradient with reliable updates: iterations in a low precision, true residuals in a high
precision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from energybench_workloads.milc.operator import NormalOperator
from energybench_workloads.milc.recursion import Recursion

if TYPE_CHECKING:
    import torch

# A residual that has fallen by this factor, for each format of the links, is computed anew; QUDA's
# default is 0.1 (Clark et al., arXiv:0911.3191, section 5). Links off by 2e-5 (int16) can go
# further, links off by 2e-3 (bf16) less far: on 24^4 a factor of 0.1 doubles bf16's iterations.
DELTA = {"fp64": 0.1, "fp32": 0.1, "bf16": 0.3, "int16": 0.01}
# Updates in a row that did not halve the true residual, after which the solve ends: the low
# precision has nothing more to give
STALLS = 6


class Solution(NamedTuple):
    """x: interior rows; residual: the solver's last |b - A x| / |b|; both in the high precision."""

    x: torch.Tensor
    residual: float
    iterations: int
    updates: int


class Problem(NamedTuple):
    """A x = b: `high` computes true residuals, `low` iterates; both may be one operator.

    b: interior rows in the high precision.
    """

    high: NormalOperator
    low: NormalOperator
    b: torch.Tensor


def conjugate_gradient(
    problem: Problem, tolerance: float, max_iterations: int, start: torch.Tensor | None = None
) -> Solution:
    """Solve from x = `start` (0 unless given) until |b - A x| <= tolerance |b| holds in the high
    precision.

    If `low` and `high` are one operator, the solve is plain CG, with a true residual at the end to
    confirm the recursive residual. The solve ends early after max_iterations, or if updates no
    longer help: the caller verifies.
    """
    high, low, b = problem
    delta = 0.0 if low is high else DELTA[low.form]
    solution, x = high.buffer()  # with a halo, because A x is computed
    residual, ax = b.clone(), high.rows()
    size = true = _norm(high, b)
    target = tolerance * size
    if start is not None:
        x.copy_(start)
        true = _residual(high, solution, x, b, ax, residual)
    r = low.rows()
    r.copy_(residual)
    recursion = Recursion(low, r)
    peak = math.sqrt(float(recursion.rr))
    iterations = updates = stalls = 0
    while true > target and iterations < max_iterations and stalls < STALLS:
        recursion.step()
        iterations += 1
        recursive = math.sqrt(float(recursion.rr))
        peak = max(peak, recursive)
        # "not >", so that a NaN ends here too
        if not recursive > max(target, delta * peak) or iterations == max_iterations:
            x.add_(recursion.y)
            recursion.y.zero_()
            before, true = true, _residual(high, solution, x, b, ax, residual)
            updates += 1
            stalls = stalls + 1 if true > before / 2 else 0
            r.copy_(residual)
            peak = recursion.restart()
    return Solution(x, true / size, iterations, updates)


def _norm(operator: NormalOperator, v: torch.Tensor) -> float:
    return math.sqrt(float(operator.totals().of("v", lambda unit: operator.kernels.norm2(v, unit))))


def _residual(
    high: NormalOperator,
    flat: torch.Tensor,
    x: torch.Tensor,
    b: torch.Tensor,
    ax: torch.Tensor,
    out: torch.Tensor,
) -> float:
    """out = b - A x; returns the norm. x: the interior rows of `flat`."""
    import torch

    torch.sub(b, high.apply(flat, x, ax), out=out)
    return _norm(high, out)


class _Shift:
    """A shifted system of a multi-shift solve: solution x, direction p, and zeta, the factor from
    the base system's residual to the shifted system's residual.
    """

    def __init__(self, operator: NormalOperator, shift: float, b: torch.Tensor) -> None:
        self.shift, self.x, self.p = shift, operator.rows(), b.clone()
        self.zeta, self.zeta_before, self.done = 1.0, 1.0, False

    def advance(
        self,
        operator: NormalOperator,
        r: torch.Tensor,
        alpha: float,
        alpha_before: float,
        beta: float,
        beta_next: float,
    ) -> None:
        """x += alpha_s p; p = zeta r + beta_s p, after the base system has updated r (Jegerlehner,
        hep-lat/9612014, eqs. 2.42-2.44).
        """
        falling = alpha * beta * (
            self.zeta_before - self.zeta
        ) + self.zeta_before * alpha_before * (1 + self.shift * alpha)
        zeta = self.zeta * self.zeta_before * alpha_before / falling
        ratio = zeta / self.zeta
        factors = (operator.scalar(value) for value in (alpha * ratio, zeta, beta_next * ratio**2))
        operator.kernels.shifted(self.x, self.p, r, *factors)
        self.zeta_before, self.zeta = self.zeta, zeta


class Family(NamedTuple):
    """Solutions of (A + shift) x = b in the order of the shifts, and the number of iterations of
    the base system.
    """

    x: tuple[torch.Tensor, ...]
    iterations: int


def multi_shift(
    operator: NormalOperator,
    b: torch.Tensor,
    shifts: tuple[float, ...],
    tolerance: float,
    max_iterations: int,
) -> Family:
    """Solve all shifted systems in the iterations of the hardest system, the base system A x = b
    (shifts must not be negative), in the operator's precision.

    A system ends when its recursive residual is below tolerance |b|. Reliable updates do not exist
    for the method, so the caller computes true residuals and refines.
    """
    import torch

    systems = [_Shift(operator, shift, b) for shift in shifts]
    # The base system's solution is not used: if it is wanted, 0 is among the shifts
    recursion = Recursion(operator, b.clone())
    size = math.sqrt(float(recursion.rr))
    alpha_before, beta, iterations = 1.0, 0.0, 0
    while iterations < max_iterations and not all(system.done for system in systems):
        recursion.step()
        iterations += 1
        alpha, beta_next, rr = torch.stack((recursion.alpha, recursion.beta, recursion.rr)).tolist()
        for system in systems:
            if not system.done:
                system.advance(operator, recursion.r, alpha, alpha_before, beta, beta_next)
                system.done = not system.zeta * math.sqrt(rr) > tolerance * size
        alpha_before, beta = alpha, beta_next
    return Family(tuple(system.x for system in systems), iterations)
