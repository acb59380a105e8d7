"""The shape of an attention problem, its sizes and its cost."""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """Q, K, V and the output are [batch, heads, seq, head_dim]; the scores written by eager
    attention are [batch, heads, seq, seq].
    """

    batch: int
    seq: int
    heads: int
    head_dim: int

    @property
    def vector(self) -> int:
        """Elements of Q, and likewise of K, V, the output and a gradient."""
        return self.batch * self.heads * self.seq * self.head_dim

    @property
    def scores(self) -> int:
        return self.batch * self.heads * self.seq**2


# (shape, iterations). Heads and head dim of GPT-2 (12 x 64) and of larger decoders (16 x 64); batch
# 8, seq 1024 is the published A100 study's point
SIZES = {
    "smoke": (Shape(2, 512, 12, 64), 10),
    "S": (Shape(8, 1024, 12, 64), 10),
    "M": (Shape(16, 2048, 16, 64), 20),
    "L": (Shape(16, 4096, 16, 64), 50),
}


def flops(shape: Shape, causal: bool, training: bool) -> float:
    """Operations of one iteration. Forward: two products of 2BHN²d (Q·Kᵀ and P·V), halved by a
    causal mask; backward: five products of the same size, 2.5 forwards.

    Not counted, being cost rather than work: softmax, the masked half if an implementation computes
    the masked half, and the recomputation in a fused backward pass. Source: Dao, FlashAttention-2,
    arXiv:2307.08691, section 4.1.
    """
    forward = 4.0 * shape.scores * shape.head_dim * (0.5 if causal else 1.0)
    return forward * (3.5 if training else 1.0)


def moved_bytes(shape: Shape, training: bool, element_bytes: int) -> float:
    """Least traffic of one iteration: forward reads Q, K, V and writes O; backward reads Q, K, V,
    O, dO and writes dQ, dK, dV.
    """
    return float(shape.vector) * element_bytes * (12 if training else 4)


# Matrices of N x N in memory at once, as counted by torch's allocator, (forward, training): scores
# and probabilities, and in a backward pass the gradient of either. math on a CPU stores the
# matrices in fp32 at least, with a third of a further matrix
_MATRICES = {"eager": (2.05, 3.1), "math": (2.45, 3.2)}


def memory(shape: Shape, training: bool, backend: str, element_bytes: int) -> float:
    """Bytes at the peak. Only eager and math store N x N scores; the fused backends need tiles."""
    matrices = _MATRICES.get(backend, (0.0, 0.0))[training]
    wide = max(element_bytes, 4) if backend == "math" else element_bytes
    return 1.1 * (
        wide * matrices * (shape.scores + shape.seq**2)
        + element_bytes * shape.vector * (12 if training else 5)
    )
