"""Quality of a segmentation: intersection over union (IoU), and the baseline of calling everything
background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def confusion(truth: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    """Number of pixels by [true class, predicted class], int64 [3, 3]."""
    import torch

    pairs = truth.flatten().long() * 3 + prediction.flatten().long()
    return torch.bincount(pairs, minlength=9).reshape(3, 3)


def class_iou(counts: torch.Tensor) -> tuple[float | None, ...]:
    """IoU of every class over the pixels of all samples together. The IoU of a class without true
    and predicted pixels is None.
    """
    hit = counts.diagonal()
    union = counts.sum(0) + counts.sum(1) - hit
    return tuple(
        float(h) / float(u) if u else None
        for h, u in zip(hit.tolist(), union.tolist(), strict=True)
    )


def mean_iou(counts: torch.Tensor) -> float:
    """Mean IoU over the classes with an IoU."""
    values = [value for value in class_iou(counts) if value is not None]
    return sum(values) / len(values)


def background_iou(counts: torch.Tensor) -> float:
    """Mean IoU of calling every pixel background, on the samples of `counts`."""
    import torch

    background = torch.zeros_like(counts)
    background[:, 0] = counts.sum(1)
    return mean_iou(background)
