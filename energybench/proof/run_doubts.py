"""Compare the doubts that a run states with the doubts that an analysis of its files gives."""

from __future__ import annotations

import msgspec

from energybench.model import DoubtCode, Measurement
from energybench.proof.differences import Difference, differences, of_doubts
from energybench.store.recomputed import with_course

# These doubts follow from all readings of clocks and temperatures
# (analysis/measurement/steadiness.py). A run keeps only the first and the last reading.
_OF_READINGS: tuple[DoubtCode, ...] = (
    "throttled",
    "at-power-limit",
    "clock-drift",
    "temperature-drift",
)
# These doubts name files in the directory of the job. A bundle holds only the complete parts.
_OF_THE_DIRECTORY: tuple[DoubtCode, ...] = (
    "node-missing",
    "node-partial",
    "node-power-unknown",
    "part-left-out",
)


def differences_of_run(
    stated: Measurement, again: Measurement, *, is_job: bool = False
) -> list[Difference]:
    """All differences between the stated result of a run or a job and the repeated analysis.

    again  result of the repeated analysis, with only the doubts that follow from the files
    """
    codes = _unrepeatable(is_job=is_job)
    return [*differences(stated, again), *of_doubts(stated.doubts, again.doubts, codes)]


def with_doubts(stated: Measurement, again: Measurement, *, is_job: bool = False) -> Measurement:
    """The run that was analysed again, for the results that follow from the run. The doubts are the
    stated doubts if the analysis gives them again; else the doubts of the analysis and of the run's
    course.
    """
    if any(of_doubts(stated.doubts, again.doubts, _unrepeatable(is_job=is_job))):
        return with_course(again, stated)
    return msgspec.structs.replace(again, doubts=stated.doubts)


def words_not_checked(stated: Measurement, again: Measurement) -> str:
    """The codes of doubts whose words do not follow from the bundle; "" without such doubts."""
    words = {(doubt.code, doubt.message, doubt.remedy) for doubt in again.doubts}
    codes = [
        doubt.code
        for doubt in stated.doubts
        if (doubt.code, doubt.message, doubt.remedy) not in words
    ]
    return ", ".join(dict.fromkeys(codes))


def _unrepeatable(*, is_job: bool) -> tuple[DoubtCode, ...]:
    return (*_OF_READINGS, *_OF_THE_DIRECTORY) if is_job else _OF_READINGS
