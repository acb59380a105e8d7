"""Windows for the rounds of `benchmark.pedantic`: the number of rounds in a window, and a selection
of rounds if a window for every round would be too many. Pure. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

_MOST_WINDOWS = 30  # windows of a test whose rounds share windows
_GOLDEN = 0.618033988749895


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """Rounds and iterations that a test asks for.

    set_up  whether the test asks for a set-up or a tear-down of every round
    """

    warmup: int
    measured: int
    iterations: int
    set_up: bool = False


def sizes(rounds: int, filling: int) -> list[int]:
    """Number of rounds in every window. Every round is in a window. The number of windows is the
    number that can be filled, up to 30, and their sizes differ by at most 1.

    filling  rounds that fill a window
    """
    windows = max(1, min(_MOST_WINDOWS, rounds // filling))
    size, larger = divmod(rounds, windows)
    return [size + 1] * larger + [size] * (windows - larger)


def spread(rounds: int, most: int) -> frozenset[int]:
    """Numbers of at most `most` rounds, spread over all rounds. One round is chosen from every
    stretch of rounds, at a varying place in the stretch: if rounds differ periodically, rounds of
    every kind are chosen.
    """
    if rounds <= most:
        return frozenset(range(rounds))
    bounds = [i * rounds // most for i in range(most + 1)]
    return frozenset(
        start + int((stop - start) * (i * _GOLDEN % 1))
        for i, (start, stop) in enumerate(itertools.pairwise(bounds))
    )
