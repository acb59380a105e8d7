"""The directory of a job whose ranks were started with `energybench rank`.

No process sees the whole job: the reader of each node makes the directory if it is not there yet,
and the job's window is that of the nodes' windows, on their wall clocks. The directory is
unfinished until `energybench recover` merges the parts, after the job's last rank.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from energybench.errors import StorageFailed
from energybench.foreign_text import unicode_text
from energybench.model import REPEAT, BoundaryName, Host, Job, Measurement, Window
from energybench.store.job_header import JobHeader
from energybench.store.layout import JOB, PARTIAL, file_word
from energybench.store.part_files import zero_s
from energybench.store.run import pretty
from energybench.store.secrets import without_secrets


def rank_job_folder(store: Path, label: str, own_job: Job | None, launch: str) -> Path:
    """The directory of one launch of ranks: every node makes the same name."""
    key = own_job.name if own_job is not None else "no-job"
    return store / (PARTIAL + "_".join(map(file_word, (label, key, launch))))


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
    """Make the directory and its header, unless another node has. Raises StorageFailed."""
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
    )
    draft = folder / f".{JOB}-{host.name}-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_text(pretty(header), encoding="utf-8")
        try:
            os.link(draft, folder / JOB)  # whole or not at all, and only once
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise StorageFailed(
            f"--out {folder.parent}: cannot be written: {error.strerror} (name a folder that all "
            "nodes share)"
        ) from None


def unread_nodes(own_job: Job, parts: Sequence[Measurement]) -> int:
    """How many nodes with ranks of the launch have no part, if the names of the nodes are not
    known: those that it takes for the ranks that no part knows, as many on each as on the fullest.
    """
    known = [part.job.ranks_here for part in parts if part.job is not None and part.job.ranks_here]
    if own_job.ranks is None or not known:
        return 0
    return -(-max(own_job.ranks - sum(known), 0) // max(known))


def windows_of_nodes(parts: Sequence[Measurement], host: Host) -> tuple[Window, ...]:
    """The job's window: from the first start on any node to the last end, by the nodes' wall
    clocks, stated on the clock of `host`.
    """
    spans = [
        (zero + part.repeats[0].start_s, zero + part.repeats[0].end_s)
        for part in parts
        if part.repeats and (zero := zero_s(part.host)) is not None
    ]
    own_zero = zero_s(host)
    if not spans or own_zero is None:
        return ()
    cut = any(part.partial for part in parts)
    return (
        Window(
            label=REPEAT,
            start_s=min(start for start, _ in spans) - own_zero,
            end_s=max(end for _, end in spans) - own_zero,
            repeat=0,
            cut="no-end" if cut else None,
        ),
    )
