"""Per-unit gradients of a layer inside one backward pass: its squared norm for every unit, and
later the weighted sum Σ cᵤ gᵤ.

A unit is `records` examples that follow each other (1: an example; more: a user). Of a layer with
weight matrix [p, D] whose unit holds T positions, gᵤ = Bᵀ A with B [T, p] what comes back and A [T,
D] what went in. Its norm is that of gᵤ itself (direct) or, without making it, ‖gᵤ‖² = Σ (A Aᵀ) ∘ (B
Bᵀ) (ghost: Li et al., arXiv:2110.05679; convolutions in `convolution.py`: Bu et al.,
arXiv:2205.10683), whichever is smaller: ghost where 2T² < p·D. The sum needs no second backward
pass: A and B are kept (book-keeping: Bu et al., arXiv:2210.00038), or gᵤ where that is smaller.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

# per-example gradients are kept where they are at most so many times the layer's input and output
KEEP = 3.0


def ghost(positions: int, p: int, d: int) -> bool:
    """Whether the Gram matrices [T, T] are smaller than the gradient [p, D]."""
    return 2 * positions**2 < p * d


class Book:
    """One layer: what went in, what came back, and what was made of them.

    `square`: ‖gᵤ‖² of all its parameters, [units].
    """

    def __init__(self, layer: Any, records: int) -> None:
        self.layer, self.records = layer, records
        self.square: torch.Tensor | None = None
        self.kept: dict[
            str, torch.Tensor
        ] = {}  # parameter → gᵤ [units, …]; of the others x and back
        self.x: torch.Tensor | None = None
        self.back: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        """Norms, and what the sum will need.

        `back`: gradient of the output, of each example's own loss.
        """
        raise NotImplementedError

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def weighted(self, factors: torch.Tensor) -> None:
        """Add Σ cᵤ gᵤ to each parameter's `grad`, and forget. `factors`: [units]."""
        for name, grads in self.kept.items():
            add(getattr(self.layer, name), factors @ grads.flatten(1))
        if self.x is not None and self.back is not None:
            self.weigh(self.x, self.back, factors.repeat_interleave(self.records))
        self.forget()

    def weigh(self, x: torch.Tensor, back: torch.Tensor, factors: torch.Tensor) -> None:
        """The same from x and back, with a factor an example."""
        raise NotImplementedError

    def forget(self) -> None:
        self.square, self.x, self.back, self.kept = None, None, None, {}

    def keep(self, **grads: torch.Tensor) -> None:
        """Per-example gradients [n, …], summed into units."""
        for name, grad in grads.items():
            summed = (
                grad if self.records == 1 else grad.view(-1, self.records, *grad.shape[1:]).sum(1)
            )
            self.kept[name] = summed
            self.count(summed.flatten(1).square().sum(1))

    def count(self, square: torch.Tensor) -> None:
        self.square = square if self.square is None else self.square + square

    def together(self, x: torch.Tensor) -> torch.Tensor:
        """[n, T, d] → [units, records x T, d]."""
        return x if self.records == 1 else x.reshape(-1, self.records * x.shape[1], x.shape[2])


def add(parameter: torch.Tensor, grad: torch.Tensor) -> None:
    grad = grad.view_as(parameter)
    parameter.grad = grad if parameter.grad is None else parameter.grad.add_(grad)


class LinearBook(Book):
    """Linear on [n, d] or [n, T, d]."""

    layer: nn.Linear

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.layer.weight, self.layer.bias)

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        return back @ self.layer.weight

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        a, b = self.together(_positions(x)), self.together(_positions(back))
        if self.layer.bias is not None:
            self.keep(bias=_positions(back).sum(1))
        units, positions, p = b.shape
        if not ghost(positions, p, a.shape[2]):
            grads = torch.bmm(b.transpose(1, 2), a)
            self.count(grads.flatten(1).square().sum(1))
            if grads.numel() <= KEEP * (a.numel() + b.numel()):
                self.kept["weight"] = grads
                return
        elif positions == 1:
            self.count((a.square().sum(2) * b.square().sum(2)).view(units))
        else:
            self.count(
                (torch.bmm(a, a.transpose(1, 2)) * torch.bmm(b, b.transpose(1, 2))).sum((1, 2))
            )
        self.x, self.back = x, back

    def weigh(self, x: torch.Tensor, back: torch.Tensor, factors: torch.Tensor) -> None:
        b = _positions(back) * factors.view(-1, 1, 1)
        add(self.layer.weight, b.flatten(0, 1).T @ _positions(x).flatten(0, 1))


def _positions(x: torch.Tensor) -> torch.Tensor:
    return x.unsqueeze(1) if x.dim() == 2 else x.flatten(1, -2)


class EmbeddingBook(Book):
    """Embedding of tokens [n, T].

    A row's gradient is the sum over the places where its token stands: positions of equal tokens
    meet in the Gram matrix.
    """

    layer: nn.Embedding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.embedding(x, self.layer.weight)

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("tokens have no gradient")

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        tokens = x.reshape(-1, self.records * x.shape[1])
        b = self.together(back)
        same = tokens.unsqueeze(2) == tokens.unsqueeze(1)
        self.count((torch.bmm(b, b.transpose(1, 2)) * same).sum((1, 2)))
        self.x, self.back = x, back

    def weigh(self, x: torch.Tensor, back: torch.Tensor, factors: torch.Tensor) -> None:
        grad = torch.zeros_like(self.layer.weight)
        add(
            self.layer.weight,
            grad.index_add_(0, x.flatten(), (back * factors.view(-1, 1, 1)).flatten(0, 1)),
        )
