"""Where the tasks of a launch with one task on each node meet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from energybench.launch import Tasks, by_srun, has_torch_variables, job, tasks
from energybench.slurm_job import whole_number

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
    if has_torch_variables(environment) and environment.get("MASTER_ADDR"):
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


def first_host(names: str) -> str:
    """'nid001' for 'nid[001-004,007],gpu1': the first name of a list in Slurm's short form."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", names)
    return re.sub(r"\[(\d+)[^\]]*\]", r"\1", first[0] if first is not None else "")


def _one_task_a_node(count: Tasks, environment: Mapping[str, str]) -> bool:
    """Whether a launch has one task a node. Where nobody states how many it has, its first task on
    a node stands for the node.
    """
    return count.here == 1 or (count.here is None and environment.get("LOCAL_RANK") == "0")
