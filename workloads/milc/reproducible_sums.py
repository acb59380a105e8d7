"""Sums over the lattice that do not depend on the cut of the lattice into lanes, threads or
processes.

Conjugate gradient amplifies the last bit of its scalars: two orders of summation are 1e-10 apart
after a few hundred iterations. Here the number of each site is split into two whole numbers, and
sums of whole numbers below 2^53 are exact in fp64, in any order (Demmel and Nguyen, "Fast
reproducible floating-point summation", ARITH 2013, likewise work bin by bin). Operations on single
sites do not depend on the cut either, so one process and four give equal iterates, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from energybench_workloads.milc.halo import Halo

if TYPE_CHECKING:
    import torch

# The unit scales the previous sum to 2^38: the next sum may be thirty thousand times as large
# before its whole numbers are no longer exact
BITS = 38
# The second whole number holds the next 24 bits of every site, exactly for up to 2^29 sites
LOW = 2.0**24
# A relative difference to the plain sum that rounding does not explain: the sum is too small for
# its unit, or not finite
OFF = 1e-3


def parts(sites: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """The two sums of whole numbers and the plain sum, [3] in fp64.

    sites: a number for each site, any shape; unit: a scalar in fp64, a power of two.
    """
    import torch

    scaled = sites.to(torch.float64) * unit
    high = scaled.round()
    low = ((scaled - high) * LOW).round()
    return torch.stack((high.sum(), low.sum(), sites.sum(dtype=torch.float64)))


def settle(sums: torch.Tensor, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The value of the three sums of `parts`, added over the processes, and the unit for the next
    sum of that name. Value and unit are scalars on the device: the host does not wait.
    """
    import torch

    exact, plain = (sums[0] + sums[1] / LOW) / unit, sums[2]
    value = torch.where((exact - plain).abs() <= OFF * plain.abs(), exact, plain)
    exponent = torch.frexp(value.abs())[1]
    good = value.isfinite() & (value != 0)
    return value, torch.where(
        good, torch.ldexp(torch.ones_like(value), torch.where(good, BITS - exponent, 0)), unit
    )


def settle_here(sums: torch.Tensor, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`settle` on a CPU, where a few numbers are faster than a few tensors."""
    high, low, plain = sums.tolist()
    scale = float(unit)
    value = (high + low / LOW) / scale
    if not abs(value - plain) <= OFF * abs(plain):
        value = plain
    following = 2.0 ** (BITS - math.frexp(value)[1]) if math.isfinite(value) and value else scale
    return sums.new_tensor(value), sums.new_tensor(following)


class Totals:
    """The sums of one solve by name. A sum is scaled by the previous sum of its name.

    A sum is a scalar in fp64 on the device.
    """

    def __init__(
        self,
        halo: Halo,
        device: torch.device,
        settle: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    ) -> None:
        import torch

        self._halo, self._settle = halo, settle
        self._units: dict[str, torch.Tensor] = {}
        self._one = torch.ones((), dtype=torch.float64, device=device)

    def unit(self, name: str) -> torch.Tensor:
        """The scale of the next sum of this name; 1 for the first sum."""
        return self._units.get(name, self._one)

    def begin(self, name: str, like: str) -> None:
        """Expect the first sum of this name to be about as large as the last sum named `like`."""
        self._units[name] = self.unit(like).clone()

    def of(self, name: str, sum_up: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The sum that `sum_up` computes with a unit.

        The first sum of a name is computed twice: the first time only shows its size.
        """
        if name not in self._units:
            self.add(name, sum_up(self.unit(name)))
        return self.add(name, sum_up(self.unit(name)))

    def add(self, name: str, sums: torch.Tensor) -> torch.Tensor:
        """The value of the `parts` of every process together."""
        value, unit = self._settle(self._halo.total(sums), self.unit(name))
        # in place: a recorded CUDA graph reads the unit at its address
        self._units.setdefault(name, unit).copy_(unit)
        return value
