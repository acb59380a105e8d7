"""A training pass on one GPU, recorded as two CUDA graphs: forward and backward.

At a small batch, launching the kernels of a pass one by one takes longer than the kernels run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch

from energybench_workloads.deepcam.network import loss

# Passes before the recording: libraries choose their algorithms then, and may not while recording
WARM = 2


class RecordedPass:
    """The training pass over a batch of the shape of `field` and `label`. A replay reads and writes
    parameters and statistics in place.

    `forward` leaves the loss, and `backward` the gradients, in the memory of the last replay.
    Recording passes over the batch, so that the statistics of batch normalisation move on.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        field: torch.Tensor,
        label: torch.Tensor,
        weights: torch.Tensor,
        autocast: Callable[[], contextlib.AbstractContextManager[object]],
    ) -> None:
        self._field, self._label = field.clone(memory_format=torch.preserve_format), label.clone()
        self.parameters = [p for p in network.parameters() if p.requires_grad]

        def pass_loss() -> torch.Tensor:
            with autocast():
                logits = network(self._field)
            return loss(logits, self._label, weights)

        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            for _ in range(WARM):
                torch.autograd.grad(pass_loss(), self.parameters)
            torch.cuda.synchronize()
            torch.cuda.empty_cache()  # the graphs have memory of their own
            self._forward, self._backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
            self._forward.capture_begin(capture_error_mode="thread_local")
            self._loss = pass_loss()
            self._forward.capture_end()
            self._backward.capture_begin(
                pool=self._forward.pool(), capture_error_mode="thread_local"
            )
            self._gradients = torch.autograd.grad(self._loss, self.parameters)
            self._backward.capture_end()
        here.wait_stream(aside)

    def forward(self, field: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The loss of a batch; valid until the next call."""
        self._field.copy_(field)
        self._label.copy_(label)
        self._forward.replay()
        return self._loss.detach()

    def backward(self) -> None:
        """Store the gradients of the last batch given to `forward` in the parameters."""
        self._backward.replay()
        for parameter, gradient in zip(self.parameters, self._gradients, strict=True):
            parameter.grad = gradient
