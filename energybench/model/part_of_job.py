"""The result of one node as a part of a job: alone, it is not the result of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energybench.model.doubts import Doubt
from energybench.model.job import Job

if TYPE_CHECKING:
    from energybench.model.measured import Measurement

NODE = "node-"  # begins the id of a node's part of a job, and the name of the part's directory


def doubts_of(result: Measurement) -> tuple[Doubt, ...]:
    """A doubt about a node's part of a job on several nodes."""
    if not _is_part(result) or (result.job is not None and _is_all(result.job)):
        return ()
    nodes = result.job.nodes if result.job is not None and result.job.het_groups == 1 else None
    whose = f"{nodes} nodes" if nodes is not None else "several nodes"
    factor = f"about {nodes} times as large" if nodes is not None else "larger"
    return (
        Doubt(
            code="part-of-job",
            message=f"this is the part of one node ({result.host.name}) of a job on {whose}: the "
            f"energy of the job is {factor}, if the nodes drew alike",
            remedy="name the directory of the job",
        ),
    )


def _is_part(result: Measurement) -> bool:
    """Whether the id is that of a part, also with the name of the job before it."""
    return not result.shares and result.id.rpartition("/")[2].startswith(NODE)


def _is_all(job: Job) -> bool:
    """Whether the job or launch is known to have had a single node."""
    if job.het_groups > 1:
        return False
    if job.nodes is not None:
        return job.nodes == 1
    return job.ranks is not None and job.ranks == job.ranks_here
