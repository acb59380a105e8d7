"""The operator that is solved with: even-odd preconditioned, phases and boundary folded into the links.

Staggered Dirac operator in MILC's normalisation: M = 2m + D, D anti-Hermitian,
    D v(x) = sum_mu eta_mu(x) [F_mu(x) v(x+mu) - F_mu(x-mu)† v(x-mu) + N_mu(x) v(x+3mu) - N_mu(x-3mu)† v(x-3mu)],
so that M†M = 4m² - D² does not mix parities, and on even sites is A = 4m² - D_eo D_oe: Hermitian, with eigenvalues of at least 4m².
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import HOPS, Lattice, crossing_sign, neighbour, sites, staggered_phase

if TYPE_CHECKING:
    import torch


class Hopping(NamedTuple):
    """D from one parity to the other. links: [half, 3, 48], the sixteen matrices of a site side by side; neighbours: [half * 16] int32."""

    links: torch.Tensor
    neighbours: torch.Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> Hopping:
        return Hopping(self.links.to(device=device, dtype=dtype), self.neighbours.to(device))


def fold(lattice: Lattice, links: Links, parity: int, dtype: torch.dtype) -> Hopping:
    """Rows of D on the sites of one parity: backward links adjointed and negated, staggered phase and antiperiodic sign folded in."""
    import torch

    here = sites(lattice, parity)
    folded = torch.empty((lattice.half, 3, 48), dtype=dtype)
    numbers = torch.empty((lattice.half, 16), dtype=torch.int32)
    for k, (mu, hop) in enumerate(HOPS):
        there = neighbour(lattice, mu, hop)[here]
        sign = torch.from_numpy(staggered_phase(lattice, mu)[here] * crossing_sign(lattice, mu, hop)[here])
        field = (links.fat if abs(hop) == 1 else links.long)[mu].reshape(-1, 3, 3)
        matrices = field[torch.from_numpy(here)] if hop > 0 else -field[torch.from_numpy(there)].mH
        folded[:, :, 3 * k : 3 * k + 3] = matrices * sign[:, None, None]
        numbers[:, k] = torch.from_numpy(there // 2)
    return Hopping(folded, numbers.reshape(-1))


class NormalOperator:
    """A = 4m² - D_eo D_oe on even-site vectors [half, 3]. Holds its scratch vectors, so an application allocates nothing."""

    def __init__(self, even: Hopping, odd: Hopping, mass: float) -> None:
        import torch

        self.even, self.odd, self.mass = even, odd, mass
        self.half = even.links.shape[0]
        self.dtype, self.device = even.links.dtype, even.links.device
        self._gathered = torch.empty((self.half * 16, 3), dtype=self.dtype, device=self.device)
        self._odd = torch.empty((self.half, 3), dtype=self.dtype, device=self.device)

    @classmethod
    def on(cls, lattice: Lattice, links: Links, mass: float, dtype: torch.dtype) -> NormalOperator:
        return cls(fold(lattice, links, 0, dtype), fold(lattice, links, 1, dtype), mass)

    def to(self, device: torch.device, dtype: torch.dtype) -> NormalOperator:
        """This operator elsewhere or in another precision; itself if it is that already."""
        if (device, dtype) == (self.device, self.dtype):
            return self
        return NormalOperator(self.even.to(device, dtype), self.odd.to(device, dtype), self.mass)

    def apply(self, v: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """out = A v; both [half, 3] of the operator's dtype."""
        import torch

        torch.bmm(self.odd.links, self._gather(v, self.odd), out=self._odd[:, :, None])
        gathered = self._gather(self._odd, self.even)
        torch.baddbmm(v[:, :, None], self.even.links, gathered, beta=4 * self.mass**2, alpha=-1, out=out[:, :, None])
        return out

    def _gather(self, v: torch.Tensor, hopping: Hopping) -> torch.Tensor:
        """The sixteen neighbours of each site, [half, 48, 1]."""
        import torch

        torch.index_select(v, 0, hopping.neighbours, out=self._gathered)
        return self._gathered.view(self.half, 48, 1)
