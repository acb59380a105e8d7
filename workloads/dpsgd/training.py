"""The training loop: batches by the sampler, in parts that fit the device, through one of the
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
from energybench_workloads.dpsgd.spec import Spec
from energybench_workloads.trainings import Kept, require_numbers, steps_due


class Trained(NamedTuple):
    """One run. losses: of each step since the beginning, the mean over its batch, None where none
    was drawn; scores: (step, held-out accuracy).
    """

    losses: tuple[float | None, ...]
    scores: tuple[tuple[int, float], ...]
    first: int  # steps that were behind it when it began
    examples: int  # that this run has drawn

    @property
    def steps(self) -> int:
        return len(self.losses)


class Training:
    """A network, its mechanism and its examples on one device.

    Every run begins anew, unless there is a checkpoint: then each goes on.
    """

    def __init__(self, spec: Spec, held: Examples, device: torch.device) -> None:
        self.spec, self.held, self.device = spec, held, device
        made = models.network(spec.size.network, spec.size.classes, spec.norm, spec.seed)
        self.start = copy.deepcopy(made.state_dict())
        self.network: nn.Module = made.to(device)
        self.mechanism = mechanism(spec, self.network)
        self.done = 0  # steps behind the checkpoint
        self._losses: tuple[float | None, ...] = ()
        self._begun: dict[str, Any] | None = None  # the optimiser's state to begin with
        self.drawn = 0  # examples, of the runs that have gone on since the checkpoint was opened
        self._kept = Kept(spec.checkpoint) if spec.checkpoint else None
        self._stands = (
            -1
        )  # step at which the network stands, where the next run may go on from there

    def close(self) -> None:
        self.mechanism.close()

    def reset(self) -> None:
        """Weights and momentum as they were at the beginning."""
        self.network.load_state_dict(self.start)
        self.mechanism.inner.zero_grad(set_to_none=True)
        self.mechanism.inner.state.clear()
        if self._begun is not None:
            self.mechanism.inner.load_state_dict(copy.deepcopy(self._begun))

    def finished(self) -> bool:
        """Whether the checkpoint holds all the steps that are to be."""
        return bool(self.spec.checkpoint) and 0 < self.spec.total <= self.done

    def due(self, steps: int) -> int:
        """Of a run's steps those that `total` leaves. Raises BadInput where it leaves none."""
        why = ": more would cost more than the ε asked for" if self.spec.epsilon is not None else ""
        return steps_due(steps, self.spec.checkpoint, self.spec.total, self.done, why)

    def train(self, steps: int, region: RegionFactory, keep: bool = True) -> Trained:
        """Up to so many steps; fewer where the accuracy asked for is reached, or where `total`
        leaves fewer. Raises BadInput where it leaves none.

        Without `keep` nothing of it stays: the checkpoint is as it was, and the next run begins
        where this one did.
        """
        spec, first = self.spec, self.done
        steps = self.due(steps)
        if self._stands != first:
            with region("transfer"):
                self.reset()
                synchronise(self.device)
        self.network.train()
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
        """(sum of its examples' losses, how many there were)."""
        spec = self.spec
        with region("data"):
            units = drawn(spec, step)
        total = torch.zeros((), device=self.device)
        for part in torch.split(units, spec.physical // spec.records) if len(units) else ():
            with region("data"):
                rows = (part.unsqueeze(1) * spec.records + torch.arange(spec.records)).flatten()
                x, y = self.held.x[rows], self.held.y[rows]
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
        """The first step's work. What it changes is put back when a run begins."""
        self._step(0, quiet)

    def disturbed(self) -> None:
        """The weights are no longer where the last run left them: the next one begins from its
        seed, or from the checkpoint as it is now.
        """
        self._stands = -1
        self.go_on()

    def accuracy(self) -> float:
        """Share of the held-out examples (of a text: of their next tokens) that are found."""
        self.network.eval()
        hits = total = 0
        with torch.no_grad():
            for x, y in zip(
                *(
                    torch.split(part, self.spec.physical)
                    for part in (self.held.held_x, self.held.held_y)
                ),
                strict=True,
            ):
                found = self.network(x.to(self.device)).argmax(-1).cpu()
                hits, total = hits + int((found == y).sum()), total + y.numel()
        self.network.train()
        return hits / total

    def finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(p.isfinite().all()) for p in self.network.parameters())

    def _save(self, trained: Trained, keep: bool) -> None:
        """A file that is whole replaces the one before; or it is thrown away, and so are the steps."""
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
        assert self._kept is not None  # there is a checkpoint to save
        self._kept.replace(draft)
        self.done = self._stands = trained.steps
        self.drawn += trained.examples
        self._losses = trained.losses

    def go_on(self) -> None:
        """From the checkpoint, where there is one.

        Raises BadInput where it is none, or one of another training.
        """
        spec = self.spec
        if not spec.checkpoint or not Path(spec.checkpoint).is_file():
            return
        where = f"--set checkpoint={spec.checkpoint}"
        assert self._kept is not None  # there is a checkpoint to read
        self._kept.check()
        try:
            state: dict[str, Any] = torch.load(
                spec.checkpoint, map_location="cpu", weights_only=True
            )
            step, problem = int(state["step"]), dict(state["problem"])
        except Exception as error:
            raise BadInput(
                where, "is no checkpoint of dpsgd", "another path, or remove the file"
            ) from error
        if other := [key for key, value in self._problem().items() if problem.get(key) != value]:
            said = ", ".join(
                f"noise (found for epsilon, delta and total: now {spec.noise:g})"
                if key == "noise" and spec.epsilon
                else key
                for key in other
            )
            raise BadInput(
                where,
                f"was begun with another {said}",
                "the settings that it was begun with, or another path",
            )
        self.start, self._begun, self._losses, self.done = (
            state["network"],
            state["optimiser"],
            tuple(state["losses"]),
            step,
        )

    def identity(self) -> str:
        """The same for all runs from one checkpoint file on one host, and no other's."""
        return fingerprint(self._problem(), str(Path(self.spec.checkpoint).absolute()))

    def _problem(self) -> dict[str, Any]:
        """What all runs of one training share: its privacy is counted over all of them."""
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
            "data": self.held.digest,
            **{key: getattr(spec, key) for key in keys},
        }

    def _wait(self) -> None:
        if self.spec.regions:
            synchronise(self.device)


def quiet(label: str) -> contextlib.AbstractContextManager[Any]:
    """A region that nobody measures."""
    return contextlib.nullcontext()
