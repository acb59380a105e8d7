"""What a study found, as one document: cells, what they show together, and what is only for
comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from energybench.model import Noun
from energybench.simulating.experiment import Settings
from energybench.simulating.study import Figures, Table, figures, level_order

FEW = 400  # experiments a cell, below which one cell's coverage is known to 2 % at best (binomial)
FLAGGED = 0.5  # of its experiments that the analysis calls unusable: beyond it so is the cell
POOR = 0.90  # coverage below which a cell is counted as poor


class Group(Noun, frozen=True, kw_only=True):
    """Figures of one cell or of several together.

    Relative to the truth; None: does not apply, or nothing usable.
    """

    sensor: str | None = None
    wave: str | None = None
    window_s: float | None = None
    repeats: str | None = None
    gain: str
    figures: Figures


class Simulation(Noun, frozen=True, kw_only=True):
    """A study.

    `apart`: sensors whose stated prior is wrong; they are in none of the other figures.
    """

    schema: Literal["energybench-simulation/1"] = "energybench-simulation/1"
    seed: int
    gain: str
    experiments_per_cell: int
    repeats: tuple[str, ...]
    overall: Figures
    poor_cells: int
    flagged_cells: int
    cells: tuple[Group, ...]
    by_sensor: tuple[Group, ...]
    by_wave: tuple[Group, ...]
    by_window: tuple[Group, ...]
    by_repeats: tuple[Group, ...]
    apart: tuple[Group, ...]


def simulation(tables: Sequence[Table], settings: Settings, gain: str, count: int) -> Simulation:
    """The document of these cells: those with another gain than `gain` stand apart."""
    main = [table for table in tables if table.cell.gain == gain]
    cells = tuple(_cell(table) for table in main)
    by_repeats = [
        Group(repeats=level, gain=gain, figures=figures(main, level, settings.levels))
        for level in sorted(settings.levels, key=level_order)
    ]
    return Simulation(
        seed=settings.seed,
        gain=gain,
        experiments_per_cell=count,
        repeats=settings.levels,
        overall=figures(main),
        poor_cells=sum(
            cell.figures.coverage is not None and cell.figures.coverage < POOR for cell in cells
        ),
        flagged_cells=sum(
            cell.figures.flagged > FLAGGED * cell.figures.experiments for cell in cells
        ),
        cells=cells,
        by_sensor=tuple(
            Group(
                sensor=name, gain=gain, figures=figures([t for t in main if t.cell.sensor == name])
            )
            for name in _once(t.cell.sensor for t in main)
        ),
        by_wave=tuple(
            Group(wave=name, gain=gain, figures=figures([t for t in main if t.cell.wave == name]))
            for name in _once(t.cell.wave for t in main)
        ),
        by_window=tuple(
            Group(
                window_s=window,
                gain=gain,
                figures=figures([t for t in main if t.cell.window_s == window]),
            )
            for window in sorted({t.cell.window_s for t in main})
        ),
        by_repeats=tuple(group for group in by_repeats if group.figures.experiments),
        apart=tuple(_cell(table) for table in tables if table.cell.gain != gain),
    )


def _cell(table: Table) -> Group:
    cell = table.cell
    return Group(
        sensor=cell.sensor,
        wave=cell.wave,
        window_s=cell.window_s,
        gain=cell.gain,
        figures=figures([table]),
    )


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
