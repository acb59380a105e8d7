"""The cost of a solve: flops and bytes of the algorithm (for the roofline), and the memory of this
implementation.

Flops follow MILC's convention, so that GFLOP/s are comparable with MILC's output: 1187 per site of
the full volume and iteration, for single-mass CG with fat and Naik links. The two half-volume
Dslash take 1146 = 16 · 66 + 15 · 6 of the 1187 (sixteen matrix-vector products, fifteen sums).
"""

from __future__ import annotations

from typing import NamedTuple

from energybench_workloads.milc.lattice import Lattice

DSLASH_FLOPS = 16 * 66 + 15 * 6
CG_FLOPS = 1187
MULTI_SHIFT_FLOPS, SHIFT_FLOPS = 1205, 15  # of an iteration, and of each shift in an iteration
MATRIX, VECTOR = 18, 6  # real numbers of a link and of a site's colour vector


def dslash_bytes(link: int, real: int) -> int:
    """Per output site: sixteen matrices, the source vector once, and the result: 1200 B in fp32,
    2400 B in fp64, 624 B with 16-bit links and fp32 vectors.
    """
    return 16 * MATRIX * link + 2 * VECTOR * real


def flops(
    lattice: Lattice, iterations: int, updates: int, shifted: int = 0, shifts: int = 0
) -> float:
    """Iterations by MILC's convention; a true residual is a further application of the operator,
    two half-volume Dslash.
    """
    multi = (MULTI_SHIFT_FLOPS + SHIFT_FLOPS * shifts) * shifted
    return float(lattice.volume) * (CG_FLOPS * iterations + DSLASH_FLOPS * updates + multi)


class Widths(NamedTuple):
    """Bytes of a real number of the links and of the vectors."""

    link: int
    vector: int


WIDTHS = {"fp64": Widths(8, 8), "fp32": Widths(4, 4), "bf16": Widths(2, 4), "int16": Widths(2, 4)}


def moved_bytes(
    lattice: Lattice,
    iterations: int,
    updates: int,
    low: Widths,
    high: Widths,
    shifted: int = 0,
    shifts: int = 0,
) -> float:
    """The least memory traffic of the algorithm.

    An iteration moves two half-volume Dslash and nine vectors of the even half (p, q, r, y and
    their updates): 1308 B per site in fp32. A shift adds five vectors (x and p read and written, r
    read). A true residual moves two half-volume Dslash and six vectors. With two formats the links
    are read and written once for the conversion.
    """
    half = VECTOR / 2
    iteration = dslash_bytes(*low) + 9 * half * low.vector
    multi = dslash_bytes(*low) + (6 + 5 * shifts) * half * low.vector
    update = dslash_bytes(*high) + 6 * half * high.vector
    conversion = 16 * MATRIX * (low.link + high.link) if low != high else 0
    return float(lattice.volume) * (
        iterations * iteration + updates * update + shifted * multi + conversion
    )


def memory(lattice: Lattice, low: Widths, high: Widths, shifts: int = 0) -> tuple[float, float]:
    """(host, device) bytes that setup and run need at their peak.

    Host: thin, fat and Naik links with the temporaries of smearing, or fat and Naik links (kept to
    judge the result) with the folded links in fp64, stored forward and backward. Device: the folded
    links in every format used and about a dozen vectors. The factors of 1.3 and 1.1 cover memory
    that the allocators keep: size S took 1.15 GiB, where the count alone gives 0.85.
    """
    matrix = MATRIX * 8
    folded = 16 * MATRIX * (high.link + (low.link if low != high else 0)) + 16
    vectors = (16 + 3 * shifts) * VECTOR * (high.vector + low.vector) / 2 + 6 * VECTOR * high.vector
    host = max((12 + 10) * matrix, 8 * matrix + 16 * MATRIX * 8 + folded + vectors + 3 * matrix)
    return 1.3 * lattice.volume * host, 1.1 * lattice.volume * (folded + vectors)
