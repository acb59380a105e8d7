"""The operator written a second time, to judge the solver: on the complete lattice, with shifted
fields, and with explicit phases and boundary.

The reference shares neither the folded links nor the neighbour tables with the solver, so that a
mistake in the solver cannot hide itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import Lattice, axis, sites

if TYPE_CHECKING:
    import torch


def shifted(v: torch.Tensor, mu: int, hop: int) -> torch.Tensor:
    """w(x) = v(x + hop mu), antiperiodic in time; v: [t, z, y, x, 3]."""
    import torch

    w = torch.roll(v, -hop, dims=axis(mu))
    if mu == 3:
        wrapped = w[-hop:] if hop > 0 else w[:-hop]
        wrapped.neg_()
    return w


def dslash(links: Links, v: torch.Tensor) -> torch.Tensor:
    """D v on all sites, both [t, z, y, x, 3] complex128."""
    import torch

    out = torch.zeros_like(v)
    t, _, y, x = (
        torch.arange(extent).reshape([-1 if i == k else 1 for i in range(5)])
        for k, extent in enumerate(v.shape[:4])
    )
    for mu, exponent in enumerate((t, t + x, t + x + y, 0 * t)):
        eta = 1 - 2 * (exponent % 2)
        for field, hops in ((links.fat[mu], 1), (links.long[mu], 3)):
            forward = torch.matmul(field, shifted(v, mu, hops)[..., None])[..., 0]
            backward = torch.matmul(field.mH, v[..., None])[..., 0]
            out += eta * (forward - shifted(backward, mu, -hops))
    return out


def on_even(lattice: Lattice, v: torch.Tensor) -> torch.Tensor:
    """The even sites of a vector on the complete lattice, [half, 3]."""
    import torch

    return v.reshape(-1, 3)[torch.from_numpy(sites(lattice, 0))]


def from_even(lattice: Lattice, v: torch.Tensor) -> torch.Tensor:
    """An even-site vector on the complete lattice, 0 on odd sites."""
    import torch

    field = torch.zeros((lattice.volume, 3), dtype=v.dtype)
    field[torch.from_numpy(sites(lattice, 0))] = v
    return field.reshape(*lattice.shape, 3)


def normal(lattice: Lattice, links: Links, mass: float, v: torch.Tensor) -> torch.Tensor:
    """A v = (4m² - D²) v for an even-site vector v: [half, 3] complex128."""
    return 4 * mass**2 * v - on_even(lattice, dslash(links, dslash(links, from_even(lattice, v))))
