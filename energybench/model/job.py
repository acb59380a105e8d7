"""The batch job or parallel launch of a process."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Noun
from energybench.model.host import Count

Launcher = Literal[
    "slurm",
    "openmpi",
    "hydra",
    "torchrun",
    "jsrun",
    "flux",
    "pals",
    "mvapich",
    "pmi",
    "pmix",
    "alps",
]


class Job(Noun, frozen=True, kw_only=True):
    """The launch of the measuring process, from its environment. Unknown quantities are None.

    launcher    the outermost launcher of the process
    cluster     name of the Slurm cluster
    id          number of the job; "120_4" for task 4 of the array 120
    restart     how often Slurm has started the job again (requeue)
    het_groups  number of the components of a heterogeneous job; 1 for any other job
    step        number of the job step; None in the batch script
    nodes       nodes of the launch: the nodes of the step inside a step, else the nodes of the job,
                all components together
    node_names  names of the nodes in Slurm's own short form, "cpu[1-4],gpu7"
    ranks       processes of the launch on all nodes
    ranks_here  processes of the launch on this node
    cpus_here   CPUs of the job on this node, from Slurm
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
        """Name of the job, at this start, among all jobs of a site: "ebtest-123_4-r1"."""
        return f"{self.cluster or self.launcher}-{self.id or 'unnamed'}-r{self.restart}"

    @property
    def key(self) -> str:
        """The name, with the step if the process is inside a step: "ebtest-123_4-r1-s0"."""
        return self.name if self.step is None else f"{self.name}-s{self.step}"
