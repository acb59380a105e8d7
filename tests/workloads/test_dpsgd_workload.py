"""dpsgd as a workload: four mechanisms that train alike, reproducible runs, checkpoints, goals and
users.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from energybench.errors import BadInput
from energybench.model import Work
from energybench_workloads.dpsgd import checks
from energybench_workloads.dpsgd.data import drawn
from tests.workloads.dpsgd_runs import Regions, failed, trainer, weights


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
    with pytest.raises(BadInput, match="already done"):
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


def test_batch_norm_trains_without_privacy() -> None:
    workload = trainer(mode="plain", norm="batch")
    workload.run(Regions())
    assert failed(workload) == []
