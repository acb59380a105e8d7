"""The lattice: sizes, sites, the parity of sites, and the neighbours one and three hops away.

Sites are numbered lexicographically over [t, z, y, x], x fastest; directions are ordered x, y, z,
t. The parity of a site is the parity of x + y + z + t. A hop of one or three steps changes the
parity: the operator couples even with odd sites only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# the sixteen neighbours of a site: (direction, signed hops); one hop over fat links, three over
# Naik links
HOPS = tuple((mu, hop) for mu in range(4) for hop in (1, -1, 3, -3))


class Lattice(NamedTuple):
    """Extents.

    Extents are even (checkerboard) and at least 4, so that three hops wrap at most once and do not
    end on the site of another hop.
    """

    x: int
    y: int
    z: int
    t: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.t, self.z, self.y, self.x

    @property
    def volume(self) -> int:
        return self.x * self.y * self.z * self.t

    @property
    def half(self) -> int:
        return self.volume // 2

    @property
    def name(self) -> str:
        return "x".join(str(extent) for extent in self)


# S, M, L and XL are NERSC's and QUDA's benchmark lattices; 24 and 32 exceed any cache and fit a
# small machine
SIZES = {
    "smoke": Lattice(8, 8, 8, 16),
    "16": Lattice(16, 16, 16, 16),
    "S": Lattice(18, 18, 18, 36),
    "24": Lattice(24, 24, 24, 24),
    "32": Lattice(32, 32, 32, 32),
    "M": Lattice(36, 36, 36, 72),
    "L": Lattice(72, 72, 72, 144),
    "XL": Lattice(144, 144, 144, 288),
}


def axis(mu: int) -> int:
    """Axis of direction mu in an array [t, z, y, x, …]."""
    return 3 - mu


def parities(lattice: Lattice) -> npt.NDArray[np.int8]:
    """0 (even) or 1 (odd) of every site, [volume]."""
    return np.asarray(
        sum(np.indices(lattice.shape, dtype=np.int16, sparse=True)) % 2, dtype=np.int8
    ).reshape(-1)


def sites(lattice: Lattice, parity: int) -> npt.NDArray[np.int64]:
    """Lexicographic numbers of the sites of one parity, ascending, [half].

    Site s is number s // 2 among the sites of its parity, because the extent of x is even.
    """
    return np.flatnonzero(parities(lattice) == parity)


def neighbour(lattice: Lattice, mu: int, hop: int) -> npt.NDArray[np.int64]:
    """Lexicographic number of the site `hop` steps along mu from every site, periodic, [volume]."""
    number = np.arange(lattice.volume, dtype=np.int64).reshape(lattice.shape)
    return np.roll(number, -hop, axis=axis(mu)).reshape(-1)


def staggered_phase(lattice: Lattice, mu: int) -> npt.NDArray[np.int8]:
    """eta_mu(x) = ±1 of every site, [volume], in MILC's convention: x: (-1)^t, y: (-1)^(t+x), z:
    (-1)^(t+x+y), t: 1.

    The phase does not depend on the coordinate along mu, so three hops along mu carry eta³ = eta.
    """
    t, _, y, x = np.indices(lattice.shape, dtype=np.int16, sparse=True)
    exponent = np.broadcast_to((t, t + x, t + x + y, 0 * t)[mu], lattice.shape)
    return np.asarray(1 - 2 * (exponent % 2), dtype=np.int8).reshape(-1)


def crossing_sign(lattice: Lattice, mu: int, hop: int) -> npt.NDArray[np.int8]:
    """-1 for a hop across the time boundary (fermions are antiperiodic in time), 1 for the other
    hops, [volume].
    """
    sign = np.ones(lattice.shape, dtype=np.int8)
    if mu == 3:
        crossing = slice(lattice.t - hop, None) if hop > 0 else slice(None, -hop)
        sign[crossing] = -1
    return sign.reshape(-1)
