"""Settings of a run: reading, combinations that are refused, and the definition of the work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench_workloads.deepcam.cost import Size
from energybench_workloads.settings import Settings
from energybench_workloads.trainings import check_checkpoint

# Version of the problem: raise it if samples or network change for given settings
VERSION = 1
ELEMENT_BYTES = {"bf16": 2, "fp32": 4}  # by precision
LEARNING_RATES = {"adamw": 1e-3, "lamb": 4e-3}  # defaults, by optimiser
# A run towards a goal: the largest number of steps, and the steps between two evaluations
MOST_STEPS, EVERY = 1000, 10


class Options(NamedTuple):
    """The settings of a run, by the names of `--set`, as explained in docs/workloads/deepcam.md.

    0 and "" stand for settings without a value.
    """

    mode: str
    steps: int
    total: int
    batch: int
    accumulate: int
    optimiser: str
    lr: float
    precision: str
    recompute: bool
    iou: float
    every: int
    checkpoint: str
    data: str
    samples: int
    held: int
    seed: int
    ranks: int
    threads: int
    regions: bool
    graphs: bool

    @property
    def training(self) -> bool:
        return self.mode == "training"

    def problem(self, size: Size, step_samples: int) -> dict[str, Any]:
        """The definition of the work: two runs with equal values do equal work.

        Settings of how the work is computed are left out. In a training towards a goal, precision
        and optimiser are left out too, as ways to reach the goal.
        """
        problem: dict[str, Any] = {
            "workload": "deepcam",
            "version": VERSION,
            "mode": self.mode,
            "height": size.height,
            "width": size.width,
            "seed": self.seed,
            "real": bool(self.data),
        }
        if self.iou:
            return {**problem, "iou": self.iou, "every": self.every}
        problem["precision"] = self.precision
        if not self.training:
            return {**problem, "samples a run": self.steps * step_samples}
        return {
            **problem,
            "batch": self.batch,
            "samples a step": step_samples,
            "optimiser": self.optimiser,
            "lr": self.lr,
            "steps": self.steps,
            "every": self.every,
        }


def read_options(settings: Mapping[str, str], size: Size) -> Options:
    """The settings of a run. Raises BadInput for values that are not allowed, and for settings that
    contradict each other.
    """
    s = Settings(settings, Options._fields)
    iou = s.number("iou", 0.0, 0.0, 1.0)
    optimiser = s.choice("optimiser", "adamw", tuple(LEARNING_RATES))
    options = Options(
        mode=s.choice("mode", "training", ("training", "inference")),
        steps=s.whole("steps", MOST_STEPS if iou else size.steps, 1, 10**9),
        total=s.whole("total", 0, 1, 10**9),
        batch=s.whole("batch", 2, 1, 4096),
        accumulate=s.whole("accumulate", 1, 1, 4096),
        optimiser=optimiser,
        lr=s.number("lr", LEARNING_RATES[optimiser], 1e-8, 10),
        precision=s.choice("precision", "auto", ("auto", *ELEMENT_BYTES)),
        recompute=s.flag("recompute", False),
        iou=iou,
        every=s.whole("every", EVERY if iou else 0, 0, 10**9),
        checkpoint=settings.get("checkpoint", ""),
        data=settings.get("data", ""),
        samples=s.whole("samples", size.samples, 1, 10**6),
        held=s.whole("held", size.held, 1, 10**6),
        seed=s.whole("seed", 1, 0, 2**63 - 1),
        ranks=s.whole("ranks", 0, 1, 1024),
        threads=s.threads(),
        regions=s.flag("regions", True),
        graphs=s.flag("graphs", False),
    )
    check_checkpoint(options.checkpoint)
    _check_goal(options)
    _check_total(options)
    _check_graphs(options)
    if not options.training:
        _check_inference(options)
    return options


def _check_goal(options: Options) -> None:
    if not options.iou:
        return
    where = f"--set iou={options.iou:g}"
    if not options.training:
        raise BadInput(where, "does not go with mode=inference", "--set mode=training")
    if options.checkpoint:
        raise BadInput(
            where,
            "does not go with checkpoint",
            "--set every=N with the checkpoint: the scores then show at which step an IoU was "
            "reached",
        )
    if not options.every:
        raise BadInput("--set every=0", "the goal is never evaluated", "--set every=10")


def _check_total(options: Options) -> None:
    where = f"--set total={options.total}"
    if options.total and not (options.training and options.checkpoint):
        raise BadInput(
            where,
            "counts the steps of all runs of a training from one checkpoint",
            "--set checkpoint=FILE with it, or leave it out",
        )
    if 0 < options.total < options.steps:
        raise BadInput(
            where,
            f"is less than the {options.steps} steps of one run",
            f"{options.steps} or more",
        )


def _check_graphs(options: Options) -> None:
    if options.training and options.graphs and (options.accumulate > 1 or options.recompute):
        raise BadInput(
            "--set graphs=true",
            "records whole passes: it does not go with accumulate or recompute",
            "leave out one of them",
        )


def _check_inference(options: Options) -> None:
    if options.accumulate > 1 or options.recompute or options.graphs:
        raise BadInput(
            "--set accumulate, recompute, graphs",
            "are settings of training",
            "--set mode=training",
        )
    if options.checkpoint and not Path(options.checkpoint).is_file():
        raise BadInput(
            f"--set checkpoint={options.checkpoint}",
            "no such file",
            "train with this setting first",
        )
