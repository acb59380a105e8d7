"""The operator that is solved with: even-odd preconditioned, phases and boundary folded into the
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
from energybench_workloads.milc.layout import Lanes, Stencil, natural, stencil
from energybench_workloads.milc.reproducible_sums import Totals

if TYPE_CHECKING:
    import torch

Format = Literal["fp64", "fp32", "bf16", "int16"]


class Slab(NamedTuple):
    """The part of the whole lattice that a process holds: `lanes.lattice` from time slice `start_t`
    on.
    """

    whole: Lattice
    lanes: Lanes
    start_t: int = 0

    def natural(self, parity: int) -> torch.Tensor:
        """Number within its parity, of the whole lattice, of the site in each row and lane, [rows,
        lanes].
        """
        import torch

        before = (
            self.start_t * self.whole.x * self.whole.y * self.whole.z // 2
        )  # start_t is even or the slice volume is: a whole number of pairs
        return torch.from_numpy(natural(self.lanes, parity) + before)


class Hopping(NamedTuple):
    """D from one parity to the other: links, their scale where they are integers, and where to
    read.
    """

    links: torch.Tensor
    scale: torch.Tensor | None
    where: Where

    def to(self, device: torch.device, form: Format, kernels: Kernels) -> Hopping:
        """On another device, or from a wide format to a narrower one."""
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
        """Links in page-locked memory, out of which a GPU copies several times as fast."""
        return self._replace(links=self.links.pin_memory())


def vector_dtype(form: Format) -> torch.dtype:
    import torch

    return torch.float64 if form == "fp64" else torch.float32


def fold(slab: Slab, links: Links, parity: int) -> Hopping:
    """Rows of D on the sites of one parity, fp64: backward links adjointed and negated, staggered
    phase and antiperiodic sign folded in.
    """
    import torch

    whole, lanes = slab.whole, slab.lanes
    here = sites(whole, parity)[slab.natural(parity).numpy()].reshape(-1)
    folded = torch.empty((lanes.rows, len(HOPS), 3, 3, 2, lanes.width), dtype=torch.float64)
    for k, (mu, hop) in enumerate(HOPS):
        there = neighbour(whole, mu, hop)[here]
        sign = torch.from_numpy(
            staggered_phase(whole, mu)[here] * crossing_sign(whole, mu, hop)[here]
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


def _where(found: Stencil) -> Where:
    import torch

    ahead, back, kinds = (
        torch.from_numpy(part).to(torch.int32) for part in (found.ahead, found.back, found.kinds)
    )
    return Where(ahead, back, kinds, torch.from_numpy(found.masks))


class NormalOperator:
    """A = 4m² - D_eo D_oe on even-site vectors.

    Holds its scratch vectors, so an application allocates nothing.
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
        """This operator elsewhere or in a narrower format; itself if it is that already."""
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
        """A + shift, with the same links: another quark mass."""
        mass = (self.mass**2 + shift / 4) ** 0.5
        return NormalOperator(
            self.slab, self.even, self.odd, self.form, mass, self.kernels, self.halo
        )

    def buffer(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A vector that may be hopped from, flat and zero, and the view of its own rows."""
        import torch

        lanes = self.slab.lanes
        flat = torch.zeros(
            lanes.buffer_rows * lanes.row_reals, dtype=self.dtype, device=self.device
        )
        return flat, flat.view(-1, 3, 2, lanes.width)[1 : 1 + lanes.rows]

    def rows(self) -> torch.Tensor:
        """A vector that is not hopped from, zero."""
        import torch

        return torch.zeros(
            (self.slab.lanes.rows, 3, 2, self.slab.lanes.width),
            dtype=self.dtype,
            device=self.device,
        )

    def apply(self, source: torch.Tensor, own: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """out = A v for the v in the buffer `source`, whose own rows are `own`; out: own rows."""
        self.hop_to_odd(source, own)
        self.halo.exchange(self._odd, self.odd_rows, self.slab.lanes)
        self.kernels.hop_from(
            self.even.links,
            self.even.scale,
            self._odd,
            self.even.where,
            planes(out),
            planes(own),
            self._weight,
        )
        return out

    def hop_to_odd(self, source: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """D_oe v, left in the scratch vector that is returned."""
        self.halo.exchange(source, own, self.slab.lanes)
        self.kernels.hop(self.odd.links, self.odd.scale, source, self.odd.where, self._odd_planes)
        return self.odd_rows

    def curvature(self, totals: Totals, norm2: torch.Tensor) -> torch.Tensor:
        """<v, A v> = 4m² |v|² + |D_oe v|² of the v last applied, whose |v|² is given: D_eo =
        -D_oe†, so one vector is read and not two.
        """
        return 4 * self.mass**2 * norm2 + totals.of(
            "Dv", lambda unit: self.kernels.norm2(self.odd_rows, unit)
        )

    def totals(self) -> Totals:
        """For the sums of one solve on its device, over all processes."""
        return Totals(self.halo, self.device, self.kernels.settle)

    def scalar(self, value: float) -> torch.Tensor:
        import torch

        return torch.tensor(value, dtype=torch.float64, device=self.device)

    def gather(self, natural_order: torch.Tensor) -> torch.Tensor:
        """Own rows of a vector [half, 3] complex of the whole lattice, on this device in this
        precision.
        """
        import torch

        mine = torch.view_as_real(natural_order)[self.slab.natural(0)]
        return mine.permute(0, 2, 3, 1).to(device=self.device, dtype=self.dtype).contiguous()

    def scatter(self, own: torch.Tensor, into: torch.Tensor) -> torch.Tensor:
        """Write own rows into a vector [half, 3] complex128 of the whole lattice on the CPU."""
        import torch

        torch.view_as_real(into)[self.slab.natural(0)] = own.permute(0, 3, 1, 2).to(
            device="cpu", dtype=torch.float64
        )
        return into
