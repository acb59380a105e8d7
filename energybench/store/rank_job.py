"""The directory of a job whose ranks were started with `energybench rank`.

No process sees the whole job: the first node's reader makes the directory, and the job's window
comes from the nodes' windows, on their wall clocks. The directory is unfinished until `energybench
recover` merges the parts, after the job's last rank.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path

from energybench.analysis.measurement.node_table import NodePart
from energybench.errors import BadInput, StorageFailed
from energybench.foreign_text import unicode_text
from energybench.model import REPEAT, BoundaryName, Doubt, Host, Job, Measurement, Window
from energybench.store.job_header import JobHeader, is_job, of_earlier_starts, read_job
from energybench.store.job_parts import node_folder
from energybench.store.layout import DRAFT, JOB, NODE, PARTIAL, file_word
from energybench.store.part_files import zero_s
from energybench.store.run import pretty
from energybench.store.secrets import without_secrets
from energybench.store.window_overlap import Apart, Span, windows_apart

_MOST_DOUBTS = 20  # nodes with their own doubt


def rank_job_folder(store: Path, label: str, own_job: Job, launch: str) -> Path:
    """The directory of one launch of ranks: every node makes the same name."""
    return store / (PARTIAL + "_".join(map(file_word, (label, own_job.name, launch))))


def ensure_rank_job(
    folder: Path,
    *,
    label: str,
    command: Sequence[str],
    boundary: BoundaryName,
    own_job: Job,
    nodes: Sequence[str],
    host: Host,
) -> None:
    """Make the directory and its header, unless another node has made them. Raises
    StorageFailed.
    """
    header = JobHeader(
        id=folder.name.removeprefix(PARTIAL),
        label=unicode_text(label),
        command=without_secrets([unicode_text(word) for word in command]),
        boundary=boundary,
        repeats=1,
        job=own_job,
        nodes=tuple(nodes),
        host=host,
        windows_by="nodes",
        pid=os.getpid(),
        pid_started=None,
        boot_id=None,
        doubts=of_earlier_starts(own_job),
    )
    draft = folder / f"{DRAFT}{host.name}-{os.getpid()}"
    try:
        try:
            _write_header(folder, draft, pretty(header))
        except FileNotFoundError:
            # a node with a draft that the storage did not take has just removed the directory
            _write_header(folder, draft, pretty(header))
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()  # unless another node has files there
        raise StorageFailed(
            f"--out {folder.parent}: cannot be written: {error.strerror} (name a folder that all "
            "nodes share)"
        ) from None


def _write_header(folder: Path, draft: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        draft.write_text(text, encoding="utf-8")
        with suppress(FileExistsError):
            os.link(draft, folder / JOB)  # whole or not at all, and only once
    finally:
        draft.unlink(missing_ok=True)


def unread_nodes(own_job: Job, parts: Sequence[Measurement]) -> list[NodePart]:
    """Nodes with ranks of the launch that have no part, if the names of the nodes are not known:
    as many as it takes for the ranks that no part knows, as many on each as on the fullest, and no
    more than the job has. A part that does not know its number of ranks has one.
    """
    known = [part.job.ranks_here for part in parts if part.job is not None]
    if own_job.ranks is None or not known:
        return []
    counts = [count or 1 for count in known]
    missing = -(-max(own_job.ranks - sum(counts), 0) // max(counts))
    if own_job.launcher in ("slurm", "flux") and own_job.nodes is not None:
        missing = min(missing, max(own_job.nodes - len(parts), 0))
    why, remedy = "no reader of its ranks left a part", ""
    if not all(known):
        why += f"; or a node has several of the {own_job.ranks} ranks, which none of them states"
        remedy = "set LOCAL_WORLD_SIZE, the number of ranks on a node, beside RANK and WORLD_SIZE"
    return [
        NodePart(node=f"unknown-{number}", why=why, remedy=remedy)
        for number in range(1, missing + 1)
    ]


def with_other_labels(
    directory: Path, header: JobHeader, parts: Sequence[NodePart]
) -> list[NodePart]:
    """The nodes of a launch; a node without a part that has one in another result of the same
    launch states the remedy. Without `--label` ranks of different programs have different labels.

    directory  of the job
    """
    begun = {entry.name.removeprefix(PARTIAL) for entry in directory.iterdir()}
    missing = {part.node: node_folder(part.node) for part in parts if not part.directory}
    missing = {node: folder for node, folder in missing.items() if folder not in begun}
    elsewhere = _folders_of_other_labels(directory, header) if missing else {}
    # if the names of the nodes are not known, any node that has no part here may be the missing one
    others = iter(sorted(set(elsewhere) - begun) if not header.nodes else ())
    stated = []
    for part in parts:
        folder = missing.get(part.node)
        label = elsewhere.get(folder if folder in elsewhere else next(others, "")) if folder else ""
        remedy = (
            f"the same launch has a result {label} with a part of such a node: if its ranks ran "
            "different programs, start all of them with one name, `energybench rank --label NAME`, "
            "and repeat the job"
        )
        # the ranks of that node ran another program: the nodes here tell nothing about its power
        stated.append(part._replace(remedy=remedy, group=None) if label else part)
    return stated


def _folders_of_other_labels(directory: Path, header: JobHeader) -> dict[str, str]:
    """Names of the directories of parts in the other results of the same launch, finished or not,
    each with the label of that result.
    """
    launch = _launch_in(header)
    folders: dict[str, str] = {}
    for other in sorted(directory.parent.glob(f"*{escape(launch)}")):
        if other.name.removeprefix(PARTIAL) == header.id or not is_job(other):
            continue
        try:
            theirs = read_job(other)
        except BadInput:
            continue
        if theirs.windows_by != "nodes" or _launch_in(theirs) != launch:
            continue
        for entry in other.iterdir():
            if entry.is_dir() and (name := entry.name.removeprefix(PARTIAL)).startswith(NODE):
                folders.setdefault(name, theirs.label)
    return folders


def _launch_in(header: JobHeader) -> str:
    """The part of the identity that names the job and the launch: without the label."""
    return header.id.removeprefix(file_word(header.label))


def nodes_apart(by_folder: Mapping[str, Measurement], host: Host) -> dict[str, Apart]:
    """The parts whose windows, by the nodes' wall clocks, cannot belong to the same launch as the
    windows of the other parts.

    host  the node that made the directory
    """
    spans = {
        folder: span for folder, part in by_folder.items() if (span := _span(part)) is not None
    }
    first = next((name for name in spans if by_folder[name].host.name == host.name), None)
    return windows_apart(spans, first)


def doubts_of_clocks(apart: Mapping[str, Apart]) -> list[Doubt]:
    """A doubt for each of the first nodes with an unfitting window; the first doubt states the
    number of nodes.
    """
    number = f" (one of {len(apart)} nodes)" if len(apart) > _MOST_DOUBTS else ""
    return [
        Doubt(
            code="clocks-apart",
            message=f"{folder}{number}: {words_on(each)}. Either the clocks of the nodes differ, "
            "or the node began so far from the others; its part is not counted",
            remedy="compare and synchronise the clocks of the nodes (`srun date +%s.%N`; NTP, "
            "chrony), and repeat the job",
            subject=folder,
        )
        for folder, each in list(apart.items())[:_MOST_DOUBTS]
    ]


def words_on(apart: Apart) -> str:
    """In words, where the window of a node lies."""
    side = "later" if apart.later_s > 0 else "earlier"
    return (
        f"by its own time of day its ranks started {abs(apart.later_s):.4g} s {side} than those of "
        f"{apart.reference}, and ran beside them for {apart.overlap_s:.3g} of "
        f"{apart.shorter_s:.3g} s"
    )


def _span(part: Measurement) -> Span | None:
    """The window of a node's ranks by its wall clock; None: unknown."""
    zero = zero_s(part.host)
    if zero is None or not part.repeats:
        return None
    return Span(zero + part.repeats[0].start_s, zero + part.repeats[0].end_s)


def windows_of_nodes(parts: Sequence[Measurement], host: Host) -> tuple[Window, ...]:
    """The job's window: from the first start on any node to the last end, by the nodes' wall
    clocks, stated on the clock of `host`.
    """
    spans = [span for part in parts if (span := _span(part)) is not None]
    own_zero = zero_s(host)
    if not spans or own_zero is None:
        return ()
    cut = any(part.partial for part in parts)
    return (
        Window(
            label=REPEAT,
            start_s=min(span.start_s for span in spans) - own_zero,
            end_s=max(span.end_s for span in spans) - own_zero,
            repeat=0,
            cut="no-end" if cut else None,
        ),
    )
