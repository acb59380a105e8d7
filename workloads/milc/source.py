"""The right-hand side: M† applied to a random source, as for a stochastic estimate or a
pseudofermion field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from energybench_workloads.common import uniforms
from energybench_workloads.milc import reference
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import Lattice

if TYPE_CHECKING:
    import torch

SOURCE_STREAM = 5  # Philox streams 1 to 4 made the links


def random_source(
    lattice: Lattice,
    links: Links,
    mass: float,
    seed: int,
    digest: hashlib._Hash | None = None,
    slices: Sequence[int] = (),
) -> torch.Tensor:
    """b = (M† eta) on even sites, [half, 3] complex128; eta uniform in [-1, 1] + i [-1, 1] on all
    sites, M† = 2m - D.

    Then A x = b gives the even half of the solution of M x = eta. The source is computed by the
    reference operator, independently of the operator under test.

    slices: the time slices of the problem of which `lattice` is a window; empty: all
    """
    import torch

    if slices:
        count = 6 * lattice.x * lattice.y * lattice.z
        parts = [uniforms(seed, SOURCE_STREAM, count, first=count * t) for t in slices]
        u = np.concatenate(parts)
    else:
        u = uniforms(seed, SOURCE_STREAM, 6 * lattice.volume, digest)
    eta = torch.view_as_complex(torch.from_numpy(2 * u - 1).reshape(*lattice.shape, 3, 2))
    return reference.on_even(lattice, 2 * mass * eta - reference.dslash(links, eta))
