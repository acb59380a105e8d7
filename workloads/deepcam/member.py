"""One process's part of training or inference: its network, its optimiser, its share of the
samples, its device.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.plugins import RegionFactory
from energybench_workloads.common import synchronise, use_threads
from energybench_workloads.deepcam import quality
from energybench_workloads.deepcam.fields import FREQUENCIES
from energybench_workloads.deepcam.loader import Batch, Loader, Share
from energybench_workloads.deepcam.spec import Order, Spec, Trained, quiet, sources
from energybench_workloads.trainings import CheckpointFile, require_numbers

if TYPE_CHECKING:
    import torch


Pair = tuple["torch.Tensor", "torch.Tensor"]


def tensors(made: Batch) -> Pair:
    """Field [B, H, W, 16] in bf16 and labels [B, H, W] on the host, over the arrays' own memory."""
    import torch

    return torch.from_numpy(made.field).view(torch.bfloat16), torch.from_numpy(made.label)


def weights_norm(network: torch.nn.Module) -> float:
    """Over all parameters; a gradient that is no number leaves weights, and so a norm, that are
    none.
    """
    import torch

    return float(
        torch.stack(
            torch._foreach_norm([parameter.detach() for parameter in network.parameters()])
        ).norm()
    )


class Member:
    """`group`: the processes are joined by torch.distributed.

    Samples are made here: two processes' memories share nothing.
    """

    def __init__(self, spec: Spec, rank: int, device: torch.device, own_cpus: int = 0) -> None:
        import torch

        from energybench_workloads.deepcam import network

        self.spec, self.rank, self.device = spec, rank, device
        self.threads = use_threads(spec.threads or own_cpus)
        digest = hashlib.sha256()
        self.source, self.held = sources(spec, digest)
        self.inputs = digest.hexdigest()
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            self._copies = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        made = network.DeepLab(spec.recompute).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.initialise(made, spec.seed)
        self.start = {
            name: value.clone() for name, value in made.state_dict().items()
        }  # on the host: every run begins from it
        self.network = made.to(device)
        self.trained: torch.nn.Module = self.network
        if spec.world > 1 and spec.mode == "training":
            self.trained = distributed(made, device)
        self.weights = torch.tensor(network.class_weights(FREQUENCIES), device=device)
        self.begun: dict[str, Any] | None = None  # the optimiser's state that runs begin from
        self.history: tuple[float, ...] = ()  # losses of the steps before
        # the checkpoint that runs are saved to, of the first process
        self.kept: CheckpointFile | None = None
        self.at = -1  # step that the network stands at, where the next run may go on from there
        self.optimiser = self._optimiser()
        alone = spec.world == 1 and spec.accumulate == 1 and not spec.recompute
        self._records = spec.graphs and device.type == "cuda" and spec.mode == "training" and alone
        self._recorded: Any = None

    def _optimiser(self) -> torch.optim.Optimizer:
        import torch

        from energybench_workloads.deepcam.lamb import Lamb

        parameters = list(self.network.parameters())
        return (
            Lamb(parameters, self.spec.lr)
            if self.spec.optimiser == "lamb"
            else torch.optim.AdamW(parameters, self.spec.lr, fused=True)
        )

    def begin(self, path: str) -> None:
        """Runs begin from a checkpoint."""
        import torch

        state = torch.load(path, map_location="cpu", weights_only=True)
        for group in state["optimiser"]["param_groups"]:
            group["lr"] = self.spec.lr  # this run's, not the file's
        self.start, self.begun, self.history = (
            state["network"],
            state["optimiser"],
            tuple(state["losses"]),
        )

    def reset(self) -> None:
        """Weights, statistics and moments as they were at the beginning."""
        import copy

        import torch

        self.network.load_state_dict(self.start)
        if self.begun is not None:
            self.optimiser = self._optimiser()
            self.optimiser.load_state_dict(copy.deepcopy(self.begun))
            return
        for moments in self.optimiser.state.values():
            for name, moment in moments.items():
                moments[name] = (
                    moment.zero_() if isinstance(moment, torch.Tensor) else 0
                )  # steps may be a plain number

    def train(self, order: Order, region: RegionFactory = quiet) -> Trained:
        spec = self.spec
        losses: list[torch.Tensor] = []
        scores: list[tuple[int, float]] = []
        passes = (order.last - order.first) * spec.accumulate
        with self._loader(order.first * spec.accumulate, passes) as loader:
            if not order.path or self.at != order.first:
                with region("transfer"):
                    self.reset()
                    synchronise(self.device)
            self.network.train()
            for step in range(order.first, order.last):
                losses.append(self._passes(loader, region))
                with region("optimiser"):
                    self.optimiser.step()
                    self.optimiser.zero_grad()
                    self._wait()
                done = step + 1
                if order.every and (done == order.last or done % order.every == 0):
                    with region("evaluation"):
                        scores.append((done, quality.mean_iou(self.evaluate())))
                    self.network.train()
                if scores and scores[-1][1] >= order.goal > 0:
                    break
            waited_s, made_s = loader.waited_s, loader.made_s
        if order.path:
            with region("checkpoint"):
                self._save(order, order.first + len(losses), losses)
        found = self.history + self._mean(losses)
        goes_on = order.path != "" and order.keep
        self.at = order.first + len(losses) if goes_on else -1
        self.history = found if goes_on else self.history
        return Trained(found, tuple(scores), waited_s, made_s)

    def _passes(self, loader: Loader[Pair], region: RegionFactory) -> torch.Tensor:
        """Forward and backward over one step's samples; the gradients are added up, and averaged
        over all processes in the last pass.
        """
        import torch

        from energybench_workloads.deepcam.network import loss

        spec = self.spec
        total = torch.zeros((), device=self.device)
        for i in range(spec.accumulate):
            with region("data"):
                ready = loader.take()
            with region("transfer"):
                field, label = self.put(ready)
            if self._records:
                total += self._replayed(field, label, region)
                continue
            last = i == spec.accumulate - 1
            with contextlib.nullcontext() if last or spec.world == 1 else self.trained.no_sync():  # type: ignore[operator]
                with region("forward"):
                    with self.autocast():
                        logits = self.trained(field)
                    judged = loss(logits, label, self.weights) / spec.accumulate
                    self._wait()
                with region("backward"):
                    judged.backward()  # type: ignore[no-untyped-call]
                    self._wait()
            total += judged.detach()
        return total

    def _replayed(
        self, field: torch.Tensor, label: torch.Tensor, region: RegionFactory
    ) -> torch.Tensor:
        """The same pass from its recording, which the first one makes (in set-up)."""
        from energybench_workloads.deepcam.recorded import Recorded

        if self._recorded is None:
            self._recorded = Recorded(self.network, field, label, self.weights, self.autocast)
        with region("forward"):
            judged: torch.Tensor = self._recorded.forward(field, label).clone()
            self._wait()
        with region("backward"):
            self._recorded.backward()
            self._wait()
        return judged

    def infer(self, steps: int, region: RegionFactory = quiet) -> tuple[float, float]:
        """Classes of `steps` batches; what was waited for them, and what making them took (s)."""
        import torch

        with region("transfer"):
            self.network.load_state_dict(self.start)
            synchronise(self.device)
        self.network.eval()
        with torch.no_grad(), self._loader(0, steps) as loader:
            for _ in range(steps):
                with region("data"):
                    ready = loader.take()
                with region("transfer"):
                    field, _label = self.put(ready)
                with region("forward"):
                    with self.autocast():
                        classes = self.network(field).argmax(1).to(torch.uint8)
                    self._wait()
                with region("transfer"):
                    self.classes = classes.cpu()
            return loader.waited_s, loader.made_s

    def share(self) -> Share:
        return Share(self.spec.seed, self.spec.batch, self.spec.world, self.rank)

    def _loader(self, first: int, count: int) -> Loader[Pair]:
        return Loader(
            self.source,
            self.share(),
            first,
            count,
            self._ahead if self.device.type == "cuda" else tensors,
        )

    def _ahead(self, made: Batch) -> Pair:
        """By the loader's thread: from pinned memory and in a stream of its own to the GPU, while
        that computes.
        """
        import torch

        with torch.cuda.stream(self._copies):
            field, label = (
                part.pin_memory().to(self.device, non_blocking=True) for part in tensors(made)
            )
            self._copies.synchronize()
        return field, label

    def put(self, ready: Pair) -> Pair:
        """Field [B, 16, H, W], channels last, and labels, on the device."""
        import torch

        if ready[0].is_cuda:
            for part in ready:
                part.record_stream(
                    torch.cuda.current_stream()
                )  # the other stream's memory is not to be given away while this one reads it
        field, label = (part.to(self.device) for part in ready)
        field = field.permute(0, 3, 1, 2)
        return (field if self.spec.precision == "bf16" else field.float()), label

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.spec.precision == "bf16"
        )

    def logits(self, index: int) -> torch.Tensor:
        """Of one held-out sample, as the run computes them; float32 on the host."""
        import torch

        self.network.eval()
        sample = self.held.read(index)
        with torch.no_grad(), self.autocast():
            found = self.network(
                self.put(tensors(Batch(sample.field[None], sample.label[None])))[0]
            )
        result: torch.Tensor = found.float().cpu()
        return result

    def evaluate(self) -> torch.Tensor:
        """Confusion matrix [true, predicted] over the held-out samples, each process a part.

        BatchNorm's statistics become all processes' mean.
        """
        import torch
        import torch.distributed as dist

        if self.spec.world > 1:
            for value in self.network.buffers():
                if value.is_floating_point():
                    dist.all_reduce(value)
                    value /= self.spec.world
        found = torch.zeros((3, 3), dtype=torch.int64)
        for index in range(self.rank, min(self.spec.held, len(self.held)), self.spec.world):
            found += quality.confusion(
                torch.from_numpy(self.held.read(index).label), self.logits(index).argmax(1)[0]
            )
        if self.spec.world > 1:
            found = found.to(self.device)
            dist.all_reduce(found)
        return found.cpu()

    def _mean(self, losses: list[torch.Tensor]) -> tuple[float, ...]:
        import torch
        import torch.distributed as dist

        if not losses:
            return ()
        stacked = torch.stack(losses)
        if self.spec.world > 1:
            dist.all_reduce(stacked)
            stacked /= self.spec.world
        return tuple(stacked.tolist())

    def _save(self, order: Order, step: int, losses: list[torch.Tensor]) -> None:
        """By the first process alone: all have the same weights.

        A file that is whole replaces the one before.
        """
        import torch

        recent = self._mean(losses)
        if self.rank == 0:
            self.at = -1  # until it is saved: where it is not, the next run begins from the file
            require_numbers(
                recent, math.isfinite(weights_norm(self.network)), order.first, order.path
            )
            state = {
                "step": step,
                "trained by": self.spec.optimiser,
                "inputs": self.inputs,
                "losses": self.history + recent,
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
            }
            draft = Path(order.path + ".part")
            torch.save(state, draft)
            if order.keep:
                assert self.kept is not None  # set with the checkpoint
                self.kept.replace(draft)
            else:
                draft.unlink()

    def _wait(self) -> None:
        if self.spec.regions:
            synchronise(self.device)


def distributed(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Gradients are averaged over all processes while the backward pass runs; BatchNorm's
    statistics stay each process's own, as in the reference.
    """
    import inspect

    from torch.nn.parallel import DistributedDataParallel

    name = (
        "forward_sync_buffers"
        if "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
        else "broadcast_buffers"
    )
    own: dict[str, Any] = {name: False}
    return DistributedDataParallel(
        network,
        [device.index] if device.type == "cuda" else None,
        gradient_as_bucket_view=True,
        **own,
    )
