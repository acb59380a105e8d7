"""The narrow boundary beside the wide one: the accelerators of the work alone, and all parts that
a run measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Estimate, Measurement
from energybench.units import show
from energybench_reports.view.wording import plain

_BOARD = "gpu.board"
_MOST = 3  # runs that are named


def accelerators(run: Measurement) -> Estimate | None:
    """Energy of one repeat in the accelerators of the work; None if the boundary has only these,
    or if one of them was not measured.
    """
    if run.accelerators_j is not None:
        return run.accelerators_j
    boards = [part for part in run.boundary.parts if part.reported_as == _BOARD]
    others = len(boards) < len(run.boundary.parts)
    if not boards or not others or run.quality == "estimated":
        return None
    if any(part.state != "measured" for part in boards):
        return None
    return run.components_j.get(_BOARD)


def words(runs: Sequence[Measurement]) -> str:
    """'GPU: 1.2 kJ [1.1, 1.3] in the accelerators alone, 2.3 kJ [2.1, 2.5] within compute'; ""
    if no run has both.
    """
    both = [(run, narrow) for run in runs if (narrow := accelerators(run)) is not None]
    parts = [
        f"{plain(run.label) or plain(run.id)}: {show(narrow, 'J')} in the accelerators alone, "
        f"{show(run.energy_j, 'J')} within {run.boundary.name}"
        for run, narrow in both[:_MOST]
        if run.energy_j is not None
    ]
    if len(both) > _MOST:
        parts.append(f"{len(both) - _MOST} more in the table of measurements")
    return "; ".join(parts)
