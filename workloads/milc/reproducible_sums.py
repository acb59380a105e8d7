"""Sums over the lattice that do not depend on how it is cut: into lanes, threads or processes.

Conjugate gradient amplifies the last bit of its scalars: two orders of summation are 1e-10 apart
after a few hundred iterations. Here each site's number is cut into two whole numbers, and sums of
whole numbers below 2^53 are exact in fp64, in any order (Demmel and Nguyen, "Fast reproducible
floating-point summation", ARITH 2013, bin by bin likewise). All operations on single sites being
the same anyway, one process and four give the same iterates, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from energybench_workloads.milc.halo import Halo

if TYPE_CHECKING:
    import torch

# the sum before was scaled to 2^38: this one may be thirty thousand times as large before its whole
# numbers are no longer exact
BITS = 38
LOW = (
    2.0**24
)  # the second number holds the next 24 bits of every site, exactly for up to 2^29 sites
# further from the plain sum than rounding explains: this one is too small for its unit, or the sum
# is no number
OFF = 1e-3


def parts(sites: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """The two sums of whole numbers and the plain sum, [3] in fp64.

    `sites`: one number a site, any shape; unit: a scalar in fp64, a power of two.
    """
    import torch

    scaled = sites.to(torch.float64) * unit
    high = scaled.round()
    low = ((scaled - high) * LOW).round()
    return torch.stack((high.sum(), low.sum(), sites.sum(dtype=torch.float64)))


def settle(found: torch.Tensor, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum that `parts` found over all processes, and the unit of the next one of its name;
    scalars that stay on their device: nobody waits for them.
    """
    import torch

    exact, plain = (found[0] + found[1] / LOW) / unit, found[2]
    value = torch.where((exact - plain).abs() <= OFF * plain.abs(), exact, plain)
    exponent = torch.frexp(value.abs())[1]
    good = value.isfinite() & (value != 0)
    return value, torch.where(
        good, torch.ldexp(torch.ones_like(value), torch.where(good, BITS - exponent, 0)), unit
    )


def settle_here(found: torch.Tensor, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same on a CPU, where a few numbers are faster than a few tensors."""
    high, low, plain = found.tolist()
    scale = float(unit)
    value = (high + low / LOW) / scale
    if not abs(value - plain) <= OFF * abs(plain):
        value = plain
    following = 2.0 ** (BITS - math.frexp(value)[1]) if math.isfinite(value) and value else scale
    return found.new_tensor(value), found.new_tensor(following)


class Totals:
    """The sums of one solve by name, each scaled by the one before of its name.

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
        """What the next sum of this name is to be scaled by; 1 where there was none."""
        return self._units.get(name, self._one)

    def begin(self, name: str, like: str) -> None:
        """The first sum of this name is about as large as that one."""
        self._units[name] = self.unit(like).clone()

    def of(self, name: str, sum_up: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The sum that `sum_up` makes with a unit; made twice where it is the first of its name,
        which only says how large it is.
        """
        if name not in self._units:
            self.add(name, sum_up(self.unit(name)))
        return self.add(name, sum_up(self.unit(name)))

    def add(self, name: str, found: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        value, unit = self._settle(self._halo.total(found), self.unit(name))
        self._units.setdefault(name, unit).copy_(
            unit
        )  # in its place, where a graph that was recorded looks for it
        return value
