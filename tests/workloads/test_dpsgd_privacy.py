"""Accountants against published values; noise from a target; what cannot be met."""

from __future__ import annotations

import math
import re

import pytest

from energybench.errors import BadInput
from energybench_workloads.dpsgd import privacy
from energybench_workloads.dpsgd.data import examples as digits
from energybench_workloads.dpsgd.doubts import of_privacy as doubts
from energybench_workloads.dpsgd.record import record
from energybench_workloads.dpsgd.spec import read
from energybench_workloads.dpsgd.statement import statement
from energybench_workloads.dpsgd.studies import plan
from energybench_workloads.dpsgd.training import Trained

SECRET = str(2**61 + 5)


def test_golden_values() -> None:
    """The tutorial's MNIST run: q = 256/60000, σ = 1.1, 14040 steps, δ = 1e-5.

    Another rate by the same library is not looked up anywhere.
    """
    spent = privacy.spent(256 / 60000, 1.1, 14040, 1e-5)
    assert spent.rdp == pytest.approx(2.59436, abs=1e-4)
    assert spent.pld == pytest.approx(2.37964, abs=1e-4)
    assert privacy.epsilon("pld", 0.1, 1.1, 0, 1e-5) == 0.0


def test_next_to_no_noise_is_stated_and_takes_no_memory() -> None:
    """PLD's grid would not fit: RDP's bound is claimed and the statement says so. With no bound at
    all nothing is claimed.
    """
    spent = privacy.spent(0.17, 0.02, 60, 1e-5)
    assert spent.pld == spent.rdp > 10_000
    spec = read("conv2", {"noise": "0.02"})
    assert "RDP's stands for it" in str(statement(spec, spent, 60, "0" * 64)["accountant"])
    assert "none" in str(
        statement(spec, spent._replace(rdp=math.inf, pld=math.inf), 60, "0" * 64)[
            "formal statement"
        ]
    )


def test_without_sampling_rdp_is_the_gaussian_closed_form() -> None:
    """Of one Gaussian mechanism: RDP of order α is α/2σ², and ε ≤ that with log terms at its best
    order (Canonne et al., arXiv:2004.00010, prop. 12).
    """
    sigma, delta = 2.0, 1e-5
    orders = [1 + k / 1000 for k in range(1, 60000)]
    best = min(
        a / (2 * sigma**2) + math.log1p(-1 / a) - math.log(delta * a) / (a - 1) for a in orders
    )
    assert privacy.epsilon("rdp", 1.0, sigma, 1, delta) == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize("accountant", ["rdp", "pld"])
@pytest.mark.parametrize("target", [1.0, 3.0])
def test_noise_for_a_target_is_the_least_that_meets_it(accountant: str, target: float) -> None:
    noise = privacy.noise_for(target, accountant, 0.1, 40, 1e-5)
    assert privacy.epsilon(accountant, 0.1, noise, 40, 1e-5) <= target
    assert privacy.epsilon(accountant, 0.1, noise * 0.999, 40, 1e-5) > target


def test_noise_is_found_for_large_targets_too() -> None:
    """ε = 2000 is next to nothing, and the least noise that keeps it is still the least."""
    noise = privacy.noise_for(2000.0, "pld", 0.1, 40, 1e-5)
    assert privacy.epsilon("rdp", 0.1, noise, 40, 1e-5) <= 2000
    assert privacy.epsilon("rdp", 0.1, noise * 0.999, 40, 1e-5) > 2000


def test_an_epsilon_that_nothing_meets_is_one_line() -> None:
    with pytest.raises(BadInput, match="cannot be met"):
        privacy.noise_for(1e-4, "pld", 0.5, 100000, 1e-6)
    with pytest.raises(BadInput, match="hides nothing"):
        privacy.noise_for(1e9, "pld", 0.5, 40, 1e-5)


def test_the_statement_is_complete_and_says_what_does_not_hold() -> None:
    """Poisson: amplified, no doubt.

    Shuffled: a unit is met once a pass at full rate, a doubt names the ε that does not hold, and
    the larger one is claimed.
    """
    spec = read("conv2", {"steps": "30", "noise": "2", "seed": SECRET})
    rate, times = spec.exposures(30)
    assert (rate, times) == (256 / 1500, 30)
    spent = privacy.spent(rate, 2.0, times, 1e-5)
    said = statement(spec, spent, 30, "0" * 64)
    listed = {
        "setting",
        "accesses covered",
        "accesses not covered",
        "released",
        "unit of privacy",
        "adjacency",
        "mechanism",
        "sampling",
        "accountant",
    }
    assert listed | {
        "data",
        "assumptions that hold",
        "assumptions that do not hold",
        "formal statement",
        "tier",
        "versions",
    } == set(said)
    (rounded,) = said["assumptions that do not hold"]  # type: ignore[misc]
    assert "noise is real-valued" in rounded
    assert len(said["assumptions that hold"]) == 4  # type: ignore[arg-type]
    formal = re.match(r"\((\S+), 1e-05\)-DP for an example, by PLD", str(said["formal statement"]))
    assert formal is not None
    assert spent.pld <= float(formal[1]) <= spent.pld * 1.001
    assert doubts(spec, spent, None) == ()

    public = read("conv2", {"steps": "30", "noise": "2"})  # everybody knows its seed
    assert [doubt.code for doubt in doubts(public, spent, None)] == ["known-seed"]
    known, _ = statement(public, spent, 30, "0" * 64)["assumptions that do not hold"]  # type: ignore[misc]
    assert "the seed is the default" in known
    small = read("conv2", {"steps": "30", "noise": "2", "seed": "12345"})
    assert [doubt.code for doubt in doubts(small, spent, None)] == ["guessable-seed"]
    assert len(statement(small, spent, 30, "0" * 64)["assumptions that do not hold"]) == 2  # type: ignore[arg-type]
    shuffled = read("conv2", {"steps": "30", "noise": "2", "sampling": "shuffle", "seed": SECRET})
    rate, times = shuffled.exposures(30)
    assert (rate, times) == (1.0, 6)  # five batches of 256 in 1500
    owed = privacy.spent(rate, 2.0, times, 1e-5)
    assert owed.pld > spent.pld
    found = doubts(shuffled, owed, spent)
    assert [doubt.code for doubt in found] == ["shuffled-batches"]
    assert f"({math.ceil(owed.pld * 1000) / 1000:g}, 1e-05)" in str(
        statement(shuffled, owed, 30, "0" * 64)["formal statement"]
    )
    mixed, _ = statement(shuffled, owed, 30, "0" * 64)["assumptions that do not hold"]  # type: ignore[misc]
    assert "shuffled" in mixed


def test_a_stop_by_accuracy_is_stated_by_the_most_steps_there_may_be() -> None:
    """When it stops depends on the weights: the ε of the steps it took is no guarantee."""
    spec = read("conv2", {"accuracy": "0.5", "steps": "60", "noise": "2", "seed": SECRET})
    assert spec.guaranteed(10) == 60
    whole = privacy.spent(*spec.exposures(60)[:1], 2.0, 60, 1e-5)
    made = record(spec, Trained((1.0,) * 10, ((10, 0.6),), 0, 2560), 0.6, 0.1, None, digits(spec))
    assert made.figures["epsilon"] == whole.pld
    assert made.figures["compositions"] == 60
    said = made.statement
    assert f"({math.ceil(whole.pld * 1000) / 1000:g}, 1e-05)" in str(said["formal statement"])
    assert "stopped at step 10" in str(said["accesses covered"])
    short = record(spec, Trained((1.0,) * 60, ((60, 0.4),), 0, 15360), 0.4, 0.1, None, digits(spec))
    assert str(short.statement["accesses covered"]).startswith(
        "all 60 steps"
    )  # it did not stop by its accuracy
    assert read("conv2", {"steps": "60"}).guaranteed(10) == 10


def test_an_accountant_that_did_not_count_is_not_named() -> None:
    """Where ε is too large for PLD, RDP's stands, under RDP's name."""
    spec = read("conv2", {"noise": "0.05", "seed": SECRET})
    spent = privacy.spent(spec.rate, 0.05, 60, 1e-5)
    assert spent.rdp > privacy.MOST_PLD
    assert "by RDP" in str(statement(spec, spent, 60, "0" * 64)["formal statement"])
    assert (
        "epsilon by PLD"
        not in record(
            spec, Trained((1.0,) * 60, (), 0, 15360), 0.6, 0.1, None, digits(spec)
        ).figures
    )


def test_weak_and_careless_values_are_doubted() -> None:
    spec = read("conv2", {"noise": "0.3", "delta": "0.01", "seed": SECRET})
    spent = privacy.spent(spec.rate, 0.3, 60, 0.01)
    assert spent.pld > 10
    assert [doubt.code for doubt in doubts(spec, spent, None)] == ["delta-large", "weak-privacy"]
    assert privacy.tier(spent.pld, 1e-5, 1500).startswith("3")
    assert [privacy.tier(value, 1e-5, 1500)[0] for value in (1.0, 1.01, 10.0)] == ["1", "2", "2"]
    assert (
        statement(spec, spent, 60, "0" * 64)["tier"]
        == "none: δ = 0.01 is above one over the 1500 units, whatever ε is"
    )


def test_a_study_says_what_its_epsilon_is_of() -> None:
    """δ, unit, adjacency, accountant, release and seed, once for all cells that share them; a
    network with other units has a sentence of its own.
    """
    notes = plan("batch", {"batch": "64,128", "delta": "1e-6", "seed": SECRET}).notes
    (said,) = [note for note in notes if note.startswith("ε at")]
    assert said.startswith(
        "ε at δ = 1e-06 for one example, Poisson batches, add or remove, by PLD, of the weights "
        "after every step, under a secret seed. "
    )
    assert "default seed of 1 is not" in plan("cost", {"network": "conv2"}).notes[-1]
    assert (
        "all records of a user"
        in plan("cost", {"network": "conv2", "unit": "user", "mode": "explicit"}).notes[-1]
    )
