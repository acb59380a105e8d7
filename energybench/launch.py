"""How this process was launched: its job, the number of nodes, and its place among the ranks.

Source of the variables: Slurm (srun(1), "Output environment variables"), Open MPI (mpirun(1),
"Environment variables"), MPICH's Hydra (PMI), PyTorch (torchrun, "Environment variables"). Other
launchers: `rank_variables`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from energybench.rank_variables import place_of_rank, stated_totals
from energybench.slurm_job import components, node_lists, nodes_of_job, whole_number

if TYPE_CHECKING:  # the Python interface loads only this module, and no library
    from energybench.model import Job, Launcher


class LocalRanks(NamedTuple):
    """Processes of a job on this node.

    total  number of the processes on this node
    rank   number of this process among them, from 0
    job    distinguishes the launch from other launches on this node
    """

    total: int
    rank: int
    job: str


def local_ranks(environment: Mapping[str, str]) -> LocalRanks | None:
    """The ranks on this node; None: this process runs alone.

    torchrun comes first: torchrun may be a task of Slurm, and its processes are then the ranks.
    """
    for read in (_torchrun, _open_mpi, _hydra, _other, _slurm):
        ranks = read(environment)
        if ranks is not None and ranks.total > 1:
            return ranks
    return None


class Tasks(NamedTuple):
    """Numbers of processes of a launch: on all nodes, and on this node (None: unknown).

    more  whether there may be more processes than `total`
    """

    total: int
    here: int | None
    more: bool = False


def tasks(environment: Mapping[str, str]) -> Tasks | None:
    """The processes launched together with this process; None: launched alone, or by a launcher
    without variables.
    """
    total, here = _sizes(environment)
    if total is not None:
        return Tasks(total, here)
    place = place_of_rank(environment)
    if place is not None and place.rank > 0:
        return Tasks(place.rank + 1, here, more=True)
    return None


def _torchrun(environment: Mapping[str, str]) -> LocalRanks | None:
    if _names_another_launch(environment):
        return None
    place = [environment.get(name, "") for name in ("TORCHELASTIC_RUN_ID", "MASTER_PORT")]
    if _torch_sizes(environment) is not None and "LOCAL_WORLD_SIZE" not in environment:
        return LocalRanks(1, 0, "-".join(["torchrun", *place]))
    return _ranks(environment, "LOCAL_WORLD_SIZE", "LOCAL_RANK", "torchrun", *place)


def _open_mpi(environment: Mapping[str, str]) -> LocalRanks | None:
    job = environment.get("PMIX_NAMESPACE") or environment.get("OMPI_MCA_ess_base_jobid", "")
    size, rank = "OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"
    return _ranks(environment, size, rank, "openmpi", job)


def _hydra(environment: Mapping[str, str]) -> LocalRanks | None:
    job = environment.get("PMI_PORT") or environment.get("PMI_ID_MAP", "")
    return _ranks(environment, "MPI_LOCALNRANKS", "MPI_LOCALRANKID", "hydra", job)


def _other(environment: Mapping[str, str]) -> LocalRanks | None:
    """A launcher of `rank_variables`; a single rank if it states no number for this node."""
    place = place_of_rank(environment)
    if place is None:
        return None
    job = f"{place.launcher}-{place.identity}"
    if place.here is None or place.local is None:
        return LocalRanks(1, 0, job)
    return LocalRanks(place.here, place.local, job)


def _slurm(environment: Mapping[str, str]) -> LocalRanks | None:
    """A step of Slurm. SLURM_STEP_TASKS_PER_NODE is "4" or "2(x3),1", by node of the step."""
    if "SLURM_STEP_ID" not in environment:
        return None
    counts = environment.get("SLURM_STEP_TASKS_PER_NODE", "")
    node = whole_number(environment.get("SLURM_NODEID", "0")) or 0
    per_node = _expanded(counts)
    rank = whole_number(environment.get("SLURM_LOCALID", ""))
    if rank is None or node >= len(per_node):
        return None
    names = ("SLURM_JOB_ID", "SLURM_RESTART_COUNT", "SLURM_STEP_ID")
    job = "-".join(["slurm", *(environment.get(name, "0") for name in names)])
    return LocalRanks(per_node[node], rank, job)


# ---------------------------------------------------------------- the campaign

CASE = "ENERGYBENCH_CASE"  # set by the scripts of a campaign
_MOST_OF_A_CASE = 300  # characters


def campaign_case(environment: Mapping[str, str]) -> str | None:
    """The run of a campaign that is measured in this environment; None: not of a campaign.

    A text in a foreign form is passed over.
    """
    case = environment.get(CASE, "")
    return case if case.isprintable() and 0 < len(case) <= _MOST_OF_A_CASE else None


# ---------------------------------------------------------------- the job


def job(environment: Mapping[str, str]) -> Job | None:
    """The job or parallel launch of a process with this environment; None: neither.

    Inside a Slurm job the numbers of nodes are Slurm's, whoever started the ranks: mpirun and
    torchrun know only their own processes, and a program may start more processes.
    """
    from energybench.model import Job

    ranks, here = _sizes(environment)
    if environment.get("SLURM_JOB_ID"):
        return _slurm_job(environment, ranks, here)
    if (started := rank_launcher(environment)) is None:
        return None
    launcher, local = started
    nodes = whole_number(environment.get("GROUP_WORLD_SIZE", ""))
    if nodes is None and ranks is not None and here:
        nodes = -(-ranks // here)
    place = place_of_rank(environment)
    if place is not None and place.launcher == launcher:
        nodes = place.nodes
    return Job(
        launcher=launcher,
        id=local.job.removeprefix(f"{launcher}-").strip("-") or None,
        nodes=nodes,
        ranks=ranks,
        ranks_here=here,
    )


_LAUNCHERS: tuple[tuple[Callable[[Mapping[str, str]], LocalRanks | None], Launcher], ...] = (
    (_torchrun, "torchrun"),
    (_open_mpi, "openmpi"),
    (_hydra, "hydra"),
)  # and those of `rank_variables`


def rank_launcher(environment: Mapping[str, str]) -> tuple[Launcher, LocalRanks] | None:
    """The innermost launcher of this process, other than srun; None: no such launcher."""
    for read, launcher in _LAUNCHERS:
        if (ranks := read(environment)) is not None:
            return launcher, ranks
    place, ranks = place_of_rank(environment), _other(environment)
    return (place.launcher, ranks) if place is not None and ranks is not None else None


def by_srun(environment: Mapping[str, str]) -> bool:
    """Whether srun started this process, without another launcher inside the step."""
    return "SLURM_STEP_ID" in environment and rank_launcher(environment) is None


def node_name(environment: Mapping[str, str]) -> str:
    """The node's name as Slurm has it, else the host's name. Hydra gives its ranks the environment
    of the head node (mpiexec.hydra -genvall, the default), with the head node's name.
    """
    own = environment.get("SLURMD_NODENAME") if _hydra(environment) is None else None
    return own or platform.node()


def has_torch_variables(environment: Mapping[str, str]) -> bool:
    """Whether variables of torch.distributed state the size of a launch."""
    numbers = [whole_number(environment.get(name, "")) for name in ("RANK", "WORLD_SIZE")]
    rank, total = numbers
    if total is None:
        return False
    if "LOCAL_WORLD_SIZE" in environment:
        return whole_number(environment["LOCAL_WORLD_SIZE"]) is not None
    # without an address (a meeting by a file) the numbers have to fit together
    fits = rank is not None and total > 1 and rank < total
    return bool(environment.get("RANK") and environment.get("MASTER_ADDR")) or fits


def _torch_sizes(environment: Mapping[str, str]) -> tuple[int, int | None] | None:
    """Processes of torch.distributed on all nodes and on this node (None: not known); None: not its
    variables, or those of another launch.

    A script that sets RANK, WORLD_SIZE and MASTER_ADDR by hand, and neither LOCAL_RANK nor
    LOCAL_WORLD_SIZE, starts one process a node, or one in each task of its step.
    """
    if not has_torch_variables(environment) or _names_another_launch(environment):
        return None
    here = whole_number(environment.get("LOCAL_WORLD_SIZE", ""))
    if here is None and "LOCAL_RANK" not in environment:
        step = _slurm(environment)
        if step is not None:
            here = step.total
        elif environment.get("MASTER_ADDR"):
            here = 1
    return whole_number(environment["WORLD_SIZE"]) or 0, here


def _names_another_launch(environment: Mapping[str, str]) -> bool:
    """Whether the variables of torch.distributed were set by hand for the ranks that srun or mpirun
    started, from the numbers that srun or mpirun gave them. torchrun itself names its run.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        return False
    names = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]
    if "SLURM_STEP_ID" in environment:
        names.append("SLURM_STEP_NUM_TASKS")
    totals = {whole_number(environment.get(name, "")) for name in names} - {None}
    return whole_number(environment.get("WORLD_SIZE", "")) in totals | stated_totals(environment)


def _sizes(environment: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Processes of the launch on all nodes and on this node, by the innermost launcher."""
    if (sizes := _torch_sizes(environment)) is not None:
        return sizes
    pairs = (
        ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
        ("PMI_SIZE", "MPI_LOCALNRANKS"),
    )
    for names in pairs:
        everywhere, here = (whole_number(environment.get(name, "")) for name in names)
        if everywhere is not None and here is not None:
            return everywhere, here
    if (place := place_of_rank(environment)) is not None:
        return place.total, place.here
    if "SLURM_STEP_ID" not in environment:
        return None, None
    local = _slurm(environment)
    everywhere = whole_number(environment.get("SLURM_STEP_NUM_TASKS", ""))
    return everywhere, local.total if local is not None else None


def _slurm_job(environment: Mapping[str, str], ranks: int | None, here: int | None) -> Job:
    from energybench.model import Job

    def text(name: str) -> str | None:
        return environment.get(name) or None

    def number(name: str) -> int | None:
        return whole_number(environment.get(name, ""))

    identity = text("SLURM_JOB_ID")
    if text("SLURM_ARRAY_JOB_ID"):
        # the last task of an array has the array's own number as SLURM_JOB_ID
        identity = f"{text('SLURM_ARRAY_JOB_ID')}_{environment.get('SLURM_ARRAY_TASK_ID', '?')}"
    step = text("SLURM_STEP_ID")
    names = ",".join(node_lists(environment)) or None
    if step is not None:
        nodes, names = number("SLURM_STEP_NUM_NODES"), text("SLURM_STEP_NODELIST")
        if rank_launcher(environment) is not None and ranks and here:
            # mpirun's own step holds the nodes except the head node, one task a node
            least, most = -(-ranks // here), nodes_of_job(environment) or 1
            if nodes is not None and nodes < min(least, most):
                nodes, names = min(least, most), None
    else:
        nodes = nodes_of_job(environment)
    return Job(
        launcher="slurm",
        cluster=text("SLURM_CLUSTER_NAME"),
        id=identity,
        restart=number("SLURM_RESTART_COUNT") or 0,
        het_groups=components(environment),
        step=step,
        nodes=nodes,
        node_names=names,
        ranks=ranks,
        ranks_here=here,
        cpus_here=number("SLURM_CPUS_ON_NODE"),
    )


def _expanded(counts: str) -> list[int]:
    """[2, 2, 2, 1] for "2(x3),1"; empty if the text has another form."""
    numbers: list[int] = []
    for entry in counts.split(","):
        count, _, times = entry.partition("(x")
        number, repeated = whole_number(count), whole_number(times.rstrip(")") or "1")
        if number is None or repeated is None or repeated > 100_000:
            return []
        numbers += [number] * repeated
    return numbers


def _ranks(environment: Mapping[str, str], size: str, rank: str, *job: str) -> LocalRanks | None:
    count, number = whole_number(environment.get(size, "")), whole_number(environment.get(rank, ""))
    if count is None or number is None:
        return None
    return LocalRanks(count, number, "-".join(job))
