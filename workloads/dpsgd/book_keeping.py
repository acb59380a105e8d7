"""Book-keeping: clipped gradients from one backward pass that computes no gradient of a parameter
(Bu et al., arXiv:2210.00038).

The backward pass runs through the activations alone; a layer receives the gradient of its output,
computes the norms of its units and stores the operands of the weighted sum. Afterwards
g = Σ cᵤ gᵤ with cᵤ = min(1, C/‖gᵤ‖), layer by layer.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import nn

from energybench_workloads.dpsgd.convolution import ConvBook
from energybench_workloads.dpsgd.layers import Book, EmbeddingBook, LinearBook
from energybench_workloads.dpsgd.norms import GroupNormBook, LayerNormBook

BOOKS: dict[type[nn.Module], type[Book]] = {
    nn.Conv2d: ConvBook,
    nn.Linear: LinearBook,
    nn.GroupNorm: GroupNormBook,
    nn.LayerNorm: LayerNormBook,
    nn.Embedding: EmbeddingBook,
}
ROOM = 1e-6  # added to a norm before dividing, as Opacus does


class _BookedLayer(torch.autograd.Function):
    """A layer whose backward pass computes the input's gradient alone and hands the output's
    gradient to the layer's book. `anchor` ties the first layer to the graph.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, anchor: torch.Tensor, book: Book) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.book = book
        return book.forward(x)

    @staticmethod
    def backward(ctx: Any, back: torch.Tensor) -> tuple[torch.Tensor | None, None, None]:
        (x,) = ctx.saved_tensors
        book: Book = ctx.book
        if book.square is not None:
            raise RuntimeError(
                "a layer was called twice in one forward pass: its units' gradients would be "
                "counted apart"
            )
        back = back.contiguous()
        book.take(x, back)
        return (book.input_gradient(x, back) if ctx.needs_input_grad[0] else None), None, None


class BookKeeping:
    """A network with a book for every layer, inside the context.

    The network's weights are used directly; leaving the context restores the layers' forward pass.
    """

    def __init__(self, network: nn.Module, clip: float, records: int = 1) -> None:
        self.network, self.clip = network, clip
        self.books = [
            _book(layer, records)
            for layer in network.modules()
            if list(layer.parameters(recurse=False))
        ]
        # Norms of the last batch's units before clipping [units]
        self.norms = torch.zeros(0)

    def __enter__(self) -> BookKeeping:
        for book in self.books:
            anchor = torch.zeros((), device=book.layer.weight.device, requires_grad=True)
            book.layer.forward = functools.partial(_forward, book, anchor)
        return self

    def __exit__(self, *_: object) -> None:
        for book in self.books:
            book.forget()
            del book.layer.forward  # uncovers the class's method

    def backward(self, losses: torch.Tensor) -> None:
        """Add the clipped sum over units to every parameter's `grad`.

        `losses`: [n], of the examples, as weighted within their units.
        """
        losses.sum().backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            squares = [book.square for book in self.books if book.square is not None]
            if len(squares) < len(self.books):
                raise RuntimeError("a layer took no part in the loss")
            self.norms = torch.stack(squares).sum(0).sqrt()
            factors = (self.clip / (self.norms + ROOM)).clamp(max=1.0)
            for book in self.books:
                book.weighted(factors)


def _forward(book: Book, anchor: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = _BookedLayer.apply(x, anchor, book)  # type: ignore[no-untyped-call]
    return out


def _book(layer: nn.Module, records: int) -> Book:
    kind = BOOKS.get(type(layer))
    if (
        kind is None
        or getattr(layer, "groups", 1) != 1
        or getattr(layer, "dilation", (1, 1)) != (1, 1)
    ):
        raise ValueError(f"{type(layer).__name__} has no sampler of per-example gradients")
    return kind(layer, records)
