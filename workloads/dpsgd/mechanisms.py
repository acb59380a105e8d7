"""Four ways to the gradient of a step: plain SGD, Opacus' hooks, Opacus' ghost clipping, and
book-keeping. Clipping differs; noise and step come from Opacus.

Batches arrive in parts (virtual batches): `backward` adds a part's clipped sum over units, `step`
adds the noise once and updates the weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from energybench_workloads.dpsgd.book_keeping import ROOM, BookKeeping
from energybench_workloads.dpsgd.spec import Spec


@contextmanager
def unwarned() -> Iterator[None]:
    """Silence Opacus' warnings of torch's hooks and generator, which do not concern users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Mechanism:
    """Plain SGD: the sum of the units' gradients over the expected batch."""

    def __init__(self, spec: Spec, network: nn.Module) -> None:
        self.spec, self.network = spec, network
        self.forward: Any = network
        self.inner = torch.optim.SGD(network.parameters(), spec.lr, spec.momentum)

    def close(self) -> None:
        """Remove any hooks from the network."""

    def backward(self, losses: torch.Tensor) -> None:
        """Add the gradients of the part's units.

        `losses` [n], of the examples; a unit's loss is the mean over its records.
        """
        (losses.sum() / self.spec.records).backward()  # type: ignore[no-untyped-call]

    def release(self, step: int) -> None:
        """Turn the sums into the releasable gradient: the parameters' `grad`, divided by the
        expected batch.
        """
        for p in self.network.parameters():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad.div_(self.spec.batch)

    def step(self, step: int) -> None:
        self.release(step)
        self.inner.step()
        self.inner.zero_grad(set_to_none=True)


class Private(Mechanism):
    """DP-SGD by Opacus' optimiser: noise of standard deviation σC from a separate generator, seeded
    by seed and step.
    """

    def __init__(self, spec: Spec, network: nn.Module) -> None:
        super().__init__(spec, network)
        with unwarned():
            from opacus.optimizers import DPOptimizer

            self.generator = torch.Generator(next(network.parameters()).device)
            noise = {
                "noise_multiplier": spec.noise,
                "max_grad_norm": spec.clip,
                "loss_reduction": "sum",
                "generator": self.generator,
            }
            self.optimiser = DPOptimizer(self.inner, expected_batch_size=spec.batch, **noise)

    def release(self, step: int) -> None:
        self.generator.manual_seed((self.spec.seed * 1_000_003 + step) % 2**63)
        p: Any
        for p in self.network.parameters():
            if self.summed(p) is None:  # no unit was drawn: noise alone is released
                p.summed_grad = torch.zeros_like(p)
        self.optimiser.add_noise()
        for p in self.network.parameters():
            p.summed_grad = None
            p.grad.div_(self.spec.batch)

    def summed(self, p: Any) -> torch.Tensor | None:
        """The clipped sum over the parts, also stored where Opacus' optimiser reads the sum."""
        total: torch.Tensor | None = p.grad
        p.summed_grad = total
        return total


class Explicit(Private):
    """Opacus' hooks: every unit's whole gradient is computed, then clipped."""

    def __init__(self, spec: Spec, network: nn.Module) -> None:
        super().__init__(spec, network)
        with unwarned():
            from opacus.grad_sample import GradSampleModule

            self.forward = GradSampleModule(network, loss_reduction="sum")

    def close(self) -> None:
        self.forward.to_standard_module()

    def backward(self, losses: torch.Tensor) -> None:
        with unwarned():
            super().backward(losses)
        parameters: list[Any] = list(self.network.parameters())
        if self.spec.records > 1:
            for p in parameters:
                p.grad_sample = p.grad_sample.unflatten(0, (-1, self.spec.records)).sum(1)
        self.optimiser.clip_and_accumulate()
        for p in parameters:
            p.grad_sample = p.grad = None

    def summed(self, p: Any) -> torch.Tensor | None:
        total: torch.Tensor | None = p.summed_grad
        return total


class Ghost(Private):
    """Opacus' ghost clipping: norms in one backward pass, the weighted gradient in a second pass.

    For convolutions, norms come from whole gradients.
    """

    def __init__(self, spec: Spec, network: nn.Module) -> None:
        super().__init__(spec, network)
        with unwarned():
            from opacus.grad_sample import GradSampleModuleFastGradientClipping

            self.forward = GradSampleModuleFastGradientClipping(
                network, loss_reduction="sum", max_grad_norm=spec.clip
            )

    def close(self) -> None:
        self.forward.to_standard_module()

    def backward(self, losses: torch.Tensor) -> None:
        """As Opacus' DPTensorFastGradientClipping.backward, but the sums of earlier parts stay."""
        parameters = list(self.network.parameters())
        before = [p.grad for p in parameters]
        with unwarned():
            for p in parameters:
                p.grad = None  # the backward pass of the norms would add to the sum
            losses.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
            factors = self.forward.get_clipping_coef()
            for p, grad in zip(parameters, before, strict=True):
                p.grad = grad
            self.forward.disable_hooks()
            (factors * losses).sum().backward()
            self.forward.enable_hooks()


class Booked(Private):
    """Book-keeping (`book_keeping.py`): one backward pass, without gradients of parameters."""

    def __init__(self, spec: Spec, network: nn.Module) -> None:
        super().__init__(spec, network)
        self._stack = ExitStack()
        self._books = self._stack.enter_context(BookKeeping(network, spec.clip, spec.records))

    def close(self) -> None:
        self._stack.close()

    def backward(self, losses: torch.Tensor) -> None:
        self._books.backward(losses / self.spec.records)


_KINDS: dict[str, type[Mechanism]] = {
    "plain": Mechanism,
    "explicit": Explicit,
    "ghost": Ghost,
    "book-keeping": Booked,
}
__all__ = ["ROOM", "Explicit", "Mechanism", "Private", "mechanism"]


def mechanism(spec: Spec, network: nn.Module) -> Mechanism:
    return _KINDS[spec.mode](spec, network)
