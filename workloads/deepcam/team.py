"""The processes of a run: one a GPU, or so many on the CPUs, joined by torch.distributed. The first
is the worker's own.

On several nodes each node has as many. The first node's worker leads; on every other one `python -m
energybench_workloads.deepcam.follow` does as it says. The environment that torchrun or a batch
system's wrapper sets tells them apart: RANK and WORLD_SIZE count nodes (one launch a node),
MASTER_ADDR and MASTER_PORT say where they meet.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from energybench.errors import BadInput
from energybench.plugins import RegionFactory
from energybench_workloads.common import cpus, end_with_parent, on_cpus, shares
from energybench_workloads.deepcam.member import Member
from energybench_workloads.deepcam.spec import Order, Spec, Trained

if TYPE_CHECKING:
    import torch
    import torch.distributed as dist

JOIN_S = 600.0  # other nodes may be started later; a step's exchange must be through by then too
IDLE_S = 86_400.0  # how long a follower waits to be told something


class Place(NamedTuple):
    """Where this process's node stands among the nodes, and its devices, one a process."""

    devices: tuple[str, ...]
    nodes: int = 1
    node: int = 0
    address: str = "127.0.0.1"
    port: int = 0

    @property
    def world(self) -> int:
        return self.nodes * len(self.devices)


def find_place(device: torch.device, asked: int, environment: Mapping[str, str]) -> Place:
    """The node's processes; a GPU without a number stands for all of the node.

    Raises BadInput for more than there are, and for a launch that does not fit.
    """
    import torch

    names: tuple[str, ...]
    if device.type == "cuda" and device.index is None:
        have = torch.cuda.device_count()
        if asked > have:
            raise BadInput(f"--set ranks={asked}", f"torch sees {have} GPU(s)", f"1 to {have}")
        names = tuple(f"cuda:{i}" for i in range(asked or have))
    elif device.type == "cuda":
        if asked > 1:
            raise BadInput(f"--set ranks={asked}", f"{device} is one GPU", "--device node")
        names = (str(device),)
    else:
        names = ("cpu",) * (asked or 1)
    wanted = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
    if any(key not in environment for key in wanted) or environment["WORLD_SIZE"] == "1":
        return Place(names)
    if environment.get("LOCAL_WORLD_SIZE", "1") != "1":
        raise BadInput(
            "LOCAL_WORLD_SIZE",
            "is not 1: this workload starts a node's processes itself",
            "one launch a node, such as torchrun --nproc-per-node 1",
        )
    try:
        nodes, node, port = (
            int(environment["WORLD_SIZE"]),
            int(environment["RANK"]),
            int(environment.get("MASTER_PORT", "29500")),
        )
    except ValueError as error:
        raise BadInput("RANK, WORLD_SIZE, MASTER_PORT", str(error), "whole numbers") from None
    return Place(names, nodes, node, environment["MASTER_ADDR"], port)


class Team:
    """All processes, seen from the first.

    `close` ends the others; they end by themselves where this one does.
    """

    def __init__(self, spec: Spec, place: Place) -> None:
        import torch

        if place.node > 0:
            raise BadInput(
                "RANK",
                "is not 0: another node leads",
                "energybench measure -- python -m energybench_workloads.deepcam.follow here",
            )
        self._processes: list[Any] = []
        self._group: dist.ProcessGroup | None = None
        if place.world > 1:
            place = place if place.port else place._replace(port=_free_port())
            self._processes = start_others(place)
            self._group = join(place, 0)
            tell(self._group, spec)
        own = threads_each(place)
        try:
            self.first = Member(spec, 0, torch.device(place.devices[0]), own)
        except BaseException:
            self.close()
            raise

    def begin(self, path: str) -> None:
        self._tell("begin", path)
        self.first.begin(path)

    def train(self, order: Order, region: RegionFactory) -> Trained:
        self._tell("train", order)
        return self.first.train(order, region)

    def infer(self, steps: int, region: RegionFactory) -> tuple[float, float]:
        """All processes' batches: the run is over when the last one has its classes."""
        import torch.distributed as dist

        self._tell("infer", steps)
        took = self.first.infer(steps, region)
        if self._group is not None:
            dist.barrier(self._group)
        return took

    def evaluate(self) -> torch.Tensor:
        self._tell("evaluate", None)
        return self.first.evaluate()

    def _tell(self, what: str, value: object) -> None:
        if any(not process.is_alive() for process in self._processes):
            raise RuntimeError("another process of the run has ended; its last words are above")
        if self._group is not None:
            tell(self._group, (what, value))

    def close(self) -> None:
        import torch.distributed as dist

        if self._group is not None:
            with contextlib.suppress(RuntimeError):
                tell(self._group, None)
        for process in self._processes:
            process.join(10.0)
            if process.is_alive():
                process.kill()
        if self._group is not None and dist.is_initialized():
            dist.destroy_process_group()
        self._processes, self._group = [], None


def threads_each(place: Place) -> int:
    """The node's CPUs shared by its processes."""
    return len(cpus()) // len(place.devices) or 1


def start_others(place: Place) -> list[Any]:
    """The node's processes other than its first."""
    import torch.multiprocessing as mp

    context = mp.get_context("spawn")
    made = [
        context.Process(target=_other, args=(place, local, threads_each(place)), daemon=True)
        for local in range(1, len(place.devices))
    ]
    places = shares(len(place.devices))
    for local, process in enumerate(made, 1):
        with on_cpus(places[local] if places else cpus()):
            process.start()
    return made


def join(place: Place, local: int) -> dist.ProcessGroup:
    """Enter the process group; the group by which the first process tells the others what to do."""
    import torch
    import torch.distributed as dist
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    gpu = place.devices[local].startswith("cuda")
    if gpu:
        torch.cuda.set_device(place.devices[local])
    rank = place.node * len(place.devices) + local
    backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
    store = TCPStore(
        place.address,
        place.port,
        place.world,
        is_master=rank == 0,
        timeout=timedelta(seconds=JOIN_S),
    )
    dist.init_process_group(
        backend, store=store, rank=rank, world_size=place.world, timeout=timedelta(seconds=JOIN_S)
    )
    made: dist.ProcessGroup = dist.new_group(backend="gloo", timeout=timedelta(seconds=IDLE_S))
    return made


def tell(group: dist.ProcessGroup, what: object) -> Any:
    """The first process says `what`; the others hear it."""
    import torch.distributed as dist

    said = [what]
    dist.broadcast_object_list(said, src=0, group=group)
    return said[0]


def serve(place: Place, local: int, threads: int) -> None:
    """A process other than the first: does what the first one does, until it is told None or the
    first is gone. A failure is one line on stderr.
    """
    import torch
    import torch.distributed as dist

    rank = place.node * len(place.devices) + local
    try:
        group = join(place, local)
        spec = tell(group, None)
        member = Member(spec, rank, torch.device(place.devices[local]), threads)
        while (said := tell(group, None)) is not None:
            what, value = said
            if what == "evaluate":
                member.evaluate()
            else:
                getattr(member, what)(value)
            if what == "infer":
                dist.barrier(group)
        dist.destroy_process_group()
    except KeyboardInterrupt:
        pass
    except Exception as error:
        gone = "Connection" in str(error)  # gloo has no class of its own for it
        said = (
            "the process that leads has gone: its run was cut off"
            if gone
            else f"{type(error).__name__}: {error}"
        )
        print(f"deepcam process {rank} on {socket.gethostname()}: {said}", file=sys.stderr)  # noqa: T201
        os._exit(1)  # its group would wait for what cannot come


def _other(place: Place, local: int, threads: int) -> None:
    end_with_parent()
    serve(place, local, threads)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
