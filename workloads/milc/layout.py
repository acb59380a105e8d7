"""How a lattice lies in memory: cut into equal sub-lattices, one for each lane of a vector
register, sites of one parity in rows.

A row holds the sites at one place of every sub-lattice, 3 x 2 real numbers a site with the lanes
innermost: [3, 2, lanes]. Hops within a sub-lattice lead from row to row. A hop out of a sub-lattice
ends in a row on the opposite side, with the lanes moved by one along the split direction: two loads
of consecutive numbers at a shifted offset, blended lane by lane, give the moved row without a copy
(Boyle et al., Grid, arXiv:1512.03487, permute registers for the same purpose). If a sub-lattice has
an odd extent, the sites of every second lane have the opposite parity at the same place: they lie
one further along x, and a hop along x is blended from two rows.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench_workloads.milc.lattice import Lattice

Ints = npt.NDArray[np.int64]

REALS = 6  # real numbers of a site's colour vector
NAIK = 3  # the longest hop, and so the number of time slices that neighbouring processes exchange


class Lanes(NamedTuple):
    """`lattice`, the part of this process, cut `splits` = (x, y, z, t) ways into sub-lattices.

    `ranks` processes share the lattice of the problem, cut along t.
    """

    lattice: Lattice
    splits: tuple[int, int, int, int]
    ranks: int = 1

    @property
    def width(self) -> int:
        return math.prod(self.splits)

    @property
    def sub(self) -> Lattice:
        return Lattice(
            *(extent // cut for extent, cut in zip(self.lattice, self.splits, strict=True))
        )

    @property
    def rows(self) -> int:
        return self.sub.volume // 2

    @property
    def halo_rows(self) -> int:
        """Rows that a neighbour in time sends: the neighbour's first or last three time slices."""
        return NAIK * self.rows // self.sub.t if self.ranks > 1 else 0

    @property
    def buffer_rows(self) -> int:
        """Rows of a vector, of the halos received from after and from before, and of a guard at
        either end, where a shifted load may reach beyond the vector.
        """
        return self.rows + 2 * self.halo_rows + 2

    @property
    def row_reals(self) -> int:
        return REALS * self.width

    @property
    def strides(self) -> tuple[int, int, int, int]:
        """Distance in lanes to the next sub-lattice along x, y, z, t; t is the slowest."""
        x, y, z, _ = self.splits
        return 1, x, x * y, x * y * z

    @property
    def name(self) -> str:
        """'16 lanes: z/4 t/4'."""
        cuts = " ".join(
            f"{axis}/{cut}" for axis, cut in zip("xyzt", self.splits, strict=True) if cut > 1
        )
        return f"{self.width} lanes: {cuts}" if cuts else "1 lane"


def choose(lattice: Lattice, lanes: int, ranks: int = 1) -> Lanes:
    """Cut the lattice into `lanes` sub-lattices, or into the next smaller number that the extents
    allow.

    Of several possible cuts, prefer a long shortest side, then cuts along slow axes.
    """
    while lanes > 1:
        fitting = [cuts for cuts in _cuts(lanes) if _legal(lattice, cuts, ranks)]
        if fitting:
            return Lanes(lattice, max(fitting, key=lambda cuts: _rank(lattice, cuts)), ranks)
        lanes //= 2
    return Lanes(lattice, (1, 1, 1, 1), ranks)


def _cuts(lanes: int) -> list[tuple[int, int, int, int]]:
    powers = [2**k for k in range(lanes.bit_length())]
    return [cuts for cuts in itertools.product(powers, repeat=4) if math.prod(cuts) == lanes]


def _legal(lattice: Lattice, cuts: tuple[int, int, int, int], ranks: int) -> bool:
    """Whether the sub-lattices are equal, and hops are blends of two rows.

    Parity halves x. If a lane changes the parity, x must not be cut too: one hop would blend three
    rows.
    """
    equal = all(extent % cut == 0 for extent, cut in zip(lattice, cuts, strict=True))
    even = all(extent // cut % 2 == 0 for extent, cut in zip(lattice, cuts, strict=True))
    return equal and (even or cuts[0] == 1) and (ranks == 1 or lattice.t // cuts[3] > NAIK)


def _rank(lattice: Lattice, cuts: tuple[int, int, int, int]) -> tuple[int, tuple[int, ...]]:
    cut_sides = [extent // cut for extent, cut in zip(lattice, cuts, strict=True) if cut > 1]
    return min(cut_sides), tuple(reversed(cuts))


def coordinates(lanes: Lanes, parity: int) -> tuple[Ints, Ints, Ints, Ints]:
    """x, y, z, t within a sub-lattice of the rows of one parity, [rows] for each coordinate, in
    lanes that do not change the parity; x is the fastest.
    """
    sub = lanes.sub
    t, z, y, half = (part.reshape(-1) for part in np.indices((sub.t, sub.z, sub.y, sub.x // 2)))
    return 2 * half + (t + z + y + parity) % 2, y, z, t


def changes_parity(lanes: Lanes) -> Ints:
    """1 for each lane whose sub-lattice begins at an odd site, else 0, [lanes]."""
    return np.asarray(
        sum(place * extent for place, extent in zip(lane_places(lanes), lanes.sub, strict=True)) % 2
    )


def row(sub: Lattice, x: Ints, y: Ints, z: Ints, t: Ints) -> Ints:
    """Number of a site's row among the rows of the site's parity."""
    return np.asarray(((t * sub.z + z) * sub.y + y) * (sub.x // 2) + x // 2)


def lane_places(lanes: Lanes) -> Ints:
    """Place of every lane along x, y, z, t, [4, lanes]."""
    number = np.arange(lanes.width)
    return np.stack(
        [number // stride % cut for stride, cut in zip(lanes.strides, lanes.splits, strict=True)]
    )


def natural(lanes: Lanes, parity: int) -> Ints:
    """Number of the site in every row and lane, [rows, lanes]: lexicographic among the sites of the
    parity, as in lattice.sites.
    """
    sub, lattice, odd = lanes.sub, lanes.lattice, changes_parity(lanes)
    inside = [
        np.where(odd[None], flipped[:, None], plain[:, None])
        for plain, flipped in zip(
            coordinates(lanes, parity), coordinates(lanes, parity ^ 1), strict=True
        )
    ]
    x, y, z, t = (
        part + place[None] * extent
        for part, place, extent in zip(inside, lane_places(lanes), sub, strict=True)
    )
    return np.asarray((((t * lattice.z + z) * lattice.y + y) * lattice.x + x) // 2)
