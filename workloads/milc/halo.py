"""What neighbouring processes exchange: the lattice is cut along time, one slab a process; and sums
over all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from energybench_workloads.milc.layout import Lanes

if TYPE_CHECKING:
    import torch


class Halo(Protocol):
    def exchange(self, flat: torch.Tensor, own: torch.Tensor, lanes: Lanes) -> None:
        """Fill the halo rows of a buffer from the neighbours in time."""

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of a scalar over all processes."""


class Alone:
    """One process has the whole lattice: its own rows wrap around."""

    def exchange(self, flat: torch.Tensor, own: torch.Tensor, lanes: Lanes) -> None:
        pass

    def total(self, value: torch.Tensor) -> torch.Tensor:
        return value


ALONE = Alone()


class Ring:
    """torch.distributed (NCCL between GPUs, gloo between CPUs): each process sends its first slices
    back and its last ones ahead.
    """

    def __init__(self, rank: int, ranks: int) -> None:
        self.before, self.after = (rank - 1) % ranks, (rank + 1) % ranks

    def exchange(self, flat: torch.Tensor, own: torch.Tensor, lanes: Lanes) -> None:
        import torch
        import torch.distributed as dist

        width = lanes.strides[3]  # only the lanes at the slab's own end have a neighbour outside
        rows, count = lanes.halo_rows, lanes.width
        first, last = (
            own[:rows, ..., :width].contiguous(),
            own[-rows:, ..., count - width :].contiguous(),
        )
        from_after, from_before = torch.empty_like(first), torch.empty_like(last)
        # Tags tell the two messages apart where both neighbours are one process. NCCL has none:
        # there order does, sends and receives paired alike.
        sends = [
            dist.P2POp(dist.isend, first, self.before, tag=1),
            dist.P2POp(dist.isend, last, self.after, tag=2),
        ]
        receives = [
            dist.P2POp(dist.irecv, from_after, self.after, tag=1),
            dist.P2POp(dist.irecv, from_before, self.before, tag=2),
        ]
        for request in dist.batch_isend_irecv([*sends, *receives]):
            request.wait()
        received = flat.view(-1, 3, 2, count)[1 + lanes.rows : 1 + lanes.rows + 2 * rows]
        received[:rows, ..., count - width :] = from_after
        received[rows:, ..., :width] = from_before

    def total(self, value: torch.Tensor) -> torch.Tensor:
        import torch.distributed as dist

        dist.all_reduce(value)
        return value
