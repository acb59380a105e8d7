"""Sums over the lattice that do not depend on how it is cut: into lanes, threads or processes.

Conjugate gradient amplifies the last bit of its scalars: two orders of summation are 1e-10 apart after a few hundred iterations. Here each site's number is
cut into two integers, and integers add up to the same sum in any order (Demmel and Nguyen, "Fast reproducible floating-point summation", ARITH 2013,
bin by bin likewise). All operations on single sites being the same anyway, one process and four give the same iterates, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from energybench_workloads.milc.halo import Halo

if TYPE_CHECKING:
    import torch

BITS = 40  # the sum before was scaled to 2^40: this one may be eight million times as large before an integer overflows
LOW = 2.0**32  # the second integer holds the next 32 bits of every site
OFF = 1e-3  # further from the plain sum than rounding explains: the integers overflowed, or the sum is no number


class Parts(NamedTuple):
    """high and low integers of the scaled sum, [2] int64, and the plain sum in fp64."""

    integers: torch.Tensor
    plain: torch.Tensor


def parts(sites: torch.Tensor, unit: torch.Tensor) -> Parts:
    """Of one number a site, any shape; unit: a scalar in fp64, a power of two."""
    import torch

    scaled = sites.to(torch.float64) * unit
    high = scaled.floor()
    low = ((scaled - high) * LOW).floor()
    return Parts(torch.stack((high.to(torch.int64).sum(), low.to(torch.int64).sum())), sites.sum(dtype=torch.float64))


class Totals:
    """The sums of one solve by name, each scaled by the one before of its name."""

    def __init__(self, halo: Halo, device: torch.device) -> None:
        self._halo, self._device = halo, device
        self._units: dict[str, torch.Tensor] = {}

    def unit(self, name: str) -> torch.Tensor:
        """What the next sum of this name is to be scaled by; 1 where there was none."""
        return self._units[name] if name in self._units else self._scalar(1.0)

    def of(self, name: str, sum_up: Callable[[torch.Tensor], Parts]) -> float:
        """The sum that `sum_up` makes with a unit; made twice where it is the first of its name, which only says how large it is."""
        if name not in self._units:
            self.add(name, sum_up(self.unit(name)))
        return self.add(name, sum_up(self.unit(name)))

    def add(self, name: str, found: Parts) -> float:
        """The sum over all processes."""
        high, low = self._halo.total(found.integers).tolist()
        plain = float(self._halo.total(found.plain))
        value = (high + low / LOW) / float(self.unit(name)) if name in self._units else plain
        if not abs(value - plain) <= OFF * abs(plain):
            value = plain
        if math.isfinite(value) and value:
            self._units[name] = self._scalar(2.0 ** (BITS - math.frexp(abs(value))[1]))
        return value

    def _scalar(self, value: float) -> torch.Tensor:
        import torch

        return torch.tensor(value, dtype=torch.float64, device=self._device)
