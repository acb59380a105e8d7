"""What a run's noise guarantees: (ε, δ) of the Poisson-subsampled Gaussian mechanism, by two accountants of Google's dp-accounting, and σ from a target ε.

RDP: Rényi moments (Mironov et al., arXiv:1908.10530). PLD: numerical composition of privacy loss distributions, an upper bound
(Doroshenko et al., arXiv:2207.04380). A central-limit (GDP) value lies below both and is no guarantee: it is not offered.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from energybench.errors import BadInput

MOST_NOISE, LEAST_NOISE = 1000.0, 0.05
TOLERANCE = 1e-4  # of σ


class Spent(NamedTuple):
    """ε at δ by each accountant after `steps` steps with sampling rate `rate`."""

    rate: float
    noise: float
    steps: int
    delta: float
    rdp: float
    pld: float

    def of(self, accountant: str) -> float:
        return self.pld if accountant == "pld" else self.rdp


def require_libraries() -> None:
    """Raises BadInput where the mechanism or the accountants are not installed."""
    for name, module in (("opacus", "opacus"), ("dp-accounting", "dp_accounting")):
        try:
            __import__(module)
        except ImportError as error:
            raise BadInput(name, "is not installed", "pip install 'energybench[workloads]'") from error


def epsilon(accountant: str, rate: float, noise: float, steps: int, delta: float) -> float:
    """Infinite where the accountant finds no bound."""
    if steps == 0:
        return 0.0
    made = _accountant(accountant)
    made.compose(_event(rate, noise, steps))
    found = float(made.get_epsilon(delta))
    return found if not math.isnan(found) else math.inf


def spent(rate: float, noise: float, steps: int, delta: float) -> Spent:
    return Spent(rate, noise, steps, delta, *(epsilon(name, rate, noise, steps, delta) for name in ("rdp", "pld")))


def noise_for(target: float, accountant: str, rate: float, steps: int, delta: float) -> float:
    """The least noise multiplier whose ε is at most the target, to 1e-4, rounded up. Raises BadInput where none within reach does."""
    low, high = LEAST_NOISE, MOST_NOISE
    if epsilon("rdp", rate, high, steps, delta) > target and epsilon(accountant, rate, high, steps, delta) > target:
        what = f"cannot be met in {steps} steps at a sampling rate of {rate:.4g}: noise of {high:g} C is not enough"
        raise BadInput(f"--set epsilon={target:g}", what, "a larger ε, fewer steps, a smaller batch or more examples")
    while high / low > 1 + TOLERANCE:  # ε falls with σ
        middle = math.sqrt(low * high)
        coarse = "rdp" if high / low > 2 else accountant  # RDP is quick, and above PLD: far from the answer it does
        low, high = (low, middle) if epsilon(coarse, rate, middle, steps, delta) <= target else (middle, high)
        if coarse != accountant and high / low <= 2:
            low = max(low / 2, LEAST_NOISE)  # PLD needs less noise
    return math.ceil(high * 1e5) / 1e5


def tier(value: float) -> str:
    """Ponomareva et al., How to DP-fy ML, arXiv:2303.00654: strong, reasonable, weak."""
    return "1, strong (ε ≤ 1)" if value <= 1 else "2, reasonable (ε ≤ 10)" if value <= 10 else "3, weak (ε > 10): not by itself evidence of anonymity"


def _accountant(name: str) -> Any:
    if name == "rdp":
        from dp_accounting.rdp import RdpAccountant

        return RdpAccountant()
    from dp_accounting.pld import PLDAccountant

    return PLDAccountant()


def _event(rate: float, noise: float, steps: int) -> Any:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent

    return SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), steps)
