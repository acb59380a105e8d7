"""Communication of the processes of a solve: exchange between neighbours in time, and sums.

The lattice is cut along time into one slab for each process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from energybench_workloads.milc.layout import Lanes

if TYPE_CHECKING:
    import torch


class Halo(Protocol):
    """How a process communicates with the other processes of the solve."""

    def exchange(self, flat: torch.Tensor, interior: torch.Tensor, lanes: Lanes) -> None:
        """Fill the halo rows of the buffer `flat` from the neighbours in time.

        interior: the view of the buffer without guard and halo rows.
        """

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of a scalar over all processes."""


class Alone:
    """A single process holds the complete lattice, whose rows wrap around."""

    def exchange(self, flat: torch.Tensor, interior: torch.Tensor, lanes: Lanes) -> None:
        pass

    def total(self, value: torch.Tensor) -> torch.Tensor:
        return value


ALONE = Alone()


class Ring:
    """torch.distributed (NCCL between GPUs, gloo between CPUs). A process sends the first slices of
    its slab back and the last slices ahead.
    """

    def __init__(self, rank: int, ranks: int) -> None:
        self.before, self.after = (rank - 1) % ranks, (rank + 1) % ranks

    def exchange(self, flat: torch.Tensor, interior: torch.Tensor, lanes: Lanes) -> None:
        import torch
        import torch.distributed as dist

        width = lanes.strides[3]  # only the lanes at the slab's end have neighbours outside
        rows, count = lanes.halo_rows, lanes.width
        first = interior[:rows, ..., :width].contiguous()
        last = interior[-rows:, ..., count - width :].contiguous()
        from_after, from_before = torch.empty_like(first), torch.empty_like(last)
        # If both neighbours are the same process, tags tell the two messages apart. NCCL has no
        # tags; with NCCL the order tells them apart, because sends and receives are paired alike.
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
