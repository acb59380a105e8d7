"""Power readings that stop at a largest value while the load goes on rising.

The last digits of a real reading change, also where a device holds its power limit. A value that
comes back exactly and is the largest of the trace is the end of the sensor's range, if the other
readings of a moving load are all different, or if it stands at the power limit of the device.

The readings before, between and after the repeats tell nothing of a moving load, and a level at
which a device waits comes back exactly as well. The readings within the repeats are therefore
looked at once more by themselves, without values below the largest that come back often.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.model import Window

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
# A dip this deep is more than one step of a coarse sensor, if the dips have several values.
_NOT_A_STEP = 0.98
# If the work itself comes back to a lower level for more than this share of its readings, it may be
# a wave of two levels whose edges fall within readings. It then has to move for this share.
_WAITS, _MOVES_MUCH = 0.1, 0.3
# A largest value this close to the power limit stands at the limit.
_AT_LIMIT = 0.02


def saturated_w(
    watts: Floats,
    power_limit_w: float | None,
    t_s: Floats | None = None,
    work: Sequence[Window] = (),
) -> float | None:
    """The value at which the readings stop, W; None if they do not.

    watts  one reading for each publication
    t_s    times of the readings
    work   the repeats; without one, all readings are readings of work
    """
    if watts.size < _LEAST:
        return None
    top_w = float(watts.max())
    count = int(np.count_nonzero(watts == top_w))
    if count < _LEAST:
        return None
    if (
        count >= _SHARE * watts.size
        and power_limit_w is not None
        and abs(top_w / power_limit_w - 1) <= _AT_LIMIT
    ):
        return top_w
    if _stop(watts, top_w) or _work_stops(watts, top_w, t_s, work):
        return top_w
    return None


def _work_stops(watts: Floats, top_w: float, t_s: Floats | None, work: Sequence[Window]) -> bool:
    """Whether the readings of the work stop at a value that is the largest of the trace."""
    repeat = np.zeros(watts.size, dtype=np.intp)
    if t_s is not None and work:
        repeat = _repeats(t_s, work)
        watts, repeat = watts[repeat >= 0], repeat[repeat >= 0]
    count = int(np.count_nonzero(watts == top_w))
    if count < _LEAST:
        return False
    values, place, counts = np.unique(watts, return_inverse=True, return_counts=True)
    waits = ((counts > max(1.0, count / _OFTEN)) & (values < _BELOW * top_w))[place]
    kept = watts[~waits]
    if count < _SHARE * kept.size or not _different(kept, top_w):
        return False
    share, depth = _MOVES, _NOT_A_STEP
    if np.count_nonzero(waits) > _WAITS * watts.size:
        share, depth = _MOVES_MUCH, _BELOW
    moving = _valleys(kept, np.cumsum(waits)[~waits] + watts.size * repeat[~waits], depth)
    return moving.size >= share * kept.size and int(np.unique(moving).size) >= _LEAST


def _stop(watts: Floats, top_w: float) -> bool:
    """Whether the largest value comes back while all other readings are different."""
    count = int(np.count_nonzero(watts == top_w))
    low = int(np.count_nonzero(watts < _BELOW * top_w))
    if count >= _SHARE * watts.size and low >= _MOVES * watts.size and _different(watts, top_w):
        return True
    beside = watts.size - count - low
    return beside >= max(_BESIDE, _MOVES * watts.size) and count >= _OFTEN * _recurs(watts, top_w)


def _different(watts: Floats, top_w: float) -> bool:
    """Whether the readings below the largest value are all different. Values of a coarse step come
    back by chance, each far less often than the end of a range.
    """
    others = watts[watts != top_w]
    count = watts.size - others.size
    distinct = int(np.unique(others).size)
    return bool(distinct >= _DIFFERENT * others.size or count >= _OFTEN * _recurs(watts, top_w))


def _recurs(watts: Floats, top_w: float) -> int:
    """How often the most frequent reading below the largest value comes back."""
    _, counts = np.unique(watts[watts != top_w], return_counts=True)
    return int(counts.max(initial=0))


def _repeats(t_s: Floats, work: Sequence[Window]) -> npt.NDArray[np.intp]:
    """The number of the repeat in which each reading lies; -1 outside of the repeats."""
    ordered = sorted(work, key=lambda window: window.start_s)
    starts = np.array([window.start_s for window in ordered])
    ends = np.array([window.end_s for window in ordered])
    number = np.searchsorted(starts, t_s, side="right") - 1
    return np.where((number >= 0) & (t_s <= ends[number]), number, -1)


def _valleys(watts: Floats, part: npt.NDArray[np.intp], depth: float) -> Floats:
    """The readings that lie between higher ones of their part: an edge of a steady load, and an
    average that follows the edge, rise or fall once.

    part   rises from part to part
    depth  share of the lower of the two higher readings that a reading has to stay below
    """
    if not watts.size:
        return watts
    # each part stands higher than all before it, so that one pass finds the maxima of all parts
    _, number = np.unique(part, return_inverse=True)
    lift = number * (2 * float(watts.max()))
    before = np.maximum.accumulate(watts + lift) - lift
    lift = lift[-1] - lift
    after = np.maximum.accumulate((watts + lift)[::-1])[::-1] - lift
    return np.asarray(watts[watts < depth * np.minimum(before, after)])
