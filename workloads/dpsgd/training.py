"""The training loop: batches from the sampler, in parts that fit the device, through one of the
mechanisms; evaluation, and checkpoints.
"""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from energybench.errors import BadInput
from energybench.plugins import RegionFactory
from energybench_workloads.common import fingerprint, synchronise
from energybench_workloads.dpsgd import models
from energybench_workloads.dpsgd.data import Examples, drawn
from energybench_workloads.dpsgd.mechanisms import mechanism
from energybench_workloads.dpsgd.spec import Spec, sealed
from energybench_workloads.trainings import CheckpointFile, require_numbers, steps_due


class Trained(NamedTuple):
    """The result of one run.

    losses    of every step since the start of the training: the mean over the batch, None for an
              empty batch
    scores    (step, held-out accuracy)
    first     number of steps before this run
    examples  number of examples drawn by this run
    """

    losses: tuple[float | None, ...]
    scores: tuple[tuple[int, float], ...]
    first: int
    examples: int

    @property
    def steps(self) -> int:
        return len(self.losses)


class Training:
    """The training of a network with a privacy mechanism on one device.

    Without a checkpoint every run trains from the initial weights; with a checkpoint every run
    continues the run before.
    """

    def __init__(self, spec: Spec, data: Examples, device: torch.device) -> None:
        self.spec, self.data, self.device = spec, data, device
        network = models.network(spec.size.network, spec.size.classes, spec.norm, spec.seed)
        self.start = copy.deepcopy(network.state_dict())
        self.network: nn.Module = network.to(device)
        self.mechanism = mechanism(spec, self.network)
        self.done = 0  # steps in the checkpoint
        self._losses: tuple[float | None, ...] = ()
        self._start_optimiser: dict[str, Any] | None = None  # the optimiser's state at `start`
        self.drawn = 0  # examples drawn by the runs saved since the checkpoint was opened
        self._file = CheckpointFile(spec.checkpoint) if spec.checkpoint else None
        # Step of the network's current weights; -1 if a run has to restore its weights first
        self._step_of_weights = -1

    def close(self) -> None:
        self.mechanism.close()

    def reset(self) -> None:
        """Restore the weights and momentum of the start."""
        self.network.load_state_dict(self.start)
        self.mechanism.inner.zero_grad(set_to_none=True)
        self.mechanism.inner.state.clear()
        if self._start_optimiser is not None:
            self.mechanism.inner.load_state_dict(copy.deepcopy(self._start_optimiser))

    def finished(self) -> bool:
        """Whether the checkpoint holds every step of `total`."""
        return bool(self.spec.checkpoint) and 0 < self.spec.total <= self.done

    def due(self, steps: int) -> int:
        """`steps`, limited by the remainder of `total`. Raises BadInput if no step remains."""
        why = ": more would cost more than the ε asked for" if self.spec.epsilon is not None else ""
        return steps_due(steps, self.spec.checkpoint, self.spec.total, self.done, why)

    def train(self, steps: int, region: RegionFactory, keep: bool = True) -> Trained:
        """Train for `steps` steps, or fewer if the accuracy goal is reached or `total` leaves
        fewer. Raises BadInput if no step remains.

        With `keep` False the run leaves no trace: the checkpoint is unchanged, and the next run
        starts from the same weights.
        """
        spec, first = self.spec, self.done
        steps = self.due(steps)
        if self._step_of_weights != first:
            with region("transfer"):
                self.reset()
                synchronise(self.device)
        self.network.train()

        # Losses stay on the device until the end, so that no step waits for a copy
        sums: list[torch.Tensor] = []
        counts: list[int] = []
        scores: list[tuple[int, float]] = []
        for step in range(first, first + steps):
            total, count = self._step(step, region)
            sums.append(total)
            counts.append(count)
            done = step + 1
            if spec.every and (done % spec.every == 0 or done == first + steps):
                with region("evaluation"):
                    scores.append((done, self.accuracy()))
                if scores[-1][1] >= spec.accuracy > 0:
                    break
        losses = tuple(
            total / count if count else None
            for total, count in zip(torch.stack(sums).tolist(), counts, strict=True)
        )

        trained = Trained(self._losses + losses, tuple(scores), first, sum(counts))
        if spec.checkpoint:
            require_numbers(losses, self.finite(), first, spec.checkpoint)
            with region("checkpoint"):
                self._save(trained, keep)
        return trained

    def _step(self, step: int, region: RegionFactory) -> tuple[torch.Tensor, int]:
        """(sum of the losses of the step's examples, number of examples)."""
        spec = self.spec
        with region("data"):
            units = drawn(spec, step)
        total = torch.zeros((), device=self.device)
        for part in torch.split(units, spec.physical // spec.records) if len(units) else ():
            with region("data"):
                rows = (part.unsqueeze(1) * spec.records + torch.arange(spec.records)).flatten()
                x, y = self.data.x[rows], self.data.y[rows]
            with region("transfer"):
                x, y = x.to(self.device), y.to(self.device)
                self._wait()
            with region("forward"):
                losses = models.losses(self.mechanism.forward(x), y)
                self._wait()
            with region("backward"):
                self.mechanism.backward(losses)
                self._wait()
            total += losses.detach().sum()
        with region("optimiser"):
            self.mechanism.step(step)
            self._wait()
        return total, len(units) * spec.records

    def step_once(self) -> None:
        """Do the work of the first step. The next run restores the weights."""
        self._step(0, quiet)

    def disturbed(self) -> None:
        """Call after the weights changed outside of a run: the next run starts from the seed's
        initial weights, or from the checkpoint file.
        """
        self._step_of_weights = -1
        self.go_on()

    def accuracy(self) -> float:
        """Share of the held-out examples (of a text: of next tokens) predicted correctly."""
        self.network.eval()
        hits = total = 0
        xs = torch.split(self.data.held_x, self.spec.physical)
        ys = torch.split(self.data.held_y, self.spec.physical)
        with torch.no_grad():
            for x, y in zip(xs, ys, strict=True):
                predicted = self.network(x.to(self.device)).argmax(-1).cpu()
                hits, total = hits + int((predicted == y).sum()), total + y.numel()
        self.network.train()
        return hits / total

    def finite(self) -> bool:
        """Whether the weights are finite."""
        return all(bool(p.isfinite().all()) for p in self.network.parameters())

    def _save(self, trained: Trained, keep: bool) -> None:
        """Write a draft and let the complete draft replace the checkpoint. Without `keep`, discard
        the draft and the run's steps.
        """
        path = Path(self.spec.checkpoint)
        inner = self.mechanism.inner.state_dict()
        state = {
            "step": trained.steps,
            "problem": self._problem(),
            "losses": trained.losses,
            "network": self.network.state_dict(),
            "optimiser": inner,
        }
        draft = path.with_name(path.name + ".part")
        torch.save(state, draft)
        if not keep:
            draft.unlink()
            self.disturbed()
            return
        assert self._file is not None  # there is a checkpoint to save
        self._file.replace(draft)
        self.done = self._step_of_weights = trained.steps
        self.drawn += trained.examples
        self._losses = trained.losses

    def go_on(self) -> None:
        """Read the checkpoint, if the file exists, so that the next run continues from there.

        Raises BadInput if the file is not a checkpoint, or belongs to another training.
        """
        spec = self.spec
        if not spec.checkpoint or not Path(spec.checkpoint).is_file():
            return
        where = f"--set checkpoint={spec.checkpoint}"
        assert self._file is not None  # there is a checkpoint to read
        self._file.check()
        try:
            state: dict[str, Any] = torch.load(
                spec.checkpoint, map_location="cpu", weights_only=True
            )
            step, problem = int(state["step"]), dict(state["problem"])
        except Exception as error:
            raise BadInput(
                where, "is not a checkpoint of dpsgd", "another path, or remove the file"
            ) from error
        if different := [
            key for key, value in self._problem().items() if problem.get(key) != value
        ]:
            names = ", ".join(
                f"noise (found for epsilon, delta and total: now {spec.noise:g})"
                if key == "noise" and spec.epsilon
                else key
                for key in different
            )
            raise BadInput(
                where,
                f"was begun with another {names}",
                "the settings that it was begun with, or another path",
            )
        self.start, self._start_optimiser = state["network"], state["optimiser"]
        self._losses, self.done = tuple(state["losses"]), step

    def identity(self) -> str:
        """Identifies the training: equal for runs from one checkpoint file on one host only."""
        problem = {**self._problem(), "seed": sealed(self.spec.seed)}
        return fingerprint(problem, str(Path(self.spec.checkpoint).absolute()))

    def _problem(self) -> dict[str, Any]:
        """The settings that may not change within a training: privacy is counted over its runs."""
        spec = self.spec
        keys = (
            "mode",
            "batch",
            "sampling",
            "unit",
            "records",
            "clip",
            "noise",
            "lr",
            "momentum",
            "norm",
            "examples",
            "seed",
        )
        return {
            "network": spec.size.network,
            "data": self.data.digest,
            **{key: getattr(spec, key) for key in keys},
        }

    def _wait(self) -> None:
        if self.spec.regions:
            synchronise(self.device)


def quiet(label: str) -> contextlib.AbstractContextManager[Any]:
    """A region without measurement."""
    return contextlib.nullcontext()
