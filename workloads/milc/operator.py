"""The operator of the solver: even-odd preconditioned, with phases and boundary folded into the
links, in lanes.

Staggered Dirac operator in MILC's normalisation: M = 2m + D, D anti-Hermitian,
    D v(x) = sum_mu eta_mu(x) [F_mu(x) v(x+mu) - F_mu(x-mu)† v(x-mu) + N_mu(x) v(x+3mu) -
    N_mu(x-3mu)† v(x-3mu)],
so that M†M = 4m² - D² does not mix parities, and on even sites is A = 4m² - D_eo D_oe: Hermitian,
with eigenvalues of at least 4m².
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.halo import ALONE, Halo
from energybench_workloads.milc.kernels import Kernels, Where, planes
from energybench_workloads.milc.lattice import (
    HOPS,
    Lattice,
    crossing_sign,
    neighbour,
    sites,
    staggered_phase,
)
from energybench_workloads.milc.layout import Lanes, natural
from energybench_workloads.milc.reproducible_sums import Totals
from energybench_workloads.milc.stencil import Stencil, stencil

if TYPE_CHECKING:
    import torch

Format = Literal["fp64", "fp32", "bf16", "int16"]


class Slab(NamedTuple):
    """The part of the lattice that a process holds: `lanes.lattice`, from time slice `start_t`."""

    lattice: Lattice  # of the problem, in all processes together
    lanes: Lanes
    start_t: int = 0

    def natural(self, parity: int) -> torch.Tensor:
        """Number of the site in every row and lane, [rows, lanes], among the sites of the parity in
        the complete lattice.
        """
        import torch

        # a time slice has an even number of sites, because its extents are even
        before = self.start_t * self.lattice.x * self.lattice.y * self.lattice.z // 2
        return torch.from_numpy(natural(self.lanes, parity) + before)


class Hopping(NamedTuple):
    """D from the sites of one parity to the sites of the opposite parity: links, a scale for links
    that are integers, and where to read the neighbours.
    """

    links: torch.Tensor
    scale: torch.Tensor | None
    where: Where

    def to(self, device: torch.device, form: Format, kernels: Kernels) -> Hopping:
        """On another device, or in a narrower format."""
        import torch

        dtype = vector_dtype(form)
        ahead, back, kinds, masks = self.where
        where = Where(
            ahead.to(device),
            back.to(device),
            kinds.to(device),
            masks.to(device=device, dtype=dtype),
        )
        if form == "int16":
            links, scale = kernels.pack(self.links.to(device))
            return Hopping(links, scale, where)
        return Hopping(
            self.links.to(device=device, dtype=torch.bfloat16 if form == "bf16" else dtype),
            None,
            where,
        )

    def pinned(self) -> Hopping:
        """Links in page-locked memory: a GPU copies from such memory several times as fast."""
        return self._replace(links=self.links.pin_memory())


def vector_dtype(form: Format) -> torch.dtype:
    import torch

    return torch.float64 if form == "fp64" else torch.float32


def fold(slab: Slab, links: Links, parity: int) -> Hopping:
    """D on the sites of one parity, in fp64: backward links adjointed and negated, staggered phase
    and antiperiodic sign folded in.
    """
    import torch

    lattice, lanes = slab.lattice, slab.lanes
    here = sites(lattice, parity)[slab.natural(parity).numpy()].reshape(-1)
    folded = torch.empty((lanes.rows, len(HOPS), 3, 3, 2, lanes.width), dtype=torch.float64)
    for k, (mu, hop) in enumerate(HOPS):
        there = neighbour(lattice, mu, hop)[here]
        sign = torch.from_numpy(
            staggered_phase(lattice, mu)[here] * crossing_sign(lattice, mu, hop)[here]
        )
        field = (links.fat if abs(hop) == 1 else links.long)[mu].reshape(-1, 3, 3)
        matrices = field[torch.from_numpy(here)] if hop > 0 else -field[torch.from_numpy(there)].mH
        inner = (
            (matrices * sign[:, None, None])
            .reshape(lanes.rows, lanes.width, 3, 3)
            .permute(0, 2, 3, 1)
        )
        folded[:, k] = torch.stack((inner.real, inner.imag), 3)
    return Hopping(folded, None, _where(stencil(lanes, parity)))


def _where(reads: Stencil) -> Where:
    import torch

    ahead, back, kinds = (
        torch.from_numpy(part).to(torch.int32) for part in (reads.ahead, reads.back, reads.kinds)
    )
    return Where(ahead, back, kinds, torch.from_numpy(reads.masks))


class NormalOperator:
    """A = 4m² - D_eo D_oe on even-site vectors.

    The operator owns its scratch vectors, so an application allocates no memory.
    """

    def __init__(
        self,
        slab: Slab,
        even: Hopping,
        odd: Hopping,
        form: Format,
        mass: float,
        kernels: Kernels,
        halo: Halo = ALONE,
    ) -> None:
        self.slab, self.even, self.odd, self.form, self.mass = slab, even, odd, form, mass
        self.kernels, self.halo = kernels, halo
        self.device, self.dtype = even.links.device, vector_dtype(form)
        self._odd, self.odd_rows = self.buffer()
        self._odd_planes = planes(self.odd_rows)
        self._weight = self.scalar(4 * mass**2)

    @classmethod
    def on(
        cls, slab: Slab, links: Links, mass: float, kernels: Kernels, halo: Halo = ALONE
    ) -> NormalOperator:
        """In fp64 on the CPU."""
        return cls(slab, fold(slab, links, 0), fold(slab, links, 1), "fp64", mass, kernels, halo)

    def to(
        self, device: torch.device, form: Format, kernels: Kernels | None = None
    ) -> NormalOperator:
        """This operator on another device or in a narrower format; `self` if neither changes."""
        if (device, form) == (self.device, self.form):
            return self
        kernels = kernels or self.kernels
        even, odd = (hopping.to(device, form, kernels) for hopping in (self.even, self.odd))
        return NormalOperator(self.slab, even, odd, form, self.mass, kernels, self.halo)

    def pinned(self) -> NormalOperator:
        return NormalOperator(
            self.slab,
            self.even.pinned(),
            self.odd.pinned(),
            self.form,
            self.mass,
            self.kernels,
            self.halo,
        )

    def shifted(self, shift: float) -> NormalOperator:
        """A + shift, with the links of this operator: another quark mass."""
        mass = (self.mass**2 + shift / 4) ** 0.5
        return NormalOperator(
            self.slab, self.even, self.odd, self.form, mass, self.kernels, self.halo
        )

    def buffer(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A zero vector that the operator can be applied to: the flat buffer with guard and halo
        rows, and the view of the interior rows.
        """
        import torch

        lanes = self.slab.lanes
        flat = torch.zeros(
            lanes.buffer_rows * lanes.row_reals, dtype=self.dtype, device=self.device
        )
        return flat, flat.view(-1, 3, 2, lanes.width)[1 : 1 + lanes.rows]

    def rows(self) -> torch.Tensor:
        """A zero vector without guard and halo rows."""
        import torch

        return torch.zeros(
            (self.slab.lanes.rows, 3, 2, self.slab.lanes.width),
            dtype=self.dtype,
            device=self.device,
        )

    def apply(
        self, source: torch.Tensor, interior: torch.Tensor, out: torch.Tensor
    ) -> torch.Tensor:
        """out = A v; v: the buffer `source` with its rows `interior`; out: interior rows."""
        self.hop_to_odd(source, interior)
        self.halo.exchange(self._odd, self.odd_rows, self.slab.lanes)
        self.kernels.hop_from(
            self.even.links,
            self.even.scale,
            self._odd,
            self.even.where,
            planes(out),
            planes(interior),
            self._weight,
        )
        return out

    def hop_to_odd(self, source: torch.Tensor, interior: torch.Tensor) -> torch.Tensor:
        """D_oe v. The result is in a scratch vector, valid until the next application."""
        self.halo.exchange(source, interior, self.slab.lanes)
        self.kernels.hop(self.odd.links, self.odd.scale, source, self.odd.where, self._odd_planes)
        return self.odd_rows

    def curvature(self, totals: Totals, norm2: torch.Tensor) -> torch.Tensor:
        """<v, A v> = 4m² |v|² + |D_oe v|² for the v of the last application; norm2 = |v|².

        D_eo = -D_oe†, so one vector is read and not two.
        """
        return 4 * self.mass**2 * norm2 + totals.of(
            "Dv", lambda unit: self.kernels.norm2(self.odd_rows, unit)
        )

    def totals(self) -> Totals:
        """The sums of one solve on the operator's device, over all processes."""
        return Totals(self.halo, self.device, self.kernels.settle)

    def scalar(self, value: float) -> torch.Tensor:
        import torch

        return torch.tensor(value, dtype=torch.float64, device=self.device)

    def gather(self, natural_order: torch.Tensor) -> torch.Tensor:
        """Interior rows of a vector [half, 3] complex in natural order, on the operator's device in
        its precision.
        """
        import torch

        values = torch.view_as_real(natural_order)[self.slab.natural(0)]
        return values.permute(0, 2, 3, 1).to(device=self.device, dtype=self.dtype).contiguous()

    def scatter(self, interior: torch.Tensor, into: torch.Tensor) -> torch.Tensor:
        """Write interior rows into a vector [half, 3] complex128 in natural order on the CPU."""
        import torch

        torch.view_as_real(into)[self.slab.natural(0)] = interior.permute(0, 3, 1, 2).to(
            device="cpu", dtype=torch.float64
        )
        return into
