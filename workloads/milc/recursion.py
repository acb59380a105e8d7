"""The recursion of conjugate gradient, an iteration a call.

The scalars stay on the device: the host waits only for scalars that it reads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from energybench_workloads.milc.halo import ALONE
from energybench_workloads.milc.operator import NormalOperator

if TYPE_CHECKING:
    import torch


class Recursion:
    """An iteration: p = r + beta p; y += alpha p; r -= alpha A p. At the beginning y and p are
    zero, and `r`, interior rows, is the residual.

    alpha, beta, rr = |r|²: scalars in fp64. On a small lattice, launching the dozens of small
    kernels of an iteration takes longer than the arithmetic: on one GPU the second iteration is
    recorded as a CUDA graph, and from then on iterations are replayed.
    """

    def __init__(self, operator: NormalOperator, r: torch.Tensor) -> None:
        self.r, self.y, self._q = r, operator.rows(), operator.rows()
        self._operator, self._kernels = operator, operator.kernels
        self._totals = operator.totals()
        self._flat, self.p = operator.buffer()
        self.rr = self._totals.of("r", lambda unit: self._kernels.norm2(r, unit)).clone()
        self._totals.begin("p", "r")  # the first direction is the residual
        self.alpha, self.beta = operator.scalar(0.0), operator.scalar(0.0)
        self._old = self.rr.clone()
        self._records = (
            operator.device.type == "cuda"
            and operator.halo is ALONE
            and operator.kernels.how != "eager"
        )
        self._graph: torch.cuda.CUDAGraph | None = None
        self._begun = False

    def step(self) -> None:
        if self._records and self._begun and self._graph is None:
            self._record()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._iterate()
            self._begun = True

    def _record(self) -> None:
        import torch

        graph, here = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        # not torch.cuda.graph: it empties the allocator's cache first, which costs more than the
        # iterations
        with torch.cuda.stream(aside):
            graph.capture_begin(capture_error_mode="thread_local")
            self._iterate()
            graph.capture_end()
        here.wait_stream(aside)
        self._graph = graph

    def _iterate(self) -> None:
        kernels, totals = self._kernels, self._totals
        pp = totals.add("p", kernels.turn(self.p, self.r, self.beta, totals.unit("p")))
        self._operator.apply(self._flat, self.p, self._q)
        self._old.copy_(self.rr)
        self.alpha.copy_(self.rr / self._operator.curvature(totals, pp))
        self.rr.copy_(
            totals.add(
                "r", kernels.advance(self.y, self.r, self.p, self._q, self.alpha, totals.unit("r"))
            )
        )
        self.beta.copy_(self.rr / self._old)

    def restart(self) -> float:
        """Go on from an `r` that was computed anew. Returns the norm of `r`."""
        recursive = float(self.rr)
        self.rr.copy_(self._totals.of("r", lambda unit: self._kernels.norm2(self.r, unit)))
        true = float(self.rr)
        if 0 < true <= 4 * recursive:
            # Made orthogonal to the new residual (as in QUDA), the old direction keeps the Krylov
            # space
            rp = self._totals.of("rp", lambda unit: self._kernels.dot(self.r, self.p, unit))
            self.p.sub_(self.r * (rp / self.rr))
        else:
            # The recursion had lost the true residual; the old direction would dominate the new one
            self.p.zero_()
        self.beta.copy_(self.rr / self._old)
        return math.sqrt(true)
