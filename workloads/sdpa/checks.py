"""Judging attention: a few (batch, head) pairs against float64, and two properties of all
elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from energybench.model import Verification
from energybench_workloads.common import checked

if TYPE_CHECKING:
    import torch

# Largest error over the largest reference value, in units of the dtype's eps. In half precision a
# score s is rounded by up to |s| eps / 2, leading to a relative error of the probability, and a
# gradient passes through three products with probabilities: about 2 eps is seen, 8 allowed. In fp32
# the length of the sums counts too: about 8 eps is seen, 64 allowed. The faults to catch (a wrong
# mask, scale or gradient) cause errors of order 1.
ROUNDINGS = {"bf16": 8, "fp16": 8, "fp32": 64}


def pairs(batch: int, heads: int) -> tuple[tuple[int, int], ...]:
    """The (batch, head) pairs to compare: the first, the last, and one in between."""
    return tuple(sorted({(0, 0), (batch // 2, heads // 3), (batch - 1, heads - 1)}))


def reference(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> torch.Tensor:
    """softmax(Q Kᵀ / √d + mask) V of one pair in float64, [seq, head_dim]; the mask by definition:
    query i attends to keys j <= i.
    """
    import torch

    scores = torch.einsum("id,jd->ij", q, k) / q.shape[1] ** 0.5
    if causal:
        position = torch.arange(len(q))
        scores = scores.masked_fill(position[None, :] > position[:, None], -torch.inf)
    weights = torch.exp(scores - scores.amax(1, keepdim=True))
    return (weights / weights.sum(1, keepdim=True)) @ v


def against_reference(
    inputs: Sequence[torch.Tensor],
    results: Mapping[str, torch.Tensor],
    causal: bool,
    tolerance: float,
) -> list[Verification]:
    """Judge outputs, and gradients if present: max |result - reference| / max |reference| over the
    compared pairs.

    inputs   Q, K, V (and the output's gradient)
    results  "output" (and "dQ", "dK", "dV")

    Every tensor is [batch, heads, seq, head_dim] on the CPU. The reference starts from inputs
    rounded to the dtype, so that only the computation is judged.
    """
    import torch

    errors: dict[str, list[float]] = {name: [] for name in results}
    for pair in pairs(*inputs[0].shape[:2]):
        q, k, v, *back = (tensor[pair].to(torch.float64) for tensor in inputs)
        expected = {"output": reference(q, k, v, causal)}
        if back:
            qkv = [tensor.requires_grad_() for tensor in (q, k, v)]
            gradients = torch.autograd.grad(reference(q, k, v, causal), qkv, back[0])
            expected |= dict(zip(("dQ", "dK", "dV"), gradients, strict=True))
        for name, result in results.items():
            truth = expected[name].detach()
            errors[name].append(
                float((result[pair].to(torch.float64) - truth).abs().max() / truth.abs().max())
            )
    # torch's max, because Python's max may lose a NaN
    return [
        checked(f"{name} against float64", float(torch.tensor(values).max()), tolerance)
        for name, values in errors.items()
    ]


def everywhere(
    v: torch.Tensor, results: Mapping[str, torch.Tensor], tolerance: float
) -> list[Verification]:
    """Judge every pair: all elements are finite, and outputs stay within the range of V, because
    an output is a weighted mean of rows of V.
    """
    import torch

    not_finite = sum(int((~torch.isfinite(result)).sum()) for result in results.values())
    low, high = v.amin(2, keepdim=True), v.amax(2, keepdim=True)
    excess = (
        torch.maximum(results["output"] - high, low - results["output"]).clamp(min=0).max()
        / v.abs().max()
    )
    return [
        checked("elements not finite", float(not_finite), 0.0),
        checked("output outside the range of V", float(excess), tolerance),
    ]
