"""What a run says of itself beside its energy: how well it segments, its loss, what the step waited
for, and a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from energybench.model import Doubt, Image, Progress, Said, Series, WorkRecord
from energybench_workloads.common import cpus, native_bf16
from energybench_workloads.deepcam import cost, picture, quality
from energybench_workloads.deepcam.fields import CHANNELS
from energybench_workloads.deepcam.member import Member
from energybench_workloads.deepcam.spec import Trained
from energybench_workloads.trainings import numbers

if TYPE_CHECKING:
    import torch

_CLASSES = ("background", "cyclone", "river")


class Told(NamedTuple):
    """Of the last run. counts: confusion matrix of the held-out samples, None where the weights
    were never trained; took: waited for, made in (s).

    work_per_step: the work's amount that a step stands for.
    """

    trained: Trained | None
    counts: torch.Tensor | None
    took: tuple[float, float]
    samples: int
    work_per_step: float
    real: bool
    progress: Progress | None
    goal: float = 0.0  # IoU that the run was to reach; 0: none
    ranks: int = 1  # processes of this node


def record(member: Member, told: Told) -> WorkRecord:
    pixels = member.spec.size.pixels
    notes = [
        "CAM5 snapshots of the user's"
        if told.real
        else (
            "synthetic fields: what this network has learned says nothing of real climate data, "
            "and its IoU is not MLPerf's"
        )
    ]
    figures = {"waited for data (s)": told.took[0], "batches made in (s)": told.took[1]}
    series = []
    if told.trained is not None:
        losses, scores = numbers(told.trained.losses), told.trained.scores
        each = told.work_per_step
        if losses[-1] is not None:
            figures["loss of the last step"] = losses[-1]
        series.append(
            Series(
                name="loss",
                x=tuple(range(1, len(losses) + 1)),
                y=losses,
                x_title="step",
                y_title="loss (nat a pixel)",
                work_per_x=each,
            )
        )
        if scores:
            series.append(
                Series(
                    name="held-out IoU",
                    x=tuple(s for s, _ in scores),
                    y=tuple(i for _, i in scores),
                    x_title="step",
                    y_title="mean IoU",
                    work_per_x=each,
                )
            )
    if told.counts is not None:
        figures |= {
            "held-out mean IoU": quality.mean_iou(told.counts),
            "IoU of all background": quality.background_iou(told.counts),
        }
        figures |= {
            f"IoU {name}": value
            for name, value in zip(_CLASSES, quality.class_iou(told.counts), strict=True)
            if value is not None
        }
    training = member.spec.mode == "training"
    of_one = cost.training_flops(pixels) if training else cost.forward_flops(pixels)
    statement: dict[str, Said] = {
        "network": (
            f"DeepLabv3+ with Xception, {cost.parameters() / 1e6:.2f} M parameters, "
            f"{of_one / 1e12:.3g} TFLOP a sample in {member.spec.mode}"
        ),
        "samples of the last run": (
            f"{told.samples}, {member.spec.batch} in a pass, {member.spec.step_samples} in a step "
            f"over {member.spec.world} process(es)"
        ),
        "arithmetic": f"{member.spec.precision} on {member.device}",
    }
    return WorkRecord(
        title="Segmentation",
        notes=tuple(notes),
        statement=statement,
        figures=figures,
        series=tuple(series),
        images=(_image(member),),
        progress=told.progress,
        doubts=tuple(_doubts(member, told)),
    )


def _doubts(member: Member, told: Told) -> list[Doubt]:
    """Settings that are taken as they are and make the run a poor side of a comparison."""
    spec, found = member.spec, []
    if spec.precision == "bf16" and not native_bf16(member.device):
        message = (
            "torch has no bf16 kernels for this processor: its step takes several times that in "
            "fp32, and is no fair side of a comparison"
        )
        found.append(
            Doubt(
                code="bf16-emulated", message=message, remedy="--set precision=fp32, on both sides"
            )
        )
    if member.device.type == "cpu" and told.ranks > len(cpus()):
        message = (
            f"{told.ranks} processes share {len(cpus())} core(s): they wait for each other, and "
            "cost more than fewer would"
        )
        found.append(
            Doubt(code="crowded", message=message, remedy=f"--set ranks={len(cpus())} or fewer")
        )
    have = len(member.source)
    if spec.mode == "training" and spec.step_samples > have:
        message = (
            f"a step of {spec.step_samples} samples holds some of the {have} more than once: less "
            "is learned than of as many different ones"
        )
        found.append(
            Doubt(
                code="samples-repeat",
                message=message,
                remedy=f"--set samples={spec.step_samples} or more, or a smaller batch",
            )
        )
    nothing = quality.background_iou(told.counts) if told.counts is not None else 0.0
    if 0 < told.goal <= nothing:
        message = (
            f"the goal of IoU {told.goal:g} is no more than the {nothing:.3g} of a network that "
            "finds nothing"
        )
        found.append(
            Doubt(code="goal-trivial", message=message, remedy=f"a goal above {nothing:.3g}")
        )
    return found


def _image(member: Member) -> Image:
    """The first held-out sample."""
    import numpy as np

    sample = member.held.read(0)
    found = member.logits(0).argmax(1)[0].numpy().astype(np.uint8)
    vapour = (sample.field[:, :, 0].astype(np.uint32) << np.uint32(16)).view(np.float32)
    alt = (
        f"A held-out sample: {CHANNELS[0]} (vapour in the column), its labels, and what the "
        "network finds; cyclones vermilion, rivers blue"
    )
    return Image(
        name="field, label, prediction",
        png=picture.png(picture.panels(vapour, sample.label, found), picture.palette()),
        alt=alt,
    )
