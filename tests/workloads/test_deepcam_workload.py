"""deepcam as a workload: repeated runs, towards a goal, from a checkpoint, inference; checks and
record.
"""

from __future__ import annotations

import base64
import contextlib
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from energybench.errors import BadInput
from energybench_workloads.common import cpus, native_bf16
from energybench_workloads.deepcam import Deepcam, cost, picture, quality, record
from tests.workloads.small_deepcam import shrink
from tests.workloads.test_deepcam_data import write_cam5

# fp32: a processor without AVX-512 takes six times as long in bf16
FAST = {
    "threads": "1",
    "batch": "1",
    "samples": "4",
    "held": "1",
    "steps": "2",
    "precision": "fp32",
}


class Regions(Counter[str]):
    """Counts the regions by name."""

    @contextlib.contextmanager
    def __call__(self, label: str) -> Iterator[None]:
        yield
        self[label] += 1


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def set_up(**settings: str) -> Deepcam:
    workload = Deepcam()
    workload.setup("smoke", "cpu", Regions(), {**FAST, **settings})
    return workload


def test_in_bf16_the_logits_are_those_of_fp32_to_its_rounding() -> None:
    """A processor without bf16 arithmetic is named in a doubt."""
    workload = set_up(precision="bf16", steps="1", samples="1")
    assert workload.run(Regions()).arithmetic == "bf16"
    assert [check for check in workload.verify() if not check.passed] == []
    codes = [doubt.code for doubt in workload.record().doubts]
    assert codes == ([] if native_bf16(torch.device("cpu")) else ["bf16-emulated"])


def losses(workload: Deepcam) -> tuple[float, ...]:
    assert workload._trained is not None
    return workload._trained.losses


def test_a_run_is_the_same_again_and_marks_its_parts() -> None:
    """Equal bit by bit, in the first object and in a new one: a run begins from the weights of the
    seed. With gradient accumulation a step has two passes.
    """
    workload, regions = set_up(accumulate="2"), Regions()
    work = workload.run(regions)
    assert regions == {"transfer": 1 + 4, "data": 4, "forward": 4, "backward": 4, "optimiser": 2}
    first = losses(workload)
    workload.run(Regions())
    again = set_up(accumulate="2", recompute="true")
    assert again.run(Regions()) == work
    assert losses(workload) == losses(again) == first
    assert work.amount == 4
    assert work.unit == "sample"
    assert work.flops == 4 * cost.training_flops(32 * 48)
    assert work.arithmetic == "fp32"
    assert [check for check in workload.verify() if not check.passed] == []
    record = workload.record()
    assert record.series[0].y == first
    assert 0 <= record.figures["held-out mean IoU"] <= 1
    other = set_up(accumulate="2", seed="2", optimiser="lamb", precision="fp32")
    assert other.run(Regions()).fingerprint != work.fingerprint
    assert (begun := losses(other)) != first
    other.run(Regions())
    assert losses(other) == begun


def test_a_checkpoint_is_gone_on_with(tmp_path: Path) -> None:
    """Two runs of two steps, the second in a new object, train like one run of four steps. Every
    run counts its own samples; inference takes the weights.
    """
    path = str(tmp_path / "state.pt")
    uninterrupted = set_up(steps="4")
    uninterrupted.run(Regions())
    first = set_up(checkpoint=path)
    begun = first.run(Regions())
    second = set_up(checkpoint=path)
    went_on = second.run(Regions())
    assert losses(second) == losses(uninterrupted)
    assert begun.amount == went_on.amount == 2
    assert begun.fingerprint == went_on.fingerprint
    second.run(Regions())
    assert len(losses(second)) == 6
    applied = set_up(mode="inference", checkpoint=path)
    work = applied.run(Regions())
    assert work.flops == 2 * cost.forward_flops(32 * 48)
    assert torch.equal(applied._ready_team().first.logits(0), second._ready_team().first.logits(0))
    assert "held-out mean IoU" in applied.record().figures
    assert [check for check in applied.verify() if not check.passed] == []
    with pytest.raises(BadInput, match="other samples"):
        set_up(checkpoint=path, seed="2")
    with pytest.raises(BadInput, match="was trained with adamw"):
        set_up(checkpoint=path, optimiser="lamb")
    slower = set_up(checkpoint=path, lr="1e-5", steps="1")
    slower.run(Regions())
    assert {group["lr"] for group in slower._ready_team().first.optimiser.param_groups} == {1e-5}
    same, before = slower.record().progress, second.record().progress
    assert same is not None
    assert before is not None
    assert same.training == before.training
    with pytest.raises(BadInput, match="by another process"):
        second.run(Regions())
    assert list(tmp_path.iterdir()) == [tmp_path / "state.pt"]


def test_a_rehearsal_leaves_no_trace_and_a_budget_is_kept(tmp_path: Path) -> None:
    """A rehearsal before the first run, and between two runs, changes neither losses nor file.

    Three steps in runs of two steps are two runs.
    """
    path = tmp_path / "state.pt"
    plain, rehearsed = (
        set_up(checkpoint=str(tmp_path / "other.pt")),
        set_up(checkpoint=str(path), total="3"),
    )
    for work, done in ((2, False), (1, True)):
        before = path.read_bytes() if path.exists() else None
        assert rehearsed.rehearse(Regions()).amount == work
        assert (path.read_bytes() if path.exists() else None) == before
        assert rehearsed.run(Regions()).amount == work
        assert rehearsed.finished() is done
        plain.run(Regions())
    assert losses(rehearsed) == losses(plain)[:3]
    progress = rehearsed.record().progress
    assert progress is not None
    assert (progress.first, progress.last) == (0, 3)
    with pytest.raises(BadInput, match="holds 3 steps, already done"):
        set_up(checkpoint=str(path), total="3")


def test_a_goal_ends_the_run_and_is_the_unit() -> None:
    """A goal that every network reaches ends the run at the first evaluation; an unreachable goal
    fails the check at the last step. Precision is not part of the problem.
    """
    easy = set_up(iou="0.01", every="1", steps="3")
    work = easy.run(Regions())
    assert work.unit == "training to IoU 0.01"
    assert [doubt.code for doubt in easy.record().doubts] == ["goal-trivial"]
    assert work.precision == "equal-accuracy"
    assert len(losses(easy)) == 1
    assert all(check.passed for check in easy.verify())
    hard = set_up(iou="1", every="2", steps="2", precision="fp32")
    assert hard.run(Regions()).fingerprint != work.fingerprint
    assert [check.passed for check in hard.verify() if "short of" in check.quantity] == [False]
    with torch.no_grad():
        next(hard._ready_team().first.network.parameters()).fill_(float("nan"))
    assert [
        check.value for check in hard.verify() if "weights" in check.quantity and not check.passed
    ] == [None]


def test_poor_settings_are_taken_and_doubted() -> None:
    """More processes than cores, and more samples in a step than the training set has."""
    member = set_up(batch="3", samples="2")._ready_team().first
    outcome = record.TrainingOutcome(
        None, None, (0.0, 0.0), 6, 3.0, False, None, ranks=len(cpus()) + 1
    )
    assert [doubt.code for doubt in record.record(member, outcome).doubts] == [
        "crowded",
        "samples-repeat",
    ]
    assert (
        record.record(
            set_up(batch="2", samples="2")._ready_team().first, outcome._replace(ranks=len(cpus()))
        ).doubts
        == ()
    )


def test_a_training_that_diverges_is_a_failed_check_and_writes_no_checkpoint(
    tmp_path: Path,
) -> None:
    wild = set_up()
    next(iter(wild._ready_team().first.start.values())).fill_(float("nan"))
    wild.run(Regions())
    assert [check.value for check in wild.verify() if "weights" in check.quantity] == [None]
    assert wild.record().series[0].y == (None, None)
    saved = set_up(checkpoint=str(tmp_path / "state.pt"), steps="1")
    next(iter(saved._ready_team().first.start.values())).fill_(float("nan"))
    with pytest.raises(BadInput, match=r"diverged by step 1: .* was not written"):
        saved.run(Regions())
    assert not list(tmp_path.iterdir())


def test_own_data_is_trained_on(tmp_path: Path) -> None:
    write_cam5(tmp_path, 80, 96)
    workload = set_up(data=str(tmp_path), batch="2")
    assert workload.run(Regions()).amount == 4
    assert "CAM5" in workload.record().notes[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"iou": "0.5", "mode": "inference"},
        {"iou": "0.5", "checkpoint": "x"},
        {"iou": "0.5", "every": "0"},
        {"mode": "inference", "accumulate": "2"},
        {"mode": "inference", "checkpoint": "/no/such/file"},
        {"checkpoint": "/no/such/folder/state.pt"},
        {"total": "10"},
        {"graphs": "true"},
        {"graphs": "true", "accumulate": "2"},
        {"mode": "inference", "graphs": "true"},
        {"ranks": "1000"},
        {"total": "1", "checkpoint": "x"},
        {"data": "/no/such/folder"},
        {"batch": "0"},
        {"optimiser": "sgd"},
    ],
)
def test_settings_that_do_not_go_together_are_one_line(settings: dict[str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        set_up(**settings)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_a_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_text("not one")
    with pytest.raises(BadInput, match="not a checkpoint"):
        set_up(checkpoint=str(tmp_path / "state.pt"))


def test_iou_is_over_all_pixels_and_the_baseline_finds_only_background() -> None:
    """Worked by hand: of 90 background pixels 5 are called river; 4 cyclone pixels are missed; 6
    river pixels are found.
    """
    counts = torch.tensor([[85, 0, 5], [4, 0, 0], [0, 0, 6]])
    assert quality.class_iou(counts) == (85 / 94, 0.0, 6 / 11)
    assert quality.mean_iou(counts) == pytest.approx((85 / 94 + 6 / 11) / 3)
    assert quality.background_iou(counts) == pytest.approx(0.9 / 3)


def test_a_small_picture_is_drawn_larger() -> None:
    """Three panels of a 32 x 48 field would be tiny: a pixel is drawn as 6 x 6."""
    field, label = np.zeros((32, 48), np.float32), np.zeros((32, 48), np.uint8)
    assert picture.panels(field, label, label).shape == (6 * 32, 6 * (3 * 48 + 2 * picture.GAP))


def test_the_picture_is_a_png_that_keeps_rare_pixels() -> None:
    """Signature, checksums and size follow the standard. A single cyclone pixel in a field four
    times as wide as a panel is still visible, at its place, north up.
    """
    field = np.random.Generator(np.random.Philox(1)).standard_normal((768, 1152)).astype(np.float32)
    label = np.zeros((768, 1152), np.uint8)
    label[0, 5] = 1
    drawn = picture.panels(field, label, label * 2)
    data = base64.b64decode(picture.png(drawn, picture.palette()))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + body
        )
        chunks[kind] = body
        at += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert (height, width) == drawn.shape == (192, 3 * 288 + 2 * picture.GAP)
    pixels = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)[
        :, 1:
    ]
    first = 288 + picture.GAP
    assert pixels[-1, first + 1] == picture.FIELD + picture.GREY
    assert pixels[-1, first + 288 + picture.GAP + 1] == picture.FIELD + picture.GREY + 1
