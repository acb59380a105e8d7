"""How a lattice lies in memory: cut into equal sub-lattices, one for each lane of a vector
register, sites of one parity in rows.

A row holds the sites that have the same place in every sub-lattice, its 3 x 2 real numbers a site
with the lanes innermost: [3, 2, lanes]. Hops within a sub-lattice lead from row to row. A hop that
leaves it ends in the row of the other side, with the lanes moved by one along the split direction:
two loads of consecutive numbers at a shifted offset, blended lane by lane, give that row without a
copy (Boyle et al., Grid, arXiv:1512.03487, permutes registers to the same end). Where a sub-lattice
has an odd extent, the sites of every second lane have the other parity at the same place: they lie
one further along x, and a hop along x is blended from two rows.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench_workloads.milc.lattice import HOPS, Lattice

Ints = npt.NDArray[np.int64]

REALS = 6  # real numbers of a site's colour vector
NAIK = 3  # the longest hop: how many slices of time a neighbouring process must send


class Lanes(NamedTuple):
    """`lattice` (of this process) cut `splits` = (x, y, z, t) ways; `ranks` processes share the
    whole one, cut along t.
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
        """Rows that one neighbour in time sends: its first or last three slices of time."""
        return NAIK * self.rows // self.sub.t if self.ranks > 1 else 0

    @property
    def buffer_rows(self) -> int:
        """A vector with a guard row at either end (a shifted load may reach into it) and the rows
        received from after and from before.
        """
        return self.rows + 2 * self.halo_rows + 2

    @property
    def row_reals(self) -> int:
        return REALS * self.width

    @property
    def strides(self) -> tuple[int, int, int, int]:
        """By how many lanes the next sub-lattice along x, y, z, t is away; t is the slowest."""
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
    """As many lanes as asked, or the next fewer that the extents allow; of several cuts the one
    whose shortest side is longest, then slow axes.
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
    """x is halved by the parity, and cut only where no lane changes it: three rows would meet in
    one hop.
    """
    whole = all(extent % cut == 0 for extent, cut in zip(lattice, cuts, strict=True))
    even = all(extent // cut % 2 == 0 for extent, cut in zip(lattice, cuts, strict=True))
    return whole and (even or cuts[0] == 1) and (ranks == 1 or lattice.t // cuts[3] > NAIK)


def _rank(lattice: Lattice, cuts: tuple[int, int, int, int]) -> tuple[int, tuple[int, ...]]:
    cut_sides = [extent // cut for extent, cut in zip(lattice, cuts, strict=True) if cut > 1]
    return min(cut_sides), tuple(reversed(cuts))


def coordinates(lanes: Lanes, parity: int) -> tuple[Ints, Ints, Ints, Ints]:
    """x, y, z, t within a sub-lattice of every row of one parity, each [rows], in lanes that do not
    change it; x is the fastest.
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
    """Number of the row of a site within its parity."""
    return np.asarray(((t * sub.z + z) * sub.y + y) * (sub.x // 2) + x // 2)


def lane_places(lanes: Lanes) -> Ints:
    """Place of every lane along x, y, z, t, [4, lanes]."""
    number = np.arange(lanes.width)
    return np.stack(
        [number // stride % cut for stride, cut in zip(lanes.strides, lanes.splits, strict=True)]
    )


def natural(lanes: Lanes, parity: int) -> Ints:
    """Number within its parity (lexicographic, as lattice.sites has it) of the site in every row
    and lane, [rows, lanes].
    """
    sub, lattice, odd = lanes.sub, lanes.lattice, changes_parity(lanes)
    inside = [
        np.where(odd[None], other[:, None], one[:, None])
        for one, other in zip(*(coordinates(lanes, parity ^ flip) for flip in (0, 1)), strict=True)
    ]
    x, y, z, t = (
        part + place[None] * extent
        for part, place, extent in zip(inside, lane_places(lanes), sub, strict=True)
    )
    return np.asarray((((t * lattice.z + z) * lattice.y + y) * lattice.x + x) // 2)


class Stencil(NamedTuple):
    """Where the sixteen neighbours of each row are read: lane l of neighbour k of row r is number
    `ahead[r, k]` + l of the flat buffer where `masks[kinds[r, k], l]` is 1, else number `back[r,
    k]` + l. ahead, back, kinds: [rows, 16]; masks: [kinds, lanes].
    """

    ahead: Ints
    back: Ints
    kinds: Ints
    masks: npt.NDArray[np.float64]


def stencil(lanes: Lanes, parity: int) -> Stencil:
    """For the rows of one parity; the buffer read is of the other."""
    sub, places, odd = lanes.sub, lane_places(lanes), changes_parity(lanes)
    here = coordinates(lanes, parity)
    shape = (lanes.rows, len(HOPS))
    ahead, back, kinds = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    masks: list[npt.NDArray[np.float64]] = [np.ones(lanes.width, dtype=np.float64)]
    known: dict[tuple[int, int], int] = {}
    for k, (mu, hop) in enumerate(HOPS):
        crossed, moved = np.divmod(here[mu] + hop, sub[mu])
        there = row(sub, *(moved if nu == mu else here[nu] for nu in range(4)))
        start = (there + 1) * lanes.row_reals
        cut, stride = lanes.splits[mu], lanes.strides[mu]
        steps = crossed % cut
        outside = (crossed != 0) & (mu == 3) & (lanes.ranks > 1)
        foreign = _halo_start(lanes, there, hop)
        ahead[:, k] = start + steps * stride
        back[:, k] = np.where(outside, foreign, start - (cut - steps) * stride)
        for step in np.unique(steps[steps > 0]).tolist():
            if (mu, step) not in known:
                known[mu, step] = len(masks)
                masks.append((places[mu] + step < cut).astype(np.float64))
            kinds[steps == step, k] = known[mu, step]
        plain = (steps == 0) & ~outside
        back[plain, k] = ahead[plain, k]
        if (
            hop < 0 and mu == 3 and lanes.ranks > 1 and cut > 1
            # backwards the lanes that stay are those with a sub-lattice before them: the mask's
            # zeros
        ):
            ahead[outside, k], back[outside, k] = foreign[outside], start[outside] - stride
        if mu == 3 and lanes.ranks > 1 and cut == 1:
            ahead[outside, k] = foreign[outside]
        if mu == 0 and odd.any():
            x = coordinates(lanes, parity ^ 1)[0]
            back[:, k] = (row(sub, (x + hop) % sub.x, *here[1:]) + 1) * lanes.row_reals
            kinds[:, k] = known.setdefault((0, 0), len(masks))
            if known[0, 0] == len(masks):
                masks.append((1.0 - odd).astype(np.float64))
    return Stencil(ahead, back, kinds, np.stack(masks))


def _halo_start(lanes: Lanes, there: Ints, hop: int) -> Ints:
    """Where a row of a neighbouring process lies in the buffer: from the one after behind the own
    rows, from the one before behind those.
    """
    own = 1 + lanes.rows
    if hop > 0:
        return np.asarray((own + there) * lanes.row_reals)
    return np.asarray(
        (own + lanes.halo_rows + there - (lanes.rows - lanes.halo_rows)) * lanes.row_reals
    )
