"""Doubts about a job whose head node's process ended before it could write the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energybench.analysis.measurement.signalled_repeats import whole_repeats
from energybench.errors import StorageFailed
from energybench.model import REPEAT, Doubt, Window
from energybench.store.durable import replace_file
from energybench.store.job_header import JobHeader
from energybench.store.layout import WINDOWS
from energybench.store.run import RecordLine, encode, read_lines
from energybench.units import counted


def of_planned(whole: int, planned: int | None) -> str:
    """'1 of 3 repeats'; '1 repeat' if no number was planned."""
    if planned is None:
        return counted(whole, "repeat")
    return f"{whole} of {counted(planned, 'repeat')}"


def is_recovered(doubts: Sequence[Doubt]) -> bool:
    """Whether the head node's process ended before it could write the job's result."""
    return any(doubt.code == "recovered" for doubt in doubts)


def state_recovery(directory: Path, header: JobHeader) -> None:
    """Add the doubt that the job was recovered to the head node's lines, once. Raises BadInput and
    StorageFailed.
    """
    lines = read_lines(directory)
    if is_recovered([line.doubt for line in lines if line.doubt is not None]):
        return
    stated = RecordLine(doubt=_recovered(header, lines))
    content = b"".join(encode(line) + b"\n" for line in (*lines, stated))
    try:
        replace_file(directory / WINDOWS, content)
    except OSError as error:
        raise StorageFailed(
            f"{directory / WINDOWS}: cannot be written: {error.strerror or error}"
        ) from None


def _recovered(header: JobHeader, lines: Sequence[RecordLine]) -> Doubt:
    source = "the nodes' own runs"
    if header.workload is None:
        windows = [line.window for line in lines if line.window is not None]
        whole = len(whole_repeats(windows))
        ran = of_planned(whole, header.repeats)
        source = f"{source} and the head node's windows on disk, with {ran} run to the end"
    return Doubt(
        code="recovered",
        message="the head node's process ended before it could write the result (killed, or its "
        f"disk was full); this job was completed from {source}",
        remedy="repeat the job",
    )


def of_lost_repeats(
    lines: Sequence[RecordLine], windows: Sequence[Window], planned: int | None
) -> list[Doubt]:
    """A doubt about repeats of a recovered job that had begun, and that have no window.

    lines    of the head node
    windows  of the job
    """
    if not is_recovered([line.doubt for line in lines if line.doubt is not None]):
        return []
    stated = {window.repeat for window in windows if window.label == REPEAT}
    openings = [line.opening for line in lines if line.opening is not None]
    lost = sorted({opening.repeat or 0 for opening in openings if opening.label == REPEAT} - stated)
    if not lost:
        return []
    numbers = ", ".join(str(number + 1) for number in lost)
    of = f" of {planned}" if planned is not None else ""
    return [
        Doubt(
            code="cut-off",
            message=f"left out of this result: repeat {numbers}{of}, which was under way when the "
            "head node's process ended",
            remedy="repeat the job if all of its repeats are wanted",
            subject="left out",
        )
    ]
