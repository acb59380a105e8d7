"""Refuses work that every task of a parallel launch would repeat alone.

`srun -N2 energybench run milc` starts two independent processes: both would solve the whole problem
and report the energy of a single node as the energy of the work.
"""

from __future__ import annotations

from collections.abc import Mapping

from energybench.errors import BadInput
from energybench.launch import job, tasks
from energybench.own_step import own_environment


def refuse_copies(
    work: str, environment: Mapping[str, str] | None = None, *, spans_nodes: bool = False
) -> None:
    """Raises BadInput if this process is one of several tasks of a launch.

    work         the command without its options, such as "run milc"
    spans_nodes  whether the command can work on several nodes with one task on each node
    """
    environment = own_environment() if environment is None else environment
    own, count = job(environment), tasks(environment)
    if own is None or count is None or count.total < 2:
        return
    start = "srun -n1" if own.launcher == "slurm" else "a single process, without the launcher:"
    remedy = f"{start} energybench {work}"
    if spans_nodes:
        remedy += (
            f"; on several nodes: one task a node (srun --ntasks-per-node=1 energybench {work}, or "
            "torchrun --nproc-per-node 1)"
        )
    number = f"at least {count.total}" if count.more else str(count.total)
    raise BadInput(
        f"energybench {work}",
        f"was started in {number} tasks, and each would do all of the work for itself",
        remedy,
    )
