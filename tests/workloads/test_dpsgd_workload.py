"""dpsgd as a workload: four mechanisms that train alike, the same run twice, checkpoints, goals,
users, what is refused, and its studies.
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
    """Counts what it is asked to mark."""

    @contextlib.contextmanager
    def __call__(self, label: str) -> Iterator[None]:
        yield
        self[label] += 1


def made(size: str = "smoke", **settings: str) -> Dpsgd:
    workload = Dpsgd()
    workload.setup(size, "cpu", Regions(), {**FAST, **settings})
    return workload


def weights(workload: Dpsgd) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in workload._prepared().network.parameters()])


def failed(workload: Dpsgd) -> list[str]:
    return [check.quantity for check in workload.verify() if not check.passed]


def test_a_run_is_the_same_again_and_marks_its_parts() -> None:
    """Bit by bit, in one process and in a fresh one.

    Batches come in parts of at most 16 examples; the work is what the sampler has drawn.
    """
    workload, regions = made(), Regions()
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
    again = made()
    assert again.run(Regions()) == work
    assert torch.equal(weights(again), first)
    other = made(seed="2")
    assert other.run(Regions()).fingerprint != work.fingerprint
    assert not torch.equal(weights(other), first)


@pytest.mark.parametrize("size", ["smoke", "text"])
def test_modes_do_the_same_work_and_end_at_the_same_weights(size: str) -> None:
    """Hooks, ghost norms and book-keeping clip alike and draw the same noise; plain SGD has the
    same fingerprint, and other weights.
    """
    runs: dict[str, tuple[Work, torch.Tensor]] = {}
    for mode in ("plain", "explicit", "ghost", "book-keeping"):
        workload = made(size, mode=mode, lr="0.5", **({} if mode == "plain" else {"clip": "0.5"}))
        runs[mode] = workload.run(Regions()), weights(workload)
        assert failed(workload) == []
        assert len(workload.verify()) == (1 if mode == "plain" else 4)
    assert len({work.fingerprint for work, _ in runs.values()}) == 1
    assert len({work.amount for work, _ in runs.values()}) == 1
    for mode in ("ghost", "book-keeping"):
        assert (
            float((runs[mode][1] - runs["explicit"][1]).norm() / runs["explicit"][1].norm()) < 1e-5
        )
    assert not torch.allclose(runs["plain"][1], runs["explicit"][1], rtol=1e-3)


def test_plain_training_is_sgd_by_hand() -> None:
    """Two steps with momentum, gradients summed over the drawn examples and divided by the expected
    batch.
    """
    workload = made(mode="plain", lr="0.2", momentum="0.9", physical="200")
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
    """Three records a user: what a user adds is at most C; parts hold whole users; the statement
    says whose privacy it is.
    """
    workload = made(mode=mode, unit="user", records="3", clip="0.1")
    work = workload.run(Regions())
    assert work.amount % 3 == 0
    assert failed(workload) == []
    assert "3 records of one user" in str(workload.record().statement["unit of privacy"])


def test_checks_find_a_mechanism_that_does_not_clip_or_adds_too_little_noise() -> None:
    workload = made(clip="0.1")
    workload.run(Regions())
    training = workload._prepared()
    training.spec = training.spec._replace(clip=0.05, noise=1.3)
    quantities = {check.quantity.split(",")[0]: check.passed for check in checks.private(training)}
    assert quantities["norm of a unit's clipped gradient"] is False
    assert quantities["noise's standard deviation over σC"] is False
    assert not any(quantities.values())


def test_a_checkpoint_is_gone_on_with(tmp_path: Path) -> None:
    """Two runs of two steps, the second in a fresh process's place, train as one of four does; ε
    counts all four; memory's look leaves no trace.
    """
    path = str(tmp_path / "state.pt")
    whole = made(steps="4")
    whole.run(Regions())
    begun = made(checkpoint=path)
    begun.run(Regions())
    begun.memory()
    second = made(checkpoint=path)
    second.run(Regions())
    assert torch.equal(weights(second), weights(whole))
    assert second.record().figures["epsilon"] == whole.record().figures["epsilon"]
    assert second.record().series[0].y == whole.record().series[0].y
    begun = made(checkpoint=path)
    begun.run(Regions())
    begun.memory()
    begun.run(Regions())
    longer = made(steps="8")
    longer.run(Regions())
    assert torch.equal(weights(begun), weights(longer))
    with pytest.raises(BadInput, match="another noise"):
        made(checkpoint=path, noise="2")
    (tmp_path / "other.pt").write_text("not one")
    with pytest.raises(BadInput, match="not a checkpoint"):
        made(checkpoint=str(tmp_path / "other.pt"))


def test_two_trainings_do_not_write_one_file(tmp_path: Path) -> None:
    """Each would lose the other's steps, which were trained on the data all the same: the second to
    save is told, and the file is the first one's.
    """
    path = tmp_path / "state.pt"
    one, two = made(checkpoint=str(path)), made(checkpoint=str(path))
    one.run(Regions())
    kept = path.read_bytes()
    with pytest.raises(BadInput, match="by another process"):
        two.run(Regions())
    with pytest.raises(BadInput, match="by another process"):
        two.rehearse(Regions())
    one.run(Regions())
    assert path.read_bytes() != kept
    assert list(tmp_path.iterdir()) == [path]


def test_a_rehearsal_leaves_no_trace(tmp_path: Path) -> None:
    """Before the first run, and between two: same bits, same file, same progress as without; it
    does a run's own work.
    """
    path = tmp_path / "state.pt"
    plain, rehearsed = made(checkpoint=str(tmp_path / "other.pt")), made(checkpoint=str(path))
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
    """The noise is found for `total` steps; what would go beyond them is not trained, without
    privacy neither.
    """
    workload = made(checkpoint=str(tmp_path / "state.pt"), total="3", **settings)
    workload.run(Regions())
    assert not workload.finished()
    workload.run(Regions())
    assert workload.finished()
    assert workload._ran().steps == 3
    assert workload.record().figures.get("epsilon", 0.0) <= 4
    with pytest.raises(BadInput, match="these are done"):
        workload.run(Regions())


def test_a_goal_ends_the_run_and_is_the_unit() -> None:
    easy = made(accuracy="0.01", every="1")
    work = easy.run(Regions())
    assert (work.unit, work.precision, work.amount) == (
        "training to accuracy 0.01",
        "equal-accuracy",
        1.0,
    )
    assert easy._ran().steps == 1
    assert failed(easy) == []
    hard = made(accuracy="1", every="1", mode="plain")
    assert hard.run(Regions()).fingerprint != work.fingerprint
    assert failed(hard) == ["held-out accuracy short of 1"]


def test_a_batch_without_examples_is_noise_alone() -> None:
    """With two units in a thousand expected, most steps draw none: the loss has no value there, and
    the steps count.
    """
    workload = made(batch="1", examples="1000", steps="6", momentum="0")
    work = workload.run(Regions())
    losses = workload._ran().losses
    assert None in losses
    assert work.amount == max(sum(len(drawn(workload._spec, step)) for step in range(6)), 1)
    assert workload.record().figures["steps"] == 6


def test_a_training_that_diverges_fails_its_check_in_words() -> None:
    """Weights that are no numbers: no internal error, a curve without the points that are none.

    A loss that is one, and far off, is a doubt.
    """
    wild = made(mode="plain", lr="1000", steps="20")
    wild.run(Regions())
    assert [check.value for check in wild.verify() if not check.passed] == [None]
    kept = wild.record()
    assert "loss of the last step" not in kept.figures
    assert kept.series[0].y[0] is not None
    assert kept.series[0].y[-1] is None
    far = made(clip="1e6")
    far.run(Regions())
    assert failed(far) == []
    assert "diverging" in [doubt.code for doubt in far.record().doubts]


def test_it_learns_real_digits_with_and_without_privacy() -> None:
    """Held-out accuracy far above chance (0.1) after 25 steps."""
    for mode in ("plain", "book-keeping"):
        noise = {"noise": "0.6"} if mode != "plain" else {}
        workload = made(
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
    ("settings", "says"),
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
def test_what_cannot_be_private_or_done_is_one_line(settings: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        made(**settings)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "settings", "says"),
    [
        ("text", {"data": "digits"}, "made from the seed"),
        ("text", {"mode": "plain", "norm": "batch"}, "LayerNorm"),
        ("conv6", {"data": "digits"}, "28 x 28"),
    ],
)
def test_data_that_do_not_suit_a_network_are_one_line(
    size: str, settings: dict[str, str], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        made(size, **settings)


def test_batch_norm_trains_without_privacy() -> None:
    workload = made(mode="plain", norm="batch")
    workload.run(Regions())
    assert failed(workload) == []


@pytest.mark.parametrize(
    ("label", "says"), [(10, "labels from 0 to 10"), (-1, "labels from -1"), (0.5, "labels from")]
)
def test_labels_out_of_range_are_refused_and_own_data_is_trained_on(
    tmp_path: Path, label: float, says: str
) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    x, y = rng.standard_normal((240, 1, 28, 28), np.float32), np.arange(240) % 10
    np.savez(tmp_path / "own.npz", x=x, y=y)
    assert made(data=str(tmp_path / "own.npz")).run(Regions()).amount > 0
    np.savez(tmp_path / "bad.npz", x=x, y=np.where(np.arange(240) == 7, label, y))
    with pytest.raises(BadInput, match=says):
        made(data=str(tmp_path / "bad.npz"))
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
            made(data=str(tmp_path / name))
    np.savez(tmp_path / "raw.npz", x=(x * 255).astype(np.uint8), y=y)
    raw = made(data=str(tmp_path / "raw.npz"))
    raw.run(Regions())
    assert "unscaled" in [doubt.code for doubt in raw.record().doubts]
    assert "raw.npz (SHA-256" in str(raw.record().statement["data"])
    np.savez(tmp_path / "flat.npz", x=x[:, 0], y=y)
    with pytest.raises(BadInput, match=r"x \[240, 28, 28\]"):
        made(data=str(tmp_path / "flat.npz"))


def test_shuffled_batches_are_a_doubt() -> None:
    workload = made(sampling="shuffle")
    workload.run(Regions())
    assert [doubt.code for doubt in workload.record().doubts][:1] == ["shuffled-batches"]
    one_pass = torch.cat([drawn(workload._spec, step) for step in range(200 // 24)])
    assert len(one_pass.unique()) == len(one_pass) == 200 // 24 * 24


def test_poisson_samples_have_their_rate() -> None:
    """Mean and variance of 400 batches' sizes are those of a binomial distribution; no unit is
    drawn by its place.
    """
    spec = read("smoke", {**FAST, "examples": "1000", "batch": "100"})
    sizes = [len(drawn(spec, step)) for step in range(400)]
    assert np.mean(sizes) == pytest.approx(100, abs=5 * np.sqrt(90 / 400))
    assert np.var(sizes) == pytest.approx(90, rel=0.4)


@pytest.mark.parametrize("study", ["cost", "accuracy", "batch"])
def test_studies_plan_cells_that_their_variants_can_run(study: str) -> None:
    """Plain SGD comes first; all variants of a cell set up, and are the same work."""
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
