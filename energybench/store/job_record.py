"""The head node's record of a job: job.json and windows.jsonl. If one of the two is missing or
damaged, the parts of the nodes and the earlier result of the job state the rest, as far as they
know it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.errors import BadInput
from energybench.model import REPEAT, CutBy, Doubt, Job, Measurement, Window
from energybench.node_names import expanded
from energybench.regular_file import read_bytes
from energybench.store import part_files, reader, strict
from energybench.store.job_header import JobHeader, is_job, of_earlier_starts, read_job
from energybench.store.layout import JOB, NODE, PARTIAL, RUN, WINDOWS
from energybench.store.run import RecordLine, parse_line, read_lines

_CLOCKS, _OFFSETS = "clocks.json", "offsets.json"
_REMEDY = "bring the file back, then: energybench collect"


class HeadRecord(NamedTuple):
    """The header, the lines of windows.jsonl, and doubts about missing or damaged files."""

    header: JobHeader
    lines: tuple[RecordLine, ...]
    doubts: tuple[Doubt, ...] = ()


class _Parts(NamedTuple):
    """The readable parts of one job, by the names of their directories, and the earlier result."""

    by_folder: dict[str, Measurement]
    earlier: Measurement | None


def holds_parts(directory: Path) -> bool:
    """Whether a directory is that of a job whose header may be missing."""
    return is_job(directory) or any((part / RUN).is_file() for part in directory.glob(f"{NODE}*"))


def head_record(directory: Path) -> HeadRecord:
    """The record of a job. Raises BadInput that names job.json if no part states the job."""
    of_header: tuple[Doubt, ...] = ()
    try:
        header = read_job(directory)
    except BadInput as why:
        header = _header_of_parts(directory, why)
        of_header = (
            _doubt(
                JOB,
                f"{_fault(directory / JOB, why)}: label, program and nodes are as "
                "the parts of the nodes and the earlier result state them",
            ),
        )
    lines, fault = _lines(directory)
    if header.windows_by == "nodes" or header.workload is not None:
        return HeadRecord(header, lines, of_header)
    parts = _parts_of(directory)
    stated = [line.window for line in lines if line.window is not None]
    repeats = [window for window in stated if window.label == REPEAT]
    if parts.earlier is not None and len(repeats) < len(parts.earlier.repeats):
        fault = fault or f"ends after {len(repeats)} of {len(parts.earlier.repeats)} repeats"
    if not fault:
        return HeadRecord(header, lines, of_header)
    folder, windows = _windows_of_parts(directory, header, parts)
    added = [window for window in windows if window.repeat not in {w.repeat for w in repeats}]
    source = f"as {folder} states them" if folder else "not stated by any part"
    doubt = _doubt(
        WINDOWS,
        f"{fault}: {len(repeats)} of the repeats stand there, {len(added)} are {source}; work, "
        "checks and doubts that the head node wrote there are those of the earlier result, or not "
        "known",
    )
    lines = _completed(lines, added, parts.earlier)
    return HeadRecord(header, lines, (*of_header, doubt))


def _doubt(name: str, message: str) -> Doubt:
    return Doubt(
        code="job-record-damaged", message=f"{name} {message}", remedy=_REMEDY, subject=name
    )


def _fault(path: Path, why: BadInput) -> str:
    return why.what if path.exists() else "is missing"


# ---------------------------------------------------------------- windows.jsonl


def _lines(directory: Path) -> tuple[tuple[RecordLine, ...], str]:
    """The readable lines of windows.jsonl, and in words, how the file is damaged."""
    path = directory / WINDOWS
    if not path.is_file():
        return (), "is missing"
    try:
        *_, rest = read_bytes(path, strict.MOST_BYTES).split(b"\n")
        lines = read_lines(directory)
    except BadInput as why:
        return _readable_lines(path), f"is damaged ({why.where.removeprefix(str(path)).strip()})"
    return lines, "is cut off within a line" if rest else ""


def _readable_lines(path: Path) -> tuple[RecordLine, ...]:
    """The lines of a damaged file that can be read."""
    lines = []
    try:
        texts = read_bytes(path, strict.MOST_BYTES).split(b"\n")
    except BadInput:
        return ()
    for text in texts:
        try:
            lines.append(parse_line(text.decode("utf-8", "replace"), str(path)))
        except BadInput:
            continue
    return tuple(lines)


def _completed(
    lines: Sequence[RecordLine], added: Sequence[Window], earlier: Measurement | None
) -> tuple[RecordLine, ...]:
    """The lines with windows from a part, and with work, checks and record of the earlier result
    of the same repeats.
    """
    complete = [*lines, *(RecordLine(window=window) for window in added)]
    windows = [line.window for line in complete if line.window is not None]
    whole = [window for window in windows if window.label == REPEAT and window.cut is None]
    if earlier is None or earlier.partial or len(earlier.repeats) != len(whole):
        return tuple(complete)
    stated = {line.repeat for line in lines if line.work is not None}
    ordered = sorted(whole, key=lambda window: window.start_s)
    for window, repeat in zip(ordered, earlier.repeats, strict=True):
        if repeat.work is not None and window.repeat not in stated:
            complete.append(RecordLine(work=repeat.work, repeat=window.repeat))
    if earlier.verification and not any(line.verification for line in lines):
        complete.append(RecordLine(verification=earlier.verification))
    if earlier.record is not None and not any(line.record for line in lines):
        complete.append(RecordLine(record=earlier.record))
    return tuple(complete)


def _windows_of_parts(
    directory: Path, header: JobHeader, parts: _Parts
) -> tuple[str, list[Window]]:
    """Repeats as a part states them, on the head node's clock: of the head node's own part if it
    is there; and the name of the part.
    """
    offsets_s = part_files.numbers_of(directory / _OFFSETS)
    halves_s = part_files.numbers_of(directory / _CLOCKS)
    names = {f"{NODE}{node}": node for node in header.nodes}
    best: tuple[tuple[bool, int, bool], str, list[Window]] | None = None
    for folder, part in parts.by_folder.items():
        node = names.get(folder, folder.removeprefix(NODE))
        is_head = part.host.same_machine(header.host)
        if is_head:
            offset_s, half_s = 0.0, 0.0
        elif node in offsets_s:
            offset_s, half_s = offsets_s[node], halves_s.get(node, 0.0)
        else:
            zeros_s = part_files.zero_s(header.host), part_files.zero_s(part.host)
            if zeros_s[0] is None or zeros_s[1] is None:
                continue
            offset_s, half_s = zeros_s[0] - zeros_s[1], 0.0
        windows = [
            msgspec.structs.replace(
                window,
                start_s=window.start_s - offset_s,
                end_s=window.end_s - offset_s,
                start_half_s=window.start_half_s + half_s,
                end_half_s=window.end_half_s + half_s,
            )
            for window in _own_windows(directory / folder, part)
        ]
        rank = (not part.partial, len(windows), is_head)
        if windows and (best is None or rank > best[0]):
            best = (rank, folder, windows)
    return ("", []) if best is None else (best[1], best[2])


def _own_windows(directory: Path, part: Measurement) -> list[Window]:
    """The repeats of a part, with the errors of their edges if its samples are there."""
    try:
        lines = reader.read_samples(directory)[2]
    except BadInput:
        lines = ()
    windows = [
        line.window for line in lines if line.window is not None and line.window.label == REPEAT
    ]
    if windows:
        return windows
    cut: CutBy | None = "no-end" if part.partial else None
    return [
        Window(label=REPEAT, start_s=repeat.start_s, end_s=repeat.end_s, repeat=number, cut=cut)
        for number, repeat in enumerate(part.repeats)
    ]


# ---------------------------------------------------------------- job.json


def _parts_of(directory: Path) -> _Parts:
    """The readable parts of the job that most of them state, and the job's earlier result."""
    readable: dict[str, Measurement] = {}
    for part in sorted(directory.glob(f"{NODE}*")):
        try:
            readable[part.name] = reader.read_run(part)
        except BadInput:
            continue
    keys = Counter(_key(part.job) for part in readable.values())
    key = max(keys, key=lambda each: keys[each]) if keys else None
    try:
        earlier = reader.read_run(directory) if (directory / RUN).is_file() else None
    except BadInput:
        earlier = None
    return _Parts({name: p for name, p in readable.items() if _key(p.job) == key}, earlier)


def _key(job: Job | None) -> tuple[str | None, str | None, int] | None:
    return None if job is None else (job.cluster, job.id, job.restart)


def _header_of_parts(directory: Path, why: BadInput) -> JobHeader:
    """The header as the parts and the earlier result state it. Raises BadInput."""
    parts = _parts_of(directory)
    first = next(iter(parts.by_folder.values()), None)
    if first is None or first.job is None:
        raise BadInput(
            str(directory / JOB),
            f"{_fault(directory / JOB, why)}, and no part of a node states the job",
            _REMEDY,
        )
    earlier = parts.earlier
    job = msgspec.structs.replace(first.job, ranks_here=None, cpus_here=None)
    if earlier is not None and earlier.job is not None:
        job = earlier.job
    several = any(len(part.repeats) > 1 for part in parts.by_folder.values())
    by_head = several or any((directory / name).is_file() for name in (WINDOWS, _CLOCKS, _OFFSETS))
    return JobHeader(
        id=directory.name.removeprefix(PARTIAL),
        label=first.label,
        command=first.command,
        boundary=first.boundary.name if earlier is None else earlier.boundary.name,
        repeats=None,
        job=job,
        nodes=_nodes(parts, job),
        # without the earlier result the first node stands for the head node
        host=earlier.host if earlier is not None else first.host,
        windows_by="head" if by_head else "nodes",
        pid=0,
        pid_started=None,
        boot_id=None,
        case=first.case,
        doubts=of_earlier_starts(job),
        workload=first.workload,
    )


def _nodes(parts: _Parts, job: Job) -> tuple[str, ...]:
    """Names of the job's nodes: of the earlier result, of Slurm's list, or of the parts, with a
    placeholder for every further node that the job had.
    """
    if parts.earlier is not None and parts.earlier.shares:
        return tuple(share.node for share in parts.earlier.shares)
    own = [folder.removeprefix(NODE) for folder in parts.by_folder]
    listed = expanded(job.node_names or "")
    if set(own) <= set(listed) and len(listed) >= len(own):
        return listed
    more = max((job.nodes or 0) - len(own), 0)
    return (*own, *(f"unnamed{number}" for number in range(1, more + 1)))
