"""The document of a study: figures of cells, figures of groups of cells, and sensors whose stated
prior is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from energybench.model import Noun
from energybench.simulating.experiment import StudySettings
from energybench.simulating.study import CellFigures, OutcomeTable, figures, level_order

# With fewer experiments a cell, the coverage of a cell is known to no better than 2 % (binomial).
FEW = 400
FLAGGED = 0.5  # a cell is flagged if the analysis calls a larger share of its experiments unusable
POOR = 0.90  # a cell with lower coverage is counted as poor


class Group(Noun, frozen=True, kw_only=True):
    """Figures of a cell, or of several cells; None: the property varies within the group."""

    sensor: str | None = None
    wave: str | None = None
    window_s: float | None = None
    repeats: str | None = None
    gain: str
    figures: CellFigures


class Simulation(Noun, frozen=True, kw_only=True):
    """A study.

    `apart`: sensors whose stated prior is wrong; no figure outside `apart` includes them.
    """

    schema: Literal["energybench-simulation/1"] = "energybench-simulation/1"
    seed: int
    gain: str
    experiments_per_cell: int
    repeats: tuple[str, ...]
    overall: CellFigures
    poor_cells: int
    flagged_cells: int
    cells: tuple[Group, ...]
    by_sensor: tuple[Group, ...]
    by_wave: tuple[Group, ...]
    by_window: tuple[Group, ...]
    by_repeats: tuple[Group, ...]
    apart: tuple[Group, ...]


def simulation(
    tables: Sequence[OutcomeTable], settings: StudySettings, gain: str, count: int
) -> Simulation:
    """The document of these cells; cells with a gain other than `gain` stand apart."""
    main = [table for table in tables if table.cell.gain == gain]
    cells = tuple(_cell(table) for table in main)
    return Simulation(
        seed=settings.seed,
        gain=gain,
        experiments_per_cell=count,
        repeats=settings.levels,
        overall=figures(main),
        poor_cells=sum(_poor(cell.figures) for cell in cells),
        flagged_cells=sum(_flagged(cell.figures) for cell in cells),
        cells=cells,
        by_sensor=_groups(main, gain, "sensor"),
        by_wave=_groups(main, gain, "wave"),
        by_window=_by_window(main, gain),
        by_repeats=_by_repeats(main, gain, settings.levels),
        apart=tuple(_cell(table) for table in tables if table.cell.gain != gain),
    )


def _poor(cell: CellFigures) -> bool:
    return cell.coverage is not None and cell.coverage < POOR


def _flagged(cell: CellFigures) -> bool:
    return cell.flagged > FLAGGED * cell.experiments


def _cell(table: OutcomeTable) -> Group:
    cell = table.cell
    return Group(
        sensor=cell.sensor,
        wave=cell.wave,
        window_s=cell.window_s,
        gain=cell.gain,
        figures=figures([table]),
    )


def _groups(
    tables: Sequence[OutcomeTable], gain: str, name: Literal["sensor", "wave", "window_s"]
) -> tuple[Group, ...]:
    """A group for every value of a property of the cells, in order of appearance."""
    members: dict[Any, list[OutcomeTable]] = {}
    for table in tables:
        members.setdefault(getattr(table.cell, name), []).append(table)
    return tuple(
        Group(gain=gain, figures=figures(group), **{name: value})
        for value, group in members.items()
    )


def _by_window(tables: Sequence[OutcomeTable], gain: str) -> tuple[Group, ...]:
    return _groups(sorted(tables, key=lambda table: table.cell.window_s), gain, "window_s")


def _by_repeats(
    tables: Sequence[OutcomeTable], gain: str, levels: Sequence[str]
) -> tuple[Group, ...]:
    """A group for every level of repeats that occurs."""
    groups = [
        Group(repeats=level, gain=gain, figures=figures(tables, level, levels))
        for level in sorted(levels, key=level_order)
    ]
    return tuple(group for group in groups if group.figures.experiments)
