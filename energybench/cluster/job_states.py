"""Whether Slurm still knows the job of an unfinished run as not ended. A suspended job writes
nothing, and the locks of some file systems do not reach other hosts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from energybench.cluster.slurm_programs import NoAnswer, Silent, output
from energybench.cluster.slurm_queries import is_job_number, read_configuration
from energybench.errors import BadInput
from energybench.launch import job as job_of
from energybench.model import Job

# States of jobs that have ended (squeue(1), "JOB STATE CODES"); any other state, also one of a
# later version of Slurm, is that of a job that runs or may run.
_ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "RECONFIG_FAIL",
        "REVOKED",
        "TIMEOUT",
    }
)
_PATIENCE_S = 10.0


class JobStates:
    """Asks squeue about jobs: once about each job, and no more if the controller is silent.

    environment  of this process: its own job runs and tells nothing about an earlier step or
                 command of the same job
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, patience_s: float = _PATIENCE_S
    ) -> None:
        self._own = job_of(os.environ if environment is None else environment)
        self._patience_s = patience_s
        self._states: dict[tuple[str | None, str], str | None] = {}
        self._silent = False

    def __call__(self, job: Job) -> str | None:
        """State of a Slurm job that has not ended, such as "SUSPENDED".

        None: the job has ended, is unknown here or of another cluster, is the job of this process,
        or nobody answers.
        """
        if job.launcher != "slurm" or job.id is None or not is_job_number(job.id):
            return None
        if self._own is not None and (self._own.cluster, self._own.id) == (job.cluster, job.id):
            return None
        key = (job.cluster, job.id)
        if key not in self._states:
            state = self._asked(job.id)
            if state is not None and self._is_elsewhere(job.cluster):
                state = None
            self._states[key] = state
        return self._states[key]

    def _asked(self, number: str) -> str | None:
        """The first state of a part of the job that has not ended."""
        if self._silent:
            return None
        words = ["squeue", "--noheader", "--all", "--states=all", f"--jobs={number}", "--format=%T"]
        try:
            printed = output(words, patience_s=self._patience_s)
        except Silent:
            self._silent = True
            return None
        except (NoAnswer, BadInput):
            return None  # no squeue here, or a job that it does not know any more
        states = [line.strip() for line in printed.splitlines()]
        return next((state for state in states if state and state not in _ENDED), None)

    def _is_elsewhere(self, cluster: str | None) -> bool:
        """Whether squeue answers for another cluster, which has a job of the same number."""
        if cluster is None:
            return False
        try:
            here = read_configuration().cluster
        except BadInput:
            return False
        return bool(here) and here != cluster
