"""The privacy statement of a run, by the list of Ponomareva et al., How to DP-fy ML
(arXiv:2303.00654, section 5.3): what is claimed, and where it ends.
"""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from energybench.model import Doubt, Said
from energybench_workloads.dpsgd import privacy
from energybench_workloads.dpsgd.privacy import Spent
from energybench_workloads.dpsgd.spec import DEFAULT_SEED, Spec

if TYPE_CHECKING:
    from energybench_workloads.dpsgd.data import Examples

PLAIN: dict[str, Said] = {
    "privacy": "none: plain SGD, the baseline. Nothing is claimed of these weights"
}
GUESSED = 2**32  # seeds below can all be tried
_SCALED = 20.0  # standard deviations that scaled pixels do not reach
_SECRET = "for a release, --set seed=SECRET of 62 random bits, and delete it"
_DATA = {
    "digits": "scikit-learn's handwritten digits (UCI), which are public",
    "synthetic": "images made from the seed; where there are users, they are made up too",
    "text": "sequences of tokens made from the seed",
}
NOTES = (
    "The weights of a run whose seed is known carry no privacy: noise and sampling follow from it. The statement is the mechanism's, under a secret seed.",
    "This report is no private release: its training loss, its numbers of drawn examples, its times and its energies come from the data without noise.",
)


def statement(spec: Spec, spent: Spent, steps: int, digest: str) -> dict[str, Said]:
    """Topic → what is stated, complete by the list. `steps`: taken since the beginning, over all
    runs from a checkpoint; `spent` is of those that are guaranteed (`spec.guaranteed`). `digest`:
    of the data (SHA-256).
    """
    poisson, claimed, assumed = (
        spec.sampling == "poisson",
        spent.of(spec.accountant),
        _assumptions(spec),
    )
    records = (
        f"all {spec.records} records of one user"
        if spec.unit == "user"
        else "one example: its pixels or tokens and its label"
    )
    adjacency = (
        "add or remove one unit"
        if poisson
        else "zero-out: one unit's gradients are replaced by zero, the batches stay as they are"
    )
    guaranteed = spec.guaranteed(steps)
    whose = "a user" if spec.unit == "user" else "an example"
    bound = f"({_rounded_up(claimed)}, {spent.delta:g})-DP for {whose}, by {_accountant(spec, spent)}, under a secret seed"
    formal = "none: no finite ε" if math.isinf(claimed) else bound
    return {
        "setting": "central: a trusted party holds the data, and trains",
        "data": _DATA.get(spec.data) or _own(spec, digest),
        "accesses covered": f"{_covered(spec, steps)} on the training set ({spec.examples} units)",
        "accesses not covered": "the choice of network, rates, C, batch and number of steps at most, which is made before without the data and must be;"
        " other runs on these data, each at its own ε; held-out examples and the number of units (and so q), which count as public;"
        " what this report says beside the weights",
        "released": "the weights after every step (noisy sums of clipped gradients, and whatever is computed from them)",
        "unit of privacy": records,
        "adjacency": adjacency,
        "mechanism": f"DP-SGD: each unit's gradient clipped to C = {spec.clip:g} ({spec.mode}), Gaussian noise of deviation {spent.noise:g} C on the sum",
        "sampling": f"Poisson, q = {spent.rate:.6g} ({spec.batch} of {spec.examples} units expected), {guaranteed} steps"
        if poisson
        else f"shuffled batches of {spec.batch} of {spec.examples} units, {guaranteed} steps in {spent.times} passes",
        "accountant": f"{spec.accountant.upper()} of dp-accounting {version('dp-accounting')}; ε by RDP {spent.rdp:.5f}, by PLD {_by_pld(spent)}",
        "assumptions that hold": tuple(said for said, holds in assumed if holds),
        "assumptions that do not hold": tuple(said for said, holds in assumed if not holds),
        "formal statement": formal,
        "tier": privacy.tier(claimed, spent.delta, spec.examples),
        "versions": f"opacus {version('opacus')}, dp-accounting {version('dp-accounting')}, torch {version('torch')}",
    }


def _own(spec: Spec, digest: str) -> str:
    """Which file, told apart by what it holds, and who a user is in it."""
    users = (
        f"; each next {spec.records} examples are taken for one user's"
        if spec.unit == "user"
        else ""
    )
    return f"the file {Path(spec.data).name} (SHA-256 of x and y {digest[:16]}…), its first {spec.examples * spec.records} examples{users}"


def _covered(spec: Spec, steps: int) -> str:
    if not spec.accuracy or steps >= spec.steps:
        return f"all {steps} steps"
    return (
        f"{spec.steps} steps, which is the most it may take; it stopped at step {steps} by its accuracy, which depends on the weights, so that the ε of "
        f"{steps} steps would be no guarantee (Rogers et al., arXiv:1605.08294)"
    )


def _accountant(spec: Spec, spent: Spent) -> str:
    """Whose ε is stated."""
    return "PLD" if spec.accountant == "pld" and spent.by_pld else "RDP"


def _rounded_up(epsilon: float) -> str:
    """Four digits, never less than what is guaranteed."""
    if not 0 < epsilon < math.inf:
        return f"{epsilon:g}"
    unit = 10.0 ** (math.floor(math.log10(epsilon)) - 3)
    return f"{math.ceil(epsilon / unit) * unit:.4g}"


def _by_pld(spent: Spent) -> str:
    return (
        f"{spent.pld:.5f}"
        if spent.by_pld
        else f"not computed, being over {privacy.MOST_PLD:g}: RDP's stands for it"
    )


def _assumptions(spec: Spec) -> tuple[tuple[str, bool], ...]:
    """What is assumed and why it holds or does not, and whether it does."""
    poisson, secret = spec.sampling == "poisson", spec.seed >= GUESSED
    sampled = (
        "unit by unit from a counter-based generator"
        if poisson
        else "shuffled, so no amplification is counted: a unit is met once a pass, at full rate"
    )
    kept = (
        "where this run's seed, which is in its settings, is kept secret"
        if secret
        else "the seed is the default, or small enough to be guessed"
    )
    return (
        (f"batches are independent Poisson samples: {sampled}", poisson),
        ("one unit changes the sum by at most C: checked on the trained network", True),
        (f"noise is Gaussian, fresh in every step and unknown: {kept}", secret),
        (
            "noise is real-valued: it is fp32, whose rounding can betray what it hides (Mironov, CCS 2012), and nothing is done against that",
            False,
        ),
        (
            "no state but the weights passes between units: no layer mixes the examples of a batch",
            True,
        ),
    )


def terms(spec: Spec) -> str:
    """What an ε of this training is, in one sentence, for a table that shows it alone."""
    whose = "all records of a user" if spec.unit == "user" else "one example"
    how = (
        "Poisson batches, add or remove"
        if spec.sampling == "poisson"
        else "shuffled batches without amplification, zero-out"
    )
    at_most = f" of the {spec.steps} steps that it may take at most" if spec.accuracy else ""
    given = (
        f", which {'the default' if spec.seed == DEFAULT_SEED else 'a'} seed of {spec.seed} is not"
        if spec.seed < GUESSED
        else ""
    )
    return (
        f"ε at δ = {spec.delta:g} for {whose}, {how}, by {spec.accountant.upper()}, of the weights after every step{at_most}, under a secret seed{given}. "
        "Each run's whole privacy statement: `energybench report STUDY/runs`."
    )


def doubts(spec: Spec, spent: Spent, amplified: Spent | None) -> tuple[Doubt, ...]:
    """What weakens the statement.

    `amplified`: what Poisson sampling would have given, where batches were shuffled.
    """
    found = []
    if amplified is not None:
        message = (
            f"batches were shuffled, which breaks amplification by sampling: ε = {amplified.of(spec.accountant):.3g} of Poisson sampling does not hold, "
            f"ε = {spent.of(spec.accountant):.3g} does"
        )
        found.append(
            Doubt(code="shuffled-batches", message=message, remedy="--set sampling=poisson")
        )
    if spent.delta > 1 / spec.examples:
        message = f"δ = {spent.delta:g} is above one over the {spec.examples} units: publishing one unit whole would meet it"
        found.append(
            Doubt(
                code="delta-large",
                message=message,
                remedy=f"--set delta={0.1 / spec.examples:.1g} or less",
            )
        )
    if spent.of(spec.accountant) > 10:
        message = f"ε = {spent.of(spec.accountant):.3g} is over 10: a formal guarantee that says little by itself"
        found.append(
            Doubt(
                code="weak-privacy",
                message=message,
                remedy="more noise, fewer steps, a smaller batch or more examples",
            )
        )
    if spec.seed == DEFAULT_SEED:
        message = f"these weights carry no privacy: noise and batches follow from the seed, {DEFAULT_SEED} by default; stated is what a secret one gives"
        found.append(Doubt(code="known-seed", message=message, remedy=_SECRET))
    elif spec.seed < GUESSED:
        message = f"seeds as small as {spec.seed} can be tried one after the other: whoever finds it has noise and batches; stated is what a secret one gives"
        found.append(Doubt(code="guessable-seed", message=message, remedy=_SECRET))
    return tuple(found)


def of_data(spec: Spec, held: Examples) -> tuple[Doubt, ...]:
    """Pixels as they come from a camera make the first layer's gradients hundreds of times too
    large: all are clipped, and little is learned.
    """
    largest = float(held.x.abs().max()) if held.x.is_floating_point() else 0.0
    if spec.data in _DATA or largest <= _SCALED:
        return ()
    return (
        Doubt(
            code="unscaled",
            message=f"x goes up to {largest:.3g} in size, where about 1 is meant",
            remedy="subtract its mean, divide by its deviation",
        ),
    )
