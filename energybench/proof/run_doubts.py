"""The doubts of a run against those that its files give again."""

from __future__ import annotations

import msgspec

from energybench.model import DoubtCode, Measurement
from energybench.proof.differences import Difference, differences, of_doubts
from energybench.store.recomputed import with_course

# A run keeps the first and the last reading of clocks and temperatures, and not those between, from
# which these doubts were found (analysis/measurement/steadiness.py).
_OF_READINGS: tuple[DoubtCode, ...] = (
    "throttled",
    "at-power-limit",
    "clock-drift",
    "temperature-drift",
)
# These name files in the directory of the job, of which a bundle has those of complete parts alone.
_OF_THE_DIRECTORY: tuple[DoubtCode, ...] = ("node-missing", "node-partial", "part-left-out")


def differences_of_run(
    stated: Measurement, again: Measurement, *, is_job: bool = False
) -> list[Difference]:
    """All differences of a run, or of a job.

    again  with the doubts alone that follow from the files of the run
    """
    codes = _unrepeatable(is_job=is_job)
    return [*differences(stated, again), *of_doubts(stated.doubts, again.doubts, codes)]


def with_doubts(stated: Measurement, again: Measurement, *, is_job: bool = False) -> Measurement:
    """The run that was made again, from which other results follow, with the doubts that it
    stated if these are those found again; else with those found again and of its course.
    """
    if any(of_doubts(stated.doubts, again.doubts, _unrepeatable(is_job=is_job))):
        return with_course(again, stated)
    return msgspec.structs.replace(again, doubts=stated.doubts)


def words_not_checked(stated: Measurement, again: Measurement) -> str:
    """The codes of the doubts whose words nothing in the bundle gives; "" without such doubts."""
    words = {(doubt.code, doubt.message, doubt.remedy) for doubt in again.doubts}
    codes = [
        doubt.code
        for doubt in stated.doubts
        if (doubt.code, doubt.message, doubt.remedy) not in words
    ]
    return ", ".join(dict.fromkeys(codes))


def _unrepeatable(*, is_job: bool) -> tuple[DoubtCode, ...]:
    return (*_OF_READINGS, *_OF_THE_DIRECTORY) if is_job else _OF_READINGS
