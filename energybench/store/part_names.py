"""Ids of the parts of jobs. The id of a part is the name of its folder, "node-cpu1", and parts of
two jobs can have the same id; beside other results, the name of the job is put before the part's
id.
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
    """Whether a result is a node's part, with an id that other parts may have as well."""
    return measured.id.startswith(NODE) and "/" not in measured.id


def told_apart(measured: Measurement, directory: Path | None = None) -> Measurement:
    """A part of a job with a unique id; any other result unchanged.

    directory  of the part; the surrounding folder has the name of the job. None, or a folder with
               another name: label, job and time stand for the job
    """
    if not is_part(measured):
        return measured
    place = Path(os.path.abspath(directory)) if directory is not None else Path()
    job = place.parent.name if place.name == measured.id else ""
    return msgspec.structs.replace(measured, id=f"{job or _job_of(measured)}/{measured.id}")


def all_told_apart(results: Sequence[_Result]) -> tuple[_Result, ...]:
    """The results of a document. Other results of the document may refer to a part by its id, so a
    part gets a new id only if several parts share the id.
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
