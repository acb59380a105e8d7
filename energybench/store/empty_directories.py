"""Directories of unfinished jobs in which nothing was measured: full storage, or a kill, left no
more than the draft of a header.
"""

from __future__ import annotations

from pathlib import Path

from energybench.errors import BadInput, StorageFailed
from energybench.model import Job
from energybench.store.job_header import job_of_draft
from energybench.store.layout import DRAFT, JOB, PARTIAL
from energybench.store.liveness import (
    QUIET_S,
    JobState,
    quiet_s,
    refuse_if_job_lives,
    unknown_state,
)
from energybench.store.unstarted import is_mark, nothing_started, remove_unstarted


def remove_if_empty(directory: Path, job_state: JobState = unknown_state) -> bool:
    """Remove an unfinished directory that holds nothing, drafts of a job's header alone, or marks
    of nodes on which nothing was started; whether it was removed.

    job_state  asks the scheduler about the job of a draft

    Raises BadInput if a rank may be about to begin there, and StorageFailed.
    """
    if not directory.name.startswith(PARTIAL) or directory.is_symlink() or not directory.is_dir():
        return False
    if nothing_started(directory):
        remove_unstarted(directory)
        return not directory.exists()
    drafts = list(directory.iterdir())
    header = directory / JOB
    marked = any(is_mark(path) for path in drafts)
    if not all(
        (path.name.startswith(DRAFT) or is_mark(path) or (marked and path == header))
        and path.is_file()
        for path in drafts
    ):
        return False
    jobs: set[Job | None] = {job_of_draft(draft) for draft in drafts}
    for job in jobs:
        refuse_if_job_lives(str(directory), job, job_state)
    if quiet_s(directory, with_directory=True) < QUIET_S:
        raise BadInput(
            str(directory), "holds no run yet, and may be about to", f"wait for {QUIET_S:.0f} s"
        )
    try:
        for draft in drafts:
            draft.unlink(missing_ok=True)
        directory.rmdir()
    except OSError as error:
        raise StorageFailed(f"{directory}: cannot be removed: {error.strerror}") from None
    return True
