"""Rounds of `benchmark.pedantic`: how many of them share a window, and which have one if not all
can have one. Pure. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_WINDOWS = 30  # of rounds that share windows, and of those in a record
_GOLDEN = 0.618033988749895


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """Rounds and iterations that a test asks for.

    set_up  whether the test asks for a set-up or a tear-down of each round
    """

    warmup: int
    measured: int
    iterations: int
    set_up: bool = False


def sizes(rounds: int, filling: int) -> list[int]:
    """Rounds in each window, so that all rounds are in a window: as many windows as can be filled,
    up to 30, of sizes that differ by one round at most.

    filling  rounds that fill a window
    """
    windows = max(1, min(_MOST_WINDOWS, rounds // filling))
    size, larger = divmod(rounds, windows)
    return [size + 1] * larger + [size] * (windows - larger)


def spread(rounds: int, most: int) -> frozenset[int]:
    """Numbers of at most so many rounds, spread over all of them. Each stands at another place of
    its stretch of rounds, so that rounds which differ periodically are all among them.
    """
    if rounds <= most:
        return frozenset(range(rounds))
    bounds = [i * rounds // most for i in range(most + 1)]
    return frozenset(
        start + int((stop - start) * (i * _GOLDEN % 1))
        for i, (start, stop) in enumerate(itertools.pairwise(bounds))
    )


def groups(windows: int) -> Sequence[slice]:
    """Neighbouring windows to be joined, so that at most 30 remain."""
    starts, start = [], 0
    for size in sizes(windows, -(-windows // _MOST_WINDOWS)):
        starts.append(slice(start, start + size))
        start += size
    return starts
