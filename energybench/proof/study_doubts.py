"""The doubts of a study, from the doubts of its runs."""

from __future__ import annotations

from collections.abc import Mapping

from energybench.model import Doubt, Measurement, Study


def doubts_again(stated: Study, runs: Mapping[str, Measurement]) -> tuple[Doubt, ...]:
    """The doubts that the study lists: of each code, one doubt of one run.

    runs  at hand, by their ids. A run that a resumed study measured anew may be among them without
          a place in a cell.
    A doubt of no run stays as stated if a run is not at hand, and is left out otherwise.
    """
    named = [one.run for cell in stated.cells for one in cell.runs if one.run is not None]
    of_cells = [doubt for name in named if name in runs for doubt in runs[name].doubts]
    of_all = {doubt for run in runs.values() for doubt in run.doubts}
    by_code: dict[str, Doubt] = {}
    for doubt in of_cells:
        by_code.setdefault(doubt.code, doubt)
    again: list[Doubt] = []
    for doubt in stated.doubts:
        if doubt in of_all:
            again.append(doubt)
        elif doubt.code in by_code:
            again.append(by_code[doubt.code])
        elif not runs.keys() >= set(named):
            again.append(doubt)
    listed = {doubt.code for doubt in stated.doubts}
    return (*again, *(doubt for code, doubt in by_code.items() if code not in listed))
