"""Book-keeping against gradients computed one unit at a time: norms and the clipped sum, for every
kind of layer with a book.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from energybench_workloads.dpsgd.book_keeping import ROOM, BookKeeping

CLIP = 0.5


def convolutional() -> nn.Module:
    """Strides, paddings, convolutions with and without bias, GroupNorm, a Linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2),
        nn.GroupNorm(4, 8),
        nn.ReLU(),
        nn.Conv2d(8, 24, 3, padding=1, bias=False),
        nn.GroupNorm(8, 24),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 10),
    )


def textual() -> nn.Module:
    """Embedding, LayerNorm and Linear over positions."""
    return nn.Sequential(
        nn.Embedding(20, 16), nn.LayerNorm(16), nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 10)
    )


def problem(kind: str, n: int) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    network = convolutional() if kind == "convolutional" else textual()
    x = torch.randn(n, 1, 14, 14) if kind == "convolutional" else torch.randint(0, 20, (n, 7))
    return network.double(), x.double() if x.is_floating_point() else x, torch.randint(0, 10, (n,))


def losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """[n], of the examples; of a text the mean over its positions."""
    if logits.dim() == 3:
        return F.cross_entropy(
            logits.transpose(1, 2), labels[:, None].expand(-1, logits.shape[1]), reduction="none"
        ).mean(1)
    return F.cross_entropy(logits, labels, reduction="none")


def one_by_one(
    network: nn.Module, x: torch.Tensor, labels: torch.Tensor, records: int
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Norms of the units' gradients, and clipped sums for the parameters, from a backward pass for
    every unit.
    """
    parameters = list(network.parameters())
    norms, sums = [], [torch.zeros_like(p) for p in parameters]
    for k in range(0, len(x), records):
        part = slice(k, k + records)
        grads = torch.autograd.grad(
            losses(network(x[part]), labels[part]).sum() / records, parameters
        )
        norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
        norms.append(norm)
        for total, grad in zip(sums, grads, strict=True):
            total += grad * (CLIP / (norm + ROOM)).clamp(max=1.0)
    return torch.stack(norms), sums


@pytest.mark.parametrize("kind", ["convolutional", "textual"])
@pytest.mark.parametrize("records", [1, 3])
def test_norms_and_clipped_sums_equal_those_of_a_pass_for_every_unit(
    kind: str, records: int
) -> None:
    """Examples, and users with three records each."""
    network, x, labels = problem(kind, 12)
    norms, sums = one_by_one(network, x, labels, records)
    assert (norms > CLIP).any()
    with BookKeeping(network, CLIP, records) as books:
        books.backward(losses(network(x), labels) / records)
        assert torch.allclose(books.norms, norms, rtol=1e-10)
    for parameter, expected in zip(network.parameters(), sums, strict=True):
        assert parameter.grad is not None
        assert float((parameter.grad - expected).norm() / expected.norm()) < 1e-10


def test_parts_of_a_batch_add_up() -> None:
    network, x, labels = problem("convolutional", 12)
    _, sums = one_by_one(network, x, labels, 1)
    with BookKeeping(network, CLIP) as books:
        for part in (slice(0, 5), slice(5, 12)):
            books.backward(losses(network(x[part]), labels[part]))
    for parameter, expected in zip(network.parameters(), sums, strict=True):
        assert parameter.grad is not None
        assert float((parameter.grad - expected).norm() / expected.norm()) < 1e-10


def test_the_network_is_restored() -> None:
    """After the books are closed, an ordinary backward pass gives ordinary gradients."""
    network, x, labels = problem("convolutional", 4)
    expected = torch.autograd.grad(losses(network(x), labels).sum(), list(network.parameters()))
    with BookKeeping(network, CLIP) as books:
        books.backward(losses(network(x), labels))
    gradients = torch.autograd.grad(losses(network(x), labels).sum(), list(network.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(gradients, expected, strict=True))


def test_a_layer_without_a_sampler_is_refused() -> None:
    with pytest.raises(ValueError, match="BatchNorm2d"):
        BookKeeping(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), CLIP)
