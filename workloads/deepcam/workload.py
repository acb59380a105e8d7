"""deepcam: DeepLabv3+ finds cyclones and atmospheric rivers in climate fields: training or
inference, on one device, a node or several nodes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from energybench.errors import BadInput
from energybench.model import Progress, Verification, Work, WorkRecord
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    affinity,
    fingerprint,
    native_bf16,
    require_memory,
    require_torch,
    short,
    torch_device,
)
from energybench_workloads.deepcam import checkpoint, checks, cost, record
from energybench_workloads.deepcam.cost import SIZES
from energybench_workloads.deepcam.options import ELEMENT_BYTES, read_options
from energybench_workloads.deepcam.place import Place, find_place
from energybench_workloads.deepcam.spec import Order, Spec, Trained
from energybench_workloads.deepcam.team import TrainingTeam
from energybench_workloads.settings import Scalar, check_size
from energybench_workloads.team import quiet
from energybench_workloads.trainings import CheckpointFile, steps_due

if TYPE_CHECKING:
    import torch


class Deepcam:
    """Climate segmentation: DeepLabv3+ finds cyclones and atmospheric rivers, training or inference
    (docs/workloads/deepcam.md).
    """

    name = "deepcam"
    about = (
        "climate segmentation: DeepLabv3+ finds cyclones and atmospheric rivers, training or "
        "inference, one device or several"
    )
    sizes: Sequence[str] = tuple(SIZES)

    def __init__(self) -> None:
        self._size = SIZES["smoke"]
        self._options = read_options({}, self._size)
        self._team: TrainingTeam | None = None
        self._trained: Trained | None = None
        # confusion matrix of the held-out samples after the last run
        self._counts: torch.Tensor | None = None
        # seconds of the last run: waiting for batches, and making batches in the loader
        self._loading_s = (0.0, 0.0)
        self._samples_run = 0
        # steps behind the checkpoint, now and at set-up
        self._done = self._opened = 0

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        check_size(self.name, size, self.sizes)
        self._size = SIZES[size]
        self._options = read_options(settings, self._size)
        require_torch()
        self.close()

        # the processes, and whether their memory suffices
        place = find_place(torch_device(device, several=True), self._options.ranks, os.environ)
        self._resolve(place)
        self._nodes = place.nodes
        self._require_memory(size, place)

        # the network, at its first step or at the checkpoint's
        self._spec = self._make_spec(place)
        self._team = TrainingTeam(self._spec, place)
        self._done, self._trained, self._counts = 0, None, None
        self._loading_s = (0.0, 0.0)
        if self._options.checkpoint:
            self._open_checkpoint(self._team, leads=place.node == 0)
        self._steps_due()  # refuses a training that is complete
        self._opened = self._done

        # Libraries choose their algorithms in the first step. The run begins anew afterwards
        with region("compile"):
            if self._options.training:
                self._team.train(Order(0, 1), quiet)
            else:
                self._team.infer(1, quiet)
        problem = self._options.problem(self._size, self._spec.step_samples)
        self._fingerprint = fingerprint(problem, self._team.first.inputs)

    def _resolve(self, place: Place) -> None:
        """Set `ranks` and `precision`, whose defaults depend on the devices."""
        import torch

        if self._options.graphs and (place.world > 1 or place.devices[0] == "cpu"):
            raise BadInput(
                "--set graphs=true", "works on one GPU only", "--device cuda:0, or leave it out"
            )
        precision = self._options.precision
        if precision == "auto":
            precision = "bf16" if native_bf16(torch.device(place.devices[0])) else "fp32"
        self._options = self._options._replace(ranks=len(place.devices), precision=precision)

    def _require_memory(self, size: str, place: Place) -> None:
        import torch

        options = self._options
        host, on_device = cost.memory(
            self._size,
            options.batch,
            options.training,
            ELEMENT_BYTES[options.precision],
            options.recompute,
            # real data stays in its files
            samples=2 if options.data else options.samples + options.held,
        )
        device = torch.device(place.devices[0])
        if device.type == "cpu":
            host += on_device
        remedy = "use a smaller batch or size"
        if options.ranks > 1:
            remedy = f"use fewer than {options.ranks} ranks, or a smaller batch or size"
        require_memory(self.name, size, device, host * options.ranks, on_device, remedy)

    def _make_spec(self, place: Place) -> Spec:
        options = self._options
        return Spec(
            size=self._size,
            mode=options.mode,
            batch=options.batch,
            accumulate=options.accumulate,
            optimiser=options.optimiser,
            lr=options.lr,
            precision=options.precision,
            recompute=options.recompute,
            seed=options.seed,
            samples=options.samples,
            held=options.held,
            data=options.data,
            threads=options.threads,
            regions=options.regions,
            world=place.world,
            graphs=options.graphs,
        )

    def _open_checkpoint(self, team: TrainingTeam, *, leads: bool) -> None:
        """Only the first node writes the file, and looks for an existing file."""
        path = self._options.checkpoint
        if leads:
            team.first.file = CheckpointFile(path)
            if Path(path).is_file():
                self._done = checkpoint.steps_trained(path, self._options, team.first.inputs)
        self._done = team.agreed(self._done)
        if self._done:
            team.begin(path)

    def checkpoint(self) -> str | None:
        if self._options.checkpoint and self._options.training:
            return str(Path(self._options.checkpoint).absolute())
        return None

    def finished(self) -> bool:
        return 0 < self._options.total <= self._done

    def _steps_due(self) -> int:
        """Steps of the next run. Raises BadInput if the training is complete."""
        options = self._options
        return steps_due(options.steps, options.checkpoint, options.total, self._done)

    def settings(self) -> Mapping[str, Scalar]:
        settings: dict[str, Scalar] = self._options._asdict()
        if self._team is None:
            return settings
        return {
            **settings,
            "threads": self._team.first.threads,
            "nodes": self._nodes,
            "step_samples": self._spec.step_samples,
            "parameters": cost.parameters(),
            "affinity": affinity(),
        }

    def run(self, region: RegionFactory) -> Work:
        self._counts = None
        if not self._options.training:
            steps = self._options.steps
            self._loading_s = self._ready_team().infer(steps, region)
            return self._work(steps)
        self._trained, steps = self._train(region, keep=True)
        self._loading_s = self._trained.waited_s, self._trained.made_s
        self._done += steps if self._options.checkpoint else 0
        return self._work(steps)

    def rehearse(self, region: RegionFactory) -> Work:
        team = self._ready_team()
        if self._done != self._opened:
            if team.first.file is not None:
                team.first.file.check()
            team.begin(self._options.checkpoint)
        return self._work(self._train(region, keep=False)[1])

    def _train(self, region: RegionFactory, keep: bool) -> tuple[Trained, int]:
        """Train for one run. Returns the result and the number of steps."""
        options = self._options
        first = self._done if options.checkpoint else 0
        last = first + self._steps_due()
        order = Order(first, last, options.every, options.iou, options.checkpoint, keep)
        trained = self._ready_team().train(order, region)
        return trained, len(trained.losses) - first

    def meet(self) -> None:
        """Wait for the other nodes, if any."""
        if self._nodes > 1:
            self._ready_team().meet()

    def _work(self, steps: int) -> Work:
        samples = float(steps * self._spec.step_samples)  # of all nodes
        self._samples_run = int(samples)
        sample_flops = cost.forward_flops(self._size.pixels)
        if self._options.training:
            sample_flops = cost.training_flops(self._size.pixels)
        goal = self._options.iou
        return Work(
            amount=1.0 if goal else samples,
            unit=f"training to IoU {short(goal)}" if goal else "sample",
            fingerprint=self._fingerprint,
            precision="equal-accuracy" if goal else "equal-precision",
            flops=samples * sample_flops,
            arithmetic=self._options.precision,
        )

    def verify(self) -> Sequence[Verification]:
        team = self._ready_team()
        verifications: list[Verification] = []
        if self._trained is not None:
            verifications += checks.training(self._trained.losses, team.first.network)
            verifications += self._check_quality(self._trained)
        verifications.append(checks.arithmetic(team.first))
        return verifications

    def _check_quality(self, trained: Trained) -> list[Verification]:
        """Check the held-out IoU: against the goal, or the baseline after enough training."""
        if self._options.iou:
            return [checks.reached(trained.scores[-1][1], self._options.iou)]
        steps = len(trained.losses)
        samples = steps * self._spec.step_samples
        if steps >= checks.LEARNED_STEPS and samples >= checks.LEARNED_SAMPLES:
            return [checks.learned(self.held_out())]
        return []

    def record(self) -> WorkRecord:
        """The IoU of the last run's network on the held-out samples, its loss, and a picture."""
        team = self._ready_team()
        work_per_step = float(self._spec.step_samples)
        if self._options.iou and self._trained:
            work_per_step = 1.0 / len(self._trained.losses)
        progress = self._progress(team, work_per_step)
        trained_network = self._options.training or self._options.checkpoint != ""
        outcome = record.TrainingOutcome(
            self._trained,
            self.held_out() if trained_network else None,
            self._loading_s,
            self._samples_run,
            work_per_step,
            bool(self._options.data),
            progress,
            self._options.iou,
            self._options.ranks,
        )
        return record.record(team.first, outcome)

    def _progress(self, team: TrainingTeam, work_per_step: float) -> Progress | None:
        if not self._options.checkpoint or not self._options.training:
            return None
        # runs of a training may differ in these settings
        variable = ("steps", "every", "lr")
        problem = self._options.problem(self._size, self._spec.step_samples)
        shared = {key: value for key, value in problem.items() if key not in variable}
        path = Path(self._options.checkpoint).absolute()
        return Progress(
            training=fingerprint(shared, f"{team.first.inputs} {path}"),
            first=float(self._opened),
            last=float(self._done),
            unit="step",
            work_per_unit=work_per_step,
        )

    def held_out(self) -> torch.Tensor:
        """Confusion matrix of the held-out samples after the last run, counted once."""
        if self._counts is None:
            self._counts = self._ready_team().evaluate()
        return self._counts

    def _ready_team(self) -> TrainingTeam:
        if self._team is None:
            raise RuntimeError("deepcam: run before setup")
        return self._team

    def close(self) -> None:
        """End the processes that set-up started."""
        if self._team is not None:
            self._team.close()
            self._team = None
