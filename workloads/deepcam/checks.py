"""The checks of a run: a loss that falls, finite weights, arithmetic that agrees with fp32, and,
after enough training, a better IoU than the baseline has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from energybench.model import Verification
from energybench_workloads.common import checked
from energybench_workloads.deepcam import quality

if TYPE_CHECKING:
    import torch

    from energybench_workloads.deepcam.member import Member

JUDGED_STEPS = 4  # fewer losses do not show a trend
# After so many steps and samples the held-out IoU has to beat the baseline;
# docs/workloads/deepcam.md has the curve
LEARNED_STEPS, LEARNED_SAMPLES = 100, 400
# Relative root mean square error of the logits: over some 80 layers, roundings of 2^-9 (bf16), and
# fp32 sums in another order (or the 2^-11 of TF32)
LOGITS = {"bf16": 0.1, "fp32": 2e-3}


def training(losses: Sequence[float], network: torch.nn.Module) -> list[Verification]:
    """Losses and weights are finite, and the mean loss of the last quarter is below that of the
    first.
    """
    from energybench_workloads.deepcam.network import weights_norm

    norm = weights_norm(network)
    finite = math.isfinite(norm) and all(math.isfinite(value) for value in losses)
    checks = [
        Verification(
            quantity="norm of the weights",
            value=norm if finite else None,
            tolerance=1e30,
            passed=finite,
        )
    ]
    if len(losses) >= JUDGED_STEPS and finite:
        quarter = len(losses) // 4
        ratio = (sum(losses[-quarter:]) / quarter) / (sum(losses[:quarter]) / quarter)
        checks.append(
            Verification(
                quantity="loss at the end over loss at the beginning",
                value=ratio,
                tolerance=1.0,
                passed=ratio < 1.0,
            )
        )
    return checks


def learned(counts: torch.Tensor) -> Verification:
    """IoU of calling everything background, less the held-out IoU: negative after learning."""
    short = quality.background_iou(counts) - quality.mean_iou(counts)
    return Verification(
        quantity="background's IoU less the held-out IoU",
        value=short,
        tolerance=0.0,
        passed=short < 0,
    )


def reached(iou: float, goal: float) -> Verification:
    return Verification(
        quantity=f"held-out IoU short of {goal:g}",
        value=max(goal - iou, 0.0),
        tolerance=0.0,
        passed=iou >= goal,
    )


def arithmetic(member: Member, index: int = 0) -> Verification:
    """Logits of a held-out sample, computed on the device as in a run, against fp32 on the CPU with
    equal weights.
    """
    logits, expected = member.logits(index), in_fp32(member, index)
    error = float(
        (logits - expected).double().pow(2).mean().sqrt() / expected.double().pow(2).mean().sqrt()
    )
    return checked(
        f"logits in {member.spec.precision} on {member.device} against fp32 on the CPU, relative",
        error,
        LOGITS[member.spec.precision],
    )


def in_fp32(member: Member, index: int) -> torch.Tensor:
    """Logits of a held-out sample on the CPU without autocast, in evaluation mode."""
    import torch

    from energybench_workloads.deepcam.network import DeepLab

    with torch.device("meta"):
        network = DeepLab()
    network.load_state_dict(
        {name: value.cpu() for name, value in member.network.state_dict().items()}, assign=True
    )
    network.eval()
    bits = torch.from_numpy(member.held_out.read(index).field[None])
    with torch.no_grad():
        logits: torch.Tensor = network(bits.view(torch.bfloat16).float().permute(0, 3, 1, 2))
    return logits
