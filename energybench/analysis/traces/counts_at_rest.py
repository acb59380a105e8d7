"""How long a counter with a coarse resolution may show no new value without having stopped.

A counter of whole joules shows nothing new for a second at 1 W, and for longer if its device draws
less than that all the time. A counter that made tens of counts before and after such a stretch
stopped, if no power of a device that is switched on makes as few counts as the stretch shows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats

# Least power of a part that is switched on, W.
_LEAST_W = 1.0
# Counts that the least power makes in a stretch, after which the counter stopped whatever power
# flows beside the stretch.
_COUNTS = 3.0
# With at least so many counts in the same time beside the stretch, one count at the least power,
# with a tenth more, and two updates are enough.
_COUNTS_BESIDE, _ONE_COUNT, _UPDATES = 10.0, 1.1, 2.0
# A real fall of the power to 1 W shows lone counts, one a joule. Stretches that are long enough for
# `_COUNTS` of them together are stops, if the counter shows at most this share of the lone counts
# anywhere. Some counts come alone at the end of a stop.
_LONE, _LONE_SHARE = 1.5, 0.34


def longest_rest_s(
    t_s: Floats,
    energy_j: Floats,
    first: npt.NDArray[np.intp],
    last: npt.NDArray[np.intp],
    resolution_j: float,
    period_s: float,
) -> Floats:
    """For each stretch without a new value: the longest time for which a counter that is read from
    the hardware may show nothing new there, s.

    first, last  index of the first and of the last reading of each stretch
    """
    count_s = resolution_j / _LEAST_W
    lengths_s = t_s[last] - t_s[first]
    rest_s = np.full(first.size, _COUNTS * count_s)
    shorter_s = _ONE_COUNT * count_s + _UPDATES * period_s
    for i in np.flatnonzero((lengths_s > shorter_s) & (lengths_s <= rest_s)).tolist():
        length_s = float(lengths_s[i])
        beside_w = _beside_w(t_s, energy_j, first, i, length_s)
        if beside_w * length_s >= _COUNTS_BESIDE * resolution_j:
            rest_s[i] = shorter_s
    return rest_s


def too_few_counts(energy_j: Floats, lengths_s: Floats, resolution_j: float) -> bool:
    """Whether stretches, each of which may be a fall of the power to the least power of a device,
    are too long together for the few lone counts of the counter.

    energy_j   of all readings
    lengths_s  of the stretches, each until the next new value
    """
    steps_j = np.diff(energy_j)
    lone = np.count_nonzero((steps_j > 0) & (steps_j <= _LONE * resolution_j))
    expected = float(lengths_s.sum()) * _LEAST_W / resolution_j
    return bool(expected >= _COUNTS and lone <= _LONE_SHARE * expected)


def _beside_w(
    t_s: Floats, energy_j: Floats, first: npt.NDArray[np.intp], i: int, length_s: float
) -> float:
    """The smaller of the mean powers over as long a time before and after a stretch, as far as the
    counter was read; 0 if it was not read on either side.
    """
    powers_w = []
    start = int(first[i])
    before = int(np.searchsorted(t_s, t_s[start] - length_s))
    if t_s[start] > t_s[before]:
        powers_w.append((energy_j[start] - energy_j[before]) / (t_s[start] - t_s[before]))
    if i + 1 < first.size:
        after = int(first[i + 1])
        end = int(np.searchsorted(t_s, t_s[after] + length_s, side="right")) - 1
        if t_s[end] > t_s[after]:
            powers_w.append((energy_j[end] - energy_j[after]) / (t_s[end] - t_s[after]))
    return float(min(powers_w, default=0.0))
