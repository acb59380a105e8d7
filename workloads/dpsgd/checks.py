"""Checks of a run: finite weights; under privacy also clipped units, noise of the stated size, and
the same sum as from one backward pass for every unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from energybench.model import Verification
from energybench_workloads.common import checked
from energybench_workloads.dpsgd import models
from energybench_workloads.dpsgd.mechanisms import ROOM, Private
from energybench_workloads.dpsgd.spec import Spec
from energybench_workloads.dpsgd.training import Trained, Training
from energybench_workloads.trainings import numbers

UNITS = 4  # number of units checked one by one
# Relative, of clipped sums, in double precision: in fp32 rounding sometimes moves a ReLU or a
# maximum, an error of 0.5 % that is not a fault
AGREE = 1e-6
# Multiple of the standard error of a sample standard deviation, 1/√(2N): exceeded once in 5e8
SIGMAS = 6.0


def finite(training: Training, trained: Trained) -> Verification:
    passed = numbers(trained.losses) == trained.losses and training.finite()
    last = next((value for value in reversed(trained.losses) if value is not None), 0.0)
    return Verification(
        quantity="loss of the last step, all weights finite (nat)",
        value=last if passed else None,
        tolerance=1e30,
        passed=passed,
    )


def reached(accuracy: float, goal: float) -> Verification:
    return Verification(
        quantity=f"held-out accuracy short of {goal:g}",
        value=max(goal - accuracy, 0.0),
        tolerance=0.0,
        passed=accuracy >= goal,
    )


def private(training: Training) -> Sequence[Verification]:
    """Check the mechanism on the trained network. The weights do not change.

    Raises nothing: a fault is a failed check.
    """
    mechanism, spec = training.mechanism, training.spec
    if not isinstance(mechanism, Private):
        return ()
    training.network.train()
    rows = slice(0, UNITS * spec.records)
    x, y = training.data.x[rows].to(training.device), training.data.y[rows].to(training.device)

    # Clipping, unit by unit
    largest = 0.0
    for unit in range(UNITS):
        part = slice(unit * spec.records, (unit + 1) * spec.records)
        largest = max(largest, float(_clipped(training, x[part], y[part]).norm()))

    # The sum over the units
    with _in_double(training):
        wide = x.double() if x.is_floating_point() else x
        expected = one_by_one(training, wide, y)
        error = float((_clipped(training, wide, y) - expected).norm() / expected.norm())

    # The size of the noise
    noise = _noise(training)
    assert spec.noise is not None  # set before the run
    off = float(noise.double().std()) / (spec.noise * spec.clip) - 1
    return (
        checked(
            "norm of a unit's clipped gradient, over C, less 1",
            max(largest / spec.clip - 1, 0.0),
            1e-5,
        ),
        checked(
            f"clipped sum of {UNITS} units against one backward pass a unit, in fp64, relative",
            error,
            AGREE,
        ),
        checked(
            "noise's standard deviation over σC, less 1", off, SIGMAS / math.sqrt(2 * noise.numel())
        ),
    )


@contextmanager
def _in_double(training: Training) -> Iterator[None]:
    """The network computes in double precision inside the context; afterwards the fp32 weights are
    unchanged.
    """
    training.network.double()
    try:
        yield
    finally:
        training.network.float()


def _clipped(training: Training, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The mechanism's sum over these examples, before noise, as a row of every parameter."""
    mechanism = training.mechanism
    assert isinstance(mechanism, Private)
    mechanism.backward(models.losses(mechanism.forward(x), y))
    sums = [
        grad for p in training.network.parameters() if (grad := mechanism.summed(p)) is not None
    ]
    row = torch.cat([grad.flatten() for grad in sums]).clone()
    _clear_gradients(training)
    return row


def _clear_gradients(training: Training) -> None:
    p: torch.nn.Parameter
    for p in training.network.parameters():
        p.grad = None
        p.summed_grad = None  # type: ignore[attr-defined]


def one_by_one(training: Training, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The clipped sum from an ordinary backward pass for every unit, through a copy of the network
    without the mechanism's hooks.
    """
    spec = training.spec
    network = fresh(spec, training)
    parameters = list(network.parameters())
    total = torch.zeros(
        sum(p.numel() for p in parameters), device=training.device, dtype=parameters[0].dtype
    )
    for start in range(0, len(x), spec.records):
        part = slice(start, start + spec.records)
        grads = torch.autograd.grad(
            models.losses(network(x[part]), y[part]).sum() / spec.records, parameters
        )
        row = torch.cat([grad.flatten() for grad in grads])
        total += row * (spec.clip / (row.norm() + ROOM)).clamp(max=1.0)
    return total


def fresh(spec: Spec, training: Training) -> torch.nn.Module:
    """A copy of the network without the mechanism's hooks."""
    network = models.network(spec.size.network, spec.size.classes, spec.norm, spec.seed).to(
        training.device, next(training.network.parameters()).dtype
    )
    network.load_state_dict(training.network.state_dict())
    return network


def _noise(training: Training) -> torch.Tensor:
    """The noise alone, as released for a batch without units, before the division by the batch."""
    mechanism = training.mechanism
    mechanism.release(-1)
    row = (
        torch.cat([p.grad.flatten() for p in training.network.parameters() if p.grad is not None])
        * training.spec.batch
    )
    _clear_gradients(training)
    return row.clone()
