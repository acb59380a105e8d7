"""What a run's noise guarantees: (ε, δ) of the Poisson-subsampled Gaussian mechanism, by two
accountants of Google's dp-accounting, and σ from a target ε.

RDP: Rényi moments (Mironov et al., arXiv:1908.10530). PLD: numerical composition of privacy loss
distributions, an upper bound (Doroshenko et al., arXiv:2207.04380). A central-limit (GDP) value
lies below both and is no guarantee: it is not offered.
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
MOST_PLD = 200.0  # PLD's grid grows with ε: 3 s here, gigabytes at a few thousand
TOLERANCE = 1e-4  # of σ
# from RDP's σ down to one that PLD finds too small: seldom more than one, and each smaller σ takes
# PLD longer
STEP = 0.9


class Spent(NamedTuple):
    """ε at δ by each accountant after `times` compositions with sampling rate `rate`."""

    rate: float
    noise: float
    times: int
    delta: float
    rdp: float
    pld: float

    @property
    def by_pld(self) -> bool:
        """Whether `pld` is PLD's own, and not RDP's in its place."""
        return self.rdp <= MOST_PLD

    def of(self, accountant: str) -> float:
        return self.pld if accountant == "pld" else self.rdp


def require_libraries() -> None:
    """Raises BadInput where the mechanism or the accountants are not installed."""
    for name, module in (("opacus", "opacus"), ("dp-accounting", "dp_accounting")):
        try:
            __import__(module)
        except ImportError as error:
            raise BadInput(
                name, "is not installed", "pip install 'energybench[workloads]'"
            ) from error


@functools.lru_cache(maxsize=256)
def epsilon(accountant: str, rate: float, noise: float, times: int, delta: float) -> float:
    """Infinite where the accountant finds no bound.

    An ε over MOST_PLD by RDP stands for PLD's, which is less: so little privacy needs no digits.
    """
    if times == 0:
        return 0.0
    if accountant == "pld" and (bound := epsilon("rdp", rate, noise, times, delta)) > MOST_PLD:
        return bound
    with _quiet():
        made = _accountant(accountant)
        made.compose(_event(rate, noise, times))
        found = float(made.get_epsilon(delta))
    return found if not math.isnan(found) else math.inf


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

    Raises BadInput where none within reach does.
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
    found = _least(
        lambda noise: epsilon("rdp", rate, noise, times, delta) <= target, LEAST_NOISE, MOST_NOISE
    )  # quick, and never below PLD's
    if accountant == "pld":
        low = STEP * found
        while low > LEAST_NOISE and epsilon("pld", rate, low, times, delta) <= target:
            low, found = STEP * low, low
        found = _least(
            lambda noise: epsilon("pld", rate, noise, times, delta) <= target, low, found
        )
    unit = 10.0 ** (math.floor(math.log10(found)) - 5)
    return round(math.ceil(found / unit) * unit, 12)


def _least(enough: Callable[[float], bool], low: float, high: float) -> float:
    """The least noise within [low, high] that is enough, to 1e-4; `high` is. ε falls with σ."""
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def tier(value: float, delta: float, units: int) -> str:
    """Ponomareva et al., How to DP-fy ML, arXiv:2303.00654: strong, reasonable, weak; none at a δ
    that publishing one unit whole would meet.
    """
    if delta > 1 / units:
        return f"none: δ = {delta:g} is above one over the {units} units, whatever ε is"
    return (
        "1, strong (ε ≤ 1)"
        if value <= 1
        else "2, reasonable (ε ≤ 10)"
        if value <= 10
        else "3, weak (ε > 10): not by itself evidence of anonymity"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The RDP accountant leaves orders out whose series does not converge (its bound holds without
    them) and logs each of them.
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
