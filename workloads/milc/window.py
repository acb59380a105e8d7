"""A node's part of the lattice of several nodes: its own time slices, with the surrounding slices
that links and checks of its own slices depend on.

The window is a lattice by itself. A hop never crosses its ends where a result is used, so that its
own boundary does not matter; the antiperiodic boundary of the problem, anywhere in the window, is a
sign of the links across the boundary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import Lattice

if TYPE_CHECKING:
    import torch

# Slices before and after a node's own slices. The check applies D twice, six hops each way, and so
# reads links from six slices before to two slices after; a fat link reads thin links one slice
# before and after, a Naik link two slices after. Both numbers are even: the parity of a site stays
# the same.
BEFORE, AFTER = 8, 6


class Slices(NamedTuple):
    """Time slices of a lattice, from `first`."""

    first: int
    depth: int


class Window(NamedTuple):
    """The window of node number `node` of `nodes`, in the lattice of the problem."""

    problem: Lattice
    nodes: int
    node: int

    @property
    def own(self) -> Slices:
        """The node's own slices, in the window."""
        return Slices(BEFORE, self.problem.t // self.nodes)

    @property
    def lattice(self) -> Lattice:
        return self.problem._replace(t=BEFORE + self.own.depth + AFTER)

    @property
    def slices(self) -> tuple[int, ...]:
        """The slices of the problem in the window, in order."""
        first = self.node * self.own.depth - BEFORE
        return tuple((first + i) % self.problem.t for i in range(self.lattice.t))

    def with_boundary(self, links: Links) -> Links:
        """The links, negated if their hop crosses the boundary of the problem in time."""
        for field, hop in ((links.fat, 1), (links.long, 3)):
            for place, t in enumerate(self.slices):
                if t + hop >= self.problem.t:
                    field[3, place].neg_()
        return links

    def inside(self, v: torch.Tensor) -> torch.Tensor:
        """The node's own sites of even-site vectors in the window, [..., half, 3]; a view."""
        half = self.problem.x * self.problem.y * self.problem.z // 2  # of a slice
        return v[..., self.own.first * half : (self.own.first + self.own.depth) * half, :]

    def cut(self, v: torch.Tensor) -> torch.Tensor:
        """The sites of the window in even-site vectors of the problem."""
        slices = v.reshape(*v.shape[:-2], self.problem.t, -1, 3)
        return slices[..., list(self.slices), :, :].reshape(*v.shape[:-2], self.lattice.half, 3)
