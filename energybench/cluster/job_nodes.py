"""The nodes of a whole Slurm job, for a measurement on all nodes.

The variables of a process name the nodes, and any script may have changed these variables. The
names are used if their number is the number of the job's nodes. Otherwise the program asks Slurm's
controller. Without an answer, only the node of this process is read, and the other nodes are stated
as missing, never left out in silence.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from energybench.cluster.slurm_programs import NoAnswer, host_names, output
from energybench.errors import BadInput
from energybench.launch import node_name
from energybench.model import Doubt, Job
from energybench.node_names import expanded
from energybench.slurm_job import components, whole_number
from energybench.units import counted

_REMEDY = (
    "leave SLURM_JOB_NODELIST and SLURM_JOB_NUM_NODES as Slurm sets them, and see whether "
    "`scontrol show job $SLURM_JOB_ID` works in the job"
)


class JobNodes(NamedTuple):
    """Names of the nodes of each component of a job; an ordinary job has one component.

    here        name of the node of this process, possibly outside the job
    here_alone  whether only that node can be read, because some names are unknown
    """

    components: tuple[tuple[str, ...], ...]
    here: str
    here_alone: bool = False
    doubts: tuple[Doubt, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(itertools.chain.from_iterable(self.components))

    @property
    def groups(self) -> tuple[int, ...]:
        """Number of the component of each of the names; empty if only this node can be read."""
        if self.here_alone:
            return ()
        return tuple(number for number, component in enumerate(self.components) for _ in component)


def read_nodes(environment: Mapping[str, str]) -> JobNodes:
    """The nodes of the job. Raises BadInput if the nodes are unknown, and this node is not known to
    belong to the job.
    """
    stated, counts = _stated(environment), _counts(environment)
    here, is_started_by_slurm = node_name(environment), "SLURMD_NODENAME" in environment
    why = _contradiction(stated, counts, here if is_started_by_slurm else "")
    if not why:
        return JobNodes(stated, here)
    try:
        return JobNodes(_from_controller(environment, len(stated)), here)
    except NoAnswer as error:
        why = f"{why}, and {error}"
    if not is_started_by_slurm and here not in itertools.chain.from_iterable(stated):
        # the shell of salloc on a login node
        raise BadInput("--nodes job", f"the names of the job's nodes are not known: {why}", _REMEDY)
    return _without_names(stated, counts, here, why)


def with_nodes(own_job: Job, nodes: JobNodes) -> Job:
    """The job with its own nodes, despite the variables. A step keeps its own nodes."""
    if own_job.step is not None:
        return own_job
    listed = set(expanded(own_job.node_names or "")) == set(nodes.names)
    return msgspec.structs.replace(
        own_job,
        nodes=len(nodes.names),
        node_names=own_job.node_names if listed or nodes.here_alone else ",".join(nodes.names),
    )


# ---------------------------------------------------------------- the variables


def _variable(environment: Mapping[str, str], name: str, groups: int, group: int) -> str:
    return environment.get(name if groups == 1 else f"{name}_HET_GROUP_{group}", "")


def _stated(environment: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The nodes of each component, from the variables; empty for an invalid list."""
    groups = components(environment)
    lists = (_variable(environment, "SLURM_JOB_NODELIST", groups, i) for i in range(groups))
    return tuple(_names(short) for short in lists)


def _counts(environment: Mapping[str, str]) -> tuple[int | None, ...]:
    groups = components(environment)
    texts = (_variable(environment, "SLURM_JOB_NUM_NODES", groups, i) for i in range(groups))
    return tuple(whole_number(text) or None for text in texts)


def _names(short: str) -> tuple[str, ...]:
    """Names in Slurm's short form, without repetition; empty if the text is not a list of nodes."""
    if not short:
        return ()
    try:
        names = host_names(short)
    except NoAnswer:
        names = expanded(short)
    # of a broken list scontrol gives some text back: "cpu[1-"
    broken = any(set(name) & set("[],") for name in names)
    return () if broken else tuple(dict.fromkeys(names))


def _contradiction(
    stated: tuple[tuple[str, ...], ...], counts: tuple[int | None, ...], here: str
) -> str:
    """Reason why the names cannot be all nodes of the job; "" without a contradiction."""
    for names, count in zip(stated, counts, strict=True):
        if not names:
            return "the variables of this process do not name the job's nodes"
        if count is None:
            return "the variables of this process do not say how many nodes the job has"
        if len(names) != count:
            of_job = f"{len(names)} of {counted(count, 'node')}"
            return f"the variables of this process name {of_job} of the job"
    every = list(itertools.chain.from_iterable(stated))
    if len(set(every)) < len(every):
        return "the variables of this process name a node twice"
    if here and here not in every:
        return "the variables of this process do not name its own node"
    return ""


# ---------------------------------------------------------------- the controller


def _from_controller(environment: Mapping[str, str], groups: int) -> tuple[tuple[str, ...], ...]:
    """The nodes of each component, from the controller. Raises NoAnswer."""
    number = environment.get("SLURM_JOB_ID", "")
    if groups > 1:
        # the first component's number stands for the whole job
        number = environment.get("SLURM_JOB_ID_HET_GROUP_0") or number
    lists = node_lists_of(output(["scontrol", "show", "job", number]), number, groups)
    names = tuple(_names(short) for short in lists)
    if not all(names):
        raise NoAnswer(f"scontrol show job {number} does not name them either")
    return names


def node_lists_of(text: str, number: str, groups: int) -> list[str]:
    """The list of nodes of each component in the text of `scontrol show job`; "": not named.

    The text covers all tasks of an array if the number is also the number of the array, and all
    components of a heterogeneous job.
    """
    node_lists = [""] * groups
    group: int | None = None
    for line in text.splitlines():
        # the first of several equal words counts: a job's name may contain further words
        words = dict(word.split("=", 1) for word in reversed(line.split()) if "=" in word)
        if line.startswith("JobId="):
            group = 0 if words["JobId"] == number else None
            if groups > 1:
                own = words.get("HetJobId") == number
                group = whole_number(words.get("HetJobOffset", "")) if own else None
        elif line.strip().startswith("NodeList=") and group is not None and group < groups:
            node_lists[group] = node_lists[group] or words["NodeList"].replace("(null)", "")
    return node_lists


# ---------------------------------------------------------------- without names


def _without_names(
    stated: tuple[tuple[str, ...], ...], counts: tuple[int | None, ...], here: str, why: str
) -> JobNodes:
    """The node of this process, and a placeholder name for every other node of the job."""
    others = {*itertools.chain.from_iterable(stated)} - {here}
    numbers = [count for count in counts if count is not None]
    all_counted = len(numbers) == len(counts)
    total = sum(numbers) if all_counted else len(others) + 1
    named = [here, *sorted(others)][:total]
    unnamed = [f"unnamed{number}" for number in range(1, total - len(named) + 1)]
    doubt = Doubt(
        # if the number is known, each node without a reader has its own doubt
        code="sensor-note" if all_counted else "nodes-unread",
        message=f"the names of the job's nodes are not known: {why}; this node alone was read",
        remedy=_REMEDY,
    )
    return JobNodes(((*named, *unnamed),), here, here_alone=True, doubts=(doubt,))
