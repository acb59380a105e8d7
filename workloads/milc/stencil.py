"""The neighbours of every row of a lattice in lanes: the places of the sixteen hops in the buffer
of a vector, and the blended lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench_workloads.milc.lattice import HOPS
from energybench_workloads.milc.layout import (
    Ints,
    Lanes,
    changes_parity,
    coordinates,
    lane_places,
    row,
)

Floats = npt.NDArray[np.float64]


class Stencil(NamedTuple):
    """Places of the sixteen neighbours of each row in a flat buffer of numbers.

    ahead, back, kinds: [rows, 16]; masks: [kinds, lanes]. With m = masks[kinds[r, k], l], lane l of
    neighbour k of row r is number ahead[r, k] + l of the buffer if m is 1, and number
    back[r, k] + l if m is 0.
    """

    ahead: Ints
    back: Ints
    kinds: Ints
    masks: Floats


def stencil(lanes: Lanes, parity: int) -> Stencil:
    """For the rows of one parity; the buffer holds the sites of the opposite parity."""
    sub = lanes.sub
    here = coordinates(lanes, parity)
    ahead, back, kinds = (np.zeros((lanes.rows, len(HOPS)), dtype=np.int64) for _ in range(3))
    masks = _Masks(lanes.width)
    for k, (mu, hop) in enumerate(HOPS):
        crossed, moved = np.divmod(here[mu] + hop, sub[mu])
        there = row(sub, *(moved if nu == mu else here[nu] for nu in range(4)))
        ahead[:, k], back[:, k], kinds[:, k] = _across_lanes(lanes, mu, there, crossed, masks)
        if mu == 3 and lanes.ranks > 1:
            _across_processes(lanes, hop, there, crossed != 0, ahead[:, k], back[:, k])
        if mu == 0 and changes_parity(lanes).any():
            # lanes with a sub-lattice that begins at an odd site hop from another x
            other_x = coordinates(lanes, parity ^ 1)[0]
            back[:, k] = _start(lanes, row(sub, (other_x + hop) % sub.x, *here[1:]))
            kinds[:, k] = masks.number((0, 0), changes_parity(lanes) == 0)
    return Stencil(ahead, back, kinds, np.stack(masks.masks))


class _Masks:
    """The masks of a stencil, stored without repetition. Mask 0 reads all lanes ahead."""

    def __init__(self, width: int) -> None:
        self.masks: list[Floats] = [np.ones(width, dtype=np.float64)]
        self._numbers: dict[tuple[int, int], int] = {}

    def number(self, key: tuple[int, int], mask: npt.NDArray[np.bool_]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.masks)
            self.masks.append(mask.astype(np.float64))
        return self._numbers[key]


def _across_lanes(
    lanes: Lanes, mu: int, there: Ints, crossed: Ints, masks: _Masks
) -> tuple[Ints, Ints, Ints]:
    """ahead, back and kinds of a hop along mu, periodic in the lattice of this process.

    A hop that crosses `steps` sub-lattices moves the lanes by `steps`. Lanes that would move beyond
    the last sub-lattice wrap around, and are read back.
    """
    cut, stride, places = lanes.splits[mu], lanes.strides[mu], lane_places(lanes)[mu]
    steps = crossed % cut
    ahead = _start(lanes, there) + steps * stride
    back = np.where(steps > 0, ahead - cut * stride, ahead)
    kinds = np.zeros_like(steps)
    for step in np.unique(steps[steps > 0]).tolist():
        kinds[steps == step] = masks.number((mu, step), places + step < cut)
    return ahead, back, kinds


def _across_processes(
    lanes: Lanes, hop: int, there: Ints, outside: npt.NDArray[np.bool_], ahead: Ints, back: Ints
) -> None:
    """Change `ahead` and `back` of a hop in time, in place: rows `outside` the lattice of this
    process come from the halo.

    The halo replaces the lanes that wrap around. Forwards these lanes are read back, backwards they
    are read ahead.
    """
    halo = _halo_start(lanes, there, hop)[outside]
    uncut = lanes.splits[3] == 1  # all lanes wrap around
    if hop < 0 or uncut:
        ahead[outside] = halo
    if hop > 0 or uncut:
        back[outside] = halo


def _start(lanes: Lanes, there: Ints) -> Ints:
    """Where rows of this process lie in the buffer, behind the guard row."""
    return np.asarray((1 + there) * lanes.row_reals)


def _halo_start(lanes: Lanes, there: Ints, hop: int) -> Ints:
    """Where rows of a neighbouring process lie in the buffer.

    Behind the process's own rows lie the first rows of the process after, and then the last rows of
    the process before.
    """
    if hop > 0:
        return _start(lanes, lanes.rows + there)
    first = lanes.rows - lanes.halo_rows  # of the rows sent by the process before
    return _start(lanes, lanes.rows + lanes.halo_rows + there - first)
