"""What a solve costs: flops and bytes of the algorithm (its roofline), and the memory it needs here.

Flops follow MILC's convention, so that GFLOP/s compare with what MILC prints: 1187 per site and iteration of the whole volume for single-mass CG
with fat and Naik links, of which the two half-volume Dslash take 1146 = 16 · 66 + 15 · 6 (sixteen matrix-vector products, fifteen sums).
"""

from __future__ import annotations

from energybench_workloads.milc.lattice import Lattice

DSLASH_FLOPS = 16 * 66 + 15 * 6
CG_FLOPS = 1187
MATRIX, VECTOR = 18, 6  # real numbers of a link and of a site's colour vector


def dslash_bytes(real_bytes: int) -> int:
    """Per output site: sixteen matrices, the source vector once, the result: 1200 B in fp32, 2400 B in fp64 (no compression)."""
    return (16 * MATRIX + 2 * VECTOR) * real_bytes


def flops(lattice: Lattice, iterations: int, updates: int) -> float:
    """Iterations by MILC's convention; each true residual is one more application of the operator, two half-volume Dslash."""
    return float(lattice.volume) * (CG_FLOPS * iterations + DSLASH_FLOPS * updates)


def moved_bytes(lattice: Lattice, iterations: int, updates: int, low: int, high: int) -> float:
    """Least traffic of the algorithm; `low` and `high` are the bytes of a real number in the iterations and in the true residuals.

    An iteration moves two half-volume Dslash and nine vectors of the even half (p, q, r, y and their updates): 1308 B per site in fp32.
    A true residual moves two half-volume Dslash and six vectors; with two precisions the links are read and written once to convert them.
    """
    iteration = dslash_bytes(low) + 9 * VECTOR * low / 2
    update = dslash_bytes(high) + 6 * VECTOR * high / 2
    conversion = 16 * MATRIX * (low + high) if low != high else 0
    return float(lattice.volume) * (iterations * iteration + updates * update + conversion)


def memory(lattice: Lattice, low: int, high: int) -> tuple[float, float]:
    """(host, device) bytes that setup and run need at their peak.

    Host: thin, fat and Naik links and their temporaries while smearing, or fat and Naik links (kept to judge the result) and the folded links, each
    of which is stored forward and backward. Device: the folded links in every precision used, neighbours and about a dozen vectors.
    The factors of 1.3 and 1.1 are for what the allocators keep: S was seen to take 1.15 GiB where the count alone says 0.85.
    """
    matrix = MATRIX * 8
    folded = 16 * MATRIX * (high + (low if low != high else 0)) + 16 * 4
    vectors = 16 * VECTOR * (high + low) / 2 + 6 * VECTOR * high
    host = max((12 + 10) * matrix, 8 * matrix + folded + vectors + 3 * matrix)
    return 1.3 * lattice.volume * host, 1.1 * lattice.volume * (folded + vectors)
