"""The privacy statement of a run, by the list of Ponomareva et al., How to DP-fy ML
(arXiv:2303.00654, section 5.3): the claim, and the limits of the claim.
"""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path

from energybench.model import Said
from energybench.units import counted
from energybench_workloads.dpsgd import privacy
from energybench_workloads.dpsgd.privacy import Spent
from energybench_workloads.dpsgd.spec import DEFAULT_SEED, Spec

PLAIN: dict[str, Said] = {
    "privacy": "none: plain SGD, the baseline. Nothing is claimed of these weights"
}
GUESSED = 2**32  # every seed below can be tried
SOURCES = {
    "digits": "scikit-learn's handwritten digits (UCI), which are public",
    "synthetic": "images made from the seed; where there are users, they are made up too",
    "text": "sequences of tokens made from the seed",
}
NOTES = (
    "The weights of a run whose seed is known carry no privacy: noise and sampling follow from the "
    "seed. The statement is the mechanism's, under a secret seed.",
    "This report is not a private release: its training loss, its numbers of drawn examples, its "
    "times and its energies come from the data without noise.",
)


def statement(spec: Spec, spent: Spent, steps: int, digest: str) -> dict[str, Said]:
    """Topic → statement, covering every topic of the list.

    spent   privacy of the guaranteed steps (`spec.guaranteed`)
    steps   taken since the start of the training, over all runs from a checkpoint
    digest  of the data (SHA-256)
    """
    claimed, assumptions = spent.of(spec.accountant), _assumptions(spec)
    return {
        "setting": "central: a trusted party holds the data, and trains",
        "data": SOURCES.get(spec.data) or _own_file(spec, digest),
        "accesses covered": f"{_covered(spec, steps)} on the training set ({spec.examples} units)",
        "accesses not covered": "the choice of network, rates, C, batch and number of steps at "
        "most, which is made before without the data and must be; other runs on these data, each "
        "at its own ε; held-out examples and the number of units (and so q), which count as "
        "public; what this report says beside the weights",
        "released": "the weights after every step (noisy sums of clipped gradients, and whatever "
        "is computed from them)",
        "unit of privacy": _unit(spec),
        "adjacency": _adjacency(spec),
        "mechanism": f"DP-SGD: each unit's gradient clipped to C = {spec.clip:g} ({spec.mode}), "
        f"Gaussian noise of deviation {spent.noise:g} C on the sum",
        "sampling": _sampling(spec, spent, spec.guaranteed(steps)),
        "accountant": f"{spec.accountant.upper()} of dp-accounting {version('dp-accounting')}; ε "
        f"by RDP {spent.rdp:.5f}, by PLD {_by_pld(spent)}",
        "assumptions that hold": tuple(text for text, holds in assumptions if holds),
        "assumptions that do not hold": tuple(text for text, holds in assumptions if not holds),
        "formal statement": _formal(spec, spent),
        "tier": privacy.tier(claimed, spent.delta, spec.examples),
        "versions": f"opacus {version('opacus')}, dp-accounting {version('dp-accounting')}, torch "
        f"{version('torch')}",
    }


def terms(spec: Spec) -> str:
    """The meaning of this training's ε in one sentence, for a table that shows ε alone."""
    unit = "all records of a user" if spec.unit == "user" else "one example"
    sampling = "shuffled batches without amplification, zero-out"
    if spec.sampling == "poisson":
        sampling = "Poisson batches, add or remove"
    at_most = f" of the {spec.steps} steps that it may take at most" if spec.accuracy else ""
    public = ""
    if spec.seed < GUESSED:
        public = ", which a seed below 2³² is not"
        if spec.seed == DEFAULT_SEED:
            public = f", which the default seed of {DEFAULT_SEED} is not"
    return (
        f"ε at δ = {spec.delta:g} for {unit}, {sampling}, by {spec.accountant.upper()}, of the "
        f"weights after every step{at_most}, under a secret seed{public}. Each run's whole privacy "
        "statement: `energybench report STUDY/runs`."
    )


def _own_file(spec: Spec, digest: str) -> str:
    """The user's file, identified by its contents, and the rows of a user."""
    users = ""
    if spec.unit == "user":
        users = f"; each next {spec.records} examples are taken for one user's"
    return (
        f"the file {Path(spec.data).name} (SHA-256 of x and y {digest[:16]}…), its first "
        f"{spec.examples * spec.records} examples{users}"
    )


def _covered(spec: Spec, steps: int) -> str:
    if not spec.accuracy or steps >= spec.steps:
        return f"all {steps} steps"
    return (
        f"{spec.steps} steps, which is the most it may take; it stopped at step {steps} by its "
        f"accuracy, which depends on the weights, so that the ε of {counted(steps, 'step')} "
        "would be no "
        "guarantee (Rogers et al., arXiv:1605.08294)"
    )


def _unit(spec: Spec) -> str:
    if spec.unit == "user":
        return f"all {spec.records} records of one user"
    return "one example: its pixels or tokens and its label"


def _adjacency(spec: Spec) -> str:
    if spec.sampling == "poisson":
        return "add or remove one unit"
    return "zero-out: one unit's gradients are replaced by zero, the batches stay as they are"


def _sampling(spec: Spec, spent: Spent, guaranteed: int) -> str:
    if spec.sampling == "poisson":
        return (
            f"Poisson, q = {spent.rate:.6g} ({spec.batch} of {spec.examples} units expected), "
            f"{guaranteed} steps"
        )
    return (
        f"shuffled batches of {spec.batch} of {spec.examples} units, "
        f"{counted(guaranteed, 'step')} in "
        f"{spent.times} passes"
    )


def _formal(spec: Spec, spent: Spent) -> str:
    """(ε, δ)-DP, by the accountant that computed ε."""
    claimed = spent.of(spec.accountant)
    if math.isinf(claimed):
        return "none: no finite ε"
    unit = "a user" if spec.unit == "user" else "an example"
    accountant = "PLD" if spec.accountant == "pld" and spent.by_pld else "RDP"
    return (
        f"({_rounded_up(claimed)}, {spent.delta:g})-DP for {unit}, by {accountant}, under a secret "
        "seed"
    )


def _rounded_up(epsilon: float) -> str:
    """Four digits, never less than the guaranteed ε."""
    if not 0 < epsilon < math.inf:
        return f"{epsilon:g}"
    unit = 10.0 ** (math.floor(math.log10(epsilon)) - 3)
    return f"{math.ceil(epsilon / unit) * unit:.4g}"


def _by_pld(spent: Spent) -> str:
    if spent.by_pld:
        return f"{spent.pld:.5f}"
    return f"not computed, being over {privacy.MOST_PLD:g}: RDP's stands for it"


def _assumptions(spec: Spec) -> tuple[tuple[str, bool], ...]:
    """(assumption and why it holds or does not, whether it holds)."""
    poisson, secret = spec.sampling == "poisson", spec.seed >= GUESSED
    sampling = "shuffled, so no amplification is counted: a unit is met once a pass, at full rate"
    if poisson:
        sampling = "unit by unit from a counter-based generator"
    seed = "the seed is the default, or small enough to be guessed"
    if secret:
        seed = "where this run's seed, which is not stored with the run, is kept secret"
    return (
        (f"batches are independent Poisson samples: {sampling}", poisson),
        ("one unit changes the sum by at most C: checked on the trained network", True),
        (f"noise is Gaussian, fresh in every step and unknown: {seed}", secret),
        (
            "noise is real-valued: it is fp32, whose rounding can betray what it hides (Mironov, "
            "CCS 2012), and nothing is done against that",
            False,
        ),
        (
            "no state but the weights passes between units: no layer mixes the examples of a batch",
            True,
        ),
    )
