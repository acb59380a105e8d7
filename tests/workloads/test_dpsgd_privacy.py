"""Accountants against published values; noise from a target; targets that cannot be met."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from energybench.cli.variants import choices
from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.model import Said, WorkloadRef
from energybench.registry import secret_settings
from energybench.store.writer import RunWriter
from energybench_workloads.dpsgd import privacy
from energybench_workloads.dpsgd.data import examples as digits
from energybench_workloads.dpsgd.doubts import of_privacy
from energybench_workloads.dpsgd.record import record
from energybench_workloads.dpsgd.spec import read, sealed
from energybench_workloads.dpsgd.statement import statement
from energybench_workloads.dpsgd.studies import plan
from energybench_workloads.dpsgd.training import Trained
from tests.store.filled_runs import fill, header

SECRET = str(2**61 + 5)
DIGEST = "0" * 64


def broken(stated: dict[str, Said]) -> tuple[str, ...]:
    """The assumptions that do not hold."""
    texts = stated["assumptions that do not hold"]
    assert isinstance(texts, tuple)
    return texts


def test_golden_values() -> None:
    """The tutorial's MNIST run: q = 256/60000, σ = 1.1, 14040 steps, δ = 1e-5.

    Without a step nothing is spent.
    """
    spent = privacy.spent(256 / 60000, 1.1, 14040, 1e-5)
    assert spent.rdp == pytest.approx(2.59436, abs=1e-4)
    assert spent.pld == pytest.approx(2.37964, abs=1e-4)
    assert privacy.epsilon("pld", 0.1, 1.1, 0, 1e-5) == 0.0


def test_next_to_no_noise_is_stated_and_takes_no_memory() -> None:
    """PLD's grid would not fit: RDP's bound is claimed, and named in the statement. Without any
    bound nothing is claimed.
    """
    spent = privacy.spent(0.17, 0.02, 60, 1e-5)
    assert spent.pld == spent.rdp > 10_000
    spec = read("conv2", {"noise": "0.02"})
    assert "RDP's stands for it" in str(statement(spec, spent, 60, DIGEST)["accountant"])
    assert "none" in str(
        statement(spec, spent._replace(rdp=math.inf, pld=math.inf), 60, DIGEST)["formal statement"]
    )


def test_without_sampling_rdp_is_the_gaussian_closed_form() -> None:
    """For one Gaussian mechanism, RDP of order α is α/2σ², and ε is the least sum of α/2σ² and log
    terms over the orders (Canonne et al., arXiv:2004.00010, prop. 12).
    """
    sigma, delta = 2.0, 1e-5
    orders = [1 + k / 1000 for k in range(1, 60000)]
    best = min(
        a / (2 * sigma**2) + math.log1p(-1 / a) - math.log(delta * a) / (a - 1) for a in orders
    )
    assert privacy.epsilon("rdp", 1.0, sigma, 1, delta) == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize(("accountant", "target"), [("rdp", 3.0), ("pld", 1.0)])
def test_noise_for_a_target_is_the_least_that_suffices(accountant: str, target: float) -> None:
    noise = privacy.noise_for(target, accountant, 0.1, 40, 1e-5)
    assert privacy.epsilon(accountant, 0.1, noise, 40, 1e-5) <= target
    assert privacy.epsilon(accountant, 0.1, noise * 0.999, 40, 1e-5) > target


def test_noise_is_found_for_large_targets_too() -> None:
    """ε = 2000 is hardly any privacy, and the noise is still the least that suffices."""
    noise = privacy.noise_for(2000.0, "pld", 0.1, 40, 1e-5)
    assert privacy.epsilon("rdp", 0.1, noise, 40, 1e-5) <= 2000
    assert privacy.epsilon("rdp", 0.1, noise * 0.999, 40, 1e-5) > 2000


def test_an_epsilon_out_of_reach_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput, match="cannot be met"):
        privacy.noise_for(1e-4, "pld", 0.5, 100000, 1e-6)
    with pytest.raises(BadInput, match="hides nothing"):
        privacy.noise_for(1e9, "pld", 0.5, 40, 1e-5)


def test_the_statement_is_complete_and_lists_assumptions_that_do_not_hold() -> None:
    """Poisson: amplified, no doubt.

    Shuffled: a unit is used once in a pass at full rate, a doubt names the smaller ε that does not
    hold, and the larger ε is claimed.
    """
    spec = read("conv2", {"steps": "30", "noise": "2", "seed": SECRET})
    rate, times = spec.exposures(30)
    assert (rate, times) == (256 / 1500, 30)
    spent = privacy.spent(rate, 2.0, times, 1e-5)
    stated = statement(spec, spent, 30, DIGEST)
    assert set(stated) == {
        "setting",
        "data",
        "accesses covered",
        "accesses not covered",
        "released",
        "unit of privacy",
        "adjacency",
        "mechanism",
        "sampling",
        "accountant",
        "assumptions that hold",
        "assumptions that do not hold",
        "formal statement",
        "tier",
        "versions",
    }
    (rounded,) = broken(stated)
    assert "noise is real-valued" in rounded
    assert len(stated["assumptions that hold"]) == 4  # type: ignore[arg-type]
    formal = re.match(
        r"\((\S+), 1e-05\)-DP for an example, by PLD", str(stated["formal statement"])
    )
    assert formal is not None
    assert spent.pld <= float(formal[1]) <= spent.pld * 1.001
    assert of_privacy(spec, spent, None) == ()

    # The default seed, which everybody knows, and a small one
    public = read("conv2", {"steps": "30", "noise": "2"})
    assert [doubt.code for doubt in of_privacy(public, spent, None)] == ["known-seed"]
    seed, _ = broken(statement(public, spent, 30, DIGEST))
    assert "the seed is the default" in seed
    small = read("conv2", {"steps": "30", "noise": "2", "seed": "12345"})
    assert [doubt.code for doubt in of_privacy(small, spent, None)] == ["guessable-seed"]
    assert len(broken(statement(small, spent, 30, DIGEST))) == 2

    # Shuffled batches
    shuffled = read("conv2", {"steps": "30", "noise": "2", "sampling": "shuffle", "seed": SECRET})
    rate, times = shuffled.exposures(30)
    assert (rate, times) == (1.0, 6)  # five batches of 256 in 1500
    unamplified = privacy.spent(rate, 2.0, times, 1e-5)
    assert unamplified.pld > spent.pld
    doubts = of_privacy(shuffled, unamplified, spent)
    assert [doubt.code for doubt in doubts] == ["shuffled-batches"]
    stated = statement(shuffled, unamplified, 30, DIGEST)
    assert f"({math.ceil(unamplified.pld * 1000) / 1000:g}, 1e-05)" in str(
        stated["formal statement"]
    )
    sampling, _ = broken(stated)
    assert "shuffled" in sampling


def test_a_stop_by_accuracy_is_stated_by_the_most_steps_allowed() -> None:
    """The step of the stop depends on the weights: the ε of the steps taken is not a guarantee."""
    spec = read("conv2", {"accuracy": "0.5", "steps": "60", "noise": "2", "seed": SECRET})
    assert spec.guaranteed(10) == 60
    most = privacy.spent(*spec.exposures(60)[:1], 2.0, 60, 1e-5)
    stopped = record(
        spec, Trained((1.0,) * 10, ((10, 0.6),), 0, 2560), 0.6, 0.1, None, digits(spec)
    )
    assert stopped.figures["epsilon"] == most.pld
    assert stopped.figures["compositions"] == 60
    stated = stopped.statement
    assert f"({math.ceil(most.pld * 1000) / 1000:g}, 1e-05)" in str(stated["formal statement"])
    assert "stopped at step 10" in str(stated["accesses covered"])

    # A run that missed the goal took every step allowed
    complete = record(
        spec, Trained((1.0,) * 60, ((60, 0.4),), 0, 15360), 0.4, 0.1, None, digits(spec)
    )
    assert str(complete.statement["accesses covered"]).startswith("all 60 steps")
    assert read("conv2", {"steps": "60"}).guaranteed(10) == 10


def test_an_accountant_that_did_not_count_is_not_named() -> None:
    """If ε is too large for PLD, RDP's ε is stated, under RDP's name."""
    spec = read("conv2", {"noise": "0.05", "seed": SECRET})
    spent = privacy.spent(spec.rate, 0.05, 60, 1e-5)
    assert spent.rdp > privacy.MOST_PLD
    assert "by RDP" in str(statement(spec, spent, 60, DIGEST)["formal statement"])
    trained = Trained((1.0,) * 60, (), 0, 15360)
    figures = record(spec, trained, 0.6, 0.1, None, digits(spec)).figures
    assert "epsilon by PLD" not in figures


def test_weak_and_careless_values_are_doubted() -> None:
    spec = read("conv2", {"noise": "0.6", "delta": "0.01", "seed": SECRET})
    spent = privacy.spent(spec.rate, 0.6, 60, 0.01)
    assert spent.pld > 10
    assert [doubt.code for doubt in of_privacy(spec, spent, None)] == [
        "delta-large",
        "weak-privacy",
    ]
    assert privacy.tier(spent.pld, 1e-5, 1500).startswith("3")
    assert [privacy.tier(value, 1e-5, 1500)[0] for value in (1.0, 1.01, 10.0)] == ["1", "2", "2"]
    assert (
        statement(spec, spent, 60, DIGEST)["tier"]
        == "none: δ = 0.01 is above one over the 1500 units, whatever ε is"
    )


def test_a_study_states_the_terms_of_its_epsilon() -> None:
    """δ, unit, adjacency, accountant, release and seed are stated once for cells with equal terms;
    a network with different units has a separate sentence.
    """
    notes = plan("batch", {"batch": "64,128", "delta": "1e-6", "seed": "7"}).notes
    (sentence,) = [note for note in notes if note.startswith("ε at")]
    assert sentence.startswith(
        "ε at δ = 1e-06 for one example, Poisson batches, add or remove, by PLD, of the weights "
        "after every step, under a secret seed, which a seed below 2³² is not. "
    )
    with pytest.raises(BadInput, match="no place for a secret seed"):
        plan("batch", {"seed": SECRET})
    assert "default seed of 1 is not" in plan("cost", {"network": "conv2"}).notes[-1]
    assert (
        "all records of a user"
        in plan("cost", {"network": "conv2", "unit": "user", "mode": "explicit"}).notes[-1]
    )


def test_no_run_stores_a_seed(tmp_path: Path) -> None:
    """The seed gives noise and batches away. Runs of one seed still have one fingerprint, and
    nobody finds the seed from the fingerprint.
    """
    workload = WorkloadRef(name="dpsgd", size="conv2", device="cpu", settings={"seed": int(SECRET)})
    with RunWriter(tmp_path, header(workload=workload)) as writer:
        fill(writer)
        writer.workload(workload)
        final, measured = writer.finish(ranges())
    assert measured.workload is not None
    assert measured.workload.settings == {"seed": "(not stored)"}
    assert not any(SECRET.encode() in path.read_bytes() for path in final.iterdir())
    (choice,) = choices(["cpu"], {}, [f"seed={SECRET},batch=64"], secret_settings("dpsgd"))
    assert SECRET not in choice.words
    assert choice.settings["seed"] == SECRET
    assert sealed(int(SECRET)) == sealed(int(SECRET)) != sealed(int(SECRET) + 1)
    assert SECRET not in str(sealed(int(SECRET)))
