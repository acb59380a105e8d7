"""The processes of a run, on one node or on several: a process for every GPU, or `ranks` processes
on the CPUs.

The worker's process on the first node leads: the other processes of all nodes carry out its
commands. On every further node the worker makes the same calls, and each call carries out the
command given by the leading process at that point.
"""

from __future__ import annotations

import os
import socket
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from energybench.plugins import RegionFactory
from energybench_workloads.common import shares
from energybench_workloads.deepcam.member import Member
from energybench_workloads.deepcam.place import Place, threads_each
from energybench_workloads.deepcam.spec import Order, Spec, Trained
from energybench_workloads.team import (
    JOIN_S,
    Command,
    carry_out,
    describe,
    join_group,
    start_processes,
    tcp_store,
)
from energybench_workloads.team import Team as ProcessTeam

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    import torch
    import torch.distributed as dist

IDLE_S = 86_400.0  # a follower waits for a command up to this time


class TrainingTeam(ProcessTeam):
    """The members of a run on all nodes. Commands travel by broadcast.

    Members do not answer: results reach the first member by collective operations.
    """

    def __init__(self, spec: Spec, place: Place) -> None:
        import torch

        super().__init__()
        self._leads = place.node == 0
        self._group: dist.ProcessGroup | None = None
        try:
            if place.world > 1:
                self._start(spec, place)
            self.first = Member(
                spec, place.rank(0), torch.device(place.devices[0]), threads_each(place)
            )
        except BaseException:
            self.close()
            raise

    def _start(self, spec: Spec, place: Place) -> None:
        if not place.port:
            place = place._replace(port=_free_port())
        self._processes = start_others(place)
        self._group = join(place, 0)
        self._joined = True
        broadcast(self._group, spec)

    def begin(self, path: str) -> None:
        """Let runs begin from a checkpoint."""
        (path,) = self._told("begin", path)
        self.first.begin(path)

    def train(self, order: Order, region: RegionFactory) -> Trained:
        (order,) = self._told("train", order)
        return self.first.train(order, region)

    def infer(self, steps: int, region: RegionFactory) -> tuple[float, float]:
        """`steps` batches in each process. The run ends when the last process has its classes."""
        import torch.distributed as dist

        (steps,) = self._told("infer", steps)
        seconds = self.first.infer(steps, region)
        if self._group is not None:
            dist.barrier(self._group)
        return seconds

    def evaluate(self) -> torch.Tensor:
        """The confusion matrix of the held-out samples."""
        self._told("evaluate")
        return self.first.evaluate()

    def agreed(self, value: int) -> int:
        """The value of the leading process, on every node."""
        (value,) = self._told("agree", value)
        return value

    def meet(self) -> None:
        """Return once every process has met."""
        if self._group is not None:
            self._told("meet")
            self.first.meet()

    def _told(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """Give a command, or receive the command if another node leads. Returns the arguments of
        the command.
        """
        if self._leads:
            self.command(name, *arguments)
            return arguments
        assert self._group is not None  # a node that does not lead belongs to a group
        received: Command | None = broadcast(self._group, None)
        if received is None or received[0] != name:
            state = "has ended the run" if received is None else f"is at {received[0]!r}"
            raise RuntimeError(f"the first node {state}, and this node at {name!r}")
        return received[1]

    def _send(self, command: Command | None) -> None:
        if self._group is not None:
            broadcast(self._group, command)

    def close(self) -> None:
        super().close()
        self._group = None


def start_others(place: Place) -> list[BaseProcess]:
    """Start the processes of this node except the first."""
    count, threads = len(place.devices), threads_each(place)
    return start_processes(
        serve, [(place, local, threads) for local in range(1, count)], shares(count)[1:]
    )


def join(place: Place, local: int) -> dist.ProcessGroup:
    """Enter the process group. Returns the group through which the first process sends commands."""
    import torch
    import torch.distributed as dist

    rank = place.rank(local)
    store = tcp_store(place.address, place.port, place.world, rank)
    device = torch.device(place.devices[local])
    join_group(store, device, rank, place.world, "cpu:gloo,cuda:nccl", JOIN_S)
    group: dist.ProcessGroup = dist.new_group(backend="gloo", timeout=timedelta(seconds=IDLE_S))
    return group


def broadcast(group: dist.ProcessGroup, message: object) -> Any:
    """Returns the message of the first process in every process. The others pass None."""
    import torch.distributed as dist

    messages = [message]
    dist.broadcast_object_list(messages, src=0, group=group)
    return messages[0]


class _Broadcasts:
    """The broadcasts, seen from a process other than the first."""

    def __init__(self, group: dist.ProcessGroup) -> None:
        self._group = group

    def receive(self) -> Command | None:
        command: Command | None = broadcast(self._group, None)
        return command

    def done(self, name: str) -> None:
        import torch.distributed as dist

        if name == "infer":  # the only command without a collective operation at the end
            dist.barrier(self._group)


def serve(place: Place, local: int, threads: int) -> None:
    """A process other than the first. An error is one line on stderr."""
    import torch
    import torch.distributed as dist

    rank = place.rank(local)
    try:
        group = join(place, local)
        spec = broadcast(group, None)
        device = torch.device(place.devices[local])
        carry_out(_Broadcasts(group), Member(spec, rank, device, threads))
        dist.destroy_process_group()
    except KeyboardInterrupt:
        pass
    except Exception as error:
        reason = describe(error)
        if "Connection" in str(error):  # gloo has no error class for a lost connection
            reason = "the leading process has ended: its run was cut off"
        print(f"deepcam process {rank} on {socket.gethostname()}: {reason}", file=sys.stderr)  # noqa: T201
        os._exit(1)  # leaving the group in order would wait for the missing process


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
