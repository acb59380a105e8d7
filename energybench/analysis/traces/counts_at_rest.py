"""The longest time without a new value for a counter with a coarse resolution that has not stopped.

A counter of whole joules shows no new value for a second at 1 W, and for longer if the device
always draws less than 1 W. If a counter made tens of counts before and after a stretch, and no
power of a device that is switched on makes as few counts as the stretch shows, the counter stopped.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats

# Least power of a part that is switched on, W.
_LEAST_W = 1.0
# A counter stopped if the least power would make this number of counts in a stretch, independent of
# the power before and after the stretch.
_COUNTS = 3.0
# If the power before and after would make at least _COUNTS_BESIDE counts in the time of the
# stretch, a shorter stretch shows a stop: one count at the least power plus a tenth, and two
# updates.
_COUNTS_BESIDE, _ONE_COUNT, _UPDATES = 10.0, 1.1, 2.0
# A real fall of the power to 1 W shows lone counts, one per joule. Stretches whose total time is
# long enough for `_COUNTS` lone counts are stops, if the whole trace shows at most this share of
# the expected lone counts. Some counts come alone at the end of a stop.
_LONE, _LONE_SHARE = 1.5, 0.34


def longest_rest_s(
    t_s: Floats,
    energy_j: Floats,
    first: npt.NDArray[np.intp],
    last: npt.NDArray[np.intp],
    resolution_j: float,
    period_s: float,
) -> Floats:
    """For every stretch without a new value: the longest time without a new value, s, that is
    possible in the stretch for a counter that is read from the hardware.

    first, last  indices of the first and of the last reading of every stretch
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
    """Whether the total time of stretches is too long for the few lone counts of the counter,
    although a single stretch may be a fall of the power to the least power of a device.

    energy_j   energy of every reading
    lengths_s  lengths of the stretches, until the next new value
    """
    steps_j = np.diff(energy_j)
    lone = np.count_nonzero((steps_j > 0) & (steps_j <= _LONE * resolution_j))
    expected = float(lengths_s.sum()) * _LEAST_W / resolution_j
    return bool(expected >= _COUNTS and lone <= _LONE_SHARE * expected)


def _beside_w(
    t_s: Floats, energy_j: Floats, first: npt.NDArray[np.intp], i: int, length_s: float
) -> float:
    """The smaller of the mean powers before and after a stretch, over times of length_s, as far as
    the counter was read; 0 if the counter was not read before or after.
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
