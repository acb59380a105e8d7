"""Doubts that weaken a privacy statement, or a training on the user's own data."""

from __future__ import annotations

from energybench.model import Doubt
from energybench_workloads.dpsgd.data import Examples
from energybench_workloads.dpsgd.privacy import Spent
from energybench_workloads.dpsgd.spec import DEFAULT_SEED, Spec
from energybench_workloads.dpsgd.statement import GUESSED, SOURCES

WEAK_EPSILON = 10.0  # above it the weak tier of Ponomareva et al., arXiv:2303.00654
_SCALED = 20.0  # standard deviations that scaled pixels do not reach
_SECRET = "for a release, --set seed=SECRET of 62 random bits, and delete it"


def of_privacy(spec: Spec, spent: Spent, amplified: Spent | None) -> tuple[Doubt, ...]:
    """Doubts of the privacy statement.

    amplified  for shuffled batches, the privacy that Poisson sampling would have spent
    """
    epsilon = spent.of(spec.accountant)
    doubts = []
    if amplified is not None:
        doubts.append(
            Doubt(
                code="shuffled-batches",
                message="batches were shuffled, which breaks amplification by sampling: ε = "
                f"{amplified.of(spec.accountant):.3g} of Poisson sampling does not hold, ε = "
                f"{epsilon:.3g} does",
                remedy="--set sampling=poisson",
            )
        )
    if spent.delta > 1 / spec.examples:
        doubts.append(
            Doubt(
                code="delta-large",
                message=f"δ = {spent.delta:g} is above one over the {spec.examples} units: "
                "publishing one unit whole would meet it",
                remedy=f"--set delta={0.1 / spec.examples:.1g} or less",
            )
        )
    if epsilon > WEAK_EPSILON:
        doubts.append(
            Doubt(
                code="weak-privacy",
                message=f"ε = {epsilon:.3g} is over {WEAK_EPSILON:g}: a formal guarantee that "
                "says little by itself",
                remedy="more noise, fewer steps, a smaller batch or more examples",
            )
        )
    return (*doubts, *_of_seed(spec.seed))


def _of_seed(seed: int) -> tuple[Doubt, ...]:
    """A seed that is known or can be guessed gives the noise away."""
    if seed == DEFAULT_SEED:
        message = (
            f"these weights carry no privacy: noise and batches follow from the seed, "
            f"{DEFAULT_SEED} by default; the statement is that of a secret seed"
        )
        return (Doubt(code="known-seed", message=message, remedy=_SECRET),)
    if seed < GUESSED:
        message = (
            "the seed is below 2³², and such seeds can be tried one after the other: whoever finds "
            "the seed has noise and batches; the statement is that of a secret seed"
        )
        return (Doubt(code="guessable-seed", message=message, remedy=_SECRET),)
    return ()


def of_data(spec: Spec, data: Examples) -> tuple[Doubt, ...]:
    """A doubt for unscaled pixels in the user's file: pixels from 0 to 255 make the first layer's
    gradients hundreds of times too large, so that every gradient is clipped and little is learned.
    """
    largest = float(data.x.abs().max()) if data.x.is_floating_point() else 0.0
    if spec.data in SOURCES or largest <= _SCALED:
        return ()
    return (
        Doubt(
            code="unscaled",
            message=f"x reaches {largest:.3g} in absolute value, where about 1 is expected",
            remedy="subtract its mean, divide by its deviation",
        ),
    )
