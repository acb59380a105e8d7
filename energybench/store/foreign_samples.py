"""Samples beside the result of another run: a file that was copied into the wrong directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energybench.errors import BadInput
from energybench.model import REPEAT, Measurement
from energybench.store import strict, unknown_fields
from energybench.store.layout import PARQUET, RUN
from energybench.store.run import Header, RecordLine

# Relative tolerance of the repeats' durations. A run with a renamed directory and id keeps its own
# samples: the durations in samples and result then agree, up to the rounding of an edited file.
_ALIKE = 0.02
_REPLAYED = "replayed"  # the doubt that names the recording


def refuse(directory: Path, header: Header, lines: Sequence[RecordLine]) -> None:
    """Raise BadInput if the samples belong to another run than run.json, if run.json exists and is
    readable.
    """
    path = directory / RUN
    try:
        measured = unknown_fields.convert(strict.load(path), Measurement, str(path))
    except BadInput:
        return
    if measured.id == header.id or not _differ(measured, header, lines):
        return
    raise BadInput(
        str(directory / PARQUET),
        f"holds the samples of the run {header.id}, and {RUN} beside it is of {measured.id}",
        f"copy the directory of a run as a whole: both files of {measured.id}",
    )


def _differ(measured: Measurement, header: Header, lines: Sequence[RecordLine]) -> bool:
    """Whether a different start, recording or set of repeats distinguishes two runs."""
    if measured.host.started_utc != header.host.started_utc:
        return True
    ours = {doubt.message for doubt in measured.doubts if doubt.code == _REPLAYED}
    theirs = [*header.doubts, *(line.doubt for line in lines if line.doubt is not None)]
    if ours != {doubt.message for doubt in theirs if doubt.code == _REPLAYED}:
        return True
    windows = [line.window for line in lines if line.window is not None]
    durations_s = [window.duration_s for window in windows if window.label == REPEAT]
    if len(durations_s) != len(measured.repeats):
        return True
    return any(
        abs(duration_s - repeat.time_s) > _ALIKE * repeat.time_s
        for duration_s, repeat in zip(durations_s, measured.repeats, strict=True)
    )
