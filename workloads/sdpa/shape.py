"""The shape of an attention problem, its sizes and its cost."""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """Q, K, V and the output are [batch, heads, seq, head_dim]; the scores that eager attention writes out are [batch, heads, seq, seq]."""

    batch: int
    seq: int
    heads: int
    head_dim: int

    @property
    def vector(self) -> int:
        """Elements of Q (and of K, V, output, each gradient)."""
        return self.batch * self.heads * self.seq * self.head_dim

    @property
    def scores(self) -> int:
        return self.batch * self.heads * self.seq**2


# (shape, iterations). Heads and head dim of GPT-2 (12 x 64) and of larger decoders (16 x 64); batch 8, seq 1024 is the published A100 study's point
SIZES = {
    "smoke": (Shape(2, 512, 12, 64), 10),
    "S": (Shape(8, 1024, 12, 64), 10),
    "M": (Shape(16, 2048, 16, 64), 20),
    "L": (Shape(16, 4096, 16, 64), 50),
}


def flops(shape: Shape, causal: bool, training: bool) -> float:
    """Of one iteration. Forward: two products of 2BHN²d (Q·Kᵀ and P·V), of which a causal mask needs half; backward five such products, 2.5 forwards.

    Softmax is left out, and so are the masked half where an implementation computes it and the recomputation in a fused backward: cost, not work.
    Source: Dao, FlashAttention-2, arXiv:2307.08691, section 4.1.
    """
    forward = 4.0 * shape.scores * shape.head_dim * (0.5 if causal else 1.0)
    return forward * (3.5 if training else 1.0)


def moved_bytes(shape: Shape, training: bool, element_bytes: int) -> float:
    """Least traffic of one iteration: forward reads Q, K, V and writes O; backward reads Q, K, V, O, dO and writes dQ, dK, dV."""
    return float(shape.vector) * element_bytes * (12 if training else 4)


def memory(shape: Shape, training: bool, written_out: bool, element_bytes: int) -> float:
    """Bytes needed at the peak; `written_out`: the backend keeps N x N scores (eager, math) instead of tiles.

    Scores, masked scores and probabilities live together in a forward pass; a backward pass adds two of their kind.
    """
    scores = shape.scores * (5 if training else 3) + shape.seq**2 if written_out else 0
    return 1.1 * element_bytes * (scores + shape.vector * (12 if training else 5))
