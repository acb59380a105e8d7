"""Conjugate gradient with reliable updates: iterations in a low precision, the residual that counts in the high one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from energybench_workloads.milc.operator import NormalOperator

if TYPE_CHECKING:
    import torch

DELTA = 0.1  # a residual that has fallen by this factor is computed anew (QUDA's default: Clark et al., arXiv:0911.3191, section 5)
STALLS = 6  # updates in a row that did not halve the true residual: the low precision has nothing more to give


class Solution(NamedTuple):
    """x: [half, 3] in the high precision; residual: |b - A x| / |b| as the solver last computed it, in the high precision."""

    x: torch.Tensor
    residual: float
    iterations: int
    updates: int


def norm2(v: torch.Tensor) -> float:
    return inner(v, v)


def inner(u: torch.Tensor, v: torch.Tensor) -> float:
    """Re <u, v>; the imaginary part vanishes wherever CG needs it."""
    import torch

    return float(torch.dot(torch.view_as_real(u).view(-1), torch.view_as_real(v).view(-1)))


def conjugate_gradient(high: NormalOperator, low: NormalOperator, b: torch.Tensor, tolerance: float, max_iterations: int) -> Solution:
    """Solve A x = b from x = 0 until |b - A x| <= tolerance |b| holds in the high precision; b: [half, 3] of `high`'s dtype and device.

    With `low` the same operator as `high` this is plain CG, whose recursive residual is checked against the true one before it is believed.
    Ends early, with the residual it has, after max_iterations or where updates no longer help: the caller verifies.
    """
    import torch

    delta = 0.0 if low is high else DELTA
    x, ax, residual = torch.zeros_like(b), torch.empty_like(b), b.clone()
    size = true = norm2(b) ** 0.5
    target = tolerance * size
    r = residual.to(low.dtype)
    p, q, y = r.clone(), torch.empty_like(r), torch.zeros_like(r)
    rr = norm2(r)
    peak = rr**0.5
    iterations = updates = stalls = 0
    while true > target and iterations < max_iterations and stalls < STALLS:
        low.apply(p, q)
        alpha = rr / inner(p, q)
        y.add_(p, alpha=alpha)
        r.add_(q, alpha=-alpha)
        iterations += 1
        rr_old, rr = rr, norm2(r)
        peak = max(peak, rr**0.5)
        if not rr**0.5 > max(target, delta * peak) or iterations == max_iterations:  # "not >" so that a NaN ends here too
            x.add_(y)
            y.zero_()
            torch.sub(b, high.apply(x, ax), out=residual)
            updates += 1
            before, true = true, norm2(residual) ** 0.5
            stalls = stalls + 1 if true > before / 2 else 0
            r.copy_(residual)
            recursive, rr = rr, norm2(r)
            peak = rr**0.5
            if 0 < rr <= 4 * recursive:  # made orthogonal to the new residual (as QUDA does), the old direction keeps the Krylov space
                p.add_(r, alpha=-inner(r, p) / rr)
            else:  # the recursion had lost the true residual; its direction would drown the new one
                p.zero_()
        torch.add(r, p, alpha=rr / rr_old, out=p)
    return Solution(x, true / size, iterations, updates)
