"""The part of one process in training or inference: a network, an optimiser and a share of the
samples, on one device.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
from typing import TYPE_CHECKING, Any

from energybench.plugins import RegionFactory
from energybench_workloads.common import synchronise, use_threads
from energybench_workloads.deepcam import checkpoint, quality
from energybench_workloads.deepcam.fields import FREQUENCIES
from energybench_workloads.deepcam.loader import Batch, Loader, Share
from energybench_workloads.deepcam.spec import Order, Spec, Trained, sources
from energybench_workloads.deepcam.transfer import Pair, Transfer, tensors
from energybench_workloads.team import quiet
from energybench_workloads.trainings import CheckpointFile, require_numbers

if TYPE_CHECKING:
    import torch


class Member:
    """One process of a run. The process makes the samples itself, because processes on several
    nodes do not share memory.

    cpu_count: CPUs of this process, 0 for every CPU of the node.
    """

    def __init__(self, spec: Spec, rank: int, device: torch.device, cpu_count: int = 0) -> None:
        import torch

        from energybench_workloads.deepcam import network

        self.spec, self.rank, self.device = spec, rank, device
        self.threads = use_threads(spec.threads or cpu_count)

        digest = hashlib.sha256()
        self.source, self.held_out = sources(spec, digest)
        self.inputs = digest.hexdigest()  # of the samples
        self.transfer = Transfer(device, spec.precision)

        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True
        model = network.DeepLab(spec.recompute).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.initialise(model, spec.seed)
        # on the host: every run begins from these weights
        self.start = {name: value.clone() for name, value in model.state_dict().items()}
        self.network = model.to(device)
        self.weights = torch.tensor(network.class_weights(FREQUENCIES), device=device)
        self.optimiser = self._new_optimiser()
        self._training_network: torch.nn.Module = self.network
        if spec.world > 1 and spec.mode == "training":
            self._training_network = _distributed(self.network, device)

        # the checkpoint: the file (in the first process), the state of the optimiser, the losses of
        # the steps before the next run, and the step of the network (-1: a run begins anew)
        self.file: CheckpointFile | None = None
        self._optimiser_start: dict[str, Any] | None = None
        self._losses: tuple[float, ...] = ()
        self._step = -1

        single_pass = spec.world == 1 and spec.accumulate == 1 and not spec.recompute
        self._records = (
            spec.graphs and device.type == "cuda" and spec.mode == "training" and single_pass
        )
        self._recorded: Any = None

    def _new_optimiser(self) -> torch.optim.Optimizer:
        import torch

        from energybench_workloads.deepcam.lamb import Lamb

        parameters = list(self.network.parameters())
        if self.spec.optimiser == "lamb":
            return Lamb(parameters, self.spec.lr)
        return torch.optim.AdamW(parameters, self.spec.lr, fused=True)

    def begin(self, path: str) -> None:
        """Let runs begin from a checkpoint, with the learning rate of this run."""
        state = checkpoint.load(path)
        for group in state.optimiser["param_groups"]:
            group["lr"] = self.spec.lr
        self.start, self._optimiser_start = state.network, state.optimiser
        self._losses = state.losses

    def reset(self) -> None:
        """Weights, statistics and moments as they were at the beginning."""
        import torch

        self.network.load_state_dict(self.start)
        if self._optimiser_start is not None:
            self.optimiser = self._new_optimiser()
            self.optimiser.load_state_dict(copy.deepcopy(self._optimiser_start))
            return
        for moments in self.optimiser.state.values():
            for name, moment in moments.items():
                # the number of steps may be a plain number
                moments[name] = moment.zero_() if isinstance(moment, torch.Tensor) else 0

    def train(self, order: Order, region: RegionFactory = quiet) -> Trained:
        """Train as ordered. The result has the losses since the training's first step."""
        losses: list[torch.Tensor] = []
        scores: list[tuple[int, float]] = []
        with self._loader_of(order) as loader:
            self._reset_unless_continued(order, region)
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
        return Trained(self._finish(order, losses, region), tuple(scores), waited_s, made_s)

    def _loader_of(self, order: Order) -> Loader[Pair]:
        passes = self.spec.accumulate
        return self._loader(order.first * passes, (order.last - order.first) * passes)

    def _reset_unless_continued(self, order: Order, region: RegionFactory) -> None:
        if order.path and self._step == order.first:
            return
        with region("transfer"):
            self.reset()
            synchronise(self.device)

    def _finish(
        self, order: Order, losses: list[torch.Tensor], region: RegionFactory
    ) -> tuple[float, ...]:
        """Save the checkpoint, if there is one. Returns the losses since the first step."""
        step = order.first + len(losses)
        if order.path:
            with region("checkpoint"):
                self._save(order, step, losses)
        history = self._losses + self._mean(losses)
        self._step = -1
        if order.path and order.keep:
            self._step, self._losses = step, history
        return history

    def _passes(self, loader: Loader[Pair], region: RegionFactory) -> torch.Tensor:
        """Forward and backward over the samples of one step; returns the loss.

        The gradients are added up, and averaged over all processes in the last pass.
        """
        import torch

        from energybench_workloads.deepcam.network import loss

        spec = self.spec
        total = torch.zeros((), device=self.device)
        for i in range(spec.accumulate):
            with region("data"):
                pair = loader.take()
            with region("transfer"):
                field, label = self.transfer.put(pair)
            if self._records:
                total += self._replayed(field, label, region)
                continue
            averages = spec.world == 1 or i == spec.accumulate - 1
            with contextlib.nullcontext() if averages else self._training_network.no_sync():  # type: ignore[operator]
                with region("forward"):
                    with self.autocast():
                        logits = self._training_network(field)
                    pass_loss = loss(logits, label, self.weights) / spec.accumulate
                    self._wait()
                with region("backward"):
                    pass_loss.backward()  # type: ignore[no-untyped-call]
                    self._wait()
            total += pass_loss.detach()
        return total

    def _replayed(
        self, field: torch.Tensor, label: torch.Tensor, region: RegionFactory
    ) -> torch.Tensor:
        """A pass replayed from its recording. The first call, in set-up, makes the recording."""
        from energybench_workloads.deepcam.cuda_graphs import RecordedPass

        if self._recorded is None:
            self._recorded = RecordedPass(self.network, field, label, self.weights, self.autocast)
        with region("forward"):
            pass_loss: torch.Tensor = self._recorded.forward(field, label).clone()
            self._wait()
        with region("backward"):
            self._recorded.backward()
            self._wait()
        return pass_loss

    def infer(self, steps: int, region: RegionFactory = quiet) -> tuple[float, float]:
        """Find the classes of `steps` batches. Returns the seconds spent waiting for batches, and
        the seconds that the loader spent on making batches.
        """
        import torch

        with region("transfer"):
            self.network.load_state_dict(self.start)
            synchronise(self.device)
        self.network.eval()
        with torch.no_grad(), self._loader(0, steps) as loader:
            for _ in range(steps):
                with region("data"):
                    pair = loader.take()
                with region("transfer"):
                    field, _label = self.transfer.put(pair)
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
        return Loader(self.source, self.share(), first, count, self.transfer.prepare)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.spec.precision == "bf16"
        )

    def logits(self, index: int) -> torch.Tensor:
        """Logits of a held-out sample, computed as in a run; float32 on the host."""
        import torch

        self.network.eval()
        sample = self.held_out.read(index)
        batch = Batch(sample.field[None], sample.label[None])
        with torch.no_grad(), self.autocast():
            logits = self.network(self.transfer.put(tensors(batch))[0])
        result: torch.Tensor = logits.float().cpu()
        return result

    def evaluate(self) -> torch.Tensor:
        """Confusion matrix [true, predicted] over the held-out samples, shared by the processes.

        Before, the statistics of BatchNorm are averaged over the processes.
        """
        import torch
        import torch.distributed as dist

        if self.spec.world > 1:
            for value in self.network.buffers():
                if value.is_floating_point():
                    dist.all_reduce(value)
                    value /= self.spec.world
        counts = torch.zeros((3, 3), dtype=torch.int64)
        last = min(self.spec.held, len(self.held_out))
        for index in range(self.rank, last, self.spec.world):
            truth = torch.from_numpy(self.held_out.read(index).label)
            counts += quality.confusion(truth, self.logits(index).argmax(1)[0])
        if self.spec.world > 1:
            counts = counts.to(self.device)
            dist.all_reduce(counts)
        return counts.cpu()

    def agree(self, value: int) -> None:
        """Hear a value that only the worker of each node needs."""

    def meet(self) -> None:
        """Return once every process has called this method."""
        import torch
        import torch.distributed as dist

        # a tensor on the host travels by gloo, whatever the devices
        dist.all_reduce(torch.zeros(1))

    def _mean(self, losses: list[torch.Tensor]) -> tuple[float, ...]:
        """The loss of every step, averaged over the processes."""
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
        """Save the state after `step` steps. Only the first process writes, because weights are
        equal in all processes.
        """
        from energybench_workloads.deepcam.network import weights_norm

        recent = self._mean(losses)
        if self.rank > 0:
            return
        self._step = -1  # if saving fails, the next run begins from the file
        finite = math.isfinite(weights_norm(self.network))
        require_numbers(recent, finite, order.first, order.path)
        state = checkpoint.State(
            step=step,
            trained_by=self.spec.optimiser,
            inputs=self.inputs,
            losses=self._losses + recent,
            network=self.network.state_dict(),
            optimiser=self.optimiser.state_dict(),
        )
        assert self.file is not None  # set together with the checkpoint
        checkpoint.save(state, order.path, self.file, order.keep)

    def _wait(self) -> None:
        if self.spec.regions:
            synchronise(self.device)


def _distributed(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The network, with gradients averaged over the processes during the backward pass.

    The statistics of BatchNorm are not averaged, as in the reference.
    """
    import inspect

    from torch.nn.parallel import DistributedDataParallel

    parameters = inspect.signature(DistributedDataParallel).parameters
    option = "forward_sync_buffers"
    if option not in parameters:
        option = "broadcast_buffers"  # the name in older versions of torch
    options: dict[str, Any] = {option: False}
    return DistributedDataParallel(
        network,
        [device.index] if device.type == "cuda" else None,
        gradient_as_bucket_view=True,
        **options,
    )
