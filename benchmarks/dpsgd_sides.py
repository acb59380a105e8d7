"""The sides that benchmarks/dpsgd.py compares: our modes, and Opacus as in Opacus' own tutorial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from energybench_workloads.dpsgd import models
from energybench_workloads.dpsgd.data import Examples, examples
from energybench_workloads.dpsgd.mechanisms import mechanism
from energybench_workloads.dpsgd.spec import Spec, read

PEERS = ("Opacus hooks", "Opacus ghost")


class Side(NamedTuple):
    """One side of the comparison.

    step      a step over the whole batch, in parts
    gradient  the clipped sum of a batch, before noise
    """

    step: Callable[[], object]
    gradient: Callable[[], torch.Tensor]


def side(network: str, name: str, batch: int, part: int, device: torch.device) -> Side:
    if name in PEERS:
        return _peer(network, name, batch, device)
    return _ours(network, name, batch, part, device)


def _spec(network: str, mode: str, batch: int) -> Spec:
    settings = {
        "mode": mode,
        "batch": str(batch),
        "examples": str(batch),
        "held": "1",
        "data": "",
        "lr": "0.01",
        "momentum": "0",
    }
    if mode != "plain":
        settings |= {"noise": "1.1", "clip": "1"}
    return read(network, settings)


def _problem(
    network: str, spec: Spec, device: torch.device
) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """(network, x, y) on the device."""
    data: Examples = examples(spec._replace(data="text" if network == "text" else "synthetic"))
    net = models.network(network, spec.size.classes, "group", 1).to(device)
    net.train()
    return net, data.x.to(device), data.y.to(device)


def _ours(network: str, mode: str, batch: int, part: int, device: torch.device) -> Side:
    spec = _spec(network, mode, batch)
    net, x, y = _problem(network, spec, device)
    ours = mechanism(spec, net)

    def accumulate() -> None:
        for a, b in zip(x.split(part), y.split(part), strict=True):
            ours.backward(models.losses(ours.forward(a), b))

    def step() -> None:
        accumulate()
        ours.step(0)

    def gradient() -> torch.Tensor:
        accumulate()
        grads = [ours.summed(p) if hasattr(ours, "summed") else p.grad for p in net.parameters()]
        row = torch.cat([grad.flatten() for grad in grads if grad is not None]).clone()
        _clear_gradients(net)
        return row

    return Side(step, gradient)


def _peer(network: str, name: str, batch: int, device: torch.device) -> Side:
    """Opacus as in its tutorial: module, optimiser, criterion; no parts."""
    from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    net, x, y = _problem(network, _spec(network, "explicit", batch), device)
    ghost = name == "Opacus ghost"
    module: Any
    kind: Any
    if ghost:
        module = GradSampleModuleFastGradientClipping(
            net, max_grad_norm=1.0, use_ghost_clipping=True
        )
        kind = DPOptimizerFastGradientClipping
    else:
        module, kind = GradSampleModule(net), DPOptimizer
    optimiser = kind(
        torch.optim.SGD(net.parameters(), 0.01),
        noise_multiplier=1.1,
        max_grad_norm=1.0,
        expected_batch_size=batch,
    )
    criterion: Any = torch.nn.CrossEntropyLoss()
    if ghost:
        criterion = DPLossFastGradientClipping(module, optimiser, criterion)

    def logits() -> tuple[torch.Tensor, torch.Tensor]:
        out = module(x)
        return (out.flatten(0, 1), y.flatten()) if out.dim() == 3 else (out, y)

    def step() -> None:
        optimiser.zero_grad()
        criterion(*logits()).backward()
        optimiser.step()

    def gradient() -> torch.Tensor:
        optimiser.zero_grad()
        criterion(*logits()).backward()
        if ghost:
            optimiser.accumulate()
        else:
            optimiser.clip_and_accumulate()
        row = torch.cat([p.summed_grad.flatten() for p in net.parameters()]).clone()
        optimiser.zero_grad()
        return row

    return Side(step, gradient)


def _clear_gradients(net: torch.nn.Module) -> None:
    p: Any
    for p in net.parameters():
        p.grad = p.summed_grad = None
