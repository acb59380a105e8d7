"""Slurm's states of a campaign's jobs: a call of squeue, and a call of sacct for the jobs that
squeue no longer knows.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from typing import NamedTuple

from energybench.cluster.slurm_programs import NoAnswer, output
from energybench.errors import BadInput

# States of jobs that have not ended (squeue(1), "JOB STATE CODES")
_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_RUNNING = frozenset({"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING"})
_RUNNING_ON = frozenset({"RESIZING", "STAGE_OUT"})
_MOST_IDS = 1000  # of a single call of sacct


class QueuedJob(NamedTuple):
    """A job known to Slurm.

    note    reason for waiting, or the nodes of the running job
    folder  working directory of the job; "" if not requested
    """

    id: str
    name: str
    state: str
    note: str
    folder: str = ""

    @property
    def waits(self) -> bool:
        return self.state in _WAITING

    @property
    def runs(self) -> bool:
        return self.state in _RUNNING or self.state in _RUNNING_ON


def own_jobs() -> list[QueuedJob]:
    """The jobs of this user that Slurm still holds, including jobs that ended in the last minutes.

    Raises BadInput if squeue is not installed or the controller does not answer.
    """
    user = pwd.getpwuid(os.getuid()).pw_name
    return _rows(["squeue", "-h", "-u", user, "-t", "all", "-o", "%A|%j|%T|%R|%Z"])


def ended_jobs(ids: Sequence[str]) -> list[QueuedJob]:
    """The jobs of these numbers from the accounts; empty if Slurm keeps no accounts."""
    rows: list[QueuedJob] = []
    for start in range(0, len(ids), _MOST_IDS):
        listed = ",".join(ids[start : start + _MOST_IDS])
        fields = "--format=JobIDRaw,JobName%200,State,NodeList"
        try:
            rows += _rows(["sacct", "-X", "-n", "-P", "-j", listed, fields])
        except BadInput:
            return rows
    return rows


def _rows(words: Sequence[str]) -> list[QueuedJob]:
    try:
        printed = output(words)
    except NoAnswer as why:
        raise BadInput(words[0], str(why), "see whether `sinfo` answers") from None
    jobs = []
    for line in printed.splitlines():
        if line.count("|") < 3:
            continue
        identity, name, state, note, *folder = line.split("|", 4)
        # sacct prints "CANCELLED by 1000"
        jobs.append(QueuedJob(identity, name, state.partition(" ")[0], note, "".join(folder)))
    return jobs
