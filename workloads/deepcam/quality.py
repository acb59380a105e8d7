"""How good a segmentation is: intersection over union, against the baseline that calls everything
background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def confusion(truth: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Pixels by [true class, predicted class], int64 [3, 3]."""
    import torch

    return torch.bincount(truth.flatten().long() * 3 + found.flatten().long(), minlength=9).reshape(
        3, 3
    )


def class_iou(counts: torch.Tensor) -> tuple[float | None, ...]:
    """Of each class over all pixels together; None for a class that neither occurs nor is
    predicted.
    """
    hit = counts.diagonal()
    union = counts.sum(0) + counts.sum(1) - hit
    return tuple(
        float(h) / float(u) if u else None
        for h, u in zip(hit.tolist(), union.tolist(), strict=True)
    )


def mean_iou(counts: torch.Tensor) -> float:
    """Over the classes that occur or are predicted."""
    known = [value for value in class_iou(counts) if value is not None]
    return sum(known) / len(known)


def background_iou(counts: torch.Tensor) -> float:
    """What calling every pixel background would reach on the same samples."""
    import torch

    blind = torch.zeros_like(counts)
    blind[:, 0] = counts.sum(1)
    return mean_iou(blind)
