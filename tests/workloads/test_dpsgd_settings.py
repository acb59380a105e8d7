"""dpsgd: refused settings, the user's own data, sampling, and studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from energybench.errors import BadInput
from energybench_workloads.dpsgd import Dpsgd
from energybench_workloads.dpsgd.data import drawn
from energybench_workloads.dpsgd.spec import read
from tests.workloads.dpsgd_runs import FAST, Regions, trainer


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": "0"}, "without noise"),
        ({"batch": "201"}, "over 1"),
        ({"norm": "batch"}, "BatchNorm"),
        ({"epsilon": "1e-6", "steps": "1000"}, "cannot be met"),
        ({"epsilon": "0"}, "not allowed"),
        ({"epsilon": "1", "noise": "1"}, "either"),
        ({"mode": "plain", "noise": "1"}, "no privacy"),
        ({"epsilon": "1", "checkpoint": "x"}, "all runs"),
        ({"accuracy": "0.5", "checkpoint": "x"}, "do not go together"),
        ({"records": "2"}, "user's"),
        ({"unit": "user", "mode": "ghost"}, "examples only"),
        ({"unit": "user", "records": "32"}, "cannot hold"),
        ({"examples": "1700", "held": "200"}, "1797 digits"),
        ({"data": "/no/such/file.npz"}, "no such file"),
        ({"sampling": "sorted"}, "not allowed"),
        ({"checkpoint": "/no/such/folder/state.pt"}, "no folder"),
        ({"data": "text"}, "for --size text"),
        ({"data": "digits", "unit": "user"}, "whose digits"),
        ({"total": "100"}, "one checkpoint"),
    ],
)
def test_settings_that_cannot_be_private_or_done_are_one_line(
    settings: dict[str, str], message: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        trainer(**settings)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "settings", "message"),
    [
        ("text", {"data": "digits"}, "made from the seed"),
        ("text", {"mode": "plain", "norm": "batch"}, "LayerNorm"),
        ("conv6", {"data": "digits"}, "28 x 28"),
    ],
)
def test_data_unsuited_to_a_network_are_one_line(
    size: str, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        trainer(size, **settings)


@pytest.mark.parametrize(
    ("label", "message"),
    [(10, "labels from 0 to 10"), (-1, "labels from -1"), (0.5, "labels from")],
)
def test_labels_out_of_range_are_refused_and_own_data_is_trained_on(
    tmp_path: Path, label: float, message: str
) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    x, y = rng.standard_normal((240, 1, 28, 28), np.float32), np.arange(240) % 10
    np.savez(tmp_path / "own.npz", x=x, y=y)
    assert trainer(data=str(tmp_path / "own.npz")).run(Regions()).amount > 0
    np.savez(tmp_path / "bad.npz", x=x, y=np.where(np.arange(240) == 7, label, y))
    with pytest.raises(BadInput, match=message):
        trainer(data=str(tmp_path / "bad.npz"))
    np.savez(tmp_path / "complex.npz", x=x + 1j, y=y)
    np.savez(tmp_path / "objects.npz", x=x, y=y.astype(object))
    np.save(tmp_path / "one.npy", x)
    np.savez(tmp_path / "half.npz", x=x)
    for name, why in (
        ("complex.npz", "complex"),
        ("objects.npz", "Python objects"),
        ("one.npy", "not an .npz file"),
        ("half.npz", "y is not"),
    ):
        with pytest.raises(BadInput, match=why):
            trainer(data=str(tmp_path / name))
    np.savez(tmp_path / "raw.npz", x=(x * 255).astype(np.uint8), y=y)
    raw = trainer(data=str(tmp_path / "raw.npz"))
    raw.run(Regions())
    assert "unscaled" in [doubt.code for doubt in raw.record().doubts]
    assert "raw.npz (SHA-256" in str(raw.record().statement["data"])
    np.savez(tmp_path / "flat.npz", x=x[:, 0], y=y)
    with pytest.raises(BadInput, match=r"x \[240, 28, 28\]"):
        trainer(data=str(tmp_path / "flat.npz"))


def test_shuffled_batches_are_a_doubt() -> None:
    workload = trainer(sampling="shuffle")
    workload.run(Regions())
    assert [doubt.code for doubt in workload.record().doubts][:1] == ["shuffled-batches"]
    one_pass = torch.cat([drawn(workload._spec, step) for step in range(200 // 24)])
    assert len(one_pass.unique()) == len(one_pass) == 200 // 24 * 24


def test_poisson_samples_have_their_rate() -> None:
    """Mean and variance of 400 batches' sizes agree with a binomial distribution."""
    spec = read("smoke", {**FAST, "examples": "1000", "batch": "100"})
    sizes = [len(drawn(spec, step)) for step in range(400)]
    assert np.mean(sizes) == pytest.approx(100, abs=5 * np.sqrt(90 / 400))
    assert np.var(sizes) == pytest.approx(90, rel=0.4)


@pytest.mark.parametrize("study", ["cost", "accuracy", "batch"])
def test_studies_plan_cells_that_every_variant_can_run(study: str) -> None:
    """Plain SGD comes first; the settings of every variant are accepted."""
    plan = Dpsgd().plan(
        study,
        "cpu",
        {"examples": "200", "held": "40", "physical": "32"}
        | ({"batch": "16,32"} if study != "accuracy" else {"batch": "16"}),
    )
    assert plan.cells
    for cell in plan.cells:
        assert cell.variants[0].name == "plain"
        for variant in cell.variants:
            read(cell.size, variant.settings)
    with pytest.raises(BadInput, match="over 1"):
        Dpsgd().plan(study, "cpu", {"examples": "200", "batch": "500"})
    with pytest.raises(BadInput, match="nothing to compare"):
        Dpsgd().plan(study, "cpu", {"mode": "plain"})
    with pytest.raises(BadInput, match="no such setting"):
        Dpsgd().plan(study, "cpu", {"colour": "red"})
