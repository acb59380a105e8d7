"""Cells of experiments over a pool of processes, and their figures: error, coverage, width, and the
ratio of the width to the width of an oracle.

The outcomes of a cell depend on the cell's name and the seed alone, not on the number of processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np

from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.model import Noun
from energybench.process_pool import mapped
from energybench.simulating.experiment import (
    FIELDS,
    STOP,
    ExperimentCell,
    Outcomes,
    StudySettings,
    experiments,
)
from energybench.simulating.oracle import oracle_half_widths

_CHUNK = 100  # experiments handed to a process at once: about a second of work
# An experiment with windows of this length takes up to half a second.
_LONG_S, _LONG_CHUNK = 60.0, 20

# A constant load with an exact gain has an interval of zero width: ignore errors of the size of one
# count of the sensor.
ROUNDING_REL = 1e-5

Progress = Callable[[str, float | None], None]


class OutcomeTable(NamedTuple):
    """The outcomes of one cell, and for each outcome the half-width of an oracle, J."""

    cell: ExperimentCell
    outcomes: Outcomes
    oracle_j: Outcomes

    def column(self, name: str) -> Outcomes:
        return np.asarray(self.outcomes[:, FIELDS.index(name)])


def run(
    cells: Sequence[ExperimentCell],
    settings: StudySettings,
    count: int,
    jobs: int,
    progress: Progress,
) -> list[OutcomeTable]:
    """Run `count` experiments for every cell; tables in the order of the cells."""
    tasks = [
        (cell, settings, first, min(first + _chunk(cell), count))
        for cell in cells
        for first in range(0, count, _chunk(cell))
    ]
    gathered: dict[ExperimentCell, list[Outcomes]] = {}
    with closing(mapped(_task, tasks, jobs)) as parts_in_order:
        for done, (task, part) in enumerate(zip(tasks, parts_in_order, strict=True)):
            gathered.setdefault(task[0], []).append(part)
            progress(f"{task[0].name}", (done + 1) / len(tasks))
    tables = []
    for cell, parts in gathered.items():
        outcomes = np.concatenate(parts)
        oracle_j = oracle_half_widths(outcomes, settings.levels, settings.prior(cell), cell.gain)
        tables.append(OutcomeTable(cell, outcomes, oracle_j))
    return tables


def _chunk(cell: ExperimentCell) -> int:
    return _LONG_CHUNK if cell.window_s >= _LONG_S else _CHUNK


_Task = tuple[ExperimentCell, StudySettings, int, int]


def _task(task: _Task) -> Outcomes:
    return experiments(*task)


class CellFigures(Noun, frozen=True, kw_only=True):
    """Figures of a group of experiments. Errors and widths are relative to the truth; None if no
    experiment is usable.

    coverage    share of the usable intervals that contain the truth, with a 95 % range (Wilson)
    ratio       median of half-width over the half-width of the oracle
    """

    experiments: int
    flagged: int
    coverage: float | None = None
    coverage_low: float | None = None
    coverage_high: float | None = None
    rms_rel: float | None = None
    p95_rel: float | None = None
    half_width_rel: float | None = None
    ratio: float | None = None


def figures(
    tables: Sequence[OutcomeTable], level: str | None = None, levels: Sequence[str] = ()
) -> CellFigures:
    """The figures of these cells together; `level`: only experiments of this level of repeats."""
    masks = [_of_level(table, level, levels) for table in tables]
    chosen = list(zip(tables, masks, strict=True))
    rows = np.concatenate([table.outcomes[mask] for table, mask in chosen])
    oracle = np.concatenate([table.oracle_j[mask] for table, mask in chosen])
    columns = {name: rows[:, i] for i, name in enumerate(FIELDS)}
    usable = columns["flagged"] == 0
    count = int(usable.sum())
    if count == 0:
        return CellFigures(experiments=len(rows), flagged=len(rows))
    truth = columns["truth_j"][usable]
    low, high = columns["low_j"][usable], columns["high_j"][usable]
    error = columns["value_j"][usable] / truth - 1
    half = (high - low) / 2
    slack = ROUNDING_REL * truth
    covered = int(((low - slack <= truth) & (truth <= high + slack)).sum())
    ratios = half[oracle[usable] > 0] / oracle[usable][oracle[usable] > 0]
    return CellFigures(
        experiments=len(rows),
        flagged=len(rows) - count,
        coverage=covered / count,
        coverage_low=wilson(covered, count)[0],
        coverage_high=wilson(covered, count)[1],
        rms_rel=float(np.sqrt(np.mean(error**2))),
        p95_rel=float(np.quantile(np.abs(error), 0.95)),
        half_width_rel=float(np.median(half / truth)),
        ratio=float(np.median(ratios)) if ratios.size else None,
    )


def _of_level(table: OutcomeTable, level: str | None, levels: Sequence[str]) -> Outcomes:
    column = table.column("level")
    if level is None:
        return np.ones(column.size, dtype=np.bool_)
    return np.asarray(column == levels.index(level))


def wilson(hits: int, count: int, z: float = Z95) -> tuple[float, float]:
    """95 % range of a share (Wilson 1927)."""
    share, spread = hits / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def level_order(level: str) -> float:
    """Sort key: levels by number, the stopping rule last."""
    return math.inf if level == STOP else int(level)
