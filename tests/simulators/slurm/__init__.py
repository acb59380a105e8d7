"""A real Slurm on one machine, whose nodes have simulated sensors with a known energy.

Site      munged, MariaDB and slurmdbd, shared by several clusters
SetUp     in what a cluster differs from others: PrologFlags=Contain, the energy plug-in
Cluster   slurmctld and four nodes; submits jobs, kills nodes, knows the true energy
Job       a job with its state, output and exit code
Node, constant, square   nodes of other powers
missing   why no cluster can be started on this machine

Each node has a host name, a machine id, a boot id, RAPL counters (/sys/class/powercap, and
/dev/cpu/0/msr for Slurm's own plug-in), and if it has boards an NVML and /proc/driver/nvidia.
Control groups are not simulated: a job with `hide_boards=True` is shown its own boards by
NVMLSIM_BOARDS (see task_prolog.sh). `python -m tests.simulators.slurm` starts a cluster for work by
hand.
"""

from tests.simulators.slurm.cluster import Cluster
from tests.simulators.slurm.configuration import SetUp
from tests.simulators.slurm.job import Job
from tests.simulators.slurm.node import Node, standard_nodes
from tests.simulators.slurm.site import Site, missing
from tests.simulators.slurm.truth import constant, square

__all__ = [
    "Cluster",
    "Job",
    "Node",
    "SetUp",
    "Site",
    "constant",
    "missing",
    "square",
    "standard_nodes",
]
