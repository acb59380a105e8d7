"""The questions to Slurm's accounts for the jobs of a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from energybench.cluster.accounts import Row
from energybench.cluster.slurm_programs import NoAnswer
from energybench.errors import BadInput

_SHORTEST_S = 3600  # shortest time whose rows are requested again in halves after a missing answer


def gather(
    since_s: int, until_s: int, ask: Callable[[int, int], list[Row]]
) -> tuple[list[Row], int]:
    """The rows of a time, and the number of questions. A single question suffices unless it stays
    unanswered: sites limit the time of a question, and large answers take long. If only the last
    hour has an answer, both halves are requested.

    Raises BadInput if an hour gets no answer.
    """
    try:
        return ask(since_s, until_s), 1
    except NoAnswer as why:
        if until_s - since_s <= _SHORTEST_S:
            raise _silent(why) from None
    try:
        ask(until_s - _SHORTEST_S, until_s)
    except NoAnswer as why:
        raise _silent(why) from None
    rows, questions = _halves(since_s, until_s, ask)
    return rows, questions + 2


def _halves(
    since_s: int, until_s: int, ask: Callable[[int, int], list[Row]]
) -> tuple[list[Row], int]:
    """The rows of both halves of a time. A half without an answer is halved again."""
    middle_s = (since_s + until_s) // 2
    rows: list[Row] = []
    questions = 0
    for begin_s, end_s in ((since_s, middle_s), (middle_s, until_s)):
        try:
            rows_of_half, asked = ask(begin_s, end_s), 1
        except NoAnswer as why:
            if end_s - begin_s <= _SHORTEST_S:
                raise _silent(why) from None
            rows_of_half, asked = _halves(begin_s, end_s, ask)
            asked += 1
        rows, questions = _without_repeated(rows, rows_of_half), questions + asked
    return rows, questions


def _silent(why: NoAnswer) -> BadInput:
    return BadInput("sacct", f"Slurm's accounts give no answer: {why}", "sacctmgr ping; try later")


def _without_repeated(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """Rows of both halves; a job in both halves is in both answers, and the later row counts."""

    def key(row: Row) -> tuple[str, int, int | None, int | None]:
        return row.cluster, row.job, row.submit_s, row.start_s

    again = {key(row) for row in after if not row.step}
    kept, skips = [], False
    for row in before:
        if not row.step:
            skips = key(row) in again
        if not skips:
            kept.append(row)
    return [*kept, *after]
