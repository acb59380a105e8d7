"""Power readings that stop at a largest value while the load goes on rising.

The last digits of a real reading change, also if a device holds its power limit. If the largest
value of a trace returns exactly, the value is the end of the sensor's range on one of four
conditions: the remaining readings of a moving load are different from each other, the largest value
lies at the power limit of the device, the value is the largest number of a register, or the load
steps between levels that are all different below the largest value.

Readings before, between and after the repeats do not come from a moving load, and the level of a
waiting device also returns exactly. The readings within the repeats are therefore examined a second
time alone, without values below the largest value that return often.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.model import Window

# Least number and share of readings at the largest value: fewer may be the crest of a wave.
_LEAST, _SHARE = 5, 0.1
# The load moves if the share _MOVES of the readings lies below _BELOW times the largest value.
_MOVES, _BELOW = 0.1, 0.95
# The range also ends at the largest value if _BESIDE readings lie close below, and if the largest
# value returns _OFTEN times as often as any lower value: noise has its largest value once, and a
# real plateau has fewer readings close below.
_BESIDE, _OFTEN = 30, 8
# The remaining readings count as different if at least this share of the values is distinct.
_DIFFERENT = 0.8
# A dip below this share of the readings around is more than a step of a coarse sensor, if the dips
# have several values.
_NOT_A_STEP = 0.98
# If the work returns to a lower level for more than the share _WAITS of its readings, the work may
# be a wave of two levels with edges inside readings. The load then has to move for the share
# _MOVES_MUCH of the readings.
_WAITS, _MOVES_MUCH = 0.1, 0.3
# Largest numbers of registers of 8 to 16 bits, and the steps in which registers state a power, W.
_REGISTERS = frozenset(2**bits - 1 for bits in range(8, 17))
_STEPS_W = (1.0, 0.1)
# Least number of stays at the largest value and of stays below, a stay being two equal readings or
# more, for a load that steps between levels.
_STAYS, _STAYS_BELOW = 3, 6
# A largest value this close to the power limit stands at the limit.
_AT_LIMIT = 0.02


def saturated_w(
    watts: Floats,
    power_limit_w: float | None,
    t_s: Floats | None = None,
    work: Sequence[Window] = (),
) -> float | None:
    """The value at which the readings stop, W; None if the readings do not stop.

    watts  one reading per publication
    t_s    times of the readings
    work   the repeats; without repeats, every reading is a reading of work
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
    if _end_of_register(watts, top_w) or _levels_stop(watts, top_w):
        return top_w
    if _stop(watts, top_w) or _work_stops(watts, top_w, t_s, work):
        return top_w
    return None


def _end_of_register(watts: Floats, top_w: float) -> bool:
    """Whether a moving load stops at the largest number of a register, and all readings are whole
    steps of that register.
    """
    steps = [step_w for step_w in _STEPS_W if round(top_w / step_w, 6) in _REGISTERS]
    if not any(np.abs(watts / step_w - np.rint(watts / step_w)).max() < 1e-6 for step_w in steps):
        return False
    count = int(np.count_nonzero(watts == top_w))
    low = int(np.count_nonzero(watts < _BELOW * top_w))
    return count >= _SHARE * watts.size and low >= _MOVES * watts.size


def _levels_stop(watts: Floats, top_w: float) -> bool:
    """Whether the load steps between levels without noise, and only the largest level returns."""
    begins = np.flatnonzero(np.concatenate(([True], np.diff(watts) != 0)))
    lengths = np.diff(np.append(begins, watts.size))
    stays = watts[begins[lengths > 1]]
    below = stays[stays < top_w]
    at_top = stays.size - below.size
    if at_top < _STAYS or below.size < _STAYS_BELOW or at_top < _SHARE * stays.size:
        return False
    moves = np.count_nonzero(below < _BELOW * top_w) >= _MOVES * stays.size
    return bool(moves and np.unique(below).size >= _DIFFERENT * below.size)


def _work_stops(watts: Floats, top_w: float, t_s: Floats | None, work: Sequence[Window]) -> bool:
    """Whether the readings of the work stop at the largest value of the trace."""
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
    """Whether the largest value returns while the remaining readings are different."""
    count = int(np.count_nonzero(watts == top_w))
    low = int(np.count_nonzero(watts < _BELOW * top_w))
    if count >= _SHARE * watts.size and low >= _MOVES * watts.size and _different(watts, top_w):
        return True
    beside = watts.size - count - low
    return beside >= max(_BESIDE, _MOVES * watts.size) and count >= _OFTEN * _recurs(watts, top_w)


def _different(watts: Floats, top_w: float) -> bool:
    """Whether the readings below the largest value are different from each other. Values of a
    coarse step return by chance, but far less often than the end of a range.
    """
    others = watts[watts != top_w]
    count = watts.size - others.size
    distinct = int(np.unique(others).size)
    return bool(distinct >= _DIFFERENT * others.size or count >= _OFTEN * _recurs(watts, top_w))


def _recurs(watts: Floats, top_w: float) -> int:
    """Number of readings at the most frequent value below the largest value."""
    _, counts = np.unique(watts[watts != top_w], return_counts=True)
    return int(counts.max(initial=0))


def _repeats(t_s: Floats, work: Sequence[Window]) -> npt.NDArray[np.intp]:
    """For every reading, the number of the repeat around the reading; -1 outside of the repeats."""
    ordered = sorted(work, key=lambda window: window.start_s)
    starts = np.array([window.start_s for window in ordered])
    ends = np.array([window.end_s for window in ordered])
    number = np.searchsorted(starts, t_s, side="right") - 1
    return np.where((number >= 0) & (t_s <= ends[number]), number, -1)


def _valleys(watts: Floats, part: npt.NDArray[np.intp], depth: float) -> Floats:
    """The readings with higher readings before and after in the same part. An edge of a steady load
    only rises or only falls, and so does an average that follows the edge.

    part   rises from part to part
    depth  share of the lower of the two higher readings that a reading has to stay below
    """
    if not watts.size:
        return watts
    # a part is lifted above every earlier part: a single pass then finds the maxima of every part
    _, number = np.unique(part, return_inverse=True)
    lift = number * (2 * float(watts.max()))
    before = np.maximum.accumulate(watts + lift) - lift
    lift = lift[-1] - lift
    after = np.maximum.accumulate((watts + lift)[::-1])[::-1] - lift
    return np.asarray(watts[watts < depth * np.minimum(before, after)])
