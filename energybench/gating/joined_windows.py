"""Neighbouring windows of a record, joined to fewer: a record stays small, however many windows a
test has. The energy of a joined window is the sum of the energies over the sum of the iterations,
so that the energy of the record does not change. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from energybench.gating.records import Record
from energybench.gating.sensor_errors import rounded

# Bytes of a record in JSON, and characters of the name of its test that count: a project chooses
# longer names.
MOST_BYTES, _NAME = 990, 60
# Fewest windows to join to, and fewest windows of a test that has two halves.
_LEAST, _LEAST_FOR_HALVES = 2, 4
_MOST = 64  # more windows never fit


def joined(some: Record, most: int) -> Record:
    """The record with at most `most` windows, as equal as possible. Without an energy by windows,
    one window is left: only the number of windows is of use.
    """
    windows = len(some.iterations)
    groups = _groups(windows, most if some.windows_j else 1)
    if len(groups) == windows:
        return some
    numbers = some.iterations
    sums = tuple(math.fsum(numbers[group]) for group in groups)
    windows_j = {
        name: tuple(
            rounded(
                math.fsum(map(math.prod, zip(cells[group], numbers[group], strict=True)))
                / iterations
            )
            for group, iterations in zip(groups, sums, strict=True)
        )
        for name, cells in some.windows_j.items()
    }
    return msgspec.structs.replace(some, windows_j=windows_j, iterations=sums, windows=some.rounds)


def fitted(
    some: Record, *sizes: Callable[[Record], tuple[int, int]], least: int = _LEAST
) -> Record:
    """The record with as many windows as fit into the file of a history, and into further forms.

    sizes  bytes of the record in a further form, and the most bytes there
    least  fewest windows to join to
    """
    most = min(len(some.iterations), _MOST)
    smaller = joined(some, most)
    while most > least and not _fits(smaller, sizes):
        most -= 1
        smaller = joined(some, most)
    return smaller


def halves(some: Record) -> tuple[Record, Record] | None:
    """Two records of alternating windows; None: fewer than four windows."""
    windows = len(some.iterations)
    if windows < _LEAST_FOR_HALVES or not some.windows_j:
        return None
    whole_j = _mean_j(some)
    first, second = (_part(some, range(start, windows, 2), whole_j) for start in (0, 1))
    return first, second


def _part(some: Record, places: Sequence[int], whole_j: float) -> Record:
    """The record of some of the windows. The energy of the whole boundary moves by the difference
    of the measured energies, and the interval has the scatter of the fewer windows.
    """
    part = msgspec.structs.replace(
        some,
        windows_j={name: tuple(cells[i] for i in places) for name, cells in some.windows_j.items()},
        iterations=tuple(some.iterations[i] for i in places),
        windows=max(1, round(some.rounds * len(places) / len(some.iterations))),
    )
    if some.energy_j is None:
        return part
    value, low, high = some.energy_j
    moved_j = _mean_j(part) - whole_j
    more_j = _scatter_j(part)
    return msgspec.structs.replace(
        part,
        energy_j=(
            value + moved_j,
            max(0.0, value + moved_j - math.hypot(value - low, more_j)),
            value + moved_j + math.hypot(high - value, more_j),
        ),
    )


def _mean_j(some: Record) -> float:
    """Measured energy of an iteration, J."""
    return math.fsum(some.mean_j(name) for name in some.windows_j)


def _scatter_j(some: Record) -> float:
    """Half-width of the 95 % interval of the measured energy by the scatter of the windows, J."""
    from energybench.analysis.uncertainty.repeats import relative_half_width

    totals = [math.fsum(cells) for cells in zip(*some.windows_j.values(), strict=True)]
    return (relative_half_width(totals) or 0.0) * math.fsum(totals) / len(totals)


def _fits(some: Record, sizes: Sequence[Callable[[Record], tuple[int, int]]]) -> bool:
    own = (
        len(msgspec.json.encode(msgspec.structs.replace(some, name=some.name[:_NAME]))),
        MOST_BYTES,
    )
    return all(size <= most for size, most in (own, *(size_of(some) for size_of in sizes)))


def _groups(windows: int, most: int) -> Sequence[slice]:
    """Groups of neighbouring windows whose sizes differ by 1 at most."""
    number = max(1, min(windows, most))
    return [slice(i * windows // number, (i + 1) * windows // number) for i in range(number)]
