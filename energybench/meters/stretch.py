"""The stretch of a log around a run: readings in ascending time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.errors import BadInput
from energybench.meters import screening
from energybench.meters.readings import LeftOut, LoggedReading

# A single time is wrong if the time is more than this number of spacings away from both neighbours,
# and if the neighbours follow each other within this number: after a clock was set, the next times
# would continue from the new setting.
_FAR = 3.0
# A log has the newest reading first if more than this share of the steps in time goes back, of at
# least this number of steps.
_MOST_BACK, _STEPS = 0.9, 3
# A single row is out of order if the rows beside it leave at least this number of spacings for it,
# or if it and the row before it have changed places. After a clock was set back there is no room.
_ROOM, _ROOM_FOR_TWO = 1.5, 2.5


class Around(NamedTuple):
    """The stretch of the meter's clock around the run, s since 1970.

    most_w  no real power of the meter's load exceeds this limit
    """

    start_s: float
    end_s: float
    most_w: float | None = None


def ascending(readings: Sequence[LoggedReading]) -> list[LoggedReading]:
    """The readings in ascending time if the log begins with the newest reading; else unchanged.

    A clock that was set goes back once: only in a log with the newest reading first, most times go
    back.
    """
    steps = np.diff([reading.t_s for reading in readings])
    back, moved = int((steps < 0).sum()), int((steps != 0).sum())
    newest_first = moved >= _STEPS and back > _MOST_BACK * moved
    return list(readings[::-1] if newest_first else readings)


def of(
    where: str, readings: Sequence[LoggedReading], around: Around | None
) -> tuple[list[LoggedReading], list[LeftOut]]:
    """Readings in ascending time around the run, and the stray rows that were left out. If the file
    has several pieces, only a single piece around the run is used. where: 'meter.csv line'.

    Raises BadInput.
    """
    in_order, strays = _without_strays(readings)
    screening.check_few(where, strays, len(readings))
    pieces: list[list[LoggedReading]] = [[]]
    for reading in in_order:
        if pieces[-1] and reading.t_s < pieces[-1][-1].t_s:
            pieces.append([])
        pieces[-1].append(reading)
    if around is not None and len(pieces) > 1:
        near = [
            piece
            for piece in pieces
            if piece[-1].t_s >= around.start_s and piece[0].t_s <= around.end_s
        ]
        if len(near) == 1:
            pieces = near
    if len(pieces) > 1:
        before, first = pieces[0][-1], pieces[1][0]
        raise BadInput(
            f"{where} {first.place}",
            f"time goes back by {before.t_s - first.t_s:.6g} s",
            "a clock that was set, or two files in one: cut the file to one unbroken stretch; log "
            "in UTC",
        )
    piece = pieces[0]
    if around is not None:
        inside = [r for r in piece if around.start_s <= r.t_s <= around.end_s]
        # keep every reading of a file of a different day: a later error names their places
        piece = inside if len(inside) >= 2 else piece
    return piece, strays


def _without_strays(
    readings: Sequence[LoggedReading],
) -> tuple[list[LoggedReading], list[LeftOut]]:
    """The readings without single times that are out of order, or far from both neighbours."""
    if len(readings) < 3:
        return list(readings), []
    t = np.array([reading.t_s for reading in readings])
    forward = np.diff(t)
    far_s = _FAR * float(np.median(np.abs(forward)))
    stray = np.zeros(t.size, dtype=bool)
    away = (np.abs(forward[:-1]) > far_s) & (np.abs(forward[1:]) > far_s)
    # one of the two steps goes back, and without the row the times ascend
    over = t[2:] - t[:-2]
    usual_s = far_s / _FAR
    back = forward[:-1] < 0
    stray[1:-1] = back & (over >= _ROOM * usual_s) & (over <= far_s)
    stray[2:-1] |= (
        back[1:]
        & (t[2:-1] > t[:-3])
        & (over[1:] > 0)
        & (np.abs(t[3:] - t[:-3] - 3 * usual_s) <= (3 - _ROOM_FOR_TWO) * usual_s)
    )
    stray[1:-1] |= away & ((forward[:-1] < 0) | (forward[1:] < 0)) & (over >= 0) & (over <= far_s)
    left_out = [
        LeftOut(reading.place, "its time is out of order")
        for reading, out in zip(readings, stray, strict=True)
        if out
    ]
    return [r for r, out in zip(readings, stray, strict=True) if not out], left_out
