"""Ids of the parts of jobs. A part has the name of its folder, "node-cpu1", as its id, and parts of
two jobs have the same one; beside other results its job stands before it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from energybench.model import Comparison, Measurement, Projection, Study
from energybench.store.layout import NODE, file_word

_Result = Measurement | Comparison | Projection | Study


def is_part(measured: Measurement) -> bool:
    """Whether a result is that of a node's part, under an id that other parts have as well."""
    return measured.id.startswith(NODE) and "/" not in measured.id


def told_apart(measured: Measurement, directory: Path | None = None) -> Measurement:
    """A part of a job under an id that no other part has; any other result as it is.

    directory  of the part; the folder around it has the name of the job. None, or a folder under
               another name: label, job and time stand for the job
    """
    if not is_part(measured):
        return measured
    place = Path(os.path.abspath(directory)) if directory is not None else Path()
    job = place.parent.name if place.name == measured.id else ""
    return msgspec.structs.replace(measured, id=f"{job or _job_of(measured)}/{measured.id}")


def all_told_apart(results: Sequence[_Result]) -> tuple[_Result, ...]:
    """The results of one document, whose other results may name a part by its id: parts have
    another one only if several have the same.
    """
    often = Counter(result.id for result in results if isinstance(result, Measurement))
    return tuple(
        told_apart(result) if isinstance(result, Measurement) and often[result.id] > 1 else result
        for result in results
    )


def _job_of(measured: Measurement) -> str:
    time = (measured.host.started_utc or "").replace(":", "-").replace("+00-00", "Z")
    key = measured.job.key if measured.job is not None else "job"
    return "_".join(filter(None, (time, file_word(measured.label), file_word(key))))
