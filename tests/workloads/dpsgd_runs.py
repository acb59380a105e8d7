"""Small dpsgd workloads for tests."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import torch

from energybench_workloads.dpsgd import Dpsgd

FAST = {
    "threads": "1",
    "steps": "2",
    "batch": "24",
    "physical": "16",
    "examples": "200",
    "held": "40",
}


class Regions(Counter[str]):
    """Counts the regions entered."""

    @contextlib.contextmanager
    def __call__(self, label: str) -> Iterator[None]:
        yield
        self[label] += 1


def trainer(size: str = "smoke", **settings: str) -> Dpsgd:
    workload = Dpsgd()
    workload.setup(size, "cpu", Regions(), {**FAST, **settings})
    return workload


def weights(workload: Dpsgd) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in workload._prepared().network.parameters()])


def failed(workload: Dpsgd) -> list[str]:
    return [check.quantity for check in workload.verify() if not check.passed]
