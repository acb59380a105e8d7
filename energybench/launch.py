"""How this process was launched: its job, the number of nodes, and its place among the ranks.

Source of the variables: Slurm (srun(1), "Output environment variables"), Open MPI (mpirun(1),
"Environment variables"), MPICH's Hydra (PMI), PyTorch (torchrun, "Environment variables").
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

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
    for read in (_torchrun, _open_mpi, _hydra, _slurm):
        ranks = read(environment)
        if ranks is not None and ranks.total > 1:
            return ranks
    return None


class Tasks(NamedTuple):
    """Numbers of processes of a launch: on all nodes, and on this node (None: unknown)."""

    total: int
    here: int | None


def tasks(environment: Mapping[str, str]) -> Tasks | None:
    """The processes launched together with this process; None: launched alone, or by a launcher
    without variables.
    """
    total, here = _sizes(environment)
    return Tasks(total, here) if total is not None else None


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
    return Job(
        launcher=launcher,
        id=local.job.removeprefix(f"{launcher}-") or None,
        nodes=nodes,
        ranks=ranks,
        ranks_here=here,
    )


_LAUNCHERS: tuple[tuple[Callable[[Mapping[str, str]], LocalRanks | None], Launcher], ...] = (
    (_torchrun, "torchrun"),
    (_open_mpi, "openmpi"),
    (_hydra, "hydra"),
)


def rank_launcher(environment: Mapping[str, str]) -> tuple[Launcher, LocalRanks] | None:
    """The innermost launcher of this process, other than srun; None: no such launcher."""
    for read, launcher in _LAUNCHERS:
        if (ranks := read(environment)) is not None:
            return launcher, ranks
    return None


# ---------------------------------------------------------------- one task a node

# Below the ports that Linux hands out to connections (32768 and up, ip-sysctl), above the ports of
# common services.
_FIRST_PORT, _PORTS = 20_000, 12_000


class MeetingPlace(NamedTuple):
    """Meeting place of the tasks of a launch with one task a node, and the number of this process.

    nodes    number of the nodes
    node     number of this node; node 0 leads
    address  name or address of node 0
    port     port of node 0, or the first of its possible ports
    key      distinguishes the launch from other launches
    """

    nodes: int
    node: int
    address: str
    port: int
    key: str


def meeting_place(environment: Mapping[str, str]) -> MeetingPlace | None:
    """Where the tasks of this launch meet; None: a single task, several tasks on a node, or a
    launcher (mpirun) that does not name the node of its first task.

    torchrun comes first: its agents may be tasks of Slurm.
    """
    count = tasks(environment)
    if count is None or count.total < 2 or not _one_task_a_node(count, environment):
        return None
    if _has_torch_variables(environment) and environment.get("MASTER_ADDR"):
        number = whole_number(environment.get("RANK", ""))
        names = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
        key = "-".join(["torchrun", *(environment.get(name, "") for name in names)])
        address = environment["MASTER_ADDR"]
    elif by_srun(environment) and (own := job(environment)) is not None:
        number, key = whole_number(environment.get("SLURM_PROCID", "")), own.key
        address = first_host(own.node_names or "")
    else:
        return None
    if number is None or number >= count.total or not address:
        return None
    import hashlib  # late: OpenSSL is slow to load, and most callers have no job

    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    port = _FIRST_PORT + int.from_bytes(digest) % _PORTS
    return MeetingPlace(count.total, number, address, port, key)


def by_srun(environment: Mapping[str, str]) -> bool:
    """Whether srun started this process, without another launcher inside the step."""
    return "SLURM_STEP_ID" in environment and rank_launcher(environment) is None


def node_name(environment: Mapping[str, str]) -> str:
    """The node's name as Slurm has it, else the host's name. Hydra gives its ranks the environment
    of the head node (mpiexec.hydra -genvall, the default), with the head node's name.
    """
    own = environment.get("SLURMD_NODENAME") if _hydra(environment) is None else None
    return own or platform.node()


def first_host(names: str) -> str:
    """'nid001' for 'nid[001-004,007],gpu1': the first name of a list in Slurm's short form."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", names)
    return re.sub(r"\[(\d+)[^\]]*\]", r"\1", first[0] if first is not None else "")


def _has_torch_variables(environment: Mapping[str, str]) -> bool:
    """Whether variables of torch.distributed state the size of a launch."""
    by_hand = environment.get("RANK") and environment.get("MASTER_ADDR")
    here = whole_number(environment.get("LOCAL_WORLD_SIZE", "1" if by_hand else ""))
    return whole_number(environment.get("WORLD_SIZE", "")) is not None and here is not None


def _torch_sizes(environment: Mapping[str, str]) -> tuple[int, int | None] | None:
    """Processes of torch.distributed on all nodes and on this node (None: not known); None: not its
    variables, or those of another launch.

    A script that sets RANK, WORLD_SIZE and MASTER_ADDR by hand, and neither LOCAL_RANK nor
    LOCAL_WORLD_SIZE, starts one process a node, or one in each task of its step.
    """
    if not _has_torch_variables(environment) or _names_another_launch(environment):
        return None
    here = whole_number(environment.get("LOCAL_WORLD_SIZE", ""))
    if here is None and "LOCAL_RANK" not in environment:
        step = _slurm(environment)
        here = step.total if step is not None else 1
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
    return whole_number(environment.get("WORLD_SIZE", "")) in totals


def _one_task_a_node(count: Tasks, environment: Mapping[str, str]) -> bool:
    """Whether a launch has one task a node. Where nobody states how many it has, its first task on
    a node stands for the node.
    """
    return count.here == 1 or (count.here is None and environment.get("LOCAL_RANK") == "0")


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
