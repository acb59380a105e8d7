"""Per-unit gradients of a layer inside one backward pass: the squared norm for every unit, and
afterwards the weighted sum Σ cᵤ gᵤ.

A unit is `records` consecutive examples (1: an example; more: a user). For a layer with weight
matrix [p, D] whose unit holds T positions, gᵤ = Bᵀ A, with B [T, p] the gradient of the layer's
output and A [T, D] the layer's input. The norm is computed from gᵤ (direct), or without computing
gᵤ as ‖gᵤ‖² = Σ (A Aᵀ) ∘ (B Bᵀ) (ghost: Li et al., arXiv:2110.05679; convolutions in
`convolution.py`: Bu et al., arXiv:2205.10683), by the smaller matrices: ghost if 2T² < p·D. The sum
needs no second backward pass: A and B are stored (book-keeping: Bu et al., arXiv:2210.00038), or gᵤ
if smaller.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

# Per-example gradients are stored if at most this multiple of the layer's input and output
KEEP = 3.0


def ghost(positions: int, p: int, d: int) -> bool:
    """Whether the Gram matrices [T, T] are smaller than the gradient [p, D]."""
    return 2 * positions**2 < p * d


class Book:
    """The book of one layer, for one batch.

    square          ‖gᵤ‖² over the layer's parameters, [units]
    unit_gradients  parameter → gᵤ [units, …], for parameters whose gᵤ is stored
    x, back         the layer's input and the gradient of its output, for the remaining parameters
    """

    def __init__(self, layer: Any, records: int) -> None:
        self.layer, self.records = layer, records
        self.square: torch.Tensor | None = None
        self.unit_gradients: dict[str, torch.Tensor] = {}
        self.x: torch.Tensor | None = None
        self.back: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        """Compute the norms, and store the operands of the weighted sum.

        `back`: gradient of the output, of the sum of the examples' losses.
        """
        raise NotImplementedError

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def weighted(self, factors: torch.Tensor) -> None:
        """Add Σ cᵤ gᵤ to the parameters' `grad`, and empty the book. `factors`: [units]."""
        for name, grads in self.unit_gradients.items():
            add(getattr(self.layer, name), factors @ grads.flatten(1))
        if self.x is not None and self.back is not None:
            self.weigh(self.x, self.back, factors.repeat_interleave(self.records))
        self.forget()

    def weigh(self, x: torch.Tensor, back: torch.Tensor, factors: torch.Tensor) -> None:
        """Add Σ cᵤ gᵤ computed from x and back, with a factor for every example."""
        raise NotImplementedError

    def forget(self) -> None:
        self.square, self.x, self.back, self.unit_gradients = None, None, None, {}

    def keep(self, **grads: torch.Tensor) -> None:
        """Store per-example gradients [n, …], summed into units."""
        for name, grad in grads.items():
            summed = (
                grad if self.records == 1 else grad.view(-1, self.records, *grad.shape[1:]).sum(1)
            )
            self.unit_gradients[name] = summed
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
                self.unit_gradients["weight"] = grads
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

    A row's gradient is the sum over the places of its token: in the Gram matrix, only pairs of
    positions with equal tokens count.
    """

    layer: nn.Embedding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.embedding(x, self.layer.weight)

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("tokens have no gradient")

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        tokens = x.reshape(-1, self.records * x.shape[1])
        b = self.together(back)
        equal = tokens.unsqueeze(2) == tokens.unsqueeze(1)
        self.count((torch.bmm(b, b.transpose(1, 2)) * equal).sum((1, 2)))
        self.x, self.back = x, back

    def weigh(self, x: torch.Tensor, back: torch.Tensor, factors: torch.Tensor) -> None:
        grad = torch.zeros_like(self.layer.weight)
        add(
            self.layer.weight,
            grad.index_add_(0, x.flatten(), (back * factors.view(-1, 1, 1)).flatten(0, 1)),
        )
