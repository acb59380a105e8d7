"""The header of a job's directory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from energybench.errors import BadInput
from energybench.model import BoundaryName, Doubt, Host, Job, Noun, WorkloadRef
from energybench.store import strict, unknown_fields
from energybench.store.layout import JOB, file_word, id_time
from energybench.store.liveness import Writer


class JobHeader(Noun, frozen=True, kw_only=True):
    """Written once, before the program starts.

    nodes  names of the job's nodes
    groups component of a heterogeneous job with each node, in the order of `nodes`; empty: all
           nodes of an ordinary job, and unknown for a heterogeneous one
    host   the head node, whose clock states the windows
    case   the run of a campaign; None: not of a campaign
    workload    the common workload of all nodes: the first node's own run states repeats, work and
                checks; None: a program
    windows_by  "nodes": no process saw the whole job, and its window is made from the nodes' own
                windows
    """

    schema: Literal["energybench-job/1"] = "energybench-job/1"
    id: str
    label: str
    command: tuple[str, ...] | None
    boundary: BoundaryName
    repeats: int | None
    job: Job
    nodes: tuple[str, ...]
    groups: tuple[int, ...] = ()
    host: Host
    windows_by: Literal["head", "nodes"] = "head"
    pid: int
    pid_started: int | None
    boot_id: str | None
    case: str | None = None
    doubts: tuple[Doubt, ...] = ()
    workload: WorkloadRef | None = None

    def group_of(self, node: str) -> int | None:
        """Component of the job with the node, whose nodes are alike in their work; None: not
        known.
        """
        words = self.command or ()
        if "--multi-prog" in words or (":" in words and self.job.het_groups == 1):
            return None  # the nodes of one component run several programs (srun, mpirun)
        if self.job.het_groups == 1:
            return 0
        if len(self.groups) != len(self.nodes):
            return None
        return dict(zip(self.nodes, self.groups, strict=True)).get(node)

    @property
    def writer(self) -> Writer:
        """The process that wrote, or writes, the job's directory."""
        return Writer(self.pid, self.pid_started, self.host.name, self.boot_id)


def new_job_id(label: str, job: Job) -> str:
    """'2026-11-23T10-15-02.125Z_app_ebtest-71-r0': sorts by time, and names the job."""
    return "_".join([id_time(), file_word(label), file_word(job.key)])


def is_job(directory: Path) -> bool:
    """Whether a directory belongs to a job, finished or not."""
    return (directory / JOB).is_file()


def read_job(directory: Path) -> JobHeader:
    """The header of a job's directory. Raises BadInput."""
    path = directory / JOB
    value = strict.load(path)
    if not isinstance(value, dict) or value.get("schema") != "energybench-job/1":
        raise BadInput(
            str(path), "is not the header of a job", "energybench did not write this file"
        )
    return unknown_fields.convert(value, JobHeader, str(path))


def job_of_draft(draft: Path) -> Job | None:
    """The job that the draft of a header names; None: the draft is incomplete."""
    try:
        return unknown_fields.convert(strict.load(draft), JobHeader, str(draft)).job
    except BadInput:
        return None


def of_earlier_starts(job: Job | None) -> tuple[Doubt, ...]:
    """A doubt about the earlier starts of a job that Slurm has started again."""
    if job is None or not job.restart:
        return ()
    return (
        Doubt(
            code="requeued",
            message=f"this is start {job.restart + 1} of the job: the energy of the earlier starts "
            "is not in this result",
            remedy="`energybench slurm starts RUN` adds the energies of all starts, if the cost of "
            "the whole job is asked for",
        ),
    )
