"""A quenched gauge field: heat-bath sweeps of Wilson's action make the links correlated and the
plaquette physical.

Cabibbo and Marinari (Phys. Lett. B119 (1982) 387): each link is updated in its three SU(2)
subgroups in turn; Kennedy and Pendleton (Phys. Lett. B156 (1985) 393) draw the SU(2) element. The
random numbers are Philox's, and their count is fixed in advance, so that the field does not depend
on how many trials are rejected.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from energybench_workloads.common import uniforms
from energybench_workloads.milc.lattice import Lattice, axis, parities

if TYPE_CHECKING:
    import torch

STREAM = 10_000  # the first Philox stream; a stream for each sweep, direction, parity, subgroup
# Trials of a draw; at beta = 6 the first trial is accepted in over 95 of 100 cases. A link without
# an accepted trial stays unchanged
TRIALS = 6
SUBGROUPS = ((0, 1), (0, 2), (1, 2))


def thermalise(
    thin: torch.Tensor,
    lattice: Lattice,
    beta: float,
    sweeps: int,
    seed: int,
    digest: hashlib._Hash | None = None,
) -> torch.Tensor:
    """Sweep over the links `sweeps` times; thin: [4, t, z, y, x, 3, 3] complex128, changed in place
    and returned.
    """
    import torch

    even = torch.from_numpy(parities(lattice)).reshape(lattice.shape) == 0
    stream = STREAM
    for _ in range(sweeps):
        for mu in range(4):
            for parity in (even, ~even):
                links, sums = thin[mu][parity], staples(thin, mu)[parity]
                for pair in SUBGROUPS:
                    draws = torch.from_numpy(
                        uniforms(seed, stream, links.shape[0] * (4 * TRIALS + 2), digest)
                    ).reshape(links.shape[0], -1)
                    links = _update(links, sums, pair, beta, draws)
                    stream += 1
                thin[mu][parity] = links
    return thin


def staples(thin: torch.Tensor, mu: int) -> torch.Tensor:
    """V with sum of Re tr(U_mu V) over the six plaquettes of each link, [t, z, y, x, 3, 3]."""
    import torch

    def ahead(field: torch.Tensor, nu: int, hop: int = 1) -> torch.Tensor:
        return torch.roll(field, -hop, dims=axis(nu))

    total = torch.zeros_like(thin[mu])
    for nu in range(4):
        if nu != mu:
            v, v_ahead, u_ahead = thin[nu], ahead(thin[nu], mu), ahead(thin[mu], nu)
            total += v_ahead @ u_ahead.mH @ v.mH
            total += ahead(v_ahead.mH @ thin[mu].mH @ v, nu, -1)
    return total


def _update(
    links: torch.Tensor, sums: torch.Tensor, pair: tuple[int, int], beta: float, draws: torch.Tensor
) -> torch.Tensor:
    """New links a U, a drawn in the SU(2) subgroup of rows and columns `pair` with weight
    exp(beta/3 · Re tr(a U V)).
    """
    import torch

    i, j = pair
    w = links @ sums
    r = torch.stack(
        (
            (w[:, i, i] + w[:, j, j]).real / 2,
            (w[:, i, j] + w[:, j, i]).imag / 2,
            (w[:, i, j] - w[:, j, i]).real / 2,
            (w[:, i, i] - w[:, j, j]).imag / 2,
        ),
        1,
    )
    size = torch.linalg.vector_norm(r, dim=1).clamp_min(1e-30)
    new, accepted = _draw(2 * beta / 3 * size, draws)
    unit = r / size[:, None]
    turned = _product(new, unit * torch.tensor([1.0, -1, -1, -1], dtype=r.dtype))
    a0, a1, a2, a3 = torch.where(
        accepted[:, None], turned, torch.tensor([1.0, 0, 0, 0], dtype=r.dtype)
    ).unbind(1)
    out = links.clone()
    top, bottom = links[:, i], links[:, j]
    out[:, i] = torch.complex(a0, a3)[:, None] * top + torch.complex(a2, a1)[:, None] * bottom
    out[:, j] = torch.complex(-a2, a1)[:, None] * top + torch.complex(a0, -a3)[:, None] * bottom
    return out


def _draw(strength: torch.Tensor, draws: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit quaternions [n, 4] with weight exp(strength · a0) on the sphere, and whether a trial was
    accepted.
    """
    import torch

    u = (1 - draws[:, : 4 * TRIALS]).reshape(-1, TRIALS, 4)  # in (0, 1]: the logarithms are finite
    depth = (
        -(torch.log(u[..., 0]) + torch.cos(2 * math.pi * u[..., 1]) ** 2 * torch.log(u[..., 2]))
        / strength[:, None]
    )
    good = u[..., 3] ** 2 <= 1 - depth / 2
    first = good.to(torch.int8).argmax(1, keepdim=True)
    a0 = 1 - depth.gather(1, first)[:, 0]
    a0 = a0.clamp(-1, 1)
    cosine, angle = 2 * draws[:, -2] - 1, 2 * math.pi * draws[:, -1]
    radius = torch.sqrt(1 - a0**2)
    sine = torch.sqrt(1 - cosine**2)
    return torch.stack(
        (a0, radius * sine * torch.cos(angle), radius * sine * torch.sin(angle), radius * cosine), 1
    ), good.any(1)


def _product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(a0 + i a·sigma)(b0 + i b·sigma) as quaternions, [n, 4]."""
    import torch

    scalar = a[:, 0] * b[:, 0] - (a[:, 1:] * b[:, 1:]).sum(1)
    vector = a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:] - torch.linalg.cross(a[:, 1:], b[:, 1:])
    return torch.cat((scalar[:, None], vector), 1)
