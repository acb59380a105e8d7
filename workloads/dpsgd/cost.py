"""Cost of one example's forward pass: flops of products, and number of values computed.

Counted by torch on one example.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from energybench_workloads.dpsgd import models
from energybench_workloads.dpsgd.spec import Spec


def forward_flops(spec: Spec, x: torch.Tensor) -> float:
    """Flops of convolutions, matrix products and attention, 2 for a multiply-add. A training step
    counts as three forward passes, whatever clipping adds.

    `x`: one example [1, …].
    """
    network = _network(spec)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(x)
    return float(counter.get_total_flops())


def values(spec: Spec, x: torch.Tensor) -> tuple[int, int]:
    """(number of parameters, number of values in the outputs of the layers, for one example)."""
    network = _network(spec)
    outputs = 0

    def count(layer: nn.Module, inputs: Any, out: Any) -> None:
        nonlocal outputs
        outputs += out.numel() if isinstance(out, torch.Tensor) else 0

    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(x)
    return sum(p.numel() for p in network.parameters()), outputs


def _network(spec: Spec) -> nn.Module:
    return models.network(spec.size.network, spec.size.classes, spec.norm, spec.seed).eval()
