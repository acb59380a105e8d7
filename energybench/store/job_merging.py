"""The result of a job from the parts in its directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.node_doubts import first_names
from energybench.analysis.measurement.node_table import NodePart
from energybench.analysis.measurement.nodes import JobRecord, merge
from energybench.analysis.measurement.workload_nodes import checks_of_nodes, statement
from energybench.errors import BadInput, StorageFailed
from energybench.model import REPEAT, Doubt, Measurement, Verification, Window
from energybench.store import job_parts, part_files
from energybench.store.cut_parts import HeadWindows, in_windows_of_the_job
from energybench.store.durable import replace_file
from energybench.store.job_header import JobHeader
from energybench.store.job_parts import CLOCKS, OFFSETS, SILENT, HeadNode, Parts, node_folder
from energybench.store.job_record import head_record
from energybench.store.layout import NODE, RUN
from energybench.store.one_boundary import in_one_boundary
from energybench.store.rank_job import (
    doubts_of_clocks,
    nodes_apart,
    unread_nodes,
    windows_of_nodes,
    with_other_labels,
    words_on,
)
from energybench.store.recovery_doubts import is_recovered, of_lost_repeats
from energybench.store.run import (
    RecordLine,
    last_record,
    pretty,
    works_of_whole_repeats,
)
from energybench.store.window_overlap import Apart


def merged(
    directory: Path,
    silent: dict[str, str] | None = None,
    ranges: Ranges | None = None,
    jobs: int = 1,
    *,
    times_alone: bool = False,
) -> Measurement:
    """The measurement of all nodes from the parts in a job's directory.

    silent        nodes without a result, with the reasons known to the head node
    times_alone   whether the times count if no node gave a result
    ranges, jobs  see `job_parts.find_parts`
    Raises BadInput, and ValueError as `merge`.
    """
    header, lines, of_files = head_record(directory)
    repeats = tuple(
        line.window for line in lines if line.window is not None and line.window.label == REPEAT
    )
    head = HeadNode(header.job, header.nodes, header.host, repeats)
    found_parts = job_parts.find_parts(directory, head, ranges, jobs)
    reasons = {**part_files.words_of(directory / SILENT), **(silent or {})}
    clocks = part_files.numbers_of(directory / CLOCKS)
    names = _names(header, found_parts)
    apart: dict[str, Apart] = {}
    if header.windows_by == "nodes":
        apart = nodes_apart(found_parts.by_folder, header.host)
    measured, unfit = _fitting(directory, header, found_parts, names, head, ranges)
    for folder, each in apart.items():
        unfit[folder] = words_on(each)
        del measured[folder]
    one = in_one_boundary(directory, header.boundary, measured, ranges)
    measured, unfit = one.measured, unfit | one.unfit
    parts: list[NodePart] = []
    for folder, node in names.items():
        parts.append(
            NodePart(
                node=node,
                directory=folder if folder in found_parts.by_folder else "",
                measurement=measured.get(folder),
                why=unfit.get(folder)
                or reasons.get(node)
                or found_parts.why(folder)
                or job_parts.unfinished(directory, folder),
                clock_half_s=clocks.get(node),
                group=header.group_of(node),
                host=job_parts.host_of_unfinished(directory, folder),
            )
        )
    if header.windows_by == "nodes" and not header.nodes:
        unread = unread_nodes(header.job, tuple(found_parts.by_folder.values()))
        parts += [node._replace(group=header.group_of(node.node)) for node in unread]
    if header.windows_by == "nodes":
        parts = with_other_labels(directory, header, parts)
    stated = [*of_files, *(line.doubt for line in lines if line.doubt is not None)]
    stated += [*doubts_of_clocks(apart), *one.doubts]
    by_head = header.windows_by == "head"
    if by_head:
        windows = _windows(lines, found_parts)
    else:
        windows = windows_of_nodes(tuple(measured.values()), header.host)
    if header.workload is not None:
        stated_doubts = (*header.doubts, *stated, *job_parts.doubts(found_parts, head))
        record = _of_workload(header, parts, stated_doubts)._replace(boundary=one.name)
        return merge(record, parts)
    if by_head:
        stated += of_lost_repeats(lines, windows, header.repeats)
    record = JobRecord(
        id=header.id,
        label=header.label,
        command=header.command,
        boundary=one.name,
        job=header.job,
        case=header.case,
        host=header.host,
        windows=windows,
        verification=_checks(lines)
        if by_head
        else checks_of_nodes(tuple(found_parts.by_folder.values())),
        doubts=(
            *header.doubts,
            *stated,
            *job_parts.doubts(found_parts, head),
            *_of_clocks(parts, header, directory, recovered=is_recovered(stated)),
        ),
        works=works_of_whole_repeats(lines, windows),
        kept=last_record(lines),
    )
    return merge(record, parts, times_alone=times_alone)


def _of_workload(
    header: JobHeader, parts: Sequence[NodePart], doubts: tuple[Doubt, ...]
) -> JobRecord:
    """The first node's own statements about a workload on all nodes."""
    stated = statement(parts)
    return JobRecord(
        id=header.id,
        label=header.label,
        command=None,
        boundary=header.boundary,
        job=header.job,
        case=header.case,
        host=header.host,
        windows=stated.windows,
        verification=stated.verification,
        doubts=(*doubts, *stated.doubts),
        works=stated.works,
        kept=stated.kept,
        workload=stated.workload or header.workload,
    )


def _of_clocks(
    parts: Sequence[NodePart], header: JobHeader, directory: Path, *, recovered: bool
) -> list[Doubt]:
    """A doubt about the nodes of a program without a stated clock error.

    recovered  whether the head node's process ended before it could write the result
    """
    unknown = [
        part.node for part in parts if part.measurement is not None and part.clock_half_s is None
    ]
    if not unknown or header.windows_by != "head":
        return []
    names = first_names(unknown)
    if part_files.is_readable(directory / CLOCKS):
        why = ", because its process ended first" if recovered else ""
        message = f"the head node did not write down how well it knew the clock of {names}{why}"
        remedy = "repeat the job"
    else:
        message = f"{CLOCKS}, which states how well the head node knew the clock of {names}, is "
        message += "missing or damaged"
        remedy = "bring the file back, then: energybench collect; or repeat the job"
    return [
        Doubt(
            code="clock-error-unknown",
            message=f"{message}; the edges of the repeats hold the error of the clock as the "
            "node's own result states it",
            remedy=remedy,
        )
    ]


def _names(header: JobHeader, found: Parts) -> dict[str, str]:
    """Name of each node of the job, by the name of its part's directory.

    If the stated names of the job occur nowhere, the names of the parts replace them.
    """
    names = {node_folder(node): node for node in header.nodes}
    told = {folder: folder.removeprefix(NODE) for folder in found.by_folder}
    if not told or set(told) & set(names):
        return names
    places = list(names.items())[len(told) :]
    return {**told, **dict(places)}


def _fitting(
    directory: Path,
    header: JobHeader,
    found: Parts,
    names: dict[str, str],
    head: HeadNode,
    ranges: Ranges | None,
) -> tuple[dict[str, Measurement], dict[str, str]]:
    """The measurements of the parts in the windows of the job, and words on each part without a
    measurement; by the names of the directories.
    """
    if header.windows_by != "head" or header.workload is not None:
        return dict(found.by_folder), {}
    windows = HeadWindows(
        head.repeats,
        head.host,
        part_files.numbers_of(directory / OFFSETS),
        part_files.numbers_of(directory / CLOCKS),
    )
    measured: dict[str, Measurement] = {}
    unfit: dict[str, str] = {}
    for folder, part in found.by_folder.items():
        node = names.get(folder, folder)
        fitted = in_windows_of_the_job(directory / folder, node, part, windows, ranges)
        if isinstance(fitted, str):
            unfit[folder] = fitted
        else:
            measured[folder] = fitted
    return measured, unfit


def _windows(lines: Sequence[RecordLine], found: Parts) -> tuple[Window, ...]:
    """The windows, and the window without an end from the head node: it lasts as long as its
    longest part on a node.
    """
    windows = [line.window for line in lines if line.window is not None]
    closed = {window.repeat for window in windows if window.label == REPEAT}
    open_now = [
        line.opening
        for line in lines
        if line.opening is not None and line.opening.repeat not in closed
    ]
    durations_s = [
        part.repeats[len(closed)].time_s
        for part in found.by_folder.values()
        if len(part.repeats) > len(closed)
    ]
    if open_now and durations_s:
        opening = open_now[-1]
        windows.append(
            Window(
                label=REPEAT,
                start_s=opening.start_s,
                end_s=opening.start_s + max(durations_s),
                repeat=opening.repeat,
                cut="no-end",
            )
        )
    return tuple(windows)


def _checks(lines: Sequence[RecordLine]) -> tuple[Verification, ...]:
    """For every quantity, the first failed check, or else the last."""
    worst: dict[str, Verification] = {}
    for line in lines:
        for check in line.verification or ():
            if worst.get(check.quantity) is None or worst[check.quantity].passed:
                worst[check.quantity] = check
    return tuple(worst.values())


def collect(
    directory: Path,
    ranges: Ranges | None = None,
    jobs: int = 2,
    silent: dict[str, str] | None = None,
) -> Measurement:
    """Merge the parts of a finished job again and write the job's result; the parts stay as they
    are.

    ranges, jobs  see `job_parts.find_parts`
    silent        see `merged`
    Raises BadInput, and StorageFailed.
    """
    try:
        measurement = merged(directory, silent, ranges, jobs)
    except ValueError as error:
        damaged = [doubt.message for doubt in head_record(directory).doubts]
        why = "; ".join([str(error), *damaged])
        raise BadInput(str(directory), f"cannot be merged: {why}") from None
    try:
        replace_file(directory / RUN, pretty(measurement).encode())
    except OSError as error:
        raise StorageFailed(
            f"{directory / RUN}: cannot be written: {error.strerror or error}"
        ) from None
    return measurement
