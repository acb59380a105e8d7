"""deepcam: cyclones and atmospheric rivers segmented in climate fields by DeepLabv3+, trained or
applied, on one device, a node or several.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from energybench_workloads.deepcam import checks, cost, record
from energybench_workloads.deepcam.cost import SIZES
from energybench_workloads.deepcam.spec import Order, Spec, Trained, quiet
from energybench_workloads.deepcam.team import Team, find_place
from energybench_workloads.settings import Scalar, Settings, check_size
from energybench_workloads.trainings import CheckpointFile, check_checkpoint, steps_due

if TYPE_CHECKING:
    import torch

VERSION = (
    1  # of the problem: raise it when the same settings no longer give the same samples and network
)
ELEMENT = {"bf16": 2, "fp32": 4}
OPTIMISERS = {"adamw": 1e-3, "lamb": 4e-3}  # and their default learning rates
MOST_STEPS, EVERY = 1000, 10  # of a run to a goal, and how often it looks
SETTINGS = (
    *(
        "mode",
        "steps",
        "total",
        "batch",
        "accumulate",
        "optimiser",
        "lr",
        "precision",
        "recompute",
        "iou",
        "every",
        "checkpoint",
    ),
    *("data", "samples", "held", "seed", "ranks", "threads", "regions", "graphs"),
)


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
        self._team: Team | None = None
        self._trained: Trained | None = None
        self._counts: torch.Tensor | None = (
            None  # confusion matrix of the held-out samples after the last run
        )
        self._took = (0.0, 0.0)  # what was waited for batches, and what making them took (s)
        self._samples_run = 0
        self._done = self._opened = 0  # steps behind the checkpoint, now and when it was opened
        self._read("smoke", {})

    def _read(self, size: str, settings: Mapping[str, str]) -> None:
        s = Settings(settings, SETTINGS)
        preset = SIZES[size]
        self._mode = s.choice("mode", "training", ("training", "inference"))
        self._iou = s.number("iou", 0.0, 0.0, 1.0)
        self._steps = s.whole("steps", MOST_STEPS if self._iou else preset.steps, 1, 10**9)
        self._total = s.whole("total", 0, 1, 10**9)
        self._batch = s.whole("batch", 2, 1, 4096)
        self._accumulate = s.whole("accumulate", 1, 1, 4096)
        self._optimiser = s.choice("optimiser", "adamw", tuple(OPTIMISERS))
        self._lr = s.number("lr", OPTIMISERS[self._optimiser], 1e-8, 10)
        self._precision = s.choice("precision", "auto", ("auto", *ELEMENT))
        self._recompute = s.flag("recompute", False)
        self._every = s.whole("every", EVERY if self._iou else 0, 0, 10**9)
        self._checkpoint = settings.get("checkpoint", "")
        self._data = settings.get("data", "")
        self._samples = s.whole("samples", preset.samples, 1, 10**6)
        self._held = s.whole("held", preset.held, 1, 10**6)
        self._seed = s.whole("seed", 1, 0, 2**63 - 1)
        self._ranks = s.whole("ranks", 0, 1, 1024)
        self._threads = s.threads()
        self._regions = s.flag("regions", True)
        self._graphs = s.flag("graphs", False)
        self._size = preset
        self._wrong()

    def _wrong(self) -> None:
        """Raises BadInput for settings that contradict each other."""
        check_checkpoint(self._checkpoint)
        inference = self._mode == "inference"
        if self._iou and (inference or self._checkpoint):
            other = "mode=inference" if inference else "checkpoint"
            remedy = (
                "--set mode=training"
                if inference
                else (
                    "--set every=N with the checkpoint: the scores say at which step an IoU was "
                    "reached"
                )
            )
            raise BadInput(f"--set iou={self._iou:g}", f"does not go with {other}", remedy)
        if self._iou and not self._every:
            raise BadInput("--set every=0", "a goal is never looked at", "--set every=10")
        if self._total and (inference or not self._checkpoint):
            raise BadInput(
                f"--set total={self._total}",
                "is of all runs of a training from one checkpoint",
                "--set checkpoint=FILE with it, or leave it out",
            )
        if 0 < self._total < self._steps:
            raise BadInput(
                f"--set total={self._total}",
                f"is less than one run's {self._steps} steps",
                f"{self._steps} or more",
            )
        if inference and (self._accumulate > 1 or self._recompute or self._graphs):
            raise BadInput(
                "--set accumulate, recompute, graphs",
                "are settings of training",
                "--set mode=training",
            )
        if self._graphs and (self._accumulate > 1 or self._recompute):
            raise BadInput(
                "--set graphs=true",
                "records whole passes: not with accumulate or recompute",
                "one of them",
            )
        if inference and self._checkpoint and not Path(self._checkpoint).is_file():
            raise BadInput(
                f"--set checkpoint={self._checkpoint}",
                "no such file",
                "train with this setting first",
            )

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        check_size(self.name, size, self.sizes)
        self._read(size, settings)
        require_torch()
        import torch

        self.close()
        place = find_place(torch_device(device, several=True), self._ranks, os.environ)
        self._ranks, self._nodes = len(place.devices), place.nodes
        if self._graphs and (place.world > 1 or place.devices[0] == "cpu"):
            raise BadInput("--set graphs=true", "is of one GPU", "--device cuda:0, or leave it out")
        first, samples = (
            torch.device(place.devices[0]),
            2 if self._data else self._samples + self._held,
        )
        if self._precision == "auto":
            self._precision = "bf16" if native_bf16(first) else "fp32"
        host, on_device = cost.memory(
            self._size,
            self._batch,
            self._mode == "training",
            ELEMENT[self._precision],
            self._recompute,
            samples,
        )
        each = host + on_device if first.type == "cpu" else host
        remedy = (
            f"use fewer than {self._ranks} ranks, or a smaller batch or size"
            if self._ranks > 1
            else "use a smaller batch or size"
        )
        require_memory(self.name, size, first, each * self._ranks, on_device, remedy)
        held = self._held
        spec = Spec(
            *(
                self._size,
                self._mode,
                self._batch,
                self._accumulate,
                self._optimiser,
                self._lr,
                self._precision,
                self._recompute,
                self._seed,
                self._samples,
            ),
            *(held, self._data, self._threads, self._regions, place.world, self._graphs),
        )
        self._team = Team(spec, place)
        self._done, self._trained, self._took, self._counts = 0, None, (0.0, 0.0), None
        if self._checkpoint:
            self._team.first.kept = CheckpointFile(self._checkpoint)
            if Path(self._checkpoint).is_file():
                self._go_on(self._team)
        self._due()
        self._opened = self._done
        with region(
            "compile"
            # libraries choose their algorithms: as many steps as that takes, and the run begins
            # anew
        ):
            if self._mode == "training":
                self._team.train(Order(0, 1), quiet)
            else:
                self._team.infer(1, quiet)
        self._spec = spec
        self._fingerprint = fingerprint(self._problem(spec), self._team.first.inputs)

    def _go_on(self, team: Team) -> None:
        """From a checkpoint. Raises BadInput where it is none, or one of another problem."""
        import torch

        where = f"--set checkpoint={self._checkpoint}"
        try:
            state: dict[str, Any] = torch.load(
                self._checkpoint, map_location="cpu", weights_only=True, mmap=True
            )
            step, inputs, optimiser = int(state["step"]), state["inputs"], state["trained by"]
        except Exception as error:
            raise BadInput(
                where, "is no checkpoint of deepcam", "another path, or remove the file"
            ) from error
        if self._mode == "training" and inputs != team.first.inputs:
            raise BadInput(
                where,
                "was trained on other samples (size, seed, samples, data)",
                "the settings that it was begun with, or another path",
            )
        if self._mode == "training" and optimiser != self._optimiser:
            raise BadInput(
                where,
                f"was trained with {optimiser}, whose moments {self._optimiser} cannot go on with",
                f"--set optimiser={optimiser}, or another path",
            )
        team.begin(self._checkpoint)
        self._done = step

    def checkpoint(self) -> str | None:
        return (
            str(Path(self._checkpoint).absolute())
            if self._checkpoint and self._mode == "training"
            else None
        )

    def finished(self) -> bool:
        return 0 < self._total <= self._done

    def _due(self) -> int:
        """Steps of the next run. Raises BadInput where there are none left."""
        return steps_due(self._steps, self._checkpoint, self._total, self._done)

    def _problem(self, spec: Spec) -> dict[str, Any]:
        """What makes two runs the same work; how it is computed stays out.

        To a goal, precision and optimiser are ways to get there.
        """
        problem: dict[str, Any] = {
            "workload": self.name,
            "version": VERSION,
            "mode": self._mode,
            "height": self._size.height,
            "width": self._size.width,
        }
        problem |= {"seed": self._seed, "real": bool(self._data)}
        if self._iou:
            return {**problem, "iou": self._iou, "every": self._every}
        if self._mode == "inference":
            return {
                **problem,
                "precision": self._precision,
                "samples a run": self._steps * spec.step_samples,
            }
        training = {
            "batch": self._batch,
            "samples a step": spec.step_samples,
            "optimiser": self._optimiser,
            "lr": self._lr,
        }
        return {
            **problem,
            **training,
            "precision": self._precision,
            "steps": self._steps,
            "every": self._every,
        }

    def settings(self) -> Mapping[str, Scalar]:
        given: dict[str, Scalar] = {key: getattr(self, f"_{key}") for key in SETTINGS}
        if self._team is None:
            return given
        given["threads"] = self._team.first.threads
        return {
            **given,
            "nodes": self._nodes,
            "step_samples": self._spec.step_samples,
            "parameters": cost.parameters(),
            "affinity": affinity(),
        }

    def run(self, region: RegionFactory) -> Work:
        self._counts = None
        if self._mode == "inference":
            self._took = self._made().infer(self._steps, region)
            return self._work(self._steps)
        self._trained, steps = self._train(region, keep=True)
        self._took = self._trained.waited_s, self._trained.made_s
        self._done += steps if self._checkpoint else 0
        return self._work(steps)

    def rehearse(self, region: RegionFactory) -> Work:
        team = self._made()
        if self._done != self._opened:
            if team.first.kept is not None:
                team.first.kept.check()
            team.begin(self._checkpoint)
        return self._work(self._train(region, keep=False)[1])

    def _train(self, region: RegionFactory, keep: bool) -> tuple[Trained, int]:
        """One run's training, and how many steps it took."""
        first = self._done if self._checkpoint else 0
        trained = self._made().train(
            Order(first, first + self._due(), self._every, self._iou, self._checkpoint, keep),
            region,
        )
        return trained, len(trained.losses) - first

    def _work(self, steps: int) -> Work:
        samples = float(
            steps * self._spec.step_samples // self._nodes
        )  # this node's own: the others' energy is counted there
        self._samples_run = int(samples)
        of_one = (
            cost.training_flops(self._size.pixels)
            if self._mode == "training"
            else cost.forward_flops(self._size.pixels)
        )
        goal = self._iou > 0
        return Work(
            amount=1.0 if goal else samples,
            unit=f"training to IoU {short(self._iou)}" if goal else "sample",
            fingerprint=self._fingerprint,
            precision="equal-accuracy" if goal else "equal-precision",
            flops=samples * of_one,
            arithmetic=self._precision,
        )

    def verify(self) -> Sequence[Verification]:
        team = self._made()
        found: list[Verification] = []
        if self._trained is not None:
            found += checks.training(self._trained.losses, team.first.network)
            steps = len(self._trained.losses)
            if self._iou:
                found.append(checks.reached(self._trained.scores[-1][1], self._iou))
            elif (
                steps >= checks.LEARNED_STEPS
                and steps * self._spec.step_samples >= checks.LEARNED_SAMPLES
            ):
                found.append(checks.learned(self.held_out()))
        found.append(checks.arithmetic(team.first))
        return found

    def record(self) -> WorkRecord:
        """How well the last run's network does on the held-out samples, its loss, and a picture."""
        team = self._made()
        judged = self._mode == "training" or self._checkpoint != ""
        each = (
            1.0 / len(self._trained.losses)
            if self._iou and self._trained
            else float(self._spec.step_samples // self._nodes)
        )
        progress = self._progress(team, each)
        counts = self.held_out() if judged else None
        told = record.Told(
            self._trained,
            counts,
            self._took,
            self._samples_run,
            each,
            bool(self._data),
            progress,
            self._iou,
            self._ranks,
        )
        return record.record(team.first, told)

    def _progress(self, team: Team, per_step: float) -> Progress | None:
        if not self._checkpoint or self._mode == "inference":
            return None
        shared = {
            key: value
            for key, value in self._problem(self._spec).items()
            if key not in ("steps", "every", "lr")
        }
        training = fingerprint(shared, f"{team.first.inputs} {Path(self._checkpoint).absolute()}")
        return Progress(
            training=training,
            first=float(self._opened),
            last=float(self._done),
            unit="step",
            work_per_unit=per_step,
        )

    def held_out(self) -> torch.Tensor:
        """Confusion matrix of the held-out samples after the last run, counted once."""
        if self._counts is None:
            self._counts = self._made().evaluate()
        return self._counts

    def _made(self) -> Team:
        if self._team is None:
            raise RuntimeError("deepcam: run before setup")
        return self._team

    def close(self) -> None:
        """End what set-up started."""
        if self._team is not None:
            self._team.close()
            self._team = None
