"""LAMB: Adam's direction, with the step of a layer scaled by the norm of the layer's weights.

You et al., arXiv:1904.00962, algorithm 2, φ the identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch


class Lamb(torch.optim.Optimizer):
    """r = m̂ / (√v̂ + ε); x ← x − η ‖x‖ / ‖r + λx‖ · (r + λx). If either norm is 0, the ratio of the
    norms is replaced by 1: a bias that starts at 0 would never leave 0.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            for p in parameters:
                if not self.state[p]:
                    self.state[p] = {"step": 0, "m": torch.zeros_like(p), "v": torch.zeros_like(p)}
                self.state[p]["step"] += 1
            beta1, beta2 = group["betas"]
            step = self.state[parameters[0]]["step"]
            grads = [p.grad for p in parameters]
            m, v = (
                [self.state[p]["m"] for p in parameters],
                [self.state[p]["v"] for p in parameters],
            )
            torch._foreach_lerp_(m, grads, 1 - beta1)
            torch._foreach_mul_(v, beta2)
            torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
            below = torch._foreach_div(v, 1 - beta2**step)
            torch._foreach_sqrt_(below)
            torch._foreach_add_(below, group["eps"])
            toward = torch._foreach_div(m, 1 - beta1**step)
            torch._foreach_div_(toward, below)
            torch._foreach_add_(toward, parameters, alpha=group["weight_decay"])
            pairs = zip(torch._foreach_norm(parameters), torch._foreach_norm(toward), strict=True)
            ratios = [
                torch.where((size > 0) & (length > 0), size / length, torch.ones_like(size))
                for size, length in pairs
            ]
            torch._foreach_mul_(toward, ratios)
            torch._foreach_add_(parameters, toward, alpha=-group["lr"])
