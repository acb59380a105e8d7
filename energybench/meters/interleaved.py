"""Two to four meters that write into a file in turn, without a column that names the meter: the
readings step from level to level, row by row, unlike readings of a single load.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.meters import levels_in_turn
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries
from energybench.model import Doubt, Window

_METERS = (2, 3, 4)
# Usual and least number of rows in a block: after a missing row, the meters are exchanged.
_BLOCK, _LEAST = 16, 12
# Least number of steps from row to row, and least share of the steps that are as in turn.
_ROWS, _MOST = 24, 0.8
# The largest step from meter to meter: a share of the power, and a number of the file's own counts.
_APART, _STEPS = 0.02, 3.0
# A step is as in turn if it differs from the usual step by at most this share of the largest step.
_NEAR = 0.25


def doubts(
    series: MeterSeries,
    t_s: Floats,
    repeats: Sequence[Window],
    run: RunPower | None,
    *,
    per_interval: bool,
) -> tuple[Doubt, ...]:
    """A doubt if the rows alternate between the levels of several meters: nearly every row of the
    repeats by the values alone, or most rows beside the power of the run's own sensors, which
    shows the movement of the load.

    series        series as in the file, before readings are left out
    t_s           times of the readings, on the run's clock
    per_interval  every energy in the file is the energy since the previous row
    """
    values: Floats = np.asarray(series.raw, dtype=np.float64)
    step = 1.0
    if per_interval:
        values, t_s = np.diff(values), t_s[1:]
    elif series.kind != "power":
        return ()
    elif series.reading_step_w is not None:
        step = max(series.reading_step_w / series.resolution, 1.0)
    count = _meters(values, t_s, repeats, step) or _meters_beside(values, t_s, run, step)
    if count is None:
        return ()
    of_all = "the mean of theirs"
    if per_interval:
        of_all = "the sum of theirs"
    return (
        Doubt(
            code="meter-interleaved",
            message=f"the readings of {series.where} come in turn at {count} levels, row by row: "
            f"if {count} meters write into this file, the energy is {of_all}",
            remedy="log into a file for each meter, or a column that names the meter, and take one "
            "with --select; nothing, if the load itself repeats every "
            f"{count} rows",
        ),
    )


def _meters_beside(values: Floats, t_s: Floats, run: RunPower | None, step: float) -> int | None:
    """The number of meters in turn, if the sensors show the movement of the load."""
    rows = levels_in_turn.beside(values, t_s, run)
    if rows is None:
        return None
    return next((count for count in _METERS if levels_in_turn.in_turn(rows, count, step)), None)


def _meters(values: Floats, t_s: Floats, repeats: Sequence[Window], step: float) -> int | None:
    """The number of meters in turn; None if the rows are not in turn."""
    blocks = list(_blocks(values, t_s, repeats))
    for count in _METERS:
        every = [_as_in_turn(block, count, step) for block in blocks]
        rows = np.concatenate(every) if every else np.zeros(0, dtype=bool)
        if rows.size >= _ROWS and float(rows.mean()) >= _MOST:
            return count
    return None


def _blocks(values: Floats, t_s: Floats, repeats: Sequence[Window]) -> Iterator[Floats]:
    """Values of successive rows within the repeats; if a repeat has few rows, values of the rows
    from the start of the first repeat to the end of the last repeat.
    """
    spans = [(window.start_s, window.end_s) for window in repeats]
    inside = [int(((t_s > start) & (t_s < end)).sum()) for start, end in spans]
    if np.median(inside) < _LEAST:
        spans = [(min(start for start, _ in spans), max(end for _, end in spans))]
    for start, end in spans:
        rows = values[(t_s > start) & (t_s < end)]
        for piece in np.array_split(rows, max(1, rows.size // _BLOCK)):
            if piece.size >= _LEAST:
                yield piece


def _as_in_turn(values: Floats, count: int, step: float) -> npt.NDArray[np.bool_]:
    """For every step of a block from row to row, whether the step is a step from meter to meter."""
    # Steps are shares of the power: if two meters measure shares of a load and the load changes,
    # the relative difference of the meters stays. The step of the load itself is one step of many.
    means = np.maximum((values[1:] + values[:-1]) / 2, 1e-9)
    steps = np.diff(values) / means
    turn = np.arange(steps.size) % count
    usual = np.array([np.median(steps[turn == i]) for i in range(count)])
    largest = float(np.abs(usual).max())
    if largest < max(_APART, _STEPS * step / float(np.median(means))):
        return np.zeros(steps.size, dtype=bool)
    if abs(float(usual.sum())) > _NEAR * largest:
        # after a round of meters the first meter comes again, at the level of the first meter
        return np.zeros(steps.size, dtype=bool)
    return np.asarray(np.abs(steps - usual[turn]) <= _NEAR * largest)
