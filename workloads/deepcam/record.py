"""The record of a run beside its energy: quality of the segmentation, loss, time spent waiting for
data, and a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from energybench.model import Doubt, Image, Progress, Said, Series, WorkRecord
from energybench.units import counted
from energybench_workloads.common import cpus, native_bf16
from energybench_workloads.deepcam import cost, picture, quality
from energybench_workloads.deepcam.fields import CHANNELS
from energybench_workloads.deepcam.member import Member
from energybench_workloads.deepcam.spec import Trained
from energybench_workloads.trainings import numbers

if TYPE_CHECKING:
    import torch

_CLASSES = ("background", "cyclone", "river")


class TrainingOutcome(NamedTuple):
    """The last run, beside the weights and samples of the first member.

    counts: confusion matrix of the held-out samples, None for a network without training;
    loading_s: seconds spent waiting for batches, and seconds that the loader spent on making
    batches; work_per_step: the part of the work's amount that a step stands for.
    """

    trained: Trained | None
    counts: torch.Tensor | None
    loading_s: tuple[float, float]
    samples: int
    work_per_step: float
    real: bool
    progress: Progress | None
    goal: float = 0.0  # the IoU to reach; 0: no goal
    ranks: int = 1  # processes of this node


def record(member: Member, outcome: TrainingOutcome) -> WorkRecord:
    note = "the user's CAM5 snapshots"
    if not outcome.real:
        note = (
            "synthetic fields: the network has learned nothing about real climate data, and its "
            "IoU is not comparable with MLPerf's"
        )
    return WorkRecord(
        title="Segmentation",
        notes=(note,),
        statement=_statement(member, outcome),
        figures=_figures(outcome),
        series=_series(outcome),
        images=(_image(member),),
        progress=outcome.progress,
        doubts=tuple(_doubts(member, outcome)),
    )


def _statement(member: Member, outcome: TrainingOutcome) -> dict[str, Said]:
    spec = member.spec
    flops = cost.training_flops if spec.mode == "training" else cost.forward_flops
    return {
        "network": (
            f"DeepLabv3+ with Xception, {cost.parameters() / 1e6:.2f} M parameters, "
            f"{flops(spec.size.pixels) / 1e12:.3g} TFLOP a sample in {spec.mode}"
        ),
        "samples of the last run": (
            f"{outcome.samples}, {spec.batch} in a pass, {spec.step_samples} in a step "
            f"over {spec.world} process(es)"
        ),
        "arithmetic": f"{spec.precision} on {member.device}",
    }


def _figures(outcome: TrainingOutcome) -> dict[str, float]:
    figures = {
        "waited for data (s)": outcome.loading_s[0],
        "batches made in (s)": outcome.loading_s[1],
    }
    if outcome.trained is not None:
        last = numbers(outcome.trained.losses)[-1]
        if last is not None:
            figures["loss of the last step"] = last
    if outcome.counts is not None:
        figures["held-out mean IoU"] = quality.mean_iou(outcome.counts)
        figures["IoU of all background"] = quality.background_iou(outcome.counts)
        for name, iou in zip(_CLASSES, quality.class_iou(outcome.counts), strict=True):
            if iou is not None:
                figures[f"IoU {name}"] = iou
    return figures


def _series(outcome: TrainingOutcome) -> tuple[Series, ...]:
    """The curves of a training: loss, and IoU if the network was evaluated."""
    if outcome.trained is None:
        return ()
    losses, scores = numbers(outcome.trained.losses), outcome.trained.scores
    loss = Series(
        name="loss",
        x=tuple(range(1, len(losses) + 1)),
        y=losses,
        x_title="step",
        y_title="loss (nat a pixel)",
        work_per_x=outcome.work_per_step,
    )
    if not scores:
        return (loss,)
    iou = Series(
        name="held-out IoU",
        x=tuple(step for step, _ in scores),
        y=tuple(score for _, score in scores),
        x_title="step",
        y_title="mean IoU",
        work_per_x=outcome.work_per_step,
    )
    return loss, iou


def _doubts(member: Member, outcome: TrainingOutcome) -> list[Doubt]:
    """Doubts about settings that are allowed, but make the run a poor side of a comparison."""
    spec, doubts = member.spec, []
    if spec.precision == "bf16" and not native_bf16(member.device):
        message = (
            "torch has no bf16 kernels for this processor: a step takes several times as long as "
            "in fp32, and the run is not a fair side of a comparison"
        )
        doubts.append(
            Doubt(
                code="bf16-emulated", message=message, remedy="--set precision=fp32, on both sides"
            )
        )
    if member.device.type == "cpu" and outcome.ranks > len(cpus()):
        message = (
            f"{outcome.ranks} processes share {counted(len(cpus()), 'core')}: they wait for each "
            "other, and cost more than fewer processes would"
        )
        doubts.append(
            Doubt(code="crowded", message=message, remedy=f"--set ranks={len(cpus())} or fewer")
        )
    available = len(member.source)
    if spec.mode == "training" and spec.step_samples > available:
        message = (
            f"a step of {spec.step_samples} samples holds some of the {available} samples more "
            "than once: the network learns less than from as many different samples"
        )
        doubts.append(
            Doubt(
                code="samples-repeat",
                message=message,
                remedy=f"--set samples={spec.step_samples} or more, or a smaller batch",
            )
        )
    background = quality.background_iou(outcome.counts) if outcome.counts is not None else 0.0
    if 0 < outcome.goal <= background:
        message = (
            f"the goal of IoU {outcome.goal:g} is not above the {background:.3g} of a network that "
            "finds nothing"
        )
        doubts.append(
            Doubt(code="goal-trivial", message=message, remedy=f"a goal above {background:.3g}")
        )
    return doubts


def _image(member: Member) -> Image:
    """The first held-out sample: field, labels, prediction."""
    import numpy as np

    sample = member.held_out.read(0)
    prediction = member.logits(0).argmax(1)[0].numpy().astype(np.uint8)
    vapour = (sample.field[:, :, 0].astype(np.uint32) << np.uint32(16)).view(np.float32)
    alt = (
        f"A held-out sample: {CHANNELS[0]} (vapour in the column), its labels, and the prediction "
        "of the network; cyclones vermilion, rivers blue"
    )
    return Image(
        name="field, label, prediction",
        png=picture.png(picture.panels(vapour, sample.label, prediction), picture.palette()),
        alt=alt,
    )
