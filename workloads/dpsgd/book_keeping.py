"""Book-keeping: clipped gradients from one backward pass, which makes no gradient of a parameter
(Bu et al., arXiv:2210.00038).

The backward pass runs through the activations alone; each layer takes what comes back, counts its
units' norms and keeps what the weighted sum will need. Then g = Σ cᵤ gᵤ with cᵤ = min(1, C/‖gᵤ‖)
layer by layer.
"""

from __future__ import annotations

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
ROOM = 1e-6  # added to a norm before it divides, as Opacus does


class _Kept(torch.autograd.Function):
    """A layer whose backward pass gives the input's gradient alone and hands what came back to its
    book. `anchor` ties the first layer to the graph.
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
    """A network whose layers keep books while this is open.

    Its weights stay its own; leaving gives the layers their forward pass back.
    """

    def __init__(self, network: nn.Module, clip: float, records: int = 1) -> None:
        self.network, self.clip = network, clip
        self.books = [
            _book(layer, records)
            for layer in network.modules()
            if list(layer.parameters(recurse=False))
        ]
        self.norms = torch.zeros(0)  # of the units of the last batch, before clipping [units]

    def __enter__(self) -> BookKeeping:
        for book in self.books:
            anchor = torch.zeros((), device=book.layer.weight.device, requires_grad=True)
            book.layer.forward = lambda x, book=book, anchor=anchor: _Kept.apply(x, anchor, book)  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *_: object) -> None:
        for book in self.books:
            book.forget()
            del book.layer.forward  # the class's own shows again

    def backward(self, losses: torch.Tensor) -> None:
        """Add the clipped sum over units to every parameter's `grad`.

        `losses`: [n], of each example as it counts in its unit's.
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


def _book(layer: nn.Module, records: int) -> Book:
    made = BOOKS.get(type(layer))
    if (
        made is None
        or getattr(layer, "groups", 1) != 1
        or getattr(layer, "dilation", (1, 1)) != (1, 1)
    ):
        raise ValueError(f"{type(layer).__name__} has no sampler of per-example gradients")
    return made(layer, records)
