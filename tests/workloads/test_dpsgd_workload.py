"""dpsgd as a workload: four mechanisms that train alike, reproducible runs, checkpoints, goals,
users, refused settings, and studies.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from energybench.errors import BadInput
from energybench.model import Work
from energybench_workloads.dpsgd import Dpsgd, checks
from energybench_workloads.dpsgd.data import drawn
from energybench_workloads.dpsgd.spec import read

FAST = {
    "threads": "1",
    "steps": "2",
    "batch": "24",
    "physical": "16",
    "examples": "200",
    "held": "40",
}


class Regions(Counter[str]):
    """Counts the regions entered."""

    @contextlib.contextmanager
    def __call__(self, label: str) -> Iterator[None]:
        yield
        self[label] += 1


def trainer(size: str = "smoke", **settings: str) -> Dpsgd:
    workload = Dpsgd()
    workload.setup(size, "cpu", Regions(), {**FAST, **settings})
    return workload


def weights(workload: Dpsgd) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in workload._prepared().network.parameters()])


def failed(workload: Dpsgd) -> list[str]:
    return [check.quantity for check in workload.verify() if not check.passed]


def test_a_run_is_reproducible_and_marks_its_parts() -> None:
    """Bit by bit, in one workload and in a new one.

    Batches come in parts of at most 16 examples; the work is the number of examples drawn.
    """
    workload, regions = trainer(), Regions()
    work = workload.run(regions)
    counts = [len(drawn(workload._spec, step)) for step in range(2)]
    parts = sum(-(-count // 16) for count in counts)
    assert regions == {
        "transfer": 1 + parts,
        "data": 2 + parts,
        "forward": parts,
        "backward": parts,
        "optimiser": 2,
    }
    assert work.amount == sum(counts)
    first = weights(workload)
    workload.memory()
    assert workload.run(Regions()) == work
    assert torch.equal(weights(workload), first)
    again = trainer()
    assert again.run(Regions()) == work
    assert torch.equal(weights(again), first)
    other = trainer(seed="2")
    assert other.run(Regions()).fingerprint != work.fingerprint
    assert not torch.equal(weights(other), first)


@pytest.mark.parametrize("size", ["smoke", "text"])
def test_modes_do_the_same_work_and_end_at_the_same_weights(size: str) -> None:
    """Hooks, ghost norms and book-keeping clip alike and draw equal noise; plain SGD has an equal
    fingerprint, and different weights.
    """
    runs: dict[str, tuple[Work, torch.Tensor]] = {}
    for mode in ("plain", "explicit", "ghost", "book-keeping"):
        workload = trainer(
            size, mode=mode, lr="0.5", **({} if mode == "plain" else {"clip": "0.5"})
        )
        runs[mode] = workload.run(Regions()), weights(workload)
        assert failed(workload) == []
        assert len(workload.verify()) == (1 if mode == "plain" else 4)
    assert len({work.fingerprint for work, _ in runs.values()}) == 1
    assert len({work.amount for work, _ in runs.values()}) == 1
    for mode in ("ghost", "book-keeping"):
        explicit = runs["explicit"][1]
        assert float((runs[mode][1] - explicit).norm() / explicit.norm()) < 1e-5
    assert not torch.allclose(runs["plain"][1], runs["explicit"][1], rtol=1e-3)


def test_plain_training_is_sgd_by_hand() -> None:
    """Two steps with momentum, gradients summed over the drawn examples and divided by the expected
    batch.
    """
    workload = trainer(mode="plain", lr="0.2", momentum="0.9", physical="200")
    workload.run(Regions())
    training = workload._prepared()
    network = checks.fresh(workload._spec, training)
    network.load_state_dict(training.start)
    optimiser = torch.optim.SGD(network.parameters(), 0.2, 0.9)
    for step in range(2):
        rows = drawn(workload._spec, step)
        loss = (
            torch.nn.functional.cross_entropy(
                network(training.data.x[rows]), training.data.y[rows], reduction="sum"
            )
            / 24
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert torch.allclose(
        weights(workload),
        torch.cat([p.detach().flatten() for p in network.parameters()]),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("mode", ["explicit", "book-keeping"])
def test_users_are_clipped_whole(mode: str) -> None:
    """With three records of a user: a user adds at most C; parts hold whole users; the statement
    names the user as the unit of privacy.
    """
    workload = trainer(mode=mode, unit="user", records="3", clip="0.1")
    work = workload.run(Regions())
    assert work.amount % 3 == 0
    assert failed(workload) == []
    assert "3 records of one user" in str(workload.record().statement["unit of privacy"])


def test_checks_find_a_mechanism_that_does_not_clip_or_adds_too_little_noise() -> None:
    workload = trainer(clip="0.1")
    workload.run(Regions())
    training = workload._prepared()
    training.spec = training.spec._replace(clip=0.05, noise=1.3)
    quantities = {check.quantity.split(",")[0]: check.passed for check in checks.private(training)}
    assert quantities["norm of a unit's clipped gradient"] is False
    assert quantities["noise's standard deviation over σC"] is False
    assert not any(quantities.values())


def test_a_run_continues_from_a_checkpoint(tmp_path: Path) -> None:
    """Two runs of two steps, the second by a new workload, train as one run of four steps; ε counts
    four steps; measuring memory leaves no trace.
    """
    path = str(tmp_path / "state.pt")
    uninterrupted = trainer(steps="4")
    uninterrupted.run(Regions())
    begun = trainer(checkpoint=path)
    begun.run(Regions())
    begun.memory()
    second = trainer(checkpoint=path)
    second.run(Regions())
    assert torch.equal(weights(second), weights(uninterrupted))
    assert second.record().figures["epsilon"] == uninterrupted.record().figures["epsilon"]
    assert second.record().series[0].y == uninterrupted.record().series[0].y
    begun = trainer(checkpoint=path)
    begun.run(Regions())
    begun.memory()
    begun.run(Regions())
    longer = trainer(steps="8")
    longer.run(Regions())
    assert torch.equal(weights(begun), weights(longer))
    with pytest.raises(BadInput, match="another noise"):
        trainer(checkpoint=path, noise="2")
    (tmp_path / "other.pt").write_text("not one")
    with pytest.raises(BadInput, match="not a checkpoint"):
        trainer(checkpoint=str(tmp_path / "other.pt"))


def test_two_trainings_do_not_write_one_file(tmp_path: Path) -> None:
    """Both would lose steps that were trained on the data nevertheless: the second workload to save
    gets an error, and the file stays the first workload's.
    """
    path = tmp_path / "state.pt"
    one, two = trainer(checkpoint=str(path)), trainer(checkpoint=str(path))
    one.run(Regions())
    saved = path.read_bytes()
    with pytest.raises(BadInput, match="by another process"):
        two.run(Regions())
    with pytest.raises(BadInput, match="by another process"):
        two.rehearse(Regions())
    one.run(Regions())
    assert path.read_bytes() != saved
    assert list(tmp_path.iterdir()) == [path]


def test_a_rehearsal_leaves_no_trace(tmp_path: Path) -> None:
    """Rehearsals before the first run and between runs change no bit of the weights, the file or
    the progress; a rehearsal does the work of a run.
    """
    path = tmp_path / "state.pt"
    plain, rehearsed = trainer(checkpoint=str(tmp_path / "other.pt")), trainer(checkpoint=str(path))
    for _ in range(2):
        before = path.read_bytes() if path.exists() else None
        regions = Regions()
        assert rehearsed.rehearse(regions) == rehearsed.rehearse(Regions())
        assert regions["checkpoint"] == 1
        assert (path.read_bytes() if path.exists() else None) == before
        assert rehearsed.run(Regions()) == plain.run(Regions())
        assert torch.equal(weights(rehearsed), weights(plain))
    ran, never = rehearsed.record(), plain.record()
    assert ran.progress is not None
    assert never.progress is not None
    assert (ran.progress.first, ran.progress.last, ran.progress.work_per_unit) == (
        0,
        4,
        never.progress.work_per_unit,
    )
    assert ran.series == never.series
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("settings", [{"epsilon": "4", "accountant": "rdp"}, {"mode": "plain"}])
def test_a_budget_is_not_overdrawn(tmp_path: Path, settings: dict[str, str]) -> None:
    """The noise is computed for `total` steps; no step beyond `total` is trained, with or without
    privacy.
    """
    workload = trainer(checkpoint=str(tmp_path / "state.pt"), total="3", **settings)
    workload.run(Regions())
    assert not workload.finished()
    workload.run(Regions())
    assert workload.finished()
    assert workload._last_run().steps == 3
    assert workload.record().figures.get("epsilon", 0.0) <= 4
    with pytest.raises(BadInput, match="these are done"):
        workload.run(Regions())


def test_a_goal_ends_the_run_and_is_the_unit() -> None:
    easy = trainer(accuracy="0.01", every="1")
    work = easy.run(Regions())
    assert (work.unit, work.precision, work.amount) == (
        "training to accuracy 0.01",
        "equal-accuracy",
        1.0,
    )
    assert easy._last_run().steps == 1
    assert failed(easy) == []
    hard = trainer(accuracy="1", every="1", mode="plain")
    assert hard.run(Regions()).fingerprint != work.fingerprint
    assert failed(hard) == ["held-out accuracy short of 1"]


def test_a_batch_without_examples_is_noise_alone() -> None:
    """With one unit of a thousand expected in a batch, many steps draw no unit: such a step has no
    loss, and counts as a step.
    """
    workload = trainer(batch="1", examples="1000", steps="6", momentum="0")
    work = workload.run(Regions())
    losses = workload._last_run().losses
    assert None in losses
    assert work.amount == max(sum(len(drawn(workload._spec, step)) for step in range(6)), 1)
    assert workload.record().figures["steps"] == 6


def test_a_diverging_training_fails_its_check_without_an_internal_error() -> None:
    """NaN weights cause no internal error, and a curve without values for NaN losses.

    A finite loss far above the first is a doubt.
    """
    wild = trainer(mode="plain", lr="1000", steps="20")
    wild.run(Regions())
    assert [check.value for check in wild.verify() if not check.passed] == [None]
    record = wild.record()
    assert "loss of the last step" not in record.figures
    assert record.series[0].y[0] is not None
    assert record.series[0].y[-1] is None
    far = trainer(clip="1e6")
    far.run(Regions())
    assert failed(far) == []
    assert "diverging" in [doubt.code for doubt in far.record().doubts]


def test_real_digits_are_learned_with_and_without_privacy() -> None:
    """Held-out accuracy far above chance (0.1) after 25 steps."""
    for mode in ("plain", "book-keeping"):
        noise = {"noise": "0.6"} if mode != "plain" else {}
        workload = trainer(
            "conv2",
            mode=mode,
            steps="25",
            batch="256",
            physical="256",
            examples="1500",
            held="297",
            **noise,
        )
        workload.run(Regions())
        assert workload.record().figures["held-out accuracy"] > 0.5


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


def test_batch_norm_trains_without_privacy() -> None:
    workload = trainer(mode="plain", norm="batch")
    workload.run(Regions())
    assert failed(workload) == []


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
