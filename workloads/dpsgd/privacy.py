"""The guarantee of a run's noise: (ε, δ) of the Poisson-subsampled Gaussian mechanism, by two
accountants of Google's dp-accounting, and σ from a target ε.

RDP: Rényi moments (Mironov et al., arXiv:1908.10530). PLD: numerical composition of privacy loss
distributions, an upper bound (Doroshenko et al., arXiv:2207.04380). A central-limit (GDP) value
lies below RDP's and PLD's, is not a guarantee, and is therefore not offered.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from energybench.errors import BadInput

MOST_NOISE, LEAST_NOISE = 1000.0, 1e-3
MOST_PLD = 200.0  # PLD's grid grows with ε: 3 s at 200, gigabytes at a few thousand
TOLERANCE = 1e-4  # of σ, relative
# Factor between trial values of σ, from RDP's σ down to a σ that PLD finds too small: seldom more
# than one trial, and a smaller σ takes PLD longer
STEP = 0.9


class Spent(NamedTuple):
    """ε at δ by both accountants after `times` compositions with sampling rate `rate`."""

    rate: float
    noise: float
    times: int
    delta: float
    rdp: float
    pld: float

    @property
    def by_pld(self) -> bool:
        """Whether PLD computed `pld`; otherwise `pld` holds RDP's ε."""
        return self.rdp <= MOST_PLD

    def of(self, accountant: str) -> float:
        return self.pld if accountant == "pld" else self.rdp


def require_libraries() -> None:
    """Raises BadInput if the mechanism or the accountants are not installed."""
    for name, module in (("opacus", "opacus"), ("dp-accounting", "dp_accounting")):
        try:
            __import__(module)
        except ImportError as error:
            raise BadInput(
                name, "is not installed", "pip install 'energybench[workloads]'"
            ) from error


@functools.lru_cache(maxsize=256)
def epsilon(accountant: str, rate: float, noise: float, times: int, delta: float) -> float:
    """ε by one accountant; infinite if the accountant finds no bound.

    If RDP's ε is over MOST_PLD, RDP's ε is returned in place of PLD's, which is smaller: with so
    little privacy the difference does not matter.
    """
    if times == 0:
        return 0.0
    if accountant == "pld" and (bound := epsilon("rdp", rate, noise, times, delta)) > MOST_PLD:
        return bound
    with _quiet():
        ledger = _accountant(accountant)
        ledger.compose(_event(rate, noise, times))
        bound = float(ledger.get_epsilon(delta))
    return bound if not math.isnan(bound) else math.inf


def spent(rate: float, noise: float, times: int, delta: float) -> Spent:
    return Spent(
        rate,
        noise,
        times,
        delta,
        *(epsilon(name, rate, noise, times, delta) for name in ("rdp", "pld")),
    )


def noise_for(target: float, accountant: str, rate: float, times: int, delta: float) -> float:
    """The least noise multiplier whose ε is at most the target, to 1e-4, rounded up.

    Raises BadInput if the multiplier would lie outside of [LEAST_NOISE, MOST_NOISE].
    """
    if (
        epsilon("rdp", rate, MOST_NOISE, times, delta) > target
        and epsilon(accountant, rate, MOST_NOISE, times, delta) > target
    ):
        what = (
            f"cannot be met over {times} compositions at a sampling rate of {rate:.4g}: noise of "
            f"{MOST_NOISE:g} C is not enough"
        )
        raise BadInput(
            f"--set epsilon={target:g}",
            what,
            "a larger ε, fewer steps, a smaller batch, more examples, or a larger δ",
        )
    if epsilon("rdp", rate, LEAST_NOISE, times, delta) <= target:
        what = (
            f"is met by noise of {LEAST_NOISE:g} C over {times} compositions, which hides nothing"
        )
        raise BadInput(
            f"--set epsilon={target:g}",
            what,
            f"an ε of some tens at most, or --set noise={LEAST_NOISE:g}",
        )

    # RDP is quick, and RDP's σ is never below PLD's
    sigma = _least(
        lambda noise: epsilon("rdp", rate, noise, times, delta) <= target, LEAST_NOISE, MOST_NOISE
    )
    if accountant == "pld":
        low = STEP * sigma
        while low > LEAST_NOISE and epsilon("pld", rate, low, times, delta) <= target:
            low, sigma = STEP * low, low
        sigma = _least(
            lambda noise: epsilon("pld", rate, noise, times, delta) <= target, low, sigma
        )
    unit = 10.0 ** (math.floor(math.log10(sigma)) - 5)
    return round(math.ceil(sigma / unit) * unit, 12)


def _least(enough: Callable[[float], bool], low: float, high: float) -> float:
    """The least noise within [low, high] that is enough, to 1e-4, by bisection: ε falls with σ.
    `high` must be enough.
    """
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def tier(value: float, delta: float, units: int) -> str:
    """Strong, reasonable or weak, by Ponomareva et al., How to DP-fy ML, arXiv:2303.00654; none if
    δ is so large that publishing one whole unit would satisfy it.
    """
    if delta > 1 / units:
        return f"none: δ = {delta:g} is above one over the {units} units, whatever ε is"
    if value <= 1:
        return "1, strong (ε ≤ 1)"
    if value <= 10:
        return "2, reasonable (ε ≤ 10)"
    return "3, weak (ε > 10): not by itself evidence of anonymity"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the RDP accountant's log: the accountant logs every order that it leaves out because
    a series does not converge. The bound holds without such orders.
    """
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _accountant(name: str) -> Any:
    if name == "rdp":
        from dp_accounting.rdp import RdpAccountant

        return RdpAccountant()
    from dp_accounting.pld import PLDAccountant

    return PLDAccountant()


def _event(rate: float, noise: float, times: int) -> Any:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent

    return SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), times)
