"""A finished run of a node, analysed again from its samples; nothing is written.

The file of the samples states channels, windows, limits, pauses and the doubts of the run's course.
Works, checks and the workload's own record are taken from run.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.measure import measure
from energybench.analysis.measurement.record import Record
from energybench.model import Measurement, Window
from energybench.store import reader, samples
from energybench.store.run import Header, RecordLine
from energybench.store.traces import StoredTraces


def recomputed(
    directory: Path,
    measured: Measurement,
    ranges: Ranges,
    windows: tuple[Window, ...] | None = None,
) -> Measurement:
    """The measurement of the run directory of a node, by the analysis in `complete`.

    measured  the result in the run's own run.json
    windows   measure these windows, of a program; None: the windows of the run
    Doubts about the run's course, which no analysis makes, stay. Raises as `analysed`.
    """
    return with_course(analysed(directory, measured, ranges, windows), measured)


def with_course(again: Measurement, measured: Measurement) -> Measurement:
    """The measurement with the doubts of `measured` whose codes it lacks."""
    codes = {doubt.code for doubt in again.doubts}
    course = tuple(doubt for doubt in measured.doubts if doubt.code not in codes)
    return msgspec.structs.replace(again, doubts=(*again.doubts, *course))


def analysed(
    directory: Path,
    measured: Measurement,
    ranges: Ranges,
    windows: tuple[Window, ...] | None = None,
) -> Measurement:
    """The same, with only the doubts from the analysis or from the samples' file.

    Raises BadInput, also for a job, and ValueError if no repeat was completed.
    """
    table, header, lines = reader.read_samples(directory)
    record = record_of(measured, table, header, lines)
    if windows is not None:
        record = record._replace(windows=windows)
        record = record._replace(works=(None,) * len(record.repeats))
    return measure(record, StoredTraces(table, header.channels), ranges)


def record_of(
    measured: Measurement, table: samples.Samples, header: Header, lines: Sequence[RecordLine]
) -> Record:
    """The record of a finished run, for its analysis."""
    return Record(
        id=measured.id,
        label=measured.label,
        workload=measured.workload,
        command=measured.command,
        boundary=measured.boundary.name,
        host=measured.host,
        windows=tuple(line.window for line in lines if line.window is not None),
        works=tuple(repeat.work for repeat in measured.repeats),
        verification=measured.verification,
        sampling=samples.sampling(table, header.channels),
        session=measured.session,
        conditions=measured.conditions,
        others=measured.others,
        pauses=tuple(line.pause for line in lines if line.pause is not None),
        limits=header.limits,
        kept=measured.record,
        job=measured.job,
        case=measured.case,
        doubts=header.doubts + tuple(line.doubt for line in lines if line.doubt is not None),
    )
