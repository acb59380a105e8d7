"""The way of a batch from the host's memory to the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from energybench_workloads.deepcam.loader import Batch

if TYPE_CHECKING:
    import torch

Pair = tuple["torch.Tensor", "torch.Tensor"]


def tensors(batch: Batch) -> Pair:
    """Fields [B, H, W, 16] in bf16 and labels [B, H, W] on the host, in the arrays' memory."""
    import torch

    return torch.from_numpy(batch.field).view(torch.bfloat16), torch.from_numpy(batch.label)


class Transfer:
    """The first half of the way, `prepare`, is taken by the loader's thread, the second, `put`, by
    the thread that trains.
    """

    def __init__(self, device: torch.device, precision: str) -> None:
        import torch

        self._device, self._precision = device, precision
        self.prepare: Callable[[Batch], Pair] = tensors
        if device.type == "cuda":
            self.prepare = self._ahead
            self._copies = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def _ahead(self, batch: Batch) -> Pair:
        """Copy a batch to the GPU while the GPU computes: from pinned memory, in a stream of the
        copies' own.
        """
        import torch

        with torch.cuda.stream(self._copies):
            field, label = (
                part.pin_memory().to(self._device, non_blocking=True) for part in tensors(batch)
            )
            self._copies.synchronize()
        return field, label

    def put(self, pair: Pair) -> Pair:
        """Fields [B, 16, H, W], channels last, and labels, on the device."""
        import torch

        if pair[0].is_cuda:
            for part in pair:
                # The memory belongs to the stream of the copies: it must not be used again before
                # the stream that computes has read it
                part.record_stream(torch.cuda.current_stream())
        field, label = (part.to(self._device) for part in pair)
        field = field.permute(0, 3, 1, 2)
        return (field if self._precision == "bf16" else field.float()), label
