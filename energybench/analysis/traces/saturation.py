"""Power readings that stop at a largest value while the load goes on rising.

The last digits of a real reading change, also where a device holds its power limit. A value that
comes back exactly and is the largest of the trace is the end of the sensor's range, if the other
readings of a moving load are all different, or if it stands at the power limit of the device.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.arrays import Floats

# Readings at the largest value, in number and as a share of all: fewer may be the crest of a wave.
_LEAST, _SHARE = 5, 0.1
# The load moves if this share of the readings lies this far below the largest value.
_MOVES, _BELOW = 0.1, 0.95
# So many readings close below the largest value tell as much, if the largest value comes back so
# many times as often as any other: noise has its largest value once, and no plateau has so many
# readings beside it.
_BESIDE, _OFTEN = 30, 8
# The other readings are all different if at least this share of their values is.
_DIFFERENT = 0.8
# A largest value this close to the power limit stands at the limit.
_AT_LIMIT = 0.02


def saturated_w(watts: Floats, power_limit_w: float | None) -> float | None:
    """The value at which the readings stop, W; None if they do not.

    watts  one reading for each publication
    """
    if watts.size < _LEAST:
        return None
    top_w = float(watts.max())
    at_top = watts == top_w
    others = watts[~at_top]
    count = int(np.count_nonzero(at_top))
    if count < _LEAST:
        return None
    many = count >= _SHARE * watts.size
    if many and power_limit_w is not None and abs(top_w / power_limit_w - 1) <= _AT_LIMIT:
        return top_w
    values, counts = np.unique(others, return_counts=True)
    recurs = int(counts.max(initial=0))
    # values of a coarse step come back by chance, each far less often than the end of a range
    different = values.size >= _DIFFERENT * others.size or count >= _OFTEN * recurs
    moves = np.count_nonzero(others < _BELOW * top_w) >= _MOVES * watts.size
    if many and different and moves:
        return top_w
    beside = others[others >= _BELOW * top_w]
    if beside.size < max(_BESIDE, _MOVES * watts.size):
        return None
    return top_w if count >= _OFTEN * recurs else None
