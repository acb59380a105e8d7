"""The batch job or parallel launch to which a process belongs."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Noun
from energybench.model.host import Count

Launcher = Literal["slurm", "openmpi", "hydra", "torchrun"]


class Job(Noun, frozen=True, kw_only=True):
    """How the measuring process was launched, from its environment. What is not known is None.

    launcher    the outermost program that launched the process
    cluster     name of the Slurm cluster
    id          number of the job; "120_4" for task 4 of the array 120
    restart     how often Slurm has started the job again (requeue)
    het_groups  number of the components of a heterogeneous job; 1 for every other job
    step        number of the job step; None in the batch script
    nodes       nodes that the launch holds: those of the step inside a step, else those of the
                job, all components together
    node_names  names of these nodes in Slurm's own short form, "cpu[1-4],gpu7"
    ranks       processes of the launch on all nodes
    ranks_here  processes of the launch on this node
    cpus_here   CPUs that Slurm gave the job on this node
    """

    launcher: Launcher
    cluster: str | None = None
    id: str | None = None
    restart: int = 0
    het_groups: Count = 1
    step: str | None = None
    nodes: Count | None = None
    node_names: str | None = None
    ranks: Count | None = None
    ranks_here: Count | None = None
    cpus_here: Count | None = None

    @property
    def name(self) -> str:
        """Names the job, at this start, among all jobs of a site: "ebtest-123_4-r1"."""
        return f"{self.cluster or self.launcher}-{self.id or 'unnamed'}-r{self.restart}"

    @property
    def key(self) -> str:
        """The name, with the step if the process is inside one: "ebtest-123_4-r1-s0"."""
        return self.name if self.step is None else f"{self.name}-s{self.step}"
