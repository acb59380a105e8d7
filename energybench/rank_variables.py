"""The variables that launchers of ranks set, other than those of Slurm, Open MPI, MPICH's Hydra and
torchrun, which `launch` reads itself.

Sources: HPE Cray PALS (mpiexec(1), "ENVIRONMENT VARIABLES") and PMI (intro_pmi(3)); ALPS
(aprun(1)); IBM's Job Step Manager (jsrun(1)); Flux (flux-environment(7)); MVAPICH2 and MVAPICH
(mpirun_rsh, src/pm/mpirun); PRRTE (prterun(1), PMIX_RANK and PMIX_NAMESPACE of every client);
PMI-1 (PMI_RANK and PMI_SIZE of simple_pmi.c), which several launchers set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from energybench.slurm_job import whole_number

if TYPE_CHECKING:  # the Python interface loads this module, and no library
    from energybench.model import Launcher


class Names(NamedTuple):
    """Names of a launcher's variables; of alternatives the first one that is set counts.

    rank, size              of the rank among all ranks of the launch, and their number
    local_rank, local_size  of the rank among the ranks on its node, and their number
    nodes                   number of the launch's nodes
    identity                name of the launch among other launches
    needs                   variables without which the others are not those of this launcher
    """

    launcher: Launcher
    rank: tuple[str, ...]
    size: tuple[str, ...] = ()
    local_rank: tuple[str, ...] = ()
    local_size: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


# The launchers' own variables before those of PMI, which many launchers set as well.
_LAUNCHERS = (
    Names(
        "jsrun",
        rank=("JSM_NAMESPACE_RANK",),
        size=("JSM_NAMESPACE_SIZE",),
        local_rank=("JSM_NAMESPACE_LOCAL_RANK",),
        local_size=("JSM_NAMESPACE_LOCAL_SIZE",),
        identity=("PMIX_NAMESPACE", "JSM_NAMESPACE_ID", "LSB_JOBID"),
    ),
    Names(
        "flux",
        rank=("FLUX_TASK_RANK",),
        size=("FLUX_JOB_SIZE",),
        local_rank=("FLUX_TASK_LOCAL_ID",),
        nodes=("FLUX_JOB_NNODES",),
        identity=("FLUX_JOB_ID",),
    ),
    Names(
        "pals",
        rank=("PALS_RANKID", "PMI_RANK"),
        size=("PALS_SIZE", "PMI_SIZE"),
        local_rank=("PALS_LOCAL_RANKID", "PMI_LOCAL_RANK"),
        local_size=("PALS_LOCAL_SIZE", "PMI_LOCAL_SIZE"),
        identity=("PALS_APID",),
        needs=("PALS_RANKID",),
    ),
    Names(
        "mvapich",
        rank=("MV2_COMM_WORLD_RANK", "MVP_COMM_WORLD_RANK"),
        size=("MV2_COMM_WORLD_SIZE", "MVP_COMM_WORLD_SIZE"),
        local_rank=("MV2_COMM_WORLD_LOCAL_RANK", "MVP_COMM_WORLD_LOCAL_RANK"),
        local_size=("MV2_COMM_WORLD_LOCAL_SIZE", "MVP_COMM_WORLD_LOCAL_SIZE"),
    ),
    Names(
        "pmi",
        rank=("PMI_RANK",),
        size=("PMI_SIZE",),
        local_rank=("PMI_LOCAL_RANK",),
        local_size=("PMI_LOCAL_SIZE",),
        identity=("PMI_JOBID",),
    ),
    Names("pmix", rank=("PMIX_RANK",), identity=("PMIX_NAMESPACE",), needs=("PMIX_NAMESPACE",)),
    Names("alps", rank=("ALPS_APP_PE",), identity=("ALPS_APP_ID",)),
)


class Place(NamedTuple):
    """Place of a process among the ranks of its launch. Unknown quantities are None.

    rank      number among all ranks
    total     number of all ranks
    here      number of the ranks on this node
    local     number among the ranks on this node
    nodes     nodes of the launch
    identity  name of the launch among other launches; "": the launcher gives no name
    """

    launcher: Launcher
    rank: int
    total: int | None
    here: int | None
    local: int | None
    nodes: int | None
    identity: str


def place_of_rank(environment: Mapping[str, str]) -> Place | None:
    """The place among the ranks of the first launcher whose variables are set and agree; None: no
    such launcher, or a single rank.

    A rank without the number of all ranks, or a number without a rank, is a left-over of another
    shell unless the launcher sets no other variable. Inside a step of Slurm with the same number of
    tasks the variables are those of srun (`--mpi=pmi2`, `--mpi=cray_shasta`).
    """
    for names in _LAUNCHERS:
        place = _place(names, environment)
        if place is not None and not _is_of_slurm(place, environment):
            return place
    return None


def stated_totals(environment: Mapping[str, str]) -> set[int]:
    """Numbers of ranks that any launcher of this module states."""
    numbers = {_number(names.size, environment) for names in _LAUNCHERS}
    return {number for number in numbers if number is not None}


def rank_names() -> tuple[str, ...]:
    """Variables that a launcher sets for its ranks, and lacks itself."""
    return tuple(dict.fromkeys(name for names in _LAUNCHERS for name in names.rank))


def _place(names: Names, environment: Mapping[str, str]) -> Place | None:
    rank, total = _number(names.rank, environment), _number(names.size, environment)
    if rank is None or not all(environment.get(name) for name in names.needs):
        return None
    if names.size and (total is None or total < 2 or rank >= total):
        return None
    here, nodes = _number(names.local_size, environment), _number(names.nodes, environment)
    if total is not None and here is not None and not 0 < here <= total:
        here = None
    if here is None and nodes == 1:
        here = total
    if nodes is None and total is not None and here is not None:
        nodes = -(-total // here)
    identity = next((environment[name] for name in names.identity if environment.get(name)), "")
    local = _number(names.local_rank, environment)
    return Place(names.launcher, rank, total, here, local, nodes, identity)


def _is_of_slurm(place: Place, environment: Mapping[str, str]) -> bool:
    """Whether srun set the variables: in this step, or in an earlier step from whose environment
    sbatch took them over.
    """
    own = "SLURM_STEP_ID" in environment
    job, dot, step = environment.get("PMI_JOBID", "").partition(".")
    if place.launcher == "pmi" and dot and "SLURM_JOB_ID" in environment:
        # "120.3" of srun --mpi=pmi2
        return job.isdigit() and step.isdigit()
    tasks = whole_number(environment.get("SLURM_STEP_NUM_TASKS", ""))
    return own and (place.total is None or place.total == tasks)


def _number(names: tuple[str, ...], environment: Mapping[str, str]) -> int | None:
    numbers = (whole_number(environment.get(name, "")) for name in names)
    return next((number for number in numbers if number is not None), None)
