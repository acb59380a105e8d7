"""Which processes a run has: the node's number among the nodes, and the devices of this node.

On several nodes every node runs the same number of processes. The environment that torchrun or a
batch system's wrapper sets tells the nodes apart: RANK and WORLD_SIZE count nodes (one launch a
node), MASTER_ADDR and MASTER_PORT say where the processes meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from energybench.errors import BadInput
from energybench_workloads.common import cpus
from energybench_workloads.team import gpu_names

if TYPE_CHECKING:
    import torch


class Place(NamedTuple):
    """The number of this process's node among the nodes, and the node's devices, one a process."""

    devices: tuple[str, ...]
    nodes: int = 1
    node: int = 0
    address: str = "127.0.0.1"
    port: int = 0

    @property
    def world(self) -> int:
        return self.nodes * len(self.devices)

    def rank(self, local: int) -> int:
        """Number among all processes of process number `local` of this node."""
        return self.node * len(self.devices) + local


def find_place(device: torch.device, ranks: int, environment: Mapping[str, str]) -> Place:
    """The processes of this node. `ranks` is the setting of that name, 0 if not set.

    A GPU without a number stands for all GPUs of the node. Raises BadInput for more processes than
    GPUs, and for a launch that this workload cannot use.
    """
    names = gpu_names(device, ranks) if device.type == "cuda" else ("cpu",) * (ranks or 1)
    needed = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
    if any(key not in environment for key in needed) or environment["WORLD_SIZE"] == "1":
        return Place(names)
    if environment.get("LOCAL_WORLD_SIZE", "1") != "1":
        raise BadInput(
            "LOCAL_WORLD_SIZE",
            "is not 1, but this workload starts the processes of a node itself",
            "one launch a node, such as torchrun --nproc-per-node 1",
        )
    try:
        nodes = int(environment["WORLD_SIZE"])
        node = int(environment["RANK"])
        port = int(environment.get("MASTER_PORT", "29500"))
    except ValueError as error:
        raise BadInput("RANK, WORLD_SIZE, MASTER_PORT", str(error), "whole numbers") from None
    return Place(names, nodes, node, environment["MASTER_ADDR"], port)


def threads_each(place: Place) -> int:
    """CPUs of the node for each of its processes.

    Only the node's first process can tell: the others are bound to their part of the CPUs.
    """
    return len(cpus()) // len(place.devices) or 1
