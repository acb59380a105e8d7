"""Cells of experiments over a pool of processes, and their figures: error, coverage, width, and
width against an oracle's.

A cell's outcomes depend on its name and the seed alone, whatever the number of processes.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from energybench.model import Noun
from energybench.simulating.experiment import FIELDS, STOP, Cell, Outcomes, Settings, experiments
from energybench.simulating.oracle import oracle_half_widths

_CHUNK = 100  # experiments handed to a process at once: about a second of work
_LONG_S, _LONG_CHUNK = (
    60.0,
    20,
)  # of windows as long as this an experiment takes up to half a second

# a constant load and an exact gain give an interval of no width: the sensor's whole counts are no
# error of it
ROUNDING_REL = 1e-5

Progress = Callable[[str, float | None], None]


class Table(NamedTuple):
    """The outcomes of one cell, and for each the half-width that an oracle would have given, J."""

    cell: Cell
    outcomes: Outcomes
    oracle_j: Outcomes

    def column(self, name: str) -> Outcomes:
        return np.asarray(self.outcomes[:, FIELDS.index(name)])


def run(
    cells: Sequence[Cell], settings: Settings, count: int, jobs: int, progress: Progress
) -> list[Table]:
    """All cells, `count` experiments each, in the order given."""
    tasks = [
        (cell, settings, first, min(first + _chunk(cell), count))
        for cell in cells
        for first in range(0, count, _chunk(cell))
    ]
    gathered: dict[Cell, list[Outcomes]] = {}
    with _mapped(jobs) as mapped:
        for done, (task, found) in enumerate(zip(tasks, mapped(_task, tasks), strict=True)):
            gathered.setdefault(task[0], []).append(found)
            progress(f"{task[0].name}", (done + 1) / len(tasks))
    tables = []
    for cell, parts in gathered.items():
        outcomes = np.concatenate(parts)
        tables.append(
            Table(
                cell,
                outcomes,
                oracle_half_widths(outcomes, settings.levels, settings.prior(cell), cell.gain),
            )
        )
    return tables


def _chunk(cell: Cell) -> int:
    return _LONG_CHUNK if cell.window_s >= _LONG_S else _CHUNK


_Task = tuple[Cell, Settings, int, int]


def _task(task: _Task) -> Outcomes:
    return experiments(*task)


@contextmanager
def _mapped(
    jobs: int,
) -> Iterator[Callable[[Callable[[_Task], Outcomes], Sequence[_Task]], Iterator[Outcomes]]]:
    """map() in order, over so many processes; in this one where one is enough."""
    if jobs == 1:
        yield lambda function, tasks: map(function, tasks)
        return
    pool = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_follow, initargs=(os.getpid(),)
    )  # a fork would copy the thread that draws the progress line
    try:
        yield lambda function, tasks: pool.map(function, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


def _follow(parent: int) -> None:
    """A Ctrl-C is the parent's to take; whatever ends the parent ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Figures(Noun, frozen=True, kw_only=True):
    """What a group of experiments shows. Errors and widths are relative to the truth; None where
    there was nothing to say it of.

    coverage    share of the usable intervals that hold the truth, and its own 95 % range (Wilson)
    ratio       median of half-width over the oracle's
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
    tables: Sequence[Table], level: str | None = None, levels: Sequence[str] = ()
) -> Figures:
    """The figures of these cells together; of one level of repeats where it is named."""
    kept = [
        (table.outcomes[mask], table.oracle_j[mask])
        for table in tables
        for mask in [_of_level(table, level, levels)]
    ]
    rows, oracle = (
        np.concatenate([row for row, _ in kept]),
        np.concatenate([half for _, half in kept]),
    )
    of = {name: rows[:, i] for i, name in enumerate(FIELDS)}
    usable = of["flagged"] == 0
    count = int(usable.sum())
    if count == 0:
        return Figures(experiments=len(rows), flagged=len(rows))
    truth, low, high = of["truth_j"][usable], of["low_j"][usable], of["high_j"][usable]
    error = of["value_j"][usable] / truth - 1
    half = (high - low) / 2
    slack = ROUNDING_REL * truth
    covered = int(((low - slack <= truth) & (truth <= high + slack)).sum())
    ratios = half[oracle[usable] > 0] / oracle[usable][oracle[usable] > 0]
    return Figures(
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


def _of_level(table: Table, level: str | None, levels: Sequence[str]) -> Outcomes:
    column = table.column("level")
    return (
        np.asarray(column == levels.index(level))
        if level is not None
        else np.ones(column.size, dtype=np.bool_)
    )


def wilson(hits: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % range of a share (Wilson 1927)."""
    share, spread = hits / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def level_order(level: str) -> float:
    """Levels by their number, the stopping rule last."""
    return math.inf if level == STOP else int(level)
