"""Messages between the processes of a run (settings, orders, results), and the samples of a run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from energybench_workloads.deepcam.cam5 import Cam5
from energybench_workloads.deepcam.cost import Size
from energybench_workloads.deepcam.loader import Source, Synthetic

HELD_OUT = 1 << 32  # number of the first held-out sample


class Spec(NamedTuple):
    """The settings of a run, equal in all processes. batch: samples of one process in one pass;
    accumulate: passes in a step.
    """

    size: Size
    mode: str
    batch: int
    accumulate: int
    optimiser: str
    lr: float
    precision: str
    recompute: bool
    seed: int
    samples: int
    held: int
    data: str  # folder of the real data; "" for synthetic fields
    threads: int
    regions: bool  # wait for the device where one region ends and the next begins
    world: int = 1
    graphs: bool = False  # on one GPU a training pass is recorded once and replayed

    @property
    def step_samples(self) -> int:
        return self.batch * self.accumulate * self.world


class Order(NamedTuple):
    """Train from step `first` to step `last`; evaluate after every `every` steps (0: never) and
    stop at an IoU of `goal`; save to `path` at the end.

    With a path the network goes on from its present step; without a path every run begins anew.
    Without `keep`, the file at the path and the state for the next run are left unchanged.
    """

    first: int
    last: int
    every: int = 0
    goal: float = 0.0
    path: str = ""
    keep: bool = True


class Trained(NamedTuple):
    """losses: of each step, the mean over all processes; scores: (step, IoU); waited_s: time spent
    waiting for batches; made_s: time that the loader spent on making them.
    """

    losses: tuple[float, ...]
    scores: tuple[tuple[int, float], ...]
    waited_s: float
    made_s: float


def sources(spec: Spec, digest: hashlib._Hash) -> tuple[Source, Source]:
    """Training and held-out samples. The digest tells the samples of two problems apart."""
    if spec.data:
        folder = Path(spec.data)
        parts = Cam5(folder, "train", spec.size), Cam5(folder, "validation", spec.size)
        for part in parts:
            digest.update("\n".join(path.name for path in part.files).encode())
        return parts
    train = Synthetic(spec.size, spec.seed, 0, spec.samples, digest)
    return train, Synthetic(spec.size, spec.seed, HELD_OUT, spec.held, digest)
