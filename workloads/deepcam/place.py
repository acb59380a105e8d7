"""The processes of a run: the number of this node among the nodes, and the devices of this node.

On several nodes every node runs an equal number of processes. `energybench run` sets the
environment, from that of srun or torchrun: RANK and WORLD_SIZE count nodes (one launch a node),
MASTER_ADDR and MASTER_PORT say where the processes meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from energybench_workloads.common import cpus
from energybench_workloads.team import find_nodes, gpu_names

if TYPE_CHECKING:
    import torch


class Place(NamedTuple):
    """The number of this node among the nodes, and the device of every process of this node."""

    devices: tuple[str, ...]
    nodes: int = 1
    node: int = 0
    address: str = "127.0.0.1"
    port: int = 0

    @property
    def world(self) -> int:
        return self.nodes * len(self.devices)

    def rank(self, local: int) -> int:
        """Number, in the process group, of process number `local` of this node."""
        return self.node * len(self.devices) + local


def find_place(device: torch.device, ranks: int, environment: Mapping[str, str]) -> Place:
    """The processes of this node. `ranks`: the setting `ranks`, 0 if not set.

    A GPU without a number stands for every GPU of the node. Raises BadInput for more processes than
    GPUs, and for a launch of several processes on a node.
    """
    names = gpu_names(device, ranks) if device.type == "cuda" else ("cpu",) * (ranks or 1)
    nodes = find_nodes(environment)
    return Place(names, nodes.total, nodes.node, nodes.address, nodes.port)


def threads_each(place: Place) -> int:
    """CPUs of the node for a process of the node.

    Only for the first process of the node: the others are bound to a part of the CPUs.
    """
    return len(cpus()) // len(place.devices) or 1
